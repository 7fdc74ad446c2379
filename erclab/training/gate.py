"""The freezing of HCT-MG's modality gate. The paper freezes the gate after its convergence; see `HCTMG.Config`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from erclab.models.hct_mg import HCTMG
from erclab.models.interface import Model, Output


class GateFreezing:
    """Freezes the gate of one model after `freeze_patience` calm epochs in a row.

    An epoch is calm if none of its batches had another primary modality than its end has, and no weight moved by more
    than `freeze_tolerance` times the primary's lead over the second. The parameter of a frozen gate has no gradient, so
    that no optimiser changes it.

    Args:
        model: with `primary="gating"`. A forward hook notes the weights at each of its training batches.
    """

    def __init__(self, model: HCTMG):
        self.model, self.frozen, self.calm = model, False, 0
        self.before = torch.full_like(model.gate_logits.detach(), 1 / len(model.gate_logits))
        self.seen: list[Tensor] = []
        model.register_forward_hook(self._note)

    @torch.no_grad()
    def after_epoch(self) -> dict[str, Any]:
        """Freeze the gate if it has converged.

        Returns:
            `gate`, modality -> weight at the end of the epoch; `primary`; `frozen`; `gate_per_batch`, modality ->
            weight at each training batch since the last call.
        """
        now, config = self.model.gate(), self.model.config
        seen, self.seen = torch.stack([*self.seen, now]), []
        first, second = now.topk(2).values
        moved = (now - self.before).abs().max()
        calm = (seen.argmax(1) == now.argmax()).all() & (moved < config.freeze_tolerance * (first - second))
        self._set(self.frozen, self.calm + 1 if calm else 0, now)
        per_batch = zip(config.modalities, seen[:-1].T.tolist(), strict=True)
        return {"gate": dict(zip(config.modalities, now.tolist(), strict=True)),
                "primary": config.modalities[int(now.argmax())], "frozen": self.frozen,
                "gate_per_batch": dict(per_batch)}

    def state_dict(self) -> dict[str, Any]:
        """The state of the freezing after an epoch."""
        return {"frozen": self.frozen, "calm": self.calm, "before": self.before}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        self._set(state["frozen"], state["calm"], state["before"].to(self.before))

    def _set(self, frozen: bool, calm: int, before: Tensor) -> None:
        self.frozen, self.calm, self.before = frozen or calm >= self.model.config.freeze_patience, calm, before
        self.model.gate_logits.requires_grad_(not self.frozen)

    def _note(self, model: HCTMG, inputs: tuple, output: Output) -> None:
        if model.training:
            self.seen.append(output.aux["gate"][0].detach())


def gate_freezing(model: Model) -> GateFreezing | None:
    """The freezing of a model's gate; None for a model without a gate that learns."""
    return GateFreezing(model) if isinstance(model, HCTMG) and model.config.primary == "gating" else None
