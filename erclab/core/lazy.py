"""Packages that import their files at first use."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable
from types import ModuleType


def files_at_first_use(package: str) -> tuple[Callable[[str], ModuleType], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package: every public file of it is an attribute, imported at its first use.

    Args:
        package: the package's `__name__`.
    """
    def found() -> list[str]:
        return [m.name for m in pkgutil.iter_modules(sys.modules[package].__path__) if not m.name.startswith("_")]

    def get(name: str) -> ModuleType:
        if name in found():
            return importlib.import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name, obj=sys.modules[package])

    return get, lambda: sorted([*vars(sys.modules[package]), *found()])
