"""What stands behind the guards of PyTorch's private operations computes the same."""

import pytest
import torch
import torch.nn.functional as F

from erclab.ops import private

NAMES = [name for name in vars(private) if name.startswith("_") and not name.startswith("__") and name != "_find"]


@pytest.fixture(params=["with PyTorch's operations", "without"])
def guard(request, monkeypatch):
    """Both sides of every guard."""
    if request.param == "without":
        for name in NAMES:
            monkeypatch.setattr(private, name, None)


def test_every_guard_is_known():
    assert set(NAMES) == {"_transforms_active", "_bfloat16_supported", "_pack_weight", "_packed_linear",
                          "_softmax_backward", "_sigmoid_backward", "_tanh_backward"}
    assert private._find("ops.aten.no_such_operation") is None and private._find("_no_such_module.f") is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_products(guard, dtype):
    weight, bias = torch.randn(7, 5, dtype=dtype), torch.randn(7, dtype=dtype)
    for rows in (1, 4, 9):
        x = torch.randn(rows, 2, 5, dtype=dtype)[:, 0]  # rows of a wider matrix
        linear = private.packed_linear(weight, 4)
        torch.testing.assert_close(linear(x), F.linear(x, weight))
        torch.testing.assert_close(linear(x, bias), F.linear(x, weight, bias))


@pytest.mark.parametrize(("backward", "forward"), [(private.sigmoid_backward, torch.sigmoid),
                                                   (private.tanh_backward, torch.tanh)])
def test_gradients_of_gates(guard, backward, forward):
    x, gradient = torch.randn(3, 4, dtype=torch.float64, requires_grad=True), torch.randn(3, 4, dtype=torch.float64)
    result, wide = forward(x), torch.zeros(3, 8, dtype=torch.float64)
    backward(gradient, result.detach(), wide[:, 2:6])  # a window of a wider row
    torch.testing.assert_close(wide[:, 2:6], torch.autograd.grad(result, x, gradient)[0], rtol=1e-12, atol=0)
    assert not wide[:, :2].any() and not wide[:, 6:].any()


def test_gradients_of_a_softmax(guard):
    x, gradient = torch.randn(3, 4, requires_grad=True), torch.randn(3, 4)
    weights = x.softmax(-1)
    found = private.softmax_backward(gradient, weights.detach(), torch.float32)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, torch.autograd.grad(weights, x, gradient)[0], rtol=1e-5, atol=1e-7)


def test_what_pytorch_does_not_tell(monkeypatch):
    assert not private.inside_torch_func()
    assert torch.func.vmap(lambda x: x * private.inside_torch_func())(torch.ones(2)).all()
    for name in NAMES:
        monkeypatch.setattr(private, name, None)
    assert private.inside_torch_func()
    assert private.bfloat16_instructions() and not private.bfloat16_instructions(unknown=False)
    assert not private.packable(torch.ones(2, 2))


def test_a_pytorch_without_onednn_does_not_tell_about_bfloat16(monkeypatch):
    def fails():
        raise RuntimeError("no oneDNN")

    monkeypatch.setattr(private, "_bfloat16_supported", fails)
    assert private.bfloat16_instructions() and not private.bfloat16_instructions(unknown=False)
