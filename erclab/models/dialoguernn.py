"""DialogueRNN: who speaks, what was said before, and how each speaker feels, in three recurrent cells.

Majumder, Poria, Hazarika, Mihalcea, Gelbukh, Cambria (2019), "DialogueRNN: An Attentive RNN for Emotion Detection in
Conversations", AAAI. Authors' code: declare-lab/conv-emotion, folder DialogueRNN.

    g_t = GRU_G(g_t-1, [u_t; q_s])         what the conversation is about: utterance and its speaker's state
    c_t = attention of u_t over g_1 .. g_t-1
    q_s = GRU_P(q_s, [u_t; c_t])           the speaker's state
    e_t = GRU_E(e_t-1, q_s)                the emotion

in both directions, then every emotion attends to all of its dialogue. Modalities are put side by side.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from erclab.batches import DialogueBatch
from erclab.models.blocks import masked_softmax
from erclab.models.interface import Model, Output, check_sizes


class DialogueRNN(Model):
    """DialogueRNN over any non-empty subset of text, audio and visual.

    `forward` returns logits (B, T, C). `attention` holds `context_forward` (and `context_backward`) (B, T, T): the
    attention over past global states, which has a row of zeros at a dialogue's first turn; and `dialogue` (B, T, T),
    the last attention, where there is one. `aux` has `emotion` (B, T, D_e per direction).
    """

    @dataclass(frozen=True)
    class Config:
        """Sizes and switches.

        Attributes:
            dims: (modality, D_m) pairs, put side by side in this order.
            outputs: C, the number of emotions, or what another task needs (`erclab.tasks`).
            speakers: S, the number of speaker indices: one party state each.
            task: what is predicted.
            global_width, party_width, emotion_width, head_width: D_g, D_p, D_e, 2 D_h.
            dropout: after each cell and before the classifier.
            output_dropout: on the emotions of a direction.
            listener: a fourth cell updates the states of those who listen.
            bidirectional: a second pass from a dialogue's end, each dialogue reversed by its own length.
            dialogue_attention: the last attention, over the whole dialogue. With it, or with the second direction,
                the model sees what comes later; with neither it is causal.
        """

        dims: tuple[tuple[str, int], ...]
        outputs: int
        speakers: int
        task: str = "emotion"
        global_width: int = 500
        party_width: int = 500
        emotion_width: int = 300
        head_width: int = 600
        dropout: float = 0.1
        output_dropout: float = 0.1
        listener: bool = False
        bidirectional: bool = True
        dialogue_attention: bool = True

        def __post_init__(self) -> None:
            check_sizes("DialogueRNN", self, "speakers", "global_width", "party_width", "emotion_width", "head_width")

    @classmethod
    def paper(cls, corpus: str = "iemocap", **changes) -> Config:
        """The sizes of the authors' runs on "iemocap" or "meld"; their code has no quirk that the paper lacks."""
        return cls.Config(**{**PUBLISHED.get(corpus, {}), **changes})

    official = paper

    @classmethod
    def tiny(cls, **changes) -> Config:
        """Small enough for a test: 12 features in all, widths 5 to 8."""
        return cls.Config(**{"dims": (("text", 6), ("audio", 4), ("visual", 2)), "outputs": 5, "speakers": 2,
                             "global_width": 7, "party_width": 8, "emotion_width": 6, "head_width": 8, **changes})

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        directions = ("ahead", "back") if config.bidirectional else ("ahead",)
        self.directions = nn.ModuleDict({d: Direction(config) for d in directions})
        width = len(directions) * config.emotion_width
        self.match = nn.Linear(width, width) if config.dialogue_attention else None
        self.linear, self.classifier = nn.Linear(width, config.head_width), nn.Linear(config.head_width, config.outputs)
        self.output_dropout, self.dropout = nn.Dropout(config.output_dropout), nn.Dropout(config.dropout)

    def forward(self, batch: DialogueBatch, *, attention: bool = False) -> Output:
        """Classify every utterance. See the class for what comes back.

        Raises:
            UsageError: a modality is missing from the batch.
        """
        self.require(batch)
        mask, weights = batch.mask, {}
        u = torch.cat([batch.features[m] for m, _ in self.config.dims], dim=-1).masked_fill(~mask.unsqueeze(-1), 0)
        who = batch.speakers.masked_fill(~mask, 0)
        mirror = reversal(mask)

        emotions = []
        for name, direction in self.directions.items():
            if name == "ahead":
                e, weights["context_forward"] = direction(u, who)
            else:
                e, w = direction(along(u, mirror), who.gather(1, mirror))
                e = along(e, mirror)
                weights["context_backward"] = along(along(w, mirror).transpose(1, 2), mirror).transpose(1, 2)
            emotions.append(self.output_dropout(e))
        emotion = torch.cat(emotions, dim=-1)  # (B, T, D_e per direction)

        h = emotion
        if self.match is not None:
            scores = self.match(h) @ h.transpose(1, 2)
            weights["dialogue"] = masked_softmax(scores, mask[:, None, :])
            h = weights["dialogue"] @ h
        logits = self.classifier(self.dropout(torch.relu(self.linear(h))))
        return Output(logits, weights if attention else None, {"emotion": emotion})


