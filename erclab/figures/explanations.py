"""Explanations beside the truth: areas under the curve, and one utterance step by step."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from erclab.figures import style


@style.style()
def explanation_bars(table: pd.DataFrame) -> Figure:
    """The area under the curve of each explanation: trained models as bars, untrained as diamonds, chance as a line.

    Args:
        table: index (model, explained by), columns auroc and random; see `erclab.analysis.salience.planted_salience`.
    """
    made, ((axis,),) = style.figure(figsize=(10, 1.6 + 0.36 * len(table)))
    names = [f"{model}: {what}" for model, what in table.index]
    kinds = {"attention": style.BLUE, "integrated gradients": style.ORANGE, "Shapley": style.PURPLE,
             "gate": style.GREEN}
    for kind, colour in kinds.items():
        at = [i for i, name in enumerate(names) if kind in name]
        axis.barh(at, table["auroc"].iloc[at] - 0.5, left=0.5, color=colour, height=0.65, label=kind)
    axis.plot(table["random"], range(len(table)), "D", color="black", ms=6, label="random weights")
    axis.axvline(0.5, color=style.GREY, ls="--", lw=1.5)
    above = int(((table["auroc"] - table["random"]) > 0.05).sum())
    axis.set(yticks=range(len(table)), yticklabels=names, xlim=(0.2, 1), ylim=(len(table) - 0.4, -0.6),
             xlabel="probability that what was planted scores above what was not",
             title=f"{above} of {table['random'].notna().sum()} explanations: 0.05 or more above random weights")
    axis.tick_params(axis="y", labelsize=10)
    axis.grid(axis="y", visible=False)
    axis.grid(axis="x", alpha=0.3)
    made.legend(loc="outside lower center", ncols=5, fontsize=11)
    return made


@style.style()
def step_attributions(tables: Mapping[str, pd.DataFrame], *, title: str) -> Figure:
    """Attributions of one utterance, step by step, beside the attention that each step gets; planted steps are shaded.

    Args:
        tables: modality -> a row per step: `attribution`, `planted` (bool) and, where the model has it, `attention`.
            An index named "words" has the words.
    """
    made, axes = style.figure(len(tables), 1, figsize=(10, 2.2 * len(tables) + 0.8))
    for axis, (m, table) in zip(axes[:, 0], tables.items(), strict=True):
        steps = range(len(table))
        axis.bar(steps, table["attribution"], color=style.MODALITY[m], label="integrated gradients")
        for at in np.flatnonzero(table["planted"]):
            axis.axvspan(at - 0.5, at + 0.5, color=style.YELLOW, alpha=0.5, lw=0, zorder=0)
        if "attention" in table:
            other = axis.twinx()
            other.plot(steps, table["attention"], color="black", marker="o", ms=3, lw=1.2)
            other.set(ylim=(0, None), ylabel="attention")
            other.grid(visible=False)
        axis.set(ylabel="added to logit", title=m, xlim=(-0.6, len(table) - 0.4))
        if table.index.name == "words":
            axis.set(xticks=steps)
            axis.set_xticklabels(table.index, fontsize=11, rotation=30, ha="right")
    made.suptitle(title, fontsize=12)
    return made
