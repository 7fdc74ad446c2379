"""Runs: (model, recipe, corpus, seed) -> one record, which is written once and loaded from then on.

    runs/<id>.json                     the record: configuration, environment, curve, scores, counts, wall time
    runs/<id>.weights.safetensors      the chosen weights of a trained model
    runs/<id>.predictions.safetensors  log-probabilities per protocol and split
    runs/<id>.fitted.safetensors       what was fitted on the corpus: the standardiser; the numbers of a baseline
    runs/.<id>.checkpoint              an unfinished run after its last epoch

The id is a hash of the configuration, of the corpus's content and of the code without its comments: a change of one of
them is another run. A record of older code is listed as such and never loaded in place of a run of today's code. The
JSON is written last and every file is put in place by a rename: a record that exists is whole, even after a kill.
"""

from erclab.runs.crossvalidation import Pooled, cross_validate
from erclab.runs.data import fitted_on, views
from erclab.runs.engine import execute, execute_seeds, pays_together, run
from erclab.runs.export import export
from erclab.runs.lookup import find
from erclab.runs.questions import Question, plan_all, word_baselines
from erclab.runs.records import SCHEMA, Record, load
from erclab.runs.spec import RunSpec, plan

__all__ = ["SCHEMA", "Pooled", "Question", "Record", "RunSpec", "cross_validate", "execute", "execute_seeds", "export",
           "find", "fitted_on", "load", "pays_together", "plan", "plan_all", "run", "views", "word_baselines"]
