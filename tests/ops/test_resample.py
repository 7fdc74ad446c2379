"""Mean-pooling to other lengths: known answers, a naive reference, and PyTorch's adaptive pooling."""

import numpy as np
import pytest
import torch
from reference_mult import pooled

from erclab.ops.resample import resample


def test_resample_of_a_known_sequence():
    x, mask = torch.arange(6.0).view(1, 6, 1), torch.ones(1, 6, dtype=torch.bool)
    assert resample(x, mask, torch.tensor([3]), 3).flatten().tolist() == [0.5, 2.5, 4.5]
    assert resample(x, mask, torch.tensor([4]), 4).flatten().tolist() == [0.5, 1.5, 3.5, 4.5]
    assert resample(x[:, :2], mask[:, :2], torch.tensor([4]), 4).flatten().tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(("count", "steps"), [(7, 3), (3, 7), (5, 5), (1, 4), (4, 1), (500, 50), (6, 4)])
def test_pooling_averages_the_frames_of_a_step(count, steps):
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(2, count + 2, 3, generator=rng, dtype=torch.float64)
    mask = torch.arange(count + 2) < torch.tensor([[count], [0]])
    places = torch.arange(steps + 1) < torch.tensor([[steps], [steps]])
    found = resample(x, mask, places.sum(1), places.shape[1])
    np.testing.assert_allclose(found[0, :steps].numpy(), pooled(x[0, :count].numpy(), steps), rtol=0, atol=1e-12)
    want = torch.nn.functional.adaptive_avg_pool1d(x[:1, :count].transpose(1, 2), steps).transpose(1, 2)
    torch.testing.assert_close(found[:1, :steps], want)
    assert not found[0, steps:].any() and not found[1].any()
