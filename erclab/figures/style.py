"""One visual language for all figures: colour-blind-safe, readable on a slide and in grey.

Every function draws and returns a Figure; `save` is the only one that touches the disk.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle

import matplotlib
import numpy as np
import pandas as pd
from cycler import cycler
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle, Wedge
from matplotlib.path import Path

from erclab.core import paths
from erclab.core.errors import ErclabError
from erclab.core.storage import write_atomically

# Okabe and Ito (2008): told apart with any common colour vision. Modalities keep theirs in every figure.
BLUE, ORANGE, GREEN, PURPLE, SKY, RED, YELLOW, GREY = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#7F7F7F")
CYCLE = (BLUE, ORANGE, GREEN, PURPLE, SKY, RED, GREY)
MODALITY = {"text": BLUE, "audio": ORANGE, "visual": GREEN}
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

STYLE = {
    "figure.figsize": (9, 4.5), "figure.dpi": 100, "savefig.dpi": 120, "figure.constrained_layout.use": True,
    "font.size": 13, "axes.titlesize": 14, "axes.titlelocation": "left", "axes.titleweight": "bold",
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "axes.grid.axis": "y",
    "grid.alpha": 0.3, "axes.axisbelow": True, "legend.frameon": False, "axes.prop_cycle": cycler(color=CYCLE),
}
# For the whole session: matplotlib looks half of these up when a title or a legend is added, not when it is drawn.
matplotlib.rcParams.update(STYLE)


@dataclass(frozen=True)
class Picture:
    """A stored figure. A notebook shows it as it is on disk: the same pixels for every front end."""

    name: str
    png: bytes = field(repr=False)

    def _repr_png_(self) -> bytes:
        return self.png

    def __repr__(self) -> str:
        return f"<figure {self.name}>"


class Drawing(Figure):
    """A figure that a notebook shows with the pixels that `save` stores, without pyplot."""

    def _repr_png_(self) -> bytes:
        return png(self)


def save(figure: Figure, name: str, corpus: str = "") -> Picture:
    """Store as `<figures>/<name>_<corpus>.png`, name = NN_what; without a corpus as `<figures>/<name>.png`.

    The same figure gives the same bytes.

    Raises:
        ErclabError: the folder cannot be written.
    """
    path, content = paths.figures_dir() / f"{'_'.join(filter(None, (name, corpus)))}.png", png(figure)
    try:
        write_atomically(path, content)
    except OSError as error:
        raise ErclabError(f"the figure cannot be stored: {error.strerror}", where=path,
                          remedy="Free some space or choose another folder (ERCLAB_FIGURES).") from None
    return Picture(path.stem, content)


def png(figure: Figure) -> bytes:
    """The picture of a figure; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def figure(rows: int = 1, columns: int = 1, **options) -> tuple[Figure, np.ndarray]:
    """A figure in our style and its axes as a 2-D array.

    It is no pyplot figure: nothing keeps it alive, no window opens, and a notebook shows it where a cell ends with it.
    """
    made = Drawing(**options)
    return made, made.subplots(rows, columns, squeeze=False)


def seed_bars(groups: Mapping[str, Sequence[float]], *, title: str, xlabel: str,
              colours: Mapping[str, str] | None = None, reference: Mapping[str, float] | None = None,
              percent: bool = True) -> Figure:
    """One horizontal bar per group: its mean, its deviation over seeds, and every seed as a dot.

    Args:
        groups: name -> values over seeds in [0, 1], from top to bottom; drawn in percent.
        reference: published values, name -> number in percent, drawn as dashed lines beside ours.
        percent: False for values and references that are no shares and drawn as they are, such as correlations.
    """
    made, ((axis,),) = figure(figsize=(9, 1.4 + 0.5 * len(groups)))
    for i, (name, seeds) in enumerate(groups.items()):
        x = (100 if percent else 1) * np.asarray(seeds, dtype=float)
        axis.barh(i, x.mean(), color=(colours or {}).get(name, GREY), alpha=0.85, height=0.62,
                  xerr=x.std(ddof=1) if len(x) > 1 else None, error_kw={"capsize": 4, "lw": 1.5})
        if len(x) > 1:
            axis.plot(x, np.full(len(x), i), "o", color="black", ms=4, alpha=0.7, zorder=3)
        edge = max(x.max(), x.mean() + (x.std(ddof=1) if len(x) > 1 else 0))
        axis.annotate(f"{x.mean():.{1 if percent else 3}f}", (edge, i), xytext=(7, 0), textcoords="offset points",
                      va="center")
    for i, (name, value) in enumerate((reference or {}).items()):
        axis.axvline(value, ls="--", lw=1.5, color=RED if i == 0 else PURPLE, label=f"{name}: {value}")
    axis.set(yticks=range(len(groups)), yticklabels=list(groups), title=title, xlabel=xlabel,
             xlim=(0, 100) if percent else None)
    axis.invert_yaxis()
    axis.grid(axis="x", alpha=0.3)
    axis.grid(axis="y", visible=False)
    if reference:
        made.legend(loc="outside lower center")  # below, where no bar can be
    return made


