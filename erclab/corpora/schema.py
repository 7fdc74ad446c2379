"""The one corpus type: a table of utterances, in conversation order, with one array per modality.

    corpus -> dialogue -> utterance (speaker, text, label, and a vector per modality)

The table and the arrays are the data; `Dialogue` and `Utterance` are views of their rows for people. Readers
build a `Corpus`, which refuses what does not make sense, so that nothing after it has to check again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from erclab.errors import CorpusError, unknown

MODALITIES = ("text", "audio", "visual")
SPLITS = ("train", "valid", "test")
COLUMNS = ("split", "dialogue", "turn", "speaker", "text", "label")


@dataclass(frozen=True)
class Utterance:
    """One turn: who said what, with which emotion, and one vector (D_m,) per modality."""

    turn: int
    speaker: str
    text: str
    label: str
    vectors: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Dialogue:
    """One conversation; iterate over it for its utterances, print it for a script."""

    id: str
    split: str
    utterances: tuple[Utterance, ...]

    def __len__(self) -> int:
        return len(self.utterances)

    def __iter__(self) -> Iterator[Utterance]:
        return iter(self.utterances)

    def __str__(self) -> str:
        width = max(len(u.speaker) for u in self)
        lines = [f"{u.turn:>3}  {u.speaker:<{width}}  {u.text}  [{u.label}]" for u in self]
        return "\n".join([f"Dialogue {self.id} ({self.split}, {len(self)} turns)", *lines])


@dataclass(frozen=True, eq=False)
class Corpus:
    """Conversations with their labels and features. Validated when made; treat it as read-only.

    Attributes:
        name: registry name, such as "meld".
        table: one row per utterance with the columns `split` (train, valid or test), `dialogue` and `speaker`
            (strings), `turn` (increasing within a dialogue), `text` and `label` (index into `labels`). The
            rows of a dialogue are adjacent and in conversation order. More columns are kept.
        labels: names of the emotions, by index.
        vectors: modality -> (N, D_m) float32, row i belongs to utterance i.
        roles: speakers that mean the same in every dialogue (such as "F" and "M"), by index. Empty: speakers
            are numbered within each dialogue in order of appearance.
        source: where it came from, for messages and records.
        encoders: modality -> what made its vectors, where erclab made them itself.

    Raises:
        CorpusError: names the source, the dialogue and turn, what is wrong and what to do.
    """

    name: str
    table: pd.DataFrame
    labels: tuple[str, ...]
    vectors: Mapping[str, np.ndarray] = field(default_factory=dict)
    roles: tuple[str, ...] = ()
    source: str = ""
    encoders: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_table(self)
        _check_vectors(self)

    def __len__(self) -> int:
        """The number of utterances."""
        return len(self.table)

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities that have vectors, in canonical order."""
        return tuple(m for m in MODALITIES if m in self.vectors)

    @property
    def dims(self) -> dict[str, int]:
        """Modality -> D_m."""
        return {m: self.vectors[m].shape[1] for m in self.modalities}

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
        """(N,) int64: the role, or without roles the order of first appearance in the dialogue."""
        if self.roles:
            return pd.Categorical(self.table["speaker"], categories=self.roles).codes.astype(np.int64)
        index = np.empty(len(self), dtype=np.int64)
        speakers = self.table["speaker"].to_numpy()
        for a, b in zip(self.starts[:-1], self.starts[1:], strict=True):
            index[a:b] = pd.factorize(speakers[a:b])[0]
        return index

    @property
    def speaker_count(self) -> int:
        """How many speaker indices a model must be able to tell apart."""
        return len(self.roles) or int(self.speaker_index.max()) + 1

    def rows(self, split: str) -> np.ndarray:
        """The rows of a split, in order."""
        _check_split(split)
        return np.flatnonzero(self.table["split"].to_numpy() == split)

    def targets(self, split: str) -> np.ndarray:
        """(n,) label indices of a split, in row order."""
        return self.table["label"].to_numpy()[self.rows(split)]

    def counts(self) -> pd.DataFrame:
        """Utterances per split (rows) and label (columns)."""
        table = pd.crosstab(self.table["split"], self.table["label"])
        table = table.reindex(index=SPLITS, columns=range(len(self.labels)), fill_value=0)
        return table.set_axis(list(self.labels), axis=1).rename_axis(index=None, columns=None)

    def dialogues(self, split: str) -> list[Dialogue]:
        """The dialogues of a split, as views for people."""
        _check_split(split)
        return [self._dialogue(i) for i in np.flatnonzero(self.dialogue_splits == split)]

    def _dialogue(self, i: int) -> Dialogue:
        a, b = self.starts[i], self.starts[i + 1]
        rows = self.table.iloc[a:b]
        utterances = tuple(
            Utterance(int(row.turn), row.speaker, row.text, self.labels[row.label],
                      {m: x[a + j] for m, x in self.vectors.items()})
            for j, row in enumerate(rows.itertuples())
        )
        return Dialogue(rows["dialogue"].iloc[0], rows["split"].iloc[0], utterances)

    def with_vectors(self, modality: str, array: np.ndarray, encoder: str = "") -> Corpus:
        """The same conversations with this modality added or replaced; `encoder` says what made it."""
        return replace(self, vectors={**self.vectors, modality: array}, encoders={**self.encoders, modality: encoder})

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over everything that a run can depend on: two corpora that are alike have the same."""
        digest = hashlib.sha256(repr((self.labels, self.roles)).encode())
        columns = self.table[list(COLUMNS)].astype({"turn": "int64", "label": "int64"})
        digest.update(columns.to_csv(index=False, lineterminator="\n").encode())
        for m in self.modalities:
            digest.update(f"{m}{self.vectors[m].shape}".encode())
            digest.update(np.ascontiguousarray(self.vectors[m], dtype="<f4"))
        return digest.hexdigest()


def _check_split(split: str) -> None:
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)


def _check_table(corpus: Corpus) -> None:
    table, where = corpus.table, corpus.source or corpus.name
    missing = [c for c in COLUMNS if c not in table.columns]
    if missing:
        raise CorpusError(f"the utterance table lacks the columns {', '.join(missing)}", where=where,
                          remedy=f"It needs {', '.join(COLUMNS)}.")
    if table.empty:
        raise CorpusError("there is no utterance", where=where, remedy="Check that the files are not empty.")
    if not isinstance(table.index, pd.RangeIndex) or table.index.start != 0 or table.index.step != 1:
        raise CorpusError("the rows are not numbered 0 to N-1", where=where,
                          remedy="Call reset_index(drop=True) on the table.")
    if len(corpus.labels) < 2 or len(set(corpus.labels)) != len(corpus.labels):
        raise CorpusError(f"the labels {corpus.labels} are not two or more different names", where=where,
                          remedy="Name every emotion once.")

    def refuse(bad: np.ndarray, problem: str, remedy: str) -> None:
        if bad.any():
            row = table.iloc[int(np.flatnonzero(bad)[0])]
            raise CorpusError(problem.format(**row), remedy=remedy,
                              where=f"{where}, dialogue {row['dialogue']}, turn {row['turn']}")

    labels = table["label"]
    if not pd.api.types.is_integer_dtype(labels) or not pd.api.types.is_integer_dtype(table["turn"]):
        raise CorpusError("label and turn must be integers", where=where, remedy="Map label names to indices.")
    refuse((labels < 0).to_numpy() | (labels >= len(corpus.labels)).to_numpy(), "unknown label index {label}",
           f"Use 0 to {len(corpus.labels) - 1} for {', '.join(corpus.labels)}.")
    refuse(~table["split"].isin(SPLITS).to_numpy(), "unknown split '{split}'", f"Use {', '.join(SPLITS)}.")
    refuse(~table["text"].map(lambda text: isinstance(text, str)).to_numpy(), "text is {text!r}",
           "Use an empty string where there are no words.")
    for column in ("dialogue", "speaker"):
        values = table[column]
        refuse(~(values.isna() | values.map(lambda value: isinstance(value, str))).to_numpy(),
               column + " {" + column + "!r} is not text", "Convert it with str().")
        refuse((values.isna() | (values.astype(str).str.strip() == "")).to_numpy(), f"{column} is empty",
               f"Give every utterance a {column}.")
    if corpus.roles:
        refuse(~table["speaker"].isin(corpus.roles).to_numpy(), "unknown speaker '{speaker}'",
               f"The roles are {', '.join(corpus.roles)}.")

    dialogue, turn = table["dialogue"].to_numpy(), table["turn"].to_numpy()
    same = dialogue[1:] == dialogue[:-1]
    later = np.concatenate([[False], ~same])
    refuse(later & table["dialogue"].duplicated().to_numpy(),
           "the dialogue's utterances are not adjacent", "Sort the rows by dialogue and turn.")
    refuse(np.concatenate([[False], same & (turn[1:] == turn[:-1])]), "the turn occurs twice",
           "Remove the duplicate, or number the turns anew.")
    refuse(np.concatenate([[False], same & (turn[1:] < turn[:-1])]), "the turns are out of order",
           "Sort the rows by dialogue and turn.")
    split = table["split"].to_numpy()
    refuse(np.concatenate([[False], same & (split[1:] != split[:-1])]),
           "one dialogue is in two splits", "Put all its utterances into one split.")


def _check_vectors(corpus: Corpus) -> None:
    where = corpus.source or corpus.name
    for modality, array in corpus.vectors.items():
        if modality not in MODALITIES:
            error = unknown("modality", modality, MODALITIES)
            raise CorpusError(error.problem, where=where, remedy=error.remedy)
        shape = array.shape if isinstance(array, np.ndarray) else ()
        if len(shape) != 2 or shape[0] != len(corpus.table) or shape[1] == 0:
            raise CorpusError(f"{modality} features have the shape {np.shape(array)}", where=where,
                              remedy=f"They must be ({len(corpus.table)}, D): one vector per utterance.")
        if array.dtype != np.float32:
            raise CorpusError(f"{modality} features are {array.dtype}", where=where,
                              remedy="Convert them to float32.")
        if not np.isfinite(array).all():
            i, column = np.argwhere(~np.isfinite(array))[0]
            row = corpus.table.iloc[i]
            raise CorpusError(f"{modality} feature {column} is {array[i, column]}",
                              where=f"{where}, dialogue {row['dialogue']}, turn {row['turn']}",
                              remedy="Impute or remove the value; features must be finite.")
