"""Attributions with known answers: they add up, find the one step that matters, and are scored as scikit-learn does."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from erclab import runs
from erclab.analysis import attribution, inside
from erclab.core.batches import SequenceBatch
from erclab.models.interface import Output

DIMS = (("text", 3), ("audio", 2))


class Additive(nn.Module):
    """The logits are sums over steps, of the text three times and of the voice once."""

    def __init__(self):
        super().__init__()
        self.config = SimpleNamespace(dims=DIMS)

    def forward(self, batch, *, attention=False):
        sums = {m: (x * batch.masks[m].unsqueeze(-1)).sum((1, 2)) for m, x in batch.features.items()}
        total = 3 * sums["text"] + sums["audio"]
        return Output(torch.stack([total, -total], dim=-1))


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    lengths = {"text": (4, 2), "audio": (1, 5)}
    masks = {m: torch.arange(max(n)) < torch.tensor(n).unsqueeze(1) for m, n in lengths.items()}
    features = {m: torch.randn(2, masks[m].shape[1], d, generator=generator) * masks[m].unsqueeze(-1) for m, d in DIMS}
    return SequenceBatch(features, masks, torch.tensor([0, 1]), torch.tensor([0, 1]))


def test_integrated_gradients_of_a_sum_are_its_parts(batch):
    model = Additive()
    found, delta = attribution.integrated_gradients(model, batch)
    sign = torch.where(model(batch).logits.argmax(-1) == 0, 1.0, -1.0).unsqueeze(1)
    torch.testing.assert_close(found["text"], sign * 3 * batch.features["text"].sum(-1))
    torch.testing.assert_close(found["audio"], sign * batch.features["audio"].sum(-1))
    assert delta.abs().max() < 1e-5


def test_shapley_values_of_a_sum_are_its_parts_and_add_up(batch):
    model = Additive()
    found = attribution.modality_shapley(model, batch)
    torch.testing.assert_close(sum(found.values()), model(batch).logits.amax(-1))
    sign = torch.where(model(batch).logits.argmax(-1) == 0, 1.0, -1.0)
    torch.testing.assert_close(found["audio"], sign * batch.features["audio"].sum((1, 2)))


def test_pointing_is_a_game_and_an_area():
    scores = torch.tensor([[0.1, 0.9, 0.3, 9.0], [0.5, 0.5, 0.2, 0.1], [1.0, 2.0, 3.0, 4.0]])
    truth = torch.tensor([[0, 1, 0, 1], [1, 0, 0, 1], [0, 0, 0, 0]], dtype=torch.bool)
    mask = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1], [1, 1, 1, 1]], dtype=torch.bool)
    table = attribution.planted_hits(scores, truth, mask)
    assert table["hit"].tolist()[:2] == [1.0, 0.5] and table["chance"].tolist()[:2] == pytest.approx([1 / 3, 0.5])
    for i in range(2):
        at = mask[i].numpy()
        assert table["auroc"][i] == pytest.approx(roc_auc_score(truth[i].numpy()[at], scores[i].numpy()[at]))
    assert table.iloc[2].isna().all()  # nothing was planted there


def test_attention_is_what_a_step_gets(batch):
    weights = torch.rand(2, 3, 2, 4, 5).softmax(-1)  # layers, heads, 4 words that ask 5 frames
    found = attribution.attended(Output(torch.zeros(2, 2), {"text_from_audio": weights, "text_from_face": weights,
                                                           "audio_from_text": weights[..., :1, :4]}), batch)
    assert list(found) == ["text_from_audio", "audio_from_text"]
    torch.testing.assert_close(found["text_from_audio"][1], weights[1].mean((0, 1))[:2].mean(0))  # two words exist
    torch.testing.assert_close(found["audio_from_text"], weights[..., 0, :4].mean((1, 2)))  # one query reads all


def test_trained_runs_are_explained_and_the_control_is_another_model(tiny, tmp_path):
    record, = runs.run("mult", tiny, folder=tmp_path, progress=False, epochs=1, hidden=8, heads=2)
    found = list(attribution.batches(record, tiny, most=20, size=8))
    assert len(found) == 3 and len({int(b.rows[0]) for b in found}) == 3
    model, control = record.model(), inside.untrained(record)
    assert not torch.equal(model.out.weight, control.out.weight)
    torch.testing.assert_close(inside.untrained(record).out.weight, control.out.weight)  # the same each time
    values = attribution.modality_shapley(model, found[0])
    assert values.keys() == {"text", "audio", "visual"}
    scores, delta = attribution.integrated_gradients(model, found[0], steps=64)
    there = found[0].masks["audio"]
    assert scores["audio"].shape == there.shape and not scores["audio"][~there].any()
    assert delta.abs().mean() < 0.05
    truth = attribution.truth(tiny, "audio", found[0])
    silent = tiny.table["audio_shown"].to_numpy()[found[0].rows.numpy()] == "masked"
    assert not truth[torch.from_numpy(silent)].any() and truth[torch.from_numpy(~silent)].any(1).all()
    np.testing.assert_array_equal(attribution.shows_emotion(tiny, "audio", found[0].rows.numpy()), ~silent)
