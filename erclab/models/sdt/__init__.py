"""SDT: the model (`model`) and its losses (`distillation`)."""

from erclab.models.sdt.model import ABLATIONS, SDT

__all__ = ["ABLATIONS", "SDT"]
