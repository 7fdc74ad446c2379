"""Scores: bars and curves over seeds, and bars by class."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from erclab.figures import style

NAME = 30  # characters of a group's name in a line


@style.style()
def seed_bars(groups: Mapping[str, Sequence[float]], *, title: str, xlabel: str,
              colours: Mapping[str, str] | None = None, reference: Mapping[str, float] | None = None,
              percent: bool = True, key: Mapping[str, str] | None = None) -> Figure:
    """One horizontal bar per group: its mean, its deviation over seeds, and a dot per seed.

    Args:
        groups: name -> values over seeds in [0, 1], from top to bottom; drawn in percent.
        reference: published values, name -> number in percent, drawn as dashed lines beside ours.
        percent: False for values and references that are not shares, such as correlations: they are drawn unchanged.
        key: what a colour means -> the colour, where the groups' names do not say it.
    """
    columns = 2 if key else 1
    below = -(-(len(reference or {}) + len(key or {})) // columns)
    made, ((axis,),) = style.figure(figsize=(9, 1.4 + 0.5 * len(groups) + 0.28 * max(below - 1, 0)))
    values = {name: (100 if percent else 1) * np.asarray(seeds, dtype=float) for name, seeds in groups.items()}
    rows = pd.DataFrame([(name, x) for name, xs in values.items() for x in xs], columns=["group", "value"])
    several = rows[rows["group"].map({name: len(x) > 1 for name, x in values.items()}).astype(bool)]
    look = {"x": "value", "y": "group", "order": list(values), "legend": False, "ax": axis}
    if values:
        palette = {name: (colours or {}).get(name, style.GREY) for name in values}
        sns.barplot(rows, hue="group", palette=palette, saturation=1, alpha=0.85, width=0.62, errorbar="sd",
                    capsize=0.2, err_kws={"lw": 1.5, "color": "black"}, **look)
    if len(several):
        sns.stripplot(several, jitter=False, color="black", size=4, alpha=0.7, **look)
    for i, x in enumerate(values.values()):
        edge = max(x.max(), x.mean() + (x.std(ddof=1) if len(x) > 1 else 0))
        axis.annotate(f"{x.mean():.{1 if percent else 3}f}", (edge, i), xytext=(7, 0), textcoords="offset points",
                      va="center", zorder=5, bbox={"boxstyle": "square,pad=0.1", "fc": "white", "lw": 0})
    for i, (name, value) in enumerate((reference or {}).items()):
        axis.axvline(value, ls="--", lw=1.5, color=style.RED if i == 0 else "black", label=f"{name}: {value}")
    axis.set(title=title, xlabel=xlabel, ylabel="", xlim=(0, 100) if percent else None)
    style.for_rows(axis)
    if values:
        axis.set_yticks(range(len(values)), [textwrap.fill(name, NAME, break_on_hyphens=False) for name in values])
    if key or reference:
        made.legend(handles=[*(Patch(color=colour, label=name) for name, colour in (key or {}).items()),
                             *(axis.get_legend_handles_labels()[0] if reference else [])], ncols=columns,
                    loc="outside lower center")  # below the axis, where there are no bars
    return made


def split_bars(table: pd.DataFrame, *, xlabel: str) -> Figure:
    """Three bars per row: its shares on the training, validation and test split; the title says what is lost from the
    first to the second.

    Args:
        table: columns train, valid, test (`erclab.analysis.evaluation.by_split`).
    """
    lost = "".join(f"\n{name}: {100 * x:.0f}" for name, x in (table["train"] - table["valid"]).items())
    rows = {f"{name}, {split}": [x] for name, scores in table.iterrows() for split, x in scores.items()}
    colours = dict(zip(rows, (style.GREY, style.BLUE, style.PURPLE) * len(table), strict=True))
    return seed_bars(rows, title=f"Points lost from training to validation{lost}", xlabel=xlabel, colours=colours)


@style.style()
def seed_curves(series: Mapping[str, pd.DataFrame], *, title: str, ylabel: str, axis=None, marked: int | None = None
                ) -> Figure | None:
    """The mean over seeds per epoch, with a band of one deviation.

    Args:
        series: name -> table with one row per epoch (index) and one column per seed.
        axis: where to draw; a new figure by default, which is returned.
        marked: an epoch for a vertical line.
    """
    made = None
    if axis is None:
        made, ((axis,),) = style.figure()
    for (name, table), colour, marker in zip(series.items(), cycle(style.CYCLE), cycle(style.MARKERS), strict=False):
        band(axis, table, colour=colour, marker=marker, ms=4, label=name)
    if marked is not None:
        axis.axvline(marked, color=style.GREY, ls=":", lw=1.5)
    axis.set(title=title, xlabel="epoch", ylabel=ylabel)
    style.whole_numbers(axis.xaxis)
    axis.legend()
    return made


def band(axis, table: pd.DataFrame, *, colour: str, **line) -> None:
    """The mean over the columns (seeds) against the index, with a band of one sample deviation.

    Args:
        line: options of the line, such as marker and label.
    """
    if table.shape[1] == 1:  # seaborn draws no band for one value; twice the same value has a band without width
        table = pd.concat([table, table], axis=1)
    x = np.repeat(table.index.to_numpy(dtype=float), table.shape[1])
    sns.lineplot(x=x, y=table.to_numpy(dtype=float).ravel(), ax=axis, color=colour, errorbar="sd", legend=False,
                 err_kws={"alpha": 0.2, "lw": 0}, **{"lw": 2, "mec": colour, **line})


@style.style()
def learning_curves(loss: Mapping[str, pd.DataFrame], score: Mapping[str, pd.DataFrame], *, ylabel: str,
                    title: str = "", loss_title: str = "Loss, training split",
                    loss_label: str = "loss per utterance") -> Figure:
    """Left the loss that training minimises, right the validation score that chooses the epoch.

    Args:
        loss, score: tables as in `seed_curves`.
    """
    made, axes = style.figure(1, 2, figsize=(12, 4.5))
    seed_curves(loss, title=loss_title, ylabel=loss_label, axis=axes[0, 0])
    seed_curves(score, title=title or "Validation: the epoch is chosen here", ylabel=f"{ylabel}, validation split",
                axis=axes[0, 1])
    return made


@style.style()
def learning_and_training_scores(loss: pd.DataFrame, scores: Mapping[str, pd.DataFrame], stars: pd.DataFrame, *,
                                 titles: Mapping[str, str], loss_label: str) -> Figure:
    """The training loss, and per validation score a panel with its curve and the training split's score as stars.

    Args:
        loss: epochs × seeds.
        scores: name of the score -> epochs × seeds.
        stars: one row per seed: `epoch`, and a column per score.
        titles: name of the score -> the title of its panel.
    """
    made, axes = style.figure(1, 1 + len(scores), figsize=(5 * (1 + len(scores)), 4.8))
    seed_curves({"training": loss}, title="Loss", ylabel=loss_label, axis=axes[0, 0])
    for axis, (name, table) in zip(axes[0, 1:], scores.items(), strict=True):
        seed_curves({"validation": table}, ylabel=name, title=titles[name], axis=axis)
        axis.plot(stars["epoch"], stars[name], "*", color=style.ORANGE, ms=13, mec="black",
                  label="training, chosen epoch")
        axis.legend(loc="lower right")
    return made


def grouped_bars(axis, table: pd.DataFrame, width: float, *, colours: Sequence[str] = style.CYCLE,
                 hatches: Sequence[str] = style.HATCHES, **options) -> dict[str, np.ndarray]:
    """Vertical bars: a group per row of the table, and in each group a bar per column, named by the column.

    Args:
        width: of one bar; groups are 1 apart.
        options: of every bar.

    Returns:
        Column -> the places of its bars.
    """
    places = {}
    for i, name in enumerate(table):
        places[name] = np.arange(len(table)) + (i - (table.shape[1] - 1) / 2) * width
        axis.bar(places[name], table[name], width, color=colours[i % len(colours)], hatch=hatches[i % len(hatches)],
                 edgecolor="white", **{"label": name, **options})
    return places


@style.style()
def class_differences(differences: pd.DataFrame, support: pd.Series, *, title: str) -> Figure:
    """The difference of each score (columns) in each class (rows), in points; `support` stands below the class."""
    made, ((axis,),) = style.figure(figsize=(10, 4.8))
    grouped_bars(axis, differences, 0.27, colours=(style.SKY, style.ORANGE, style.BLUE))
    axis.axhline(0, color="black", lw=1)
    axis.set(xticks=range(len(differences)), ylabel="difference (points)", title=title,
             xticklabels=[f"{label}\n({n:.0f})" for label, n in support.items()])
    axis.legend(ncols=3)
    return made


@style.style()
def class_bars(f1: pd.DataFrame) -> Figure:
    """F1 (percent) of each class (rows) and group of runs (columns), means over seeds; the title says by how much the
    groups differ on a class, at least and at most."""
    made, ((axis,),) = style.figure(figsize=(11, 5))
    grouped_bars(axis, f1, 0.8 / f1.shape[1])
    spread = f1.max(axis=1) - f1.min(axis=1)
    axis.set(xticks=range(len(f1)), xticklabels=list(f1.index), ylabel="mean F1 on the test split (%)", ylim=(0, 100),
             title=f"On a class the means differ by {spread.min():.0f} to {spread.max():.0f} points")
    made.legend(loc="outside lower center", ncols=min(f1.shape[1], 5))
    return made
