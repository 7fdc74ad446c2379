"""The pickles of SDT: IEMOCAP and MELD with text, audio and visual vectors.

Ma et al. (2023), "A Transformer-Based Model With Self-Distillation for Multimodal Emotion Recognition in
Conversations", IEEE Transactions on Multimedia. Links are in the README of github.com/butterfliesss/SDT. Text is
RoBERTa-large fine-tuned on the corpus (1024, COSMIC), audio openSMILE (1582 or 300), visual DenseNet (342, MMGCN).
"""

from __future__ import annotations

from pathlib import Path

from erclab.core.errors import unknown
from erclab.corpora.corpus import Corpus
from erclab.corpora.readers import dialogue_dicts
from erclab.corpora.readers.dialogue_dicts import GENDERS, IEMOCAP, MELD, Layout

FILES = {name: (f"{name}_multimodal_features.pkl",) for name in ("iemocap", "meld")}
_TEXT = {"1": ("text",), "2": ("roberta2",), "3": ("roberta3",), "4": ("roberta4",),
         "mean": ("text", "roberta2", "roberta3", "roberta4")}
_ITEMS = ("ids", "speakers", "labels", *_TEXT["mean"], "audio", "visual", "sentences", "train", "test")


def read_iemocap(path: Path, roberta: int | str = 1, valid_share: float = 0.1) -> Corpus:
    """IEMOCAP from `iemocap_multimodal_features.pkl`, a tuple of 12, or the folder that holds it.

    The file has no validation split: SDT's training split is COSMIC's training and validation. So the last tenth
    of the training dialogues in sorted order becomes one, which are other dialogues than COSMIC's.

    Args:
        path: file or folder.
        roberta: which layer is the text vector: 1 as in SDT, 2, 3, 4, or "mean" of all four as in COSMIC.
        valid_share: how much of the training dialogues that is; 0 for none, as in SDT.

    Raises:
        CorpusError: one line with the file, dialogue, turn and item, what is wrong and what to do.
        UsageError: there is no such layer.
    """
    layout = Layout("iemocap-sdt", FILES["iemocap"], _ITEMS, IEMOCAP, GENDERS, _vectors(roberta))
    return dialogue_dicts.read(path, layout, valid_share)


def read_meld(path: Path, roberta: int | str = 1, valid_share: float = 0.099) -> Corpus:
    """MELD from `meld_multimodal_features.pkl`, a tuple of 13, or the folder that holds it.

    As `read_iemocap`. Dialogues keep the numbers that they have in the file, and speakers are "speaker-0" and so
    on within each. With the training dialogues numbered as in COSMIC's file, the share is exactly MELD's dev part
    (114 of 1152, the last). The thirteenth item, sentiment, is not read, as upstream does not.

    Raises:
        CorpusError: one line with the file, dialogue, turn and item, what is wrong and what to do.
        UsageError: there is no such layer.
    """
    # "sentiment" would be read and checked as COSMIC's, but how it is coded here is written nowhere.
    layout = Layout("meld-sdt", FILES["meld"], (*_ITEMS, "thirteenth"), MELD,
                    vectors=_vectors(roberta))
    return dialogue_dicts.read(path, layout, valid_share)


def _vectors(roberta: int | str) -> dict[str, tuple[str, ...]]:
    if str(roberta) not in _TEXT:
        raise unknown("RoBERTa layer", roberta, _TEXT)
    return {"text": _TEXT[str(roberta)], "audio": ("audio",), "visual": ("visual",)}
