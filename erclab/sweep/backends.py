"""Where a sweep's runs are done: in this process, in processes of this machine, or on a Ray cluster.

All give `answers(tasks)`: one answer per task, as they come, whatever happens to the workers. What is closed early
(an interrupt) leaves no worker behind.
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
from functools import cache

import joblib
from tqdm import tqdm

from erclab.core.errors import RunError, UsageError
from erclab.corpora import Corpus
from erclab.sweep.jobs import Part
from erclab.sweep.worker import Answer, Task, kept, work

LOST = "its worker was killed, as it happens when memory runs out"
CONNECT_S = 5.0  # Ray itself tries a wrong address for more than a minute


class Here:
    """One run at a time, in this process, with all of its threads and a bar of its own."""

    def __init__(self, corpora: Mapping[Part, Corpus], progress: bool = True):
        self.corpora, self.progress = corpora, progress

    def answers(self, tasks: Sequence[Task]) -> Iterator[Answer]:
        """Do them in order."""
        for task in tasks:
            corpus = self.corpora[task.job.part]
            yield work(replace(task, single_thread=False), lambda again, c=corpus: c, progress=self.progress)

    def close(self) -> None:
        """There is nothing to end."""


class Loky:
    """Processes of this machine, one CPU thread each.

    When a process is killed, loky gives the whole pool up. A new one goes on with what is missing. Who was at work
    then is tried alone at the end: only so it is known which of them was the cause, and only so, if memory was short,
    they may succeed.
    """

    def __init__(self, jobs: int):
        self.jobs = jobs
        self.alone: set[str] = set()

    def answers(self, tasks: Sequence[Task]) -> Iterator[Answer]:
        """Do them, several at a time.

        Raises:
            RunError: processes are killed before they begin a run, again and again.
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
        """Processes that were not ended by an interrupt stay a while, for the next sweep of this notebook."""

    def _pool(self, tasks: Sequence[Task], ahead: int) -> Iterator[Answer]:
        with joblib.parallel_config("loky", inner_max_num_threads=1):
            # joblib does a single job in this process: there must be two for a process to come between.
            pool = joblib.Parallel(max(self.jobs, 2), return_as="generator_unordered", batch_size=1,
                                   pre_dispatch=ahead)
            with closing(pool(joblib.delayed(_in_process)(t, os.getpid()) for t in tasks)) as answers:
                yield from answers


def _in_process(task: Task, driver: int) -> Answer:
    # The terminal sends Ctrl-C to all processes; the first one ends the others, and they say nothing.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with(driver)
    # No bar is drawn here, and the lock that tqdm makes for several processes would outlive one that is killed.
    tqdm.set_lock(threading.RLock())
    part = task.job.part
    return work(task, lambda again: kept(part, part.load, again))


@cache
def _end_with(parent: int) -> None:
    """End this process when its parent has been killed, or it would go on training and then keep its memory."""
    def watch():
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


class Ray:
    """A Ray cluster; without an address the one that runs here, or a new one of this machine.

    Every run is a task of Ray's, which takes one CPU (and a share of a GPU), and whose end, however sudden, is its own
    affair (joblib's own way to Ray gives nothing before all is done). Nodes need erclab and no more: corpora travel
    through the object store, and records come back where the disk is not shared.

    Args:
        corpora: those of the tasks.
        jobs: how many at a time; as many as fit by default.
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

    def answers(self, tasks: Sequence[Task]) -> Iterator[Answer]:
        """Do them, several at a time.

        Raises:
            RunError: the cluster is gone.
        """
        ray, waiting, running = self.ray, list(reversed(tasks)), {}
        # Retries are the sweep's, which knows why; spread over nodes, or two would share one beside an idle other.
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
        """Leave the cluster, and end it if it is our own."""
        if self.started:
            self.ray.shutdown()

    def _with_corpus(self, task: Task) -> Task:
        part = task.job.part
        if part not in self.stored:
            # In a list, or Ray would fetch it for every task, also where a process has it already.
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


def _on_ray(task: Task) -> Answer:
    import ray

    node = ray.get_runtime_context().get_node_id()
    return work(task, lambda again: kept(task.job.part, lambda: ray.get(task.corpus[0]), again),
                place=f"{node[:8]}:{os.getpid()}")


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
