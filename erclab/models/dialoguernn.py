"""DialogueRNN: who speaks, what was said before, and how each speaker feels, in three recurrent cells.

Majumder, Poria, Hazarika, Mihalcea, Gelbukh, Cambria (2019), "DialogueRNN: An Attentive RNN for Emotion Detection in
Conversations", AAAI, section "Methodology". Authors' code: declare-lab/conv-emotion, folder DialogueRNN.

    g_t = GRU_G(g_t-1, [u_t; q_s])         what the conversation is about: utterance and its speaker's state
    c_t = attention of u_t over g_1 .. g_t-1
    q_s = GRU_P(q_s, [u_t; c_t])           the speaker's state
    q_i = q_i                              those who listen, or GRU_L(q_i, [u_t; q_s]) with an active listener
    e_t = GRU_E(e_t-1, q_s)                the emotion

in both directions, then every emotion attends to all of its dialogue. Modalities are put side by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from erclab.batches import DialogueBatch
from erclab.errors import UsageError
from erclab.models.blocks import masked_softmax
from erclab.models.dropout import Dropout
from erclab.models.interface import Model, Output, check_sizes


class DialogueRNN(Model):
    """DialogueRNN over any non-empty subset of text, audio and visual.

    `forward` returns logits (B, T, C). `attention` holds `context_forward` (and `context_backward`) (B, 1, T, T): the
    attention over past global states, which has a row of zeros at a direction's first turn; and `dialogue`
    (B, 1, T, T), the last attention, where there is one. `aux` has `emotion` (B, T, D_e per direction).
    """

    @dataclass(frozen=True)
    class Config:
        """Sizes and switches.

        Attributes:
            dims: (modality, D_m) pairs, put side by side in this order.
            outputs: C, the number of emotions, or what another task needs (`erclab.tasks`).
            speakers: S, the number of speaker indices: one party state each.
            task: what is predicted.
            global_width: D_g.
            party_width: D_p.
            emotion_width: D_e, of a direction.
            head_width: of the head's hidden layer. The authors' 2 D_h.
            dropout: on every new state, which the next turn then reads, and before the classifier.
            output_dropout: once more on the emotions of a direction; the authors' code adds 0.15 to the other rate.
            context: what the attention over past global states compares: "general", u W g; or "simple", w g, which
                does not look at the utterance (the authors' choice for AVEC).
            listener: a fourth cell updates the states of those who listen (the paper's DialogueRNN_l).
            bidirectional: a second pass from a dialogue's end, each dialogue reversed by its own length.
            dialogue_attention: the last attention, over the whole dialogue; its map has a bias, as in the authors'
                code. With it, or with the second direction, the model sees what comes later; with neither it is
                causal.
            causal: the last attention sees no later turn, for models that must not. Needs one direction.
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
        output_dropout: float = 0.25
        context: str = "general"
        listener: bool = False
        bidirectional: bool = True
        dialogue_attention: bool = True
        causal: bool = False

        def __post_init__(self) -> None:
            check_sizes("DialogueRNN", self, "speakers", "global_width", "party_width", "emotion_width", "head_width")
            if self.context not in ("general", "simple"):
                raise UsageError(f"DialogueRNN's context is 'general' or 'simple', not '{self.context}'")
            if self.causal and self.bidirectional:
                raise UsageError("DialogueRNN reads a dialogue from its end, too, so it cannot be causal",
                                 remedy="Set bidirectional=False.")

    @classmethod
    def paper(cls, corpus: str = "iemocap", **changes) -> Config:
        """The sizes of the authors' runs on "iemocap" or "meld"; their code has no quirk that the paper lacks."""
        return cls.Config(**{**PUBLISHED.get(corpus, {}), **changes})

    official = paper

    @classmethod
    def tiny(cls, **changes) -> Config:
        """Small enough for a test: 12 features in all, widths 6 to 8."""
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
        self.output_dropout, self.dropout = Dropout(config.output_dropout), Dropout(config.dropout)

    def forward(self, batch: DialogueBatch, *, attention: bool = False) -> Output:
        """Classify every utterance. See the class for what comes back.

        Raises:
            UsageError: a modality is missing from the batch.
        """
        self.require(batch)
        u = torch.cat([batch.features[m] for m, _ in self.config.dims], dim=-1)
        turns = pack(batch.mask, len(self.directions))
        e, context = self.recur(turns.take(u), turns.take(batch.speakers), turns.sizes)
        emotion = self.output_dropout(turns.put(e)).permute(1, 2, 0, 3).flatten(2)  # (B, T, D_e per direction)

        h, weights = emotion, {}
        if self.match is not None:
            h, weights["dialogue"] = over_dialogue(self.match(h) @ h.transpose(1, 2), h, batch.mask, self.config.causal)
        logits = self.classifier(self.dropout(torch.relu(self.linear(h))))
        if attention:
            names = ("context_forward", "context_backward")
            weights |= zip(names, turns.matrices(context).unsqueeze(2), strict=False)
        return Output(logits, weights if attention else None, {"emotion": emotion})

    def recur(self, u: Tensor, who: Tensor, sizes: list[int]) -> tuple[Tensor, list[Tensor]]:
        """Packed turns (D, N, inputs), their speakers (D, N) -> emotions (D, N, D_e), and context attention
        (D, n, t) for every step t, of the n dialogues that have it.

        One loop serves all D directions. What waits for no turn before is outside of it: whatever is multiplied with
        utterances, and the emotions' input. GRU_P runs for the speaker alone, whose old state enters GRU_G and GRU_P
        in one product.
        """
        inputs, G, P, S = u.shape[-1], self.config.global_width, self.config.party_width, self.config.speakers
        to_g, to_p, to_e = (self._cell(f"{name}_cell") for name in ("global", "party", "emotion"))
        g_in = affine(u, to_g.input[..., :inputs], to_g.input_bias).split(sizes, 1)
        p_in = affine(u, to_p.input[..., :inputs], to_p.input_bias).split(sizes, 1)
        from_own = torch.cat([to_g.input[..., inputs:], to_p.state], dim=1)
        own_bias = torch.cat([torch.zeros_like(to_g.input_bias), to_p.state_bias], dim=1)
        if self.config.listener:
            to_l = self._cell("listener_cell")
            l_in = affine(u, to_l.input[..., :inputs], to_l.input_bias).split(sizes, 1)
        attend = self._stack("attend.weight")
        asks = (affine(u, attend) if self.config.context == "general" else attend.expand(-1, u.shape[1], -1))
        asks, who, party = asks.split(sizes, 1), who.split(sizes, 1), torch.arange(S, device=u.device)

        g, parties = u.new_zeros(len(u), sizes[0], G), u.new_zeros(len(u), sizes[0], S, P)
        past, states, weights = u.new_zeros(len(u), sizes[0], 0, G), [], []
        for t, n in enumerate(sizes):
            if n < g.shape[1]:  # the shortest dialogues are over
                g, parties, past = g[:, :n], parties[:, :n], past[:, :n]
            here = who[t][..., None, None]  # (D, n, 1, 1)
            own = parties.gather(2, here.expand(-1, -1, 1, P)).squeeze(2)  # the speaker's state so far, (D, n, D_p)
            own_g, own_p = affine(own, from_own, own_bias).split((3 * G, 3 * P), dim=-1)
            alpha = (past @ asks[t].unsqueeze(-1)).squeeze(-1).softmax(dim=-1)  # (D, n, t), nothing at turn 0
            x = p_in[t] + affine((alpha.unsqueeze(2) @ past).squeeze(2), to_p.input[..., inputs:])
            g = self.dropout(gru(g_in[t] + own_g, affine(g, to_g.state, to_g.state_bias), g))
            state = self.dropout(gru(x, own_p, own))
            others = parties
            if self.config.listener:
                heard = l_in[t] + affine(state, to_l.input[..., inputs:])
                before = affine(parties.flatten(1, 2), to_l.state, to_l.state_bias).unflatten(1, (n, S))
                others = self.dropout(gru(heard.unsqueeze(2), before, parties))
            parties = torch.where(here == party[:, None], state.unsqueeze(2), others)
            past = torch.cat([past, g.unsqueeze(2)], dim=2)
            states.append(state)
            weights.append(alpha)

        e, emotions = u.new_zeros(len(u), sizes[0], self.config.emotion_width), []
        for x in affine(torch.cat(states, dim=1), to_e.input, to_e.input_bias).split(sizes, 1):
            e = e if x.shape[1] == e.shape[1] else e[:, :x.shape[1]]
            e = self.dropout(gru(x, affine(e, to_e.state, to_e.state_bias), e))
            emotions.append(e)
        return torch.cat(emotions, dim=1), weights

    def _stack(self, name: str) -> Tensor:
        """A parameter of all directions, (D, ...)."""
        return torch.stack([d.get_parameter(name) for d in self.directions.values()])

    def _cell(self, name: str) -> Cell:
        return Cell(*(self._stack(f"{name}.{p}") for p in ("weight_ih", "bias_ih", "weight_hh", "bias_hh")))


# Widths of the authors' runs. IEMOCAP: text only (100). MELD: text (600) and audio (300) side by side.
PUBLISHED = {
    "iemocap": {"dims": (("text", 100),), "outputs": 6, "speakers": 2, "global_width": 500, "party_width": 500,
                "emotion_width": 300, "head_width": 600},
    "meld": {"dims": (("text", 600), ("audio", 300)), "outputs": 7, "speakers": 9, "global_width": 150,
             "party_width": 150, "emotion_width": 100, "head_width": 200},
}


class Direction(nn.Module):
    """What a direction has of its own: three cells (four with a listener) and the attention over past states."""

    def __init__(self, config: DialogueRNN.Config):
        super().__init__()
        inputs, g, p, e = (sum(d for _, d in config.dims), config.global_width, config.party_width,
                           config.emotion_width)
        self.global_cell, self.party_cell = nn.GRUCell(inputs + p, g), nn.GRUCell(inputs + g, p)
        self.emotion_cell = nn.GRUCell(p, e)
        self.listener_cell = nn.GRUCell(inputs + p, p) if config.listener else None
        self.attend = nn.Linear(inputs, g, bias=False) if config.context == "general" else nn.Linear(g, 1, bias=False)


class Cell(NamedTuple):
    """The weights of a GRU cell in all D directions: (D, 3 H, inputs), (D, 3 H), (D, 3 H, H), (D, 3 H)."""

    input: Tensor
    input_bias: Tensor
    state: Tensor
    state_bias: Tensor


def affine(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """(D, N, H), (D, K, H), (D, K) -> (D, N, K): each direction with its own weights."""
    weight = weight.transpose(1, 2)
    return x @ weight if bias is None else torch.baddbmm(bias.unsqueeze(1), x, weight)


def gru(x: Tensor, h: Tensor, state: Tensor) -> Tensor:
    """The new state of a GRU from what its input gives (..., 3 H), what its state gives (..., 3 H), and the state."""
    (xr, xz, xn), (hr, hz, hn) = x.chunk(3, -1), h.chunk(3, -1)
    r, z = torch.sigmoid(xr + hr), torch.sigmoid(xz + hz)
    new = torch.tanh(xn + r * hn)
    return new + z * (state - new)


def over_dialogue(scores: Tensor, values: Tensor, mask: Tensor, causal: bool) -> tuple[Tensor, Tensor]:
    """Scores (B, T, T), values (B, T, H), mask (B, T) -> what every turn attends to (B, T, H), weights (B, 1, T, T).

    Args:
        causal: a turn sees none after it.
    """
    keep = mask[:, None, :].expand_as(scores)
    weights = masked_softmax(scores, keep.tril() if causal else keep)
    return weights @ values, weights.unsqueeze(1)


class Turns(NamedTuple):
    """Where the N turns of a batch are when they are packed, as a direction reads them.

    Turn 0 of every dialogue comes first, longest dialogue first, then turn 1 of those that have one, and so on.

    Attributes:
        sizes: how many dialogues have turn 0, 1, ...
        dialogue: (N,) index.
        step: (N,) how many turns the direction has read before.
        turn: (D, N) index: the step, and the last turn less the step for the direction that reads backwards.
        mask: (B, T).
    """

    sizes: list[int]
    dialogue: Tensor
    step: Tensor
    turn: Tensor
    mask: Tensor

    def take(self, x: Tensor) -> Tensor:
        """(B, T, ...) -> (D, N, ...)."""
        return x[self.dialogue, self.turn]

    def put(self, x: Tensor) -> Tensor:
        """(D, N, ...) -> (D, B, T, ...), 0 at padded turns."""
        direction = torch.arange(len(x), device=x.device)[:, None]
        out = x.new_zeros(len(x), *self.mask.shape, *x.shape[2:])
        return out.index_put((direction, self.dialogue.expand_as(self.turn), self.turn), x)

    def matrices(self, rows: list[Tensor]) -> Tensor:
        """Weights (D, n, t) of step t over the steps before, for every t -> (D, B, T, T) of a turn over turns."""
        T = self.mask.shape[1]
        rows = self.put(torch.cat([F.pad(r, (0, T - r.shape[-1])) for r in rows], dim=1))  # its last axis: steps
        step = self.put(self.step.expand_as(self.turn))[:, :, None]  # (D, B, 1, T)
        return rows.gather(-1, step.expand_as(rows)) * self.mask[:, None, :]


def pack(mask: Tensor, directions: int) -> Turns:
    """Pack dialogues whose valid turns come first, (B, T), to be read ahead or, by a second direction, backwards."""
    lengths, order = mask.sum(1).sort(descending=True, stable=True)
    exists = torch.arange(mask.shape[1], device=mask.device)[:, None] < lengths  # (T, B)
    step, rank = exists.nonzero(as_tuple=True)
    sizes = [n for n in exists.sum(1).tolist() if n]
    turn = torch.stack([step, lengths[rank] - 1 - step][:directions])
    return Turns(sizes, order[rank], step, turn, mask)
