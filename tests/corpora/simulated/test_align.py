"""The word-aligned form of a simulated corpus: one step per word, each the mean of its own frames."""

from dataclasses import replace

import numpy as np
import pytest

from erclab.analysis import sequences
from erclab.core.errors import UsageError
from erclab.corpora import simulated
from erclab.corpora.simulated import generator
from erclab.corpora.simulated.align import to_words


def test_every_modality_has_a_step_per_word_and_the_words_stay(tiny):
    found = to_words(tiny)
    lengths = tiny.table["text"].str.split().str.len().to_numpy()
    assert all((f.lengths == lengths).all() for f in found.frames.values())
    assert (found.frames["text"].values == tiny.frames["text"].values).all()
    assert found.fingerprint != tiny.fingerprint and "averaged" in found.source
    assert sequences.aligned(found) and not sequences.aligned(tiny)


def test_a_step_is_the_mean_of_the_frames_in_the_words_time(tiny):
    found = to_words(tiny)
    for m in ("audio", "visual"):
        for i in (0, 17):
            frames, rate = tiny.frames[m][i], tiny.frames[m].rate
            for word, step in enumerate(found.frames[m][i]):
                start = generator.EDGE_SECONDS / 2 + word * generator.WORD_SECONDS
                own = [x for j, x in enumerate(frames) if start <= (j + 0.5) / rate < start + generator.WORD_SECONDS]
                assert len(own) >= 4
                np.testing.assert_allclose(step, np.mean(own, axis=0), atol=1e-5)


def test_refused(tiny):
    with pytest.raises(UsageError, match="does not say when"):
        to_words(replace(tiny, name="mosi-mult"))
    with pytest.raises(UsageError, match="no sequences"):
        to_words(simulated.generate("tiny"))
