"""SDT: who should teach the students (S5), and at which temperature (S8)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from erclab.analysis import statistics, students
from erclab.core import metrics
from erclab.corpora import Corpus
from erclab.exhibits import ablation
from erclab.exhibits.catalogue import Runs
from erclab.exhibits.scores import TITLES
from erclab.figures import style
from erclab.runs import Question, Record

TEMPERATURES = (0.5, 1.0, 2.0, 4.0, 8.0)
SELF, ALONE, LABELS = "self-distillation", "no students", "students, labels alone"
SCALED, UNSCALED = "times tau squared (Hinton et al.)", "as in the authors' code"


def teachers(corpus: Corpus) -> dict[str, Question]:
    """The questions of S5. The frozen teacher of the offline distillation is the first run without students."""
    return {
        SELF: Question("sdt"),
        ALONE: Question("sdt", {"loss_weights": (1.0, 0.0, 0.0)}),
        LABELS: Question("sdt", {"loss_weights": (1.0, 1.0, 0.0)}),
        "online distillation": Question("sdt", {"distillation": "online"}),
        "offline distillation": Question("sdt", {"distillation": "offline"}, teacher=ALONE),
    }


def kinds(corpus: Corpus, runs: Runs) -> pd.DataFrame:
    """S5. The fused prediction as in every ablation, then the score of each student, mean ± deviation over seeds.

    Soft labels teach the students, so there their effect should be seen first. What learned nothing has no score.
    """
    metric, made = ablation.chosen_metric(runs), ablation.table(runs)
    for name, records in runs.items():
        if not students.taught(_settings(runs, name)):
            continue
        for m, x in students.scores(records, corpus, metric).items():
            made.loc[name, f"student of {m}"] = statistics.summarise(x).text(metric not in metrics.PLAIN)
    return made.fillna("")


def student_gains(corpus: Corpus, runs: Runs, reference: str = LABELS) -> pd.DataFrame:
    """What each kind of teaching gives the students beyond the labels, in points, paired over seeds.

    Rows: question and modality; columns difference, low and high of its 95 % interval, and verdict.
    """
    metric = ablation.chosen_metric(runs)
    base, rows = students.scores(runs[reference], corpus, metric), {}
    factor = 1 if metric in metrics.PLAIN else 100
    for name, records in runs.items():
        if name == reference or not students.taught(_settings(runs, name)):
            continue
        for m, x in students.scores(records, corpus, metric).items():
            found = statistics.paired(x, base[m])
            rows[name, m] = {key: factor * found[key] for key in ("difference", "low", "high")} | {
                "verdict": ablation.verdict(found)}
    return pd.DataFrame(rows).T.rename_axis(["teaching", "student"])


def student_bars(gains: pd.DataFrame, reference: str = LABELS) -> Figure:
    """What `student_gains` found: a dot per student with its interval, grouped by who teaches."""
    made, ((axis,),) = style.figure(figsize=(9, 1.8 + 0.42 * len(gains)))
    for i, ((_, m), row) in enumerate(gains.iterrows()):
        colour = style.MODALITY[m]
        axis.plot([row["low"], row["high"]], [i, i], color=colour, lw=2.5)
        axis.plot(row["difference"], i, marker=style.MARKERS[list(style.MODALITY).index(m)], color=colour, ms=9)
    axis.axvline(0, color="black", lw=1)
    found = (gains["verdict"] == "higher").sum()
    axis.set(yticks=range(len(gains)), yticklabels=[f"{kind}: {m}" for kind, m in gains.index],
             title=f"{found} of {len(gains)} students gain from being taught", xlabel=f"points above: {reference}")
    axis.invert_yaxis()
    return made


def temperatures(corpus: Corpus) -> dict[str, Question]:
    """The questions of S8. Without the KL term first; at temperature 1 the two scalings are one."""
    asked = {LABELS: Question("sdt", {"loss_weights": (1.0, 1.0, 0.0)})}
    for tau in TEMPERATURES:
        for name, scaled in ((SCALED, True), (UNSCALED, False)):
            if scaled or tau != 1:
                asked[f"{tau:g}, {name}"] = Question("sdt", {"temperature": tau, "tau_squared": scaled})
    return asked


def temperature(corpus: Corpus, runs: Runs) -> Figure:
    """S8. The score against the temperature, bands over seeds: left the fused prediction, right the students' mean.

    A line per scaling of the term; dashed, what comes of labels alone.
    """
    metric = ablation.chosen_metric(runs)
    fused = {name: statistics.values(records, metric) for name, records in runs.items()}
    below = {name: _students(records, corpus, metric) for name, records in runs.items()}
    there = sorted({_settings(runs, name)["temperature"] for name in runs if name != LABELS})
    made, axes = style.figure(1, 2, figsize=(12, 5))
    factor = 1 if metric in metrics.PLAIN else 100
    for axis, who, values in zip(axes[0], ("Fused prediction", "Mean of the students"), (fused, below), strict=True):
        looks = zip(style.CYCLE, style.MARKERS, strict=False)
        for (name, table), (colour, marker) in zip(_lines(runs, values).items(), looks, strict=False):
            style.band(axis, factor * table, colour=colour, marker=marker, ms=7, label=name)
        base = factor * statistics.summarise(values[LABELS]).mean
        axis.axhline(base, color=style.GREY, ls="--", lw=1.8, label="without soft labels")
        axis.set(title=f"{who}: {_finding(runs, values, metric)}", xlabel="temperature",
                 ylabel=f"{TITLES[metric]}, test split" + (" (%)" if factor > 1 else ""))
        axis.set_xscale("log", base=2)
        axis.set_xticks(there, [f"{tau:g}" for tau in there])
        axis.minorticks_off()
    made.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return made


def _students(records: Sequence[Record], corpus: Corpus, metric: str) -> np.ndarray:
    """(seeds,) the students' mean score."""
    return students.scores(records, corpus, metric).mean(axis=1).to_numpy()


def _lines(runs: Runs, values: dict[str, np.ndarray]) -> dict[str, pd.DataFrame]:
    """Scaling -> index temperatures, columns seeds."""
    rows: dict[str, dict[float, np.ndarray]] = {SCALED: {}, UNSCALED: {}}
    for name in runs:
        settings = _settings(runs, name)
        tau = settings["temperature"]
        for line, scaled in ((SCALED, True), (UNSCALED, False)):
            if name != LABELS and (settings["tau_squared"] == scaled or tau == 1):
                rows[line][tau] = values[name]
    return {line: pd.DataFrame(found).T.sort_index() for line, found in rows.items() if found}


def _finding(runs: Runs, values: dict[str, np.ndarray], metric: str) -> str:
    """In words, what the best temperature gives beyond labels alone, as `ablation.verdict` judges it."""
    best = max((name for name in values if name != LABELS), key=lambda name: values[name].mean())
    found, plain = statistics.paired(values[best], values[LABELS]), metric in metrics.PLAIN
    gain = f"{found['difference']:+.3f}" if plain else f"{100 * found['difference']:+.1f} points"
    return f"{gain} at best\n(temperature {_settings(runs, best)['temperature']:g}, {ablation.verdict(found)})"


def _settings(runs: Runs, name: str) -> dict:
    return runs[name][0].spec["settings"]
