"""What is read from inside a model is in row order, and known answers come out as known."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from erclab import corpora, runs
from erclab.analysis import evaluation, inside
from erclab.core.errors import RunError, UsageError
from erclab.models.interface import Output

SMALL = {"epochs": 1, "hidden": 8, "heads": 2, "layers": 1}


@pytest.fixture(scope="module")
def ask(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")

    def ask(model, **changes):
        return runs.run(model, tiny, folder=folder, progress=False, **changes)[0]
    return ask


@pytest.mark.parametrize("model", ["sdt", "ef-lstm"])
def test_tables_are_in_row_order_and_show_what_was_predicted(ask, tiny, model):
    record = ask(model, epochs=1, hidden=8, **({"heads": 2} if model == "sdt" else {}))
    table = inside.per_utterance(record, tiny, lambda output, _: {
        str(i): x for i, x in enumerate(output.logits.log_softmax(-1).unbind(-1))}, batch_size=4)
    assert list(table.index) == list(tiny.rows("test"))
    np.testing.assert_allclose(table.to_numpy(), record.predictions(), atol=1e-5)


def test_gates_are_shares(ask, tiny):
    weights = inside.gate_weights(ask("sdt", epochs=1, hidden=8, heads=2), tiny)
    assert list(weights.columns) == ["text", "audio", "visual"]
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)
    with pytest.raises(UsageError, match="no multimodal gate"):
        inside.gate_weights(ask("sdt", epochs=1, hidden=8, heads=2, modalities=["text"]), tiny)


def test_gates_of_pairs(ask, tiny):
    record = ask("dialoguetrm", epochs=1)
    gates = inside.pair_gates(record, tiny)
    assert set(gates.columns) == {"text_visual", "text_audio", "audio_visual"} and gates.stack().between(0, 1).all()
    with pytest.raises(UsageError, match="no gates of pairs"):
        inside.pair_gates(ask("dialoguetrm", epochs=1, fusion="concat"), tiny)


@pytest.mark.parametrize("model", ["sdt", "ef-lstm"])
def test_another_corpus_is_read_with_the_standardiser_of_training(ask, model):
    record = ask(model, epochs=1, hidden=8, **({"heads": 2} if model == "sdt" else {}))
    other = corpora.simulated.generate("tiny", frames=True, seed=1)
    table = inside.per_utterance(record, other, lambda output, _: {
        str(i): x for i, x in enumerate(output.logits.log_softmax(-1).unbind(-1))}, batch_size=4)
    np.testing.assert_allclose(table.to_numpy(), evaluation.evaluate(record, other).predictions, atol=1e-5)


def test_a_corpus_that_does_not_fit_and_a_run_without_its_standardiser_are_refused(ask, tiny):
    record = ask("sdt", epochs=1, hidden=8, heads=2)
    with pytest.raises(UsageError, match="the labels of simulated-tiny are"):
        inside.gate_weights(record, corpora.simulated.generate("tiny", scheme="meld"))
    lost = dataclasses.replace(record, path=record.path.with_name("lost.json"))
    with pytest.raises(RunError, match="did not keep what was fitted"):
        inside.split_view(lost, corpora.simulated.generate("tiny", seed=1), "test")
    assert len(inside.split_view(lost, tiny, "test")) == 6  # of the corpus of training, it is fitted again


def test_batches_of_a_view_and_some_at_even_distances(ask, tiny):
    view = inside.split_view(ask("ef-lstm", epochs=1, hidden=8), tiny, "test")
    found = inside.groups(view, 8)
    for items, batch in zip(found, view.batches(8), strict=True):
        np.testing.assert_array_equal(view.rows[items], batch.rows)
    some = inside.groups(view, 3, 12)
    assert len(some) == 4 and some[0].tolist() == inside.groups(view, 3)[0].tolist()
    assert some[-1].tolist() == inside.groups(view, 3)[-1].tolist()


class Looks(torch.nn.Module):
    """Attends to all that exists alike, or only to what was planted."""

    def __init__(self, corpus, planted):
        super().__init__()
        self.corpus, self.planted = corpus, planted

    def forward(self, batch, attention):
        weights = {}
        for m in batch.masks:
            keys = batch.masks[m].float()
            if self.planted:
                keys = keys * torch.from_numpy(inside.planted_steps(self.corpus, m, batch.rows.numpy(), keys.shape[1]))
            row = keys / keys.sum(1, keepdim=True).clamp(min=1e-9)
            weights[f"text_from_{m}"] = row[:, None, None].expand(-1, 2, batch.masks["text"].shape[1], -1)
        return Output(torch.zeros(len(batch.rows), 6), weights)


@pytest.mark.parametrize(("planted", "expected"), [(False, "uniform"), (True, 1.0)])
def test_focus_of_models_that_look_at_everything_and_at_the_right_thing(ask, tiny, planted, expected):
    real = ask("ef-lstm", epochs=1, hidden=8)
    table = inside.focus(SimpleNamespace(spec=real.spec, id=real.id, model=lambda: Looks(tiny, planted)), tiny)
    assert set(table.index) == {"text_from_text", "text_from_audio", "text_from_visual"}
    np.testing.assert_allclose(table["attention"], table[expected] if expected == "uniform" else expected, atol=1e-6)
    assert (table["uniform"].between(0.05, 0.6)).all()


def test_the_planted_steps_carry_the_evidence(tiny):
    """By the known direction of each emotion, frames of the burst say more of it than those beside."""
    world = corpora.simulated.world_of("tiny")
    for m in ("audio", "visual"):
        inner, outer = [], []
        for row in np.flatnonzero(tiny.table[f"{m}_shown"] == np.array(tiny.labels)[tiny.table["label"]]):
            evidence = tiny.frames[m][row] @ world.prototypes(m)[tiny.table["label"][row]]
            where = inside.planted_steps(tiny, m, np.array([row]), len(evidence))[0]
            inner += list(evidence[where])
            outer += list(evidence[~where])
        assert np.mean(inner) > 1.5 + np.mean(outer)


def test_focus_needs_attention_over_steps_and_a_corpus_that_knows(ask, tiny):
    with pytest.raises(UsageError, match="not over the steps"):
        inside.focus(ask("ef-lstm", epochs=1, hidden=8), tiny)
    table = tiny.table.drop(columns="burst_start")
    other = corpora.Corpus("other", table, tiny.labels, tiny.vectors, frames=tiny.frames)
    with pytest.raises(UsageError, match="other does not say where the emotion is"):
        inside.focus(ask("ef-lstm", epochs=1, hidden=8), other)


def test_mult_and_hct_mg_say_where_they_look(ask, tiny):
    for model in ("mult", "hct-mg"):
        table = inside.focus(ask(model, **SMALL), tiny)
        assert isinstance(table, pd.DataFrame) and (table["attention"].between(0, 1)).all() and len(table) >= 4


def test_only_the_quirk_makes_predictions_depend_on_the_batch(ask, tiny):
    sound = inside.depends_on_batch(ask("lmr-cbt", **SMALL), tiny)
    assert sound["distance"].max() < 1e-4 and (sound["small"] == sound["large"]).all()
    quirk = inside.depends_on_batch(ask("lmr-cbt", batch_recurrence=True, **SMALL), tiny)
    assert quirk["distance"].max() > 1e-3
