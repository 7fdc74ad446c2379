"""Equal layers, each with inputs of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from erclab.ops.recompute import part


class Bank(nn.ModuleDict):
    """Equal layers by name, each applied to its own inputs.

    The bank decides how the layers run: each draws its dropout masks from a key of its own, and keeps its activations
    for the backward pass or computes them again (`erclab.ops.recompute`). The results are the same.
    """

    def forward(self, inputs: Mapping[str, tuple], *shared: Any, **options: Any) -> dict[str, Any]:
        """Name -> what the layer of this name returns for its inputs, followed by the `shared` ones."""
        return {name: part(self[name], *own, *shared, **options) for name, own in inputs.items()}
