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
    assert [t.get_text() for t in axis.get_yticklabels()] == ["a  1", "b  2", "c  3"]
    assert [t.get_text() for t in axis.get_xticklabels()] == ["1", "2", "3"]


def test_the_words_of_a_world_are_those_that_its_corpus_has(framed):
    world = simulated.world_of("tiny")
    table = conversations.word_shares(world)
    assert table.sum(axis=1).to_numpy() == pytest.approx(100)
    assert table.loc[("angry", 1.0), ("angry", "strong")] == pytest.approx(100 * 0.85 * 0.70)
    made = simulated.generate("tiny", dialogues=(200, 0, 0)).table
    for form, at in (("direct", made["form"].isin(["direct", "contrast"])), ("denied", made["form"] == "denied")):
        rows = made[at & (made["emotion"] == 3)]
        counted = 100 * rows["said"].value_counts(normalize=True).reindex(world.labels, fill_value=0)
        known = conversations.word_shares(world, form).loc["angry"].mean().groupby("word").sum()[list(world.labels)]
        error = np.sqrt(known * (100 - known) / len(rows))
        assert ((counted - known).abs() <= 4 * error).all(), (counted, known)
    with pytest.raises(UsageError, match="unknown form"):
        conversations.word_shares(world, "ambiguous")


def test_probes_tell_evidence_from_noise(framed):
    noise = np.random.default_rng(0).normal(size=(len(framed), 8))
    found = probes.probe_scores(framed, {"text": framed.vectors["text"], "noise": noise}, by="text_kind")
    assert found.loc["text", "plain"] > found.loc["noise", "plain"] + 20
    assert found.loc["text", "ambiguous"] < found.loc["text", "plain"] - 20
    kinds = framed.table["text_kind"].to_numpy()[framed.rows("test")]
    assert found["all"].to_numpy() == pytest.approx(
        sum(found[kind] * (kinds == kind).mean() for kind in set(kinds)).to_numpy())
    assert list(probes.probe_scores(framed, {"noise": noise})) == ["all"]
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
        if len(inside) > 60:
            break
    assert np.mean(inside) > np.mean(outside) + 0.3


def test_a_corpus_without_frames_is_refused():
    with pytest.raises(UsageError, match="has no frames"):
        conversations.step_strengths(simulated.generate("tiny"), 0)
