"""What a task is: four that are built in, and those that a corpus brings. `erclab.core.tasks` has their losses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from erclab.core.errors import UsageError, unknown
from erclab.core.settings import from_dict

TASKS = ("emotion", "emotion4", "sentiment", "dimensional")
EMOTION4 = ("neutral", "happy", "sad", "angry")
DIMENSIONS = ("valence", "arousal", "expectancy", "power")
# Kind -> the built-in task with the same outputs and loss.
KINDS = {"classes": "emotion", "numbers": "dimensional", "binary": "emotion4"}


@dataclass(frozen=True)
class Task:
    """What is predicted of an utterance.

    Attributes:
        name: a name of `TASKS`, or of a corpus's own task.
        kind: "classes" (one of several names), "numbers" (regression) or "binary" (several labels, each 0 or 1).
        names: of the classes, or of the columns.
        scale: lowest and highest number of every column; None where nothing is said of it.
        centre, width: per column, (K,): a model of numbers learns (label - centre) / width, and its predictions are
            mapped back. Empty: it learns the labels as they are, as in the built-in tasks.
    """

    name: str
    kind: str
    names: tuple[str, ...] = ()
    scale: tuple[float, float] | None = None
    centre: tuple[float, ...] = ()
    width: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise unknown(f"kind of the task {self.name}", self.kind, KINDS)
        if self.scale and not self.scale[0] < self.scale[1]:
            raise UsageError(f"the scale of {self.name} goes from {self.scale[0]:g} to {self.scale[1]:g}",
                             remedy="Give the lowest number first, for example -1,1.")

    @property
    def like(self) -> str:
        """The built-in task whose outputs and loss it has; the `task` of a model's Config."""
        return self.name if self.name in TASKS else KINDS[self.kind]

    @property
    def built_in(self) -> bool:
        """Whether its name alone says everything: a run's specification then has no more than that."""
        known = BUILT_IN.get(self.name)
        return known is not None and (self.scale, self.centre) == (known.scale, known.centre)

    def fitted(self, values: np.ndarray) -> Task:
        """The task with `centre` and `width`, where it is an own task of numbers: the middle and half the range of the
        scale, or without a scale mean and deviation of each column.

        Adam moves a bias by about a learning rate per step: without this, labels around 50 would never be reached.

        Args:
            values: (n, K) labels of the training split, NaN where there is none.
        """
        if self.kind != "numbers" or self.built_in:
            return self
        if self.scale:
            low, high = self.scale
            K = len(self.names)
            return replace(self, centre=((low + high) / 2,) * K, width=((high - low) / 2,) * K)
        known = [c[~np.isnan(c)].astype(np.float64) for c in np.asarray(values).T]
        width = [float(c.std()) if len(c) else 0.0 for c in known]
        return replace(self, centre=tuple(float(c.mean()) if len(c) else 0.0 for c in known),
                       width=tuple(w if w > 1e-6 else 1.0 for w in width))

    def learnt(self, labels: np.ndarray) -> np.ndarray:
        """The labels as a model learns them: float32 numbers moved by `centre` and `width`; others unchanged."""
        if not self.centre:
            return labels
        return ((labels.astype(np.float64) - self.centre) / self.width).astype(np.float32)

    def as_dict(self) -> dict[str, Any]:
        """For JSON; `Task.from_dict` reads it back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Task:
        """The task that `as_dict` described.

        Raises:
            UsageError: a field is unknown or missing, or has another type.
        """
        return from_dict(cls, values)


BUILT_IN = {
    "emotion": Task("emotion", "classes"),
    "emotion4": Task("emotion4", "binary", EMOTION4),
    "sentiment": Task("sentiment", "numbers", ("sentiment",), (-3.0, 3.0)),
    "dimensional": Task("dimensional", "numbers", DIMENSIONS),
}


def of(task: str | Task) -> Task:
    """The task of a name; a `Task` is returned as it is.

    Raises:
        UsageError: no built-in task has this name.
    """
    if isinstance(task, Task):
        return task
    if task not in BUILT_IN:
        raise unknown("task", task, TASKS)
    return BUILT_IN[task]
