"""What runs predicted, dialogue by dialogue, and every score as a function of the weights of dialogues.

An interval over dialogues needs a score under thousands of other draws of dialogues. The scores of the field follow
from sums over dialogues: counts of (truth, prediction) for classes; sums of x, y, x², y², xy and |x - y| for numbers.
An `Tally` keeps these sums for each dialogue, and `scored` computes scores from sums under any weights. With equal
weights they are the scores of `erclab.core.metrics`, by test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from erclab.analysis.statistics import Estimate, Sampled, over_seeds, resampled, values
from erclab.core import metrics
from erclab.core.errors import UsageError, unknown
from erclab.core.targets import Task
from erclab.corpora import Corpus
from erclab.runs import Record

ALL = "all"  # the part of a test split that is the whole
# Of sentiment: score -> which counts of signs it follows from (`Tally.sums`), and how.
SIGNS = {"acc2_non0": (0, "accuracy"), "f1_non0": (0, "weighted_f1"), "f1_non0_swapped": (0, "weighted_f1"),
         "acc2_has0": (1, "accuracy"), "f1_has0": (1, "weighted_f1"), "mult_a2": (2, "accuracy")}


@dataclass(frozen=True, eq=False)
class Tally:
    """The predictions of one run for a test split, as sums of each dialogue.

    Attributes:
        target: the task, with the names of its classes or columns.
        sums: part of the test split (`ALL`, "referential", ...) -> float array. By the task's kind: classes (D, C, C)
            counts, row = truth; binary (D, K, 2, 2) counts; numbers (D, K, 7), sums of 1, x, y, x², y², xy, |x - y|
            with x the truth. Sentiment also has `PART.signs`, (D, 3, 2, 2) counts of negative and positive (labels of
            0 left out; with them; clipped to [0, 1] and rounded), and `PART.fine`, (D, 1) hits of seven classes.
        fixed: the predictions have no seed: an oracle, or a fitted baseline.
    """

    target: Task
    sums: Mapping[str, np.ndarray]
    fixed: bool = False

    @property
    def dialogues(self) -> int:
        """D."""
        return len(next(iter(self.sums.values())))

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of the test split that have scores of their own."""
        return tuple(name for name in self.sums if "." not in name)


def tally(target: Task, truth: np.ndarray, predictions: np.ndarray, dialogue: np.ndarray,
            parts: Mapping[str, np.ndarray] | None = None, *, fixed: bool = False) -> Tally:
    """The sums of each dialogue.

    Args:
        truth: (N,) label indices or (N, K) numbers; -1 and NaN where there is none.
        predictions: (N, C), see `erclab.core.tasks.predictions`; of classes also (N,) indices, of binary labels also
            (N, K) zeros and ones.
        dialogue: (N,) the number of the utterance's dialogue, from 0.
        parts: name -> (N,) bool, the utterances of a part that has scores of its own.
    """
    truth, predictions, dialogue = np.asarray(truth), np.asarray(predictions), np.asarray(dialogue)
    D, found = int(dialogue.max()) + 1, {}
    for name, mask in {ALL: np.ones(len(truth), dtype=bool), **(parts or {})}.items():
        for key, value in _of_utterances(target, truth[mask], predictions[mask]).items():
            sums = np.zeros((D, *value.shape[1:]))
            np.add.at(sums, dialogue[mask], value)
            found[name + key] = sums
    return Tally(target, found, fixed)


def of_record(record: Record, corpus: Corpus, split: str = "test", *, protocol: str | None = None,
              parts: Mapping[str, np.ndarray] | None = None) -> Tally:
    """The tally of a run on a split of the corpus of training, from the predictions beside its record.

    Args:
        protocol: "sound" (the epoch chosen on validation) or "published" (on the test split); by default the record's.
        parts: see `tally`; masks over the utterances of the split.

    Raises:
        RunError: the record has no predictions beside it.
        UsageError: the run was not trained on this corpus.
    """
    if record.spec["fingerprint"] != corpus.fingerprint:
        raise UsageError(f"{record.id} was not trained on {corpus.name} as it is here", where=str(record.path),
                         remedy="Give the corpus of training, or use `erclab.analysis.evaluation.evaluate`.")
    return tally(record.target, corpus.targets(split, record.target.name), record.guesses(split, protocol),
                   dialogues_of(corpus, split), parts, fixed=record.info.kind == "fitted")


def dialogues_of(corpus: Corpus, split: str) -> np.ndarray:
    """(N,) the number of each utterance's dialogue in the split, from 0."""
    lengths = np.diff(corpus.starts)[corpus.dialogue_splits == split]
    return np.repeat(np.arange(len(lengths)), lengths)


