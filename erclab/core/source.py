"""The syntax tree of source code without comments, docstrings and layout, and the modules that the code imports."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

IGNORED_FIELDS = ("ctx", "kind", "type_comment", "type_ignores")  # of a node; they change no result


def canonical(node: ast.AST | str) -> str:
    """The syntax tree as text: the same for two sources that differ in comments, docstrings or layout only.

    The fields of a node are sorted, and fields without a value are left out, so that all versions of Python give the
    same text: a newer version adds fields (`type_params` in 3.12), which are empty for older code.

    Raises:
        SyntaxError: the source is not Python.
    """
    return _text(ast.parse(node) if isinstance(node, str) else node)


def _text(node: Any) -> str:
    if isinstance(node, list):
        return f"[{', '.join(map(_text, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    found = []
    for name in sorted(set(node._fields) - set(IGNORED_FIELDS)):
        value = getattr(node, name, None)
        if isinstance(value, list):
            value = [v for v in value if not _without_effect(v)]
            value = _joined(value) if isinstance(node, ast.JoinedStr) else value
        if value is not None and value != []:
            found.append(f"{name}={_text(value)}")
    return f"{type(node).__name__}({', '.join(found)})"


def _without_effect(node: Any) -> bool:
    """Whether a node is a docstring, another constant that stands alone, or `pass`."""
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _joined(values: list[ast.AST]) -> list[ast.AST]:
    """The parts of an f-string, with neighbouring texts joined and empty texts removed: Python 3.12 divides an f-string
    into other parts than earlier versions."""
    parts: list[Any] = []
    for value in values:
        if isinstance(value, ast.Constant) and value.value == "":
            continue
        if isinstance(value, ast.Constant) and parts and isinstance(parts[-1], ast.Constant):
            text: Any = value.value  # in an f-string every constant is a str
            parts[-1] = ast.Constant(parts[-1].value + text)
        else:
            parts.append(value)
    return parts


def closure(start: Iterable[str], follow: Callable[[str], bool]) -> dict[str, str]:
    """Module -> canonical text, for some modules, the modules that these import, and so on.

    A relative import, and a name that the `__init__` of a package imports from elsewhere, lead to the module that
    defines the name. An `__init__` is part of the result only if it defines the name itself.

    Args:
        start: names of the first modules.
        follow: gets the name of an imported module, or a full dotted name in a module, and returns whether that module
            is part of the result.
    """
    found: dict[str, str] = {}
    queue = list(start)
    while queue:
        name = queue.pop()
        path = file_of(name)
        if name in found or path is None:
            continue
        found[name], names = _read(path, _state(path), name)
        queue += [module for used in names if follow(used) for module in resolve(used) if follow(module)]
    return found


def _state(path: Path) -> tuple[int, int]:
    """The time and size of a file. If both are the same as before, the content is taken to be the same."""
    found = path.stat()
    return found.st_mtime_ns, found.st_size


@lru_cache(maxsize=1024)
def _read(path: Path, state: tuple[int, int], name: str) -> tuple[str, tuple[str, ...]]:
    """The canonical text of a module's file, and the dotted names that the module imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return canonical(tree), tuple(sorted(imported(tree, name, package=path.name == "__init__.py")))


@lru_cache(maxsize=4096)
def _locate(name: str) -> Path | None:
    top, *rest = name.split(".")
    try:
        spec = importlib.util.find_spec(top)
        for i in range(len(rest)):
            if spec is None or spec.submodule_search_locations is None:
                return None
            spec = PathFinder.find_spec(".".join([top, *rest[: i + 1]]), spec.submodule_search_locations)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None


def file_of(module: str) -> Path | None:
    """The file with the source of a module. The module is not imported. None for a built-in module, and for a module
    without source."""
    loaded = sys.modules.get(module)
    origin = getattr(loaded, "__file__", None)
    if origin and origin.endswith(".py") and Path(origin).is_file():
        return Path(origin)
    if loaded is not None:
        return None
    path = _locate(module)
    if path is None or not path.is_file():
        _locate.cache_clear()  # a user may write the module later in this session
        return None
    return path


