"""What papers report: every file has the schema, names what exists, and holds the numbers that the papers print."""

import json
import re
from collections import Counter
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from erclab import models, published
from erclab.core import metrics
from erclab.core.errors import UsageError
from erclab.core.settings import setting_types
from erclab.corpora.simulated.world import SCHEMES
from erclab.published import printed
from erclab.training.loop import PROTOCOLS
from erclab.training.recipes import VARIANTS, Recipe

EXHIBITS = {"dialoguetrm": "D", "hct-mg": "H", "m2fnet": "M", "sdt": "S", "lmr-cbt": "L"}
CORPORA = {"iemocap", "meld", "mosi", "mosei", "avec"}
# Every cell of the papers' tables, parsed from their plain text and not from our files: paper -> table ->
# "corpus|setting|row" -> column -> printed string. Numbers are facts; names of columns are those of the parser.
FACTS = json.loads((Path(__file__).parent / "published_cells.json").read_text(encoding="utf-8"))


def known_metrics():
    """The names that `erclab.core.metrics` gives, by scoring something."""
    four, values = np.eye(4), np.linspace(-1, 1, 8).reshape(2, 4)
    logits = np.tile([0.1, 0.2], (4, 4))
    return (set(metrics.scores("emotion", np.array([0, 1]), np.eye(2)))
            | set(metrics.scores("emotion4", four, logits))
            | set(metrics.scores("sentiment", values[:, :1], values[:, :1]))
            | set(metrics.scores("dimensional", values, values)))


def raw(paper):
    return json.loads(resources.files(published).joinpath("papers", f"{paper}.json").read_text(encoding="utf-8"))


every_paper = pytest.mark.parametrize("paper", published.papers())


def test_the_papers_and_the_baselines_that_they_compare_with_have_a_file():
    assert set(published.papers()) == {"bc-lstm", "dialoguernn", "dialoguetrm", "hct-mg", "lmf-mult", "lmr-cbt",
                                       "m2fnet", "mult", "sdt"}
    with pytest.raises(UsageError, match="Did you mean 'sdt'"):
        published.scores("sdtt")


# The column of the facts -> the printed header, where they differ.
HEADERS = {
    ("dialoguetrm", "Table 4"): {
        "text-only F1": "Text-only", "multimodal F1": "Multi-modal", "uplift": "Multi-modal ↑"},
    ("hct-mg", "Table 2"): {"F1": "F1-score"},
    ("hct-mg", "Table 3"): {"truth": "Ground truth", "ours": "Ours"},
    ("hct-mg", "Table 5"): {"$S_A$": "S_A", "$S_V$": "S_V"},
    ("m2fnet", "Table 3"): {"precision": "Precision", "recall": "Recall", "f1": "F1-Score", "support": "Support"},
    ("m2fnet", "Table 4"): {"weighted F1": "Weighted Avg. F1", "macro F1": "Macro Avg. F1"},
    ("m2fnet", "Table 5"): {"weighted F1": "Weighted Avg. F1", "macro F1": "Macro Avg. F1"},
    ("lmr-cbt", "Table 2"): {"#Params": "#Params(M)"}}
CASE_STUDY = {"yeah alone": ("text alone, no context", "accuracy"), "yeah context": ("text in context", "accuracy"),
              "yeah multimodal": ("all modalities", "accuracy"), "neutral share": ("mended", "neutral ratio"),
              "frustrated share": ("mended", "frustrated ratio"),
              "neutral from negative": ("mended", "neutral rectified from negative emotions"),
              "frustrated from negative": ("mended", "frustrated rectified from negative emotions")}
# Cells that the facts lack: sizes of corpora and gains in running text, and M2FNet's column of modalities.
EXTRAS = {("hct-mg", "Sec. 5.1", "samples"): 3, ("m2fnet", "Table 4", "Modalities"): 6,
          ("dialoguetrm", "main results", "ACC"): 2, ("dialoguetrm", "main results", "F1"): 2,
          ("dialoguetrm", "main results", "Valence"): 1, ("dialoguetrm", "main results", "Expectancy"): 1,
          ("dialoguetrm", "main results", "Power"): 1}


