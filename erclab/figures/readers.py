"""Readers below their ceilings."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from erclab.figures import style


@style.style()
def gaps(table: pd.DataFrame, *, title: str, errors: float = 2.0) -> Figure:
    """How far each reader is from the ceiling of what it reads: a line per input and estimator, a mark per part of the
    dialogue that it sees, with an interval of so many standard errors on both sides.

    Args:
        table: a row per reader: input, by, sees, view, gap and se (points); see `erclab.analysis.readers.measure`.
    """
    lines = list(dict.fromkeys(zip(table["input"], table["by"], strict=True)))
    made, ((axis,),) = style.figure(figsize=(12, 1.8 + 0.5 * len(lines)))
    parts = list(dict.fromkeys(table["sees"]))
    for k, sees in enumerate(parts):
        rows = table[table["sees"] == sees]
        places = [lines.index(pair) + 0.2 * (k - (len(parts) - 1) / 2)
                  for pair in zip(rows["input"], rows["by"], strict=True)]
        axis.errorbar(rows["gap"], places, xerr=errors * rows["se"], fmt=style.MARKERS[k], color=style.CYCLE[k],
                      ms=7, capsize=3, lw=0, elinewidth=1.8, label=sees)
    axis.axvline(0, color="black", lw=1.5)
    axis.set(yticks=range(len(lines)), yticklabels=[", ".join(pair) for pair in lines], title=title,
             xlabel=f"accuracy above the own ceiling (points, ± {errors:g} standard errors)")
    axis.grid(axis="x", alpha=0.3)
    axis.invert_yaxis()
    made.legend(*axis.get_legend_handles_labels(), title="sees", loc="outside lower center", ncols=len(parts))
    return made
