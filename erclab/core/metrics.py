"""The scores of every task, by scikit-learn and numpy, with the conventions spelled out.

Records hold `scores(task, truth, prediction)`; the docstring of each task's function defines its scores. `select` names
the score by which an epoch is chosen. An own task (`erclab.core.targets.Task`) has the scores of its kind.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support

from erclab.core.errors import ErclabError, unknown
from erclab.core.targets import DIMENSIONS, EMOTION4, Task, of

# Built-in task -> the scores that a table shows.
HEADLINES = {
    "emotion": ("accuracy", "weighted_f1", "macro_f1", "balanced_accuracy"),
    "emotion4": ("accuracy", "weighted_f1", "balanced_accuracy", "positive_f1"),
    "sentiment": ("acc7", "acc2_non0", "f1_non0", "mae", "correlation"),
    "dimensional": ("correlation", "mae"),
}
HEADLINE = HEADLINES["emotion"]
NO_NEUTRAL = ("micro_f1_no_neutral", "macro_f1_no_neutral")
# Sentiment: scores of the scale [-3, 3] alone, of every scale, and of CH-SIMS (`sentiment_scores`).
_OF_3 = ("acc7", "acc5", "mult_a2")
_SIGNS = ("acc2_non0", "f1_non0", "f1_non0_swapped", "acc2_has0", "f1_has0", "mae", "correlation")
_SIMS = ("acc2_sims", "acc3_sims", "acc5_sims", "f1_sims")
_SIMS_EDGES = {"acc2_sims": (0.0,), "acc3_sims": (-0.1, 0.1), "acc5_sims": (-0.7, -0.1, 0.1, 0.7)}
_NEUTRAL = ("neutral", "no emotion", "noemotion", "neu")
PLAIN = ("mae", "correlation")  # shown as they are, all others in percent
# Score -> its name in figures and tables.
TITLES = {"accuracy": "accuracy", "weighted_f1": "weighted F1", "macro_f1": "macro F1",
          "balanced_accuracy": "balanced accuracy", "positive_f1": "F1 of the positive", "acc7": "7-class accuracy",
          "acc2_non0": "binary accuracy, without 0", "f1_non0": "binary F1, without 0", "mae": "mean absolute error",
          "correlation": "correlation", "mult_a2": "binary accuracy of clipped values",
          "micro_f1_no_neutral": "micro F1 without neutral", "macro_f1_no_neutral": "macro F1 without neutral",
          "acc2_sims": "2-class accuracy", "acc3_sims": "3-class accuracy", "acc5_sims": "5-class accuracy",
          "f1_sims": "2-class F1"}
# Built-in task -> (the score that chooses an epoch, 1 if the largest is best and -1 if the smallest).
SELECT = {"emotion": ("weighted_f1", 1), "emotion4": ("weighted_f1", 1), "sentiment": ("mae", -1),
          "dimensional": ("correlation", 1)}


def headline(task: str | Task) -> tuple[str, ...]:
    """The scores that a table shows of a task; of sentiment on another scale than [-3, 3] those of CH-SIMS."""
    task = of(task)
    return (*_SIMS, "mae", "correlation") if _other_scale(task) else HEADLINES[task.like]


def score_names(task: str | Task) -> tuple[str, ...]:
    """Every score of a task, see `scores`."""
    task = of(task)
    if task.kind == "classes":
        return (*HEADLINE, *(NO_NEUTRAL if neutral(task.names) is not None else ()))
    if task.name == "sentiment":
        return (*_SIGNS, *(_SIMS if _other_scale(task) else _OF_3))
    return (*HEADLINES[task.like], *(f"{n}.{m}" for n in task.names for m in HEADLINES[task.like]))


def select(task: str | Task, choose: str | None = None) -> tuple[str, int]:
    """(the score that chooses an epoch, 1 if the largest is best and -1 if the smallest).

    Args:
        choose: another score of the task; None for the one of `SELECT`.

    Raises:
        UsageError: the task has no such score.
    """
    task = of(task)
    if choose is None:
        return SELECT[task.like]
    if choose not in score_names(task):
        raise unknown(f"score of {task.name} to choose an epoch by", choose, score_names(task))
    return choose, -1 if choose.rpartition(".")[2] == "mae" else 1


def neutral(names: Sequence[str]) -> int | None:
    """The index of the class that means "neutral" or "no emotion"; None where no class has such a name."""
    plain = [" ".join(name.casefold().replace("_", " ").replace("-", " ").split()) for name in names]
    return next((i for i, name in enumerate(plain) if name in _NEUTRAL), None)


def mostly(counts: np.ndarray, index: int) -> bool:
    """Whether one class has more than half of the counts (C,)."""
    return bool(2 * counts[index] > counts.sum())


def _other_scale(task: Task) -> bool:
    """Whether it is sentiment on another scale than CMU-MOSI's."""
    return task.name == "sentiment" and not task.built_in


