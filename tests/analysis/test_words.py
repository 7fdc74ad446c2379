"""What is read from attention and from what it adds has known answers; trained crossmodal attention finds the word."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from erclab import runs
from erclab.analysis import inside, words
from erclab.core.errors import UsageError
from erclab.corpora import simulated
from erclab.models.interface import Output

SMALL = {"epochs": 1, "hidden": 8, "heads": 2}


@pytest.fixture(scope="module")
def ask(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")

    def ask(model, corpus=tiny, **changes):
        return runs.run(model, corpus, folder=folder, progress=False, **{**SMALL, **changes})[0]
    return ask


def test_maps_have_the_utterances_own_steps_and_sum_to_one(ask, tiny):
    row = int(tiny.rows("test")[3])
    found = words.maps(ask("mult"), tiny, row)
    assert set(found) == {f"{m}_from_{n}" for m in tiny.frames for n in tiny.frames}
    for name, weights in found.items():
        target, source = name.split("_from_")
        assert weights.shape == (tiny.frames[target].lengths[row], tiny.frames[source].lengths[row])
        np.testing.assert_allclose(weights.sum(1), 1, atol=1e-5)


def test_reading_is_the_last_steps_row_of_the_last_layer(ask, tiny):
    record = ask("hct-mg", primary="text", self_layers=2)
    rows = [int(r) for r in tiny.rows("test")[:5]]
    found = words.reading_weights(record, tiny, rows)
    assert list(found) == rows
    for row, weights in found.items():
        assert len(weights) == tiny.frames["text"].lengths[row] and weights.sum() == pytest.approx(1, abs=1e-5)
    alone = words.reading_weights(record, tiny, rows[2:3])[rows[2]]  # not in a batch with others
    np.testing.assert_allclose(alone, found[rows[2]], atol=1e-6)
    with torch.inference_mode():
        batch = runs.views(record.spec, tiny, splits=["test"])["test"].batch([2])
        raw = record.model()(batch, attention=True).attention["text_from_text"]
    assert raw.shape[1] == 2
    np.testing.assert_allclose(alone, raw[0, -1, :, -1].mean(0).numpy(), atol=1e-6)


def test_what_is_added_is_the_norm_of_the_attentions_output(ask, tiny):
    record = ask("mult", layers=2)
    rows = [int(r) for r in tiny.rows("test")[:4]]
    found = words.added(record, tiny, rows, "visual")
    assert all(len(found[r]) == tiny.frames["text"].lengths[r] for r in rows)
    assert all(x.sum() == pytest.approx(1, abs=1e-5) and (x > 0).all() for x in found.values())
    silent = record.model()
    for layer in silent.crossmodal["text_from_visual"].layers:  # then only the layer's own output is left
        original = layer.attention.forward
        layer.attention.forward = lambda *a, original=original, **k: (
            torch.ones_like(original(*a, **k)[0]) * torch.arange(1, a[0].shape[1] + 1)[None, :, None], None)
    stub = SimpleNamespace(spec=record.spec, id=record.id, model=lambda: silent)
    for row, x in words.added(stub, tiny, rows, "visual").items():
        steps = np.arange(1, len(x) + 1)
        np.testing.assert_allclose(x, steps / steps.sum(), atol=1e-5, err_msg=f"row {row}")


def test_another_corpus_of_the_same_world_is_read_with_the_standardiser_of_training(ask):
    record, other = ask("mult"), simulated.fresh(simulated.world_of("tiny"), 2, frames=True)
    for run, model in ((record, record.model()), (words.Untrained(record), inside.untrained(record, 0))):
        with torch.inference_mode():
            batch = runs.views(record, other, splits=["test"])["test"].batch([1])
            raw = model(batch, attention=True).attention
        np.testing.assert_allclose(words.maps(run, other, 1)["text_from_visual"],
                                   raw["text_from_visual"][0].mean((0, 1)).numpy(), atol=1e-6)
        burst = inside.planted_steps(other, "visual", np.array([1]), raw["text_from_visual"].shape[-1])[0]
        np.testing.assert_allclose(words.to_burst(run, other, [1])[1],
                                   raw["text_from_visual"][0].mean((0, 1)).numpy()[:, burst].sum(1), atol=1e-6)
    assert words.to_burst(record, other, []) == {}


def test_names_are_the_words_where_there_are_as_many(tiny):
    row = int(tiny.rows("test")[0])
    assert words.step_names(tiny, row) == tiny.table["text"].iloc[row].split()
    short = SimpleNamespace(table=tiny.table.assign(text="two words"), frames=tiny.frames)
    assert words.step_names(short, row) == [f"{i}" for i in range(1, int(tiny.frames["text"].lengths[row]) + 1)]


def test_pointing_of_a_perfect_a_blind_and_an_even_pointer(tiny):
    rows = [int(r) for r in tiny.rows("test") if tiny.frames["text"].lengths[r] > 1]
    length, planted = tiny.frames["text"].lengths, tiny.table["salient_word"].to_numpy()
    right = {r: np.eye(length[r])[planted[r]] for r in rows}
    wrong = {r: np.eye(length[r])[planted[r] - 1] for r in rows}
    even = {r: np.full(length[r], 1 / length[r]) for r in rows}
    assert words.pointing_game(right, tiny)["hit"] == words.pointing_game(right, tiny)["weight"] == 1
    assert words.pointing_game(wrong, tiny)["hit"] == 0
    beside = words.pointing_game({r: w for r, w in wrong.items() if planted[r]}, tiny, 1)
    assert beside["hit"] == beside["weight"] == 1 and 0.3 < beside["chance"] <= 1
    found = words.pointing_game(even, tiny)
    assert found["weight"] == pytest.approx(found["chance"]) and found["n"] == len(rows)


def test_evenness():
    assert words.evenness(np.full((3, 5), 0.2)) == pytest.approx(1)
    assert words.evenness(np.eye(4)) == pytest.approx(0, abs=1e-9)
    assert words.evenness(np.ones((2, 1))) == 1


def test_refused(ask, tiny):
    row = int(tiny.rows("test")[0])
    with pytest.raises(UsageError, match="not over the steps"):
        words.maps(_without_attention(ask("mult")), tiny, row)
    with pytest.raises(UsageError, match="not read by self-attention"):
        words.reading_weights(ask("hct-mg", primary="audio"), tiny, [row])
    with pytest.raises(UsageError, match="no text from visual"):
        words.to_burst(ask("mult", modalities=["text"]), tiny, [row])
    with pytest.raises(UsageError, match="no text from audio"):
        words.added(ask("mult", modalities=["text", "visual"]), tiny, [row], "audio")
    with pytest.raises(UsageError, match="the labels of simulated-tiny are"):
        words.maps(ask("mult"), simulated.generate("tiny", frames=True, scheme="meld"), row)
    with pytest.raises(UsageError, match="x has no planted words"):
        words.pointing_game({0: np.ones(2)}, SimpleNamespace(table=tiny.table.drop(columns="salient_word"), name="x"))


def _without_attention(record):
    blind = torch.nn.Module()
    blind.forward = lambda batch, attention: Output(torch.zeros(len(batch), 6), {})
    return SimpleNamespace(spec=record.spec, id=record.id, model=lambda: blind)


def test_an_untrained_control_has_other_weights_and_the_same_form(ask, tiny):
    record = ask("mult")
    control, other = words.Untrained(record), words.Untrained(record, 1)
    trained = record.model().state_dict()
    first, second = control.model().state_dict(), other.model().state_dict()
    assert set(first) == set(trained) and control.id == record.id
    assert any((first[k] != trained[k]).any() for k in first) and any((first[k] != second[k]).any() for k in first)
    assert all((first[k] == v).all() for k, v in control.model().state_dict().items())


@pytest.fixture(scope="module")
def told():
    """Words that alone and clearly carry the emotion, voices and faces that say nothing."""
    return simulated.generate("tiny", frames=True, dialogues=(40, 8, 16), strength=(12.0, 0.0, 0.0), ambiguous=0.0,
                              referential=0.0, offset=0.0)


def test_a_trained_reading_finds_the_planted_word_and_an_untrained_one_does_not(ask, told):
    record = ask("mult", told, modalities=["text"], epochs=20, hidden=32, heads=1, learning_rate=5e-3, batch_size=32,
                 warmup_steps=0, memory_layers=1, kernel_text=1)
    rows = [int(r) for r in told.rows("test") if told.frames["text"].lengths[r] > 1]
    trained = words.pointing_game(words.reading_weights(record, told, rows), told)
    controls = [words.pointing_game(words.reading_weights(words.Untrained(record, s), told, rows), told)["hit"]
                for s in range(3)]
    assert trained["hit"] > trained["chance"] + 0.2, trained
    assert trained["hit"] > max(controls) + 0.2, (trained, controls)
