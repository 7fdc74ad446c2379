"""Metric conventions (O5): one prediction file scored in every way that papers and their codes score it.

A convention says how labels and predictions become classes, and which score is taken of them. All conventions of one
`quantity` go by the same name in papers ("Acc-2", "F1"). Here they score the same predictions, so that nothing but the
convention can be the reason of a difference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from erclab.analysis.kept import Groups, KeptRun
from erclab.analysis.statistics import Estimate, Sampled, verdict
from erclab.analysis.tallies import Tally, dialogues_of, sampled, tally
from erclab.core.errors import UsageError
from erclab.core.targets import Task
from erclab.corpora import Corpus

MATTERS = 0.01  # a point: the size of a typical published gap
Classes = tuple[np.ndarray, np.ndarray, int]  # (N,) truth, -1 where nothing counts; (N,) prediction; how many classes


@dataclass(frozen=True)
class Convention:
    """Attributes:
    task: whose predictions it scores.
    quantity: the name in papers.
    name: what is peculiar to it.
    classes: (truth, prediction) -> both as classes. Of sentiment from (N,) numbers, of emotions from (N,) indices and
        the number of emotions.
    score: a score of `erclab.analysis.tallies.scored` of these classes.
    binary: each class against the rest, and the mean of their scores.
    """

    task: str
    quantity: str
    name: str
    classes: Callable[..., Classes]
    score: str
    binary: bool = False


def _signs(truth: np.ndarray, guess: np.ndarray, zeros: str) -> Classes:
    """Negative and positive; labels of 0 are "out", or "positive" (not negative), or "negative" (not positive)."""
    if zeros == "positive":
        t, p = truth >= 0, guess >= 0
    else:
        t, p = truth > 0, guess > 0
    return np.where((truth == 0) & (zeros == "out"), -1, t), p.astype(int), 2


def _fine(truth: np.ndarray, guess: np.ndarray, rounding: str, clip: bool = True) -> Classes:
    """Seven classes from -3 to 3; without clipping a prediction beyond them is in a class of its own."""
    ways = {"even": np.round, "up": lambda x: np.floor(x + 0.5), "away": lambda x: np.copysign(
        np.floor(np.abs(x) + 0.5), x), "zero": np.trunc}
    t, p = (ways[rounding](np.clip(x, -3, 3) if clip else x) for x in (truth, guess))
    return np.clip(t, -4, 4).astype(int) + 4, np.clip(p, -4, 4).astype(int) + 4, 9


def _clipped(truth: np.ndarray, guess: np.ndarray) -> Classes:
    return np.round(np.clip(truth, 0, 1)).astype(int), np.round(np.clip(guess, 0, 1)).astype(int), 2


def _swapped(of: Callable[..., Classes]) -> Callable[..., Classes]:
    """Truth and prediction exchanged."""
    def classes(*given):
        truth, guess, C = of(*given)
        return np.where(truth < 0, -1, guess), np.where(truth < 0, 0, truth), C
    return classes


def _emotions(truth: np.ndarray, guess: np.ndarray, C: int) -> Classes:
    return truth, guess, C


def _with(of: Callable[..., Classes], *more) -> Callable[..., Classes]:
    return lambda truth, guess: of(truth, guess, *more)


OUT, POSITIVE, NEGATIVE = (_with(_signs, zeros) for zeros in ("out", "positive", "negative"))
# The first of each quantity is this study's own; the others are compared with it.
CONVENTIONS = (
    Convention("sentiment", "Acc-2", "labels of 0 left out", OUT, "accuracy"),
    Convention("sentiment", "Acc-2", "0 counts as positive", POSITIVE, "accuracy"),
    Convention("sentiment", "Acc-2", "0 counts as negative", NEGATIVE, "accuracy"),
    Convention("sentiment", "Acc-2", "clipped to [0, 1] and rounded", _clipped, "accuracy"),
    Convention("sentiment", "F1", "weighted, labels of 0 left out", OUT, "weighted_f1"),
    Convention("sentiment", "F1", "weighted, left out, arguments swapped", _swapped(OUT), "weighted_f1"),
    Convention("sentiment", "F1", "weighted, 0 counts as positive", POSITIVE, "weighted_f1"),
    Convention("sentiment", "F1", "weighted, as positive, swapped", _swapped(POSITIVE), "weighted_f1"),
    Convention("sentiment", "F1", "weighted, 0 counts as negative", NEGATIVE, "weighted_f1"),
    Convention("sentiment", "F1", "macro, left out", OUT, "macro_f1"),
    Convention("sentiment", "F1", "of the positive class, left out", OUT, "1.f1"),
    Convention("sentiment", "Acc-7", "clipped, half to even", _with(_fine, "even"), "accuracy"),
    Convention("sentiment", "Acc-7", "clipped, half up", _with(_fine, "up"), "accuracy"),
    Convention("sentiment", "Acc-7", "clipped, half away from 0", _with(_fine, "away"), "accuracy"),
    Convention("sentiment", "Acc-7", "clipped, digits cut off", _with(_fine, "zero"), "accuracy"),
    Convention("sentiment", "Acc-7", "not clipped, half to even", _with(_fine, "even", False), "accuracy"),
    Convention("emotion", "accuracy", "of all utterances", _emotions, "accuracy"),
    Convention("emotion", "accuracy", "balanced: mean recall", _emotions, "balanced_accuracy"),
    Convention("emotion", "accuracy", "mean of each emotion against the rest", _emotions, "accuracy", True),
    Convention("emotion", "F1", "weighted", _emotions, "weighted_f1"),
    Convention("emotion", "F1", "weighted, arguments swapped", _swapped(_emotions), "weighted_f1"),
    Convention("emotion", "F1", "macro", _emotions, "macro_f1"),
    Convention("emotion", "F1", "micro (the accuracy)", _emotions, "accuracy"),
    Convention("emotion", "F1", "mean of each emotion against the rest, weighted", _emotions, "weighted_f1", True),
)


def scored_by(how: Convention, run: KeptRun, corpus: Corpus) -> Tally:
    """The sums of each test dialogue, of labels and predictions as the convention reads them.

    Raises:
        UsageError: the run predicts another task, or its predictions were not kept.
    """
    if run.target.like != how.task or "sound" not in run.predictions:
        raise UsageError(f"{run.id} has no predictions of {how.task}")
    truth, guess = corpus.targets("test", run.target.name), run.predictions["sound"]
    if how.task == "emotion":
        t, p, C = how.classes(truth, guess, len(run.target.names))
    else:
        there = ~np.isnan(truth[:, 0])
        t, p, C = how.classes(np.where(there, truth[:, 0], 0.0).astype(float), guess[:, 0])
        t = np.where(there, t, -1)
    names, where = tuple(map(str, range(C))), dialogues_of(corpus, "test")
    if how.binary:
        labels = np.where(t[:, None] < 0, np.nan, t[:, None] == np.arange(C))
        return tally(Task("against the rest", "binary", names), labels, (p[:, None] == np.arange(C)).astype(int), where,
                     fixed=run.fixed)
    return tally(Task("classes", "classes", names), t, p, where, fixed=run.fixed)


def scores(groups: Groups, corpus: Corpus) -> dict[tuple[str, str, str], dict[str, Sampled]]:
    """(task, quantity, convention) -> model -> its score over seeds and under other draws of dialogues.

    Args:
        groups: model -> its runs, of one task or of several.
    """
    found: dict[tuple[str, str, str], dict[str, Sampled]] = {}
    for how in CONVENTIONS:
        of_models = {}
        for name, runs in groups.items():
            some = [scored_by(how, run, corpus) for run in runs if run.target.like == how.task]
            if some:
                of_models[name] = sampled(some, how.score)
        if of_models:
            found[how.task, how.quantity, how.name] = of_models
    return found


def compared(found: Mapping[tuple[str, str, str], Mapping[str, Sampled]]) -> pd.DataFrame:
    """O5: a row per convention, a column per model with its score in percent; how the rest of the row reads:

    `spread`: the largest difference from the first convention of the quantity, in points, of the trained model `of`,
    with the `low` and `high` of its interval over seeds and dialogues, and `verdict` ("equivalent": within `MATTERS`).
    `order`: the models from best to worst where this order is not that of the first convention, else "".

    Args:
        found: see `scores`.
    """
    rows, first = [], {}
    for (task, quantity, name), models in found.items():
        own = first.setdefault((task, quantity), models)
        values = {model: float(one.seeds.mean()) for model, one in models.items()}
        trained = [model for model, one in models.items() if not one.fixed] or list(models)
        moved = {model: (models[model] - own[model]).estimate() for model in trained}
        worst = max(moved, key=lambda model: abs(moved[model].value))
        low, high = moved[worst].interval()
        other = models is not own
        rows.append({"task": task, "quantity": quantity, "convention": name,
                     **{model: round(100 * x, 1) for model, x in values.items()},
                     "spread": round(100 * moved[worst].value, 1), "of": worst if other else "",
                     "low": round(100 * low, 1), "high": round(100 * high, 1),
                     "verdict": verdict(moved[worst], MATTERS) if other else "",
                     "order": "" if ranked(values) == ranked({m: float(x.seeds.mean()) for m, x in own.items()})
                     else " > ".join(ranked(values))})
    return pd.DataFrame(rows).set_index(["task", "quantity", "convention"])


def ranked(values: Mapping[str, float]) -> Sequence[str]:
    """The names from the highest to the lowest value; equal ones in their own order."""
    return sorted(values, key=lambda name: -round(values[name], 6))


def reordered(found: Mapping[tuple[str, str, str], Mapping[str, Sampled]]) -> pd.DataFrame:
    """The pairs of models that change places between two conventions of a quantity: a row per pair and convention.

    Columns: `under the first` and `under this`, the difference of the two models in points, and `decided`: whether both
    intervals over seeds and dialogues leave 0, on different sides. Else the order was never told, and the convention
    only moved what is undecided.
    """
    rows, first = [], {}
    for (task, quantity, name), models in found.items():
        own, names = first.setdefault((task, quantity), models), list(models)
        for i, a in enumerate(names):
            for b in names[i + 1:]:
                before, after = (_difference(some[a], some[b]) for some in (own, models))
                if before.value * after.value < 0:
                    ends = [one.interval() for one in (before, after)]
                    told = all(low > 0 or high < 0 for low, high in ends)
                    rows.append({"task": task, "quantity": quantity, "convention": name, "pair": f"{a} - {b}",
                                 "under the first": round(100 * before.value, 1),
                                 "under this": round(100 * after.value, 1), "decided": told})
    return pd.DataFrame(rows, columns=["task", "quantity", "convention", "pair", "under the first", "under this",
                                       "decided"])


def _difference(a: Sampled, b: Sampled) -> Estimate:
    """The difference of two models on one test split; models of other numbers of seeds count by their means."""
    if len(a.seeds) != len(b.seeds) and not (a.fixed or b.fixed):
        n = min(len(a.seeds), len(b.seeds))
        a, b = (Sampled(x.seeds[:n], x.drawn[:n], x.dialogues, x.fixed) for x in (a, b))
    return (a - b).estimate()
