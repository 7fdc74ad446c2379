"""What a part of a model is worth: the same model with and without it, over the same seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from erclab.analysis import statistics
from erclab.core import metrics
from erclab.runs import Record


def effects(groups: Mapping[str, Sequence[Record]], *, metric: str | None = None,
            published: Mapping[str, float] | None = None) -> pd.DataFrame:
    """One row per setting; the first setting is the reference for the others.

    Columns: the metric, mean ± deviation over seeds; `runs`; `difference` from the first row, mean over the seeds that
    both have, `low` and `high` of its 95 % interval (paired t), `effect` (Cohen's d of the pairs) and `verdict` (see
    `statistics.verdict`); and, if given, `published`. Shares are in percent and their differences in points; errors and
    correlations are unchanged.

    Args:
        metric: a headline of the runs' task; by default the one that figures show.
        published: the name of a row -> what the paper reports of it.
    """
    reference = next(iter(groups))
    metric = metric or statistics.shown_metric(groups)
    scale, digits = metrics.scale(metric), 1 if metrics.is_share(metric) else 3
    base, rows = statistics.values(groups[reference], metric), {}
    for name, records in groups.items():
        values = statistics.values(records, metric)
        row = {metrics.title(metric): statistics.summarise(values).text(metrics.is_share(metric)), "runs": len(values)}
        if name != reference:
            found = statistics.difference(values, base, pairs=True)
            row |= {key: round(scale * found[key], digits) for key in ("difference", "low", "high")}
            row |= {"effect": round(found["effect"], 2), "verdict": statistics.verdict(found)}
        rows[name] = row
    made = pd.DataFrame(rows).T.rename_axis("setting")
    if published:
        made["published"] = pd.Series(published, dtype=float).reindex(made.index)
    return made


def differences(groups: Mapping[str, Sequence[Record]], metric: str | None = None) -> tuple[pd.DataFrame, float]:
    """The differences from the first setting, for a figure, and the deviation over seeds of that setting.

    Returns:
        One row per other setting: `difference`, `low` and `high` of its interval, and `seed 0`, `seed 1`, ..., the
        difference of each pair; in points where the metric is a share. Then the deviation in the same unit.
    """
    metric = metric or statistics.shown_metric(groups)
    (_, first), *rest = groups.items()
    base, scale, rows = statistics.values(first, metric), metrics.scale(metric), {}
    for name, records in rest:
        values = statistics.values(records, metric)
        found = statistics.difference(values, base, pairs=True)
        pairs = zip(values, base, strict=False)
        rows[name] = {key: scale * found[key] for key in ("difference", "low", "high")} | {
            f"seed {i}": scale * (a - b) for i, (a, b) in enumerate(pairs)}
    return pd.DataFrame.from_dict(rows, orient="index"), scale * statistics.summarise(base).deviation