def as_kept(paper, table, row, column, text):
    """A cell of the facts in our terms: paper, table, corpus, part of the table, model, marks, header, text; and the
    size behind the model's name."""
    corpus, part, label = row.split("|")
    size = re.search(r"\(([\d.]+)M\)", label)
    model = re.sub(r"\s*\([\d.]+M\)|[*†‡]|\s*\([oO]urs\)", "", label)
    header = HEADERS.get((paper, table), {}).get(column, column)
    if "." in header and paper != "m2fnet":
        emotion, _, kind = header.rpartition(".")
        header = {"avg": f"{corpus.upper()} Average {kind}", "R": emotion.capitalize()}.get(
            "R" if kind == "R" else emotion, f"{emotion if paper == 'dialoguetrm' else emotion.capitalize()} {kind}")
    if paper == "lmr-cbt" and table != "Table 1" and not header.endswith("(M)"):
        header += "(%)"
    match paper, table:
        case "dialoguetrm", "case study":
            model, (part, header) = "DialogueTRM", CASE_STUDY[label]
        case "dialoguetrm", "Table 4":
            model = model.replace("(three rows share)", "DialogueTRM")
        case "hct-mg", "Table 3":
            part, model = f"example {label[1:]}", {"Ours": "HCT-MG", "MulT": "MulT"}.get(header, "")
        case "hct-mg", "Table 5":
            corpus, model = label.removeprefix("CMU-").lower(), ""
        case "hct-mg", "Table 6":
            model, header = "", f"{label} {header}"
        case "hct-mg", "Table 7":
            corpus, model, header = corpus.removeprefix("CMU-").lower(), "", header.capitalize()
        case "hct-mg", "Table 8":
            corpus, model, header = column.removeprefix("CMU-").lower(), "", label
        case "m2fnet", "Table 3":
            model, header = "M2FNet", f"{label} {header}"
        case "lmr-cbt", "Table 1":
            model, header = "", label
        case "lmr-cbt", "Table 2":
            part = ""
    marks = "".join(m for m in "*†‡" if m in label + text)
    return (paper, table, corpus, part, model, marks, header, text), size and size[1]


def test_every_printed_cell_is_kept_and_none_is_invented():
    """All 845 cells of the facts and the 26 sizes behind names of models, each with its place and printed string."""
    cells = [(p, t, r, c, v) for p, tables in FACTS.items() for t, rows in tables.items() for r, found in rows.items()
             for c, v in found.items()]
    assert len(cells) == 845
    theirs, sizes = Counter(), set()
    for cell in cells:
        kept, size = as_kept(*cell)
        theirs[kept] += 1
        if size:
            sizes.add((*kept[:6], "(M)", size))
    assert len(sizes) == 26
    ours, extras = Counter(), Counter()
    for c in published.cells().itertuples():
        if (c.paper, c.table, c.printed) in EXTRAS:
            extras[c.paper, c.table, c.printed] += 1
            continue
        parted = c.exhibit in ("L3", "L4", "L5", "H5", "D7")  # elsewhere the setting is our reading
        part = {"mended by all modalities": "mended"}.get(c.setting, c.setting) if parted else ""
        ours[c.paper, c.table, c.corpus, part.removesuffix(", with CTC"), c.model, c.marks, c.printed, c.text] += 1
    theirs.update(sizes)
    assert not theirs - ours, "cells that are not kept"
    assert not ours - theirs, "cells that no paper prints"
    assert extras == EXTRAS


def test_a_value_is_the_printed_number_in_our_unit():
    """M2FNet prints shares, which are percent here; every other number is as printed."""
    for c in published.cells().itertuples():
        share = c.paper == "m2fnet" and not c.printed.endswith("Support")
        try:
            printed_number = float(c.text.strip("*").replace(",", ""))
        except ValueError:
            assert np.isnan(c.value) and c.text in ("-", "—", "1/1/1", "3/3", "3/1", "3/5", "Adam", "T+A", "T+A+V")
        else:
            assert c.value == pytest.approx(printed_number * (100 if share else 1), abs=1e-9)
            assert repr(c.value) == repr(round(c.value, 6))  # 57.0, not 56.99999999999999


