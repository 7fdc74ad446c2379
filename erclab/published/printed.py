"""The files of `papers/`: tables as they are printed, with our reading of each column beside its header.

One file per paper, named after its model:

    paper       who wrote it, and where
    unit        of values: percent, but see `RAW`
    protocol    how the paper selects and averages, as far as it is known
    legend      the same in a few words, for figures
    bold        "shown" where the text at hand shows bold cells (`**82.5**`), else "unknown"
    evidence    key -> why a column is read as it is
    tables      see below
    parameters  sizes of models that are not printed but counted, in their authors' code
    size_notes  model -> why ours differs from a printed size
    left_out    details that the paper leaves open: the choice of the authors' code, and our choice; the names of the
                fields that hold the choice are in parentheses

A table has columns and rows; `cells` of a row are the printed strings in the order of the columns, `_` where nothing is
printed. What a cell means is said once: by the table, a column (which goes before the table), a row (which goes before
both) or, for one column of one row, by `at` of the row. The words for this are `FIELDS`:

    kind        scores, ablations or settings, where the function of that name has the cell; cells, where none has
    exhibit     our id of the table
    corpus, setting, model (as printed, the row's label unless said otherwise), name (erclab's, if it has the model)
    metric      as `core.metrics` names it, `EMOTION.PART` for one of `PARTS`, or the name of a hyper-parameter. If
                that of column or row has `{}`, the other one fills it; several for one cell are divided by "/"
    part        "per class": joins the setting in `scores`
    factor      from the printed number to ours: 100 for a share that we give in percent
    evidence    a key of the file's `evidence`
    source      other words than the table's name; `note` is added to it

`labels` of a table tells what its rows are: "metric", "other", or models where the word is missing. `about` has the
settings of the caption and `marks` the meaning of footnote marks, in our words. A label `MulT*(1.07M)` is the model
MulT, the mark * and a size, which becomes a cell of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

import numpy as np
import pandas as pd

from erclab.core.errors import UsageError, unknown

# Values that are not in percent, also as the last part of a name such as `valence.correlation`.
RAW = ("mae", "correlation", "support", "sentiment", "million_parameters")
# Of one emotion, after its name. `share` and `from_negative` are DialogueTRM's case study (D7).
PARTS = ("precision", "recall", "f1", "support", "share", "from_negative")
KINDS = ("scores", "ablations", "settings", "cells", "sizes")
FIELDS = ("kind", "exhibit", "corpus", "setting", "model", "name", "metric", "part", "factor", "evidence", "source",
          "note")
PAPER = ("paper", "unit", "protocol", "legend", "bold", "evidence", "tables", "parameters", "size_notes", "left_out")
COLUMNS = ("paper", "exhibit", "table", "corpus", "setting", "model", "name", "printed", "metric", "value", "text",
           "marks", "bold", "source")
MARKS, NOTHING = "*†‡", "_"
SIZE = re.compile(r"\s*\((\d+(?:\.\d+)?)M\)")
OURS = re.compile(r"\s*\(ours\)", re.IGNORECASE)


def _folder() -> Traversable:
    return resources.files(__package__).joinpath("papers")


@cache
def papers() -> tuple[str, ...]:
    """The models whose papers have a file, by name."""
    return tuple(sorted(f.name.removesuffix(".json") for f in _folder().iterdir() if f.name.endswith(".json")))


@cache
def paper_file(model: str) -> dict[str, Any]:
    """The file of this model's paper.

    Raises:
        UsageError: there is none, or it is malformed.
    """
    if model not in papers():
        raise unknown("published results of", model, papers())
    return parsed(_folder().joinpath(f"{model}.json").read_text(encoding="utf-8"), f"published/papers/{model}.json")


def parsed(text: str, where: str) -> dict[str, Any]:
    """The text of a file as data, with the keys of `PAPER`.

    Raises:
        UsageError: the text is no JSON, or a key is missing or unknown.
    """
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise UsageError(f"line {error.lineno} is no JSON: {error.msg}", where=where,
                         remedy="Mend this line.") from error
    _keys(data, where, required=PAPER)
    if data["bold"] not in ("shown", "unknown"):
        raise UsageError(f"bold is '{data['bold']}'", where=where, remedy="Write shown or unknown.")
    return data


@cache
def every_cell() -> pd.DataFrame:
    """All cells of all papers: `COLUMNS`, and kind, part and evidence, which `published` needs."""
    rows = [cell for name in papers() for cell in cells_of(paper_file(name), name, f"published/papers/{name}.json")]
    return pd.DataFrame(rows).astype({"bold": "boolean", "value": float})


def cells_of(data: Mapping[str, Any], name: str, where: str) -> list[dict[str, Any]]:
    """The printed cells of a paper, table by table and row by row; sizes behind a model's name follow its row.

    Raises:
        UsageError: a table does not follow the format.
    """
    made: list[dict[str, Any]] = []
    for table in data["tables"]:
        _keys(table, where, required=("table", "columns", "rows"), optional=("labels", "about", "marks", *FIELDS))
        for row in table["rows"]:
            _keys(row, f"{where}, {table['table']}", required=("row", "cells"), optional=("at", *FIELDS))
            made += _cells_of_row(data, table, row, f"{where}, {table['table']}, row '{row['row']}'")
    seen = set()
    for cell in made:
        cell["paper"] = name
        place = tuple(cell[k] for k in ("table", "corpus", "setting", "model", "printed", "metric"))
        if place in seen:
            raise UsageError(f"'{cell['printed']}' of '{cell['model']}' stands there twice",
                             where=f"{where}, {cell['table']}", remedy="Remove one, or tell them apart by 'setting'.")
        seen.add(place)
    return made


def _cells_of_row(data: Mapping[str, Any], table: Mapping[str, Any], row: Mapping[str, Any], where: str
                  ) -> Iterator[dict[str, Any]]:
    if not isinstance(row["cells"], str):
        raise UsageError(f"cells is {row['cells']}", where=where, remedy="Write the printed strings as one text.")
    columns, texts, label = table["columns"], row["cells"].split(), row["row"]
    for column in columns:
        _keys(column, where, required=("printed",), optional=FIELDS)
    if len(texts) != len(columns):
        raise UsageError(f"{len(texts)} cells for {len(columns)} columns", where=where,
                         remedy=f"Write {NOTHING} where nothing is printed.")
    if strange := set(row.get("at", ())) - {c["printed"] for c in columns}:
        raise UsageError(f"'at' has '{min(strange)}', which is no column", where=where,
                         remedy=f"There is: {', '.join(c['printed'] for c in columns)}.")
    if (labels := table.get("labels", "")) not in ("", "metric", "other"):
        raise UsageError(f"labels is '{labels}'", where=where, remedy="Write metric or other, or leave it out.")
    size, bare = SIZE.search(label), OURS.sub("", SIZE.sub("", label)).strip(MARKS + " ")
    for column, text in zip(columns, texts, strict=True):
        own = row.get("at", {}).get(column["printed"], {})
        _keys(own, where, optional=FIELDS)
        said = {k: v for part in (table, column, row, own) for k, v in part.items() if k in FIELDS}
        said["metric"] = own.get("metric", _metric(column.get("metric", "{}"), row.get("metric", "{}")))
        said.setdefault("model", "" if labels else bare)
        header = column["printed"]
        if labels == "metric":
            header = f"{label} {header}" if "metric" in column else label
        if text != NOTHING:
            yield _cell(data, table, said, header, text, label, where)
    if size:
        said = {k: v for part in (table, row) for k, v in part.items() if k in ("exhibit", "corpus", "setting", "name")}
        said |= {"kind": "sizes", "metric": "million_parameters", "model": bare}
        yield _cell(data, table, said, "(M)", size[1], label, where)


def _cell(data: Mapping[str, Any], table: Mapping[str, Any], said: Mapping[str, Any], printed: str, text: str,
          label: str, where: str) -> dict[str, Any]:
    strong = re.fullmatch(r"\*\*(.+)\*\*", text)
    text = strong[1] if strong else text
    marks, factor = "".join(m for m in MARKS if m in label + text), said.get("factor", 1)
    if lost := [m for m in marks if m not in table.get("marks", {})]:
        raise UsageError(f"the mark {lost[0]} has no meaning", where=where, remedy="Add it to 'marks' of the table.")
    if (kind := said.get("kind")) not in KINDS:
        raise UsageError(f"kind is '{kind}'", where=where, remedy=f"Write one of {', '.join(KINDS[:-1])}.")
    if lost := [k for k in ("exhibit", "corpus", "metric") if said.get(k, "{}") == "{}"]:
        raise UsageError(f"'{lost[0]}' is missing for '{printed}'", where=where,
                         remedy="Add it to the table, the column or the row.")
    why = said.get("evidence", "")
    if why not in ("", *data["evidence"]) or (not why and kind != "sizes"):
        raise UsageError(f"no evidence '{why}' for '{printed}'", where=where,
                         remedy="Add it to 'evidence' of the file.")
    value = number(text, factor)
    notes = [table["marks"][m] for m in marks] if kind != "sizes" else []
    notes += [f"printed as {text}"] * (factor != 1 and not np.isnan(value)) + ([said["note"]] if "note" in said else [])
    return {**dict.fromkeys((*COLUMNS, "part"), ""), **{k: v for k, v in said.items() if k not in ("factor", "note")},
            "table": table["table"], "printed": printed, "text": text, "marks": marks,
            "value": value, "bold": bool(strong) if data["bold"] == "shown" and kind != "sizes" else None,
            "evidence": data["evidence"].get(why, "the size behind the model's name"),
            "source": ", ".join([said.get("source", table["table"]), *notes])}


def number(text: str, factor: int = 1) -> float:
    """The number that is printed, times a factor; nan where none or more than one is: "-", "3/1", "Adam"."""
    try:
        return float(Decimal(text.strip(MARKS).replace(",", "")) * factor)
    except InvalidOperation:
        return np.nan


def _metric(column: str, row: str) -> str:
    return column.replace("{}", row) if "{}" in column else row.replace("{}", column)


def _keys(data: object, where: str, required: tuple[str, ...] = (), optional: tuple[str, ...] = ()) -> None:
    if not isinstance(data, dict):
        raise UsageError(f"{str(data)[:40]!r} is no object", where=where, remedy="Write {...} with names and values.")
    if lost := [k for k in required if k not in data]:
        raise UsageError(f"'{lost[0]}' is missing", where=where, remedy=f"Needed: {', '.join(required)}.")
    if strange := [k for k in data if k not in (*required, *optional)]:
        raise UsageError(f"'{strange[0]}' is unknown", where=where,
                         remedy=f"Known: {', '.join((*required, *optional))}.")
