"""Numbers from predictions, trained models and corpora. Nothing here draws a figure or trains a network."""

from erclab.core.lazy import files_at_first_use

__getattr__, __dir__ = files_at_first_use(__name__)
