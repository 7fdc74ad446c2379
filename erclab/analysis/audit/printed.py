"""Rows of the papers' tables as printed text."""

from __future__ import annotations

from functools import cache
from typing import Any

from erclab import published
from erclab.core.errors import unknown

Row = dict[str, str]  # column -> printed text


def cells_by_row(paper: str, table: str, corpus: str | None = None, setting: str = "", by: str = "metric"
                 ) -> dict[str, Row]:
    """Printed name of each row (without marks and size) -> column -> printed text, in the order of the table.

    Args:
        paper: a name of `published.papers()`.
        table: as the paper calls it, such as "Table 2".
        corpus: only rows of this one.
        setting: only rows whose setting begins so.
        by: what names a column: "metric", our reading, or "printed", its header.

    Raises:
        UsageError: there is no such paper or table.
    """
    tables = _tables(paper)
    if table not in tables:
        raise unknown(f"table of {paper}", table, tables)
    found: dict[str, Row] = {}
    for cell in tables[table]:
        if corpus in (None, cell["corpus"]) and cell["setting"].startswith(setting):
            found.setdefault(cell["model"], {})[cell[by]] = cell["text"]
    return found


@cache
def _tables(paper: str) -> dict[str, list[dict[str, Any]]]:
    """The cells of each table that are numbers."""
    made: dict[str, list[dict[str, Any]]] = {}
    for cell in published.cells(paper).to_dict("records"):
        if cell["value"] == cell["value"]:
            made.setdefault(cell["table"], []).append(cell)
    return made


def of_classes(row: Row, score: str) -> Row:
    """Class -> printed text of one score, of a row with columns such as "happy.recall"."""
    return {name.removesuffix(f".{score}"): text for name, text in row.items() if name.endswith(f".{score}")}
