"""bc-LSTM: a bidirectional LSTM over the utterances of a dialogue; its unidirectional form is sc-LSTM.

Poria, Cambria, Hazarika, Majumder, Zadeh, Morency (2017), "Context-Dependent Sentiment Analysis in User-Generated
Videos", ACL, section "Contextual LSTM architecture" with its variants. Authors' later code, with two layers and an
attention that the paper does not have: declare-lab/conv-emotion, folder bc-LSTM-pytorch.

    h_1 .. h_T = BiLSTM(u_1 .. u_T)        modalities side by side
    h_t = sum_j a_tj h_j                   a_t = softmax_j tanh(h_j (W h_t + b)), the attention of the later code
    y_t = W_2 ReLU(W_1 h_t + b_1) + b_2
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from erclab.core.batches import DialogueBatch
from erclab.core.errors import UsageError
from erclab.models.interface import Model, ModelConfig, Output, check_sizes
from erclab.ops.dropout import Dropout
from erclab.ops.lstm import LSTM
from erclab.ops.masks import attend_dialogue


class BCLSTM(Model):
    """bc-LSTM over any non-empty subset of text, audio and visual, put side by side.

    `forward` returns logits (B, T, C). `attention` holds `dialogue` (B, 1, T, T), or nothing without the attention.
    """

    @dataclass(frozen=True)
    class Config(ModelConfig):
        """Sizes and switches.

        Attributes:
            dims: (modality, D_m) pairs, put side by side in this order.
            outputs: C, the number of emotions, or what another task needs (`erclab.core.tasks`).
            speakers: not used: the model has no input for the speaker.
            task: what is predicted.
            hidden: H, of the LSTM per direction.
            layers: of the LSTM; 1 in the paper, 2 in the authors' later code.
            head_hidden: width of the head's hidden layer.
            dropout: between the layers of the LSTM and in the head.
            attention: every turn attends to its dialogue, with the tanh of the scores. The authors' later code has it,
                the paper has not.
            bidirectional: False is sc-LSTM; without attention it is causal.
            causal: the attention sees no later turn. Needs one direction.
            read_padding: as in the authors' code the LSTM reads the padding. Its backward direction starts there, so
                that a result depends on the longest dialogue of the batch.
        """

        dims: tuple[tuple[str, int], ...]
        outputs: int
        speakers: int = 1
        task: str = "emotion"
        hidden: int = 100
        layers: int = 1
        head_hidden: int = 100
        dropout: float = 0.5
        attention: bool = False
        bidirectional: bool = True
        causal: bool = False
        read_padding: bool = False

        def __post_init__(self) -> None:
            check_sizes("bc-LSTM", self, "speakers", "hidden", "layers", "head_hidden")
            if self.causal and self.bidirectional:
                raise UsageError("bc-LSTM reads a dialogue from its end, too, so it cannot be causal",
                                 remedy="Set bidirectional=False, which makes it sc-LSTM.")

        @property
        def speaker_limit(self) -> None:
            """None: the model has no input for the speaker."""
            return None

        @property
        def depends_on_batch(self) -> bool:
            """Whether a result depends on the longest dialogue of the batch."""
            return self.read_padding

    # The authors' text vectors (100 from a CNN on IEMOCAP, 600 from GloVe and a CNN on MELD).
    published = {
        "iemocap": {"dims": (("text", 100),), "outputs": 6, "speakers": 2},
        "meld": {"dims": (("text", 600),), "outputs": 7, "speakers": 9},
    }
    small = {"hidden": 6, "head_hidden": 8}

    @classmethod
    def official(cls, corpus: str = "iemocap", **changes) -> Config:
        """A Config of the authors' later code: two layers, the attention, and an LSTM that reads padding."""
        return cls.paper(corpus, **{"layers": 2, "attention": True, "read_padding": True, **changes})

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        width = config.hidden * (1 + config.bidirectional)
        self.lstm = LSTM(sum(d for _, d in config.dims), config.hidden, config.layers,
                         bidirectional=config.bidirectional, dropout=config.dropout)
        self.match = nn.Linear(width, width) if config.attention else None
        self.head = nn.Sequential(nn.Linear(width, config.head_hidden), nn.ReLU(), Dropout(config.dropout),
                                  nn.Linear(config.head_hidden, config.outputs))

    def forward(self, batch: DialogueBatch, *, attention: bool = False) -> Output:
        """Classify every utterance. See the class for what comes back."""
        mask, weights = batch.mask, {}
        u = torch.cat([batch.features[m] for m, _ in self.config.dims], dim=-1)
        u = u.masked_fill(~mask.unsqueeze(-1), 0)
        h, _ = self.lstm(u, None if self.config.read_padding else mask)
        if self.match is not None:
            scores = torch.tanh(self.match(h) @ h.transpose(1, 2))
            h, weights["dialogue"] = attend_dialogue(scores, h, mask, self.config.causal)
        return Output(self.head(h), weights if attention else None)
