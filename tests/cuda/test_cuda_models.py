"""A training step of every model on a GPU: the numbers of the CPU, within rounding."""

import pytest
import torch
from torch import nn

from erclab.contracts import rows
from erclab.contracts.batches import valid
from erclab.contracts.compare import outcome
from erclab.core import tasks
from erclab.ops.dropout import Dropout
from erclab.ops.lstm import LSTM
from erclab.training.recipes import Recipe
from erclab.training.step import step_losses

pytestmark = pytest.mark.usefixtures("full_precision")
CASES = rows.cases()
FIRST = list({case.row.model: case for case in reversed(CASES)}.values())  # of each model
RATE = 0.1


@pytest.fixture
def step(moved):
    def step(case, device, dtype, *, task="emotion", precision="float32"):
        """What a step with dropout gives, by name: losses, gradients, buffers, and outputs of the stepped model."""
        model = case.model(dtype=dtype, dropout=0.3, task=task).to(device).train()
        for module in model.modules():  # masks of torch's generator, which differ between devices
            if isinstance(module, LSTM):  # cuDNN draws those between its layers
                module.dropout = 0.0
            elif isinstance(module, nn.Dropout) and not isinstance(module, Dropout):  # in the BERT of transformers
                module.p = 0.0
        batch = moved(case.batch(dtype=dtype, task=task), device)
        losses = step_losses(model, batch, Recipe(precision=precision), None, 5)
        losses.total.backward()
        found = {f"loss {name}": x.detach() for name, x in losses._asdict().items()}
        for name, p in model.named_parameters():
            if p.grad is not None:
                found[f"gradient of {name}"] = p.grad.clone()
                p.data.sub_(RATE * p.grad)
        found |= {f"buffer {name}": x.clone() for name, x in model.named_buffers()}
        found |= {f"output {name}": x[valid(batch).to(device)] for name, x in outcome(model, batch).items()}
        return {name: x.cpu() for name, x in found.items()}
    return step


def assert_alike(found, want, bar):
    """Apart by at most `bar` of the largest value of each tensor, or of 1."""
    assert found.keys() == want.keys()
    for name, x in want.items():
        assert found[name].shape == x.shape and found[name].dtype == x.dtype, name
        assert found[name].isfinite().equal(x.isfinite()), name
        if x.is_floating_point() and x.numel():
            gap = (found[name] - x)[x.isfinite()].abs()
            assert not gap.numel() or gap.max() <= bar * x[x.isfinite()].abs().max().clamp(min=1), (name, gap.max())
        else:
            assert found[name].equal(x), name


@pytest.mark.parametrize("case", CASES, ids=str)
def test_in_float64_only_the_order_of_sums_differs(case, gpu, step):
    assert_alike(step(case, gpu, torch.float64), step(case, "cpu", torch.float64), 1e-9)


@pytest.mark.parametrize("case", FIRST, ids=str)
def test_in_float32_to_the_fourth_digit(case, gpu, step):
    assert_alike(step(case, gpu, torch.float32), step(case, "cpu", torch.float32), 1e-4)


@pytest.mark.parametrize("case", FIRST, ids=str)
def test_other_tasks(case, gpu, step):
    for task in [t for t in tasks.TASKS if t in case.tasks and t != "emotion"]:
        assert_alike(step(case, gpu, torch.float64, task=task), step(case, "cpu", torch.float64, task=task), 1e-9)


@pytest.mark.parametrize("case", FIRST, ids=str)
def test_bfloat16_is_near_float32(case, gpu, step):
    """Losses within a twentieth, all gradients together within a fifth of their length."""
    want, low = (step(case, gpu, torch.float32, precision=p) for p in ("float32", "bfloat16"))
    assert low.keys() == want.keys()
    for name, x in low.items():
        assert x.dtype == want[name].dtype and x.isfinite().equal(want[name].isfinite()), name
        if name.startswith("loss"):
            torch.testing.assert_close(x, want[name], rtol=0.05, atol=0.05, msg=name)
    slopes = [torch.cat([x.flatten() for name, x in found.items() if name.startswith("gradient")])
              for found in (low, want)]
    assert 0 < (slopes[0] - slopes[1]).norm() < 0.2 * slopes[1].norm()
