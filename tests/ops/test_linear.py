"""A linear map against PyTorch's, in and out of bfloat16."""

import pytest
import torch
from torch import nn
from torch.autograd.graph import saved_tensors_hooks

from erclab.ops.dropout import keyed
from erclab.ops.linear import Linear


def outcome(cls, bias, dtype, autocast):
    torch.manual_seed(0)
    layer = cls(24, 16, bias=bias)
    x, kept = torch.randn(3, 5, 24).to(dtype).requires_grad_(), []
    with saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t), torch.autocast("cpu", enabled=autocast):
        out = layer(x)
    out.float().square().sum().backward()
    return [out, x.grad, *(p.grad for p in layer.parameters())], kept, layer


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("dtype", "autocast"), [(torch.float32, False), (torch.float32, True), (torch.bfloat16, True)])
def test_it_is_pytorchs(bias, dtype, autocast):
    (ours, _, _), (theirs, _, _) = (outcome(cls, bias, dtype, autocast) for cls in (Linear, nn.Linear))
    for x, y in zip(ours, theirs, strict=True):
        assert x.dtype == y.dtype and x.shape == y.shape
        torch.testing.assert_close(x, y, rtol=0.02 if autocast else 0, atol=0.02 if autocast else 0)


def test_no_second_copy_of_the_weight_is_kept():
    (_, kept, layer), (_, others, _) = (outcome(cls, True, torch.float32, True) for cls in (Linear, nn.Linear))
    low = [t for t in kept if t.dtype == torch.bfloat16]
    assert [tuple(t.shape) for t in low] == [(3, 5, 24)] and any(t is layer.weight for t in kept)
    assert any(t.numel() == layer.weight.numel() and t.dtype == torch.bfloat16 for t in others)


@pytest.mark.filterwarnings("error")
def test_several_seeds_in_one_pass():
    layer, xs, keys = Linear(4, 3), torch.randn(2, 5, 4), torch.tensor([1, 2], dtype=torch.int32)

    def call(x, key):
        with keyed(key):
            return layer(x)

    with torch.autocast("cpu", torch.bfloat16):
        together = torch.vmap(call)(xs, keys)
        torch.testing.assert_close(together, torch.stack([layer(x) for x in xs]), rtol=0.02, atol=0.02)
    assert together.dtype == torch.bfloat16


def test_a_frozen_weight_has_no_gradient():
    layer = Linear(4, 3)
    with torch.autocast("cpu"):
        layer.weight.requires_grad_(False)
        x = torch.randn(2, 4, requires_grad=True)
        layer(x).sum().backward()
    assert layer.weight.grad is None and x.grad is not None and layer.bias.grad is not None
