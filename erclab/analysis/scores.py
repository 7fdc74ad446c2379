"""Scores of runs as tables: headlines, classes, mistakes and the training split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from erclab.analysis import statistics
from erclab.analysis.inside import check_corpus, per_utterance
from erclab.analysis.shown import score_text
from erclab.core import metrics
from erclab.core.errors import UsageError
from erclab.corpora import Corpus
from erclab.runs import Pooled, Record
from erclab.runs.looks import look

PARTS = ("precision", "recall", "f1")  # of each class


def headlines(groups: Mapping[str, Sequence[Record | Pooled]], split: str = "test") -> pd.DataFrame:
    """One row per group: mean ± deviation over seeds for each headline metric of the groups' task, and the seeds.

    Shares are in percent; errors and correlations are unchanged.

    Raises:
        UsageError: the groups are of different tasks.
    """
    tasks = {r.task for records in groups.values() for r in records}
    if len(tasks) != 1:
        raise UsageError(f"one table cannot show scores of {' and '.join(sorted(tasks))}")
    headline = common_headline(groups)
    return pd.DataFrame({
        name: {metrics.TITLES[m]: score_text(records, m, split) for m in headline} | {"runs": len(records)}
        for name, records in groups.items()
    }).T


def common_headline(groups: Mapping[str, Sequence[Record | Pooled]]) -> list[str]:
    """The headline scores of groups of one task, as far as all of them have them (`Record.headline`)."""
    first, *others = (set(records[0].headline) for records in groups.values())
    both = first.intersection(*others)
    return [m for m in next(iter(groups.values()))[0].headline if m in both]


def by_column(records: Sequence[Record | Pooled]) -> pd.DataFrame:
    """The scores of each column of a task of several numbers or binary labels, such as the emotions of CMU-MOSEI:
    index column, mean ± deviation over runs as text. Empty for other tasks."""
    task, found = records[0].target, records[0].scores()
    if task.kind == "classes" or len(task.names) < 2:
        return pd.DataFrame()
    rows = {name: {metrics.TITLES[m]: statistics.summarise(statistics.values(records, f"{name}.{m}")).text(
        metrics.is_share(m)) for m in metrics.HEADLINES[task.like] if f"{name}.{m}" in found} for name in task.names}
    return pd.DataFrame({name: cells for name, cells in rows.items() if cells}).T


def curve(records: Sequence[Record], column: str) -> pd.DataFrame:
    """A column of the records' training curves, such as `train.total`: index epochs, one column per run."""
    return pd.concat([r.curve.set_index("epoch")[column] for r in records], axis=1)


def mean_confusion(records: Sequence[Record]) -> np.ndarray:
    """(C, C) counts, row = truth, averaged over runs."""
    return sum(r.confusion() for r in records) / len(records)


def per_class(records: Sequence[Record]) -> pd.DataFrame:
    """F1 of each class: one row per class, one column per seed, and the support."""
    tables = [metrics.per_class(r.confusion(), r.labels) for r in records]
    frame = pd.DataFrame({f"seed {r.spec['seed']}": t["f1"] for r, t in zip(records, tables, strict=True)})
    return frame.assign(support=tables[0]["support"])


def class_differences(first: Sequence[Record], second: Sequence[Record]) -> pd.DataFrame:
    """Recall, precision and F1 of each class, `first` minus `second` in points, means over seeds, and the `support`;
    from the rarest class to the most frequent one."""
    def mean(records: Sequence[Record]) -> pd.DataFrame:
        return sum(metrics.per_class(r.confusion(), r.labels)[["recall", "precision", "f1", "support"]]
                   for r in records) / len(records)

    a, b = mean(first), mean(second)
    return (100 * (a - b)).assign(support=a["support"]).sort_values("support")


def class_report(records: Sequence[Record]) -> pd.DataFrame:
    """Precision, recall and F1 of each emotion and their averages (percent, means over seeds), and the support.

    Rows: the emotions, then `accuracy` (which is in the column F1, as in the paper's table), `macro` and `weighted`.
    A precision without a prediction is NaN, and left out of the averages.
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


def mistaken(records: Sequence[Record]) -> pd.Series:
    """The most frequent of the `mistakes`."""
    return mistakes(records).iloc[0]


def mistakes(records: Sequence[Record]) -> pd.DataFrame:
    """Mistakes, the most frequent first, by their share of the true emotion: index (truth, prediction), columns `share`
    (percent) and `count`, means over seeds."""
    mean = sum(r.confusion() for r in records) / len(records)
    share = 100 * mean / np.maximum(mean.sum(1, keepdims=True), 1)
    labels = records[0].labels
    made = pd.DataFrame({(labels[i], labels[j]): {"share": share[i, j], "count": mean[i, j]}
                         for i, j in np.ndindex(share.shape) if i != j}).T
    return made.sort_values("share", ascending=False, kind="stable")


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


@look
def training_scores(record: Record, corpus: Corpus) -> dict[str, float]:
    """The scores of a run's kept weights on the training split, without dropout.

    Raises:
        UsageError: the run was trained on another corpus.
    """
    check_corpus(record, corpus)
    found = per_utterance(record, corpus, lambda output, _: {"guess": output.logits.argmax(-1)}, "train")
    truth = corpus.targets("train")
    at = truth >= 0
    return metrics.classification_scores(truth[at], found["guess"].to_numpy()[at], len(corpus.labels))
