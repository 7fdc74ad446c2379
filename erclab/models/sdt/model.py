"""SDT: a transformer-based model with self-distillation.

Ma, Wang, Lin, Zhang, Zhang, Xu (2023), "A Transformer-Based Model With Self-Distillation for Multimodal Emotion
Recognition in Conversations", IEEE Transactions on Multimedia, arXiv 2310.20494. Authors' code: butterfliesss/SDT.

    utterance vectors --Conv1d(1)--> + position + speaker
        --> intra-modal (m attends to m) and inter-modal (m attends to n) transformers
        --> unimodal gated fusion --> multimodal gated fusion --> teacher and one student per modality

The class follows the paper's section "Methodology" in its order. Where paper and authors' code part, or the paper
is silent, a switch in `SDT.Config` decides; `SDT.paper` and `SDT.official` set all of them. `ABLATIONS` names what
the ablations leave out or replace.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from erclab.core.batches import DialogueBatch
from erclab.core.errors import UsageError
from erclab.models.interface import Model, ModelConfig, Output, check_choices, check_sizes
from erclab.models.sdt import distillation as sdt_distillation
from erclab.models.sdt.distillation import Losses
from erclab.ops import side_by_side
from erclab.ops.attention import attend
from erclab.ops.attention_within import attend_within, bounds
from erclab.ops.dropout import Dropout
from erclab.ops.linear import Linear, lowered
from erclab.ops.masks import split_heads
from erclab.ops.recompute import part


class SDT(Model):
    """SDT over any non-empty subset of text, audio and visual.

    `forward` returns `Output` with the teacher's logits (B, T, C) and in `aux`
        `student.<m>`      (B, T, C) logits of the student that sees modality m alone at the end,
        `unimodal_gate.<m>_from_<n>`  (B, T, H) in (0, 1): what the unimodal gate lets through,
        `multimodal_gate`  (B, T, M, H), sums to 1 over the M modalities **for every feature**; average over H
                           for "the weight of a modality". Absent with one modality, which has nothing to weigh,
        `offline`          (B, T, C) logits of the frozen teacher, once `distil_from` was called.
    `attention` holds `<m>_from_<n>` (B, heads, T query, T key): m attends to n.
    """

    packs = True

    @dataclass(frozen=True)
    class Config(ModelConfig):
        """Sizes and switches.

        Attributes:
            dims: (modality, D_m) pairs; their order is the order of fusion.
            outputs: C, the number of emotions, or what another task needs (`erclab.core.tasks`).
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
            detach_teacher: soft labels are targets and the distillation term teaches the students only (or, "online",
                whoever learns from them). False is the authors' code: its gradient also reaches the teacher.
            tau_squared: multiply the distillation term by tau^2 (Hinton et al. 2015), so that its gradient
                keeps its size when tau grows. The authors' code does not.
            intra, inter: whether there are transformers in which a modality attends to itself, and to others.
                Without them, their streams do not exist and the reduction is so much narrower.
            unimodal_fusion: how the N streams h of a modality m become its one vector H'_m.
                "gated": z = sigmoid(W h), then Linear(N H -> H) of the joined z * h;
                "concat": the same Linear of the joined h, ungated; "add": the sum of the h;
                "none": there is no such level. All streams of all modalities go to the multimodal level at once, and
                the student of m reads the mean of its streams. `multimodal_gate` in `aux` is then the sum over
                the streams of a modality.
            multimodal_fusion: how the M vectors H'_m become one for the teacher's head (nothing to do if M = 1).
                "gated": softmax over modalities of W H'_m, the weighted sum; "concat": Linear(M H -> H);
                "add": their sum; "none": they do not. There is no such head; the teacher is the mean of the students'
                logits.
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
        """What the authors' code computes, quirks included. They freeze the unimodal gates on MELD only."""
        quirks = {"attention_norm": "dead", "detach_teacher": False, "tau_squared": False,
                  "frozen_identity_gates": corpus == "meld"}
        return cls.Config(**{**cls.published.get(corpus, {}), **quirks, **changes})

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        modalities, H, C = config.modalities, config.hidden, config.outputs
        self.project = nn.ModuleDict({m: nn.Conv1d(d, H, kernel_size=1, bias=False) for m, d in config.dims})
        self.speaker = nn.Embedding(config.speakers + 1, H, padding_idx=config.speakers)
        self.register_buffer("position", sinusoids(config.max_turns, H), persistent=False)
        pairs = [f"{m}_from_{n}" for m in modalities for n in modalities if n in config.sources(m)]
        self.encoder = nn.ModuleDict({pair: CrossModalEncoder(config) for pair in pairs})
        gates, reduced = config.unimodal_fusion == "gated", config.unimodal_fusion in ("gated", "concat")
        self.unimodal_gate = nn.ModuleDict({pair: Linear(H, H, bias=False) for pair in pairs if gates})
        if config.frozen_identity_gates:
            for gate in self.unimodal_gate.values():
                nn.init.eye_(gate.weight).requires_grad_(False)
        self.reduce = nn.ModuleDict({m: Linear(len(config.sources(m)) * H, H) for m in modalities if reduced})
        parts = len(pairs) if config.unimodal_fusion == "none" else len(modalities)
        multimodal = config.multimodal_fusion
        self.multimodal_gate = Linear(H, H, bias=False) if multimodal == "gated" and parts > 1 else None
        self.join = Linear(parts * H, H) if multimodal == "concat" and parts > 1 else None
        self.teacher = Linear(H, C) if multimodal != "none" else None
        self.student = nn.ModuleDict({
            m: nn.Sequential(nn.ReLU(), Dropout(config.dropout), Linear(H, C)) for m in modalities})
        self._frozen: tuple[SDT, ...] = ()  # in a tuple a module is not a part: not trained, not stored

    def forward(self, batch: DialogueBatch, *, attention: bool = False) -> Output:
        """Classify every utterance. See the class for what comes back.

        Raises:
            UsageError: a dialogue is longer than `max_turns`, or a modality is missing from the batch.
        """
        self._check(batch)
        aux, weights = {}, {} if attention else None
        gates = aux if attention or not self.training else {}  # a step of training has no use for them

        # Temporal convolution, then positions and speakers. All but the attention is done on the N utterances alone.
        who = self.speaker(batch.pack(batch.speakers)) + batch.pack(self.position[: batch.shape[1]].expand(
            len(batch), -1, -1))  # (N, H)
        x = {m: F.linear(batch.pack(batch.features[m]), self.project[m].weight.squeeze(-1)) + who
             for m in self.config.modalities}  # H_m: (N, H)

        # Intra- and inter-modal transformers, each followed by its unimodal gate: z = sigmoid(W h), z * h.
        encoded = self._encoded(x, batch, attention)
        streams, enhanced = [], {}
        for m in self.config.modalities:
            own = []
            for n in self.config.sources(m):
                pair = f"{m}_from_{n}"
                h, attended = next(encoded)
                h = lowered(h)  # gate and product read it
                if pair in self.unimodal_gate:
                    z = torch.sigmoid(h if self.config.frozen_identity_gates else self.unimodal_gate[pair](h))
                    h, gates[f"unimodal_gate.{pair}"] = z * h, z
                if attention:
                    weights[pair] = attended
                own.append(h)
            enhanced[m] = self._one_of(m, own)  # H'_m: (N, H)
            streams += own
        aux |= {f"student.{m}": self.student[m](h) for m, h in enhanced.items()}

        # Multimodal gated fusion.
        if self.teacher is None:
            logits = torch.stack([aux[f"student.{m}"] for m in self.config.modalities]).mean(dim=0)
        else:
            parts = streams if self.config.unimodal_fusion == "none" else list(enhanced.values())
            logits = self.teacher(self._fused(torch.stack(parts, dim=1), gates))
        aux = {name: batch.unpack(x) for name, x in aux.items()}
        for teacher in self._frozen:
            with torch.no_grad():
                aux["offline"] = teacher(batch).logits
        return Output(batch.unpack(logits), weights, aux)

    def _encoded(self, x: dict[str, Tensor], batch: DialogueBatch, attention: bool
                 ) -> Iterator[tuple[Tensor, Tensor | None]]:
        """The transformers' streams (N, H) and attention weights: one after the other, or several if that is faster."""
        pairs = [(m, n) for m in self.config.modalities for n in self.config.sources(m)]
        layers, queries, keys = zip(*((self.encoder[f"{m}_from_{n}"], x[m], x[n]) for m, n in pairs), strict=True)
        if self.training and not attention and (side := side_by_side.groups(len(pairs), queries[0])) > 1:
            for h in side_by_side.encode(layers, queries, keys, batch, side):
                yield h, None
            return
        ends = None if attention else bounds(batch, self.config.heads)
        for layer, query, key in zip(layers, queries, keys, strict=True):
            yield part(layer, query, key, batch, ends, attention)

    def _one_of(self, m: str, streams: list[Tensor]) -> Tensor:
        """The unimodal level after its gates: streams (N, H) -> (N, H)."""
        if m in self.reduce:
            return self.reduce[m](torch.cat(streams, dim=-1))
        together = torch.stack(streams)
        return together.sum(dim=0) if self.config.unimodal_fusion == "add" else together.mean(dim=0)

    def _fused(self, parts: Tensor, gates: dict[str, Tensor]) -> Tensor:
        """The multimodal level: (N, M, H), or all streams of all M modalities, -> (N, H)."""
        if self.join is not None:
            return self.join(parts.flatten(1))
        if self.multimodal_gate is not None:
            gate = self.multimodal_gate(parts).softmax(dim=1)  # separately for every feature
            gates["multimodal_gate"] = gate.unflatten(1, (len(self.config.dims), -1)).sum(dim=2)
            parts = gate * parts
        return parts.sum(dim=1)

    def distil_from(self, teacher: SDT | None) -> None:
        """Take the soft labels of `distillation="offline"` from a trained SDT; None lets go of it.

        A frozen copy of the teacher in evaluation mode goes where this model goes (`to`, `double`, ...). It is no part
        of `parameters()` nor of `state_dict()`: after loading weights, call this again before `loss`. To predict,
        no teacher is needed, and without one `forward` does not run it.

        Raises:
            UsageError: this SDT does not distil offline, or the teacher predicts something else.
        """
        if teacher is None:
            self._frozen = ()
            return
        if self.config.distillation != "offline":
            raise UsageError(f"this SDT's distillation is '{self.config.distillation}', which takes no teacher",
                             remedy="Build it with distillation='offline'.")
        ours, theirs = ((c.task, c.outputs) for c in (self.config, teacher.config))
        if ours != theirs:
            raise UsageError(f"the teacher predicts {theirs[0]} with {theirs[1]} outputs, this SDT {ours[0]} with "
                             f"{ours[1]}")
        frozen = copy.deepcopy(teacher).requires_grad_(False).eval()
        frozen._frozen = ()  # its own teacher, if it had one, has done its work
        self._frozen = (frozen.to(next(self.parameters())),)

    def _apply(self, fn, recurse=True):
        """`to`, `double` and the like: the frozen teacher moves along."""
        for teacher in self._frozen:
            teacher._apply(fn, recurse)
        return super()._apply(fn, recurse)

    def loss(self, output: Output, batch: DialogueBatch, class_weight: Tensor | None = None) -> Losses:
        """gamma_1 L_task + gamma_2 sum_m L_CE(student m) + gamma_3 L_KL; see `erclab.models.sdt.distillation`.

        Padded turns have the same finite logits everywhere, and so a divergence of 0. The authors multiply
        log-probabilities by the mask instead, which since PyTorch 1.13 gives NaN gradients on every padded batch
        (pytorch issue 89558).

        Args:
            class_weight: (C,) or None. The cross-entropies are divided by the sum of the weights of their
                labels; the distillation term is a plain mean over utterances.

        Raises:
            UsageError: offline distillation without a teacher.
        """
        config = self.config
        offline = config.distillation == "offline"
        if offline and "offline" not in output.aux:
            raise UsageError("offline distillation needs a trained SDT as teacher", remedy="Call distil_from(teacher).")
        students = [output.aux[f"student.{m}"] for m in config.modalities]
        return sdt_distillation.losses(config, output.logits, students, batch.targets, class_weight,
                                       output.aux["offline"] if offline else None)

    def _check(self, batch: DialogueBatch) -> None:
        self.require(batch)
        if batch.mask.shape[1] > self.config.max_turns:
            raise UsageError(f"a dialogue of {batch.mask.shape[1]} turns is longer than SDT's position table",
                             remedy=f"Raise max_turns (now {self.config.max_turns}).")


