"""The one corpus type: a table of utterances, in conversation order, with one array per modality.

    corpus -> dialogue -> utterance (speaker, text, label, and a vector per modality)

The table and the arrays hold the data. `Dialogue` and `Utterance` show rows of the table to people. A reader makes a
`Corpus`, and the new `Corpus` checks its data, so that later code need not check the data again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from erclab.core import cards
from erclab.core.errors import unknown
from erclab.core.targets import BUILT_IN, Task
from erclab.corpora import missing, validation
from erclab.corpora.frames import Frames
from erclab.corpora.vocabulary import ANNOTATIONS, COLUMNS, MODALITIES, SPLITS, UNLABELLED


@dataclass(frozen=True)
class Utterance:
    """One turn: speaker, text, emotion, and one vector (D_m,) per modality.

    `shown` has the emotion that voice and face express, for simulated corpora.
    """

    turn: int
    speaker: str
    text: str
    label: str
    vectors: Mapping[str, np.ndarray]
    shown: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        parts = [f"{what} {self.shown[m]}" for m, what in (("audio", "voice"), ("visual", "face"))
                 if self.shown.get(m, self.label) != self.label]
        return f"{self.text}  [{', '.join([self.label, *parts])}]"


@dataclass(frozen=True)
class Dialogue:
    """One conversation. A loop over a dialogue gives its utterances, and `print` shows the dialogue as a script."""

    id: str
    split: str
    utterances: tuple[Utterance, ...]

    def __len__(self) -> int:
        return len(self.utterances)

    def __iter__(self) -> Iterator[Utterance]:
        return iter(self.utterances)

    def __str__(self) -> str:
        width = max(len(u.speaker) for u in self)
        lines = [f"{u.turn:>3}  {u.speaker:<{width}}  {u}" for u in self]
        return "\n".join([f"Dialogue {self.id} ({self.split}, {len(self)} turns)", *lines])


@dataclass(frozen=True, eq=False, repr=False)
class Corpus:
    """Conversations with their labels and features. The data are checked when the object is made; do not change them.

    Attributes:
        name: registry name, such as "meld".
        table: one row per utterance with the columns `split` (train, valid or test), `dialogue` and `speaker`
            (strings), `turn` (increasing within a dialogue), `text` and `label` (index into `labels`). The
            rows of a dialogue are adjacent and in conversation order. More columns are kept. A `label` of
            `UNLABELLED` (-1) marks an utterance that is only context for others.
        labels: names of the emotions, by index; empty for a corpus that has other annotations only.
        vectors: modality -> (N, D_m) float32, row i belongs to utterance i. A row of zeros means that the utterance
            lacks the modality.
        frames: modality -> the sequences of all utterances.
        annotations: task -> (N, columns of `ANNOTATIONS[task]`, or of the own task) float32, NaN for an utterance
            without the annotation; of an own task of classes (N, 1), the index of the class.
        roles: speakers that mean the same in every dialogue (such as "F" and "M"), by index. Empty: speakers
            are numbered within each dialogue in order of appearance.
        source: the folder or file of the data, for messages and records.
        encoders: modality -> name of the encoder, if erclab computed the vectors.
        notices: one line each about what was found and not read, left out, repaired, or looks like a mistake. They
            are no part of the fingerprint; what is derived from a corpus keeps them.
        own_tasks: what the corpus is annotated for beside the built-in tasks, without `centre` and `width`
            (`erclab.core.targets.Task`); or "sentiment" on another scale than [-3, 3]. Each has its annotations.

    Raises:
        CorpusError: the message has the source, the dialogue and turn, the mistake and its remedy.
    """

    name: str
    table: pd.DataFrame
    labels: tuple[str, ...]
    vectors: Mapping[str, np.ndarray] = field(default_factory=dict)
    roles: tuple[str, ...] = ()
    source: str = ""
    encoders: Mapping[str, str] = field(default_factory=dict)
    frames: Mapping[str, Frames] = field(default_factory=dict)
    annotations: Mapping[str, np.ndarray] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    own_tasks: tuple[Task, ...] = ()

    def __post_init__(self) -> None:
        validation.check(self.table, self.labels, self.vectors, self.frames, self.annotations, self.roles,
                         self.source or self.name, self.own_tasks)

    def __len__(self) -> int:
        """The number of utterances."""
        return len(self.table)

    def __repr__(self) -> str:
        """A card of at most ten lines: splits, labels, modalities, and what is missing."""
        return cards.text(self._heading(), self._facts(), 12)

    def _repr_html_(self) -> str:
        return cards.page(self._heading(), self._facts())

    def _heading(self) -> str:
        return f"{self.name}: {len(self):,} utterances in {len(self.starts) - 1:,} dialogues"

    def _facts(self) -> dict[str, str]:
        """The lines of the card."""
        rows = {s: self.rows(s) for s in SPLITS}
        share = self.counts().sum() / max(int(self.labelled.sum()), 1)
        facts = {"splits": ", ".join(f"{s} {len(r):,} ({(self.dialogue_splits == s).sum():,})"
                                     for s, r in rows.items()) + " utterances (dialogues)",
                 "labels": _listed([f"{name} {100 * part:.0f} %" for name, part in share.items()]) or "none",
                 "tasks": ", ".join(self.tasks) or "none",
                 "vectors": ", ".join(f"{m} {d}" for m, d in self.dims.items()) or "none",
                 "sequences": ", ".join(f"{m} {d}" for m, d in self.frame_dims.items()) or "none",
                 "speakers": _listed(self.roles) or f"at most {self.speaker_count} in a dialogue, numbered in each"}
        absent = {m: int((~self.has(m)).sum()) for m in MODALITIES if m in self.vectors or m in self.frames}
        lacking = [f"{m} of {n:,} utterances" for m, n in absent.items() if n]
        if self.labels and not self.labelled.all():
            lacking.append(f"label of {(~self.labelled).sum():,}")
        lacking += [f"the {s} split" for s, r in rows.items() if not len(r)]
        facts |= {"missing": ", ".join(lacking) or "nothing", "source": self.source or self.name}
        return facts | ({"notes": "; ".join(_first(self.notices, 3))} if self.notices else {})

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities that have vectors, in canonical order."""
        return tuple(m for m in MODALITIES if m in self.vectors)

    @property
    def dims(self) -> dict[str, int]:
        """Modality -> D_m."""
        return {m: self.vectors[m].shape[1] for m in self.modalities}

    @property
    def frame_dims(self) -> dict[str, int]:
        """Modality -> width of its sequences, in canonical order; empty without sequences."""
        return {m: self.frames[m].values.shape[1] for m in MODALITIES if m in self.frames}

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks for which the corpus has annotations: "emotion", keys of `ANNOTATIONS`, then its own ones."""
        known = (*ANNOTATIONS, *(t.name for t in self.own_tasks if t.name not in ANNOTATIONS))
        return (("emotion",) if self.labels else ()) + tuple(t for t in known if t in self.annotations)

    def task(self, name: str) -> Task:
        """A task of the corpus with its names and scale; an own task of numbers is fitted to the training split.

        Raises:
            UsageError: the corpus has no such annotation.
        """
        if name not in self.tasks:
            raise unknown(f"task of {self.name}", name, self.tasks)
        if name == "emotion":
            return replace(BUILT_IN[name], names=self.labels)
        found = {t.name: t for t in self.own_tasks}.get(name) or BUILT_IN[name]
        return found if found.built_in else found.fitted(self.annotations[name][self.rows("train")])

    @property
    def labelled(self) -> np.ndarray:
        """(N,) bool: the utterances that have an emotion label."""
        return self.table["label"].to_numpy() != UNLABELLED

    def has(self, modality: str) -> np.ndarray:
        """(N,) bool: the utterances that have the modality, as a vector or as frames."""
        there = np.zeros(len(self), dtype=bool)
        if modality in self.vectors:
            there |= ~missing.zeros(self.vectors[modality])
        if modality in self.frames:
            there |= self.frames[modality].lengths > 0
        return there

    def select(self, rows: np.ndarray) -> Corpus:
        """The corpus with some of its rows.

        Args:
            rows: a boolean mask (N,), or indices in increasing order.
        """
        rows = np.flatnonzero(rows) if np.asarray(rows).dtype == bool else np.asarray(rows)
        return replace(
            self, table=self.table.iloc[rows].reset_index(drop=True),
            vectors={m: x[rows] for m, x in self.vectors.items()},
            frames={m: f.take(rows) for m, f in self.frames.items()},
            annotations={t: x[rows] for t, x in self.annotations.items()})

    @cached_property
    def starts(self) -> np.ndarray:
        """(dialogues + 1,) int64: dialogue i is rows `starts[i]` to `starts[i + 1]`."""
        ids = self.table["dialogue"].to_numpy()
        return np.concatenate([[0], np.flatnonzero(ids[1:] != ids[:-1]) + 1, [len(ids)]]).astype(np.int64)

    @cached_property
    def dialogue_splits(self) -> np.ndarray:
        """(dialogues,) the split of each dialogue."""
        return self.table["split"].to_numpy()[self.starts[:-1]]

    @cached_property
    def speaker_index(self) -> np.ndarray:
        """(N,) int64: the index of the speaker's role; in a corpus without roles, speakers are numbered within each
        dialogue in order of appearance."""
        if self.roles:
            return pd.Categorical(self.table["speaker"], categories=self.roles).codes.astype(np.int64)
        index = np.empty(len(self), dtype=np.int64)
        speakers = self.table["speaker"].to_numpy()
        for a, b in zip(self.starts[:-1], self.starts[1:], strict=True):
            index[a:b] = pd.factorize(speakers[a:b])[0]
        return index

    @cached_property
    def has_words(self) -> bool:
        """Whether any utterance of the training split has a text: some corpora have features alone."""
        return bool(self.table["text"].iloc[self.rows("train")].str.strip().any())

    @property
    def speaker_count(self) -> int:
        """The number of different speaker indices."""
        return len(self.roles) or int(self.speaker_index.max()) + 1

    @cached_property
    def longest(self) -> int:
        """Turns of the longest dialogue."""
        return int(np.diff(self.starts).max())

    def rows(self, split: str) -> np.ndarray:
        """The rows of a split, in order."""
        if split not in SPLITS:
            raise unknown("split", split, SPLITS)
        return np.flatnonzero(self.table["split"].to_numpy() == split)

    def targets(self, split: str, task: str = "emotion") -> np.ndarray:
        """The annotations of a split, in row order: (n,) label indices of classes, or (n, columns) of another task.

        Raises:
            UsageError: the corpus has no such annotation.
        """
        if task not in self.tasks:
            raise unknown(f"task of {self.name}", task, self.tasks)
        values = self.table["label"].to_numpy() if task == "emotion" else self.annotations[task]
        values = values[self.rows(split)]
        if any(t.name == task and t.kind == "classes" for t in self.own_tasks):
            return np.where(np.isnan(values[:, 0]), UNLABELLED, values[:, 0]).astype(np.int64)
        return values

    def counts(self) -> pd.DataFrame:
        """Utterances per split (rows) and label (columns); utterances without a label are not counted."""
        table = pd.crosstab(self.table["split"], self.table["label"])
        table = table.reindex(index=SPLITS, columns=range(len(self.labels)), fill_value=0)
        return table.set_axis(list(self.labels), axis=1).rename_axis(index=None, columns=None)

    def dialogues(self, split: str) -> list[Dialogue]:
        """The dialogues of a split, for people to read."""
        if split not in SPLITS:
            raise unknown("split", split, SPLITS)
        return [self._dialogue(i) for i in np.flatnonzero(self.dialogue_splits == split)]

    def _dialogue(self, i: int) -> Dialogue:
        a, b = self.starts[i], self.starts[i + 1]
        rows = self.table.iloc[a:b]
        utterances = tuple(
            Utterance(int(row.turn), row.speaker, row.text, self.labels[row.label] if row.label != UNLABELLED else "",
                      {m: x[a + j] for m, x in self.vectors.items()},
                      {m: getattr(row, f"{m}_shown") for m in MODALITIES if f"{m}_shown" in rows.columns})
            for j, row in enumerate(rows.itertuples())
        )
        return Dialogue(rows["dialogue"].iloc[0], rows["split"].iloc[0], utterances)

    def noting(self, *notices: str) -> Corpus:
        """The same corpus with these notices after its own; none is repeated."""
        return replace(self, notices=tuple(dict.fromkeys([*self.notices, *notices])))

    def with_vectors(self, modality: str, array: np.ndarray, encoder: str = "") -> Corpus:
        """The same conversations with vectors of a modality added or replaced; `encoder` names what computed them."""
        return replace(self, vectors={**self.vectors, modality: array}, encoders={**self.encoders, modality: encoder})

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over all that a run can depend on. Two corpora with the same content have the same fingerprint."""
        digest = hashlib.sha256(repr((self.labels, self.roles)).encode())
        columns = self.table[list(COLUMNS)].astype({"turn": "int64", "label": "int64"})
        digest.update(columns.to_csv(index=False, lineterminator="\n").encode())
        for m in self.modalities:
            digest.update(f"{m}{self.vectors[m].shape}".encode())
            digest.update(np.ascontiguousarray(self.vectors[m], dtype="<f4"))
        for m in sorted(self.frames):
            digest.update(f"{m} frames {self.frames[m].values.shape}".encode())
            digest.update(np.ascontiguousarray(self.frames[m].values, dtype="<f4"))
            digest.update(np.ascontiguousarray(self.frames[m].starts, dtype="<i8"))
        for task in sorted(self.annotations):
            digest.update(task.encode())
            digest.update(np.ascontiguousarray(self.annotations[task], dtype="<f4"))
        for own in self.own_tasks:
            digest.update(repr(own.as_dict()).encode())
        return digest.hexdigest()


def _listed(names: Sequence[str], most: int = 8) -> str:
    """The first names, and how many more there are, in one text."""
    return ", ".join(_first(names, most))


def _first(names: Sequence[str], most: int) -> list[str]:
    """The first names, and how many more there are."""
    return [*names[:most], *([f"and {len(names) - most} more"] if len(names) > most else [])]
