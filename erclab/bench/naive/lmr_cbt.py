"""LMR-CBT as skeletonNN/LMR-CBT computes it, the recurrence over the batch included."""

import torch
from torch import nn
from torch.nn import functional as F

from erclab.bench.naive import losses
from erclab.bench.naive.crossmodal import Transformer, left_padded
from erclab.bench.naive.mult import Inputs, Outputs


class Naive(nn.Module):
    """Encoders of audio and visual, fused into the text, which has an encoder after that. All steps are encoded."""

    def __init__(self, config):
        super().__init__()
        self.config, d, names = config, config.hidden, config.modalities
        self.front = nn.ModuleDict({m: Recurrent(w, d, config.lstm_dropout) if m == "text" else
                                    Convolution(w, d, getattr(config, f"kernel_{m}")) for m, w in config.dims})
        self.encoder = nn.ModuleDict({
            m: Transformer(d, config.heads, config.layers, config.attention_dropout, config.relu_dropout,
                           config.residual_dropout, config.embedding_dropout, config.future_mask) for m in names})
        self.fuse = nn.ModuleDict({m: Fusion(d) for m in ("visual", "audio")})
        self.head = nn.Sequential(nn.Linear(3 * d, 3 * d), nn.ReLU(), nn.Dropout(config.output_dropout),
                                  nn.Linear(3 * d, 3 * d))
        self.out = nn.Linear(3 * d, config.outputs)

    def prepare(self, batch):
        """From a `SequenceBatch`."""
        return Inputs(left_padded(batch), batch.labels)

    def forward(self, inputs):
        """-> Outputs."""
        words = F.dropout(inputs.features["text"], p=self.config.embedding_dropout, training=self.training)
        text = self.front["text"](words.permute(1, 0, 2))  # (L, B, d)
        last = {m: self.encoder[m](self.front[m](inputs.features[m].transpose(1, 2)).permute(2, 0, 1))[-1]
                for m in ("visual", "audio")}
        fused = text
        for m in ("visual", "audio"):
            fused = self.fuse[m](fused, last[m])
        last["text"] = self.encoder["text"](fused + text)[-1]
        return Outputs(self.out(self.head(torch.cat([last[m] for m in self.config.modalities], dim=1))))

    def loss(self, outputs, inputs, class_weight=None):
        """The task's."""
        return losses.of_sequences(self.config.task, outputs.logits, inputs.labels)


class Convolution(nn.Module):
    """Conv1d without padding and BatchNorm: (B, D, L) -> (B, d, L - k + 1)."""

    def __init__(self, width, hidden, kernel):
        super().__init__()
        self.convolve = nn.Conv1d(width, hidden, kernel, bias=False)
        self.norm = nn.BatchNorm1d(hidden)

    def forward(self, x):
        return self.norm(self.convolve(x))


class Recurrent(nn.Module):
    """Two bidirectional layers. The authors set `batch_first` and pass the steps first, (L, B, D): the recurrence runs
    over the batch."""

    def __init__(self, width, hidden, dropout):
        super().__init__()
        self.lstm = nn.LSTM(width, hidden // 2, num_layers=2, dropout=dropout, batch_first=True, bidirectional=True)
        self.norm = nn.LayerNorm(hidden)

    def forward(self, x):
        return self.norm(self.lstm(x)[0])


class Fusion(nn.Module):
    """Softmax over the features of tanh; the map to one number is never used."""

    def __init__(self, hidden):
        super().__init__()
        self.map_target, self.map_source = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden, bias=False)
        self.affine = nn.Linear(hidden, 1)

    def forward(self, x, source):
        """(L, B, d), (B, d) -> (L, B, d)."""
        return F.softmax(torch.tanh(self.map_target(x) + self.map_source(source).unsqueeze(0)), dim=-1)
