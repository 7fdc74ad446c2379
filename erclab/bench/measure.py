"""Measuring cases: one process per path. The paths take turns, so that other load of the machine affects all alike."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch

import erclab
from erclab import models
from erclab.bench import corpora
from erclab.bench.cases import CASES, BenchCase
from erclab.bench.worker import WorkerJob
from erclab.core.errors import RunError, UsageError, unknown
from erclab.core.progress import bar
from erclab.core.provenance import environment
from erclab.core.storage import make_writable, write_atomically
from erclab.core.storing import storing
from erclab.training.device import choose_device
from erclab.training.recipes import PRECISIONS

SCHEMA = 1
# Points of growth: turns or frames as a share of the longest of the case, batch sizes, and seeds trained in one pass.
SHARES = (0.125, 0.25, 0.5, 1.0)
BATCHES = (2, 4, 8, 16, 32)
SEEDS = (1, 2, 4)


def bench(cases: Iterable[BenchCase], *, precisions: Sequence[str] = PRECISIONS, reference: bool = True,
          rounds: int = 3, steps: int | None = None, threads: int = 0, device: str = "auto", growth: bool = False,
          progress: bool = True) -> dict[str, Any]:
    """Measure cases and return the record: `environment`, `product`, `rows`, `growth` and `notes`.

    `rows` has a dictionary per case and path ("reference", "float32", "bfloat16"):
        ms_per_utterance   training: forward, backward and optimiser; the median over rounds
        ratio              times as fast as the reference: the median over rounds of the ratio within a round
        cpu_ratio          the same for processor time, which depends less on other load (with one thread)
        bytes, memory_ratio   peak of memory, and its share of the reference's peak
        floor, floor_ratio    the part of it that Python, float32 weights and Adam's moments take
        operations         floating-point operations per utterance: of the reference's forward and backward, without
                           padding. They count for every path, also where it needs fewer
        gflops, share      operations per second, and their share of `product` for the path's type of numbers
        faster, memory     the aims; `fast_enough` and `small_enough` tell whether they were met
    `environment` has the threads of a process, as "spin" how often a waiting thread of erclab checks for work before it
    sleeps, and as "side" the rows of the matrices of `product`.
    A round is an epoch, or the case's number of steps, over the same dialogues for every path. `growth` has a row per
    case, path, `axis` ("length", "batch" or "seeds") and its value.

    Args:
        rounds: that count, after one that does not.
        steps: of a round, instead of the case's.
        threads: of every process; 0 for PyTorch's default.

    Raises:
        UsageError: an unknown precision, fewer than one round or step, or a device that does not exist.
        RunError: no case could be measured, because a process ended too early. If that happens to some of the cases,
            the others are returned and `notes` name the error.
        KeyboardInterrupt: Ctrl-C or SIGTERM before a case was measured. Later, the cases measured so far are returned.
    """
    for name in precisions:
        if name not in PRECISIONS:
            raise unknown("precision", name, PRECISIONS)
    if rounds < 1 or (steps is not None and steps < 1) or threads < 0:
        raise UsageError(f"rounds {rounds} and steps {steps} must be positive, threads {threads} not negative")
    choose_device(device)  # an absent device is one line, not the end of each process
    cases, common = list(cases), {"threads": threads, "device": device}
    routes = (["reference"] if reference else []) + list(precisions)
    settings = [(case, None) for case in cases] + [s for case in cases if growth for s in grow(case)]
    found = _Found()
    # The rate of the machine is the best of several, measured between the cases: other processes may slow it down.
    with Worker(WorkerJob(dataclasses.asdict(CASES["bc-lstm-iemocap"]), "erclab", **common)) as machine:
        where = machine.ready
        with sigterm_interrupts():
            _measure_all(bar(settings, desc="bench", unit="setting", progress=progress), found, machine, routes, common,
                         rounds, steps)
        found.products.append(machine.ask(do="product"))
    if found.failed and not found.rows:
        raise found.failed
    product = {kind: max(p[kind] for p in found.products) for kind in PRECISIONS}
    for case in cases:
        _judge(case, [r for r in found.rows if r["case"] == case.name], product, found.operations.get(case.name, 0))
    found.notes += [f"{row['title']}: Python, float32 weights and Adam's moments alone are {row['floor_ratio']:.2f} of "
                    f"the reference's memory." for row in found.rows
                    if row["path"] == "float32" and row.get("floor_ratio", 0) > (row["memory"] or 1)]
    facts = environment(torch.device(where["device"])) | {"erclab": erclab.__version__, **{
        name: where[name] for name in ("threads", "spin", "side")}}
    return {"schema": SCHEMA, "environment": facts, "rounds": rounds, "product": product, "rows": found.rows,
            "growth": found.growth, "notes": found.notes}


@dataclasses.dataclass
class _Found:
    """What has been measured so far: rows of cases and of growth, operations by case, rates of the machine, notes, and
    the last error."""

    rows: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    growth: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    operations: dict[str, float] = dataclasses.field(default_factory=dict)
    products: list[dict[str, float]] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    failed: BaseException | None = None


def _measure_all(settings: Iterable[tuple[BenchCase, tuple[str, float] | None]], found: _Found, machine: Worker,
                 routes: Sequence[str], common: dict, rounds: int, steps: int | None) -> None:
    """Measure one setting after the other and add it to `found`. A case that fails does not cost the others, and an
    interruption does not cost the cases before it."""
    for case, at in settings:
        grown_to = f" ({at[0]} {at[1]})" if at else ""
        ways = routes if case.seeds == 1 else [r for r in routes if r != "reference"]
        try:
            found.products.append(machine.ask(do="product"))
            measured, work = _measure(case, ways, common, rounds, steps if at is None else 1)
            if at is None:
                found.operations[case.name] = _operations(case, work or _work(case, common))
        except RunError as error:
            found.failed = error
            found.notes.append(f"Not measured{grown_to}: {error}")
            continue
        except KeyboardInterrupt as stop:
            found.failed = stop
            found.notes.append(f"Stopped by hand in {case.title}{grown_to}; nothing was measured from there on.")
            break
        if at is None:
            found.rows += measured
        else:
            found.growth += [{**row, "axis": at[0], "value": at[1]} for row in measured]


@contextmanager
def sigterm_interrupts() -> Iterator[None]:
    """In the block SIGTERM, which schedulers and `kill` send, raises KeyboardInterrupt as Ctrl-C does. Only the main
    thread receives signals; in another thread nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def grow(case: BenchCase) -> list[tuple[BenchCase, tuple[str, float]]]:
    """A case at several lengths and batch sizes, and with several seeds in one pass if its model allows that; each with
    its axis ("length", "batch" or "seeds") and value.

    All dialogues of a point are equally long. Where batch or seeds grow, they have the median length.
    """
    points = []
    middle = sorted(case.turns)[len(case.turns) // 2] if case.turns else 0
    for share in SHARES:
        turns = max(round(share * max(case.turns)), 1) if case.turns else 0
        frames = {m: max(round(share * n), 1) for m, n in case.frames.items()}
        shape = dataclasses.replace(case, turns=(turns,) * case.batch_size if turns else (), frames=frames, steps=1)
        points.append((shape, ("length", turns or max(frames.values()))))
    for size in BATCHES:
        shape = dataclasses.replace(case, turns=(middle,) * size if middle else (), batch_size=size, steps=1)
        points.append((shape, ("batch", size)))
    for seeds in SEEDS if models.info(case.model).stacks else ():
        shape = dataclasses.replace(case, turns=(middle,) * case.batch_size if middle else (), seeds=seeds, steps=1)
        points.append((shape, ("seeds", seeds)))
    return points


def check_place(path: Path) -> None:
    """Refuse a file that cannot be written: before the measurements, not after.

    Raises:
        RunError: the file cannot be written.
    """
    with _storing(path):
        make_writable(path.parent)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))


