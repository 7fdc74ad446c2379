"""Corpora as batches: a split's arrays on the device once, cut into padded batches of similar length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from erclab.batches import DialogueBatch
from erclab.corpora.schema import Corpus
from erclab.errors import CorpusError


@dataclass(frozen=True)
class Standardiser:
    """Per modality, the mean and deviation of the training utterances (D_m,), as float32."""

    mean: Mapping[str, np.ndarray]
    deviation: Mapping[str, np.ndarray]

    @classmethod
    def fit(cls, corpus: Corpus, modalities: Sequence[str]) -> Standardiser:
        """Fit on the training split alone. A constant feature keeps deviation 1, so it becomes 0."""
        train = corpus.rows("train")
        mean, deviation = {}, {}
        for m in modalities:
            x = corpus.vectors[m][train].astype(np.float64)
            mean[m] = x.mean(0).astype(np.float32)
            spread = x.std(0)
            deviation[m] = np.where(spread > 1e-6, spread, 1.0).astype(np.float32)
        return cls(mean, deviation)

    def __call__(self, modality: str, x: np.ndarray) -> np.ndarray:
        return (x - self.mean[modality]) / self.deviation[modality]


class DialogueView:
    """One split of a corpus as `DialogueBatch`es.

    The features lie on the device as flat (N, D_m) tensors without padding; a batch gathers its rows. So an
    epoch copies nothing from the host, and padding exists only as long as a batch does.

    Args:
        corpus: where the utterances come from.
        split: train, valid or test.
        modalities: which features to give, a non-empty subset of the corpus's.
        device: where the tensors live.
        standardiser: applied once, here; None leaves the features as they are.

    Raises:
        CorpusError: the corpus lacks a modality, or the split has no dialogue.
    """

    def __init__(self, corpus: Corpus, split: str, modalities: Sequence[str], device="cpu",
                 standardiser: Standardiser | None = None):
        absent = [m for m in modalities if m not in corpus.vectors]
        if absent or not modalities:
            raise CorpusError(f"no features for {', '.join(absent) or 'any modality'}", where=corpus.name,
                              remedy=f"It has {', '.join(corpus.modalities) or 'none'}; choose among these.")
        index = np.flatnonzero(corpus.dialogue_splits == split)
        if len(index) == 0:
            raise CorpusError(f"the {split} split has no dialogue", where=corpus.source or corpus.name,
                              remedy="Each of train, valid and test needs at least one.")
        rows = corpus.rows(split)
        if not corpus.labelled[rows].all():
            row = corpus.table.iloc[rows[~corpus.labelled[rows]][0]]
            raise CorpusError("the utterance has no emotion label", remedy="Take corpus.select(corpus.labelled).",
                              where=f"{corpus.source or corpus.name}, dialogue {row['dialogue']}, turn {row['turn']}")
        self.rows = torch.from_numpy(rows).to(device)
        self.lengths = (corpus.starts[1:] - corpus.starts[:-1])[index]
        self._first = np.concatenate([[0], np.cumsum(self.lengths)[:-1]])
        self.features: dict[str, Tensor] = {}
        for m in modalities:
            x = corpus.vectors[m][rows]
            x = standardiser(m, x) if standardiser else x
            self.features[m] = torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32)).to(device)
        self.speakers = torch.from_numpy(corpus.speaker_index[rows]).to(device)
        self.labels = torch.from_numpy(corpus.targets(split).astype(np.int64)).to(device)

    def __len__(self) -> int:
        """The number of dialogues."""
        return len(self.lengths)

    def batch(self, dialogues: Sequence[int]) -> DialogueBatch:
        """These dialogues, padded to the longest of them."""
        dialogues = np.asarray(dialogues)
        lengths = self.lengths[dialogues]
        step = np.arange(lengths.max())
        mask = step[None, :] < lengths[:, None]
        # A padded turn gathers row 0 of its dialogue and is then set to 0, so one gather serves all.
        index = np.where(mask, self._first[dialogues][:, None] + step[None, :], self._first[dialogues][:, None])
        device = self.labels.device
        index, mask = torch.from_numpy(index).to(device), torch.from_numpy(mask).to(device)
        return DialogueBatch(
            features={m: x[index] * mask.unsqueeze(-1) for m, x in self.features.items()},
            mask=mask,
            speakers=self.speakers[index] * mask,
            labels=self.labels[index] * mask,
            rows=self.rows[index].masked_fill(~mask, -1),
        )

    def batches(self, batch_size: int, rng: np.random.Generator | None = None) -> Iterator[DialogueBatch]:
        """All dialogues once.

        Without `rng` the longest come first, so that a machine without enough memory says so at once. With
        `rng` dialogues are shuffled, batches are made of similar lengths (sorted within pools of eight
        batches), and the batches are shuffled again: little padding, still a different mix each epoch.
        """
        if rng is None:
            order = np.argsort(-self.lengths, kind="stable")
            groups = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
        else:
            order, pool = rng.permutation(len(self)), 8 * batch_size
            groups = []
            for i in range(0, len(order), pool):
                part = order[i : i + pool]
                part = part[np.argsort(-self.lengths[part], kind="stable")]
                groups += [part[j : j + batch_size] for j in range(0, len(part), batch_size)]
            groups = [groups[i] for i in rng.permutation(len(groups))]
        for group in groups:
            yield self.batch(group)
