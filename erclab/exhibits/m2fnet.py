"""M2FNet's tables and figures (Gao 2026, doi 10.65102/is2026859): M1 to M5."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from erclab import models, published
from erclab.analysis import statistics
from erclab.analysis.inside import per_utterance
from erclab.core import metrics
from erclab.corpora import Corpus
from erclab.exhibits import ablation, lacks, scores
from erclab.exhibits.catalogue import Exhibit, Runs
from erclab.figures import style
from erclab.models.m2fnet import ABLATIONS
from erclab.runs import Question, Record
from erclab.training.recipes import family

MODEL, TITLE = "m2fnet", "M2FNet"
PARTS = ("precision", "recall", "f1")
COMPARED = (MODEL, "bc-lstm", "dialoguernn", "sdt", "linear", "constant")
F1 = ("weighted_f1", "macro_f1")


def itself(corpus: Corpus) -> dict[str, Question]:
    """The model as its recipe has it."""
    return {TITLE: Question(MODEL, {"task": "emotion"})}


# M1

def learning(corpus: Corpus, runs: Runs) -> Figure:
    """Figure 2: loss, accuracy and F1 per epoch; mean and deviation over seeds.

    The loss is that of the training split (with dropout), the scores are those of the validation split: a training
    scores nothing else in every epoch. Stars are each seed's scores on the training split in its chosen epoch, from a
    forward pass of the weights that were kept: their distance from the curve is overfitting.
    """
    records = runs[TITLE]
    made, ((loss, accuracy, f1),) = style.figure(1, 3, figsize=(15, 4.8))
    def column(name: str) -> pd.DataFrame:
        return pd.concat([r.curve.set_index("epoch")[name] for r in records], axis=1)

    style.curves({"training": column("train.total")}, title="Loss", ylabel="weighted loss per utterance"
               if records[0].spec["recipe"]["class_weights"] else "loss per utterance", axis=loss)
    seen = [training_scores(r, corpus) for r in records]
    for axis, metric in ((accuracy, "accuracy"), (f1, "weighted_f1")):
        style.curves({"validation": column(f"valid.{metric}")}, ylabel=scores.TITLES[metric], axis=axis,
                   title=f"{scores.TITLES[metric][0].upper()}{scores.TITLES[metric][1:]}")
        axis.plot([r.epoch() for r in records], [s[metric] for s in seen], "*", color=style.ORANGE, ms=13, mec="black",
                  label="training, chosen epoch")
        axis.legend(loc="lower right")
    gap = np.mean([s["weighted_f1"] - r.scores("valid")["weighted_f1"] for s, r in zip(seen, records, strict=True)])
    f1.set_title(f"F1: {100 * gap:.0f} points less than in training")
    return made


def training_scores(record: Record, corpus: Corpus) -> dict[str, float]:
    """The scores of a run's kept weights on the training split, without dropout.

    Raises:
        UsageError: the run was trained on another corpus.
    """
    found = per_utterance(record, corpus, lambda output, _: {"guess": output.logits.argmax(-1)}, "train")
    truth = corpus.targets("train")
    at = truth >= 0
    return metrics.classification_scores(truth[at], found["guess"].to_numpy()[at], len(corpus.labels))


# M2 and M3

def report(records: Sequence[Record]) -> pd.DataFrame:
    """Precision, recall and F1 of each emotion and their averages (percent, means over seeds), and the support.

    Rows: the emotions, then `accuracy` (which is in the column F1, as in the paper's table), `macro` and `weighted`.
    What nothing was measured of (a precision without a prediction) is NaN, and left out of the averages.
    """
    tables = [metrics.per_class(r.confusion(), r.labels) for r in records]
    support = tables[0]["support"]
    mean = sum(t[list(PARTS)] for t in tables) / len(tables)
    weight = support / max(support.sum(), 1)
    rows = {"accuracy": {"f1": statistics.values(records, "accuracy").mean()},
            "macro": {**mean.mean(), "f1": statistics.values(records, "macro_f1").mean()},
            "weighted": {**(mean.mul(weight, axis=0)).sum(), "f1": statistics.values(records).mean()}}
    made = pd.concat([mean, pd.DataFrame(rows).T[list(PARTS)]])
    return (100 * made).round(1).assign(support=[*support, *[support.sum()] * 3]).rename_axis("emotion")


def classes(corpus: Corpus, runs: Runs) -> pd.DataFrame:
    """Table 3: `report`, and beside it what the paper prints, where it is for this corpus."""
    made = report(runs[TITLE])
    table = published.scores(MODEL, family(corpus.name))
    own = table[(table["exhibit"] == "M2") & (table["model"] == MODEL)]
    for part in (*PARTS, "support") if len(own) else ():
        printed = dict(zip(own["metric"], own["value"], strict=True))
        made[f"published {part}"] = [printed.get(f"{name}.{part}", printed.get(name) if part == "f1" else None)
                                     for name in made.index]
    return made


def confusion(corpus: Corpus, runs: Runs) -> Figure:
    """Figure 3: the confusion matrix, counts averaged over seeds, titled with its largest mistake."""
    records = runs[TITLE]
    made = scores.confusions(runs)
    taken = mistaken(records)
    made.axes[0].set_title(f"{TITLE}: {taken.name[0]} is taken for {taken.name[1]}\nin {taken['share']:.0f} % of its "
                           "utterances, most of all")
    return made


def mistaken(records: Sequence[Record]) -> pd.Series:
    """The most frequent mistake, by its share of the true emotion: named (truth, prediction), with `share` (percent)
    and `count`, means over seeds."""
    mean = sum(r.confusion() for r in records) / len(records)
    share = 100 * mean / np.maximum(mean.sum(1, keepdims=True), 1)
    np.fill_diagonal(share, -1)
    i, j = np.unravel_index(share.argmax(), share.shape)
    labels = records[0].labels
    return pd.Series({"share": share[i, j], "count": mean[i, j]}, name=(labels[i], labels[j]))


def classes_compared(groups: Runs) -> Figure:
    """F1 of each emotion, means over seeds, one bar per group of runs; titled with the emotion on which they differ
    most."""
    f1 = 100 * pd.DataFrame({name: scores.per_class(records).drop(columns="support").mean(axis=1)
                             for name, records in groups.items()})
    made, ((axis,),) = style.figure(figsize=(11, 5))
    width = 0.8 / len(groups)
    for i, (name, colour) in enumerate(zip(f1, style.CYCLE, strict=False)):
        axis.bar(np.arange(len(f1)) + width * (i - (len(groups) - 1) / 2), f1[name], width, label=name, color=colour,
                 hatch=("", "//", "..", "xx", "--")[i % 5], edgecolor="white")
    spread = f1.max(axis=1) - f1.min(axis=1)
    worst = spread.idxmax()
    axis.set(xticks=range(len(f1)), xticklabels=list(f1.index), ylabel="F1 on the test split (%)", ylim=(0, 100),
             title=f"They differ most on {worst}: {f1.loc[worst].min():.0f} to {f1.loc[worst].max():.0f}")
    made.legend(loc="outside lower center", ncols=min(len(groups), 5))
    return made


# M4

def compared(corpus: Corpus) -> dict[str, Question]:
    """M2FNet beside what erclab has of its table, two more models of dialogues, and what all must beat."""
    return {models.info(name).title: Question(name, {"task": "emotion"}) for name in COMPARED}


def comparison(corpus: Corpus, runs: Runs) -> pd.DataFrame:
    """Table 4: weighted and macro F1, by the former; as published where that is for this corpus, also of models that
    read something else than dialogues of vectors and are not run here."""
    rows = {title: {scores.TITLES[m]: statistics.summarise(statistics.values(records, m)).text() for m in F1}
            | {"runs": len(records), "order": statistics.values(records).mean()} for title, records in runs.items()}
    made = pd.DataFrame(rows).T.sort_values("order", ascending=False).drop(columns="order").rename_axis("model")
    table = published.scores(MODEL, family(corpus.name))
    printed = table[table["exhibit"] == "M4"].pivot(index="model", columns="metric", values="value")
    if printed.empty:
        return made
    printed = printed.rename(index=lambda name: models.info(name).title,
                             columns={m: f"published {scores.TITLES[m]}" for m in F1})
    return made.join(printed[[f"published {scores.TITLES[m]}" for m in F1]], how="outer").reindex(
        [*made.index, *printed.index.difference(made.index)])


# M5

def ablations(corpus: Corpus) -> dict[str, Question]:
    """Table 5: the model, without the parts of `ABLATIONS`, and without class weights."""
    rows = {"full": {}, **ABLATIONS, "without weighted loss": {"class_weights": False}}
    return {name: Question(MODEL, {"task": "emotion", **changes}) for name, changes in rows.items()}


def ablated(corpus: Corpus, runs: Runs) -> pd.DataFrame:
    """Table 5 twice, by weighted and by macro F1 (columns with "macro" before them): see `ablation.table`."""
    table = published.scores(MODEL, family(corpus.name))
    own = table[(table["exhibit"] == "M5") & (table["model"] == MODEL)]
    weighted, macro = (ablation.table(runs, metric=m, published=_by_setting(own, m)) for m in F1)
    macro = macro.drop(columns="runs").rename(columns=lambda c: c if c.startswith("macro") else f"macro {c}")
    return weighted.join(macro)


def _by_setting(own: pd.DataFrame, metric: str) -> dict[str, float] | None:
    rows = own[own["metric"] == metric]
    return dict(zip(rows["setting"], rows["value"], strict=True)) or None


WHERE = lacks.all_of(lacks.task("emotion"), lacks.vectors())
NEEDS = "utterance vectors, emotions"
EXHIBITS = (
    Exhibit("M1", "loss, accuracy and F1 per epoch", NEEDS, learning, itself, WHERE),
    Exhibit("M2", "precision, recall, F1 and support per emotion", NEEDS, classes, itself, WHERE),
    Exhibit("M3", "confusion matrix", NEEDS, confusion, itself, WHERE),
    Exhibit("M4", "comparison on weighted and macro F1", NEEDS, comparison, compared, WHERE),
    Exhibit("M5", "without transformer fusion, GRU or weighted loss", NEEDS, ablated, ablations, WHERE),
)