def shares(table: pd.DataFrame, *, title: str, ylabel: str, equal: float, colours: Sequence[str],
           labels: Sequence[str] | None = None) -> Figure:
    """The distribution of each column over the rows, with its median, beside the value that means no preference.

    Args:
        equal: that value.
        colours: one per column.
        labels: what to call the columns; their names by default.
    """
    made, ((axis,),) = figure(figsize=(9, 4.2))
    parts = axis.violinplot([table[c] for c in table], showmedians=True)
    for body, colour in zip(parts["bodies"], colours, strict=True):
        body.set(facecolor=colour, alpha=0.8)
    for key in ("cmedians", "cbars", "cmins", "cmaxes"):
        parts[key].set(color="black", lw=1.2)
    axis.axhline(equal, color=GREY, ls="--", lw=1.5, label="equal shares")
    axis.set(xticks=np.arange(table.shape[1]) + 1, xticklabels=labels or list(table), ylabel=ylabel, title=title)
    axis.legend(loc="upper right")
    return made


def curves(series: Mapping[str, pd.DataFrame], *, title: str, ylabel: str, axis=None, marked: int | None = None):
    """Mean over seeds with a band of one deviation.

    Args:
        series: name -> table with one row per epoch (index) and one column per seed.
        marked: an epoch to point at.
    """
    made = None
    if axis is None:
        made, ((axis,),) = figure()
    for (name, table), colour, marker in zip(series.items(), cycle(CYCLE), cycle(MARKERS), strict=False):
        band(axis, table, colour=colour, marker=marker, ms=4, label=name)
    if marked is not None:
        axis.axvline(marked, color=GREY, ls=":", lw=1.5)
    axis.set(title=title, xlabel="epoch", ylabel=ylabel)
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.legend()
    return made


def band(axis, table: pd.DataFrame, *, colour: str, **line) -> None:
    """The mean over the columns (seeds) against the index, with a band of one deviation.

    Args:
        line: what `axis.plot` takes, such as marker and label.
    """
    mean, spread = table.mean(axis=1), table.std(axis=1).fillna(0.0)
    axis.plot(mean.index, mean, color=colour, **{"lw": 2, **line})
    axis.fill_between(mean.index, mean - spread, mean + spread, color=colour, alpha=0.2, lw=0)


def confusion(counts: np.ndarray, labels: Sequence[str], *, title: str, axis=None):
    """Rows are the truth; colour is the row's share, text is the share in percent and the mean count."""
    made = None
    if axis is None:
        made, ((axis,),) = figure(figsize=(7.5, 6.5))
    counts = np.asarray(counts, dtype=float)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    axis.imshow(share, cmap="cividis", vmin=0, vmax=1, aspect="equal")
    for i, j in np.ndindex(*counts.shape):
        axis.text(j, i, f"{100 * share[i, j]:.0f}%\n{counts[i, j]:.0f}", ha="center", va="center", fontsize=9,
                  color="black" if share[i, j] > 0.55 else "white")
    axis.set(xticks=range(len(labels)), yticks=range(len(labels)), xlabel="predicted", ylabel="true", title=title)
    axis.set_xticklabels(labels, rotation=40, ha="right")
    axis.set_yticklabels(labels)
    axis.grid(visible=False)
    return made


