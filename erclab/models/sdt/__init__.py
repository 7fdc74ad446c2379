"""SDT: the model (`model`), its layers (`encoder`, `fusion`), losses (`distillation`) and `ablations`."""

from erclab.models.sdt.ablations import ABLATIONS
from erclab.models.sdt.model import SDT

__all__ = ["ABLATIONS", "SDT"]
