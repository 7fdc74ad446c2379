"""AVEC 2012 (SEMAINE) as tables: acoustic and lexical features of 3262 utterances, four affect dimensions.

Schuller et al. (2012), "AVEC 2012: the continuous audio/visual emotion challenge", ICMI. The tables are those of
github.com/tianleimin/Thesis-EmotionRecognition (word-level annotations reduced to utterances and three classes).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from erclab.core import tablefiles
from erclab.core.downloads import folder_at
from erclab.core.errors import CorpusError
from erclab.corpora.corpus import Corpus
from erclab.corpora.vocabulary import ANNOTATIONS, SPLITS, UNLABELLED

# file -> numbers per line
FILES = {"uttAVEC_GeMAPS.csv": 88, "utt_AVEC_GP.csv": 3, "uttAVEC_CSA.csv": 63, "utt_AVEC_emo.csv": 4}
_COLUMNS = ("arousal", "expectancy", "power", "valence")  # of utt_AVEC_emo.csv
_CODES = np.array([0, 1, -1])  # 0 medium, 1 high, 2 low
_BLOCKS = {"train": 0.6, "valid": 0.8, "test": 1.0}  # where each block ends
_AGAIN = "Fetch it again from its authors."
GAP = 50  # correlation of labels that far apart: at most 0.1, 0.6 to 0.8 for neighbours


def read(folder: Path) -> Corpus:
    """Read the tables in a folder; row i is the same utterance in all of them.

    Audio is eGeMAPS (88) with pitch, loudness and HF500 (3), text the lexical CSA features (63). There are no
    words. The classes become -1 low, 0 medium, 1 high in `annotations["dimensional"]`; the table has the codes of
    the file as `valence_code` and so on.

    **The splits are approximate.** The files say neither where sessions begin nor who speaks nor which part is
    official. Splits are three contiguous blocks (60, 20, 20 %), each one long dialogue of the one speaker "user";
    the last `GAP` utterances of the first two have no annotation and are only context, so that an annotated
    utterance has no neighbour in another split. A session can still lie in two splits.

    With `indices.csv` (where each utterance begins among the words) the table has the column `words`; utterances
    of no words lack both modalities.

    Raises:
        CorpusError: one line with the file, the line in it, what is wrong and what to do.
    """
    folder = folder_at(folder, f"Give the folder that holds {', '.join(FILES)}.")
    expected = f"The folder must hold {', '.join(FILES)}."
    data = {name: _numbers(folder / name, width, expected) for name, width in FILES.items()}
    count = len(data["utt_AVEC_emo.csv"])
    for name, x in data.items():
        if len(x) != count:
            raise CorpusError(f"{len(x)} lines, but utt_AVEC_emo.csv has {count}", where=str(folder / name),
                              remedy="Row i must be the same utterance in all files; fetch them again.")
    codes = data["utt_AVEC_emo.csv"]
    bad = np.argwhere(~np.isin(codes, (0, 1, 2)))
    if len(bad):
        i, column = bad[0]
        raise CorpusError(f"the {_COLUMNS[column]} is {codes[i, column]:g}",
                          where=f"{folder / 'utt_AVEC_emo.csv'}, row {i}",
                          remedy="Classes are 0 medium, 1 high, 2 low; rows count from 0.")
    codes = codes.astype(np.int64)
    vectors = {"text": data["uttAVEC_CSA.csv"],
               "audio": np.concatenate([data["uttAVEC_GeMAPS.csv"], data["utt_AVEC_GP.csv"]], axis=1)}
    vectors = {m: x.astype(np.float32) for m, x in vectors.items()}

    ends = np.array([round(share * count) for share in _BLOCKS.values()])
    if (np.diff([0, *ends]) <= GAP).any():
        raise CorpusError(f"{count} utterances are too few for three blocks with gaps of {GAP}", where=str(folder),
                          remedy="Fetch the files again; they have 3262 lines.")
    block = np.searchsorted(ends, np.arange(count), side="right")
    starts = np.concatenate([[0], ends[:-1]])
    split = np.array(SPLITS, dtype=object)[block]
    table = pd.DataFrame({"split": split, "dialogue": split, "turn": np.arange(count) - starts[block],
                          "speaker": "user", "text": "", "label": UNLABELLED})
    for k, column in enumerate(_COLUMNS):
        table[f"{column}_code"] = codes[:, k]
    if (folder / "indices.csv").exists():
        fences = _numbers(folder / "indices.csv", 1)[:, 0]
        if len(fences) != count + 1 or (np.diff(fences) < 0).any() or (fences != np.floor(fences)).any():
            raise CorpusError(f"these are not {count + 1} whole numbers that rise", where=str(folder / "indices.csv"),
                              remedy="It has the first word of each utterance, and one number more.")
        table["words"] = np.diff(fences).astype(np.int64)
        for x in vectors.values():
            x[table["words"] == 0] = 0
    order = [_COLUMNS.index(name) for name in ANNOTATIONS["dimensional"]]
    dimensional = _CODES[codes[:, order]].astype(np.float32)
    for end in ends[:-1]:
        dimensional[end - GAP : end] = np.nan
    return Corpus("avec2012", table, (), vectors, annotations={"dimensional": dimensional}, source=str(folder))


def _numbers(path: Path, width: int, expected: str = "Check the path.") -> np.ndarray:
    """(rows, width) float64 from a file of finite numbers without a header."""
    rows = []
    for line, record in tablefiles.fields(path, tablefiles.text(path, expected)):
        where = f"{path}, line {line}"
        if len(record) != width:
            raise CorpusError(f"{len(record)} fields, but each line has {width} numbers", where=where, remedy=_AGAIN)
        try:
            rows.append([float(field) for field in record])
        except ValueError as error:
            raise CorpusError(f"{str(error)[:80]}", where=where, remedy="The file has numbers and no header.") from None
        if not np.isfinite(rows[-1]).all():
            column = int(np.flatnonzero(~np.isfinite(rows[-1]))[0])
            raise CorpusError(f"column {column + 1} is {rows[-1][column]}", where=where,
                              remedy="Impute or remove the value; features must be finite.")
    if not rows:
        raise CorpusError("the file is empty", where=str(path), remedy=_AGAIN)
    return np.array(rows)
