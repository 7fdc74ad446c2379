"""The source of a class that stands in a notebook cell or a script, with all that it uses from there."""

from __future__ import annotations

import ast
import dataclasses
import enum
import functools
import hashlib
import inspect
import linecache
import symtable
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePath
from types import CodeType, FunctionType, ModuleType, UnionType
from typing import Any

import numpy as np
import torch
from torch import nn

from erclab.core.errors import UsageError
from erclab.core.source import canonical, uses

ABSENT = object()
PLAIN = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis), torch.dtype, torch.device, np.dtype,
         PurePath, range, slice)


def pieces(cls: type, follow: Callable[[str], bool]) -> tuple[dict[str, str], set[str]]:
    """What decides the behaviour of a class of this session, and the modules that the class uses.

    The pieces are the class, and the functions, classes and constants of its own module that the class uses, directly
    or through one another. Other names of the module, such as those of later cells, do not count.

    Args:
        follow: whether a module outside the session is one whose source counts.

    Returns:
        Name -> canonical text or value; and the names of modules to follow.

    Raises:
        UsageError: a source is not at hand, or a value that the class uses has no stable description.
    """
    walk = _Walk(cls, follow)
    walk.add(cls.__qualname__, cls)
    return walk.texts, walk.modules


class _Walk:
    """The texts and modules that were found so far, and the objects that were visited."""

    def __init__(self, cls: type, follow: Callable[[str], bool]):
        self.title, self.home, self.follow = cls.__qualname__, cls.__module__, follow
        self.texts: dict[str, str] = {}
        self.modules: set[str] = set()
        self.seen: set[int] = set()

    def add(self, name: str, value: Any, chain: tuple[str, ...] = ()) -> None:
        """Add the value that a name has; `chain` are the attributes that the source takes from a module."""
        while isinstance(value, ModuleType) and chain and hasattr(value, chain[0]):
            name, value, chain = f"{name}.{chain[0]}", getattr(value, chain[0]), chain[1:]
        if isinstance(value, ModuleType):
            if self.follow(value.__name__):
                self.modules.add(value.__name__)
        elif isinstance(inspect.unwrap(value) if callable(value) else value, type | FunctionType):
            self._definition(value)
        elif not _foreign(value):
            self.texts[name] = self.described(name, value)

    def _definition(self, value: type | FunctionType) -> None:
        """Add a class or a function, and whatever it uses if it stands in the class's own module."""
        value = inspect.unwrap(value)
        if value.__module__ != self.home:
            if self.follow(str(value.__module__)):
                self.modules.add(value.__module__)
            return
        if id(value) in self.seen:
            return
        self.seen.add(id(value))
        if isinstance(value, type) and not any(_functions(value)):
            self._record(value)
            return
        node, names = self._source(value)
        self.texts[value.__qualname__] = canonical(node)
        chained, _ = uses(node)
        for name in sorted(_global_names(node)):
            found = names.get(name, ABSENT)
            chains = [chain[1:] for chain in chained if chain[0] == name]
            if found is not ABSENT:
                for chain in (sorted(chains) or [()]) if isinstance(found, ModuleType) else [()]:
                    self.add(name, found, chain)
        if isinstance(value, type):
            for base in value.__bases__:
                self._definition(base)

    def _record(self, cls: type) -> None:
        """Add a class without functions of its own, such as a dataclass: its source is not found, its fields are."""
        fields = {n: v for n, v in vars(cls).items() if not n.startswith("__") and not callable(v)
                  and not isinstance(v, property | staticmethod | classmethod) and not inspect.ismemberdescriptor(v)}
        parts = [str(inspect.get_annotations(cls)), *(f"{n}={self.described(n, v)}" for n, v in fields.items()
                                                       if not n.startswith("_"))]
        for f in dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ():
            if f.default_factory is not dataclasses.MISSING:
                self.add(f"{cls.__qualname__}.{f.name}", f.default_factory)
        self.texts[cls.__qualname__] = f"class({', '.join(parts)})"
        for base in cls.__bases__:
            self._definition(base)

    def _source(self, value: type | FunctionType) -> tuple[ast.AST, Mapping[str, Any]]:
        """The node of a class or function, and the values of the names outside it."""
        for function in _functions(value) if isinstance(value, type) else [value]:
            code = function.__code__
            linecache.checkcache(code.co_filename)  # a script may have been edited and executed again
            lines = linecache.getlines(code.co_filename, function.__globals__)
            node = _node("".join(lines), value, code) if lines else None
            if node is not None:
                return node, {**function.__globals__, **_enclosed(value)}
        raise UsageError(f"the source of {value.__qualname__} is not at hand", where=self.title,
                         remedy="Write the class in a notebook cell, a script or a module of your own, so that an "
                                "edit can be told from the code that made a record.")

    def described(self, name: str, value: Any) -> str:
        """A value as text, the same whenever the value is the same.

        Raises:
            UsageError: there is no such text.
        """
        def inner(x: Any) -> str:
            return self.described(name, x)

        if isinstance(value, (enum.Enum, UnionType, typing.TypeVar, *PLAIN)) or typing.get_origin(value) is not None:
            return f"{type(value).__name__} {value!r}"
        if isinstance(value, list | tuple):
            return f"{type(value).__name__}[{', '.join(map(inner, value))}]"
        if isinstance(value, set | frozenset):
            return f"{type(value).__name__}[{', '.join(sorted(map(inner, value)))}]"
        if isinstance(value, Mapping):
            return f"{type(value).__name__}[{', '.join(f'{inner(k)}: {inner(v)}' for k, v in value.items())}]"
        if isinstance(value, np.generic | np.ndarray):
            array = np.asarray(value)
            if array.dtype != object:
                return _array(array)
        if isinstance(value, torch.Tensor):
            return f"{value.dtype} {_array(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())}"\
                   f" {tuple(value.shape)}"
        if isinstance(value, nn.Module):
            self._definition(type(value))
            return f"{type(value).__name__}[{value}, {inner(dict(value.state_dict()))}]"
        if isinstance(value, functools.partial):
            return f"partial[{inner(value.func)}, {inner(value.args)}, {inner(value.keywords)}]"
        if isinstance(value, ModuleType | type | FunctionType) or _foreign(value):
            self.add(name, value)
            return getattr(value, "__qualname__", name)
        if type(value).__module__ == self.home and hasattr(value, "__dict__"):
            self._definition(type(value))
            return f"{type(value).__name__}[{inner(vars(value))}]"
        raise UsageError(f"{self.title} uses {name}, a {type(value).__name__}, whose value cannot be part of a run's "
                         "identity", remedy="Make it a setting of Config, a number, a text or an array.")


