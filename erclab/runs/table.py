"""The records of a folder as a table, to look through and to filter."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from erclab import models
from erclab.core import metrics, paths, settings
from erclab.core.errors import RunError, unknown
from erclab.runs.code import older
from erclab.runs.records import READABLE, info_of, load

COLUMNS = ("id", "model", "corpus", "task", "modalities", "seed", "metric", "sound", "published", "epoch", "parameters",
           "wall_time_s", "device", "finished", "version", "code")


def catalogue(folder: str | Path | None = None, *, where: Mapping[str, Any] | None = None,
              warn: Callable[[str], object] = warnings.warn) -> pd.DataFrame:
    """One row per record: `COLUMNS`, then every setting of its model and field of its recipe by its own name of today.

    `sound` (valid-selected) and `published` (test-selected) are the task's leading score on the test split (`metric`
    says which), as a share; `epoch` is the valid-selected epoch; `finished` is when the record was written (UTC);
    `code` is "today's", or "older" where other code than today's made the record. Sorted by model, corpus, modalities
    and seed.

    Args:
        folder: where runs are kept; `paths.runs_dir()` by default.
        where: column -> value: only the rows with these values. A value may be given as text.
        warn: called with a line for each file that is left out: it is no record, or of a schema that is not readable.

    Raises:
        RunError: there is no such folder, or it cannot be read.
        UsageError: `where` names a column that is in no record.
    """
    folder = Path(folder or paths.runs_dir())
    try:
        files = sorted((e for e in os.scandir(folder) if e.name.endswith(".json") and not e.name.startswith(".")),
                       key=lambda e: e.name)
    except OSError as error:
        raise RunError(f"no runs can be listed: {error.strerror or error}", where=folder,
                       remedy="Train some (erclab run), or name their folder (--out, ERCLAB_RUNS).") from None
    rows, readable = [], set(READABLE)
    known: dict[tuple[str, str], tuple[str, type | None]] = {}  # (model, code) -> what `_made_by` gives
    for file in files:
        try:
            rows.append(_row(file, readable, known))
        except RunError as error:
            warn(str(error))
    extra = dict.fromkeys(name for row in rows for name in row if name not in COLUMNS)
    # As objects: where some models lack a setting, the whole numbers of the others would become 16.0.
    table = pd.DataFrame(rows, columns=[*COLUMNS, *extra], dtype=object)
    table[list(COLUMNS)] = table[list(COLUMNS)].infer_objects()
    table = table.sort_values(["model", "corpus", "modalities", "seed", "id"], ignore_index=True)
    for name, value in (where or {}).items():
        if len(table):
            table = table[column(table, name).map(lambda cell, v=value: _same(cell, v)).astype(bool)]
    return table.reset_index(drop=True)


def column(table: pd.DataFrame, name: str) -> pd.Series:
    """A column by name; a setting of a model also by an earlier name.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in table:
        configs = [models.MODELS[model].cls.Config for model in table["model"].unique() if model in models.MODELS]
        today = next((new[name] for c in configs if name in (new := getattr(c, "renamed", {}))), name)
        if today not in table:
            raise unknown("column", name, table.columns)
        name = today
    return table[name]


def _same(cell: Any, value: Any) -> bool:
    if isinstance(value, list | tuple):
        value = json.loads(json.dumps(value))  # as the record has it
    return bool(cell == value) or str(cell) == str(value)


def _made_by(data: dict[str, Any], path: Path) -> tuple[str, type | None]:
    """The column `code` of a record, and the class of its settings; None for a class that is not at hand."""
    try:
        info = info_of(data, path)
        return "older" if older(info, data["spec"]["code"]) else "today's", info.cls.Config
    except RunError:
        return "older", None


def _row(file: os.DirEntry, readable: set[int], known: dict[tuple[str, str], tuple[str, type | None]]
         ) -> dict[str, Any]:
    path = Path(file.path)
    try:
        data = json.loads(_without_curve(path.read_bytes()))
        if data["schema"] not in readable:
            load(path)  # raises the error that names the schema
            readable.add(data["schema"])
        spec, protocols = data["spec"], data["protocols"]
        # The leading score follows from the built-in task that the run's is like, which the model's settings name.
        metric = metrics.SELECT[spec["settings"].get("task") or spec["task"]][0]
        made_by = spec["model"], spec["code"]
        if made_by not in known:
            known[made_by] = _made_by(data, path)
        age, config = known[made_by]
        score = {name: protocols[name]["test"][metric] for name in ("sound", "published") if name in protocols}
        values = settings.dotted(config, spec["settings"]) if config else spec["settings"]
        return {**values, **spec["recipe"], **score, "id": data["id"], "metric": metric,
                **{name: spec[name] for name in ("model", "corpus", "task", "seed", "version")},
                "modalities": "+".join(spec["modalities"]), "epoch": protocols["sound"]["epoch"],
                "parameters": data["parameters"]["all"], "wall_time_s": data["wall_time_s"],
                "device": data["environment"]["device"], "code": age,
                "finished": pd.Timestamp(int(file.stat().st_mtime), unit="s").isoformat()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"lacks {error}" if isinstance(error, KeyError) else error
        raise RunError(f"not a run record ({reason})", where=path,
                       remedy="Delete it; the run is then trained again.") from None


def _without_curve(text: bytes) -> bytes:
    """A record without its curve, which is the longest part and in no column: reading 1,000 records takes a third.

    In a record as `engine` writes it, a line of one space and a bracket ends a list of the outermost level: inner lines
    begin with more spaces, and JSON has no line break within a string. A record in another layout is left unchanged.
    """
    start = text.find(b'\n "curve": [\n')
    end = text.find(b"\n ]", start)
    return text if start < 0 or end < 0 else text[:start] + b'\n "curve": [' + text[end:]
