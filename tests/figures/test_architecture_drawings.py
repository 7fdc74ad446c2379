"""The drawings of models: each box is there, has the shape of a forward pass, and each parameter is in one box."""

from itertools import combinations
from types import SimpleNamespace

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from erclab import corpora
from erclab.analysis import architecture
from erclab.analysis.architecture import ORDERS, Architecture, Box
from erclab.core.errors import UsageError
from erclab.figures.architecture import HIGH, WIDE, draw


@pytest.fixture(scope="module")
def drawn():
    corpus = corpora.load("simulated-tiny")
    return {name: architecture.architecture(name, corpus) for name in ORDERS}


@pytest.mark.parametrize("name", ORDERS)
def test_each_parameter_is_in_one_box(drawn, name):
    """HCT-MG has a crossmodal transformer for each ordered pair, and uses four of six."""
    unused = drawn[name].unused
    assert unused == 0 if name != "hct-mg" else 0 < unused < drawn[name].parameters / 4


@pytest.mark.parametrize("name", ORDERS)
def test_each_result_has_the_shape_of_the_forward_pass(drawn, name):
    boxes = {box.name: box for box in drawn[name].boxes}
    assert len(boxes) == len(drawn[name].boxes)
    assert all(box.shape for box in boxes.values() if box.name != "gate"), "a module did not run"
    last = boxes[max(drawn[name].columns(), key=drawn[name].columns().get)]
    assert last.shape[-1] == 6 and "prediction" in last.label
    assert set(boxes) >= {name for box in boxes.values() for name in box.reads}


@pytest.mark.parametrize("name", ORDERS)
def test_arrows_lead_to_the_right_and_boxes_do_not_overlap(drawn, name):
    model, columns = drawn[name], drawn[name].columns()
    assert all(columns[before] < columns[box.name] for box in model.boxes for before in box.reads)
    for a, b in combinations(model.boxes, 2):
        assert columns[a.name] != columns[b.name] or abs(a.row - b.row) > HIGH, (a.name, b.name)


@pytest.mark.parametrize("name", ORDERS)
def test_the_drawing_has_all_words_inside_their_boxes(drawn, name):
    model = drawn[name]
    figure = draw(model.heading, model.boxes, model.columns())
    axis, renderer = figure.axes[0], FigureCanvasAgg(figure).get_renderer()
    assert axis.get_title(loc="left").startswith(f"{model.title}: {model.parameters:,} parameters")
    figure.draw_without_rendering()
    size = axis.transData.transform((WIDE, HIGH)) - axis.transData.transform((0, 0))
    assert len(axis.texts) == len(model.boxes)
    for text, box in zip(axis.texts, model.boxes, strict=True):
        words = text.get_window_extent(renderer)
        assert words.width <= size[0] and words.height <= size[1], box
        assert str(box.shape) in text.get_text() or not box.shape


def test_a_box_that_stands_beside_another_is_in_its_column():
    boxes = (Box("x", "x"), Box("y", "y", ("x",)), Box("s", "s", beside="y"))
    assert Architecture("M", "", boxes, 0).columns() == {"x": 0, "y": 1, "s": 1}


def test_what_cannot_be_drawn_is_said_in_one_line():
    corpus = corpora.load("simulated-tiny")
    with pytest.raises(UsageError, match=r"there is no drawing of linear\. There are: dialoguetrm, "):
        architecture.architecture("linear", corpus)
    with pytest.raises(UsageError, match=r"unknown model 'sdtt'.*Did you mean 'sdt'"):
        architecture.architecture("sdtt", corpus)
    with pytest.raises(UsageError, match="show text, audio and visual"):
        architecture.architecture("sdt", SimpleNamespace(name="meld", modalities=("text",)))
