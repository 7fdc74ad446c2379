"""The digest of the code that decides a run's numbers. It is part of the run's id."""

from __future__ import annotations

import hashlib
import sys
import sysconfig
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from weakref import WeakKeyDictionary

from erclab.core.cells import pieces
from erclab.core.errors import RunError, UsageError
from erclab.core.source import closure, file_of
from erclab.models import ModelInfo

# The code that every run executes.
ROOTS = ("erclab.models.interface", "erclab.training.loop", "erclab.training.optimisers", "erclab.training.device",
         "erclab.corpora.views", "erclab.runs.data")
# The rooms whose modules count where that code or a model imports them; and modules of these rooms that change no
# number: messages, files, lists of names, and what a run's id has as values (the recipe, the settings).
ROOMS = ("core", "models", "ops", "training")
LEFT_OUT = ("erclab.core.errors", "erclab.core.paths", "erclab.core.progress", "erclab.core.settings",
            "erclab.core.storage", "erclab.models.registry", "erclab.training.recipes")

# Class of a user -> module -> its source when the class was first given.
_first: WeakKeyDictionary[type, dict[str, str]] = WeakKeyDictionary()


def code_digest(info: ModelInfo) -> str:
    """A hash of the code that decides what a run of a model computes.

    The hash covers the source of the model and of the modules that this source imports, the training loop, optimisers,
    device, batches, views, tasks and metrics, each as a syntax tree without comments and docstrings. Of a class in a
    notebook or a script, the hash covers the class and the functions and values of the notebook that the class uses.
    Recipes and settings are in the id by their values.

    Raises:
        UsageError: the source of the class is not at hand.
    """
    if info.given is None and info.where.startswith("erclab."):
        return _builtin(info.where.split(":")[0])
    files, session = _outside(info.given or info.cls)
    _first.setdefault(info.given or info.cls, files)
    return _hash({**files, **session})


def check_unchanged(info: ModelInfo, code: str) -> None:
    """Refuse to train a class whose source has changed since the run was planned.

    Raises:
        RunError: the class was replaced after the run was planned, or its file was edited after the class was
            imported, so that the class in memory is the older one.
    """
    if info.given is None and info.where.startswith("erclab."):
        return
    if code_digest(info) != code:
        raise RunError(f"the class {info.title} is not the one for which this run was planned", where=info.where,
                       remedy="Plan the run again.")
    before, now = _first[info.given or info.cls], _outside(info.given or info.cls)[0]
    if any(now.get(name, text) != text for name, text in before.items()):
        raise RunError(f"the source of {info.title} was edited after its import", where=info.where,
                       remedy="Restart Python or reload the module (importlib.reload), and give the new class.")


@cache
def _builtin(module: str) -> str:
    """The digest of a model of erclab; erclab's own source is read once in a session."""
    return _hash({**closure([module], _ours), **_common()})


@cache
def _common() -> dict[str, str]:
    """The code that every run executes, without the models that training treats in a special way: the digest of such a
    model has the model itself."""
    return closure(ROOTS, lambda name: _ours(name) and not name.startswith("erclab.models."))


def _outside(cls: type) -> tuple[dict[str, str], dict[str, str]]:
    """The source of a class that is not part of erclab: canonical texts of files, and canonical texts of this session.

    A function of the session that was defined again counts as it is now, because the class calls the new one. A file
    that was edited after its import is read again, but the class still calls the old code (see `check_unchanged`).
    """
    module = cls.__module__
    own = module.split(".")[0]

    def follow(name: str) -> bool:
        return _ours(name) if name.split(".")[0] == "erclab" else _counts(name, own)

    texts, modules = dict[str, str](), {module}
    if module == "__main__" or file_of(module) is None:
        texts, modules = pieces(cls, follow)
    modules |= {base.__module__ for base in cls.__mro__ if follow(base.__module__)}
    return {**closure(modules, follow), **_common()}, {f"{module}:{name}": x for name, x in texts.items()}


def _hash(texts: Mapping[str, str]) -> str:
    text = "\n".join(f"{name} {texts[name]}" for name in sorted(texts))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _ours(name: str) -> bool:
    """Whether a module of erclab, or a full dotted name in it, decides numbers."""
    parts = name.split(".")
    if parts[0] != "erclab" or any(name == left or name.startswith(f"{left}.") for left in LEFT_OUT):
        return False
    if len(parts) == 2:  # a name that erclab offers, such as `erclab.Model`; not a room as a whole
        return file_of(name) is None
    return len(parts) > 2 and parts[1] in ROOMS


def _counts(name: str, own: str) -> bool:
    """Whether the source of another module counts: of the class's own package, or of one that is not installed."""
    top = name.split(".")[0]
    if top == own:
        return top != "__main__"
    if top in sys.stdlib_module_names or top in ("", "__main__"):
        return False
    path = file_of(top)
    return path is not None and not any(path.is_relative_to(place) for place in _installed())


@cache
def _installed() -> tuple[Path, ...]:
    """The folders of installed packages, whose source does not count."""
    return tuple({Path(sysconfig.get_path(kind)).resolve() for kind in ("stdlib", "platstdlib", "purelib", "platlib")}
                 | {Path(sysconfig.get_path(kind)) for kind in ("stdlib", "platstdlib", "purelib", "platlib")})


def older(info: ModelInfo, code: str) -> bool:
    """Whether a record of this code was made by other code than today's."""
    try:
        return code_digest(info) != code
    except UsageError:  # without a source, no edit can be seen
        return True