def test_cells_have_the_columns_that_others_build_on():
    table = published.cells("lmr-cbt")
    assert table.columns.tolist() == ["paper", "exhibit", "table", "corpus", "setting", "model", "name", "printed",
                                      "metric", "value", "text", "marks", "bold", "source"]
    assert set(table["paper"]) == {"lmr-cbt"} and table["value"].dtype == float and not table.drop(
        columns=["value", "bold"]).isna().any().any()
    pmr = table.query("model == 'PMR' and corpus == 'mosi' and setting == 'unaligned'")
    row, = pmr.query("metric == 'acc7'").itertuples()
    assert (row.name, row.printed, row.value, row.text, row.marks) == ("", "Acc7(%)", 40.6, "40.6", "†")
    assert published.cells("bc-lstm").empty and published.cells("bc-lstm").columns.equals(table.columns)
    with pytest.raises(UsageError, match="unknown published results of 'lmr'"):
        published.cells("lmr")


def test_bold_is_known_where_the_text_shows_it_only():
    """Of the papers' plain texts one marks bold cells: HCT-MG's."""
    table = published.cells()
    known = table["bold"].notna()
    assert set(table.loc[known, "paper"]) == {"hct-mg"} == set(published.tables().query("bold")["paper"])
    assert table.loc[~known & (table["paper"] == "hct-mg"), "metric"].unique().tolist() == ["million_parameters"]
    bold = table[table["bold"].fillna(False).astype(bool)]
    counts = bold.groupby(["table", "corpus"]).size().to_dict()
    assert counts == {("Table 2", "mosi"): 5, ("Table 2", "mosei"): 5, ("Table 2", "iemocap"): 16,
                      ("Table 4", "mosi"): 5, ("Table 4", "mosei"): 5, ("Table 4", "iemocap"): 10}
    assert bold.query("table == 'Table 2' and corpus == 'mosei' and metric == 'acc2_non0'")["model"].tolist() == ["LMF"]


def test_marks_have_a_meaning_and_settings_of_captions_are_kept():
    table = published.tables()
    meaning = {(r.paper, r.table, r.mark): r.meaning for r in table.itertuples()}
    for cell in published.cells().itertuples():
        assert all(meaning[cell.paper, cell.table, mark] for mark in cell.marks)
    assert "succeeding" in meaning["dialoguetrm", "Table 2", "*"]
    assert "context" in meaning["dialoguetrm", "Table 4", "†"]
    assert "reproduced" in meaning["hct-mg", "Table 2", "*"] and "Lv et al." in meaning["lmr-cbt", "Table 3", "†"]
    assert (table["about"] != "").all()
    assert set(published.cells("dialoguetrm").query("table == 'Table 2' and marks == '*'")["model"]) == {
        "DialogueRNN", "DialogueGCN", "BiERU"}


def test_a_reading_stands_beside_the_header_and_has_its_evidence():
    table = published.readings()
    assert (table["evidence"].str.len() > 5).all() and table["metric"].str.len().gt(0).all()
    read = {(r.paper, r.printed, r.metric) for r in table.itertuples()}
    assert {("hct-mg", "Acc-7", "acc7"), ("hct-mg", "Acc-2", "acc2_non0"), ("hct-mg", "F1-score", "f1_non0"),
            ("hct-mg", "F1", "f1_non0"), ("hct-mg", "Corr", "correlation"), ("hct-mg", "MAE", "mae"),
            ("hct-mg", "Sad Acc", "sad.accuracy"), ("hct-mg", "Sad F1", "sad.weighted_f1"),
            ("dialoguetrm", "sad ACC", "sad.recall"), ("dialoguetrm", "sad F1", "sad.f1"),
            ("dialoguetrm", "MELD Average ACC", "accuracy"), ("dialoguetrm", "MELD Average F1", "weighted_f1"),
            ("dialoguetrm", "Power", "power.correlation"), ("m2fnet", "Fear Recall", "fear.recall"),
            ("m2fnet", "Accuracy F1-Score", "accuracy"), ("m2fnet", "Macro Avg. F1", "macro_f1"),
            ("lmr-cbt", "Sad F1(%)", "sad.weighted_f1"), ("lmr-cbt", "F1(%)", "f1_non0")} <= read
    binary = published.cells("lmr-cbt").query("printed == 'Acc2(%)'")
    assert set(binary.query("name == 'lmr-cbt'")["metric"]) == {"mult_a2"}  # the authors' code counts zeros
    assert set(binary.query("name != 'lmr-cbt'")["metric"]) == {"acc2_non0"}
    uncertain = table[table["evidence"].str.contains("Not certain")]
    assert set(uncertain["metric"]) == {"acc2_non0", "f1_non0"} and set(uncertain["paper"]) == {"hct-mg", "lmr-cbt"}


