"""The shortest model that the package can plan, hold to the contracts, count and train: a Config and a forward."""

from dataclasses import dataclass

import torch
from torch import nn

from erclab.models.interface import Model, ModelConfig, Output


class Short(Model):
    """The mean of a dialogue beside each of its utterances."""

    @dataclass(frozen=True)
    class Config(ModelConfig):
        """hidden: width of the head's hidden layer; the other fields are described in `ModelConfig`."""

        dims: tuple[tuple[str, int], ...]
        outputs: int
        task: str = "emotion"
        hidden: int = 8

    def __init__(self, config):
        super().__init__()
        self.config = config
        width = sum(d for _, d in config.dims)
        self.head = nn.Sequential(nn.Linear(2 * width, config.hidden), nn.Tanh(),
                                  nn.Linear(config.hidden, config.outputs))

    def forward(self, batch, *, attention=False):
        x = torch.cat([batch.features[m] for m in self.config.modalities], dim=-1)
        x = x.masked_fill(~batch.mask[..., None], 0)
        mean = x.sum(1, keepdim=True) / batch.mask.sum(1)[:, None, None]
        return Output(self.head(torch.cat([x, mean.expand_as(x)], dim=-1)), {} if attention else None)
