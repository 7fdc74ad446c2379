"""Emotional inertia: how far the last label of a dialogue goes, without any other context (O14).

A linear probe reads the utterance, and a second logistic regression reads the probe's logarithms of probabilities and
the last label of the dialogue. In the test the last label is what the second regression itself predicted for the turn
before; to train it, there are two teachers: the true last label, or the label that the probe predicts for the turn
before (of a training utterance by a probe of other dialogues, so that it errs as in the test). That the last true label
is known in the test, too, is no usable model: it is the bound of all of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from sklearn.model_selection import GroupKFold

from erclab import models
from erclab.analysis.kept import KeptRun
from erclab.analysis.tallies import dialogues_of
from erclab.core import metrics
from erclab.core.batches import Flat
from erclab.corpora import SPLITS, Corpus
from erclab.corpora.views import Standardiser, flat

TASK = "emotion"
PROBE, TAUGHT_TRUE, TAUGHT_PREDICTED, KNOWN, ALONE, NOTHING = (
    "Linear probe | single utterances", "Linear probe | last label, predicted (taught by true ones)",
    "Linear probe | last label, predicted (taught by predicted ones)", "Linear probe | last label, true",
    "Persistence | last label, true", "Constant predictor | nothing")
PENALTIES = (0.01, 0.1, 1.0, 10.0)  # of the second regression, which has 2 C inputs
FOLDS = 5


def kept_runs(corpus: Corpus, tested: Corpus | None = None) -> dict[str, list[KeptRun]]:
    """The baselines as runs without a seed, by the names above. See `label_guesses`."""
    target = corpus.task(TASK)
    return {name: [KeptRun(f"{corpus.name}, {name}", 0, target, True, metrics.SELECT[TASK], {"sound": 0}, np.zeros(0),
                           np.zeros(0), {"sound": guess})] for name, guess in label_guesses(corpus, tested).items()}


def label_guesses(corpus: Corpus, tested: Corpus | None = None) -> dict[str, np.ndarray]:
    """Name -> (n,) class indices that the baseline predicts for the test split.

    Args:
        corpus: of the training.
        tested: the corpus of the test split; the same by default.
    """
    tested, scale = tested or corpus, Standardiser.side_by_side(corpus, corpus.modalities)
    part = flat(corpus, corpus.modalities, TASK, standardiser=scale, splits=SPLITS[:2])
    part |= flat(tested, corpus.modalities, TASK, standardiser=scale, splits=SPLITS[2:])
    probe = _regression(len(corpus.labels))
    curve = probe.fit(part["train"], part["valid"])
    best = max(curve, key=lambda row: row["valid"][metrics.SELECT[TASK][0]])["penalty"]
    logs = {s: probe.predict(part[s]) for s in ("valid", "test")} | {"train": _others_logs(corpus, part, best)}
    turns = {s: _turn(dialogues_of(tested if s == "test" else corpus, s)) for s in SPLITS}
    read = {s: replace(part[s], features=np.maximum(logs[s], np.log(1e-6)).astype(np.float32)) for s in SPLITS}
    found = {PROBE: logs["test"].argmax(1)}
    heard = np.where(turns["train"] > 0, np.roll(logs["train"].argmax(1), 1), -1)
    for name, taught in ((TAUGHT_TRUE, part["train"].previous), (TAUGHT_PREDICTED, heard)):
        found[name] = _second(read, taught, turns, own=True)
    found[KNOWN] = _second(read, part["train"].previous, turns, own=False)
    for name, model in ((ALONE, "persistence"), (NOTHING, "constant")):
        simple = models.build(model, {"task": TASK, "outputs": len(corpus.labels)})
        simple.fit(part["train"], part["valid"])
        found[name] = simple.predict(part["test"]).argmax(1)
    return found


def _regression(classes: int, **changes):
    return models.build("linear", {"task": TASK, "outputs": classes, **changes})


def _turn(dialogue: np.ndarray) -> np.ndarray:
    """(N,) the place of each utterance in its dialogue, from 0."""
    first = np.flatnonzero(np.concatenate([[True], dialogue[1:] != dialogue[:-1]]))
    return np.arange(len(dialogue)) - first[dialogue]


def _others_logs(corpus: Corpus, part: Mapping[str, Flat], penalty: float) -> np.ndarray:
    """(N, C) for each training utterance, the prediction of a probe that was fitted without its dialogue."""
    train, dialogue = part["train"], dialogues_of(corpus, "train")
    found = np.zeros((len(train.labels), len(corpus.labels)))
    folds = GroupKFold(min(FOLDS, int(dialogue.max()) + 1))
    for rest, at in folds.split(train.features, groups=dialogue):
        probe = _regression(len(corpus.labels), penalties=(penalty,))
        probe.fit(_some(train, rest), part["valid"])
        found[at] = probe.predict(_some(train, at))
    return found


def _some(part: Flat, rows: np.ndarray) -> Flat:
    return Flat(part.features[rows], part.labels[rows], part.previous[rows], task=part.task)


def _with(part: Flat, last: np.ndarray) -> Flat:
    """The last label beside the features: a column per class, all 0 where there is none."""
    C = part.features.shape[1]
    return replace(part, features=np.hstack([part.features, np.eye(C + 1, dtype=np.float32)[last][:, :C]]))


def _second(read: Mapping[str, Flat], taught: np.ndarray, turns: Mapping[str, np.ndarray], own: bool) -> np.ndarray:
    """The test predictions of the second regression, its penalty chosen on validation.

    Args:
        taught: (N,) the last label of each training utterance, -1 for none.
        own: the last label is the regression's own prediction; else the true one.
    """
    best, found = -np.inf, np.zeros(0)
    for penalty in PENALTIES:
        model = _regression(read["train"].features.shape[1], penalties=(penalty,))
        model.fit(_with(read["train"], taught), _with(read["valid"], read["valid"].previous))

        def said(split: str, model=model) -> np.ndarray:
            return rolled(model, read[split], turns[split]) if own else model.predict(
                _with(read[split], read[split].previous)).argmax(1)

        truth = read["valid"].labels
        score = metrics.classification_scores(truth[truth >= 0], said("valid")[truth >= 0],
                                              read["train"].features.shape[1])[metrics.SELECT[TASK][0]]
        if score > best:
            best, found = score, said("test")
    return found


def rolled(model, part: Flat, turn: np.ndarray) -> np.ndarray:
    """(N,) predictions turn by turn, each with the model's own prediction for the turn before.

    Args:
        model: its `predict` reads features with the last label beside them.
        turn: (N,) the place of each utterance in its dialogue.
    """
    guess = np.full(len(turn), -1)
    for t in range(int(turn.max(initial=-1)) + 1):
        at = np.flatnonzero(turn == t)
        last = guess[at - 1] if t else np.full(len(at), -1)
        guess[at] = model.predict(_with(_some(part, at), last)).argmax(1)
    return guess
