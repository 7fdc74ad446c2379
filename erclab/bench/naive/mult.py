"""MulT as yaohungt/Multimodal-Transformer computes it."""

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from erclab.bench.naive import losses
from erclab.bench.naive.crossmodal import Transformer, left_padded


class Inputs(NamedTuple):
    """Features (B, L, D) with their padding first, labels (B, K)."""

    features: dict
    labels: torch.Tensor


class Outputs(NamedTuple):
    """Logits (B, C)."""

    logits: torch.Tensor


class Naive(nn.Module):
    """Six crossmodal transformers, then three over their outputs. All steps are encoded."""

    def __init__(self, config):
        super().__init__()
        self.config, d, names = config, config.hidden, config.modalities
        rates = {"text": config.attention_dropout, "audio": config.attention_dropout_audio,
                 "visual": config.attention_dropout_visual}
        common = {"relu": config.relu_dropout, "residual": config.residual_dropout,
                  "embedding": config.embedding_dropout, "future_mask": config.future_mask}
        self.project = nn.ModuleDict({m: nn.Conv1d(w, d, kernel_size=1, bias=False) for m, w in config.dims})
        self.crossmodal = nn.ModuleDict({
            f"{m}_from_{n}": Transformer(d, config.heads, config.layers, rates[n], **common)
            for m in names for n in names if n != m})
        self.memory = nn.ModuleDict({
            m: Transformer(2 * d, config.heads, config.memory_layers, config.attention_dropout, **common)
            for m in names})
        self.proj1, self.proj2 = nn.Linear(6 * d, 6 * d), nn.Linear(6 * d, 6 * d)
        self.out = nn.Linear(6 * d, config.outputs)

    def prepare(self, batch):
        """From a `SequenceBatch`."""
        return Inputs(left_padded(batch), batch.labels)

    def forward(self, inputs):
        """-> Outputs."""
        x = {}
        for m in self.config.modalities:
            frames = inputs.features[m].transpose(1, 2)
            if m == "text":
                frames = F.dropout(frames, p=self.config.embedding_dropout, training=self.training)
            x[m] = self.project[m](frames).permute(2, 0, 1)
        last = []
        for m in self.config.modalities:
            streams = [self.crossmodal[f"{m}_from_{n}"](x[m], x[n], x[n]) for n in self.config.modalities if n != m]
            last.append(self.memory[m](torch.cat(streams, dim=2))[-1])
        hidden = torch.cat(last, dim=1)
        inner = F.dropout(F.relu(self.proj1(hidden)), p=self.config.output_dropout, training=self.training)
        return Outputs(self.out(self.proj2(inner) + hidden))

    def loss(self, outputs, inputs, class_weight=None):
        """The task's."""
        return losses.of_sequences(self.config.task, outputs.logits, inputs.labels)
