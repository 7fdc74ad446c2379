"""SDT: how it trains, what its gates choose, and its exhibits but for S5, S7, S8 and S9, which have files of their own.

The paper was at hand as a summary: its headline scores are known, the numbers of its ablations are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
from matplotlib.figure import Figure

from erclab import models, published
from erclab.analysis import attribution
from erclab.analysis.inside import gate_weights
from erclab.core import metrics
from erclab.core.errors import UsageError
from erclab.corpora import MODALITIES, Corpus, simulated
from erclab.exhibits import (
    ablation,
    ceilings,
    efficiency,
    lacks,
    scores,
    sdt_distillation,
    sdt_robustness,
    sdt_transfer,
)
from erclab.exhibits.catalogue import Exhibit, Runs
from erclab.figures import style
from erclab.models.sdt import ABLATIONS
from erclab.runs import Question, Record
from erclab.training.recipes import family


def training_curves(records: Sequence[Record]) -> Figure:
    """Left the three parts of the loss, right the validation score that chooses the epoch; bands over seeds."""
    tables = [r.curve.set_index("epoch") for r in records]
    def column(name: str) -> pd.DataFrame:
        return pd.concat([t[name] for t in tables], axis=1)

    made, axes = style.figure(1, 2, figsize=(12, 4.5))
    parts = {"task (teacher)": "train.task", "students": "train.student", "distillation": "train.distillation"}
    style.curves({name: column(c) for name, c in parts.items()}, title="The three-part loss, training split",
               ylabel="nats per utterance", axis=axes[0, 0])
    chosen, _ = metrics.SELECT[records[0].task]
    style.curves({"validation": column(f"valid.{chosen}")}, ylabel=scores.TITLES[chosen], axis=axes[0, 1],
               title=f"The epoch is chosen here ({len(records)} seeds)")
    return made


def gate_table(records: Sequence[Record], corpus: Corpus) -> pd.DataFrame:
    """Per test utterance (index: corpus row), the mean weight of each modality over seeds."""
    return sum(gate_weights(r, corpus) for r in records) / len(records)


def gates(records: Sequence[Record], corpus: Corpus) -> Figure:
    """Distribution of each modality's gate weight; a weight of one third means no preference."""
    weights = gate_table(records, corpus)
    most = weights.median().idxmax()
    return style.shares(weights, title=f"The gate gives most to {most} (mean over features, {len(records)} seeds)",
                      ylabel="weight in the multimodal gate", equal=1 / weights.shape[1],
                      colours=[style.MODALITY[m] for m in weights])


def gates_against_truth(records: Sequence[Record], corpus: Corpus) -> pd.DataFrame:
    """On a simulated corpus: each modality's mean weight where it expresses an emotion, and where it does not.

    Rows: modalities. `silent`: ambiguous or referential words, a masked voice or face; an incongruent voice speaks,
    though it lies. A gate that "learns the contribution of each modality" should give less to a silent one.

    Raises:
        UsageError: the corpus is not simulated, so nobody knows what is silent.
    """
    if "text_kind" not in corpus.table:
        raise UsageError(f"{corpus.name} does not know what is silent", remedy="Use a simulated corpus.")
    weights = gate_table(records, corpus)
    speaks = {m: attribution.shown(corpus, m, weights.index.to_numpy()) for m in weights}
    return pd.DataFrame({m: {"speaking": weights.loc[speaks[m], m].mean(), "silent": weights.loc[~speaks[m], m].mean()}
                         for m in weights}).T


def rivals(corpus: Corpus, task: str | None = None) -> dict[str, Question]:
    """SDT and what it must beat on the same vectors: linear probes and the constant predictor."""
    task = task or corpus.tasks[0]
    fitted = [n for n in ("linear", "linear-balanced", "constant") if task in models.info(n).tasks]
    return {models.info(name).title: Question(name, {"task": task}) for name in ("sdt", *fitted)}


def headline(corpus: Corpus, runs: Runs) -> pd.DataFrame:
    """S1. The scores of SDT by both protocols, what it must beat, and what the paper prints for this corpus.

    The paper's numbers are of the best epoch on the test split, and so comparable with our row of that name alone.
    """
    title, ours = next(iter(runs.items()))
    rest = {name: records for name, records in runs.items() if name != title}
    peeked = {f"{title}, best test epoch": [replace(r, protocol="published") for r in ours]}
    return _with_published(scores.table({title: ours} | peeked | rest), "sdt", family(corpus.name))


