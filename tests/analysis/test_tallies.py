"""Every score follows from the sums of each dialogue: with equal weights it is that of `erclab.core.metrics`, with
other weights that of a test split in which dialogues are repeated."""

import numpy as np
import pytest

from erclab.analysis import statistics, tallies
from erclab.core import metrics
from erclab.core.errors import UsageError
from erclab.core.targets import BUILT_IN, Task

D, N = 12, 240
RNG = np.random.default_rng(7)
DIALOGUE = np.sort(RNG.integers(D, size=N))
DIALOGUE[-1] = D - 1


def classes(task):
    C = len(task.names)
    truth = RNG.integers(-1, C - 1, size=N)  # -1: no label; the last class never occurs
    return truth, RNG.normal(size=(N, C))


def binary(task):
    truth = (RNG.random((N, len(task.names))) < 0.3).astype(float)
    truth[RNG.random(truth.shape) < 0.1] = np.nan
    truth[:9] = np.nan
    return truth, RNG.normal(size=(N, 2 * len(task.names)))


def numbers(task):
    low, high = task.scale or (-3, 3)
    truth = np.round(RNG.uniform(low, high, (N, len(task.names))), 1)
    truth[RNG.random(truth.shape) < 0.1] = np.nan
    truth[::17] = (low + high) / 2
    return truth, (np.nan_to_num(truth) + RNG.normal(size=truth.shape)).astype(np.float32)


def of(task):
    return {"classes": classes, "binary": binary, "numbers": numbers}[task.kind](task)


OWN = [Task("mood", "classes", ("calm", "neutral", "tense")), Task("flags", "binary", ("a", "b", "never")),
       Task("arousal", "numbers", ("arousal", "never"), (0.0, 100.0)),
       Task("sentiment", "numbers", ("sentiment",), (-1.0, 1.0))]
EMOTION = Task("emotion", "classes", ("happy", "sad", "neutral", "angry", "excited"))
TASKS = [EMOTION, BUILT_IN["emotion4"], BUILT_IN["sentiment"], BUILT_IN["dimensional"], *OWN]


def known(scores):
    """Those that tallies have: no fine classes of other scales, nothing without a value."""
    return {name: value for name, value in scores.items() if name != "acc5" and not name.endswith("_sims")}


@pytest.mark.parametrize("task", TASKS, ids=lambda t: f"{t.name}, {t.kind}")
def test_with_equal_weights_every_score_is_that_of_the_metrics(task):
    truth, predictions = of(task)
    if "never" in task.names:
        truth[:, task.names.index("never")] = np.nan
    made = tallies.tally(task, truth, predictions, DIALOGUE)
    expected = known(metrics.scores(task, truth, predictions))
    found = {name: float(tallies.scored(made, name, np.ones(D))) for name in expected}
    assert found == pytest.approx(expected, abs=1e-6) and len(found) > 1


@pytest.mark.parametrize("task", TASKS, ids=lambda t: f"{t.name}, {t.kind}")
def test_weights_repeat_dialogues(task):
    truth, predictions = of(task)
    weights = statistics.draws(D)[:3]
    made = tallies.tally(task, truth, predictions, DIALOGUE)
    for r, times in enumerate(weights.astype(int)):
        rows = np.repeat(np.arange(N), times[DIALOGUE])
        for name, value in known(metrics.scores(task, truth[rows], predictions[rows])).items():
            assert tallies.scored(made, name, weights)[r] == pytest.approx(value, abs=1e-6), (name, r)


def test_sentiment_has_the_conventions_that_papers_mix_up():
    truth, predictions = of(BUILT_IN["sentiment"])
    expected = metrics.scores(BUILT_IN["sentiment"], truth, predictions)
    assert {"f1_non0_swapped", "acc7", "mult_a2", "acc2_has0"} <= set(known(expected))
    assert expected["f1_non0"] != expected["f1_non0_swapped"]  # else the test above could not tell them apart


def test_each_class_has_its_own_scores():
    truth, predictions = of(EMOTION)
    made, at = tallies.tally(EMOTION, truth, predictions.argmax(1), DIALOGUE), truth >= 0
    table = metrics.per_class(metrics.confusion(truth[at], predictions[at].argmax(1), 5), EMOTION.names)
    for label in ("happy", "angry"):
        for part in ("recall", "precision", "f1"):
            assert tallies.scored(made, f"{label}.{part}", np.ones(D)) == pytest.approx(table.loc[label, part])


def test_a_part_is_scored_over_its_own_utterances_alone():
    truth, predictions = of(EMOTION)
    mask = RNG.random(N) < 0.4
    made = tallies.tally(EMOTION, truth, predictions, DIALOGUE, {"long": mask})
    assert made.parts == ("all", "long") and made.dialogues == D
    assert tallies.scored(made, "weighted_f1", np.ones(D), "long") == pytest.approx(
        metrics.scores(EMOTION, truth[mask], predictions[mask])["weighted_f1"])


