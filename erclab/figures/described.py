"""What a figure's axes show, in words, for readers who do not see it: labels, names and the main values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import LineCollection, PathCollection, PolyCollection, QuadMesh
from matplotlib.colors import to_hex
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

MOST = 8  # groups, curves or cells of an axis that are told; more are counted


class _Mark(NamedTuple):
    """A bar or a point beside a name: its place among the names, its series ("" without a name) and its value."""

    at: float
    series: str
    value: float


def drawn_in_words(figure: Figure) -> str:
    """A sentence per axis with data: its labels, and what is drawn; equal sentences are said once. Then what the
    legends name beyond that."""
    told = " ".join(dict.fromkeys(filter(None, map(_axis, figure.axes))))
    boxes = [*figure.legends, *filter(None, (axis.get_legend() for axis in figure.axes))]
    key = dict.fromkeys(" ".join(text.get_text().split()) for box in boxes for text in box.get_texts())
    rest = "; ".join(name for name in key if name not in told)
    return " ".join(filter(None, (told, f"Key: {rest}." if rest else "")))


def _axis(axis: Axes) -> str:
    horizontal = bool(_names(axis.yaxis))
    names = _names(axis.yaxis if horizontal else axis.xaxis)
    told = [_matrix(mesh, axis) for mesh in axis.collections if isinstance(mesh, QuadMesh) and mesh.get_label()]
    told = told or ([_groups(axis, names, horizontal)] if names else [_some(list(_curves(axis)), "; ")])
    what = "; ".join(filter(None, told)) or " ".join(" ".join(text.get_text().split()) for text in axis.texts)
    if not what:
        return ""
    labels = " over ".join(" ".join(x.split()) for x in (axis.get_ylabel(), axis.get_xlabel()) if x)
    return f"{labels}: {what}." if labels else f"{what}."


def _some(told: Sequence[str], between: str = ", ") -> str:
    return between.join([*told[:MOST], *([f"{len(told) - MOST} more"] if len(told) > MOST else [])])


def _matrix(mesh: QuadMesh, axis: Axes) -> str:
    """The size and range of a heat map, and the largest cell of each row."""
    values: np.ndarray = np.ma.getdata(np.ma.asarray(mesh.get_array()))
    if values.ndim != 2 or values.shape[0] > 100:  # a colour bar
        return ""
    size = f"{values.shape[0]} by {values.shape[1]} cells"
    texts = np.full(values.shape, "", dtype=object)
    for text in axis.texts:
        x, y = text.get_position()
        texts[int(y), int(x)] = " ".join(text.get_text().split())
    rows, columns = (_names(own, numbers=True) for own in (axis.yaxis, axis.xaxis))
    if len(rows) != len(values):
        return size
    if axis.texts and not any(c.isdigit() for c in "".join(texts.ravel())):  # letters
        named = [" ".join(filter(None, (name, *row))) for name, row in zip(rows.values(), texts, strict=True)]
        return f"{size}: {_some(named, '; ')}"
    most = [" ".join(filter(None, (name, columns.get(i + 0.5, ""), texts[k, i] or _number(row[i]))))
            for k, (name, row) in enumerate(zip(rows.values(), values, strict=True)) for i in [int(np.nanargmax(row))]]
    return f"{size}, highest per row: {_some(most, '; ')}"


def _groups(axis: Axes, names: Mapping[float, str], horizontal: bool) -> str:
    """Per name its bars and points, each with its interval."""
    marks, spans = [*_bars(axis, horizontal), *_points(axis, horizontal)], dict(_spans(axis, horizontal))
    bodies = dict(_bodies(axis, horizontal))
    told = []
    for place, name in names.items():
        values: dict[str, list[str]] = {}
        ends: dict[str, str] = {}
        for mark in marks:
            if abs(mark.at - place) < 0.5:
                values.setdefault(mark.series, []).append(_number(mark.value))
                if span := spans.get(round(mark.at, 6)):
                    ends[mark.series] = f"[{_number(span[0])}, {_number(span[1])}]"
        if (body := bodies.get(place)) and not values:
            values["from"] = [f"{_number(body[0])} to {_number(body[1])}"]
        if values:
            told.append(f"{name}: " + ", ".join(" ".join(filter(None, (series, " and ".join(some), ends.get(series))))
                                                for series, some in values.items()))
    return _some(told, "; ")


def _bars(axis: Axes, horizontal: bool) -> Iterator[_Mark]:
    for made in axis.containers:
        for bar in made if isinstance(made, BarContainer) else ():
            (low, size), start, value = (
                ((bar.get_y(), bar.get_height()), bar.get_x(), bar.get_width()) if horizontal else
                ((bar.get_x(), bar.get_width()), bar.get_y(), bar.get_height()))
            on = any(other is not bar and isinstance(other, Rectangle) and other.get_xy()[horizontal] == low
                     for other in axis.patches)
            if np.isfinite(value):  # a part of a stack has its size, another bar its end
                yield _Mark(low + size / 2, _label(made), value if on else start + value)


def _points(axis: Axes, horizontal: bool) -> Iterator[_Mark]:
    """Marks of lines and of scatters; small dots without a name are the seeds of a bar and are left out."""
    named = {_look(line): _label(line) for line in reversed(axis.lines) if _label(line)}  # on the first of many
    for container in axis.containers:
        if not isinstance(container, BarContainer) and container[0] is not None:
            named[_look(container[0])] = _label(container)
    for line in axis.lines:
        series = named.get(_look(line), "")
        x, y = _data(line, axis)
        if line.get_marker() not in ("None", "", "|", "_") and (series or line.get_marker() != "o"
                                                                or line.get_markersize() > 5):
            yield from (_Mark(at, series, value) for value, at in zip(*((x, y) if horizontal else (y, x)), strict=True)
                        if np.isfinite(value))
    for dots in axis.collections:
        if isinstance(dots, PathCollection) and _label(dots):
            for x, y in np.ma.getdata(dots.get_offsets()):
                if np.isfinite([x, y]).all():
                    yield _Mark(float(y if horizontal else x), _label(dots), float(x if horizontal else y))


def _spans(axis: Axes, horizontal: bool) -> Iterator[tuple[float, tuple[float, float]]]:
    """Place -> the ends of a line that stands across the names' axis there."""
    ends = [np.stack(_data(line, axis), axis=1) for line in axis.lines if line.get_marker() in ("None", "")]
    ends += [np.asarray(part) for lines in axis.collections if isinstance(lines, LineCollection)
             for part in lines.get_segments()]
    for part in ends:
        if part.shape == (2, 2):
            along, at = part.T if horizontal else part.T[::-1]
            if at[0] == at[1] and along[0] != along[1]:
                yield round(float(at[0]), 6), (float(along[0]), float(along[1]))


