"""The word-aligned form of a corpus: one step per word in every modality, the setting that papers call "aligned".

The rule is that of the CMU SDK, with which the published aligned features were made: the frames of the time in which a
word is spoken, averaged. It needs to be known when that is, which only simulated corpora are: every word takes
`WORD_SECONDS`, after half of `EDGE_SECONDS` of silence.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from erclab.core.errors import UsageError
from erclab.corpora.corpus import Corpus
from erclab.corpora.frames import Frames
from erclab.corpora.simulated.generator import EDGE_SECONDS, NAMES, WORD_SECONDS


def to_words(corpus: Corpus) -> Corpus:
    """A simulated corpus whose audio and visual have one step per word: the mean of the frames in the word's time.

    A frame belongs to the word in whose time its middle is. The face's frames are not shifted by its lead, which an
    aligner of real recordings would not know either. A word without a frame has zeros, as in the published features.

    Raises:
        UsageError: nobody knows when the words of this corpus are spoken, or it has no sequences.
    """
    if corpus.name not in NAMES:
        raise UsageError(f"{corpus.name} does not say when its words are spoken", remedy="Take a simulated corpus.")
    if not corpus.frames:
        raise UsageError("this corpus has no sequences", remedy="Generate it with frames=True.")
    words = corpus.frames["text"].lengths
    frames = {m: f if m == "text" else Frames.pack([_means(f[i], n, f.rate) for i, n in enumerate(words)])
              for m, f in corpus.frames.items()}
    return replace(corpus, frames=frames, source=f"{corpus.source}, frames averaged over words")


def _means(x: np.ndarray, words: int, rate: float) -> np.ndarray:
    """(L, D) frames -> (words, D)."""
    middle = (np.arange(len(x)) + 0.5) / rate
    word = np.floor((middle - EDGE_SECONDS / 2) / WORD_SECONDS).astype(int)
    sums, there = np.zeros((words, x.shape[1])), (word >= 0) & (word < words)
    np.add.at(sums, word[there], x[there])
    return sums / np.maximum(np.bincount(word[there], minlength=words), 1)[:, None]
