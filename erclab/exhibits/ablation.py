"""What a part of a model is worth: the same model with and without it, over the same seeds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from erclab.analysis import statistics
from erclab.core import metrics
from erclab.exhibits.catalogue import Runs
from erclab.exhibits.scores import TITLES
from erclab.figures import style


def table(runs: Runs, *, metric: str | None = None, published: Mapping[str, float] | None = None) -> pd.DataFrame:
    """One row per setting, the first is what the others are compared with.

    Columns: the metric, mean ± deviation over seeds; `runs`; `difference` from the first row, mean over the seeds that
    both have, `low` and `high` of its 95 % interval (paired t), `effect` (Cohen's d of the pairs) and `verdict`, which
    calls a difference inside the seed noise that; and, if given, `published`. Shares and their differences in percent
    and points; an error or a correlation as it is.

    Args:
        metric: a headline of the runs' task; by default the one that is shown of it.
        published: the name of a row -> what the paper reports of it.
    """
    reference = next(iter(runs))
    metric = metric or chosen_metric(runs)
    factor, digits = (1, 3) if metric in metrics.PLAIN else (100, 1)
    base, rows = statistics.values(runs[reference], metric), {}
    for name, records in runs.items():
        values = statistics.values(records, metric)
        row = {TITLES[metric]: statistics.summarise(values).text(metric not in metrics.PLAIN), "runs": len(values)}
        if name != reference:
            found = statistics.paired(values, base)
            row |= {key: round(factor * found[key], digits) for key in ("difference", "low", "high")}
            row |= {"effect": round(found["effect"], 2), "verdict": verdict(found)}
        rows[name] = row
    made = pd.DataFrame(rows).T.rename_axis("setting")
    if published:
        made["published"] = pd.Series(published, dtype=float).reindex(made.index)
    return made


def verdict(found: Mapping[str, float]) -> str:
    """In words: "higher", "lower", or "within seed noise", where the interval has 0 or the difference is below the
    deviation that seeds cause; "one seed" where there is no telling."""
    if np.isnan(found["low"]):
        return "one seed"
    if found["low"] <= 0 <= found["high"] or abs(found["difference"]) <= found["seed_deviation"]:
        return "within seed noise"
    return "higher" if found["difference"] > 0 else "lower"


def chosen_metric(runs: Runs) -> str:
    """What is shown of the task of these runs, see `erclab.analysis.statistics.SHOWN`."""
    return statistics.SHOWN[next(iter(runs.values()))[0].task]


def differences(runs: Runs, *, title: str, metric: str | None = None) -> Figure:
    """The differences from the first setting with their intervals, and every seed's as a dot.

    The band is the deviation that seeds cause in the first setting: a difference inside it is no finding.
    """
    metric = metric or chosen_metric(runs)
    (reference, first), *rest = runs.items()
    base = statistics.values(first, metric)
    factor = 1 if metric in metrics.PLAIN else 100
    made, ((axis,),) = style.figure(figsize=(9, 1.8 + 0.55 * len(rest)))
    noise = factor * statistics.summarise(base).deviation
    axis.axvspan(-noise, noise, color=style.GREY, alpha=0.25, lw=0, label=f"deviation over seeds of {reference}")
    axis.axvline(0, color="black", lw=1)
    for i, (_, records) in enumerate(rest):
        values = statistics.values(records, metric)
        found = statistics.paired(values, base)
        n = min(len(values), len(base))
        if not np.isnan(found["low"]):
            axis.plot([factor * found["low"], factor * found["high"]], [i, i], color=style.BLUE, lw=2.5)
        axis.plot(factor * (values[:n] - base[:n]), np.full(n, i), "o", color="black", ms=4, alpha=0.7, zorder=3)
        axis.plot(factor * found["difference"], i, "D", color=style.ORANGE, ms=9, zorder=4)
    axis.set(yticks=range(len(rest)), yticklabels=[name for name, _ in rest], title=title,
             xlabel=f"difference in {TITLES[metric]}" + ("" if factor == 1 else " (points)"))
    axis.invert_yaxis()
    axis.margins(y=0.15)
    made.legend(loc="outside lower center")
    return made
