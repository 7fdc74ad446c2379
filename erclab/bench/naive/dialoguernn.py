"""DialogueRNN as declare-lab/conv-emotion computes it: a Python loop over turns, twice."""

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from erclab.bench.naive import losses
from erclab.bench.naive.matching import Match


class Inputs(NamedTuple):
    """Utterances (T, B, D), speakers one-hot (T, B, S), 0 at padded turns; mask (B, T), labels (B * T,)."""

    utterances: torch.Tensor
    speakers: torch.Tensor
    mask: torch.Tensor
    labels: torch.Tensor


class Outputs(NamedTuple):
    """Logits (B, T, C) and their log-probabilities."""

    logits: torch.Tensor
    log_probability: torch.Tensor


class Naive(nn.Module):
    """Two directions, an attention over the dialogue, two linear maps."""

    def __init__(self, config):
        super().__init__()
        self.config, width = config, 2 * config.emotion_width
        self.directions = nn.ModuleDict({d: Direction(config) for d in ("ahead", "back")})
        self.match = Match(width, tanh=False)
        self.linear, self.classifier = nn.Linear(width, config.head_width), nn.Linear(config.head_width, config.outputs)
        self.output_dropout, self.dropout = nn.Dropout(config.output_dropout), nn.Dropout(config.dropout)

    def prepare(self, batch):
        """From a `DialogueBatch`."""
        u = torch.cat([batch.features[m] for m, _ in self.config.dims], dim=-1)
        who = F.one_hot(batch.speakers, self.config.speakers) * batch.mask.unsqueeze(-1)
        return Inputs(u.transpose(0, 1).contiguous(), who.to(u.dtype).transpose(0, 1).contiguous(), batch.mask.float(),
                      batch.labels.clamp(min=0).flatten())

    def forward(self, inputs):
        """-> Outputs."""
        ahead = self.output_dropout(self.directions["ahead"](inputs.utterances, inputs.speakers))
        back = self.directions["back"](reverse(inputs.utterances, inputs.mask), reverse(inputs.speakers, inputs.mask))
        back = self.output_dropout(reverse(back, inputs.mask))
        states = self.match(torch.cat([ahead, back], dim=-1), inputs.mask)
        logits = self.classifier(self.dropout(F.relu(self.linear(states))))
        return Outputs(logits.transpose(0, 1), F.log_softmax(logits, 2).transpose(0, 1).contiguous())

    def loss(self, outputs, inputs, class_weight=None):
        """Cross entropy."""
        log_probability = outputs.log_probability.view(-1, self.config.outputs)
        return losses.masked_nll(log_probability, inputs.labels, inputs.mask.view(-1), class_weight)


class Direction(nn.Module):
    """The cells, and the loop."""

    def __init__(self, config):
        super().__init__()
        inputs = sum(d for _, d in config.dims)
        self.G, self.P, self.E = config.global_width, config.party_width, config.emotion_width
        self.global_cell = nn.GRUCell(inputs + self.P, self.G)
        self.party_cell = nn.GRUCell(inputs + self.G, self.P)
        self.emotion_cell = nn.GRUCell(self.P, self.E)
        self.listener_cell = nn.GRUCell(inputs + self.P, self.P) if config.listener else None
        self.attend = nn.Linear(inputs, self.G, bias=False)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, utterances, speakers):
        """(T, B, D), (T, B, S) -> emotions (T, B, D_e)."""
        past, emotions = utterances.new_zeros(0), utterances.new_zeros(0)
        party = utterances.new_zeros(*speakers.shape[1:], self.P)
        e = utterances.new_zeros(utterances.shape[1], self.E)
        for u, who in zip(utterances, speakers, strict=True):
            g, party, e = self.turn(u, who, past, party, e)
            past = torch.cat([past, g.unsqueeze(0)], dim=0)
            emotions = torch.cat([emotions, e.unsqueeze(0)], dim=0)
        return emotions

    def turn(self, u, who, past, party, e):
        """(B, D), (B, S), (t, B, D_g) or nothing, (B, S, D_p), (B, D_e) -> new states. GRU_P runs for all speakers."""
        B, S = who.shape
        index = torch.argmax(who, dim=1)
        before = past[-1] if len(past) else u.new_zeros(B, self.G)
        g = self.dropout(self.global_cell(torch.cat([u, select(party, index)], dim=1), before))
        if len(past):
            alpha = F.softmax(torch.bmm(self.attend(u).unsqueeze(1), past.permute(1, 2, 0)), dim=2)  # (B, 1, t)
            context = torch.bmm(alpha, past.transpose(0, 1))[:, 0]
        else:
            context = u.new_zeros(B, self.G)
        x = torch.cat([u, context], dim=1).unsqueeze(1).expand(-1, S, -1)
        spoken = self.party_cell(x.contiguous().view(B * S, -1), party.view(B * S, self.P)).view(B, S, self.P)
        spoken, heard = self.dropout(spoken), party
        if self.listener_cell is not None:
            x = torch.cat([u, select(spoken, index)], dim=1).unsqueeze(1).expand(-1, S, -1)
            heard = self.listener_cell(x.contiguous().view(B * S, -1), party.view(B * S, self.P)).view(B, S, self.P)
            heard = self.dropout(heard)
        party = heard * (1 - who.unsqueeze(2)) + spoken * who.unsqueeze(2)
        return g, party, self.dropout(self.emotion_cell(select(party, index), e))


def select(party, index):
    """(B, S, D), (B,) -> (B, D), dialogue by dialogue."""
    return torch.cat([states[i].unsqueeze(0) for i, states in zip(index, party, strict=True)], dim=0)


def reverse(x, mask):
    """(T, B, D), (B, T) -> the same, each dialogue backwards by its own length."""
    lengths = mask.sum(1).int()
    return pad_sequence([torch.flip(d[:n], [0]) for d, n in zip(x.transpose(0, 1), lengths, strict=True)])
