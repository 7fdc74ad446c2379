"""DialogueRNN: who speaks, what was said before, and how each speaker feels, in three recurrent cells.

Majumder, Poria, Hazarika, Mihalcea, Gelbukh, Cambria (2019), "DialogueRNN: An Attentive RNN for Emotion Detection in
Conversations", AAAI, section "Methodology". Authors' code: declare-lab/conv-emotion, folder DialogueRNN.

    g_t = GRU_G(g_t-1, [u_t; q_s])         global state: the utterance and the state of its speaker s
    c_t = attention of u_t over g_1 .. g_t-1
    q_s = GRU_P(q_s, [u_t; c_t])           the speaker's state
    q_i = q_i                              a listener's state, or GRU_L(q_i, [u_t; q_s]) with an active listener
    e_t = GRU_E(e_t-1, q_s)                the emotion

in both directions. Then every emotion attends to its whole dialogue. Modalities are put side by side.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from erclab.core.batches import DialogueBatch
from erclab.core.errors import UsageError
from erclab.models.interface import Model, ModelConfig, Output, check_choices, check_sizes
from erclab.ops.conversation_rnn import accelerated
from erclab.ops.dropout import Dropout
from erclab.ops.masks import attend_dialogue
from erclab.ops.packing import Packing, StateDropout, StateMasks, pack


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
            head_width: of the head's hidden layer; 2 D_h in the authors' code.
            dropout: on every new state, before the next turn reads it, and before the classifier.
            output_dropout: a second dropout on the emotions of a direction; the authors' rate is 0.15 higher.
            context: the scores of the attention over past global states: "general", u W g; or "simple", w g, without
                the utterance (the authors' choice for AVEC).
            listener: a fourth cell updates the states of those who listen (the paper's DialogueRNN_l).
            bidirectional: a second pass from a dialogue's end, each dialogue reversed by its own length.
            dialogue_attention: the last attention, over the whole dialogue; its map has a bias, as in the authors'
                code. The model is causal if it has neither this attention nor the second direction.
            causal: the last attention sees no later turn. Needs one direction.
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

        @property
        def states(self) -> dict[str, tuple[int, ...]]:
            """Cell -> shape of the state that a turn changes."""
            widths = {"global": (self.global_width,), "party": (self.party_width,), "emotion": (self.emotion_width,)}
            return widths | ({"listener": (self.speakers, self.party_width)} if self.listener else {})

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
        self.state_dropout = StateDropout(config.dropout)
        self.output_dropout, self.dropout = Dropout(config.output_dropout), Dropout(config.dropout)

    def forward(self, batch: DialogueBatch, *, attention: bool = False) -> Output:
        """Classify every utterance. See the class for what comes back."""
        c, packing = self.config, pack(batch.mask, len(self.directions))
        u = torch.cat([batch.features[m] for m, _ in c.dims], dim=-1)
        masks = self.state_dropout(packing, c.states, u.dtype)
        given = zip(self.directions.values(), packing.take(u), packing.take(batch.speakers), masks, strict=True)
        e, alpha = zip(*(direction(u_d, s, packing, drop) for direction, u_d, s, drop in given), strict=True)
        e = self.output_dropout(packing.put(torch.stack(e)))  # (D, B, T, D_e)

        h = emotion = e.permute(1, 2, 0, 3).flatten(2)  # directions side by side
        weights = {}
        if self.match is not None:
            h, weights["dialogue"] = attend_dialogue(self.match(h) @ h.transpose(1, 2), h, batch.mask, c.causal)
        logits = self.classifier(self.dropout(torch.relu(self.linear(h))))
        if attention:
            names = ("context_forward", "context_backward")
            weights |= zip(names, packing.put_matrices(torch.stack(alpha)).unsqueeze(2), strict=False)
        return Output(logits, weights if attention else None, {"emotion": emotion})


class Direction(nn.Module):
    """A pass over the turns: three cells, four with a listener, and the attention over past global states."""

    def __init__(self, config: DialogueRNN.Config):
        super().__init__()
        self.speakers, self.general = config.speakers, config.context == "general"
        inputs, g, p, e = (sum(d for _, d in config.dims), config.global_width, config.party_width,
                           config.emotion_width)
        self.global_cell, self.party_cell = nn.GRUCell(inputs + p, g), nn.GRUCell(inputs + g, p)
        self.emotion_cell = nn.GRUCell(p, e)
        self.listener_cell = nn.GRUCell(inputs + p, p) if config.listener else None
        self.attend = nn.Linear(inputs, g, bias=False) if self.general else nn.Linear(g, 1, bias=False)

    @accelerated
    def forward(self, u: Tensor, speakers: Tensor, packing: Packing, drop: StateMasks) -> tuple[Tensor, Tensor]:
        """The recurrence of Majumder et al., turn by turn for all dialogues that have the turn.

        Args:
            u: (N, inputs) packed utterances.
            speakers: (N,) the speaker of each.
            packing: see `Packing`.
            drop: dropout on new states.

        Returns:
            (N, D_e) emotions, and (N, T) the attention over past steps.
        """
        sizes, S, T = packing.sizes, self.speakers, len(packing.sizes)
        g, e = (u.new_zeros(sizes[0], cell.hidden_size) for cell in (self.global_cell, self.emotion_cell))
        q, past = u.new_zeros(sizes[0], S, self.party_cell.hidden_size), g.new_zeros(sizes[0], 0, g.shape[1])
        emotions, weights = [], []
        for t, (u_t, s) in enumerate(zip(u.split(sizes), speakers.split(sizes), strict=True)):
            g, e, q, past = (x[:len(s)] for x in (g, e, q, past))  # the shortest dialogues are over
            q_s = q[torch.arange(len(s), device=s.device), s]
            # c_t = sum_j alpha_j g_j, alpha = softmax(u_t W [g_1 .. g_t-1]); nothing at the first turn
            scores = past @ self.attend(u_t).unsqueeze(-1) if self.general else self.attend(past)
            alpha = scores.squeeze(-1).softmax(dim=-1)
            c = (alpha.unsqueeze(1) @ past).squeeze(1)
            # g_t = GRU_G(g_t-1, [u_t; q_s])
            g = drop("global", t, self.global_cell(torch.cat([u_t, q_s], -1), g))
            # q_s = GRU_P(q_s, [u_t; c_t])
            q_s = drop("party", t, self.party_cell(torch.cat([u_t, c], -1), q_s))
            # q_i = GRU_L(q_i, [u_t; q_s]) of the others, or as before
            if self.listener_cell is not None:
                heard = torch.cat([u_t, q_s], -1).repeat_interleave(S, 0)
                q = drop("listener", t, self.listener_cell(heard, q.flatten(0, 1)).view_as(q))
            q = torch.where((torch.arange(S, device=s.device) == s[:, None]).unsqueeze(-1), q_s.unsqueeze(1), q)
            # e_t = GRU_E(e_t-1, q_s)
            e = drop("emotion", t, self.emotion_cell(q_s, e))
            past = torch.cat([past, g.unsqueeze(1)], dim=1)
            emotions.append(e)
            weights.append(F.pad(alpha, (0, T - t)))
        return torch.cat(emotions), torch.cat(weights)
