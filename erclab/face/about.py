"""Numbers of a notebook that follow from a training, and so differ a little between processors."""

from __future__ import annotations

from typing import Any

import pandas as pd

from erclab.analysis.statistics import Estimate


def about(measured: float | Estimate | pd.Series | pd.DataFrame, digits: int = 1, scale: float = 1) -> Any:
    """A number that follows from a training, as text behind the sign ≈.

    Processors round differently, and training makes the difference larger. `pytest --nbval` compares the outputs of a
    notebook strictly, but for numbers behind this sign (`notebooks/nbval.cfg`).

    Args:
        measured: a number; an estimate, whose interval stands in points (x 100) behind it: `≈ +1.3 [0.2, 2.4]`; or a
            table or column, whose floats and estimates become such texts.
        digits: after the point.
        scale: numbers are multiplied by it; 100 makes points of shares. An estimate is in points anyway.
    """
    if isinstance(measured, Estimate):
        return f"≈ {measured.text(digits=digits)}"
    if isinstance(measured, pd.DataFrame):
        return measured.apply(about, digits=digits, scale=scale)
    if isinstance(measured, pd.Series):
        return measured.map(lambda x: about(x, digits, scale) if isinstance(x, float | Estimate) else x)
    return f"≈ {scale * measured:.{digits}f}"
