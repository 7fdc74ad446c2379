"""The scores of every task, by scikit-learn and numpy, with the conventions spelled out.

Records hold `scores(task, truth, prediction)`; the docstring of each task's function defines its scores. `SELECT` names
the score by which an epoch is chosen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support

from erclab.core.errors import ErclabError

# Task -> the scores that a table shows.
HEADLINES = {
    "emotion": ("accuracy", "weighted_f1", "macro_f1", "balanced_accuracy"),
    "emotion4": ("accuracy", "weighted_f1", "balanced_accuracy", "positive_f1"),
    "sentiment": ("acc7", "acc2_non0", "f1_non0", "mae", "correlation"),
    "dimensional": ("correlation", "mae"),
}
HEADLINE = HEADLINES["emotion"]
PLAIN = ("mae", "correlation")  # shown as they are, all others in percent
# Score -> its name in figures and tables.
TITLES = {"accuracy": "accuracy", "weighted_f1": "weighted F1", "macro_f1": "macro F1",
          "balanced_accuracy": "balanced accuracy", "positive_f1": "F1 of the positive", "acc7": "7-class accuracy",
          "acc2_non0": "binary accuracy, without 0", "f1_non0": "binary F1, without 0", "mae": "mean absolute error",
          "correlation": "correlation", "mult_a2": "binary accuracy of clipped values"}
# Task -> (the score that chooses an epoch, 1 if the largest is best and -1 if the smallest).
SELECT = {"emotion": ("weighted_f1", 1), "emotion4": ("weighted_f1", 1), "sentiment": ("mae", -1),
          "dimensional": ("correlation", 1)}
EMOTION4 = ("neutral", "happy", "sad", "angry")
DIMENSIONS = ("valence", "arousal", "expectancy", "power")


def is_share(metric: str) -> bool:
    """Whether a score is shown in percent; `happy.accuracy` is, `valence.mae` is not (`PLAIN`)."""
    return metric.rpartition(".")[2] not in PLAIN


def scale(metric: str) -> int:
    """100 for a share, which is shown in percent and points; 1 for an error or a correlation."""
    return 100 if is_share(metric) else 1


def scores(task: str, truth: np.ndarray, prediction: np.ndarray) -> dict[str, float | None]:
    """The scores of a task over annotated utterances.

    Args:
        truth: labels as `erclab.core.tasks` has them; -1 and NaN are not counted.
        prediction: (N, C), see `erclab.core.tasks.predictions`.

    Raises:
        ErclabError: nothing is annotated, or the shapes do not fit.
    """
    truth, prediction = np.asarray(truth), np.asarray(prediction)
    if truth.ndim < 1 or prediction.ndim != 2 or len(truth) != len(prediction):
        raise ErclabError(f"truth {truth.shape} and prediction {prediction.shape} cannot be compared")
    if task == "emotion":
        at = truth >= 0
        return {**classification_scores(truth[at], prediction[at].argmax(1), prediction.shape[1])}
    if task == "emotion4":
        at = ~np.isnan(truth).any(1)
        return {**emotion4_scores(truth[at], prediction[at].reshape(-1, truth.shape[1], 2).argmax(2))}
    if task == "sentiment":
        at = ~np.isnan(truth[:, 0])
        return sentiment_scores(truth[at, 0], prediction[at, 0])
    return dimensional_scores(truth, prediction)


def sentiment_scores(truth: np.ndarray, prediction: np.ndarray) -> dict[str, float | None]:
    """Scores of sentiment in [-3, 3], with every convention that the field uses under a name of its own.

    `acc7`, `acc5`: clipped to [-3, 3] or [-2, 2] and rounded (half to even), equal. `acc2_non0`, `f1_non0`: labels of
    exactly 0 left out, positive against negative; F1 weighted. `acc2_has0`, `f1_has0`: zeros kept, as not negative.
    `f1_non0_swapped`: truth and prediction exchanged, as in MulT's evaluation: its weights come from the predictions.
    `mult_a2`: clipped to [0, 1] and rounded, as LMR-CBT reports it. `mae`, `correlation` (Pearson; None of a constant).
    Scores without zeros are None where every label is 0.

    Args:
        truth, prediction: (N,).

    Raises:
        ErclabError: no sample, or different lengths.
    """
    truth, prediction = np.asarray(truth, dtype=np.float64), np.asarray(prediction, dtype=np.float64)
    if truth.shape != prediction.shape or truth.ndim != 1 or len(truth) == 0:
        raise ErclabError(f"truth {truth.shape} and prediction {prediction.shape} cannot be compared",
                          remedy="Both must be one value per utterance, at least one.")

    def rounded(x, low, high):
        return np.round(np.clip(x, low, high))

    some = truth != 0
    positive, guess = truth[some] > 0, prediction[some] > 0
    has0 = {"acc2_has0": accuracy_score(truth >= 0, prediction >= 0),
            "f1_has0": f1_score(truth >= 0, prediction >= 0, average="weighted", zero_division=0)}
    non0 = {"acc2_non0": None, "f1_non0": None, "f1_non0_swapped": None} if not some.any() else {
        "acc2_non0": accuracy_score(positive, guess),
        "f1_non0": f1_score(positive, guess, average="weighted", zero_division=0),
        "f1_non0_swapped": f1_score(guess, positive, average="weighted", zero_division=0)}
    found = {"acc7": np.mean(rounded(truth, -3, 3) == rounded(prediction, -3, 3)),
             "acc5": np.mean(rounded(truth, -2, 2) == rounded(prediction, -2, 2)), **non0, **has0,
             "mult_a2": np.mean(rounded(truth, 0, 1) == rounded(prediction, 0, 1)),
             "mae": np.abs(truth - prediction).mean(), "correlation": correlation(truth, prediction)}
    return {name: None if value is None else float(value) for name, value in found.items()}


def emotion4_scores(truth: np.ndarray, prediction: np.ndarray) -> dict[str, float]:
    """Four one-versus-rest labels: the mean over emotions of each score, and each emotion's own (`happy.accuracy`).

    Papers print accuracy and weighted F1, in which a predictor that always predicts "absent" does well. Balanced
    accuracy (0.5 for that predictor) and the F1 of "present" (0) reveal it.

    Args:
        truth, prediction: (N, 4) of 0 and 1, in the order of `EMOTION4`.

    Raises:
        ErclabError: no sample, or other shapes.
    """
    truth, prediction = np.asarray(truth), np.asarray(prediction)
    if truth.shape != prediction.shape or truth.shape[1:] != (len(EMOTION4),) or len(truth) == 0:
        raise ErclabError(f"truth {truth.shape} and prediction {prediction.shape} cannot be compared",
                          remedy="Both must be 0 or 1 for each of four emotions, at least one sample.")
    own: dict[str, dict[str, float]] = {}
    for name, t, p in zip(EMOTION4, truth.T.astype(int), prediction.T.astype(int), strict=True):
        both = classification_scores(t, p, 2)
        own[name] = {"accuracy": both["accuracy"], "weighted_f1": both["weighted_f1"],
                     "balanced_accuracy": both["balanced_accuracy"],
                     "positive_f1": float(f1_score(t, p, zero_division=0))}
    mean = {score: float(np.mean([s[score] for s in own.values()])) for score in HEADLINES["emotion4"]}
    return mean | {f"{name}.{score}": value for name, s in own.items() for score, value in s.items()}


def dimensional_scores(truth: np.ndarray, prediction: np.ndarray) -> dict[str, float | None]:
    """Pearson's r and the mean absolute error of each affect dimension (`arousal.correlation`), and their means.

    A dimension without annotation is left out. A constant prediction has no correlation: None, and 0 in the mean, so
    that a constant prediction is not better than a bad one.

    Args:
        truth, prediction: (N, K), K at most 4, in the order of `DIMENSIONS`; NaN in the truth is not counted.

    Raises:
        ErclabError: nothing is annotated, or other shapes.
    """
    truth, prediction = np.asarray(truth, dtype=np.float64), np.asarray(prediction, dtype=np.float64)
    if truth.shape != prediction.shape or truth.ndim != 2 or np.isnan(truth).all():
        raise ErclabError(f"truth {truth.shape} and prediction {prediction.shape} cannot be compared",
                          remedy="Both must be one value per utterance and dimension, some of them annotated.")
    own = {}
    for name, t, p in zip(DIMENSIONS, truth.T, prediction.T, strict=False):
        at = ~np.isnan(t)
        if at.any():
            own[name] = {"correlation": correlation(t[at], p[at]), "mae": float(np.abs(t[at] - p[at]).mean())}
    mean = {score: float(np.mean([s[score] or 0.0 for s in own.values()])) for score in HEADLINES["dimensional"]}
    return mean | {f"{name}.{score}": value for name, s in own.items() for score, value in s.items()}


def correlation(x: np.ndarray, y: np.ndarray) -> float | None:
    """Pearson's r, or None where one of them is constant."""
    if len(x) < 2 or np.ptp(x) < 1e-12 or np.ptp(y) < 1e-12:
        return None
    return float(np.corrcoef(x, y)[0, 1])


