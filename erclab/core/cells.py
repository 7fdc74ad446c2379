"""The source of a class that is defined in a notebook cell or a script, and of what the class uses of that place."""

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
# Types whose `repr` is the same whenever the value is the same.
PLAIN = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis), torch.dtype, torch.device, np.dtype,
         PurePath, range, slice)


def pieces(cls: type, follow: Callable[[str], bool]) -> tuple[dict[str, str], set[str]]:
    """The source texts that decide what a class computes, and the modules that the class uses.

    The texts are those of the class, of the functions, classes and constants of its module that the class uses, and of
    those that these use in turn. Other names of the module, such as names of later cells, do not count.

    Args:
        follow: gets the name of another module, and returns whether the source of that module counts.

    Returns:
        Name -> canonical source text, or the value as text; and the names of the modules that count.

    Raises:
        UsageError: a source text cannot be found, or a value that the class uses has no stable description.
    """
    walk = _Walk(cls, follow)
    walk.add(cls.__qualname__, cls)
    return walk.texts, walk.modules


class _Walk:
    """A walk from a class to all that the class uses: the texts and modules found so far, and the visited objects."""

    def __init__(self, cls: type, follow: Callable[[str], bool]):
        self.title, self.home, self.follow = cls.__qualname__, cls.__module__, follow
        self.texts: dict[str, str] = {}
        self.modules: set[str] = set()
        self.seen: set[int] = set()

    def add(self, name: str, value: Any, chain: tuple[str, ...] = ()) -> None:
        """Add the value of a name.

        Args:
            name: a name in the source text.
            value: the value of that name in this session.
            chain: if the value is a module, the attributes that the source reads: ("nn", "Linear") for
                `torch.nn.Linear`.
        """
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
        """Add a class or a function. If it is defined in the module of the first class, add what it uses as well."""
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
        """Add a class without functions of its own, such as a dataclass. Python finds no source text of such a class,
        so its fields and their defaults stand for the text."""
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
        """The syntax tree of a class or function, and the values of the names that are defined outside of it."""
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
    """The functions that are written in the body of a class, without the functions that a decorator adds."""
    for member in vars(cls).values():
        member = getattr(member, "__func__", None) or getattr(member, "fget", None) or member
        member = inspect.unwrap(member) if callable(member) and not isinstance(member, type) else member
        if isinstance(member, FunctionType) and member.__qualname__.startswith(f"{cls.__qualname__}."):
            # The methods of a NamedTuple have the globals of another module.
            written = member.__globals__.get("__name__") == cls.__module__
            generated = dataclasses.is_dataclass(cls) and member.__code__.co_filename == "<string>" and (
                member.__name__.startswith("__"))
            if written and not generated:
                yield member


def _enclosed(value: type | FunctionType) -> dict[str, Any]:
    """Name -> value, of the variables of an enclosing function that a function, or a method of a class, uses."""
    found = {}
    for function in _functions(value) if isinstance(value, type) else [value]:
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            try:
                found[name] = cell.cell_contents
            except ValueError:  # the variable has no value yet
                continue
    return {name: x for name, x in found.items() if name != "__class__"}


def _node(source: str, value: type | FunctionType, code: CodeType) -> ast.AST | None:
    """The syntax tree of a class or function in a source text, found by the first line of its compiled code."""
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
    """The names that a class or function uses and does not define."""
    found, tables = set(), [symtable.symtable(ast.unparse(node), "<source>", "exec")]
    for table in tables:
        outermost = table.get_type() == "module"
        found |= {s.get_name() for s in table.get_symbols()
                  if (s.is_referenced() if outermost else s.is_referenced() and s.is_global())}
        tables += table.get_children()
    return found
