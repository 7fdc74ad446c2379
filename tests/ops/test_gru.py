"""A GRU over packed turns: equal to cells in a loop, its gradients to differences, its products to plain ones."""

import pytest
import torch
from torch import nn

from erclab.ops import gru, private
from erclab.ops.gru import CellWeights

SIZES = [3, 2, 2]


def given(inputs=4, width=5, dtype=torch.float64):
    torch.manual_seed(0)
    factor = torch.randint(0, 2, (7, width)).to(dtype) * 2
    return nn.GRUCell(inputs, width).to(dtype), torch.randn(7, inputs, dtype=dtype), factor


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("dropped", [True, False])
def test_states_are_those_of_cells_in_a_loop(dropped, dtype):
    cell, u, factor = given(dtype=dtype)
    state, want = torch.zeros(3, 5, dtype=dtype), []
    for u_t, factor_t in zip(u.split(SIZES), factor.split(SIZES), strict=True):
        state = cell(u_t, state[:len(u_t)]) * (factor_t if dropped else 1)
        want.append(state)
    found = gru.gru(cell, u, SIZES, factor if dropped else None, dtype)
    torch.testing.assert_close(found, torch.cat(want))


def test_gradients_are_those_of_differences():
    cell, u, factor = given()
    inputs = [x.detach().requires_grad_() for x in (u, *CellWeights.of(cell))]
    assert torch.autograd.gradcheck(lambda u, *w: gru._GRU.apply(SIZES, factor, u.dtype, u, *w), inputs)


def test_previous_states():
    states = torch.arange(1.0, 8.0)[:, None]
    assert gru.previous(states, SIZES).flatten().tolist() == [0, 0, 0, 1, 2, 4, 5]


def test_products_of_packed_weights():
    weight, bias = torch.randn(7, 5), torch.randn(7)
    for rows in (1, 3, 8):
        x = torch.randn(rows, 2, 5)[:, 0]  # rows of a wider matrix
        torch.testing.assert_close(gru.product(weight, 4, bias)(x), x @ weight.t() + bias)
        torch.testing.assert_close(gru.product(weight, 4)(x), x @ weight.t())
        torch.testing.assert_close(gru.product(weight.double(), 4, bias.double())(x.double()),
                                   x.double() @ weight.double().t() + bias)


@pytest.mark.parametrize("packable", [True, False])
def test_products_of_rounded_factors(packable, monkeypatch):
    if not packable:
        monkeypatch.setattr(private, "_pack_weight", None)
    weight, bias, x = torch.randn(7, 64), torch.randn(7) * 100, torch.randn(3, 64)
    rounded = x.bfloat16().double() @ weight.bfloat16().double().t()
    for added in (None, bias):
        found = gru.product(weight, 4, added, torch.bfloat16)(x)
        assert found.dtype == torch.float32  # only the product is rounded once more, the bias never
        error = found.double() - (rounded if added is None else rounded + added.double())
        assert (error.abs() <= 2**-8 * rounded.abs() + 1e-4).all()
        torch.testing.assert_close(gru.times(x, weight.t(), torch.bfloat16, added), found, rtol=0, atol=0.1)


@pytest.mark.parametrize("leaves", [True, False])
def test_a_gru_of_sequences_is_pytorchs_and_leaves_autocast_where_it_must(monkeypatch, leaves):
    monkeypatch.setattr(gru, "leaves_autocast", lambda kind: leaves and torch.is_autocast_enabled(kind))
    torch.manual_seed(0)
    net, x = gru.GRU(4, 5), torch.randn(2, 3, 4)
    theirs = nn.GRU(4, 5, batch_first=True)
    theirs.load_state_dict(net.state_dict())
    want = theirs(x)[0]
    assert torch.equal(net(x), want)
    with torch.autocast("cpu", torch.bfloat16):
        low = theirs(x)[0]
        found = net(x)
    assert found.dtype == (want if leaves else low).dtype and torch.equal(found, want if leaves else low)
    assert not torch.equal(low, want)
