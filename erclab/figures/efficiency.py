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
    """Parameters (logarithmic) against the score, with deviations: a panel per table, all on one scale of scores.

    Args:
        panels: title -> a row per model with parameters, score and, where known, deviation (shares) and metric; see
            `ours` and `theirs` of `erclab.analysis.efficiency`.
        ylabel: where a table has no column metric.
        title: of the whole figure.
    """
    most = max(len(table) for table in panels.values())
    made, axes = style.figure(1, len(panels), figsize=(5.6 * len(panels), 4.6 + 0.12 * most))
    for axis, (panel, table) in zip(axes[0], panels.items(), strict=True):
        looks = cycle(zip(style.CYCLE, style.MARKERS, strict=False))
        for (name, row), (colour, marker) in zip(table.iterrows(), looks, strict=False):
            spread = 100 * row.get("deviation", np.nan)
            axis.errorbar(row["parameters"] / MILLION, 100 * row["score"], yerr=None if np.isnan(spread) else spread,
                          fmt=marker, ms=9, color=colour, capsize=4, label=name)
        metric = table["metric"].iloc[0] if "metric" in table else None
        _logarithmic(axis, table["parameters"])
        axis.set(title=panel, xlabel="parameters (millions)",
                 ylabel=f"{metrics.title(metric)} (%)" if metric else ylabel)
        axis.legend(fontsize=10, loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2)
        axis.grid(alpha=0.3)
    span = max(np.ptp(axis.get_ylim()) for axis in axes[0])
    for axis in axes[0]:  # a point of score is as high in each panel
        axis.set_ylim(np.mean(axis.get_ylim()) - span / 2, np.mean(axis.get_ylim()) + span / 2)
    if title:
        style.heading(made, title, fontsize=style.STYLE["axes.titlesize"])
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
        _logarithmic(axis, rows["operations"])
        axis.set(ylim=(-0.5, len(rows) - 0.5), yticks=range(len(rows)), yticklabels=list(rows.index),
                 title=f"{size} size",
                 xlabel="operations per utterance and step (millions)\nbeside a dot: parameters (millions)")
        axis.set_xlim(axis.get_xlim()[0] / 1.5, axis.get_xlim()[1] * 4)
        axis.grid(axis="x", alpha=0.3)
        axis.grid(axis="y", visible=False)
    return made


def _logarithmic(axis, values: pd.Series) -> None:
    """A logarithmic horizontal axis with plain numbers: 0.2, 0.5, 1, 2, 5, 10; powers of ten over a wide range."""
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if values.max() < 20 * values.min() else (1,)))
    axis.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
    axis.xaxis.set_minor_formatter(NullFormatter())