CHOICES = {
    "attention_norm": ("pre", "dead"),
    "unimodal_fusion": ("gated", "concat", "add", "none"),
    "multimodal_fusion": ("gated", "concat", "add", "none"),
    "distillation": sdt_distillation.KINDS,
}

# Exhibit -> row -> what to change: SDT.paper(corpus, **ABLATIONS["S4"]["without inter-modal transformers"]).
ABLATIONS = {
    "S2": {
        "without self-distillation": {"loss_weights": (1.0, 0.0, 0.0)},
        "without student cross-entropy": {"loss_weights": (1.0, 0.0, 1.0)},
        "without KL": {"loss_weights": (1.0, 1.0, 0.0)},
    },
    "S3": {
        "concatenation": {"unimodal_fusion": "concat", "multimodal_fusion": "concat"},
        "addition": {"unimodal_fusion": "add", "multimodal_fusion": "add"},
        "without unimodal level": {"unimodal_fusion": "none"},
        "without multimodal level": {"multimodal_fusion": "none"},
    },
    "S4": {
        "without intra-modal transformers": {"intra": False},
        "without inter-modal transformers": {"inter": False},
    },
    "S5": {kind: {"distillation": kind} for kind in sdt_distillation.KINDS},
}


class CrossModalEncoder(nn.Module):
    """One transformer layer: the queries' modality attends to the keys' modality over the dialogue.

    Attention has a residual on the query stream as it came, the feed-forward layer normalises first. There is no
    last normalisation; the gate that follows takes the sum.
    """

    def __init__(self, config: SDT.Config):
        super().__init__()
        H = config.hidden
        self.heads, self.live_norm = config.heads, config.attention_norm == "pre"
        self.q, self.k, self.v, self.out = (Linear(H, H) for _ in range(4))
        self.norm = nn.LayerNorm(H, eps=1e-6)
        self.feed_forward_norm = nn.LayerNorm(H, eps=1e-6)
        self.w1, self.w2 = Linear(H, H), Linear(H, H)
        self.dropout = Dropout(config.dropout)

    def forward(self, query: Tensor, key: Tensor, batch: DialogueBatch, ends: list[int] | None = None,
                attention: bool = True) -> tuple[Tensor, Tensor | None]:
        """Two streams (N, H) of the batch's utterances -> (N, H) and the attention (B, heads, T, T), or None.

        One stream that attends to itself is dropped out once, as in the authors' code; two streams each.
        """
        query, key = (self.dropout(query),) * 2 if key is query else (self.dropout(query), self.dropout(key))
        q, k = (self.norm(query), self.norm(key)) if self.live_norm else (query, key)
        attended, weights = self.attend(q, k, batch, ends, attention)
        x = query + self.dropout(attended)
        inner = self.dropout(F.gelu(self.w1(self.feed_forward_norm(x)), approximate="tanh"))
        return x + self.dropout(self.w2(inner)), weights

    def attend(self, query: Tensor, key: Tensor, batch: DialogueBatch, ends: list[int] | None, attention: bool
               ) -> tuple[Tensor, Tensor | None]:
        """Scaled dot-product attention over the turns of the key stream."""
        query, key = (lowered(query),) * 2 if key is query else (query, lowered(key))  # read more than once
        q, k, v = self.q(query), self.k(key), self.v(key)
        if ends is not None:  # no padding here either
            return self.out(attend_within(q, k, v, batch, ends, self.heads, self.dropout)), None
        q, k, v = (split_heads(batch.unpack(x), self.heads) for x in (q, k, v))
        context, weights = attend(q, k, v, batch.mask.unsqueeze(1), self.dropout, attention=attention)
        return self.out(batch.pack(context.transpose(1, 2).flatten(2))), weights


def sinusoids(length: int, width: int) -> Tensor:
    """(length, width) position table, sine and cosine interleaved, position 0 first (Vaswani et al. 2017)."""
    position = torch.arange(length, dtype=torch.float32).unsqueeze(1)
    rate = torch.exp(torch.arange(0, width, 2, dtype=torch.float32) * -(math.log(10000.0) / width))
    table = torch.empty(length, width)
    table[:, 0::2] = torch.sin(position * rate)
    table[:, 1::2] = torch.cos(position * rate)
    return table
