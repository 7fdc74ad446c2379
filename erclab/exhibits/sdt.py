"""SDT's tables and figures (Ma et al. 2023, arXiv 2310.20494): S1 to S10.

Only a summary of the paper was available: its headline scores are known, the numbers of its ablations are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from erclab import models, published
from erclab.analysis import ablation, ceilings, efficiency, robustness, scores, statistics, students, tallies, transfer
from erclab.core import metrics
from erclab.corpora import MODALITIES, Corpus, simulated
from erclab.exhibits import lacks
from erclab.exhibits.catalogue import Exhibit, Groups, questions_about
from erclab.figures import ablation as ablation_figures
from erclab.figures import heat, style
from erclab.figures import robustness as robustness_figures
from erclab.figures.scores import seed_bars
from erclab.models.sdt import ABLATIONS
from erclab.runs import Question, word_baselines
from erclab.training.recipes import family

TEMPERATURES = (0.5, 1.0, 2.0, 4.0, 8.0)
SELF, ALONE, LABELS = "self-distillation", "no students", "students, labels alone"
SCALED, UNSCALED = "times tau squared (Hinton et al.)", "as in the authors' code"
WHOLE = "SDT"
HERE, THERE = "first", "second"  # the questions of S9, by the corpus of the training


# S1 and S6

def rivals(corpus: Corpus, task: str | None = None) -> dict[str, Question]:
    """SDT and what it must beat: linear probes on the same vectors, baselines of words, the constant predictor."""
    task = task or corpus.tasks[0]
    fitted = [n for n in ("linear", "linear-balanced", *word_baselines(corpus), "constant")
              if corpus.task(task).like in models.info(n).tasks]
    return questions_about(("sdt", *fitted), task=task)


def headline_table(corpus: Corpus, groups: Groups) -> pd.DataFrame:
    """S1. The scores of SDT by both protocols, what it must beat, and the paper's scores on this corpus.

    The paper chose the epoch on the test split; its numbers compare only with our row of that name.
    """
    title, ours = next(iter(groups.items()))
    rest = {name: records for name, records in groups.items() if name != title}
    peeked = {f"{title}, best test epoch": [replace(r, protocol="published") for r in ours]}
    return _with_published(scores.headlines({title: ours} | peeked | rest), "sdt", family(corpus.name))


def sentiment(corpus: Corpus, groups: Groups) -> pd.DataFrame:
    """S6. SDT on sentiment, which its paper does not test, beside what it must beat.

    On a simulated corpus also the errors of the oracle of the vectors. On MOSI and MOSEI also the numbers of other
    papers for their own models: from other features, and for MOSI often on another split.
    """
    made = scores.headlines(groups)
    if world := simulated.world_behind(corpus):
        found = ceilings.oracle_scores(corpus, world, subsets=[MODALITIES]).iloc[-1]
        best = ceilings.oracle_title("vectors", ceilings.CONTEXTS["dialogue"])
        made.loc[best] = ""
        made.loc[best, [metrics.TITLES["mae"], metrics.TITLES["correlation"]]] = [
            f"{found['sentiment MAE']:.3f}", f"{found['sentiment r']:.3f}"]
    for paper in published.papers():
        made = _with_published(made, paper, family(corpus.name))
    return made


def _with_published(table: pd.DataFrame, paper: str, corpus: str) -> pd.DataFrame:
    """A table of scores, with a row per setting of a paper's own model on a corpus, if the paper prints any."""
    names = {title: m for m, title in metrics.TITLES.items() if title in table}
    known = published.scores(paper, corpus)
    known = known[(known["model"] == paper) & known["metric"].isin(names.values())]
    for (exhibit, setting), rows in known.groupby(["exhibit", "setting"], sort=False):
        value = {r.metric: f"{r.value:g}" for r in rows.itertuples()}
        legend = ", ".join(filter(None, (models.info(paper).title, "published", exhibit, setting)))
        table.loc[legend] = [value.get(names.get(column), "") for column in table]
    return table


# S2, S3 and S4

def ablation_questions(exhibit: str) -> dict[str, Question]:
    """S2, S3, S4. SDT as it is, then each setting of an ablation (`erclab.models.sdt.ABLATIONS`)."""
    return {"SDT": Question("sdt")} | {name: Question("sdt", changes) for name, changes in ABLATIONS[exhibit].items()}