def classification_scores(truth: np.ndarray, prediction: np.ndarray, classes: int) -> dict[str, float]:
    """Accuracy, weighted F1, macro F1 and balanced accuracy, each in [0, 1].

    Macro F1 averages over all C classes, also those that are never predicted or absent from the truth (0):
    scikit-learn's default leaves the latter out, and a score must not depend on which labels happen to be seen.
    Balanced accuracy is the mean recall over the classes that the truth has.

    Args:
        truth, prediction: (N,) label indices.
        classes: C.

    Raises:
        ErclabError: no sample, different lengths, or a label outside 0..C-1.
    """
    truth, prediction = _checked(truth, prediction, classes)
    every = range(classes)
    recall = precision_recall_fscore_support(truth, prediction, labels=every, zero_division=0)[1]
    return {
        "accuracy": float(accuracy_score(truth, prediction)),
        "weighted_f1": float(f1_score(truth, prediction, labels=every, average="weighted", zero_division=0)),
        "macro_f1": float(f1_score(truth, prediction, labels=every, average="macro", zero_division=0)),
        "balanced_accuracy": float(np.mean(recall[np.unique(truth)])),
    }


def confusion(truth: np.ndarray, prediction: np.ndarray, classes: int) -> np.ndarray:
    """(C, C) counts: row = truth, column = prediction."""
    truth, prediction = _checked(truth, prediction, classes)
    return confusion_matrix(truth, prediction, labels=range(classes))


