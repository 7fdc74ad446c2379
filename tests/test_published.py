"""What papers report: every file has the schema, names what exists, and holds the numbers that the papers print."""

import json
import re
from importlib import resources

import numpy as np
import pytest

from erclab import models, published
from erclab.core import metrics
from erclab.core.errors import UsageError
from erclab.core.settings import setting_types
from erclab.corpora.simulated.world import SCHEMES
from erclab.training.loop import PROTOCOLS
from erclab.training.recipes import VARIANTS, Recipe

EXHIBITS = {"dialoguetrm": "D", "hct-mg": "H", "m2fnet": "M", "sdt": "S", "lmr-cbt": "L"}
CORPORA = {"iemocap", "meld", "mosi", "mosei", "avec"}


def known_metrics():
    """The names that `erclab.core.metrics` gives, by scoring something."""
    four, values = np.eye(4), np.linspace(-1, 1, 8).reshape(2, 4)
    logits = np.tile([0.1, 0.2], (4, 4))
    return (set(metrics.scores("emotion", np.array([0, 1]), np.eye(2)))
            | set(metrics.scores("emotion4", four, logits))
            | set(metrics.scores("sentiment", values[:, :1], values[:, :1]))
            | set(metrics.scores("dimensional", values, values)))


def raw(paper):
    return json.loads(resources.files(published).joinpath(f"{paper}.json").read_text())


every_paper = pytest.mark.parametrize("paper", published.papers())


def test_the_papers_and_the_baselines_that_they_compare_with_have_a_file():
    assert set(published.papers()) == {"bc-lstm", "dialoguernn", "dialoguetrm", "hct-mg", "lmf-mult", "lmr-cbt",
                                       "m2fnet", "mult", "sdt"}
    with pytest.raises(UsageError, match="Did you mean 'sdt'"):
        published.scores("sdtt")


@every_paper
def test_a_file_has_the_schema(paper):
    data = raw(paper)
    always = ["paper", "unit", "protocol", "legend", "scores", "parameters", "size_notes", "left_out"]
    assert list(data)[:8] == always and set(list(data)[8:]) <= {"ablations", "settings"}
    assert data["unit"] == "percent" and paper in models.MODELS
    assert all(data[key].strip() for key in ("paper", "protocol", "legend"))
    assert re.search(r"(19|20)\d\d", data["paper"])[0] in models.info(paper).paper
    required = {"scores": {"exhibit", "corpus", "model", "metric", "value", "source"},
                "ablations": {"exhibit", "corpus", "model", "setting", "metric", "value", "source"},
                "parameters": {"exhibit", "corpus", "model", "value", "unit", "source"}}
    optional = {"scores": {"setting"}, "parameters": {"variant"}}
    for section, keys in required.items():
        for row in data.get(section, ()):
            assert keys <= set(row) <= keys | optional.get(section, set())
            assert all(isinstance(v, str) and v.strip() for k, v in row.items() if k != "value")
            assert row["model"] in models.MODELS and row["corpus"] in CORPORA
            assert re.fullmatch(r"[DHMSL]\d+", row["exhibit"])
            assert row["exhibit"][0] == EXHIBITS.get(paper, row["exhibit"][0])
    assert set(data["size_notes"]) <= set(models.MODELS) and all(data["size_notes"].values())


@every_paper
def test_scores_are_known_once_and_in_range(paper):
    rows, names = [*raw(paper)["scores"], *raw(paper).get("ablations", ())], known_metrics()
    place = [(r["corpus"], r["model"], r.get("setting"), r["metric"]) for r in rows]
    assert len(place) == len(set(place))
    emotions = {label for scheme in SCHEMES.values() for label in scheme} | {"macro", "weighted"}
    for row in rows:
        emotion, _, kind = row["metric"].rpartition(".")
        part = emotion in emotions and kind in published.PARTS
        assert part or row["metric"] in names
        low, high = {"mae": (0, 3), "correlation": (-1, 1), "support": (1, 2610)}.get(
            kind, (10 if part else 20, 100))  # a fraction is no percentage
        assert low <= row["value"] <= high


@every_paper
def test_settings_are_known_once_and_of_a_corpus_that_there_is(paper):
    rows = raw(paper).get("settings", ())
    assert all(set(r) == {"exhibit", "corpus", "what", "value", "source"} and r["corpus"] in CORPORA for r in rows)
    place = [(r["corpus"], r["what"]) for r in rows]
    assert len(place) == len(set(place)) and all(r["exhibit"][0] == EXHIBITS[paper] for r in rows)


@pytest.mark.parametrize(("paper", "corpus", "setting", "printed"), [
    ("hct-mg", "mosi", "primary audio", {
        "acc7": 37.5, "acc2_non0": 81.3, "f1_non0": 81.3, "correlation": 0.705, "mae": 0.883}),
    ("hct-mg", "mosei", "primary text", {
        "acc7": 50.1, "acc2_non0": 81.8, "f1_non0": 81.9, "correlation": 0.685, "mae": 0.601}),
    ("lmr-cbt", "mosei", "[L, A] -> V", {"acc7": 51.1, "mult_a2": 79.3, "f1_non0": 81.0})])
