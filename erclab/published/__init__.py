"""Numbers that papers report, as data with their source. They are shown beside ours and never mixed with them.

One file per paper, named after its model:

    paper       who wrote it, and where
    unit        of `scores`: percent, but `mae` and `correlation` are on their own scale
    protocol    how the paper selects and averages, as far as it is known
    scores      rows of the paper's tables, its headline table first: its own model, and others that erclab has as well
    parameters  sizes of models that the paper prints, and those of its authors' code, counted
    size_notes  model -> why ours differs from a printed size
    left_out    details that the paper leaves open: the choice of the authors' code, and our choice; the names of the
                fields that hold the choice are in parentheses
    ablations   where the paper has such tables: rows as in `scores`, of variants of its own model
    settings    where it prints them: sizes of its corpora, and hyper-parameters
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib import resources

import pandas as pd

from erclab.core.errors import unknown

# Scores that are not in percent, also as the last part of a name such as `valence.correlation`.
RAW = ("mae", "correlation", "support")
# Of one emotion, after its name. `share` and `from_negative` are DialogueTRM's case study (D7).
PARTS = ("precision", "recall", "f1", "support", "share", "from_negative")


@cache
def papers() -> tuple[str, ...]:
    """The models whose papers have a file, by name."""
    return tuple(sorted(f.name.removesuffix(".json") for f in resources.files(__name__).iterdir()
                        if f.name.endswith(".json")))


@cache
def _read(model: str) -> dict:
    if model not in papers():
        raise unknown("published results of", model, papers())
    return json.loads(resources.files(__name__).joinpath(f"{model}.json").read_text(encoding="utf-8"))


def scores(model: str, corpus: str | None = None) -> pd.DataFrame:
    """What the paper of this model prints, of its own model and of others: one row per number.

    Columns: exhibit, corpus, model, setting ("aligned", ...; "" where there is one only), metric as `core.metrics`
    names it, or `EMOTION.PART` for one of `PARTS` of an emotion ("macro" and "weighted" are averages), value (percent,
    but see `RAW`), source. `corpus` is the paper's: "iemocap", "mosi", ...

    Raises:
        UsageError: no published numbers are kept for this model.
    """
    return _rows([model], "scores", corpus).drop(columns="paper")


def ablations(model: str, corpus: str | None = None) -> pd.DataFrame:
    """What the paper of this model prints of its variants: the columns of `scores`, `setting` is the variant.

    Raises:
        UsageError: no published numbers are kept for this model.
    """
    return _rows([model], "ablations", corpus).drop(columns="paper")


def settings(model: str, corpus: str | None = None) -> pd.DataFrame:
    """What the paper of this model prints of its corpora and its training: exhibit, corpus, what, value, source.

    Raises:
        UsageError: no published numbers are kept for this model.
    """
    return _rows([model], "settings", corpus).drop(columns="paper")


def reported(model: str, corpus: str | None = None) -> pd.DataFrame:
    """What all papers print of one model: the columns of `scores`, and `paper`, whose file has the row."""
    table = _rows(papers(), "scores", corpus)
    return table[table["model"] == model].reset_index(drop=True)


def parameters(model: str, corpus: str | None = None) -> pd.DataFrame:
    """Every size of this model that is known.

    Columns: paper, exhibit, corpus, model, variant ("paper" or "official" where it is the size of that one, else ""),
    value, unit ("parameters", or "million" as papers print it), source.
    """
    table = _rows(papers(), "parameters", corpus)
    return table[table["model"] == model].reset_index(drop=True)


def size_note(model: str) -> str:
    """Why our sizes differ from printed ones; empty without a difference."""
    return " ".join(note for paper in papers() for name, note in _read(paper)["size_notes"].items() if name == model)


def reference(model: str, corpus: str, metric: str = "weighted_f1") -> dict[str, float]:
    """Legend -> percent, for a figure: what the paper reports of its own model in the first table of the file that has
    the metric (ablations come later); empty without such a number."""
    table = scores(model, corpus)
    own = table[(table["model"] == model) & (table["metric"] == metric)]
    own = own[own["exhibit"] == own["exhibit"].iloc[0]] if len(own) else own
    legend = _read(model)["legend"]
    return {f"published ({' '.join(filter(None, (r.exhibit, r.setting)))}), {legend}": float(r.value)
            for r in own.itertuples()}


def left_out(model: str) -> pd.DataFrame:
    """What the paper does not specify: detail, what paper and official code say, and our choice."""
    return pd.DataFrame(_read(model)["left_out"])


COLUMNS = {"scores": ("exhibit", "corpus", "model", "setting", "metric", "value", "source"),
           "parameters": ("exhibit", "corpus", "model", "variant", "value", "unit", "source"),
           "settings": ("exhibit", "corpus", "what", "value", "source")}
COLUMNS["ablations"] = COLUMNS["scores"]


def _rows(models: Sequence[str], section: str, corpus: str | None) -> pd.DataFrame:
    rows = [{**dict.fromkeys(COLUMNS[section], ""), **row, "paper": m} for m in models
            for row in _read(m).get(section, ())]
    table = pd.DataFrame(rows, columns=[*COLUMNS[section], "paper"])
    return table if corpus is None else table[table["corpus"] == corpus].reset_index(drop=True)