# S5 and S8

def teacher_questions(corpus: Corpus) -> dict[str, Question]:
    """S5. The frozen teacher of the offline distillation is the first run without students."""
    return {
        SELF: Question("sdt"),
        ALONE: Question("sdt", {"loss_weights": (1.0, 0.0, 0.0)}),
        LABELS: Question("sdt", {"loss_weights": (1.0, 1.0, 0.0)}),
        "online distillation": Question("sdt", {"distillation": "online"}),
        "offline distillation": Question("sdt", {"distillation": "offline"}, teacher=ALONE),
    }


def teachers(corpus: Corpus, groups: Groups) -> pd.DataFrame:
    """S5. The fused prediction as in every ablation, then the score of each student, mean ± deviation over seeds.

    Soft labels teach the students, so their effect should show there first. A student that
    learned nothing has no score.
    """
    metric, made = statistics.shown_metric(groups), ablation.effects(groups, corpus)
    for name, records in groups.items():
        if not students.students_learn(_settings(groups, name)):
            continue
        for m, x in students.student_scores(records, corpus, metric).items():
            made.loc[name, f"student of {m}"] = statistics.summarise(x).text(metrics.is_share(metric))
    return made.fillna("")


def temperature_questions(corpus: Corpus) -> dict[str, Question]:
    """S8. Without the KL term first; at temperature 1 the two scalings are one."""
    questions = {LABELS: Question("sdt", {"loss_weights": (1.0, 1.0, 0.0)})}
    for tau in TEMPERATURES:
        for name, scaled in ((SCALED, True), (UNSCALED, False)):
            if scaled or tau != 1:
                questions[f"{tau:g}, {name}"] = Question("sdt", {"temperature": tau, "tau_squared": scaled})
    return questions


def temperature(corpus: Corpus, groups: Groups) -> Figure:
    """S8. The score against the temperature, bands over seeds: left the fused prediction, right the students' mean.

    The titles compare the best temperature with labels alone, over seeds and dialogues; the best of many is chosen, so
    that its p is corrected for all of them (Holm).
    """
    metric, panels = statistics.shown_metric(groups), {}
    fused = {name: tallies.sampled([tallies.of_record(r, corpus) for r in records], metric)
             for name, records in groups.items()}
    below = {name: _mean([tallies.sampled(some, metric) for some in students.student_tallies(records, corpus).values()])
             for name, records in groups.items()}
    scale = metrics.scale(metric)
    for who, values in (("Fused prediction", fused), ("Mean of the students", below)):
        lines = {name: scale * table for name, table in _lines(groups, values).items()}
        panels[f"{who}: {_finding(groups, values, metric)}"] = lines, scale * float(values[LABELS].seeds.mean())
    unit = " (%)" if metrics.is_share(metric) else ""
    return ablation_figures.temperatures(panels, ylabel=f"{metrics.TITLES[metric]}, test split{unit}")


def _mean(of: Sequence[statistics.Sampled]) -> statistics.Sampled:
    return statistics.combine(lambda *x: sum(x) / len(x), *of)


def _lines(groups: Groups, values: dict[str, statistics.Sampled]) -> dict[str, pd.DataFrame]:
    """Scaling -> index temperatures, columns seeds."""
    rows: dict[str, dict[float, np.ndarray]] = {SCALED: {}, UNSCALED: {}}
    for name in groups:
        settings = _settings(groups, name)
        tau = settings["temperature"]
        for line, scaled in ((SCALED, True), (UNSCALED, False)):
            if name != LABELS and (settings["tau_squared"] == scaled or tau == 1):
                rows[line][tau] = values[name].seeds
    return {line: pd.DataFrame(found).T.sort_index() for line, found in rows.items() if found}


def _finding(groups: Groups, values: dict[str, statistics.Sampled], metric: str) -> str:
    """In words, what the best temperature gives beyond labels alone."""
    gains = {name: (x - values[LABELS]).estimate() for name, x in values.items() if name != LABELS}
    best = max(gains, key=lambda name: gains[name].value)
    corrected = dict(zip(gains, statistics.holm([found.p() for found in gains.values()])[0], strict=True))[best]
    share = metrics.is_share(metric)
    gain = f"{metrics.scale(metric) * gains[best].value:+z.{1 if share else 3}f}{' points' * share}"
    p = "p < 0.01" if corrected < 0.01 else f"p {corrected:.2f}"
    told = "one seed" if np.isnan(corrected) else f"{p}, Holm"
    return f"{gain} at best\n(temperature {_settings(groups, best)['temperature']:g}; {told})"


