"""The lower half of DialogueTRM's hierarchy: packed sequences and the BERT that reads them (Eq. 2).

Mao et al. (2020), section "Hierarchical Structure"; Devlin et al. (2019), BERT.

    utterance i of speaker j, its last K turns
        --> [CLS] target [SEP] what j said in these turns   (segment 0 to [SEP], then segment 1)
        --> BERT --> last hidden state at [CLS]

A text is a sequence of WordPieces; an utterance vector is one "word", projected to BERT's width. BERT itself is
`transformers.BertModel` of the sizes in the configuration, drawn at random; `pretrained` loads weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from erclab.core.errors import UsageError
from erclab.core.pretrained import transformers_for
from erclab.models.dialoguetrm.windows import Windows
from erclab.ops.chunks import in_chunks

# Field of `BertBranch.Config` -> the name of the same setting in a BERT's config.json.
ARCHITECTURE = {"layers": "num_hidden_layers", "heads": "num_attention_heads", "feed_forward": "intermediate_size",
                "max_positions": "max_position_embeddings", "vocabulary": "vocab_size", "activation": "hidden_act",
                "norm_eps": "layer_norm_eps"}


class Packed(NamedTuple):
    """Sequences of unequal lengths.

    Attributes:
        ids: (N, L) ids of the units, 0 after the last.
        segments: (N, L) 0 or 1.
        lengths: (N,) the number of units.
    """

    ids: Tensor
    segments: Tensor
    lengths: Tensor


def pack(units: Tensor, number: Tensor, keep: Tensor, cls: int, sep: int, longest: int) -> Packed:
    """`[CLS] target [SEP] context`, the oldest turn of the context first, as in Eq. 2 (no second [SEP]).

    A sequence that is too long loses the oldest words of its context first, and the end of the target only after the
    whole context. So the context never displaces a word of the target.

    Args:
        units: (N, W) the ids of each utterance's words, -1 after the last.
        number: (N, K) the numbers of the utterances before each target, oldest first.
        keep: (N, K) bool, which of these belong to its context.
        cls: id of [CLS].
        sep: id of [SEP].
        longest: the largest number of units in a sequence, at least 2.
    """
    N = len(units)
    said = units >= 0
    own = said.sum(1).clamp(max=longest - 2)  # (N,)
    # The place of each word of the context among all words of this context, counted from the oldest.
    words = units[number].flatten(1)  # (N, K W)
    there = (said[number] & keep.unsqueeze(2)).flatten(1)
    place = there.cumsum(1) - 1
    total = there.sum(1)
    kept = torch.minimum(total, longest - 2 - own)
    place = place - (total - kept).unsqueeze(1)
    there = there & (place >= 0)

    lengths = 2 + own + kept
    length = int(lengths.max())
    ids = units.new_zeros(N, length + 1)  # the extra column receives the words that are cut
    first = torch.arange(1, units.shape[1] + 1, device=units.device)
    ids.scatter_(1, torch.where(said & (first <= own.unsqueeze(1)), first, length), units)
    ids.scatter_(1, torch.where(there, 2 + own.unsqueeze(1) + place, length), words)
    ids[:, 0] = cls
    ids.scatter_(1, (1 + own).unsqueeze(1), sep)
    column = torch.arange(length, device=units.device)
    segments = (column >= 2 + own.unsqueeze(1)) & (column < lengths.unsqueeze(1))
    return Packed(ids[:, :length], segments.long(), lengths)


class BertBranch(nn.Module):
    """Eq. 2 for every modality: one BERT that reads them one after the other, or one BERT for each.

    Args:
        config: a `DialogueTRM.Config`, whose field `bert` is a `Config` of this class.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """The settings of BERT, but for its width, which is that of everything else in DialogueTRM.

        Attributes:
            shared: one BERT reads all modalities ("consecutively fed", one BERT in Figure 2).
            pretrained: name of the pretrained BERT that the model starts from, for the record; None for random
                weights. The name opens no file: see `DialogueTRM.with_bert` and `DialogueTRM.load_pretrained`.
            layers: number of layers.
            heads: number of heads.
            feed_forward: inner width of the feed-forward layers.
            max_positions: length of the position table.
            vocabulary: number of words in the word table.
            activation: of the feed-forward layers.
            norm_eps: of the layer norms.
            dropout: after the sublayers and on the attention.
            cls_token: id of [CLS].
            sep_token: id of [SEP].
            max_length: the largest number of units in a packed sequence; the oldest context is cut first.
            chunk: how many sequences BERT reads at a time, sorted by length. It changes speed and memory only.
        """

        shared: bool = True
        pretrained: str | None = None
        layers: int = 12
        heads: int = 12
        feed_forward: int = 3072
        max_positions: int = 512
        vocabulary: int = 30522
        activation: str = "gelu"
        norm_eps: float = 1e-12
        dropout: float = 0.1
        cls_token: int = 101
        sep_token: int = 102
        max_length: int = 512
        chunk: int = 32

        def __post_init__(self) -> None:
            if not 3 <= self.max_length <= self.max_positions:
                raise UsageError(f"DialogueTRM's bert.max_length is {self.max_length}, it must be 3 to its "
                                 f"bert.max_positions, {self.max_positions}")
            if not 0 <= min(self.cls_token, self.sep_token) <= max(self.cls_token, self.sep_token) < self.vocabulary:
                raise UsageError(f"DialogueTRM's bert.cls_token {self.cls_token} and bert.sep_token {self.sep_token} "
                                 f"must be in its vocabulary of {self.vocabulary}")

    def __init__(self, config: Any):
        super().__init__()
        self.config = config
        self.bert = nn.ModuleDict({owner: build(config.bert, config.hidden) for owner in
                                   (("shared",) if config.bert.shared else config.modalities)})
        self.project = nn.ModuleDict({m: nn.Linear(d, config.hidden) for m, d in config.dims
                                      if m not in config.modalities_of_words})
        self.register_buffer("special", torch.tensor([config.bert.cls_token, config.bert.sep_token]), persistent=False)

    def forward(self, modality: str, windows: Windows) -> Tensor:
        """f: (N, H), the hidden state at [CLS] of every utterance's packed sequence.

        A context-free modality masks the positions of the context. A masked position influences no other, so these
        positions are not packed at all.
        """
        config, own, batch = self.config, self.config.bert, windows.batch
        bert = self.bert["shared" if own.shared else modality]
        table = bert.embeddings.word_embeddings
        if modality in config.modalities_of_words:
            units, (cls, sep), embed = batch.pack(batch.tokens), (own.cls_token, own.sep_token), table
        else:  # the vocabulary is [CLS], [SEP] and the utterances themselves
            x = self.project[modality](batch.pack(batch.features[modality]))
            units, (cls, sep) = torch.arange(2, 2 + len(x), device=x.device).unsqueeze(1), (0, 1)
            embed = partial(F.embedding, weight=torch.cat([table(self.special), x]))
        before = slice(0, -1) if config.dependent(modality) else slice(0, 0)
        context = (windows.exists & windows.same_speaker)[:, before]
        packed = pack(units, windows.number[:, before], context, cls, sep, own.max_length)

        def at_cls(mask: Tensor, ids: Tensor, segments: Tensor) -> Tensor:
            states = bert(inputs_embeds=embed(ids), token_type_ids=segments, attention_mask=mask.long())
            return states.last_hidden_state[:, 0]

        return in_chunks(at_cls, packed.lengths, own.chunk, packed.ids, packed.segments)


def build(config: BertBranch.Config, hidden: int) -> nn.Module:
    """A `transformers.BertModel` of width H = `hidden` without pooler, drawn at random.

    BERT draws with a deviation of 0.02 at a width of 768. With this deviation [CLS] of a narrow BERT would receive
    almost nothing from other positions, so the deviation grows with the inverse root of the width.

    Raises:
        UsageError: transformers is not installed.
    """
    transformers = transformers_for("DialogueTRM's BERT needs", UsageError)
    numbers = {theirs: getattr(config, ours) for ours, theirs in ARCHITECTURE.items()}
    return transformers.BertModel(transformers.BertConfig(
        **numbers, hidden_size=hidden, type_vocab_size=2, pad_token_id=0, hidden_dropout_prob=config.dropout,
        attention_probs_dropout_prob=config.dropout, initializer_range=0.02 * math.sqrt(768 / hidden)),
        add_pooling_layer=False)
