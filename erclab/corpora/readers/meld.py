"""MELD: conversations of a television series, several speakers, seven emotions.

Poria et al. (2019), "MELD: A Multimodal Multi-Party Dataset for Emotion Recognition in Conversations", ACL.
The csv files are in the folder `data/MELD` of github.com/declare-lab/MELD.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from erclab.core.errors import CorpusError, unknown
from erclab.corpora.corpus import Corpus
from erclab.corpora.readers.csvfiles import records
from erclab.corpora.vocabulary import MODALITIES

# The order of COSMIC's and SDT's pickles, so that class indices mean the same as there.
LABELS = ("neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger")
PARTS = {"train": "train", "dev": "valid", "test": "test"}  # MELD's name in file names -> our split

_NEEDED = ("Utterance", "Speaker", "Emotion", "Dialogue_ID", "Utterance_ID")
_INTEGERS = ("Dialogue_ID", "Utterance_ID", "Season", "Episode")
_AGAIN = "Fetch the file again from MELD's data/MELD folder."
_EXTRAS = {"Sentiment": "sentiment", "Season": "season", "Episode": "episode"}


def read(folder: Path) -> Corpus:
    """Read `train_sent_emo.csv`, `dev_sent_emo.csv` and `test_sent_emo.csv` of a folder.

    The dev part becomes the split "valid". Dialogues are called "train-12", "dev-3", "test-0": MELD numbers
    each part anew. Utterances are ordered by (Dialogue_ID, Utterance_ID). The columns `sentiment`, `season`
    and `episode` are kept when all three files have them. There are no roles: speakers are numbered within
    each dialogue.

    Features are optional: `text.npz`, `audio.npz` or `visual.npz` in the same folder, each with the arrays
    `train`, `dev` and `test` of shape (rows of that csv, D_m), any real type, row i of the array for row i
    of the csv as the file orders it (`numpy.savez("audio.npz", train=..., dev=..., test=...)`).

    Raises:
        CorpusError: one line with the file, the line in it, what is wrong and what to do.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise CorpusError("this is not a folder" if folder.exists() else "there is no such folder",
                          where=str(folder), remedy="Give the folder that holds MELD's train_sent_emo.csv.")
    parts = {part: _read_part(folder / f"{part}_sent_emo.csv", part) for part in PARTS}
    # A stable sort by part, dialogue and turn; the numbers, not the names, or dialogue 10 came before 2.
    # An extra column survives only when all parts have it.
    rows = pd.concat(parts.values(), join="inner", ignore_index=True)
    order = np.lexsort([rows["turn"], rows["number"], rows["split"].map(list(PARTS.values()).index)])
    table = rows.iloc[order].reset_index(drop=True).drop(columns=["number", "line"])
    vectors = {m: _read_features(folder / f"{m}.npz", parts)[order]
               for m in MODALITIES if (folder / f"{m}.npz").exists()}
    return Corpus("meld", table, LABELS, vectors, source=str(folder))


def _read_part(path: Path, part: str) -> pd.DataFrame:
    """The rows of one csv in file order: our columns, the extras, and `number` (Dialogue_ID) and `line`."""
    rows, seen = [], {}
    expected = "The folder must hold train_, dev_ and test_sent_emo.csv of MELD."
    for line, fields in records(path, _NEEDED, expected=expected, again=_AGAIN):
        where = f"{path}, line {line}"
        for column in ("Utterance", "Speaker"):
            if not fields[column]:
                raise CorpusError(f"the {column} is empty", where=where,
                                  remedy="Fill it in or remove the row (and its row of features).")
        for column in _INTEGERS:
            # At most nine digits: int() would also accept "1_0", and pandas not what exceeds 64 bits.
            if column in fields and not re.fullmatch("[0-9]{1,9}", fields[column]):
                raise CorpusError(f"the {column} {fields[column][:40]!r} is not a whole number", where=where,
                                  remedy="MELD counts from 0; save it without decimals or blanks.")
        emotion = fields["Emotion"].lower()
        if emotion not in LABELS:
            error = unknown("emotion", emotion[:40], LABELS)
            raise CorpusError(error.problem, where=where, remedy=error.remedy)
        number, turn = int(fields["Dialogue_ID"]), int(fields["Utterance_ID"])
        if (number, turn) in seen:
            raise CorpusError(f"dialogue {number}, utterance {turn} was already on line {seen[number, turn]}",
                              where=where, remedy="Remove one of the two, or number the utterances anew.")
        seen[number, turn] = line
        extras = {ours: int(fields[c]) if c in _INTEGERS else fields[c].lower()
                  for c, ours in _EXTRAS.items() if c in fields}
        rows.append({"split": PARTS[part], "dialogue": f"{part}-{number}", "turn": turn,
                     "speaker": fields["Speaker"], "text": fields["Utterance"],
                     "label": LABELS.index(emotion), **extras, "number": number, "line": line})
    if not rows:
        raise CorpusError("there is a header but no utterance", where=str(path),
                          remedy=_AGAIN)
    return pd.DataFrame(rows)


def _read_features(path: Path, parts: dict[str, pd.DataFrame]) -> np.ndarray:
    """(all utterances, D) float32 in the order of the csv files, train then dev then test."""
    layout = f"It needs the arrays {', '.join(parts)}, each (rows of that csv, D); write it with numpy.savez."
    arrays = {}
    try:
        with np.load(path, allow_pickle=False) as file:
            if absent := [part for part in parts if part not in file]:
                raise CorpusError(f"there is no array {', '.join(absent)}", where=str(path), remedy=layout)
            arrays = {part: np.asarray(file[part]) for part in parts}
    except CorpusError:
        raise
    except Exception as error:  # numpy and zipfile raise a dozen kinds for the ways a file can be broken
        reason = str(error).partition("\n")[0][:120] or type(error).__name__
        raise CorpusError(f"this is not a readable npz file of plain arrays ({reason})", where=str(path),
                          remedy=layout) from None
    for part, array in arrays.items():
        rows, where = parts[part], f"{path}, array '{part}'"
        if array.dtype.kind not in "fiu":
            raise CorpusError(f"the values are of type {array.dtype}, not real numbers", where=where,
                              remedy=layout)
        if array.ndim != 2 or len(array) != len(rows) or array.shape[1] == 0:
            raise CorpusError(f"the shape is {array.shape}", where=where,
                              remedy=f"{part}_sent_emo.csv has {len(rows)} utterances, so it must be "
                                     f"({len(rows)}, D), D > 0.")
        if array.shape[1] != arrays["train"].shape[1]:
            raise CorpusError(f"D is {array.shape[1]}, but {arrays['train'].shape[1]} in 'train'",
                              where=where, remedy="All parts need the same features.")
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite and is refused here
            arrays[part] = array.astype(np.float32)
        bad = np.argwhere(~np.isfinite(arrays[part]))
        if len(bad):
            i, column = bad[0]
            row = rows.iloc[i]
            raise CorpusError(f"feature {column} is {array[i, column]}, not a finite float32 number",
                              where=f"{where}, row {i} (line {row['line']} of {part}_sent_emo.csv, dialogue "
                                    f"{row['dialogue']}, turn {row['turn']})",
                              remedy="Impute the value; rows and features count from 0.")
    return np.concatenate(list(arrays.values()))
