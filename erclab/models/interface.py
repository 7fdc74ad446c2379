"""What every model takes and gives back."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class Output:
    """The result of a model's one forward pass.

    Attributes:
        logits: (B, T, C), the prediction that is scored.
        attention: name -> weights, filled when the model was called with `attention=True`, from the same pass
            and the same weights that made the logits; None otherwise.
        aux: name -> whatever the model's loss or an analysis needs (student logits, gates). The model's
            docstring says what is there.
    """

    logits: Tensor
    attention: dict[str, Tensor] | None = None
    aux: dict[str, Tensor] = field(default_factory=dict)
