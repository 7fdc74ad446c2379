"""M2FNet (Gao): Transformer fusion of the modalities, then a speaker-aware GRU over the dialogue.

Gao (2026), "A Stable Transformer-based Multimodal Framework for Dialogue Emotion Recognition with Speaker-Aware
Context Modeling", doi 10.65102/is2026859. There is no authors' code. (Chudasama et al. 2022 have another M2FNet.)

    utterance vectors --one projection per modality (3.2)--> M tokens in a shared space
        --> Transformer encoder over the M tokens of one utterance --> one vector (3.3)
        --> GRU in the order of the dialogue, with the speaker (3.4) --> linear classifier (3.5)

The paper has no equation and no size. Each missing detail is a field of `M2FNet.Config`, with the reason for our
choice. The paper's weighted cross-entropy, AdamW, clipping and schedule (3.6) belong to the recipe.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from erclab.core.batches import DialogueBatch
from erclab.core.errors import UsageError
from erclab.models.interface import Model, ModelConfig, Output, check_choices, check_sizes
from erclab.ops.attention import Attention
from erclab.ops.dropout import Dropout
from erclab.ops.gru import GRU


class M2FNet(Model):
    """M2FNet over any non-empty subset of text, audio and visual.

    By default it is causal: the logits of a turn depend on that turn and on earlier ones.

    `forward` returns `Output` with logits (B, T, C). No turn attends to another one, so `attention` is empty if
    requested; the weights between modalities are then in `aux`:
        `fusion_attention`  (B, T, layers, heads, N, N), rows are queries and sum to 1. N = M modalities in the order
                            of `dims`; with `readout="cls"` N = M + 1 and the class token comes first. Absent with
                            `fusion="concat"`, and if attention is not requested.
    """

    @dataclass(frozen=True)
    class Config(ModelConfig):
        """Sizes and switches. The paper gives no number: each is our choice unless said otherwise.

        Attributes:
            dims: (modality, D_m) pairs; their order is the order of the tokens.
            outputs: C, the number of emotions, or the number of outputs of another task (`erclab.core.tasks`).
            speakers: S, the number of speaker indices.
            task: a name in `erclab.core.tasks`.
            hidden: H, the width of the shared space and of the GRU. One width for both, because the paper names
                "hidden dimension" as one hyper-parameter (3.8); 256 is a third of BERT's 768.
            heads: of H / heads features. 4, so that a head has 64 features as in Vaswani et al. (2017).
            layers: Transformer layers. The paper says "layers", and more than 2 are many for three tokens.
            expansion: the feed-forward layers have expansion * H features; 4 and ReLU as in Vaswani et al. (2017).
            norm: "post" normalises after each residual (Vaswani et al. 2017, and the default of "typical libraries");
                "pre" before each sublayer and once at the end.
            dropout: one rate, for the attention weights, after and inside the sublayers of the Transformer and
                before the classifier. The paper does not name dropout; 0.1 is the rate of Vaswani et al. (2017).
            fusion: "transformer"; or "concat", the ablation (Table 5): the projections joined, Linear(M H -> H), ReLU.
                Without the ReLU it would be one linear map of the features.
            readout: how the tokens become one vector. "mean" adds no parameter and treats all modalities equally;
                "concat" joins them, Linear(M H -> H); "cls" reads a learned token in front of them.
            context: "gru"; or "none", the ablation (Table 5): the classifier reads the fused vector, and neither
                other turns nor the speaker have an influence. The GRU has one layer (5.1: "a layer of GRU").
            speaker: how the GRU receives the speaker. "embedding", our reading of "a GRU" that models
                "speaker-specific emotion dynamics": a learned vector of the speaker is joined to the fused vector.
                "state": a second GRU runs over each speaker's own turns, from zero for each speaker, and the
                classifier reads both states. "both", or "none".
            speaker_width: E, the width of the speaker embedding. 16 is enough for MELD's 9 speakers.
            bidirectional: the GRU also reads the dialogue from its end. The paper's GRU goes "one way" and leverages
                "previous utterances".
        """

        dims: tuple[tuple[str, int], ...]
        outputs: int
        speakers: int
        task: str = "emotion"
        hidden: int = 256
        heads: int = 4
        layers: int = 2
        expansion: int = 4
        norm: str = "post"
        dropout: float = 0.1
        fusion: str = "transformer"
        readout: str = "mean"
        context: str = "gru"
        speaker: str = "embedding"
        speaker_width: int = 16
        bidirectional: bool = False

        def __post_init__(self) -> None:
            check_sizes("M2FNet", self, "speakers", "hidden", "heads", "layers", "expansion", "speaker_width")
            if self.hidden % self.heads:
                raise UsageError(f"M2FNet's hidden {self.hidden} must be a multiple of its {self.heads} heads")
            check_choices("M2FNet", self, CHOICES)

        @property
        def speaker_limit(self) -> int | None:
            """The number of speakers, where the GRU receives the speaker."""
            return None if "none" in (self.context, self.speaker) else self.speakers

    # Our choice: the paper names BERT (base: 768 features) and no extractor of audio or face. The others are the widths
    # that MELD's features commonly have (openSMILE 300, DenseNet 342, nine speakers counted per dialogue), as for SDT.
    # There is no code, so `official` is `paper`.
    published = {"meld": {"dims": (("text", 768), ("audio", 300), ("visual", 342)), "outputs": 7, "speakers": 9}}
    small = {"hidden": 16, "heads": 2, "expansion": 2, "speaker_width": 3}

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        H, M = config.hidden, len(config.dims)
        # No modality embedding: the bias of each projection already is one.
        self.project = nn.ModuleDict({m: nn.Linear(d, H) for m, d in config.dims})
        self.fusion = Fusion(config) if config.fusion == "transformer" else nn.Sequential(
            nn.Flatten(-2), nn.Linear(M * H, H), nn.ReLU())
        width = H
        if config.context == "gru":
            named, stated = config.speaker in ("embedding", "both"), config.speaker in ("state", "both")
            read = H + config.speaker_width * named
            self.speaker = nn.Embedding(config.speakers, config.speaker_width) if named else None
            self.dialogue = Recurrence(read, H, config.bidirectional)
            self.own = Recurrence(read, H, config.bidirectional) if stated else None
            width = H * (1 + config.bidirectional) * (1 + stated)
        self.dropout = Dropout(config.dropout)
        self.classifier = nn.Linear(width, config.outputs)

    def forward(self, batch: DialogueBatch, *, attention: bool = False) -> Output:
        """Classify every utterance. See the class for what comes back."""
        aux = {}
        tokens = torch.stack([self.project[m](batch.features[m]) for m, _ in self.config.dims], dim=2)  # (B, T, M, H)
        if self.config.fusion == "transformer":
            fused, weights = self.fusion(tokens)  # (B, T, H)
            if attention:
                aux["fusion_attention"] = weights
        else:
            fused = self.fusion(tokens)
        if self.config.context == "gru":
            fused = self._in_context(fused, batch)
        return Output(self.classifier(self.dropout(fused)), {} if attention else None, aux)

    def _in_context(self, fused: Tensor, batch: DialogueBatch) -> Tensor:
        """(B, T, H) -> the states of the dialogue and those of the speaker's own turns, at every turn (B, T, ...)."""
        who = batch.speakers.masked_fill(~batch.mask, 0)
        if self.speaker is not None:
            fused = torch.cat([fused, self.speaker(who).to(fused.dtype)], dim=-1)
        states = self.dialogue(fused, batch.mask)
        if self.own is None:
            return states
        return torch.cat([states, own_turns(self.own, fused, who, batch.mask, self.config.speakers)], dim=-1)