def imported(tree: ast.AST, name: str, *, package: bool = False) -> set[str]:
    """The full dotted names that a module imports, at its top or inside functions: `from a import b` gives a.b.

    If the source imports a module m and reads its attributes, the attributes are given (`from a import m` with `m.f`
    gives a.m.f). If the source uses the name m in another way, the whole module is given (a.m).

    Args:
        tree: the syntax tree of the module.
        name: the name of the module, which relative imports need.
        package: whether the source is the `__init__` of a package.
    """
    bound: dict[str, str] = {}  # local name -> what is imported under that name
    found: set[str] = set()
    around: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                bound[alias.asname or top] = alias.name if alias.asname else top
                if top != alias.name and not alias.asname:  # `import a.b` also defines the name a
                    found.add(alias.name)
                    around.add(top)
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, name, package)
            for alias in node.names:
                if alias.name == "*":
                    found.add(base)
                else:
                    bound[alias.asname or alias.name] = f"{base}.{alias.name}"
    chained, bare = uses(tree)
    found |= {".".join([bound[first], *rest]) for first, *rest in chained if first in bound}
    partly = around | {first for first, *_ in chained}
    return found | {target for local, target in bound.items() if local in bare or local not in partly}


def _base(node: ast.ImportFrom, name: str, package: bool) -> str:
    """The full name of the module of a `from` import, whether the import is relative or not."""
    if not node.level:
        return node.module or ""
    parts = name.split(".")
    home = parts[: len(parts) - node.level + package]
    return ".".join([*home, *([node.module] if node.module else [])])


def uses(tree: ast.AST) -> tuple[set[tuple[str, ...]], set[str]]:
    """The names in a source: chains of attributes (`a.b.c` gives ("a", "b", "c")), and names without attributes."""
    chained, inside = set(), set()
    for node in ast.walk(tree):  # an outer attribute comes before those inside it
        if isinstance(node, ast.Attribute) and id(node) not in inside:
            chain, inner = [node.attr], node.value
            while isinstance(inner, ast.Attribute):
                inside.add(id(inner))
                chain.append(inner.attr)
                inner = inner.value
            if isinstance(inner, ast.Name):
                inside.add(id(inner))
                chained.add((inner.id, *reversed(chain)))
    return chained, {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in inside}


def resolve(name: str) -> Iterator[str]:
    """The modules that define a full dotted name, which is a module, or a name in a module or package."""
    yield from _resolve(name, frozenset())


def _resolve(name: str, seen: frozenset[str]) -> Iterator[str]:
    parts = name.split(".")
    depth = next((i for i in range(len(parts), 0, -1) if file_of(".".join(parts[:i]))), 0)
    module, rest = ".".join(parts[:depth]), parts[depth:]
    if not module or name in seen:
        return
    path = file_of(module)
    if not rest or path is None or path.name != "__init__.py":
        yield module
        return
    exported = _exported(path, _state(path), module).get(rest[0])
    if exported is not None:
        yield from _resolve(".".join([exported, *rest[1:]]), seen | {name})
        return
    yield module
    # A package may define names in a function `__getattr__`; the syntax tree does not show these names.
    there = sys.modules.get(module)
    home = getattr(getattr(there, rest[0], None), "__module__", None) if isinstance(there, ModuleType) else None
    if isinstance(home, str) and home != module:
        yield home


@lru_cache(maxsize=256)
def _exported(path: Path, state: tuple[int, int], package: str) -> dict[str, str]:
    """Name -> full dotted name, for the names that the `__init__` of a package imports from elsewhere."""
    names: dict[str, str] = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            base = _base(node, package, package=True)
            names |= {alias.asname or alias.name: f"{base}.{alias.name}" for alias in node.names if alias.name != "*"}
    return {local: target for local, target in names.items() if target != f"{package}.{local}"}
