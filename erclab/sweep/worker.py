"""The work of a worker: one run, in any process and on any node."""

from __future__ import annotations

import os
import platform
import tempfile
import traceback
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from erclab import runs
from erclab.core.errors import ErclabError, RunError
from erclab.corpora import Corpus
from erclab.runs import RunSpec
from erclab.sweep.jobs import Job, Part
from erclab.training.device import threads


@dataclass(frozen=True)
class Assignment:
    """A job with its folder and options.

    Attributes:
        job: the run.
        folder: the folder of the runs, on the driver's machine.
        token: the name of a file in that folder during the sweep. A worker that finds this file shares the disk.
        force, device: as for `erclab.runs.execute`.
        single_thread: use one CPU thread, because other workers run at the same time.
        marks: a folder in which a file marks a job that has begun and not ended; "" for none.
        corpus: reference to the job's corpus in Ray's object store; None if the worker reads the corpus itself.
    """

    job: Job
    folder: Path
    token: str = ""
    force: bool = False
    device: str | None = None
    single_thread: bool = True
    marks: str = ""
    corpus: Any = None


@dataclass(frozen=True)
class Answer:
    """The outcome of a job.

    Attributes:
        id: the id of the run.
        worker: machine and process.
        error: one line; "" if the run is finished.
        trace: the traceback of an error that is no `ErclabError`.
        files: name -> content of the run's files, from a node that does not share the driver's disk.
    """

    id: str
    worker: str = ""
    error: str = ""
    trace: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)


def work(task: Assignment, corpus: Callable[[bool], Corpus], progress: bool = False, place: str = "") -> Answer:
    """Do a job. Every exception becomes an answer, except an interrupt.

    Args:
        corpus: returns the job's corpus; the argument True means: read it again.
        progress: show the bar of the training.
        place: the name of the worker; by default its machine and process.
    """
    place = place or f"{platform.node()}:{os.getpid()}"
    mark = Path(task.marks, task.job.id) if task.marks else None
    try:
        if mark:
            mark.touch()
        with _folder(task) as folder:
            spec, found = _planned(task.job, corpus)
            with threads(1 if task.single_thread else None):
                runs.execute(spec, found, folder=folder, force=task.force, progress=progress, device=task.device)
            # The record comes last, because it is written last: if the record exists, the other files exist.
            made = sorted(folder.glob(f"{spec.id}.*"), key=lambda path: (path.suffix == ".json", path.name))
            files = {} if folder == task.folder else {path.name: path.read_bytes() for path in made}
        return Answer(task.job.id, place, files=files)
    except ErclabError as error:
        return Answer(task.job.id, place, str(error))
    except Exception as error:
        line = traceback.format_exception_only(error)[-1].strip().splitlines()[0]
        return Answer(task.job.id, place, line, traceback.format_exc())
    finally:
        if mark:
            mark.unlink(missing_ok=True)


@contextmanager
def _folder(task: Assignment):
    """The driver's folder if this worker shares it; otherwise a temporary folder for the duration of the run."""
    if not task.token or (task.folder / task.token).exists():
        yield task.folder
        return
    with tempfile.TemporaryDirectory(prefix="erclab-") as folder:
        yield Path(folder)


_KEPT: dict[Part, Corpus] = {}


def kept(part: Part, read: Callable[[], Corpus], again: bool = False) -> Corpus:
    """A corpus that this process reads once and keeps for later runs."""
    if again or part not in _KEPT:
        _KEPT[part] = read()
    return _KEPT[part]


def _planned(job: Job, corpus: Callable[[bool], Corpus]) -> tuple[RunSpec, Corpus]:
    """The run, planned again with the corpus and the erclab of this worker."""
    for again in (False, True):  # a worker may outlive a sweep, and the corpus may have changed since
        found = corpus(again)
        spec, = runs.plan(corpus=found, **job.question)
        if spec.id == job.id:
            return spec, found
    raise RunError("this worker would train another run: its corpus or its erclab is not what the sweep was planned "
                   "with", where=job.title, remedy="Give every node the same erclab, and leave the data as they are.")
