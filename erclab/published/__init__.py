"""Numbers that papers report, as data with their source. They are shown beside ours and never mixed with them.

`cells` has every printed cell of the papers' tables, those of models that erclab lacks included, with the printed
header and our reading of it apart; `readings` has the reason for each reading. The other functions show parts of these.
The files and their format: `erclab/published/printed.py`.
"""

from __future__ import annotations

from decimal import Decimal

import pandas as pd

from erclab.published.printed import COLUMNS, MARKS, PARTS, RAW, every_cell, number, paper_file, papers

__all__ = ["COLUMNS", "PARTS", "RAW", "ablations", "cells", "left_out", "papers", "parameters", "readings", "reference",
           "reported", "scores", "settings", "size_note", "tables"]


def cells(paper: str | None = None) -> pd.DataFrame:
    """Every printed cell, of one paper or of all: one row per cell, in the order of the tables.

    Columns: paper (the name of its model), exhibit (our id), table, corpus, setting, model (the printed name, without
    marks and sizes), name (erclab's model, "" if it has none), printed (the header of the column), metric (our reading
    of it, see `readings`), value (in our unit, nan where no single number is printed), text (as printed), marks
    (footnote marks of row and cell, see `tables`), bold (<NA> where the paper's plain text does not show it), source.

    Raises:
        UsageError: no published numbers are kept for this model.
    """
    return _of(paper)[list(COLUMNS)]


def readings(paper: str | None = None) -> pd.DataFrame:
    """How each printed column is read, and why: paper, table, printed, metric, evidence.

    Raises:
        UsageError: no published numbers are kept for this model.
    """
    found = _of(paper)[["paper", "table", "printed", "metric", "evidence"]]
    return found[found["metric"] != ""].drop_duplicates(ignore_index=True)


def tables(paper: str | None = None) -> pd.DataFrame:
    """The tables that are kept: paper, exhibit, table, corpus, about (what caption and text tell of it), mark and
    meaning (a row for each footnote mark; "" without one), bold (whether the text at hand shows bold cells).

    Raises:
        UsageError: no published numbers are kept for this model.
    """
    found = []
    for name in papers() if paper is None else (paper,):
        data = paper_file(name)
        for table in data["tables"]:
            for mark, meaning in (table.get("marks") or {"": ""}).items():
                found.append({"paper": name, "exhibit": table["exhibit"], "table": table["table"],
                              "corpus": table.get("corpus", ""), "about": table.get("about", ""), "mark": mark,
                              "meaning": meaning, "bold": data["bold"] == "shown"})
    return pd.DataFrame(found, columns=["paper", "exhibit", "table", "corpus", "about", "mark", "meaning", "bold"])


def scores(model: str, corpus: str | None = None) -> pd.DataFrame:
    """What the paper of this model prints, of its own model and of others that erclab has: one row per number, averages
    first, the own model before others.

    Columns: exhibit, corpus, model, setting ("aligned", ...; "" where there is one only), metric as `core.metrics`
    names it, or `EMOTION.PART` for one of `PARTS` of an emotion ("macro" and "weighted" are averages), value (percent,
    but see `RAW`), source. `corpus` is the paper's: "iemocap", "mosi", ...

    Raises:
        UsageError: no published numbers are kept for this model.
    """
    return _rows(model, "scores", corpus).drop(columns="paper")


def ablations(model: str, corpus: str | None = None) -> pd.DataFrame:
    """What the paper of this model prints of its variants: the columns of `scores`, `setting` is the variant.

    Raises:
        UsageError: no published numbers are kept for this model.
    """
    return _rows(model, "ablations", corpus).drop(columns="paper")


def settings(model: str, corpus: str | None = None) -> pd.DataFrame:
    """What the paper of this model prints of its corpora and its training: exhibit, corpus, what, value, source.

    Raises:
        UsageError: no published numbers are kept for this model.
    """
    found = []
    for row in _of(model).query("kind == 'settings'").itertuples():
        names, values = row.metric.split("/"), [_plain(v) for v in str(row.text).strip(MARKS).split("/")]
        if len(names) == 1 and len(set(values)) == 1:
            values = values[:1]
        found += [{"exhibit": row.exhibit, "corpus": row.corpus, "what": what, "value": value, "source": row.source}
                  for what, value in zip(names, values, strict=True)]
    return _of_corpus(pd.DataFrame(found, columns=["exhibit", "corpus", "what", "value", "source"]), corpus)


