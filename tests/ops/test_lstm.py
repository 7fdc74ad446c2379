"""Reading sequences by themselves: each alone, packed, or in blocks of steps; and how time is cut into blocks."""

from itertools import combinations

import pytest
import torch
from torch import nn

from erclab.ops import lstm as lstms
from erclab.ops import private
from erclab.ops.dropout import keyed
from erclab.ops.lstm import LSTM, blocks, cut, read_blocks

LENGTHS = (3, 9, 0, 9, 1, 4)


def given(lengths=LENGTHS, width=5, padded=2):
    torch.manual_seed(0)
    mask = torch.arange(max(lengths) + padded) < torch.tensor(lengths)[:, None]
    return torch.randn(*mask.shape, width, dtype=torch.float64).masked_fill(~mask.unsqueeze(-1), 0), mask


def lstm_of(layers=1, bidirectional=True, **changes):
    torch.manual_seed(1)
    return LSTM(5, 4, layers, bidirectional=bidirectional, **changes).double()


def test_states_and_last_ones_are_those_of_each_sequence_alone():
    (x, mask), lstm = given(), lstm_of(2)
    plain = nn.LSTM(5, 4, 2, batch_first=True, bidirectional=True).double()
    plain.load_state_dict(lstm.state_dict())
    states, last = lstm(x, mask)
    assert not states[~mask].any()
    for b, n in enumerate(LENGTHS):
        if n:
            want, (h, _) = plain(x[b:b + 1, :n])
            torch.testing.assert_close(states[b, :n], want[0], rtol=0, atol=1e-12)
            torch.testing.assert_close(last[b], h[-2:, 0].flatten(), rtol=0, atol=1e-12)
        else:
            assert not last[b].any()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cost", [0, 5, 1e9])
def test_both_ways_to_read_are_one(cost, layers, bidirectional, bias):
    """The packed one serves GPUs, the blocks CPUs: the same states and gradients at the steps that exist."""
    (x, mask), lstm, results = given(), lstm_of(layers, bidirectional, bias=bias), []
    assert len(blocks(mask, cost).shapes) == {0: 4, 5: 2, 1e9: 1}[cost]
    for way in (LSTM._packed, lambda *a: read_blocks(*a, block_cost=cost)):
        lstm.zero_grad()
        u = x.clone().requires_grad_()
        states = way(lstm, u, mask).masked_fill(~mask.unsqueeze(-1), 0)
        states.sin().sum().backward()
        results.append([states, u.grad.masked_fill(~mask.unsqueeze(-1), 0),
                        *(p.grad.clone() for p in lstm.parameters())])
    for packed, blockwise in zip(*results, strict=True):
        torch.testing.assert_close(blockwise, packed, rtol=0, atol=1e-12)


@pytest.mark.parametrize("training", [True, False])
def test_blocks_in_float32(training):
    """oneDNN's kernel, which float64 does not use."""
    x, mask = given((30, 7, 22, 30, 12, 0))
    lstm = lstm_of(2).float().train(training)
    for cost in (0, 1e9):
        found = read_blocks(lstm, x.float(), mask, cost)[mask]
        torch.testing.assert_close(found.double(), lstm.double()._packed(x, mask)[mask], rtol=0, atol=1e-5)
        lstm.float()


def test_dropout_between_layers_does_not_depend_on_the_blocks():
    (x, mask), lstm, found = given(), lstm_of(2, dropout=0.5), []
    for cost in (0, 1e9):
        with keyed(3):
            found.append(read_blocks(lstm, x, mask, cost)[mask])
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-12)
    assert not torch.allclose(found[0], read_blocks(lstm.eval(), x, mask)[mask])


def test_without_a_mask_every_step_counts():
    (x, _), lstm = given(), lstm_of(2)
    plain = nn.LSTM(5, 4, 2, batch_first=True, bidirectional=True).double()
    plain.load_state_dict(lstm.state_dict())
    states, last = lstm(x)
    want, (h, _) = plain(x)
    assert torch.equal(states, want) and torch.equal(last, torch.cat([h[2], h[3]], dim=-1))


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("native", [True, False])
def test_bfloat16_where_the_processor_lacks_its_instructions(monkeypatch, native, masked):
    """There the LSTM runs in float32: exactly what it gives without autocast, gradients included."""
    (x, mask), lstm = given(), lstm_of(2).float()
    if not native:
        monkeypatch.setattr(private, "_bfloat16_supported", lambda: False)
    elif not private.bfloat16_instructions():
        pytest.skip("this processor has no bfloat16 instructions")
    x, results = x.float(), []
    for low in (False, True):
        lstm.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            given_x = x.bfloat16() if low else x.bfloat16().float()
            states, last = lstm(given_x, mask if masked else None)
        (states.float().sum() + last.float().sum()).backward()
        results.append((states, last, *(p.grad.clone() for p in lstm.parameters())))
    for exact, found in zip(*results, strict=True):
        if native:
            torch.testing.assert_close(found.float(), exact, rtol=0.05, atol=0.05)
        else:
            assert torch.equal(found, exact)
    assert results[1][0].dtype == (torch.bfloat16 if native else torch.float32)


def test_nothing_but_padding():
    x, mask = given((0, 0), padded=3)
    states, last = lstm_of()(x, mask)
    assert states.shape == (2, 3, 8) and not states.any() and not last.any()


def price(lengths, ends, cost):
    starts = [0, *ends[:-1]]
    return sum(cost + sum(n > s for n in lengths) * (e - s) for s, e in zip(starts, ends, strict=True))


@pytest.mark.parametrize("cost", [0, 1, 4, 20])
@pytest.mark.parametrize("lengths", [(7,), (9, 9, 4, 3, 1), (12, 11, 7, 7, 2, 2, 2), (5, 5), (3, 2, 0)], ids=str)
def test_time_is_cut_where_it_costs_least(lengths, cost):
    found = cut(lengths, cost)
    assert [start for start, _, _ in found] == [0, *(end for _, end, _ in found[:-1])]
    assert found[-1][1] == max(lengths)
    assert all(n == sum(length > start for length in lengths) for start, _, n in found)
    inner = range(1, max(lengths))
    best = min(price(lengths, [*some, max(lengths)], cost) for k in range(5) for some in combinations(inner, k))
    assert sum(cost + n * (end - start) for start, end, n in found) == best


def test_an_lstm_leaves_autocast_where_it_must(monkeypatch):
    """As on a GPU, where autocast casts to float16."""
    monkeypatch.setattr(lstms, "leaves_autocast", torch.is_autocast_enabled)
    torch.manual_seed(0)
    net, x = LSTM(4, 5), torch.randn(2, 3, 4)
    want = net(x)[0]
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(net(x)[0], want)
