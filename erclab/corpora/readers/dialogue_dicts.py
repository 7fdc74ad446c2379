"""Tuples of dicts by dialogue: the layout that the pickles of COSMIC, DialogueRNN, MMGCN and SDT share.

Each item of the tuple is a dict, dialogue -> one entry per turn, or the dialogues of a split. Sources differ in
which items there are and in which order (a `Layout`), and in what an entry looks like: rows as a list or as an
array, ids as list or set, names as text or bytes. All of that is read here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from erclab.core.errors import CorpusError
from erclab.corpora import missing, pickles
from erclab.corpora.corpus import Corpus
from erclab.corpora.pickles.values import printable
from erclab.corpora.readers import meld
from erclab.corpora.readers.arrays import find
from erclab.corpora.vocabulary import ANNOTATIONS, SPLITS, UNLABELLED

IEMOCAP = ("happy", "sad", "neutral", "angry", "excited", "frustrated")  # in the order of the ids of all sources
MELD = meld.LABELS
MELD_SENTIMENT = ("neutral", "positive", "negative")
GENDERS = {"F": "F", "M": "M"}
# Items of a tuple -> the corpora (names of the registry) that have as many.
_SIZES = {6: "--corpus iemocap or iemocap-gcnet", 7: "--corpus meld-cosmic, mosi-gcnet or mosei-gcnet",
          9: "--corpus iemocap-dialoguernn or meld-dialoguernn", 10: "--corpus meld-mmgcn", 12: "--corpus iemocap-sdt",
          13: "--corpus meld-sdt"}


@dataclass(frozen=True)
class Layout:
    """What a source's tuple holds.

    Attributes:
        corpus: the name of the corpus that is made.
        files: the names that the file may have.
        items: the items of the tuple in order: "speakers", "labels", "sentences", "train", "test" and perhaps
            "valid", "sentiment" and features; what nothing asks for is not looked at.
        labels: names by label id; empty where the item "labels" holds numbers on a scale instead.
        speakers: code in the file -> role; empty where the file has one-hot rows, counted within each dialogue.
        vectors: modality -> the items whose mean is its vector.
        attribute: the column of `ANNOTATIONS` that the numbers are, where `labels` is empty.
        with_ids: keep the item "ids", the names of the utterances, as the column `id`.
    """

    corpus: str
    files: tuple[str, ...]
    items: tuple[str, ...]
    labels: tuple[str, ...] = ()
    speakers: Mapping[str, str] = field(default_factory=dict)
    vectors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    attribute: str = ""
    with_ids: bool = False


@dataclass(frozen=True)
class _Items:
    """The tuple, by name, with the file that it is from."""

    file: str
    layout: Layout
    values: Mapping[str, Mapping[str, object]]  # but for the splits: dialogue as text -> entry
    splits: Mapping[str, list[int | str]]

    def entry(self, item: str, dialogue: str) -> object:
        """What an item has for a dialogue."""
        if dialogue not in self.values[item]:
            raise CorpusError(f"the dialogue has no {item}", where=self.place(dialogue),
                              remedy="Every dict must have every dialogue of the splits; fetch the file again.")
        return self.values[item][dialogue]

    def place(self, dialogue: str, turn: int | None = None, item: str = "") -> str:
        """Where something is, for a message."""
        return ", ".join([self.file, f"dialogue {printable(dialogue)}", *([] if turn is None else [f"turn {turn}"]),
                          *([item] if item else [])])


def read(path: Path, layout: Layout, valid_share: float = 0.0, *, by_part: bool = False) -> Corpus:
    """The corpus in a file of this layout.

    Dialogues are in the order train, valid, test, and sorted within each; those in no split are left out.

    Args:
        path: the file, or a folder that holds it under one of `layout.files`.
        layout: see there.
        valid_share: where the file has no validation split, how much of its training dialogues becomes one: the
            last of them, in sorted order; at least one, unless 0.
        by_part: name the dialogues as MELD's csv files do, "dev-3", instead of as the file does.

    Raises:
        CorpusError: one line with the file, dialogue, turn and item, what is wrong and what to do.
    """
    file = find(path, layout.files)
    items = _open(file, layout)
    splits, source = dict(items.splits), str(file)
    if "valid" not in splits:
        if not 0 <= valid_share < 1:
            raise CorpusError(f"the share {valid_share} is not in [0, 1)", where="valid_share", remedy="Try 0.1.")
        train = splits["train"]
        count = min(len(train) - 1, max(1, round(valid_share * len(train)))) if valid_share else 0
        splits["train"], splits["valid"] = train[: len(train) - count], train[len(train) - count:]
        source += f" (valid: the last {count} of its {len(train)} training dialogues)"
    rows, parts = [], {m: [] for m in layout.vectors}
    for split in SPLITS:
        for key in splits[split]:
            dialogue, turns = str(key), _rows(items, str(key))
            name = _part_name(split, key, splits[split][0]) if by_part and type(key) is int else dialogue
            rows += [{"split": split, "dialogue": name, "turn": t, **turn} for t, turn in enumerate(turns)]
            for m, matrices in parts.items():
                matrices.append(_vectors(items, layout.vectors[m], dialogue, len(turns)))
                if matrices[-1].shape[1] != matrices[0].shape[1]:
                    raise CorpusError(f"the vectors have {matrices[-1].shape[1]} features, those of the first dialogue "
                                      f"{matrices[0].shape[1]}", where=items.place(dialogue, item=m),
                                      remedy="All utterances need the same features.")
    table = pd.DataFrame(rows)
    none = int((table["label"] == UNLABELLED).sum()) if layout.labels else int(table["value"].isna().sum())
    annotations = {}
    if layout.attribute:
        task = next(t for t, names in ANNOTATIONS.items() if layout.attribute in names)
        values = np.full((len(table), len(ANNOTATIONS[task])), np.nan, np.float32)
        values[:, ANNOTATIONS[task].index(layout.attribute)] = table.pop("value")
        annotations[task] = values
    vectors = {m: np.concatenate(x) for m, x in parts.items()}
    return Corpus(layout.corpus, table, layout.labels, vectors, roles=tuple(layout.speakers.values()),
                  source=source, annotations=annotations,
                  notices=(f"{none:,} of {len(table):,} labels are None, NaN or -1: those utterances are context",)
                  if none else ())


def _part_name(split: str, key: int, first: int) -> str:
    """MELD's csv files number the dialogues of the dev and test part from 0, the pickles do not."""
    return f"train-{key}" if split == "train" else f"{'dev' if split == 'valid' else split}-{key - first}"


