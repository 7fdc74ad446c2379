"""MulT: the multimodal transformer for unaligned sequences.

Tsai, Bai, Liang, Kolter, Morency, Salakhutdinov (2019), "Multimodal Transformer for Unaligned Multimodal Language
Sequences", ACL. Authors' code: yaohungt/Multimodal-Transformer.

    sequences --Conv1d--> width d (section 3.2)
        --> six crossmodal transformers: every modality attends to every other
        --> per modality: both streams side by side, a self-attention transformer over them, its last step --> head

Where paper and authors' code differ, a switch in `MulT.Config` decides; `MulT.paper` and `MulT.official` set all of
them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from erclab.core.batches import SequenceBatch
from erclab.core.errors import UsageError
from erclab.models.interface import Model, ModelConfig, Output, check_sizes
from erclab.models.layers.crossmodal import CrossmodalTransformer, Dropouts
from erclab.models.layers.front import Convolution, Front, at_frames, check_lengths, padding_first
from erclab.models.layers.unaligned import UNALIGNED
from erclab.ops.dropout import Dropout


class MulT(Model):
    """MulT over any non-empty subset of text, audio and visual; one modality alone has only its self-attention.

    `attention` holds `<m>_from_<n>` (B, layers, heads, L_m, L_n): m attends to n; `<m>_from_<m>` belongs to the
    self-attention transformer. `aux` has `last_hidden` (B, M * width), the input of the head.
    """

    @dataclass(frozen=True)
    class Config(ModelConfig):
        """Sizes and switches.

        Attributes:
            dims: (modality, D_m) pairs; their order is the order of concatenation.
            outputs: C, the number of emotions, or the number of outputs of another task (`erclab.core.tasks`).
            task: a name in `erclab.core.tasks`.
            hidden: d, the common width.
            heads: attention heads of d / heads features.
            layers: of each crossmodal transformer.
            memory_layers: of the self-attention transformers. The authors' code has max(layers, 3).
            kernel_text, kernel_audio, kernel_visual: steps that a convolution sees, odd.
            attention_dropout: of transformers whose source is text, and of the self-attention transformers.
            attention_dropout_audio, attention_dropout_visual: of transformers whose source is audio or visual.
            relu_dropout, residual_dropout: inside the feed-forward layer, and after each sublayer.
            embedding_dropout: on the inputs of a transformer, and on the text's features.
            output_dropout: inside the head.
            future_mask: a step does not see later steps (`crossmodal.not_future`). The authors' code does this unless
                a flag is given; the paper does not mention it.
            attend_padding: the authors' code has no masks. Its sequences begin with padding; attention sees these
                zeros, and the last step is read. A batch is brought into that form (`layers.front.padding_first`).
            lengths: (modality, L_m), with `attend_padding` alone: sequences are filled to so many steps, as the authors
                fill to one length per corpus, so that a result does not depend on the batch. `erclab.runs.plan` sets it
                to the longest of the corpus. () fills to the longest of the batch.
        """

        dims: tuple[tuple[str, int], ...]
        outputs: int
        task: str = "emotion"
        hidden: int = 40
        heads: int = 8
        layers: int = 4
        memory_layers: int = 4
        kernel_text: int = 1
        kernel_audio: int = 1
        kernel_visual: int = 1
        attention_dropout: float = 0.1
        attention_dropout_audio: float = 0.1
        attention_dropout_visual: float = 0.1
        relu_dropout: float = 0.1
        residual_dropout: float = 0.1
        embedding_dropout: float = 0.3
        output_dropout: float = 0.1
        future_mask: bool = False
        attend_padding: bool = False
        lengths: tuple[tuple[str, int], ...] = ()

        def __post_init__(self) -> None:
            kernels = ("kernel_text", "kernel_audio", "kernel_visual")
            check_sizes("MulT", self, "hidden", "heads", "layers", "memory_layers", *kernels)
            if self.hidden % self.heads:
                raise UsageError(f"MulT's hidden {self.hidden} must be a multiple of its {self.heads} heads")
            if even := [name for name in kernels if getattr(self, name) % 2 == 0]:
                raise UsageError(f"MulT's {', '.join(even)} must be odd, so that a sequence keeps its length")
            check_lengths("MulT", self)

        @property
        def depends_on_batch(self) -> bool:
            """Whether a result depends on the longest sequence of the batch."""
            return self.attend_padding and not self.lengths

    view = "sequence"
    published = UNALIGNED
    small = {"hidden": 8, "heads": 2, "layers": 2, "memory_layers": 2}

    @classmethod
    def paper(cls, corpus: str = "mosei", **changes) -> Config:
        """The paper's equations in the sizes of its Table 5, and its dropouts."""
        return cls.Config(**{**cls.published.get(corpus, {}), **TABLE_5.get(corpus, {}), **changes})

    @classmethod
    def official(cls, corpus: str = "mosei", **changes) -> Config:
        """What the authors' code computes, with its defaults and its quirks."""
        depth = {"memory_layers": max(changes.get("layers", DEFAULTS["layers"]), 3)}
        quirks = {"future_mask": True, "attend_padding": True}
        return cls.Config(**{**cls.published.get(corpus, {}), **DEFAULTS, **depth, **quirks, **changes})

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

        self.project = Front({m: Convolution(features, d, getattr(config, f"kernel_{m}"))
                              for m, features in config.dims})
        self.text_dropout = Dropout(config.embedding_dropout)
        self.crossmodal = nn.ModuleDict({
            f"{m}_from_{n}": transformer(d, config.layers, attention[n])
            for m in modalities for n in modalities if n != m})
        width = d * max(len(modalities) - 1, 1)
        self.memory = nn.ModuleDict({m: transformer(width, config.memory_layers, config.attention_dropout)
                                     for m in modalities})
        width *= len(modalities)
        self.proj1, self.proj2 = nn.Linear(width, width), nn.Linear(width, width)
        self.output_dropout = Dropout(config.output_dropout)
        self.out = nn.Linear(width, config.outputs)

    def forward(self, batch: SequenceBatch, *, attention: bool = False) -> Output:
        """Classify every utterance. See the class for what comes back."""
        given, modalities = batch, self.config.modalities
        if self.config.attend_padding:
            batch = padding_first(batch, dict(self.config.lengths))
        x, masks = self.project(batch, self.text_dropout)  # (B, L_m, d)

        # Every modality attends to every other (Eqs. 3 to 5); then to itself, over both streams side by side.
        last, weights = [], {}
        for m in modalities:
            streams = []
            for n in modalities:
                if n != m:
                    stream, weights[f"{m}_from_{n}"] = self.crossmodal[f"{m}_from_{n}"](
                        x[m], x[n], masks[m], masks[n], attention=attention)
                    streams.append(stream)
            h = torch.cat(streams, dim=-1) if streams else x[m]
            h, weights[f"{m}_from_{m}"] = self.memory[m](h, None, masks[m], attention=attention, last=True)
            last.append(h)
        hidden = torch.cat(last, dim=-1)
        logits = self.out(hidden + self.proj2(self.output_dropout(torch.relu(self.proj1(hidden)))))

        if attention and self.config.attend_padding:
            weights = at_frames(weights, given, dict(self.config.lengths))
        return Output(logits, weights if attention else None, {"last_hidden": hidden})


