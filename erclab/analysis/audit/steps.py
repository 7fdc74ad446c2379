"""What hyper-parameters allow: batches of an epoch, and how far Adam can move a logit."""

from __future__ import annotations

import math


def batches_of_epoch(samples: int, batch_size: int) -> int:
    """Batches of an epoch, the last one perhaps smaller."""
    return math.ceil(samples / batch_size)


def adam_reach(rate: float, steps: int) -> float:
    """How far Adam (Kingma and Ba 2015, section 2.1) moves a parameter in so many steps: about the rate in each.

    It is reached where all gradients have one sign and size. Gradients that are mostly 0 allow a step of 3.2 rates at
    the usual settings (0.9, 0.999), but a gate has a gradient in every batch.
    """
    return rate * steps


def largest_weight(reach: float, options: int = 3) -> float:
    """The largest softmax weight that logits reach from equal ones: one rises by `reach`, all others fall by it."""
    return 1 / (1 + (options - 1) * math.exp(-2 * reach))
