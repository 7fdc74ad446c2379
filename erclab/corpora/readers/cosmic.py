"""COSMIC's pickles: IEMOCAP and MELD as text, with its split into training, validation and test.

Ghosal et al. (2020), "COSMIC: COmmonSense knowledge for eMotion Identification in Conversations", Findings of
EMNLP. The files are COSMIC/feature-extraction/{iemocap/iemocap,meld/meld}.pkl of github.com/declare-lab/conv-emotion.
Mind the order at the end of their lists: training, test, validation.
"""

from __future__ import annotations

from pathlib import Path

from erclab.corpora.corpus import Corpus
from erclab.corpora.readers import dialogue_dicts
from erclab.corpora.readers.dialogue_dicts import GENDERS, IEMOCAP, MELD, Layout

_IEMOCAP = Layout("iemocap", ("iemocap.pkl",), ("speakers", "labels", "sentences", "train", "test", "valid"), IEMOCAP,
                  GENDERS)
_MELD = Layout("meld-cosmic", ("meld.pkl",),
               ("speakers", "labels", "sentiment", "sentences", "train", "test", "valid"), MELD)


def read_iemocap(path: Path) -> Corpus:
    """IEMOCAP's turns with one of the six labels, from `iemocap.pkl` or the folder that holds it.

    A list of 6: dicts from dialogue to speakers ("M", "F"), labels and sentences, then the dialogues of the
    splits. Turns with other labels are not in the file, so neighbours are not always neighbours in conversation.

    Raises:
        CorpusError: one line with the file, dialogue, turn and item, what is wrong and what to do.
    """
    return dialogue_dicts.read(path, _IEMOCAP)


def read_meld(path: Path) -> Corpus:
    """MELD from `meld.pkl` or the folder that holds it; named and ordered as `meld.read` does with the csv files.

    A list of 7: as for IEMOCAP, with sentiment after the labels; speakers are one-hot rows, here "speaker-0" and
    so on, which mean the same only within a dialogue. Its texts lack the characters that are not ASCII.

    Raises:
        CorpusError: one line with the file, dialogue, turn and item, what is wrong and what to do.
    """
    return dialogue_dicts.read(path, _MELD, by_part=True)
