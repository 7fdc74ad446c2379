"""Words of an utterance: how much weight each has, and to which frames it attends."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator

from erclab.figures import style
from erclab.figures.heat import heat_map

LEAST, LETTER, BOLD = 70, 0.1154, 0.11  # the narrowest figure, in characters; inches of a character, and of the title's
KEY = {"no weight": 0.0, "even share": 1 / 3, "three times that or more": 1.0}  # -> darkness

Cell = tuple[int, int, str, float, float, bool]  # x, width, word, share, darkness, framed


@style.style()
def sentences(rows: Sequence[tuple[str, Sequence[str], Sequence[float], int]], *, title: str, columns: int = 104
              ) -> Figure:
    """Sentences with a darker background for words of more weight; the word's share in percent stands below it.

    White is a share of 0; the darkest colour is three times an equal share or more.

    Args:
        rows: (label, words, weights, place of a word to frame or -1); a row without words is a heading.
        columns: characters to a line; a longer sentence continues in the next line. The figure is as wide as
            the longest line needs.
    """
    placed: list[tuple[str, list[Cell], float, bool]] = []  # label or "", cells, y, whether it is a heading
    y = 0.0
    for label, sentence, weights, framed in rows:
        placed.append((label, [], y, not len(sentence)))
        y, x, cells = y + 1.0, 0, list[Cell]()
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
    widest = max([x + width for _, cells, _, _ in placed for x, width, *_ in cells], default=0)
    columns = min(columns, max(widest, LEAST))
    inches, planted = LETTER * columns, any(cell[-1] for _, cells, _, _ in placed for cell in cells)
    lines = [part for line in title.splitlines() for part in textwrap.wrap(line, int(inches / BOLD))]
    made, ((axis,),) = style.figure(figsize=(inches, 0.9 + 0.24 * (y + len(lines))))
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
    axis.set(xlim=(-0.3, columns), ylim=(y, -0.2), title="\n".join(lines))
    axis.set_axis_off()
    key = [Patch(facecolor=shade(0.9 * dark), edgecolor=style.GREY, label=what) for what, dark in KEY.items()]
    frame = [Patch(facecolor="white", edgecolor="black", lw=1.8, label="planted word")] if planted else []
    made.legend(handles=key + frame, loc="outside lower center", ncols=4, fontsize=10, columnspacing=1)
    return made


@style.style()
def attention_map(attention: np.ndarray, sentence: Sequence[str], *, title: str, rate: float | None = None,
                  planted: tuple[float, float, int] | None = None) -> Figure:
    """The attention of each word (row) to the steps of the face (columns), relative to equal attention.

    Args:
        attention: (words, steps), 1 for attention to all steps alike.
        rate: steps per second; None where the steps have no time.
        planted: start and end of the planted steps in seconds (or steps), and the planted word; they are framed.
    """
    made, ((axis,),) = style.figure(figsize=(10.5, 1.8 + 0.36 * len(sentence)))
    heat_map(axis, attention, sentence, (), cmap="cividis", cbar=True,
             cbar_kws={"label": "attention, times that to\nall frames alike"})
    if planted:
        start, end, word = max(planted[0], 0.0), *planted[1:]
        axis.add_patch(Rectangle((start * (rate or 1), word), (end - start) * (rate or 1), 1, fill=False, lw=3,
                                 edgecolor=style.RED, clip_on=False))
    times = np.asarray(MaxNLocator(6, steps=[1, 2, 5, 10]).tick_values(0, attention.shape[1] / (rate or 1)))
    times = times[times * (rate or 1) <= attention.shape[1] + 1e-9]
    axis.set_xticks(times * (rate or 1), [f"{t:g}" for t in times])
    axis.set(title=title, xlabel="seconds of the face" if rate else "steps of the face")
    axis.title.set_fontsize(12)
    return made
