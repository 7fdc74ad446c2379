"""The notices of a corpus, told to the person who loads it."""

from __future__ import annotations

import sys

from erclab.corpora.corpus import Corpus

_told: set[tuple[str, str]] = set()  # (source, notice): one process tells each once


def tell(corpus: Corpus) -> Corpus:
    """Print the notices of a corpus to stderr, each once per process; returns the corpus."""
    for notice in corpus.notices:
        if (corpus.source, notice) not in _told:
            _told.add((corpus.source, notice))
            print(f"note: {notice}", file=sys.stderr)
    return corpus
