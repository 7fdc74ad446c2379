"""A linear map against PyTorch's, in and out of bfloat16."""

import pytest
import torch
from torch import nn

from erclab.ops.dropout import keyed
from erclab.ops.linear import Linear


def outcome(cls, bias, dtype, autocast):
    torch.manual_seed(0)
    layer = cls(24, 16, bias=bias)
    x = torch.randn(3, 5, 24).to(dtype).requires_grad_()
    with torch.autocast("cpu", enabled=autocast):
        out = layer(x)
    out.float().square().sum().backward()
    return [out, x.grad, *(p.grad for p in layer.parameters())]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("dtype", "autocast"), [(torch.float32, False), (torch.float32, True), (torch.bfloat16, True)])
def test_it_is_pytorchs(bias, dtype, autocast):
    ours, theirs = (outcome(cls, bias, dtype, autocast) for cls in (Linear, nn.Linear))
    for x, y in zip(ours, theirs, strict=True):
        assert x.dtype == y.dtype and torch.equal(x, y)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.filterwarnings("error")
def test_several_seeds_in_one_pass(bias):
    layer, xs, keys = Linear(4, 3, bias=bias), torch.randn(2, 5, 4), torch.tensor([1, 2], dtype=torch.int32)

    def call(x, key):
        with keyed(key):
            return layer(x)

    with torch.autocast("cpu", torch.bfloat16):
        together = torch.vmap(call)(xs, keys)
        torch.testing.assert_close(together, torch.stack([layer(x) for x in xs]), rtol=0.02, atol=0.02)
    assert together.dtype == torch.bfloat16
