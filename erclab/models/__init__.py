"""The models of the study: one file or folder per paper, which holds its equations.

`registry` lists them, `interface` says what a model must offer, `layers` has the blocks that several papers share.
"""

from erclab.models.interface import Output
from erclab.models.registry import FAMILIES, GIVEN, MODELS, ModelInfo, build, info, parameter_count

__all__ = ["FAMILIES", "GIVEN", "MODELS", "ModelInfo", "Output", "build", "info", "parameter_count"]
