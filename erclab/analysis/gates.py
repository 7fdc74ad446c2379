"""Who gives how much to whom: the gates of models as shares between modalities, for a chord diagram."""

from __future__ import annotations

import numpy as np
import pandas as pd

from erclab.analysis import inside
from erclab.core.errors import UsageError
from erclab.corpora import Corpus
from erclab.runs import Record


def sdt_flows(record: Record, corpus: Corpus, split: str = "test") -> pd.DataFrame:
    """SDT: row n, column m: the share of what is classified that came from modality n through the stream of m.

    The multimodal gate says what m's stream is worth; the unimodal gates say how much of each source is let into it.
    Both are means over features and utterances, so the cells sum to 1. Gates are what the model multiplies with: they
    do not say how large what is multiplied was.

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
    """HCT-MG: modality -> the weight that its gate had at every training batch, epoch by epoch (epochs, batches).

    Raises:
        UsageError: the run has no trainable gate.
    """
    rows = [row.get("model", {}).get("gate_per_batch") for row in record.data["curve"]]
    if not rows or rows[0] is None:
        raise UsageError("this run has no modality gate", where=record.id,
                         remedy="Take hct-mg with primary='gating'.")
    return {m: np.array([row[m] for row in rows]) for m in rows[0]}