def _settings(groups: Groups, name: str) -> dict:
    return groups[name][0].spec["settings"]


# S7

def robustness_questions(corpus: Corpus) -> dict[str, Question]:
    """S7. SDT with all modalities, and trained without each of them."""
    return {WHOLE: Question("sdt")} | {
        f"without {m}": Question("sdt", {"modalities": [n for n in corpus.modalities if n != m]})
        for m in corpus.modalities}


def absence_costs(corpus: Corpus, groups: Groups) -> pd.DataFrame:
    """What it costs SDT to be without each modality, see `erclab.analysis.robustness.costs`."""
    without = {m: groups[f"without {m}"] for m in corpus.modalities}
    return robustness.costs(groups[WHOLE], without, corpus)


def robustness_figure(corpus: Corpus, groups: Groups) -> Figure:
    """S7. How the score falls when a modality is missing, or noisy: a curve per modality with a band over seeds.

    Right of the share 1: a model that never had the modality and, where it is known, the loss of the oracle of
    the vectors.
    """
    metric, costs = statistics.shown_metric(groups), absence_costs(corpus, groups)
    found = {kind: robustness.falls(groups[WHOLE], corpus, kind, metric) for kind in robustness.RATES}
    lost, retrained = costs[robustness.LOST], costs[robustness.RETRAINED]
    marks = [c for c in (robustness.LOST, robustness.RETRAINED, robustness.ORACLE) if c in costs]
    points = np.concatenate([fall.to_numpy().ravel() for curves in found.values() for fall in curves.values()]
                            + [-costs[c] for c in marks])
    low, high = np.nanmin(points), np.nanmax(points)  # an interval of two seeds may be longer than the page
    digits = 0 if metrics.is_share(metric) else 2
    unit = " (points)" if metrics.is_share(metric) else ""
    return robustness_figures.falls(
        found["missing"], found["noise"],
        pd.DataFrame({"change": -retrained, "low": -costs["low"], "high": -costs["high"]}),
        -costs[robustness.ORACLE] if robustness.ORACLE in costs else None,
        titles=(f"Absent: {_span(-lost, digits)}; retrained: {_span(-retrained, digits)}",
                _noise_beside_absence(found)),
        ylabel=f"change in {metrics.TITLES[metric]}{unit}",
        limits=(low - 0.08 * (high - low), high + 0.08 * (high - low)))


def _noise_beside_absence(found: dict[str, dict[str, pd.DataFrame]]) -> str:
    """The change by the strongest noise beside that by absence, on average over the modalities that can be noisy."""
    noisy = found["noise"]
    if not noisy:
        return "Words cannot be noisy"
    gone = np.mean([found["missing"][m].loc[1.0].mean() for m in noisy])
    curve = sum(table.mean(axis=1) for table in noisy.values()) / len(noisy)
    return f"Mean: noise of {curve.index[-1]:g} deviations {curve.iloc[-1]:+.0f}, absence {gone:+.0f}"


def _span(changes: pd.Series, digits: int) -> str:
    return f"{changes.min():+z.{digits}f} to {changes.max():+z.{digits}f}"


# S9

def nothing_shared(corpus: Corpus, other: Corpus | None) -> str:
    """S9. Why the two cannot be compared: they need vectors of one encoder, and two labels of one meaning."""
    for one in (corpus, other) if other else (corpus,):
        if why := lacks.all_of(lacks.vectors(), lacks.task("emotion"))(one):
            return why if one is corpus else f"the second, {one.name}: {why}"
    if other is None:
        return "no second corpus is named (--other)"
    if other.fingerprint == corpus.fingerprint:
        return "the second corpus is the first"
    if not transfer.modalities(corpus, other):
        return f"no modality has the same features in {other.name}"
    common = transfer.shared(corpus, other)
    return "" if len(common) > 1 else f"it has {len(common)} label(s) in common with {other.name}"


def transfer_questions(corpus: Corpus, other: Corpus) -> dict[str, Question]:
    """S9. SDT trained on each corpus, with the modalities whose features are the same in both."""
    settings = {"modalities": list(transfer.modalities(corpus, other)), "task": "emotion"}
    return {HERE: Question("sdt", settings), THERE: Question("sdt", settings, on_other=True)}


