"""The tasks of a table: the built-in ones by the names of their columns, and own ones that the user names.

    "NAME"            numbers (a regression), one column or several
    "NAME:binary"     labels of which an utterance can have several, a column of 0 and 1 each
    "NAME:present"    the same from strengths, such as CMU-MOSEI's emotions from 0 to 3: 1 where the number is above 0
    "NAME:classes"    one column of names, of which an utterance has one

A column of an own task is not read as one of a built-in task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import pandas as pd

from erclab.core.errors import CorpusError, UsageError, unknown
from erclab.core.targets import BUILT_IN, Task
from erclab.corpora import missing
from erclab.corpora.readers.where import Where
from erclab.corpora.vocabulary import ANNOTATIONS, UNLABELLED

Targets: TypeAlias = Mapping[str, str | Sequence[str]]  # "NAME" or "NAME:KIND" -> columns of the table
Scale: TypeAlias = Sequence[float] | Mapping[str, Sequence[float]]
_TARGETS = 'In Python targets={"traits": ["open", "kind"]}; --target traits=open,kind.'
FORMS = ("numbers", "binary", "present", "classes")


class Found:
    """What a table is annotated for: `annotations` and `own_tasks` of a `Corpus`, and `notices`.

    Args:
        get: our name -> the column, for the names of built-in tasks.
        raw: the table, all columns text.
        targets: own tasks, see the module.
        scale: (lowest, highest) of the sentiment, or without one of the own numbers; or task -> (lowest, highest).
        clamp: numbers outside the scale are set to its nearer end; a notice says how many.
        alone: there is no column of labels, so a table whose emotion4 is incomplete has nothing to predict.

    Raises:
        CorpusError: names the line, the column and the value.
        UsageError: `targets` or `scale` has another form or an unknown name.
    """

    def __init__(self, get: Mapping[str, pd.Series], raw: pd.DataFrame, at: Where, targets: Targets | None = None,
                 scale: Scale | None = None, clamp: bool = False, alone: bool = False):
        self.raw, self.at, self.clamp = raw, at, clamp
        self.annotations: dict[str, np.ndarray] = {}
        self.own_tasks: tuple[Task, ...] = ()
        self.notices: list[str] = []
        wanted, ends = asked(targets, scale)
        taken = {c for _, _, columns in wanted for c in columns}
        if "sentiment" in get and get["sentiment"].name not in taken and not isinstance(scale, Mapping):
            ends = {name: pair for name, pair in ends.items() if name == "sentiment"}
        for task, columns in ANNOTATIONS.items():
            there = [c for c in columns if c in get and get[c].name not in taken]
            if task == "emotion4" and 0 < len(there) < 4:
                absent = [c for c in columns if c not in get]
                incomplete = (f"found {', '.join(there)}; emotion4 also needs "
                              f"{', '.join(absent) or 'those of own tasks'}")
                kind = "binary" if all(get[c].isin(["", "0", "1", "0.0", "1.0"]).all() for c in there) else "present"
                own = f"--target emotions:{kind}={','.join(str(get[c].name) for c in there)} (in Python targets)"
                if alone and not wanted and there == list(get):
                    raise CorpusError(f"the table has no labels: {incomplete}", where=at(),
                                      remedy=f"Add them, or another of the columns that `erclab.corpora.readers.table."
                                             f"read` names, such as label or sentiment; or make an own task: {own}.")
                self.notices.append(f"{incomplete}, so it is not read as a task; {own} makes it one")
            elif there:
                self._built_in(task, {c: get[c] for c in there}, ends.get(task))
        numbers = {"sentiment"} & {*self.annotations} | {name for name, form, _ in wanted if form == "numbers"}
        absent = sorted({*ends} - numbers)
        if absent and (isinstance(scale, Mapping) or not numbers):
            raise UsageError(f"a scale is given for {', '.join(absent)}, which the table does not have",
                             where=str(at.path), remedy="Leave the scale out, or name the column (--columns "
                             "sentiment=NAME, in Python columns).")
        for name, form, columns in wanted:
            self._own(name, form, columns, ends.get(name))

    def _built_in(self, task: str, there: Mapping[str, pd.Series], scale: tuple[float, float] | None) -> None:
        known = BUILT_IN[task]
        low, high = scale or known.scale or ((0.0, 1.0) if known.kind == "binary" else (-np.inf, np.inf))
        values = np.full((len(self.raw), len(known.names)), np.nan, dtype=np.float32)
        for c, column in there.items():
            values[:, known.names.index(c)] = self._numbers(column, c, low, high, known.kind == "numbers")
        self.annotations[task] = values
        if scale and scale != known.scale:
            self.own_tasks += (Task(task, known.kind, known.names, scale),)

    def _own(self, name: str, form: str, columns: tuple[str, ...], scale: tuple[float, float] | None) -> None:
        absent = [c for c in columns if c not in self.raw.columns]
        if absent:
            raise CorpusError(f"the task {name} needs the columns {', '.join(absent)}, which the table lacks",
                              where=str(self.at.path), remedy=f"It has {', '.join(self.raw.columns)[:160]}.")
        if form == "classes":
            index, classes, said = missing.labels(self.raw[columns[0]].astype("str"), (), self.at)
            self.notices += [f"{name}: {line.partition(' (is it a class')[0]}" for line in said]
            if len(classes) < 2:
                raise CorpusError(f"the task {name} has {len(classes)} class(es)", where=str(self.at.path),
                                  remedy=f"The column {columns[0]} needs two different names or more.")
            values = np.where(index == UNLABELLED, np.nan, index).astype(np.float32)[:, None]
            task = Task(name, "classes", classes)
        else:
            low, high = scale or ((0.0, 1.0) if form == "binary" else (-np.inf, np.inf))
            values = np.column_stack([self._numbers(self.raw[c].astype("str"), c, low, high, form == "numbers")
                                      for c in columns]).astype(np.float32)
            if form == "present":
                values = np.where(np.isnan(values), np.nan, values > 0).astype(np.float32)
            if form == "binary":
                self.at.refuse(~(np.isnan(values) | (values == 0) | (values == 1)).all(1),
                               lambda i: f"{name} is {values[i].tolist()}, not 0 or 1 in each of {', '.join(columns)}",
                               f"For strengths above 0 ask for {name}:present, for numbers for {name}.")
            task = Task(name, "numbers" if form == "numbers" else "binary", columns, scale)
        self.annotations[name] = values
        self.own_tasks += (task,)

    def _numbers(self, column: pd.Series, name: str, low: float, high: float, scalable: bool) -> np.ndarray:
        """(N,) with NaN where the field is empty."""
        empty = missing.empty(column)
        values = pd.to_numeric(column.mask(empty, "0"), errors="coerce").to_numpy(dtype=np.float64, copy=True)
        self.at.refuse(~np.isfinite(values), lambda i: f"{name} {column[i][:40]!r} is not a number",
                       "Use a point for decimals, and leave the field empty where there is none.")
        values[empty] = np.nan
        outside = (values < low) | (values > high)
        if self.clamp and scalable and outside.any():
            self.notices.append(f"{outside.sum():,} values of {name} outside {low:g} to {high:g} are set to the nearer "
                                f"end; the farthest was {values[outside][np.abs(values[outside]).argmax()]:g}")
            return np.clip(values, low, high)
        known = values[~empty]
        seen = f" (the column goes from {known.min():g} to {known.max():g})" if len(known) else ""
        self.at.refuse(outside, lambda i: f"{name} is {values[i]:g}", f"It must be from {low:g} to {high:g}{seen}; " + (
            "clamp or rescale the values: --clamp, or --scale LOW,HIGH if they have another scale (in Python "
            "clamp=True, scale=(low, high))." if scalable else
            "for strengths give --target emotions:present=COLUMN,COLUMN (in Python targets)."))
        return values


def asked(targets: Targets | None, scale: Scale | None
          ) -> tuple[list[tuple[str, str, tuple[str, ...]]], dict[str, tuple[float, float]]]:
    """(name, form and columns of each own task; task -> scale), after a check of their form.

    Raises:
        UsageError: see `Found`.
    """
    if targets is not None and not isinstance(targets, Mapping):
        raise UsageError(f"targets are a {type(targets).__name__}", remedy=_TARGETS)
    wanted = [_parsed(key, columns) for key, columns in (targets or {}).items()]
    if len({name for name, _, _ in wanted}) < len(wanted):
        raise UsageError("two own tasks have the same name", remedy="Give each a name of its own.")
    return wanted, scales(scale, ["sentiment", *(name for name, form, _ in wanted if form == "numbers")])


def _parsed(key: str, columns: str | Sequence[str]) -> tuple[str, str, tuple[str, ...]]:
    """Name, form and columns of an own task."""
    name, _, form = str(key).partition(":")
    form = form or "numbers"
    if form not in FORMS:
        raise unknown(f"kind of the task {name}", form, FORMS)
    if not name.isidentifier() or name in BUILT_IN:
        raise UsageError(f"an own task cannot be called '{name}'",
                         remedy=f"Take a word without spaces that is none of {', '.join(BUILT_IN)}.")
    if not isinstance(columns, str | Sequence):
        raise UsageError(f"the columns of the task {name} are a {type(columns).__name__}", remedy=_TARGETS)
    found = tuple(columns.split(",")) if isinstance(columns, str) else tuple(map(str, columns))
    if not all(found) or len(set(found)) != len(found) or (form == "classes" and len(found) != 1):
        raise UsageError(f"the task {name} has the columns '{','.join(found)}'",
                         remedy="Name each column once" + (", and a single one for classes." if form == "classes"
                                                           else ", with commas between them."))
    return name, form, found


def scales(scale: Scale | None, tasks: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Task -> (lowest, highest), for a scale of all these tasks or of some of them.

    Raises:
        UsageError: a task that is not among these, or no two numbers of which the first is lower.
    """
    if scale is None:
        return {}
    given = scale if isinstance(scale, Mapping) else dict.fromkeys(tasks, scale)
    found = {}
    for name, ends in given.items():
        if name not in tasks:
            raise unknown("task with a scale", name, tasks)
        try:
            low, high = map(float, ends)
        except (TypeError, ValueError):
            raise UsageError(f"the scale {ends!r} of {name} is not a lowest and a highest number",
                             remedy="For example --scale -1,1, in Python scale=(-1, 1).") from None
        found[name] = Task(name, "numbers", (name,), (low, high)).scale or (low, high)
    return found
