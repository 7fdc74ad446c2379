"""The claims ledger as pictures: verdicts, effects with their intervals, and verdicts that other choices flip."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from erclab.figures import style

# Verdict -> (colour, letter): the letter says it in grey, too. The first beginning that fits counts.
LOOK: Mapping[str, tuple[str, str]] = {
    "supported": (style.GREEN, "S"), "exact": (style.GREEN, "="), "contradicted: reversed": (style.RED, "R"),
    "contradicted: smaller": (style.ORANGE, "<"), "contradicted": (style.RED, "C"), "undecided": (style.SKY, "?"),
    "to train": ("#E8E8E8", "t"), "not testable": ("#FFFFFF", "–"), "refused": (style.PURPLE, "!")}
_MEANING = {"S": "supported", "=": "exact: holds", "R": "contradicted: reversed",
            "<": "contradicted: smaller than matters", "C": "contradicted", "?": "undecided", "t": "to train",
            "–": "not testable here", "!": "refused: the rule is newer than its runs"}

# Letter -> marker: shape and colour say the same. Interim verdicts are hollow.
_MARKER = {"S": "o", "=": "o", "R": "v", "<": "s", "C": "X", "?": "D", "t": ".", "–": "_", "!": "P"}


def _look(verdict: str) -> tuple[int, str]:
    """(number of the colour, letter) of a verdict."""
    for i, (begin, (_, letter)) in enumerate(LOOK.items()):
        if verdict.startswith(begin):
            return i, letter
    raise ValueError(verdict)


@style.style()
def tiles(table: pd.DataFrame, *, title: str) -> Figure:
    """A tile per claim, coloured and lettered by its verdict: claims by corpora, or on one corpus numbers by papers.

    Args:
        table: `erc.ledger()`.
    """
    rows = table.reset_index()
    if rows["corpus"].nunique() == 1:
        rows = rows.assign(id=rows["id"].str.partition("-")[2], corpus=rows["id"].str.partition("-")[0])
    wide = rows.pivot_table(index="id", columns="corpus", values="verdict", aggfunc="first", sort=False)
    order = list(dict.fromkeys(rows["id"]))
    if len(order) < len(table):
        order.sort(key=lambda name: int(name.rpartition("c")[2]))
    wide = wide.reindex(index=order, columns=list(dict.fromkeys(rows["corpus"])))
    numbers = wide.map(lambda v: np.nan if pd.isna(v) else _look(v)[0]).astype(float)
    letters = wide.map(lambda v: "" if pd.isna(v) else _look(v)[1])
    made, ((axis,),) = style.figure(figsize=(9, 1.8 + 0.3 * len(wide)))
    sns.heatmap(numbers, annot=letters, fmt="", cmap=ListedColormap([colour for colour, _ in LOOK.values()]), vmin=-0.5,
                vmax=len(LOOK) - 0.5, cbar=False, linewidths=1, linecolor="white", ax=axis,
                annot_kws={"size": 11, "color": "black"})
    axis.set(title=title, xlabel="", ylabel="")
    axis.tick_params(axis="x", rotation=35 if max(map(len, wide.columns)) > 3 else 0, labelsize=11)
    axis.tick_params(axis="y", rotation=0, labelsize=11)
    for label in axis.get_xticklabels():
        label.set_ha("right" if len(label.get_text()) > 3 else "center")
    made.legend(handles=_key(letters.to_numpy().ravel()), loc="outside lower center", ncols=2, fontsize=11)
    return made


def _key(letters: Iterable[str]) -> list[Patch]:
    """What the colours and letters of these verdicts mean."""
    shown = set(letters)
    return [Patch(facecolor=colour, edgecolor="black", linewidth=0.5, label=f"{letter}  {_MEANING[letter]}")
            for colour, letter in LOOK.values() if letter in shown]


@style.style()
def forest(rows: pd.DataFrame, *, title: str) -> Figure:
    """A forest plot: each contrast with its interval, in units of the smallest effect that matters.

    Args:
        rows: index: what is compared; columns value, low, high (divided by the smallest effect) and verdict.
    """
    made, ((axis,),) = style.figure(figsize=(9, 1.8 + 0.44 * len(rows)))
    axis.axvspan(0, 1, color="#EEEEEE", zorder=0)
    axis.axvline(0, color="black", lw=1)
    for i, row in enumerate(rows.itertuples()):
        colour, letter = list(LOOK.values())[_look(row.verdict)[0]]
        axis.plot([row.low, row.high], [i, i], color=colour, lw=3, solid_capstyle="butt")
        axis.plot(row.value, i, "D", color="black", ms=5)
        axis.annotate(letter, (1.01, i), xycoords=("axes fraction", "data"), va="center", fontsize=11)
    axis.set_xscale("symlog", linthresh=1)  # an interval of two seeds can be a thousand times what matters
    names = [textwrap.fill(name, 36, break_on_hyphens=False) for name in rows.index]
    axis.set(yticks=range(len(rows)), yticklabels=names,
             ylim=(len(rows) - 0.5, -0.5), xlabel="difference / smallest effect that matters (grey: smaller)")
    axis.tick_params(axis="y", labelsize=10)
    style.heading(made, title, fontsize=14)
    style.for_rows(axis)
    made.legend(handles=_key(_look(verdict)[1] for verdict in rows["verdict"]), loc="outside lower center", ncols=2,
                fontsize=11)
    return made


@style.style()
def flips(table: pd.DataFrame, *, title: str) -> Figure:
    """A bar per other choice: how many verdicts it flips, by where they go.

    Args:
        table: `erclab.claims.multiverse.flips`.
    """
    made, ((axis,),) = style.figure(figsize=(9, 1.9 + 0.42 * len(table)))
    left = np.zeros(len(table))
    for (name, colour), hatch in zip({"to supported": style.GREEN, "to contradicted": style.RED,
                                      "to undecided": style.SKY}.items(), ("", "//", ".."), strict=True):
        axis.barh(range(len(table)), table[name], left=left, color=colour, hatch=hatch, edgecolor="white", label=name)
        left += table[name].to_numpy(dtype=float)
    for i, row in enumerate(table.itertuples()):
        axis.annotate(f"{row.flipped} of {row.verdicts}", (left[i], i), xytext=(6, 0), textcoords="offset points",
                      va="center", fontsize=11)
    axis.set(yticks=range(len(table)), yticklabels=list(table.index), ylim=(len(table) - 0.5, -0.5), title=title,
             xlabel="verdicts that change", xlim=(0, max(left.max(), 1) * 1.25))
    style.for_rows(axis)
    made.legend(loc="outside lower center", ncols=3)
    return made


@style.style()
def marks(rows: pd.DataFrame, *, title: str) -> Figure:
    """The ledger on one page: a mark per claim and corpus, a panel per paper.

    Args:
        rows: of each claim and corpus: paper (a panel's title), claim (its number in the paper), core (bool:
            exploratory and untestable claims have grey numbers), corpus, verdict and interim (bool: a hollow mark).
    """
    papers = {name: some for name, some in rows.groupby("paper", sort=False)}
    columns = {name: list(dict.fromkeys(some["corpus"])) for name, some in papers.items()}
    deepest = int(rows["claim"].max())
    width = max(2.2 + 0.3 * sum(map(len, columns.values())), 9)
    made = style.Drawing(figsize=(width, 2.6 + 0.26 * deepest))
    axes = made.subplots(1, len(papers), squeeze=False, width_ratios=[len(x) + 0.8 for x in columns.values()])[0]
    for axis, (name, some) in zip(axes, papers.items(), strict=True):
        at = {corpus: i for i, corpus in enumerate(columns[name])}
        for (verdict, interim), group in some.groupby(["verdict", "interim"], sort=False):
            colour, letter = list(LOOK.values())[_look(verdict)[0]]
            ink = "#9A9A9A" if letter in "t–" else colour
            axis.plot(group["corpus"].map(at), group["claim"], _MARKER[letter], color=ink, markeredgewidth=1.6,
                      markersize=6 if letter == "t" else 8.5, markerfacecolor="none" if interim else ink)
        numbers = some["claim"].unique()
        axis.set(xlim=(-0.7, len(at) - 0.3), ylim=(deepest + 0.7, 0.3), xticks=range(len(at)), yticks=numbers)
        axis.set_title(name, fontsize=12)
        axis.set_xticklabels(list(at), rotation=90, fontsize=9)
        axis.tick_params(axis="y", labelsize=9, length=0, pad=2)
        axis.tick_params(axis="x", length=0)
        axis.grid(visible=True, alpha=0.25)
        grey = set(some.loc[~some["core"].astype(bool), "claim"])
        for label, number in zip(axis.get_yticklabels(), numbers, strict=True):
            label.set_color("#888888" if number in grey else "black")
    axes[0].set_ylabel("claim of the paper", fontsize=10)
    style.heading(made, title, fontsize=13)
    made.legend(handles=_handles(rows), loc="outside lower center", ncols=min(4, int(width / 3.5)), fontsize=10)
    return made


def _handles(rows: pd.DataFrame) -> list[Line2D]:
    """What each mark means, with how often it stands there."""
    found = []
    for colour, letter in LOOK.values():
        same = rows["verdict"].map(lambda v, letter=letter: _look(v)[1] == letter)
        if count := int(same.sum()):
            ink = "#9A9A9A" if letter in "t–" else colour
            found.append(Line2D([], [], marker=_MARKER[letter], color=ink, linestyle="none", markersize=8,
                                label=f"{_MEANING[letter]} ({count})"))
    if rows["interim"].any():
        found.append(Line2D([], [], marker="o", color="black", markerfacecolor="none", linestyle="none", markersize=8,
                            label=f"hollow: interim, of too few seeds ({int(rows['interim'].sum())})"))
    return found
