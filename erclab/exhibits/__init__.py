"""Figures and tables: pure functions from corpora and runs to a DataFrame or a Figure. Nothing here trains."""

from erclab.core.lazy import files_at_first_use

__getattr__, __dir__ = files_at_first_use(__name__)