def words(rows: Sequence[tuple[str, Sequence[str], Sequence[float], int]], *, title: str, columns: int = 104) -> Figure:
    """Sentences whose words are darker the more weight they have; the share of each, in percent, stands below it.

    White is nothing, the darkest is three times what each word would get if all got the same.

    Args:
        rows: (label, words, weights, place of a word to frame or -1); a row without words is a heading.
        columns: characters to a line; what is longer goes on in the next.
    """
    placed, y = [], 0.0  # (label or "", [(x, width, word, share, darkness, framed)], y)
    for label, sentence, weights, framed in rows:
        placed.append((label, [], y, not len(sentence)))
        y, x, cells = y + 1.0, 0, []
        shares = np.asarray(weights, dtype=float) / max(float(np.sum(weights)), 1e-12) if len(sentence) else ()
        for i, (word, share) in enumerate(zip(sentence, shares, strict=True)):
            width = max(len(word), 3) + 1
            if x + width > columns:
                placed.append(("", cells, y, False))
                y, x, cells = y + 2.0, 0, []
            cells.append((x, width, word, share, min(share * len(sentence) / 3, 1.0), i == framed))
            x += width
        if cells:
            placed.append(("", cells, y, False))
            y += 2.3
    made, ((axis,),) = figure(figsize=(12, 0.9 + 0.24 * y))
    shade = matplotlib.colormaps["Blues"]
    for label, cells, top, heading in placed:
        if label:
            axis.text(0, top + 0.75, label, va="baseline", fontsize=12, weight="bold" if heading else "normal")
        for x, width, word, share, dark, framed in cells:
            axis.add_patch(Rectangle((x, top), width - 0.3, 1.15, facecolor=shade(0.9 * dark), lw=1.8 * framed,
                                     edgecolor="black" if framed else "none"))
            axis.text(x + (width - 0.3) / 2, top + 0.6, word, ha="center", va="center", family="monospace",
                      fontsize=11.5, color="white" if dark > 0.6 else "black")
            axis.text(x + (width - 0.3) / 2, top + 1.55, f"{100 * share:.0f}", ha="center", va="center", fontsize=8.5)
    axis.set(xlim=(-0.3, columns), ylim=(y, -0.2), title=title)
    axis.set_axis_off()
    return made


def chord(flows: pd.DataFrame, colours: Mapping[str, str], *, title: str, axis=None):
    """What a group of equals gives to one another, as a circle: an arc for each, as long as all that it gives.

    The ribbon between i and j is as wide at i as what i gives to j, and at j as what j gives to i; it has the colour of
    the one that gives more. What one keeps is a ribbon to itself. Numbers are percent of everything.

    Args:
        flows: row gives to column, both the same names in the same order; not negative, some of it positive.
    """
    made = None
    if axis is None:
        made, ((axis,),) = figure(figsize=(6.2, 6.2))
    share = flows.to_numpy(dtype=float) / flows.to_numpy(dtype=float).sum()
    gap = 0.06 * 2 * np.pi
    scale, start, ends = 2 * np.pi - gap * len(share), np.pi / 2, {}
    for i, name in enumerate(flows.index):
        first = start
        order = sorted(range(len(share)), key=lambda j, i=i: (i - j) % len(share))  # neighbours do not cross
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
    """From an arc of the unit circle to another, by way of the centre; from one to itself, half way to the centre."""
    if one == other:
        arc, middle = np.linspace(*one, 24), sum(one) / 2
        points = [(np.cos(t), np.sin(t)) for t in arc]
        back = (0.3 * np.cos(middle), 0.3 * np.sin(middle))
        return Path([*points, back, points[0]], [Path.MOVETO, *[Path.LINETO] * 23, Path.CURVE3, Path.CURVE3])
    points, codes = [], []
    for (a, b), move in ((one, Path.MOVETO), (other, Path.CURVE3)):
        arc = [(np.cos(t), np.sin(t)) for t in np.linspace(a, b, 24)]
        points += ([(0.0, 0.0)] if move == Path.CURVE3 else []) + arc
        codes += ([Path.CURVE3, Path.CURVE3] if move == Path.CURVE3 else [move]) + [Path.LINETO] * 23
    return Path([*points, (0.0, 0.0), points[0]], [*codes, Path.CURVE3, Path.CURVE3])
