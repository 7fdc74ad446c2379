"""The upper half of DialogueTRM: the Transformer over a window of turns, and the fusions of modalities.

Mao et al. (2020), Eq. 3 and section "Multi-Grained Interactive Fusion"; the gate is of Arevalo et al. (2020), MulT
of Tsai et al. (2019), DialogueRNN of Majumder et al. (2019).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from erclab.models.dialoguernn import DialogueRNN
from erclab.models.dialoguetrm.windows import Windows
from erclab.models.layers.crossmodal import CrossmodalTransformer, Dropouts
from erclab.models.layers.postnorm import PostNormEncoder

ORDER = ("text", "visual", "audio")  # as in Eq. 1
PAIRS = (("text", "visual"), ("text", "audio"), ("audio", "visual"))  # Eqs. 8 to 10, in the order of Eq. 11


class Seen(NamedTuple):
    """The inner values of a fusion.

    Attributes:
        aux: name -> (N, ...).
        attention: name -> weights (N, layers, heads, W).
    """

    aux: dict[str, Tensor]
    attention: dict[str, Tensor]


class ContextTransformer(nn.Module):
    """Eq. 3: r_i from f_(i-K) ... f_i.

    Args:
        config: a `DialogueTRM.Config`.
    """

    def __init__(self, config: Any):
        super().__init__()
        self.banded, self.reach = config.window == "banded", config.context_turns
        self.encoder = PostNormEncoder(config.hidden, config.heads, config.layers, config.feed_forward, config.dropout)
        # Row 0 is the position of the target, row k the position k turns before it; so are those of the sinusoids.
        if config.positions == "learned":
            self.place = nn.Parameter(0.02 * torch.randn(self.reach + 1, config.hidden))
        else:
            table = sinusoids(self.reach + 1, config.hidden) if config.positions == "sinusoidal" else None
            self.register_buffer("place", table, persistent=False)

    def forward(self, f: Tensor, windows: Windows, dependent: bool, attention: bool
                ) -> tuple[Tensor, dict[str, Tensor]]:
        """(N, H) -> r (N, H), and with `attention` the weights "context" (B, layers, heads, T, T).

        Args:
            dependent: False masks the context, so that every turn attends to itself only.
        """
        if self.banded:
            batch = windows.batch
            r, weights = self.encoder(batch.unpack(f), self.band(batch.mask, self.reach if dependent else 0))
            return batch.pack(r), {"context": weights} if attention else {}
        # A masked turn has no influence, so the window of a context-free modality is the target alone.
        window = slice(None) if dependent else slice(-1, None)
        x, keep = f[windows.number[:, window]], windows.exists[:, window]  # (N, W, H), (N, W)
        if self.place is not None:
            x = x + self.place[: x.shape[1]].flip(0)
        r, weights = self.encoder(x, keep.unsqueeze(1), position=x.shape[1] - 1)
        return r, {"context": windows.spread(weights)} if attention else {}

    @staticmethod
    def band(mask: Tensor, reach: int) -> Tensor:
        """(B, T) -> (B, T, T) bool: turn i attends to the turns from i - reach to i that have an utterance."""
        turn = torch.arange(mask.shape[1], device=mask.device)
        back = turn.unsqueeze(1) - turn
        return (back >= 0) & (back <= reach) & mask.unsqueeze(1) & mask.unsqueeze(2)


class ContextRNN(nn.Module):
    """DialogueRNN in place of the Transformer (Figure 4): forward in time, its last attention causal, H outputs.

    Its states start at the first turn of the dialogue, so K limits the context of BERT but not of DialogueRNN.

    Args:
        config: a `DialogueTRM.Config`.
    """

    def __init__(self, config: Any):
        super().__init__()
        H = config.hidden
        self.rnn = DialogueRNN(DialogueRNN.Config(
            dims=(("features", H),), outputs=H, speakers=config.speakers, global_width=H, party_width=H,
            emotion_width=H, head_width=H, dropout=config.dropout, output_dropout=config.dropout,
            bidirectional=False, causal=True))

    def forward(self, f: Tensor, windows: Windows, attention: bool) -> tuple[Tensor, dict[str, Tensor]]:
        """(N, H) -> r (N, H), and with `attention` DialogueRNN's attention maps (B, 1, T, T)."""
        batch = windows.batch
        nothing = torch.full_like(batch.speakers, -1)  # its H outputs predict no label
        output = self.rnn(replace(batch, features={"features": batch.unpack(f)}, labels=nothing), attention=attention)
        return batch.pack(output.logits), output.attention or {}


class Gate(nn.Module):
    """GATE of Eqs. 4 to 7: each feature of the fused vector is a mean of two representations, weighted by z.

    Args:
        width: D_r and D_h.
        bias: whether the three linear maps have biases.
    """

    def __init__(self, width: int, bias: bool):
        super().__init__()
        self.first, self.second = nn.Linear(width, width, bias=bias), nn.Linear(width, width, bias=bias)
        self.share = nn.Linear(3 * width, width, bias=bias)

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """(N, H), (N, H) -> the fused (N, H), and the share z of the first (N, H)."""
        z = torch.sigmoid(self.share(torch.cat([a, b, a * b], dim=-1)))  # Eq. 6
        return z * torch.tanh(self.first(a)) + (1 - z) * torch.tanh(self.second(b)), z  # Eqs. 4, 5, 7


