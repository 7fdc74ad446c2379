"""The house has its order: who may import whom, and what every file must have. By reading the code, not running it.

    cli -> reports -> exhibits -> claims -> figures / analysis / sweep / contracts / bench / labs -> runs -> training
        -> models, corpora -> ops, features, published -> core
"""

import ast
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / "erclab").rglob("*.py"))

# Rooms from below to above. A room imports from those below it, and from a neighbour of its own line only as NEIGHBOURS
# says. What is in no line (erclab itself, `erclab.face`) is the outside, which no room looks at.
LEVELS = (
    ("core",),
    ("ops", "features", "published"),
    ("models", "corpora"),
    ("training",),
    ("runs",),
    ("analysis", "figures", "sweep", "contracts", "bench", "labs"),
    ("claims",),
    ("exhibits",),
    ("reports",),
    ("study",),
    ("cli", "__main__"),
)
NEIGHBOURS = {("contracts", "analysis"), ("__main__", "cli")}  # contracts disturb batches as robustness does
# Beyond that, for a room, what it must leave to others: training, and what belongs to one side only.
TRAINING = ("training.loop.train", "training.trainer", "runs.run", "runs.execute", "runs.cross_validate", "runs.engine",
            "runs.crossvalidation")
# What decides by device, precision, mode or layout belongs into the modules of `ops`; a model calls the modules.
DECIDES = ("ops.linear.lowered", "ops.linear.low_precision", "ops.recompute", "ops.dropout.several_seeds",
           "ops.attention.parts_pay", "ops.attention.transformed", "ops.plain", "ops.private")
FORBIDDEN = {
    "models": ("features", *DECIDES),
    "ops": ("features", "published"),
    "contracts": ("features",),
    "bench": ("features", "runs"),
    "analysis": TRAINING,
    "figures": ("corpora", "models", "training", "runs"),
    # Its runs are a sweep, or cross-validated.
    "claims": ("features", "figures", "contracts", "bench", *(t for t in TRAINING if "cross" not in t)),
    "exhibits": ("sweep", "bench", *TRAINING),
    "study": tuple(room for line in LEVELS[1:] for room in line if room != "figures"),
}
# Fitting an estimator is training, too. Where it may be done: baselines, and the probes of an analysis.
ESTIMATORS = ("linear_model", "discriminant_analysis", "svm", "ensemble", "neighbors", "neural_network", "naive_bayes",
              "tree", "cluster", "gaussian_process", "model_selection", "pipeline")
FITS = ("erclab.models.baselines", "erclab.analysis")
MOST_ARROWS = 103  # between rooms; the room of claims brought eleven, labs five, reports eleven: it tells of all others
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


parse = lru_cache(maxsize=1)(ast.parse)  # of one file after the other: what several rules read is one tree


