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

from erclab.core.batches import DialogueBatch
from erclab.core.errors import UsageError
from erclab.models.interface import Model, ModelConfig, Output, check_choices, check_sizes
from erclab.ops import conversation_rnn as recurrent
from erclab.ops.dropout import Dropout, keep, next_key
from erclab.ops.linear import lowered
from erclab.ops.masks import masked_softmax


class DialogueRNN(Model):
    """DialogueRNN over any non-empty subset of text, audio and visual.

    `forward` returns logits (B, T, C). `attention` holds `context_forward` (and `context_backward`) (B, 1, T, T): the
    attention over past global states, which has a row of zeros at a direction's first turn; and `dialogue`
    (B, 1, T, T), the last attention, where there is one. `aux` has `emotion` (B, T, D_e per direction).
    """

    @dataclass(frozen=True)
    class Config(ModelConfig):
        """Sizes and switches.

        Attributes:
            dims: (modality, D_m) pairs, put side by side in this order.
            outputs: C, the number of emotions, or what another task needs (`erclab.core.tasks`).
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
            check_choices("DialogueRNN", self, {"context": ("general", "simple")})
            if self.causal and self.bidirectional:
                raise UsageError("DialogueRNN reads a dialogue from its end, too, so it cannot be causal",
                                 remedy="Set bidirectional=False.")

    # Widths of the authors' runs. IEMOCAP: text only (100). MELD: text (600) and audio (300) side by side. Their code
    # has no quirk that the paper lacks, so `official` is `paper`.
    published = {
        "iemocap": {"dims": (("text", 100),), "outputs": 6, "speakers": 2, "global_width": 500, "party_width": 500,
                    "emotion_width": 300, "head_width": 600},
        "meld": {"dims": (("text", 600), ("audio", 300)), "outputs": 7, "speakers": 9, "global_width": 150,
                 "party_width": 150, "emotion_width": 100, "head_width": 200},
    }
    small = {"global_width": 7, "party_width": 8, "emotion_width": 6, "head_width": 8}

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
        c = self.config
        u = torch.cat([batch.features[m] for m, _ in c.dims], dim=-1)
        turns = pack(batch.mask, len(self.directions))
        u = u.to(self.linear.weight.dtype)
        keep = self.keep(turns, u.dtype)
        low = lowered(u).dtype
        with torch.autocast(u.device.type, enabled=False):  # states over a hundred steps: only products are rounded
            e, context = zip(*(direction(u_d, who, turns, {cell: k[i] for cell, k in keep.items()}, low)
                               for i, (direction, u_d, who) in enumerate(zip(
                                   self.directions.values(), turns.take(u), turns.take(batch.speakers), strict=True))),
                             strict=True)
        emotion = self.output_dropout(turns.put(torch.stack(e))).permute(1, 2, 0, 3).flatten(2)  # (B, T, D_e per dir.)

        h, weights = emotion, {}
        if self.match is not None:
            h, weights["dialogue"] = over_dialogue(self.match(h) @ h.transpose(1, 2), h, batch.mask, c.causal)
        logits = self.classifier(self.dropout(torch.relu(self.linear(h))))
        if attention:
            names = ("context_forward", "context_backward")
            weights |= zip(names, turns.matrices(torch.stack(context)).unsqueeze(2), strict=False)
        return Output(logits, weights if attention else None, {"emotion": emotion})

    def keep(self, turns: Turns, dtype: torch.dtype) -> dict[str, Tensor]:
        """What dropout multiplies the new states of each cell with, 0 or 1 / (1 - p): (D, N, H), of the listeners
        (D, N, S, H). Nothing where nothing is dropped. A mask's coordinates are direction, dialogue and turn.
        """
        c, p, masks = self.config, self.dropout.p, {}
        if self.training and p:
            widths = {"global": (c.global_width,), "party": (c.party_width,), "emotion": (c.emotion_width,),
                      "listener": (c.speakers, c.party_width) if c.listener else None}
            for cell, width in widths.items():
                if width:
                    mask = keep((len(turns.turn), *turns.mask.shape, *width), p, next_key(), turns.mask.device)
                    masks[cell] = turns.of_direction(mask).to(dtype).mul_(1 / (1 - p))
        return masks


class Direction(nn.Module):
    """A pass over the turns: three cells, four with a listener, and the attention over past states."""

    def __init__(self, config: DialogueRNN.Config):
        super().__init__()
        self.speakers, self.general = config.speakers, config.context == "general"
        inputs, g, p, e = (sum(d for _, d in config.dims), config.global_width, config.party_width,
                           config.emotion_width)
        self.global_cell, self.party_cell = nn.GRUCell(inputs + p, g), nn.GRUCell(inputs + g, p)
        self.emotion_cell = nn.GRUCell(p, e)
        self.listener_cell = nn.GRUCell(inputs + p, p) if config.listener else None
        self.attend = nn.Linear(inputs, g, bias=False) if self.general else nn.Linear(g, 1, bias=False)

    def forward(self, u: Tensor, who: Tensor, turns: Turns, keep: dict[str, Tensor], low: torch.dtype
                ) -> tuple[Tensor, Tensor]:
        """Packed utterances (N, inputs), who speaks (N,), masks (`DialogueRNN.keep`) -> emotions (N, D_e), and the
        attention over steps (N, T). Factors of matrix products are rounded to `low`; see `recurrent`.
        """
        if not recurrent.applies():
            return self.loop(u, who, turns, keep)
        cells = [c for c in (self.global_cell, self.party_cell, self.listener_cell) if c is not None]
        state, alpha = recurrent.converse(
            cells, self.attend.weight, self.general, u,
            recurrent.schedule(turns.sizes, turns.row, turns.step, who, self.speakers),
            [keep.get(cell) for cell in ("global", "party", "listener")], low)
        return recurrent.gru(self.emotion_cell, state, turns.sizes, keep.get("emotion"), low), alpha

    def loop(self, u: Tensor, who: Tensor, turns: Turns, keep: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The same without rounding, as the paper has it. `recurrent` computes these equations in a quarter of the
        time."""
        sizes, S, T = turns.sizes, self.speakers, len(turns.sizes)
        steps = {cell: k.split(sizes) for cell, k in keep.items()}

        def drop(cell: str, x: Tensor) -> Tensor:
            return x * steps[cell][t] if cell in steps else x

        g, e = (u.new_zeros(sizes[0], cell.hidden_size) for cell in (self.global_cell, self.emotion_cell))
        q, past = u.new_zeros(sizes[0], S, self.party_cell.hidden_size), g.new_zeros(sizes[0], 0, g.shape[1])
        emotions, weights = [], []
        for t, (u_t, s) in enumerate(zip(u.split(sizes), who.split(sizes), strict=True)):
            g, e, q, past = (x[:len(s)] for x in (g, e, q, past))  # the shortest dialogues are over
            q_s = q[torch.arange(len(s), device=s.device), s]
            asks = self.attend(u_t) if self.general else self.attend.weight.expand(len(s), -1)
            alpha = (past @ asks.unsqueeze(-1)).squeeze(-1).softmax(dim=-1)  # (n, t), nothing at turn 0
            c = (alpha.unsqueeze(1) @ past).squeeze(1)
            g = drop("global", self.global_cell(torch.cat([u_t, q_s], -1), g))
            q_s = drop("party", self.party_cell(torch.cat([u_t, c], -1), q_s))
            if self.listener_cell is not None:
                heard = torch.cat([u_t, q_s], -1).repeat_interleave(S, 0)
                q = drop("listener", self.listener_cell(heard, q.flatten(0, 1)).view_as(q))
            q = torch.where((torch.arange(S, device=s.device) == s[:, None]).unsqueeze(-1), q_s.unsqueeze(1), q)
            e = drop("emotion", self.emotion_cell(q_s, e))
            past = torch.cat([past, g.unsqueeze(1)], dim=1)
            emotions.append(e)
            weights.append(F.pad(alpha, (0, T - t)))
        return torch.cat(emotions), torch.cat(weights)


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
        row, dialogue: (N,) the dialogue's rank, longest first, and its index in the batch.
        step: (N,) how many turns the direction has read before.
        turn: (D, N) index: the step, and the last turn less the step for the direction that reads backwards.
        mask: (B, T).
    """

    sizes: list[int]
    row: Tensor
    dialogue: Tensor
    step: Tensor
    turn: Tensor
    mask: Tensor

    def take(self, x: Tensor) -> Tensor:
        """(B, T, ...) -> (D, N, ...)."""
        return x[self.dialogue, self.turn]

    def of_direction(self, x: Tensor) -> Tensor:
        """(D, B, T, ...) -> (D, N, ...)."""
        return x[torch.arange(len(x), device=x.device)[:, None], self.dialogue, self.turn]

    def put(self, x: Tensor) -> Tensor:
        """(D, N, ...) -> (D, B, T, ...), 0 at padded turns."""
        direction = torch.arange(len(x), device=x.device)[:, None]
        out = x.new_zeros(len(x), *self.mask.shape, *x.shape[2:])
        return out.index_put((direction, self.dialogue.expand_as(self.turn), self.turn), x)

    def matrices(self, rows: Tensor) -> Tensor:
        """Weights over the steps, at most T, (D, N, steps) -> (D, B, T, T) of a turn over turns."""
        rows = self.put(F.pad(rows, (0, self.mask.shape[1] - rows.shape[-1])))
        step = self.put(self.step.expand_as(self.turn))[:, :, None]  # (D, B, 1, T)
        return rows.gather(-1, step.expand_as(rows)) * self.mask[:, None, :]


def pack(mask: Tensor, directions: int) -> Turns:
    """Pack dialogues whose valid turns come first, (B, T), to be read ahead or, by a second direction, backwards."""
    lengths, order = mask.sum(1).sort(descending=True, stable=True)
    exists = torch.arange(mask.shape[1], device=mask.device)[:, None] < lengths  # (T, B)
    step, rank = exists.nonzero(as_tuple=True)
    sizes = [n for n in exists.sum(1).tolist() if n]
    turn = torch.stack([step, lengths[rank] - 1 - step][:directions])
    return Turns(sizes, rank, order[rank], step, turn, mask)
