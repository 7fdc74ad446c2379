"""What the README says of scores and ablations is what the committed records and tables say."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from erclab import corpora, models
from erclab.analysis import audit, inflation, plays, readers
from erclab.claims import book as books
from erclab.claims import tuned
from erclab.exhibits import context, protocol, tuning
from erclab.published import claims
from erclab.published.tuning import declared
from erclab.reports import markdown, scores
from erclab.runs.table import catalogue

ROOT = Path(__file__).resolve().parents[1]
README = " ".join((ROOT / "README.md").read_text().split())
EXHIBITS = ("S2", "S3", "S4", "S5", "D4", "H8", "M5", "L2")
TOLD = ("higher", "lower")  # the 95 % interval over seeds and dialogues leaves out 0


def ablations(corpus):
    """Every row that is compared with the full model: exhibit, setting, difference in points, verdict."""
    for exhibit in EXHIBITS:
        path = ROOT / "data" / "results" / "exhibits" / f"{corpus}-smoke" / f"{exhibit}.csv"
        if not path.exists():
            assert exhibit in re.search(r"([^(;]*) (?:is|are) not rebuilt for this corpus", README)[1]
            continue
        table = pd.read_csv(path)
        # D4 compares with the text alone first; the ablation is the comparison with the paper's fusion.
        difference, verdict = (("from Gate+TRM (MGIF)", "verdict of that") if exhibit == "D4" else
                               ("difference", "verdict"))
        for row in table.dropna(subset=[difference]).to_dict("records"):
            yield exhibit, row["setting"], row[difference], row[verdict]


def test_the_number_of_rows_that_are_told_from_0():
    rows = [row for corpus in ("simulated", "simulated-lesson") for row in ablations(corpus)]
    outside = [row for row in rows if row[3] in TOLD]
    told = f"{len(outside)} of {len(rows)} rows lie outside zero; of the others none is shown to be equivalent"
    assert told in README
    assert {row[3] for row in rows} - set(TOLD) <= {"undecided"}


@pytest.mark.parametrize("corpus", ["simulated", "simulated-lesson"])
def test_every_row_that_is_told_from_0_is_named_with_its_difference(corpus):
    told = README.partition("rows lie outside")[2].partition("Explanations can be scored")[0]
    here, lesson = told.split("On `simulated-lesson`:")
    told = here if corpus == "simulated" else lesson
    outside = [f"{x:+.1f}".replace("-", "−") for _, _, x, verdict in ablations(corpus) if verdict in TOLD]
    assert outside and [x for x in outside if x not in told] == []
    assert sum(told.count(sign) for sign in ("(−", "(+")) == len(outside)


@pytest.mark.parametrize("corpus", ["simulated", "simulated-lesson"])
def test_every_model_lies_strictly_between_the_constant_predictor_and_its_ceiling(corpus):
    """O1: the ceiling of a model is that of its view and context; the way begins at the constant predictor."""
    table = pd.read_csv(ROOT / "data" / "results" / "exhibits" / f"{corpus}-smoke" / "O1.csv", index_col="model")
    way = table["of the way"].str.rstrip("%").astype(float)
    assert len(table) == 15 and way.between(0, 100, inclusive="neither").all()
    accuracy = table["accuracy"].str.split(" ").str[0].astype(float)
    assert (accuracy < table["oracle of these"] - 1).all()


def test_the_reach_of_sdts_intervals_is_that_of_the_table():
    table = pd.read_csv(ROOT / "data" / "results" / "exhibits" / "simulated-smoke" / "S2.csv").dropna(subset=["low"])
    reach = (table["high"] - table["low"]) / 2
    low, high = re.search(r"SDT's intervals reach ([\d.]+) to ([\d.]+) points", README).groups()
    assert reach.min() == pytest.approx(float(low), abs=0.1) and reach.max() == pytest.approx(float(high), abs=0.1)


def test_readers_stay_below_their_ceilings_as_told():
    table = readers.stored("simulated")
    count, gap, error = re.search(r"None of (\d+) readers .* is ([\d.]+) ± ([\d.]+) points below", README).groups()
    nearest = table.loc[table["gap"].idxmax()]
    assert len(table) == int(count) and readers.beyond(table).empty and nearest["by"] == "GRU"
    assert (f"{-nearest['gap']:.1f}", f"{nearest['se']:.1f}") == (gap, error)


def test_hits_of_explanations_are_those_of_the_table():
    path = ROOT / "data" / "results" / "exhibits" / "simulated-smoke" / "O2.csv"
    table = pd.read_csv(path).query("model == 'MulT'").set_index("explained by")
    told = re.search(r"planted word in (\d+) % .*?; (\d+) % by chance\), its attention from text to text in (\d+) %",
                     README)
    hits = (table.loc["integrated gradients, text", "hit"], table.loc["integrated gradients, text", "chance"],
            table.loc["attention text from text", "hit"])
    assert [int(x) for x in told.groups()] == [round(100 * x) for x in hits]


def test_the_audit_of_printed_numbers_is_as_told():
    found = audit.findings()
    told = re.search(r"(\d+) computations over all (\d+) printed cells, each a test: (\d+) contradict", README)
    cells = json.loads((ROOT / "tests" / "published_cells.json").read_text(encoding="utf-8"))
    count = sum(len(row) for tables in cells.values() for rows in tables.values() for row in rows.values())
    assert [int(x) for x in told.groups()] == [len(found), count, sum(bool(f.contradicts) for f in found)]
    assert "34 of 938 utterances recognised" in README
    assert all(f.reading for f in found)


def test_the_protocol_audit_is_as_told():
    lesson = corpora.load("simulated-lesson")
    made = inflation.by_choice(protocol.runs_of(lesson, "inflation"), lesson).query("runs == 1")
    one = made.loc["bc-LSTM"].iloc[-1]
    assert f"adds {one['inflation']:.1f} [{one['low']:.1f}, {one['high']:.1f}] points to bc-LSTM (ten seeds" in README
    words = plays.stored_of("iemocap-text-audio").loc[("words (tf-idf)", "scripted")]
    assert f"Words alone reach {words['seen']:.0f} on IEMOCAP's scripted test dialogues, and {words['unseen']:.0f}" in (
        README)


def test_the_tuned_models_are_as_told():
    spaces = declared()
    verdicts = [v for v in tuned.tuned_verdicts(spaces, "mosi") if v.claim.endswith("-bc-lstm")]
    told = re.search(r"none of (\w+) models is shown to beat a tuned bc-LSTM "
                     r"\(correlation (\S+ \[.*?\])\); for (.*?) the", README)
    lost = [models.info(v.claim.removesuffix("-bc-lstm").split("-", 1)[-1]).title for v in verdicts
            if v.verdict.startswith("contradicted")]
    assert told[1] == ("zero", "one", "two", "three", "four")[len(verdicts)]
    assert not any(v.verdict == "supported" for v in verdicts) and all(v.seeds == 10 for v in verdicts)
    assert f"test {told[2]};" in tuning.tuned_words("mosi") and set(lost) == set(re.split(", | and ", told[3]))


def test_what_context_is_worth_is_as_told():
    gains, changes = (f("simulated-lesson") for f in (context.context_table, context.speakers_table))
    rows = [gains.loc[("bc-LSTM", "whole dialogue")], gains.loc[("DialogueRNN", "whole dialogue")],
            gains.loc[("Linear probe", "last label, predicted (taught by true ones)")]]
    told = "bc-LSTM and DialogueRNN gain {} and {} points from the dialogue, a probe with the last predicted label {};"
    assert told.format(*map(context.span, rows)) in README
    told = changes[changes["verdict"].isin(["higher", "lower"])]
    count = ["", "one", "two", "three", "four", "five", "six", "seven", "eight"][changes["verdict"].notna().sum()]
    assert f"of {count} changes of the speakers only DialogueRNN's two cost points" in README
    assert list(told.index.get_level_values("model")) == ["DialogueRNN"] * 2 and (told["difference"] < 0).all()


def test_the_ledger_is_as_told():
    book = claims.book()
    tiers = [sum(c.tier == t for c in book.claims) for t in (1, 2, 3)]
    assert f"their {len(book.claims)} claims judged" in README
    assert f"the {tiers[0]} core claims ({tiers[1] + tiers[2]} more are" in README
    printed = [v for v in books.entries(book, corpus="printed")]
    assert len(printed) == 4 and all(v.verdict == "contradicted" for v in printed)
    assert "All four that arithmetic decides are contradicted" in README


def test_the_distances_to_the_ceiling_and_to_the_probe_are_those_of_the_ledger():
    kept, = (one for one in scores.stored_scores() if one.corpus == "simulated")
    rows = [s for s in kept.scores if s.task == "emotion" and s.reads == scores.DIALOGUES]
    score = {s.title: 100 * s.values["weighted_f1"][0] for s in rows}
    trained = {s.model: s.title for s in rows if s.model in scores.FIVE or s.model in ("bc-lstm", "dialoguernn")}
    best = max(trained, key=lambda model: score[trained[model]])
    below = max(score.values()) - score[trained[best]]
    assert f"the best model, {trained[best]}, is {below:.1f} points below the exact oracle" in README
    gap, = (g for g in kept.gaps if (g.task, g.reads, g.model, g.base) == ("emotion", scores.DIALOGUES, best, "linear"))
    above = markdown.interval_text(gap.value, gap.low, gap.high, "weighted_f1")
    assert f"{above} points above a linear probe" in README


def test_what_the_best_epoch_on_test_adds_to_eleven_models_is_as_told():
    table = catalogue(ROOT / "data" / "results").query("corpus == 'simulated'")
    trained = table[(table["modalities"] == "text+audio+visual") & table["published"].notna()].astype(
        {"sound": float, "published": float}).groupby("model")[["sound", "published"]].mean()
    gained = 100 * (trained["published"] - trained["sound"]).max()
    assert len(trained) == 11
    assert f"of eleven models on `simulated` it adds up to {gained:.1f} on average over three seeds" in README
