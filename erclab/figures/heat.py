"""Heat maps: a matrix of numbers as colours, with the number in each cell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from erclab.figures import style

LUMA = np.array([0.2126, 0.7152, 0.0722])  # how bright red, green and blue look (Rec. 709)


def heat_map(axis, values: np.ndarray, rows: Sequence[str], columns: Sequence[str], *, texts: np.ndarray | None = None,
             size: float = 9, slant: float = 40, **options) -> None:
    """Draw a matrix into an axis, row 0 at the top.

    Args:
        values: (R, C).
        rows, columns: names for the ticks; an empty sequence for none.
        texts: (R, C) strings for the cells; their colour contrasts with the cell.
        size: of the texts, in points.
        slant: rotation of the columns' names, in degrees.
        options: of `seaborn.heatmap`, such as cmap, vmin, vmax, square and cbar.
    """
    sns.heatmap(values, ax=axis, annot=False if texts is None else texts, fmt="", annot_kws={"size": size},
                xticklabels=list(columns) or False, yticklabels=list(rows) or False, **{"cbar": False, **options})
    mesh = axis.collections[0]
    for text, colour in zip(axis.texts, mesh.to_rgba(np.ravel(values)), strict=False):  # none without texts
        text.set_color("black" if colour[:3] @ LUMA > 0.5 else "white")  # seaborn's own choice is pale on pale colours
    axis.set_yticklabels(axis.get_yticklabels(), rotation=0)
    if len(columns):
        axis.set_xticklabels(axis.get_xticklabels(), rotation=slant, ha="right" if slant else "center")
    axis.tick_params(length=3.5)
    axis.grid(visible=False)


@style.style()
def confusion_matrix(counts: np.ndarray, labels: Sequence[str], *, title: str, axis=None) -> Figure | None:
    """(C, C) counts, row = truth: the colour is the row's share, the text is the share in percent and the count.

    Args:
        axis: where to draw; a new figure by default, which is returned.
    """
    made = None
    if axis is None:
        made, ((axis,),) = style.figure(figsize=(7.5, 6.5))
    counts = np.asarray(counts, dtype=float)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    texts = np.array([[f"{100 * s:.0f}%\n{n:.0f}" if n % 1 == 0 or n >= 10 else f"{100 * s:.0f}%\n{n:.1f}"
                       for s, n in zip(*row, strict=True)]
                      for row in zip(share, counts, strict=True)])
    heat_map(axis, share, labels, labels, texts=texts, cmap="cividis", vmin=0, vmax=1, square=True)
    axis.set(xlabel="predicted", ylabel="true", title=title)
    return made


@style.style()
def confusion_matrices(counts: dict[str, np.ndarray], labels: Sequence[str], *, width: float | None = None,
                       height: float | None = None) -> Figure:
    """A confusion matrix per title, side by side, three in a row at most.

    Args:
        counts: title -> (C, C) counts.
        width, height: of each, in inches; they follow from the number of labels by default.
    """
    columns = -(-len(counts) // -(-len(counts) // 3))  # as even as it can be
    width = width or max(0.58 * len(labels) + 0.9, 7 / columns)
    rows = -(-len(counts) // columns)
    made, axes = style.figure(rows, columns, figsize=(width * columns, rows * (height or width + 1)))
    for axis, (title, matrix) in zip(axes.flat, counts.items(), strict=False):
        confusion_matrix(matrix, labels, title=title, axis=axis)
    for axis in axes[:, 1:].flat:
        axis.set(ylabel="")
        axis.tick_params(labelleft=False)
    for axis in axes.flat[len(counts):]:
        axis.remove()
    return made


@style.style()
def similarity(texts: Sequence[str], vectors: np.ndarray) -> Figure:
    """The cosines between the vectors (N, D) of a few texts, as a matrix with its numbers."""
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = units @ units.T
    size = 0.55 * len(texts) + 1.5
    made, ((axis,),) = style.figure(figsize=(size + 3.5, size))
    numbers = [str(i) for i in range(1, len(texts) + 1)]
    heat_map(axis, cosine, [f"{text}  {i}" for text, i in zip(texts, numbers, strict=True)], numbers, slant=0,
             texts=np.array([[f"{x:.1f}" for x in row] for row in cosine]), cmap="cividis", vmin=0, vmax=1, square=True)
    axis.set_title("Cosines of sentence vectors", loc="left")
    axis.set_xlabel("number of the sentence")
    return made


@style.style()
def percentages(table: pd.DataFrame, title: str, *, at_least: float = 0.5) -> Figure:
    """A table of percent as a heat map; names of several levels are joined, and a new name of the first level begins a
    block.

    Args:
        at_least: smaller numbers are left out.
    """
    size = 10 if table.shape[1] < 12 else 7
    made, ((axis,),) = style.figure(figsize=(max(0.045 * size * table.shape[1] + 3, 9), 0.035 * size * len(table) + 2))
    names = [[" ".join(map(str, name)) if isinstance(name, tuple) else str(name) for name in index]
             for index in (table.index, table.columns)]
    texts = np.array([[f"{x:.0f}" if x >= at_least else "" for x in row] for row in table.to_numpy()])
    heat_map(axis, table.to_numpy(), *names, texts=texts, size=size, cmap="cividis", vmin=0, vmax=100)
    for index, line in ((table.index, axis.axhline), (table.columns, axis.axvline)):
        first = index.get_level_values(0)
        for i in range(1, len(first)):
            if index.nlevels > 1 and first[i] != first[i - 1]:
                line(i, color="white", lw=1)
    axis.set_title(title, loc="left")
    axis.set(xlabel=", ".join(filter(None, table.columns.names)), ylabel=", ".join(filter(None, table.index.names)))
    return made


@style.style()
def transitions(ratios: dict[str, np.ndarray], labels: Sequence[str], titles: Sequence[str]) -> Figure:
    """How often one emotion follows another, relative to chance: a matrix (C, C) per kind of past, on one colour scale.

    Args:
        ratios: whose last emotion (the name of the vertical axis) -> ratio to chance, row = past, column = now.
        titles: one per matrix.
    """
    made, axes = style.figure(1, len(ratios), figsize=(6 * len(ratios), 5))
    for axis, (who, ratio), title in zip(axes[0], ratios.items(), titles, strict=True):
        heat_map(axis, np.log2(np.clip(ratio, 1 / 8, 8)), labels, labels, size=10, cmap="PuOr_r", vmin=-2, vmax=2,
                 square=True, texts=np.array([[f"{x:.1f}" for x in row] for row in ratio]))
        axis.set(xlabel="emotion now", ylabel=f"{who} emotion", title=title)
    bar = made.colorbar(axes[0, 0].collections[0], ax=axes[0].tolist(), ticks=[-2, -1, 0, 1, 2],
                        label="times as often as by chance")
    bar.set_ticklabels(["1/4 or less", "1/2", "1", "2", "4 or more"])
    return made
