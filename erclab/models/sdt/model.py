"""SDT: a transformer-based model with self-distillation.

Ma, Wang, Lin, Zhang, Zhang, Xu (2023), "A Transformer-Based Model With Self-Distillation for Multimodal Emotion
Recognition in Conversations", IEEE Transactions on Multimedia, arXiv 2310.20494. Authors' code: butterfliesss/SDT.

    utterance vectors --Conv1d(1)--> + position + speaker
        --> intra-modal (m attends to m) and inter-modal (m attends to n) transformers
        --> unimodal gated fusion --> multimodal gated fusion --> teacher and one student per modality

`SDT.forward` follows the paper's section "Methodology" in its order. Where paper and authors' code differ, or the paper
is silent, a switch in `SDT.Config` decides; `SDT.paper` and `SDT.official` set all of them. The modules are in
`encoder` (transformer layer) and `fusion` (gates and heads); `ablations` has the modules that replace them, and
`distillation` the losses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from erclab.core.batches import DialogueBatch
from erclab.core.errors import UsageError
from erclab.models.interface import Model, ModelConfig, Output, check_choices, check_sizes
from erclab.models.sdt import distillation
from erclab.models.sdt.ablations import MULTIMODAL, UNIMODAL, multimodal_level, teacher_of, unimodal_level
from erclab.models.sdt.encoder import CrossModalEncoder
from erclab.ops.bank import Bank
from erclab.ops.turns import TurnConv, Turns


class SDT(Model):
    """SDT over any non-empty subset of text, audio and visual.

    `forward` returns `Output` with the teacher's logits (B, T, C) and in `aux`
        `student.<m>`      (B, T, C) logits of the student that reads the fused streams of modality m alone,
        `unimodal_gate.<m>_from_<n>`  (B, T, H) in (0, 1): the share of each feature that the unimodal gate passes on,
        `multimodal_gate`  (B, T, M, H), sums to 1 over the M modalities **for every feature**; average over H
                           for "the weight of a modality". Absent with one modality.
    `attention` holds `<m>_from_<n>` (B, heads, T query, T key): m attends to n.
    """

    packs = True

    @dataclass(frozen=True)
    class Config(ModelConfig):
        """Sizes and switches.

        Attributes:
            dims: (modality, D_m) pairs; their order is the order of fusion.
            outputs: C, the number of emotions, or of the outputs of another task (`erclab.core.tasks`).
            speakers: S, the number of speaker indices.
            task: what is predicted. In a regression, students learn from the squared distance to the teacher.
            hidden: H, the common width, also of the feed-forward layers.
            heads: attention heads of H / heads features.
            dropout: one rate for embeddings, attention, feed-forward and student heads, as in the authors' code.
            temperature: tau, divides the logits of teacher and students in the distillation term.
            loss_weights: gamma_1 to gamma_3 for task, student cross-entropy and distillation.
            max_turns: length of the position table.
            attention_norm: "pre" normalises the streams before attention, as the feed-forward layer normalises its
                input. "dead" is the authors' code: the layer exists, is never used and never learns.
            frozen_identity_gates: the authors' MELD code sets the unimodal gates' W to the identity and freezes it,
                so the gate is SiLU. In the paper W is learnt.
            detach_teacher: no gradient of the distillation term reaches the soft labels. False is the authors' code:
                the term also changes the teacher.
            tau_squared: multiply the distillation term by tau^2 (Hinton et al. 2015), so that its gradient keeps its
                size when tau grows. The authors' code does not.
            intra, inter: whether there are transformers in which a modality attends to itself, and to others.
                Without them their streams do not exist, and the reduction has fewer inputs.
            unimodal_fusion: how the streams of a modality become one vector, "gated", "concat", "add" or "none";
                see `erclab.models.sdt.ablations`.
            multimodal_fusion: how the vectors of the modalities become one, the same choices.
            distillation: who teaches whom, "self", "online" or "offline"; see `erclab.models.sdt.distillation`.
        """

        dims: tuple[tuple[str, int], ...]
        outputs: int
        speakers: int
        task: str = "emotion"
        hidden: int = 1024
        heads: int = 8
        dropout: float = 0.5
        temperature: float = 1.0
        loss_weights: tuple[float, float, float] = (1.0, 1.0, 1.0)
        max_turns: int = 512
        attention_norm: str = "pre"
        frozen_identity_gates: bool = False
        detach_teacher: bool = True
        tau_squared: bool = True
        intra: bool = True
        inter: bool = True
        unimodal_fusion: str = "gated"
        multimodal_fusion: str = "gated"
        distillation: str = "self"

        def __post_init__(self) -> None:
            check_sizes("SDT", self, "speakers", "hidden", "heads", "max_turns")
            if not self.temperature > 0:
                raise UsageError(f"SDT's temperature {self.temperature} must be positive")
            if self.hidden % self.heads or self.hidden % 2:
                raise UsageError(f"SDT's hidden {self.hidden} must be even and a multiple of its {self.heads} heads")
            check_choices("SDT", self, CHOICES)
            if min(self.loss_weights) < 0 or not any(self.loss_weights):
                raise UsageError(f"SDT's loss_weights {self.loss_weights} must be 0 or more, and one above 0")
            if not self.intra and (not self.inter or len(self.dims) == 1):
                raise UsageError("SDT's inter-modal transformers need two modalities" if self.inter else
                                 "SDT needs intra-modal transformers, inter-modal ones, or both",
                                 remedy="Set intra=True.")

        def sources(self, m: str) -> tuple[str, ...]:
            """The modalities that m attends to, itself first."""
            return (m,) * self.intra + tuple(n for n in self.modalities if n != m) * self.inter

    # Utterance features, outputs, speakers and temperature of the authors' runs. Text: RoBERTa-large; audio: openSMILE
    # IS10 (IEMOCAP) or 300 of its features (MELD); visual: DenseNet. Source: their loaders and training scripts.
    published = {
        "iemocap": {"dims": (("text", 1024), ("audio", 1582), ("visual", 342)), "outputs": 6, "speakers": 2,
                    "temperature": 1.0},
        "meld": {"dims": (("text", 1024), ("audio", 300), ("visual", 342)), "outputs": 7, "speakers": 9,
                 "temperature": 8.0},
    }
    small = {"hidden": 16, "heads": 2}

    @classmethod
    def official(cls, corpus: str = "iemocap", **changes) -> Config:
        """What the authors' code computes, quirks included. It freezes the unimodal gates on MELD only."""
        quirks = {"attention_norm": "dead", "detach_teacher": False, "tau_squared": False,
                  "frozen_identity_gates": corpus == "meld"}
        return cls.Config(**{**cls.published.get(corpus, {}), **quirks, **changes})

    def __init__(self, config: Config):
        super().__init__()
        self.config = c = config
        H, C, sources = c.hidden, c.outputs, {m: c.sources(m) for m in c.modalities}
        pairs = [f"{m}_from_{n}" for m in c.modalities for n in c.modalities if n in sources[m]]
        level = unimodal_level(c.unimodal_fusion, frozen=c.frozen_identity_gates)
        self.project = nn.ModuleDict({m: TurnConv(d, H) for m, d in c.dims})
        self.speaker = nn.Embedding(c.speakers + 1, H, padding_idx=c.speakers)
        self.register_buffer("position", sinusoids(c.max_turns, H), persistent=False)
        self.encoder = Bank({pair: CrossModalEncoder(H, c.heads, c.dropout, normalise=c.attention_norm == "pre")
                             for pair in pairs})
        self.unimodal_gate = nn.ModuleDict({pair: level.gate(H) for pair in pairs})
        self.reduce = nn.ModuleDict({m: level.reduce(len(sources[m]), H) for m in c.modalities})
        parts = len(pairs) if c.unimodal_fusion == "none" else len(c.modalities)
        self._multimodal, module = multimodal_level(c.unimodal_fusion, c.multimodal_fusion, parts, H)
        self.add_module(self._multimodal, module)
        self.teacher = teacher_of(c.multimodal_fusion, H, C)
        self.student = nn.ModuleDict({m: level.student(H, C, c.dropout) for m in c.modalities})

    @property
    def multimodal(self) -> nn.Module:
        """The module of the multimodal level: `multimodal_gate`, or the one that an ablation has in its place."""
        return self.get_submodule(self._multimodal)

    def forward(self, batch: DialogueBatch, *, attention: bool = False) -> Output:
        """Classify every utterance. See the class for the result."""
        c, turns = self.config, Turns(batch)  # from here on, the N utterances without padding

        # H_m = Conv1D(X_m) + position + speaker                                                               (N, H)
        # An utterance that fills up the batch of one of several seeds stands behind the table; it counts nowhere.
        place = self.position[turns.index.clamp(max=c.max_turns - 1)] + self.speaker(turns.speakers)
        H = {m: self.project[m](turns.features(m)) + place for m in c.modalities}

        # H_m<-n = Transformer(Q = H_m, K = V = H_n): intra-modal (n = m) and inter-modal                      (N, H)
        pairs = {f"{m}_from_{n}": (H[m], H[n]) for m in c.modalities for n in c.sources(m)}
        encoded = self.encoder(pairs, turns, attention=attention)

        # Unimodal gate: z = sigmoid(W H_m<-n);  H'_m = W_m [z * H_m<-n, joined over n] + b_m                  (N, H)
        gated = {pair: self.unimodal_gate[pair](h) for pair, (h, _) in encoded.items()}
        reduced = {m: self.reduce[m](torch.cat([gated[f"{m}_from_{n}"][0] for n in c.sources(m)], dim=-1))
                   for m in c.modalities}

        # Multimodal gate: g = softmax_m(W_g H'_m), separately for every feature;  H' = sum_m g_m * H'_m       (N, H)
        fused, g = self.multimodal(torch.stack(list(reduced.values()), dim=1))

        # Students: y_m = W dropout(relu(H'_m)) + b.  Teacher: y = W H' + b                                    (N, C)
        students = {f"student.{m}": self.student[m](x) for m, x in reduced.items()}
        teacher = self.teacher(fused, list(students.values()))

        gates = {f"unimodal_gate.{pair}": z for pair, (_, z) in gated.items()} | {"multimodal_gate": g}
        aux = {name: turns.grid(x) for name, x in (students | gates).items() if x is not None}
        maps = {pair: weights for pair, (_, weights) in encoded.items()} if attention else None
        return Output(turns.grid(teacher), maps, aux)

    @property
    def needs_teacher(self) -> bool:
        """Whether `loss` needs the logits of a frozen teacher."""
        return self.config.distillation == "offline"

    def loss(self, output: Output, batch: DialogueBatch, class_weight: Tensor | None = None,
             teacher: Tensor | None = None) -> distillation.Losses:
        """gamma_1 L_task + gamma_2 sum_m L_CE(student m) + gamma_3 L_KL; see `erclab.models.sdt.distillation`.

        Padded turns have the same finite logits everywhere, and so a divergence of 0. The authors multiply
        log-probabilities by the mask instead, which since PyTorch 1.13 gives NaN gradients on every padded batch
        (pytorch issue 89558).

        Args:
            class_weight: (C,) or None. The cross-entropies are divided by the sum of the weights of their
                labels; the distillation term is a plain mean over utterances.
            teacher: (B, T, C) logits of the frozen teacher, for offline distillation only.

        Raises:
            UsageError: offline distillation without a teacher.
        """
        if self.needs_teacher and teacher is None:
            raise UsageError("offline distillation needs the logits of a trained SDT",
                             remedy="Train with a teacher, or give loss(..., teacher=logits).")
        students = [output.aux[f"student.{m}"] for m in self.config.modalities]
        return distillation.losses(self.config, output.logits, students, batch.targets, class_weight, teacher)


CHOICES = {
    "attention_norm": ("pre", "dead"),
    "unimodal_fusion": tuple(UNIMODAL),
    "multimodal_fusion": MULTIMODAL,
    "distillation": distillation.KINDS,
}


def sinusoids(length: int, width: int) -> Tensor:
    """(length, width) position table, sine and cosine interleaved, position 0 first (Vaswani et al. 2017)."""
    position = torch.arange(length, dtype=torch.float32).unsqueeze(1)
    rate = torch.exp(torch.arange(0, width, 2, dtype=torch.float32) * -(math.log(10000.0) / width))
    table = torch.empty(length, width)
    table[:, 0::2] = torch.sin(position * rate)
    table[:, 1::2] = torch.cos(position * rate)
    return table
