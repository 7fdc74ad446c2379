"""bc-LSTM as declare-lab/conv-emotion's bc-LSTM-pytorch computes it: nothing is packed."""

from typing import NamedTuple

import torch
from torch import nn

from erclab.bench.naive import losses
from erclab.bench.naive.matching import Match


class Inputs(NamedTuple):
    """Utterances (T, B, D), mask (B, T), labels (B * T,)."""

    utterances: torch.Tensor
    mask: torch.Tensor
    labels: torch.Tensor


class Outputs(NamedTuple):
    """Logits (B, T, C) and their log-probabilities."""

    logits: torch.Tensor
    log_probability: torch.Tensor


class Naive(nn.Module):
    """Two bidirectional layers over padded dialogues, an attention, two linear maps."""

    def __init__(self, config):
        super().__init__()
        self.config, width = config, 2 * config.hidden
        self.lstm = nn.LSTM(sum(d for _, d in config.dims), config.hidden, config.layers, bidirectional=True,
                            dropout=config.dropout)
        self.match = Match(width, tanh=True)
        self.head = nn.Sequential(nn.Linear(width, config.head_hidden), nn.ReLU(), nn.Dropout(config.dropout),
                                  nn.Linear(config.head_hidden, config.outputs))

    def prepare(self, batch):
        """From a `DialogueBatch`."""
        u = torch.cat([batch.features[m] for m, _ in self.config.dims], dim=-1) * batch.mask.unsqueeze(-1)
        return Inputs(u.transpose(0, 1).contiguous(), batch.mask.float(), batch.labels.clamp(min=0).flatten())

    def forward(self, inputs):
        """-> Outputs."""
        states, _ = self.lstm(inputs.utterances)
        logits = self.head(self.match(states, inputs.mask))  # (T, B, C)
        return Outputs(logits.transpose(0, 1), torch.log_softmax(logits, 2).transpose(0, 1).contiguous())

    def loss(self, outputs, inputs, class_weight=None):
        """Cross entropy."""
        log_probability = outputs.log_probability.view(-1, self.config.outputs)
        return losses.masked_nll(log_probability, inputs.labels, inputs.mask.view(-1), class_weight)
