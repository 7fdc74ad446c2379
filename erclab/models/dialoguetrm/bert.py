"""The lower half of DialogueTRM's hierarchy: context windows, packed sequences and the BERT that reads them (Eq. 2).

Mao et al. (2020), section "Task Formulation" (Table 1) and "Hierarchical Structure"; Devlin et al. (2019), BERT.

    utterance i of speaker j, its last K turns
        --> [CLS] target [SEP] what j said in these turns   (segment 0 to [SEP], then segment 1)
        --> BERT --> last hidden state at [CLS]

A text is a sequence of WordPieces; an utterance vector is one "word", projected to BERT's width. BERT itself is
`transformers.BertModel`, drawn at random from the sizes in the model's configuration or loaded.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from erclab.core.batches import DialogueBatch
from erclab.core.errors import UsageError

# Config field -> the name of the same thing in a BERT's config.json.
ARCHITECTURE = {"hidden": "hidden_size", "bert_layers": "num_hidden_layers", "bert_heads": "num_attention_heads",
                "bert_inner": "intermediate_size", "bert_positions": "max_position_embeddings",
                "vocabulary": "vocab_size", "activation": "hidden_act", "bert_eps": "layer_norm_eps"}


class Contexts(NamedTuple):
    """Turn indices, from 0: the target speaker's own among the last K turns, and all of these."""

    individual: tuple[int, ...]
    conversational: tuple[int, ...]


def contexts(speakers: Sequence[int], target: int, window: int) -> Contexts:
    """Both contexts of a turn, as the model sees them (Table 1).

    Args:
        speakers: who speaks in each turn of one dialogue.
        target: a turn, from 0.
        window: K.
    """
    if not 0 <= target < len(speakers):
        raise UsageError(f"a dialogue of {len(speakers)} turns has no turn {target}", remedy="They count from 0.")
    who = torch.tensor([list(speakers)])
    turns = Turns.of(torch.ones_like(who, dtype=torch.bool), who, window)
    row, own = turns.exists[target, :-1], turns.same_speaker[target, :-1]
    return Contexts(*(tuple(turns.turn[target, :-1][keep].tolist()) for keep in (row & own, row)))


@dataclass(frozen=True)
class Turns:
    """The N utterances of a batch, numbered through, and the window of W = K + 1 turns that ends at each.

    Attributes:
        mask: (B, T) bool, where they stand.
        at: (N,) their places in the flattened (B T).
        number: (N, W) the utterance at each place of the window; its own number where there is none.
        turn: (N, W) the turn at each place; its own turn where there is none.
        exists: (N, W) bool. The last column, the target, is True.
        same_speaker: (N, W) bool.
    """

    mask: Tensor
    at: Tensor
    number: Tensor
    turn: Tensor
    exists: Tensor
    same_speaker: Tensor

    @classmethod
    def of(cls, mask: Tensor, speakers: Tensor, window: int) -> Turns:
        """(B, T) bool, (B, T) int64, K."""
        T = mask.shape[1]
        at = mask.flatten().nonzero().squeeze(1)
        own = at.remainder(T).unsqueeze(1)  # (N, 1)
        turn = own + torch.arange(-window, 1, device=mask.device)
        place = at.unsqueeze(1) - own + turn.clamp(min=0)
        exists = (turn >= 0) & mask.flatten()[place]
        place = torch.where(exists, place, at.unsqueeze(1))
        number = (mask.flatten().cumsum(0) - 1)[place]
        who = speakers.flatten()
        same_speaker = who[place] == who[at].unsqueeze(1)
        return cls(mask, at, number, torch.where(exists, turn, own), exists, same_speaker)

    def put(self, x: Tensor) -> Tensor:
        """(N, ...) -> (B, T, ...), 0 where there is no utterance."""
        out = x.new_zeros(self.mask.numel(), *x.shape[1:])
        return out.index_copy(0, self.at, x).unflatten(0, self.mask.shape)

    def spread(self, weights: Tensor) -> Tensor:
        """Weights over a window, or its last places, (N, layers, heads, W') -> (B, layers, heads, T, T)."""
        T, keys = self.mask.shape[1], self.turn[:, -weights.shape[-1]:]
        rows = weights.new_zeros(*weights.shape[:3], T)
        rows = rows.scatter_add(3, keys[:, None, None, :].expand_as(weights), weights)  # no turn, no weight
        return self.put(rows).permute(0, 2, 3, 1, 4)


class Packed(NamedTuple):
    """(N, L) unit ids, (N, L) segments 0 or 1, and the length of each (N,); what follows it is 0."""

    ids: Tensor
    segments: Tensor
    lengths: Tensor


