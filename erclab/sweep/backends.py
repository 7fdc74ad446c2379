"""The backends of a sweep: this process, processes of this machine, or a Ray cluster.

Each has `answers(tasks)`, a generator of one answer per task in the order in which the tasks end, even if workers are
killed. A generator that is closed early (by an interrupt) leaves no worker behind.
"""

from __future__ import annotations

import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, suppress
from dataclasses import replace
from functools import cache, partial
from typing import Any, cast

import joblib
from tqdm import tqdm

from erclab.core.errors import RunError, UsageError
from erclab.corpora import Corpus
from erclab.sweep.jobs import Part
from erclab.sweep.worker import Answer, Assignment, kept, work

LOST = "its worker was killed, as it happens when memory runs out"
CONNECT_S = 5.0  # Ray itself tries to connect to a wrong address for more than a minute


class Here:
    """One run at a time in this process, with all of its threads and a progress bar per run."""

    def __init__(self, corpora: Mapping[Part, Corpus], progress: bool = True):
        self.corpora, self.progress = corpora, progress

    def answers(self, tasks: Sequence[Assignment]) -> Iterator[Answer]:
        """Train the tasks in order."""
        for task in tasks:
            corpus = partial(self._corpus, task.job.part)
            yield work(replace(task, single_thread=False), corpus, progress=self.progress)

    def _corpus(self, part: Part, again: bool) -> Corpus:
        return self.corpora[part]

    def close(self) -> None:
        """Nothing to close."""


class Loky:
    """Processes of this machine, one CPU thread each.

    When a process is killed, loky ends the whole pool, and a new pool continues with the missing tasks. The tasks that
    were running then are tried one by one at the end: this shows which task was the cause, and a task that failed for
    lack of memory may succeed alone.
    """

    def __init__(self, jobs: int):
        self.jobs = jobs
        self.alone: set[str] = set()

    def answers(self, tasks: Sequence[Assignment]) -> Iterator[Answer]:
        """Train the tasks, several at a time.

        Raises:
            RunError: three times in a row processes were killed before they began a run.
        """
        with tempfile.TemporaryDirectory(prefix="erclab-") as marks:
            left = {t.job.id: replace(t, marks=marks) for t in tasks}
            vain = 0
            while together := [t for t in left.values() if t.job.id not in self.alone]:
                try:
                    for answer in self._pool(together, 2 * self.jobs):
                        del left[answer.id]
                        yield answer
                except BrokenProcessPool:
                    begun = {*os.listdir(marks)} & {t.job.id for t in together}
                    self.alone |= begun
                    vain = 0 if begun else vain + 1
                    if vain == 3:
                        raise RunError("worker processes are killed as soon as they start",
                                       remedy="Free memory, or ask for fewer jobs (--jobs).") from None
            for name, task in left.items():
                try:
                    yield from self._pool([task], 1)
                except BrokenProcessPool:
                    yield Answer(name, error=LOST)

    def close(self) -> None:
        """Nothing to close: idle processes stay for a while, for the next sweep of this notebook."""

    def _pool(self, tasks: Sequence[Assignment], ahead: int) -> Iterator[Answer]:
        with joblib.parallel_config("loky", inner_max_num_threads=1):
            # joblib runs a single job in this process; with two jobs it starts processes.
            pool = joblib.Parallel(max(self.jobs, 2), return_as="generator_unordered", batch_size=1,
                                   pre_dispatch=ahead)
            with closing(pool(joblib.delayed(_in_process)(t, os.getpid()) for t in tasks)) as answers:
                yield from answers


def _in_process(task: Assignment, driver: int) -> Answer:
    # The terminal sends Ctrl-C to all processes; the first process ends the others, which print nothing.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with(driver)
    # No bar is drawn here, and the multiprocessing lock of tqdm would stay locked when a process is killed.
    tqdm.set_lock(threading.RLock())
    part = task.job.part
    return work(task, lambda again: kept(part, part.load, again))


@cache
def _end_with(parent: int) -> None:
    """End this process when its parent was killed; otherwise it would continue to train and keep its memory."""
    def watch():
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


