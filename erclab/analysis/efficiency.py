"""Scores against size and cost of a model: LMR-CBT's Figure 1 (L6), and the overhead that SDT does not report (S10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from scipy import stats

from erclab import models, published, runs
from erclab.analysis import cost, statistics
from erclab.core import metrics
from erclab.core.errors import UsageError
from erclab.corpora import Corpus
from erclab.runs import Record
from erclab.runs.table import COLUMNS

MILLION = 1_000_000


def ours(catalogue: pd.DataFrame, corpus: str) -> pd.DataFrame:
    """Trained models of a corpus with all its modalities: a row per model, mean and deviation of the score over seeds.

    If a model has several configurations, the one with the most seeds counts, then the one that was run last; all in
    float32.

    Args:
        catalogue: `erclab.runs.table.catalogue`.

    Returns:
        Index: the model's title; columns parameters, score, deviation (shares), seeds, view and metric.

    Raises:
        UsageError: there is no run of a trained model on this corpus.
    """
    rows = catalogue[(catalogue["corpus"] == corpus) & (catalogue["parameters"] > 0)]
    if "precision" in rows:
        rows = rows[rows["precision"].fillna("float32") == "float32"]
    if rows.empty:
        raise UsageError(f"no run of a trained model on {corpus} is among these records",
                         remedy="Train some (erclab run, erclab sweep), or name another folder.")
    most = rows["modalities"].map(lambda x: x.count("+")).max()
    rows = rows[rows["modalities"].map(lambda x: x.count("+")) == most]
    settings, found = [c for c in rows if c not in COLUMNS], []
    for model, same in rows.groupby("model"):
        groups = [g for _, g in same.groupby(same[["parameters", *settings]].map(str).agg("|".join, axis=1))]
        best = max(groups, key=lambda g: (g["seed"].nunique(), g["finished"].max()))
        best = best.sort_values("finished").drop_duplicates("seed", keep="last")
        found.append({"model": models.info(model).title, "parameters": int(best["parameters"].iloc[0]),
                      "score": best["sound"].mean(), "deviation": best["sound"].std(), "seeds": len(best),
                      "view": models.info(model).view, "metric": best["metric"].iloc[0]})
    return pd.DataFrame(found).set_index("model").sort_values("parameters")


def of_runs(groups: Mapping[str, Sequence[Record]]) -> pd.DataFrame:
    """Trained models among runs: a row per model, by its parameters. Index: the name; columns parameters, score,
    deviation (shares) and metric."""
    task = next(iter(groups.values()))[0].target
    metric = {"sentiment": "f1_non0"}.get(task.like, metrics.select(task)[0])
    rows = {}
    for title, records in groups.items():
        if size := records[0].data["parameters"]["all"]:
            score = statistics.summarise(statistics.values(records, metric))
            rows[title] = {"parameters": size, "score": score.mean, "deviation": score.deviation, "metric": metric}
    return pd.DataFrame(rows).T.infer_objects().sort_values("parameters")


def theirs(paper: str = "lmr-cbt", corpus: str = "mosei", metric: str = "f1_non0") -> pd.DataFrame:
    """The points of the paper's figure from the numbers in its tables: parameters and score on unaligned sequences.

    Returns:
        Index: the model's title; columns parameters and score (a share), and the source. A model whose size the paper
        does not print is left out.
    """
    scores = published.scores(paper, corpus).query("metric == @metric and setting.str.startswith('unaligned')",
                                                   engine="python")
    found = []
    for _, row in scores.iterrows():
        sizes = published.parameters(row["model"], corpus).query("unit == 'million' and paper == @paper")
        if len(sizes):
            found.append({"model": models.info(row["model"]).title, "parameters": int(MILLION * sizes["value"].iloc[0]),
                          "score": row["value"] / 100, "source": row["source"]})
    return pd.DataFrame(found).set_index("model").sort_values("parameters")


def precisions(catalogue: pd.DataFrame, corpus: str) -> pd.DataFrame:
    """The effect of bfloat16 on the score: runs that differ in their precision alone, seed by seed.

    Returns:
        Index: the model's title; columns float32 and bfloat16 (mean shares), difference (bfloat16 less float32, mean),
        deviation (of the differences), seeds.
    """
    rows = catalogue[(catalogue["corpus"] == corpus) & (catalogue["parameters"] > 0)]
    same = [c for c in rows if c == "parameters" or (c not in COLUMNS and c not in ("precision", "recompute"))]
    key = rows[["model", "modalities", "seed", *same]].map(str).agg("|".join, axis=1)
    both = rows.assign(key=key).pivot_table(index=["model", "key"], columns="precision", values="sound").dropna()
    if both.empty or both.shape[1] < 2:
        raise UsageError(f"no runs on {corpus} differ in their precision alone", remedy="Train some: erclab sweep "
                         "data/sweeps/precision.yaml.")
    both = both.reset_index().assign(difference=lambda t: t["bfloat16"] - t["float32"])
    table = both.groupby("model").agg(float32=("float32", "mean"), bfloat16=("bfloat16", "mean"),
                                      difference=("difference", "mean"), deviation=("difference", "std"),
                                      seeds=("difference", "size"))
    return table.rename(index=lambda name: models.info(name).title)


def rank_correlation(table: pd.DataFrame) -> float:
    """Spearman's correlation of parameters with score; NaN for fewer than three models."""
    return float(stats.spearmanr(table["parameters"], table["score"])[0]) if len(table) > 2 else float("nan")


def overhead(corpus: Corpus, names: Sequence[str] = ("bc-lstm", "m2fnet", "dialoguernn", "sdt"), *,
             variants: Sequence[str] = ("smoke", "official"), items: int = 3, timed: bool = False) -> pd.DataFrame:
    """S10. Parameters and operations per utterance of models on one corpus, each also as a multiple of the smallest.

    Args:
        variants: "smoke", the recipe's size; "official", that of the authors, on the features of this corpus.
        items: dialogues to average over.
        timed: also measure what a step takes (`erclab.analysis.cost.seconds`), which differs between machines.
    """
    rows = []
    for variant in variants:
        specs = [runs.plan(name, corpus, profile="smoke" if variant == "smoke" else "full",
                           variant=None if variant == "smoke" else "official")[0] for name in names]
        for spec, (title, found) in zip(specs, cost.counted_costs(specs, corpus, items).items(), strict=True):
            seconds = {"seconds per step": cost.seconds(spec, corpus)} if timed else {}
            rows.append({"size": variant, "model": title, **found, **seconds})
    table = pd.DataFrame(rows).set_index(["size", "model"])
    least = table.groupby("size")["operations"].transform("min")
    return table.assign(times=table["operations"] / least)
