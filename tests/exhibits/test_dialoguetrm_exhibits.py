"""DialogueTRM's exhibits: each says what its runs say, and what the conversation is worth is found where it was put."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from erclab import runs, sweep
from erclab.analysis import ablation, cases, ceilings, context, statistics, tallies
from erclab.analysis.statistics import values
from erclab.core import metrics
from erclab.core.errors import UsageError
from erclab.corpora import MODALITIES, simulated
from erclab.exhibits import catalogue, dialoguetrm
from erclab.runs import Question

QUICK = {"epochs": 1, "hidden": 8, "heads": 2, "feed_forward": 8, "bert.heads": 2, "bert.feed_forward": 8,
         "mult_width": 4, "mult_heads": 2}
WIDTHS = ("global_width", "party_width", "emotion_width", "head_width")
SIZES = {"dialoguetrm": QUICK, "bc-lstm": {"epochs": 1, "hidden": 8},
         "dialoguernn": {"epochs": 1, **dict.fromkeys(WIDTHS, 8)}}


def title(axis):
    return axis.get_title(loc="left")


def test_the_papers_example_has_the_papers_sets(tiny):
    table = catalogue.find(["D1"])[0].build(tiny, {})
    assert table["the paper's example"].tolist() == [
        "{x¹₁, x¹₂, x²₃, x¹₄, x³₅, x²₆, x¹₇, x²₈}", "x¹₇", "{x¹₄}", "{x¹₄, x³₅, x²₆}"]
    assert table.shape == (4, 2) and table.iloc[1, 1].startswith("x")


def test_a_corpus_of_short_conversations_has_sets_too(tiny):
    short = tiny.select(tiny.table["turn"].to_numpy() < 3)
    assert context.context_sets(short).iloc[1, 1].endswith("₃")
    single = tiny.select(tiny.table["turn"].to_numpy() == 0)
    assert "one utterance" in catalogue.find(["D1"])[0].lacks(single)


def test_recalls_and_f1_are_those_of_the_confusions(tiny, answered):
    exhibit, table = answered("D2")
    made = exhibit.build(tiny, table)
    assert made.index.tolist() == ["bc-LSTM", "DialogueRNN", "DialogueTRM"]  # nothing published of this corpus
    records = table["DialogueTRM"]
    each = [metrics.per_class(r.confusion(), r.labels) for r in records]
    label = tiny.labels[np.bincount(tiny.targets("test")).argmax()]  # one that the split has
    recall = [100 * t.loc[label, "recall"] for t in each]
    assert made.loc["DialogueTRM", f"{label} ACC"].startswith(f"{np.mean(recall):.1f} ±")
    assert made.loc["DialogueTRM", "average F1"].startswith(f"{100 * values(records).mean():.1f} ±")


def test_published_rows_stand_below_ours_on_the_papers_corpus(tiny, answered):
    _, table = answered("D2")
    made = dialoguetrm.emotions(SimpleNamespace(name="iemocap-sdt", labels=tiny.labels), table)
    assert made.loc["DialogueTRM, published", "neutral F1"] == 74.12
    assert made.loc["bc-LSTM, published", "happy ACC"] == 37.5
    assert made.loc["DialogueRNN, published", "average F1"] == 62.75
    meld = dialoguetrm.emotions(SimpleNamespace(name="meld", labels=tiny.labels), table)
    assert meld.loc["DialogueTRM, published", "average ACC"] == 65.66 and meld.iloc[1, 0] == ""


def test_correlations_of_affect(tiny, answered):
    exhibit, table = answered("D3")
    made = exhibit.build(tiny, table)
    assert made.columns.tolist() == list(metrics.DIMENSIONS)
    found = np.mean([r.scores()["arousal.correlation"] for r in table["bc-LSTM"]])
    assert made.loc["bc-LSTM", "arousal"].startswith(f"{found:.3f}")
    avec = dialoguetrm.affect(SimpleNamespace(name="avec2012"), table)
    assert avec.loc["DialogueTRM, published"].tolist() == [0.756, 0.52, 0.4, 0.4]
    assert "not dimensional" in exhibit.lacks(SimpleNamespace(name="x", tasks=("emotion",)))


def test_fusions_are_compared_with_the_text_and_with_mgif(tiny, answered):
    exhibit, table = answered("D4")
    made = exhibit.build(tiny, table)
    assert made.index.tolist() == ["text only", "MulT†", "MGIF†", "Gate+TRM (MGIF)", "Gate+Concat", "TRM"]
    text, gate, concat = (values(table[n]) for n in ("text only", "Gate+TRM (MGIF)", "Gate+Concat"))
    assert made.loc["Gate+Concat", "difference"] == pytest.approx(100 * (concat - text).mean(), abs=0.051)
    assert made.loc["Gate+Concat", "from Gate+TRM (MGIF)"] == pytest.approx(100 * (concat - gate).mean(), abs=0.051)
    assert pd.isna(made.loc["Gate+TRM (MGIF)", "from Gate+TRM (MGIF)"]) and "published" not in made
    paper = dialoguetrm.fusion(replace(tiny, name="iemocap"), table)
    assert paper["published"].tolist() == [67.67, 67.98, 68.52, 69.23, 68.72, 68.61]


def test_preferences_fix_the_text_in_context(tiny):
    questions = dialoguetrm.preference_questions(tiny)
    assert len(questions) == 12
    assert {name: dict(q.settings["context"])["text"] for name, q in questions.items() if "*" in name} == dict.fromkeys(
        (n for n in questions if "*" in n), "dependent")
    both = questions["text*+audio+visual, dependent"]
    assert both.settings["modalities"] == ("text", "audio", "visual")
    assert dict(both.settings["context"]) == dict.fromkeys(("text", "audio", "visual"), "dependent")
    assert dict(questions["text, free"].settings["context"])["text"] == "free"
    two = replace(tiny, vectors={m: tiny.vectors[m] for m in ("text", "audio")})
    assert len(dialoguetrm.preference_questions(two)) == 6
    # The default preference is the paper's, so these are the runs of other exhibits.
    same = [runs.plan(q.model, tiny, **q.settings)[0].id for q in (
        questions["text*+audio+visual, free"], dialoguetrm.fusion_questions(tiny)["Gate+TRM (MGIF)"])]
    assert same[0] == same[1]


def test_the_figure_of_preferences_shows_gains_and_the_oracles(tiny, answered):
    exhibit, table = answered("D5")
    figure = exhibit.build(tiny, table)
    left, right = figure.axes
    assert len(left.patches) == 12
    gain = {m: 100 * (values(table[f"{m}, dependent"]) - values(table[f"{m}, free"])).mean() for m in MODALITIES}
    assert title(right) == "Gained (2 seeds): " + ", ".join(f"{m} {x:+.1f}" for m, x in gain.items())
    more = {name: [*records, records[0]] for name, records in table.items()}  # a verdict has three seeds or more
    gains = [ablation.differences({"free": free, "in": inside}, tiny).iloc[0]["low"] > 0
             for name, (free, inside) in dialoguetrm.pairs(more).items() if name in MODALITIES]
    assert title(dialoguetrm.context_preference(tiny, more).axes[1]) == (
        f"{sum(gains)} of 3 modalities alone gain beyond the interval")
    stars = [line.get_ydata()[0] for line in right.lines if line.get_marker() == "*"]
    known = ceilings.oracle_scores(tiny, simulated.world_of("tiny"), subsets=[("text",)])["weighted F1"]
    assert len(stars) == 3
    assert stars[0] == pytest.approx(known["text", "what was said before"] - known["text", "utterance alone"])


def test_preferences_without_emotions_and_without_an_oracle(tiny, answered):
    two = replace(tiny, name="own", labels=(), vectors={m: tiny.vectors[m] for m in ("text", "audio")},
                  table=tiny.table.assign(label=-1), annotations={"dimensional": tiny.annotations["dimensional"]})
    exhibit, table = answered("D5", two, seeds=1)
    left, right = exhibit.build(two, table).axes
    assert left.get_ylabel() == metrics.TITLES["correlation"] and right.get_ylabel() == "gained from context"
    assert not [line for line in right.lines if line.get_marker() == "*"]
    exhibit, table = answered("D6", two, seeds=1)
    axis, = exhibit.build(two, table).axes
    gap = (values(table["Transformer"], "correlation") - values(table["BERT alone"], "correlation")).mean()
    assert title(axis) == f"Transformer less the vectors alone:\n{gap:+.3f}, one seed"
    assert axis.patches[2].get_width() == pytest.approx(values(table["Transformer"], "correlation").mean())


def test_summaries_compare_the_papers_reader_and_name_the_published(tiny, answered):
    exhibit, table = answered("D6")
    axis, = exhibit.build(tiny, table).axes
    assert [t.get_text() for t in axis.get_yticklabels()] == ["vectors alone", "DialogueRNN", "Transformer"]
    found = tallies.difference(table["Transformer"], table["BERT alone"], tiny, "weighted_f1")
    assert title(axis) == f"Transformer less the vectors alone:\n{found.text()} points, {statistics.NOT_JUDGED}"
    paper = dialoguetrm.summaries(replace(tiny, name="iemocap"), table)
    assert [t.get_text() for t in paper.legends[0].get_texts()] == [
        "published, BERT alone: 67.18", "published, DialogueRNN: 67.27", "published, Transformer: 67.67"]


def test_the_case_study_is_drawn(tiny, answered):
    exhibit, table = answered("D7")
    figure = exhibit.build(tiny, table)
    script, mended, short = figure.axes
    rows = cases.corrected_conversation(table[dialoguetrm.TEXT][0], table[dialoguetrm.ALL][0], tiny)
    wrong = [(rows[who] != rows["GT"])[rows["GT"] != ""].sum() for who in ("TP", "MP")]
    assert title(script) == (f"{rows['dialogue'].iloc[0]}, from turn {rows['turn'].iloc[0]}: mistakes of the text "
                             f"{wrong[0]}, of all {wrong[1]}") and len(rows) <= 7
    assert {t.get_text() for t in script.texts} >= set(rows["GT"]) | set(rows["MP"])
    found = cases.rectified(table[dialoguetrm.TEXT], table[dialoguetrm.ALL], tiny)
    assert title(mended) == f"All modalities mend {found['mended'].sum():.0f} and break {found['broken'].sum():.0f}"
    count = cases.ambiguous_accuracy(table, tiny)["utterances"].iloc[0]
    assert len(short.patches) == 3 and title(short) == f"Right on {count:.0f} ambiguous utterances"
    paper = dialoguetrm.ambiguous_words(replace(tiny, name="iemocap"), table)
    assert paper['published ("yeah.")'].tolist() == [43.48, 65.22, 73.91]


def test_what_a_corpus_lacks_is_said_in_words(tiny):
    bare = replace(tiny, vectors={"audio": tiny.vectors["audio"]})
    lacking = {e.id: e.lacks(bare) for e in catalogue.find(["D1", "D2", "D3", "D4", "D5", "D6", "D7"])}
    assert {name for name, why in lacking.items() if why} == {"D4", "D6", "D7"}
    with pytest.raises(UsageError, match=r"D4 cannot be built.*it has utterance vectors of audio only"):
        catalogue.find(["D4"])[0].build(bare, {})


@pytest.mark.parametrize("other", ["audio", pytest.param("visual", marks=pytest.mark.long)])
def test_context_is_found_where_it_was_put(tmp_path, other):
    """The known answer. Many words that point back, to events whose verb is always of the answer's emotion: to the
    oracle of the vectors the text's context is worth 70 points of accuracy on those, voice's and face's fewer than 15.
    DialogueTRM gains on them within 15 points of that oracle from the text's context, and from the other's fewer than
    15."""
    changes = {"referential": 0.5, "slip": 0.0}
    corpus, world = simulated.generate("lesson", **changes), simulated.world_of("lesson", **changes)
    questions = {f"{m}, {which}": Question("dialoguetrm", {
        "modalities": (m,), "context": dialoguetrm.preference(*(m,) * (which == "dependent"))})
        for m in ("text", other) for which in ("free", "dependent")}
    table = sweep.answers(questions, corpus, seeds=1, progress=False, folder=tmp_path)
    ours = context.context_gains(dialoguetrm.pairs(table), corpus)["gain"].unstack("words")["referential"]
    known = ceilings.context_gain(corpus, world)["gain"].unstack("words")["referential"]
    assert known["text"] > 60 and abs(ours["text"] - known["text"]) < 15, (ours, known)
    assert max(abs(known["audio"]), abs(known["visual"]), abs(ours[other])) < 15, (ours, known)
