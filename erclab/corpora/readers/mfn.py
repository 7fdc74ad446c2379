"""The h5 sequences of MFN: ICT-MMMO (reviews, stars), YouTube (three classes) and POM (17 traits), steps of words.

Zadeh et al. (2018), "Memory Fusion Network for Multi-view Sequential Learning", AAAI. The files are in the folders
`new_data/mmmo`, `new_data/youtube` and `new_data/pom` of github.com/pliang279/MFN. The columns of POM's labels are
those that the authors give in github.com/A2Zadeh/CMU-MultimodalSDK, issue 124.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from erclab.core.downloads import folder_at
from erclab.core.errors import CorpusError
from erclab.core.targets import Task
from erclab.corpora.corpus import Corpus
from erclab.corpora.frames import Frames
from erclab.corpora.readers.arrays import LARGEST, h5, real, single
from erclab.corpora.vocabulary import SPLITS

# Of the class columns of YouTube, which upstream does not name. Inferred from words per class: see `youtube`.
LABELS = ("negative", "neutral", "positive")
# Of the label columns of POM; a file with 16 columns lacks the sentiment.
TRAITS = ("confidence", "passionate", "voice pleasant", "dominant", "credible", "vivid", "expertise", "entertaining",
          "reserved", "trusting", "relaxed", "outgoing", "thorough", "nervous", "sentiment", "persuasive", "humorous")
_FILES = {"text": "text_{}_emb.h5", "audio": "audio_{}.h5", "visual": "video_{}.h5"}
# What must be there; of the text, the files that are.
FILES = tuple(name.format(split) for name in ("audio_{}.h5", "video_{}.h5", "y_{}.h5") for split in SPLITS)


def mmmo(folder: Path) -> Corpus:
    """Read ICT-MMMO: one sample per review video, each a dialogue of one turn.

    Stars from 1 to 5 in half steps become sentiment in [-3, 3] by (stars - 3) * 1.5, so that the metrics of
    sentiment mean the same as for CMU-MOSI; the column `stars` of the table keeps them. The words of the training
    split are not to be had: without `text_train_emb.h5` its text is missing (sequences of length 0).

    The steps are words, the same for all modalities; steps of zeros in all of them, before or after, are padding.

    Raises:
        CorpusError: one line with the file, what is wrong and what to do.
    """
    folder, frames, labels, table = _read(folder, "(n,)")
    for split, stars in labels.items():
        bad = ~((stars >= 1) & (stars <= 5))
        if bad.any():
            i = int(np.flatnonzero(bad)[0])
            raise CorpusError(f"sample {i} has {stars[i]} stars", where=str(folder / f"y_{split}.h5"),
                              remedy="Stars are from 1 to 5.")
    stars = np.concatenate(list(labels.values())).astype(np.float64)
    sentiment = ((stars - 3) * 1.5).astype(np.float32)[:, None]
    return Corpus("mmmo", table.assign(stars=stars), (), frames=frames, annotations={"sentiment": sentiment},
                  source=str(folder))


def youtube(folder: Path) -> Corpus:
    """Read YouTube: opinion segments of three classes; their videos are not given.

    Upstream does not name the three classes. That they are negative, neutral and positive, in this order, is
    inferred: the words of class 0 are complaints, those of class 2 praise, and class 1 has the fewest words of a
    sentiment lexicon. Do not rely on it.

    Most segments have no audio and no video at all, and the training split has no text unless there is
    `text_train_emb.h5`: a missing modality has sequences of length 0. The data are too few for a claim on accuracy.

    Raises:
        CorpusError: one line with the file, what is wrong and what to do.
    """
    folder, frames, labels, table = _read(folder, "(n, 3)")
    for split, rows in labels.items():
        bad = ~(np.sort(rows, axis=1) == (0, 0, 1)).all(1)
        if bad.any():
            i = int(np.flatnonzero(bad)[0])
            raise CorpusError(f"sample {i} is {rows[i].tolist()}", where=str(folder / f"y_{split}.h5"),
                              remedy="Each row must be 1 for its class and 0 for the two others.")
    classes = np.concatenate([x.argmax(1) for x in labels.values()]).astype(np.int64)
    return Corpus("youtube", table.assign(label=classes), LABELS, frames=frames, source=str(folder))


def pom(folder: Path) -> Corpus:
    """Read POM, persuasive opinion multimedia (Park et al. 2014): one sample per review video, each a dialogue.

    The own task `traits` has 17 numbers, what viewers think of the speaker (`TRAITS`; 16 without the sentiment), on
    the scale of the files. The repository has no words for POM: without `text_train_emb.h5` and the others there is
    no text.

    Raises:
        CorpusError: one line with the file, what is wrong and what to do.
    """
    folder, frames, labels, table = _read(folder, "(n, K)")
    count = labels["train"].shape[1]
    names = TRAITS if count == len(TRAITS) else tuple(t for t in TRAITS if t != "sentiment")
    for split, rows in labels.items():
        place = str(folder / f"y_{split}.h5")
        if rows.shape[1] != len(names):
            raise CorpusError(f"the shape is {rows.shape}", where=place,
                              remedy=f"It must be (n, {len(TRAITS)}), or (n, {len(TRAITS) - 1}) without the sentiment.")
        bad = np.argwhere(np.isinf(rows))
        if len(bad):
            i, k = bad[0]
            raise CorpusError(f"sample {i}, {names[k]} is {rows[i, k]}", where=place, remedy="Fetch the file again.")
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, which a corpus refuses
        values = np.concatenate(list(labels.values())).astype(np.float32)
    return Corpus("pom", table, (), frames=frames, annotations={"traits": values}, source=str(folder),
                  own_tasks=(Task("traits", "numbers", names),))


def _read(folder: Path, layout: str) -> tuple[Path, dict[str, Frames], dict[str, np.ndarray], pd.DataFrame]:
    """The folder, the frames, the labels by split, and the table."""
    folder = folder_at(folder, f"Give the folder that holds {', '.join(FILES)}.")
    labels = {s: _array(folder / f"y_{s}.h5", layout) for s in SPLITS}
    padded, steps, widths = {}, None, {}
    for m, name in _FILES.items():
        for s in SPLITS:
            path = folder / name.format(s)
            if m == "text" and not path.exists():
                continue
            x = padded[m, s] = _array(path, "(n, L, D)", len(labels[s]))
            steps = steps or x.shape[1]
            if x.shape[1] != steps or x.shape[2] != widths.setdefault(m, x.shape[2]):
                raise CorpusError(f"{x.shape[1]} steps of {x.shape[2]} features", where=str(path),
                                  remedy=f"All files need the same steps ({steps}), those of {m} the same features "
                                         f"({widths[m]}).")
    whole = {m: np.concatenate([padded.get((m, s), np.zeros((len(labels[s]), steps, width))) for s in SPLITS])
             for m, width in widths.items()}
    for m in whole:
        for s in SPLITS:
            bad = np.argwhere(~np.isfinite(padded.get((m, s), 0.0)))
            if len(bad):
                i, t, d = bad[0]
                raise CorpusError(f"sample {i}, step {t}, feature {d} is {padded[m, s][i, t, d]}",
                                  where=str(folder / _FILES[m].format(s)), remedy="Impute or remove the value.")
    table = pd.concat([single(s, len(labels[s])) for s in SPLITS], ignore_index=True)
    return folder, Frames.unpad_aligned(whole, "both"), labels, table


def _array(path: Path, layout: str, rows: int | None = None) -> np.ndarray:
    """The only dataset of an h5 file, which may refer to no other file."""
    remedy = "The file must hold one dataset of numbers; fetch it again."

    def read(file) -> np.ndarray:
        import h5py

        names = list(file)
        # A link could name any other file of this machine.
        if len(names) != 1 or not isinstance(file.get(names[0], getlink=True), h5py.HardLink):
            raise CorpusError(f"it holds {len(names)} entries or a link", where=str(path), remedy=remedy)
        data = file[names[0]]
        if not isinstance(data, h5py.Dataset) or data.external or data.is_virtual or data.dtype.kind not in "fiu":
            raise CorpusError(f"{names[0][:40]!r} is not a plain dataset of numbers", where=str(path), remedy=remedy)
        if data.size * data.dtype.itemsize > LARGEST:
            raise CorpusError(f"the dataset declares the shape {data.shape}", where=str(path), remedy=remedy)
        return data[()]

    expected = remedy if path.exists() else f"The folder must hold {', '.join(FILES)}."
    return real(h5(path, read, expected), layout, str(path), rows)