# Widths of the authors' runs. IEMOCAP: text only (100). MELD: text (600) and audio (300) side by side.
PUBLISHED = {
    "iemocap": {"dims": (("text", 100),), "outputs": 6, "speakers": 2, "global_width": 500, "party_width": 500,
                "emotion_width": 300, "head_width": 600},
    "meld": {"dims": (("text", 600), ("audio", 300)), "outputs": 7, "speakers": 9, "global_width": 150,
             "party_width": 150, "emotion_width": 100, "head_width": 200},
}


class Direction(nn.Module):
    """The three cells (four with a listener) over the turns of a dialogue, first to last."""

    def __init__(self, config: DialogueRNN.Config):
        super().__init__()
        inputs, g, p, e = (sum(d for _, d in config.dims), config.global_width, config.party_width,
                           config.emotion_width)
        self.speakers = config.speakers
        self.global_cell, self.party_cell = nn.GRUCell(inputs + p, g), nn.GRUCell(inputs + g, p)
        self.emotion_cell = nn.GRUCell(p, e)
        self.listener_cell = nn.GRUCell(inputs + p, p) if config.listener else None
        self.attend = nn.Linear(inputs, g, bias=False)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, u: Tensor, who: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, D), (B, T) -> emotions (B, T, D_e) and attention (B, T, T) over past global states.

        What does not wait for the turn before, the utterances' part of every product, is computed for all turns at
        once.
        """
        B, T, D = u.shape
        seen = {name: F.linear(u, cell.weight_ih[:, :D], cell.bias_ih)
                for name, cell in (("global", self.global_cell), ("party", self.party_cell))}
        asks = self.attend(u)  # (B, T, D_g)
        g = u.new_zeros(B, self.global_cell.hidden_size)
        e = u.new_zeros(B, self.emotion_cell.hidden_size)
        parties = u.new_zeros(B, self.speakers, self.party_cell.hidden_size)
        speaks = F.one_hot(who, self.speakers).bool()  # (B, T, S)
        past, emotions, attended = [], [], []
        for t in range(T):
            at = who[:, t, None, None].expand(-1, 1, parties.shape[-1])
            own = parties.gather(1, at).squeeze(1)  # the speaker's state
            if past:
                history = torch.stack(past, dim=1)  # (B, t, D_g)
                alpha = (history @ asks[:, t].unsqueeze(-1)).squeeze(-1).softmax(dim=-1)
                context = (alpha.unsqueeze(1) @ history).squeeze(1)
                attended.append(F.pad(alpha, (0, T - t)))
            else:
                context = torch.zeros_like(g)
                attended.append(u.new_zeros(B, T))
            new = gru(self.global_cell, seen["global"][:, t], own, g)
            state = gru(self.party_cell, seen["party"][:, t], context, own)
            g, state = self.dropout(new), self.dropout(state)
            others = parties
            if self.listener_cell is not None:
                heard = torch.cat([u[:, t], state], dim=-1).unsqueeze(1).expand(-1, self.speakers, -1)
                others = self.dropout(self.listener_cell(heard.flatten(0, 1), parties.flatten(0, 1)).view_as(parties))
            parties = torch.where(speaks[:, t, :, None], state.unsqueeze(1), others)
            e = self.dropout(self.emotion_cell(state, e))
            past.append(g)
            emotions.append(e)
        return torch.stack(emotions, dim=1), torch.stack(attended, dim=1)


def gru(cell: nn.GRUCell, seen: Tensor, other: Tensor, state: Tensor) -> Tensor:
    """A GRU cell whose input has two parts: the first already multiplied, with the bias; the last still to be."""
    x = seen + F.linear(other, cell.weight_ih[:, -other.shape[-1]:])
    h = F.linear(state, cell.weight_hh, cell.bias_hh)
    (xr, xz, xn), (hr, hz, hn) = x.chunk(3, -1), h.chunk(3, -1)
    r, z = torch.sigmoid(xr + hr), torch.sigmoid(xz + hz)
    return (1 - z) * torch.tanh(xn + r * hn) + z * state


def reversal(mask: Tensor) -> Tensor:
    """(B, T) with the valid turns first -> (B, T) index that reverses each dialogue in its own length."""
    step, length = torch.arange(mask.shape[1], device=mask.device), mask.sum(1, keepdim=True)
    return torch.where(step < length, length - 1 - step, step)


def along(x: Tensor, index: Tensor) -> Tensor:
    """(B, T, H), (B, T) -> (B, T, H): turn index[b, t] of x[b]."""
    return x.gather(1, index.unsqueeze(-1).expand(-1, -1, x.shape[-1]))
