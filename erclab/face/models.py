"""Models: `erc.list_models`, `erc.check_model`, `erc.sizes`, `erc.left_out`."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from erclab import contracts as checks
from erclab import published
from erclab.analysis import architecture
from erclab.analysis import sizes as counted
from erclab.corpora import Corpus
from erclab.figures.architecture import draw
from erclab.models import MODELS


def list_models() -> pd.DataFrame:
    """The models: index `name`, columns `title`, `family`, `kind` ("trained" or "fitted"), `view`, `tasks`, `paper`."""
    return pd.DataFrame([{"name": m.name, "title": m.title, "family": m.family, "kind": m.kind, "view": m.view,
                          "tasks": ", ".join(m.tasks), "paper": m.paper} for m in MODELS.values()]).set_index("name")


def sizes(*models: str) -> pd.DataFrame:
    """How large models are, beside the sizes that papers print.

    Args:
        models: names of `erc.list_models()`; all models by default.

    Returns:
        One row per model, corpus, variants and recipe ("" for the paper's sizes): `parameters`, and `published`, the
        printed sizes after = where ours rounds to them, or else after ≠.

    Raises:
        UsageError: there is no such model.
    """
    rows = [{"model": model["name"], "corpus": row["corpus"], "variants": "/".join(row["variants"]),
             "recipe": row["recipe"], "parameters": row["parameters"], "published": counted.printed(row["published"])}
            for model in counted.describe(models or None) for row in model["sizes"]]
    return pd.DataFrame(rows, columns=["model", "corpus", "variants", "recipe", "parameters", "published"]).set_index(
        ["model", "corpus", "variants", "recipe"])


def draw_model(model: str, corpus: Corpus) -> Figure:
    """The architecture of a model as a drawing: its blocks in the order of its equations, with the shape of each result
    on a small batch of this corpus, and the parameters of each block in the size of its smoke recipe.

    Args:
        model: one of the five papers' models, or "mult".
        corpus: with text, audio and visual, such as `erc.load("simulated-lesson")`.

    Raises:
        UsageError: there is no drawing of this model, or the corpus lacks what it reads.
    """
    found = architecture.architecture(model, corpus)
    return draw(found.heading, found.boxes, found.columns())


def left_out(model: str) -> pd.DataFrame:
    """What the paper of a model does not say: the detail, what the authors' code does, and what is chosen here.

    Raises:
        UsageError: no paper of this model is kept.
    """
    return published.left_out(model)


def check_model(model: str | type, contracts: Sequence[str] | None = None, *, progress: bool = True) -> pd.DataFrame:
    """Hold a model to the contracts that every model of padded batches must keep.

    Args:
        model: a name of `erc.list_models()`, or a class (see `erc.run`), which is checked in the sizes of `tiny()`.
        contracts: only these; by default all but those that train whole runs.
        progress: show a bar.

    Returns:
        One row per variant and contract: `status` ("ok", "breaks (quirk)" where the authors' code breaks it, "FAILS",
        "error" where the check itself fails, or "–" where the contract does not apply) and `found`, what the check
        found. The row shows the worst of the subsets of modalities.

    Raises:
        UsageError: there is no such model or contract, the model reads no batches, or the class is no model.
    """
    order = checks.SEVERITY
    rows: dict[tuple[str, str], checks.Result] = {}
    for result in checks.verify([model], contracts, progress=progress):
        key = (result.case.row.variant, result.contract)
        if key not in rows or order.index(result.status) > order.index(rows[key].status):
            rows[key] = result
    return pd.DataFrame([{"variant": variant, "contract": contract, "status": r.status, "found": r.says}
                         for (variant, contract), r in rows.items()]).set_index(["variant", "contract"])
