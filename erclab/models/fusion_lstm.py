"""EF-LSTM and LF-LSTM: early and late fusion of sequences with LSTMs, the baselines of the unaligned papers' tables.

Named and reported by Tsai, Bai, Liang, Kolter, Morency, Salakhutdinov (2019), "Multimodal Transformer for Unaligned
Multimodal Language Sequences", ACL, Tables 1 to 3; the papers of HCT-MG and LMR-CBT repeat the rows. No paper gives
sizes and no code was released; 1.24 M parameters are published for LF-LSTM.

    EF-LSTM   frames of all modalities side by side at each step --> one LSTM --> head
    LF-LSTM   one LSTM per modality --> last states side by side --> head
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from erclab.core.batches import SequenceBatch
from erclab.models.interface import Model, ModelConfig, Output, check_sizes
from erclab.models.layers.unaligned import UNALIGNED
from erclab.ops.dropout import Dropout
from erclab.ops.lstm import LSTM
from erclab.ops.resample import resample


class FusionLSTM(Model):
    """The common part of EF-LSTM and LF-LSTM: their sizes."""

    @dataclass(frozen=True)
    class Config(ModelConfig):
        """Sizes. All are our choice.

        Attributes:
            dims: (modality, D_m) pairs in their order of concatenation. EF-LSTM keeps the time of the first.
            outputs: C, the number of emotions, or what another task needs (`erclab.core.tasks`).
            task: what is predicted.
            hidden: H, features of an LSTM's state, per direction.
            layers: of each LSTM.
            bidirectional: read the sequence in both directions.
            head_hidden: width of the head's hidden layer.
            dropout: between the layers of an LSTM and in the head.
            input_dropout: on the features of each step.
        """

        dims: tuple[tuple[str, int], ...]
        outputs: int
        task: str = "emotion"
        hidden: int = 160
        layers: int = 1
        bidirectional: bool = True
        head_hidden: int = 100
        dropout: float = 0.3
        input_dropout: float = 0.0

        def __post_init__(self) -> None:
            check_sizes("A fusion LSTM", self, "hidden", "layers", "head_hidden")

    view = "sequence"
    published = UNALIGNED  # features only: no paper gives sizes, and there is no code. LF-LSTM has 1.24 M on "mosei".
    small = {"hidden": 6, "head_hidden": 16}

    def lstm(self, width: int) -> LSTM:
        """An LSTM over vectors of this width."""
        c = self.config
        return LSTM(width, c.hidden, c.layers, bidirectional=c.bidirectional, dropout=c.dropout)

    def head(self, lstms: int) -> nn.Sequential:
        """From the last states of so many LSTMs to C numbers."""
        c = self.config
        width = lstms * c.hidden * (2 if c.bidirectional else 1)
        return nn.Sequential(nn.Linear(width, c.head_hidden), nn.ReLU(), Dropout(c.dropout),
                             nn.Linear(c.head_hidden, c.outputs))


class EFLSTM(FusionLSTM):
    """Early fusion.

    All modalities of an utterance get the number of steps of the first modality (text, as a rule), or of the first that
    the utterance has. `resample` pools the others to it by means; a sequence of this length, such as an aligned one,
    does not change. The papers trained a CTC module for the alignment, which is not rebuilt here. A modality that an
    utterance lacks is 0.

    `aux` and `attention` are empty.
    """

    def __init__(self, config: FusionLSTM.Config):
        super().__init__()
        self.config = config
        self.input_dropout = Dropout(config.input_dropout)
        self.encoder = self.lstm(sum(d for _, d in config.dims))
        self.classify = self.head(1)

    def forward(self, batch: SequenceBatch, *, attention: bool = False) -> Output:
        """Classify every utterance."""
        modalities = self.config.modalities
        lengths = torch.stack([batch.masks[m].sum(1) for m in modalities])  # (M, B)
        steps = lengths[0]
        for n in lengths[1:]:
            steps = torch.where(steps > 0, steps, n)
        length = max(int(steps.max()), 1)
        x, there = batch.features[modalities[0]], batch.masks[modalities[0]]  # has its own steps already
        own = F.pad(x.masked_fill(~there.unsqueeze(-1), 0)[:, :length], (0, 0, 0, max(length - x.shape[1], 0)))
        others = [resample(batch.features[m], batch.masks[m], steps, length) for m in modalities[1:]]
        x = torch.cat([own, *others], dim=-1)
        mask = torch.arange(length, device=x.device) < steps.unsqueeze(1)
        _, last = self.encoder(self.input_dropout(x), mask)
        return Output(self.classify(last), {} if attention else None)


class LFLSTM(FusionLSTM):
    """Late fusion: each modality keeps its own steps. The state of a modality that an utterance lacks is 0.

    `aux` and `attention` are empty.
    """

    def __init__(self, config: FusionLSTM.Config):
        super().__init__()
        self.config = config
        self.input_dropout = Dropout(config.input_dropout)
        self.encoder = nn.ModuleDict({m: self.lstm(d) for m, d in config.dims})
        self.classify = self.head(len(config.dims))

    def forward(self, batch: SequenceBatch, *, attention: bool = False) -> Output:
        """Classify every utterance."""
        last = [self.encoder[m](self.input_dropout(batch.features[m]), batch.masks[m])[1]
                for m in self.config.modalities]
        return Output(self.classify(torch.cat(last, dim=-1)), {} if attention else None)
