"""Activations computed again give the numbers of those that were kept, and are not kept."""

import pytest
import torch

from erclab import corpora, models, runs
from erclab.ops.dropout import Dropout, keyed
from erclab.ops.recompute import part, recomputing
from erclab.training import loop
from erclab.training.device import seeded


def trained(corpus, **changes):
    spec, = runs.plan("sdt", corpus, epochs=2, hidden=16, heads=2, dropout=0.5, **changes)
    with seeded(0, torch.device("cpu")):
        return loop.train(models.build("sdt", spec.settings), runs.views(spec, corpus), spec.recipe, seed=0,
                          progress=False)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_training_is_the_same_to_the_bit(precision):
    corpus = corpora.load("simulated-tiny")
    kept, again = (trained(corpus, precision=precision, recompute=how) for how in (False, True))
    assert kept.curve == again.curve
    assert all(torch.equal(x, again.weights[name]) for name, x in kept.weights.items())


class Chain(torch.nn.Module):
    """Four layers; `runs` counts its passes."""

    def __init__(self):
        super().__init__()
        self.layers = torch.nn.ModuleList(torch.nn.Linear(32, 32) for _ in range(4))
        self.dropout, self.runs = Dropout(0.5), 0

    def forward(self, x):
        self.runs += 1
        for layer in self.layers:
            x = torch.tanh(self.dropout(layer(x)))
        return x


def kept_numbers(module, x, again):
    """Result, gradient, passes, and how many numbers the graph keeps."""
    kept, own = {}, {p.data_ptr() for p in module.parameters()}

    def pack(t):
        if t.untyped_storage().data_ptr() not in own:
            kept[t.untyped_storage().data_ptr()] = t.numel()
        return t

    module.runs = 0
    module.zero_grad()
    with keyed(3), recomputing(again), torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        y = part(module, x)
    numbers = sum(kept.values())
    y.sum().backward()
    return y.detach(), module.layers[0].weight.grad.clone(), module.runs, numbers


def test_less_is_kept_and_computed_twice():
    torch.manual_seed(0)
    module, x = Chain(), torch.randn(64, 32)
    y, grad, once, much = kept_numbers(module, x, False)
    y2, grad2, twice, little = kept_numbers(module, x, True)
    assert torch.equal(y, y2) and torch.equal(grad, grad2)
    assert (once, twice) == (1, 2) and little < much / 4


def test_in_evaluation_nothing_is_drawn_and_nothing_computed_again():
    module, before = Chain().eval(), torch.get_rng_state()
    with recomputing(True):
        part(module, torch.randn(2, 32, generator=torch.Generator().manual_seed(0)))
    assert module.runs == 1 and torch.equal(torch.get_rng_state(), before)
