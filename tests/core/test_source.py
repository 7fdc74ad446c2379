"""Source code as a syntax tree: what changes it, what does not, and where imports lead."""

import ast
import importlib
import sys

import pytest

from erclab.core import source
from erclab.core.source import canonical, closure, imported, resolve

PLAIN = '''
"""Module."""
import math

SCALE = 2.0


class A:
    """Class."""
    width: int = 3

    def f(self, x, *rest, y=1):
        """Function."""
        # a comment
        return f"{x:.3f} {y}" if x else SCALE * math.pi
'''


@pytest.mark.parametrize(("before", "after"), [
    ('"""Module."""', '"""Another text,\nof two lines."""'), ('    """Class."""\n', ""),
    ('        """Function."""\n', "        '''Other.'''\n\n"), ("# a comment", "# another"), ("2.0", "2.00"),
    ("(self, x, *rest, y=1)", "(self, x,\n          *rest, y=1)"), ("SCALE * math.pi", "(SCALE * math.pi)"),
    ('f"{x:.3f} {y}"', "f'{x:.3f}' f' {y}'"), ("    width: int = 3", "    width: int = 3\n    pass\n    ..."),
])
def test_comments_docstrings_and_layout_change_nothing(before, after):
    assert before in PLAIN
    assert canonical(PLAIN.replace(before, after)) == canonical(PLAIN)


@pytest.mark.parametrize(("before", "after"), [
    ("2.0", "2"), ("2.0", "-2.0"), ("math.pi", "math.e"), ("y=1", "y=True"), ("y=1", "y=None"), ("y=1", "y"),
    (".3f", ".4f"), ("{y}", "{y!r}"), ("*rest", "*others"), ("width", "depth"), ("int = 3", "int = '3'"),
    ("import math", "import cmath as math"), ("class A:", "class A(list):"),
    ("    def f", "    @staticmethod\n    def f"),
])
def test_code_changes_it(before, after):
    after = PLAIN.replace(before, after)
    assert after != PLAIN and canonical(after) != canonical(PLAIN)


def test_a_string_that_is_used_is_no_docstring():
    assert canonical("x = 'a'") != canonical("x = 'b'")
    assert canonical("def f(): return 'a'") != canonical("def f(): return 'b'")
    assert canonical("f('a')") != canonical("f('b')") and canonical("'a'") == canonical("'b'")


def test_the_text_is_the_same_in_every_version_of_python():
    """Written down from Python 3.11. Newer versions add fields, such as `type_params`, which are empty here."""
    assert canonical("class A(B):\n    'doc'\n    x: int = u'a'\n    def f(self): return -1, None, f'{self!r:>3}'") == (
        "Module(body=[ClassDef(bases=[Name(id='B')], body=[AnnAssign(annotation=Name(id='int'), simple=1, "
        "target=Name(id='x'), value=Constant(value='a')), FunctionDef(args=arguments(args=[arg(arg='self')]), "
        "body=[Return(value=Tuple(elts=[UnaryOp(op=USub(), operand=Constant(value=1)), Constant(), "
        "JoinedStr(values=[FormattedValue(conversion=114, format_spec=JoinedStr(values=[Constant(value='>3')]), "
        "value=Name(id='self'))])]))], name='f')], name='A')])")
    cut = ast.parse("f'{x:<{y}}'").body[0].value
    cut.values[0].format_spec.values.append(ast.Constant(""))  # as Python 3.12 has it
    assert canonical(cut) == canonical(ast.parse("f'{x:<{y}}'").body[0].value)
    node = ast.parse("def f(): pass").body[0]
    node.type_params, node._fields = [], (*node._fields, "type_params")
    assert canonical(node) == canonical(ast.parse("def f(): pass").body[0])


