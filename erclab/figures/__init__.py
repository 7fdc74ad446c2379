"""Pictures from arrays and DataFrames, one file per kind of picture. They know no corpus, no model and no run.

`from erclab import figures` gives every file by its name: `figures.scores.seed_bars`, `figures.inside.shares`. A file
is imported at its first use.
"""

from __future__ import annotations

import importlib
from types import ModuleType

FILES = ("ablation", "cases", "ceilings", "context", "conversations", "efficiency", "explanations", "features", "heat",
         "inside", "robustness", "scores", "speed", "style", "words")


def __getattr__(name: str) -> ModuleType:
    if name in FILES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *FILES])
