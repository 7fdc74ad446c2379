"""What SDT's multimodal gate gives to each modality, from the forward pass of the trained model."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import torch

from erclab.corpora import Corpus
from erclab.corpora.views import DialogueView, Standardiser
from erclab.errors import UsageError
from erclab.runs import Record


@torch.inference_mode()
def gate_weights(record: Record, corpus: Corpus, split: str = "test") -> pd.DataFrame:
    """The weight of each modality for every utterance of a split: columns modalities, index corpus rows.

    SDT's gate is a softmax over modalities for every feature; this is its mean over features, so a row sums to 1.

    Raises:
        UsageError: the run saw one modality only, so there is no gate, or another corpus.
    """
    modalities: Sequence[str] = record.spec["modalities"]
    if len(modalities) < 2:
        raise UsageError("one modality has no multimodal gate", where=record.id)
    if record.spec["fingerprint"] != corpus.fingerprint:
        raise UsageError("the run was trained on another corpus", where=record.id,
                         remedy=f"Load {record.spec['corpus']} with the features that it was trained on.")
    standardiser = Standardiser.fit(corpus, modalities) if record.spec["recipe"]["standardise"] else None
    view = DialogueView(corpus, split, modalities, standardiser=standardiser)
    model = record.model()
    parts = []
    for batch in view.batches(64):
        weights = model(batch).aux["multimodal_gate"].mean(-1)[batch.mask]  # (utterances, M)
        parts.append(pd.DataFrame(weights.numpy(), columns=list(modalities), index=batch.rows[batch.mask].numpy()))
    return pd.concat(parts).sort_index()
