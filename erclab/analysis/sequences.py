"""Corpora of sequences, and tables that the papers on unaligned sequences share: our numbers beside printed ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from erclab import models, published, runs
from erclab.analysis.shown import score_text, shown_as
from erclab.core import metrics
from erclab.corpora import SPLITS, Corpus, simulated
from erclab.runs import Record, RunSpec
from erclab.training import recipes

# The scores that papers print of each task, in their order, then two that distinguish a degenerate predictor from a
# good one.
PRINTED = {
    "sentiment": ("acc7", "acc2_non0", "mult_a2", "f1_non0", "correlation", "mae"),
    "emotion4": (*(f"{e}.{m}" for e in ("happy", "sad", "angry", "neutral") for m in ("accuracy", "weighted_f1")),
                 "balanced_accuracy", "positive_f1"),
}


def learnable(corpus: Corpus) -> tuple[str, ...]:
    """The modalities with sequences from which a model can learn: there are some in the training split."""
    return tuple(m for m in corpus.frame_dims if (corpus.frames[m].lengths[corpus.rows("train")] > 0).any())


def aligned(corpus: Corpus) -> bool:
    """Whether all modalities have the same steps, such as words: equal numbers of steps wherever there are any."""
    lengths = np.stack([corpus.frames[m].lengths for m in learnable(corpus)])
    return bool((np.where(lengths > 0, lengths, lengths.max(0)) == lengths.max(0)).all())


def beside_paper(groups: Mapping[str, Sequence[Record]], corpus: Corpus, paper: str) -> pd.DataFrame:
    """Ours, then the paper's numbers on the same corpus: a row per model and setting.

    Index: whose ("ours" or "published", and the setting) and the model. Columns: the metrics that papers print of the
    task (shares in percent), mean ± deviation over seeds; `parameters`; `runs`. A paper's `parameters` are as printed,
    and its scores are of another epoch: see `erclab.published`.
    """
    task = next(iter(groups.values()))[0].target
    names = PRINTED.get(task.name, metrics.headline(task)) if task.built_in else metrics.headline(task)
    setting = "aligned" if aligned(corpus) else "unaligned"
    rows = {}
    for title, records in groups.items():
        cells = {metrics.title(m): score_text(records, m) for m in names}
        size = int(records[0].data["parameters"]["all"])
        rows[f"ours, {setting}", title] = cells | {"parameters": f"{size:,}" if size else "", "runs": len(records)}
    for row in printed_rows(paper, corpus, names):
        rows[row.pop("whose"), row.pop("model")] = row
    made = pd.DataFrame(rows).T.rename_axis(["whose", "model"])
    return made.replace("nan", "").fillna("")  # a constant has no correlation


def missing_setting(corpus: Corpus) -> str:
    """The reason, in words, why our rows have one setting only."""
    if aligned(corpus):
        return f"unaligned: {corpus.name} comes with one step per word in every modality"
    if corpus.name in simulated.NAMES:
        return "aligned: train the same on erclab.corpora.simulated.align.to_words(corpus)"
    return f"aligned: {corpus.name} has neither the times of its words nor features that are averaged over words"


def printed_rows(paper: str, corpus: Corpus, names: Sequence[str]) -> list[dict[str, str]]:
    """The paper's rows on its corpus of this name; none for another corpus."""
    table = published.scores(paper, recipes.family(corpus.name))
    found = []
    for (setting, name), rows in table[table["metric"].isin(names)].groupby(["setting", "model"], sort=False):
        values = dict(zip(rows["metric"], rows["value"], strict=True))
        sizes = published.parameters(name, recipes.family(corpus.name)).query(
            "paper == @paper and unit == 'million'", engine="python") if setting.startswith("unaligned") else []
        size = f"{sizes['value'].iloc[0]:.2f} M" if len(sizes) else ""
        cells = {metrics.title(m): f"{v:.{shown_as(m)[1]}f}" for m, v in values.items()}
        found.append({"whose": f"published, {setting}" if setting else "published",
                      "model": models.info(name).title, **cells, "parameters": size})
    return found


def printed_variants(paper: str, corpus: Corpus, settings: Mapping[str, str], metric: str) -> dict[str, float] | None:
    """Name -> the paper's score of a variant on this corpus (percent, but see `metrics.PLAIN`); None if there is none.

    Args:
        settings: name -> the `setting` of the paper's variant.
        metric: of `emotion4` the mean over the four emotions, as ours is.
    """
    family = recipes.family(corpus.name)
    rows = pd.concat([published.ablations(paper, family),
                      published.scores(paper, family).query("model == @paper", engine="python")])
    found = {}
    for name, setting in settings.items():
        own = rows[rows["setting"] == setting]
        values = own[(own["metric"] == metric) | own["metric"].isin([f"{e}.{metric}" for e in metrics.EMOTION4])]
        if len(values):
            found[name] = round(float(values["value"].mean()), 3)
    return found or None


def corpus_facts(corpus: Corpus) -> dict[str, float | str]:
    """Fact -> number: utterances per split and label; frames per second, steps and features per modality."""
    split, found = corpus.table["split"], {}
    every = [(s, (split == s).to_numpy()) for s in SPLITS] + [("all", np.ones(len(corpus), dtype=bool))]
    found |= {f"{s} utterances": int(at.sum()) for s, at in every}
    if "emotion4" in corpus.annotations:
        present = corpus.annotations["emotion4"] == 1
        found |= {f"{s} utterances, {e}": int(present[at, i].sum())
                  for i, e in enumerate(metrics.EMOTION4) for s, at in every}
    for m, frames in corpus.frames.items():
        if frames.rate:
            found[f"{m} frames per second"] = frames.rate
        found[f"{m} steps"] = int(frames.length or frames.lengths.max())
        found[f"{m} features"] = frames.values.shape[1]
    return found


def recipe_facts(spec: RunSpec, names: Sequence[str]) -> dict[str, float | str]:
    """Name -> the value of a setting of the model or of a field of its recipe; names of neither are left out."""
    recipe = {name: getattr(spec.recipe, name) for name in names if hasattr(spec.recipe, name)}
    if spec.recipe.schedule != "plateau":
        recipe.pop("plateau_patience", None)
    return {name: value for name in names if (value := {**recipe, **spec.settings}.get(name)) is not None}


def facts_beside_paper(paper: str, corpus: Corpus, hyper: Sequence[str]) -> pd.DataFrame:
    """Every number that the paper prints of corpora and training, here and as printed.

    Rows: what. Columns: `here`, of the corpus; `smoke` and `full`, of the recipes of these profiles; `published`, where
    this is a corpus of the paper.

    Args:
        hyper: names of settings of the model and fields of its recipe.
    """
    seen = learnable(corpus)
    theirs = published.settings(paper, recipes.family(corpus.name))
    columns = {"here": corpus_facts(corpus)}
    for profile in recipes.PROFILES:
        columns[profile] = recipe_facts(runs.plan(paper, corpus, profile=profile, modalities=seen)[0], hyper)
    columns["published"] = dict(zip(theirs["what"], theirs["value"], strict=True))
    order = dict.fromkeys(name for column in columns.values() for name in column)
    return pd.DataFrame({name: pd.Series(column, dtype=object).reindex(list(order))
                         for name, column in columns.items()}).fillna("").rename_axis("what")
