"""Figures: what is drawn equals what was given, and the same figure is stored as the same bytes."""

import hashlib
import warnings

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex

from erclab.core.errors import ErclabError
from erclab.figures import style

GROUPS = {"ours": [0.70, 0.74, 0.72], "theirs": [0.5, 0.6], "fixed": [0.25]}


def legend(figure):
    """The texts of its legends, wherever they stand."""
    boxes = [*figure.legends, *(a.get_legend() for a in figure.axes if a.get_legend())]
    return [t.get_text() for box in boxes for t in box.get_texts()]


def bars(**options):
    (axis,) = style.seed_bars(GROUPS, title="A title", xlabel="score (%)", **options).axes
    return axis


def test_bars_are_as_long_as_the_means_and_named_from_the_top():
    axis = bars()
    assert [b.get_width() for b in axis.patches] == pytest.approx([72, 55, 25])
    assert [t.get_text() for t in axis.get_yticklabels()] == ["ours", "theirs", "fixed"]
    middles = [axis.transData.transform((0, b.get_y() + b.get_height() / 2))[1] for b in axis.patches]
    assert middles == sorted(middles, reverse=True)  # the first is at the top
    assert axis.get_title(loc="left") == "A title" and axis.get_xlabel() == "score (%)"
    assert axis.get_xlim() == (0, 100)


def test_every_bar_says_its_number():
    assert [t.get_text() for t in bars().texts] == ["72.0", "55.0", "25.0"]


def test_every_seed_is_a_dot_and_a_single_value_has_none():
    dots = [line for line in bars().lines if line.get_marker() == "o"]
    assert [sorted(line.get_xdata()) for line in dots] == [pytest.approx([70, 72, 74]), pytest.approx([50, 60])]
    assert [set(line.get_ydata()) for line in dots] == [{0}, {1}]


def test_whiskers_are_one_sample_deviation_long():
    whiskers = [c for container in bars().containers if getattr(container, "errorbar", None)
                for c in container.errorbar.lines[2]]
    ends = [segment[:, 0] for c in whiskers for segment in c.get_segments()]
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
    (axis,) = style.curves({"loss": table}, title="Down", ylabel="nats", marked=2).axes
    line, mark = axis.lines
    assert line.get_xdata().tolist() == [1, 2, 3] and line.get_ydata().tolist() == [1.5, 4, 2]
    assert set(mark.get_xdata()) == {2} and line.get_label() == "loss"
    (band,) = (c for c in axis.collections if isinstance(c, PolyCollection))
    for epoch, mean, spread in ((1, 1.5, 0.5**0.5), (2, 4.0, 2**0.5), (3, 2.0, 0.0)):
        y = [v[1] for v in band.get_paths()[0].vertices if v[0] == epoch]
        assert (min(y), max(y)) == pytest.approx((mean - spread, mean + spread))
    assert (axis.get_title(loc="left"), axis.get_xlabel(), axis.get_ylabel()) == ("Down", "epoch", "nats")


def test_a_curve_of_one_seed_has_a_band_without_width():
    (axis,) = style.curves({"loss": pd.DataFrame({0: [1.0, 3.0]}, index=[1, 2])}, title="", ylabel="").axes
    (band,) = (c for c in axis.collections if isinstance(c, PolyCollection))
    assert {tuple(v) for v in band.get_paths()[0].vertices} == {(1.0, 1.0), (2.0, 3.0)}


def test_curves_are_told_apart_without_colour():
    tables = {name: pd.DataFrame({0: [0.1, 0.2]}, index=[1, 2]) for name in "abcd"}
    (axis,) = style.curves(tables, title="", ylabel="").axes
    assert len({line.get_marker() for line in axis.lines}) == len({line.get_color() for line in axis.lines}) == 4
    assert legend(axis.figure) == list("abcd")


def test_curves_and_confusion_draw_into_a_given_axis():
    _, ((left, right),) = style.figure(1, 2)
    style.curves({"a": pd.DataFrame({0: [0.1, 0.2]})}, title="left", ylabel="", axis=left)
    style.confusion(np.eye(2), ["x", "y"], title="right", axis=right)
    assert left.get_title(loc="left") == "left" and right.get_title(loc="left") == "right"


def test_confusion_writes_share_of_the_row_and_count_where_they_belong():
    counts = np.array([[6, 2, 0], [1, 3, 0], [0, 0, 0]])
    (axis,) = style.confusion(counts, ["calm", "glad", "cross"], title="Mixed up").axes
    texts = {tuple(map(int, t.get_position())): t.get_text() for t in axis.texts}
    assert {(x, y): text.split("\n")[1] for (x, y), text in texts.items()} == {
        (j, i): str(counts[i, j]) for i in range(3) for j in range(3)}
    assert texts[0, 0] == "75%\n6" and texts[1, 0] == "25%\n2" and texts[0, 1] == "25%\n1" and texts[2, 2] == "0%\n0"
    np.testing.assert_allclose(axis.images[0].get_array(), [[0.75, 0.25, 0], [0.25, 0.75, 0], [0, 0, 0]])
    for labels in (axis.get_xticklabels(), axis.get_yticklabels()):
        assert [t.get_text() for t in labels] == ["calm", "glad", "cross"]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("predicted", "true")


