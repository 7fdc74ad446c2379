"""Attention within packed dialogues against the padded batch: outputs, gradients, masks, and what is kept."""

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks

from erclab.core.batches import DialogueBatch
from erclab.ops import attention
from erclab.ops.attention import attend, whole
from erclab.ops.attention_within import attend_within, bounds
from erclab.ops.dropout import Dropout, keyed
from erclab.ops.masks import split_heads

HEADS, WIDTH, LENGTHS = 2, 8, (5, 1, 9, 3)


@pytest.fixture(autouse=True)
def _however_few(monkeypatch):
    monkeypatch.setattr(attention, "LEAST", 0)


@pytest.fixture
def batch():
    mask = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]
    return DialogueBatch({}, mask, *torch.zeros(3, *mask.shape, dtype=torch.int64))


def streams(dtype=torch.float64):
    torch.manual_seed(0)
    return [torch.randn(sum(LENGTHS), WIDTH, dtype=dtype, requires_grad=True) for _ in range(3)]


def padded(qkv, batch, dropout):
    q, k, v = (split_heads(batch.unpack(x), HEADS) for x in qkv)
    return batch.pack(attend(q, k, v, batch.mask.unsqueeze(1), dropout)[0].transpose(1, 2).flatten(2))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("rate", [0.0, 0.4])
def test_it_is_the_padded_batch_without_the_padding(batch, rate, training):
    qkv, dropout, found = streams(), Dropout(rate).train(training), []
    for way in (lambda: attend_within(*qkv, batch, bounds(batch, HEADS), HEADS, dropout),
                lambda: padded(qkv, batch, dropout)):
        with keyed(5):
            out = way()
        found.append([out, *torch.autograd.grad(out, qkv, torch.arange(out.numel()).view_as(out).cos().double())])
    for x, y in zip(*found, strict=True):
        torch.testing.assert_close(x, y, rtol=0, atol=1e-13)


def test_bfloat16_is_kept_so_and_float32_inside(batch):
    exact = [x.detach().bfloat16().float().requires_grad_() for x in streams()]
    low, dropout, sizes = [x.detach().bfloat16().requires_grad_() for x in exact], Dropout(0.3).train(), []
    found = []
    hooks = saved_tensors_hooks(lambda t: sizes.append((t.dtype, t.shape[0])) or t, lambda t: t)
    for inputs in (exact, low):
        sizes.clear()
        with hooks, keyed(1), torch.autocast("cpu", torch.bfloat16):
            out = attend_within(*inputs, batch, bounds(batch, HEADS), HEADS, dropout)
            found.append([out, *torch.autograd.grad(out, inputs, torch.ones_like(out))])
    assert {n for dtype, n in sizes if dtype == torch.float32} == {HEADS}  # the weights; all that is of N is bfloat16
    for x, y in zip(*found, strict=True):
        assert y.dtype == torch.bfloat16
        torch.testing.assert_close(x, y.float(), rtol=0.02, atol=0.02)


def test_bounds_are_there_where_they_pay(batch, monkeypatch):
    assert bounds(batch, HEADS) == [0, 5, 6, 15, 18]
    with whole():
        assert bounds(batch, HEADS) is None
    monkeypatch.setattr(attention, "LEAST", len(LENGTHS) * HEADS * 9 * 9 + 1)
    assert bounds(batch, HEADS) is None
