"""Tests of a GPU: `pytest tests/cuda`, or `bash tools/gpu.sh` for all that is measured there.

Without a GPU each test is skipped. `ERCLAB_TEST_DEVICE=cpu` runs them with the CPU in the place of the GPU: that shows
that the tests themselves work, and nothing about a GPU.
"""

import dataclasses
import os

import pytest
import torch

from erclab.core.errors import UsageError
from erclab.training.device import choose_device


def compared():
    """The device that is compared with the CPU; None where there is none."""
    try:
        return choose_device(os.environ.get("ERCLAB_TEST_DEVICE", "cuda"))
    except UsageError:
        return None


DEVICE = compared()


def pytest_runtest_setup():
    if DEVICE is None:
        pytest.skip("no GPU (ERCLAB_TEST_DEVICE=cpu puts the CPU in its place)")


@pytest.fixture(scope="session")
def gpu():
    """The device that is compared with the CPU."""
    return DEVICE


@pytest.fixture
def full_precision():
    """No TF32, with which cuDNN computes LSTMs and convolutions in float32 by default: it rounds factors to 10 bits.
    Runs have no need of it: they are `repeatable`."""
    before, torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.allow_tf32, False
    yield
    torch.backends.cudnn.allow_tf32 = before


@pytest.fixture
def moved():
    """A function that copies tensors, also in lists, dictionaries and batches, to a device."""
    def moved(x, device):
        if isinstance(x, dict):
            return {name: moved(part, device) for name, part in x.items()}
        if isinstance(x, list | tuple):
            return [moved(part, device) for part in x]
        if dataclasses.is_dataclass(x):
            return type(x)(**{f.name: moved(getattr(x, f.name), device) for f in dataclasses.fields(x)})
        return x.detach().to(device) if isinstance(x, torch.Tensor) else x
    return moved
