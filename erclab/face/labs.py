"""Labs: `erc.list_exercises`, `erc.lab`, `erc.check`, `erc.answer`."""

from __future__ import annotations

import pandas as pd

from erclab.labs import EXERCISES, answer, check, lab

__all__ = ["answer", "check", "lab", "list_exercises"]


def list_exercises() -> pd.DataFrame:
    """The equations that can be written as exercises: index `name`, columns `title`, `answer` (its arguments and
    results), `source` and `mistakes`, how many known mistakes `erc.check` tells by name."""
    return pd.DataFrame([{"name": e.name, "title": e.title, "answer": e.signature, "source": e.source,
                          "mistakes": len(e.mistakes)} for e in EXERCISES.values()]).set_index("name")
