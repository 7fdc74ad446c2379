"""Tables that the papers on unaligned sequences share: what a corpus has, models beside one another, settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from erclab import models, published, runs
from erclab.analysis import statistics
from erclab.core import metrics
from erclab.corpora import SPLITS, Corpus, simulated
from erclab.exhibits import scores
from erclab.exhibits.catalogue import Runs
from erclab.exhibits.lacks import Lacks
from erclab.models.layers.unaligned import UNALIGNED
from erclab.runs import Question, RunSpec
from erclab.training import recipes

# What papers print of each task, in their order; and what tells a degenerate predictor from a good one.
PRINTED = {
    "sentiment": ("acc7", "acc2_non0", "mult_a2", "f1_non0", "correlation", "mae"),
    "emotion4": (*(f"{e}.{m}" for e in ("happy", "sad", "angry", "neutral") for m in ("accuracy", "weighted_f1")),
                 "balanced_accuracy", "positive_f1"),
}
TITLES = {**scores.TITLES, "mult_a2": "binary accuracy of clipped values"}
BASELINES = ("linear-pooled", "constant")
MILLION = 1_000_000


def modalities(corpus: Corpus) -> tuple[str, ...]:
    """Those that have sequences which a model can learn from: some in the training split."""
    train = corpus.rows("train")
    return tuple(m for m in corpus.frame_dims if (corpus.frames[m].lengths[train] > 0).any())


def lacks(least: int, *needed: str) -> Lacks:
    """Sequences of so many modalities, and of the `needed` ones, in the training split. For `Exhibit.lacks`."""
    def lacking(corpus: Corpus) -> str:
        there = modalities(corpus)
        if len(there) >= least and set(needed) <= set(there):
            return ""
        unseen = [m for m in corpus.frame_dims if m not in there]
        found = f"sequences of {', '.join(there)} only" if there else "no sequences"
        return f"it has {found}" + (f" (of {', '.join(unseen)} none in the training split)" if unseen else "")
    return lacking


def lacks_tasks(corpus: Corpus) -> str:
    """Any task, for models that take all."""
    return "" if corpus.tasks else "it has no annotation"


def aligned(corpus: Corpus) -> bool:
    """Whether the steps of all modalities are the same, such as words: an utterance has as many of each that it has."""
    lengths = np.stack([corpus.frames[m].lengths for m in modalities(corpus)])
    return bool((np.where(lengths > 0, lengths, lengths.max(0)) == lengths.max(0)).all())


def questions(corpus: Corpus, names: Sequence[str], task: str | None = None) -> dict[str, Question]:
    """Title -> model, on all modalities that can be learnt from, and the baselines that see the same."""
    seen, task = modalities(corpus), task or corpus.tasks[0]
    found = {}
    for name in (*names, *BASELINES):
        info = models.info(name)
        if task in info.tasks:
            found[info.title] = Question(name, {"modalities": seen, "task": task, **target(name, seen)})
    return found


def target(model: str, seen: Sequence[str]) -> dict[str, str]:
    """LMR-CBT fuses into the text; where there is none, into the first that there is."""
    return {"target": seen[0]} if model == "lmr-cbt" and "text" not in seen else {}


def table(found: Runs, corpus: Corpus, paper: str) -> pd.DataFrame:
    """Ours, then what the paper prints of the same corpus: a row per model and setting.

    Index: whose ("ours" or "published", and the setting) and the model. Columns: the metrics that papers print of the
    task (shares in percent), mean ± deviation over seeds; `parameters`; `runs`. Of a setting that the corpus is not in,
    one row says so. A paper's `parameters` are as printed, and its scores of another epoch: see `published`.
    """
    task = next(iter(found.values()))[0].task
    names = PRINTED.get(task, metrics.HEADLINES[task])
    setting = "aligned" if aligned(corpus) else "unaligned"
    rows = {}
    for title, records in found.items():
        cells = {_title(m):
                 statistics.summarise(statistics.values(records, m)).text(m.split(".")[-1] not in metrics.PLAIN)
                 for m in names}
        size = int(records[0].data["parameters"]["all"])
        rows[f"ours, {setting}", title] = cells | {"parameters": f"{size:,}" if size else "", "runs": len(records)}
    for row in printed(paper, corpus, names):
        rows[row.pop("whose"), row.pop("model")] = row
    made = pd.DataFrame(rows).T.rename_axis(["whose", "model"])
    return made.replace("nan", "").fillna("")  # a constant has no correlation


def _title(metric: str) -> str:
    return TITLES.get(metric, metric.replace(".weighted_f1", ", weighted F1").replace(".", ", "))


def missing_setting(corpus: Corpus) -> str:
    """Why ours has rows of one setting only, in words."""
    if aligned(corpus):
        return f"unaligned: {corpus.name} comes with one step per word in every modality"
    if corpus.name in simulated.NAMES:
        return "aligned: train the same on erclab.corpora.simulated.align.to_words(corpus)"
    return f"aligned: {corpus.name} does not say when its words are spoken, nor does it come averaged over them"


def printed(paper: str, corpus: Corpus, names: Sequence[str]) -> list[dict[str, str]]:
    """Rows of the paper on what it calls this corpus; none on another."""
    table = published.scores(paper, recipes.family(corpus.name))
    found = []
    for (setting, name), part in table[table["metric"].isin(names)].groupby(["setting", "model"], sort=False):
        values = dict(zip(part["metric"], part["value"], strict=True))
        sizes = published.parameters(name, recipes.family(corpus.name)).query(
            "paper == @paper and unit == 'million'", engine="python") if setting.startswith("unaligned") else []
        size = f"{sizes['value'].iloc[0]:.2f} M" if len(sizes) else ""
        cells = {_title(m):
                 f"{v:.3f}" if m.split(".")[-1] in metrics.PLAIN else f"{v:.1f}" for m, v in values.items()}
        found.append({"whose": f"published, {setting}" if setting else "published",
                      "model": models.info(name).title, **cells, "parameters": size})
    return found


def chosen(paper: str, corpus: Corpus, settings: Mapping[str, str], metric: str) -> dict[str, float] | None:
    """Name -> what the paper prints of a variant on this corpus (percent, but see `metrics.PLAIN`); None if nothing.

    Args:
        settings: name -> the `setting` of the paper's variant.
        metric: of `emotion4` the mean over the four emotions, which is what ours is.
    """
    family = recipes.family(corpus.name)
    rows = pd.concat([published.ablations(paper, family),
                      published.scores(paper, family).query("model == @paper", engine="python")])
    found = {}
    for name, setting in settings.items():
        part = rows[rows["setting"] == setting]
        values = part[(part["metric"] == metric) | part["metric"].isin([f"{e}.{metric}" for e in metrics.EMOTION4])]
        if len(values):
            found[name] = round(float(values["value"].mean()), 3)
    return found or None


# What the papers print of corpora and training, and where ours has it.


def corpus_facts(corpus: Corpus) -> dict[str, float | str]:
    """What -> of this corpus: utterances per split and label, frames per second, steps and features per modality."""
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
    """Name -> the value of a setting of the model or a field of its recipe, where either has it."""
    recipe = {name: getattr(spec.recipe, name) for name in names if hasattr(spec.recipe, name)}
    if spec.recipe.schedule != "plateau":
        recipe.pop("plateau_patience", None)
    return {name: value for name in names if (value := {**recipe, **spec.settings}.get(name)) is not None}


def settings(paper: str, corpus: Corpus, hyper: Sequence[str]) -> pd.DataFrame:
    """Everything that the paper prints of corpora and training, as it is here and as it prints it.

    Rows: what. Columns: `here`, of the corpus; `smoke` and `full`, what the recipes of the profiles say; `published`,
    where this is a corpus of the paper.

    Args:
        hyper: names of settings of the model and fields of its recipe.
    """
    seen = modalities(corpus)
    theirs = published.settings(paper, recipes.family(corpus.name))
    columns = {"here": corpus_facts(corpus)}
    for profile in recipes.PROFILES:
        columns[profile] = recipe_facts(runs.plan(paper, corpus, profile=profile, modalities=seen)[0], hyper)
    columns["published"] = dict(zip(theirs["what"], theirs["value"], strict=True))
    order = dict.fromkeys(name for column in columns.values() for name in column)
    return pd.DataFrame({name: pd.Series(column, dtype=object).reindex(list(order))
                         for name, column in columns.items()}).fillna("").rename_axis("what")


FAMILIES = tuple(UNALIGNED)
