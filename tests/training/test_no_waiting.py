"""A step of training asks the device nothing: on a GPU the host would wait for the answer.

A tensor on PyTorch's device "meta" has a shape and no numbers, so that whoever asks for a number, or makes a tensor on
another device, fails.
"""

import dataclasses

import pytest
import torch

from erclab import corpora, models, runs
from erclab.training.step import step_losses

# They ask how long sequences are, once a batch: their LSTMs read packed ones, or their loops go to the longest.
ASKS = {"ef-lstm", "lf-lstm", "bc-lstm", "lmr-cbt", "dialoguernn", "dialoguetrm", "hct-mg"}
TRAINED = [name for name, info in models.MODELS.items() if info.kind == "trained"]


def step(name):
    corpus = corpora.load("simulated-tiny")
    spec, = runs.plan(name, corpus)
    batch = runs.views(spec, corpus)["train"].batch([0, 1, 2])

    def meta(x):
        return {m: meta(y) for m, y in x.items()} if isinstance(x, dict) else None if x is None else x.to("meta")

    batch = type(batch)(**{f.name: meta(getattr(batch, f.name)) for f in dataclasses.fields(batch)})
    model = models.build(name, spec.settings).to("meta").train()
    losses = step_losses(model, batch, spec.recipe, torch.ones(spec.settings["outputs"], device="meta"), 3)
    losses.total.backward()
    return model


@pytest.mark.parametrize("name", [name for name in TRAINED if name not in ASKS])
def test_a_step_asks_nothing(name):
    assert any(p.grad is not None for p in step(name).parameters())


@pytest.mark.parametrize("name", sorted(ASKS))
def test_those_that_ask_are_known(name):
    """So that one that no longer asks is taken off the list."""
    with pytest.raises((RuntimeError, NotImplementedError), match=r"[Mm]eta"):
        step(name)
