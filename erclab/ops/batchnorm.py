"""Batch normalisation of padded sequences."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MaskedBatchNorm(nn.BatchNorm1d):
    """Batch normalisation that counts only the steps that exist, in the statistics of a batch and in the running ones.

    Over sequences without padding it equals `nn.BatchNorm1d`. A batch with fewer than two steps has no variance and
    does not change the running statistics. Under autocast it computes in the precision of its weights: sums over all
    steps are too long for bfloat16.
    """

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, L, d), (B, L) -> (B, L, d)."""
        x = x.to(self.weight.dtype)
        mean, variance = self.running_mean, self.running_var
        if self.training:
            here = mask.unsqueeze(-1).to(x.dtype)
            steps = here.sum()
            count = steps.clamp(min=1)
            mean = (x * here).sum((0, 1)) / count
            variance = ((x - mean).square() * here).sum((0, 1)) / count
            with torch.no_grad():
                rate = self.momentum * (steps > 1).to(x.dtype)
                self.num_batches_tracked += steps > 1
                self.running_mean += rate * (mean - self.running_mean)
                self.running_var += rate * (variance * count / (count - 1).clamp(min=1) - self.running_var)
        return (x - mean) * torch.rsqrt(variance + self.eps) * self.weight + self.bias
