"""Runs by name: an id, the beginning of an id, or a path."""

from __future__ import annotations

from pathlib import Path

from erclab.core import paths
from erclab.core.errors import UsageError, some, unknown
from erclab.runs.export import EXPORTED, open_export
from erclab.runs.records import Record, load


def find(run: str | Path, folder: str | Path | None = None, *, model: type | None = None) -> Record:
    """A run.

    Args:
        run: its id, a beginning of the id that no other run shares, the path of its record, or a folder that
            `erclab.runs.export.export` wrote.
        folder: where runs are kept; `paths.runs_dir()` by default.
        model: the class of the run, for an exported folder of a class of one's own.

    Raises:
        UsageError: there is no such run, or several.
        RunError: the record cannot be read; or its class is not at hand.
    """
    if not isinstance(run, str | Path) or not str(run).strip():
        raise UsageError(f"{run!r} names no run", remedy="Give an id of `erclab runs`, its beginning, or a path.")
    path = Path(run).expanduser()
    if path.is_dir():
        return open_export(path, model)
    if path.is_file():
        if path.name.endswith(".safetensors"):
            path = path.with_name(path.name.removesuffix(".safetensors")).with_suffix(".json")
        return open_export(path.parent, model) if path.name == EXPORTED else load(path)
    where, name = Path(folder or paths.runs_dir()), str(run).removesuffix(".json")
    ids = sorted(p.stem for p in where.glob("*.json") if not p.name.startswith(".")) if where.is_dir() else []
    found = [name] if name in ids else [i for i in ids if name and i.startswith(name)]
    if len(found) == 1:
        return load(where / f"{found[0]}.json")
    if found:
        raise UsageError(f"{len(found)} runs begin with '{name}'", where=where, remedy=f"Name one: {some(found, 4)}.")
    if not ids or path.suffix == ".json" or len(path.parts) > 1:
        raise UsageError(f"there is no run '{run}'", where=where, remedy="List the runs with `erclab runs`, or "
                       "name their folder (--runs DIR; in Python: folder).")
    error = unknown("run", name, ids)
    raise error.recast(UsageError, where=where, remedy=None if len(ids) <= 6 else
                       error.remedy.partition("There is:")[0] + "List the runs with `erclab runs`.")