def _bodies(axis: Axes, horizontal: bool) -> Iterator[tuple[float, tuple[float, float]]]:
    """Place -> the ends of a violin."""
    for body in axis.collections:
        if isinstance(body, PolyCollection) and len(body.get_paths()) == 1:
            (left, down), (right, up) = (edge(body.get_paths()[0].vertices, axis=0) for edge in (np.min, np.max))
            yield (round((down + up) / 2), (left, right)) if horizontal else (round((left + right) / 2), (down, up))


def _curves(axis: Axes) -> Iterator[str]:
    """A named curve by its first and last point, unless it has no name; a scatter by the number of its points."""
    named = {_look(made[0]): _label(made) for made in axis.containers
             if not isinstance(made, BarContainer) and made[0] is not None}
    for line in axis.lines:
        x, y = _data(line, axis)
        if name := _label(line) or named.get(_look(line), ""):
            ends = [f"{_number(y[i])} at {_number(x[i])}" for i in sorted({0, len(x) - 1})] if len(x) else []
            yield " ".join(filter(None, (name, " to ".join(ends))))
    for made in axis.containers:
        if isinstance(made, BarContainer) and len(made):
            sizes = [bar.get_height() for bar in made]
            at = made[int(np.argmax(np.abs(sizes)))]
            yield f"{len(sizes)} bars from {_number(min(sizes))} to {_number(max(sizes))}, largest at " + _number(
                at.get_x() + at.get_width() / 2)
    for dots in axis.collections:
        if isinstance(dots, PathCollection) and _label(dots):
            yield f"{_label(dots)} {len(np.ma.asarray(dots.get_offsets()))} points"
    if axis.images:
        yield "{} by {} cells".format(*axis.images[0].get_size())


def _data(line: Line2D, axis: Axes) -> tuple[np.ndarray, np.ndarray]:
    """The points of a line; none of a line that goes across the whole axis."""
    x, y = line.get_data() if line.get_transform() == axis.transData else ((), ())
    return np.asarray(x, dtype=float), np.asarray(y, dtype=float)


def _look(line: Line2D) -> tuple[str, str, str]:
    return str(line.get_marker()), to_hex(line.get_color()), str(line.get_linestyle())


def _names(own: Axis, *, numbers: bool = False) -> dict[float, str]:
    """Place -> name, of an axis whose ticks are names; nothing of one whose ticks are numbers."""
    places = [float(place) for place in own.get_ticklocs()]  # the formatter has the names of hidden labels, too
    found = {place: " ".join(words.split())
             for place, words in zip(places, own.get_major_formatter().format_ticks(places), strict=True)}
    words = any(any(c.isalpha() for c in name) for name in found.values() if "math" not in name)
    return found if words or numbers else {}


def _label(artist: Any) -> str:
    """Its name in the legend, on one line."""
    return "" if str(artist.get_label()).startswith("_") else " ".join(str(artist.get_label()).split())


def _number(x: float) -> str:
    return f"{float(x):.3g}" if abs(float(x)) < 1000 else f"{float(x):,.0f}"
