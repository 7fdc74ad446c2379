"""Batch normalisation of padded sequences against PyTorch's, over full and over padded sequences."""

import pytest
import torch
from torch import nn

from erclab.ops.batchnorm import MaskedBatchNorm


def test_batch_norm_of_full_sequences_is_torchs():
    ours, theirs = MaskedBatchNorm(5).double(), nn.BatchNorm1d(5).double()
    theirs.load_state_dict(ours.state_dict())
    for seed in range(3):
        x = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        torch.testing.assert_close(ours(x, torch.ones(3, 4, dtype=torch.bool)),
                                   theirs(x.transpose(1, 2)).transpose(1, 2), rtol=0, atol=1e-12)
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value, rtol=0, atol=1e-12)


@pytest.mark.parametrize("steps", [0, 1])
def test_batch_norm_of_too_few_steps_keeps_its_statistics(steps):
    norm = MaskedBatchNorm(5)
    before = {name: x.clone() for name, x in norm.state_dict().items()}
    out = norm(torch.randn(1, 3, 5), torch.arange(3)[None] < steps)
    assert out.isfinite().all()
    assert all(torch.equal(x, before[name]) for name, x in norm.state_dict().items())


@pytest.mark.parametrize("training", [True, False])
def test_padding_does_not_count(training):
    """Padded sequences give what PyTorch gives for their steps alone, whatever stands in the padding."""
    ours, theirs = (cls(5).double().train(training) for cls in (MaskedBatchNorm, nn.BatchNorm1d))
    for norm in (ours, theirs):
        norm.running_mean.fill_(0.5)
        norm.running_var.fill_(2.0)
    mask = torch.arange(4) < torch.tensor([4, 1, 0, 3])[:, None]
    x = torch.randn(4, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x[~mask] = 1e3
    torch.testing.assert_close(ours(x, mask)[mask], theirs(x[mask]), rtol=0, atol=1e-12)
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value, rtol=0, atol=1e-12)


def test_under_autocast_it_computes_in_the_precision_of_its_weights():
    norm, mask = MaskedBatchNorm(5), torch.ones(2, 300, dtype=torch.bool)
    x = torch.randn(2, 300, 5, generator=torch.Generator().manual_seed(0)).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        out = norm(x, mask)
    assert out.dtype == torch.float32
    torch.testing.assert_close(out, nn.BatchNorm1d(5)(x.float().transpose(1, 2)).transpose(1, 2))
