"""Size, score and cost of models."""

from __future__ import annotations

from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from erclab.core import metrics
from erclab.figures import style

MILLION = 1_000_000


@style.style()
def size_against_score(panels: dict[str, pd.DataFrame], *, ylabel: str = "score (%)", title: str = "") -> Figure:
    """Parameters (logarithmic) against the score, with deviations: a panel per table.

    Args:
        panels: title -> a row per model with parameters, score and, where known, deviation (shares) and metric; see
            `ours` and `theirs` of `erclab.analysis.efficiency`.
        ylabel: where a table has no column metric.
        title: of the whole figure.
    """
    made, axes = style.figure(1, len(panels), figsize=(5.6 * len(panels), 4.8))
    for axis, (panel, table) in zip(axes[0], panels.items(), strict=True):
        looks = cycle(zip(style.CYCLE, style.MARKERS, strict=False))
        for (name, row), (colour, marker) in zip(table.iterrows(), looks, strict=False):
            spread = 100 * row.get("deviation", np.nan)
            axis.errorbar(row["parameters"] / MILLION, 100 * row["score"], yerr=None if np.isnan(spread) else spread,
                          fmt=marker, ms=9, color=colour, capsize=4, label=name)
        metric = table["metric"].iloc[0] if "metric" in table else None
        _logarithmic(axis)
        axis.set(title=panel, xlabel="parameters (millions)",
                 ylabel=f"{metrics.title(metric)} (%)" if metric else ylabel)
        axis.legend(fontsize=10, loc="best")
        axis.grid(alpha=0.3)
    if title:
        made.suptitle(title, weight="bold", fontsize=style.STYLE["axes.titlesize"])
    return made


@style.style()
def overhead_dots(table: pd.DataFrame) -> Figure:
    """Operations per utterance on a logarithmic axis, parameters beside the dot: a panel per size.

    Args:
        table: index (size, model), columns operations and parameters; see `erclab.analysis.efficiency.overhead`.
    """
    sizes = list(dict.fromkeys(table.index.get_level_values("size")))
    made, axes = style.figure(1, len(sizes), figsize=(6 * len(sizes), 4.2))
    for axis, size in zip(axes[0], sizes, strict=True):
        rows = table.loc[size].sort_values("operations")
        axis.plot(rows["operations"] / MILLION, range(len(rows)), "o", ms=11, color=style.BLUE)
        for i, (_, row) in enumerate(rows.iterrows()):
            axis.annotate(f"{row['parameters'] / MILLION:.2f} M", (row["operations"] / MILLION, i), xytext=(10, 0),
                          textcoords="offset points", va="center", fontsize=11)
        _logarithmic(axis)
        axis.set(ylim=(-0.5, len(rows) - 0.5), yticks=range(len(rows)), yticklabels=list(rows.index),
                 title=f"{size} size", xlabel="operations per utterance and step (millions)")
        axis.set_xlim(axis.get_xlim()[0] / 1.5, axis.get_xlim()[1] * 4)
        axis.grid(axis="x", alpha=0.3)
        axis.grid(axis="y", visible=False)
    return made


def _logarithmic(axis) -> None:
    """A logarithmic horizontal axis with plain numbers: 0.2, 0.5, 1, 2, 5, 10."""
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
    axis.xaxis.set_minor_formatter(NullFormatter())