def test_the_per_class_columns_give_the_printed_averages():
    """The evidence for `recall`: the supports of IEMOCAP's test split give the accuracy of four models and
    the F1 of five."""
    supports = {"happy": 144, "sad": 245, "neutral": 384, "angry": 170, "excited": 299, "frustrated": 381}
    table = published.cells("dialoguetrm").query("exhibit == 'D2' and corpus == 'iemocap' and table == 'Table 2'")
    for average, kind in (("accuracy", "recall"), ("weighted_f1", "f1")):
        near = set()
        for model, rows in table.groupby("model"):
            value = dict(zip(rows["metric"], rows["value"], strict=True))
            made = sum(n * value[f"{e}.{kind}"] for e, n in supports.items()) / 1623
            near |= {model} if abs(made - value[average]) < 0.05 else set()
        assert near == {"scLSTM", "DialogueRNN", "AGHMN", "DialogueTRM", *(["BiERU"] if kind == "f1" else [])}


def test_the_evidence_of_dialoguetrms_other_columns_adds_up():
    """Uplifts, gains over the best earlier row, and shares of 23 utterances follow from the numbers beside them."""
    table = published.cells("dialoguetrm")
    fusion = table[table["table"] == "Table 4"]
    alone = {"dialogueRNN": 62.7}
    for model, rows in fusion[fusion["printed"] != "Text-only"].groupby("model"):
        value = dict(zip(rows["metric"], rows["value"], strict=True))
        assert value["weighted_f1"] - alone.get(model, 67.67) == pytest.approx(value["weighted_f1.uplift"])
    for gain in table.query("table == 'main results'").itertuples():
        metric = gain.metric.removesuffix(".gain")
        rows = table[(table["exhibit"] == gain.exhibit) & (table["corpus"] == gain.corpus)]
        value = rows[rows["metric"] == metric].set_index("model")["value"]
        best = value.drop("DialogueTRM").max()
        assert gain.value == pytest.approx(100 * (value["DialogueTRM"] - best) / best, abs=0.051)
    yeah = table.query("exhibit == 'D7' and metric == 'accuracy'")["value"]
    assert yeah.tolist() == [round(100 * n / 23, 2) for n in (10, 15, 17)]


@every_paper
def test_a_file_has_the_schema(paper):
    data = raw(paper)
    assert list(data) == ["paper", "unit", "protocol", "legend", "bold", "evidence", "tables", "parameters",
                          "size_notes", "left_out"]
    assert data["unit"] == "percent" and paper in models.MODELS
    assert all(data[key].strip() for key in ("paper", "protocol", "legend"))
    assert re.search(r"(19|20)\d\d", data["paper"])[0] in models.info(paper).paper
    for row in data["parameters"]:
        assert set(row) == {"exhibit", "corpus", "model", "variant", "value", "unit", "source"}
    assert set(data["size_notes"]) <= set(models.MODELS) and all(data["size_notes"].values())
    cells = published.cells(paper)
    assert set(cells["name"]) <= {"", *models.MODELS} and set(cells["corpus"]) <= CORPORA
    assert all(re.fullmatch(r"[DHMSL]\d+", e) and e[0] == EXHIBITS[paper] for e in cells["exhibit"])
    used = {r.evidence for r in published.readings(paper).itertuples()}
    assert set(data["evidence"].values()) <= used