def test_printed_rows_of_variants(paper, corpus, setting, printed):
    """Wang et al. 2023, Table 4; Fu et al. 2021, Table 2."""
    table = published.ablations(paper, corpus).query("setting == @setting")
    assert dict(zip(table["metric"], table["value"], strict=True)) == printed
    assert published.ablations(paper, "meld").empty


@pytest.mark.parametrize(("paper", "what", "printed"), [
    ("hct-mg", "batch_size", {"mosi": 36, "mosei": 64, "iemocap": 16}),
    ("lmr-cbt", "kernel_audio", {"mosi": 1, "mosei": 3, "iemocap": 5})])
def test_printed_settings(paper, what, printed):
    """Wang et al. 2023, Table 8; Fu et al. 2021, Table 1."""
    table = published.settings(paper).query("what == @what")
    assert dict(zip(table["corpus"], table["value"], strict=True)) == printed


@every_paper
def test_sizes_are_counts_or_millions_of_a_preset(paper):
    for row in raw(paper)["parameters"]:
        assert row.get("variant", "paper") in VARIANTS
        assert row["corpus"] in models.info(row["model"]).cls.published
        if row["unit"] == "parameters":
            assert isinstance(row["value"], int) and row["value"] > 100_000 and row["variant"]
        else:
            assert row["unit"] == "million" and 0.1 < row["value"] < 100 and row["value"] == round(row["value"], 2)


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


@pytest.mark.parametrize(("paper", "corpus", "model", "setting", "printed"), [
    ("dialoguetrm", "iemocap", "dialoguetrm", "", {"accuracy": 68.92, "weighted_f1": 69.23}),
    ("dialoguetrm", "meld", "dialoguetrm", "", {"accuracy": 65.66, "weighted_f1": 63.55}),
    ("dialoguetrm", "iemocap", "dialoguernn", "reads succeeding turns", {"accuracy": 63.4, "weighted_f1": 62.75}),
    ("dialoguetrm", "meld", "bc-lstm", "scLSTM", {"accuracy": 57.5, "weighted_f1": 55.9}),
    ("dialoguetrm", "avec", "dialoguetrm", "", {
        "valence.correlation": 0.756, "arousal.correlation": 0.52, "expectancy.correlation": 0.4,
        "power.correlation": 0.4}),
    ("dialoguetrm", "iemocap", "dialoguetrm", "Gate+TRM (MGIF)", {"weighted_f1": 69.23}),
    ("dialoguetrm", "iemocap", "dialoguetrm", "text in context", {"accuracy": 65.22}),
    ("dialoguetrm", "iemocap", "bc-lstm", "scLSTM, per class", {
        "happy.recall": 37.5, "happy.f1": 43.4, "sad.recall": 67.7, "sad.f1": 69.8, "neutral.recall": 64.2,
        "neutral.f1": 55.8, "angry.recall": 61.9, "angry.f1": 61.8, "excited.recall": 51.8, "excited.f1": 59.3,
        "frustrated.recall": 61.3, "frustrated.f1": 60.2}),
    ("m2fnet", "meld", "m2fnet", "without weighted loss", {"weighted_f1": 56.3, "macro_f1": 37.6}),
    ("m2fnet", "meld", "m2fnet", "", {"accuracy": 56, "weighted_f1": 58.0, "macro_f1": 42.0}),
    ("m2fnet", "meld", "bc-lstm", "", {"weighted_f1": 54.2, "macro_f1": 39.8}),
    ("hct-mg", "mosi", "hct-mg", "unaligned", {
        "acc7": 39.4, "acc2_non0": 82.5, "f1_non0": 82.5, "correlation": 0.710, "mae": 0.881}),
    ("hct-mg", "mosei", "lf-lstm", "unaligned", {
        "acc7": 48.8, "acc2_non0": 77.5, "f1_non0": 78.2, "correlation": 0.656, "mae": 0.624}),
    ("hct-mg", "iemocap", "hct-mg", "unaligned", {
        "happy.accuracy": 85.6, "happy.weighted_f1": 79.0, "sad.accuracy": 79.4, "sad.weighted_f1": 70.3,
        "angry.accuracy": 75.8, "angry.weighted_f1": 65.4, "neutral.accuracy": 61.0, "neutral.weighted_f1": 50.5}),
    ("lmr-cbt", "mosei", "lmr-cbt", "unaligned", {"acc7": 51.8, "mult_a2": 80.9, "f1_non0": 81.5}),
    ("lmr-cbt", "mosi", "lmr-cbt", "aligned", {"acc7": 39.2, "mult_a2": 81.6, "f1_non0": 79.8}),
    ("lmr-cbt", "iemocap", "mult", "aligned", {
        "happy.accuracy": 86.4, "happy.weighted_f1": 82.9, "sad.accuracy": 82.3, "sad.weighted_f1": 82.4,
        "angry.accuracy": 85.3, "angry.weighted_f1": 85.8, "neutral.accuracy": 71.2, "neutral.weighted_f1": 70.0}),
])
def test_printed_rows(paper, corpus, model, setting, printed):
    """Mao et al. 2020, Tables 2 and 3; Gao 2026, Tables 3 and 4; Wang et al. 2023, Table 2; Fu et al. 2021, 3 to 5."""
    table = published.scores(paper, corpus).query("model == @model and setting == @setting")
    assert dict(zip(table["metric"], table["value"], strict=True)) == printed


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
