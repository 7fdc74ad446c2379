"""Modules that differ from a good one by a mistake each; `what_breaks` says which contract finds what."""

from dataclasses import dataclass

import torch
from good_modules import CausalDialogue, GoodDialogue, GoodSequence
from torch import nn

from erclab.core import tasks
from erclab.core.errors import UsageError
from erclab.models.interface import Losses, Output

# Mistakes that can be made in either view: each is mixed into both good modules.


class LooksAtTheOthers:
    def forward(self, batch, **asked):
        out = super().forward(batch, **asked)
        first = out.logits.flatten(1, -2)[:, :1].mean(0) if out.logits.dim() == 3 else out.logits.mean(0)
        return Output(out.logits - 0.01 * first, out.attention)


class ReadsTheOthersLabels:
    def forward(self, batch, **asked):
        out = super().forward(batch, **asked)
        return Output(out.logits + 0.01 * batch.labels.double().mean(), out.attention)


class ReadsNothing:
    def forward(self, batch, **asked):
        out = super().forward(batch, **asked)
        return Output(out.logits.detach() * 0 + self.outer.bias, out.attention)


class KnowsItsPlace:
    def forward(self, batch, **asked):
        out = super().forward(batch, **asked)
        place = torch.arange(len(batch)).to(out.logits).view(-1, *(1,) * (out.logits.dim() - 1))
        return Output(out.logits * (1 + 0.01 * place), out.attention)


class LossKnowsThePlace:
    def loss(self, output, batch, class_weight=None):
        one = super().loss(output, batch, class_weight)
        return Losses(one.total + output.logits[0].sum(), one.task)


class DependsOnWidth:
    def forward(self, batch, **asked):
        out = super().forward(batch, **asked)
        return Output(out.logits / next(iter(batch.features.values())).shape[1], out.attention)


class NormalisesOverPadding:
    """Batch normalisation of the inputs, padding included: right in evaluation, wrong in training."""

    def __init__(self, config):
        super().__init__(config)
        self.norm = nn.BatchNorm1d(config.dims[0][1])

    def forward(self, batch, **asked):
        m = self.config.dims[0][0]
        x = self.norm(batch.features[m].transpose(1, 2)).transpose(1, 2)
        return super().forward(type(batch)(**{**vars(batch), "features": batch.features | {m: x}}), **asked)


class RootOfZero:
    def loss(self, output, batch, class_weight=None):
        # A sample of one step: the root of zero has no slope.
        mask = batch.mask if hasattr(batch, "mask") else batch.masks[self.config.dims[0][0]]
        once = (mask.sum(1) - 1).view(-1, *(1,) * (output.logits.dim() - 1))
        one = super().loss(output, batch, class_weight)
        return Losses(one.total + (output.logits * once).sum().abs().sqrt(), one.task)


class HasAnUnusedLayer:
    def __init__(self, config):
        super().__init__(config)
        self.forgotten = nn.Linear(3, 3)


class HasAnIneffectiveBias:
    def __init__(self, config):
        super().__init__(config)
        self.shift = nn.Parameter(torch.zeros(1))

    def forward(self, batch, **asked):
        out = super().forward(batch, **asked)
        return Output(out.logits + self.shift, out.attention)  # the same for every class


class DrawsWhenEvaluated:
    def forward(self, batch, **asked):
        out = super().forward(batch, **asked)
        return Output(out.logits + torch.randn_like(out.logits), out.attention)


class IgnoresTheSeed:
    calls = 0

    def forward(self, batch, **asked):
        out = super().forward(batch, **asked)
        if self.training:
            IgnoresTheSeed.calls += 1
        return Output(out.logits * IgnoresTheSeed.calls, out.attention)


class SeedsItself:
    def __init__(self, config):
        torch.manual_seed(0)
        super().__init__(config)

    def forward(self, batch, **asked):
        torch.manual_seed(0)
        return super().forward(batch, **asked)


class CannotLearn:
    def forward(self, batch, **asked):
        out = super().forward(batch, **asked)
        return Output(torch.tanh(out.logits) / 2, out.attention)


class OverflowsInHalf:
    def forward(self, batch, **asked):
        out = super().forward(batch, **asked)
        scale = 1e38 if torch.is_autocast_enabled("cpu") else 1.0
        return Output(out.logits * scale * scale, out.attention)


class CoarseInHalf:
    def forward(self, batch, **asked):
        out = super().forward(batch, **asked)
        return Output(out.logits + 0.5 * torch.is_autocast_enabled("cpu"), out.attention)


