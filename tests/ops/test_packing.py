"""Packed turns: their order, the way there and back, and dropout masks that do not depend on padding."""

import pytest
import torch

from erclab.ops.dropout import keyed
from erclab.ops.packing import StateDropout, StateMasks, pack

LENGTHS = (2, 4, 1, 4)


def mask_of(lengths=LENGTHS, padded=1):
    return torch.arange(max(lengths) + padded) < torch.tensor(lengths)[:, None]


def test_turns_are_in_order_of_step_and_length():
    packing = pack(mask_of(), 2)
    assert packing.sizes == [4, 3, 2, 2]
    assert packing.dialogue.tolist() == [1, 3, 0, 2, 1, 3, 0, 1, 3, 1, 3]
    assert packing.row.tolist() == [0, 1, 2, 3, 0, 1, 2, 0, 1, 0, 1]
    assert packing.step.tolist() == packing.turn[0].tolist() == [0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 3]
    assert packing.turn[1].tolist() == [3, 3, 1, 0, 2, 2, 0, 1, 1, 0, 0]


@pytest.mark.parametrize("directions", [1, 2])
def test_there_and_back(directions):
    mask = mask_of()
    x, packing = torch.randn(*mask.shape, 3), pack(mask, directions)
    back = packing.put(packing.take(x))
    assert back.shape == (directions, *x.shape)
    assert all(torch.equal(found, x * mask[..., None]) for found in back)
    assert torch.equal(packing.take_directions(back), packing.take(x))


def test_weights_over_steps_become_weights_over_turns():
    packing = pack(mask_of((2, 3)), 2)
    rows = torch.zeros(2, 5, 3)
    for d in range(2):
        for i, (dialogue, step) in enumerate(zip(packing.dialogue, packing.step, strict=True)):
            rows[d, i, :step] = 10 * dialogue + torch.arange(1.0, step + 1)
    ahead, back = packing.put_matrices(rows)
    assert ahead.shape == (2, 4, 4)
    assert ahead[1, 2].tolist() == [11, 12, 0, 0] and ahead[0, 1].tolist() == [1, 0, 0, 0]
    # The direction from the end reads turn 2 first: turn 0 attends to the turns 2 and 1.
    assert back[1, 0].tolist() == [0, 12, 11, 0] and back[0, 0].tolist() == [0, 1, 0, 0]
    assert not ahead[:, :, 3].any() and not back[0, 2:].any()


def test_masks_drop_the_states_of_their_cell_and_step():
    masks, x = StateMasks([2, 1], {"cell": torch.tensor([[0.0], [2.0], [3.0]])}), torch.ones(2, 1)
    assert masks("cell", 0, x).flatten().tolist() == [0, 2] and masks("cell", 1, x[:1]).flatten().tolist() == [3]
    assert masks("other", 0, x) is x


def test_state_dropout_has_the_rate_and_ignores_padding():
    dropout, widths = StateDropout(0.4), {"a": (30,), "b": (2, 20)}
    found = []
    for padded in (1, 5):
        with keyed(3):
            found.append(dropout(pack(mask_of(padded=padded), 2), widths, torch.float64))
    for first, second in zip(*found, strict=True):
        for cell, shape in widths.items():
            factor = first.factors[cell]
            assert factor.shape == (11, *shape) and factor.dtype == torch.float64
            assert torch.equal(factor, second.factors[cell])
            assert set(factor.unique().tolist()) == {0, 1 / 0.6}
            assert 0.25 < (factor == 0).double().mean() < 0.55
    assert not torch.equal(found[0][0].factors["a"], found[0][1].factors["a"])
    assert [masks.factors for masks in dropout.eval()(pack(mask_of(), 2), widths, torch.float32)] == [{}, {}]
    assert [masks.factors for masks in StateDropout(0.0)(pack(mask_of()), widths, torch.float32)] == [{}]