def sentiment(corpus: Corpus, runs: Runs) -> pd.DataFrame:
    """S6. SDT on sentiment, which its paper leaves open, beside what it must beat.

    On a simulated corpus also the oracle's errors. On MOSI and MOSEI also what papers of other models print of their
    own model: from other features, and for MOSI often on another split.
    """
    made = scores.table(runs)
    if world := simulated.world_behind(corpus):
        found = ceilings.table(corpus, world, subsets=[MODALITIES]).iloc[-1]
        made.loc["oracle, whole dialogue"] = ""
        made.loc["oracle, whole dialogue", [scores.TITLES["mae"], scores.TITLES["correlation"]]] = [
            f"{found['sentiment MAE']:.3f}", f"{found['sentiment r']:.3f}"]
    for paper in published.papers():
        made = _with_published(made, paper, family(corpus.name))
    return made


def _with_published(table: pd.DataFrame, paper: str, corpus: str) -> pd.DataFrame:
    """A table of scores with a row per setting of what a paper prints of its own model on a corpus, if it does."""
    names = {scores.TITLES[m]: m for m in scores.TITLES if scores.TITLES[m] in table}
    known = published.scores(paper, corpus)
    known = known[(known["model"] == paper) & known["metric"].isin(names.values())]
    for (exhibit, setting), rows in known.groupby(["exhibit", "setting"], sort=False):
        value = {r.metric: f"{r.value:g}" for r in rows.itertuples()}
        legend = ", ".join(filter(None, (models.info(paper).title, "published", exhibit, setting)))
        table.loc[legend] = [value.get(names.get(column), "") for column in table]
    return table


def variants(exhibit: str) -> dict[str, Question]:
    """SDT as it is, then each setting of an ablation (`erclab.models.sdt.ABLATIONS`)."""
    return {"SDT": Question("sdt")} | {name: Question("sdt", changes) for name, changes in ABLATIONS[exhibit].items()}


def overhead(corpus: Corpus, runs: Runs) -> pd.DataFrame:
    """S10. Parameters, operations and seconds of models of dialogues. The seconds are of this machine, now."""
    made = efficiency.overhead(corpus, timed=True)
    return made.assign(operations=made["operations"].round().astype(int), times=made["times"].round(2),
                       **{"seconds per step": made["seconds per step"].round(4)})


_DIALOGUES = lacks.all_of(lacks.vectors(), lacks.dialogues)
_TWO = lacks.all_of(lacks.vectors(2), lacks.dialogues)

EXHIBITS = (
    Exhibit("S1", "headline: accuracy and weighted F1", "utterance vectors", headline, rivals, lacks.vectors()),
    *(Exhibit(name, f"ablation: {what}", f"dialogues with utterance vectors of {how}",
              lambda corpus, runs: ablation.table(runs), lambda corpus, name=name: variants(name), where)
      for name, what, how, where in (
          ("S2", "self-distillation", "a modality", _DIALOGUES),
          ("S3", "hierarchical gated fusion", "two modalities", _TWO),
          ("S4", "intra- and inter-modal transformers", "two modalities", _TWO))),
    Exhibit("S5", "self- against online and offline distillation", "dialogues with utterance vectors",
            sdt_distillation.kinds, sdt_distillation.teachers, _DIALOGUES),
    Exhibit("S6", "other corpora: sentiment", "utterance vectors and sentiment", sentiment,
            lambda corpus: rivals(corpus, "sentiment"), lacks.all_of(lacks.vectors(), lacks.task("sentiment"))),
    Exhibit("S7", "noisy or missing modalities", "dialogues with utterance vectors of two modalities",
            sdt_robustness.figure, sdt_robustness.whole_and_without, _TWO),
    Exhibit("S8", "temperature of the distillation", "dialogues with utterance vectors and emotions",
            sdt_distillation.temperature, sdt_distillation.temperatures,
            lacks.all_of(_DIALOGUES, lacks.task("emotion", "emotion4"))),
    Exhibit("S9", "from one corpus to another", "labels and features in common with another corpus (--other)",
            sdt_transfer.table, sdt_transfer.questions, sdt_transfer.nothing_shared, two=True,
            second=sdt_transfer.second),
    Exhibit("S10", "overhead: parameters, operations and time per step", "utterance vectors", overhead,
            lacks=lacks.vectors()),
)
