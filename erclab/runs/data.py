"""The data of a run: the splits of a corpus as the run's model reads them.

Features are standardised by the mean and deviation of the training corpus. For the training corpus, both are computed
again and give the same numbers; for another corpus, they are read from the file beside the record
(`erclab.runs.fitted`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from erclab import models
from erclab.core.batches import Flat
from erclab.core.errors import UsageError
from erclab.core.settings import from_dict
from erclab.core.targets import Task
from erclab.corpora import SPLITS, Corpus
from erclab.corpora.views import DialogueView, SequenceView, Standardiser, View, flat
from erclab.features.text import token_ids
from erclab.models.requirements import speaker_limit
from erclab.runs.fitted import Fitted


def reads_sequences(info: models.ModelInfo, corpus: Corpus, modalities: Sequence[str] | None) -> bool:
    """Whether a model reads the sequences of a corpus, not its utterance vectors.

    A model with the view "any" reads vectors if the corpus has vectors of every modality, and else sequences.
    """
    if info.view != "any":
        return info.view == "sequence"
    wanted = set(modalities or ())
    return not corpus.modalities or (not wanted <= {*corpus.dims} and wanted <= {*corpus.frame_dims})


def views(run: Any, corpus: Corpus, device="cpu", splits: Sequence[str] = SPLITS) -> dict[str, View]:
    """Splits of a corpus as the model of a run reads them.

    Args:
        run: a `Record`, a `RunSpec`, or the `spec` of a record. For another corpus than that of training: a `Record`,
            with which the standardiser is kept.

    Raises:
        CorpusError: a split is empty, or the corpus lacks a modality.
        FeatureError: the tokenizer of a run that reads words is not available.
        UsageError: the corpus is not that of training, and the run has no standardiser or does not fit the corpus.
    """
    spec = _fields(run)
    sequences, fit = _read(run, spec, corpus, splits)
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


def flat_splits(run: Any, corpus: Corpus, splits: Sequence[str] = SPLITS) -> dict[str, Flat]:
    """Splits of a corpus as flat arrays, for a baseline that is fitted; the modalities stand side by side. Without
    features for a baseline of words.

    Args:
        run: as for `views`.

    Raises:
        CorpusError: a split is empty or without annotation, or the corpus lacks a modality.
        UsageError: as for `views`.
    """
    spec = _fields(run)
    pooled, fit = _read(run, spec, corpus, SPLITS)
    return flat(corpus, _features(models.info(spec["model"]), spec), target(spec), pooled=pooled,
                standardiser=fit, splits=splits)


def _features(info: models.ModelInfo, spec: Mapping[str, Any]) -> Sequence[str]:
    """The modalities whose arrays a baseline reads."""
    return () if info.view == "text" else spec["modalities"]


def _read(run: Any, spec: Mapping[str, Any], corpus: Corpus, splits: Sequence[str]
          ) -> tuple[bool, Standardiser | None]:
    """Whether the run reads sequences, and its standardiser; of another corpus, after a check that it fits."""
    if spec["fingerprint"] == corpus.fingerprint:
        return _fit(spec, corpus)
    kept = getattr(run, "fitted", None)
    if not isinstance(kept, Fitted):
        raise UsageError(f"{corpus.name} is not the corpus that the run was trained on",
                         remedy="Give the record itself (runs.views(record, corpus)), with which the standardiser is "
                         "kept, or the corpus of training.")
    kept.check(run, corpus)
    _check_limits(from_dict(models.info(spec["model"]).cls.Config, spec["settings"]), corpus, splits)
    return kept.sequences, kept.standardiser


def _check_limits(config: Any, corpus: Corpus, splits: Sequence[str]) -> None:
    """Refuse another corpus that has, in these splits, more speakers, longer dialogues or longer sequences than a model
    was built for. Once for each view, because on a GPU the model reads no numbers of a batch
    (`erclab.models.requirements`)."""
    rows = np.flatnonzero(np.isin(corpus.table["split"].to_numpy(), splits))
    turns = np.diff(corpus.starts)[np.isin(corpus.dialogue_splits, splits)]
    for what, most, have in (
            ("speakers in a dialogue", speaker_limit(config), corpus.speaker_index[rows].max(initial=-1) + 1),
            ("turns in a dialogue", getattr(config, "max_turns", None), turns.max(initial=0)),
            *((f"steps in a sequence of {m}", n, corpus.frames[m].lengths[rows].max(initial=0))
              for m, n in getattr(config, "lengths", ()) if m in corpus.frames)):
        if most is not None and have > most:
            raise UsageError(f"there are {have} {what}, the model of the run was built for {most}",
                             where=corpus.source or corpus.name,
                             remedy="Cut the conversations, or train on a corpus that has as many.")


def fitted_on(run: Any, corpus: Corpus, numbers: Mapping[str, np.ndarray] | None = None) -> Fitted:
    """What is kept with a run that was trained on this corpus.

    Args:
        run: as for `views`.
        numbers: those of a fitted baseline (`state`).
    """
    spec = _fields(run)
    sequences, fit = _fit(spec, corpus)
    return Fitted(sequences, corpus.roles, fit, dict(numbers or {}))


def _fit(spec: Mapping[str, Any], corpus: Corpus) -> tuple[bool, Standardiser | None]:
    """Whether a run reads the sequences of its corpus of training, and the standardiser of what it reads."""
    info = models.info(spec["model"])
    sequences = reads_sequences(info, corpus, spec["modalities"])
    if not spec["recipe"]["standardise"]:
        return sequences, None
    if info.view == "text":
        return sequences, None
    if info.kind == "fitted":
        return sequences, Standardiser.side_by_side(corpus, spec["modalities"], pooled=sequences)
    vectors = [m for m in spec["modalities"] if not (m == "text" and spec["words"])]
    return sequences, Standardiser.fit(corpus, vectors, frames=sequences)


def _fields(run: Any) -> Mapping[str, Any]:
    run = getattr(run, "spec", run)
    return run if isinstance(run, Mapping) else dataclasses.asdict(run)
