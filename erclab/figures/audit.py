"""Pictures of the audit of printed numbers: averages beside what they should be, and positives that were found."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from erclab.figures import style


@style.style()
def printed_averages(table: pd.DataFrame, *, title: str, xlabel: str) -> Figure:
    """A row per model: the printed average, and both averages of its classes.

    Args:
        table: index model, columns weighted, unweighted and printed (percent).
    """
    made, ((axis,),) = style.figure(figsize=(9, 1.6 + 0.5 * len(table)))
    places = range(len(table))
    axis.hlines(places, table.min(axis=1), table.max(axis=1), color=style.GREY, lw=1)
    for name, colour, marker, size in (("weighted", style.BLUE, "o", 130), ("unweighted", style.ORANGE, "s", 110),
                                       ("printed", "black", "x", 70)):
        axis.scatter(table[name], places, s=size, color=colour, marker=marker, zorder=3, label=name)
    axis.set(yticks=places, yticklabels=list(table.index), ylim=(len(table) - 0.5, -0.5), xlabel=xlabel, title=title)
    axis.grid(visible=True, axis="x", alpha=0.3)
    made.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return made


@style.style()
def positives_found(tables: Mapping[str, pd.DataFrame], *, title: str) -> Figure:
    """An axis per class, a row per model: the share of the class's samples that the printed pair says were found.

    Args:
        tables: class -> index model, columns low and high (percent of the positives), nan where no table fits.
    """
    first = next(iter(tables.values()))
    made, axes = style.figure(1, len(tables), figsize=(11, 1.8 + 0.45 * len(first)))
    for axis, (name, table) in zip(axes[0], tables.items(), strict=True):
        places = pd.Series(range(len(table)), index=table.index)
        axis.hlines(places, table["low"], table["high"], color=style.BLUE, lw=6, alpha=0.6)
        axis.scatter(table[["low", "high"]].mean(axis=1), places, color=style.BLUE, s=45, zorder=3, label="found")
        for model in table.index[table["low"].isna()]:
            axis.annotate("no single table", (50, places[model]), ha="center", va="center", fontsize=9, color=style.RED)
        axis.set(xlim=(-4, 104), ylim=(len(table) - 0.5, -0.5), yticks=list(places), yticklabels=list(table.index))
        axis.set_title(name, fontsize=12)
        axis.tick_params(labelleft=axis is axes[0, 0])
        axis.grid(visible=True, axis="x", alpha=0.3)
    style.heading(made, title)
    made.supxlabel("utterances of the emotion that were found (%)", fontsize=12)
    return made