def module(path):
    """The dotted name of a file under the root; that of a package ends with __init__, so that `.` means the same."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def imports(source, name="erclab.x"):
    """Every import in the source, also inside functions; `from a import b` names both a and a.b."""
    package = name.split(".")
    for node in ast.walk(parse(source)):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join([*package[: len(package) - node.level], node.module or ""] if node.level
                            else [node.module]).strip(".")
            yield Import(base, node.lineno)
            yield from (Import(f"{base}.{alias.name}", node.lineno) for alias in node.names)


def uses(source, name="erclab.x"):
    """Imports, and attributes of what was imported: `runs.run` after `from erclab import runs` is a use of it."""
    tree, known = parse(source), {}
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


def level(room):
    return next((i for i, line in enumerate(LEVELS) if room in line), None)


def room_of(name):
    """The room of a module of erclab, "" for erclab itself."""
    return name.split(".")[1] if "." in name else ""


def wrong_imports(name, source):
    """One line per import or use that this module must not have."""
    found, home = [], room_of(name)
    for used in uses(source, name):
        inside = used.name.removeprefix("erclab.") if within(used.name, "erclab") else None
        bad = False
        if inside is not None:
            there = inside.split(".")[0]
            if level(home) is not None and level(there) is not None and there != home:
                same = level(there) == level(home)
                bad |= level(there) > level(home) or (same and (home, there) not in NEIGHBOURS)
            bad |= there == "face" and home not in ("", "face", "cli")
            bad |= any(within(inside, f) for f in FORBIDDEN.get(home, ()))
        elif used.name.split(".")[0] in JUPYTER:
            bad = name != "erclab.study"
        elif used.name.startswith("sklearn."):
            bad = used.name.split(".")[1] in ESTIMATORS and not any(within(name, place) for place in FITS)
        if bad:
            found.append(f"{name}, line {used.line}: {used.name}")
    return found


def module_graph():
    """Module -> the modules of erclab that it imports, those for type checking and inside functions included."""
    names = {module(p).removesuffix(".__init__"): p for p in FILES}
    graph = {}
    for name, path in names.items():
        found = {i.name for i in imports(path.read_text(), module(path)) if i.name in names}
        # `from a.b import c` names a.b as well, which is only the package on the way where c is a module.
        graph[name] = {i for i in found if not any(within(other, i) and other != i for other in found)} - {name}
    return graph


def circles(graph):
    """Groups of modules that import each other, directly or on the way (strongly connected components)."""
    order, seen = [], set()

    def visit(start, edges, out):
        stack = [(start, iter(sorted(edges.get(start, ()))))]
        seen.add(start)
        while stack:
            node, rest = stack[-1]
            for following in rest:
                if following not in seen:
                    seen.add(following)
                    stack.append((following, iter(sorted(edges.get(following, ())))))
                    break
            else:
                stack.pop()
                out.append(node)

    for node in sorted(graph):
        if node not in seen:
            visit(node, graph, order)
    back = {}
    for node, edges in graph.items():
        for other in edges:
            back.setdefault(other, set()).add(node)
    seen, found = set(), []
    for node in reversed(order):
        if node not in seen:
            group = []
            visit(node, back, group)
            found += [sorted(group)] if len(group) > 1 else []
    return found


def undocumented(source):
    """Names of the public module, classes and functions without a docstring."""
    tree = parse(source)
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
    return [node.lineno for node in ast.walk(parse(source))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"]


def without_encoding(source):
    """Lines that read or write text in the encoding of the machine's locale."""
    found = []
    for node in ast.walk(parse(source)):
        if not isinstance(node, ast.Call) or any(k.arg == "encoding" for k in node.keywords):
            continue
        method = isinstance(node.func, ast.Attribute)
        name = node.func.attr if method else getattr(node.func, "id", "")
        words = {k.arg: k.value for k in node.keywords}
        if name == "open":
            after = node.args[0 if method else 1:]
            mode = words.get("mode", after[0] if after else ast.Constant("r"))
            # The first argument of a method may be a path instead of a mode: `cache.open(folder)`.
            bad = "b" not in str(mode.value) if isinstance(mode, ast.Constant) else not method
        elif name in ("read_text", "write_text"):
            bad = len(node.args) <= (name == "write_text")
        elif name == "to_csv":
            bad = bool(node.args) or "path_or_buf" in words
        elif name in ("Popen", "run", "check_output", "check_call"):
            bad = bool({"text", "universal_newlines"} & {*words})
        else:
            bad = name in ("read_csv", "NamedTemporaryFile") and "w+b" not in map(ast.unparse, node.args)
        found += [node.lineno] if bad else []
    return found


def hosts(text):
    return [word for word in HOSTS if word in text.lower()]


def test_there_are_files_to_check():
    named = {"erclab.__init__", "erclab.cli.__init__", "erclab.models.sdt.model", "erclab.exhibits.sdt"}
    assert named <= {*map(module, FILES)}
    there = {room_of(module(p)) for p in FILES}
    rooms = {room for line in LEVELS for room in line}
    assert rooms <= there and there - rooms <= {"__init__", "face"}  # each room has its level


