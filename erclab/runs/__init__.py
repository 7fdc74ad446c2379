"""Runs: (model, recipe, corpus, protocol, seed) -> one record that is written once and loaded ever after.

    runs/<id>.json                     the record: configuration, environment, curve, scores, counts, wall time
    runs/<id>.weights.safetensors      the chosen weights of a trained model
    runs/<id>.predictions.safetensors  log-probabilities per protocol and split
    runs/.<id>.checkpoint              an unfinished run after its last epoch

The id is a hash of the configuration, of the corpus's content and of the code, so a change of any is another run. The
JSON is written last and every file is put in place by a rename: a record that exists is whole, whatever was killed.
"""

from erclab.runs.crossvalidation import Pooled, cross_validate
from erclab.runs.engine import execute, execute_seeds, pays_together, run
from erclab.runs.questions import Question, plan_all
from erclab.runs.records import SCHEMA, Record, load
from erclab.runs.spec import RunSpec, plan, views

__all__ = ["SCHEMA", "Pooled", "Question", "Record", "RunSpec", "cross_validate", "execute", "execute_seeds", "load",
           "pays_together", "plan", "plan_all", "run", "views"]
