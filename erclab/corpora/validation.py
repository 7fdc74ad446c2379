"""Checks of a corpus. Each error names the source, the dialogue and turn, the problem and the remedy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from erclab.core.errors import CorpusError, unknown
from erclab.core.targets import BUILT_IN, Task
from erclab.corpora.frames import Frames
from erclab.corpora.vocabulary import COLUMNS, MODALITIES, SPLITS, UNLABELLED


def check(table: pd.DataFrame, labels: Sequence[str], vectors: Mapping[str, np.ndarray], frames: Mapping[str, Frames],
          annotations: Mapping[str, np.ndarray], roles: Sequence[str], where: str, own: Sequence[Task] = ()) -> None:
    """Refuse the parts of a corpus if they are malformed. `erclab.corpora.corpus.Corpus` describes each part.

    Args:
        where: the source or the name of the corpus, for messages.
        own: tasks of the corpus beside the built-in ones.

    Raises:
        CorpusError: names the source, the dialogue and turn, the problem and the remedy.
    """
    _table(table, labels, roles, where)
    _vectors(table, vectors, where)
    _frames(table, frames, where)
    _own(own, annotations, where)
    _annotations(table, annotations, {**BUILT_IN, **{t.name: t for t in own}}, where)


def _place(table: pd.DataFrame, where: str, i: int) -> str:
    """The source, dialogue and turn of utterance i, for a message."""
    row = table.iloc[i]
    return f"{where}, dialogue {row['dialogue']}, turn {row['turn']}"


def _known(kind: str, name: str, names: Iterable[str], where: str) -> None:
    """Refuse a name outside `names`, as an error of the corpus. The remedy names the nearest known name."""
    if name not in names:
        raise unknown(kind, name, names).recast(CorpusError, where=where)


def _table(table: pd.DataFrame, names: Sequence[str], roles: Sequence[str], where: str) -> None:
    missing = [c for c in COLUMNS if c not in table.columns]
    if missing:
        raise CorpusError(f"the utterance table lacks the columns {', '.join(missing)}", where=where,
                          remedy=f"It needs {', '.join(COLUMNS)}.")
    if table.empty:
        raise CorpusError("there is no utterance", where=where, remedy="Check that the files are not empty.")
    if not isinstance(table.index, pd.RangeIndex) or table.index.start != 0 or table.index.step != 1:
        raise CorpusError("the rows are not numbered 0 to N-1", where=where,
                          remedy="Call reset_index(drop=True) on the table.")
    if len(names) == 1 or len(set(names)) != len(names):
        raise CorpusError(f"the labels {names} are not two or more different names", where=where,
                          remedy="Name every emotion once.")

    def refuse(bad: np.ndarray, problem: str, remedy: str) -> None:
        if bad.any():
            i = int(np.flatnonzero(bad)[0])
            raise CorpusError(problem.format(**table.iloc[i]), where=_place(table, where, i), remedy=remedy)

    labels = table["label"]
    if not pd.api.types.is_integer_dtype(labels) or not pd.api.types.is_integer_dtype(table["turn"]):
        raise CorpusError("label and turn must be integers", where=where, remedy="Map label names to indices.")
    refuse((labels < UNLABELLED).to_numpy() | (labels >= len(names)).to_numpy(), "unknown label index {label}",
           f"Use 0 to {len(names) - 1} for {', '.join(names)}, {UNLABELLED} for no label."
           if names else "The corpus names no labels.")
    refuse(~table["split"].isin(SPLITS).to_numpy(), "unknown split '{split}'", f"Use {', '.join(SPLITS)}.")
    refuse(~table["text"].map(lambda text: isinstance(text, str)).to_numpy(), "text is {text!r}",
           "Use an empty string where there are no words.")
    for column in ("dialogue", "speaker"):
        values = table[column]
        refuse(~(values.isna() | values.map(lambda value: isinstance(value, str))).to_numpy(),
               column + " {" + column + "!r} is not text", "Convert it with str().")
        refuse((values.isna() | (values.astype(str).str.strip() == "")).to_numpy(), f"{column} is empty",
               f"Give every utterance a {column}.")
    if roles:
        refuse(~table["speaker"].isin(roles).to_numpy(), "unknown speaker '{speaker}'",
               f"The roles are {', '.join(roles)}.")

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


def _frames(table: pd.DataFrame, frames_of: Mapping[str, Frames], where: str) -> None:
    for modality, frames in frames_of.items():
        _known("modality", modality, MODALITIES, where)
        values, starts = frames.values, frames.starts
        if values.ndim != 2 or values.shape[1] == 0 or values.dtype != np.float32:
            raise CorpusError(f"{modality} frames are {values.dtype} of shape {values.shape}", where=where,
                              remedy="They must be float32 of shape (all frames, D).")
        whole = len(starts) == len(table) + 1 and starts[0] == 0 and starts[-1] == len(values)
        if not whole or (np.diff(starts) < 0).any():
            raise CorpusError(f"{modality} frames do not divide into {len(table)} utterances", where=where,
                              remedy="`starts` must rise from 0 to the number of frames, one more than utterances.")
        if not np.isfinite(values).all():
            frame, column = np.argwhere(~np.isfinite(values))[0]
            i = int(np.searchsorted(starts, frame, side="right")) - 1
            raise CorpusError(f"{modality} feature {column} of frame {frame - starts[i]} is {values[frame, column]}",
                              where=_place(table, where, i),
                              remedy="Impute or remove the value; features must be finite.")


def _own(own: Sequence[Task], annotations: Mapping[str, np.ndarray], where: str) -> None:
    names = [t.name for t in own]
    for t in own:
        taken = t.name in BUILT_IN and t.name != "sentiment"
        if taken or names.count(t.name) > 1 or not t.name.isidentifier():
            raise CorpusError(f"an own task cannot be called '{t.name}'", where=where,
                              remedy=f"Take a word that is none of {', '.join(BUILT_IN)}, once.")
        few = len(t.names) < (2 if t.kind == "classes" else 1)
        if few or len(set(t.names)) != len(t.names) or t.name not in annotations:
            raise CorpusError(f"the task {t.name} has the {'classes' if t.kind == 'classes' else 'columns'} "
                              f"{', '.join(t.names) or 'none'}" + ("" if t.name in annotations else " and no values"),
                              where=where, remedy="Name each once, two classes or one column at least.")


def _annotations(table: pd.DataFrame, annotations: Mapping[str, np.ndarray], tasks: Mapping[str, Task], where: str
                 ) -> None:
    for name, array in annotations.items():
        _known("task", name, [t for t in tasks if t != "emotion"], where)
        task = tasks[name]
        shape = (len(table), 1 if task.kind == "classes" else len(task.names))
        if array.shape != shape or array.dtype != np.float32:
            raise CorpusError(f"the {name} annotations are {array.dtype} of shape {array.shape}", where=where,
                              remedy=f"They must be float32 of shape {shape}.")
        bad, rule = np.isinf(array).any(1), f"{name} must be finite"
        if task.kind == "binary":
            rule, bad = f"{name} is 0 or 1", bad | ~(np.isnan(array) | (array == 0) | (array == 1)).all(1)
        elif task.kind == "classes":
            rule = f"{name} is 0 to {len(task.names) - 1}"
            bad |= ~(np.isnan(array) | np.isin(array, range(len(task.names)))).all(1)
        elif task.scale:
            low, high = task.scale
            rule = f"{name} lies in [{low:g}, {high:g}]; clamp or rescale it"
            bad |= ((array < low) | (array > high)).any(1)
        if bad.any():
            i = int(np.flatnonzero(bad)[0])
            raise CorpusError(f"{name} is {array[i].tolist()}", where=_place(table, where, i),
                              remedy=f"{rule}; NaN means no annotation.")


def _vectors(table: pd.DataFrame, vectors: Mapping[str, np.ndarray], where: str) -> None:
    for modality, array in vectors.items():
        _known("modality", modality, MODALITIES, where)
        shape = array.shape if isinstance(array, np.ndarray) else ()
        if len(shape) != 2 or shape[0] != len(table) or shape[1] == 0:
            raise CorpusError(f"{modality} features have the shape {np.shape(array)}", where=where,
                              remedy=f"They must be ({len(table)}, D): one vector per utterance.")
        if array.dtype != np.float32:
            raise CorpusError(f"{modality} features are {array.dtype}", where=where,
                              remedy="Convert them to float32.")
        if not np.isfinite(array).all():
            i, column = np.argwhere(~np.isfinite(array))[0]
            raise CorpusError(f"{modality} feature {column} is {array[i, column]}", where=_place(table, where, i),
                              remedy="Impute or remove the value; features must be finite.")
