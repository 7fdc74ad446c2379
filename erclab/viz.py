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

from erclab import paths
from erclab.errors import ErclabError
from erclab.storage import write_atomically

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


def save(figure: Figure, name: str, corpus: str) -> Picture:
    """Store as `<figures>/<name>_<corpus>.png`, name = NN_what. The same figure gives the same bytes.

    Raises:
        ErclabError: the folder cannot be written.
    """
    path, content = paths.figures_dir() / f"{name}_{corpus}.png", png(figure)
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

    It is no pyplot figure: nothing keeps it alive, no window opens, and a notebook shows it once, through `save`.
    """
    made = Figure(**options)
    return made, made.subplots(rows, columns, squeeze=False)


def seed_bars(groups: Mapping[str, Sequence[float]], *, title: str, xlabel: str,
              colours: Mapping[str, str] | None = None, reference: Mapping[str, float] | None = None) -> Figure:
    """One horizontal bar per group: its mean, its deviation over seeds, and every seed as a dot.

    Args:
        groups: name -> values over seeds in [0, 1], from top to bottom; drawn in percent.
        reference: published values, name -> number in percent, drawn as dashed lines beside ours.
    """
    made, ((axis,),) = figure(figsize=(9, 1.4 + 0.5 * len(groups)))
    for i, (name, seeds) in enumerate(groups.items()):
        x = 100 * np.asarray(seeds, dtype=float)
        axis.barh(i, x.mean(), color=(colours or {}).get(name, GREY), alpha=0.85, height=0.62,
                  xerr=x.std(ddof=1) if len(x) > 1 else None, error_kw={"capsize": 4, "lw": 1.5})
        if len(x) > 1:
            axis.plot(x, np.full(len(x), i), "o", color="black", ms=4, alpha=0.7, zorder=3)
        edge = max(x.max(), x.mean() + (x.std(ddof=1) if len(x) > 1 else 0))
        axis.annotate(f"{x.mean():.1f}", (edge, i), xytext=(7, 0), textcoords="offset points", va="center")
    for i, (name, value) in enumerate((reference or {}).items()):
        axis.axvline(value, ls="--", lw=1.5, color=RED if i == 0 else PURPLE, label=f"{name}: {value}")
    axis.set(yticks=range(len(groups)), yticklabels=list(groups), xlim=(0, 100), title=title, xlabel=xlabel)
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