class Ray:
    """A Ray cluster; without an address the cluster that runs on this machine, or a new one.

    Each run is a task of Ray with one CPU (and a share of a GPU); a killed task does not affect the others. (The Ray
    backend of joblib returns no result before all tasks have ended.) Nodes need only erclab: corpora are sent through
    the object store, and records are sent back from nodes that do not share the disk.

    Args:
        corpora: the corpora of the tasks.
        jobs: the largest number of runs at a time; by default as many as fit.
        gpus: GPUs per run, such as 0.2; 0 trains on CPUs.

    Raises:
        UsageError: Ray is not installed, or no node has such a share of a GPU.
        RunError: there is no cluster at the address.
    """

    def __init__(self, corpora: Mapping[Part, Corpus], jobs: int | None = None, address: str | None = None,
                 gpus: float = 0.0):
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
        except ImportError:
            raise UsageError("Ray is not installed", where="--backend ray",
                             remedy='Install it with: pip install "erclab[ray]".') from None
        self.ray, self.jobs, self.gpus, self.corpora = ray, jobs, gpus, corpora
        self.stored: dict[Part, list] = {}
        self.started = not ray.is_initialized()
        if self.started:
            _connect(ray, address)
        if gpus and not any(n["Alive"] and n["Resources"].get("GPU", 0) >= min(gpus, 1) for n in ray.nodes()):
            self.close()
            raise UsageError(f"no node of this Ray cluster has {gpus:g} GPU", where="--gpus-per-run",
                             remedy="Leave it out to train on CPUs, or start nodes with ray start --num-gpus N.")

    def answers(self, tasks: Sequence[Assignment]) -> Iterator[Answer]:
        """Train the tasks, several at a time.

        Raises:
            RunError: the connection to the cluster is lost.
        """
        ray, waiting, running = self.ray, list(reversed(tasks)), dict[Any, str]()
        # The sweep retries, not Ray. "SPREAD": otherwise two tasks may share a node while another node is idle.
        remote = ray.remote(num_cpus=1, num_gpus=self.gpus, max_retries=0, scheduling_strategy="SPREAD")(_on_ray)
        try:
            while waiting or running:
                while waiting and (self.jobs is None or len(running) < self.jobs):
                    task = waiting.pop()
                    running[remote.remote(self._with_corpus(task))] = task.job.id
                done, _ = ray.wait(list(running), timeout=1.0)
                for reference in done:
                    yield self._answer(reference, running.pop(reference))
        except ray.exceptions.RaySystemError as error:
            raise RunError(f"the Ray cluster is gone ({str(error).splitlines()[0]})",
                           remedy="Finished runs are kept: the same command goes on from there.") from None
        finally:
            for reference in running:
                with suppress(Exception):
                    ray.cancel(reference, force=True)

    def close(self) -> None:
        """Leave the cluster; end it if this process started it."""
        if self.started:
            self.ray.shutdown()

    def _with_corpus(self, task: Assignment) -> Assignment:
        part = task.job.part
        if part not in self.stored:
            # In a list; otherwise Ray fetches it for every task, even if the process has it already.
            self.stored[part] = [self.ray.put(self.corpora[part])]
        return replace(task, corpus=self.stored[part])

    def _answer(self, reference, name: str) -> Answer:
        errors = self.ray.exceptions
        try:
            return self.ray.get(reference)
        except (errors.WorkerCrashedError, errors.OutOfMemoryError, errors.NodeDiedError):
            return Answer(name, error=LOST)
        except errors.RayError as error:  # such as a node without erclab
            lines = [line for line in str(error).strip().splitlines() if line.strip()]
            return Answer(name, error=f"Ray: {lines[-1] if lines else type(error).__name__}", trace=str(error))


def _on_ray(task: Assignment) -> Answer:
    import ray

    def stored() -> Corpus:
        return cast(Corpus, ray.get(task.corpus[0]))

    node = ray.get_runtime_context().get_node_id()
    return work(task, lambda again: kept(task.job.part, stored, again), place=f"{node[:8]}:{os.getpid()}")


def _connect(ray, address: str | None) -> None:
    named = address or os.environ.get("RAY_ADDRESS", "")
    host, colon, port = named.removeprefix("ray://").rpartition(":")
    remedy = "Start one with ray start --head, and give the address that it prints (--address)."
    if colon and port.isdigit():
        try:
            socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
        except OSError as error:
            raise RunError(f"no Ray cluster answers ({error.strerror or error})", where=named, remedy=remedy) from None
    try:
        ray.init(address=address, include_dashboard=None if named else False, log_to_driver=False,
                 logging_level="error")
    except (Exception, SystemExit) as error:
        line = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        raise RunError(f"Ray does not start ({line})", where=named or "Ray", remedy=remedy) from None
