"""SDT: when a modality is missing or noisy (S7), and on another corpus than it was trained on (S9)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from erclab import metrics, viz
from erclab.analysis import robustness, statistics, transfer
from erclab.corpora import MODALITIES, Corpus, simulated
from erclab.corpora.world import World
from erclab.exhibits import ablation, ceilings, lacks
from erclab.exhibits.catalogue import Runs
from erclab.exhibits.scores import TITLES
from erclab.runs import Question, Record

WHOLE = "SDT"
LOST, RETRAINED, ORACLE = "lost when asked", "retrained without", "the oracle"
ORACLES = {"weighted_f1": "weighted F1", "accuracy": "accuracy", "macro_f1": "macro F1"}  # columns of its table


# Missing and noisy modalities

def whole_and_without(corpus: Corpus) -> dict[str, Question]:
    """The questions of S7: SDT with all modalities, and trained without each of them."""
    return {WHOLE: Question("sdt")} | {
        f"without {m}": Question("sdt", {"modalities": [n for n in corpus.modalities if n != m]})
        for m in corpus.modalities}


def costs(corpus: Corpus, runs: Runs, world: World | None = None) -> pd.DataFrame:
    """What it costs to be without each modality, in points of the score; a row per modality.

    `lost when asked`: the model was trained with it, and every utterance of the test split lacks it. `retrained
    without`: the model never had it; `low` and `high` of its 95 % interval, paired over seeds. `the oracle`: what the
    exact posterior loses that sees the whole dialogue; only of emotions on a simulated corpus.

    Args:
        world: of a simulated corpus that is no preset.
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
    world = world or (simulated.world_of(simulated.NAMES[corpus.name]) if corpus.name in simulated.NAMES else None)
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
    made, axes = viz.figure(1, 2, figsize=(12.5, 5))
    for axis, curves in zip(axes[0], found.values(), strict=True):
        for m, fall in curves.items():
            viz.band(axis, fall, colour=viz.MODALITY[m], marker=viz.MARKERS[list(viz.MODALITY).index(m)], ms=7,
                     label=f"{m}, test split only")
        axis.axhline(0, color="black", lw=1)
    axes[0, 1].sharey(axes[0, 0])
    _marks(axes[0, 0], table)
    worst, digits = table[LOST].idxmax(), 2 if metric in metrics.PLAIN else 0
    axes[0, 0].set(title=f"Without {worst}: {-table.loc[worst, LOST]:+.{digits}f}, retrained "
                   f"{-table.loc[worst, RETRAINED]:+.{digits}f}", xlabel="share of utterances without the modality",
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
            f"Noise of up to {curve.index[-1]:g} deviations is no worse than absence")


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
            axis.plot(at, -table.loc[m, column], marker, ms=13 if marker == "*" else 8, color=viz.MODALITY[m],
                      mec="black", mew=0.8, ls="none", zorder=4)
            if column == RETRAINED:
                axis.plot([at, at], [-table.loc[m, "low"], -table.loc[m, "high"]], color=viz.MODALITY[m], lw=1.5)
        axis.plot([], [], marker, ms=11 if marker == "*" else 8, color="white", mec="black", ls="none", label=label)
    axis.axvline(1.035, color=viz.GREY, lw=1, ls=":")


# From one corpus to another

HERE, THERE = "first", "second"


def second(corpus: Corpus) -> Corpus | None:
    """The second corpus where none is named: a simulated one has its own."""
    return transfer.sibling(corpus.name)


def nothing_shared(corpus: Corpus, other: Corpus | None) -> str:
    """Why the two cannot be compared: they must have vectors of one make, and two labels of one meaning."""
    for one in (corpus, other) if other else (corpus,):
        if why := lacks.all_of(lacks.vectors(), lacks.task("emotion"))(one):
            return why if one is corpus else f"the second, {one.name}: {why}"
    if other is None:
        return "there is no second corpus"
    if other.fingerprint == corpus.fingerprint:
        return "the second corpus is the first"
    if not transfer.modalities(corpus, other):
        return f"no modality has the same features in {other.name}"
    common = transfer.shared(corpus, other)
    return "" if len(common) > 1 else f"it has {len(common)} label(s) in common with {other.name}"


def here_and_there(corpus: Corpus, other: Corpus) -> dict[str, Question]:
    """The questions of S9: SDT trained on each, with the modalities that are of one make in both."""
    settings = {"modalities": list(transfer.modalities(corpus, other)), "task": "emotion"}
    return {HERE: Question("sdt", settings), THERE: Question("sdt", settings, on_other=True)}


def transferred(corpus: Corpus, runs: Runs, other: Corpus) -> pd.DataFrame:
    """S9. For the test split of each corpus: a model of the other one, a model of its own, and the label that is most
    frequent where the guest was trained. All are scored on the labels that both corpora have (`transfer`).

    Columns: accuracy and weighted F1 in percent, mean ± deviation over seeds; the utterances that are scored; and of
    the guest, how much its weighted F1 differs from the one at home, with Welch's 95 % interval and the verdict.
    """
    among, rows = transfer.shared(corpus, other), {}
    for abroad, at_home, guest, home in ((other, THERE, HERE, corpus), (corpus, HERE, THERE, other)):
        tested = f"tested on {abroad.name}"
        own = guest_scores(runs[at_home], abroad, abroad, among)
        foreign = guest_scores(runs[guest], home, abroad, among)
        found = statistics.gain(foreign["weighted_f1"], own["weighted_f1"])
        count = int((transfer.targets(abroad, among, "test") >= 0).sum())
        rows[tested, f"trained on {abroad.name}"] = _row(own, count)
        rows[tested, f"trained on {home.name}"] = _row(foreign, count) | {
            key: f"{100 * found[key]:.1f}" for key in ("difference", "low", "high")} | {
            "verdict": ablation.verdict(found)}
        rows[tested, f"most frequent in {home.name}"] = _row(
            pd.DataFrame([transfer.constant(home, abroad, among)]), count)
    return pd.DataFrame(rows).T.fillna("").rename_axis(["corpus", "model"])


def guest_scores(records: Sequence[Record], home: Corpus, abroad: Corpus, among: tuple[str, ...]) -> pd.DataFrame:
    """A row per run: its scores on the test split of `abroad` among shared labels."""
    return pd.DataFrame([transfer.scores(r, home, abroad, among) for r in records])


def _row(found: pd.DataFrame, count: int) -> dict[str, str | int]:
    return {TITLES[m]: str(statistics.summarise(found[m])) for m in ("accuracy", "weighted_f1")} | {
        "runs": len(found), "utterances": count}


def confusions(corpus: Corpus, runs: Runs, other: Corpus) -> Figure:
    """The mean confusion matrix of each model abroad, over seeds, in the labels that both corpora have."""
    among = transfer.shared(corpus, other)
    width = 1.15 * len(among) + 1.4
    made, axes = viz.figure(1, 2, figsize=(2 * width, width))
    for axis, name, home, abroad in ((axes[0, 0], HERE, corpus, other), (axes[0, 1], THERE, other, corpus)):
        counts = np.mean([metrics.confusion(*transfer.answers(r, home, abroad, among), len(among))
                          for r in runs[name]], axis=0)
        viz.confusion(counts, among, title=f"From {home.name}\nto {abroad.name}", axis=axis)
    return made
