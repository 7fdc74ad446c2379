"""Utterances without padding, and the layers that work on them, against PyTorch's own on the padded batch."""

import pytest
import torch
from random_batches import random_batch, with_garbage
from torch import nn

from erclab.ops.dropout import Dropout, keyed
from erclab.ops.turns import TurnAttention, TurnConv, Turns

DIMS, LENGTHS, HEADS, WIDTH = {"text": 6, "audio": 4}, (3, 1, 5), 2, 8
N = sum(LENGTHS)


@pytest.fixture
def batch():
    return random_batch(DIMS, 5, 3, LENGTHS)


def test_turns_are_the_utterances_in_their_order(batch):
    turns = Turns(batch)
    rows = [(i, t) for i, n in enumerate(LENGTHS) for t in range(n)]
    assert turns.index.tolist() == [t for _, t in rows]
    assert turns.speakers.tolist() == [batch.speakers[at].item() for at in rows]
    assert torch.equal(turns.features("audio"), torch.stack([batch.features["audio"][at] for at in rows]))


def test_grid_puts_them_back(batch):
    turns, x = Turns(batch), torch.randn(N, 2, 3)
    grid = turns.grid(x)
    assert grid.shape == (3, 5, 2, 3) and not grid[~batch.mask].any()
    assert torch.equal(grid[batch.mask], x) and torch.equal(turns.pack(grid), x)


@pytest.mark.parametrize("low", [False, True])
def test_the_convolution_is_pytorchs_over_one_turn(low):
    torch.manual_seed(0)
    ours = TurnConv(6, WIDTH)
    torch.manual_seed(0)
    theirs = nn.Conv1d(6, WIDTH, kernel_size=1, bias=False)
    assert torch.equal(ours.weight, theirs.weight) and list(ours.state_dict()) == list(theirs.state_dict())
    x = torch.randn(N, 6)
    with torch.autocast("cpu", torch.bfloat16, enabled=low):
        found, want = ours(x), theirs(x.unsqueeze(-1)).squeeze(-1)
    assert found.dtype == want.dtype
    torch.testing.assert_close(found, want, rtol=0.02 if low else 1e-6, atol=0.02 if low else 1e-6)


def streams():
    torch.manual_seed(0)
    return [torch.randn(N, WIDTH, dtype=torch.float64, requires_grad=True) for _ in range(3)]


@pytest.mark.parametrize("attention", [True, False])
def test_attention_is_pytorchs_within_each_dialogue(batch, attention):
    qkv = streams()
    out, weights = TurnAttention(HEADS, Dropout(0.5)).eval()(*qkv, Turns(batch), attention=attention)
    want = []
    for dialogue in zip(*(x.split(LENGTHS) for x in qkv), strict=True):
        q, k, v = (x.unflatten(-1, (HEADS, -1)).transpose(0, 1) for x in dialogue)
        want.append(nn.functional.scaled_dot_product_attention(q, k, v).transpose(0, 1).flatten(1))
    want, cotangent = torch.cat(want), torch.arange(N * WIDTH).view(N, WIDTH).cos().double()
    torch.testing.assert_close(out, want, rtol=0, atol=1e-12)
    for x, y in zip(*(torch.autograd.grad(z, qkv, cotangent, retain_graph=True) for z in (out, want)), strict=True):
        torch.testing.assert_close(x, y, rtol=0, atol=1e-12)
    assert (weights is None) == (not attention)
    if attention:
        assert weights.shape == (3, HEADS, 5, 5)
        seen = batch.mask[:, None, None].expand_as(weights)
        assert not weights[~seen].any()
        torch.testing.assert_close(weights.sum(-1)[batch.mask[:, None].expand(-1, HEADS, -1)],
                                   torch.ones(N * HEADS, dtype=torch.float64))


def test_dropout_of_the_weights_is_in_training_only(batch):
    layer, turns = TurnAttention(HEADS, Dropout(0.5)), Turns(batch)
    q, k, _ = streams()
    ones = torch.ones_like(q)
    torch.testing.assert_close(layer.eval()(q, k, ones, turns)[0], ones)
    with keyed(3):
        found, _ = layer.train()(q, k, ones, turns)
    assert (found - 1).abs().max() > 0.1


def test_padding_is_not_read(batch):
    layer, qkv = TurnAttention(HEADS, Dropout(0.0)).eval(), streams()
    fouled = with_garbage(batch, 5, 3)
    assert torch.equal(layer(*qkv, Turns(batch))[0], layer(*qkv, Turns(fouled))[0])
    assert torch.equal(Turns(fouled).features("text"), Turns(batch).features("text"))
