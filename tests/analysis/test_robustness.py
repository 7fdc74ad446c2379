"""Curves of worse input: what was not touched stays, what is planted nowhere costs nothing, more is worse."""

import numpy as np
import pytest

from erclab import runs
from erclab.analysis import robustness
from erclab.core.errors import UsageError
from erclab.corpora import simulated

# One world whose faces say nothing at all: losing them costs nothing. Its plain words tell the emotion.
WORLD = {"dialogues": (40, 10, 30), "turns": (5, 9, 14), "strength": (6.0, 6.0, 0.0), "denied": 0.0, "contrast": 0.0,
         "slip": 0.0}


@pytest.fixture(scope="module")
def corpus():
    return simulated.generate("tiny", **WORLD)


@pytest.fixture(scope="module")
def records(corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return runs.run("sdt", corpus, seeds=2, epochs=12, hidden=32, learning_rate=5e-3, folder=folder, progress=False)


@pytest.fixture(scope="module")
def missing(records, corpus):
    return robustness.degradation_curves(records, corpus, "missing")


def test_at_rate_0_the_score_is_that_of_the_record(records, missing):
    for table in missing.values():
        assert table.loc[0.0].tolist() == pytest.approx([r.scores()["weighted_f1"] for r in records])


def test_there_is_a_curve_per_modality_a_row_per_rate_and_a_column_per_seed(missing):
    assert list(missing) == ["text", "audio", "visual"]
    for table in missing.values():
        assert tuple(table.index) == robustness.RATES["missing"] and list(table) == [0, 1]


def test_what_carries_the_emotion_costs_and_what_says_nothing_does_not(missing):
    fall = {m: (table.loc[0.0] - table.loc[1.0]).mean() for m, table in missing.items()}
    assert abs(fall["visual"]) < 0.04 and min(fall["text"], fall["audio"]) > 0.10, fall


@pytest.mark.parametrize("kind", ["missing", "noise"])
def test_curves_fall_within_noise(records, corpus, kind):
    for m, table in robustness.degradation_curves(records, corpus, kind).items():
        steps = np.diff(table.mean(axis=1))
        assert (steps < 0.03).all(), (m, table)
        if m != "visual":
            assert steps.sum() < -0.10, (m, table)


def test_all_models_see_the_same_and_the_same_again(records, corpus, missing):
    again = robustness.degradation_curves(records[1:], corpus, "missing", rates=(0.5,))
    for m, table in again.items():
        assert table.loc[0.5, 1] == missing[m].loc[0.5, 1]
    other = robustness.degradation_curves(records, corpus, "missing", rates=(0.5,), seed=5)
    assert any((other[m].loc[0.5] != missing[m].loc[0.5]).any() for m in other)


def test_another_split_and_metric_are_theirs(records, corpus):
    table = robustness.degradation_curves(records, corpus, "noise", metric="accuracy", rates=(0.0,),
                                          split="valid")["text"]
    assert table.loc[0.0].tolist() == pytest.approx([r.scores("valid")["accuracy"] for r in records])


def test_runs_of_another_corpus_or_of_two_questions_are_refused(records, corpus, tiny, tmp_path):
    with pytest.raises(UsageError, match="another corpus"):
        robustness.degradation_curves(records, tiny)
    other = runs.run("sdt", corpus, modalities=["text"], epochs=1, hidden=8, folder=tmp_path, progress=False)
    with pytest.raises(UsageError, match="more than their seeds"):
        robustness.degradation_curves([*records, *other], corpus)


def test_models_of_sequences_are_asked_in_the_same_way(tiny, tmp_path):
    made = runs.run("lf-lstm", tiny, epochs=1, folder=tmp_path, progress=False)
    table = robustness.degradation_curves(made, tiny, "missing", rates=(0.0, 1.0))["text"]
    assert table.loc[0.0, 0] == pytest.approx(made[0].scores()["weighted_f1"])
