"""What the conversation is worth: scores without and with context, and the gain by kind of words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from erclab.figures import style
from erclab.figures.scores import grouped_bars


@style.style()
def preference(scores: Mapping[str, tuple[Sequence[float], Sequence[float]]], gains: pd.DataFrame,
               oracle: Mapping[str, float], *, score: str, unit: str, title: str) -> Figure:
    """Left the scores free of context and in context, right the gain from context, seed by seed.

    Args:
        scores: name of the modalities -> scores over seeds (free of context, in context).
        gains: per name `low` and `high` of the interval, NaN for one seed, and what it is `over`.
        oracle: name -> the gain of the exact oracle of the vectors, drawn as a star.
        score: the vertical axis on the left.
        unit: appended to the vertical axis on the right, such as " (points)".
        title: of the right panel.
    """
    made, ((left, right),) = style.figure(1, 2, figsize=(13, 5))
    means = pd.DataFrame({which: {name: np.mean(values[j]) for name, values in scores.items()}
                          for j, which in enumerate(("free of context", "in context"))})
    grouped_bars(left, means, 0.38, colours=(style.SKY, style.BLUE), hatches=("//", ""))
    for i, (name, values) in enumerate(scores.items()):
        for j, x in enumerate(values):
            left.plot(np.full(len(x), i + 0.38 * (j - 0.5)), x, "o", color="black", ms=3)
        n, (low, high, over) = min(map(len, values)), gains.loc[name, ["low", "high", "over"]]
        if not np.isnan(low):
            right.plot([i, i], [low, high], color=style.BLUE, lw=2.5,
                       label=None if i else f"95 % interval over {over}")
        right.plot(np.full(n, i), np.asarray(values[1])[:n] - np.asarray(values[0])[:n], "o", color="black", ms=4,
                   zorder=3, label=None if i else "each seed")
        if name in oracle:
            right.plot(i + 0.25, oracle[name], "*", color=style.ORANGE, ms=14, mec="black", zorder=5,
                       label=None if i else "oracle of the vectors")
    ticks = {"xticks": range(len(scores)), "xticklabels": [name.replace("+", "\n+ ") for name in scores]}
    left.set(**ticks, title="Free of context, and in it", ylabel=score)
    right.set(**ticks, title=title, ylabel=f"gained from context{unit}", xlim=(-0.5, len(scores) - 0.5))
    right.axhline(0, color="black", lw=1)
    for axis in (left, right):
        handles, labels = axis.get_legend_handles_labels()
        made.legend(handles, labels, ncols=3, loc="outside lower left" if axis is left else "outside lower right")
    if any("*" in name for name in scores):
        left.set_xlabel("text*: the text is in context")
    return made


@style.style()
def oracle_gains(gains: pd.DataFrame, view: str = "vectors") -> Figure:
    """The gain in accuracy of the oracle of a view from context, by modality and kind of words.

    Args:
        gains: index (modality, words), column `gain` in points; see `erclab.analysis.ceilings.context_gain`.
        view: whose oracle it is.
    """
    names, kinds = (gains.index.get_level_values(level).unique() for level in ("modality", "words"))
    wide = gains["gain"].unstack("words")[list(kinds)].reindex(names)
    made, ((axis,),) = style.figure()
    for kind, places in grouped_bars(axis, wide.rename(columns="{} words".format), 0.27).items():
        for x, y in zip(places, wide[kind.removesuffix(" words")], strict=True):
            axis.annotate(f"{y:+.0f}", (x, max(y, 0)), xytext=(0, 2), textcoords="offset points", ha="center",
                          fontsize=11)
    axis.axhline(0, color="black", lw=1)
    (name, kind), (most, *others) = gains["gain"].idxmax(), sorted(gains["gain"], reverse=True)
    axis.set(xticks=range(len(wide)), xticklabels=list(wide.index), ylabel="accuracy gained (points)",
             title=f"Oracle of the {view}: {most:+.0f} points from context for {name}, {kind} words;\n"
                   f"all others at most {max(others):+.0f}")
    made.legend(loc="outside lower center", ncols=len(kinds))
    return made


@style.style()
def gains_by_words(gains: pd.DataFrame, oracle: pd.DataFrame | None = None) -> Figure:
    """A model's gain from the conversation, by modality and kind of words, and as stars the gain of the exact oracle of
    the vectors.

    Args:
        gains: index (modality, words), columns `gain` and `deviation`; see `erclab.analysis.context.context_gains`.
        oracle: the same of the oracle; None where the oracle is not known.
    """
    kinds = list(dict.fromkeys(gains.index.get_level_values("words")))
    names = list(dict.fromkeys(gains.index.get_level_values("modality")))
    made, ((axis,),) = style.figure(figsize=(10, 5))
    for i, (kind, colour, hatch) in enumerate(zip(kinds, style.CYCLE, style.HATCHES, strict=False)):
        at = np.arange(len(names)) + 0.27 * (i - (len(kinds) - 1) / 2)
        rows = gains.xs(kind, level="words").reindex(names)
        axis.bar(at, rows["gain"], 0.27, yerr=rows["deviation"].replace(0, np.nan), color=colour, hatch=hatch,
                 edgecolor="white", label=f"{kind} words", error_kw={"capsize": 3, "lw": 1.2})
        if oracle is not None:
            axis.plot(at, oracle["gain"].xs(kind, level="words").reindex(names), "*", color=style.YELLOW, mec="black",
                      ms=13, ls="", label="oracle of the vectors" if i == len(kinds) - 1 else None)
    axis.axhline(0, color="black", lw=1)
    title = f"Gained from context: {gains['gain'].min():+.0f} to {gains['gain'].max():+.0f} points"
    if oracle is not None:  # the oracle chooses which group is named, not the model's luck
        name, kind = oracle["gain"].reindex(gains.index).idxmax()
        title = (f"From context, {name} on {kind} words: the oracle gains {oracle['gain'][name, kind]:+.0f} points,\n"
                 f"the model {gains['gain'][name, kind]:+.0f}")
    axis.set(xticks=range(len(names)), xticklabels=names, ylabel="accuracy gained (points)", title=title)
    made.legend(loc="outside lower center", ncols=4)
    return made


@style.style()
def worth(table: pd.DataFrame, oracle: Mapping[str, float], *, title: str, matters: float) -> Figure:
    """What each model gains over itself on single utterances, by what it is given, with 95 % intervals, and as stars
    what the exact oracle gains. The band is what is too small to matter.

    Args:
        table: index (model, given), columns `gain`, `low`, `high` in points.
        oracle: what it is given -> its gain; empty where the oracle is not known.
        matters: in points.
    """
    models = list(dict.fromkeys(table.index.get_level_values("model")))
    rows = list(dict.fromkeys([*table.index.get_level_values("given"), *oracle]))
    made, ((axis,),) = style.figure(figsize=(11, 2.2 + 0.54 * len(rows)))
    axis.axvspan(-matters, matters, color=style.GREY, alpha=0.15, lw=0)
    axis.axvline(0, color="black", lw=1)
    for i, model in enumerate(models):
        some = table.xs(model, level="model")[["gain", "low", "high"]].astype(float)
        y = np.array([rows.index(name) for name in some.index]) + 0.18 * (i - (len(models) - 1) / 2)
        axis.errorbar(some["gain"], y, xerr=[some["gain"] - some["low"], some["high"] - some["gain"]],
                      fmt=style.MARKERS[i % len(style.MARKERS)], color=style.CYCLE[i % len(style.CYCLE)], ms=7,
                      capsize=3, lw=1.6, label=model)
    if oracle:
        axis.plot(list(oracle.values()), [rows.index(name) for name in oracle], "*", color=style.YELLOW, mec="black",
                  ms=14, ls="", label="oracle of the vectors")
        axis.axvline(max(oracle.values()), color=style.YELLOW, lw=2, ls="--", zorder=0)
    style.heading(made, title, fontsize=14)
    axis.set(yticks=range(len(rows)), yticklabels=rows,
             xlabel="weighted F1 over single utterances (points), 95 % over seeds and dialogues")
    axis.invert_yaxis()
    style.for_rows(axis)
    axis.tick_params(axis="y", labelsize=11)
    made.legend(loc="outside lower center", ncols=4)
    return made
