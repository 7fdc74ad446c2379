"""The naive path: what the authors' code computes, with its structure and its costs, in plain PyTorch.

It is the reference of every optimisation in erclab: `tests/bench/test_naive.py` compares outputs and gradients with it,
`erclab bench` compares time and memory. The modules were written for erclab from a description of the authors' code.
They keep what makes that code slow: batches padded to the longest item, one module per pair of modalities, attention
weights in full, `nn.Dropout` wherever the authors have it, Python loops over turns. They take the `official`
configurations of erclab's models. Their parameters have the same names, so that one state dict fits both.

    model = naive.build("sdt", config)          # SDT.official(...)
    inputs = model.prepare(batch)               # what the authors' loader would give; not part of a step's time
    loss = model.loss(model(inputs), inputs)    # a scalar
"""

from importlib import import_module

NAMES = ("sdt", "mult", "lmr-cbt", "dialoguernn", "bc-lstm")


def build(name, config):
    """The naive model of a configuration of erclab's model of this name."""
    return import_module(f"{__name__}.{name.replace('-', '_')}").Naive(config)
