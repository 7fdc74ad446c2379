"""Grids: products of lists of runs, from Python or from a YAML file. This module loads no corpus."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from erclab import models
from erclab.core.errors import ErclabError, UsageError, unknown
from erclab.core.paths import expanded
from erclab.core.settings import from_dict
from erclab.corpora import CORPORA, MODALITIES
from erclab.corpora.registry import OPTIONS
from erclab.training import loop, recipes

# The names in these lists are checked at once, so that a typing error appears before corpora are read.
NAMES: dict[str, tuple[str, Collection[str]]] = {
    "models": ("model", models.MODELS), "protocols": ("protocol", loop.PROTOCOLS),
    "variants": ("variant", recipes.VARIANTS)}
# Arguments of `erclab.runs.plan` that are no settings; a grid has its own keys for them.
OWN_KEYS = {"model", "corpus", "seeds", "protocol", "variant", "modalities", "task", "profile", "words"}


@dataclass(frozen=True)
class Source:
    """A corpus and how to read it.

    Attributes:
        name: a key of `CORPORA`.
        data: its folder; "" if it needs none.
        text_encoder: computes text vectors if the corpus has none.
        complete: keep only the utterances that have every modality of the run.
        labelled: see `erclab.corpora.registry.read`.
        options: of the corpus's reader (`erclab.corpora.registry.OPTIONS`), as JSON, so that a source can be hashed. In
            a file and in a mapping each option has its own key, such as `columns: {dialogue: Dialog_ID}`.
    """

    name: str
    data: str = ""
    text_encoder: str = "minilm"
    complete: bool = False
    labelled: bool | None = None
    options: str = ""

    def __post_init__(self):
        if self.name not in CORPORA:
            raise unknown("corpus", self.name, CORPORA)
        if CORPORA[self.name].needs_data and not self.data:
            raise UsageError(f"the corpus '{self.name}' needs a folder",
                             remedy=f"Write {{name: {self.name}, data: FOLDER}} (see erclab corpora).")

    @property
    def title(self) -> str:
        """The name, with the corpus seed and the settings of a simulated world."""
        asked = json.loads(self.options or "{}")
        world = asked.get("world")
        parts = [*([f"corpus seed {asked['seed']}"] if "seed" in asked else []),
                 *(f"{name} {value}" for name, value in (world if isinstance(world, dict) else {}).items())]
        return " ".join([self.name, *([f"({', '.join(parts)})"] if parts else [])])


@dataclass(frozen=True)
class Grid:
    """A list of runs: the product of its lists. An empty list stands for the default of `erclab.runs.plan`.

    Attributes:
        models: keys of `MODELS`.
        corpora: the corpora to train on.
        seeds: the seeds.
        protocols: the protocols of the reports; each training has all of them.
        variants: "paper", "official".
        modalities: subsets of the modalities of a corpus; () for all.
        tasks: the tasks to predict.
        changes: name -> settings of the model or its recipe; each name is a run of its own.
        settings: settings of the model or its recipe for all runs.
        profile: "smoke" or "full".
        words: the BERT of a model that reads words.
    """

    models: tuple[str, ...]
    corpora: tuple[Source, ...] = (Source("simulated"),)
    seeds: tuple[int, ...] = (0,)
    protocols: tuple[str, ...] = ("sound",)
    variants: tuple[str, ...] = ()
    modalities: tuple[tuple[str, ...], ...] = ()
    tasks: tuple[str, ...] = ()
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    profile: str = "smoke"
    words: str | None = None

    def __post_init__(self):
        for key in ("models", "corpora", "seeds", "protocols"):
            if not getattr(self, key):
                raise UsageError(f"no {key}, so no run", remedy=f"Name some, or leave {key} out."
                                 if key != "models" else "Name some of `erclab models`.")
        for key, (kind, known) in NAMES.items():
            for name in getattr(self, key):
                if name not in known:
                    raise unknown(kind, name, known)
        for m in {m for subset in self.modalities for m in subset}:
            if m not in MODALITIES:
                raise unknown("modality", m, MODALITIES)
        for settings in (self.settings, *self.changes.values()):
            for name in OWN_KEYS & {*settings}:
                raise UsageError(f"{name} is no setting of a model or recipe", remedy="It has a key of its own.")
        recipes.recipe_for("", "", self.profile)  # raises an error for an unknown profile


def read(path: str | Path) -> tuple[Grid, ...]:
    """The grids of a YAML file; folders in it are relative to the file.

    Raises:
        UsageError: the file cannot be read, is not YAML, or has a key or value that a grid does not have.
    """
    path = Path(path)
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot be read: {getattr(error, 'strerror', None) or error}", where=path,
                         remedy="Name a YAML file with a grid.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise UsageError(f"not YAML: {getattr(error, 'problem', None) or error}",
                         where=f"{path}, line {mark.line + 1}" if mark else path) from None
    try:
        return grids(values, base=path.parent)
    except ErclabError as error:
        raise error.recast(UsageError, where=f"{path}, {error.where}" if error.where else path) from None


def grids(values: Mapping[str, Any], base: str | Path = ".") -> tuple[Grid, ...]:
    """The grids of a dictionary with the keys of the YAML file (see `erclab.sweep`).

    Args:
        base: the folder that other folders are relative to.

    Raises:
        UsageError: a key or name does not exist, or a value has the wrong type.
    """
    if not isinstance(values, Mapping):
        raise UsageError("not a grid", remedy="Write one key per line, such as `models: [sdt]` and `seeds: 5`.")
    common = {key: value for key, value in values.items() if key != "grids"}
    if "grids" not in values:
        return (_grid(common, Path(base)),)
    parts = values["grids"]
    if not isinstance(parts, Sequence) or isinstance(parts, str) or not parts:
        raise UsageError("grids is not a list", remedy="Start each with a dash, such as `- models: [sdt]`.")
    return tuple(_grid(common | _mapping(part, f"grids, number {i}"), Path(base), f"grids, number {i}")
                 for i, part in enumerate(parts, 1))


def _grid(values: Mapping[str, Any], base: Path, where: str = "") -> Grid:
    known = [f.name for f in fields(Grid)]
    given = {}
    try:
        for key, value in values.items():
            if key not in known:
                raise unknown("key of a grid", key, [*known, "grids"])
            given[key] = _VALUES.get(key, _as_it_is)(value, key)
        if "corpora" in given:
            given["corpora"] = tuple(_source(c, base) for c in given["corpora"])
        return from_dict(Grid, given)
    except ErclabError as error:
        if not where or error.where:
            raise
        raise error.recast(UsageError, where=where) from None


def _as_it_is(value: Any, key: str) -> Any:
    return value


def _list(value: Any, key: str) -> tuple:
    """A list; a single name is a list of one."""
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _seeds(value: Any, key: str) -> tuple[int, ...]:
    found = tuple(range(value)) if isinstance(value, int) and not isinstance(value, bool) else _list(value, key)
    if not found or any(isinstance(s, bool) or not isinstance(s, int) or s < 0 for s in found):
        raise UsageError(f"seeds = {value!r} is neither how many nor which",
                         remedy="For example `seeds: 5` or `seeds: [0, 7]`.")
    return found


def _modalities(value: Any, key: str) -> tuple[tuple[str, ...], ...]:
    found = []
    for subset in _list(value, key):
        names = subset.replace("+", " ").split() if isinstance(subset, str) else list(_list(subset, key))
        found.append(() if names == ["all"] else tuple(names))
    return tuple(found)


def _mapping(value: Any, key: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise UsageError(f"{key} is no mapping of names", remedy="For example `{hidden: 32, epochs: 5}`.")
    for name in value:
        if not isinstance(name, str):
            raise UsageError(f"the name {name!r} in {key} is no text", remedy="Put it in quotes.")
    return dict(value)


def _changes(value: Any, key: str) -> dict[str, dict[str, Any]]:
    return {name: _mapping({} if settings is None else settings, f"{key}, {name}")
            for name, settings in _mapping(value, key).items()}


def _source(value: Any, base: Path) -> Source:
    given = {"name": value} if isinstance(value, str) else _mapping(value, "corpora")
    if options := {key: given.pop(key) for key in OPTIONS if key in given}:
        try:
            given["options"] = json.dumps(options, sort_keys=True, default=str)
        except TypeError:
            raise UsageError(f"a name in {', '.join(options)} is no text", where="corpora",
                             remedy="Put the names in quotes.") from None
    found = from_dict(Source, {**given, "data": str(given.get("data") or "")})
    # An absolute path, because workers have other working directories.
    return from_dict(Source, {**vars(found), "data": str((base / expanded(found.data)).resolve())
                              if found.data else ""})


_VALUES = {"seeds": _seeds, "modalities": _modalities, "changes": _changes, "settings": _mapping,
           **dict.fromkeys(("models", "corpora", "protocols", "variants", "tasks"), _list)}


class _Loader(yaml.SafeLoader):
    """YAML in which 1e-3 is a number and a key that occurs twice is an error."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            name = getattr(key, "value", None)
            if isinstance(name, str) and name in seen and key.tag != "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(None, None, f"'{name}' is given twice", key.start_mark)
            seen.add(name if isinstance(name, str) else None)
        return super().construct_mapping(node, deep)


# In YAML 1.1, the version of PyYAML, a number with an exponent needs a decimal point.
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$"),
                              list("-+0123456789"))