def _of_utterances(target: Task, truth: np.ndarray, predictions: np.ndarray) -> dict[str, np.ndarray]:
    """What each utterance adds to the sums."""
    if target.kind == "classes":
        guess = predictions if predictions.ndim == 1 else predictions.argmax(1)
        return {"": _pairs(truth, guess, truth >= 0, len(target.names))}
    if target.kind == "binary":
        K, there = truth.shape[1], ~np.isnan(truth)
        guess = predictions if predictions.shape[1] == K else predictions.reshape(-1, K, 2).argmax(2)
        return {"": np.stack([_pairs(truth[:, k], guess[:, k], there[:, k], 2) for k in range(K)], 1)}
    there, x = ~np.isnan(truth), np.nan_to_num(truth.astype(np.float64))
    y = np.where(there, predictions[:, :truth.shape[1]].astype(np.float64), 0.0)
    found = {"": np.stack([there * each for each in (np.ones_like(x), x, y, x * x, y * y, x * y, np.abs(x - y))], 2)}
    if target.name == "sentiment":
        x, y, at = x[:, 0], y[:, 0], there[:, 0]
        if target.scale and not target.built_in:  # as `metrics.sentiment_scores`: 0 is the middle of the scale
            middle, half = sum(target.scale) / 2, (target.scale[1] - target.scale[0]) / 2
            x, y = (np.round((each - middle) / half, 6) for each in (x, y))
        found[".signs"] = np.stack([_pairs(x > 0, y > 0, at & (x != 0), 2), _pairs(x >= 0, y >= 0, at, 2),
                                    _pairs(np.round(np.clip(x, 0, 1)), np.round(np.clip(y, 0, 1)), at, 2)], 1)
        found[".fine"] = (at & (np.round(np.clip(x, -3, 3)) == np.round(np.clip(y, -3, 3)))).astype(float)[:, None]
    return found


def _pairs(truth: np.ndarray, guess: np.ndarray, at: np.ndarray, C: int) -> np.ndarray:
    """(N, C, C) with a one at (truth, guess) of each utterance that counts."""
    found, rows = np.zeros((len(truth), C, C)), np.flatnonzero(at)
    found[rows, truth[rows].astype(int), guess[rows].astype(int)] = 1
    return found


def scored(one: Tally, metric: str, weights: np.ndarray, part: str = ALL) -> np.ndarray:
    """A score under weights of dialogues.

    Args:
        metric: a score of the task (`erclab.core.metrics.score_names`), or of one class or column: `NAME.recall`,
            `NAME.precision`, `NAME.f1`, `NAME.correlation`, ...
        weights: (..., D), how often each dialogue is drawn.

    Returns:
        (...); a score that is not defined (no utterance, a constant) is 0, as in the means of `erclab.core.metrics`.

    Raises:
        UsageError: there is no such score or part, or no utterance has the column.
    """
    if part not in one.sums:
        raise unknown("part of the test split", part, one.parts)

    def total(key: str) -> np.ndarray:
        return np.tensordot(weights, one.sums[part + key], axes=(-1, 0))

    names, (column, _, name) = list(one.target.names), metric.rpartition(".")
    if one.target.kind == "classes":
        return _of_classes(total(""), names, metric)
    if f"{part}.signs" in one.sums and metric in (SIGNS if one.target.built_in else SIGNS.keys() - {"mult_a2"}):
        at, name = SIGNS[metric]
        counts = total(".signs")[..., at, :, :]
        return _of_classes(np.swapaxes(counts, -1, -2) if metric.endswith("swapped") else counts, [], name)
    sums = total("")
    if f"{part}.fine" in one.sums and metric == "acc7" and one.target.built_in:
        return _over(total(".fine")[..., 0], sums[..., 0, 0])
    if column and column not in names:
        raise unknown(f"column of {one.target.name}", column, names)
    of_one = _of_binary if one.target.kind == "binary" else _of_numbers
    axis = np.ndim(weights) - 1
    there = one.sums[part][..., 0].sum(0) if one.target.kind == "numbers" else one.sums[part].sum((0, 2, 3))
    if column and not there[names.index(column)]:
        raise UsageError(f"no utterance of the test split has {column}", remedy="Ask for another score.")
    chosen = [names.index(column)] if column else np.flatnonzero(there)  # a column without a label is left out
    return np.mean([of_one(np.take(sums, k, axis), name) for k in chosen], 0)