def transfer_bars(corpus: Corpus, groups: Groups, other: Corpus) -> Figure:
    """The weighted F1 of S9: for each corpus its own model, the guest, and the constant answer; in the title what the
    guest gains, with the interval over seeds and dialogues."""
    among, shown, colours, lost = transfer.shared(corpus, other), {}, {}, []
    for abroad, at_home, guest, home in ((other, THERE, HERE, corpus), (corpus, HERE, THERE, other)):
        own, foreign = (transfer.guest_scores(groups[name], origin, abroad, among)["weighted_f1"]
                        for name, origin in ((at_home, abroad), (guest, home)))
        constant = [transfer.constant(home, abroad, among)["weighted_f1"]]
        for who, x, colour in (("its own model", own, style.BLUE), (f"from {home.name}", foreign, style.ORANGE),
                               ("constant answer", constant, style.GREY)):
            shown[name := f"{abroad.name}: {who}"] = x
            colours[name] = colour
        lost.append(transfer.guest_gain(groups[at_home], groups[guest], home, abroad, among).text(digits=0))
    return seed_bars(shown, title=f"From elsewhere, less its own model:\n{' and '.join(lost)} points", colours=colours,
                     xlabel="weighted F1 on the test split, shared labels (%)")


def transfer_confusions(corpus: Corpus, groups: Groups, other: Corpus) -> Figure:
    """The mean confusion matrix of each guest on the other corpus, in the labels that both corpora have."""
    among = transfer.shared(corpus, other)
    width = 1.15 * len(among) + 1.4
    counts = {f"From {home.name}\nto {abroad.name}": transfer.transfer_confusion(groups[name], home, abroad, among)
              for name, home, abroad in ((HERE, corpus, other), (THERE, other, corpus))}
    return heat.confusion_matrices(counts, among, width=width, height=width)


# S10

def overhead(corpus: Corpus, groups: Groups) -> pd.DataFrame:
    """S10. Parameters, operations and seconds of models of dialogues. The seconds are of this machine, now."""
    made = efficiency.overhead(corpus, timed=True)
    return made.assign(operations=made["operations"].round().astype(int), times=made["times"].round(2),
                       **{"seconds per step": made["seconds per step"].round(4)})


_DIALOGUES = lacks.all_of(lacks.vectors(), lacks.dialogues)
_TWO = lacks.all_of(lacks.vectors(2), lacks.dialogues)

EXHIBITS = (
    Exhibit("S1", "headline: accuracy and weighted F1", "utterance vectors", headline_table, rivals, lacks.vectors()),
    *(Exhibit(name, f"ablation: {what}", f"dialogues with utterance vectors of {how}",
              lambda corpus, groups: ablation.effects(groups, corpus),
              lambda corpus, name=name: ablation_questions(name), where)
      for name, what, how, where in (
          ("S2", "self-distillation", "a modality", _DIALOGUES),
          ("S3", "hierarchical gated fusion", "two modalities", _TWO),
          ("S4", "intra- and inter-modal transformers", "two modalities", _TWO))),
    Exhibit("S5", "self- against online and offline distillation", "dialogues with utterance vectors",
            teachers, teacher_questions, _DIALOGUES),
    Exhibit("S6", "other corpora: sentiment", "utterance vectors and sentiment", sentiment,
            lambda corpus: rivals(corpus, "sentiment"), lacks.all_of(lacks.vectors(), lacks.task("sentiment"))),
    Exhibit("S7", "noisy or missing modalities", "dialogues with utterance vectors of two modalities",
            robustness_figure, robustness_questions, _TWO),
    Exhibit("S8", "temperature of the distillation", "dialogues with utterance vectors and emotions",
            temperature, temperature_questions,
            lacks.all_of(_DIALOGUES, lacks.task("emotion", "emotion4"))),
    Exhibit("S9", "from one corpus to another", "labels and features in common with another corpus (--other)",
            lambda corpus, groups, other: transfer.between(groups[HERE], groups[THERE], corpus, other),
            transfer_questions, nothing_shared, two=True, second=lambda corpus: transfer.sibling(corpus.name)),
    Exhibit("S10", "overhead: parameters, operations and time per step", "utterance vectors", overhead,
            check=lacks.vectors()),
)
