"""A bank of layers is a loop over its layers."""

import pytest
import torch
from torch import nn

from erclab.ops.bank import Bank
from erclab.ops.dropout import Dropout, keyed
from erclab.ops.recompute import recomputing


class Layer(nn.Module):
    """x -> scale * dropout(W x)."""

    def __init__(self):
        super().__init__()
        self.map, self.dropout, self.passes = nn.Linear(4, 4), Dropout(0.5), 0

    def forward(self, x, scale, *, twice=False):
        self.passes += 1
        return self.dropout(self.map(x)) * scale * (2 if twice else 1)


@pytest.fixture
def bank():
    torch.manual_seed(0)
    return Bank({name: Layer() for name in ("a", "b", "c")})


@pytest.fixture
def inputs():
    return {name: (torch.randn(5, 4),) for name in ("c", "a")}


def test_each_layer_has_its_own_inputs_and_the_shared_ones(bank, inputs):
    found = bank.eval()(inputs, 3.0, twice=True)
    assert list(found) == ["c", "a"] and bank["b"].passes == 0
    for name, (x,) in inputs.items():
        assert torch.equal(found[name], bank[name].map(x) * 6)


def test_hooks_of_bank_and_layers_fire(bank, inputs):
    seen = []
    for module in (bank, bank["a"]):
        module.register_forward_hook(lambda module, *_: seen.append(type(module)))
    bank(inputs, 1.0)
    assert seen == [Layer, Bank]


def test_each_layer_draws_masks_of_its_own(bank):
    bank["b"].load_state_dict(bank["a"].state_dict())
    x = torch.randn(50, 4)
    with keyed(1):
        found = bank({"a": (x,), "b": (x,)}, 1.0)
    assert not torch.equal(found["a"] == 0, found["b"] == 0)
    with keyed(1):
        assert torch.equal(bank({"a": (x,)}, 1.0)["a"], found["a"])


def test_activations_that_are_computed_again_change_nothing(bank, inputs):
    results = []
    for again in (False, True):
        bank.zero_grad()
        with keyed(1), recomputing(again):
            out = bank(inputs, 1.0)
        sum(x.square().sum() for x in out.values()).backward()
        results.append([*out.values(), bank["a"].map.weight.grad, bank["c"].map.weight.grad])
    assert all(torch.equal(x, y) for x, y in zip(*results, strict=True))
    assert (bank["a"].passes, bank["b"].passes) == (3, 0)


def test_names_of_parameters_are_those_of_a_module_dict(bank):
    assert list(bank.state_dict()) == list(nn.ModuleDict(dict(bank.items())).state_dict())
