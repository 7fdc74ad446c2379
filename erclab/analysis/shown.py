"""How a score is told: shares in percent, other scores as they are."""

from __future__ import annotations

from collections.abc import Sequence

from erclab.analysis.statistics import summarise, values
from erclab.core import metrics
from erclab.runs import Pooled, Record


def shown_as(metric: str) -> tuple[int, int]:
    """(factor, digits) in which a score is shown: a share in percent with one digit, else as it is with three."""
    return (100, 1) if metrics.is_share(metric) else (1, 3)


def score_text(records: Sequence[Record | Pooled], metric: str, split: str = "test") -> str:
    """A score of runs over their seeds, such as "62.0 ± 0.5" in percent."""
    return summarise(values(records, metric, split)).text(metrics.is_share(metric))
