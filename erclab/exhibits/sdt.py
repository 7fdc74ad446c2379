"""SDT's figures: how it trains, and what its gates choose."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from erclab import viz
from erclab.analysis.inside import gate_weights
from erclab.corpora import Corpus
from erclab.errors import UsageError
from erclab.runs import Record


def training_curves(records: Sequence[Record]) -> Figure:
    """Left the three parts of the loss, right weighted F1 on the validation split; bands over seeds."""
    tables = [r.curve.set_index("epoch") for r in records]
    def column(name: str) -> pd.DataFrame:
        return pd.concat([t[name] for t in tables], axis=1)

    made, axes = viz.figure(1, 2, figsize=(12, 4.5))
    parts = {"task (teacher)": "train.task", "students": "train.student", "distillation": "train.distillation"}
    viz.curves({name: column(c) for name, c in parts.items()}, title="The three-part loss, training split",
               ylabel="nats per utterance", axis=axes[0, 0])
    viz.curves({"validation": column("valid.weighted_f1")}, ylabel="weighted F1", axis=axes[0, 1],
               title=f"The epoch is chosen here ({len(records)} seeds)")
    return made


def gate_table(records: Sequence[Record], corpus: Corpus) -> pd.DataFrame:
    """Per test utterance (index: corpus row), the mean weight of each modality over seeds."""
    return sum(gate_weights(r, corpus) for r in records) / len(records)


def gates(records: Sequence[Record], corpus: Corpus) -> Figure:
    """Distribution of each modality's gate weight; a weight of one third means no preference."""
    weights = gate_table(records, corpus)
    most = weights.median().idxmax()
    return viz.shares(weights, title=f"The gate gives most to {most} (mean over features, {len(records)} seeds)",
                      ylabel="weight in the multimodal gate", equal=1 / weights.shape[1],
                      colours=[viz.MODALITY[m] for m in weights])


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
    truth = corpus.table.loc[weights.index]
    silent = {"text": truth["text_kind"] != "plain"} | {
        m: truth[f"{m}_shown"] == "masked" for m in ("audio", "visual")}
    return pd.DataFrame({m: {"speaking": weights.loc[~silent[m], m].mean(), "silent": weights.loc[silent[m], m].mean()}
                         for m in weights.columns}).T


EXHIBITS = ()
