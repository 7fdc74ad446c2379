"""Dropout by key and coordinate: its rate, its independence, and what it does not depend on."""

import numpy as np
import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks

from erclab.ops import dropout as module
from erclab.ops.dropout import Dropout, dropout, keep, keyed, mix, step_key


@pytest.mark.parametrize("p", [0.05, 0.1, 0.3, 0.5, 0.9])
def test_it_keeps_the_share_that_it_should(p):
    mask = keep((400, 1000), p, step_key(3, 7))
    assert abs(mask.float().mean().item() - (1 - p)) < 4 * (p * (1 - p) / mask.numel()) ** 0.5


def test_rows_columns_and_pairs_of_them_are_independent():
    n = 1024
    mask = torch.stack([keep((n, n), 0.5, step_key(0, s)) for s in range(8)]).double() * 2 - 1
    for axis in (1, 2):
        means = mask.mean(axis) * n**0.5  # standard normal if independent
        assert abs(means.std().item() - 1) < 0.05
        assert means.abs().max().item() < 5.5
    for a, b in ((mask[0], mask[0].T), (mask[0], mask[1])):
        correlation = (a @ b.T / n**0.5).fill_diagonal_(0)
        assert abs(correlation.std().item() - 1) < 0.02
    triple = (mask[:, :, 0:300] * mask[:, :, 300:600] * mask[:, :, 600:900]).mean(1) * n**0.5
    assert abs(triple.std().item() - 1) < 0.05


def test_calls_steps_and_seeds_differ():
    masks = []
    for seed, step in ((0, 0), (0, 1), (1, 0)):
        with keyed(step_key(seed, step)):
            masks += [dropout(torch.ones(64, 64), 0.5) > 0 for _ in range(3)]
    shares = [(a == b).float().mean().item() for i, a in enumerate(masks) for b in masks[:i]]
    assert max(abs(s - 0.5) for s in shares) < 0.05


def test_the_same_key_gives_the_same_masks():
    for make in (lambda: 5, lambda: torch.tensor(5, dtype=torch.int32)):
        results = []
        for _ in range(2):
            with keyed(make()):
                results.append([dropout(torch.ones(3, 5), 0.5), dropout(torch.ones(7), 0.2)])
        assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))
    with keyed(5):
        number = dropout(torch.ones(9, 9), 0.5)
    with keyed(torch.tensor(5, dtype=torch.int32)):
        assert torch.equal(number, dropout(torch.ones(9, 9), 0.5))


def test_padding_does_not_change_a_mask():
    whole, part = keep((4, 9, 33), 0.5, 11), keep((3, 7, 20), 0.5, 11)
    assert torch.equal(whole[:3, :7, :20], part)


def test_seeds_in_one_pass_have_the_masks_of_each_alone():
    keys = torch.tensor([step_key(s, 4) for s in range(3)], dtype=torch.int32)

    def draw(key):
        with keyed(key):
            return dropout(torch.ones(6, 10), 0.3), dropout(torch.ones(6, 10), 0.3)

    together = torch.vmap(draw)(keys)
    for s, key in enumerate(keys.tolist()):
        assert all(torch.equal(t[s], a) for t, a in zip(together, draw(key), strict=True))


def test_the_gradient_is_the_masks():
    x = torch.randn(5, 8, dtype=torch.float64, requires_grad=True)

    def f(x):
        with keyed(3):
            return dropout(x, 0.4)

    assert torch.autograd.gradcheck(f, x)
    kept = f(x) != 0
    assert torch.allclose(f(x)[kept], x[kept] / 0.6)


def test_without_a_key_torchs_generator_decides():
    layer = Dropout(0.5)
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(torch.stack([layer(torch.ones(100)), layer(torch.ones(100))]))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert not torch.equal(draws[0][0], draws[0][1])
    assert torch.equal(layer.eval()(torch.ones(4)), torch.ones(4))


def test_the_hash_is_one_to_one_and_agrees_with_numpy():
    x = torch.arange(-70000, 70000, dtype=torch.int32)
    assert len(torch.unique(mix(x))) == len(x)
    y = x.numpy().astype(np.uint32)
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        y = (y ^ (y >> np.uint32(shift))) * np.uint32(factor)
    y ^= y >> np.uint32(16)
    assert np.array_equal(mix(x).numpy(), y.view(np.int32))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_large_tensor_is_dropped_in_parts_and_its_mask_is_not_kept(dtype, monkeypatch):
    x, sizes = torch.randn(7, 30, 11).to(dtype).requires_grad_(), []
    mask = keep(x.shape, 0.5, step_key(0, 1))
    for part in (100, 1 << 20):
        monkeypatch.setattr(module, "PART", part)
        monkeypatch.setattr(module, "next_key", lambda: step_key(0, 1))
        with saved_tensors_hooks(lambda t: sizes.append(t.numel()) or t, lambda t: t):
            out = dropout(x, 0.5)
        assert torch.equal(out, x * mask * 2)
        assert torch.equal(torch.autograd.grad(out, x, torch.ones_like(x))[0], (mask * 2).to(dtype))
    assert max(sizes) == 7 * 30  # two numbers a row