def _foreign(value: Any) -> bool:
    """Whether a value is a function of a compiled module, such as `math.exp` or `torch.relu`."""
    return inspect.isbuiltin(value) or isinstance(value, np.ufunc)


def _array(array: np.ndarray) -> str:
    return f"{array.dtype}{array.shape} {hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()}"


def _functions(cls: type) -> Iterator[FunctionType]:
    """The functions that are written in the body of a class; those that a decorator made are left out."""
    for member in vars(cls).values():
        member = getattr(member, "__func__", None) or getattr(member, "fget", None) or member
        member = inspect.unwrap(member) if callable(member) and not isinstance(member, type) else member
        if isinstance(member, FunctionType) and member.__qualname__.startswith(f"{cls.__qualname__}."):
            written = member.__globals__.get("__name__") == cls.__module__  # not so in a NamedTuple
            generated = dataclasses.is_dataclass(cls) and member.__code__.co_filename == "<string>" and (
                member.__name__.startswith("__"))
            if written and not generated:
                yield member


def _enclosed(value: type | FunctionType) -> dict[str, Any]:
    """The values that a function, or the methods of a class, take from a function around them."""
    found = {}
    for function in _functions(value) if isinstance(value, type) else [value]:
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            try:
                found[name] = cell.cell_contents
            except ValueError:  # not set yet
                continue
    return {name: x for name, x in found.items() if name != "__class__"}


def _node(source: str, value: type | FunctionType, code: CodeType) -> ast.AST | None:
    """The node of a class or function in a source, found by a line of its code."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return None
    line, kinds = code.co_firstlineno, ast.ClassDef if isinstance(value, type) else (ast.FunctionDef,
                                                                                      ast.AsyncFunctionDef)
    found: list[Any] = [node for node in ast.walk(tree) if isinstance(node, kinds) and node.name == value.__name__
             and _first_line(node) <= line <= (node.end_lineno or line)]
    if not found and value.__name__ == "<lambda>":
        found = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)
                 and _first_line(node) <= line <= (node.end_lineno or line)]
    return max(found, key=_first_line, default=None)


def _first_line(node: Any) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", ()))])


def _global_names(node: ast.AST) -> set[str]:
    """The names that a class or function takes from outside itself."""
    found, tables = set(), [symtable.symtable(ast.unparse(node), "<source>", "exec")]
    for table in tables:
        outermost = table.get_type() == "module"
        found |= {s.get_name() for s in table.get_symbols()
                  if (s.is_referenced() if outermost else s.is_referenced() and s.is_global())}
        tables += table.get_children()
    return found
