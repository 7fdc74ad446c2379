"""Scores over seeds: tables for a page, bars for a slide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from erclab.analysis import statistics
from erclab.core import metrics
from erclab.core.errors import UsageError
from erclab.figures import style
from erclab.runs import Pooled, Record

TITLES = {"accuracy": "accuracy", "weighted_f1": "weighted F1", "macro_f1": "macro F1",
          "balanced_accuracy": "balanced accuracy", "positive_f1": "F1 of the positive", "acc7": "7-class accuracy",
          "acc2_non0": "binary accuracy, without 0", "f1_non0": "binary F1, without 0", "mae": "mean absolute error",
          "correlation": "correlation"}


def table(groups: Mapping[str, Sequence[Record | Pooled]], split: str = "test") -> pd.DataFrame:
    """One row per group: mean ± deviation over seeds for each headline metric of the groups' task, and the seeds.

    Shares are in percent; an error or a correlation is not.

    Raises:
        UsageError: the groups are of different tasks.
    """
    tasks = {r.task for records in groups.values() for r in records}
    if len(tasks) != 1:
        raise UsageError(f"one table cannot show scores of {' and '.join(sorted(tasks))}")
    headline = metrics.HEADLINES[tasks.pop()]
    return pd.DataFrame({
        name: {TITLES[m]: statistics.summarise(statistics.values(records, m, split)).text(m not in metrics.PLAIN)
               for m in headline} | {"runs": len(records)}
        for name, records in groups.items()
    }).T


def bars(groups: Mapping[str, Sequence[Record]], metric: str | None = None, *, title: str,
         reference: Mapping[str, float] | None = None) -> Figure:
    """One bar per group with its seeds; of what is shown of their task, if no metric is named. Groups named after a
    modality get that modality's colour. `reference` is in percent."""
    metric = metric or statistics.SHOWN[next(iter(groups.values()))[0].task]
    unit = "× 100" if metric in metrics.PLAIN else "(%)"
    colours = {name: next((c for m, c in style.MODALITY.items() if f"{m} alone" in name),
                          style.PURPLE if records[0].data["parameters"]["all"] else style.GREY)
               for name, records in groups.items()}
    return style.seed_bars({name: statistics.values(records, metric) for name, records in groups.items()},
                         title=title, xlabel=f"{TITLES[metric]} on the test split {unit}", colours=colours,
                         reference=reference)


def learning(groups: Mapping[str, Sequence[Record]], *, title: str = "") -> Figure:
    """Left the loss that is minimised, right the validation score that chooses the epoch; one line per group."""
    metric = metrics.SELECT[next(iter(groups.values()))[0].task][0]
    def columns(name: str) -> dict[str, pd.DataFrame]:
        return {group: pd.concat([r.curve.set_index("epoch")[name] for r in records], axis=1)
                for group, records in groups.items()}

    made, axes = style.figure(1, 2, figsize=(12, 4.5))
    style.curves(columns("train.total"), title="Loss, training split", ylabel="loss per utterance", axis=axes[0, 0])
    style.curves(columns(f"valid.{metric}"), title=title or "The epoch is chosen here", ylabel=TITLES[metric],
               axis=axes[0, 1])
    return made


def per_class(records: Sequence[Record]) -> pd.DataFrame:
    """F1 of each class: one row per class, one column per seed, and the support."""
    tables = [metrics.per_class(r.confusion(), r.labels) for r in records]
    frame = pd.DataFrame({f"seed {r.spec['seed']}": t["f1"] for r, t in zip(records, tables, strict=True)})
    return frame.assign(support=tables[0]["support"])


def per_class_bars(records: Sequence[Record]) -> Figure:
    """F1 of each class over seeds, titled with the hardest one."""
    frame = per_class(records)
    mean = frame.drop(columns="support").mean(axis=1)[frame["support"] > 0]
    worst, best = mean.idxmin(), mean.idxmax()
    title = f"Hardest class: {worst}, F1 {100 * mean[worst]:.0f}; easiest: {best}, {100 * mean[best]:.0f}"
    groups = {f"{label} ({support})": frame.loc[label].drop("support").astype(float).to_numpy()
              for label, support in frame["support"].items()}
    colours = dict.fromkeys(groups, style.BLUE)
    return style.seed_bars(groups, title=title, xlabel="F1 on the test split (%)", colours=colours)


def per_class_difference(first: Sequence[Record], second: Sequence[Record], name: str, other: str) -> Figure:
    """Recall, precision and F1 of each class, `first` minus `second`, means over seeds, from rare to frequent."""
    parts = ("recall", "precision", "f1")
    def mean(records: Sequence[Record]) -> pd.DataFrame:
        return sum(metrics.per_class(r.confusion(), r.labels)[[*parts, "support"]] for r in records) / len(records)

    a, b = mean(first), mean(second)
    table = (100 * (a - b)).assign(support=a["support"]).sort_values("support")
    made, ((axis,),) = style.figure(figsize=(10, 4.8))
    for i, (part, colour, hatch) in enumerate(zip(parts, (style.SKY, style.ORANGE, style.BLUE), ("", "//", ".."),
                                                  strict=True)):
        axis.bar(np.arange(len(table)) + (i - 1) * 0.27, table[part], 0.27, color=colour, hatch=hatch,
                 edgecolor="white", label="F1" if part == "f1" else part)
    axis.axhline(0, color="black", lw=1)
    axis.set(xticks=range(len(table)), ylabel="difference (points)", title=f"By class: {name} minus {other}",
             xticklabels=[f"{label}\n({support:.0f})" for label, support in table["support"].items()])
    axis.legend(ncols=3)
    return made


def confusions(groups: Mapping[str, Sequence[Record]]) -> Figure:
    """One confusion matrix per group, counts averaged over its seeds."""
    width = 1.0 * len(next(iter(groups.values()))[0].labels)
    made, axes = style.figure(1, len(groups), figsize=(width * len(groups), width + 1))  # and titles, labels
    for axis, (name, records) in zip(axes[0], groups.items(), strict=True):
        mean = sum(r.confusion() for r in records) / len(records)
        score = statistics.summarise(statistics.values(records))
        style.confusion(mean, records[0].labels, title=f"{name}\nweighted F1 {score}", axis=axis)
    return made


def error_shares(groups: Mapping[str, Sequence[Record]], labels: Sequence[str]) -> dict[str, list[float]]:
    """Of each run's mistakes, the share whose prediction is one of `labels`. Runs without a mistake are left out."""
    shares: dict[str, list[float]] = {}
    for name, records in groups.items():
        for r in records:
            wrong = r.confusion().astype(float)
            np.fill_diagonal(wrong, 0.0)
            if wrong.sum() > 0:
                columns = [r.labels.index(label) for label in labels]
                shares.setdefault(name, []).append(wrong[:, columns].sum() / wrong.sum())
    return shares
