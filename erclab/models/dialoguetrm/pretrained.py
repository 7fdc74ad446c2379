"""A pretrained BERT from a folder or from Hugging Face: its settings and its weights.

The model itself needs neither: `erclab.runs` calls `DialogueTRM.with_bert` before it builds a model and
`DialogueTRM.load_pretrained` before it trains it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from typing import Any

from torch import Tensor

from erclab.core.errors import UsageError
from erclab.core.pretrained import loading, transformers_for
from erclab.models.dialoguetrm.bert import ARCHITECTURE

SPECIAL = ("cls_token", "sep_token")


def settings_of(source: str | Path) -> dict[str, Any]:
    """The settings of `DialogueTRM.Config` that a saved BERT decides: its width, architecture, dropout, special tokens.

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
        special = dict(zip(SPECIAL, (tokenizer.cls_token_id, tokenizer.sep_token_id), strict=True))
        # If the tokenizer's files are absent, transformers silently returns one with special tokens only.
        if None in special.values() or not len(tokenizer.all_special_tokens) < len(tokenizer) <= config.vocab_size:
            raise UsageError(f"the tokenizer has {len(tokenizer)} words ([CLS] is {special['cls_token']}, [SEP] "
                             f"{special['sep_token']}), the BERT {config.vocab_size}", where=str(source),
                             remedy="Save the BERT's own tokenizer beside it (save_pretrained).")
    found = {ours: getattr(config, theirs) for ours, theirs in ARCHITECTURE.items()}
    found |= {"dropout": config.hidden_dropout_prob, **special}
    return {"hidden": config.hidden_size, **{f"bert.{name}": value for name, value in found.items()}}


def weights_of(source: str | Path, config: Any) -> dict[str, Tensor]:
    """The weights of a saved BERT without its pooler, for a model that was built with its settings.

    Args:
        source: as for `settings_of`.
        config: the model's `DialogueTRM.Config`, whose dropout may be another.

    Raises:
        UsageError: nothing is there, weights are missing, or its settings differ from the configuration.
    """
    sizes = settings_of(source)
    other = [f"{name} {attrgetter(name)(config)} instead of {size}" for name, size in sizes.items()
             if name != "bert.dropout" and attrgetter(name)(config) != size]
    if other:
        raise UsageError(f"the model was built with {', '.join(other)}", where=str(source),
                         remedy="Build it with the changes that DialogueTRM.with_bert gives.")
    with _loading(source) as transformers:
        loaded, report = transformers.BertModel.from_pretrained(
            source, add_pooling_layer=False, use_safetensors=True, output_loading_info=True)
        if report["missing_keys"]:
            raise UsageError(f"it lacks {len(report['missing_keys'])} of a BERT's weights, such as "
                             f"{min(report['missing_keys'])}", where=str(source), remedy="Give a whole BERT.")
    return loaded.state_dict()


@contextmanager
def _loading(source: str | Path) -> Iterator[Any]:
    transformers = transformers_for("DialogueTRM's BERT needs", UsageError)
    with loading("no BERT can be loaded", source, UsageError,
                 "Give a folder that save_pretrained wrote (safetensors), or a Hugging Face name."):
        yield transformers
