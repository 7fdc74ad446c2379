"""What a step of training costs, counted and not timed, so that it is the same on every machine."""

from __future__ import annotations

import warnings
from contextlib import ExitStack

import torch
from torch.utils.flop_counter import FlopCounterMode

from erclab import runs
from erclab.corpora import Corpus
from erclab.models import build, info
from erclab.runs import RunSpec
from erclab.training.recipes import Recipe
from erclab.training.step import step_losses


def operations(spec: RunSpec, corpus: Corpus, items: int = 8) -> float:
    """Floating-point operations of matrix products per utterance, forward and backward, of a run's model.

    Args:
        items: dialogues (or utterances of a model of sequences) to average over, the first of the training split. They
            are taken one at a time, so that no padding is counted.
    """
    view = runs.views(spec, corpus, splits=["train"])["train"]
    model, total, utterances = build(spec.model, spec.settings).train(), 0, 0
    # oneDNN's LSTM is one operation that the counter does not know; without it, it is products.
    with torch.random.fork_rng(), warnings.catch_warnings(), ExitStack() as stack:
        warnings.filterwarnings("ignore", "TF32", UserWarning)  # PyTorch 2.13 speaks of GPUs whenever the flag is set
        stack.enter_context(torch.backends.mkldnn.flags(enabled=False))
        for i in range(min(items, len(view))):
            batch = view.batch([i])
            with FlopCounterMode(display=False) as counter:
                step_losses(model, batch, Recipe(), None, i).total.backward()
            total += counter.get_total_flops()
            utterances += int((batch.rows >= 0).sum())
    return total / utterances


def table(specs: list[RunSpec], corpus: Corpus, items: int = 8) -> dict[str, dict[str, float]]:
    """Title -> parameters, and operations per utterance, of the models of these runs."""
    found = {}
    for spec in specs:
        parameters = sum(p.numel() for p in build(spec.model, spec.settings).parameters())
        found[info(spec.model).title] = {"parameters": parameters, "operations": operations(spec, corpus, items)}
    return found