def test_no_circles():
    assert circles(module_graph()) == []


def test_there_are_few_arrows_between_rooms():
    arrows = {(room_of(a), room_of(b)) for a, others in module_graph().items() for b in others}
    assert len({(a, b) for a, b in arrows if a != b}) < MOST_ARROWS


RULES = {
    "arrows run one way": lambda path, source: wrong_imports(module(path), source),
    "whatever is public has a docstring": lambda path, source: undocumented(source),
    "a file can be read in one sitting": lambda path, source: source.splitlines()[400:],
    "only the command line prints": lambda path, source: not within(module(path), "erclab.cli") and prints(source),
    "text files are UTF-8 on every machine": lambda path, source: without_encoding(source),
}


@pytest.fixture(scope="module")
def broken():
    """Rule -> file -> what breaks the rule there. Each file is read and parsed once for all rules."""
    found = {rule: {} for rule in RULES}
    for path in FILES:
        source = path.read_text(encoding="utf-8")
        for rule, check in RULES.items():
            if breaks := check(path, source):
                found[rule][str(path.relative_to(ROOT))] = breaks
    return found


@pytest.mark.parametrize("rule", RULES)
def test_every_file_keeps_the_rule(broken, rule):
    assert broken[rule] == {}


def test_text_files_of_the_tools_are_utf_8_too():
    assert {p.name: found for p in sorted((ROOT / "tools").glob("*.py"))
            if (found := without_encoding(p.read_text(encoding="utf-8")))} == {}


def test_nothing_names_a_package_host_or_a_folder_of_the_developers():
    texts = [*FILES, *(ROOT / "erclab").rglob("*.json"), *(ROOT / "notebooks").glob("*.ipynb"),
             *ROOT.glob("README.md")]
    assert {str(p.relative_to(ROOT)): hosts(p.read_text()) for p in texts if hosts(p.read_text())} == {}


# The checkers themselves

@pytest.mark.parametrize(("name", "source"), [
    ("erclab.models.new", "from erclab.corpora import Corpus"),
    ("erclab.models.new", "from erclab import corpora"),
    ("erclab.models.new", "import erclab.training.loop as l"),
    ("erclab.models.new", "from ..corpora.corpus import Corpus"),
    ("erclab.models.new", "def f():\n    from erclab.runs import run"),
    ("erclab.models.new", "if TYPE_CHECKING:\n    from erclab.runs import Record"),
    ("erclab.models.new", "from erclab.ops.linear import Linear, lowered"),
    ("erclab.models.new", "from erclab.ops.recompute import part"),
    ("erclab.ops.new", "from erclab.models.interface import Output"),
    ("erclab.features.audio", "from erclab.corpora.corpus import MODALITIES"),
    ("erclab.corpora.new", "import erclab.models"),
    ("erclab.corpora.__init__", "from erclab.figures import style"),
    ("erclab.training.__init__", "from ..runs import Record"),
    ("erclab.exhibits.__init__", "from ..runs import run"),
    ("erclab.training.loop", "from erclab.runs import Record"),
    ("erclab.runs", "from erclab.exhibits import scores"),
    ("erclab.exhibits.new", "from erclab.training.loop import train"),
    ("erclab.exhibits.new", "from erclab.training import loop\nloop.train(1)"),
    ("erclab.exhibits.new", "from erclab import runs\nruns.run('sdt')"),
    ("erclab.exhibits.new", "from sklearn.linear_model import LogisticRegression"),
    ("erclab.figures.new", "from sklearn.discriminant_analysis import LinearDiscriminantAnalysis"),
    ("erclab.figures.new", "import sklearn.linear_model as lm"),
    ("erclab.contracts.new", "from erclab.exhibits import sdt"),
    ("erclab.models.new", "from erclab.contracts.batches import shake"),
    ("erclab.analysis.new", "from erclab import contracts"),
    ("erclab.exhibits.new", "from erclab.bench import CASES"),
    ("erclab.bench.new", "from erclab import runs"),
    ("erclab.analysis.new", "import erclab\nerclab.runs.run('sdt')"),
    ("erclab.analysis.new", "from erclab.runs import Record, run"),
    ("erclab.analysis.new", "from erclab.runs import execute as load"),
    ("erclab.analysis.new", "from erclab.figures import style"),
    ("erclab.figures.new", "from erclab.runs import Record"),
    ("erclab.core.errors", "from erclab import runs"),
    ("erclab.core.metrics", "from erclab.corpora import SPLITS"),
    ("erclab.runs", "from erclab.cli import main"),
    ("erclab.runs", "from erclab import face"),
    ("erclab.runs", "import papermill"),
    ("erclab.cli", "from jupyter_client import kernelspec"),
])
def test_the_checker_sees_a_wrong_import(name, source):
    assert len(wrong_imports(name, source)) >= 1


