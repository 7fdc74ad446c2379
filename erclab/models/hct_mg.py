"""HCT-MG: a hierarchical crossmodal transformer with modality gating.

Wang, Li, Bell, Lai (2023), "Incongruity-Aware Multimodal Sentiment and Emotion Recognition", an early version of arXiv
2305.13583, sections 4, 5.3.2 and 5.3.3. No code was released.

    sequences --Conv1d, GRU--> width d;  modality gating picks the primary P, the others are A1 and A2
        --> A1 and A2 attend to each other (Eqs. 1, 2)  --> P attends to both of them (Eqs. 3, 4)
        --> self-attention over the two streams of P (Eq. 5)  --> weighted concatenation (Eq. 6)  --> head

What the paper left out, what we chose:
- How the gate learns. The modality with the largest weight is the primary, and a choice has no gradient. Eqs. 1 to 6
  contain no gate, and a frozen gate is "obsolete": it selects and does not scale. So the weights are straight-through
  factors of the projected sequences: 1 in the forward pass, dL/dw_m = M <dL/dx_m, x_m> in the backward pass. A weight
  grows if more of its modality would lower the loss, and one hierarchy runs per pass. On planted data, where one
  modality carries the label or most of it, this gate found that modality in 75 of 75 trainings; real factors found it
  in 73, real factors in Eq. 6 in 54. It can fail: after a wrong hierarchy has learnt, a change of the primary lowers
  the loss little (from a start of 0.45 against 0.27, on an easier task, 1 training in 30 kept the wrong primary).
- Its start: all weights equal. Ties go to the order of `dims`, which also says which auxiliary is A1.
- Its convergence: see `Config.freeze_tolerance`; `erclab.training.gate` freezes it.
- Which weights the hierarchies share. The published sizes (0.54, 0.78, 0.55 M) follow from one transformer per ordered
  pair of modalities, as in MulT (a hierarchy uses four of them), three layers of self-attention and one hidden layer in
  the head: 542,444, 782,444 and 546,931. Four transformers by role give 0.46, 0.62 and 0.47 M.
- Eq. 5 concatenates features: both streams have the steps of P. Every sequence is read at its last step, as in MulT.
- Two modalities: there is no first level, and Z = [W1 A1; P].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from erclab.core.batches import SequenceBatch
from erclab.core.errors import UsageError
from erclab.models.interface import Model, ModelConfig, Output, check_sizes
from erclab.models.layers.crossmodal import CrossmodalTransformer, Dropouts
from erclab.models.layers.front import Convolution, Front
from erclab.models.layers.unaligned import UNALIGNED
from erclab.ops.dropout import Dropout
from erclab.ops.gru import GRU
from erclab.ops.masks import last_step


class HCTMG(Model):
    """HCT-MG over two or three of text, audio and visual.

    `aux` has `gate` (B, M), the weights of the modalities, equal for all samples; with a fixed primary it is empty.
    `attention` holds `<m>_from_<n>` (B, layers, heads, L_m, L_n) of the transformers in the hierarchy that ran: m
    attends to n; `<m>_from_<m>` is the self-attention of the primary m.
    """

    @dataclass(frozen=True)
    class Config(ModelConfig):
        """Sizes and switches.

        Attributes:
            dims: (modality, D_m) pairs; their order decides ties and which auxiliary is A1.
            outputs: C, the number of emotions, or the number of outputs of another task (`erclab.core.tasks`).
            task: a name in `erclab.core.tasks`.
            hidden: d, the common width of convolutions, GRUs and crossmodal transformers.
            heads: attention heads of d / heads features; the self-attention has equally many, twice as wide.
            layers: of each crossmodal transformer.
            self_layers: of the self-attention transformer (Eq. 5). Our choice.
            kernel: of the convolutions.
            attention_dropout, relu_dropout, residual_dropout, embedding_dropout: of all transformers. The paper gives
                none; these are the defaults of MulT's code.
            output_dropout: on the head's hidden layer.
            primary: "gating", or a modality that is the primary from the beginning (the paper's Table 4): then the
                model has no gate.
            transformers: "pair", a transformer for each ordered pair of modalities that may occur; or "role", four
                transformers for A2 -> A1, A1 -> A2, A1 -> P and A2 -> P, whichever modalities these are.
            gate_scale: multiplies the gate's parameters before the softmax, so that under Adam with one learning rate
                the gate learns this many times faster than the other weights. With 1 and the paper's 1e-5 for IEMOCAP
                the weights would stay at 1/3.
            freeze_patience: number of calm epochs in a row that freezes the gate.
            freeze_tolerance: an epoch is calm if none of its batches had another primary than its end has, and no
                weight moved by more than this share of the primary's lead over the second.
        """

        dims: tuple[tuple[str, int], ...]
        outputs: int
        task: str = "emotion"
        hidden: int = 40
        heads: int = 5
        layers: int = 2
        self_layers: int = 3
        kernel: int = 1
        attention_dropout: float = 0.1
        relu_dropout: float = 0.1
        residual_dropout: float = 0.1
        embedding_dropout: float = 0.25
        output_dropout: float = 0.0
        primary: str = "gating"
        transformers: str = "pair"
        gate_scale: float = 10.0
        freeze_patience: int = 3
        freeze_tolerance: float = 0.05

        def __post_init__(self) -> None:
            check_sizes("HCT-MG", self, "hidden", "heads", "layers", "self_layers", "kernel", "freeze_patience")
            if not 2 <= len(self.dims) <= 3:
                raise UsageError(f"HCT-MG has one primary and one or two auxiliary modalities, not "
                                 f"{', '.join(self.modalities)} alone" if len(self.dims) == 1 else
                                 f"HCT-MG has at most three modalities, not {len(self.dims)}",
                                 remedy="Build it for two or three modalities.")
            if self.hidden % self.heads:
                raise UsageError(f"HCT-MG's hidden {self.hidden} must be a multiple of its {self.heads} heads")
            if self.kernel % 2 == 0:
                raise UsageError(f"HCT-MG's kernel {self.kernel} must be odd, so that a sequence keeps its length")
            if self.primary not in ("gating", *self.modalities):
                raise UsageError(f"HCT-MG's primary is 'gating' or one of {', '.join(self.modalities)}, not "
                                 f"'{self.primary}'")
            if self.transformers not in ("pair", "role"):
                raise UsageError(f"HCT-MG's transformers are by 'pair' or by 'role', not '{self.transformers}'")
            if not (self.gate_scale > 0 and self.freeze_tolerance >= 0):
                raise UsageError(f"HCT-MG's gate_scale {self.gate_scale} must be positive and its freeze_tolerance "
                                 f"{self.freeze_tolerance} must not be negative")

    view = "sequence"
    # Features, outputs and layers of Tables 7 and 8; "iemocap" has four emotions. Width 40, 5 heads and kernel 1 are
    # the same for all. There is no code, so `official` is `paper`.
    published = {
        "mosi": {**UNALIGNED["mosi"], "layers": 2},
        "mosei": {**UNALIGNED["mosei"], "layers": 4},
        "iemocap": {**UNALIGNED["iemocap"], "layers": 2},
    }
    small = {"hidden": 8, "heads": 2, "layers": 1, "self_layers": 1}

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        d, modalities = config.hidden, config.modalities
        dropouts = Dropouts(config.attention_dropout, config.relu_dropout, config.residual_dropout,
                            config.embedding_dropout)
        self.project = Front({m: Convolution(width, d, config.kernel) for m, width in config.dims})
        self.gru = nn.ModuleDict({m: GRU(d, d) for m in modalities})
        if config.primary == "gating":
            self.gate_logits = nn.Parameter(torch.zeros(len(modalities)))
        self.crossmodal = nn.ModuleDict({
            name: CrossmodalTransformer(d, config.heads, config.layers, dropouts) for name in self._transformers()})
        auxiliaries = len(modalities) - 1
        self.self_attention = CrossmodalTransformer(auxiliaries * d, config.heads, config.self_layers, dropouts)
        self.w = nn.ModuleList(nn.Linear(d, d, bias=False) for _ in range(auxiliaries))
        width = 2 * auxiliaries * d
        self.head = nn.Sequential(nn.Linear(width, width), nn.ReLU(), Dropout(config.output_dropout),
                                  nn.Linear(width, config.outputs))

    def forward(self, batch: SequenceBatch, *, attention: bool = False) -> Output:
        """Classify every utterance. See the class for what comes back."""
        modalities, weights, aux = self.config.modalities, {} if attention else None, {}

        # Feature projection. A GRU reads forwards, so that padding, which comes last, never reaches a step.
        projected, masks = self.project(batch)
        x = {m: self.gru[m](frames) for m, frames in projected.items()}  # (B, L_m, d)

        # Modality gating. Only parameters decide, so that no sample depends on another.
        primary = self.config.primary
        if primary == "gating":
            gate = self.gate()
            primary = modalities[int(gate.argmax())]  # shapes depend on it; the pass reads no other value
            aux["gate"] = gate.expand(len(batch), -1)
            through = 1 + len(modalities) * (gate - gate.detach())  # 1, with a gradient
            x = {m: x[m] * factor for m, factor in zip(modalities, through, strict=True)}

        def cross(role: str, target: str, source: str, memory: Tensor) -> Tensor:
            pair = f"{target}_from_{source}"
            out, attended = self.crossmodal[pair if self.config.transformers == "pair" else role](
                x[target], memory, masks[target], masks[source], attention=attention)
            if attention:
                weights[pair] = attended
            return out

        auxiliary = {m: x[m] for m in modalities if m != primary}
        if len(auxiliary) == 2:  # the first level, Eqs. 1 and 2
            a1, a2 = auxiliary
            auxiliary = {a1: cross("a1_from_a2", a1, a2, x[a2]), a2: cross("a2_from_a1", a2, a1, x[a1])}
        streams = [cross(f"p_from_a{i}", primary, m, a) for i, (m, a) in enumerate(auxiliary.items(), 1)]  # Eqs. 3, 4

        # Eq. 5, over the two streams of P side by side.
        p, attended = self.self_attention(torch.cat(streams, dim=-1), None, masks[primary], attention=attention,
                                          last=True)
        if attention:
            weights[f"{primary}_from_{primary}"] = attended
        z = torch.cat([*(w(last_step(a, masks[m])) for w, (m, a) in zip(self.w, auxiliary.items(), strict=True)),
                       p], dim=-1)  # Eq. 6: (B, 2 d or 4 d)
        return Output(self.head(z), weights, aux)

    def gate(self) -> Tensor:
        """(M,) the weights of the modalities, which sum to one."""
        return (self.config.gate_scale * self.gate_logits).softmax(dim=0)

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Accept weights of before the freezing moved to `erclab.training.gate`: they have four buffers more, and a
        frozen gate's logits in one of them."""
        if state.pop(f"{prefix}gate_frozen", False):
            state[f"{prefix}gate_logits"] = state[f"{prefix}gate_kept"]
        for name in ("kept", "before", "calm"):
            state.pop(f"{prefix}gate_{name}", None)
        super()._load_from_state_dict(state, prefix, *rest)

    def _transformers(self) -> list[str]:
        """Names of the crossmodal transformers, for every hierarchy that can occur."""
        config, modalities = self.config, self.config.modalities
        if config.transformers == "role":
            return ["a1_from_a2", "a2_from_a1", "p_from_a1", "p_from_a2"] if len(modalities) == 3 else ["p_from_a1"]
        return [f"{m}_from_{n}" for m in modalities for n in modalities if m != n and n != config.primary]
