"""The last label as the only context: against loops, and on dialogues in which labels never change."""

from dataclasses import replace

import numpy as np
import pytest

from erclab.analysis import inertia
from erclab.core import metrics
from erclab.core.batches import Flat
from erclab.corpora.views import flat


class Adds:
    """Predicts (the class in the features + the last label + 1) modulo 3; without a last label the class itself."""

    def predict(self, part):
        own, last = part.features[:, :3].argmax(1), part.features[:, 3:]
        return np.eye(3)[(own + np.where(last.any(1), last.argmax(1) + 1, 0)) % 3]


def test_each_turn_gets_the_prediction_of_the_turn_before():
    own, turn = np.array([2, 0, 1, 1, 2, 0]), np.array([0, 1, 2, 0, 1, 0])
    part = Flat(np.eye(3, dtype=np.float32)[own], np.zeros(6, int), np.full(6, -1))
    expected = []
    for x, t in zip(own, turn, strict=True):
        expected.append((x + (expected[-1] + 1 if t else 0)) % 3)
    assert inertia.rolled(Adds(), part, turn).tolist() == expected


@pytest.fixture(scope="module")
def steady(tiny):
    """Dialogues with one label each, which only the vector of the first turn shows."""
    rng, label = np.random.default_rng(0), np.zeros(len(tiny), dtype=int)
    x = rng.normal(size=(len(tiny), 8)).astype(np.float32)
    for d, (a, b) in enumerate(zip(tiny.starts[:-1], tiny.starts[1:], strict=True)):
        label[a:b] = d % 3
        x[a, :3] += 12 * np.eye(3)[d % 3]
        x[a, 7] += 20
    return replace(tiny, table=tiny.table.assign(label=label), vectors={"text": x}, name="steady", source="",
                   frames={})


def test_labels_that_last_are_found_by_the_last_label_alone(steady):
    kept, truth = inertia.kept_runs(steady), steady.targets("test")
    assert all(len(runs) == 1 and runs[0].fixed and len(runs[0].tally(steady).sums["all"]) for runs in kept.values())
    found = {name: runs[0].predictions["sound"] for name, runs in kept.items()}
    score = {name: metrics.classification_scores(truth, guess, len(steady.labels))["accuracy"]
             for name, guess in found.items()}
    assert score[inertia.KNOWN] > .9 and score[inertia.TAUGHT_TRUE] > .9
    assert score[inertia.PROBE] < .6 and score[inertia.NOTHING] < .6
    first = np.isin(steady.rows("test"), steady.starts)
    assert (found[inertia.ALONE][~first] == truth[~first]).all()


def test_a_training_utterance_is_read_by_a_probe_of_other_dialogues(steady):
    part = flat(steady, ["text"], splits=("train", "valid"))
    first = int(steady.starts[1])  # the first dialogue is a training one
    changed = part["train"].labels.copy()
    changed[:first] = (changed[:first] + 1) % 3
    one, other = (inertia._others_logs(steady, {**part, "train": replace(part["train"], labels=labels)}, .1)
                  for labels in (part["train"].labels, changed))
    assert (one[:first] == other[:first]).all() and (one[first:] != other[first:]).any()
