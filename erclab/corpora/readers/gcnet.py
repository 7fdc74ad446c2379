"""The folders of GCNet: a pickle of labels, and one npy file (or a folder of faces) per utterance and modality.

Lian et al. (2023), "GCNet: Graph Completion Network for Incomplete Multimodal Learning in Conversation", TPAMI. What
the tuples and folders hold: github.com/zeroQiaoba/GCNet, gcnet/dataloader_iemocap.py, gcnet/dataloader_cmumosi.py and
README.md, which has the links. The order of IEMOCAP's four emotions is that of the same author's
github.com/zeroQiaoba/AffectGPT. Many later repositories on missing modalities use these files.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from erclab.core.errors import CorpusError
from erclab.corpora.corpus import Corpus
from erclab.corpora.frames import Frames
from erclab.corpora.readers import dialogue_dicts
from erclab.corpora.readers.arrays import find, npy, real
from erclab.corpora.readers.dialogue_dicts import GENDERS, IEMOCAP, Layout
from erclab.corpora.vocabulary import MODALITIES

FOUR = ("happy", "sad", "neutral", "angry")
FILES = {"iemocap-gcnet": ("IEMOCAP_features_raw_6way.pkl",), "iemocap-gcnet4": ("IEMOCAP_features_raw_4way.pkl",),
         "mosi-gcnet": ("CMUMOSI_features_raw_2way.pkl",), "mosei-gcnet": ("CMUMOSEI_features_raw_2way.pkl",)}
_EMOTIONS = {"iemocap-gcnet": IEMOCAP, "iemocap-gcnet4": FOUR}
_ITEMS = ("ids", "labels", "speakers", "sentences", "train")
# What a folder's name says of its modality. The names of GCNet are wav2vec-large-c-UTT, deberta-large-4-UTT, manet_UTT.
_NAMES = {"text": r"bert|roberta|text|glove|gpt|llama|lexic|baichuan|bloom",
          "audio": r"wav2vec|hubert|wavlm|audio|acoustic|opensmile|egemaps|is09|is10|compare|vggish|whisper|data2vec",
          "visual": r"manet|video|visual|vision|face|resnet|senet|fer|clip|vgg|dinov2|emonet"}


def read(path: Path, name: str = "iemocap-gcnet", valid_share: float = 0.1) -> Corpus:
    """The pickle of labels and, beside it, the folders of features (in the folder `features`, or directly).

    A modality's vector is the utterance's npy file `ID.npy`, (D,) or (1, D); of a sequence (T, D) it is the mean over
    time, as GCNet takes it, and the sequence is kept as frames. Where there is a folder `ID` of faces instead, they
    are the sequence; of IEMOCAP's only those of the speaker, whose names have an F or M. An utterance without a file,
    or without faces, lacks the modality.

    Speakers of IEMOCAP are "F" and "M"; MOSI and MOSEI have one. IEMOCAP's tuple has training and test dialogues and
    GCNet tests on each session in turn (`--folds session`); validation is the last tenth of the training dialogues.

    Args:
        path: the pickle, or the folder that holds it.
        name: of the corpus, a key of `FILES`; "iemocap-gcnet4" has four emotions.
        valid_share: how much of the training dialogues is for validation, where the pickle has none of its own.

    Raises:
        CorpusError: one line with the file, the place in it, what is wrong and what to do.
    """
    emotions = _EMOTIONS.get(name, ())
    layout = Layout(name, FILES[name], (*_ITEMS, *(() if emotions else ("valid",)), "test"), emotions,
                    GENDERS if emotions else {"": "speaker"}, attribute="" if emotions else "sentiment", with_ids=True)
    file = find(path, FILES[name])
    corpus = dialogue_dicts.read(file, layout, valid_share if emotions else 0.0)
    folders, notices = _folders(file.parent)
    vectors, frames = {}, {}
    for m, folder in folders.items():
        found = _sequences(folder, corpus)
        absent = sum(not len(x) for x in found)
        width = max((x.shape[1] for x in found), default=0)
        if not width or absent == len(found):
            raise CorpusError(f"no utterance of {file.name} has a file in it", where=str(folder),
                              remedy="It must hold ID.npy, or a folder ID, for the ids in the pickle.")
        found = [x if len(x) else np.zeros((0, width), np.float32) for x in found]
        wrong = next((i for i, x in enumerate(found) if x.shape[1] != width), None)
        if wrong is not None:
            raise CorpusError(f"utterance {corpus.table['id'][wrong]} has {found[wrong].shape[1]} features, others "
                              f"{width}", where=str(folder), remedy="All utterances need the same features.")
        vectors[m] = np.stack([x.mean(0, dtype=np.float64) if len(x) else np.zeros(width) for x in found]
                              ).astype(np.float32)
        if max(map(len, found)) > 1:
            frames[m] = Frames.pack(found)
        if absent:
            notices.append(f"{absent:,} of {len(found):,} utterances have no file in {folder}: they lack {m}")
    table = corpus.table
    if emotions:
        table = table.assign(session=table["dialogue"].str[:5])  # Ses01 to Ses05
    return replace(corpus, table=table, vectors=vectors, frames=frames, notices=(*corpus.notices, *notices))


def _folders(parent: Path) -> tuple[dict[str, Path], list[str]]:
    """The folder of each modality, and notices about folders that are not read."""
    root = parent / "features" if (parent / "features").is_dir() else parent
    found: dict[str, list[Path]] = {m: [] for m in MODALITIES}
    notices = []
    for folder in sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith(".")):
        of = [m for m, names in _NAMES.items() if re.search(names, folder.name.lower())]
        if of:
            found[of[0]].append(folder)
        else:
            notices.append(f"the folder {folder.name} is not read: its name says no modality")
    for m, folders in found.items():
        whole = [f for f in folders if f.name.upper().endswith("UTT")]
        if len(folders) > 1 and len(whole) == 1:  # GCNet's extractors leave the frames beside the vectors
            notices += [f"the folder {f.name} is not read: {whole[0].name} is" for f in folders if f != whole[0]]
            found[m] = whole
        elif len(folders) > 1:
            raise CorpusError(f"{' and '.join(f.name for f in folders)} all are {m} features", where=str(root),
                              remedy="Move the others somewhere else.")
    return {m: folders[0] for m, folders in found.items() if folders}, notices


def _sequences(folder: Path, corpus: Corpus) -> list[np.ndarray]:
    """(T, D) float32 of each utterance; (0, 0) where there is none."""
    found = []
    for name, speaker in zip(corpus.table["id"], corpus.table["speaker"], strict=True):
        if not re.fullmatch(r"[^/\\\0]+", name) or name in (".", ".."):
            raise CorpusError(f"the id {name[:40]!r} is no name of a file", where=corpus.source,
                              remedy="Ids name the npy files; fetch the pickle again.")
        if (path := folder / f"{name}.npy").is_file():
            files = [path]
        elif (folder / name).is_dir():
            files = sorted((folder / name).glob("*.npy"))
            if corpus.roles == tuple(GENDERS):
                files = [f for f in files if speaker in f.stem]
        else:
            files = []
        parts = [_steps(f) for f in files]
        if len({p.shape[1] for p in parts}) > 1:
            raise CorpusError("the faces have different features", where=str(folder / name),
                              remedy="All files of an utterance need the same features.")
        found.append(np.concatenate(parts) if parts else np.zeros((0, 0), np.float32))
    return found


def _steps(path: Path) -> np.ndarray:
    """(T, D) float32 of one file of the shape (D,), (T, D) or (1, T, D)."""
    x = npy(path)
    while x.ndim > 2 and len(x) == 1:
        x = x[0]
    x = x[None] if x.ndim == 1 else x
    if not x.size:
        return np.zeros((0, 0), np.float32)
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, which a corpus refuses
        return np.array(real(x, "(T, D)", str(path)), dtype=np.float32)