def _open(file: Path, layout: Layout) -> _Items:
    value, where = pickles.load(file), str(file)
    remedy = f"It must hold, in this order, {', '.join(layout.items)}."
    if type(value) not in (tuple, list):
        raise CorpusError(f"the file holds a {type(value).__name__}, not a tuple", where=where, remedy=remedy)
    if len(value) != len(layout.items):
        other = f" A tuple of {len(value)} is perhaps {_SIZES[len(value)]}." if len(value) in _SIZES else ""
        raise CorpusError(f"the tuple has {len(value)} items, not {len(layout.items)}", where=where,
                          remedy=remedy + other)
    needed = {"speakers", "labels", "sentences", *(i for names in layout.vectors.values() for i in names)} | (
        {"sentiment"} & set(layout.items)) | ({"ids"} if layout.with_ids else set())
    values, splits = {}, {}
    for name, item in zip(layout.items, value, strict=True):
        if name in SPLITS:
            splits[name] = _ids(item, f"{where}, {name}")
        elif name in needed:
            if type(item) is not dict:
                raise CorpusError(f"this is a {type(item).__name__}, not a dict of dialogues",
                                  where=f"{where}, item {name}", remedy=remedy)
            values[name] = {_text(k) if isinstance(k, bytes) else str(k): v for k, v in item.items()}
    seen = {}
    for split, ids in splits.items():
        for key in ids:
            if str(key) in seen:
                raise CorpusError(f"the dialogue is in {seen[str(key)]} and in {split}",
                                  where=f"{where}, dialogue {printable(str(key))}", remedy="Put it into one split.")
            seen[str(key)] = split
    if not splits["train"]:
        raise CorpusError("there is no training dialogue", where=f"{where}, train", remedy=remedy)
    return _Items(where, layout, values, splits)


