"""The notices of a corpus: those about its values, and how they reach the person who loads it."""

from __future__ import annotations

import sys

import numpy as np

from erclab.corpora import missing
from erclab.corpora.corpus import Corpus

_told: set[tuple[str, str]] = set()  # (source, notice): one process tells each once


def suspicious(corpus: Corpus) -> list[str]:
    """Notices about values that fit their layout and look like a mistake."""
    found = missing.alike(corpus.labels)
    sentiment = corpus.annotations.get("sentiment")
    if sentiment is not None and not np.isnan(sentiment).all():
        low, high = float(np.nanmin(sentiment)), float(np.nanmax(sentiment))
        if -1 <= low < high <= 1:
            found.append(f"sentiment lies in [{low:g}, {high:g}], the scale is [-3, 3]: three of the seven classes of "
                         "acc7 can occur. If the corpus has the scale [-1, 1], say so (--scale=-1,1), or multiply by 3")
    return found


def tell(corpus: Corpus) -> Corpus:
    """Print the notices of a corpus to stderr, each once per process; returns the corpus."""
    for notice in corpus.notices:
        if (corpus.source, notice) not in _told:
            _told.add((corpus.source, notice))
            sys.stderr.write(f"note: {notice}\n")
    return corpus
