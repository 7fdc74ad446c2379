"""Heat maps: every cell has its number, where it belongs and readable."""

import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb

from erclab.figures import heat


def test_confusion_writes_share_of_the_row_and_count_where_they_belong():
    counts = np.array([[6, 2, 0], [1, 3, 0], [0, 0, 0]])
    (axis,) = heat.confusion_matrix(counts, ["calm", "glad", "cross"], title="Mixed up").axes
    texts = {tuple(map(int, t.get_position())): t.get_text() for t in axis.texts}
    assert {(x, y): text.split("\n")[1] for (x, y), text in texts.items()} == {
        (j, i): str(counts[i, j]) for i in range(3) for j in range(3)}
    assert texts[0, 0] == "75%\n6" and texts[1, 0] == "25%\n2" and texts[0, 1] == "25%\n1" and texts[2, 2] == "0%\n0"
    np.testing.assert_allclose(axis.collections[0].get_array(), [[0.75, 0.25, 0], [0.25, 0.75, 0], [0, 0, 0]])
    for labels in (axis.get_xticklabels(), axis.get_yticklabels()):
        assert [t.get_text() for t in labels] == ["calm", "glad", "cross"]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("predicted", "true")


def test_confusion_texts_can_be_read_on_their_colour():
    (axis,) = heat.confusion_matrix(np.array([[9, 1], [5, 5]]), ["x", "y"], title="").axes
    image = axis.collections[0]
    for text in axis.texts:
        x, y = map(int, text.get_position())
        ground = np.dot(image.cmap(image.norm(image.get_array()[y, x]))[:3], (0.2126, 0.7152, 0.0722))
        ink = np.dot(to_rgb(text.get_color()), (0.2126, 0.7152, 0.0722))
        assert abs(ground - ink) > 0.35, text.get_text()


def test_texts_on_pale_colours_are_black():
    figure = heat.transitions({"own last": np.array([[4.0, 0.6], [0.25, 1.0]])}, ["x", "y"], ["T"])
    assert [t.get_color() for t in figure.axes[0].texts] == ["white", "black", "white", "black"]
    assert [t.get_text() for t in figure.axes[0].texts] == ["4.0", "0.6", "0.2", "1.0"]


def test_percentages_name_their_cells_and_leave_out_what_is_small():
    index = pd.MultiIndex.from_product([["glad", "cross"], [0.5, 1.0]], names=["emotion", "intensity"])
    table = pd.DataFrame([[60, 0.2], [3.4, 97], [0, 100], [50, 50]], index, ["one", "two"])
    (axis,) = heat.percentages(table, "How often").axes
    assert [t.get_text() for t in axis.texts] == ["60", "", "3", "97", "", "100", "50", "50"]
    assert [t.get_text() for t in axis.get_yticklabels()] == ["glad 0.5", "glad 1.0", "cross 0.5", "cross 1.0"]
    assert (axis.get_title(loc="left"), axis.get_ylabel()) == ("How often", "emotion, intensity")


def test_confusion_matrices_stand_side_by_side_under_their_titles():
    left, right = heat.confusion_matrices({"one": np.eye(2), "two": 1 - np.eye(2)}, ["x", "y"]).axes
    assert (left.get_title(loc="left"), right.get_title(loc="left")) == ("one", "two")
    assert [t.get_text() for t in left.texts] == ["100%\n1", "0%\n0", "0%\n0", "100%\n1"]
    assert [t.get_text() for t in right.texts] == ["0%\n0", "100%\n1", "100%\n1", "0%\n0"]
