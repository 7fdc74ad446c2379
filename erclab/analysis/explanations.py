"""How much each modality adds to what a trained model predicts: one row per utterance, for dialogues and sequences.

The methods are those of `erclab.analysis.attribution`. In a dialogue, what a modality adds to the prediction of turn t
has two parts: the turn itself, and the other turns of the dialogue (the context).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from captum.attr import IntegratedGradients, ShapleyValues
from torch import Tensor

from erclab import runs
from erclab.analysis.attribution import STEPS, integrated_gradients, modality_shapley
from erclab.analysis.inside import check_corpus
from erclab.core.batches import DialogueBatch, SequenceBatch
from erclab.core.errors import UsageError, unknown
from erclab.corpora import Corpus
from erclab.corpora.views import DialogueView
from erclab.models.interface import Model
from erclab.runs import Record

METHODS = ("integrated_gradients", "shapley")


def explain(record: Record, corpus: Corpus, method: str = "integrated_gradients", split: str = "test",
            most: int | None = None) -> pd.DataFrame:
    """One row per utterance of a split (index: corpus rows), in row order.

    Columns: each modality, what it adds to the logit of the predicted label (of a regression: to its first number).
    With "integrated_gradients" also `delta`, by how much the sum of the modalities misses the difference between the
    logit and the logit of the baseline (features of 0, their mean after standardising); and for a model of dialogues
    `MODALITY context`, the part of the modality that comes from other turns.
    With "shapley" the sum of the modalities is that difference exactly: each value is the mean, over all orders in
    which modalities can join, of what the modality adds.

    Args:
        most: about so many utterances of a long split, from batches at even distances.

    Raises:
        UsageError: there is no such method, the run was trained on another corpus, or its model reads words, which have
            no gradients.
        RunError: the run was fitted, or its weights are gone.
    """
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    if record.spec["words"]:
        raise UsageError(f"{record.title} reads words, and only vectors and frames are explained", where=record.id)
    check_corpus(record, corpus)
    model, parts = record.model(), []
    for batch in _batches(record, corpus, split, most):
        there = batch.rows.flatten().numpy()
        columns = (_dialogue if isinstance(batch, DialogueBatch) else _sequences)(model, batch, method)
        parts.append(pd.DataFrame({name: x.numpy() for name, x in columns.items()}, index=there))
    return pd.concat(parts).sort_index().rename_axis("row")


def _batches(record: Record, corpus: Corpus, split: str, most: int | None
             ) -> Iterator[DialogueBatch | SequenceBatch]:
    """Dialogues one by one, utterances by 32; at even distances, so that about `most` utterances are in them."""
    view = runs.views(record.spec, corpus, splits=[split])[split]
    found = list(view.batches(1 if isinstance(view, DialogueView) else 32))
    if most is not None:
        mean = len(view.rows) / len(found)
        count = min(max(round(most / mean), 1), len(found))
        found = [found[i] for i in np.linspace(0, len(found) - 1, count).round().astype(int)]
    yield from found


def _sequences(model: Model, batch: SequenceBatch, method: str) -> dict[str, Tensor]:
    if method == "shapley":
        return modality_shapley(model, batch)
    found, delta = integrated_gradients(model, batch)
    return {m: x.sum(1) for m, x in found.items()} | {"delta": delta}


def _dialogue(model: Model, batch: DialogueBatch, method: str) -> dict[str, Tensor]:
    """Of one dialogue of T turns."""
    with torch.no_grad():
        target = model(batch).logits[0].argmax(-1)
    if method == "shapley":
        names, features, forward, turn = _copies(model, batch)
        players = tuple(torch.full((1, 1, 1), i) for i in range(len(names)))
        with torch.no_grad():
            values = ShapleyValues(forward).attribute(features, target=target, feature_mask=players,
                                                      additional_forward_args=(turn,))
        return {m: x.flatten(1)[:, 0] for m, x in zip(names, values, strict=True)}
    found, delta = by_turn(model, batch, target)
    return ({m: x.sum(1) for m, x in found.items()}
            | {f"{m} context": x.sum(1) - x.diagonal() for m, x in found.items()} | {"delta": delta})


def by_turn(model: Model, batch: DialogueBatch, target: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """Integrated gradients of each turn of one dialogue.

    Args:
        target: (T,) the output of each turn that is explained.

    Returns:
        modality -> (T that are explained, T that add), and (T,) the convergence delta.
    """
    names, features, forward, turn = _copies(model, batch)
    values, delta = IntegratedGradients(forward).attribute(
        features, target=target, additional_forward_args=(turn,), n_steps=STEPS,
        internal_batch_size=max(len(turn), 64), return_convergence_delta=True)
    return {m: x.sum(-1) for m, x in zip(names, values, strict=True)}, delta


def _copies(model: Model, batch: DialogueBatch):
    """Modalities, T copies of one dialogue's features, the logits of copy t at turn t, and the turns."""
    names, turns = list(dict(model.config.dims)), batch.shape[1]
    features = tuple(batch.features[m].expand(turns, -1, -1) for m in names)

    def forward(*given: Tensor) -> Tensor:
        *xs, turn = given
        copies = len(turn)
        logits = model(replace(
            batch, features=dict(zip(names, xs, strict=True)), mask=batch.mask.expand(copies, -1),
            speakers=batch.speakers.expand(copies, -1), rows=batch.rows.expand(copies, -1),
            labels=batch.labels.expand(copies, *batch.labels.shape[1:]), places=None)).logits
        return logits[torch.arange(copies), turn]

    return names, features, forward, torch.arange(turns)
