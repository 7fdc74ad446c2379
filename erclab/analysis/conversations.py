"""Descriptions of a corpus, without any model: sizes, shares of labels, transitions, and the steps of an utterance."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from erclab.core.errors import UsageError, unknown
from erclab.corpora import SPLITS, Corpus
from erclab.corpora.simulated.observe import LEAD_SECONDS
from erclab.corpora.simulated.world import INTENSITIES, World

STRENGTHS = ("weak", "medium", "strong")  # of emotion words


def overview(corpus: Corpus) -> pd.DataFrame:
    """Per split: dialogues, utterances, turns per dialogue (median, longest), most speakers in one dialogue."""
    lengths = np.diff(corpus.starts)
    people = corpus.table.groupby(["split", "dialogue"])["speaker"].nunique()
    rows = {}
    for split in SPLITS:
        turns = lengths[corpus.dialogue_splits == split]
        if len(turns) == 0:
            continue
        rows[split] = {"dialogues": len(turns), "utterances": int(turns.sum()), "median turns": int(np.median(turns)),
                       "most turns": int(turns.max()), "most speakers": int(people[split].max())}
    return pd.DataFrame(rows).T


def label_shares(corpus: Corpus) -> pd.DataFrame:
    """The share (percent) of each label (columns) in each split (rows)."""
    counts = corpus.counts()
    return (100 * counts.div(counts.sum(axis=1), axis=0)).fillna(0.0)


def word_shares(world: World, form: str = "direct") -> pd.DataFrame:
    """p(word | emotion, intensity) of a simulated world in percent: rows (emotion, intensity), columns (emotion of the
    word, strength), each of which has four words that are equally frequent.

    Args:
        form: "direct" (the word that tells, also of a contrast) or "denied" (the word that is denied).

    Raises:
        UsageError: another form.
    """
    if form not in ("direct", "denied"):
        raise unknown("form with a word of the emotion", form, ("direct", "denied"))
    C = len(world.labels)
    return pd.DataFrame(100 * world.words(form).reshape(3 * C, 3 * C),
                        pd.MultiIndex.from_product([world.labels, INTENSITIES], names=["emotion", "intensity"]),
                        pd.MultiIndex.from_product([world.labels, STRENGTHS], names=["word", "strength"]))


def transitions(corpus: Corpus, split: str = "train") -> dict[str, np.ndarray]:
    """How often an emotion (column) follows another (row), relative to independence, where the ratio is 1.

    Returns:
        "own last": (C, C), the last emotion of the same speaker; "other's last": of another speaker in the turn before.
    """
    label, speaker = corpus.table["label"].to_numpy(), corpus.table["speaker"].to_numpy()
    C = len(corpus.labels)
    corpus.rows(split)  # refuses an unknown split
    counts = np.zeros((2, C, C))
    for d in np.flatnonzero(corpus.dialogue_splits == split):
        last: dict[str, int] = {}
        previous = None
        for i in range(corpus.starts[d], corpus.starts[d + 1]):
            if label[i] < 0:  # context without a label
                previous = None
                continue
            if speaker[i] in last:
                counts[0, last[speaker[i]], label[i]] += 1
            if previous is not None and previous != speaker[i]:
                counts[1, last[previous], label[i]] += 1
            last[speaker[i]], previous = label[i], speaker[i]
    found = {}
    for who, table in zip(("own last", "other's last"), counts, strict=True):
        chance = table.sum(1, keepdims=True) * table.sum(0, keepdims=True) / max(table.sum(), 1)
        found[who] = np.divide(table, chance, out=np.ones_like(table), where=chance > 0)
    return found


def step_strengths(corpus: Corpus, row: int, towards: Mapping[str, np.ndarray] | None = None) -> dict[str, pd.Series]:
    """One utterance as a model of sequences reads it: modality -> the strength of each step.

    The name of a Series is "norm" or "evidence". Its index has the words where each step is one, the middle of each
    step in seconds where the steps have a rate (index name "seconds"), or else the steps' numbers.

    Args:
        towards: modality -> (D,) direction on which the steps are projected, such as the prototype of an emotion.
            Without a direction the strength is the norm, in which the noise of many features hides a burst.

    Raises:
        UsageError: the corpus has no frames.
    """
    if not corpus.frames:
        raise UsageError(f"{corpus.name} has no frames",
                         remedy="Generate with frames=True, or read a corpus with them.")
    found, words = {}, corpus.table["text"].iloc[row].split()
    for modality, frames in corpus.frames.items():
        direction = (towards or {}).get(modality)
        strength = (np.linalg.norm(frames[row], axis=1) if direction is None
                    else frames[row] @ (direction / np.linalg.norm(direction)))
        if frames.rate:
            index = pd.Index((np.arange(len(strength)) + 0.5) / frames.rate, name="seconds")
        else:
            index = pd.Index(words, name="words") if len(words) == len(strength) else pd.RangeIndex(len(strength))
        found[modality] = pd.Series(strength, index, name="norm" if direction is None else "evidence")
    return found


def bursts(corpus: Corpus, row: int) -> dict[str, tuple[float, float]]:
    """Modality -> start and end in seconds of the burst of an utterance of a simulated corpus; else empty."""
    if "burst_start" not in corpus.table:
        return {}
    start, end = corpus.table[["burst_start", "burst_end"]].iloc[row]
    return {m: (start - LEAD_SECONDS.get(m, 0.0), end - LEAD_SECONDS.get(m, 0.0)) for m in corpus.frames}