def pack(units: Tensor, number: Tensor, keep: Tensor, cls: int, sep: int, longest: int) -> Packed:
    """`[CLS] target [SEP] context`, the oldest turn of the context first, as Eq. 2 has it (no second [SEP]).

    What does not fit is cut: the oldest words of the context first, the end of the target only when there is no
    context left. So no context can push out a word of the target.

    Args:
        units: (N, W) the ids of each utterance's words, -1 after the last.
        number: (N, K) the utterances around each, oldest first.
        keep: (N, K) bool, which of them are its context.
        cls, sep: ids of the special units.
        longest: the most units of a sequence, at least 2.
    """
    N = len(units)
    said = units >= 0
    own = said.sum(1).clamp(max=longest - 2)  # (N,)
    # Place of each word of the context among the words of the context, counted from the oldest.
    words = units[number].flatten(1)  # (N, K W)
    there = (said[number] & keep.unsqueeze(2)).flatten(1)
    place = there.cumsum(1) - 1
    total = there.sum(1)
    kept = torch.minimum(total, longest - 2 - own)
    place = place - (total - kept).unsqueeze(1)
    there = there & (place >= 0)

    lengths = 2 + own + kept
    length = int(lengths.max())
    ids = units.new_zeros(N, length + 1)  # one more column takes what is not wanted
    first = torch.arange(1, units.shape[1] + 1, device=units.device)
    ids.scatter_(1, torch.where(said & (first <= own.unsqueeze(1)), first, length), units)
    ids.scatter_(1, torch.where(there, 2 + own.unsqueeze(1) + place, length), words)
    ids[:, 0] = cls
    ids.scatter_(1, (1 + own).unsqueeze(1), sep)
    column = torch.arange(length, device=units.device)
    segments = (column >= 2 + own.unsqueeze(1)) & (column < lengths.unsqueeze(1))
    return Packed(ids[:, :length], segments.long(), lengths)


class BertBranch(nn.Module):
    """Eq. 2 for every modality: one BERT that reads them in turn, or one each.

    Args:
        config: of `DialogueTRM`.
    """

    def __init__(self, config: Any):
        super().__init__()
        self.config = config
        self.bert = nn.ModuleDict({owner: build(config) for owner in
                                   (("shared",) if config.shared_bert else config.modalities)})
        self.project = nn.ModuleDict({m: nn.Linear(d, config.hidden) for m, d in config.dims
                                      if m not in config.modalities_of_words})
        self.register_buffer("special", torch.tensor([config.cls_token, config.sep_token]), persistent=False)

    def forward(self, modality: str, batch: DialogueBatch, turns: Turns) -> Tensor:
        """f: (N, H), the hidden state at [CLS] of every utterance's packed sequence.

        A context-free modality masks the positions of the context. As a masked position reaches nothing, these
        positions are not even packed.
        """
        config = self.config
        bert = self.bert["shared" if config.shared_bert else modality]
        table = bert.embeddings.word_embeddings
        if modality in config.modalities_of_words:
            units, (cls, sep), embed = batch.tokens.flatten(0, 1)[turns.at], (config.cls_token, config.sep_token), table
        else:  # [CLS], [SEP] and the utterances themselves are the vocabulary
            x = self.project[modality](batch.features[modality].flatten(0, 1)[turns.at])
            units, (cls, sep) = torch.arange(2, 2 + len(x), device=x.device).unsqueeze(1), (0, 1)
            embed = partial(F.embedding, weight=torch.cat([table(self.special), x]))
        before = slice(0, -1) if config.dependent(modality) else slice(0, 0)
        packed = pack(units, turns.number[:, before], (turns.exists & turns.same_speaker)[:, before], cls, sep,
                      config.max_length)
        return self._read(bert, embed, packed)

    def _read(self, bert: nn.Module, embed: Any, packed: Packed) -> Tensor:
        """In chunks of similar length, so that a short sequence is not padded to the longest of the batch."""
        lengths, order = packed.lengths.sort(descending=True, stable=True)
        *longest, largest = torch.cat([lengths[:: self.config.chunk], packed.ids.max().view(1)]).tolist()
        if embed is bert.embeddings.word_embeddings and largest >= embed.num_embeddings:
            raise UsageError(f"the batch has word {largest}, this BERT's vocabulary ends at {embed.num_embeddings - 1}",
                             remedy="Tokenize with the BERT's own tokenizer.")
        states = []
        for length, chunk in zip(longest, order.split(self.config.chunk), strict=True):
            ids, segments = packed.ids[chunk, :length], packed.segments[chunk, :length]
            mask = torch.arange(length, device=ids.device) < packed.lengths[chunk].unsqueeze(1)
            state = bert(inputs_embeds=embed(ids), token_type_ids=segments, attention_mask=mask.long())
            states.append(state.last_hidden_state[:, 0])
        return torch.cat(states)[order.argsort()]

    def load(self, source: str | Path) -> None:
        """The weights of a saved BERT into each of ours. See `DialogueTRM.load_pretrained`."""
        sizes = settings_of(source)
        other = [f"{name} {getattr(self.config, name)} instead of {sizes[name]}"
                 for name in (*ARCHITECTURE, "cls_token", "sep_token") if getattr(self.config, name) != sizes[name]]
        if other:
            raise UsageError(f"the model was built with {', '.join(other)}", where=str(source),
                             remedy="Build it with the changes that DialogueTRM.with_bert gives.")
        with _loading(source) as transformers:
            loaded, report = transformers.BertModel.from_pretrained(
                source, add_pooling_layer=False, use_safetensors=True, output_loading_info=True)
            if report["missing_keys"]:
                raise UsageError(f"it lacks {len(report['missing_keys'])} of a BERT's weights, such as "
                                 f"{min(report['missing_keys'])}", where=str(source), remedy="Give a whole BERT.")
        for bert in self.bert.values():
            bert.load_state_dict(loaded.state_dict())


