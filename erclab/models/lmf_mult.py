"""LMF-MulT: transformers over a low-rank fusion of the modalities.

Sahay, Okur, Kumar, Nachman (2020), "Low Rank Fusion based Transformers for Multimodal Sequences", Second
Grand-Challenge and Workshop on Multimodal Language (ACL), arXiv 2007.02038. No public code. The fusion comes from Liu,
Shen, Lakshminarasimhan, Liang, Zadeh, Morency (2018), "Efficient Low-rank Multimodal Fusion with Modality-Specific
Factors", ACL, arXiv 1806.00064; the transformers come from MulT.

    sequences --Conv1d--> width d --low-rank fusion, step by step--> fused sequence
        --> three crossmodal transformers (MulT: six) between it and the modalities
        --> self-attention transformer, its last step --> head

`LMFMulT.Config.fused` says which of the paper's two methods this is: "target", LMF-MulT, where the fused signal is
reinforced by attending to each modality, or "source", Fusion-Based-CM-Attn-MulT, where each modality is reinforced by
attending to the fused signal.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from erclab.core.batches import SequenceBatch
from erclab.core.errors import UsageError
from erclab.models.interface import Model, ModelConfig, Output, check_choices, check_sizes
from erclab.models.layers.crossmodal import CrossmodalTransformer, Dropouts
from erclab.models.layers.front import Convolution, Front
from erclab.models.layers.unaligned import UNALIGNED
from erclab.ops.dropout import Dropout
from erclab.ops.resample import resample


class LMFMulT(Model):
    """LMF-MulT over any non-empty subset of text, audio and visual.

    `attention` holds (B, layers, heads, L target, L source): `fused_from_<m>` and `fused_from_fused` (the last
    transformer's) if the fused signal is the target, `<m>_from_fused` and `<m>_from_<m>` if it is the source. `aux`
    has `fused_steps` (B,), the number of steps of each fused sequence, and `last_hidden` (B, M d), the input of the
    head.
    """

    @dataclass(frozen=True)
    class Config(ModelConfig):
        """Sizes and switches.

        Attributes:
            dims: (modality, D_m) pairs; their order is the order of concatenation.
            outputs: C, the number of emotions, or the number of outputs of another task (`erclab.core.tasks`).
            task: a name in `erclab.core.tasks`.
            fused: "target" or "source", see the module.
            rank: r of the fusion.
            fused_steps: the largest length of a fused sequence. It is as long as the sample's shortest modality, but
                not longer than this; each step averages an equal share of the other modalities' frames.
            hidden: d, the common width of modalities and fused signal.
            heads: attention heads.
            layers: of each crossmodal transformer.
            memory_layers: of the self-attention transformers.
            attention_dropout, relu_dropout, residual_dropout, embedding_dropout, output_dropout: as in MulT.
            future_mask: as in MulT.
        """

        dims: tuple[tuple[str, int], ...]
        outputs: int
        task: str = "emotion"
        fused: str = "target"
        rank: int = 4
        fused_steps: int = 50
        hidden: int = 30
        heads: int = 5
        layers: int = 5
        memory_layers: int = 5
        attention_dropout: float = 0.1
        relu_dropout: float = 0.1
        residual_dropout: float = 0.1
        embedding_dropout: float = 0.25
        output_dropout: float = 0.0
        future_mask: bool = False

        def __post_init__(self) -> None:
            check_sizes("LMF-MulT", self, "rank", "fused_steps", "hidden", "heads", "layers", "memory_layers")
            if self.hidden % self.heads:
                raise UsageError(f"LMF-MulT's hidden {self.hidden} must be a multiple of its {self.heads} heads")
            check_choices("LMF-MulT", self, {"fused": ("target", "source")})

    view = "sequence"
    # Features only; there is no code, so `official` is `paper`. Widths, heads, layers and dropouts are the defaults of
    # MulT's code, which the authors compare with as "1.07M"; the rank is Liu et al.'s for this kind of corpus. Sizes:
    #                        MOSI       MOSEI      IEMOCAP
    #   HCT-MG, Table 2      0.84 M     0.84 M     0.86 M     (LMR-CBT's paper: 0.86 M for MOSEI)
    #   this model           697,441    699,961    700,598
    #   "source"             373,441    375,961    376,598
    # On MOSI three crossmodal transformers, one self-attention transformer of width 90, projections and head have
    # 686,281. The other 0.14 M must be in the fusion, whose rank, encoders and resampling are not published: 54 ranks
    # would give 0.84 M. The step of 0.02 M has no explanation: MOSEI and IEMOCAP have inputs of the same widths, and
    # seven more outputs of a head are 637 parameters.
    published = UNALIGNED
    small = {"hidden": 8, "heads": 2, "layers": 2, "memory_layers": 2, "rank": 3, "fused_steps": 4}

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        d, modalities = config.hidden, config.modalities
        dropouts = Dropouts(config.attention_dropout, config.relu_dropout, config.residual_dropout,
                            config.embedding_dropout)

        def transformer(width: int, layers: int) -> CrossmodalTransformer:
            return CrossmodalTransformer(width, config.heads, layers, dropouts, future_mask=config.future_mask)

        self.text_dropout = Dropout(config.embedding_dropout)
        self.project = Front({m: Convolution(features, d) for m, features in config.dims})
        self.fuse = LowRankFusion(modalities, d, config.rank)
        target = config.fused == "target"
        self.crossmodal = nn.ModuleDict({
            f"fused_from_{m}" if target else f"{m}_from_fused": transformer(d, config.layers) for m in modalities})
        width = d * len(modalities)
        self.memory = nn.ModuleDict({name: transformer(width if target else d, config.memory_layers)
                                     for name in (("fused",) if target else modalities)})
        self.proj1, self.proj2 = nn.Linear(width, width), nn.Linear(width, width)
        self.output_dropout = Dropout(config.output_dropout)
        self.out = nn.Linear(width, config.outputs)

    def forward(self, batch: SequenceBatch, *, attention: bool = False) -> Output:
        """Classify every utterance. See the class for what comes back."""
        x, masks = self.project(batch, self.text_dropout)  # (B, L_m, d)

        # Each step of the fused sequence fuses the frames that the modalities have at the same share of their time.
        masks["fused"] = shared_steps(list(masks.values()), self.config.fused_steps)
        steps = masks["fused"].sum(1)
        x["fused"] = self.fuse({m: resample(x[m], masks[m], steps, masks["fused"].shape[1])
                                for m in self.config.modalities})

        # Crossmodal transformers between fused signal and modalities; per target, self-attention over its streams.
        streams, weights, last = {}, {}, []
        for pair, transformer in self.crossmodal.items():
            target, source = pair.split("_from_")
            stream, weights[pair] = transformer(x[target], x[source], masks[target], masks[source], attention=attention)
            streams.setdefault(target, []).append(stream)
        for target, received in streams.items():
            h, weights[f"{target}_from_{target}"] = self.memory[target](
                torch.cat(received, dim=-1), None, masks[target], attention=attention, last=True)
            last.append(h)
        hidden = torch.cat(last, dim=-1)  # (B, M d)
        logits = self.out(hidden + self.proj2(self.output_dropout(torch.relu(self.proj1(hidden)))))
        aux = {"fused_steps": steps, "last_hidden": hidden}
        return Output(logits, weights if attention else None, aux)


class LowRankFusion(nn.Module):
    """h = sum over r of the elementwise product over m of [z_m, 1] W_m^(r) (Liu et al. 2018, section 3.2).

    It equals the outer product of all [z_m, 1], which contains every product of features of different modalities, times
    a tensor of low rank. Neither of the two is computed.
    """

    def __init__(self, modalities: tuple[str, ...], width: int, rank: int):
        super().__init__()
        self.factors = nn.ParameterDict({m: nn.Parameter(torch.empty(rank, width + 1, width)) for m in modalities})
        for factor in self.factors.values():
            for matrix in factor:
                nn.init.xavier_normal_(matrix)

    def forward(self, z: dict[str, Tensor]) -> Tensor:
        """modality -> (B, L, d), to (B, L, d)."""
        product = None
        for m, factor in self.factors.items():
            by_rank = torch.einsum("bld,rdh->blrh", z[m], factor[:, :-1]) + factor[:, -1]  # the last row meets the 1
            product = by_rank if product is None else product * by_rank
        return product.sum(dim=2)


def shared_steps(masks: list[Tensor], longest: int) -> Tensor:
    """[(B, L_m)] -> (B, L) bool: as many steps as a sample's shortest sequence that is not empty, at most `longest`."""
    counts = torch.stack([mask.sum(1) for mask in masks])  # (M, B)
    width = min(longest, max(mask.shape[1] for mask in masks))
    steps = counts.masked_fill(counts == 0, width).amin(0) * (counts > 0).any(0)
    return torch.arange(width, device=steps.device) < steps.unsqueeze(1)
