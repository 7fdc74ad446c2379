"""The drawing of a model: boxes from its inputs on the left to its prediction on the right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from erclab.figures import style

WIDE, HIGH = 0.82, 0.62  # of a box, where columns and rows are 1 apart
PALE = 0.25  # how much of its modality's colour a box has; the rest is white


@style.style()
def draw(title: str, boxes: Sequence[Any], columns: Mapping[str, int]) -> Figure:
    """The boxes of a model with the shape of each result and the parameters of each box; arrows lead to what reads it.
    A colour is a modality's; grey boxes belong to several.

    Args:
        boxes, columns: of `erclab.analysis.architecture.Architecture`.
    """
    rows = [box.row for box in boxes]
    low, high, last = min(rows) - 0.45, max(rows) + 0.6, max(columns.values())
    made, axes = style.figure(figsize=(2.2 * (last + 1), 1.55 * (high - low) + 0.5))
    axis, places = axes[0, 0], {box.name: (columns[box.name], box.row) for box in boxes}
    for box in boxes:
        _box(axis, box, *places[box.name])
        for name in box.reads:
            _arrow(axis, places[name], places[box.name])
    axis.set(xlim=(-0.5, last + 0.5), ylim=(low, high), title=title)
    axis.axis("off")
    return made


def _box(axis, box: Any, x: float, y: float) -> None:
    colour = style.MODALITY.get(box.name.split(".")[-1], style.GREY)
    axis.add_patch(FancyBboxPatch((x - WIDE / 2, y - HIGH / 2), WIDE, HIGH, boxstyle="round,pad=0,rounding_size=0.06",
                                  facecolor=_pale(colour), edgecolor=colour, linewidth=1.5))
    lines = [box.label, str(box.shape) if box.shape else "",
             f"{box.parameters:,} parameters" if box.parameters else ""]
    axis.text(x, y, "\n".join(filter(None, lines)), ha="center", va="center", fontsize=10.5, linespacing=1.2)


def _pale(colour: str) -> tuple[float, ...]:
    """Opaque, so that an arrow passes behind a box."""
    return tuple(PALE * x + 1 - PALE for x in to_rgb(colour))


def _arrow(axis, start: tuple[float, float], end: tuple[float, float]) -> None:
    """From the right side of a box to the left side of another; over a box in between in a curve."""
    far = end[0] - start[0] > 1
    axis.add_patch(FancyArrowPatch((start[0] + WIDE / 2, start[1]), (end[0] - WIDE / 2, end[1]), arrowstyle="-|>",
                                   mutation_scale=11, color="#555555", linewidth=1, shrinkA=0, shrinkB=0, zorder=0,
                                   connectionstyle=f"arc3,rad={-0.2 if far else 0}"))
