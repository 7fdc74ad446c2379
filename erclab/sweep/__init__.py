"""Sweeps: lists of runs that together answer one question.

In a notebook these are the few runs of a figure (`answers`, `comparison`, `probes`, `variants`); a large sweep is a
grid, in Python or in a YAML file:

    models: [sdt, bc-lstm]                # the names of `erclab models`
    corpora:                              # names of `erclab corpora`, with a folder if the corpus needs one
      - simulated
      - {name: simulated, seed: 7, world: {persistence: 0.4}}   # another corpus seed, another setting of the world
      - {name: meld, data: ../MELD}       # relative to the file
      - {name: table, data: ../mine, columns: {dialogue: Dialog_ID}, targets: {traits: [open, kind]}}
    seeds: 5                              # 0 to 4; or a list of them
    protocols: [sound, published]         # two reports of one training
    variants: [paper, official]           # for models that have both
    modalities: [all, text, text+audio]
    tasks: [emotion]                      # or names of `targets`
    profile: full                         # one of smoke (default) and full
    settings: {batch_size: 16}            # of the model or its recipe, for all runs
    changes:                              # named further settings; each name is a run of its own
      as published: {}
      no gate: {gate: false}
    grids:                                # several products; each starts from the keys above
      - {models: [constant], variants: [], changes: {}}

All keys except `models` are optional. The runs are the product of all lists; equal runs are trained once.

`run` trains the runs that do not exist yet, several at a time, on this machine or on a Ray cluster. A run that fails is
tried again and reported; the other runs continue. It is safe to stop a sweep: finished runs are kept, and the same
command continues with the others.
"""

from erclab.sweep.comparisons import PROBES, answers, comparison, probes, variants
from erclab.sweep.grid import Grid, Source, grids, read
from erclab.sweep.jobs import Job, plan
from erclab.sweep.results import Failure, Result
from erclab.sweep.schedule import BACKENDS, run

__all__ = ["BACKENDS", "PROBES", "Failure", "Grid", "Job", "Result", "Source", "answers", "comparison", "grids",
           "plan", "probes", "read", "run", "variants"]
