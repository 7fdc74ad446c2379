"""The word-aligned form of a corpus: one step per word in every modality, the setting that papers call "aligned".

The published aligned features were made with the CMU SDK, and the rule here is the same: the mean of the frames during
which a word is spoken. These times are known for simulated corpora only: every word takes
`WORD_SECONDS`, after half of `EDGE_SECONDS` of silence.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from erclab.core.errors import UsageError
from erclab.corpora.corpus import Corpus
from erclab.corpora.frames import Frames
from erclab.corpora.simulated.generator import NAMES
from erclab.corpora.simulated.observe import EDGE_SECONDS, WORD_SECONDS


def to_words(corpus: Corpus) -> Corpus:
    """A simulated corpus whose audio and visual have one step per word: the mean of the frames in the word's time.

    A frame belongs to the word that is spoken at the middle of the frame. The face moves before the voice; its frames
    are not shifted, because an aligner of real recordings cannot shift them either. A word without a frame has zeros,
    as in the published features.

    Raises:
        UsageError: the times of the words are unknown, or the corpus has no sequences.
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
