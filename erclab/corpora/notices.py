"""The notices of a corpus: those about its values, and how they reach the person who loads it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from erclab.core.errors import FeatureError
from erclab.corpora import missing
from erclab.corpora.corpus import Corpus

SAMPLE = 500  # texts

_told: set[tuple[str, str]] = set()  # (source, notice): one process tells each once


def suspicious(corpus: Corpus) -> list[str]:
    """Notices about values that fit their layout and look like a mistake."""
    found = missing.alike(corpus.labels)
    sentiment = corpus.annotations.get("sentiment")
    scaled = any(task.name == "sentiment" for task in corpus.own_tasks)  # on another scale than [-3, 3]
    if sentiment is not None and not scaled and not np.isnan(sentiment).all():
        low, high = float(np.nanmin(sentiment)), float(np.nanmax(sentiment))
        if -1 <= low < high <= 1:
            found.append(f"sentiment lies in [{low:g}, {high:g}], the scale is [-3, 3]: three of the seven classes of "
                         "acc7 can occur. If the scale is [-1, 1], say so (a table: --scale=-1,1; CH-SIMS: --corpus "
                         "sims-mmsa), or multiply by 3")
    return found


def unknown_words(texts: Sequence[str], encoder: str | Path) -> list[str]:
    """A notice if an encoder does not have many of the words: it was made for another language.

    Every few of the different texts are looked at, at most `SAMPLE`; the share is kept in erclab's cache.

    Raises:
        FeatureError: the encoder cannot be used.
    """
    from erclab.features import cache, text

    different = sorted({t for t in texts if t.strip()})
    sample = different[:: -(-len(different) // SAMPLE) or 1]
    folder, request = cache.folder_for("text"), cache.key("unknown-1", text.encoder_identity(encoder), *sample)
    found = cache.fetch(folder, request)
    if found is None:
        found = {"share": np.array([text.unknown_share(sample, encoder)])}
        with suppress(FeatureError):  # a cache that cannot be written
            cache.store(folder, request, found)
    share = float(found["share"][0])
    return [] if share < text.MANY_UNKNOWN else [
        f"the text encoder {encoder} does not have {100 * share:.0f} % of the words' tokens: take one for the language "
        "of the corpus (--text-encoder, in Python text_encoder)"]


def tell(corpus: Corpus) -> Corpus:
    """Print the notices of a corpus to stderr, each once per process; returns the corpus."""
    for notice in corpus.notices:
        if (corpus.source, notice) not in _told:
            _told.add((corpus.source, notice))
            sys.stderr.write(f"note: {notice}\n")
    return corpus
