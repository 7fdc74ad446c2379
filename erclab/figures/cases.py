"""Case study: a conversation with predictions, the cases that more modalities correct, and ambiguous words."""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from erclab.figures import style

NAME = 10  # characters of a speaker's name that are shown
LETTER = 0.105, 0.135  # width of a letter of the conversation, and of a bold letter, on an axis that is 10.4 wide


@style.style()
def case_study(conversation: pd.DataFrame, mended: pd.DataFrame, ambiguous: pd.DataFrame) -> Figure:
    """Left a conversation with text-predicted (TP), multimodal-predicted (MP) and true (GT) emotions; right the
    mistakes of the text that all modalities correct, by emotion, and the accuracy on ambiguous words.

    Args:
        conversation, mended, ambiguous: `conversation`, `rectified` and `ambiguous_accuracy` of
            `erclab.analysis.cases`.
    """
    made = style.Drawing(figsize=(15, 7))
    grid = made.add_gridspec(2, 2, width_ratios=(1.5, 1))
    _script(made.add_subplot(grid[:, 0]), conversation)
    _mended(made.add_subplot(grid[0, 1]), mended)
    _short(made.add_subplot(grid[1, 1]), ambiguous)
    return made


def _script(axis, table: pd.DataFrame) -> None:
    start = 0.3 + LETTER[1] * table["speaker"].str.len().clip(upper=NAME).max()
    line = int((5.8 - start) / LETTER[0])
    for i, row in enumerate(table.itertuples()):
        words = textwrap.shorten(row.text, 2 * line, placeholder=" ...") or "(no words)"
        axis.text(0, i, f"{row.speaker[:NAME]}:", va="center", fontweight="bold", fontsize=11)
        axis.text(start, i, textwrap.fill(words, line), va="center", fontsize=11)
        for x, guess in ((6.6, row.TP), (8.1, row.MP), (9.6, row.GT)):
            wrong = row.GT and guess != row.GT
            axis.text(x, i, guess, va="center", ha="center", fontsize=11, fontweight="bold" if wrong else "normal",
                      color="white" if wrong else "black", bbox={"boxstyle": "round", "lw": 0,
                                                                 "fc": style.RED if wrong else "#E8E8E8"})
    for x, name in ((6.6, "text\n(TP)"), (8.1, "all\n(MP)"), (9.6, "truth\n(GT)")):
        axis.text(x, -0.75, name, ha="center", va="center", fontsize=11, color=style.GREY)
    text, every = ((table[c] != table["GT"])[table["GT"] != ""].sum() for c in ("TP", "MP"))
    axis.set(xlim=(0, 10.4), ylim=(len(table) - 0.4, -1.2), title=f"{table['dialogue'].iloc[0]}, from turn "
             f"{table['turn'].iloc[0]}: mistakes of the text {text}, of all {every}")
    axis.axis("off")


def _mended(axis, table: pd.DataFrame) -> None:
    shares = table["share"].fillna(0.0)
    dark = shares * table["from negative"].fillna(0.0) / 100
    place = np.arange(len(table))
    axis.bar(place, dark, 0.7, color=style.BLUE, label="which the text took for a negative emotion")
    axis.bar(place, shares - dark, 0.7, bottom=dark, color=style.SKY, hatch="//", edgecolor="white",
             label="for another")
    for x, (share, count) in enumerate(zip(shares, table["mended"], strict=True)):
        axis.annotate(f"{count:.0f}", (x, share), xytext=(0, 2), textcoords="offset points", ha="center", fontsize=11)
    axis.set(xticks=place, ylabel="share of the mended (%)", ylim=(0, 1.45 * max(shares.max(), 1)),
             xlabel="true emotion",
             title=f"All modalities mend {table['mended'].sum():.0f} and break {table['broken'].sum():.0f}")
    axis.set_xticklabels(table.index, rotation=25, ha="right")
    axis.legend(fontsize=11, loc="upper right")


def _short(axis, table: pd.DataFrame) -> None:
    seeds = table[[c for c in table if c.startswith("seed ")]].astype(float)
    mean, count = seeds.mean(axis=1), int(table["utterances"].iloc[0])
    if not count:
        axis.text(0.5, 0.5, "no ambiguous utterance in the test split", ha="center", va="center")
        axis.axis("off")
        return
    axis.barh(range(len(mean)), mean, 0.62, color=[style.SKY, style.BLUE, style.PURPLE], alpha=0.85)
    for i, (name, row) in enumerate(seeds.iterrows()):
        axis.plot(row, np.full(len(row), i), "o", color="black", ms=4)
        axis.annotate(f"{mean[name]:.0f}", (max(row.max(), mean[name]), i), xytext=(7, 0), textcoords="offset points",
                      va="center")
    axis.set(yticks=range(len(mean)), yticklabels=list(mean.index), xlim=(0, 100), xlabel="right (%)",
             title=f"Right on {count} ambiguous utterances")
    axis.invert_yaxis()
    axis.grid(axis="x", alpha=0.3)
    axis.grid(axis="y", visible=False)