def per_class(matrix: np.ndarray, labels: Sequence[str]) -> pd.DataFrame:
    """Precision, recall, F1 and support of each class from a (C, C) confusion matrix.

    Precision without a prediction and recall without a sample are NaN, not 0: there was nothing to measure.
    """
    matrix = np.asarray(matrix, dtype=float)
    hit, predicted, support = np.diag(matrix), matrix.sum(0), matrix.sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        table = {"precision": hit / predicted, "recall": hit / support,
                 "f1": np.where(predicted + support > 0, 2 * hit / (predicted + support), 0.0)}
    return pd.DataFrame({**table, "support": support.astype(int)}, index=list(labels))


def _checked(truth, prediction, classes: int) -> tuple[np.ndarray, np.ndarray]:
    truth, prediction = np.asarray(truth), np.asarray(prediction)
    if truth.shape != prediction.shape or truth.ndim != 1 or len(truth) == 0:
        raise ErclabError(f"truth {truth.shape} and prediction {prediction.shape} cannot be compared",
                          remedy="Both must be one label per utterance, at least one.")
    for name, values in (("truth", truth), ("prediction", prediction)):
        if values.min() < 0 or values.max() >= classes:
            raise ErclabError(f"{name} holds a label outside 0..{classes - 1}")
    return truth, prediction
