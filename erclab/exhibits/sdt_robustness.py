"""SDT when a modality is missing or noisy (S7)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from erclab.analysis import robustness, statistics
from erclab.core import metrics
from erclab.corpora import MODALITIES, Corpus, simulated
from erclab.corpora.simulated.world import World
from erclab.exhibits import ablation, ceilings
from erclab.exhibits.catalogue import Runs
from erclab.exhibits.scores import TITLES
from erclab.figures import style
from erclab.runs import Question, Record

WHOLE = "SDT"
LOST, RETRAINED, ORACLE = "lost when asked", "retrained without", "the oracle"
ORACLES = {"weighted_f1": "weighted F1", "accuracy": "accuracy", "macro_f1": "macro F1"}  # columns of its table


def whole_and_without(corpus: Corpus) -> dict[str, Question]:
    """The questions of S7: SDT with all modalities, and trained without each of them."""
    return {WHOLE: Question("sdt")} | {
        f"without {m}": Question("sdt", {"modalities": [n for n in corpus.modalities if n != m]})
        for m in corpus.modalities}


def costs(corpus: Corpus, runs: Runs) -> pd.DataFrame:
    """What it costs to be without each modality, in points of the score; a row per modality.

    `lost when asked`: the model was trained with it, and every utterance of the test split lacks it. `retrained
    without`: the model never had it; `low` and `high` of its 95 % interval, paired over seeds. `the oracle`: what the
    exact posterior loses that sees the whole dialogue; only of emotions on a simulated corpus.
    """
    metric, whole = ablation.chosen_metric(runs), runs[WHOLE]
    factor = 1 if metric in metrics.PLAIN else 100
    gone = robustness.curves(whole, corpus, "missing", metric=metric, rates=(0.0, 1.0))
    rows = {}
    for m, table in gone.items():
        rows[m] = {LOST: factor * (table.loc[0.0] - table.loc[1.0]).mean()}
        both = statistics.paired(statistics.values(whole, metric), statistics.values(runs[f"without {m}"], metric))
        rows[m] |= {RETRAINED: factor * both["difference"], "low": factor * both["low"], "high": factor * both["high"]}
    made = pd.DataFrame(rows).T
    world = simulated.world_behind(corpus)
    if world and metric in ORACLES and whole[0].task == "emotion":
        made[ORACLE] = oracle_costs(corpus, world, metric)
    return made


def oracle_costs(corpus: Corpus, world: World, metric: str = "weighted_f1") -> pd.Series:
    """Modality -> the points that the exact oracle loses without it, the whole dialogue seen."""
    subsets = {m: tuple(n for n in MODALITIES if n != m) for m in MODALITIES}
    table = ceilings.table(corpus, world, subsets=[MODALITIES, *subsets.values()])[ORACLES[metric]]
    table = table.xs(ceilings.CONTEXTS["dialogue"], level="context")
    return pd.Series({m: table["+".join(MODALITIES)] - table["+".join(rest)] for m, rest in subsets.items()})


def figure(corpus: Corpus, runs: Runs) -> Figure:
    """S7. How the score falls when a modality is missing, or noisy: a curve per modality with a band over seeds.

    Right of the share 1: a model that never had the modality, and where it is known, what the oracle loses.
    """
    metric, table = ablation.chosen_metric(runs), costs(corpus, runs)
    found = {kind: falls(runs[WHOLE], corpus, kind, metric) for kind in robustness.RATES}
    made, axes = style.figure(1, 2, figsize=(12.5, 5))
    for axis, curves in zip(axes[0], found.values(), strict=True):
        for m, fall in curves.items():
            style.band(axis, fall, colour=style.MODALITY[m], marker=style.MARKERS[list(style.MODALITY).index(m)], ms=7,
                     label=f"{m}, test split only")
        axis.axhline(0, color="black", lw=1)
    axes[0, 1].sharey(axes[0, 0])
    points = np.concatenate([fall.to_numpy().ravel() for curves in found.values() for fall in curves.values()]
                            + [-table[c] for c in (LOST, RETRAINED, ORACLE) if c in table])
    low, high = np.nanmin(points), np.nanmax(points)  # an interval of two seeds may be longer than the page
    axes[0, 0].set_ylim(low - 0.08 * (high - low), high + 0.08 * (high - low))
    _marks(axes[0, 0], table)
    worst, digits = table[LOST].idxmax(), 2 if metric in metrics.PLAIN else 0
    axes[0, 0].set(title=f"Without {worst}: {-table.loc[worst, LOST]:+.{digits}f}, retrained "
                   f"{-table.loc[worst, RETRAINED]:+.{digits}f}", xlabel="share of utterances without the modality",
                   xticks=robustness.RATES["missing"], xticklabels=[f"{r:g}" for r in robustness.RATES["missing"]],
                   ylabel=f"change in {TITLES[metric]}" + ("" if metric in metrics.PLAIN else " (points)"))
    axes[0, 1].set(title=_noise_against_absence(found), xlabel="noise (deviations of each feature)")
    made.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return made


def _noise_against_absence(found: dict[str, dict[str, pd.DataFrame]]) -> str:
    """From which noise on a modality is worse than none, on average over those that can be noisy."""
    noisy = found["noise"]
    if not noisy:
        return "Words cannot be noisy"
    gone = np.mean([found["missing"][m].loc[1.0].mean() for m in noisy])
    curve = sum(table.mean(axis=1) for table in noisy.values()) / len(noisy)
    worse = curve.index[curve < gone]
    return (f"Noise of {worse[0]:g} deviations is worse than absence" if len(worse) else
            f"Noise up to {curve.index[-1]:g} is no worse than absence")


def falls(records: Sequence[Record], corpus: Corpus, kind: str, metric: str) -> dict[str, pd.DataFrame]:
    """Modality -> the change from the intact test split, in points, index rates and columns seeds."""
    factor = 1 if metric in metrics.PLAIN else 100
    return {m: factor * (table - table.iloc[0])
            for m, table in robustness.curves(records, corpus, kind, metric=metric).items()}


def _marks(axis, table: pd.DataFrame) -> None:
    """What was retrained, and the oracle, right of the curves."""
    for column, x, marker, label in ((RETRAINED, 1.07, "D", "retrained without it"),
                                     (ORACLE, 1.14, "*", "what the oracle loses")):
        if column not in table:
            continue
        for i, m in enumerate(table.index):
            at = x + 0.022 * (i - (len(table) - 1) / 2)
            axis.plot(at, -table.loc[m, column], marker, ms=13 if marker == "*" else 8, color=style.MODALITY[m],
                      mec="black", mew=0.8, ls="none", zorder=4)
            if column == RETRAINED:
                axis.plot([at, at], [-table.loc[m, "low"], -table.loc[m, "high"]], color=style.MODALITY[m], lw=1.5)
        axis.plot([], [], marker, ms=11 if marker == "*" else 8, color="white", mec="black", ls="none", label=label)
    axis.axvline(1.035, color=style.GREY, lw=1, ls=":")
