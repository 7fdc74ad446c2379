"""What can be known at all: scores of the exact oracle, and models below them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from erclab.figures import style
from erclab.figures.scores import grouped_bars, seed_bars


@style.style()
def ceiling_bars(ceilings: pd.DataFrame, metric: str = "accuracy") -> Figure:
    """A score (percent) of the oracle: a group of bars per subset of modalities, a bar per context.

    Args:
        ceilings: index (modalities, context), a column per metric; see `erclab.analysis.ceilings.oracle_scores`.
    """
    subsets, contexts = (ceilings.index.get_level_values(level).unique() for level in ("modalities", "context"))
    wide = ceilings[metric].unstack("context")[list(contexts)].reindex(subsets)
    made, ((axis,),) = style.figure(figsize=(10, 4.8))
    for context, places in grouped_bars(axis, wide, 0.8 / wide.shape[1]).items():
        for x, y in zip(places, wide[context], strict=True):
            axis.annotate(f"{y:.0f}", (x, y), xytext=(0, 2), textcoords="offset points", ha="center", fontsize=9)
    text = wide.loc["text"] if "text" in wide.index else wide.iloc[0]
    axis.set(xticks=range(len(wide)), ylabel=f"{metric} of the oracle (%)", ylim=(0, 105),
             title=f"Context is worth {text.iloc[1] - text.iloc[0]:.0f} points to {text.name} alone")
    axis.set_xticklabels([name.replace("+", "\n+ ") for name in wide.index])
    made.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return made


@style.style()
def calibration(bins: pd.DataFrame, error: float) -> Figure:
    """How often an event happens to which the oracle gives p percent; on the diagonal the oracle is right.

    Args:
        bins: index (context, bin), columns `probability` and `happens`.
        error: the largest calibration error of a context, a share.
    """
    made, ((axis,),) = style.figure(figsize=(6, 5))
    for i, context in enumerate(bins.index.get_level_values(0).unique()):
        rows = bins.loc[context]
        axis.plot(rows["probability"], rows["happens"], marker=style.MARKERS[i], color=style.CYCLE[i], label=context)
    axis.plot([0, 1], [0, 1], color=style.GREY, ls="--", lw=1.5)
    axis.set(xlabel="probability that the oracle gives", ylabel="how often it happens", aspect="equal",
             title=f"Calibrated: error at most {100 * error:.2f} %")
    axis.legend()
    return made


def below_ceiling(models: Mapping[str, Sequence[float]], top: float, metric: str = "weighted F1") -> Figure:
    """Scores of models (in [0, 1], over seeds) below the oracle's score `top` (percent) for the same input."""
    best = max(100 * float(np.mean(x)) for x in models.values())
    return seed_bars(models, title=f"{top - best:.0f} points are left to be learned",
                     xlabel=f"{metric} on the test split (%)", colours=dict.fromkeys(models, style.BLUE),
                     reference={"exact oracle": round(top, 1)})