def _table_5(heads: int, kernels: tuple[int, int, int], text: float, block: float) -> dict:
    rates = dict.fromkeys(("attention_dropout", "attention_dropout_audio", "attention_dropout_visual",
                           "relu_dropout", "residual_dropout"), block)
    return {"hidden": 40, "heads": heads, "layers": 4, "memory_layers": 4, **rates, "embedding_dropout": text,
            "output_dropout": 0.1,
            **dict(zip(("kernel_text", "kernel_visual", "kernel_audio"), kernels, strict=True))}


# The paper's hyper-parameters (Table 5). Except for IEMOCAP, it gives the text's kernel as "1 or 3": ours is 1. Its one
# rate for a "crossmodal attention block" is the rate of all dropouts in a block here, and its "textual embedding
# dropout" is the code's `embedding_dropout`. The paper does not give the depth of the self-attention transformers: ours
# is the depth that the authors' code has for four layers.
TABLE_5 = {
    "iemocap": _table_5(10, (3, 3, 5), text=0.3, block=0.25),
    "mosi": _table_5(10, (1, 3, 3), text=0.2, block=0.2),
    "mosei": _table_5(8, (1, 3, 3), text=0.3, block=0.1),
}
# The defaults of the authors' code, in which the width is fixed and kernels are 1.
DEFAULTS = {"hidden": 30, "heads": 5, "layers": 5, "attention_dropout": 0.1, "attention_dropout_audio": 0.0,
            "attention_dropout_visual": 0.0, "relu_dropout": 0.1, "residual_dropout": 0.1, "embedding_dropout": 0.25,
            "output_dropout": 0.0}
