"""Differences over the same seeds: of settings, of SDT's students, and against the temperature of a distillation."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from erclab.figures import style
from erclab.figures.scores import band


@style.style()
def differences(found: pd.DataFrame, matters: float, *, title: str, reference: str, xlabel: str) -> Figure:
    """The difference of each setting from a reference: the mean, its interval, and a dot per seed.

    The grey band is what is too small to matter: an interval inside it shows that two settings are equivalent, an
    interval that contains 0 and leaves the band shows nothing.

    Args:
        found: a row per setting: difference, low and high of the interval (NaN for one seed), what it is over, and a
            column per seed that starts with "seed"; see `erclab.analysis.ablation.differences`.
        matters: the smallest difference that matters, in the unit of the differences.
        reference: the name of the setting that the others are compared with.
    """
    made, ((axis,),) = style.figure(figsize=(9, 1.8 + 0.55 * len(found)))
    axis.axvspan(-matters, matters, color=style.GREY, alpha=0.25, lw=0, label=f"too small to matter: ± {matters:g}")
    axis.axvline(0, color="black", lw=1)
    drawn, dots = set[str](), False
    for i, (_, row) in enumerate(found.iterrows()):
        seeds = row[[c for c in found if c.startswith("seed ")]].dropna().astype(float)
        if not np.isnan(row["low"]):
            axis.plot([row["low"], row["high"]], [i, i], color=style.BLUE, lw=2.5,
                      label=None if row["over"] in drawn else f"95 % interval over {row['over']}")
            drawn.add(row["over"])
        axis.plot(row["difference"], i, "D", color=style.ORANGE, ms=9, zorder=4, label=None if i else "mean")
        if len(seeds) > 1:  # below the mean, which would hide them
            axis.plot(seeds, np.full(len(seeds), i + 0.22), "o", color="black", ms=4,
                      label=None if dots else "each seed")
            dots = True
    axis.set(yticks=range(len(found)), yticklabels=list(found.index), title=title,
             xlabel=f"{xlabel}, less {reference}")
    axis.invert_yaxis()
    axis.margins(y=0.25 if len(found) < 3 else 0.15)
    made.legend(loc="outside lower center", ncols=2)
    return made


@style.style()
def student_dots(gains: pd.DataFrame, reference: str) -> Figure:
    """What teaching gives SDT's students: a dot per student with its interval over seeds and dialogues, grouped by the
    kind of teaching.

    Args:
        gains: index (teaching, modality), columns difference, low, high and verdict; see
            `erclab.analysis.students.teaching_gains`.
        reference: the name of the setting that the others are compared with.
    """
    made, ((axis,),) = style.figure(figsize=(9, 1.8 + 0.42 * len(gains)))
    for i, ((_, m), row) in enumerate(gains.iterrows()):
        colour = style.MODALITY[m]
        axis.plot([row["low"], row["high"]], [i, i], color=colour, lw=2.5)
        axis.plot(row["difference"], i, marker=style.MARKERS[list(style.MODALITY).index(m)], color=colour, ms=9)
    axis.axvline(0, color="black", lw=1)
    higher, lower = ((gains["verdict"] == word).sum() for word in ("higher", "lower"))
    axis.set(yticks=range(len(gains)), yticklabels=[f"{kind}: {m}" for kind, m in gains.index],
             title=f"Of {len(gains)} students, {higher} are shown to gain and {lower} to lose",
             xlabel=f"points above: {reference} (95 % over seeds and dialogues)")
    axis.invert_yaxis()
    axis.margins(y=0.12)
    return made


@style.style()
def temperatures(panels: Mapping[str, tuple[Mapping[str, pd.DataFrame], float]], *, ylabel: str) -> Figure:
    """A score against the temperature, with bands over seeds: a panel per title, a line per scaling of the KL term.

    Args:
        panels: title -> (scaling -> scores, index temperatures and a column per seed; the score without soft labels).
    """
    made, axes = style.figure(1, len(panels), figsize=(6 * len(panels), 5))
    for axis, (title, (lines, base)) in zip(axes[0], panels.items(), strict=True):
        for (name, table), colour, marker in zip(lines.items(), style.CYCLE, style.MARKERS, strict=False):
            band(axis, table, colour=colour, marker=marker, ms=7, label=name)
        axis.axhline(base, color=style.GREY, ls="--", lw=1.8, label="without soft labels")
        there = sorted({tau for table in lines.values() for tau in table.index})
        axis.set(title=title, xlabel="temperature", ylabel=ylabel)
        axis.set_xscale("log", base=2)
        axis.set_xticks(there, [f"{tau:g}" for tau in there])
        axis.minorticks_off()
    made.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return made