def broken(change):
    """The error of HCT-MG's file after a change."""
    data = raw("hct-mg")
    change(data)
    with pytest.raises(UsageError) as caught:
        printed.cells_of(printed.parsed(json.dumps(data), "a.json"), "hct-mg", "a.json")
    assert "\n" not in str(caught.value) and str(caught.value).startswith("a.json")
    return str(caught.value)


@pytest.mark.parametrize(("change", "words"), [
    (lambda d: d.pop("legend"), ["'legend' is missing"]),
    (lambda d: d.update(scores=[]), ["'scores' is unknown"]),
    (lambda d: d.update(bold="perhaps"), ["bold is 'perhaps'", "shown or unknown"]),
    (lambda d: d["tables"][0].pop("rows"), ["'rows' is missing"]),
    (lambda d: d["tables"][0]["rows"][0].update(cell="1"), ["Table 2", "'cell' is unknown"]),
    (lambda d: d["tables"][0]["rows"][1].update(cells="1 2 3"), ["Table 2, row 'RAVEN': 3 cells for 5", "Write _"]),
    (lambda d: d["tables"][0]["rows"][1].update(at={"Acc": {}}), ["row 'RAVEN'", "'Acc', which is no column", "Acc-7"]),
    (lambda d: d["tables"][0].pop("marks"), ["row 'MulT*(1.07M)': the mark * has no meaning", "'marks'"]),
    (lambda d: d["tables"][0]["rows"].append(d["tables"][0]["rows"][1]), ["Table 2: 'Acc-7' of 'RAVEN' stands"]),
    (lambda d: d["tables"][0]["columns"][1].pop("metric"), ["'metric' is missing for 'Acc-2'"]),
    (lambda d: d["tables"][0].update(labels="corpora"), ["labels is 'corpora'", "metric or other"]),
    (lambda d: d["tables"][0].pop("corpus"), ["row 'EF-LSTM': 'corpus' is missing for 'Acc-7'"]),
    (lambda d: d["tables"][0].update(kind="score"), ["kind is 'score'", "scores, ablations"]),
    (lambda d: d["tables"][0]["columns"][0].pop("evidence"), ["no evidence '' for 'Acc-7'"]),
    (lambda d: d["tables"][0]["columns"].__setitem__(0, "Acc-7"), ["'Acc-7'", "is no object"]),
    (lambda d: d["tables"][0]["rows"][0].update(cells=5), ["row 'EF-LSTM': cells is 5", "text"]),
])
def test_a_malformed_file_is_an_error_that_names_the_place(change, words):
    message = broken(change)
    assert all(word in message for word in words), message


def test_a_file_that_is_no_json_names_the_line():
    with pytest.raises(UsageError, match=r"a\.json: line 2 is no JSON"):
        printed.parsed('{"paper": "x",\n"unit" "percent"}', "a.json")


@every_paper
def test_scores_are_known_once_and_in_range(paper):
    names = known_metrics()
    rows = [*published.scores(paper).itertuples(), *published.ablations(paper).itertuples()]
    place = [(r.corpus, r.model, r.setting, r.metric) for r in rows]
    assert len(place) == len(set(place))
    emotions = {label for scheme in SCHEMES.values() for label in scheme} | {"macro", "weighted", "accuracy"}
    for row in rows:
        emotion, _, kind = row.metric.rpartition(".")
        part = emotion in emotions and kind in published.PARTS
        assert (part or row.metric in names) and row.model in models.MODELS and row.source
        low, high = {"mae": (0, 3), "correlation": (-1, 1), "support": (1, 2610)}.get(
            kind, (10 if part else 20, 100))  # a fraction is no percentage
        assert low <= row.value <= high


@every_paper
def test_settings_are_known_once_and_of_a_corpus_that_there_is(paper):
    table = published.settings(paper)
    assert table.columns.tolist() == ["exhibit", "corpus", "what", "value", "source"]
    assert set(table["corpus"]) <= CORPORA and not table.duplicated(["corpus", "what"]).any()


