"""Random padded batches of both views, and the changes that contracts make to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from erclab.analysis import degrade
from erclab.core.batches import DialogueBatch, SequenceBatch

Batch = DialogueBatch | SequenceBatch
# Steps per modality and utterance. The modalities differ everywhere; each is once the longest; the least is 1 step.
STEPS = {"text": (5, 3, 1, 2), "audio": (4, 7, 2, 1), "visual": (6, 1, 3, 4)}


def random_dialogues(dims, classes: int, speakers: int, lengths: Sequence[int] = (5, 3, 1), seed: int = 0,
                     dtype=torch.float64, task: str = "emotion", words: int = 0) -> DialogueBatch:
    """Dialogues of these lengths, with zeros at padded turns (see `DialogueBatch`).

    Args:
        dims: modality -> width, or pairs.
        classes: number of emotions or of label columns, see `random_labels`.
        words: size of a vocabulary, or 0. Utterances then have one to four of its words; the first three words are
            special and do not occur.
    """
    rng = torch.Generator().manual_seed(seed)
    shape = (len(lengths), max(lengths))
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    features = {m: torch.randn(*shape, d, generator=rng, dtype=dtype) * mask[..., None] for m, d in dict(dims).items()}
    who = torch.randint(speakers, shape, generator=rng) * mask
    target = random_labels(task, classes, shape, rng, dtype)
    said = None
    if words:
        count = torch.randint(1, 5, shape, generator=rng) * mask
        said = torch.where(torch.arange(4) < count[..., None], torch.randint(3, words, (*shape, 4), generator=rng), -1)
    return DialogueBatch(features, mask, who, target * (mask if target.dim() == 2 else mask[..., None]),
                         rows=torch.where(mask, mask.flatten().cumsum(0).view(shape) - 1, -1), tokens=said)


def random_sequences(dims, classes: int, lengths: Mapping[str, Sequence[int]] | None = None, seed: int = 0,
                     dtype=torch.float64, task: str = "emotion") -> SequenceBatch:
    """Utterances with these numbers of steps per modality (0: the modality is absent), zeros at padded steps.

    Args:
        dims: modality -> width, or pairs.
        lengths: modality -> steps of each utterance; by default three utterances of `STEPS`.
    """
    rng = torch.Generator().manual_seed(seed)
    lengths = lengths or {m: STEPS[m][:3] for m in dict(dims)}
    steps = {m: torch.tensor(lengths[m]) for m in dict(dims)}
    masks = {m: torch.arange(max(int(n.max()), 1)) < n[:, None] for m, n in steps.items()}
    features = {m: torch.randn(*masks[m].shape, d, generator=rng, dtype=dtype) * masks[m][..., None]
                for m, d in dict(dims).items()}
    count = len(next(iter(masks.values())))
    return SequenceBatch(features, masks, random_labels(task, classes, (count,), rng, dtype), rows=torch.arange(count))


def random_labels(task: str, columns: int, shape: Sequence[int], rng: torch.Generator, dtype=torch.float64) -> Tensor:
    """Random labels of a task (`erclab.core.tasks`), (*shape) or (*shape, columns)."""
    if task == "emotion":
        return torch.randint(columns, tuple(shape), generator=rng)
    if task == "emotion4":
        return torch.randint(2, (*shape, columns), generator=rng).to(dtype)
    return 6 * torch.rand(*shape, columns, generator=rng, dtype=dtype) - 3


def valid(batch: Batch) -> Tensor:
    """bool, of shape `batch.shape`: the places of predictions."""
    return batch.mask if isinstance(batch, DialogueBatch) else torch.ones(batch.shape, dtype=torch.bool)


def take(batch: Batch, samples: Sequence[int], turns: int | None = None) -> Batch:
    """Some of the samples, in this order; with `turns`, dialogues are cut to this number of turns."""
    samples = list(samples)
    if isinstance(batch, SequenceBatch):
        return SequenceBatch({m: x[samples] for m, x in batch.features.items()},
                             {m: x[samples] for m, x in batch.masks.items()}, batch.labels[samples],
                             batch.rows[samples])
    return _every(batch, lambda x: x[samples][:, :turns])


def alone(batch: Batch, sample: int) -> Batch:
    """One sample without padding. An absent modality has one padded step."""
    one = take(batch, [sample])
    if isinstance(one, DialogueBatch):
        return take(one, [0], int(one.mask.sum()))
    steps = {m: max(int(mask.sum()), 1) for m, mask in one.masks.items()}
    return replace(one, features={m: x[:, :steps[m]] for m, x in one.features.items()},
                   masks={m: x[:, :steps[m]] for m, x in one.masks.items()})


def widen(batch: Batch, more: int, modalities: Iterable[str] | None = None) -> Batch:
    """More padding at the end; in a sequence batch only in these modalities (default: all)."""
    def grown(x, fill=0):
        return torch.cat([x, x.new_full((len(x), more, *x.shape[2:]), fill)], dim=1)
    if isinstance(batch, DialogueBatch):
        return replace(_every(batch, grown), mask=grown(batch.mask, False), rows=grown(batch.rows, -1),
                       tokens=None if batch.tokens is None else grown(batch.tokens, -1))
    chosen = list(batch.features if modalities is None else modalities)
    return replace(batch, features=batch.features | {m: grown(batch.features[m]) for m in chosen},
                   masks=batch.masks | {m: grown(batch.masks[m], False) for m in chosen})


def with_garbage(batch: Batch, classes: int = 1, speakers: int = 1, seed: int = 99, size: float = 1e4) -> Batch:
    """Large numbers and random speakers, classes and words at padded places."""
    rng = torch.Generator().manual_seed(seed)
    def fouled(x, mask, junk):
        return torch.where(mask if x.dim() == 2 else mask[..., None], x, junk.to(x.dtype))
    dialogue = isinstance(batch, DialogueBatch)
    masks = dict.fromkeys(batch.features, batch.mask) if dialogue else batch.masks
    changed = replace(batch, features={m: fouled(x, masks[m], size * torch.randn(x.shape, generator=rng))
                                       for m, x in batch.features.items()})
    if not dialogue:
        return changed
    said = batch.tokens
    if said is not None:
        said = torch.where(batch.mask[..., None], said, said.flatten()[torch.randperm(said.numel(), generator=rng)]
                           .view(said.shape))
    return replace(changed, tokens=said,
                   speakers=fouled(batch.speakers, batch.mask, torch.randint(speakers, batch.shape, generator=rng)),
                   labels=fouled(batch.labels, batch.mask, torch.randint(classes, batch.labels.shape, generator=rng)))


def with_features(batch: Batch, change: Callable[[Tensor], Tensor]) -> Batch:
    """The batch with `change(features of a modality)` in place of the features."""
    return replace(batch, features={m: change(x) for m, x in batch.features.items()})


def with_sample_changed(batch: Batch, sample: int, classes: int, speakers: int) -> Batch:
    """Other features, words, speakers and labels in one sample; its length stays."""
    it = torch.arange(len(batch)) == sample
    changed = with_features(batch, lambda x: torch.where(it[:, None, None] & (x != 0), 5 - 3 * x, x))
    if isinstance(batch, SequenceBatch):
        return replace(changed, labels=torch.where(it, (batch.labels + 1) % classes, batch.labels))
    here = it[:, None] & batch.mask
    return replace(changed, speakers=torch.where(here, (batch.speakers + 1) % speakers, batch.speakers),
                   tokens=_other_words(batch.tokens, here),
                   labels=torch.where(here, (batch.labels + 1) % classes, batch.labels))


def with_turns_changed(batch: DialogueBatch, first: int, speakers: int) -> DialogueBatch:
    """Other features, words and speakers in all turns from `first` on."""
    here = batch.mask & (torch.arange(batch.shape[1]) >= first)
    changed = with_features(batch, lambda x: torch.where(here[..., None], 5 - 3 * x, x))
    return replace(changed, speakers=torch.where(here, (batch.speakers + 1) % speakers, batch.speakers),
                   tokens=_other_words(batch.tokens, here))


def without(batch: Batch, sample: int, modality: str) -> Batch:
    """One sample lacks a modality; a dialogue in all of its turns."""
    it = torch.arange(len(batch)) == sample
    return degrade.without(batch, modality, it.view(-1, *(1,) * (len(batch.shape) - 1)).expand(batch.shape))


def unannotated(batch: Batch) -> Batch:
    """The batch without a single label."""
    nothing = float("nan") if batch.labels.is_floating_point() else -1
    return replace(batch, labels=torch.full_like(batch.labels, nothing))


def shake(model: nn.Module, seed: int = 0, size: float = 0.3) -> nn.Module:
    """Move every trainable parameter off its initial value, because gains of 1 and biases of 0 hide mistakes."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            if p.requires_grad:
                p += size * torch.randn(p.shape, generator=rng).to(p.dtype)
    return model


def _other_words(tokens: Tensor | None, here: Tensor) -> Tensor | None:
    """Every word of these turns replaced by another; as many words as before."""
    if tokens is None:
        return None
    lowest, highest = tokens[tokens >= 0].min(), tokens.max()
    other = torch.where(tokens < highest, tokens + 1, lowest)
    return torch.where(here[..., None] & (tokens >= 0), other, tokens)


def _every(batch: DialogueBatch, change: Callable[[Tensor], Tensor]) -> DialogueBatch:
    """All tensors of a dialogue batch changed alike."""
    return DialogueBatch({m: change(x) for m, x in batch.features.items()}, change(batch.mask), change(batch.speakers),
                         change(batch.labels), change(batch.rows),
                         None if batch.tokens is None else change(batch.tokens))
