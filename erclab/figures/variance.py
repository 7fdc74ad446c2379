"""Pictures of where variance lives, beside printed gaps, and of ceilings under label noise."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from erclab.figures import style

# A component begins with -> its colour.
COMPONENTS = {"seed": style.BLUE, "training data": style.GREEN, "session": style.GREEN, "test dialogues": style.ORANGE,
              "encoder": style.PURPLE, "tuning": style.SKY}


def _colour(component: str) -> str:
    return next((colour for begin, colour in COMPONENTS.items() if component.startswith(begin)), style.GREY)


@style.style()
def components_and_gaps(table: pd.DataFrame, gaps: pd.DataFrame, *, title: str) -> Figure:
    """Above: a tick per printed gap, a row per kind. Below: a bar per corpus and component, the deviation of the
    difference of two runs, with its interval, which may leave the axis; an open mark is the deviation of one score. One
    axis in points.

    Args:
        table: `erclab.analysis.variance.pooled_components`.
        gaps: columns kind and gap, in points.
    """
    bars = table[table["of"] == "difference"].reset_index(drop=True)
    scores = table[table["of"] == "score"].set_index(["corpus", "component"])["deviation"]
    kinds = list(dict.fromkeys(gaps["kind"]))
    made = style.Drawing(figsize=(10.5, 2.4 + 0.4 * len(kinds) + 0.48 * len(bars)))
    above, below = made.subplots(2, 1, sharex=True, height_ratios=[len(kinds) + 0.4, len(bars) + 0.4])
    for i, kind in enumerate(kinds):
        x = gaps.loc[gaps["kind"] == kind, "gap"]
        above.vlines(x, i - 0.36, i + 0.36, color="black", lw=1.8)
        above.plot(x.median(), i, "D", color=style.RED, ms=6)
    above.set(yticks=range(len(kinds)), yticklabels=[f"{kind} ({(gaps['kind'] == kind).sum()})" for kind in kinds],
              ylim=(len(kinds) - 0.5, -0.5), title=title)
    for i, row in enumerate(bars.itertuples()):
        below.barh(i, row.deviation, height=0.62, color=_colour(row.component), alpha=0.85)
        below.plot([row.low, row.high], [i, i], color="black", lw=1.4)
        if (row.corpus, row.component) in scores.index:
            below.plot(scores[row.corpus, row.component], i, "o", mfc="white", mec="black", ms=7)
    most = 1.05 * max(gaps["gap"].max(), bars["deviation"].max(), scores.max())
    below.set(yticks=range(len(bars)), yticklabels=[f"{row.corpus}: {row.component}" for row in bars.itertuples()],
              ylim=(len(bars) - 0.5, -0.5), xlim=(0, most), xlabel="points of F1; ticks: printed gaps (diamond: "
              "median), bars: deviation of a difference, circles: of one score")
    for axis in (above, below):
        style.for_rows(axis)
        axis.tick_params(axis="y", labelsize=11)
    below.xaxis.label.set_size(11)
    return made


@style.style()
def ceilings_under_noise(curve: pd.DataFrame, *, title: str, bound: pd.Series | None = None) -> Figure:
    """Accuracy against the rate of mistakes: the oracle's ceiling and models, against the labels (lines) and against
    the emotions (dashes). Beside it, where there is one, the bound of repeated lines.

    Args:
        curve: `erclab.analysis.noise.ceiling_curve`.
        bound: a row of `erclab.analysis.noise.repeated_lines`.
    """
    made, axes = style.figure(1, 1 if bound is None else 2, figsize=(9 if bound is None else 12, 5.0))
    axis, one = axes[0, 0], curve[curve["annotators"] == 1]
    for i, (reader, rows) in enumerate(one.groupby("reader", sort=False)):
        for against, some in rows.groupby("against", sort=False):
            if (reader, against) == ("oracle", "emotion"):
                continue
            some = some.sort_values("mistakes")
            axis.errorbar(100 * some["mistakes"], some["accuracy"], [some["accuracy"] - some["low"].fillna(
                some["accuracy"]), some["high"].fillna(some["accuracy"]) - some["accuracy"]], capsize=3, lw=2, ms=7,
                marker=style.MARKERS[i], color="black" if reader == "oracle" else style.CYCLE[i - 1],
                ls="-" if against == "label" else "--", label=f"{reader}, against the {against}")
    voted = curve[(curve["annotators"] > 1) & (curve["reader"] == "oracle") & (curve["against"] == "label")]
    if len(voted):
        axis.plot(100 * voted["mistakes"], voted["accuracy"], color=style.GREY, ls=":", marker="x",
                  label=f"oracle, {voted['annotators'].iloc[0]} annotators vote")
    axis.set(xlabel="an annotator's mistakes (%)", ylabel="accuracy (%)", ylim=(0, 100), title=title)
    axis.legend(fontsize=10, loc="lower left")
    axis.grid(visible=True, axis="both", alpha=0.3)
    if bound is not None:
        _bounds(axes[0, 1], bound)
    return made


def _bounds(axis, bound: pd.Series) -> None:
    """Bars of what words alone can reach on repeated lines."""
    names = ["two lines drawn\nat random agree", "two performances\nof a line agree", "words alone\nreach at most",
             "majority of the same\nlines (flatters)"]
    values = bound[["chance", "agreement", "at most", "majority"]].to_numpy(dtype=float)
    axis.bar(names, values, color=[style.GREY, style.BLUE, style.ORANGE, "white"], edgecolor="black")
    axis.errorbar([1], values[1], [[values[1] - bound["low"]], [bound["high"] - values[1]]], color="black", capsize=4)
    axis.errorbar([2], values[2], [[0], [bound["at most high"] - values[2]]], color="black", capsize=4)
    for i, value in enumerate(values):
        axis.annotate(f"{value:.0f}", (i - 0.3, value), xytext=(0, 4), textcoords="offset points", ha="center")
    axis.set(ylim=(0, 100), ylabel="share (%)", title=f"{int(bound['utterances']):,} utterances of "
             f"{int(bound['lines'])} repeated lines")
    axis.set_xticks(np.arange(len(names)), names, fontsize=10)