class MultiGrainedFusion(nn.Module):
    """MGIF (Eqs. 4 to 11), and the reduced fusions of Table 4.

    `mgif`: one gate per pair, then a Transformer over [CLS] and the gated vectors. `gate_concat`: the gated vectors,
    concatenated. `trm`: the Transformer over [CLS] and the representations. `concat`: the representations,
    concatenated.

    Args:
        config: a `DialogueTRM.Config`. A single modality passes through unchanged.
    """

    def __init__(self, config: Any):
        super().__init__()
        H = config.hidden
        self.modalities = [m for m in ORDER if m in config.modalities]
        several, gated = len(self.modalities) > 1, config.fusion in ("mgif", "gate_concat")
        self.pairs = [p for p in PAIRS if set(p) <= set(self.modalities)] if gated else []
        self.gate = nn.ModuleDict({"_".join(pair): Gate(H, config.bias) for pair in self.pairs})
        parts = len(self.pairs) or len(self.modalities)
        self.encoder = None
        if several and config.fusion in ("mgif", "trm"):
            self.encoder = PostNormEncoder(H, config.heads, config.fusion_layers, config.feed_forward, config.dropout)
            self.cls = nn.Parameter(0.02 * torch.randn(H))
            self.place = nn.Parameter(0.02 * torch.randn(1 + parts, H)) if config.fusion_positions else None
        self.width = H if self.encoder else parts * H

    def forward(self, r: dict[str, Tensor], windows: Windows) -> tuple[Tensor, Seen]:
        """Modality -> (N, H), and the windows, which are not used here -> u (N, `width`)."""
        aux, parts = {}, [r[m] for m in self.modalities]
        if self.pairs:
            parts = []
            for a, b in self.pairs:
                h, aux[f"gate.{a}_{b}"] = self.gate[f"{a}_{b}"](r[a], r[b])
                parts.append(h)
        if self.encoder is None:
            return torch.cat(parts, dim=-1), Seen(aux, {})
        x = torch.stack([self.cls.expand_as(parts[0]), *parts], dim=1)  # (N, 1 + n, H)
        x = x if self.place is None else x + self.place
        u, aux["fusion_attention"] = self.encoder(x, x.new_ones(1, 1, x.shape[1], dtype=torch.bool), position=0)
        return u, Seen(aux, {})


class MulTFusion(nn.Module):
    """MulT over the window that ends at each target, read out at the target (MulT† of Table 4).

    Every modality attends over the turns to every other one, then to itself, in the width of MulT; the results are
    concatenated. The input is the window of representations, so the fusion reads back 2 K turns, and BERT another K.

    Args:
        config: a `DialogueTRM.Config`. A single modality passes through unchanged.
    """

    def __init__(self, config: Any):
        super().__init__()
        self.modalities = [m for m in ORDER if m in config.modalities]
        others, d = len(self.modalities) - 1, config.mult_width
        rates = Dropouts(*(config.dropout,) * 4)
        self.project, self.cross, self.memory = nn.ModuleDict(), nn.ModuleDict(), nn.ModuleDict()
        self.width = len(self.modalities) * others * d if others else config.hidden
        for m in self.modalities if others else ():
            self.project[m] = nn.Linear(config.hidden, d, bias=False)  # a convolution over one turn
            self.memory[m] = CrossmodalTransformer(others * d, config.mult_heads, config.fusion_layers, rates)
            for n in self.modalities:
                if n != m:
                    self.cross[f"{m}_from_{n}"] = CrossmodalTransformer(d, config.mult_heads, config.fusion_layers,
                                                                        rates)

    def forward(self, r: dict[str, Tensor], windows: Windows) -> tuple[Tensor, Seen]:
        """Modality -> (N, H), and windows of full length -> u (N, `width`)."""
        if not self.project:
            return r[self.modalities[0]], Seen({}, {})
        x = {m: project(r[m])[windows.number] for m, project in self.project.items()}  # (N, W, d)
        keep, last, weights = windows.exists, [], {}
        for m, memory in self.memory.items():
            streams = []
            for n in (n for n in self.modalities if n != m):
                stream, seen = self.cross[f"{m}_from_{n}"](x[m], x[n], keep, keep)
                streams.append(stream)
                weights[f"{m}_from_{n}"] = seen[:, :, :, -1]
            last.append(memory(torch.cat(streams, dim=-1), None, keep)[0][:, -1])
        return torch.cat(last, dim=-1), Seen({}, weights)


def sinusoids(length: int, width: int) -> Tensor:
    """(length, width) position table, sine and cosine interleaved, position 0 first (Vaswani et al. 2017)."""
    rate = 10000.0 ** (-torch.arange(0, width, 2, dtype=torch.float32) / width)
    angle = torch.arange(length, dtype=torch.float32).unsqueeze(1) * rate
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)
