"""Corpora as batches: a split's arrays on the device once, cut into padded batches of similar length.

`DialogueView` gives whole conversations (one vector per utterance and modality), `SequenceView` gives utterances
alone (a sequence of frames or words per modality).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from erclab.core import tasks
from erclab.core.batches import DialogueBatch, Flat, SequenceBatch
from erclab.core.errors import CorpusError
from erclab.core.targets import Task
from erclab.corpora.corpus import Corpus
from erclab.corpora.frames import Frames
from erclab.corpora.vocabulary import SPLITS

CHUNK = 1 << 16  # frames that are made float64 at once


@dataclass(frozen=True)
class Standardiser:
    """Per modality, the mean and deviation of the training split (D_m,): of its vectors or its frames, as float32; or
    of what a fitted baseline reads, as float64."""

    mean: Mapping[str, np.ndarray]
    deviation: Mapping[str, np.ndarray]

    @classmethod
    def fit(cls, corpus: Corpus, modalities: Sequence[str], *, frames: bool = False) -> Standardiser:
        """Fit on the training split alone. A constant feature keeps deviation 1, so it becomes 0."""
        train = corpus.rows("train")
        mean, deviation = {}, {}
        for m in modalities:
            if frames:
                where = np.isin(np.repeat(np.arange(len(corpus)), corpus.frames[m].lengths), train)
                centre, spread = _moments(corpus.frames[m].values, np.flatnonzero(where))
            else:
                centre, spread = _moments(corpus.vectors[m], train)
            mean[m] = centre.astype(np.float32)
            deviation[m] = np.where(spread > 1e-6, spread, 1.0).astype(np.float32)
        return cls(mean, deviation)

    @classmethod
    def side_by_side(cls, corpus: Corpus, modalities: Sequence[str], *, pooled: bool = False) -> Standardiser:
        """The same for `flat`, as float64: of vectors, or with `pooled` of mean and deviation of the frames."""
        parts = _parts(corpus, modalities, pooled)
        # All columns at once: numpy adds a single column in another order.
        mean, spread = _moments(np.hstack(list(parts.values())), corpus.rows("train"))
        spread = np.where(spread > 1e-6, spread, 1.0)
        ends = np.cumsum([x.shape[1] for x in parts.values()])[:-1]
        return cls(dict(zip(parts, np.split(mean, ends), strict=True)),
                   dict(zip(parts, np.split(spread, ends), strict=True)))

    def __call__(self, modality: str, x: np.ndarray) -> np.ndarray:
        return (x - self.mean[modality]) / self.deviation[modality]


def annotated_targets(corpus: Corpus, split: str, task: Task) -> np.ndarray:
    """The labels of a split: (n,) int64, or (n, K) float32; at least one is there.

    Raises:
        CorpusError: the split has no utterance, or none with an annotation for the task.
        UsageError: the corpus has no such task.
    """
    where = corpus.source or corpus.name
    if not len(corpus.rows(split)):
        raise CorpusError(f"the {split} split has no dialogue", where=where,
                          remedy="Each of train, valid and test needs at least one; cross-validation makes them from "
                          "all dialogues (--folds N; in Python erclab.runs.cross_validate).")
    found = corpus.targets(split, task.name).astype(np.int64 if task.kind == "classes" else np.float32)
    if not tasks.annotated(torch.from_numpy(found)).any():
        raise CorpusError(f"no utterance of the {split} split has an annotation for {task.name}",
                          where=where, remedy="Choose another task or corpus.")
    return found


class View:
    """One split of a corpus, its labels on the device.

    Attributes:
        rows: (N,) int64, the utterances' rows in the corpus, increasing.
        task: what is predicted, with names and scale.
        labels: (N,) int64 or (N, K) float32, see `erclab.core.tasks`; on the device, as a model learns them.
        truth: the same labels as the corpus has them, a numpy array; of an own task of numbers the scale differs.
        lengths: of each item, a dialogue or an utterance; batches are made of items of similar lengths.

    Raises:
        CorpusError: the split has no utterance, or none with an annotation for the task.
        UsageError: the corpus has no such task.
    """

    lengths: np.ndarray

    def batch(self, items: Sequence[int]) -> Any:
        """The batch of these items, a `DialogueBatch` or a `SequenceBatch`; each subclass has its own."""
        raise NotImplementedError

    def __init__(self, corpus: Corpus, split: str, device, task: str | Task):
        self.task = corpus.task(task) if isinstance(task, str) else task
        self.truth = annotated_targets(corpus, split, self.task)
        self.rows = torch.from_numpy(corpus.rows(split)).to(device)
        self.labels = torch.from_numpy(self.task.learnt(self.truth)).to(device)

    def batches(self, batch_size: int, rng: np.random.Generator | None = None, *, alike: bool = True) -> Iterator:
        """All batches once.

        Without `rng` the longest items come first, so that a lack of memory shows at once. With `rng` items are
        shuffled, batches are made of similar lengths (sorted within pools of eight batches), and the batches are
        shuffled again: little padding, and a different mix in each epoch. With `alike=False` batches keep the shuffled
        order, so that no batch has all the longest items.
        """
        if rng is None:
            order = np.argsort(-self.lengths, kind="stable")
            groups = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
        else:
            order, pool = rng.permutation(len(self.lengths)), 8 * batch_size
            groups = []
            for i in range(0, len(order), pool):
                part = order[i : i + pool]
                part = part[np.argsort(-self.lengths[part], kind="stable")] if alike else part
                groups += [part[j : j + batch_size] for j in range(0, len(part), batch_size)]
            groups = [groups[i] for i in rng.permutation(len(groups))]
        for group in groups:
            yield self.batch(group)

    def __len__(self) -> int:
        """The number of items in all batches: dialogues, or utterances."""
        return len(self.lengths)


class DialogueView(View):
    """One split of a corpus as `DialogueBatch`es.

    The features lie on the device as flat (N, D_m) tensors without padding; a batch gathers its rows. So an
    epoch copies nothing from the host, and padding exists only as long as a batch does.

    Args:
        corpus: where the utterances come from.
        split: train, valid or test.
        modalities: which features to give, a non-empty subset of the corpus's.
        device: where the tensors live.
        standardiser: applied once, here; None leaves the features as they are.
        task: which annotation is the label: a name of `corpus.tasks`, or the task of a run, fitted to the corpus that
            the run was trained on. Utterances without one are context.
        words: (values, starts): every utterance of the **corpus** as token ids, for models that read words. Then
            there are no vectors of the text.

    Raises:
        CorpusError: the corpus lacks a modality, or the split has no dialogue.
    """

    def __init__(self, corpus: Corpus, split: str, modalities: Sequence[str], device="cpu",
                 standardiser: Standardiser | None = None, task: str | Task = "emotion",
                 words: tuple[np.ndarray, np.ndarray] | None = None):
        vectors = [m for m in modalities if m != "text" or words is None]
        absent = [m for m in vectors if m not in corpus.vectors]
        if absent or not modalities:
            raise CorpusError(f"no features for {', '.join(absent) or 'any modality'}", where=corpus.name,
                              remedy=f"It has {', '.join(corpus.modalities) or 'none'}; choose among these.")
        super().__init__(corpus, split, device, task)
        rows = corpus.rows(split)
        self.lengths = np.diff(corpus.starts)[corpus.dialogue_splits == split]
        self._first = np.concatenate([[0], np.cumsum(self.lengths)[:-1]])
        self.features = {m: _on_device(corpus.vectors[m][rows], m, standardiser, device)
                         for m in vectors}
        self.speakers = torch.from_numpy(corpus.speaker_index[rows]).to(device)
        self.tokens = None if words is None else _padded_ids(*words, rows).to(device)

    def batch(self, dialogues: Sequence[int]) -> DialogueBatch:
        """These dialogues, padded to the longest of them."""
        dialogues = np.asarray(dialogues)
        index, mask = _grid(self._first[dialogues], self.lengths[dialogues], self.labels.device)
        tokens = None
        if self.tokens is not None:
            tokens = self.tokens[index].masked_fill(~mask.unsqueeze(-1), -1)
            tokens = tokens[..., : max(int((tokens >= 0).sum(-1).max()), 1)]
        steps = self.lengths[dialogues]
        places = np.flatnonzero(np.arange(steps.max()) < steps[:, None])
        return DialogueBatch(
            features={m: x[index] * mask.unsqueeze(-1) for m, x in self.features.items()},
            mask=mask,
            speakers=self.speakers[index] * mask,
            labels=self.labels[index].masked_fill(~mask.view(*mask.shape, *[1] * (self.labels.dim() - 1)), 0),
            rows=self.rows[index].masked_fill(~mask, -1),
            tokens=tokens,
            places=torch.from_numpy(places).to(self.labels.device),
        )


class SequenceView(View):
    """One split of a corpus as `SequenceBatch`es: every utterance alone, with its frames.

    Frames lie on the device packed, (sum of L, D_m) per modality; a batch gathers its utterances.

    Args:
        corpus, split, device, standardiser, task: as for `DialogueView`; the standardiser is one of frames.
        modalities: which sequences to give, a non-empty subset of `corpus.frames`.

    Raises:
        CorpusError: the corpus lacks a modality's sequences, or the split has no utterance.
    """

    def __init__(self, corpus: Corpus, split: str, modalities: Sequence[str], device="cpu",
                 standardiser: Standardiser | None = None, task: str | Task = "emotion"):
        absent = [m for m in modalities if m not in corpus.frames]
        if absent or not modalities:
            raise CorpusError(f"no sequences for {', '.join(absent) or 'any modality'}", where=corpus.name,
                              remedy=f"It has {', '.join(corpus.frames) or 'none'}; choose among these.")
        super().__init__(corpus, split, device, task)
        self.features, self._starts = {}, {}
        for m in modalities:
            part = corpus.frames[m].take(corpus.rows(split))
            self.features[m] = _on_device(part.values, m, standardiser, device)
            self._starts[m] = part.starts
        self.lengths = np.sum([np.diff(s) for s in self._starts.values()], axis=0)

    def batch(self, utterances: Sequence[int]) -> SequenceBatch:
        """These utterances, each modality padded to the longest of them."""
        at = np.asarray(utterances)
        device = self.labels.device
        features, masks = {}, {}
        for m, x in self.features.items():
            index, masks[m] = _grid(self._starts[m][at], np.diff(self._starts[m])[at], device)
            # An utterance without frames may start where the array ends.
            features[m] = (x[index.clamp(max=len(x) - 1)] if len(x) else x.new_zeros(*index.shape, x.shape[1]))
            features[m] = features[m] * masks[m].unsqueeze(-1)
        chosen = torch.from_numpy(at).to(device)
        return SequenceBatch(features, masks, self.labels[chosen], self.rows[chosen])


def flat(corpus: Corpus, modalities: Sequence[str], task: str | Task = "emotion", *, pooled: bool = False,
         standardiser: Standardiser | None = None, splits: Sequence[str] = SPLITS) -> dict[str, Flat]:
    """Each split without its conversations: modalities side by side, (N, sum of D_m), labels, past labels, and texts.

    Args:
        modalities: none gives features of width 0, for a model that reads the texts alone.
        pooled: take mean and deviation of each utterance's frames instead of its vectors.
        standardiser: one of `Standardiser.side_by_side`; None leaves the features as they are.

    Raises:
        CorpusError: a split has no utterance, or none with an annotation for the task.
        UsageError: the corpus has no such task.
    """
    task = corpus.task(task) if isinstance(task, str) else task
    every = {s: annotated_targets(corpus, s, task) for s in splits}
    parts = _parts(corpus, modalities, pooled)
    x = np.hstack([np.zeros((len(corpus), 0), np.float32),
                   *(part if standardiser is None else standardiser(m, part) for m, part in parts.items())])
    x = x.astype(np.float32)
    first = next(iter(every.values()))
    labels = np.full((len(corpus), *first.shape[1:]), -1 if first.ndim == 1 else np.nan, dtype=first.dtype)
    for s, values in every.items():
        labels[corpus.rows(s)] = values
    before = previous(labels, corpus.starts)
    texts = corpus.table["text"].to_numpy(dtype=object)
    heard = np.concatenate([[""], texts[:-1]]).astype(object)
    heard[corpus.starts[:-1]] = ""
    return {s: Flat(x[rows], labels[rows], before[rows], texts[rows], heard[rows], task)
            for s in splits for rows in [corpus.rows(s)]}


def _parts(corpus: Corpus, modalities: Sequence[str], pooled: bool) -> dict[str, np.ndarray]:
    """Modality -> (N, D_m) float32, its vectors or its pooled frames.

    Raises:
        CorpusError: the corpus lacks a modality.
    """
    there = corpus.frames if pooled else corpus.vectors
    absent = [m for m in modalities if m not in there]
    if absent:
        raise CorpusError(f"no {'sequences' if pooled else 'features'} for {', '.join(absent)}", where=corpus.name,
                          remedy=f"It has {', '.join(there) or 'none'}; choose among these.")
    return {m: (pool(corpus.frames[m]) if pooled else corpus.vectors[m]).astype(np.float32) for m in modalities}


def previous(labels: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """For each utterance the last annotated label before it in its dialogue (`starts`); -1 or NaN without one."""
    out = np.full_like(labels, -1 if labels.ndim == 1 else np.nan)
    for a, b in pairwise(starts):
        for i in range(a + 1, b):
            known = labels[i - 1] >= 0 if labels.ndim == 1 else ~np.isnan(labels[i - 1])
            out[i] = np.where(known, labels[i - 1], out[i - 1])
    return out


def pool(frames: Frames) -> np.ndarray:
    """(N, 2 D) float32: mean and deviation of each utterance's frames, 0 for an utterance without any."""
    lengths = np.maximum(frames.lengths, 1)[:, None]
    owner = np.repeat(np.arange(len(frames)), frames.lengths)
    sums = np.zeros((2, len(frames), frames.values.shape[1]))
    for a in range(0, len(owner), CHUNK):
        x = frames.values[a : a + CHUNK].astype(np.float64)
        np.add.at(sums[0], owner[a : a + CHUNK], x)
    mean = sums[0] / lengths
    for a in range(0, len(owner), CHUNK):
        x = frames.values[a : a + CHUNK] - mean[owner[a : a + CHUNK]]
        np.add.at(sums[1], owner[a : a + CHUNK], x**2)
    return np.hstack([mean, np.sqrt(sums[1] / lengths)]).astype(np.float32)


