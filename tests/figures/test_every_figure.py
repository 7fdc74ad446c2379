"""Every drawing function: its words are as they should be, they can be read, and they are told to who does not see."""

import importlib
import inspect
import pkgutil
import re

import pytest
from drawings import DRAWINGS
from figure_checks import assert_readable, said
from matplotlib.figure import Figure
from words_of_figures import WORDS

from erclab import figures
from erclab.figures import style

NAMES = {f"{function.__module__.rpartition('.')[2]}.{function.__name__}": make for function, make in DRAWINGS.items()}


def test_there_is_a_drawing_of_every_function():
    found = set()
    for module in pkgutil.iter_modules(figures.__path__):
        place = importlib.import_module(f"erclab.figures.{module.name}")
        found |= {f"{module.name}.{name}" for name, one in inspect.getmembers(place, inspect.isfunction)
                  if one.__module__ == place.__name__ and not name.startswith("_") and "Figure" in str(
                      inspect.signature(one).return_annotation) and module.name != "style"}
    assert found == set(NAMES) == set(WORDS)


@pytest.fixture(scope="module")
def drawn():
    """Each figure is drawn once."""
    made = {}

    def draw(name) -> Figure:
        return made.setdefault(name, made.get(name) or NAMES[name]())
    return draw


@pytest.mark.parametrize("name", NAMES)
def test_its_words_and_what_is_drawn_are(name, drawn):
    title, axes, told = WORDS[name]
    assert said(drawn(name)) == (title, axes)
    assert style.alternative(drawn(name)) == told


@pytest.mark.parametrize("name", NAMES)
def test_its_alternative_text_has_its_titles_and_values_and_an_end(name, drawn):
    title, axes, told = WORDS[name]
    said_so = [" ".join(words.split()) for words in (title, *(words for words, *_ in axes))]
    assert all(words in told for words in said_so) and len(told) < 1500
    assert re.search(r"\d", told.removeprefix("; ".join(filter(None, said_so))))


@pytest.mark.parametrize("name", NAMES)
def test_it_can_be_read(name, drawn):
    assert_readable(drawn(name))
