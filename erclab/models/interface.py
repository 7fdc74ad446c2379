"""What every model takes and gives back, and what the training loop may ask of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from torch import Tensor, nn

from erclab.core import tasks
from erclab.core.batches import DialogueBatch, SequenceBatch
from erclab.core.errors import UsageError


@dataclass(frozen=True)
class Output:
    """The result of a model's one forward pass.

    Attributes:
        logits: (B, T, C) for dialogues, (B, C) for sequences: the prediction that is scored.
        attention: name -> weights, filled when the model was called with `attention=True`, from the same pass
            and the same weights that made the logits; None otherwise.
        aux: name -> whatever the model's loss or an analysis needs (student logits, gates). The model's
            docstring says what is there.
    """

    logits: Tensor
    attention: dict[str, Tensor] | None = None
    aux: dict[str, Tensor] = field(default_factory=dict)


class Losses(NamedTuple):
    """The total, which is minimised, and the loss of the task alone; models with more terms have their own."""

    total: Tensor
    task: Tensor


class Model(nn.Module):
    """A model of batches. Subclasses set `config` (with `dims` and `task`) and write `forward`.

        forward(batch, *, attention=False) -> Output
    """

    config: Any
    packs: ClassVar[bool] = False  # padding costs it little, so that a batch need not have items of similar lengths

    def loss(self, output: Output, batch: DialogueBatch | SequenceBatch, class_weight: Tensor | None = None):
        """The loss of the model's task over annotated utterances (`erclab.core.tasks.loss`).

        Returns:
            A named tuple of scalars whose first two fields are `total` and `task`.
        """
        task = tasks.loss(self.config.task, output.logits, batch.targets, class_weight)
        return Losses(task, task)

    def pretrained_parameters(self) -> Iterable[nn.Parameter]:
        """The parameters that came trained, which a recipe may give a learning rate of their own."""
        return ()

    def require(self, batch: DialogueBatch | SequenceBatch) -> None:
        """Refuse a batch without a modality of the model.

        Raises:
            UsageError: names what is absent.
        """
        here = dict(self.config.dims)
        absent = [m for m in here if m not in batch.features]
        if absent:
            raise UsageError(f"this {type(self).__name__} was built for {', '.join(here)}; the batch lacks "
                             f"{', '.join(absent)}", remedy="Build it for the modalities there are.")


def check_sizes(model: str, config: Any, *positive: str) -> None:
    """Refuse a configuration without modalities, with sizes below one, or with dropouts outside [0, 1).

    Args:
        positive: fields that must be at least 1. Every field whose name contains "dropout" must be in [0, 1).

    Raises:
        UsageError: names the field.
    """
    if not config.dims or len({m for m, _ in config.dims}) != len(config.dims):
        raise UsageError(f"{model} needs one or more different modalities, not {config.dims}")
    if config.task not in tasks.TASKS:
        raise UsageError(f"{model}'s task '{config.task}' is none of {', '.join(tasks.TASKS)}")
    sizes = {name: getattr(config, name) for name in ("outputs", *positive)}
    for name, size in {**sizes, **{f"width of {m}": d for m, d in config.dims}}.items():
        if size < 1:
            raise UsageError(f"{model}'s {name} is {size}, it must be positive")
    for name, rate in vars(config).items():
        if "dropout" in name and not 0 <= rate < 1:
            raise UsageError(f"{model}'s {name} is {rate}, it must be in [0, 1)")
