"""Small models that keep every contract, for each view; `broken_modules` departs from them, a mistake at a time."""

from dataclasses import dataclass

import torch
from torch import nn

from erclab.contracts.rows import Case, Row
from erclab.models.interface import Model, Output, check_sizes
from erclab.ops.masks import masked_softmax

DIMS = (("text", 6), ("audio", 4), ("visual", 3))


@dataclass(frozen=True)
class SequenceConfig:
    dims: tuple[tuple[str, int], ...]
    outputs: int
    task: str = "emotion"
    hidden: int = 99
    dropout: float = 0.0
    switch: str = "paper"

    def __post_init__(self):
        check_sizes("the module", self, "hidden")


@dataclass(frozen=True)
class DialogueConfig(SequenceConfig):
    speakers: int = 2


class Presets:
    @classmethod
    def paper(cls, corpus="iemocap", **changes):
        return cls.Config(**changes)

    @classmethod
    def official(cls, corpus="iemocap", **changes):
        return cls.Config(**{"switch": "official", **changes})

    @classmethod
    def tiny(cls, **changes):
        return cls.Config(**{"dims": DIMS, "outputs": 5, "hidden": 16, **changes})


class GoodDialogue(Presets, Model):
    """An utterance, its speaker and the mean of its dialogue."""

    Config = DialogueConfig

    def __init__(self, config):
        super().__init__()
        self.config, H = config, config.hidden
        self.inner = nn.Linear(sum(d for _, d in config.dims), H)
        self.speaker = nn.Embedding(config.speakers, H)
        self.outer = nn.Linear(2 * H, config.outputs)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, batch, *, attention=False):
        x = torch.cat([batch.features[m] for m, _ in self.config.dims], -1)
        h = self.dropout(torch.tanh(self.inner(x) + self.speaker(batch.speakers)))
        weights = self.weigh(h, batch.mask)
        return Output(self.outer(torch.cat([h, weights @ h], -1)), {"mean": weights} if attention else None)

    def weigh(self, h, mask):
        keys = mask[:, None, :].to(h.dtype).expand(-1, mask.shape[1], -1)
        return keys / keys.sum(-1, keepdim=True)


class CausalDialogue(GoodDialogue):
    """The mean of what was said so far."""

    def weigh(self, h, mask):
        keys = mask[:, None, :].to(h.dtype).expand(-1, mask.shape[1], -1).tril()
        return keys / keys.sum(-1, keepdim=True)


class GoodSequence(Presets, Model):
    """Each step of the first modality attends to each modality; the mean of what its steps found."""

    Config = SequenceConfig
    view = "sequence"

    def __init__(self, config):
        super().__init__()
        self.config, H = config, config.hidden
        self.inner = nn.ModuleDict({m: nn.Linear(d, H) for m, d in config.dims})
        self.query = nn.Linear(H, H, bias=False)
        self.outer = nn.Linear((1 + len(config.dims)) * H, config.outputs)
        self.dropout = nn.Dropout(config.dropout)

    def encode(self, batch):
        return {m: self.dropout(torch.tanh(self.inner[m](batch.features[m]))) for m in self.inner}

    def forward(self, batch, *, attention=False):
        h, weights = self.encode(batch), {}
        first = next(iter(h))
        found = [h[first]]
        for m, x in h.items():
            scores = self.query(h[first]) @ x.transpose(1, 2)
            weights[f"{first}_from_{m}"] = self.weigh(scores, batch.masks[m][:, None, :])
            found.append(weights[f"{first}_from_{m}"] @ x)
        logits = self.outer(self.pool(torch.cat(found, -1), batch.masks[first]))
        return Output(logits, {k: w[:, None] for k, w in weights.items()} if attention else None)

    def weigh(self, scores, keep):
        return masked_softmax(scores, keep)

    def pool(self, x, mask):
        return (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)


class CausalSequence(GoodSequence):
    """Step i attends to j <= i + |difference of the lengths|."""

    def forward(self, batch, **asked):
        self.masks = batch.masks
        return super().forward(batch, **asked)

    def encode(self, batch):
        target = batch.masks[self.config.dims[0][0]]
        self.ahead = [(target.sum(1) - batch.masks[m].sum(1)).abs()[:, None, None] for m in self.inner]
        return super().encode(batch)

    def weigh(self, scores, keep):
        i, j = torch.arange(scores.shape[1])[:, None], torch.arange(scores.shape[2])
        return masked_softmax(scores, keep & (j <= i + self.ahead.pop(0)))


def case(cls, *, subset=("text", "audio", "visual"), trains=False, **row):
    """A case of a class that is in no registry."""
    return Case(Row(cls.__name__, **row), cls, subset, trains=trains)
