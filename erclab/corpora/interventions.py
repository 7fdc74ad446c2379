"""Corpora in which one thing of a conversation is changed: the order of turns, who is heard, who speaks.

A model is trained and tested on the changed corpus, and its predictions are put back into the order of the original
corpus (`Altered.restored`), so that scores of all of them are about the same utterances in the same dialogues.

What only others said, without the speaker's own earlier turns, cannot be had by leaving turns out of a dialogue: each
turn is a target, and the context of others as well. `windows` therefore makes a dialogue of each utterance: the last
turns of anybody, of the speaker or of others, without labels, and the utterance. These three are comparable.

A changed corpus has no sequences of frames: models of sequences read each utterance alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from erclab.core.errors import UsageError, unknown
from erclab.corpora.corpus import Corpus
from erclab.corpora.vocabulary import UNLABELLED

WINDOW = 4  # turns before the utterance
WHOSE: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {  # (speakers before, the speaker) -> whose turns count
    "anybody": lambda before, own: np.ones(len(before), dtype=bool),
    "own": lambda before, own: before == own,
    "others": lambda before, own: before != own,
}
# What a reader is given.
WHOLE, SINGLE, OWN, SHUFFLED = "whole dialogue", "single utterances", "own turns only", "turns shuffled"
LAST = {whose: f"last {WINDOW} turns of {name}" for whose, name in
        (("anybody", "anybody"), ("own", "the speaker"), ("others", "others"))}
TRUE, MERGED, PERMUTED = "true speakers", "speakers merged", "speakers at random"


@dataclass(frozen=True, eq=False)
class Altered:
    """A changed corpus, and where its utterances are in the original one.

    Attributes:
        corpus: the changed one; its name says what was changed.
        origin: (M,) the row of the original corpus.
        scored: (M,) bool: the copy of an utterance that is predicted; the others are context without a label.
    """

    corpus: Corpus
    origin: np.ndarray
    scored: np.ndarray

    def restored(self, values: np.ndarray, split: str = "test") -> np.ndarray:
        """What was computed for the utterances of a split of the changed corpus, in the order of the original's split.

        Args:
            values: (n, ...), one per utterance of the changed split.

        Raises:
            UsageError: there are more or fewer values than utterances.
        """
        rows = self.corpus.rows(split)
        if len(values) != len(rows):
            raise UsageError(f"{len(values)} values do not fit the {len(rows)} utterances", where=self.corpus.name)
        at = self.scored[rows]
        return np.asarray(values)[at][np.argsort(self.origin[rows][at], kind="stable")]


def turns_shuffled(corpus: Corpus, seed: int = 0) -> Altered:
    """The turns of each dialogue in a random order; each keeps its speaker, words, features and labels."""
    rng = np.random.default_rng(seed)
    origin = np.concatenate([a + rng.permutation(b - a) for a, b in pairwise(corpus.starts)])
    return _altered(corpus, "turns-shuffled", origin, turn=corpus.table["turn"].to_numpy())


def split_by_speaker(corpus: Corpus) -> Altered:
    """Each dialogue split by speaker: a speaker's own turns in their order are a dialogue."""
    key = _dialogue(corpus) * (int(corpus.speaker_index.max()) + 1) + corpus.speaker_index
    origin = np.argsort(key, kind="stable")
    return _altered(corpus, "own-turns", origin, part=corpus.speaker_index[origin])


def single_utterances(corpus: Corpus) -> Altered:
    """Each utterance is a dialogue: there is no context."""
    return _altered(corpus, "single", np.arange(len(corpus)), part=np.arange(len(corpus)))


def windows(corpus: Corpus, whose: str = "anybody", turns: int = WINDOW) -> Altered:
    """Each utterance is the last turn of a dialogue of its own, after the last `turns` turns before it of anybody, of
    its speaker ("own") or of "others". Only the utterance itself has its labels.

    Raises:
        UsageError: `whose` is none of `WHOSE`, or no turn is asked for.
    """
    if whose not in WHOSE:
        raise unknown("context", whose, WHOSE)
    if turns < 1:
        raise UsageError(f"a window of {turns} turns has no context", remedy="Take 1 or more, or single_utterances.")
    counts, speaker, parts = WHOSE[whose], corpus.speaker_index, []
    for a, b in pairwise(corpus.starts):
        for i in range(a, b):
            heard = a + np.flatnonzero(counts(speaker[a:i], int(speaker[i])))[-turns:]
            parts.append(np.append(heard, i))
    lengths = np.array([len(rows) for rows in parts])
    scored = np.zeros(lengths.sum(), dtype=bool)
    scored[np.cumsum(lengths) - 1] = True
    return _altered(corpus, f"last-{turns}-{whose}", np.concatenate(parts), scored,
                    part=np.repeat(np.arange(len(parts)), lengths))


def speakers_merged(corpus: Corpus) -> Altered:
    """All turns are of one speaker."""
    return _altered(replace(corpus, roles=()), "speakers-merged", np.arange(len(corpus)), speaker="anybody")


def speakers_permuted(corpus: Corpus, seed: int = 0) -> Altered:
    """The speakers of each dialogue are dealt to its turns at random: each has as many turns as before, and who said
    what cannot be seen."""
    rng = np.random.default_rng(seed)
    order = np.concatenate([a + rng.permutation(b - a) for a, b in pairwise(corpus.starts)])
    return _altered(corpus, "speakers-permuted", np.arange(len(corpus)),
                    speaker=corpus.table["speaker"].to_numpy()[order])


# What a reader is given -> the corpus that gives it; what is not named is the corpus as it is.
ALTERED: Mapping[str, Callable[[Corpus], Altered]] = {
    SHUFFLED: turns_shuffled, OWN: split_by_speaker, SINGLE: single_utterances,
    **{name: lambda corpus, whose=whose: windows(corpus, whose) for whose, name in LAST.items()},
    MERGED: speakers_merged, PERMUTED: speakers_permuted,
}


def _dialogue(corpus: Corpus) -> np.ndarray:
    """(N,) the number of each utterance's dialogue."""
    return np.repeat(np.arange(len(corpus.starts) - 1), np.diff(corpus.starts))


def _altered(corpus: Corpus, what: str, origin: np.ndarray, scored: np.ndarray | None = None, *,
             part: np.ndarray | None = None, **columns) -> Altered:
    """The corpus with these rows and columns.

    Args:
        scored: see `Altered`; all by default.
        part: (M,) a number that makes the name of each row's new dialogue; None keeps the dialogues.
        columns: of the new table.
    """
    scored = np.ones(len(origin), dtype=bool) if scored is None else scored
    table = corpus.table.iloc[origin].reset_index(drop=True).assign(**columns)
    table["label"] = table["label"].where(scored, UNLABELLED)
    if part is not None:
        table["dialogue"] = [f"{name}#{number}" for name, number in zip(table["dialogue"], part, strict=True)]
    made = replace(
        corpus, name=f"{corpus.name}-{what}", source=f"{corpus.source or corpus.name}, {what.replace('-', ' ')}",
        table=table, vectors={m: x[origin] for m, x in corpus.vectors.items()},
        frames={}, annotations={
            task: np.where(scored[:, None], x[origin], np.float32(np.nan)) for task, x in corpus.annotations.items()})
    return Altered(made, origin, scored)
