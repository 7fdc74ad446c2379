"""The pickles of DialogueRNN: IEMOCAP, MELD and AVEC 2012, with vectors per utterance.

Majumder et al. (2019), "DialogueRNN: An Attentive RNN for Emotion Detection in Conversations", AAAI; also used by
DialogueGCN and bc-LSTM. Links are in the README of github.com/declare-lab/conv-emotion.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from erclab.core.errors import CorpusError
from erclab.corpora.corpus import Corpus
from erclab.corpora.readers import dialogue_dicts
from erclab.corpora.readers.dialogue_dicts import GENDERS, IEMOCAP, MELD, Layout

FILES = {"iemocap": ("IEMOCAP_features.pkl", "IEMOCAP_features_raw.pkl"), "meld": ("MELD_features_raw.pkl",)}
AVEC_FILES = "one or more of AVEC_features_1.pkl to AVEC_features_4.pkl"
_THREE = {"text": ("text",), "audio": ("audio",), "visual": ("visual",)}
_ITEMS = ("ids", "speakers", "labels", "text", "audio", "visual", "sentences", "train", "test")
_IEMOCAP = Layout("iemocap-dialoguernn", FILES["iemocap"], _ITEMS, IEMOCAP, GENDERS, _THREE)
_MELD = Layout("meld-dialoguernn", FILES["meld"],
               ("ids", "speakers", "labels", "text", "audio", "sentences", "train", "test", "ninth"), MELD,
               vectors={"text": ("text",), "audio": ("audio",)})
_ATTRIBUTES = {1: "valence", 2: "arousal", 3: "expectancy", 4: "power"}  # upstream: 2 activation, 3 anticipation


def read_iemocap(path: Path, valid_share: float = 0.1) -> Corpus:
    """IEMOCAP from `IEMOCAP_features.pkl` (or `_raw`), a tuple of 9 that Python 2 wrote, or the folder that holds it.

    Text 100, audio 100, visual 512. There is no validation split, and the ids of the splits may be sets, whose
    order upstream depends on: here they are sorted, and the last tenth of the training dialogues is for validation.

    Args:
        path: file or folder.
        valid_share: how much of the training dialogues that is; 0 for none.

    Raises:
        CorpusError: one line with the file, dialogue, turn and item, what is wrong and what to do.
    """
    return dialogue_dicts.read(path, _IEMOCAP, valid_share)


def read_meld(path: Path, valid_share: float = 0.099) -> Corpus:
    """MELD from `MELD_features_raw.pkl`, a tuple of 9, or the folder that holds it.

    Text 600, audio 300, no visual. Dialogues keep the numbers that they have in the file, and speakers are
    "speaker-0" and so on within each. Validation as in `read_iemocap`; with the training dialogues numbered as in
    COSMIC's file, the share is exactly MELD's dev part (114 of 1152, the last). Sentiment, the ninth item, is not
    read.

    Raises:
        CorpusError: one line with the file, dialogue, turn and item, what is wrong and what to do.
    """
    return dialogue_dicts.read(path, _MELD, valid_share)


def read_avec(path: Path, valid_share: float = 0.1) -> Corpus:
    """AVEC 2012 from `AVEC_features_1.pkl` to `_4.pkl`, of which a folder may hold any: one affect dimension each.

    Tuples of 9 as for IEMOCAP, but the labels are numbers: 1 valence, 2 arousal (activation), 3 expectancy
    (anticipation), 4 power. They become `annotations["dimensional"]`, NaN for the files that are absent; there are
    no emotion labels. The vectors are those of the first file: upstream has them in every one. Validation as in
    `read_iemocap`.

    Raises:
        CorpusError: one line with the file, dialogue, turn and item, what is wrong and what to do; or that two of
            the files are not of the same utterances.
    """
    path = Path(path)
    files = [path]
    if path.is_dir():
        files = [f for n in _ATTRIBUTES if (f := path / f"AVEC_features_{n}.pkl").is_file()]
    if not files:
        raise CorpusError("the folder lacks the file", where=str(path),
                          remedy=f"It must hold {AVEC_FILES}.")
    corpora = [_read_attribute(file, valid_share) for file in files]
    first = corpora[0]
    for other in corpora[1:]:
        if not other.table.equals(first.table):
            raise CorpusError(f"its utterances are not those of {files[0].name}", where=other.source,
                              remedy="Splits, dialogues, speakers and texts must agree; fetch both again.")
    values = np.stack([c.annotations["dimensional"] for c in corpora])
    there = ~np.isnan(values)
    merged = np.where(there.any(0), np.where(there, values, 0).sum(0), np.nan).astype(np.float32)
    return replace(first, annotations={"dimensional": merged}, source="; ".join(c.source for c in corpora))


def _read_attribute(file: Path, valid_share: float) -> Corpus:
    number = re.search(r"_([1-4])\.pkl$", file.name)
    if not number:
        raise CorpusError("the name does not say which attribute it is", where=str(file),
                          remedy="Call it AVEC_features_1.pkl (valence), _2 (arousal), _3 (expectancy) or _4 (power).")
    layout = Layout("avec-dialoguernn", (file.name,), _ITEMS, speakers={"user": "user", "operator": "operator"},
                    vectors=_THREE, attribute=_ATTRIBUTES[int(number[1])])
    return dialogue_dicts.read(file, layout, valid_share)
