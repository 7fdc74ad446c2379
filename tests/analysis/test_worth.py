"""What context and speakers are worth: known answers from made-up predictions."""

from dataclasses import replace

import numpy as np
import pytest

from erclab.analysis import ceilings, inertia, kept, worth
from erclab.core import metrics
from erclab.core.errors import UsageError
from erclab.corpora import simulated
from erclab.corpora.interventions import MERGED, OWN, SHUFFLED, SINGLE, TRUE, WHOLE

SHARES = {SINGLE: .4, SHUFFLED: .6, OWN: .8, WHOLE: .8}


@pytest.fixture(scope="module")
def corpus():
    return simulated.generate("tiny", dialogues=(2, 2, 60))


def runs(corpus, right, seeds=3, fixed=False):
    """Runs whose predictions are right for a share of the utterances: the same ones for a larger share, and more."""
    truth, lot = corpus.targets("test"), np.random.default_rng(0).random(len(corpus.rows("test")))
    return [kept.KeptRun(f"r{seed}", seed, corpus.task("emotion"), fixed, ("weighted_f1", 1), {}, np.zeros(0),
                         np.zeros(0), {"sound": np.where((lot + seed / 100) % 1 < right, truth, (truth + 1) % 6)})
            for seed in range(seeds)]


@pytest.fixture(scope="module")
def groups(corpus):
    found = {f"A | {given}": runs(corpus, right) for given, right in SHARES.items()}
    fixed = {inertia.PROBE: .5, inertia.TAUGHT_TRUE: .6, inertia.KNOWN: .7, f"{worth.ORACLE} | {SINGLE}": .8,
             f"{worth.ORACLE} | {WHOLE}": .95}
    return found | {name: runs(corpus, right, 1, True) for name, right in fixed.items()}


def test_gains_are_differences_from_single_utterances_and_shares_of_the_whole_gain(corpus, groups):
    table = worth.gains_of_context(groups, corpus)
    score = {name: np.mean([100 * metrics.classification_scores(
        corpus.targets("test"), r.predictions["sound"], 6)["weighted_f1"] for r in some]) for name, some in
        groups.items()}
    own = table.loc["A"]
    for given in (SHUFFLED, OWN, WHOLE):
        assert own.loc[given, "gain"] == pytest.approx(score[f"A | {given}"] - score[f"A | {SINGLE}"], abs=.051)
        assert own.loc[given, "low"] < own.loc[given, "gain"] < own.loc[given, "high"]
    whole = score[f"A | {WHOLE}"] - score[f"A | {SINGLE}"]
    assert own.loc[SHUFFLED, "share"] == round(100 * (score[f"A | {SHUFFLED}"] - score[f"A | {SINGLE}"]) / whole)
    assert own.loc[SHUFFLED, "share low"] < own.loc[SHUFFLED, "share"] < own.loc[SHUFFLED, "share high"]
    assert own.loc[OWN, ["share", "share low", "share high"]].tolist() == [100, 100, 100]  # the same predictions
    label = own.loc[worth.LABEL[inertia.TAUGHT_TRUE]]
    assert label["share"] == round(100 * (score[inertia.TAUGHT_TRUE] - score[inertia.PROBE]) / whole)
    assert np.isnan(own.loc[SINGLE, "gain"]) and own.loc[WHOLE, "verdict"] == "higher"
    assert worth.gains_of_oracle(table)[WHOLE] == pytest.approx(15, abs=4)
    assert table.loc[(worth.ORACLE, WHOLE), "seeds"] == "none"


def test_a_gain_that_is_not_told_from_zero_has_no_shares(corpus, groups):
    same = groups | {f"A | {WHOLE}": groups[f"A | {SINGLE}"]}
    assert "share" not in worth.gains_of_context({k: x for k, x in same.items() if k.startswith("A")}, corpus)


def test_the_table_of_sums_is_that_of_predictions(corpus, groups):
    summed = {name: [r.summed(corpus) for r in some] for name, some in groups.items()}
    assert worth.gains_of_context(summed).equals(worth.gains_of_context(groups, corpus))
    with pytest.raises(UsageError, match="no sums of r0 were kept"):
        worth.gains_of_context(groups)


def test_speakers_are_compared_with_the_true_ones(corpus):
    table = worth.losses_of_speakers({f"A | {TRUE}": runs(corpus, .8), f"A | {MERGED}": runs(corpus, .6)}, corpus)
    row = table.loc[("A", MERGED)]
    assert row["high"] < 0 and row["difference"] == pytest.approx(-20, abs=4) and row["verdict"] == "lower"
    assert np.isnan(table.loc[("A", TRUE), "difference"])


def test_gains_by_words_stand_beside_the_oracle_of_the_text(corpus):
    some = corpus.select(np.arange(corpus.starts[9]))
    given = {f"A, text | {name}": runs(some, right) for name, right in ((SINGLE, .4), (WHOLE, .6))}
    oracle = worth.runs_of_oracle(some, ("text",))
    table, kind = worth.gains_of_kinds(given | oracle, some), some.table["text_kind"].to_numpy()[some.rows("test")]
    truth, world = some.targets("test"), simulated.world_behind(some)
    for part in set(kind):
        right = [100 * (ceilings.hearing(some, world, ceilings.HEARD[name], ("text",)).argmax(1) == truth)[
            kind == part].mean() for name in (SINGLE, WHOLE)]
        known = table.loc[("Oracle of the vectors, text", WHOLE, part)]
        assert known["gain"] == pytest.approx(right[1] - right[0], abs=.051)
        row = table.loc[("A, text", WHOLE, part)]
        assert row["behind"] == pytest.approx(known["gain"] - row["gain"], abs=.11)
    with pytest.raises(UsageError, match="kind of words is not known"):
        worth.gains_of_kinds(given, replace(some, table=some.table.drop(columns="text_kind")))


def test_what_is_tested_is_fresh_where_the_corpus_is_simulated(corpus, monkeypatch):
    monkeypatch.setattr(worth, "FRESH", 3)
    assert (worth.tested_on(corpus).dialogue_splits == ["test"] * 3).all()
    real = replace(corpus, name="x", source="y")
    assert worth.tested_on(real) is real
