"""The pickles of MulT: CMU-MOSI, CMU-MOSEI and IEMOCAP as frame sequences, aligned to words or not.

Tsai et al. (2019), "Multimodal Transformer for Unaligned Multimodal Language Sequences", ACL. The links to the
files are in the README of github.com/yaohungt/Multimodal-Transformer.
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
from erclab.corpora.readers.arrays import (
    clips,
    find,
    parts,
    real,
    same_layout,
    single,
    video_and_clip,
    without_infinite,
    words,
)
from erclab.corpora.vocabulary import MODALITIES, SPLITS

FILES = {name: (f"{stem}_data.pkl", f"{stem}_data_noalign.pkl")
         for name, stem in (("mosi", "mosi"), ("mosei", "mosei_senti"), ("iemocap", "iemocap"))}
RATES = {"mosi": (12.5, 15.0), "mosei": (20.0, 15.0), "iemocap": (12.5, 15.0)}  # audio, visual; unaligned; the paper
SIX = ("happy", "sad", "anger", "surprise", "disgust", "fear")  # CMU-MOSEI's emotions
_KEYS = {"text": "text", "audio": "audio", "visual": "vision"}


def read(path: Path, dataset: str | None = None) -> Corpus:
    """Read one of `mosi_data.pkl`, `mosei_senti_data.pkl`, `iemocap_data.pkl` or their `_noalign` versions.

    The file is a dict train, valid, test of dicts text, audio, vision (n, L, D), labels and, but for IEMOCAP, id.
    Zeros on the left are padding and are taken away; `Frames.length` and `side` remember them. In an aligned
    file (all modalities have L steps) a step is padding when it is zero in every modality, so that the modalities keep
    the same steps. Infinite and NaN values of the audio become 0, as upstream does it for -inf;
    `Corpus.source` says how many there were.

    MOSI and MOSEI have sentiment, no emotion labels. Their videos are the dialogues, the clips the turns, ordered
    by clip number or by start. IEMOCAP's file has no ids, so each sample is a dialogue of one turn, "train-12";
    its labels (n, 4, 2) are pairs (absent, present) of neutral, happy, sad, angry. Where the labels of MOSEI are
    (n, 1, 7), the six after the sentiment are strengths from 0 to 3 of happy, sad, anger, surprise, disgust and fear
    (the order of github.com/A2Zadeh/CMU-MultimodalSDK, issue 191): the own task `emotions`, 1 where it is above 0.

    Args:
        path: the file, or a folder with exactly one of them (of `dataset`, where that is given).
        dataset: "mosi", "mosei" or "iemocap"; by default what the file's name begins with.

    Raises:
        CorpusError: one line with the file, the place in it, what is wrong and what to do.
    """
    path = find(path, FILES[dataset] if dataset else [name for names in FILES.values() for name in names])
    dataset = dataset or next((name for name in FILES if path.name.startswith(name)), "")
    where = str(path)
    data = parts(pickles.load(path), where, ("text", "audio", "vision", "labels"))
    packed, shapes, rows = {m: [] for m in MODALITIES}, {m: [] for m in MODALITIES}, []
    rates = dict(zip(("audio", "visual"), RATES.get(dataset, (0.0, 0.0)), strict=True))
    for split in SPLITS:
        padded, count = {}, None
        for m in MODALITIES:
            place = f"{where}, {split}, {_KEYS[m]}"
            # Removed from the dict, so that the padded array is freed once it is packed: MOSEI has gigabytes of zeros.
            x = padded[m] = real(data[split].pop(_KEYS[m]), "(n, L, D)", place, count)
            count = len(x)
            shapes[m].append(x.shape)
            same_layout(shapes[m], f"{where}, {_KEYS[m]}")
            if m == "text" and not np.isfinite(x).all():
                i, t, d = np.argwhere(~np.isfinite(x))[0]
                raise CorpusError(f"sample {i}, word {t}, feature {d} is {x[i, t, d]}", where=place,
                                  remedy="Fetch the file again; word vectors are finite.")
        del x
        rows.append((split, count))
        if len({shape[-1][1] for shape in shapes.values()}) == 1:
            for m, f in Frames.unpad_aligned(padded, "left").items():
                packed[m].append(f)
        else:
            for m in MODALITIES:
                packed[m].append(Frames.unpad(padded.pop(m), "left", rate=rates.get(m, 0.0)))
    table, annotations, order = _annotate(data, rows, where, dataset)
    own = (Task("emotions", "binary", SIX),) if "emotions" in annotations else ()
    frames = {m: Frames.join(packed.pop(m)).take(order) for m in MODALITIES}
    _, replaced = without_infinite(frames["audio"].values)
    notes = [f"{replaced} infinite or NaN values of audio set to 0"] if replaced else []
    return Corpus(f"{dataset}-mult" if dataset else "mult", table, (), frames=frames, annotations=annotations,
                  source="; ".join([where, *notes]), notices=tuple(notes), own_tasks=own)


def _annotate(data, rows, where: str, dataset: str) -> tuple[pd.DataFrame, dict[str, np.ndarray], np.ndarray]:
    """The table, the annotations and the order of the samples in both."""
    four = dataset == "iemocap" or (not dataset and getattr(data["train"]["labels"], "shape", ())[1:] == (4, 2))
    seven = not four and all(np.shape(data[s]["labels"])[1:] == (1, 7) for s, _ in rows)
    layout = "(n, 4, 2)" if four else "(n, 1, 7)" if seven else "(n, 1, 1)"
    labels = [real(data[s]["labels"], layout, f"{where}, {s}, labels", n) for s, n in rows]
    if four:
        pairs = np.concatenate(labels)
        for s, x in zip(SPLITS, labels, strict=True):
            bad = ~(np.sort(x, axis=-1) == (0, 1)).all(-1)
            if bad.any():
                i, e = np.argwhere(bad)[0]
                raise CorpusError(f"sample {i}, emotion {e} is {x[i, e].tolist()}", where=f"{where}, {s}, labels",
                                  remedy="Each pair must be (1, 0) for absent or (0, 1) for present.")
        table = pd.concat([single(s, n) for s, n in rows], ignore_index=True)
        return table, {"emotion4": pairs[..., 1].astype(np.float32)}, np.arange(len(table))
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, which a corpus refuses
        values = np.concatenate(labels)[:, 0].astype(np.float32)
    annotations = {"sentiment": values[:, :1]}
    if seven:
        annotations["emotions"] = np.where(np.isnan(values[:, 1:]), np.nan, values[:, 1:] > 0).astype(np.float32)
    if not all("id" in data[s] for s in SPLITS):
        table = pd.concat([single(s, n) for s, n in rows], ignore_index=True)
        return table, annotations, np.arange(len(table))
    table, order = clips(_ids(data, rows, where), where)
    return table, {task: x[order] for task, x in annotations.items()}, order


def _ids(data, rows, where: str) -> pd.DataFrame:
    """split, video, clip, and start and end in seconds where the ids have them."""
    tables = []
    for split, count in rows:
        ids, place = np.asarray(data[split]["id"]), f"{where}, {split}, id"
        ids = ids.reshape(count, -1) if ids.size and ids.size % count == 0 else ids
        if ids.ndim != 2 or len(ids) != count or ids.shape[1] not in (1, 3):
            raise CorpusError(f"the shape is {ids.shape}", where=place,
                              remedy=f"It must be ({count}, 3): video, start and end of each sample.")
        table = pd.DataFrame({"split": split, "id": words(ids[:, 0], place, count)})
        for k, column in ((1, "start"), (2, "end")) if ids.shape[1] == 3 else ():
            table[column] = pd.to_numeric(pd.Series(words(ids[:, k], place, count)), errors="coerce").astype("float64")
        tables.append(table)
    table = pd.concat(tables, ignore_index=True)
    apart = video_and_clip(table["id"])
    table["video"] = [v for v, _ in apart]
    if apart[0][1]:
        table["clip"] = [c for _, c in apart]
    elif "start" in table:
        table["clip"] = table["start"]
    else:
        table["clip"] = np.arange(len(table))
    if (table["video"].str.strip() == "").any():
        raise CorpusError("an id is empty", where=f"{where}, id", remedy="Every sample needs the id of its video.")
    return table.assign(text="")
