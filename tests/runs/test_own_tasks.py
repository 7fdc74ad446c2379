"""Own tasks from the table to the record: training, scores, tables, predictions, and what built-in tasks keep."""

import dataclasses
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import erclab as erc
from erclab import runs
from erclab.analysis import incongruity, scores, statistics
from erclab.core import metrics
from erclab.core.errors import UsageError
from erclab.core.targets import Task
from erclab.corpora import Corpus
from erclab.runs.confirm import today

ONE = {"epochs": 1, "hidden": 4}


@pytest.fixture(scope="module")
def corpus():
    """18 dialogues of 4 turns; numbers around 50, two binary labels, two classes, sentiment in [-1, 1]."""
    rng = np.random.default_rng(0)
    n = 72
    x = rng.normal(size=(n, 3)).astype(np.float32)
    numbers = np.stack([50 + 10 * x[:, 0], 2 + x[:, 1], x[:, 2]], 1).astype(np.float32)
    numbers[rng.random((n, 3)) < 0.1] = np.nan
    table = pd.DataFrame({"split": np.repeat(["train", "valid", "test"], n // 3), "dialogue": np.arange(n) // 4,
                          "turn": np.arange(n) % 4, "speaker": np.where(np.arange(n) % 2, "A", "B"), "text": "",
                          "label": np.where(rng.random(n) < 0.7, 0, 1 + (x[:, 0] > 0))})
    return Corpus("mine", table.astype({"dialogue": str}), ("neutral", "glad", "sad"), {"audio": x}, annotations={
        "traits": numbers, "feels": (x[:, :2] > 0).astype(np.float32), "act": (x[:, 1:2] > 0).astype(np.float32),
        "sentiment": np.tanh(x[:, :1])}, own_tasks=(
            Task("traits", "numbers", ("open", "kind", "calm")), Task("feels", "binary", ("happy", "afraid")),
            Task("act", "classes", ("ask", "tell")), Task("sentiment", "numbers", ("sentiment",), (-1.0, 1.0))))


@pytest.fixture
def ask(corpus, tmp_path):
    def ask(model, **question):
        return runs.run(model, corpus, folder=tmp_path, progress=False, **question)[0]
    return ask


@pytest.mark.parametrize(("task", "width", "score"), [
    ("traits", 3, "kind.mae"), ("feels", 4, "afraid.balanced_accuracy"), ("act", 2, "macro_f1"),
    ("sentiment", 1, "acc5_sims")])
def test_own_tasks_are_trained_and_recorded(ask, corpus, task, width, score):
    record = ask("bc-lstm", task=task, **ONE)
    assert record.target == corpus.task(task) and record.predictions().shape == (24, width)
    assert record.spec["settings"]["task"] == corpus.task(task).like and record.scores()[score] >= 0
    assert record.scores() == metrics.scores(record.target, corpus.targets("test", task), record.predictions())
    again = runs.load(record.path)
    assert today(again).id == record.id and json.loads(record.path.read_text("utf-8"))["spec"]["target"]
    view = runs.views(record.spec, corpus)["test"]
    assert np.array_equal(view.truth, corpus.targets("test", task), equal_nan=True)
    assert list(scores.headlines({"a": [record]}).columns)[:-1] == [metrics.TITLES[m] for m in record.headline]
    assert statistics.values([record]).shape == (1,) and incongruity.in_words(record, record.predictions())[0]


@pytest.mark.parametrize("model", ["constant", "persistence", "linear"])
def test_baselines_fit_columns_with_gaps(ask, corpus, model):
    record = ask(model, task="traits")
    found = record.predictions()
    assert np.isfinite(found).all()
    if model == "linear":
        assert record.scores()["correlation"] > 0.9  # each number is linear in a feature
    if model == "constant":
        np.testing.assert_allclose(found[0], np.nanmean(corpus.targets("train", "traits"), axis=0), rtol=1e-6)


def test_baselines_fit_binary_labels_with_gaps(corpus, tmp_path):
    labels = corpus.annotations["feels"].copy()
    labels[::3, 1] = np.nan
    labels[corpus.rows("train"), 0] = np.nan  # never annotated in training: always absent
    gaps = replace(corpus, annotations={**corpus.annotations, "feels": labels})
    for model in ("constant", "persistence", "linear", "linear-balanced"):
        record, = runs.run(model, gaps, task="feels", folder=tmp_path, progress=False)
        assert not np.isnan(record.predictions()).any() and 0 <= record.scores()["afraid.accuracy"] <= 1
    table = scores.by_column([record])
    assert list(table.index) == ["happy", "afraid"] and table.loc["afraid", "balanced accuracy"]


def test_numbers_far_from_zero_are_reached(ask, corpus):
    record = ask("bc-lstm", task="traits", epochs=2, hidden=4)
    # Labels as they are would leave the mean error of "open" near 50.
    assert record.scores()["open.mae"] < 15 and 30 < record.predictions()[:, 0].mean() < 70


def test_the_epoch_is_chosen_by_the_score_that_is_named(ask, corpus):
    record = ask("bc-lstm", task="emotion", epochs=4, hidden=4, choose="macro_f1_no_neutral")
    curve = record.curve["valid.macro_f1_no_neutral"]
    assert record.epoch() == curve.idxmax() + 1 and record.chosen_by == "macro_f1_no_neutral"
    fitted = ask("linear", task="emotion", recipe={"choose": "macro_f1"})
    assert "macro_f1" in fitted.data["curve"][0]["valid"] and fitted.spec["settings"]["choose"] == "macro_f1"
    with pytest.raises(UsageError, match="unknown score of traits to choose an epoch by 'macro_f1'"):
        ask("bc-lstm", task="traits", choose="macro_f1")


def test_scores_without_neutral_are_shown_where_most_is_neutral(ask, corpus):
    record = ask("linear", task="emotion")
    most = (corpus.targets("test") == 0).mean() > 0.5
    assert most and record.headline[-2:] == metrics.NO_NEUTRAL and "micro F1 without neutral" in scores.headlines(
        {"a": [record]})
    other = replace(record, data={**record.data, "corpus": {**record.data["corpus"], "labels": ["a", "b", "c"]}})
    assert other.headline == metrics.HEADLINE and "no neutral" not in repr(other).replace("_", " ")


def test_built_in_tasks_are_specified_as_before(ask, tiny):
    spec, = runs.plan("bc-lstm", tiny)
    assert "target" not in spec.as_dict() and spec.target is None
    fields = {f.name for f in dataclasses.fields(spec)} - {"target"}
    assert set(spec.as_dict()) == fields


def test_new_conversations_are_predicted_on_the_scale_of_the_labels(corpus, tmp_path):
    run, = erc.run("bc-lstm", corpus, task="traits", folder=tmp_path, progress=False, epochs=1, hidden=4)
    said = pd.DataFrame({"speaker": ["A", "B"], "text": ["", ""]})
    found = erc.predict(run, said, vectors={"audio": np.zeros((2, 3), np.float32)})
    assert {"open", "kind", "calm"} <= set(found) and (found["open"] > 20).all()


def test_cross_validation_pools_own_tasks(corpus, tmp_path):
    pooled, = runs.cross_validate("linear", corpus, by=3, task="feels", folder=tmp_path, progress=False)
    assert pooled.target.names == ("happy", "afraid") and pooled.headline == metrics.HEADLINES["emotion4"]
    assert pooled.scores()["happy.accuracy"] > 0.8
