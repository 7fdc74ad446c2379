"""What erclab does inside a notebook: errors of users are one line, and papermill's parameters are checked."""

from __future__ import annotations

import ast
import sys
from itertools import pairwise
from types import TracebackType
from typing import Any

from erclab.core.errors import ErclabError, UsageError, unknown

INJECTED = "# Parameters"  # how the cell begins that papermill puts after the cell of parameters
KINDS = {bool: "True or False", int: "a whole number", float: "a number", str: "a text"}


def shell() -> Any:
    """The shell of this notebook or IPython session; None in a script."""
    return sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None


def short_errors(where: Any = None) -> None:
    """Show an error that a user can mend (`ErclabError`) as its one line, without a traceback through the package.
    Every other error keeps its traceback.

    Args:
        where: a shell of IPython, by default that of this session; nothing happens in a script.
    """
    where = where or shell()
    if where is not None:
        where.set_custom_exc((ErclabError,), _shown)


def _shown(where: Any, kind: type[BaseException], error: BaseException, trace: TracebackType | None,
           tb_offset: int | None = None) -> list[str]:
    """The handler of IPython: shell, type, error, traceback -> the lines that are shown."""
    lines = [f"{kind.__name__}: {error}"]
    where._showtraceback(kind, error, lines)
    return lines


def check_parameters() -> None:
    """Refuse parameters that papermill has given and this notebook does not have, or that are of another type. The line
    stands in the cell after the parameters; without papermill it does nothing.

    Raises:
        UsageError: the notebook has no such parameter, or a parameter of another type.
    """
    cells = (shell().user_ns.get("In") or []) if shell() is not None else []
    for before, cell in pairwise(cells):
        if cell.startswith(INJECTED):
            compare_parameters(_values(before), _values(cell))


def compare_parameters(defaults: dict[str, Any], given: dict[str, Any]) -> None:
    """Compare the parameters that are given with those of a notebook and their defaults.

    Raises:
        UsageError: see `check_parameters`.
    """
    for name, value in given.items():
        if name not in defaults:
            raise unknown("parameter", name, defaults)
        default = defaults[name]
        fits = type(value) is type(default) or (isinstance(default, float) and type(value) is int)
        if not fits and type(default) in KINDS:
            raise UsageError(f"the parameter {name} is {value!r}",
                             remedy=f"Give {KINDS[type(default)]}, such as {default!r}.")


def _values(cell: str) -> dict[str, Any]:
    """Name -> value of the assignments of a cell, as far as they are literals."""
    found = {}
    for node in ast.parse(cell).body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            try:
                found[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:  # an expression
                continue
    return found
