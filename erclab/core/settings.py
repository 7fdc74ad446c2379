"""Frozen configurations from typed or stored values: names and types are checked, lists become tuples.

A field of a configuration may be a dataclass itself. The settings in it have dotted names, such as `bert.layers`. All
functions of this module take a nested setting in each of these forms, and `dotted` turns them into the first:

    {"bert.layers": 2}    {"bert": {"layers": 2}}    {"bert": BertBranch.Config(layers=2)}    {"bert_layers": 2}

The last form is the setting's earlier name. A configuration may list earlier names in `renamed`, a `ClassVar` with a
mapping of them to today's names, so that old records and sweep files remain readable.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from erclab.core.errors import UsageError, unknown


def from_dict(cls: type, values: Mapping[str, Any]):
    """A dataclass from a dictionary, such as one read back from JSON or typed as NAME=VALUE.

    Raises:
        UsageError: a name that is unknown or missing, a value of another type, or a value that the dataclass refuses.
    """
    checked, defaults = check(cls, values), _defaults(cls)
    absent = [name for name in setting_types(cls) if name not in checked and name not in defaults]
    if absent:
        raise UsageError(f"{_words(cls)} lacks {', '.join(absent)}")
    return combined(cls, checked)


def check(cls: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Some of a dataclass's settings by their dotted names, with lists made into tuples.

    Raises:
        UsageError: a name that the dataclass does not have, or a value of another type.
    """
    hints = setting_types(cls)
    checked = {}
    for name, value in dotted(cls, values).items():
        if name not in hints:
            raise unknown(f"{_words(cls)} setting", name, hints)
        value = _tupled(value)
        if not _fits(value, hints[name]):
            raise UsageError(f"{name} = {value!r} is not {_described(hints[name])}")
        checked[name] = value
    return checked


def combined(cls: type, *layers: Mapping[str, Any]):
    """A dataclass with its defaults, changed by each layer in turn. Names and types are not checked."""
    values = _defaults(cls)
    for layer in layers:
        values |= dotted(cls, layer)
    for head, kind in _nested(cls).items():
        inner = {name: values.pop(name) for name in list(values) if name.startswith(f"{head}.")}
        if inner and head not in values:
            values[head] = combined(kind, {name.removeprefix(f"{head}."): value for name, value in inner.items()})
    return cls(**values)


def dotted(cls: type, values: Any) -> dict[str, Any]:
    """Settings of a dataclass, each under its dotted name of today. Names that the dataclass lacks stay as they are.

    Args:
        values: names and values, or an instance of the dataclass.
    """
    renamed, nested, found = getattr(cls, "renamed", {}), _nested(cls), dict[str, Any]()
    pairs = values if isinstance(values, Mapping) else {f.name: getattr(values, f.name) for f in
                                                        dataclasses.fields(values)}
    for name, value in pairs.items():
        whole = isinstance(value, Mapping) or dataclasses.is_dataclass(value)
        if not (name in nested and whole):
            name = renamed.get(name, name)
        head, dot, rest = name.partition(".")
        if head in nested and (dot or whole):
            found |= _below(head, dotted(nested[head], {rest: value} if dot else value))
        else:
            found[name] = value
    return found


@lru_cache(maxsize=256)
def setting_types(cls: type) -> Mapping[str, Any]:
    """Dotted name -> annotated type, of every setting of a dataclass."""
    hints, nested, found = typing.get_type_hints(cls), _nested(cls), dict[str, Any]()
    for field in dataclasses.fields(cls):
        if field.name in nested:
            found |= _below(field.name, setting_types(nested[field.name]))
        else:
            found[field.name] = hints[field.name]
    return types.MappingProxyType(found)


def differing(config: Any) -> dict[str, Any]:
    """The settings of a configuration, by their dotted names, that are not the defaults of its class."""
    defaults, nothing = _defaults(type(config)), object()
    return {name: value for name, value in dotted(type(config), config).items()
            if value != defaults.get(name, nothing)}


def _defaults(cls: type) -> dict[str, Any]:
    """Dotted name -> default, of every setting that has one."""
    nested, found = _nested(cls), dict[str, Any]()
    for field in dataclasses.fields(cls):
        if field.default is not dataclasses.MISSING:
            found |= dotted(cls, {field.name: field.default})
        elif field.default_factory is not dataclasses.MISSING:
            found |= dotted(cls, {field.name: field.default_factory()})
        elif field.name in nested:
            found |= _below(field.name, _defaults(nested[field.name]))
    return found


def _below(field: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{field}.{name}": value for name, value in values.items()}


@lru_cache(maxsize=256)
def _nested(cls: type) -> Mapping[str, type]:
    """Name -> class, of the fields that are dataclasses."""
    hints = typing.get_type_hints(cls)
    return types.MappingProxyType({f.name: hints[f.name] for f in dataclasses.fields(cls)
                                   if dataclasses.is_dataclass(hints[f.name]) and isinstance(hints[f.name], type)})


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
