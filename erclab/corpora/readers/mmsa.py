"""The pickles of MMSA: CMU-MOSI, CMU-MOSEI and CH-SIMS with transcripts, BERT's word vectors, audio and visual.

Mao et al. (2022), "M-SENA: An Integrated Platform for Multimodal Sentiment Analysis", ACL demonstrations. The
links to the files are in the README of github.com/thuiar/MMSA; what they hold is in its src/MMSA/data_loader.py, the
scale of CH-SIMS in src/MMSA/utils/metricsTop.py. Yu et al. (2020), "CH-SIMS: A Chinese Multimodal Sentiment Analysis
Dataset with Fine-grained Annotations of Modality", ACL; Liu et al. (2022) have its second version.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from erclab.core.errors import CorpusError
from erclab.core.targets import Task
from erclab.corpora import pickles
from erclab.corpora.corpus import Corpus
from erclab.corpora.frames import Frames
from erclab.corpora.readers.arrays import clips, find, parts, real, same_layout, without_infinite, words
from erclab.corpora.vocabulary import MODALITIES, SPLITS

FILES = ("aligned_50.pkl", "unaligned_50.pkl")
SIMS_FILES = ("unaligned_39.pkl", "aligned_39.pkl", "unaligned.pkl")  # the last is CH-SIMS v2's
SIMS_SCALE = (-1.0, 1.0)
_OF_MODALITIES = {"text": "regression_labels_T", "audio": "regression_labels_A", "visual": "regression_labels_V"}
_KEYS = {"text": "text", "audio": "audio", "visual": "vision"}


def read(path: Path, dataset: str = "mosi") -> Corpus:
    """Read `aligned_50.pkl` or `unaligned_50.pkl`, of CH-SIMS `unaligned_39.pkl`.

    The file is a dict train, valid, test of dicts with text (n, 50, 768), audio and vision (n, L, D), id
    "video$_$clip", regression_labels (n,) in [-3, 3], of CH-SIMS in [-1, 1], and, where it has them, raw_text,
    audio_lengths and vision_lengths. The sequences are padded on the right. Their lengths are the given ones; for the
    text they are those of the attention mask (row 1 of `text_bert`), and without either the zeros at the end are
    padding. In an aligned file all modalities have the length of the text. A sequence of zeros alone means that the
    modality is missing. Infinite and NaN values of the audio become 0, as upstream does it for -inf; `Corpus.source`
    says how many there were.

    Videos are the dialogues, clips the turns in order of their number. There are no emotion labels. CH-SIMS has a
    sentiment of its own scale, and the own task `unimodal`: the sentiment of the text, the sound and the video alone.
    Its authors dealt clips, not videos, to the splits: the clips of a video in one split are a dialogue of their own,
    called "train-VIDEO".

    Args:
        path: the file, or a folder with exactly one of them.
        dataset: what is in it, "mosi", "mosei" or "sims": the files of the first two have the same names.

    Raises:
        CorpusError: one line with the file, the place in it, what is wrong and what to do.
    """
    sims = dataset == "sims"
    path = find(path, SIMS_FILES if sims else FILES)
    where = str(path)
    data = parts(pickles.load(path), where, ("text", "audio", "vision", "id", "regression_labels"))
    packed, shapes, tables, sentiment = {m: [] for m in MODALITIES}, {m: [] for m in MODALITIES}, [], []
    unimodal = []
    for split in SPLITS:
        part, place = data[split], f"{where}, {split}"
        labels = real(part["regression_labels"], "(n,)", f"{place}, regression_labels")
        count = len(labels)
        for m, key in _KEYS.items():
            part[key] = real(part[key], "(n, L, D)", f"{place}, {key}", count)
            shapes[m].append(part[key].shape)
            same_layout(shapes[m], f"{where}, {key}")
        aligned = len({shape[-1][1] for shape in shapes.values()}) == 1
        for m, key in _KEYS.items():
            lengths = _lengths(part, "text" if aligned else key, shapes[m][-1], place)
            # Removed from the dict, so that the padded array is freed once it is packed: MOSEI has gigabytes of zeros.
            packed[m].append(_frames(part.pop(key), lengths))
        tables.append(_table(part, split, count, place))
        sentiment.append(labels)
        if sims and all(key in data[s] for s in SPLITS for key in _OF_MODALITIES.values()):
            unimodal.append(np.column_stack([real(part[key], "(n,)", f"{place}, {key}", count)
                                             for key in _OF_MODALITIES.values()]))
    every, own, notices = pd.concat(tables, ignore_index=True), [], []
    spread = every.groupby("video")["split"].transform("nunique") > 1
    if sims and spread.any():
        notices.append(f"{every['video'][spread].nunique():,} videos have clips in more than one split, as the authors "
                       "dealt them: the clips of a video in one split are a dialogue")
        every.loc[spread, "video"] = every["split"] + "-" + every["video"]
    table, order = clips(every, where)
    frames = {m: Frames.join(packed.pop(m)).take(order) for m in MODALITIES}
    _, replaced = without_infinite(frames["audio"].values)
    notes = [f"{replaced} infinite or NaN values of audio set to 0"] if replaced else []
    annotations = {"sentiment": _float32(sentiment)[order, None]}
    if sims:
        own.append(Task("sentiment", "numbers", ("sentiment",), SIMS_SCALE))
        if unimodal:
            own.append(Task("unimodal", "numbers", tuple(_OF_MODALITIES), SIMS_SCALE))
            annotations["unimodal"] = _float32(unimodal)[order]
    return Corpus(f"{dataset}-mmsa", table, (), frames=frames, annotations=annotations,
                  source="; ".join([where, *notes]), notices=(*notices, *notes), own_tasks=tuple(own))


def _float32(labels: list[np.ndarray]) -> np.ndarray:
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, which a corpus refuses
        return np.concatenate(labels).astype(np.float32)


def _lengths(part, key: str, shape: tuple[int, ...], place: str) -> np.ndarray:
    """(n,) true lengths, or -1 where the file has none."""
    count, longest = shape[:2]
    if key == "text":
        if "text_bert" not in part:
            return np.full(count, -1)
        bert = real(part["text_bert"], "(n, 3, L)", f"{place}, text_bert", count)
        mask = bert[:, 1]
        if bert.shape[1] != 3 or bert.shape[2] != longest or not np.isin(mask, (0, 1)).all() or (
                np.diff(mask.astype(np.int64), axis=1) > 0).any():
            raise CorpusError(f"the attention mask (row 1) of shape {bert.shape} is not ones, then zeros",
                              where=f"{place}, text_bert",
                              remedy=f"It must be (n, 3, {longest}): tokens, mask, segments.")
        return mask.sum(1).astype(np.int64)
    if f"{key}_lengths" not in part:
        return np.full(count, -1)
    place = f"{place}, {key}_lengths"
    lengths = real(part[f"{key}_lengths"], "(n,)", place, count)
    bad = ~((lengths >= 0) & (lengths <= longest) & (lengths == np.floor(lengths)))
    if bad.any():
        i = int(np.flatnonzero(bad)[0])
        raise CorpusError(f"sample {i} has the length {lengths[i]}", where=place,
                          remedy=f"Lengths are whole numbers from 0 to {longest}, the padded length.")
    return lengths.astype(np.int64)


def _frames(x: np.ndarray, lengths: np.ndarray) -> Frames:
    there = (x != 0).any(-1)
    own = np.where(there.any(1), x.shape[1] - there[:, ::-1].argmax(1), 0)
    lengths = np.where(lengths < 0, own, np.where(there.any(1), lengths, 0))
    return Frames.pack([s[:n] for s, n in zip(x, lengths, strict=True)], length=x.shape[1], side="right")


def _table(part, split: str, count: int, place: str) -> pd.DataFrame:
    ids = words(part["id"], f"{place}, id", count)
    apart = [i.rsplit("$_$", 1) for i in ids]
    for i, pair in enumerate(apart):
        if len(pair) != 2 or not all(p.strip() for p in pair):
            raise CorpusError(f"sample {i} is called {ids[i][:80]!r}", where=f"{place}, id",
                              remedy="An id is video$_$clip.")
    text = words(part["raw_text"], f"{place}, raw_text", count) if "raw_text" in part else [""] * count
    return pd.DataFrame({"split": split, "video": [v for v, _ in apart], "clip": [c for _, c in apart], "text": text})
