"""The front of the sequence models: what stands in padding is not read, and the authors' form has its padding first."""

from dataclasses import replace

import pytest
import torch
from random_batches import random_sequences
from torch import nn

from erclab.models.layers.front import Convolution, Front, at_frames, padding_first

DIMS = {"text": 3, "audio": 2}
LENGTHS = {"text": (4, 2, 0), "audio": (1, 5, 3)}


@pytest.fixture
def batch():
    return random_sequences(DIMS, 3, LENGTHS)


def front(kernel=3):
    torch.manual_seed(0)
    return Front({m: Convolution(d, 4, kernel) for m, d in DIMS.items()}).double()


def test_a_convolution_is_torchs(batch):
    plain = nn.Conv1d(3, 4, 5, padding=2, bias=False).double()
    ours = Convolution(3, 4, 5).double()
    assert ours.state_dict().keys() == {"weight"}
    ours.load_state_dict(plain.state_dict())
    out, mask = ours(batch.features["text"], batch.masks["text"])
    assert torch.equal(out, plain(batch.features["text"].transpose(1, 2)).transpose(1, 2))
    assert mask is batch.masks["text"]


def test_a_front_reads_each_modality_by_its_own_module(batch):
    made = front()
    x, masks = made(batch)
    assert list(made.state_dict()) == ["text.weight", "audio.weight"]
    for m in DIMS:
        assert torch.equal(x[m], made[m](batch.features[m], batch.masks[m])[0]) and masks[m] is batch.masks[m]


def test_not_even_nan_in_the_padding_is_read(batch):
    made = front()
    fouled = replace(batch, features={m: x.masked_fill(~batch.masks[m][..., None], float("nan"))
                                      for m, x in batch.features.items()})
    for form in (lambda b: b, padding_first):
        for found, want in zip(made(form(fouled))[0].values(), made(form(batch))[0].values(), strict=True):
            assert torch.equal(found, want)


def test_the_dropout_is_the_texts(batch):
    made, plain = front(), front()(batch)[0]
    x, _ = made(batch, lambda frames: 2 * frames)
    assert torch.equal(x["text"], 2 * plain["text"]) and torch.equal(x["audio"], plain["audio"])


def test_padding_comes_first(batch):
    moved = padding_first(batch)
    for m, lengths in LENGTHS.items():
        assert moved.masks[m].all() and moved.features[m].shape == batch.features[m].shape
        for i, n in enumerate(lengths):
            x, longest = moved.features[m][i], moved.features[m].shape[1]
            assert not x[:longest - n].any() and torch.equal(x[longest - n:], batch.features[m][i, :n])
    assert torch.equal(moved.labels, batch.labels) and torch.equal(moved.rows, batch.rows)


def test_weights_come_back_to_the_frames(batch):
    """Weights whose entry (i, j) is the product of what stands at i and j."""
    moved = padding_first(batch)

    def products(b):
        text, audio = (b.features[m][..., 0] for m in DIMS)
        return {"text_from_audio": text[:, None, :, None] * audio[:, None, None, :],
                "audio_from_audio": audio[:, None, :, None] * audio[:, None, None, :]}

    for pair, found in at_frames(products(moved), batch).items():
        assert torch.equal(found, products(batch)[pair]), pair