@pytest.mark.parametrize(("text", "names"), [
    ("import a.b", {"a.b"}), ("import a.b as c", {"a.b"}), ("import a.b as c\nc.f(c)", {"a.b", "a.b.f"}),
    ("from a import b", {"a.b"}), ("from a import b\nb.c.d()", {"a.b.c.d"}), ("from a import b as x\nx(1)", {"a.b"}),
    ("def f():\n    from a import b", {"a.b"}), ("from a import *", {"a"}), ("import a\na.b.c", {"a.b.c"}),
    ("from . import b", {"p.q.b"}), ("from .b import c", {"p.q.b.c"}), ("from ..r import c", {"p.r.c"}),
    ("a = 1\na.b", set()), ("import a\nprint(a)\na.b", {"a", "a.b"}),
])
def test_imports_are_full_names(text, names):
    assert imported(ast.parse(text), "p.q.m") == names


def test_a_relative_import_of_a_package_starts_at_the_package():
    assert imported(ast.parse("from .b import c"), "p.q", package=True) == {"p.q.b.c"}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package on the path, as files: name -> text."""
    def write(**files):
        for name, text in files.items():
            path = tmp_path / "pack" / (name.replace("__in__", "__init__").replace("_of_", "/") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        importlib.invalidate_caches()
        return tmp_path / "pack"
    monkeypatch.syspath_prepend(tmp_path)
    yield write
    for name in [m for m in sys.modules if m.split(".")[0] == "pack"]:
        del sys.modules[name]
    source._locate.cache_clear()


def ours(name):
    return name.split(".")[0] == "pack"


def test_the_closure_follows_reexports_and_relative_imports_and_nothing_else(package):
    package(__in__="from .deep import inner\nfrom pack.other import thing as item\nUNUSED = 1\n",
            deep_of___in__="from pack.deep.inner import f, g\nVALUE = 3\n", deep_of_inner="def f(): 0\ndef g(): 1\n",
            other="thing = 1\n", unused="x = 1\n",
            start="from pack import item\nfrom .deep import f\nfrom math import pi\nimport torch\n",
            whole="from pack.deep import VALUE\n")
    assert sorted(closure(["pack.start"], ours)) == ["pack.deep.inner", "pack.other", "pack.start"]
    assert sorted(closure(["pack.whole"], ours)) == ["pack.deep", "pack.deep.inner", "pack.whole"]
    assert list(resolve("pack.inner.f")) == ["pack.deep.inner"] and list(resolve("pack.none.f")) == ["pack"]
    assert sorted(closure(["pack.start"], lambda name: ours(name) and "other" not in name)) == [
        "pack.deep.inner", "pack.start"]


def test_modules_that_import_each_other_are_no_endless_walk(package):
    package(__in__="from pack.a import x\n", a="from pack.b import y\nx = 1\n",
            b="import pack.a\nfrom pack import x\ny = 1\n")
    assert sorted(closure(["pack.a"], ours)) == ["pack.a", "pack.b"]


def test_the_closure_sees_a_file_that_was_edited(package):
    folder = package(__in__="", a="from pack import b\nb.f()\n", b="def f(): return 1\n")
    before = closure(["pack.a"], ours)
    (folder / "b.py").write_text("def f():  # one\n    return 1\n")
    assert closure(["pack.a"], ours) == before and {*before} == {"pack.a", "pack.b"}
    (folder / "b.py").write_text("def f(): return 12\n")
    assert closure(["pack.a"], ours) != before


def test_a_package_that_makes_names_on_demand_is_asked_for_them(package):
    package(__in__="import importlib\ndef __getattr__(name):\n"
            "    return getattr(importlib.import_module('pack.far'), name)\n",
            far="class Far: 0\n", start="import pack as p\nclass A(p.Far): 0\n")
    importlib.import_module("pack")
    assert sorted(closure(["pack.start"], ours)) == ["pack", "pack.far", "pack.start"]


def test_what_has_no_source_has_no_file():
    assert source.file_of("math") is None and source.file_of("no_such_module_at_all") is None
    assert source.file_of("erclab.core.source").name == "source.py"
    assert list(resolve("no_such_module_at_all.x")) == []