class NeedsText:
    def __init__(self, config):
        if "text" not in dict(config.dims):
            raise UsageError("needs text")
        super().__init__(config)


class CrashesWithoutText:
    def forward(self, batch, **asked):
        return super().forward(batch, **asked) if batch.features["text"].flatten(1).any(1).all() else None


class AttentionChangesLogits:
    def forward(self, batch, *, attention=False):
        out = super().forward(batch, attention=attention)
        return Output(out.logits + 1e-6 * attention, out.attention)


class AttentionUnasked:
    def forward(self, batch, *, attention=False):
        return super().forward(batch, attention=True)


class AttentionForgotten:
    def forward(self, batch, *, attention=False):
        return super().forward(batch)


class AttentionIsNotNormalised:
    def forward(self, batch, **asked):
        out = super().forward(batch, **asked)
        return Output(out.logits, out.attention and {name: 2 * w for name, w in out.attention.items()})


class AttentionOfAnotherShape:
    def forward(self, batch, **asked):
        out = super().forward(batch, **asked)
        return Output(out.logits, out.attention and {name: w[..., :1] for name, w in out.attention.items()})


class DividesByTheNorm:
    def forward(self, batch, **asked):
        m, x = self.config.dims[0][0], batch.features[self.config.dims[0][0]]
        keep = batch.mask if hasattr(batch, "mask") else batch.masks[m]
        x = x / x.norm(dim=-1, keepdim=True).masked_fill(~keep[..., None], 1)
        if not hasattr(batch, "mask"):
            x = x + (x.sum((1, 2)) / keep.sum(1))[:, None, None]
        return super().forward(type(batch)(**{**vars(batch), "features": batch.features | {m: x}}), **asked)


class AbsenceIsContagious:
    def forward(self, batch, **asked):
        out = super().forward(batch, **asked)
        silent = sum((x == 0).all(-1).all(1).any() for x in batch.features.values())
        return Output(out.logits + 0.01 * silent, out.attention)


class KeepsItsSecret:
    """A constant that neither the configuration nor the weights carry."""

    def __init__(self, config):
        super().__init__(config)
        self.secret = torch.randn(1).double()

    def forward(self, batch, **asked):
        out = super().forward(batch, **asked)
        return Output(out.logits * self.secret.to(out.logits), out.attention)


class CannotBeWritten:
    """A configuration that JSON gives back differently."""

    def __init__(self, config):
        object.__setattr__(config, "switch", (1.0, {2: 3})) if config.switch == "paper" else None
        super().__init__(config)


class WrongLossOfATask:
    def loss(self, output, batch, class_weight=None):
        one = super().loss(output, batch, class_weight)
        return Losses(one.total, one.task) if self.config.task == "emotion" else Losses(-one.total, one.task)


class OneOutputTooMany:
    def forward(self, batch, **asked):
        out = super().forward(batch, **asked)
        extra = self.config.task == "dimensional"
        return Output(torch.cat([out.logits, out.logits[..., :1]], -1) if extra else out.logits, out.attention)


class MeanOfNothing:
    def loss(self, output, batch, class_weight=None):
        at = batch.annotated
        if self.config.task != "emotion":
            return super().loss(output, batch, class_weight)
        one = nn.functional.cross_entropy(output.logits[at], batch.labels[at], weight=class_weight)
        return Losses(one, one)


# Mistakes that show only here or there.


class UsesMoreInWideBatches:
    def __init__(self, config):
        super().__init__(config)
        self.spare = nn.Parameter(torch.ones(1))

    def forward(self, batch, **asked):
        out = super().forward(batch, **asked)
        wide = batch.features[self.config.dims[0][0]].shape[1] > 7
        return Output(out.logits + 0 * self.spare if wide else out.logits, out.attention)


class SqueezesOne:
    def forward(self, batch, **asked):
        out = super().forward(batch, **asked)
        return Output(out.logits.squeeze(0), out.attention)


class OneMoreForOne:
    def forward(self, batch, **asked):
        out = super().forward(batch, **asked)
        more = torch.cat([out.logits, out.logits[..., :1]], -1)
        return Output(more if len(batch) == 1 else out.logits, out.attention)


class InfiniteForPairs:
    def forward(self, batch, **asked):
        out = super().forward(batch, **asked)
        return Output(out.logits / (len(self.config.dims) - 2), out.attention)


class OneOutputTooManyForPairs:
    def forward(self, batch, **asked):
        out = super().forward(batch, **asked)
        more = torch.cat([out.logits, out.logits[..., :1]], -1)
        return Output(more if len(self.config.dims) == 2 else out.logits, out.attention)


