"""What trained models do inside: gates as distributions, as paths over training and as a chord; attention as bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Wedge
from matplotlib.path import Path

from erclab.figures import style


@style.style()
def shares(table: pd.DataFrame, *, title: str, ylabel: str, equal: float, colours: Sequence[str],
           labels: Sequence[str] | None = None) -> Figure:
    """The distribution of each column over the rows, with its median and quartiles, beside the share `equal` that means
    no preference.

    Args:
        colours: one per column.
        labels: names of the columns in the figure; the table's own names by default.
    """
    made, ((axis,),) = style.figure(figsize=(9, 4.2))
    rows = table.melt(var_name="column", value_name="share")
    sns.violinplot(rows, x="column", y="share", order=list(table), hue="column", cut=0, inner="box", width=0.5,
                   palette=dict(zip(table, colours, strict=True)), saturation=1, linewidth=1.2, linecolor="black",
                   legend=False, ax=axis)
    axis.axhline(equal, color=style.GREY, ls="--", lw=1.5, label="equal shares")
    axis.set(xticks=range(table.shape[1]), xticklabels=labels or list(table), xlabel="", ylabel=ylabel, title=title)
    made.legend(loc="outside lower center")
    return made


@style.style()
def focus_bars(ratios: pd.DataFrame) -> Figure:
    """Attention on the planted steps, relative to equal attention to all steps: a bar per stream, a dot per run.

    Args:
        ratios: a row per stream, such as "text_from_audio"; a column per run.
    """
    made, ((axis,),) = style.figure(figsize=(9, 1.6 + 0.45 * len(ratios)))
    for i, (name, x) in enumerate(ratios.iterrows()):
        colour = style.MODALITY.get(name.partition("_from_")[2], style.GREY)
        axis.barh(i, x.mean(), color=colour, height=0.62)
        axis.plot(x, np.full(len(x), i), "o", color="black", ms=4)
    axis.axvline(1, color=style.GREY, ls="--", lw=1.5, label="even share")
    axis.set(yticks=range(len(ratios)), yticklabels=[n.replace("_from_", " from ") for n in ratios.index],
             xlabel="attention on the planted steps, times an even share",
             title="Where the attention goes (colour: its source)")
    axis.invert_yaxis()
    made.legend(loc="outside lower center")
    return made


@style.style()
def gate_path(paths: Sequence[Mapping[str, np.ndarray]], *, title: str) -> Figure:
    """The weight of each modality at every training batch, a line per seed.

    Args:
        paths: per seed, modality -> (epochs, batches).
    """
    made, ((axis,),) = style.figure()
    for i, path in enumerate(paths):
        for m, weights in path.items():
            axis.plot(weights.ravel(), color=style.MODALITY[m], ls=style.LINES[m], lw=1.8, label=None if i else m)
    axis.set(xlabel="training batch", ylabel="weight of the modality", title=title)
    style.whole_numbers(axis.xaxis)
    axis.legend()
    return made


@style.style()
def gate_paths(paths: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """`gate_path` of one run each, a panel per title; the two largest weights at the end stand in the title."""
    made, axes = style.figure(1, len(paths), figsize=(13, 3.8))
    for axis, (title, path) in zip(axes[0], paths.items(), strict=True):
        for m, weights in path.items():
            axis.plot(weights.ravel(), color=style.MODALITY[m], ls=style.LINES[m], lw=2, label=m)
        (first, most), (_, second) = sorted(((m, x[-1, -1]) for m, x in path.items()), key=lambda one: -one[1])[:2]
        axis.set(title=f"{title}:\n{first} {100 * most:.0f} %, next {100 * second:.0f} %",
                 xlabel="training batch", ylim=(0, 1))
        style.whole_numbers(axis.xaxis)
    axes[0, 0].set_ylabel("weight of the modality")
    axes[0, 0].legend()
    return made


@style.style()
def gate_pace(paths: Sequence[Mapping[str, np.ndarray]], titles: tuple[str, str]) -> Figure:
    """The weight of each modality at every batch of the first epoch, and its mean per epoch. Paths as in `gate_path`.
    """
    made, axes = style.figure(1, 2, figsize=(12, 4.4))
    for i, path in enumerate(paths):
        for m, weights in path.items():
            look = {"color": style.MODALITY[m], "ls": style.LINES[m], "lw": 2, "label": None if i else m}
            axes[0, 0].plot(np.arange(1, weights.shape[1] + 1), weights[0], **look)
            axes[0, 1].plot(np.arange(1, len(weights) + 1), weights.mean(1), marker="o", ms=3, **look)
    axes[0, 0].set(xlabel="batch of the first epoch", ylabel="weight of the modality", title=titles[0])
    axes[0, 1].set(xlabel="epoch", ylabel="mean weight in the epoch", title=titles[1])
    style.whole_numbers(axes[0, 0].xaxis, axes[0, 1].xaxis)
    axes[0, 0].legend()
    return made


@style.style()
def chords(flows: Mapping[str, pd.DataFrame]) -> Figure:
    """A `chord` per model side by side; the title says how much the modalities give, from the least to the most."""
    made, axes = style.figure(1, len(flows), figsize=(6.25 * len(flows), 6.2))
    for axis, (name, flow) in zip(axes[0], flows.items(), strict=True):
        given = 100 * flow.sum(axis=1) / flow.to_numpy().sum()
        chord(flow, style.MODALITY, axis=axis, title=f"{name}: {_span(given)} % from each")
    return made


def _span(values: pd.Series) -> str:
    """"33 to 35", and "33" of values that are equal as they are printed."""
    return " to ".join(dict.fromkeys(f"{x:.0f}" for x in (values.min(), values.max())))


@style.style()
def chord(flows: pd.DataFrame, colours: Mapping[str, str], *, title: str, axis=None
          ) -> Figure | None:
    """A chord diagram: an arc of the circle per name, as long as the sum of the name's row.

    The ribbon between i and j has at its end i the width `flows[i, j]`, at its end j the width `flows[j, i]`, and the
    colour of the end that gives more. The diagonal is a ribbon from an arc to itself. Numbers are percent of the sum.

    Args:
        flows: row gives to column, both the same names in the same order; not negative, with a positive sum.
        colours: name -> colour.
        axis: where to draw; a new figure by default, which is returned.
    """
    made = None
    if axis is None:
        made, ((axis,),) = style.figure(figsize=(6.2, 6.2))
    share = flows.to_numpy(dtype=float) / flows.to_numpy(dtype=float).sum()
    gap = 0.06 * 2 * np.pi
    scale, start, ends = 2 * np.pi - gap * len(share), np.pi / 2, {}
    for i, name in enumerate(flows.index):
        first = start
        order = [(i - j) % len(share) for j in range(len(share))]  # neighbours do not cross
        for j in order:
            ends[i, j] = (start, start - scale * share[i, j])
            start = ends[i, j][1]
        axis.add_patch(Wedge((0, 0), 1.08, np.degrees(start), np.degrees(first), width=0.07, color=colours[name]))
        middle = (first + start) / 2
        axis.text(1.36 * np.cos(middle), 1.24 * np.sin(middle), f"{name}\n{100 * share[i].sum():.1f} %", ha="center",
                  va="center", weight="bold")
        start -= gap
    for i, j in zip(*np.nonzero(np.triu(share + share.T)), strict=True):
        giver = i if share[i, j] >= share[j, i] else j
        axis.add_patch(PathPatch(_ribbon(ends[i, j], ends[j, i]), facecolor=colours[flows.index[giver]], alpha=0.45,
                                 lw=1, edgecolor="black"))
        for a, b in dict.fromkeys(((i, j), (j, i))):
            at = sum(ends[a, b]) / 2
            axis.text(0.87 * np.cos(at), 0.87 * np.sin(at), f"{100 * share[a, b]:.1f}", ha="center", va="center",
                      fontsize=10)
    axis.set(xlim=(-1.65, 1.65), ylim=(-1.4, 1.25), aspect="equal", title=title)
    axis.set_axis_off()
    return made


def _ribbon(one: tuple[float, float], other: tuple[float, float]) -> Path:
    """From one arc of the unit circle to another through the centre; from an arc to itself, half way to the centre."""
    if one == other:
        middle = sum(one) / 2
        there = [(np.cos(t), np.sin(t)) for t in np.linspace(*one, 24)]
        back = (0.3 * np.cos(middle), 0.3 * np.sin(middle))
        return Path([*there, back, there[0]], [Path.MOVETO, *[Path.LINETO] * 23, Path.CURVE3, Path.CURVE3])
    points, codes = [], []
    for (a, b), move in ((one, Path.MOVETO), (other, Path.CURVE3)):
        arc = [(np.cos(t), np.sin(t)) for t in np.linspace(a, b, 24)]
        points += ([(0.0, 0.0)] if move == Path.CURVE3 else []) + arc
        codes += ([Path.CURVE3, Path.CURVE3] if move == Path.CURVE3 else [move]) + [Path.LINETO] * 23
    return Path([*points, (0.0, 0.0), points[0]], [*codes, Path.CURVE3, Path.CURVE3])
