"""What a sweep gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from erclab import models
from erclab.runs import Record
from erclab.sweep.jobs import Cell, Job


@dataclass(frozen=True)
class Failure:
    """A run that did not succeed.

    Attributes:
        job: which one.
        error: why, in one line.
        trace: the traceback of an error that is no mistake of the user's; "" otherwise.
        attempts: how often it was tried.
    """

    job: Job
    error: str
    trace: str = ""
    attempts: int = 1


@dataclass(frozen=True)
class Result:
    """A sweep that has ended.

    Attributes:
        jobs: all runs, in the grid's order.
        records: those that are there, in the same order.
        failures: those that are not.
        workers: id -> who trained it; runs that were there already are not in it.
    """

    jobs: Sequence[Job]
    records: Sequence[Record]
    failures: Sequence[Failure]
    workers: dict[str, str]

    def groups(self) -> dict[str, list[Record]]:
        """Title -> its records over seeds, one title per cell of the grid; it names what varies.

        The protocol is a part of the cell: a record stands in the group of each, and reports by it.
        """
        cells = [(cell, job.id) for job in self.jobs for cell in job.cells]
        named = [f.name for f in fields(Cell) if f.name not in ("model", "seed")
                 and len({getattr(cell, f.name) for cell, _ in cells}) > 1]
        records, found = {r.id: r for r in self.records}, {}
        for cell, run in cells:
            words = [models.info(cell.model).title, *(_words(cell, name) for name in named)]
            if run in records:
                found.setdefault(", ".join(w for w in words if w), []).append(
                    replace(records[run], protocol=cell.protocol))
        return found


def _words(cell: Cell, name: str) -> str:
    value = getattr(cell, name)
    return value or {"modalities": "all modalities"}.get(name, "")
