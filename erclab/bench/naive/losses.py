"""The losses of the authors' training scripts."""

import torch
from torch import nn
from torch.nn import functional as F


def masked_nll(log_probability, labels, mask, weight=None):
    """(N, C), (N,), (N,) float -> a scalar: padded rows are multiplied by 0, then all are summed."""
    every = nn.NLLLoss(weight=weight, reduction="sum")(log_probability * mask.unsqueeze(1), labels)
    return every / (mask.sum() if weight is None else (weight[labels] * mask).sum())


def of_sequences(task, logits, labels):
    """Mean absolute error of a sentiment, cross entropy of four pairs of an emotion4."""
    if task == "emotion4":
        return nn.CrossEntropyLoss()(logits.view(-1, 2), labels.view(-1).long())
    return nn.L1Loss()(logits, labels)


def kl(log_learner, teacher, mask):
    """(N, C), (N, C) probabilities, (N,) float -> a scalar. Valid rows only: a product with the mask, as the authors
    have it, gives NaN gradients since PyTorch 1.13 (pytorch issue 89558)."""
    valid = mask > 0
    return F.kl_div(log_learner[valid], teacher[valid], reduction="sum") / torch.sum(mask)
