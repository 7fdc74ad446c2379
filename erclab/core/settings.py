"""Frozen configurations from typed or stored values: names and types are checked, lists become tuples."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any

from erclab.core.errors import UsageError, unknown


def from_dict(cls: type, values: Mapping[str, Any]):
    """A dataclass from a dictionary, such as one read back from JSON or typed as NAME=VALUE.

    Raises:
        UsageError: a name that is unknown or missing, a value of another type, or a value that the dataclass refuses.
    """
    checked = check(cls, values)
    absent = [f.name for f in dataclasses.fields(cls) if f.name not in checked
              and f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING]
    if absent:
        raise UsageError(f"{_words(cls)} lacks {', '.join(absent)}")
    return cls(**checked)


def check(cls: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Some of a dataclass's fields, with lists made into tuples.

    Raises:
        UsageError: a name that the dataclass does not have, or a value of another type.
    """
    hints = typing.get_type_hints(cls)
    checked = {}
    for name, value in values.items():
        if name not in hints:
            raise unknown(f"{_words(cls)} setting", name, hints)
        value = _tupled(value)
        if not _fits(value, hints[name]):
            raise UsageError(f"{name} = {value!r} is not {_described(hints[name])}")
        checked[name] = value
    return checked


def _words(cls: type) -> str:
    return cls.__qualname__.removesuffix(".Config")


def _tupled(value: Any) -> Any:
    return tuple(_tupled(v) for v in value) if isinstance(value, list | tuple) else value


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value has the annotated type; checks int, float, bool, str, None and tuples of these."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return any(_fits(value, h) for h in inner)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        inner = (inner[0],) * len(value) if len(inner) == 2 and inner[1] is Ellipsis else inner
        return len(inner) == len(value) and all(_fits(v, h) for v, h in zip(value, inner, strict=True))
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint) if isinstance(hint, type) else True


def _described(hint: Any) -> str:
    return {int: "a whole number", float: "a number", bool: "True or False", str: "text"}.get(
        hint, str(hint).replace("NoneType", "None"))