def title(metric: str) -> str:
    """The name of a score in figures and tables; of one column `happy, weighted F1`."""
    column, _, name = metric.rpartition(".")
    return f"{column}, {TITLES.get(name, name)}" if column else TITLES.get(name, name)


def is_share(metric: str) -> bool:
    """Whether a score is shown in percent; `happy.accuracy` is, `valence.mae` is not (`PLAIN`)."""
    return metric.rpartition(".")[2] not in PLAIN


def scale(metric: str) -> int:
    """100 for a share, which is shown in percent and points; 1 for an error or a correlation."""
    return 100 if is_share(metric) else 1


def scores(task: str | Task, truth: np.ndarray, prediction: np.ndarray) -> dict[str, float | None]:
    """The scores of a task over annotated utterances.

    Args:
        task: a name of `erclab.core.tasks.TASKS`, or a task with its names and scale.
        truth: labels as `erclab.core.tasks` has them; -1 and NaN are not counted.
        prediction: (N, C), see `erclab.core.tasks.predictions`.

    Raises:
        ErclabError: nothing is annotated, or the shapes do not fit.
    """
    task, truth, prediction = of(task), np.asarray(truth), np.asarray(prediction)
    if truth.ndim < 1 or prediction.ndim != 2 or len(truth) != len(prediction):
        raise ErclabError(f"truth {truth.shape} and prediction {prediction.shape} cannot be compared")
    if task.kind == "classes":
        at = truth >= 0
        truth, guess, C = truth[at], prediction[at].argmax(1), prediction.shape[1]
        found = classification_scores(truth, guess, C)
        apart = neutral(task.names)
        return {**found, **({} if apart is None else without_neutral(confusion(truth, guess, C), apart))}
    if task.kind == "binary":
        at = ~np.isnan(truth).all(1)
        return {**emotion4_scores(truth[at], prediction[at].reshape(-1, truth.shape[1], 2).argmax(2),
                                  _names(task, truth))}
    if task.name == "sentiment":
        at = ~np.isnan(truth[:, 0])
        return sentiment_scores(truth[at, 0], prediction[at, 0], task.scale if _other_scale(task) else None)
    return dimensional_scores(truth, prediction, _names(task, truth))


def _names(task: Task, truth: np.ndarray) -> Sequence[str]:
    """The names of the columns; numbers where a built-in task's name stands for an own task with more columns."""
    return task.names if truth.shape[1] <= len(task.names) else [str(i) for i in range(truth.shape[1])]


