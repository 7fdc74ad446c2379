"""Tuned models as a picture: a row for each group, the curves and intervals that were given."""

import pandas as pd
import pytest
from figure_checks import assert_readable

from erclab.figures.tuning import tuned_models


def part(*names, base):
    curves = pd.DataFrame([{"model": name, "draws": k, "value": 0.5 + 0.01 * k, "low": 0.4, "high": 0.7}
                           for name in names for k in (1, 2, 3)])
    tested = pd.DataFrame({"value": 0.6, "low": 0.55, "high": 0.65}, index=list(names))
    return curves, tested, base


def test_each_group_has_a_row_its_own_line_and_a_colour_of_its_own_for_each_model():
    figure = tuned_models({"vectors": part("bc-LSTM", "SDT", base="bc-LSTM"),
                           "sequences": part("LF-LSTM", "HCT-MG", base="LF-LSTM")},
                          scale=100, unit="weighted F1 (%)", title="none beats its base")
    axes = figure.axes
    assert [axis.get_title(loc="left") for axis in axes] == [
        "vectors\nValidation: expected best of the draws", "vectors\nTest: the best setting anew (line: bc-LSTM)",
        "sequences\nValidation: expected best of the draws", "sequences\nTest: the best setting anew (line: LF-LSTM)"]
    curves = [line for axis in (axes[0], axes[2]) for line in axis.lines]
    assert len({line.get_color() for line in curves}) == len({line.get_marker() for line in curves}) == 4
    assert curves[0].get_ydata() == pytest.approx([51, 52, 53])
    (key,) = figure.legends
    assert [text.get_text() for text in key.get_texts()] == ["bc-LSTM", "SDT", "LF-LSTM", "HCT-MG"]
    assert [tick.get_text() for tick in axes[3].get_yticklabels()] == ["LF-LSTM", "HCT-MG"]
    assert_readable(figure)


def test_a_single_group_needs_no_name():
    left, right = tuned_models({"vectors": part("bc-LSTM", base="bc-LSTM")}, scale=1, unit="correlation", title="").axes
    assert left.get_title(loc="left") == "Validation: expected best of the draws"
    assert right.lines[-1].get_linestyle() == "--" and right.lines[-1].get_xdata()[0] == pytest.approx(0.6)