def reported(model: str, corpus: str | None = None) -> pd.DataFrame:
    """What all papers print of one model: the columns of `scores`, and `paper`, whose file has the row."""
    table = pd.concat([_rows(p, "scores", corpus) for p in papers()])
    return table[table["model"] == model].reset_index(drop=True)


def parameters(model: str, corpus: str | None = None) -> pd.DataFrame:
    """Every size of this model that is known.

    Columns: paper, exhibit, corpus, model, variant ("paper" or "official" where it is the size of that one, else ""),
    value, unit ("parameters", or "million" as papers print it), source.
    """
    columns = ["exhibit", "corpus", "model", "variant", "value", "unit", "source", "paper"]
    printed = list(every_cell().query("kind == 'sizes' and name == @model", engine="python").itertuples())
    found = []
    for p in papers():
        found += [{"variant": "", **row, "paper": p} for row in paper_file(p)["parameters"] if row["model"] == model]
        found += [{"exhibit": r.exhibit, "corpus": r.corpus, "model": model, "variant": "", "value": r.value,
                   "unit": "million", "source": r.source, "paper": p} for r in printed if r.paper == p]
    return _of_corpus(pd.DataFrame(found, columns=columns), corpus)


def size_note(model: str) -> str:
    """Why our sizes differ from printed ones; empty without a difference."""
    return " ".join(note for p in papers() for name, note in paper_file(p)["size_notes"].items() if name == model)


def reference(model: str, corpus: str, metric: str = "weighted_f1") -> dict[str, float]:
    """Legend -> percent, for a figure: what the paper reports of its own model in the first table of the file that has
    the metric (ablations come later); empty without such a number."""
    table = scores(model, corpus)
    own = table[(table["model"] == model) & (table["metric"] == metric)]
    own = own[own["exhibit"] == own["exhibit"].iloc[0]] if len(own) else own
    legend = paper_file(model)["legend"]
    return {f"published ({' '.join(filter(None, (r.exhibit, r.setting)))}), {legend}": float(r.value)
            for r in own.itertuples()}


def left_out(model: str) -> pd.DataFrame:
    """What the paper does not specify: detail, what paper and official code say, and our choice."""
    return pd.DataFrame(paper_file(model)["left_out"])


def _of(model: str | None) -> pd.DataFrame:
    """The cells of one paper or of all."""
    if model is not None:
        paper_file(model)  # raises where there is none
    table = every_cell()
    return (table if model is None else table[table["paper"] == model]).reset_index(drop=True)


def _of_corpus(table: pd.DataFrame, corpus: str | None) -> pd.DataFrame:
    return table if corpus is None else table[table["corpus"] == corpus].reset_index(drop=True)


def _rows(model: str, kind: str, corpus: str | None) -> pd.DataFrame:
    """The numbers of this kind of models that erclab has, in the order of `scores`."""
    table = _of(model)
    table = table[(table["kind"] == kind) & (table["name"] != "") & table["value"].notna()]
    table = table.assign(apart=table["part"] != "", place=pd.factorize(table["exhibit"])[0],
                         where=pd.factorize(table["corpus"])[0], other=table["name"] != model)
    table = table.sort_values(["apart", "place", "where", "other"], kind="stable")
    joined = [", ".join(filter(None, pair)) for pair in zip(table["setting"], table["part"], strict=True)]
    table = table.assign(model=table["name"], setting=joined)
    columns = ["exhibit", "corpus", "model", "setting", "metric", "value", "source", "paper"]
    return _of_corpus(table[columns].reset_index(drop=True), corpus)


def _plain(text: str) -> int | float | str:
    """A printed setting as our code holds it: whole numbers are int, words are in small letters."""
    value = number(text)
    if pd.isna(value):
        return text.lower()
    return int(value) if Decimal(text.replace(",", "")) == int(value) else value
