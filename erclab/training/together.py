"""Several seeds of one configuration in one pass.

The parameters of all seeds are stacked, (S, ...), and one vectorised forward and backward pass (`torch.vmap`) computes
them together. Each seed has batches in its own order, padded to the largest of them; this changes nothing for a model
that keeps its contracts (an utterance depends neither on padding nor on the rest of its batch). Dropout masks follow
from the key of each seed. Each seed has its own clipping, optimiser and schedule, which work on its slice. So each seed
gives the same result as when trained alone, up to rounding.

One pass saves time where a step is many small operations: on a GPU, and for small models. It does not for recurrent
models, whose LSTM kernels `vmap` cannot stack, nor where the matrices of one seed already fill the machine.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from erclab.core.batches import stack
from erclab.ops.dropout import step_key
from erclab.training.step import step_losses, update
from erclab.training.trainer import Trainer


class Together:
    """Trainers of one model, recipe and task that learn in one pass.

    From here on the parameters and buffers of each model are slices of stacked ones. A change in place (by an optimiser
    or `load_state_dict`) changes the stack.
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
        step = _Step(first.model, first.recipe, first.teacher)  # the seeds of a configuration share their teacher
        state = {f"model.{name}": x for name, x in (self.parameters | self.buffers).items()}

        def losses(state, fields, key):
            return functional_call(step, state, (kind(**fields), first.class_weight, key))

        sums: Any = 0
        counts: Any = 0
        orders = [t.views["train"].batches(t.recipe.batch_size, t.rng, alike=not first.model.packs) for t in trainers]
        for batches in zip(*orders, strict=True):
            batch = stack(batches)
            kind = type(batch)
            fields = {f.name: x for f in dataclasses.fields(batch) if (x := getattr(batch, f.name)) is not None}
            keys = torch.tensor([step_key(t.seed, t.step) for t in trainers], dtype=torch.int32)
            found = torch.vmap(losses)(state, fields, keys.to(batch.rows.device))  # a tuple of (S,)
            found[0].sum().backward()
            for s, trainer in enumerate(trainers):
                for name, parameter in trainer.model.named_parameters():
                    grad = self.parameters[name].grad
                    parameter.grad = None if grad is None else grad[s]
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
    """A model and its loss as one function of the parameters."""

    def __init__(self, model, recipe, teacher):
        super().__init__()
        self.model, self.teacher, self.recipe, self.names = model, teacher, recipe, ()

    def forward(self, batch, class_weight: Tensor | None, key: Tensor) -> tuple[Tensor, ...]:
        losses = step_losses(self.model, batch, self.recipe, class_weight, key, self.teacher)
        self.names = losses._fields
        return tuple(losses)
