"""MulT: the multimodal transformer for unaligned sequences.

Tsai, Bai, Liang, Kolter, Morency, Salakhutdinov (2019), "Multimodal Transformer for Unaligned Multimodal Language
Sequences", ACL. Authors' code: yaohungt/Multimodal-Transformer.

    sequences --Conv1d--> width d (section 3.2)
        --> six crossmodal transformers: every modality attends to every other
        --> per modality: both streams side by side, a self-attention transformer over them, its last step --> head

Where paper and authors' code part, a switch in `MulT.Config` decides; `MulT.paper` and `MulT.official` set all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from erclab.batches import SequenceBatch
from erclab.errors import UsageError
from erclab.models.blocks import last_step, rotate
from erclab.models.crossmodal import CrossmodalTransformer, Dropouts
from erclab.models.interface import Model, Output, check_sizes


class MulT(Model):
    """MulT over any non-empty subset of text, audio and visual; one modality alone has only its self-attention.

    `attention` holds `<m>_from_<n>` (B, layers, heads, L_m, L_n): m attends to n; `<m>_from_<m>` is the last
    transformer's. `aux` has `last_hidden` (B, M * width), what the head reads.
    """

    @dataclass(frozen=True)
    class Config:
        """Sizes and switches.

        Attributes:
            dims: (modality, D_m) pairs; their order is the order of concatenation.
            outputs: C, the number of emotions, or what another task needs (`erclab.tasks`).
            task: what is predicted.
            hidden: d, the common width.
            heads: attention heads of d / heads features.
            layers: of each crossmodal transformer.
            memory_layers: of the self-attention transformers. The authors' code has max(layers, 3).
            kernel: of the convolutions, without padding of the sequence's ends in time if it is 1.
            attention_dropout: where the source is text, and in the self-attention transformers.
            attention_dropout_audio, attention_dropout_visual: where the source is audio or visual.
            relu_dropout, residual_dropout, embedding_dropout, output_dropout: as the authors name them;
                `embedding_dropout` also falls on the text's input.
            future_mask: a step sees no later one (`crossmodal.not_future`). The authors' code does this unless a
                flag is given; the paper does not mention it.
            attend_padding: the authors' code has no masks. Its sequences begin with their padding, whose zeros are
                attended to, and the last step is read. Batches are brought into that form.
        """

        dims: tuple[tuple[str, int], ...]
        outputs: int
        task: str = "emotion"
        hidden: int = 40
        heads: int = 10
        layers: int = 4
        memory_layers: int = 4
        kernel: int = 1
        attention_dropout: float = 0.1
        attention_dropout_audio: float = 0.0
        attention_dropout_visual: float = 0.0
        relu_dropout: float = 0.1
        residual_dropout: float = 0.1
        embedding_dropout: float = 0.25
        output_dropout: float = 0.0
        future_mask: bool = False
        attend_padding: bool = False

        def __post_init__(self) -> None:
            check_sizes("MulT", self, "hidden", "heads", "layers", "memory_layers", "kernel")
            if self.hidden % self.heads:
                raise UsageError(f"MulT's hidden {self.hidden} must be a multiple of its {self.heads} heads")
            if self.kernel % 2 == 0:
                raise UsageError(f"MulT's kernel {self.kernel} must be odd, so that a sequence keeps its length")

        @property
        def modalities(self) -> tuple[str, ...]:
            return tuple(m for m, _ in self.dims)

    @classmethod
    def paper(cls, corpus: str = "mosei", **changes) -> Config:
        """The paper's equations in the sizes of its table: d 40, four layers."""
        return cls.Config(**{**PUBLISHED.get(corpus, {}), **changes})

    @classmethod
    def official(cls, corpus: str = "mosei", **changes) -> Config:
        """What the authors' code computes with its defaults: d 30, five layers, five heads, and its quirks."""
        sizes = {"hidden": 30, "heads": 5, "layers": 5, "memory_layers": max(changes.get("layers", 5), 3)}
        quirks = {"future_mask": True, "attend_padding": True}
        return cls.Config(**{**PUBLISHED.get(corpus, {}), **sizes, **quirks, **changes})

    @classmethod
    def tiny(cls, **changes) -> Config:
        """Small enough for a test: 12 features in all, width 8, two layers."""
        return cls.Config(**{"dims": (("text", 6), ("audio", 4), ("visual", 2)), "outputs": 5, "hidden": 8,
                             "heads": 2, "layers": 2, "memory_layers": 2, **changes})

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        d, modalities = config.hidden, config.modalities
        attention = {"text": config.attention_dropout, "audio": config.attention_dropout_audio,
                     "visual": config.attention_dropout_visual}

        def transformer(width: int, layers: int, rate: float) -> CrossmodalTransformer:
            dropouts = Dropouts(rate, config.relu_dropout, config.residual_dropout, config.embedding_dropout)
            return CrossmodalTransformer(width, config.heads, layers, dropouts, future_mask=config.future_mask,
                                         zeros_have_no_position=config.attend_padding)

        self.project = nn.ModuleDict({
            m: nn.Conv1d(width, d, config.kernel, padding=config.kernel // 2, bias=False) for m, width in config.dims})
        self.text_dropout = nn.Dropout(config.embedding_dropout)
        self.crossmodal = nn.ModuleDict({
            f"{m}_from_{n}": transformer(d, config.layers, attention[n])
            for m in modalities for n in modalities if n != m})
        width = d * max(len(modalities) - 1, 1)
        self.memory = nn.ModuleDict({m: transformer(width, config.memory_layers, config.attention_dropout)
                                     for m in modalities})
        width *= len(modalities)
        self.proj1, self.proj2 = nn.Linear(width, width), nn.Linear(width, width)
        self.output_dropout = nn.Dropout(config.output_dropout)
        self.out = nn.Linear(width, config.outputs)

    def forward(self, batch: SequenceBatch, *, attention: bool = False) -> Output:
        """Classify every utterance. See the class for what comes back.

        Raises:
            UsageError: a modality is missing from the batch.
        """
        self.require(batch)
        config, x, masks, weights = self.config, {}, {}, {}
        for m in config.modalities:
            mask = batch.masks[m]
            frames = batch.features[m].masked_fill(~mask.unsqueeze(-1), 0)
            if config.attend_padding:
                frames, mask = rotate(frames, mask.sum(1)), torch.ones_like(mask)  # padding first, and a frame as any
            frames = self.text_dropout(frames) if m == "text" else frames
            x[m], masks[m] = self.project[m](frames.transpose(1, 2)).transpose(1, 2), mask  # (B, L_m, d)

        # Every modality attends to every other; then to itself, over both streams side by side.
        last = []
        for m in config.modalities:
            streams = []
            for n in config.modalities:
                if n != m:
                    pair = f"{m}_from_{n}"
                    stream, weights[pair] = self.crossmodal[pair](x[m], x[n], masks[m], masks[n])
                    streams.append(stream)
            h = torch.cat(streams, dim=-1) if streams else x[m]
            h, weights[f"{m}_from_{m}"] = self.memory[m](h, None, masks[m])
            last.append(last_step(h, masks[m]))
        hidden = torch.cat(last, dim=-1)
        logits = self.out(hidden + self.proj2(self.output_dropout(torch.relu(self.proj1(hidden)))))
        return Output(logits, self._attention(weights, batch) if attention else None, {"last_hidden": hidden})

    def _attention(self, weights: dict[str, Tensor], batch: SequenceBatch) -> dict[str, Tensor]:
        """The weights at the places that the frames have in the batch."""
        if not self.config.attend_padding:
            return weights
        padding = {m: (~mask).sum(1) for m, mask in batch.masks.items()}
        moved = {}
        for pair, w in weights.items():
            for axis, m in zip((-2, -1), pair.split("_from_"), strict=True):
                w = rotate(w.movedim(axis, 1), padding[m]).movedim(1, axis)
            moved[pair] = w
        return moved


# Features of the unaligned corpora (GloVe, COVAREP, Facet) and heads of the paper's table of hyper-parameters.
PUBLISHED = {
    "iemocap": {"dims": (("text", 300), ("audio", 74), ("visual", 35)), "outputs": 8, "task": "emotion4", "heads": 10},
    "mosi": {"dims": (("text", 300), ("audio", 5), ("visual", 20)), "outputs": 1, "task": "sentiment", "heads": 10},
    "mosei": {"dims": (("text", 300), ("audio", 74), ("visual", 35)), "outputs": 1, "task": "sentiment", "heads": 8},
}
