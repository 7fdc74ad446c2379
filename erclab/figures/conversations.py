"""A corpus before any model: labels, padding, and how well vectors separate the labels. Transitions are in `heat`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from erclab.figures import style
from erclab.figures.scores import grouped_bars


@style.style()
def label_balance(shares: pd.DataFrame) -> Figure:
    """The share (percent) of each label (columns) in each split (rows)."""
    made, ((axis,),) = style.figure()
    grouped_bars(axis, shares.T, 0.8 / len(shares))
    top = shares.loc["train"].idxmax()
    axis.set(xticks=range(shares.shape[1]), xticklabels=list(shares.columns), ylabel="share of utterances (%)",
             title=f"Labels are skewed: {shares.loc['train'].max():.0f} % of the training utterances are {top}")
    axis.legend(title="split")
    return made


@style.style()
def padding(mask: np.ndarray, speakers: np.ndarray) -> Figure:
    """A batch of dialogues: which steps are utterances, by speaker, and which are padding that a model must not read.

    Args:
        mask: (B, T) bool, an utterance.
        speakers: (B, T) number of the speaker, from 0.
    """
    picture = np.where(np.asarray(mask), np.asarray(speakers) + 1, 0)
    made, ((axis,),) = style.figure(figsize=(9, 3.6))
    people = int(picture.max())
    colours = ["#EDEDED", *(style.CYCLE * (people // len(style.CYCLE) + 1))[:people]]
    axis.imshow(picture, cmap=ListedColormap(colours), vmin=0, vmax=people, aspect="auto", interpolation="nearest")
    share = 100 * (picture == 0).mean()
    axis.set(xlabel="turn", ylabel="dialogue", title=f"One batch: {share:.0f} % of it is padding, and masked")
    style.whole_numbers(axis.xaxis, axis.yaxis)
    axis.grid(visible=False)
    axis.legend(handles=[Patch(color=c, label="padding" if i == 0 else f"speaker {i - 1}")
                         for i, c in enumerate(colours)], loc="center left", bbox_to_anchor=(1, 0.5))
    return made


@style.style()
def separability(points: Mapping[str, np.ndarray], target: np.ndarray, labels: Sequence[str]) -> Figure:
    """Utterances on the two directions that separate the labels best: a panel per title.

    Args:
        points: title -> (N, 2).
        target: (N,) index of the label.
        labels: their names.
    """
    made, axes = style.figure(1, len(points), figsize=(4.3 * len(points) + 1.5, 4.3))
    shown = np.random.default_rng(0).permutation(len(target))[:800]  # more dots hide one another
    for axis, (title, x) in zip(axes[0], points.items(), strict=True):
        for c, name in enumerate(labels):
            at = shown[target[shown] == c]
            axis.scatter(x[at, 0], x[at, 1], s=12, alpha=0.7, color=style.CYCLE[c % 7], marker=style.MARKERS[c % 7],
                         label=name)
        axis.set(title=title, xlabel="1st discriminant", ylabel="2nd discriminant")
    axes[0, -1].legend(loc="center left", bbox_to_anchor=(1, 0.5), markerscale=2)
    return made
