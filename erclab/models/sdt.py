"""SDT: a transformer-based model with self-distillation.

Ma, Wang, Lin, Zhang, Zhang, Xu (2023), "A Transformer-Based Model With Self-Distillation for Multimodal Emotion
Recognition in Conversations", IEEE Transactions on Multimedia, arXiv 2310.20494. Authors' code: butterfliesss/SDT.

    utterance vectors --Conv1d(1)--> + position + speaker
        --> intra-modal (m attends to m) and inter-modal (m attends to n) transformers
        --> unimodal gated fusion --> multimodal gated fusion --> teacher and one student per modality

The class follows the paper's section "Methodology" in its order. Where paper and authors' code part, or the paper
is silent, a switch in `SDT.Config` decides; `SDT.paper` and `SDT.official` set all of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from erclab import tasks
from erclab.batches import DialogueBatch
from erclab.errors import UsageError
from erclab.models.blocks import split_heads
from erclab.models.interface import Model, Output, check_sizes


class SDT(Model):
    """SDT over any non-empty subset of text, audio and visual.

    `forward` returns `Output` with the teacher's logits (B, T, C) and in `aux`
        `student.<m>`      (B, T, C) logits of the student that sees modality m alone at the end,
        `unimodal_gate.<m>_from_<n>`  (B, T, H) in (0, 1): what the unimodal gate lets through,
        `multimodal_gate`  (B, T, M, H), sums to 1 over the M modalities **for every feature**; average over H
                           for "the weight of a modality". Absent with one modality, which has nothing to weigh.
    `attention` holds `<m>_from_<n>` (B, heads, T query, T key): m attends to n.
    """

    @dataclass(frozen=True)
    class Config:
        """Sizes and switches.

        Attributes:
            dims: (modality, D_m) pairs; their order is the order of fusion.
            outputs: C, the number of emotions, or what another task needs (`erclab.tasks`).
            speakers: S, the number of speaker indices.
            task: what is predicted. Students of a regression are taught by the squared distance to the teacher.
            hidden: H, the common width; also that of the feed-forward layers.
            heads: attention heads of H / heads features.
            dropout: one rate for embeddings, attention, feed-forward and student heads, as the authors use it.
            temperature: tau, divides the logits of teacher and students in the distillation term.
            loss_weights: gamma_1 to gamma_3 for task, student cross-entropy and distillation.
            max_turns: length of the position table.
            attention_norm: "pre" normalises the streams before attention, as the feed-forward layer does with
                its own. "dead" is the authors' code: the layer exists, is never used and never learns.
            frozen_identity_gates: the authors' MELD code sets the unimodal gates' W to the identity and
                freezes it, so the gate is SiLU. The paper learns W.
            detach_teacher: soft labels are targets and the distillation term teaches the students only. False
                is the authors' code: its gradient also reaches the teacher.
            tau_squared: multiply the distillation term by tau^2 (Hinton et al. 2015), so that its gradient
                keeps its size when tau grows. The authors' code does not.
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

        def __post_init__(self) -> None:
            check_sizes("SDT", self, "speakers", "hidden", "heads", "max_turns")
            if not self.temperature > 0:
                raise UsageError(f"SDT's temperature {self.temperature} must be positive")
            if self.hidden % self.heads or self.hidden % 2:
                raise UsageError(f"SDT's hidden {self.hidden} must be even and a multiple of its {self.heads} heads")
            if self.attention_norm not in ("pre", "dead"):
                raise UsageError(f"SDT's attention_norm is 'pre' or 'dead', not '{self.attention_norm}'")

        @property
        def modalities(self) -> tuple[str, ...]:
            return tuple(m for m, _ in self.dims)

    @classmethod
    def paper(cls, corpus: str = "iemocap", **changes) -> Config:
        """The paper's equations, in its sizes for "iemocap" or "meld"; other corpora give theirs in `changes`."""
        return cls.Config(**{**PUBLISHED.get(corpus, {}), **changes})

    @classmethod
    def official(cls, corpus: str = "iemocap", **changes) -> Config:
        """What the authors' code computes, quirks included. They freeze the unimodal gates on MELD only."""
        quirks = {"attention_norm": "dead", "detach_teacher": False, "tau_squared": False,
                  "frozen_identity_gates": corpus == "meld"}
        return cls.Config(**{**PUBLISHED.get(corpus, {}), **quirks, **changes})

    @classmethod
    def tiny(cls, **changes) -> Config:
        """Small enough for a test: 12 features in all, width 16."""
        return cls.Config(**{"dims": (("text", 6), ("audio", 4), ("visual", 2)), "outputs": 5, "speakers": 2,
                             "hidden": 16, "heads": 2, **changes})

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        modalities, H, C = config.modalities, config.hidden, config.outputs
        self.project = nn.ModuleDict({m: nn.Conv1d(d, H, kernel_size=1, bias=False) for m, d in config.dims})
        self.speaker = nn.Embedding(config.speakers + 1, H, padding_idx=config.speakers)
        self.register_buffer("position", sinusoids(config.max_turns, H), persistent=False)
        pairs = [f"{m}_from_{n}" for m in modalities for n in modalities]
        self.encoder = nn.ModuleDict({pair: CrossModalEncoder(config) for pair in pairs})
        self.unimodal_gate = nn.ModuleDict({pair: nn.Linear(H, H, bias=False) for pair in pairs})
        if config.frozen_identity_gates:
            for gate in self.unimodal_gate.values():
                nn.init.eye_(gate.weight).requires_grad_(False)
        self.reduce = nn.ModuleDict({m: nn.Linear(len(modalities) * H, H) for m in modalities})
        self.multimodal_gate = nn.Linear(H, H, bias=False) if len(modalities) > 1 else None
        self.teacher = nn.Linear(H, C)
        self.student = nn.ModuleDict({
            m: nn.Sequential(nn.ReLU(), nn.Dropout(config.dropout), nn.Linear(H, C)) for m in modalities})

    def forward(self, batch: DialogueBatch, *, attention: bool = False) -> Output:
        """Classify every utterance. See the class for what comes back.

        Raises:
            UsageError: a dialogue is longer than `max_turns`, or a modality is missing from the batch.
        """
        self._check(batch)
        aux, weights = {}, {} if attention else None

        # Temporal convolution, then positions and speakers.
        turns = batch.mask.shape[1]
        who = self.speaker(batch.speakers.masked_fill(~batch.mask, self.config.speakers))  # (B, T, H)
        x = {m: self.project[m](batch.features[m].transpose(1, 2)).transpose(1, 2) + self.position[:turns] + who
             for m in self.config.modalities}  # H_m: (B, T, H)

        # Intra- and inter-modal transformers, each followed by its unimodal gate: z = sigmoid(W h), z * h.
        enhanced = {}
        for m in self.config.modalities:
            streams = []
            for n in (m, *(other for other in self.config.modalities if other != m)):
                pair = f"{m}_from_{n}"
                h, attended = self.encoder[pair](x[m], x[n], batch.mask)
                z = torch.sigmoid(self.unimodal_gate[pair](h))
                streams.append(z * h)
                aux[f"unimodal_gate.{pair}"] = z
                if attention:
                    weights[pair] = attended
            enhanced[m] = self.reduce[m](torch.cat(streams, dim=-1))  # H'_m: (B, T, H)

        # Multimodal gated fusion: softmax over modalities, separately for every feature.
        stacked = torch.stack(list(enhanced.values()), dim=2)  # (B, T, M, H)
        if self.multimodal_gate is not None:
            gate = self.multimodal_gate(stacked).softmax(dim=2)
            aux["multimodal_gate"] = gate
            stacked = gate * stacked
        fused = stacked.sum(dim=2)  # (B, T, H)

        aux |= {f"student.{m}": self.student[m](h) for m, h in enhanced.items()}
        return Output(self.teacher(fused), weights, aux)

    def loss(self, output: Output, batch: DialogueBatch, class_weight: Tensor | None = None) -> Losses:
        """gamma_1 L_task + gamma_2 sum_m L_CE(student m) + gamma_3 sum_m KL(teacher || student m).

        Valid utterances are picked out before any logarithm. The authors multiply by the mask instead, which
        since PyTorch 1.13 gives 0 * -inf = NaN gradients on every padded batch (pytorch issue 89558).

        Args:
            class_weight: (C,) or None. The cross-entropies are divided by the sum of the weights of their
                labels; the distillation term is a plain mean over utterances.
        """
        config, valid = self.config, batch.annotated
        labels, teacher = batch.labels[valid], output.logits[valid]
        students = [output.aux[f"student.{m}"][valid] for m in config.modalities]
        task = tasks.loss(config.task, teacher, labels, class_weight)
        student = sum(tasks.loss(config.task, s, labels, class_weight) for s in students)
        soft = teacher.detach() if config.detach_teacher else teacher
        distillation = sum(self._distance(soft, s) for s in students)
        g1, g2, g3 = config.loss_weights
        return Losses(g1 * task + g2 * student + g3 * distillation, task, student, distillation)

    def _distance(self, teacher: Tensor, student: Tensor) -> Tensor:
        """Mean over utterances of KL(teacher || student) at temperature tau, (N, C) each.

        The four pairs of `emotion4` are four distributions. A regression has no soft labels: there the distance is
        squared.
        """
        if self.config.task in ("sentiment", "dimensional"):
            return (teacher - student).square().sum() / max(len(teacher), 1)
        if self.config.task == "emotion4":
            teacher, student = teacher.unflatten(-1, (-1, 2)), student.unflatten(-1, (-1, 2))
        tau = self.config.temperature
        divergence = F.kl_div(F.log_softmax(student / tau, dim=-1), F.log_softmax(teacher / tau, dim=-1),
                              reduction="sum", log_target=True) / max(len(teacher), 1)
        return divergence * tau**2 if self.config.tau_squared else divergence

    def _check(self, batch: DialogueBatch) -> None:
        self.require(batch)
        if batch.mask.shape[1] > self.config.max_turns:
            raise UsageError(f"a dialogue of {batch.mask.shape[1]} turns is longer than SDT's position table",
                             remedy=f"Raise max_turns (now {self.config.max_turns}).")