def test_one_printed_setting_of_several_modalities_is_taken_apart():
    """LMR-CBT prints the kernels of visual and audio in one cell, HCT-MG three alike."""
    kernels = published.settings("lmr-cbt").query("what in ['kernel_visual', 'kernel_audio']")
    assert kernels.groupby("corpus")["value"].agg(list).to_dict() == {
        "mosei": [3, 3], "mosi": [3, 1], "iemocap": [3, 5]}
    found = published.settings("hct-mg", "iemocap").set_index("what")["value"]
    assert (found["kernel"], found["learning_rate"], found["epochs"]) == (1, 1e-5, 60)
    assert published.settings("hct-mg", "mosi").set_index("what")["value"]["audio frames per second"] == 12.5
    found = published.settings("lmr-cbt", "mosi").set_index("what")["value"]
    assert found["optimiser"] == "adam" and type(found["heads"]) is int and found["learning_rate"] == 0.002


@pytest.mark.parametrize("model", models.MODELS)
def test_sizes_are_counts_or_millions_of_a_preset(model):
    for row in published.parameters(model).itertuples():
        assert row.variant in ("", *VARIANTS) and row.corpus in models.info(model).cls.published
        if row.unit == "parameters":
            assert row.value == int(row.value) > 100_000 and row.variant
        else:
            assert row.unit == "million" and 0.1 < row.value < 100 and row.value == round(row.value, 2)


@every_paper
def test_own_scores_are_of_corpora_that_the_model_has_a_preset_for(paper):
    own = published.scores(paper).query("model == @paper")
    assert set(own["corpus"]) <= set(models.info(paper).cls.published)


@every_paper
def test_what_is_left_out_names_fields_that_exist(paper):
    rows = raw(paper)["left_out"]
    assert 6 <= len(rows) <= 12 and len({r["detail"] for r in rows}) == len(rows)
    fields = {f for cls in (models.info(paper).cls.Config, Recipe) for f in setting_types(cls)}
    named = []
    for row in rows:
        assert list(row) == ["detail", "paper", "official", "ours"] and all(v.strip() for v in row.values())
        for inside in re.findall(r"\(([^)]*)\)", row["ours"]):
            named += inside.split(", ")
    assert len(named) >= 5 and set(named) <= fields | set(PROTOCOLS)


def test_scores_are_those_of_models_that_erclab_has_averages_first():
    table = published.scores("dialoguetrm", "iemocap")
    assert table.iloc[:2][["model", "metric", "value"]].to_numpy().tolist() == [
        ["dialoguetrm", "accuracy", 68.92], ["dialoguetrm", "weighted_f1", 69.23]]
    assert set(table["model"]) == {"dialoguetrm", "bc-lstm", "dialoguernn"}
    per_class = table["setting"].str.endswith("per class")
    assert per_class.sum() == 3 * 12 and per_class.iloc[-36:].all()
    own = published.ablations("hct-mg", "mosi").query("setting == 'primary audio'")
    assert dict(zip(own["metric"], own["value"], strict=True)) == {
        "acc7": 37.5, "acc2_non0": 81.3, "f1_non0": 81.3, "correlation": 0.705, "mae": 0.883}
    assert published.ablations("hct-mg", "meld").empty


def test_two_papers_repeat_the_same_rows():
    """HCT-MG's Table 2 and LMR-CBT's Tables 3 to 5 print the unaligned rows of the same four models alike."""
    key = ["corpus", "model", "setting", "metric"]
    both = published.scores("hct-mg").merge(published.scores("lmr-cbt"), on=key)
    both = both[both["setting"].str.startswith("unaligned")]
    assert (both["value_x"] == both["value_y"]).all()
    assert len(both) == 4 * (3 + 3 + 8) and set(both["model"]) == {"ef-lstm", "lf-lstm", "mult", "lmf-mult"}


def test_degenerate_rows_equal_the_predictor_that_always_says_absent():
    """938 test samples, 383 of them neutral, 135 happy, 193 sad, 227 angry (Wang et al. 2023, Table 6)."""
    rows = published.reported("lmf-mult", "iemocap").query("setting == 'unaligned' and paper == 'hct-mg'")
    printed = dict(zip(rows["metric"], rows["value"], strict=True))
    for emotion, n in {"neutral": 383, "happy": 135, "sad": 193, "angry": 227}.items():
        truth = np.zeros((938, 4))
        truth[:n] = 1
        absent = metrics.emotion4_scores(truth, np.zeros((938, 4)))
        for score in ("accuracy", "weighted_f1"):
            assert printed[f"{emotion}.{score}"] == round(100 * absent[score], 1)