def _moments(x: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of some rows, in float64 without a float64 copy of them all; 0 and 0 of no rows."""
    count = max(len(rows), 1)
    parts = [rows[a : a + CHUNK] for a in range(0, len(rows), CHUNK)]
    mean = sum((x[p].sum(0, dtype=np.float64) for p in parts), np.zeros(x.shape[1])) / count
    square = sum((((x[p] - mean) ** 2).sum(0) for p in parts), np.zeros(x.shape[1])) / count
    return mean, np.sqrt(square)


def _on_device(x: np.ndarray, modality: str, standardiser: Standardiser | None, device) -> Tensor:
    x = standardiser(modality, x) if standardiser else x
    return torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32)).to(device)


def _grid(first: np.ndarray, lengths: np.ndarray, device) -> tuple[Tensor, Tensor]:
    """(B, L) index of each step and (B, L) whether it exists; L is at least 1.

    A step that does not exist has the index of its item's first step and is set to 0 later, so that one gather is
    enough for the batch.
    """
    step = np.arange(max(lengths.max(), 1))
    mask = step[None, :] < lengths[:, None]
    index = np.where(mask, first[:, None] + step[None, :], first[:, None])
    return torch.from_numpy(index).to(device), torch.from_numpy(mask).to(device)


def _padded_ids(values: np.ndarray, starts: np.ndarray, rows: np.ndarray) -> Tensor:
    """(N, W) token ids of these utterances, -1 after the last."""
    lengths = np.diff(starts)[rows]
    index, mask = _grid(starts[:-1][rows], lengths, "cpu")
    ids = torch.from_numpy(np.asarray(values, dtype=np.int64))
    return ids[index.clamp(max=max(len(ids) - 1, 0))].masked_fill(~mask, -1) if len(ids) else torch.full(
        index.shape, -1)
