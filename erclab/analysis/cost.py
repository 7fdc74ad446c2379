"""What a step of training costs: operations, which are equal on all machines, or seconds on this machine."""

from __future__ import annotations

import time

import torch

from erclab import runs
from erclab.corpora import Corpus
from erclab.models import build, info, parameter_count
from erclab.runs import RunSpec
from erclab.training.operations import operations as counted
from erclab.training.recipes import Recipe
from erclab.training.step import step_losses


def operations_per_utterance(spec: RunSpec, corpus: Corpus, items: int = 8) -> float:
    """Floating-point operations of matrix products per utterance, forward and backward, of a run's model.

    Args:
        items: dialogues (or utterances of a model of sequences) to average over, the first of the training split. They
            are taken one at a time, so that no padding is counted.
    """
    view = runs.views(spec, corpus, splits=["train"])["train"]
    model, total, utterances = build(spec.model, spec.settings).train(), 0, 0
    with torch.random.fork_rng():
        for i in range(min(items, len(view))):
            batch = view.batch([i])
            total += counted(lambda batch=batch, i=i: step_losses(model, batch, Recipe(), None, i).total)
            utterances += int((batch.rows >= 0).sum())
    return total / utterances


def seconds(spec: RunSpec, corpus: Corpus, items: int = 16, rounds: int = 2) -> float:
    """The least time of some rounds that a run's model takes for a step on this machine's processor: forward and
    backward on the first dialogues (or utterances) of the training split, without the optimiser's update.

    `erclab bench` measures whole steps, with more care.
    """
    view = runs.views(spec, corpus, splits=["train"])["train"]
    model, batch = build(spec.model, spec.settings).train(), view.batch(range(min(items, len(view))))
    taken = []
    with torch.random.fork_rng():
        for i in range(rounds + 1):  # the first one also allocates
            start = time.perf_counter()
            step_losses(model, batch, Recipe(), None, i).total.backward()
            taken.append(time.perf_counter() - start)
            model.zero_grad(set_to_none=True)
    return min(taken[1:])


def counted_costs(specs: list[RunSpec], corpus: Corpus, items: int = 8) -> dict[str, dict[str, float]]:
    """Title -> parameters, and operations per utterance, of the models of these runs."""
    found = {}
    for spec in specs:
        with torch.device("meta"):  # shapes only
            parameters = parameter_count(build(spec.model, spec.settings))
        operations = operations_per_utterance(spec, corpus, items)
        found[info(spec.model).title] = {"parameters": parameters, "operations": operations}
    return found