def _ids(value: object, where: str) -> list[int | str]:
    """The dialogues of a split, sorted: a list, set or array of texts, bytes or whole numbers."""
    remedy = "It must be a list or set of names or numbers of dialogues, all of one kind."
    value = value.tolist() if isinstance(value, np.ndarray) else value
    if not isinstance(value, list | tuple | set | frozenset):
        raise CorpusError(f"this is a {type(value).__name__}", where=where, remedy=remedy)
    ids = [_text(k) if isinstance(k, bytes) else k.item() if isinstance(k, np.generic) else k for k in value]
    if {type(k) for k in ids} not in (set(), {int}, {str}):
        raise CorpusError("the dialogues are not all names or all whole numbers", where=where, remedy=remedy)
    return sorted(ids)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:  # as Python 2's files are read
        return value.decode("latin1")


def _sequence(items: _Items, item: str, dialogue: str, turns: int | None) -> list:
    """The entry of an item as a list with one element per turn."""
    value = items.entry(item, dialogue)
    if isinstance(value, np.ndarray) and value.ndim:
        value = list(value)
    if not isinstance(value, list | tuple):
        raise CorpusError(f"this is a {type(value).__name__}, not one value per turn",
                          where=items.place(dialogue, item=item), remedy="It must be a list or an array.")
    if turns is not None and len(value) != turns:
        raise CorpusError(f"there are {len(value)} {item}, but {turns} labels",
                          where=items.place(dialogue, item=item), remedy="Every turn needs one of each.")
    return list(value)


def _rows(items: _Items, dialogue: str) -> list[dict]:
    """speaker, text, label and perhaps sentiment or value of each turn."""
    layout = items.layout
    labels = _sequence(items, "labels", dialogue, None)
    if not labels:
        raise CorpusError("the dialogue has no utterance", where=items.place(dialogue),
                          remedy="Take it out of the splits.")
    speakers = _sequence(items, "speakers", dialogue, len(labels))
    sentences = _sequence(items, "sentences", dialogue, len(labels))
    rows = []
    for t, (speaker, sentence, label) in enumerate(zip(speakers, sentences, labels, strict=True)):
        sentence = _text(sentence) if isinstance(sentence, bytes) else sentence
        if not isinstance(sentence, str):
            raise CorpusError(f"the text is a {type(sentence).__name__}", where=items.place(dialogue, t, "sentences"),
                              remedy="Use an empty text where there are no words.")
        row = {"speaker": _speaker(speaker, layout, items.place(dialogue, t, "speakers")), "text": str(sentence)}
        place = items.place(dialogue, t, "labels")
        if layout.labels:
            row["label"] = _index(label, layout.labels, place)
        else:
            row |= {"label": UNLABELLED, "value": _number(label, place)}
        rows.append(row)
    if "sentiment" in layout.items:
        for t, code in enumerate(_sequence(items, "sentiment", dialogue, len(labels))):
            i = _index(code, MELD_SENTIMENT, items.place(dialogue, t, "sentiment"))
            rows[t]["sentiment"] = MELD_SENTIMENT[i] if i != UNLABELLED else ""
    if layout.with_ids:
        for t, name in enumerate(_sequence(items, "ids", dialogue, len(labels))):
            rows[t]["id"] = _text(name) if isinstance(name, bytes) else str(name)
    return rows


def _shown(value: object) -> str:
    return printable(repr(value)) if type(value) in (int, float, str) else f"of type {type(value).__name__}"


