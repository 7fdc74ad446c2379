"""Corpora: one schema, one reader per source, and batches. `CORPORA` is the registry, as plain data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from erclab.corpora import meld, simulated
from erclab.corpora.frames import Frames
from erclab.corpora.schema import Corpus, Dialogue, Utterance
from erclab.corpora.vocabulary import ANNOTATIONS, MODALITIES, SPLITS, UNLABELLED
from erclab.errors import UsageError, unknown

__all__ = [
    "ANNOTATIONS", "CORPORA", "MODALITIES", "SPLITS", "UNLABELLED", "Corpus", "CorpusInfo", "Dialogue", "Frames",
    "Utterance", "load",
]


@dataclass(frozen=True)
class CorpusInfo:
    """A row of the registry.

    Attributes:
        name: what one types.
        title: one line for people.
        read: () -> Corpus, or (folder) -> Corpus when `needs_data`.
        needs_data: whether it is read from a folder that the user names.
        files: what that folder must hold.
        licence: whose terms apply.
        obtain: how a user gets it.
    """

    name: str
    title: str
    read: Callable[..., Corpus]
    needs_data: bool = False
    files: tuple[str, ...] = ()
    licence: str = ""
    obtain: str = ""


CORPORA = {
    info.name: info
    for info in (
        CorpusInfo("simulated", "simulated conversations, two speakers, six emotions, three modalities",
                   lambda: simulated.generate("small"), licence="MIT, as the project", obtain="embedded"),
        CorpusInfo("simulated-tiny", "the same in the size of a test", lambda: simulated.generate("tiny"),
                   licence="MIT, as the project", obtain="embedded"),
        CorpusInfo("meld", "MELD: dialogues of the series Friends, multi-party, seven emotions", meld.read,
                   needs_data=True, files=tuple(f"{s}_sent_emo.csv" for s in ("train", "dev", "test")),
                   licence="GPL-3.0 for the annotations; the dialogues belong to their owners",
                   obtain="the folder data/MELD of the repository declare-lab/MELD; the clips are not needed"),
    )
}


def load(name: str, data: str | Path | None = None, *, text_encoder: str = "minilm", device="cpu") -> Corpus:
    """A corpus by name, ready for a model.

    Args:
        name: a key of `CORPORA`.
        data: the folder of a corpus that is not embedded.
        text_encoder: makes the text vectors of a corpus that brings none (`erclab.features.text.encode`). They
            are computed once and cached.
        device: where the encoder runs.

    Raises:
        UsageError: an unknown name, or a folder where none is needed or none where one is.
        CorpusError: the data are missing or malformed.
        FeatureError: the text cannot be encoded.
    """
    if name not in CORPORA:
        raise unknown("corpus", name, CORPORA)
    info = CORPORA[name]
    if not info.needs_data:
        if data is not None:
            raise UsageError(f"the corpus '{name}' is embedded and reads no folder", where=f"--data {data}",
                             remedy="Leave the folder out, or name another corpus.")
        return info.read()
    if data is None:
        raise UsageError(f"the corpus '{name}' needs a folder", remedy=f"Give --data DIR (in a notebook: data) with "
                         f"{', '.join(info.files)}; to obtain them: {info.obtain}.")
    corpus = info.read(Path(data))
    if "text" not in corpus.vectors:
        from erclab.features.text import encode, encoder_identity

        vectors = encode(list(corpus.table["text"]), text_encoder, device=device)
        corpus = corpus.with_vectors("text", vectors, encoder_identity(text_encoder))
    return corpus
