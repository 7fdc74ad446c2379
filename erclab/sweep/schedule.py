"""Running a sweep: runs are loaded or trained, several at a time, and failed runs are tried again."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import joblib

from erclab import runs
from erclab.core import paths
from erclab.core.errors import RunError, UsageError, unknown
from erclab.core.progress import bar
from erclab.core.storage import write_atomically
from erclab.corpora import Corpus
from erclab.corpora.notices import tell
from erclab.runs import Record
from erclab.sweep import grid
from erclab.sweep.backends import Here, Loky, Ray
from erclab.sweep.grid import Grid
from erclab.sweep.jobs import Job, Part, plan
from erclab.sweep.results import Failure, Result
from erclab.sweep.worker import Answer, Assignment
from erclab.training.device import choose_device

BACKENDS = ("loky", "ray")

Said = Callable[[Job, "Record | Failure", int, int], None]


def run(question: str | Path | Mapping[str, Any] | Grid | Iterable[Grid], *, folder: Path | None = None,
        jobs: int | None = None, backend: str = "loky", address: str | None = None, gpus_per_run: float = 0.0,
        retries: int = 1, force: bool = False, device: str | None = None, progress: bool = True,
        said: Said | None = None) -> Result:
    """Run a sweep: load the runs that exist, train the others. An interrupt ends the workers and keeps finished runs.

    Args:
        question: a YAML file, its content as a dictionary, or grids.
        folder: the folder of the runs; `paths.runs_dir()` by default.
        jobs: the number of runs at a time, each with one CPU thread; 1 trains in this process with all of its threads.
            By default one per core; on a GPU one; on Ray as many as fit.
        backend: "loky" (processes of this machine) or "ray".
        address: of a Ray cluster; by default the cluster that runs on this machine, or else a new one.
        gpus_per_run: the share of a GPU that a run takes on Ray, such as 0.2; 0 trains on CPUs.
        retries: how often a failed run is tried again, after all other runs.
        force: also train the runs that exist.
        device: as for `erclab.runs.run`.
        progress: show a bar with the remaining time.
        said: called for every run that has ended, after all retries: job, record or failure, number of ended runs,
            number of all runs.

    Raises:
        UsageError, CorpusError, FeatureError: the grid is invalid; nothing was trained.
        RunError: the folder cannot be written, or the backend cannot be used.
    """
    if backend not in BACKENDS:
        raise unknown("backend", backend, BACKENDS)
    for name, value, least in (("jobs", jobs, 1), ("retries", retries, 0), ("gpus_per_run", gpus_per_run, 0)):
        if value is not None and value < least:
            raise UsageError(f"{name} = {value}", remedy=f"{least} or more.")
    if backend != "ray" and (address or gpus_per_run):
        raise UsageError("an address and a share of a GPU are Ray's", remedy="Add --backend ray.")
    if backend != "ray" or not gpus_per_run:
        choose_device(device)  # an absent device is one error, not a failure of every run
    corpora: dict[Part, Corpus] = {}

    def load(part: Part) -> Corpus:
        if part not in corpora:
            corpora[part] = tell(part.load())
        return corpora[part]

    planned = plan(_grids(question), load)
    folder = Path(folder or paths.runs_dir()).absolute()
    records, failures = dict[str, Record](), dict[str, Failure]()
    missing = []
    for job in planned:
        path = folder / f"{job.id}.json"
        if force or not path.exists():
            missing.append(job)
            continue
        try:
            records[job.id] = runs.load(path)
        except RunError as error:  # reported and kept: only the user may delete it
            failures[job.id] = Failure(job, str(error), attempts=0)
    workers: dict[str, str] = {}
    if missing:
        with _folder(folder, elsewhere=backend == "ray") as token:
            tasks = [Assignment(job, folder, token, force, device) for job in missing]
            where: Ray | Here | Loky
            if backend == "ray":
                where = Ray(corpora, jobs, address, gpus_per_run)
            else:
                count = min(len(tasks), jobs or _jobs(device))
                where = Here(corpora, progress) if count == 1 else Loky(count)
            with closing(where):
                for task, answer, attempts in _tried(where, tasks, retries, progress):
                    outcome = _outcome(task, answer, attempts)
                    if isinstance(outcome, Failure):
                        failures[task.job.id] = outcome
                    else:
                        records[task.job.id] = outcome
                    workers[task.job.id] = answer.worker
                    if said:
                        said(task.job, outcome, len(workers), len(tasks))
    return Result(planned, [records[j.id] for j in planned if j.id in records],
                  [failures[j.id] for j in planned if j.id in failures],
                  {name: worker for name, worker in workers.items() if name in records})


def _grids(question) -> Iterable[Grid]:
    if isinstance(question, str | Path):
        return grid.read(question)
    if isinstance(question, Mapping):
        return grid.grids(question)
    return (question,) if isinstance(question, Grid) else tuple(question)


@contextmanager
def _folder(folder: Path, elsewhere: bool) -> Iterator[str]:
    """Check that the folder can be written, and give the name of a file in it. A worker on another machine that finds
    this file shares the folder."""
    token = f".sweep-{secrets.token_hex(8)}"
    try:
        write_atomically(folder / token, b"")
    except OSError as error:
        raise RunError(f"runs cannot be stored here: {error.strerror or error}", where=folder,
                       remedy="Choose another folder (--out, ERCLAB_RUNS).") from None
    try:
        if not elsewhere:
            (folder / token).unlink()
        yield token if elsewhere else ""
    finally:
        (folder / token).unlink(missing_ok=True)


def _jobs(device: str | None) -> int:
    return joblib.cpu_count() if choose_device(device).type == "cpu" else 1


def _tried(where, tasks: list[Assignment], retries: int, progress: bool) -> Iterator[tuple[Assignment, Answer, int]]:
    """(task, its last answer, number of attempts) of every task, in the order in which they end after all retries."""
    left = {t.job.id: t for t in tasks}
    with bar(total=len(tasks), desc="sweep", unit="run", progress=progress, smoothing=0) as shown:
        for attempt in range(1, retries + 2):
            failed = 0
            with closing(where.answers(list(left.values()))) as answers:
                for answer in answers:
                    if answer.error and attempt <= retries:
                        failed += 1
                        shown.set_postfix({"to try again": failed})
                        continue
                    shown.update()
                    yield left.pop(answer.id), answer, attempt
            if not left:
                return


def _outcome(task: Assignment, answer: Answer, attempts: int) -> Record | Failure:
    """The record, read from the folder after the files of a remote worker are written there; or the failure."""
    if answer.error:
        return Failure(task.job, answer.error, answer.trace, attempts)
    try:
        for name, content in answer.files.items():
            write_atomically(task.folder / os.path.basename(name), content)
        return runs.load(task.folder / f"{task.job.id}.json")
    except OSError as error:
        return Failure(task.job, f"{task.folder}: the run cannot be stored: {error.strerror or error}", "", attempts)
    except RunError as error:
        return Failure(task.job, str(error), "", attempts)