@pytest.mark.parametrize(("name", "source"), [
    ("erclab.exhibits.new", "from erclab.figures import style\nfrom erclab.runs import Record"),
    ("erclab.exhibits.new", "from erclab import runs\nfrom erclab.training import loop\nruns.load(path)"),
    ("erclab.exhibits.new", "from erclab import contracts"),
    ("erclab.exhibits.new", "from sklearn.metrics import f1_score"),
    ("erclab.analysis.new", "from sklearn.linear_model import LogisticRegression"),
    ("erclab.contracts.new", "from erclab import corpora, models, runs\nruns.run('sdt')"),
    ("erclab.training.loop", "from erclab.corpora.views import DialogueView\nfrom erclab.models import build"),
    ("erclab.models.new", "from erclab.core.batches import DialogueBatch\nfrom erclab.models.interface import Output"),
    ("erclab.core.metrics", "from erclab.core.errors import ErclabError\nimport erclab"),
    ("erclab.study", "import papermill, nbformat"),
    ("erclab.__main__", "from erclab.cli import main"),
    ("erclab.models.new", "import corpora\nfrom training import loop"),  # somebody else's
])
def test_the_checker_lets_a_right_import_pass(name, source):
    assert wrong_imports(name, source) == []


def test_the_checker_sees_a_circle():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": set()}) == [["a", "b", "c"]]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_the_checker_sees_what_is_undocumented():
    source = "class A:\n    class Config:\n        x: int\n    def f(self): 0\ndef g(): 0\ndef _h(): 0\nclass _B: 0"
    assert sorted(undocumented(source)) == ["A", "Config", "g", "the module"]
    assert undocumented('"""M."""\nclass A:\n    """C."""\nasync def g():\n    """F."""') == []


def test_the_checker_sees_text_without_an_encoding():
    bad = ("open(p)", "open(p, 'w')", "p.open()", "p.open(mode='a')", "p.read_text()", "p.write_text(x)",
           "pd.read_csv(p, dtype=str)", "t.to_csv(p)", "subprocess.run(c, text=True)", "NamedTemporaryFile('w')")
    assert [x for x in bad if without_encoding(x) != [1]] == []
    good = ("open(p, 'rb')", "p.open('xb')", "open(p, encoding='utf-8')", "p.read_text('utf-8')",
            "p.write_text(x, 'utf-8')", "t.to_csv(index=False)", "subprocess.run(c)", "cache.open(folder)")
    assert [x for x in good if without_encoding(x)] == []


def test_the_checker_sees_a_print_and_a_host():
    assert prints("x = print\nsay(print=1)\ndef f():\n    print('now')") == [4]
    assert hosts("pip install --Index" + "-URL https://py" + "pi.org/simple ../" + "shared/data") == [
        "py" + "pi.org", "index" + "-url", "../" + "shared"]
    assert hosts("https://arxiv.org/abs/2310.20494, shared seeds") == []
