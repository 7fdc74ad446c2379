"""The house has its order: who may import whom, and what every file must have. By reading the code, not running it.

    notebooks -> exhibits -> analysis -> runs -> training -> models / corpora / features -> errors, paths, storage, ...
"""

import ast
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / "erclab").rglob("*.py"))

# What everybody may import, and which therefore imports nothing of ours but its like.
FOUNDATION = ("errors", "paths", "storage", "batches", "metrics", "settings", "progress", "tasks", "degrade")
# importer -> what it must not import (both as prefixes, inside erclab). "*" is everything of erclab.
FORBIDDEN = {
    "features": ("corpora", "models", "training", "runs", "sweep", "analysis", "exhibits", "viz", "notebooks"),
    "models": ("corpora", "training", "features", "runs", "sweep", "analysis", "exhibits", "viz", "notebooks"),
    "corpora": ("models", "training", "runs", "sweep", "analysis", "exhibits", "viz", "notebooks"),
    "training": ("runs", "sweep", "analysis", "exhibits", "viz", "notebooks"),
    "runs": ("sweep", "analysis", "exhibits", "viz", "notebooks"),
    "provenance": ("corpora", "models", "training", "features", "runs", "sweep", "analysis", "exhibits", "viz",
                   "notebooks"),
    "published": ("corpora", "models", "training", "features", "runs", "sweep", "analysis", "exhibits", "viz",
                  "notebooks"),
    "sweep": ("analysis", "exhibits", "viz", "notebooks"),
    "viz": ("corpora", "models", "training", "runs", "sweep", "analysis", "exhibits", "notebooks"),
    "analysis": ("exhibits", "viz", "notebooks", "sweep", "training.loop.train", "runs.run", "runs.execute",
                 "runs.cross_validate", "runs.engine", "runs.crossvalidation"),
    "exhibits": ("notebooks", "sweep", "training.loop.train", "runs.run", "runs.execute", "runs.cross_validate",
                 "runs.engine", "runs.crossvalidation"),
    "contracts": ("features", "sweep", "analysis", "exhibits", "viz", "notebooks"),
    "bench": ("features", "runs", "sweep", "analysis", "exhibits", "viz", "notebooks"),
}
# Contracts look at models from outside: only the command line and exhibits show what they found. So does the bench,
# whose records are all that anybody else needs.
FORBIDDEN = {importer: (*names, *(() if importer in ("contracts", "exhibits") else ("contracts",)),
                        *(() if importer == "bench" else ("bench",)))
             for importer, names in FORBIDDEN.items()}
JUPYTER = ("papermill", "jupyter", "jupyterlab", "jupyter_client", "jupyter_core", "nbformat", "nbclient", "nbconvert",
           "ipykernel", "IPython", "ipywidgets")
# In two halves, so that this file may be searched as well.
HOSTS = ("py" + "pi.org", "python" + "hosted", "ana" + "conda.", "py" + "torch.org", "index" + "-url",
         "arti" + "factory", "../" + "shared", "/work/" + "shared")


@dataclass(frozen=True)
class Import:
    """What one import statement names, in full, and its line."""

    name: str
    line: int


