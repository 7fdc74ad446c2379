"""The errors that a user can cause and mend.

Each message is one line: where, what is wrong, and what to do. The command line prints it and exits with
status 2. Any other exception is a bug of erclab and keeps its traceback.
"""

from __future__ import annotations

import os
from collections import abc


class ErclabError(Exception):
    """A problem that the user can mend.

    Args:
        problem: what is wrong, in one sentence without a final full stop.
        where: the file, row, dialogue, field or option with the problem.
        remedy: what to do about it.
    """

    def __init__(self, problem: str, *, where: str | os.PathLike[str] = "", remedy: str = ""):
        self.problem, self.where, self.remedy = problem, str(where), remedy
        line = f"{where}: {problem}" if where else problem
        super().__init__(" ".join(f"{line}. {remedy}".split()) if remedy else " ".join(line.split()))

    def recast(self, kind: type[ErclabError], *, where: str | os.PathLike[str] | None = None,
               remedy: str | None = None) -> ErclabError:
        """The same problem as another kind of error, elsewhere or with another remedy where these are given."""
        return kind(self.problem, where=self.where if where is None else where,
                    remedy=self.remedy if remedy is None else remedy)


class UsageError(ErclabError):
    """An option, name or combination that does not exist."""


class CorpusError(ErclabError):
    """A corpus, file or folder that cannot be read or does not make sense."""


class FeatureError(ErclabError):
    """Features that cannot be computed or loaded."""


class RunError(ErclabError):
    """A run that cannot be trained, stored or loaded."""


class NotebookError(ErclabError):
    """A notebook that cannot be executed as asked."""


def unknown(kind: str, name: object, known: abc.Iterable[object]) -> UsageError:
    """The error for a name that is not in `known`: lists the known names, and the one that was perhaps meant."""
    import difflib

    names = [str(k) for k in known]
    near = difflib.get_close_matches(str(name), names, n=1) or [n for n in names if str(name) == _initials(n)]
    guess = f"Did you mean '{near[0]}'? " if near else ""
    return UsageError(f"unknown {kind} '{name}'", remedy=f"{guess}There is: {', '.join(names)}.")


def some(names: abc.Sequence[str], most: int) -> str:
    """The first names in one text, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _initials(name: str) -> str:
    """The first letters of the parts of a name: "learning_rate" is "lr"."""
    return "".join(part[:1] for part in name.split("_")) if "_" in name else ""