def without_neutral(matrix: np.ndarray, apart: int) -> dict[str, float]:
    """Micro and macro F1 over all classes but the neutral one, from a (C, C) confusion matrix with row = truth.

    Utterances that are neutral count where they are predicted as something else (a false positive of that class), and
    emotions that are predicted as neutral are missed. Micro F1: DailyDialog's score since Ghosal et al. (2020, COSMIC,
    Findings of EMNLP), because four of five of its utterances have no emotion; scikit-learn's `f1_score` with
    `labels` of the other classes. Macro F1: the mean over the same classes, 0 for a class that never occurs.

    Args:
        apart: the index of the neutral class.
    """
    matrix = np.asarray(matrix, dtype=np.float64)
    others = np.delete(np.arange(len(matrix)), apart)
    hit, marked = np.diag(matrix)[others], matrix.sum(0)[others] + matrix.sum(1)[others]
    return {"micro_f1_no_neutral": float(2 * hit.sum() / max(marked.sum(), 1)),
            "macro_f1_no_neutral": float(np.mean(2 * hit / np.maximum(marked, 1)))}


def sentiment_scores(truth: np.ndarray, prediction: np.ndarray, scale: tuple[float, float] | None = None
                     ) -> dict[str, float | None]:
    """Scores of sentiment, with every convention that the field uses under a name of its own.

    `acc7`, `acc5`: clipped to [-3, 3] or [-2, 2] and rounded (half to even), equal. `acc2_non0`, `f1_non0`: labels of
    exactly 0 left out, positive against negative; F1 weighted. `acc2_has0`, `f1_has0`: zeros kept, as not negative.
    `f1_non0_swapped`: truth and prediction exchanged, as in MulT's evaluation: its weights come from the predictions.
    `mult_a2`: clipped to [0, 1] and rounded, as LMR-CBT reports it. `mae`, `correlation` (Pearson; None of a constant).
    Scores without zeros are None where every label is 0.

    On another scale `acc7`, `acc5` and `mult_a2` do not exist, because rounding means nothing there, and 0 is the
    middle of the scale for the others. Instead there are CH-SIMS's scores (Yu et al. 2020, ACL, as its authors' MMSA
    computes them) of values that are mapped to [-1, 1] (to six decimals, as float32 has them) and clipped: `acc2_sims`
    and `f1_sims` (weighted): above 0 or not; `acc3_sims`: edges -0.1 and 0.1; `acc5_sims`: edges -0.7, -0.1, 0.1 and
    0.7. An edge belongs to the lower class.

    Args:
        truth, prediction: (N,).
        scale: lowest and highest value; None for [-3, 3].

    Raises:
        ErclabError: no sample, or different lengths.
    """
    truth, prediction = np.asarray(truth, dtype=np.float64), np.asarray(prediction, dtype=np.float64)
    if truth.shape != prediction.shape or truth.ndim != 1 or len(truth) == 0:
        raise ErclabError(f"truth {truth.shape} and prediction {prediction.shape} cannot be compared",
                          remedy="Both must be one value per utterance, at least one.")

    def rounded(x, low, high):
        return np.round(np.clip(x, low, high))

    mae = np.abs(truth - prediction).mean()
    if scale is not None:
        middle, half = (scale[0] + scale[1]) / 2, (scale[1] - scale[0]) / 2
        truth, prediction = (np.round((x - middle) / half, 6) for x in (truth, prediction))
    some = truth != 0
    positive, guess = truth[some] > 0, prediction[some] > 0
    has0 = {"acc2_has0": accuracy_score(truth >= 0, prediction >= 0),
            "f1_has0": f1_score(truth >= 0, prediction >= 0, average="weighted", zero_division=0)}
    non0 = {"acc2_non0": None, "f1_non0": None, "f1_non0_swapped": None} if not some.any() else {
        "acc2_non0": accuracy_score(positive, guess),
        "f1_non0": f1_score(positive, guess, average="weighted", zero_division=0),
        "f1_non0_swapped": f1_score(guess, positive, average="weighted", zero_division=0)}
    fine, clipped = ({"acc7": np.mean(rounded(truth, -3, 3) == rounded(prediction, -3, 3)),
                      "acc5": np.mean(rounded(truth, -2, 2) == rounded(prediction, -2, 2))},
                     {"mult_a2": np.mean(rounded(truth, 0, 1) == rounded(prediction, 0, 1))}
                     ) if scale is None else (_sims(truth, prediction), {})
    found = {**fine, **non0, **has0, **clipped, "mae": mae, "correlation": correlation(truth, prediction)}
    return {name: None if value is None else float(value) for name, value in found.items()}


