"""SDT as butterfliesss/SDT computes it: nine encoders one after the other, each with its own positions and dropout."""

import math
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from erclab.bench.naive import losses


class Inputs(NamedTuple):
    """Turns first, as their loader has it: features (T, B, D), speakers and mask (B, T), labels (B * T,)."""

    features: dict
    speakers: torch.Tensor
    mask: torch.Tensor
    labels: torch.Tensor


class Outputs(NamedTuple):
    """Logits (B, T, C) of teacher and students, and every logarithm and probability that the losses take."""

    logits: torch.Tensor
    students: dict
    log_all: torch.Tensor
    log_students: dict
    soft_all: torch.Tensor
    log_soft_students: dict


class Naive(nn.Module):
    """All of SDT for three modalities, after `SDT.official`."""

    def __init__(self, config):
        super().__init__()
        self.config, H, C = config, config.hidden, config.outputs
        self.modalities = config.modalities
        pairs = [f"{m}_from_{n}" for m in self.modalities for n in self.modalities]
        self.project = nn.ModuleDict({m: nn.Conv1d(d, H, kernel_size=1, bias=False) for m, d in config.dims})
        self.speaker = nn.Embedding(config.speakers + 1, H, padding_idx=config.speakers)
        self.encoder = nn.ModuleDict({p: Encoder(H, config.heads, config.dropout, config.max_turns) for p in pairs})
        self.unimodal_gate = nn.ModuleDict({p: nn.Linear(H, H, bias=False) for p in pairs})
        if config.frozen_identity_gates:
            for gate in self.unimodal_gate.values():
                gate.weight.data.copy_(torch.eye(H))
                gate.weight.requires_grad = False
        self.reduce = nn.ModuleDict({m: nn.Linear(3 * H, H) for m in self.modalities})
        self.multimodal_gate = nn.Linear(H, H, bias=False)
        self.teacher = nn.Linear(H, C)
        self.student = nn.ModuleDict({m: nn.Sequential(nn.ReLU(), nn.Dropout(config.dropout), nn.Linear(H, C))
                                      for m in self.modalities})

    def prepare(self, batch):
        """From a `DialogueBatch`; padded turns have the padding's speaker and label 0."""
        speakers = batch.speakers.masked_fill(~batch.mask, self.config.speakers)
        features = {m: batch.features[m].transpose(0, 1).contiguous() for m in self.modalities}
        return Inputs(features, speakers, batch.mask.float(), batch.labels.clamp(min=0).flatten())

    def forward(self, inputs):
        """-> Outputs."""
        who = self.speaker(inputs.speakers)
        x = {m: self.project[m](inputs.features[m].permute(1, 2, 0)).transpose(1, 2) for m in self.modalities}
        enhanced = []
        for m in self.modalities:
            gated = []
            for n in [m] + [other for other in self.modalities if other != m]:
                h = self.encoder[f"{m}_from_{n}"](x[n], x[m], inputs.mask, who)
                z = torch.sigmoid(self.unimodal_gate[f"{m}_from_{n}"](h))
                gated.append(z * h)
            enhanced.append(self.reduce[m](torch.cat(gated, dim=-1)))

        streams = torch.cat([h.unsqueeze(-2) for h in enhanced], dim=-2)
        scores = torch.cat([self.multimodal_gate(h).unsqueeze(-2) for h in enhanced], dim=-2)
        fused = torch.sum(torch.softmax(scores, dim=-2) * streams, dim=-2)

        tau = self.config.temperature
        logits = self.teacher(fused)
        students = {m: self.student[m](h) for m, h in zip(self.modalities, enhanced, strict=True)}
        return Outputs(logits, students, F.log_softmax(logits, 2),
                       {m: F.log_softmax(s, 2) for m, s in students.items()}, F.softmax(logits / tau, 2),
                       {m: F.log_softmax(s / tau, 2) for m, s in students.items()})

    def loss(self, outputs, inputs, class_weight=None):
        """Task, students, distillation. The teacher is not detached, and nothing is multiplied by tau squared."""
        C, mask = self.config.outputs, inputs.mask.view(-1)
        task = losses.masked_nll(outputs.log_all.view(-1, C), inputs.labels, mask, class_weight)
        student = sum(losses.masked_nll(s.view(-1, C), inputs.labels, mask, class_weight)
                      for s in outputs.log_students.values())
        distilled = sum(losses.kl(s.view(-1, C), outputs.soft_all.view(-1, C), mask)
                        for s in outputs.log_soft_students.values())
        return sum(g * term for g, term in zip(self.config.loss_weights, (task, student, distilled), strict=True))


class Encoder(nn.Module):
    """One layer, after positions and speakers are added. The first normalisation exists and is not used."""

    def __init__(self, width, heads, dropout, turns):
        super().__init__()
        self.heads, self.size = heads, width // heads
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.feed_forward_norm = nn.LayerNorm(width, eps=1e-6)
        self.w1, self.w2 = nn.Linear(width, width), nn.Linear(width, width)
        self.dropout, self.attention_dropout, self.residual_dropout = (nn.Dropout(dropout) for _ in range(3))
        self.inner_dropout, self.outer_dropout = nn.Dropout(dropout), nn.Dropout(dropout)
        place = torch.arange(turns, dtype=torch.float).unsqueeze(1)
        rate = torch.exp(torch.arange(0, width, 2, dtype=torch.float) * -(math.log(10000.0) / width))
        table = torch.zeros(turns, width)
        table[:, 0::2], table[:, 1::2] = torch.sin(place * rate), torch.cos(place * rate)
        self.register_buffer("table", table.unsqueeze(0), persistent=False)

    def forward(self, keys, queries, mask, who):
        """(B, T, H), (B, T, H), (B, T) float, (B, T, H) -> (B, T, H)."""
        position = self.table[:, :queries.shape[1]]
        if keys.equal(queries):
            keys = queries = self.dropout(queries + position + who)
        else:
            keys, queries = self.dropout(keys + position + who), self.dropout(queries + position + who)
        x = queries + self.residual_dropout(self.attend(queries, keys, mask.eq(0)[:, None, None, :]))
        inner = self.inner_dropout(gelu(self.w1(self.feed_forward_norm(x))))
        return x + self.outer_dropout(self.w2(inner))

    def attend(self, queries, keys, hidden):
        B = len(queries)
        q, k, v = (w(x).view(B, -1, self.heads, self.size).transpose(1, 2)
                   for w, x in ((self.q, queries), (self.k, keys), (self.v, keys)))
        scores = torch.matmul(q / math.sqrt(self.size), k.transpose(2, 3))
        weights = self.attention_dropout(torch.softmax(scores.masked_fill(hidden, -1e10), dim=-1))
        context = torch.matmul(weights, v).transpose(1, 2).contiguous().view(B, -1, self.heads * self.size)
        return self.out(context)


def gelu(x):
    """By hand: PyTorch 1.4, which they use, has no tanh form."""
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * torch.pow(x, 3))))
