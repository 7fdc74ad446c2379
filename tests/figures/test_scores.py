"""Bars and curves over seeds: what is drawn equals what was given."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex

from erclab.figures import heat, scores, style

GROUPS = {"ours": [0.70, 0.74, 0.72], "theirs": [0.5, 0.6], "fixed": [0.25]}


def legend(figure):
    """The texts of its legends, wherever they stand."""
    boxes = [*figure.legends, *(a.get_legend() for a in figure.axes if a.get_legend())]
    return [t.get_text() for box in boxes for t in box.get_texts()]


def bars(**options):
    (axis,) = scores.seed_bars(GROUPS, title="A title", xlabel="score (%)", **options).axes
    return axis


def test_bars_are_as_long_as_the_means_and_named_from_the_top():
    axis = bars()
    assert [b.get_width() for b in axis.patches] == pytest.approx([72, 55, 25])
    assert [t.get_text() for t in axis.get_yticklabels()] == ["ours", "theirs", "fixed"]
    middles = [axis.transData.transform((0, b.get_y() + b.get_height() / 2))[1] for b in axis.patches]
    assert middles == sorted(middles, reverse=True)  # the first is at the top
    assert axis.get_title(loc="left") == "A title" and axis.get_xlabel() == "score (%)"
    assert axis.get_xlim() == (0, 100)


def test_a_long_name_is_broken_between_its_words_alone():
    (axis,) = scores.seed_bars({"logistic regression on words, tf-idf": [0.5]}, title="", xlabel="").axes
    (label,) = axis.get_yticklabels()
    assert "\n" in label.get_text() and "tf-idf" in label.get_text().split()


def test_every_bar_says_its_number():
    assert [t.get_text() for t in bars().texts] == ["72.0", "55.0", "25.0"]


def test_every_seed_is_a_dot_and_a_single_value_has_none():
    dots = [c.get_offsets() for c in bars().collections if len(c.get_offsets())]
    assert [sorted(xy[:, 0]) for xy in dots] == [pytest.approx([70, 72, 74]), pytest.approx([50, 60])]
    assert [set(xy[:, 1]) for xy in dots] == [{0}, {1}]


def test_whiskers_are_one_sample_deviation_long():
    ends = [(np.nanmin(line.get_xdata()), np.nanmax(line.get_xdata())) for line in bars().lines
            if not np.isnan(line.get_xdata()).all()]
    assert np.allclose(ends, [(70, 74), (55 - 50**0.5, 55 + 50**0.5)])


def test_published_numbers_are_dashed_lines_with_a_legend_and_ours_have_none():
    axis = bars(reference={"published": 66.6, "other": 50})
    lines = [line for line in axis.lines if line.get_linestyle() == "--"]
    assert [line.get_xdata()[0] for line in lines] == [66.6, 50]
    assert lines[0].get_color() != lines[1].get_color()
    assert legend(axis.figure) == ["published: 66.6", "other: 50"]
    assert legend(bars().figure) == []


def test_bars_take_their_colours_and_the_rest_is_grey():
    colours = [to_hex(b.get_facecolor()).upper() for b in bars(colours={"theirs": style.ORANGE}).patches]
    assert colours == [style.GREY, style.ORANGE, style.GREY]


def test_curves_are_means_with_a_band_of_one_deviation():
    table = pd.DataFrame({0: [1.0, 3.0, 2.0], 1: [2.0, 5.0, 2.0]}, index=[1, 2, 3])
    (axis,) = scores.seed_curves({"loss": table}, title="Down", ylabel="nats", marked=2).axes
    line, mark = axis.lines
    assert line.get_xdata().tolist() == [1, 2, 3] and line.get_ydata().tolist() == [1.5, 4, 2]
    assert set(mark.get_xdata()) == {2} and line.get_label() == "loss"
    (band,) = (c for c in axis.collections if isinstance(c, PolyCollection))
    for epoch, mean, spread in ((1, 1.5, 0.5**0.5), (2, 4.0, 2**0.5), (3, 2.0, 0.0)):
        y = [v[1] for v in band.get_paths()[0].vertices if v[0] == epoch]
        assert (min(y), max(y)) == pytest.approx((mean - spread, mean + spread))
    assert (axis.get_title(loc="left"), axis.get_xlabel(), axis.get_ylabel()) == ("Down", "epoch", "nats")


def test_a_curve_of_one_seed_has_a_band_without_width():
    (axis,) = scores.seed_curves({"loss": pd.DataFrame({0: [1.0, 3.0]}, index=[1, 2])}, title="", ylabel="").axes
    (band,) = (c for c in axis.collections if isinstance(c, PolyCollection))
    assert {tuple(v) for v in band.get_paths()[0].vertices} == {(1.0, 1.0), (2.0, 3.0)}


def test_curves_are_told_apart_without_colour():
    tables = {name: pd.DataFrame({0: [0.1, 0.2]}, index=[1, 2]) for name in "abcd"}
    (axis,) = scores.seed_curves(tables, title="", ylabel="").axes
    assert len({line.get_marker() for line in axis.lines}) == len({line.get_color() for line in axis.lines}) == 4
    assert legend(axis.figure) == list("abcd")


def test_curves_and_confusion_draw_into_a_given_axis():
    with style.style():
        _, ((left, right),) = style.figure(1, 2)
    scores.seed_curves({"a": pd.DataFrame({0: [0.1, 0.2]})}, title="left", ylabel="", axis=left)
    heat.confusion_matrix(np.eye(2), ["x", "y"], title="right", axis=right)
    assert left.get_title(loc="left") == "left" and right.get_title(loc="left") == "right"


def test_bars_of_nothing_are_an_empty_figure():
    axis, = scores.seed_bars({}, title="None", xlabel="").axes
    assert not axis.patches and axis.get_title(loc="left") == "None"


def test_a_score_that_does_not_exist_has_no_bar_and_spoils_no_other():
    groups = {"constant": [np.nan, np.nan], "ours": [0.5, 0.7]}
    axis, = scores.seed_bars(groups, title="", xlabel="", percent=False).axes
    assert np.nanmax([p.get_width() for p in axis.patches]) == pytest.approx(0.6)
    assert [t.get_text() for t in axis.texts] == ["nan", "0.600"]
    assert [t.get_text() for t in axis.get_yticklabels()] == ["constant", "ours"]


def test_grouped_bars_stand_side_by_side_around_their_row():
    with style.style():
        _, ((axis,),) = style.figure()
    table = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    places = scores.grouped_bars(axis, table, 0.4)
    assert {k: v.tolist() for k, v in places.items()} == {"a": [-0.2, 0.8], "b": [0.2, 1.2]}
    assert [p.get_height() for p in axis.patches] == [1, 2, 3, 4]
    assert [p.get_x() + p.get_width() / 2 for p in axis.patches] == pytest.approx([-0.2, 0.8, 0.2, 1.2])