def _index(value: object, names: tuple[str, ...], place: str) -> int:
    """The index of a label; `UNLABELLED` of None, NaN and -1."""
    value = value.item() if isinstance(value, np.generic) else value
    if missing.value(value) or value == UNLABELLED:
        return UNLABELLED
    value = int(value) if type(value) is float and value.is_integer() else value
    if type(value) is not int or not 0 <= value < len(names):
        raise CorpusError(f"unknown label {_shown(value)}", where=place,
                          remedy=f"Use 0 to {len(names) - 1} for {', '.join(names)}, {UNLABELLED} for none.")
    return value


def _number(value: object, place: str) -> float:
    """The number; NaN of None and NaN."""
    value = value.item() if isinstance(value, np.generic) else value
    if missing.value(value):
        return math.nan
    if type(value) not in (int, float) or not math.isfinite(value):
        raise CorpusError(f"the value is {_shown(value)}", where=place, remedy="Use a finite number.")
    return float(value)


def _speaker(value: object, layout: Layout, place: str) -> str:
    """The role, or "speaker-3" for the one-hot row whose element 3 is 1."""
    if layout.speakers:
        value = _text(value) if isinstance(value, bytes) else value
        if not isinstance(value, str) or value not in layout.speakers:
            raise CorpusError(f"unknown speaker {_shown(value)}", where=place,
                              remedy=f"There is: {', '.join(layout.speakers)}.")
        return layout.speakers[str(value)]
    value = value.tolist() if isinstance(value, np.ndarray) else value
    hot = [i for i, x in enumerate(value) if x in (0, 1) and x] if isinstance(value, list | tuple) and all(
        type(x) in (int, float, bool) for x in value) else []
    if len(hot) != 1 or any(value[:hot[0]]) or any(value[hot[0] + 1:]):
        raise CorpusError("the speaker is not one-hot", where=place,
                          remedy="It must be a row of zeros with a one at the speaker's place.")
    return f"speaker-{hot[0]}"


def _vectors(items: _Items, names: tuple[str, ...], dialogue: str, turns: int) -> np.ndarray:
    """(turns, D) float32, the mean of these items."""
    matrices = [_matrix(items, name, dialogue, turns) for name in names]
    for name, x in zip(names, matrices, strict=True):
        if x.shape != matrices[0].shape:
            raise CorpusError(f"the vectors have {x.shape[1]} features, those of {names[0]} {matrices[0].shape[1]}",
                              where=items.place(dialogue, item=name), remedy="Only alike vectors have a mean.")
    return matrices[0].astype(np.float32) if len(matrices) == 1 else np.mean(matrices, axis=0, dtype=np.float64).astype(
        np.float32)


def _matrix(items: _Items, item: str, dialogue: str, turns: int) -> np.ndarray:
    """(turns, D) features of a dialogue, finite as float32, from an array or a list of rows."""
    remedy = f"It must be {turns} rows of the same number of real numbers."
    rows = []
    for t, row in enumerate(_sequence(items, item, dialogue, turns)):
        place = items.place(dialogue, t, item)
        if isinstance(row, list | tuple) and all(isinstance(x, int | float | np.integer | np.floating) for x in row):
            row = np.array(row, dtype=np.float64)
        if not isinstance(row, np.ndarray) or row.dtype.kind not in "fiub" or row.ndim != 1 or not len(row):
            raise CorpusError("this is not a vector of real numbers", where=place, remedy=remedy)
        if rows and len(row) != len(rows[0]):
            raise CorpusError(f"the vector has {len(row)} features, those before {len(rows[0])}", where=place,
                              remedy=remedy)
        rows.append(row)
    matrix = np.stack(rows)
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite
        bad = np.argwhere(~np.isfinite(matrix.astype(np.float32)))
    if len(bad):
        t, column = bad[0]
        raise CorpusError(f"feature {column} is {matrix[t, column]}, not a finite float32 number",
                          where=items.place(dialogue, int(t), item),
                          remedy="Impute the value; turns and features count from 0.")
    return matrix
