"""LMR-CBT: modality-fused representations from a transformer with cross-modal blocks (CB-Transformer).

Fu, Liu, Wang, Shen, Zhang, Qi, Fu, Zhou (2021), "LMR-CBT: Learning Modality-fused Representations with CB-Transformer
for Multimodal Emotion Recognition from Unaligned Multimodal Sequences", arXiv 2112.01697. Authors' code:
skeletonNN/LMR-CBT, a fork of MulT's.

    audio, visual --Conv1d, BatchNorm--> transformer encoder --> last step F_m ---------+
    text --BiLSTM, LayerNorm--> X --cross-modal blocks with the F_m, + X--> transformer +--> splice --> head
                                                        encoder --> last step F_F ------+

In the paper's Table 2 the fusion ends in audio or visual instead (`target`). Where paper and authors' code differ, a
switch in `LMRCBT.Config` decides; `LMRCBT.paper` and `LMRCBT.official` set all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from erclab.core.batches import SequenceBatch
from erclab.core.errors import UsageError, unknown
from erclab.models.interface import Model, ModelConfig, Output, check_sizes
from erclab.models.layers.crossmodal import CrossmodalTransformer, Dropouts
from erclab.models.layers.front import Front, at_frames, check_lengths, padding_first
from erclab.models.layers.unaligned import UNALIGNED
from erclab.ops.batchnorm import MaskedBatchNorm
from erclab.ops.dropout import Dropout
from erclab.ops.lstm import LSTM

# target -> sources in the order of fusion: [V, A]->L, [V, L]->A, [L, A]->V in Table 2.
FUSION = {"text": ("visual", "audio"), "audio": ("visual", "text"), "visual": ("text", "audio")}


class LMRCBT(Model):
    """LMR-CBT over the target modality and one or two others.

    `attention` holds `<m>_from_<m>` (B, layers, heads, L_m, L_m) for every modality: sources attend to themselves
    (local temporal learning), the fused sequence of the target to itself (global self-attention). With
    `same_length=False` step i of a convolved modality covers its frames i to i + kernel - 1, and the modality has
    kernel - 1 fewer steps than frames. `aux` is empty.
    """

    @dataclass(frozen=True)
    class Config(ModelConfig):
        """Sizes and switches.

        Attributes:
            dims: (modality, D_m) pairs; their order is that of the splice.
            outputs: C, the number of emotions, or the number of outputs of another task (`erclab.core.tasks`).
            task: a name in `erclab.core.tasks`.
            target: the modality that the others are fused into; all its steps are kept.
            text_front: "bilstm" (two layers, Eq. 2), or "conv1d" like the other modalities (Table 2).
            hidden: d, the common width; the BiLSTM has d / 2 features per direction.
            heads: attention heads of d / heads features.
            layers: D, of each transformer encoder.
            kernel_text, kernel_audio, kernel_visual: k of Eq. 1. The text's kernel, for "conv1d", is our choice: 3
                gives the 0.38 M parameters of Table 2.
            embedding_dropout: on the text's features and on the input of every encoder.
            lstm_dropout: between the two layers of the BiLSTM.
            attention_dropout, relu_dropout, residual_dropout: in the encoders.
            output_dropout: in the head.
            same_length: pad the convolution with zeros on both sides, so that T steps stay T, as Eq. 1 says. The
                authors' code does not pad: n steps become n - k + 1. A sequence that is shorter than the kernel gets
                one step, whose window ends in zeros.
            future_mask: a step of an encoder does not see later steps. The authors' code; not in the paper.
            attend_padding: the authors' code has no masks. Its sequences begin with padding, which is convolved,
                normalised, read and attended to like frames. A batch is brought into that form
                (`layers.front.padding_first`).
            lengths: (modality, L_m), with `attend_padding` alone: sequences are filled to so many steps, as the authors
                fill to one length per corpus. `erclab.runs.plan` sets it to the longest of the corpus. () fills to the
                longest of the batch.
            batch_recurrence: the authors' BiLSTM runs over the utterances of the batch, separately at each step of
                time, because its axes are swapped: a result depends on the other utterances and their order.
            dead_affine: each cross-modal block has an unused linear map to one number, as in the authors' code.
        """

        dims: tuple[tuple[str, int], ...]
        outputs: int
        task: str = "emotion"
        target: str = "text"
        text_front: str = "bilstm"
        hidden: int = 40
        heads: int = 8
        layers: int = 5
        kernel_text: int = 3
        kernel_audio: int = 3
        kernel_visual: int = 3
        embedding_dropout: float = 0.3
        lstm_dropout: float = 0.5
        attention_dropout: float = 0.1
        relu_dropout: float = 0.1
        residual_dropout: float = 0.2
        output_dropout: float = 0.1
        same_length: bool = True
        future_mask: bool = False
        attend_padding: bool = False
        batch_recurrence: bool = False
        dead_affine: bool = False
        lengths: tuple[tuple[str, int], ...] = ()

        def __post_init__(self) -> None:
            check_sizes("LMR-CBT", self, "hidden", "heads", "layers", "kernel_text", "kernel_audio", "kernel_visual")
            if self.target not in FUSION:
                raise unknown("target of LMR-CBT", self.target, FUSION)
            if self.text_front not in ("bilstm", "conv1d"):
                raise unknown("text_front of LMR-CBT", self.text_front, ("bilstm", "conv1d"))
            if self.target not in self.modalities or len(self.modalities) < 2:
                raise UsageError(f"LMR-CBT fuses others into {self.target}, but was given "
                                 f"{', '.join(self.modalities)}",
                                 remedy=f"It needs {self.target} and at least one more modality, or another target.")
            if self.hidden % self.heads:
                raise UsageError(f"LMR-CBT's hidden {self.hidden} must be a multiple of its {self.heads} heads")
            if self.hidden % 2 and "text" in self.modalities and self.text_front == "bilstm":
                raise UsageError(f"LMR-CBT's hidden {self.hidden} must be even, half for each direction of the BiLSTM")
            if self.batch_recurrence and self.text_front != "bilstm":
                raise UsageError("batch_recurrence is about LMR-CBT's BiLSTM, which text_front='conv1d' replaces")
            check_lengths("LMR-CBT", self)

        @property
        def depends_on_batch(self) -> bool:
            """Whether a result depends on the other utterances of the batch."""
            reads = "text" in self.modalities and self.batch_recurrence
            return reads or (self.attend_padding and not self.lengths)

        @property
        def sources(self) -> tuple[str, ...]:
            """The modalities that are fused into the target, first to last."""
            return tuple(m for m in FUSION[self.target] if m in self.modalities)

    view = "sequence"
    # Table 1 and section 4.2: sizes per corpus; kernels are given there as visual / audio.
    published = {
        "iemocap": {**UNALIGNED["iemocap"], "hidden": 40, "heads": 5, "layers": 5, "kernel_visual": 3,
                    "kernel_audio": 5},
        "mosi": {**UNALIGNED["mosi"], "hidden": 30, "heads": 10, "layers": 4, "kernel_visual": 3, "kernel_audio": 1},
        "mosei": {**UNALIGNED["mosei"], "hidden": 40, "heads": 8, "layers": 5, "kernel_visual": 3, "kernel_audio": 3},
    }
    small = {"hidden": 8, "heads": 2, "layers": 2}

    @classmethod
    def official(cls, corpus: str = "iemocap", **changes) -> Config:
        """What the authors' code computes, quirks included: width 40 and kernels 3 for every corpus.

        Five layers are its default (MOSEI). For IEMOCAP and MOSI four give the published numbers of parameters.
        """
        sizes = {"hidden": 40, "heads": 8, "layers": 4 if corpus in ("iemocap", "mosi") else 5,
                 "kernel_audio": 3, "kernel_visual": 3}
        quirks = {"same_length": False, "future_mask": True, "attend_padding": True, "dead_affine": True,
                  "batch_recurrence": changes.get("text_front", "bilstm") == "bilstm"}
        return cls.Config(**{**cls.published.get(corpus, {}), **sizes, **quirks, **changes})

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        d, M = config.hidden, len(config.modalities)
        dropouts = Dropouts(config.attention_dropout, config.relu_dropout, config.residual_dropout,
                            config.embedding_dropout)
        self.front = Front({
            m: RecurrentFront(width, config) if m == "text" and config.text_front == "bilstm"
            else ConvolutionalFront(width, d, getattr(config, f"kernel_{m}"), config.same_length)
            for m, width in config.dims})
        self.text_dropout = Dropout(config.embedding_dropout)
        self.encoder = nn.ModuleDict({
            m: CrossmodalTransformer(d, config.heads, config.layers, dropouts, future_mask=config.future_mask,
                                     zeros_have_no_position=config.attend_padding)
            for m in config.modalities})
        self.fuse = nn.ModuleDict({m: CrossModal(d, config.dead_affine) for m in config.sources})
        # Eq. 7 has two linear maps. The authors' code has a third one after the second, without a nonlinearity between
        # them. The published size includes it.
        self.head = nn.Sequential(nn.Linear(M * d, M * d), nn.ReLU(), Dropout(config.output_dropout),
                                  nn.Linear(M * d, M * d))
        self.out = nn.Linear(M * d, config.outputs)

    def forward(self, batch: SequenceBatch, *, attention: bool = False) -> Output:
        """Classify every utterance. See the class for what comes back."""
        config, target, given = self.config, self.config.target, batch
        if config.attend_padding:
            batch = padding_first(batch, dict(config.lengths))

        # Feature preprocessing (Eqs. 1, 2): every modality to width d.
        x, masks = self.front(batch, self.text_dropout)  # (B, L_m, d), (B, L_m)

        # Local temporal learning (Eqs. 3, 4).
        last, weights = {}, {}
        for m in config.sources:
            last[m], weights[m] = self.encoder[m](x[m], None, masks[m], attention=attention, last=True)  # F_m: (B, d)

        # Residual-based cross-modal fusion (Eqs. 5, 11), one source after the other.
        fused = x[target]
        for m in config.sources:
            fused = self.fuse[m](fused, last[m])
        fused = fused + x[target]

        # Global self-attention (Eq. 6), splice, prediction (Eq. 7).
        last[target], weights[target] = self.encoder[target](fused, None, masks[target], attention=attention,
                                                             last=True)  # F_F: (B, d)
        logits = self.out(self.head(torch.cat([last[m] for m in config.modalities], dim=-1)))

        if not attention:
            return Output(logits)
        weights = {f"{m}_from_{m}": weights[m] for m in config.modalities}
        return Output(logits, at_frames(weights, given, dict(config.lengths)) if config.attend_padding else weights)


class ConvolutionalFront(nn.Module):
    """Eq. 1: BN(Conv1D(X, k)), without a bias, which the normalisation would subtract."""

    def __init__(self, width: int, hidden: int, kernel: int, same_length: bool):
        super().__init__()
        self.kernel, self.same_length = kernel, same_length
        self.convolve = nn.Conv1d(width, hidden, kernel, bias=False)
        self.norm = MaskedBatchNorm(hidden)

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """(B, L, D) with zeros at padded steps, (B, L) -> (B, L', d), (B, L'), see `Config.same_length`."""
        k, length = self.kernel, x.shape[1]
        around = ((k - 1) // 2, k // 2) if self.same_length else (0, max(k - length, 0))
        y = self.convolve(F.pad(x.transpose(1, 2), around)).transpose(1, 2)
        if not self.same_length:
            n = mask.sum(1, keepdim=True)
            windows = (n - k + 1).clamp(min=1) * (n > 0)
            mask = torch.arange(y.shape[1], device=y.device) < windows
        return self.norm(y, mask), mask


class RecurrentFront(nn.Module):
    """Eq. 2: LN(BiLSTM(X)), two layers."""

    def __init__(self, width: int, config: LMRCBT.Config):
        super().__init__()
        self.batch_recurrence = config.batch_recurrence
        self.lstm = LSTM(width, config.hidden // 2, layers=2, bidirectional=True, dropout=config.lstm_dropout)
        self.norm = nn.LayerNorm(config.hidden)

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """(B, L, D), (B, L) -> (B, L, d), (B, L)."""
        if self.batch_recurrence:
            states = self.lstm(x.transpose(0, 1))[0].transpose(0, 1)
        else:
            states, _ = self.lstm(x, mask)
        return self.norm(states), mask


class CrossModal(nn.Module):
    """Eq. 11: softmax(tanh(W_x X + b + W_y F)), over the d **features** of each step, not over time."""

    def __init__(self, hidden: int, dead_affine: bool):
        super().__init__()
        self.map_target = nn.Linear(hidden, hidden)
        self.map_source = nn.Linear(hidden, hidden, bias=False)
        self.affine = nn.Linear(hidden, 1) if dead_affine else None

    def forward(self, x: Tensor, source: Tensor) -> Tensor:
        """The target's sequence (B, L, d) and a source's summary (B, d) -> (B, L, d); every step sums to 1."""
        return torch.tanh(self.map_target(x) + self.map_source(source).unsqueeze(1)).softmax(dim=-1)