def _sims(truth: np.ndarray, prediction: np.ndarray) -> dict[str, float]:
    """CH-SIMS's classes of values on [-1, 1]."""
    t, p = np.clip(truth, -1, 1), np.clip(prediction, -1, 1)
    found = {name: float(np.mean(np.digitize(t, edges, right=True) == np.digitize(p, edges, right=True)))
             for name, edges in _SIMS_EDGES.items()}
    return found | {"f1_sims": float(f1_score(t > 0, p > 0, average="weighted", zero_division=0))}


def emotion4_scores(truth: np.ndarray, prediction: np.ndarray, names: Sequence[str] = EMOTION4) -> dict[str, float]:
    """Binary labels, such as one-versus-rest emotions: the mean over columns of each score, and each column's own
    (`happy.accuracy`), over the utterances that have that column; a column without annotation is left out.

    Papers print accuracy and weighted F1, in which a predictor that always predicts "absent" does well. Balanced
    accuracy (0.5 for that predictor) and the F1 of "present" (0) reveal it. Balanced accuracy is the "weighted
    accuracy" of CMU-MOSEI's papers (Zadeh et al. 2018, ACL, after Tong et al. 2017): with P utterances that have the
    emotion and N that have not, (TP N / P + TN) / 2N = (TP / P + TN / N) / 2. Their F1 is the weighted one.

    Args:
        truth, prediction: (N, K) of 0 and 1, NaN in the truth where there is none.
        names: of the K columns.

    Raises:
        ErclabError: no sample, or other shapes.
    """
    truth, prediction = np.asarray(truth), np.asarray(prediction)
    if truth.shape != prediction.shape or truth.shape[1:] != (len(names),) or np.isnan(truth).all():
        raise ErclabError(f"truth {truth.shape} and prediction {prediction.shape} cannot be compared",
                          remedy=f"Both must be 0 or 1 for each of {', '.join(names)}, at least one sample.")
    own: dict[str, dict[str, float]] = {}
    for name, column, guess in zip(names, truth.T, prediction.T, strict=True):
        at = ~np.isnan(column)
        if not at.any():
            continue
        t, p = column[at].astype(int), guess[at].astype(int)
        both = classification_scores(t, p, 2)
        own[name] = {"accuracy": both["accuracy"], "weighted_f1": both["weighted_f1"],
                     "balanced_accuracy": both["balanced_accuracy"],
                     "positive_f1": float(f1_score(t, p, zero_division=0))}
    mean = {score: float(np.mean([s[score] for s in own.values()])) for score in HEADLINES["emotion4"]}
    return mean | {f"{name}.{score}": value for name, s in own.items() for score, value in s.items()}


def dimensional_scores(truth: np.ndarray, prediction: np.ndarray, names: Sequence[str] = DIMENSIONS
                       ) -> dict[str, float | None]:
    """Pearson's r and the mean absolute error of each number (`arousal.correlation`), and their means.

    A number without annotation is left out. A constant prediction has no correlation: None, and 0 in the mean, so
    that a constant prediction is not better than a bad one.

    Args:
        truth, prediction: (N, K); NaN in the truth is not counted.
        names: of the columns, at least K.

    Raises:
        ErclabError: nothing is annotated, or other shapes.
    """
    truth, prediction = np.asarray(truth, dtype=np.float64), np.asarray(prediction, dtype=np.float64)
    if truth.shape != prediction.shape or truth.ndim != 2 or np.isnan(truth).all():
        raise ErclabError(f"truth {truth.shape} and prediction {prediction.shape} cannot be compared",
                          remedy="Both must be one value per utterance and dimension, some of them annotated.")
    own = {}
    for name, t, p in zip(names, truth.T, prediction.T, strict=False):
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
