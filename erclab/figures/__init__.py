"""Pictures from arrays and DataFrames, one file per kind of picture. They know no corpus, no model and no run.

`from erclab import figures` gives every file by its name: `figures.scores.seed_bars`, `figures.inside.shares`.
"""

from erclab.core.lazy import files_at_first_use

__getattr__, __dir__ = files_at_first_use(__name__)
