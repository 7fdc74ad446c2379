"""Parts of a model whose inner activations may be computed again in the backward pass instead of being kept.

About a quarter more arithmetic for a fraction of the memory. Whether it is done is the training's choice, not the
model's: results are the same, dropout masks included, because a part's masks follow from a key that is drawn before.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from erclab.ops.dropout import keyed, next_key, several_seeds

_again: ContextVar[bool] = ContextVar("recompute", default=False)


@contextmanager
def recomputing(again: bool) -> Iterator[None]:
    """Whether parts that are run in the block keep their activations (False) or compute them again (True)."""
    token = _again.set(again)
    try:
        yield
    finally:
        _again.reset(token)


def part(module: nn.Module, *inputs):
    """`module(*inputs)`; in training, with dropout masks of its own key, and keeping little of it if `recomputing`."""
    if not module.training:
        return module(*inputs)
    key = next_key()

    def run(*inputs):
        with keyed(key):
            return module(*inputs)

    if _again.get() and torch.is_grad_enabled() and not several_seeds():
        return checkpoint(run, *inputs, use_reentrant=False, preserve_rng_state=False)
    return run(*inputs)