CHOICES = {
    "fusion": ("transformer", "concat"),
    "readout": ("mean", "concat", "cls"),
    "context": ("gru", "none"),
    "speaker": ("embedding", "state", "both", "none"),
    "norm": ("post", "pre"),
}

# Table 5. Its last row, the plain cross-entropy, is a recipe without class weights.
ABLATIONS = {
    "without transformer fusion": {"fusion": "concat"},
    "without GRU context": {"context": "none"},
}


class Fusion(nn.Module):
    """A Transformer encoder over the modality tokens of one utterance, and its read-out."""

    def __init__(self, config: M2FNet.Config):
        super().__init__()
        H = config.hidden
        self.layers = nn.ModuleList(FusionLayer(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(H) if config.norm == "pre" else nn.Identity()
        self.cls = nn.Parameter(torch.empty(H).normal_(std=0.02)) if config.readout == "cls" else None
        self.join = nn.Linear(len(config.dims) * H, H) if config.readout == "concat" else None

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, M, H) -> (B, T, H) and the attention (B, T, layers, heads, N, N)."""
        B, T = tokens.shape[:2]
        x = tokens.flatten(0, 1)  # every utterance by itself
        if self.cls is not None:
            x = torch.cat([self.cls.to(x.dtype).expand(len(x), 1, -1), x], dim=1)
        weights = []
        for layer in self.layers:
            x, attended = layer(x)
            weights.append(attended)
        fused = self.read_out(self.norm(x))
        return fused.unflatten(0, (B, T)), torch.stack(weights, dim=1).unflatten(0, (B, T))

    def read_out(self, x: Tensor) -> Tensor:
        """(N, tokens, H) -> (N, H)."""
        if self.join is not None:
            return self.join(x.flatten(1))
        return x.mean(dim=1) if self.cls is None else x[:, 0]


class FusionLayer(nn.Module):
    """Multi-head self-attention and a feed-forward layer, each with dropout, residual and LayerNorm."""

    def __init__(self, config: M2FNet.Config):
        super().__init__()
        H = config.hidden
        self.first = config.norm == "pre"
        self.attention = Attention(H, config.heads, config.dropout)
        self.norm, self.feed_forward_norm = nn.LayerNorm(H), nn.LayerNorm(H)
        self.w1, self.w2 = nn.Linear(H, config.expansion * H), nn.Linear(config.expansion * H, H)
        self.dropout = Dropout(config.dropout)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, M, H) -> the same and the attention (N, heads, M, M)."""
        seen = self.norm(x) if self.first else x
        keep = torch.ones(1, 1, 1, dtype=torch.bool, device=x.device)  # an utterance has all its tokens
        attended, weights = self.attention(seen, seen, keep)
        x = x + self.dropout(attended)
        x = x if self.first else self.norm(x)
        inner = torch.relu(self.w1(self.feed_forward_norm(x) if self.first else x))
        x = x + self.dropout(self.w2(self.dropout(inner)))
        return x if self.first else self.feed_forward_norm(x), weights


class Recurrence(nn.Module):
    """A GRU of one layer, and with `bidirectional` a second one that reads each sequence from its last valid step.

    Reversing each sequence by its length equals packing, but copies no lengths from the device to the CPU.
    """

    def __init__(self, inputs: int, width: int, bidirectional: bool):
        super().__init__()
        self.forwards = GRU(inputs, width)
        self.backwards = GRU(inputs, width) if bidirectional else None

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, T, D), (B, T) with the valid steps first -> the state at every step (B, T, H or 2 H)."""
        states = self.forwards(x)
        if self.backwards is None:
            return states
        step, length = torch.arange(x.shape[1], device=x.device), mask.sum(1, keepdim=True)
        mirror = torch.where(step < length, length - 1 - step, step)  # (B, T), its own inverse
        back = self.backwards(along_turns(x, mirror))
        return torch.cat([states, along_turns(back, mirror)], dim=-1)


def own_turns(recurrence: Recurrence, x: Tensor, who: Tensor, mask: Tensor, speakers: int) -> Tensor:
    """Run over the turns of each speaker separately, and give each turn its speaker's state.

    Args:
        x: (B, T, D). who: (B, T) speakers below `speakers`. mask: (B, T).

    Returns:
        (B, T, H or 2 H).
    """
    (B, T, D), rows = x.shape, speakers + 1  # padded turns form a last row of their own
    who = who.masked_fill(~mask, speakers)
    spoken = who.unsqueeze(-1) == torch.arange(rows, device=x.device)  # (B, T, rows)
    rank = spoken.cumsum(1).gather(2, who.unsqueeze(-1)).squeeze(-1) - 1
    place = who * T + rank  # (B, T): a row per speaker, filled from the left
    apart = x.new_zeros(B, rows * T, D).scatter(1, place.unsqueeze(-1).expand_as(x), x)
    there = torch.arange(T, device=x.device) < spoken.sum(1).unsqueeze(-1)  # (B, rows, T)
    states = recurrence(apart.unflatten(1, (rows, T)).flatten(0, 1), there.flatten(0, 1))
    return along_turns(states.unflatten(0, (B, rows)).flatten(1, 2), place)


def along_turns(x: Tensor, index: Tensor) -> Tensor:
    """(B, N, H), (B, T) -> (B, T, H): step index[b, t] of x[b]."""
    return x.gather(1, index.unsqueeze(-1).expand(-1, -1, x.shape[-1]))
