"""Which changes to a module keep a kernel from computing it."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

from erclab.ops.plain import untouched


def made():
    return nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.GRUCell(4, 4)))


def nothing(*_):
    return None


class Subclass(nn.Linear):
    """A layer of another class, as LoRA makes one."""


class Doubled(nn.Module):
    """A parametrisation."""

    def forward(self, weight):
        """Twice the weight."""
        return 2 * weight


CHANGES = {
    "forward hook": lambda m: m.register_forward_hook(nothing),
    "forward pre-hook": lambda m: m.register_forward_pre_hook(nothing),
    "hook with keyword arguments": lambda m: m.register_forward_hook(nothing, with_kwargs=True),
    "backward hook": lambda m: m.register_full_backward_hook(nothing),
    "backward pre-hook": lambda m: m.register_full_backward_pre_hook(nothing),
    "parametrisation": lambda m: parametrize.register_parametrization(m, "weight", Doubled()),
    "weight norm": lambda m: parametrizations.weight_norm(m),
    "older weight norm": lambda m: torch.nn.utils.weight_norm(m),
    "pruning": lambda m: prune.l1_unstructured(m, "weight", 0.5),
    "forward of the instance": lambda m: setattr(m, "forward", nothing),
}


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_a_submodule_is_seen(change):
    module = made()
    assert untouched(module) and untouched(module[0])
    CHANGES[change](module[0])
    assert not untouched(module) and not untouched(module[0])
    assert untouched(module[1])


def test_a_hook_on_the_module_itself_is_seen_until_it_is_removed():
    module = made()
    handle = module.register_forward_hook(nothing)
    assert not untouched(module) and untouched(module[0])
    handle.remove()
    assert untouched(module)


def test_a_parametrisation_that_was_removed_leaves_the_module_untouched():
    module = made()
    parametrize.register_parametrization(module[0], "weight", Doubled())
    parametrize.remove_parametrizations(module[0], "weight")
    assert untouched(module, nn.Sequential, nn.Linear, nn.GRUCell)


@pytest.mark.parametrize("register", ["register_module_forward_hook", "register_module_forward_pre_hook",
                                      "register_module_full_backward_hook",
                                      "register_module_full_backward_pre_hook"])
def test_a_hook_for_all_modules_is_seen(register):
    handle = getattr(nn.modules.module, register)(nothing)
    try:
        assert not untouched(made())
    finally:
        handle.remove()
    assert untouched(made())


def test_classes_must_be_exactly_those_that_are_named():
    module = made()
    assert untouched(module, nn.Sequential, nn.Linear, nn.GRUCell)
    assert not untouched(module, nn.Sequential, nn.Linear)
    module[0] = Subclass(3, 4)
    assert untouched(module) and not untouched(module, nn.Sequential, nn.Linear, nn.GRUCell)
