"""Pictures of the protocol audit: inflation against epochs and runs, and the differences that open details make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from erclab.figures import style

# Verdict -> its colour; others are grey. The order is that of the marks.
VERDICTS = {"higher": style.BLUE, "lower": style.RED, "equivalent": style.GREEN}


class _Estimate(Protocol):
    value: float

    def interval(self) -> tuple[float, float]: ...


def band_of(found: Sequence[_Estimate], scale: float) -> pd.DataFrame:
    """`value`, `low` and `high` of estimates, from 1 on as index."""
    rows = [(scale * one.value, *(scale * x for x in one.interval())) for one in found]
    return pd.DataFrame(rows, columns=["value", "low", "high"], index=range(1, len(rows) + 1))


@style.style()
def inflation_curves(epochs: Mapping[str, pd.DataFrame], runs: Mapping[str, Mapping[str, pd.DataFrame]], *, title: str,
              unit: str, dashed: Sequence[str] = ()) -> Figure:
    """Left: inflation if training had ended after so many epochs. Right: how much higher the best of R runs is, chosen
    on the test split (filled marks), beside the choice on validation (open marks). Bands: 95 % over seeds.

    Args:
        epochs: name -> `band_of` by epoch.
        runs: name -> "test" and "validation" -> `band_of` by runs; the panel is left out if there is none.
        dashed: names that are drawn with dashes, without the choice on validation: those that had nothing to learn.
    """
    made, axes = style.figure(1, 2 if runs else 1, figsize=(13 if runs else 9, 5.4))
    models = list(dict.fromkeys(name.partition(",")[0] for name in epochs))
    look: dict[str, dict[str, Any]] = {
        name: {"color": style.CYCLE[models.index(name.partition(",")[0]) % len(style.CYCLE)],
               "ls": "--" if name in dashed else "-"} for name in epochs}
    for name, table in epochs.items():
        axes[0, 0].plot(table.index, table["value"], lw=2.2, label=name, **look[name])
        axes[0, 0].fill_between(table.index, table["low"].clip(lower=0), table["high"], color=look[name]["color"],
                                alpha=0.08 if name in dashed else 0.18, lw=0)
    axes[0, 0].set(xlabel="epochs tried", ylabel=unit, ylim=(0, None), title=title)
    style.whole_numbers(axes[0, 0].xaxis)
    shown = [(name, by, table) for name, both in runs.items() for by, table in both.items()
             if by == "test" or name not in dashed]
    for i, (name, by, table) in enumerate(shown):
        x = table.index + 0.1 * (i - (len(shown) - 1) / 2)
        axes[0, 1].errorbar(x, table["value"], [table["value"] - table["low"], table["high"] - table["value"]],
                            marker=style.MARKERS[models.index(name.partition(",")[0]) % len(style.MARKERS)], ms=8,
                            capsize=3, lw=1.6, mfc=look[name]["color"] if by == "test" else "white", **look[name])
    if runs:
        axes[0, 1].axhline(0, color="black", lw=1)
        axes[0, 1].set(xlabel="runs of which the best is reported", ylabel=unit,
                       title="Filled: test chooses, open: validation")
        style.whole_numbers(axes[0, 1].xaxis)
    made.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=min(len(epochs), 4))
    return made


@style.style()
def law_panels(panels: Mapping[str, Mapping[str, pd.DataFrame]], *, scale: float, ylabel: str) -> Figure:
    """A panel per corpus: measured inflation as marks and the fitted law as lines, against epochs; filled marks and
    solid lines of one run, open marks and dashes of the best of several.

    Args:
        panels: corpus -> model -> columns epochs, runs, inflation, law.
        scale: from the unit of the numbers to that of the axis.
    """
    made, axes = style.figure(1, len(panels), figsize=(max(9, 1 + 5.2 * len(panels)), 4.8))
    top = 1.1 * scale * max(table["inflation"].max() for models in panels.values() for table in models.values())
    for axis, (corpus, models) in zip(axes[0], panels.items(), strict=True):
        for i, (model, table) in enumerate(models.items()):
            colour = style.CYCLE[i % len(style.CYCLE)]
            for runs, some in table.groupby("runs"):
                many = runs > 1
                name = f"{model}, best of {runs} runs" if many else f"{model}, one run"
                axis.plot(some["epochs"], scale * some["inflation"], style.MARKERS[i], ms=8, color=colour,
                          mfc="white" if many else colour, label=name)
                axis.plot(some["epochs"], scale * some["law"], color=colour, ls="--" if many else "-", lw=1.8)
        axis.set(xscale="log", xlabel="epochs tried", title=corpus, ylim=(0, top))
        axis.set_xticks(ticks := sorted({e for table in models.values() for e in table["epochs"]}), map(str, ticks))
        axis.minorticks_off()
    axes[0, 0].set_ylabel(ylabel)
    shown = {name: mark for axis in axes[0] for mark, name in zip(*axis.get_legend_handles_labels(), strict=True)}
    made.legend(shown.values(), shown.keys(), loc="outside lower center", ncols=2)
    return made


@style.style()
def intervals(table: pd.DataFrame, *, title: str, xlabel: str, matters: float) -> Figure:
    """One row per name: its value with the 95 % interval, coloured and shaped by its verdict. The band is what is too
    small to matter.

    Args:
        table: columns name, value, low, high, verdict.
        matters: in the unit of the value.
    """
    made, ((axis,),) = style.figure(figsize=(11, 1.8 + 0.36 * len(table)))
    axis.axvspan(-matters, matters, color=style.GREY, alpha=0.15, lw=0)
    axis.axvline(0, color="black", lw=1)
    y, verdicts = np.arange(len(table)), list(dict.fromkeys([*VERDICTS, *table["verdict"]]))
    for kind, marker in zip(verdicts, style.MARKERS, strict=False):
        at = (table["verdict"] == kind).to_numpy()
        if at.any():
            some = table[at]
            axis.errorbar(some["value"], y[at], xerr=[some["value"] - some["low"], some["high"] - some["value"]],
                          fmt=marker, color=VERDICTS.get(kind, style.GREY), ms=7, capsize=3, lw=1.6, label=kind)
    axis.set(yticks=y, yticklabels=list(table["name"]), xlabel=xlabel)
    style.heading(made, title, fontsize=14)  # the names leave the axis too little width
    axis.invert_yaxis()
    style.for_rows(axis)
    axis.tick_params(axis="y", labelsize=11)
    made.legend(loc="outside lower center", ncols=4)
    return made