class LossOverflowsInHalf:
    def loss(self, output, batch, class_weight=None):
        one = super().loss(output, batch, class_weight)
        scale = 1e38 if torch.is_autocast_enabled("cpu") else 1.0
        return Losses(one.total * scale * scale, one.task)


class AttentionIsNegative:
    """The rows still sum to 1."""

    def forward(self, batch, **asked):
        out = super().forward(batch, **asked)
        def tilted(w):
            place = torch.arange(w.shape[-1]).to(w)
            return w + 9 * w * (place - (w * place).sum(-1, keepdim=True))
        return Output(out.logits, out.attention and {name: tilted(w) for name, w in out.attention.items()})


class RootOfSilence:
    """The loss is right and has no slope where a modality is silent."""

    def __init__(self, config):
        super().__init__(config)
        self.gain = nn.Parameter(torch.ones(1))

    def loss(self, output, batch, class_weight=None):
        one = super().loss(output, batch, class_weight)
        energy = batch.features[self.config.dims[0][0]].square().sum((1, 2))
        return Losses(one.total + (self.gain * energy).sqrt().mean(), one.task)


class InfiniteWhenEvaluated:
    def forward(self, batch, **asked):
        out = super().forward(batch, **asked)
        energy = batch.features[self.config.dims[0][0]].square().sum((1, 2)).view(-1, *(1,) * (out.logits.dim() - 1))
        return Output(out.logits if self.training else out.logits + 1 / energy, out.attention)


class DriftingConfig:
    """Whoever reads a configuration gets another one."""

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "hidden", self.hidden + 2)


class DriftsInDialogues(GoodDialogue):
    Config = dataclass(frozen=True)(type("Config", (DriftingConfig, GoodDialogue.Config), {}))


class DriftsInSequences(GoodSequence):
    Config = dataclass(frozen=True)(type("Config", (DriftingConfig, GoodSequence.Config), {}))


class NoLossOfATask:
    def loss(self, output, batch, class_weight=None):
        one = super().loss(output, batch, class_weight)
        return Losses(one.total, one.task * (float("nan") if self.config.task == "sentiment" else 1))


class MisnamesItsAttention(GoodSequence):
    def forward(self, batch, **asked):
        out = super().forward(batch, **asked)
        return Output(out.logits, out.attention and {"mean": out.attention["text_from_text"]})


class CountsThePaddingOfWhatIsAbsent(GoodSequence):
    def forward(self, batch, **asked):
        out = super().forward(batch, **asked)
        first = batch.masks[self.config.dims[0][0]]
        return Output(out.logits + torch.where(first.any(1), 0, first.shape[1])[:, None], out.attention)


# Mistakes of one view.


class AttendsToPadding(GoodDialogue):
    def weigh(self, h, mask):
        return torch.full((*mask.shape, mask.shape[1]), 1 / mask.shape[1], dtype=h.dtype)


class LossOverPadding(GoodDialogue):
    def loss(self, output, batch, class_weight=None):
        task = tasks.loss(self.config.task, output.logits.flatten(0, 1), batch.labels.flatten(0, 1))
        return Losses(task, task)


class NotQuiteCausal(CausalDialogue):
    def weigh(self, h, mask):
        keys = mask[:, None, :].to(h.dtype).expand(-1, mask.shape[1], -1).tril(1)
        return keys / keys.sum(-1, keepdim=True)


class CountsTheTurns(CausalDialogue):
    def forward(self, batch, **asked):
        out = super().forward(batch, **asked)
        return Output(out.logits / batch.mask.sum(1)[:, None, None], out.attention)


class AttendsToPaddedSteps(GoodSequence):
    def weigh(self, scores, keep):
        return scores.softmax(-1)


class PoolsPadding(GoodSequence):
    def pool(self, x, mask):
        return x.mean(1)


class PoolsPaddingAsZeros(GoodSequence):
    def pool(self, x, mask):
        return (x * mask[..., None]).mean(1)


class TakesTheLastPaddedStep(GoodSequence):
    def pool(self, x, mask):
        return x[:, -1]


class SoftmaxOverNothing(GoodSequence):
    def weigh(self, scores, keep):
        return scores.masked_fill(~keep, float("-inf")).softmax(-1)


class ReadsAnAbsentModality(GoodSequence):
    """Attends to the padding of a modality that an utterance lacks: a softmax over the lowest number everywhere."""

    def weigh(self, scores, keep):
        return scores.masked_fill(~keep, torch.finfo(scores.dtype).min).softmax(-1)
