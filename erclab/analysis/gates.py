"""Gates of models: weights per utterance beside the truth, shares between modalities, and the weights in training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from erclab.analysis import attribution, inside
from erclab.core.errors import UsageError
from erclab.corpora import Corpus
from erclab.runs import Record


def sdt_flows(record: Record, corpus: Corpus, split: str = "test") -> pd.DataFrame:
    """SDT: row n, column m: the share of the classified vector that came from modality n through the stream of m.

    The multimodal gate weighs the stream of m; the unimodal gates weigh each source in that stream. Both are means over
    features and utterances, so the cells sum to 1. A gate is a factor; the size of the value that it multiplies is not
    part of it.

    Raises:
        UsageError: the run saw one modality, has no such gates, or another corpus.
    """
    modalities = record.spec["modalities"]
    worth = inside.gate_weights(record, corpus, split).mean()

    def opened(output, _):
        gates = {name: x.mean(-1) for name, x in output.aux.items() if name.startswith("unimodal_gate.")}
        if not gates:
            raise UsageError("this run has no unimodal gates", where=record.id,
                             remedy="Take SDT with unimodal_fusion='gated'.")
        return gates

    means = inside.per_utterance(record, corpus, opened, split).mean()
    flows = pd.DataFrame(0.0, index=modalities, columns=modalities)
    for m in modalities:
        let = {n: means.get(f"unimodal_gate.{m}_from_{n}", 0.0) for n in modalities}
        for n in modalities:
            flows.loc[n, m] = worth[m] * let[n] / sum(let.values())
    return flows.rename_axis(index="from", columns="through")


def pair_flows(record: Record, corpus: Corpus, split: str = "test") -> pd.DataFrame:
    """DialogueTRM: row a, column b: the share of the pair (a, b) that a gets by their gate, over the number of pairs;
    the cells sum to 1.

    Raises:
        UsageError: the run has no gates of pairs, or another corpus.
    """
    table = inside.pair_gates(record, corpus, split).mean()
    modalities = record.spec["modalities"]
    flows = pd.DataFrame(0.0, index=modalities, columns=modalities)
    for name, share in table.items():
        a, _, b = name.partition("_")
        flows.loc[a, b], flows.loc[b, a] = share / len(table), (1 - share) / len(table)
    return flows.rename_axis(index="of", columns="beside")


def pace(record: Record) -> dict[str, np.ndarray]:
    """HCT-MG: modality -> its weight in the gate at every training batch, epoch by epoch (epochs, batches).

    Raises:
        UsageError: the run has no trainable gate.
    """
    rows = [row.get("model", {}).get("gate_per_batch") for row in record.data["curve"]]
    if not rows or rows[0] is None:
        raise UsageError("this run has no modality gate", where=record.id,
                         remedy="Take hct-mg with primary='gating'.")
    return {m: np.array([row[m] for row in rows]) for m in rows[0]}


def final_primaries(records: Sequence[Record]) -> Counter:
    """HCT-MG: the primary modality in the last epoch -> the number of runs."""
    return Counter(r.data["curve"][-1]["model"]["primary"] for r in records)


def counted(found: Counter, of: int) -> str:
    """In words, such as "text 2 of 3, audio 1 of 3"."""
    return ", ".join(f"{name} {count} of {of}" for name, count in found.most_common())


def mean_gate_weights(records: Sequence[Record], corpus: Corpus) -> pd.DataFrame:
    """Per test utterance (index: corpus row), the mean weight of each modality over seeds."""
    return sum(inside.gate_weights(r, corpus) for r in records) / len(records)


def gates_against_truth(records: Sequence[Record], corpus: Corpus) -> pd.DataFrame:
    """On a simulated corpus: each modality's mean weight where it expresses an emotion, and where it does not.

    Rows: modalities. `silent`: ambiguous or referential words, a masked voice or face; an incongruent voice is
    `speaking`. A gate that "learns the contribution of each modality" should give less to a silent modality.

    Raises:
        UsageError: the corpus is not simulated, so that silence is not known.
    """
    if "text_kind" not in corpus.table:
        raise UsageError(f"{corpus.name} does not know what is silent", remedy="Use a simulated corpus.")
    weights = mean_gate_weights(records, corpus)
    speaks = {m: attribution.shows_emotion(corpus, m, weights.index.to_numpy()) for m in weights}
    return pd.DataFrame({m: {"speaking": weights.loc[speaks[m], m].mean(), "silent": weights.loc[~speaks[m], m].mean()}
                         for m in weights}).T


def groups_against_truth(weights: pd.DataFrame, corpus: Corpus) -> pd.DataFrame:
    """Mean of any per-utterance columns (`erclab.analysis.inside`) by what text, voice and face express.

    Raises:
        UsageError: the corpus is not simulated.
    """
    if "text_kind" not in corpus.table:
        raise UsageError(f"{corpus.name} does not know what is silent", remedy="Use a simulated corpus.")
    truth = corpus.table.loc[weights.index]
    groups: Mapping[str, pd.Series] = {
        "all": pd.Series(True, index=truth.index), "text says it": truth["text_kind"] == "plain",
        "text does not": truth["text_kind"] != "plain", "voice masked": truth["audio_shown"] == "masked",
        "face masked": truth["visual_shown"] == "masked"}
    return pd.DataFrame({name: weights[rows].mean() for name, rows in groups.items()}).T
