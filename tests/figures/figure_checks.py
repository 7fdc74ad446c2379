"""What a reader needs of any figure: no text covers another one, is cut off or crossed out, and every axis is named."""

from itertools import combinations
from unittest.mock import patch

import numpy as np
from matplotlib.text import Text

from erclab.figures import style

COUNTED = ("epoch", "epochs tried", "training batch", "batch of the first epoch", "turn", "dialogue", "frame",
           "draws of settings", "runs of which the best is reported")
SLACK = 1.0  # pixels that the boxes of two texts may have in common


def assert_readable(figure):
    """Draw the figure's texts, without pixels, and look at where they stand."""
    boxes, whole = boxes_of(figure), figure.bbox
    cut = [text.get_text() for text, corners in boxes
           if (corners.min(0) < -SLACK).any() or (corners.max(0) > [whole.width + SLACK, whole.height + SLACK]).any()]
    assert not cut, f"cut off: {cut}"
    over = [(one.get_text(), other.get_text()) for (one, a), (other, b) in combinations(boxes, 2) if overlap(a, b)]
    assert not over, f"one over the other: {over}"
    crossed = [text.get_text() for text, corners in boxes if text.axes and text in text.axes.texts
               and not text.get_bbox_patch() and crosses(text.axes, corners)]
    assert not crossed, f"crossed out: {crossed}"
    nameless = [(place, which) for place, axis in enumerate(figure.axes) for which in "xy" if not named(axis, which)]
    assert not nameless, f"without a name: {nameless}"
    halves = [(place, which) for place, axis in enumerate(figure.axes) for which in "xy" if half_counted(axis, which)]
    assert not halves, f"ticks at halves: {halves}"


def half_counted(axis, which):
    """Whether an axis that counts has ticks between whole numbers."""
    own = axis.xaxis if which == "x" else axis.yaxis
    return own.get_label().get_text() in COUNTED and any(x % 1 for x in own.get_ticklocs())


def boxes_of(figure):
    """The texts that are drawn, and the four corners of each, in pixels."""
    drawn, draw = {}, Text.draw

    def note(self, renderer, *args, **kwargs):
        if self.get_visible() and self.get_text().strip():
            drawn[id(self)] = self, corners_of(self, renderer)
        return draw(self, renderer, *args, **kwargs)

    with style.style(), patch.object(Text, "draw", note):
        figure.draw_without_rendering()
    return list(drawn.values())


def corners_of(text, renderer):
    box, turn = text.get_window_extent(renderer), text.get_rotation()
    width, height = box.width, box.height
    if turn % 90:  # a slanted text has the same centre as the box around it
        text.set_rotation(0)
        level = text.get_window_extent(renderer)
        text.set_rotation(turn)
        width, height = level.width, level.height
    angle = np.radians(turn if turn % 90 else 0)
    turned = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    middle = np.array([box.x0 + box.width / 2, box.y0 + box.height / 2])
    return middle + np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * [width / 2, height / 2] @ turned


def overlap(a, b):
    """Whether two rectangles overlap by more than the slack: no line along a side separates them."""
    for corners in (a, b):
        for edge in (corners[1] - corners[0], corners[2] - corners[1]):
            if not np.hypot(*edge):
                return False
            one, other = (x @ (edge / np.hypot(*edge)) for x in (a, b))
            if min(one.max(), other.max()) - max(one.min(), other.min()) <= SLACK:
                return False
    return True


def crosses(axis, corners):
    """Whether a line across the whole axis goes through the box."""
    low, high = corners.min(0) + SLACK, corners.max(0) - SLACK
    for line in axis.lines:
        points = line.get_transform().transform(line.get_xydata())
        if len(points) == 2 and (line.get_transform() != axis.transData):
            for way in (0, 1):
                if np.ptp(points[:, way]) == 0 and low[way] < points[0, way] < high[way]:
                    return True
    return False


def named(axis, which):
    """Whether an axis has a label, its own or its row's, or ticks with words; an axis that is not shown needs none."""
    own = axis.xaxis if which == "x" else axis.yaxis
    ticks = [tick.label1.get_text() for tick in own.get_major_ticks() if tick.label1.get_visible()]
    if not axis.axison or not axis.has_data() or not any(ticks):
        return True
    if any(word and not is_number(word) for word in ticks) or own.get_label().get_text():
        return True
    return bool(axis.figure.get_supxlabel() if which == "x" else axis.figure.get_supylabel()) or any(
        getattr(other, f"get_{which}label")() for other in axis.figure.axes if other is not axis
        and beside(axis, other, which))


def beside(axis, other, which):
    """Whether another axis of the same row (of the same column for x) has the same numbers."""
    spec, its = axis.get_subplotspec(), other.get_subplotspec()
    same = getattr(axis, f"get_{which}lim")() == getattr(other, f"get_{which}lim")()
    return same and spec and its and (spec.rowspan == its.rowspan if which == "y" else spec.colspan == its.colspan)


def is_number(word):
    try:
        float(word.replace("−", "-"))
    except ValueError:
        return "mathdefault" in word  # 10^3
    return True


def said(figure):
    """The words of a figure: its title, then the title and the labels of each axis."""
    each = [(axis.get_title(loc="left") or axis.get_title(), axis.get_xlabel(), axis.get_ylabel())
            for axis in figure.axes]
    return figure.get_suptitle(), each