def build(config: Any) -> nn.Module:
    """A `transformers.BertModel` without pooler, drawn at random.

    BERT draws with a deviation of 0.02 at a width of 768. A narrow one drawn so would give [CLS] next to nothing of
    the other positions, so the deviation goes with the inverse root of the width.

    Raises:
        UsageError: transformers is not installed.
    """
    transformers = _transformers()
    numbers = {theirs: getattr(config, ours) for ours, theirs in ARCHITECTURE.items()}
    return transformers.BertModel(transformers.BertConfig(
        **numbers, type_vocab_size=2, pad_token_id=0, hidden_dropout_prob=config.bert_dropout,
        attention_probs_dropout_prob=config.bert_dropout, initializer_range=0.02 * math.sqrt(768 / config.hidden)),
        add_pooling_layer=False)


def settings_of(source: str | Path) -> dict[str, Any]:
    """The Config fields that a saved BERT decides: its architecture, dropout and special tokens.

    Args:
        source: a folder with the model and its tokenizer, or a Hugging Face name.

    Raises:
        UsageError: nothing is there, or it is not a BERT of two segments and absolute positions.
    """
    with _loading(source) as transformers:
        config = transformers.AutoConfig.from_pretrained(source)
        kind = getattr(config, "position_embedding_type", None) or "absolute"
        if config.model_type != "bert" or kind != "absolute" or config.type_vocab_size != 2:
            raise UsageError(f"a '{config.model_type}' with {kind} positions and "
                             f"{getattr(config, 'type_vocab_size', 0)} segments", where=str(source),
                             remedy="DialogueTRM's branch is a BERT with absolute positions and two segments.")
        tokenizer = transformers.AutoTokenizer.from_pretrained(source)
        special = {"cls_token": tokenizer.cls_token_id, "sep_token": tokenizer.sep_token_id}
        # Without its files transformers silently makes up a tokenizer of special tokens alone.
        if None in special.values() or not len(tokenizer.all_special_tokens) < len(tokenizer) <= config.vocab_size:
            raise UsageError(f"the tokenizer has {len(tokenizer)} words ([CLS] is {special['cls_token']}, [SEP] "
                             f"{special['sep_token']}), the BERT {config.vocab_size}", where=str(source),
                             remedy="Save the BERT's own tokenizer beside it (save_pretrained).")
    found = {ours: getattr(config, theirs) for ours, theirs in ARCHITECTURE.items()}
    return {**found, "bert_dropout": config.hidden_dropout_prob, **special}


def _transformers() -> Any:
    try:
        import transformers
    except ImportError:
        raise UsageError("DialogueTRM's BERT needs the package transformers",
                         remedy='Run: pip install "erclab[text]"') from None
    return transformers


@contextmanager
def _loading(source: str | Path) -> Iterator[Any]:
    """transformers, silent, and one line for whatever goes wrong."""
    transformers = _transformers()
    logging = transformers.utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield transformers
    except UsageError:
        raise
    except Exception as error:  # transformers raises nearly every kind for a model that it cannot load
        reason = str(error).strip().partition("\n")[0][:200] or type(error).__name__
        raise UsageError(f"no BERT can be loaded ({reason})", where=str(source),
                         remedy="Give a folder that save_pretrained wrote (safetensors), or a Hugging Face name."
                         ) from error
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