def _over(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a / b, and 0 where b is 0."""
    return np.divide(a, b, out=np.zeros(np.broadcast_shapes(np.shape(a), np.shape(b))), where=np.asarray(b) != 0)


def _of_classes(counts: np.ndarray, names: Sequence[str], metric: str) -> np.ndarray:
    """Scores of (..., C, C) counts, row = truth."""
    hit = np.diagonal(counts, axis1=-2, axis2=-1)
    support, guessed = counts.sum(-1), counts.sum(-2)
    recall, f1 = _over(hit, support), _over(2 * hit, support + guessed)
    column, _, name = metric.rpartition(".")
    if column:
        own = {"recall": recall, "precision": _over(hit, guessed), "f1": f1}
        if column not in names or name not in own:
            raise unknown("score of an emotion", metric, [f"{n}.{x}" for n in names for x in own])
        return own[name][..., list(names).index(column)]
    apart = metrics.neutral(names)
    others = [i for i in range(counts.shape[-1]) if i != apart]
    found: dict[str, Callable[[], np.ndarray]] = {
        "accuracy": lambda: _over(hit.sum(-1), support.sum(-1)),
        "weighted_f1": lambda: _over((f1 * support).sum(-1), support.sum(-1)), "macro_f1": lambda: f1.mean(-1),
        "balanced_accuracy": lambda: _over(recall.sum(-1), (support > 0).sum(-1)),
        "macro_f1_no_neutral": lambda: f1[..., others].mean(-1),
        "micro_f1_no_neutral": lambda: _over(2 * hit[..., others].sum(-1), (support + guessed)[..., others].sum(-1))}
    if metric not in found:
        raise unknown("score", metric, found)
    return found[metric]()


def _of_binary(counts: np.ndarray, name: str) -> np.ndarray:
    """Scores of (..., 2, 2) counts, row = truth, absent first."""
    return _of_classes(counts, ["absent", "present"], "present.f1" if name == "positive_f1" else name)


def _of_numbers(sums: np.ndarray, name: str) -> np.ndarray:
    """Scores of (..., 7) sums."""
    n, x, y, xx, yy, xy, error = np.moveaxis(sums, -1, 0)
    if name == "mae":
        return _over(error, n)
    if name != "correlation":
        raise unknown("score of numbers", name, ("correlation", "mae"))
    product = np.maximum(n * xx - x * x, 0) * np.maximum(n * yy - y * y, 0)
    return _over(n * xy - x * y, np.where(product > 1e-12 * n**4, np.sqrt(product), 0.0))


def sampled(tallies: Sequence[Tally], metric: str, part: str = ALL) -> Sampled:
    """A score of several runs (one per seed) on one test split, with its values under other draws of dialogues.

    Raises:
        UsageError: no run; test splits of different numbers of dialogues; no such score.
    """
    if not tallies:
        raise UsageError("there is no run of which to compute a score")
    D = {one.dialogues for one in tallies}
    if len(D) > 1:
        raise UsageError(f"runs on test splits of {', '.join(map(str, sorted(D)))} dialogues cannot be compared",
                         remedy="Evaluate all of them on one test split.")
    fixed = len(tallies) == 1 and tallies[0].fixed
    return resampled(tallies, lambda one, weights: scored(one, metric, weights, part), D.pop(), fixed)


def difference(records: Sequence[Record], base: Sequence[Record], corpus: Corpus | None, metric: str) -> Estimate:
    """How much higher `records` score than `base` on the test split, paired by seed and by test dialogue.

    Args:
        base: runs of the same corpus; only seeds that both sides have count. A fitted model is the same for all seeds.
        corpus: that of the training. Without it, or where a run has no predictions beside its record, the interval is
            over seeds only (`statistics.over_seeds`).

    Raises:
        UsageError: no seed in common, or another corpus.
    """
    records, base = same_seeds(records, base)
    if corpus is None or not all(r.path.with_suffix(".predictions.safetensors").exists() for r in (*records, *base)):
        return over_seeds(values(records, metric) - values(base, metric))
    one, other = (sampled([of_record(r, corpus) for r in side], metric) for side in (records, base))
    return (one - other).estimate()


def same_seeds(records: Sequence[Record], base: Sequence[Record]) -> tuple[list[Record], list[Record]]:
    """The runs of both sides whose seeds both sides have, in one order. A fitted model counts for every seed.

    Raises:
        UsageError: no seed in common.
    """
    sides = [{r.spec["seed"]: r for r in side} for side in (records, base)]
    if any(side[0].info.kind == "fitted" for side in (records, base)):
        return list(records), list(base)
    common = [seed for seed in sides[0] if seed in sides[1]]
    if not common:
        raise UsageError(f"{records[0].title} and {base[0].title} have no seed in common",
                         remedy="Train both with the same seeds.")
    return [sides[0][seed] for seed in common], [sides[1][seed] for seed in common]
