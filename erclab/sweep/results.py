"""The result of a sweep."""

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
        job: the job of the run.
        error: the reason, in one line.
        trace: the traceback of an error that the user cannot mend; "" otherwise.
        attempts: how often the run was tried.
    """

    job: Job
    error: str
    trace: str = ""
    attempts: int = 1


@dataclass(frozen=True)
class Result:
    """A sweep that has ended.

    Attributes:
        jobs: all runs, in the order of the grid.
        records: the records of finished runs, in the same order.
        failures: the runs without a record.
        workers: id -> the worker that trained the run, for runs of this sweep.
    """

    jobs: Sequence[Job]
    records: Sequence[Record]
    failures: Sequence[Failure]
    workers: dict[str, str]

    def groups(self) -> dict[str, list[Record]]:
        """Title -> the records of all seeds, for each cell of the grid. The title names what varies in the grid.

        The protocol is part of the cell: a record is in the group of each protocol, and reports by it.
        """
        cells = [(cell, job.id) for job in self.jobs for cell in job.cells]
        named = [f.name for f in fields(Cell) if f.name not in ("model", "seed")
                 and len({getattr(cell, f.name) for cell, _ in cells}) > 1]
        records, found = {r.id: r for r in self.records}, dict[str, list[Record]]()
        for cell, run in cells:
            words = [models.info(cell.model).title, *(_words(cell, name) for name in named)]
            if run in records:
                found.setdefault(", ".join(w for w in words if w), []).append(
                    replace(records[run], protocol=cell.protocol))
        return found


def _words(cell: Cell, name: str) -> str:
    value = getattr(cell, name)
    return value or {"modalities": "all modalities"}.get(name, "")
