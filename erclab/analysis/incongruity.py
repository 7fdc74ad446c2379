"""Utterances whose modalities contradict each other, by rule: planted where that is known, else by disagreement.

HCT-MG's Table 3 shows four examples that its authors chose. Here nobody chooses: a rule ranks all utterances of a
split, before any of the compared models is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from erclab.core.errors import UsageError
from erclab.core.metrics import EMOTION4
from erclab.corpora import MODALITIES, Corpus
from erclab.runs import Record

SHARE = 0.1  # of a split: so many of the utterances whose modalities disagree most are called incongruent
CHANNELS = ("audio", "visual")
WORDS = {"audio": "voice", "visual": "face"}
RANGE = 6.0  # of sentiment, from -3 to 3


def planted(corpus: Corpus) -> bool:
    """Whether it is known what voice and face of each utterance express."""
    return {f"{m}_shown" for m in CHANNELS} <= set(corpus.table.columns)


def lies(corpus: Corpus, split: str = "test") -> pd.DataFrame:
    """What was planted: per utterance (index: corpus row) whether its `audio` and its `visual` show another emotion.

    A masked channel shows nothing, and is no lie.

    Raises:
        UsageError: the corpus does not say what voice and face express.
    """
    if not planted(corpus):
        raise UsageError(f"{corpus.name} does not say what voice and face express",
                         remedy="Take a simulated corpus, or `disagreement` of models of one modality each.")
    rows = corpus.rows(split)
    truth = np.array(corpus.labels)[corpus.table["label"].to_numpy()[rows]]
    shown = {m: corpus.table[f"{m}_shown"].to_numpy()[rows] for m in CHANNELS}
    return pd.DataFrame({m: (x != "masked") & (x != truth) for m, x in shown.items()}, index=rows)


def disagreement(predictions: Sequence[np.ndarray], task: str) -> np.ndarray:
    """(N,) how far predictions from one modality each contradict one another; 0 where they agree.

    `emotion`, `emotion4`: Jensen-Shannon divergence of the distributions over labels in bits, for `emotion4` the mean
    over its four. `sentiment`: the distance between the most positive and the most negative one, and `RANGE` more if
    they differ in sign, so that these come first. `dimensional`: the distance, mean over dimensions.

    Args:
        predictions: (N, C) of each modality, as `erclab.core.tasks.predictions` has them.

    Raises:
        UsageError: fewer than two modalities, which cannot contradict each other.
    """
    if len(predictions) < 2:
        raise UsageError(f"{len(predictions)} modality cannot contradict another", remedy="Give two or more.")
    x = np.stack([np.asarray(p, dtype=np.float64) for p in predictions])  # (M, N, C)
    if task in ("sentiment", "dimensional"):
        apart = x.max(0) - x.min(0)
        differ = (x.max(0) > 0) & (x.min(0) < 0)
        return (apart + RANGE * differ)[:, 0] if task == "sentiment" else apart.mean(1)
    p = np.exp(x).reshape(*x.shape[:2], -1, 2 if task == "emotion4" else x.shape[2])
    return (_entropy(p.mean(0)) - _entropy(p).mean(0)).mean(-1)


def select(corpus: Corpus, alone: Mapping[str, Record] | None = None, split: str = "test") -> pd.DataFrame:
    """The utterances of a split (index: corpus row): `incongruent`, `score` (to rank them by) and `why`, in words.

    Where it was planted: voice or face shows another emotion; the score is how many do, plus the intensity. Else the
    `SHARE` of utterances whose modalities, each read by a model of its own, disagree most; none if none disagree.

    Args:
        alone: modality -> a run of it alone, needed where nothing was planted.

    Raises:
        UsageError: nothing was planted, and there are fewer than two such runs.
    """
    if planted(corpus):
        found = lies(corpus, split)
        count = found.sum(axis=1)
        score = count + corpus.table["intensity"].to_numpy()[found.index] * (count > 0)
        why = [" and ".join(f"{WORDS[m]} shows {corpus.table[f'{m}_shown'].iloc[i]}" for m in CHANNELS if row[m])
               for i, row in found.iterrows()]
        return pd.DataFrame({"incongruent": count > 0, "score": score, "why": why}, index=found.index)
    alone = {m: alone[m] for m in MODALITIES if m in (alone or {})}
    predictions = {m: record.predictions(split) for m, record in alone.items()}
    score = disagreement(list(predictions.values()), next(iter(alone.values())).task if alone else "")
    order = np.lexsort((np.arange(len(score)), -score))
    incongruent = np.zeros(len(score), dtype=bool)
    incongruent[order[:max(round(SHARE * len(score)), 1)]] = True
    incongruent &= score > 0
    read = [reading(alone[m], x) for m, x in predictions.items()]
    why = [", ".join(f"{m} alone: {words[i]}" for m, words in zip(alone, read, strict=True)) if incongruent[i] else ""
           for i in range(len(score))]
    return pd.DataFrame({"incongruent": incongruent, "score": score, "why": why}, index=corpus.rows(split))


def examples(selected: pd.DataFrame, corpus: Corpus, count: int, steps: tuple[int, int] = (1, 1_000_000)) -> list[int]:
    """Corpus rows of the most incongruent utterances by `select`, of as many the first.

    Args:
        count: how many, fewer if there are no more.
        steps: fewest and most steps of their text, where the corpus has such sequences: a figure has a width.
    """
    found = selected[selected["incongruent"]]
    if "text" in corpus.frames:
        found = found[pd.Series(corpus.frames["text"].lengths[found.index], index=found.index).between(*steps)]
    return [int(i) for i in found["score"].sort_values(ascending=False, kind="stable").index[:count]]


def reading(record: Record, predictions: np.ndarray) -> list[str]:
    """What predictions (N, C) of a run say, in words: the emotion, those that are present of four, or the value."""
    if record.task == "emotion":
        return [record.labels[i] for i in predictions.argmax(1)]
    if record.task == "emotion4":
        present = predictions.reshape(len(predictions), -1, 2).argmax(2)
        return [" and ".join(e for e, p in zip(EMOTION4, row, strict=True) if p) or "none" for row in present]
    return [", ".join(f"{v:+.2f}" for v in row) for row in predictions]


def _entropy(p: np.ndarray) -> np.ndarray:
    """Bits, over the last axis; 0 log 0 is 0."""
    return -(p * np.log2(np.maximum(p, 1e-300))).sum(-1)
