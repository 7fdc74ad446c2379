"""The slow way: what the authors' code computes, with its structure and its costs, in plain PyTorch.

Every optimisation of erclab is held to these modules, in what comes out (`tests/bench/test_naive.py`) and in what it
costs (`erclab bench`). They are written from the facts about the authors' code and keep what makes it slow: batches
padded to the longest, one module per pair of modalities, softmax over weights that are written out, `nn.Dropout`
wherever the authors have it, Python loops over turns. They take erclab's `official` configurations, and their
parameters have erclab's names, so that a state dict goes from one to the other.

    model = naive.build("sdt", config)          # SDT.official(...)
    inputs = model.prepare(batch)               # what the authors' loader would give; no part of a step's time
    loss = model.loss(model(inputs), inputs)    # a scalar
"""

from importlib import import_module

NAMES = ("sdt", "mult", "lmr-cbt", "dialoguernn", "bc-lstm")


def build(name, config):
    """The naive model of a configuration of erclab's model of this name."""
    return import_module(f"{__name__}.{name.replace('-', '_')}").Naive(config)
