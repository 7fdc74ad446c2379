"""What a corpus must be. Each refusal names the source, the dialogue and turn, what is wrong and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from erclab.core.errors import CorpusError, unknown
from erclab.corpora.vocabulary import ANNOTATIONS, COLUMNS, MODALITIES, SPLITS, UNLABELLED

if TYPE_CHECKING:
    from erclab.corpora.corpus import Corpus


def check(corpus: Corpus) -> None:
    """Refuse what does not make sense.

    Raises:
        CorpusError: see above.
    """
    _table(corpus)
    _vectors(corpus)
    _frames(corpus)
    _annotations(corpus)


def _place(corpus: Corpus, i: int) -> str:
    """Where utterance i is, for a message."""
    row = corpus.table.iloc[i]
    return f"{corpus.source or corpus.name}, dialogue {row['dialogue']}, turn {row['turn']}"


def _known(kind: str, name: str, names: Iterable[str], where: str) -> None:
    """Refuse a name that is not one of ours, with the guess that `unknown` makes, as an error of this corpus."""
    if name not in names:
        error = unknown(kind, name, names)
        raise CorpusError(error.problem, where=where, remedy=error.remedy)


def _table(corpus: Corpus) -> None:
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
    if len(corpus.labels) == 1 or len(set(corpus.labels)) != len(corpus.labels):
        raise CorpusError(f"the labels {corpus.labels} are not two or more different names", where=where,
                          remedy="Name every emotion once.")

    def refuse(bad: np.ndarray, problem: str, remedy: str) -> None:
        if bad.any():
            i = int(np.flatnonzero(bad)[0])
            raise CorpusError(problem.format(**table.iloc[i]), where=_place(corpus, i), remedy=remedy)

    labels = table["label"]
    if not pd.api.types.is_integer_dtype(labels) or not pd.api.types.is_integer_dtype(table["turn"]):
        raise CorpusError("label and turn must be integers", where=where, remedy="Map label names to indices.")
    refuse((labels < UNLABELLED).to_numpy() | (labels >= len(corpus.labels)).to_numpy(), "unknown label index {label}",
           f"Use 0 to {len(corpus.labels) - 1} for {', '.join(corpus.labels)}, {UNLABELLED} for no label."
           if corpus.labels else "The corpus names no labels.")
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


def _frames(corpus: Corpus) -> None:
    where = corpus.source or corpus.name
    for modality, frames in corpus.frames.items():
        _known("modality", modality, MODALITIES, where)
        values, starts = frames.values, frames.starts
        if values.ndim != 2 or values.shape[1] == 0 or values.dtype != np.float32:
            raise CorpusError(f"{modality} frames are {values.dtype} of shape {values.shape}", where=where,
                              remedy="They must be float32 of shape (all frames, D).")
        whole = len(starts) == len(corpus.table) + 1 and starts[0] == 0 and starts[-1] == len(values)
        if not whole or (np.diff(starts) < 0).any():
            raise CorpusError(f"{modality} frames do not divide into {len(corpus.table)} utterances", where=where,
                              remedy="`starts` must rise from 0 to the number of frames, one more than utterances.")
        if not np.isfinite(values).all():
            frame, column = np.argwhere(~np.isfinite(values))[0]
            i = int(np.searchsorted(starts, frame, side="right")) - 1
            raise CorpusError(f"{modality} feature {column} of frame {frame - starts[i]} is {values[frame, column]}",
                              where=_place(corpus, i), remedy="Impute or remove the value; features must be finite.")


def _annotations(corpus: Corpus) -> None:
    where = corpus.source or corpus.name
    for task, array in corpus.annotations.items():
        _known("task", task, ANNOTATIONS, where)
        if array.shape != (len(corpus.table), len(ANNOTATIONS[task])) or array.dtype != np.float32:
            raise CorpusError(f"the {task} annotations are {array.dtype} of shape {array.shape}", where=where,
                              remedy=f"They must be float32 of shape ({len(corpus.table)}, {len(ANNOTATIONS[task])}).")
        bad = np.isinf(array).any(1)
        if task == "sentiment":
            bad |= (np.abs(array) > 3).any(1)
        if task == "emotion4":
            bad |= ~(np.isnan(array) | (array == 0) | (array == 1)).all(1)
        if bad.any():
            i = int(np.flatnonzero(bad)[0])
            raise CorpusError(f"{task} is {array[i].tolist()}", where=_place(corpus, i),
                              remedy="Sentiment lies in [-3, 3], emotion4 is 0 or 1, NaN means no annotation.")


def _vectors(corpus: Corpus) -> None:
    where = corpus.source or corpus.name
    for modality, array in corpus.vectors.items():
        _known("modality", modality, MODALITIES, where)
        shape = array.shape if isinstance(array, np.ndarray) else ()
        if len(shape) != 2 or shape[0] != len(corpus.table) or shape[1] == 0:
            raise CorpusError(f"{modality} features have the shape {np.shape(array)}", where=where,
                              remedy=f"They must be ({len(corpus.table)}, D): one vector per utterance.")
        if array.dtype != np.float32:
            raise CorpusError(f"{modality} features are {array.dtype}", where=where,
                              remedy="Convert them to float32.")
        if not np.isfinite(array).all():
            i, column = np.argwhere(~np.isfinite(array))[0]
            raise CorpusError(f"{modality} feature {column} is {array[i, column]}", where=_place(corpus, i),
                              remedy="Impute or remove the value; features must be finite.")