def test_confusion_texts_can_be_read_on_their_colour():
    (axis,) = style.confusion(np.array([[9, 1], [5, 5]]), ["x", "y"], title="").axes
    image = axis.images[0]
    for text in axis.texts:
        x, y = map(int, text.get_position())
        ground = np.dot(image.cmap(image.norm(image.get_array()[y, x]))[:3], (0.2126, 0.7152, 0.0722))
        ink = {"black": 0.0, "white": 1.0}[text.get_color()]
        assert abs(ground - ink) > 0.35, text.get_text()


def test_figure_gives_axes_as_a_table_and_each_modality_has_its_own_colour():
    assert style.figure(2, 3)[1].shape == (2, 3) and style.figure()[1].shape == (1, 1)
    assert len(set(style.MODALITY.values())) == len(style.MODALITY) == 3
    assert len(set(style.CYCLE)) == len(style.CYCLE) <= len(style.MARKERS)


def test_figures_are_kept_alive_by_nobody():
    """A study draws dozens; pyplot would keep them all, and warn after twenty."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(25):
            style.figure()
            style.seed_bars({"a": [0.5]}, title="", xlabel="")
    assert plt.get_fignums() == []


def drawn():
    return style.seed_bars(GROUPS, title="A title", xlabel="score (%)", reference={"published": 66.6})


def test_save_makes_the_folder_and_writes_the_same_bytes_each_time(tmp_path, monkeypatch):
    monkeypatch.setenv("ERCLAB_FIGURES", str(tmp_path / "deep" / "figures"))
    path, digests = tmp_path / "deep" / "figures" / "01_scores_made.png", set()
    for _ in range(2):
        style.save(drawn(), "01_scores", "made")
        assert path.read_bytes().startswith(b"\x89PNG")
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
        path.unlink()
    assert len(digests) == 1
    assert list(path.parent.iterdir()) == []


def test_what_a_notebook_shows_is_what_was_stored(tmp_path, monkeypatch):
    monkeypatch.setenv("ERCLAB_FIGURES", str(tmp_path))
    shown = style.save(drawn(), "01_scores", "made")
    assert shown._repr_png_() == (tmp_path / "01_scores_made.png").read_bytes()
    assert repr(shown) == "<figure 01_scores_made>"  # the output of a notebook names no folder of this machine


def test_save_leaves_out_what_differs_between_machines(tmp_path, monkeypatch):
    monkeypatch.setenv("ERCLAB_FIGURES", str(tmp_path))
    style.save(drawn(), "01_scores", "made")
    data = (tmp_path / "01_scores_made.png").read_bytes()
    assert b"Software" not in data and matplotlib.__version__.encode() not in data


def test_a_folder_that_cannot_be_written_is_an_error_with_a_remedy(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ERCLAB_FIGURES", str(tmp_path / "file" / "figures"))
    problem = r"01_scores_made\.png: the figure cannot be stored.*ERCLAB_FIGURES"
    with pytest.raises(ErclabError, match=problem) as caught:
        style.save(drawn(), "01_scores", "made")
    assert "\n" not in str(caught.value)


def test_words_are_darker_the_more_weight_they_have_and_wrap():
    sentence, weights = ["never", "a", "fan"], [3.0, 0.0, 1.0]
    axis = style.words([("An utterance", (), (), -1), ("read", sentence, weights, 0)], title="T").axes[0]
    texts = [t.get_text() for t in axis.texts]
    assert texts == ["An utterance", "read", "never", "75", "a", "0", "fan", "25"]
    greys = [np.dot(p.get_facecolor()[:3], [0.3, 0.6, 0.1]) for p in axis.patches]
    assert greys[0] < greys[2] < greys[1]  # darker with more, in grey as well
    assert [p.get_linewidth() > 0 for p in axis.patches] == [True, False, False]
    narrow = style.words([("read", sentence, weights, -1)], title="T", columns=7).axes[0]
    assert len({p.get_y() for p in narrow.patches}) == 3 and all(p.get_x() == 0 for p in narrow.patches)


def test_a_chord_has_an_arc_as_long_as_what_is_given_and_says_how_much():
    flows = pd.DataFrame([[0.2, 0.4], [0.1, 0.3]], ["a", "b"], ["a", "b"])
    axis = style.chord(flows, {"a": style.BLUE, "b": style.ORANGE}, title="T").axes[0]
    arcs = [p for p in axis.patches if hasattr(p, "theta1")]
    spans = [p.theta2 - p.theta1 for p in arcs]
    assert spans[0] / spans[1] == pytest.approx(0.6 / 0.4) and sum(spans) < 360
    texts = {t.get_text() for t in axis.texts}
    assert {"a\n60.0 %", "b\n40.0 %", "20.0", "40.0", "10.0", "30.0"} == texts
    ribbons = [p for p in axis.patches if not hasattr(p, "theta1")]
    wanted = [c.lower() for c in (style.BLUE, style.BLUE, style.ORANGE)]
    assert [to_hex(p.get_facecolor()[:3]) for p in ribbons] == wanted
    half = style.chord(flows * 7, {"a": style.BLUE, "b": style.ORANGE}, title="T").axes[0]
    assert {t.get_text() for t in half.texts} == texts  # shares, whatever the unit
