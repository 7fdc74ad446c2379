"""Gates: a chord diagram, distributions of shares, and paths over training."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex

from erclab.figures import inside, style


def test_a_chord_has_an_arc_as_long_as_what_is_given_and_says_how_much():
    flows = pd.DataFrame([[0.2, 0.4], [0.1, 0.3]], ["a", "b"], ["a", "b"])
    axis = inside.chord(flows, {"a": style.BLUE, "b": style.ORANGE}, title="T").axes[0]
    arcs = [p for p in axis.patches if hasattr(p, "theta1")]
    spans = [p.theta2 - p.theta1 for p in arcs]
    assert spans[0] / spans[1] == pytest.approx(0.6 / 0.4) and sum(spans) < 360
    texts = {t.get_text() for t in axis.texts}
    assert {"a\n60.0 %", "b\n40.0 %", "20.0", "40.0", "10.0", "30.0"} == texts
    ribbons = [p for p in axis.patches if not hasattr(p, "theta1")]
    wanted = [c.lower() for c in (style.BLUE, style.BLUE, style.ORANGE)]
    assert [to_hex(p.get_facecolor()[:3]) for p in ribbons] == wanted
    half = inside.chord(flows * 7, {"a": style.BLUE, "b": style.ORANGE}, title="T").axes[0]
    assert {t.get_text() for t in half.texts} == texts  # shares, whatever the unit


def test_shares_have_a_body_from_the_least_to_the_most_and_the_median():
    table = pd.DataFrame({"text": [0.1, 0.2, 0.6, 0.3], "audio": [0.5, 0.5, 0.9, 0.7]})
    axis, = inside.shares(table, title="T", ylabel="weight", equal=0.5, colours=[style.BLUE, style.ORANGE],
                          labels=["words", "voice"]).axes
    bodies = [c for c in axis.collections if isinstance(c, PolyCollection)]
    for body, name, colour in zip(bodies, table, (style.BLUE, style.ORANGE), strict=True):
        y = body.get_paths()[0].vertices[:, 1]
        assert (y.min(), y.max()) == pytest.approx((table[name].min(), table[name].max()))
        assert to_hex(body.get_facecolor()[0]).upper() == colour
    assert [t.get_text() for t in axis.get_xticklabels()] == ["words", "voice"] and axis.get_ylabel() == "weight"
    medians = {float(y) for line in axis.lines for y in np.atleast_1d(line.get_ydata())}
    assert {0.25, 0.6} <= {round(y, 6) for y in medians}


def test_gate_paths_end_with_the_two_largest_weights_in_the_title():
    path = {"text": np.array([[0.4, 0.5], [0.6, 0.7]]), "audio": np.array([[0.6, 0.5], [0.4, 0.3]])}
    axis, = inside.gate_paths({"only text": path}).axes
    assert axis.get_title(loc="left") == "only text:\ntext 70 %, next 30 %"
    assert [line.get_ydata().tolist() for line in axis.lines] == [[0.4, 0.5, 0.6, 0.7], [0.6, 0.5, 0.4, 0.3]]
    assert len({line.get_linestyle() for line in axis.lines}) == 2
