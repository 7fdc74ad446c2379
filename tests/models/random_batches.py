"""Random padded batches, and the few things that tests do to them."""

from dataclasses import replace

import torch

from erclab.batches import DialogueBatch


def random_batch(dims, classes, speakers, lengths=(5, 3, 1), seed=0, dtype=torch.float64):
    """Dialogues of these lengths, zeros at padded turns as `DialogueBatch` says."""
    rng = torch.Generator().manual_seed(seed)
    shape = (len(lengths), max(lengths))
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    return DialogueBatch(
        features={m: torch.randn(*shape, d, generator=rng, dtype=dtype) * mask[..., None]
                  for m, d in dict(dims).items()},
        mask=mask,
        speakers=torch.randint(speakers, shape, generator=rng) * mask,
        labels=torch.randint(classes, shape, generator=rng) * mask,
        rows=torch.where(mask, mask.flatten().cumsum(0).view(shape) - 1, -1),
    )


def take(batch, dialogues, turns=None):
    """Some of the dialogues, in this order, cut to a number of turns."""
    def cut(x):
        return x[dialogues][:, :turns]
    return DialogueBatch({m: cut(x) for m, x in batch.features.items()}, *map(cut, _plain(batch)))


def widen(batch, turns):
    """More padding at the end."""
    def grown(x, fill=0):
        return torch.cat([x, x.new_full((len(x), turns, *x.shape[2:]), fill)], dim=1)
    return DialogueBatch({m: grown(x) for m, x in batch.features.items()}, grown(batch.mask, False),
                         grown(batch.speakers), grown(batch.labels), grown(batch.rows, -1))


def with_garbage(batch, classes, speakers, seed=99, size=1e4):
    """Large numbers and any index at padded turns."""
    rng = torch.Generator().manual_seed(seed)
    def fouled(x, junk):
        keep = batch.mask if x.dim() == 2 else batch.mask[..., None]
        return torch.where(keep, x, junk.to(x.dtype))
    return replace(
        batch,
        features={m: fouled(x, size * torch.randn(x.shape, generator=rng)) for m, x in batch.features.items()},
        speakers=fouled(batch.speakers, torch.randint(speakers, batch.shape, generator=rng)),
        labels=fouled(batch.labels, torch.randint(classes, batch.shape, generator=rng)),
    )


def with_features(batch, change):
    """The batch with `change(features of a modality)` in place of the features."""
    return replace(batch, features={m: change(x) for m, x in batch.features.items()})


def shake(model, seed=0, size=0.3):
    """Move every trainable parameter off its initial value: gains of 1 and biases of 0 hide mistakes."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            if p.requires_grad:
                p += size * torch.randn(p.shape, generator=rng).to(p.dtype)
    return model


def _plain(batch):
    return batch.mask, batch.speakers, batch.labels, batch.rows