def test_what_is_not_defined_is_0():
    sentiment = BUILT_IN["sentiment"]
    made = tallies.tally(sentiment, np.zeros((4, 1)), np.ones((4, 1)), np.array([0, 0, 1, 1]))
    assert [float(tallies.scored(made, name, np.ones(2))) for name in ("correlation", "f1_non0", "mae")] == [0, 0, 1]


def test_a_column_that_no_utterance_has_is_no_score_of_0():
    """IEMOCAP has no expectancy: two models that both score 0 there would be "smaller than matters" apart."""
    truth, guess = np.full((4, 4), np.nan), np.ones((4, 4))
    truth[:, 0], guess[:, 0] = [1, 2, 4, 3], [1, 2, 3, 4]
    one = tallies.tally(BUILT_IN["dimensional"], truth, guess, np.array([0, 0, 1, 1]))
    valence = tallies.scored(one, "valence.correlation", np.ones(2))
    assert tallies.scored(one, "correlation", np.ones(2)) == valence == pytest.approx(0.8)
    with pytest.raises(UsageError, match="no utterance of the test split has expectancy"):
        tallies.scored(one, "expectancy.correlation", np.ones(2))


@pytest.mark.parametrize(("task", "name", "part"), [
    (EMOTION, "weighted_f2", "all"), (EMOTION, "glee.f1", "all"), (EMOTION, "happy.mae", "all"),
    (EMOTION, "weighted_f1", "short"), (OWN[3], "mult_a2", "all"), (OWN[3], "acc7", "all"),
    (BUILT_IN["emotion4"], "glee.accuracy", "all"), (BUILT_IN["sentiment"], "accuracy", "all")])
def test_an_unknown_score_or_part_is_a_user_error(task, name, part):
    made = tallies.tally(task, *of(task), DIALOGUE)
    with pytest.raises(UsageError, match="unknown"):
        tallies.scored(made, name, np.ones(D), part)


def test_a_sample_of_several_runs_has_their_scores_and_those_of_the_draws():
    truth, predictions = of(EMOTION)
    made = [tallies.tally(EMOTION, truth, predictions + RNG.normal(size=predictions.shape), DIALOGUE) for _ in "ab"]
    found = tallies.sampled(made, "accuracy")
    assert found.seeds == pytest.approx([float(tallies.scored(one, "accuracy", np.ones(D))) for one in made])
    assert found.drawn.shape == (2, statistics.ROUNDS) and found.dialogues == D and not found.fixed
    with pytest.raises(UsageError, match="no run"):
        tallies.sampled([], "accuracy")
    other = tallies.tally(EMOTION, truth, predictions, np.minimum(DIALOGUE, 5))
    with pytest.raises(UsageError, match=r"6, 12 dialogues"):
        tallies.sampled([*made, other], "accuracy")


@pytest.fixture(scope="module")
def trained(tiny, tmp_path_factory):
    from erclab import runs
    folder = tmp_path_factory.mktemp("runs")
    make = {"epochs": 1, "hidden": 8, "folder": folder, "progress": False}
    return (runs.run("bc-lstm", tiny, seeds=3, **make), runs.run("bc-lstm", tiny, seeds=2, modalities=["text"], **make),
            runs.run("constant", tiny, folder=folder, progress=False))


def test_a_difference_of_runs_is_paired_by_seed_and_dialogue(trained, tiny):
    whole, text, constant = trained
    found = tallies.difference(whole, text, tiny, "weighted_f1")
    gaps = statistics.values(whole[:2]) - statistics.values(text)
    assert found.value == pytest.approx(gaps.mean()) and found.deviation == pytest.approx(gaps.std(ddof=1))
    one, other = (tallies.sampled([tallies.of_record(r, tiny) for r in side], "weighted_f1") for side in (
        whole[:2], text))
    assert found == (one - other).estimate() and found.dialogues == (tiny.dialogue_splits == "test").sum()
    against = tallies.difference(whole, constant, tiny, "weighted_f1")
    assert against.seeds == 3 and against.value == pytest.approx(
        statistics.values(whole).mean() - statistics.values(constant)[0])


def test_without_predictions_the_interval_is_over_seeds_only_and_nothing_is_judged(trained, tiny, tmp_path):
    from dataclasses import replace
    whole, text, _ = trained
    gone = [replace(r, path=tmp_path / r.path.name) for r in whole]
    for found in (tallies.difference(gone, text, tiny, "weighted_f1"),
                  tallies.difference(whole, text, None, "weighted_f1")):
        gaps = statistics.values(whole[:2]) - statistics.values(text)
        assert found == statistics.over_seeds(gaps) and found.over == "seeds only, this test split"
        assert statistics.verdict(found) == statistics.NOT_JUDGED


def test_runs_without_a_common_seed_or_of_another_corpus_are_refused(trained, tiny):
    from erclab.corpora import simulated
    whole, text, _ = trained
    with pytest.raises(UsageError, match="no seed in common"):
        tallies.difference(whole[2:], text, tiny, "weighted_f1")
    with pytest.raises(UsageError, match="was not trained on"):
        tallies.difference(whole, text, simulated.generate("tiny", seed=9), "weighted_f1")
