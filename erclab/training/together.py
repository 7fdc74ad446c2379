"""Several seeds of one configuration in one pass.

Their parameters lie stacked, (S, ...), and one vectorised forward and backward pass (`torch.vmap`) serves all. Each
seed has batches in its own order, padded to the largest of them, which changes nothing for a model that keeps its
contracts (padding, samples and their batch are independent); dropout masks follow from each seed's own key. Clipping,
optimiser and schedule stay each seed's own and work on its slice. So a seed ends as it does alone, within rounding.

It pays where a step is many small operations: on a GPU, and for small models. It does not for recurrent models, whose
LSTM kernels `vmap` cannot stack, nor where one seed's matrices already fill the machine.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.func import functional_call

from erclab.core.batches import stack
from erclab.ops.dropout import step_key
from erclab.training.step import step_losses, update

if TYPE_CHECKING:
    from erclab.training.loop import Trainer


class Together:
    """Trainers of one model, recipe and task that learn in one pass.

    From here on their parameters and buffers are slices of stacked ones; whatever changes them in place (an optimiser,
    `load_state_dict`) changes the stack.
    """

    def __init__(self, trainers: Sequence[Trainer]):
        self.trainers = trainers
        modules = [t.model for t in trainers]
        self.parameters = {name: self._stacked([m.get_parameter(name) for m in modules])
                           for name, _ in modules[0].named_parameters()}
        self.buffers = {name: self._stacked([m.get_buffer(name) for m in modules])
                        for name, _ in modules[0].named_buffers()}

    def train(self) -> list[dict[str, float]]:
        """Each seed learns from each of its batches once; see `Trainer.train`."""
        trainers, first = self.trainers, self.trainers[0]
        for trainer in trainers:
            trainer.model.train()
        step = _Step(first.model, first.recipe)
        state = {f"model.{name}": x for name, x in (self.parameters | self.buffers).items()}

        def losses(state, fields, key):
            return functional_call(step, state, (kind(**fields), first.class_weight, key))

        sums, counts = 0, 0
        orders = [t.views["train"].batches(t.recipe.batch_size, t.rng, alike=not first.model.packs) for t in trainers]
        for batches in zip(*orders, strict=True):
            batch = stack(batches)
            kind = type(batch)
            fields = {f.name: x for f in dataclasses.fields(batch) if (x := getattr(batch, f.name)) is not None}
            keys = torch.tensor([step_key(t.seed, t.step) for t in trainers], dtype=torch.int32)
            found = torch.vmap(losses)(state, fields, keys.to(batch.rows.device))  # a tuple of (S,)
            found[0].sum().backward()
            for s, trainer in enumerate(trainers):
                for name, p in trainer.model.named_parameters():
                    grad = self.parameters[name].grad
                    p.grad = None if grad is None else grad[s]
                update(trainer.model, trainer.optimiser, trainer.recipe, trainer.schedule)
                trainer.step += 1
            for p in self.parameters.values():
                p.grad = None
            utterances = torch.stack([b.annotated.sum() for b in batches])
            sums = sums + torch.stack([x.detach() for x in found], dim=1) * utterances[:, None]
            counts = counts + utterances
        return [dict(zip(step.names, row, strict=True)) for row in (sums / counts[:, None]).tolist()]

    @staticmethod
    def _stacked(parts: list[Tensor]) -> Tensor:
        whole = torch.stack([p.detach() for p in parts])
        for part, own in zip(parts, whole, strict=True):
            part.data = own
        return whole.requires_grad_(parts[0].requires_grad)


class _Step(nn.Module):
    """A model with its loss, to be called with other parameters."""

    def __init__(self, model, recipe):
        super().__init__()
        self.model, self.recipe, self.names = model, recipe, ()

    def forward(self, batch, class_weight: Tensor | None, key: Tensor) -> tuple[Tensor, ...]:
        losses = step_losses(self.model, batch, self.recipe, class_weight, key)
        self.names = losses._fields
        return tuple(losses)