# Utterance features, outputs, speakers and temperature of the authors' runs. Text: RoBERTa-large; audio: openSMILE
# IS10 (IEMOCAP) or 300 of its features (MELD); visual: DenseNet. Source: their loaders and training scripts.
PUBLISHED = {
    "iemocap": {"dims": (("text", 1024), ("audio", 1582), ("visual", 342)), "outputs": 6, "speakers": 2,
                "temperature": 1.0},
    "meld": {"dims": (("text", 1024), ("audio", 300), ("visual", 342)), "outputs": 7, "speakers": 9,
             "temperature": 8.0},
}


class Losses(NamedTuple):
    """The total and its three terms before weighting, each a scalar."""

    total: Tensor
    task: Tensor
    student: Tensor
    distillation: Tensor


class CrossModalEncoder(nn.Module):
    """One transformer layer: the queries' modality attends to the keys' modality over the dialogue.

    Attention has a residual on the query stream as it came, the feed-forward layer normalises first. There is no
    last normalisation; the gate that follows takes the sum.
    """

    def __init__(self, config: SDT.Config):
        super().__init__()
        H = config.hidden
        self.heads, self.live_norm = config.heads, config.attention_norm == "pre"
        self.q, self.k, self.v, self.out = (nn.Linear(H, H) for _ in range(4))
        self.norm = nn.LayerNorm(H, eps=1e-6)
        self.feed_forward_norm = nn.LayerNorm(H, eps=1e-6)
        self.w1, self.w2 = nn.Linear(H, H), nn.Linear(H, H)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, query: Tensor, key: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, H), (B, T, H), (B, T) -> (B, T, H) and the attention (B, heads, T, T).

        One stream that attends to itself is dropped out once, as in the authors' code; two streams each.
        """
        query, key = (self.dropout(query),) * 2 if key is query else (self.dropout(query), self.dropout(key))
        q, k = (self.norm(query), self.norm(key)) if self.live_norm else (query, key)
        attended, weights = self.attend(q, k, mask)
        x = query + self.dropout(attended)
        inner = self.dropout(F.gelu(self.w1(self.feed_forward_norm(x)), approximate="tanh"))
        return x + self.dropout(self.w2(inner)), weights

    def attend(self, query: Tensor, key: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Scaled dot-product attention over the valid turns of the key stream."""
        q, k, v = (split_heads(w(x), self.heads) for w, x in ((self.q, query), (self.k, key), (self.v, key)))
        scores = (q / math.sqrt(q.shape[-1])) @ k.transpose(-1, -2)  # (B, heads, T, T)
        scores = scores.masked_fill(~mask[:, None, None, :], float("-inf"))
        weights = scores.softmax(dim=-1)
        context = self.dropout(weights) @ v  # (B, heads, T, H / heads)
        return self.out(context.transpose(1, 2).flatten(2)), weights


def sinusoids(length: int, width: int) -> Tensor:
    """(length, width) position table, sine and cosine interleaved, position 0 first (Vaswani et al. 2017)."""
    position = torch.arange(length, dtype=torch.float32).unsqueeze(1)
    rate = torch.exp(torch.arange(0, width, 2, dtype=torch.float32) * -(math.log(10000.0) / width))
    table = torch.empty(length, width)
    table[:, 0::2] = torch.sin(position * rate)
    table[:, 1::2] = torch.cos(position * rate)
    return table
