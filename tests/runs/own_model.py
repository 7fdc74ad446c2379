"""A model outside of erclab, as a user writes one: the smallest that learns."""

from dataclasses import dataclass

import torch
from torch import nn

from erclab.core.batches import DialogueBatch
from erclab.models.interface import Model, Output

SCALE = 1.0


class OwnModel(Model):
    """A linear map of each utterance."""

    @dataclass(frozen=True)
    class Config:
        """Sizes."""

        dims: tuple[tuple[str, int], ...]
        outputs: int = 6
        task: str = "emotion"
        hidden: int = 4

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.map = nn.Linear(sum(d for _, d in config.dims), config.hidden)
        self.head = nn.Linear(config.hidden, config.outputs)

    def forward(self, batch: DialogueBatch, *, attention: bool = False) -> Output:
        """Logits of each utterance."""
        x = torch.cat([batch.features[m] for m, _ in self.config.dims], -1)
        return Output(self.head(self.map(x).relu()) * SCALE)
