"""The pieces of a notebook that decide what a class of the notebook does."""

import linecache
import sys
import types

import pytest

from erclab.core.cells import pieces
from erclab.core.errors import UsageError

HEAD = """
import enum, functools, math
from dataclasses import dataclass
from typing import NamedTuple
import numpy as np
import torch
from torch import nn
EXTRA = None
"""
NET = '''
class Net(nn.Module):
    """A net."""
    @dataclass(frozen=True)
    class Config:
        width: int = WIDTH

    def __init__(self, config):
        super().__init__()
        self.first = Layer(config.width)

    def forward(self, batch, scale=2):
        x = [halve(b) for b in batch]  # a name of its own
        return torch.relu(self.first(x)) * scale, EXTRA
'''
BASE = {"imports": HEAD, "constant": "WIDTH = 3\n", "layer": "class Layer(nn.Linear):\n    def __init__(self, n):\n"
        "        super().__init__(n, n)\n", "helper": "def halve(x):\n    return quarter(x) * 2\n",
        "second": "def quarter(x):\n    return x / 4\n", "net": NET, "later": "batch = object()\nx = open\n"}


@pytest.fixture
def notebook(monkeypatch):
    """Cells, executed one after the other in a module without a file, as IPython does; gives the class Net."""
    count = iter(range(10**6))

    def run(**cells):
        module = types.ModuleType("notebook_of_a_test")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        for text in ({**BASE, **cells}).values():
            name = f"<cell {next(count)}>"
            linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
            exec(compile(text, name, "exec"), vars(module))
        return module.Net
    yield run
    for name in [n for n in linecache.cache if n.startswith("<cell ")]:
        del linecache.cache[name]


def told(cls):
    return pieces(cls, lambda name: name.startswith("erclab"))


def test_a_class_takes_what_it_uses_directly_or_through_others(notebook):
    texts, modules = told(notebook())
    assert set(texts) == {"Net", "Layer", "halve", "quarter", "WIDTH", "EXTRA"} and modules == set()


@pytest.mark.parametrize("cells", [
    {"later": "batch = 3\nx = 4\nother = 5\n"}, {"net": NET.replace("A net.", "Another text.")},
    {"net": "# first\n" + NET.replace("# a name of its own", "# c")}, {"constant": "WIDTH = 3  # wide\n"},
    {"helper": "def halve(x):\n    'Half of it.'\n    return quarter(x) * 2\n"},
    {"constant": "a = 1\nWIDTH = 2 + 1\n"}])
def test_other_cells_comments_and_docstrings_change_nothing(notebook, cells):
    assert told(notebook()) == told(notebook(**cells))


@pytest.mark.parametrize("cells", [
    {"constant": "WIDTH = 4\n"}, {"constant": "WIDTH = 3.0\n"}, {"net": NET.replace("scale=2", "scale=3")},
    {"second": "def quarter(x):\n    return x / 5\n"}, {"helper": "halve = lambda x: x\n"},
    {"layer": BASE["layer"].replace("n, n)", "n, n, bias=False)")}, {"layer": "class Layer(nn.Identity): pass\n"},
    {"layer": "Layer = nn.Linear\n"}, {"net": NET.replace("relu", "tanh")}])
def test_code_and_constants_that_the_class_uses_change_it(notebook, cells):
    assert told(notebook())[0] != told(notebook(**cells))[0]


@pytest.mark.parametrize(("first", "second"), [
    ("np.arange(3.)", "np.arange(4.)"), ("np.arange(3)", "np.arange(3.)"), ("torch.ones(2)", "torch.zeros(2)"),
    ("torch.ones(2, dtype=torch.bfloat16)", "torch.ones(2)"), ("torch.ones(1, 2)", "torch.ones(2, 1)"),
    ("{'a': [1, (2, 3)]}", "{'a': [1, (2, 4)]}"), ("{1, 2}", "{1, 3}"), ("torch.float32", "torch.float16"),
    ("functools.partial(halve, x=1)", "functools.partial(halve, x=2)"), ("torch.device('cpu')", "torch.device('meta')"),
    ("nn.Linear(1, 1, bias=False).requires_grad_(False)", "nn.Linear(1, 1)"), ("tuple[int, str]", "tuple[int, ...]"),
    ("math.pi", "math.e"), ("[halve]", "[quarter]"),
])
def test_values_have_a_text_that_follows_the_value(notebook, first, second):
    def texts(value):
        cell = f"torch.manual_seed(0)\nEXTRA = {value}\n"
        return told(notebook(layer=BASE["second"] + BASE["helper"] + cell + BASE["layer"]))[0]
    assert texts(first) == texts(first) and texts(first) != texts(second)


def test_a_cached_helper_and_a_dataclass_of_the_notebook_count(notebook):
    def texts(default, factor):
        return told(notebook(
            helper=f"@functools.cache\ndef halve(x):\n    return quarter(x) * {factor}\n",
            constant=f"@dataclass\nclass Sizes:\n    width: int = {default}\n\nclass Pair(NamedTuple):\n"
            f"    a: int\n    b: int = {default}\n\nclass Kind(enum.Enum):\n    A = 1\n\n"
            "WIDTH, EXTRA = 3, [Sizes(), Pair(1), Kind.A]\n"))[0]
    same = texts(3, 2)
    assert same == texts(3, 2) and {"Sizes", "halve"} <= {*same}
    assert same != texts(4, 2) and same != texts(3, 4)


def test_modules_that_count_are_named_and_others_are_not(notebook):
    _, modules = told(notebook(layer="from erclab.ops import dropout\nfrom erclab.core.tasks import loss\nclass Layer"
                               "(nn.Linear):\n    def f(self):\n        return dropout.Dropout, loss, np.pi\n"))
    assert modules == {"erclab.ops.dropout", "erclab.core.tasks"}


def test_a_class_inside_a_function_takes_what_is_around_it(notebook):
    def texts(number):
        return told(notebook(net=f"def make(n):\n    class Net(nn.Module):\n        def forward(self, x):\n"
                             f"            return halve(x) * n\n    return Net\nNet = make({number})\n"))[0]
    assert texts(1) == texts(1) and texts(1) != texts(2) and "halve" in texts(1)


def test_a_value_without_a_text_is_refused(notebook):
    with pytest.raises(UsageError, match=r"Net uses EXTRA, a Generator, whose value .* Make it a setting of Config"):
        told(notebook(constant="WIDTH = 3\nEXTRA = np.random.default_rng(0)\n"))


@pytest.mark.parametrize("base", ["", "@dataclass\n"])
def test_a_class_of_the_command_line_is_refused(base, monkeypatch):
    module = types.ModuleType("line_of_a_test")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(HEAD + base + "class Net:\n    a: int = 1\n    def forward(self, x): return x\n", vars(module))
    with pytest.raises(UsageError, match=r"the source of Net is not at hand"):
        told(module.Net)


def test_a_class_without_a_source_is_refused(notebook):
    cls = notebook()
    linecache.cache.clear()
    with pytest.raises(UsageError, match=r"the source of Net is not at hand.*Write the class in a notebook cell"):
        told(cls)
