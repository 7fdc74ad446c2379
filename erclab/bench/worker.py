"""One path of one case in a process of its own, whose peak of memory belongs to this path alone.

The process reads requests from its standard input and writes answers to its standard output, one JSON object a line:

    {"case": ..., "path": ..., ...}     once, a `WorkerJob`     {"ready": true, "threads": 2, ...}
    {"do": "round", "seed": 1, ...}     trains through a round  {"seconds": 3.1, "utterances": 760, "steps": 7}
    {"do": "work"}                      counts operations       {"coefficients": [a, b, c]}
    {"do": "product"}                   times a matrix product  {"float32": 2.1e11, "bfloat16": 9.0e11}
    {"do": "memory"}                                            {"bytes": 2100000000, "floor": 1200000000}
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from erclab import models
from erclab.bench import corpora, naive
from erclab.bench.cases import BenchCase
from erclab.core import settings
from erclab.corpora.views import View
from erclab.training import loop
from erclab.training.device import choose_device, memory_kept, repeatable, threads_for
from erclab.training.operations import operations
from erclab.training.optimisers import optimiser_for
from erclab.training.recipes import Recipe
from erclab.training.together import Together

# Of the matrices whose product measures the speed of the machine. A GPU multiplies 2048^3 in bfloat16 in the time that
# it takes to start the product.
SIDE, GPU_SIDE, SMALL_SIDE = 2048, 8192, 256
SLOWEST = 5.0  # seconds
COUNTED = (4, 8, 16)  # turns of the dialogues whose operations are counted; other lengths follow from them


@dataclass(frozen=True)
class WorkerJob:
    """What a worker measures.

    Attributes:
        case: a `BenchCase` as a dictionary.
        path: "reference" or "erclab".
        precision: of erclab's path.
        threads: 0 for what PyTorch takes.
        device: as `choose_device` understands it.
    """

    case: dict
    path: str
    precision: str = "float32"
    threads: int = 0
    device: str = "auto"


class Clock:
    """The time spent inside its `with` blocks: seconds, and processor seconds of this process on all cores together.
    Processor seconds depend less on other load. They are useful with one thread: threads that wait are counted, too."""

    def __init__(self, device: torch.device):
        self.device, self.seconds, self.cpu_seconds = device, 0.0, 0.0

    def __enter__(self) -> Clock:
        self._started = self._now()
        return self

    def __exit__(self, *_) -> None:
        for name, now, before in zip(("seconds", "cpu_seconds"), self._now(), self._started, strict=True):
            setattr(self, name, getattr(self, name) + now - before)

    def _now(self) -> tuple[float, float]:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter(), time.process_time()


class Bench:
    """A model that trains, round by round."""

    def __init__(self, job: WorkerJob):
        self.idle, self.case = peak(), settings.from_dict(BenchCase, job.case)
        self.device = choose_device(job.device)
        cls = models.info(self.case.model).cls
        self.config = cls.official(self.case.corpus, **settings.check(cls.Config, self.case.changes))
        self.reference = job.path == "reference"
        precision = {} if job.precision == "float32" else {"precision": job.precision}
        self.recipe = Recipe(batch_size=self.case.batch_size, **self.case.recipe, **precision)
        torch.manual_seed(0)
        if self.reference:
            self.model = naive.build(self.case.model, self.config).to(self.device)
            self.optimiser = torch.optim.Adam((p for p in self.model.parameters() if p.requires_grad),
                                              lr=self.recipe.learning_rate, weight_decay=self.recipe.weight_decay)
        else:
            self.models = [cls(self.config).to(self.device) for _ in range(self.case.seeds)]
            self.model = self.models[0]
            self.together: Together | None = None
            self.optimiser = optimiser_for(self.model, self.recipe) if len(self.models) == 1 else None

    def round(self, seed: int, count: int) -> dict[str, Any]:
        """Train once through `count` dialogues or utterances, the same for all paths of a seed. A step before is not
        measured: while another process works, the system may page out memory of this one, such as a library's code."""
        self._train(1, min(count, self.case.batch_size))
        return self._train(seed, count)

    def _train(self, seed: int, count: int) -> dict[str, Any]:
        view = corpora.view(self.case, self.config, count, seed, self.device)
        order, clock = np.random.default_rng([seed, 2]), Clock(self.device)
        if self.reference:
            self._authors_epoch(view, order, clock)
        else:
            steps = self.case.batch_size * view.lengths.mean()
            threads = threads_for(models.parameter_count(self.model), steps, self.device)
            with threads, repeatable(self.device), clock:  # as a run has them
                if self.optimiser:
                    loop.train_epoch(self.model, view, self.optimiser, self.recipe, order)
                else:
                    self._seeds(view).train()
        return {"seconds": clock.seconds, "cpu_seconds": clock.cpu_seconds,
                "utterances": len(view.rows) * self.case.seeds, "steps": -(-len(view) // self.case.batch_size)}

    def _seeds(self, view: View) -> Together:
        if self.together is None:
            self.together = Together([loop.Trainer(model, {"train": view}, self.recipe, seed)
                                      for seed, model in enumerate(self.models)])
        for trainer in self.together.trainers:
            trainer.views = {"train": view}
        return self.together

    def _authors_epoch(self, view: View, rng: np.random.Generator, clock: Clock) -> None:
        """The authors' loop over random batches, each padded to its longest. Their loader is not timed."""
        self.model.train()
        for batch in random_batches(view, self.case.batch_size, rng):
            inputs = self.model.prepare(batch)
            with clock:
                self.optimiser.zero_grad()
                loss = self.model.loss(self.model(inputs), inputs)
                loss.backward()
                if self.recipe.clip is not None:
                    nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
                self.optimiser.step()
                loss.item()  # the authors sum the losses in Python
                del loss

    def memory(self) -> int:
        """The peak of memory in bytes: of this process, or of its tensors on a GPU."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device)
        return peak()

    def floor(self) -> int:
        """The least memory in bytes for training this model with Adam in float32: Python, weights and moments."""
        sizes = [(p.numel() * p.element_size(), p.requires_grad) for p in self.model.parameters()]
        weights = sum(size + 2 * size * trained for size, trained in sizes)
        return weights if self.device.type == "cuda" else self.idle + weights

    def work(self) -> list[float]:
        """Floating-point operations of the **reference**, forward and backward, without padding, as [a, b, c]: a
        dialogue of T turns takes a + b T + c T^2 (a few less below three turns, where recurrent states are constants);
        an utterance of a model of sequences takes a."""
        if self.case.frames:
            return [self._count(corpora.view(self.case, self.config, 1, 0)), 0.0, 0.0]
        counted = [self._count(corpora.view(replace(self.case, turns=(n,)), self.config, 1, 0)) for n in COUNTED]
        return np.linalg.solve(np.vander(COUNTED, increasing=True), counted).round().tolist()

    def _count(self, view: View) -> float:
        inputs = self.model.prepare(view.batch([0]))
        found = operations(lambda: self.model.loss(self.model(inputs), inputs))
        self.model.zero_grad(set_to_none=True)
        return float(found)


def random_batches(view: View, batch_size: int, rng: np.random.Generator) -> Iterator:
    """Batches in random order, not sorted by length."""
    order = rng.permutation(len(view))
    return (view.batch(order[i : i + batch_size]) for i in range(0, len(order), batch_size))


def peak() -> int:
    """The peak of this process's memory in bytes. On Linux a child starts with the `ru_maxrss` of its parent, so /proc
    is read where it exists."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else 1024 * most


def side_for(device: torch.device) -> int:
    """Rows of the matrices whose product measures the speed of a device."""
    return SIDE if device.type == "cpu" else GPU_SIDE


def product_speed(device: torch.device, seconds: float = 1.0) -> dict[str, float]:
    """Operations per second of a product of matrices of `side_for` rows, by the type of its numbers: the best of three
    or more in about so many seconds. A product that would take longer than `SLOWEST` is one of 256^3: a processor
    without bfloat16 instructions needs minutes for the larger one."""
    rates = {}
    for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        side, large = SMALL_SIDE, side_for(device)
        times = _product_times(side, dtype, device, 0)
        if min(times) * (large / side) ** 3 < SLOWEST:
            side = large
            times = _product_times(side, dtype, device, seconds)
        rates[name] = 2 * side**3 / min(times)
    return rates


def _product_times(side: int, dtype: torch.dtype, device: torch.device, seconds: float) -> list[float]:
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    times: list[float] = []
    while len(times) < 3 or sum(times) < seconds:
        with Clock(device) as clock:
            a @ b
        times.append(clock.seconds)
    return times


def main() -> int:
    """Answer until the input ends."""
    answers, sys.stdout = sys.stdout, sys.stderr  # text that a library prints must not look like an answer

    def answer(**values) -> None:
        answers.write(json.dumps(values) + "\n")
        answers.flush()

    job = settings.from_dict(WorkerJob, json.loads(sys.stdin.readline()))
    if job.threads:
        torch.set_num_threads(job.threads)
    bench = Bench(job)
    answer(ready=True, threads=torch.get_num_threads(), device=str(bench.device),
           side=side_for(bench.device), spin=os.environ.get("GOMP_SPINCOUNT", ""))
    with nullcontext() if bench.reference else memory_kept():  # as a run has it
        for line in sys.stdin:
            asked = json.loads(line)
            match asked.pop("do"):
                case "round":
                    answer(**bench.round(**asked))
                case "work":
                    answer(coefficients=bench.work())
                case "product":
                    answer(**product_speed(bench.device))
                case "memory":
                    answer(bytes=bench.memory(), floor=bench.floor())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
