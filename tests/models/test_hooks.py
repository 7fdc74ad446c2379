"""Forward hooks fire: no kernel uses the parameters of a module without a call of the module.

Pruning, LoRA, parametrisations and attribution methods reach a module through its forward. If a model reads the weight
of a module and never calls it, they have no effect and raise no error.
"""

import re

import pytest
import torch
from torch import nn

from erclab.contracts.rows import ROWS, Case
from erclab.models import MODELS
from erclab.ops import attention
from erclab.ops.dropout import keyed
from erclab.ops.turns import TurnConv

CASES = {f"{row.model}-{row.variant}": Case(row, MODELS[row.model].cls, row.subsets[0]) for row in ROWS}


def silent(case, precision):
    """The submodules with parameters of their own that a training step does not call."""
    called = set()
    model = case.model(dtype=torch.float32, dropout=0.3).train()
    for name, module in model.named_modules():
        module.register_forward_hook(lambda *_, name=name: called.add(name))
    batch = case.batch(dtype=torch.float32)
    with keyed(1), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
        model(batch)
    dead = re.compile("|".join(case.row.dead) or "(?!)")  # the authors' code has parameters that it never uses
    own = {name: [f"{name}.{p}".lstrip(".") for p, _ in m.named_parameters(recurse=False)]
           for name, m in model.named_modules() if not isinstance(m, nn.ParameterDict | nn.ParameterList)}
    return sorted(name for name, found in own.items()
                  if found and name not in called and not all(dead.fullmatch(p) for p in found))


@pytest.mark.parametrize("scores", ["few", "many"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", CASES)
def test_every_module_with_parameters_is_called(name, precision, scores, monkeypatch):
    if scores == "many":  # as in a large batch, where attention is computed in blocks
        monkeypatch.setattr(attention, "LEAST", 0)
    assert silent(CASES[name], precision) == []


def test_every_trained_model_is_a_case():
    assert {name for name, info in MODELS.items() if info.kind == "trained"} == {c.row.model for c in CASES.values()}


def test_a_module_that_is_not_called_is_found(monkeypatch):
    monkeypatch.setattr(TurnConv, "__call__", TurnConv.forward)
    assert silent(CASES["sdt-paper"], "float32") == ["project.audio", "project.text", "project.visual"]
