"""Three corpora in the form of the general import: each function is one documented call of `table.read`."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from erclab.core.errors import UsageError
from erclab.corpora.corpus import Corpus
from erclab.corpora.readers import meld, table

# The order of COSMIC, DialogueRNN and SDT.
IEMOCAP_LABELS = ("happy", "sad", "neutral", "angry", "excited", "frustrated")
_IEMOCAP_NAMES = dict(zip(("hap", "sad", "neu", "ang", "exc", "fru"), IEMOCAP_LABELS, strict=True))


def mosi(folder: Path) -> Corpus:
    """CMU-MOSI with the utterance vectors of bc-LSTM: text-CNN (100), openSMILE (73), 3D-CNN (100); sentiment.

    Needs `utterances.csv` (id, video, segment, text_lower, label, split_bclstm) and `features.npz` (text100,
    audio73, video100, ids). The features were learned on the training part of this split: use them with no other.
    It has no validation part, so every sixth of its training videos, in the order of their names, is one. The
    videos are the dialogues, the segments the turns.
    """

    def prepare(raw: pd.DataFrame) -> pd.DataFrame:
        table.require(raw, ["video", "split_bclstm"], Path(folder))
        videos = sorted(set(raw.loc[raw["split_bclstm"] == "train", "video"]))
        return raw.assign(split=raw["split_bclstm"].mask(raw["video"].isin(videos[5::6]), "valid"))

    return table.read(
        folder, name="mosi", prepare=prepare,
        columns={"dialogue": "video", "turn": "segment", "text": "text_lower", "sentiment": "label"},
        arrays={"text": "features.npz:text100", "audio": "features.npz:audio73", "visual": "features.npz:video100"})


def iemocap_text_audio(folder: Path, fill: str = "median") -> Corpus:
    """All 10039 turns of IEMOCAP: words, audio functionals (340) and log-mel frames (56 x 16); six emotions.

    Needs `utterances.csv`, `audio_functionals.npz` and `audio_frames.npz`. The turns that have none of the six
    emotions (`label6` is empty) are unlabelled: they are context. The split is COSMIC's, session 5 the test part.
    Speakers are the roles F and M; the column `person` names the person. Valence, activation (arousal) and dominance
    (power), means on a scale from 1 to 5, become (x - 3) / 2, about -1 to 1; there is no expectancy. Every turn is
    stretched to 56 frames, so frames have no common rate. Ten turns lack some audio features: `fill` decides how they
    are replaced.
    """

    def prepare(raw: pd.DataFrame) -> pd.DataFrame:
        scales = {"valence": "valence", "activation": "arousal", "dominance": "power"}
        table.require(raw, ["label6", "speaker", "gender", *scales], Path(folder))
        raw = raw.assign(emotion6=raw["label6"].map(lambda x: _IEMOCAP_NAMES.get(x, x)))
        scaled = {ours: (pd.to_numeric(raw[theirs], errors="coerce") - 3) / 2 for theirs, ours in scales.items()}
        return raw.rename(columns={"speaker": "person", **{c: f"{c}_1to5" for c in scales}}).assign(**scaled)

    return table.read(
        folder, name="iemocap-text-audio", prepare=prepare, labels=IEMOCAP_LABELS, fill=fill, roles=("F", "M"),
        columns={"split": "split_cosmic", "label": "emotion6", "speaker": "gender"},
        arrays={"audio": ["audio_functionals.npz:X", "audio_frames.npz:X"]})


def meld_dev(folder: Path, fold: int = 0) -> Corpus:
    """The dev part of MELD with fine-tuned RoBERTa and wav2vec2 vectors (768 each), in five folds by dialogue.

    Needs `dev_rows_aligned.csv`, `text_base_val.npy` and `audio_wav2vec2_val.npy`. The i-th dialogue is in fold
    i mod 5; fold `fold` is the test part, the next one the validation part. The encoders were stopped early on these
    utterances, so scores are too good.
    """
    if fold not in range(5):
        raise UsageError(f"there is no fold {fold}", remedy="Folds are 0 to 4.")

    def prepare(raw: pd.DataFrame) -> pd.DataFrame:
        table.require(raw, ["Dialogue_ID", "Emotion"], Path(folder))
        numbers = pd.to_numeric(raw["Dialogue_ID"], errors="coerce")
        part = (numbers.rank(method="dense").fillna(1).astype(int) - 1 - fold) % 5
        return raw.assign(split=part.map({0: "test", 1: "valid"}).fillna("train"),
                          dialogue="dev-" + raw["Dialogue_ID"], emotion=raw["Emotion"].str.lower())

    return table.read(
        folder, name="meld-dev", file="dev_rows_aligned.csv", prepare=prepare, labels=meld.LABELS,
        columns={"turn": "Utterance_ID", "speaker": "Speaker", "text": "Utterance", "label": "emotion"},
        arrays={"text": "text_base_val.npy", "audio": "audio_wav2vec2_val.npy"})
