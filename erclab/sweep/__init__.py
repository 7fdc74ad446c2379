"""Sweeps: lists of runs that answer one question together.

In a notebook the few runs of a figure (`answers`, `comparison`, `probes`, `variants`); at scale a grid, in Python or a
YAML file:

    models: [sdt, bc-lstm]                # the names of `erclab models`
    corpora:                              # a name of `erclab corpora`, with its folder where it needs one
      - simulated
      - {name: meld, data: ../MELD}       # relative to the file
    seeds: 5                              # 0 to 4; or a list of them
    protocols: [sound, published]         # two reports of one training
    variants: [paper, official]           # for models that have both
    modalities: [all, text, text+audio]
    tasks: [emotion]
    profile: full                         # one of smoke (default) and full
    settings: {batch_size: 16}            # of the model or its recipe, for all runs
    changes:                              # named settings beyond these; every name is a run of its own
      as published: {}
      no gate: {gate: false}
    grids:                                # more than one such product: each starts from what is said above
      - {models: [constant], variants: [], changes: {}}

Everything but `models` may be left out. The runs are the product of all lists; what comes out the same is trained once.

`run` trains those that do not exist yet, several at a time, here or on a Ray cluster. What fails is tried again,
reported, and costs no other run. To stop it is safe: finished runs are kept, and the same command goes on from there.
"""

from erclab.sweep.comparisons import PROBES, answers, comparison, probes, variants
from erclab.sweep.grid import Grid, Source, grids, read
from erclab.sweep.jobs import Job, plan
from erclab.sweep.results import Failure, Result
from erclab.sweep.schedule import BACKENDS, run

__all__ = ["BACKENDS", "PROBES", "Failure", "Grid", "Job", "Result", "Source", "answers", "comparison", "grids",
           "plan", "probes", "read", "run", "variants"]
