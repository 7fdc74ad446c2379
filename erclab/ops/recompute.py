"""Parts of a model whose inner activations are kept for the backward pass, or computed again in it.

Computing them again takes about a quarter more arithmetic and a fraction of the memory. Training decides it, not the
model. The results are the same, dropout masks included: the masks of a part follow from a key that is drawn before.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from erclab.ops.dropout import keyed, next_key, several_seeds

_again: ContextVar[bool] = ContextVar("recompute", default=False)


@contextmanager
def recomputing(again: bool) -> Iterator[None]:
    """Parts that run in the block keep their activations (False) or compute them again (True)."""
    token = _again.set(again)
    try:
        yield
    finally:
        _again.reset(token)


def part(module: nn.Module, *inputs: Any, **options: Any) -> Any:
    """`module(*inputs, **options)`. In training its dropout masks follow from a key of its own, and its activations are
    computed again in the backward pass inside `recomputing(True)`."""
    if not module.training:
        return module(*inputs, **options)
    key = next_key()

    def run(*inputs):
        with keyed(key):
            return module(*inputs, **options)

    if _again.get() and torch.is_grad_enabled() and not several_seeds():
        return checkpoint(run, *inputs, use_reentrant=False, preserve_rng_state=False)
    return run(*inputs)
