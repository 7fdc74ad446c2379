"""The data of a run: the splits of a corpus as the run's model reads them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from erclab import models
from erclab.core.batches import Flat
from erclab.core.targets import Task
from erclab.corpora import SPLITS, Corpus
from erclab.corpora.views import DialogueView, SequenceView, Standardiser, View, flat
from erclab.features.text import token_ids


def reads_sequences(info: models.ModelInfo, corpus: Corpus, modalities: Sequence[str] | None) -> bool:
    """Whether a model reads the sequences of a corpus, not its utterance vectors.

    A model with the view "any" reads vectors if the corpus has vectors of every modality, and else sequences.
    """
    if info.view != "any":
        return info.view == "sequence"
    wanted = set(modalities or ())
    return not corpus.modalities or (not wanted <= {*corpus.dims} and wanted <= {*corpus.frame_dims})


def views(spec: Any, corpus: Corpus, device="cpu", splits: Sequence[str] = SPLITS) -> dict[str, View]:
    """Splits of a corpus as the model of a run reads them.

    Args:
        spec: a `RunSpec`, or the `spec` of a record.

    Raises:
        CorpusError: a split is empty, or the corpus lacks a modality.
        FeatureError: the tokenizer of a run that reads words is not available.
    """
    spec = _fields(spec)
    sequences = reads_sequences(models.info(spec["model"]), corpus, spec["modalities"])
    vectors = [m for m in spec["modalities"] if not (m == "text" and spec["words"])]
    fit = Standardiser.fit(corpus, vectors, frames=sequences) if spec["recipe"]["standardise"] else None
    if sequences:
        return {s: SequenceView(corpus, s, spec["modalities"], device, fit, target(spec)) for s in splits}
    words = token_ids(list(corpus.table["text"]), spec["words"]) if spec["words"] else None
    return {s: DialogueView(corpus, s, spec["modalities"], device, fit, target(spec), words) for s in splits}


def target(spec: Any) -> str | Task:
    """What a run predicts, for a view: an own task as it was fitted to the run's corpus, or a built-in task's name.

    Args:
        spec: a `RunSpec`, or the `spec` of a record.
    """
    spec = _fields(spec)
    return Task.from_dict(spec["target"]) if spec.get("target") else spec["task"]


def flat_splits(spec: Any, corpus: Corpus) -> dict[str, Flat]:
    """Splits of a corpus as flat arrays, for a baseline that is fitted; the modalities stand side by side. Without
    features for a baseline of words.

    Args:
        spec: a `RunSpec`, or the `spec` of a record.

    Raises:
        CorpusError: a split is empty, or the corpus lacks a modality.
    """
    spec = _fields(spec)
    info = models.info(spec["model"])
    return flat(corpus, () if info.view == "text" else spec["modalities"], target(spec),
                pooled=reads_sequences(info, corpus, spec["modalities"]), standardise=spec["recipe"]["standardise"])


def _fields(spec: Any) -> Mapping[str, Any]:
    return spec if isinstance(spec, Mapping) else dataclasses.asdict(spec)
