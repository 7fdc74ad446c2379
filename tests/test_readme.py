"""What the README says of scores and ablations is what the committed records and tables say."""

from pathlib import Path

import pandas as pd
import pytest

from erclab.analysis import efficiency
from erclab.runs.table import catalogue

ROOT = Path(__file__).resolve().parents[1]
README = " ".join((ROOT / "README.md").read_text().split())
EXHIBITS = ("S2", "S3", "S4", "S5", "D4", "H8", "M5", "L2")
NOISE = "within seed noise"


def ablations(corpus):
    """Every row that is compared with the full model: exhibit, setting, difference in points, verdict."""
    for exhibit in EXHIBITS:
        table = pd.read_csv(ROOT / "data" / "results" / "exhibits" / f"{corpus}-smoke" / f"{exhibit}.csv")
        # D4 compares with the text alone first; the ablation is the comparison with the paper's fusion.
        difference, verdict = (("from Gate+TRM (MGIF)", "verdict of that") if exhibit == "D4" else
                               ("difference", "verdict"))
        for row in table.dropna(subset=[difference]).to_dict("records"):
            yield exhibit, row["setting"], row[difference], row[verdict]


def test_the_number_of_rows_outside_the_seed_noise():
    rows = [row for corpus in ("simulated", "simulated-lesson") for row in ablations(corpus)]
    outside = [row for row in rows if row[3] != NOISE]
    assert f"{len(outside)} of {len(rows)} rows lie outside" in README


@pytest.mark.parametrize("corpus", ["simulated", "simulated-lesson"])
def test_every_row_outside_the_seed_noise_is_named_with_its_difference(corpus):
    told = README.partition("rows lie outside")[2].partition("Explanations can be scored")[0]
    here, lesson = told.split("On `simulated-lesson`:")
    told = here if corpus == "simulated" else lesson
    outside = [f"{x:+.1f}".replace("-", "−") for _, _, x, verdict in ablations(corpus) if verdict != NOISE]
    assert outside and [x for x in outside if x not in told] == []
    assert sum(told.count(sign) for sign in ("(−", "(+")) == len(outside)


def test_the_scores_on_simulated_conversations_are_those_of_the_records():
    scores = 100 * efficiency.ours(catalogue(ROOT / "data" / "results"), "simulated")[["score", "deviation"]]
    assert len(scores) == 11
    for model, (score, deviation) in scores.iterrows():
        assert f"| {model} | {score:.1f} ± {deviation:.1f} |" in README


def test_the_scores_of_words_are_those_of_the_records():
    table = catalogue(ROOT / "data" / "results").query("corpus == 'simulated'")
    words = [100 * table[table["model"] == model]["sound"].item() for model in ("tfidf", "tfidf-context")]
    assert "*words (tf-idf), with the turn before* | *{:.1f}, {:.1f}*".format(*words) in README
