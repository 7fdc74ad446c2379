"""How well attention, attributions and gates find the planted steps and modalities (O2); attributions of one
utterance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from scipy import stats
from sklearn.metrics import roc_auc_score

from erclab import models
from erclab.analysis import inside
from erclab.analysis.attribution import (
    attended,
    batches,
    integrated_gradients,
    modality_shapley,
    planted_hits,
    shows_emotion,
    truth,
)
from erclab.core.batches import SequenceBatch
from erclab.core.errors import UsageError
from erclab.corpora import Corpus
from erclab.models.interface import Model
from erclab.runs import Record
from erclab.runs.looks import look

MOST = 96  # utterances that are explained; attributions cost as much as training on them


def attends_to_input(model: str) -> bool:
    """Whether a model (a key of `MODELS`) reads sequences, so that attention and attributions are over its steps."""
    return models.info(model).view == "sequence"


def planted_salience(groups: Mapping[str, Sequence[Record]], corpus: Corpus, most: int = MOST) -> pd.DataFrame:
    """Do attention, attributions and gates find the planted steps and modalities?

    A row per model and what explains it. Steps (attention streams, integrated gradients): is a planted step first
    (`hit`, the pointing game; `chance`, of any step), and how often does a planted step score above another (`auroc`)?
    Modalities (gates, Shapley values): how often does one with an emotion score above one without (`auroc` over
    utterances)? `random` is the same with untrained weights; `difference` is trained minus random area, with the 95 %
    interval over utterances where utterances can be paired. All are means over runs.

    Args:
        groups: name -> runs of models of sequences with attention over their input, or of SDT.
        most: utterances that are explained.
    """
    found = [{"model": title, "explained by": name, **areas} for title, records in groups.items()
             for record in records for name, areas in explained_by(record, corpus, most).items()]
    table = pd.DataFrame(found).groupby(["model", "explained by"], sort=False).mean()
    return table[["hit", "chance", "auroc", "random", "difference", "low", "high"]].astype(float).round(3)


@look
def explained_by(record: Record, corpus: Corpus, most: int = MOST) -> dict[str, dict[str, float]]:
    """What explains a run's predictions -> the columns of `planted_salience`."""
    trained, control = record.model(), inside.untrained(record)
    if attends_to_input(record.spec["model"]):
        a, b = (_steps(record, corpus, m, most) for m in (trained, control))
        found = {name: _compared(a[name], b.get(name)) for name in a}
        one, other = (_shapley(record, corpus, m, most) for m in (trained, control))
    else:
        one, other = (_gates(record, corpus, m) for m in (trained, control))
        found = {}
    return found | {name: {"auroc": one[name], "random": other[name], "difference": one[name] - other[name]}
                    for name in one}


def one_utterance(record: Record, corpus: Corpus, batch: SequenceBatch) -> tuple[dict[str, pd.DataFrame], str]:
    """Integrated gradients of one utterance, the attention that each step gets, and the planted steps; and a title.

    It is the first utterance of the batch whose words, voice and face all show an emotion.

    Returns:
        Modality -> a row per step: `attribution`, `planted` and, where the model has attention over the modality,
        `attention`; the index has the words where each step is one. Then the prediction and the truth in words.

    Raises:
        UsageError: the batch has no such utterance.
    """
    rows, model = batch.rows.numpy(), record.model()
    names = list(batch.features)
    speaks = np.all([shows_emotion(corpus, m, rows) for m in names], axis=0)
    if not speaks.any():
        raise UsageError("in no utterance of the batch all modalities speak", remedy="Take a larger batch.")
    i = int(speaks.argmax())
    scores, _ = integrated_gradients(model, batch)
    with torch.no_grad():
        output = model(batch, attention=True)
    streams, tables = attended(output, batch), {}
    for m in names:
        steps = int(batch.masks[m][i].sum())
        table = pd.DataFrame({"attribution": scores[m][i, :steps].numpy(),
                              "planted": truth(corpus, m, batch)[i, :steps].numpy()})
        given = [w[i, :steps].numpy() for name, w in streams.items() if name.endswith(f"_from_{m}")]
        if given:
            table["attention"] = np.mean(given, axis=0)
        words = corpus.table["text"].iloc[rows[i]].split()
        tables[m] = table.set_index(pd.Index(words, name="words")) if m == "text" and len(words) == steps else table
    label = corpus.table["label"].iloc[rows[i]]
    said, true = corpus.labels[int(output.logits[i].argmax())], corpus.labels[label] if label >= 0 else "not labelled"
    return tables, f"Why {record.title} says {said} (true: {true})"


def _steps(record: Record, corpus: Corpus, model: Model, most: int) -> dict[str, pd.DataFrame]:
    """Name of an explanation of steps -> `planted_hits` per utterance."""
    parts: dict[str, list[pd.DataFrame]] = {}
    for batch in batches(record, corpus, most=most):
        with torch.no_grad():
            scores = {f"attention {stream.replace('_', ' ')}": (stream.rpartition("_")[2], x) for stream, x in
                      attended(model(batch, attention=True), batch).items()}
        gradients, _ = integrated_gradients(model, batch)
        scores |= {f"integrated gradients, {m}": (m, x) for m, x in gradients.items()}
        for name, (m, x) in scores.items():
            parts.setdefault(name, []).append(
                planted_hits(x, truth(corpus, m, batch), batch.masks[m]))
    return {name: pd.concat(tables, ignore_index=True) for name, tables in parts.items()}


def _compared(trained: pd.DataFrame, control: pd.DataFrame | None) -> dict[str, float]:
    """The row has no control if the untrained model has no such stream: HCT-MG's streams depend on the chosen
    primary."""
    scores = {"hit": trained["hit"].mean(), "chance": trained["chance"].mean(), "auroc": trained["auroc"].mean()}
    if control is None:
        return scores
    difference = (trained["auroc"] - control["auroc"]).dropna()
    half = stats.sem(difference) * stats.t.ppf(0.975, len(difference) - 1) if len(difference) > 1 else np.nan
    mean = difference.mean()
    return scores | {"random": control["auroc"].mean(), "difference": mean, "low": mean - half, "high": mean + half}


def _shapley(record: Record, corpus: Corpus, model: Model, most: int) -> dict[str, float]:
    """Shapley value of each modality -> area over utterances, of those with an emotion above those without."""
    values: dict[str, list[np.ndarray]] = {}
    speaks: dict[str, list[np.ndarray]] = {}
    for batch in batches(record, corpus, most=most):
        for m, x in modality_shapley(model, batch).items():
            values.setdefault(m, []).append(x.numpy())
            speaks.setdefault(m, []).append(shows_emotion(corpus, m, batch.rows.numpy()))
    return {f"Shapley value, {m}": _area(np.concatenate(speaks[m]), np.concatenate(values[m])) for m in values}


def _gates(record: Record, corpus: Corpus, model: Model) -> dict[str, float]:
    weights = inside.gate_weights(record, corpus, model=model)
    return {f"gate, {m}": _area(shows_emotion(corpus, m, weights.index.to_numpy()), weights[m].to_numpy())
            for m in weights}


def _area(speaks: np.ndarray, scores: np.ndarray) -> float:
    return float(roc_auc_score(speaks, scores)) if 0 < speaks.sum() < len(speaks) else float("nan")
