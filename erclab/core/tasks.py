"""The tasks, and the loss of each: four that are built in, and those that a corpus brings.

    task         labels                                  a model's outputs C              loss
    emotion      (N,) int64, -1 where there is none      one logit per emotion            cross-entropy
    emotion4     (N, 4) 0 or 1, NaN where none           8: absent and present, 4 times   cross-entropy of each pair
    sentiment    (N, 1) in [-3, 3], NaN where none       1                                mean absolute error
    dimensional  (N, K), NaN where none                  K                                mean squared error

`emotion4` and `sentiment` are trained as MulT is (Tsai et al. 2019), `dimensional` as DialogueTRM (its Eq. 15). A
corpus's own task (`erclab.core.targets.Task`) has the outputs and the loss of the built-in task that it is `like`,
whose name stands in the model's Config. A loss leaves out values without annotation one by one: a row may have some of
its columns.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from erclab.core.errors import UsageError, unknown
from erclab.core.targets import TASKS, Task, of


def outputs(task: str, labels: int) -> int:
    """C, the number of values that a model predicts per utterance, for `labels` emotions or columns.

    Raises:
        UsageError: an unknown task.
    """
    if task not in TASKS:
        raise unknown("task", task, TASKS)
    return 2 * labels if task == "emotion4" else labels


def annotated(labels: Tensor) -> Tensor:
    """bool, without the last axis of a float tensor: which utterances have a label, or some of their columns."""
    return ~labels.isnan().all(-1) if labels.is_floating_point() else labels >= 0


def loss(task: str, logits: Tensor, labels: Tensor, class_weight: Tensor | None = None) -> Tensor:
    """The mean loss over annotated values, a scalar; 0 without any.

    Values without annotation get weight 0 and are not left out, because their number would have to be read from a GPU.

    Args:
        logits: (..., C).
        labels: (...) or (..., K), see the module.
        class_weight: (C,) for `emotion` only. The cross-entropy is divided by the sum of the labels' weights.

    Raises:
        UsageError: an unknown task, or weights for another than `emotion`.
    """
    if task not in TASKS:
        raise unknown("task", task, TASKS)
    if class_weight is not None and task != "emotion":
        raise UsageError(f"class weights are for the task emotion, not {task}", remedy="Set class_weights=False.")
    there = labels >= 0 if task == "emotion" else ~labels.isnan()
    if task == "emotion":
        every = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), torch.where(there, labels, -1).reshape(-1),
                                weight=class_weight, reduction="sum", ignore_index=-1)
        count = there.sum() if class_weight is None else (class_weight[labels.clamp(min=0)] * there).sum()
    elif task == "emotion4":
        pairs, which = logits.reshape(-1, 2), torch.where(there, labels, -1).long().reshape(-1)
        every, count = F.cross_entropy(pairs, which, reduction="sum", ignore_index=-1), there.sum()
    else:
        error = torch.where(there, logits - labels, 0)
        every, count = (error.abs() if task == "sentiment" else error.square()).sum(), there.sum()
    return every / count.clamp(min=torch.finfo(every.dtype).tiny if count.is_floating_point() else 1)


def predictions(task: str | Task, logits: Tensor) -> Tensor:
    """(N, C) float32: log-probabilities (for a binary task of each pair), or the values of a regression, on the scale
    of the labels."""
    task, logits = of(task), logits.float()
    if task.kind == "binary":
        return logits.unflatten(-1, (-1, 2)).log_softmax(-1).flatten(-2)
    if task.kind == "classes":
        return logits.log_softmax(-1)
    return logits * logits.new_tensor(task.width) + logits.new_tensor(task.centre) if task.centre else logits
