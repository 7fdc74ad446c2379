"""Numbers that papers report, as data with their source. They are shown beside ours and never mixed with them."""

from __future__ import annotations

import json
from importlib import resources

import pandas as pd

from erclab.errors import unknown


def _read(model: str) -> dict:
    files = {f.name.removesuffix(".json"): f for f in resources.files(__name__).iterdir() if f.name.endswith(".json")}
    if model not in files:
        raise unknown("published results of", model, sorted(files))
    return json.loads(files[model].read_text())


def scores(model: str, corpus: str | None = None) -> pd.DataFrame:
    """What a paper reports of its own model: exhibit, corpus, model, metric, value (percent), source.

    Raises:
        UsageError: no published numbers are kept for this model.
    """
    table = pd.DataFrame(_read(model)["scores"])
    return table if corpus is None else table[table["corpus"] == corpus].reset_index(drop=True)


def reference(model: str, corpus: str, metric: str = "weighted_f1") -> dict[str, float]:
    """Legend -> percent, for a figure; empty where the paper has no number for this corpus."""
    table = scores(model, corpus)
    values = table.loc[table["metric"] == metric, "value"]
    return {f"published ({source}), best test epoch, all modalities": float(v)
            for v, source in zip(values, table.loc[values.index, "exhibit"], strict=True)}


def left_out(model: str) -> pd.DataFrame:
    """What the paper does not specify: detail, what paper and official code say, and our choice."""
    return pd.DataFrame(_read(model)["left_out"])
