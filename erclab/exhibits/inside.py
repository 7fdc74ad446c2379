"""Figures of what trained models do inside: attention on what was planted, gates over time and over utterances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from erclab.analysis import inside
from erclab.core.errors import UsageError
from erclab.corpora import Corpus
from erclab.figures import style
from erclab.runs import Record


def focus(records: Sequence[Record], corpus: Corpus) -> Figure:
    """Per stream of attention, how much more of it the planted steps get than attention to all alike would give."""
    tables = [inside.focus(r, corpus)["ratio"] for r in records]
    made, ((axis,),) = style.figure(figsize=(9, 1.6 + 0.45 * len(tables[0])))
    for i, name in enumerate(tables[0].index):
        x = np.array([t[name] for t in tables])
        axis.barh(i, x.mean(), color=style.MODALITY.get(name.partition("_from_")[2], style.GREY), height=0.62)
        axis.plot(x, np.full(len(x), i), "o", color="black", ms=4)
    axis.axvline(1, color=style.GREY, ls="--", lw=1.5, label="attention to all steps alike")
    axis.set(yticks=range(len(tables[0])), yticklabels=[n.replace("_from_", " from ") for n in tables[0].index],
             xlabel="attention on the planted steps, relative", title="Where the attention goes (colour: its source)")
    axis.invert_yaxis()
    made.legend(loc="outside lower center")
    return made


def gate_path(records: Sequence[Record]) -> Figure:
    """HCT-MG: the weight of each modality at every training batch, one line per seed.

    Raises:
        UsageError: the runs have no trainable gate.
    """
    made, ((axis,),) = style.figure()
    for r in records:
        rows = [row.get("model", {}).get("gate_per_batch") for row in r.data["curve"]]
        if not rows or rows[0] is None:
            raise UsageError("this run has no modality gate", where=r.id, remedy="Take hct-mg with primary='gating'.")
        for m in rows[0]:
            axis.plot(np.concatenate([row[m] for row in rows]), color=style.MODALITY[m], lw=1.8,
                      label=m if r is records[0] else None)
    primaries = pd.Series([r.data["curve"][-1]["model"]["primary"] for r in records]).value_counts()
    chosen = ", ".join(f"{name} {count} of {len(records)}" for name, count in primaries.items())
    axis.set(xlabel="training batch", ylabel="weight of the modality", title=f"The gate chooses: {chosen}")
    axis.legend()
    return made


def pair_gates(records: Sequence[Record], corpus: Corpus) -> Figure:
    """DialogueTRM: over utterances, the share that the first modality of each pair gets, mean over seeds."""
    table = sum(inside.pair_gates(r, corpus) for r in records) / len(records)
    return style.shares(table, title="The gates of the pairs (Eqs. 4 to 10)", ylabel="share of the first of the pair",
                      equal=0.5, colours=[style.MODALITY[name.partition("_")[0]] for name in table],
                      labels=[" over ".join(name.split("_")) for name in table])


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
