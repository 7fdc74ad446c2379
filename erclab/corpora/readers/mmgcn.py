"""MELD as MMGCN and MM-DFN have it: text, audio and visual vectors per utterance.

Hu et al. (2021), "MMGCN: Multimodal Fusion via Deep Graph Convolution Network for Emotion Recognition in
Conversation", ACL; Hu et al. (2022), "MM-DFN: Multimodal Dynamic Fusion Network for Emotion Recognition in
Conversations", ICASSP. What the items are: github.com/hujingwen6666/MMGCN, dataloader.py; links to the file are in the
READMEs of that repository and of github.com/zerohd4869/MM-DFN. Their IEMOCAP is a tuple as DialogueRNN's, with other
features: `dialoguernn.read_iemocap` reads it.
"""

from __future__ import annotations

from pathlib import Path

from erclab.corpora.corpus import Corpus
from erclab.corpora.readers import dialogue_dicts
from erclab.corpora.readers.dialogue_dicts import MELD, Layout

FILES = ("MELD_features_raw1.pkl",)
_MELD = Layout("meld-mmgcn", FILES,
               ("ids", "speakers", "labels", "text", "audio", "visual", "sentences", "train", "test", "tenth"), MELD,
               vectors={"text": ("text",), "audio": ("audio",), "visual": ("visual",)})


def read_meld(path: Path, valid_share: float = 0.099) -> Corpus:
    """MELD from `MELD_features_raw1.pkl`, a tuple of 10, or the folder that holds it.

    Text 600, audio 300, visual 342. Speakers, dialogues and the split for validation as in
    `erclab.corpora.readers.dialoguernn.read_meld`: with the training dialogues numbered as in COSMIC's file, the share
    is exactly MELD's dev part (114 of 1152, the last). The tenth item is not read, as upstream does not.

    Args:
        path: file or folder.
        valid_share: how much of the training dialogues is for validation; 0 for none.

    Raises:
        CorpusError: one line with the file, dialogue, turn and item, what is wrong and what to do.
    """
    return dialogue_dicts.read(path, _MELD, valid_share)