def test_reported_are_the_rows_of_one_model_in_all_papers():
    table = published.reported("mult")
    assert set(table["paper"]) == {"hct-mg", "lmr-cbt", "m2fnet"} and set(table["model"]) == {"mult"}
    assert published.reported("mult", "meld")["value"].tolist() == [59.3, 42.7]
    assert published.reported("linear").empty


def test_sizes_of_a_model_come_from_all_papers_and_codes():
    table = published.parameters("mult", "mosi")
    assert dict(zip(table["paper"], table["value"], strict=True)) == {
        "hct-mg": 1.07, "lmr-cbt": 1.07, "mult": 1_071_211}
    assert table.set_index("paper")["variant"].to_dict() == {"hct-mg": "", "lmr-cbt": "", "mult": "official"}
    assert published.parameters("linear").empty and published.size_note("linear") == ""
    assert "Table 5" in published.size_note("mult")


def test_a_reference_is_the_papers_own_model_in_each_setting():
    for model, exhibit in (("dialoguetrm", "D2"), ("m2fnet", "M4")):  # and not those of its ablations
        (name,) = published.reference(model, {"dialoguetrm": "iemocap", "m2fnet": "meld"}[model])
        assert name.startswith(f"published ({exhibit})")
    assert published.reference("dialoguetrm", "meld") == {"published (D2), mean of 5 runs": 63.55}
    assert published.reference("lmr-cbt", "mosei", "acc7") == {
        "published (L5 aligned), best test epoch": 50.7, "published (L5 unaligned), best test epoch": 51.8}
    assert published.reference("mult", "mosei", "acc7") == {}


def test_choices_are_those_of_the_code():
    """Numbers that `ours` names are the defaults of the fields that it names."""
    ours = {paper: {r["detail"]: r["ours"] for r in raw(paper)["left_out"]} for paper in published.papers()}
    trm, m2fnet = models.info("dialoguetrm").cls.paper("iemocap"), models.info("m2fnet").cls.paper("meld")
    assert ours["dialoguetrm"]["context window of the results"].startswith(str(trm.context_turns))
    assert ours["dialoguetrm"]["inner width and dropout of the Transformers"].startswith(
        f"{trm.feed_forward} and {trm.dropout}")
    assert ours["m2fnet"]["width of the shared space and the GRU"].startswith(str(m2fnet.hidden))
    assert ours["m2fnet"]["heads and layers of the fusion"].startswith(f"{m2fnet.heads} and {m2fnet.layers}")
    assert ours["hct-mg"]["depth of the self-attention (Eq. 5)"].startswith(
        str(models.info("hct-mg").cls.paper("mosi").self_layers))
    assert ours["lmf-mult"]["rank of the fusion"].startswith(str(models.info("lmf-mult").cls.paper("mosi").rank))
    widths = [d for m, d in m2fnet.dims if m != "text"]
    assert [int(n) for n in re.findall(r"\d+", ours["m2fnet"]["extractors and widths of audio and visual"])] == widths


def test_the_gate_of_iemocap_cannot_move_far():
    """A step of Adam moves a weight by about its learning rate at most: 1e-5 and 60 epochs of 170 steps there."""
    found = published.settings("hct-mg", "iemocap").set_index("what")["value"]
    steps = found["epochs"] * -(-found["train utterances"] // found["batch_size"])
    assert steps == 60 * 170 and round(found["learning_rate"] * steps, 2) == 0.10
    rows = published.left_out("hct-mg").set_index("detail")["ours"]
    low, high = np.exp([-0.2, 0.2]) / (np.exp([-0.2, 0.2]) + 2)  # one logit against both others
    assert (f"60 x 170 steps of Adam move a logit by at most about 0.10, so that no weight leaves {low:.2f} to "
            f"{high:.2f}") in rows["speed of the gate"]
