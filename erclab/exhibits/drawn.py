"""Runs as pictures: each function takes records, computes numbers (`erclab.analysis`) and draws (`erclab.figures`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.figure import Figure

from erclab.analysis import ablation, gates, inside, statistics
from erclab.analysis import scores as numbers
from erclab.core import metrics
from erclab.corpora import Corpus
from erclab.exhibits.catalogue import Groups
from erclab.figures import ablation as ablation_figures
from erclab.figures import heat, style
from erclab.figures import inside as inside_figures
from erclab.figures import scores as score_figures
from erclab.runs import Record

KEY = {"trained network": style.PURPLE, "fitted or constant": style.GREY}  # colours of bars


def bars(groups: Groups, metric: str | None = None, *, title: str, reference: Mapping[str, float] | None = None
         ) -> Figure:
    """One bar per group with its seeds.

    Groups named after one modality ("audio alone") have its colour; groups without trained parameters are grey.

    Args:
        metric: by default the one that figures show of the task.
        reference: name -> value in percent, as dashed lines.
    """
    metric = metric or statistics.shown_metric(groups)
    unit = "(%)" if metrics.is_share(metric) else "× 100"
    colours = {name: next((c for m, c in style.MODALITY.items() if f"{m} alone" in name),
                          style.PURPLE if records[0].data["parameters"]["all"] else style.GREY)
               for name, records in groups.items()}
    key = {what: colour for what, colour in KEY.items() if {*KEY.values()} <= {*colours.values()}}
    return score_figures.seed_bars({name: statistics.values(records, metric) for name, records in groups.items()},
                                   title=title, xlabel=f"{metrics.title(metric)} on the test split {unit}",
                                   colours=colours, reference=reference, key=key)


def _seeds(records: Sequence[Record]) -> str:
    return statistics.seeds_in_words(len(records))


def learning_curves(groups: Groups, *, title: str = "") -> Figure:
    """Left the training loss, right the validation score that chooses the epoch; one line per group."""
    metric = next(iter(groups.values()))[0].chosen_by
    loss, score = ({name: numbers.curve(records, column) for name, records in groups.items()}
                   for column in ("train.total", f"valid.{metric}"))
    return score_figures.learning_curves(loss, score, ylabel=metrics.title(metric), title=title)


def learning_of_sdt(records: Sequence[Record]) -> Figure:
    """Left the three parts of SDT's loss, right the validation score that chooses the epoch; bands over seeds."""
    parts = {"task (teacher)": "train.task", "students": "train.student", "distillation": "train.distillation"}
    chosen = records[0].chosen_by
    return score_figures.learning_curves({name: numbers.curve(records, column) for name, column in parts.items()},
                                  {"validation": numbers.curve(records, f"valid.{chosen}")},
                                  ylabel=metrics.title(chosen),
                                  title=f"Validation: the epoch is chosen here ({_seeds(records)})",
                                  loss_title="The three-part loss, training split", loss_label="nats per utterance")


def class_f1(records: Sequence[Record]) -> Figure:
    """F1 of each class over seeds; the title says from where to where the classes' means go."""
    frame = numbers.per_class(records)
    mean = frame.drop(columns="support").mean(axis=1)[frame["support"] > 0]
    title = f"F1 of the classes: {100 * mean.min():.0f} to {100 * mean.max():.0f} ({_seeds(records)})"
    groups = {f"{label} ({support})": frame.loc[label].drop("support").astype(float).to_numpy()
              for label, support in frame["support"].items()}
    return score_figures.seed_bars(groups, title=title, xlabel="F1 on the test split (%)",
                                   colours=dict.fromkeys(groups, style.BLUE))


def class_differences(first: Sequence[Record], second: Sequence[Record], name: str, other: str) -> Figure:
    """Recall, precision and F1 of each class, `first` minus `second`, means over seeds, from rare to frequent."""
    table = numbers.class_differences(first, second)
    return score_figures.class_differences(table.drop(columns="support").rename(columns={"f1": "F1"}),
                                           table["support"], title=f"By class: {name} minus {other}")


def classes_compared(groups: Groups) -> Figure:
    """F1 of each class, means over seeds, one bar per group; the title says how much groups differ."""
    f1 = {name: numbers.per_class(records).drop(columns="support").mean(axis=1) for name, records in groups.items()}
    return score_figures.class_bars(100 * pd.DataFrame(f1))


def confusions(groups: Groups) -> Figure:
    """One confusion matrix per group, counts averaged over its seeds."""
    return heat.confusion_matrices(
        {f"{name}\nweighted F1 {statistics.summarise(statistics.values(records))}": numbers.mean_confusion(records)
         for name, records in groups.items()}, next(iter(groups.values()))[0].labels)


def differences(groups: Groups, corpus: Corpus | None = None, *, title: str, metric: str | None = None,
                matters: float = ablation.PART) -> Figure:
    """The differences from the first setting with their intervals and a dot per seed, see
    `erclab.analysis.ablation.effects`."""
    metric = metric or statistics.shown_metric(groups)
    share = metrics.is_share(metric)
    return ablation_figures.differences(
        ablation.differences(groups, corpus, metric), metrics.scale(metric) * ablation.smallest(metric, matters),
        title=title, reference=next(iter(groups)),
        xlabel=f"{'points' if share else 'difference'} in {metrics.title(metric)}")


def focus(records: Sequence[Record], corpus: Corpus) -> Figure:
    """Attention on the planted steps, per stream, relative to equal attention to all steps."""
    return inside_figures.focus_bars(inside.focus_ratios(records, corpus))


def gate_path(records: Sequence[Record]) -> Figure:
    """HCT-MG: the weight of each modality at every training batch, one line per seed.

    Raises:
        UsageError: the runs have no trainable gate.
    """
    paths = [gates.pace(r) for r in records]
    chosen = gates.final_primaries(records)
    return inside_figures.gate_path(
        paths, title=f"Largest weight in the end, by training:\n{gates.counted(chosen, len(records))}")


def sdt_gates(records: Sequence[Record], corpus: Corpus) -> Figure:
    """SDT: the distribution of each modality's gate weight over utterances; one third means no preference."""
    weights = gates.mean_gate_weights(records, corpus)
    medians = ", ".join(f"{m} {x:.2f}" for m, x in weights.median().items())
    return inside_figures.shares(weights, title=f"Medians: {medians}; equal: {1 / weights.shape[1]:.2f}",
                                 ylabel="weight in the multimodal gate", equal=1 / weights.shape[1],
                                 colours=[style.MODALITY[m] for m in weights])


def pair_gates(records: Sequence[Record], corpus: Corpus) -> Figure:
    """DialogueTRM: over utterances, the share that the first modality of each pair gets, mean over seeds."""
    table = inside.mean_pair_gates(records, corpus)
    medians = table.median()
    return inside_figures.shares(table, title=f"Gates of the pairs: medians {medians.min():.2f} to {medians.max():.2f}",
                                 ylabel="share of the first of the pair", equal=0.5,
                                 colours=[style.MODALITY[name.partition("_")[0]] for name in table],
                                 labels=[" over ".join(name.split("_")) for name in table])
