"""What can be known at all: scores of the exact oracles of the views, and how far they can be trusted."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from erclab.figures import style
from erclab.figures.scores import grouped_bars


@style.style()
def ceiling_bars(ceilings: pd.DataFrame, metric: str = "accuracy", view: str = "vectors") -> Figure:
    """A score (percent) of the oracle of a view: a group of bars per subset of modalities, a bar per context.

    Args:
        ceilings: index (modalities, context), a column per metric; see `erclab.analysis.ceilings.oracle_scores`.
        view: whose oracle it is.
    """
    subsets, contexts = (ceilings.index.get_level_values(level).unique() for level in ("modalities", "context"))
    wide = ceilings[metric].unstack("context")[list(contexts)].reindex(subsets)
    made, ((axis,),) = style.figure(figsize=(10, 4.8))
    for context, places in grouped_bars(axis, wide, 0.8 / wide.shape[1]).items():
        for x, y in zip(places, wide[context], strict=True):
            axis.annotate(f"{y:.0f}", (x, y), xytext=(0, 2), textcoords="offset points", ha="center", fontsize=9)
    text = wide.loc["text"] if "text" in wide.index else wide.iloc[0]
    axis.set(xticks=range(len(wide)), ylabel=f"{metric} of the oracle of the {view} (%)", ylim=(0, 105),
             title=f"Earlier turns are worth {text.iloc[1] - text.iloc[0]:.0f} points to {text.name} alone")
    axis.set_xticklabels([name.replace("+", "\n+ ") for name in wide.index])
    made.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return made


@style.style()
def calibration(bins: pd.DataFrame, error: float, view: str = "vectors") -> Figure:
    """How often a label is true to which the oracle of a view gives p percent; on the diagonal the oracle is right.

    Args:
        bins: index (context, bin), columns `probability`, `happens` and `error`, of which two are drawn.
        error: the largest mean difference of a context, a share.
        view: whose oracle it is.
    """
    made, ((axis,),) = style.figure(figsize=(6, 5))
    axis.plot([0, 1], [0, 1], color=style.GREY, ls="--", lw=1.5, zorder=1)
    for i, context in enumerate(bins.index.get_level_values(0).unique()):
        rows = bins.loc[context]
        axis.errorbar(rows["probability"], rows["happens"], 2 * rows["error"], marker=style.MARKERS[i], ms=6,
                      color=style.CYCLE[i], capsize=3, lw=1.2, label=context)
    axis.set(xlabel=f"probability that the oracle of the {view} gives", ylabel="how often it is true (± 2 errors)",
             aspect="equal", title=f"Weighted by their number, probabilities\nare at most {100 * error:.1f} points off")
    axis.legend()
    return made