def write(record: dict[str, Any], path: Path) -> None:
    """Store a record as JSON.

    Raises:
        RunError: the file cannot be written.
    """
    with _storing(path):
        write_atomically(path, (json.dumps(record, indent=1, allow_nan=False) + "\n").encode())


def _storing(path: Path) -> AbstractContextManager[None]:
    return storing("the measurements", path, "Free some space or choose another file (--out).", RunError)


class Worker:
    """A process of `erclab.bench.worker`. Use it in a `with`; leaving ends it."""

    def __init__(self, job: WorkerJob):
        self.job = job
        # The reference runs with libgomp's default of waiting, as for the authors' users, not with erclab's.
        extra = {"GOMP_SPINCOUNT": "300000", **job.case["environment"]} if job.path == "reference" else {}
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115, it lives as long as the process
        self.process = subprocess.Popen(
            [sys.executable, "-m", "erclab.bench.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self.errors, text=True, encoding="utf-8", env={**os.environ, "PYTHONPATH": _import_path(), **extra},
            start_new_session=True)  # Ctrl-C reaches this process alone, which then ends its workers
        self.ready = None

    def __enter__(self) -> Worker:
        try:
            self.ready = self.ask(**dataclasses.asdict(self.job))
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Kill the process."""
        self.process.kill()
        self.process.communicate()
        self.errors.close()

    def ask(self, **request) -> dict[str, Any]:
        """One request, one answer.

        Raises:
            RunError: the process has ended; the message has its last line or its signal.
        """
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            if line := self.process.stdout.readline():
                return json.loads(line)
        except BrokenPipeError:
            pass
        status = self.process.wait()
        self.errors.seek(0)
        said = self.errors.read().decode(errors="replace").strip().splitlines()
        why = signal.Signals(-status).name if status < 0 else (said or [f"status {status}"])[-1]
        remedy = "Perhaps memory ran out: measure a smaller setting." if status == -signal.SIGKILL else ""
        raise RunError(f"the process that measured {self.job.path} ended: {why}", where=self.job.case["title"],
                       remedy=remedy)


def _import_path() -> str:
    """The import path of a worker, with which it imports the same erclab as this process."""
    here = str(Path(erclab.__file__).resolve().parents[1])
    return os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])


def _measure(case: BenchCase, routes: Sequence[str], common: dict, rounds: int, steps: int | None
             ) -> tuple[list[dict[str, Any]], list[float] | None]:
    """A row per path, without the fields that need other cases; and the reference's count of operations, if it ran on a
    CPU."""
    count = corpora.items(case, case.steps if steps is None else steps)
    # The peak of memory is reached where the longest dialogues form a batch. Eight batches have enough of them; a round
    # that is a whole epoch has all.
    warm = min(8 * case.batch_size, len(case.turns)) if case.turns and count < len(case.turns) else case.batch_size
    done = {route: [] for route in routes}
    with ExitStack() as stack:
        workers = {route: stack.enter_context(Worker(WorkerJob(
            dataclasses.asdict(case), "reference" if route == "reference" else "erclab",
            precision="float32" if route == "reference" else route, **common))) for route in routes}
        for worker in workers.values():
            worker.ask(do="round", seed=0, count=warm)
        for seed in range(1, rounds + 1):
            for route in routes[::-1] if seed % 2 else routes:
                done[route].append(workers[route].ask(do="round", seed=seed, count=count))
        asked = {route: worker.ask(do="memory") for route, worker in workers.items()}
        memory = {route: answer["bytes"] for route, answer in asked.items()}
        countable = "reference" in workers and workers["reference"].ready["device"] == "cpu"
        work = workers["reference"].ask(do="work")["coefficients"] if countable else None
    if case.environment and countable:  # these variables cost memory of the CPU: measured without them, too
        plain = dataclasses.asdict(dataclasses.replace(case, environment={}))
        with Worker(WorkerJob(plain, "reference", **common)) as worker:
            worker.ask(do="round", seed=0, count=2 * warm)
            memory["reference"] = min(memory["reference"], worker.ask(do="memory")["bytes"])
    rows = []
    for route, found in done.items():
        per = [r["seconds"] / r["utterances"] for r in found]
        row = {"case": case.name, "title": case.title, "model": case.model, "path": route,
               "batch_size": case.batch_size, "steps": found[0]["steps"], "ms_per_utterance": 1e3 *
               statistics.median(per), "seconds_per_step": statistics.median(r["seconds"] / r["steps"] for r in found),
               "rounds": found, "bytes": memory[route], "floor": asked[route]["floor"]}
        if "reference" in done:
            slow = [r["seconds"] / r["utterances"] for r in done["reference"]]
            row["ratio"] = statistics.median(a / b for a, b in zip(slow, per, strict=True))
            row["cpu_ratio"] = statistics.median(
                a["cpu_seconds"] / b["cpu_seconds"] for a, b in zip(done["reference"], found, strict=True))
            row["memory_ratio"] = memory[route] / memory["reference"]
            row["floor_ratio"] = asked[route]["floor"] / memory["reference"]
        rows.append(row)
    return rows, work


def _work(case: BenchCase, common: dict) -> list[float]:
    """The count in another process on the CPU: the recurrent kernels of a GPU cannot be counted."""
    with Worker(WorkerJob(dataclasses.asdict(case), "reference", **{**common, "device": "cpu"})) as worker:
        return worker.ask(do="work")["coefficients"]


def _operations(case: BenchCase, coefficients: Sequence[float]) -> float:
    """Per utterance, the mean over the case's dialogues."""
    a, b, c = coefficients
    return sum(a + b * n + c * n**2 for n in case.turns) / sum(case.turns) if case.turns else a


def _judge(case: BenchCase, rows: list[dict[str, Any]], product: dict[str, float], operations: float) -> None:
    """Add to the rows of a case the share of the machine's rate, the aims, and whether they were met."""
    for row in rows:
        kind = "bfloat16" if row["path"] == "bfloat16" else "float32"
        rate = operations / (row["ms_per_utterance"] / 1e3)
        row |= {"operations": operations, "gflops": rate / 1e9, "share": rate / product[kind],
                "faster": case.faster, "memory": case.memory}
        if row["path"] != "reference" and "ratio" in row:
            row["fast_enough"] = None if case.faster is None else row["ratio"] >= case.faster
            row["small_enough"] = None if case.memory is None else row["memory_ratio"] <= case.memory
