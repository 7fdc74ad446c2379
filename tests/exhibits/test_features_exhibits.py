"""The exhibits about features draw what they are given and refuse what they cannot."""

import numpy as np
import pytest

from erclab.analysis import conversations, probes
from erclab.core.errors import UsageError
from erclab.corpora import simulated
from erclab.figures import features, heat


@pytest.fixture(scope="module")
def framed():
    return simulated.generate("tiny", frames=True, dialogues=(60, 4, 20))


def drawn(corpus, row, towards=None):
    strengths = conversations.step_strengths(corpus, row, towards)
    return features.strips(strengths, {m: f"{m}, its steps" for m in strengths}, conversations.bursts(corpus, row))


def test_similarity_prints_the_cosines():
    vectors = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 3.0]])
    axis = heat.similarity(["a", "b", "c"], vectors).axes[0]
    shown = {tuple(map(int, t.get_position())): t.get_text() for t in axis.texts}
    assert shown[0, 1] == "1.0" and shown[2, 0] == "0.0"
    assert [t.get_text() for t in axis.get_yticklabels()] == ["a", "b", "c"]


def test_probes_tell_evidence_from_noise(framed):
    noise = np.random.default_rng(0).normal(size=(len(framed), 8))
    found = probes.probe_scores(framed, {"text": framed.vectors["text"], "noise": noise})
    assert found["text, plain"][0] > found["noise, plain"][0] + 0.2
    assert found["text, ambiguous"][0] < found["text, plain"][0] - 0.2
    assert set(probes.probe_scores(framed, {"noise": noise}, kinds=False)) == {"noise"}
    with pytest.raises(UsageError, match="'noise' has 3 vectors"):
        probes.probe_scores(framed, {"noise": noise[:3]})


def test_frames_are_drawn_with_their_times_and_words(framed):
    row = 5
    axes = drawn(framed, row).axes
    for axis, (modality, sequences) in zip(axes, framed.frames.items(), strict=True):
        heights = [p.get_height() for p in axis.patches][: len(sequences[row])]
        assert heights == pytest.approx(np.linalg.norm(sequences[row], axis=1).tolist(), rel=1e-4)
        assert axis.get_title(loc="left").startswith(modality)
    assert [t.get_text() for t in axes[0].get_xticklabels()] == framed.table["text"][row].split()


def test_towards_its_prototype_an_utterance_peaks_in_the_burst(framed):
    world, table = simulated.world_of("tiny"), framed.table
    inside, outside = [], []
    for row in table.index[table["audio_shown"] != "masked"]:
        direction = world.prototypes("audio")[framed.labels.index(table["audio_shown"][row])]
        axis = drawn(framed, row, {"audio": direction}).axes[1]
        bars = axis.patches[: framed.frames["audio"].lengths[row]]
        for bar in bars:
            at = bar.get_x() + bar.get_width() / 2
            there = table["burst_start"][row] <= at <= table["burst_end"][row]
            (inside if there else outside).append(bar.get_height())
        if len(inside) > 300:
            break
    assert np.mean(inside) > np.mean(outside) + 0.3


def test_a_corpus_without_frames_is_refused():
    with pytest.raises(UsageError, match="has no frames"):
        conversations.step_strengths(simulated.generate("tiny"), 0)