def module(path):
    """The dotted name of a file under the root; that of a package ends with __init__, so that `.` means the same."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def imports(source, name="erclab.x"):
    """Every import in the source, also inside functions; `from a import b` names both a and a.b."""
    package = name.split(".")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join([*package[: len(package) - node.level], node.module or ""] if node.level
                            else [node.module]).strip(".")
            yield Import(base, node.lineno)
            yield from (Import(f"{base}.{alias.name}", node.lineno) for alias in node.names)


def uses(source, name="erclab.x"):
    """Imports, and attributes of what was imported: `runs.run` after `from erclab import runs` is a use of it."""
    tree, known = ast.parse(source), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level:
            known |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            known |= {alias.asname or alias.name.split(".")[0]: alias.name if alias.asname else alias.name.split(".")[0]
                      for alias in node.names}
    yield from imports(source, name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            chain, inner = [node.attr], node.value
            while isinstance(inner, ast.Attribute):
                chain.append(inner.attr)
                inner = inner.value
            if isinstance(inner, ast.Name) and inner.id in known:
                yield Import(".".join([known[inner.id], *reversed(chain)]), node.lineno)


def within(name, prefix):
    return name == prefix or name.startswith(prefix + ".")


def wrong_imports(name, source):
    """One line per import or use that this module must not have."""
    found = []
    for used in uses(source, name):
        inside = used.name.removeprefix("erclab.") if within(used.name, "erclab") else None
        bad = False
        if inside is not None:
            for importer, forbidden in FORBIDDEN.items():
                if within(name, f"erclab.{importer}"):
                    bad |= any(within(inside, f) for f in forbidden)
            if name.removeprefix("erclab.") in FOUNDATION:
                bad |= inside not in ("erclab", *FOUNDATION) and inside.split(".")[0] not in FOUNDATION
            bad |= within(inside, "cli") and not within(name, "erclab.cli") and name != "erclab.__main__"
        elif used.name.split(".")[0] in JUPYTER:
            bad = name != "erclab.notebooks"
        if bad:
            found.append(f"{name}, line {used.line}: {used.name}")
    return found


def undocumented(source):
    """Names of the public module, classes and functions without a docstring."""
    tree = ast.parse(source)
    missing = [] if ast.get_docstring(tree) else ["the module"]
    level = [tree]
    while level:
        node = level.pop()
        for child in node.body:
            if isinstance(child, ast.ClassDef) and not child.name.startswith("_"):
                missing += [] if ast.get_docstring(child) else [child.name]
                level.append(child)
            elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and isinstance(node, ast.Module):
                missing += [] if ast.get_docstring(child) or child.name.startswith("_") else [child.name]
    return missing


def prints(source):
    """Lines that call print."""
    return [node.lineno for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"]


def hosts(text):
    return [word for word in HOSTS if word in text.lower()]


files = pytest.mark.parametrize("path", FILES, ids=[str(p.relative_to(ROOT)) for p in FILES])


def test_there_are_files_to_check():
    named = {"erclab.__init__", "erclab.cli.__init__", "erclab.models.sdt", "erclab.exhibits.sdt"}
    assert named <= {*map(module, FILES)}
    there = {module(p).removeprefix("erclab.").split(".")[0] for p in FILES}
    assert {*FOUNDATION, *FORBIDDEN} <= there  # a part that was renamed is no longer guarded


@files
def test_arrows_run_one_way(path):
    assert wrong_imports(module(path), path.read_text()) == []


@files
def test_whatever_is_public_has_a_docstring(path):
    assert undocumented(path.read_text()) == []


@files
def test_files_can_be_read_in_one_sitting(path):
    assert len(path.read_text().splitlines()) <= 400


@files
def test_only_the_command_line_prints(path):
    assert within(module(path), "erclab.cli") or prints(path.read_text()) == []


def test_nothing_names_a_package_host_or_a_folder_of_the_developers():
    texts = [*FILES, *(ROOT / "erclab").rglob("*.json"), *(ROOT / "notebooks").glob("*.ipynb"),
             *ROOT.glob("README.md")]
    assert {str(p.relative_to(ROOT)): hosts(p.read_text()) for p in texts if hosts(p.read_text())} == {}


# The checkers themselves

@pytest.mark.parametrize(("name", "source"), [
    ("erclab.models.new", "from erclab.corpora import Corpus"),
    ("erclab.models.new", "from erclab import corpora"),
    ("erclab.models.new", "import erclab.training.loop as l"),
    ("erclab.models.new", "from ..corpora.schema import Corpus"),
    ("erclab.models.new", "def f():\n    from erclab.runs import run"),
    ("erclab.features.audio", "from erclab.corpora.schema import MODALITIES"),
    ("erclab.corpora.new", "import erclab.models"),
    ("erclab.corpora.__init__", "from erclab import viz"),
    ("erclab.training.__init__", "from ..runs import Record"),
    ("erclab.exhibits.__init__", "from ..runs import run"),
    ("erclab.training.loop", "from erclab.runs import Record"),
    ("erclab.runs", "from erclab.exhibits import scores"),
    ("erclab.exhibits.new", "from erclab.training.loop import train"),
    ("erclab.exhibits.new", "from erclab.training import loop\nloop.train(1)"),
    ("erclab.exhibits.new", "from erclab import runs\nruns.run('sdt')"),
    ("erclab.contracts.new", "from erclab.exhibits import scores"),
    ("erclab.models.new", "from erclab.contracts.batches import shake"),
    ("erclab.analysis.new", "from erclab import contracts"),
    ("erclab.exhibits.new", "from erclab.bench import CASES"),
    ("erclab.bench.new", "from erclab import runs"),
    ("erclab.analysis.new", "import erclab\nerclab.runs.run('sdt')"),
    ("erclab.analysis.new", "from erclab.runs import Record, run"),
    ("erclab.analysis.new", "from erclab.runs import execute as load"),
    ("erclab.analysis.new", "from erclab import viz"),
    ("erclab.errors", "from erclab import runs"),
    ("erclab.metrics", "from erclab.corpora import SPLITS"),
    ("erclab.runs", "from erclab.cli import main"),
    ("erclab.runs", "import papermill"),
    ("erclab.cli", "from jupyter_client import kernelspec"),
])
def test_the_checker_sees_a_wrong_import(name, source):
    assert len(wrong_imports(name, source)) >= 1


@pytest.mark.parametrize(("name", "source"), [
    ("erclab.exhibits.new", "from erclab import viz\nfrom erclab.runs import Record\nfrom erclab.training import loop"),
    ("erclab.exhibits.new", "from erclab import runs\nruns.load(path)"),
    ("erclab.exhibits.new", "from erclab import contracts"),
    ("erclab.contracts.new", "from erclab import corpora, models, runs\nruns.run('sdt')"),
    ("erclab.training.loop", "from erclab.corpora.views import DialogueView\nfrom erclab.models import build"),
    ("erclab.models.new", "from erclab.batches import DialogueBatch\nfrom erclab.models.interface import Output"),
    ("erclab.metrics", "from erclab.errors import ErclabError\nimport erclab"),
    ("erclab.notebooks", "import papermill, nbformat"),
    ("erclab.__main__", "from erclab.cli import main"),
    ("erclab.models.new", "import corpora\nfrom training import loop"),  # somebody else's
])
def test_the_checker_lets_a_right_import_pass(name, source):
    assert wrong_imports(name, source) == []


def test_the_checker_sees_what_is_undocumented():
    source = "class A:\n    class Config:\n        x: int\n    def f(self): 0\ndef g(): 0\ndef _h(): 0\nclass _B: 0"
    assert sorted(undocumented(source)) == ["A", "Config", "g", "the module"]
    assert undocumented('"""M."""\nclass A:\n    """C."""\nasync def g():\n    """F."""') == []


def test_the_checker_sees_a_print_and_a_host():
    assert prints("x = print\nsay(print=1)\ndef f():\n    print('now')") == [4]
    assert hosts("pip install --Index" + "-URL https://py" + "pi.org/simple ../" + "shared/data") == [
        "py" + "pi.org", "index" + "-url", "../" + "shared"]
    assert hosts("https://arxiv.org/abs/2310.20494, shared seeds") == []
