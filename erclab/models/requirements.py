"""One check of what a model is given, before any kernel runs: is it what the model was built for?

`Model` calls `check_batch` before every forward, the fitted baselines call `check_flat`. Shapes are compared always;
numbers (speakers, labels) only where they can be read at once (`erclab.ops.values.extremes`), not on a GPU. There
`erclab.runs.views` compares the corpus with the run, once for each view.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from erclab.core import tasks
from erclab.core.batches import DialogueBatch, Flat, SequenceBatch
from erclab.core.errors import UsageError
from erclab.ops.values import extremes

READS = {"dialogue": "dialogues (DialogueBatch)", "sequence": "sequences (SequenceBatch)"}


def speaker_limit(config: Any) -> int | None:
    """How many speakers a model has parameters for; None for a model that takes any number of speakers."""
    return getattr(config, "speaker_limit", getattr(config, "speakers", None))


def check_batch(model: str, config: Any, widths: Mapping[str, int], view: str, dtype: torch.dtype | None,
                batch: DialogueBatch | SequenceBatch) -> None:
    """Refuse a batch for which a model was not built.

    Args:
        model: its name, for the message.
        config: a Config (`erclab.models.interface.ModelConfig`).
        widths: modality -> width D_m of the features that the model reads.
        view: "dialogue" or "sequence", what the model reads; "" where this is not known.
        dtype: of the parameters; None without any.

    Raises:
        UsageError: names what the model was built for and what the batch has.
    """
    dialogues = isinstance(batch, DialogueBatch)
    kind = "dialogue" if dialogues else "sequence"
    if view in READS and view != kind:
        raise UsageError(f"this {model} reads {READS[view]}; the batch has {READS[kind]}",
                         remedy="Take the other view of the corpus (erclab.runs.views chooses it).")
    absent = [m for m in widths if m not in batch.features]
    if absent:
        raise UsageError(f"this {model} was built for {', '.join(dict(config.dims))}; the batch lacks "
                         f"{', '.join(absent)}", remedy="Build it for the modalities there are.")
    for m, width in widths.items():
        mask = batch.mask if dialogues else batch.masks.get(m)
        _check_features(model, m, width, dtype, batch.features[m], mask)
    if not len(batch):
        raise UsageError(f"the batch for this {model} has no item", remedy="A batch needs at least one.")
    if dialogues:
        _check_dialogues(model, config, batch)
    else:
        _check_lengths(model, config, batch)
    _check_labels(model, config, batch.shape, batch.labels)
    _check_numbers(model, config, batch)


def _check_features(model: str, modality: str, width: int, dtype: torch.dtype | None, x: Tensor, mask: Tensor | None
                    ) -> None:
    remedy = "Give the features it was built for, or build it for these (dims)."
    if mask is None or mask.dim() != 2 or mask.dtype != torch.bool:
        have = "none" if mask is None else f"{tuple(mask.shape)} of {mask.dtype}"
        raise UsageError(f"this {model} needs a mask (items, steps) of torch.bool for {modality}; the batch has {have}",
                         remedy="See erclab.core.batches.")
    if x.dim() != 3 or x.shape[:2] != mask.shape or not x.shape[1]:
        raise UsageError(f"this {model} was built for {modality} of shape (items, steps, {width}) with a mask (items, "
                         f"steps); the batch has {tuple(x.shape)} with {tuple(mask.shape)}", remedy=remedy)
    if x.shape[2] != width:
        raise UsageError(f"this {model} was built for {modality} of width {width}; the batch has {modality} of width "
                         f"{x.shape[2]}", remedy=remedy)
    if not x.is_floating_point() or (dtype is not None and (dtype is torch.float64) != (x.dtype is torch.float64)):
        raise UsageError(f"this {model} has parameters of {dtype}; the batch has {modality} of {x.dtype}",
                         remedy=f"Convert the features, such as x.to({dtype}).")


def _check_dialogues(model: str, config: Any, batch: DialogueBatch) -> None:
    if batch.speakers.shape != batch.mask.shape or batch.speakers.is_floating_point():
        raise UsageError(f"the batch for this {model} has speakers of shape {tuple(batch.speakers.shape)} and "
                         f"{batch.speakers.dtype} for {tuple(batch.mask.shape)} turns",
                         remedy="Give the index of the speaker of each turn, as torch.int64.")
    longest = getattr(config, "max_turns", None)
    steps = batch.mask.shape[1]
    # Seeds that learn together have one more turn, which is padding (`erclab.core.batches.stack`).
    if longest is not None and (steps > longest + 1 or extremes(batch.mask[:, longest:]) not in (None, (0, 0))):
        raise UsageError(f"this {model} was built for dialogues of at most {longest} turns; the batch has one "
                         f"of {steps} turns", remedy="Raise max_turns, or split the dialogue.")


def _check_lengths(model: str, config: Any, batch: SequenceBatch) -> None:
    for m, most in getattr(config, "lengths", ()):
        beyond = batch.masks[m][:, most:]
        if beyond.shape[1] and extremes(beyond) not in (None, (0, 0)):
            raise UsageError(f"this {model} fills every sequence of {m} to {most} steps, the longest of its corpus; "
                             f"the batch has one of {int(batch.masks[m].sum(1).max())}",
                             remedy="Cut the sequence to that length.")


def _check_labels(model: str, config: Any, items: tuple[int, ...], labels: Tensor) -> None:
    """The kind and shape of labels: whole numbers for `emotion`, else columns of numbers."""
    if config.task == "emotion":
        fits = not labels.is_floating_point() and labels.shape == items
    else:
        fits = (labels.is_floating_point() and labels.dim() == len(items) + 1 and labels.shape[:-1] == items
                and tasks.outputs(config.task, labels.shape[-1]) == config.outputs)
    if not fits:
        raise UsageError(f"this {model} was built for the task {config.task} with {config.outputs} outputs; the batch "
                         f"has labels of shape {tuple(labels.shape)} and {labels.dtype} for {items} items",
                         remedy="Give labels of that task (erclab.core.tasks).")


def _check_numbers(model: str, config: Any, batch: DialogueBatch | SequenceBatch) -> None:
    """Speakers and labels within what the model has. What stands at padded turns does not count."""
    mask = batch.mask if isinstance(batch, DialogueBatch) else None
    limit = speaker_limit(config)
    if isinstance(batch, DialogueBatch) and limit is not None:
        who = _outside(batch.speakers, 0, limit, mask)
        if who is not None:
            raise UsageError(f"this {model} was built for {limit} speakers, 0 to {limit - 1}; the batch has speaker "
                             f"{who}", remedy="Number the speakers from 0." if who < 0 else
                             f"Build it for more (speakers={who + 1}), or let speakers share a number.")
    if config.task == "emotion":
        label = _outside(batch.labels, None, config.outputs, mask)
        if label is not None:
            raise UsageError(f"this {model} was built for {config.outputs} labels, 0 to {config.outputs - 1}; the "
                             f"batch has label {label}", remedy="Build it for these labels (outputs), or give -1 to an "
                             "utterance that is only context.")


def _outside(x: Tensor, least: int | None, end: int, mask: Tensor | None) -> int | None:
    """A number of x that is below `least`, or is `end` or more; None if there is none or this cannot be read."""
    found = extremes(x)
    if found is not None and mask is not None and (found[1] >= end or (least is not None and found[0] < least)):
        found = extremes(x[mask])
    if found is None:
        return None
    return found[1] if found[1] >= end else found[0] if least is not None and found[0] < least else None


def check_flat(model: str, config: Any, part: Flat, *, width: int | None = None, labels: np.ndarray | None = None,
               fit: bool = False) -> None:
    """Refuse flat arrays for which a fitted model was not built.

    Args:
        model: its name, for the message.
        config: its Config, with `outputs` and `task`.
        width: of the features that it was fitted on; None where they do not matter.
        labels: those that it reads: an array of `part`; None if it reads none.
        fit: the model is fitted on them, so that one utterance at least needs a label.

    Raises:
        UsageError: names what the model was built for and what the arrays have.
    """
    shape, count = part.features.shape, len(part.labels)  # the features may be a sparse matrix
    if len(shape) != 2 or not shape[0] == count == len(part.previous) or (width is not None and shape[1] != width):
        raise UsageError(f"this {model} was built for features (N, {'D' if width is None else width}) of N utterances; "
                         f"there are features {shape} and {count} labels",
                         remedy="Give the features it was fitted on.")
    if labels is None:
        return
    if config.task == "emotion":
        fits = labels.ndim == 1 and labels.dtype.kind in "iu" and labels.max(initial=-1) < config.outputs
    else:
        fits = (labels.ndim == 2 and labels.dtype.kind == "f"
                and tasks.outputs(config.task, labels.shape[1]) == config.outputs)
    if not fits:
        most = f", up to {labels.max(initial=-1)}" if labels.ndim == 1 else ""
        raise UsageError(f"this {model} was built for the task {config.task} with {config.outputs} outputs; the labels "
                         f"have shape {labels.shape} and {labels.dtype}{most}",
                         remedy="Give labels of that task (erclab.core.tasks), or build it for these (outputs).")
    if fit and not len(part.annotated().labels):
        raise UsageError(f"this {model} cannot be fitted: no utterance has a label for {config.task}",
                         remedy="Give at least one.")
