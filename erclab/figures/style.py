"""One style for all figures: colours that colour-blind readers can tell apart, readable on a slide and in grey.

Every drawing function of `erclab.figures` draws in the study's style and returns a Figure; the session's own rcParams
stay as they are. `save` stores a figure. For a picture of your own:

    with style.style():
        figure, axes = style.figure(1, 2)
        axes[0, 0].plot(...)
    style.save(figure, "99_mine", "simulated")
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import matplotlib
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image

from erclab.core import paths
from erclab.core.storage import write_atomically
from erclab.core.storing import storing
from erclab.figures.described import drawn_in_words

# Okabe and Ito (2008): these colours differ for readers with any common colour vision. A modality has one colour in all
# figures.
BLUE, ORANGE, GREEN, PURPLE, SKY, RED, YELLOW, GREY = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#7F7F7F")
CYCLE = (BLUE, ORANGE, GREEN, PURPLE, SKY, RED, GREY)
MODALITY = {"text": BLUE, "audio": ORANGE, "visual": GREEN}
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
HATCHES = ("", "//", "..", "xx", "--")
LINES = dict(zip(MODALITY, ("-", "--", "-."), strict=True))  # the line style of each modality

STYLE: dict[Any, Any] = {  # Matplotlib's stubs list every name of a setting as a type of its own
    "figure.figsize": (9, 4.5), "figure.dpi": 100, "savefig.dpi": 120, "figure.constrained_layout.use": True,
    "font.size": 13, "axes.titlesize": 14, "axes.titlelocation": "left", "axes.titleweight": "bold",
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "axes.grid.axis": "y",
    "grid.alpha": 0.3, "axes.axisbelow": True, "legend.frameon": False, "axes.prop_cycle": cycler(color=CYCLE),
}


@contextmanager
def style() -> Iterator[None]:
    """The study's style for the statements of a `with` block, or for a function that it decorates (`@style()`).

    Matplotlib reads some settings when an axis, a title or a legend is made, and others (the size of tick labels, the
    resolution) when the figure is stored. Therefore drawing functions and `png` both use this context.
    """
    with matplotlib.rc_context(STYLE):
        yield


@dataclass(frozen=True)
class Picture:
    """A stored figure. A notebook shows the file's own bytes, so all front ends show the same pixels.

    Attributes:
        name: of the file.
        png: its bytes.
        alt: what it shows, in words.
    """

    name: str
    png: bytes = field(repr=False)
    alt: str = ""

    def _repr_png_(self) -> tuple[bytes, dict[str, str]]:
        return self.png, {"alt": self.alt}

    def __repr__(self) -> str:
        return f"<figure {self.name}>"


class Drawing(Figure):
    """A figure that a notebook shows with the pixels that `save` stores, without pyplot."""

    def _repr_png_(self) -> tuple[bytes, dict[str, str]]:
        return png(self), {"alt": alternative(self)}


def whole_numbers(*axes: Axis) -> None:
    """No ticks between whole numbers, on axes that count epochs, batches, turns, runs."""
    for axis in axes:
        axis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True))


def heading(figure: Figure, text: str, **options) -> None:
    """The title of a whole figure, at its left edge: for axes that are too narrow for it, or several of them."""
    figure.suptitle(text, x=0.01, ha="left", fontweight="bold", **options)


def for_rows(axis: Axes) -> None:
    """The grid of an axis whose values run from left to right, a name per row: faint vertical lines alone."""
    axis.grid(visible=True, axis="x", alpha=0.3)
    axis.grid(axis="y", visible=False)


def alternative(figure: Figure) -> str:
    """What a figure shows, for readers who do not see it: its titles (without one, the labels of its axes), then what
    is drawn with the main values, see `erclab.figures.described`."""
    titles = [figure.get_suptitle()]
    titles += [axis.get_title(loc) for axis in figure.axes for loc in ("left", "center", "right")]
    labels = [f"{axis.get_ylabel() or 'y'} over {axis.get_xlabel() or 'x'}" for axis in figure.axes]
    found = dict.fromkeys(" ".join(title.split()) for title in (titles if any(titles) else labels))
    return ". ".join(filter(None, ("; ".join(filter(None, found)), drawn_in_words(figure))))


def save(figure: Figure, name: str, corpus: str = "") -> Picture:
    """Store as `<figures>/<name>_<corpus>.png`, name = NN_what; without a corpus as `<figures>/<name>.png`.

    The same figure gives the same bytes.

    Raises:
        ErclabError: the folder cannot be written.
    """
    path, content = paths.figures_dir() / f"{'_'.join(filter(None, (name, corpus)))}.png", png(figure)
    with storing("the figure", path, "Free some space or choose another folder (ERCLAB_FIGURES)."):
        write_atomically(path, content)
    return Picture(path.stem, content, alternative(figure))


@style()
def png(figure: Figure) -> bytes:
    """The picture of a figure in the study's style, in 256 colours; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return in_256_colours(buffer.getvalue())


def in_256_colours(picture: bytes) -> bytes:
    """A PNG file of nearly the same pixels with a palette of 256 colours: a third of the bytes, in notebooks, too.

    The palette is the one that covers most colours (maximum coverage, see Pillow's `quantize`), not the most frequent
    ones: a rare colour, such as the only marker of its kind, stays what it is. Pictures that can be seen through stay
    as they are.
    """
    image = Image.open(io.BytesIO(picture))
    if image.convert("RGBA").getchannel("A").getextrema() != (255, 255):  # opacity
        return picture
    buffer = io.BytesIO()
    few = image.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
    few.save(buffer, "PNG", optimize=True, dpi=image.info["dpi"])
    return buffer.getvalue()


def svg(figure: Figure, title: str, description: str) -> bytes:
    """The same as a drawing whose letters are text, with a title and a description for readers who do not see it."""
    buffer = io.BytesIO()
    with style(), matplotlib.rc_context({"svg.hashsalt": "erclab", "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Title": title,
                                                       "Description": description})
    return buffer.getvalue()


@style()
def figure(rows: int = 1, columns: int = 1, **options) -> tuple[Figure, np.ndarray]:
    """A figure and its axes as a 2-D array, in the study's style. Draw into them inside `with style():`.

    The figure does not belong to pyplot: pyplot keeps no reference, no window opens, and a notebook shows the figure
    where a cell ends with it.
    """
    made = Drawing(**options)
    return made, made.subplots(rows, columns, squeeze=False)
