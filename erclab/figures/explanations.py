"""Explanations beside the truth: areas under the curve, and one utterance step by step."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

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
    if "low" in table:  # of the difference from random weights
        axis.hlines(range(len(table)), table["random"] + table["low"], table["random"] + table["high"], color=style.RED,
                    lw=1.5, zorder=3, label="95 % over utterances")
    axis.axvline(0.5, color=style.GREY, ls="--", lw=1.5)
    above = int(((table["auroc"] - table["random"]) > 0.05).sum())
    axis.set(yticks=range(len(table)), yticklabels=names, xlim=(0.2, 1), ylim=(len(table) - 0.4, -0.6),
             xlabel="probability that what was planted scores above what was not",
             title=f"{above} of {table['random'].notna().sum()} explanations: 0.05 or more above random weights")
    axis.tick_params(axis="y", labelsize=10)
    axis.grid(axis="y", visible=False)
    axis.grid(axis="x", alpha=0.3)
    made.legend(loc="outside lower center", ncols=3, fontsize=11)
    return made


@style.style()
def step_attributions(tables: Mapping[str, pd.DataFrame], *, title: str) -> Figure:
    """Attributions of one utterance, step by step, beside the attention that each step gets; planted steps are shaded.
    Both are shares, on one axis: an attribution is divided by the sum of the sizes of all.

    Args:
        tables: modality -> a row per step: `attribution`, `planted` (bool) and, where the model has it, `attention`.
            An index named "words" has the words.
    """
    made, axes = style.figure(len(tables), 1, figsize=(10, 2.4 * len(tables) + 1.1))
    for axis, (m, table) in zip(axes[:, 0], tables.items(), strict=True):
        steps, given = range(len(table)), table["attribution"]
        axis.bar(steps, given / max(given.abs().sum(), 1e-12), color=style.MODALITY[m])
        for at in np.flatnonzero(table["planted"]):
            axis.axvspan(at - 0.5, at + 0.5, color=style.YELLOW, alpha=0.5, lw=0, zorder=0)
        if "attention" in table:
            axis.plot(steps, table["attention"], color="black", marker="o", ms=3, lw=1.2)
        axis.set(ylabel="share", title=m, xlim=(-0.6, len(table) - 0.4), xlabel="frame")
        style.whole_numbers(axis.xaxis)
        if table.index.name == "words":
            axis.set(xticks=steps, xlabel="")
            axis.set_xticklabels(table.index, fontsize=11, rotation=30, ha="right")
    style.heading(made, title, fontsize=14)
    made.legend(handles=[Patch(color=style.GREY, label="attribution (of the sum of sizes)"),
                         Line2D([], [], color="black", marker="o", ms=3, lw=1.2, label="attention"),
                         Patch(color=style.YELLOW, alpha=0.5, label="planted")], loc="outside lower center", ncols=3)
    return made
