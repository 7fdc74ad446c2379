"""MELD: conversations of a television series, several speakers, seven emotions.

Poria et al. (2019), "MELD: A Multimodal Multi-Party Dataset for Emotion Recognition in Conversations", ACL.
The csv files are in the folder `data/MELD` of github.com/declare-lab/MELD.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from erclab.core.downloads import folder_at
from erclab.core.errors import CorpusError, unknown
from erclab.core.tablefiles import records
from erclab.corpora.corpus import Corpus
from erclab.corpora.missing import EMPTY
from erclab.corpora.readers.arrays import npz
from erclab.corpora.readers.beside import unread
from erclab.corpora.readers.table_arrays import match
from erclab.corpora.vocabulary import MODALITIES, UNLABELLED

# The order of COSMIC's and SDT's pickles, so that class indices mean the same as there.
LABELS = ("neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger")
PARTS = {"train": "train", "dev": "valid", "test": "test"}  # MELD's name in file names -> our split

_NEEDED = ("Utterance", "Speaker", "Emotion", "Dialogue_ID", "Utterance_ID")
_INTEGERS = ("Dialogue_ID", "Utterance_ID", "Season", "Episode")
FILE = "{}_sent_emo.csv"
DYADIC, FAIR = "{}_sent_emo_dya.csv", "realigned_{}_sent_emo.csv"
_AGAIN = "Fetch the file again from MELD's data/MELD folder."
_EXTRAS = {"Sentiment": "sentiment", "Season": "season", "Episode": "episode"}


def read(folder: Path, file: str = FILE, name: str = "meld") -> Corpus:
    """Read `train_sent_emo.csv`, `dev_sent_emo.csv` and `test_sent_emo.csv` of a folder.

    The dev part becomes the split "valid". Dialogues are called "train-12", "dev-3", "test-0": MELD numbers
    each part anew. Utterances are ordered by (Dialogue_ID, Utterance_ID). The columns `sentiment`, `season`
    and `episode` are kept when all three files have them. There are no roles: speakers are numbered within
    each dialogue.

    Features are optional: `text.npz`, `audio.npz` or `visual.npz` in the same folder, each with the arrays
    `train`, `dev` and `test` of shape (rows of that csv, D_m), any real type, row i of the array for row i
    of the csv as the file orders it (`numpy.savez("audio.npz", train=..., dev=..., test=...)`). With the arrays
    `train_ids`, `dev_ids` and `test_ids` rows are matched by these instead: "dia0_utt3" is Dialogue_ID 0,
    Utterance_ID 3, as MELD names its clips. A row of zeros lacks the modality. An empty emotion is no label.

    Args:
        folder: where the files are.
        file: how they are called, with {} for train, dev and test. `DYADIC` are the cuts of MELD's dialogues to two
            speakers, in which utterances occur several times; `FAIR` those of github.com/knowledgetechnologyuhh/
            MELD-FAIR, Carneiro et al. (2023), which leave out utterances without a usable clip.
        name: of the corpus.

    Raises:
        CorpusError: one line with the file, the line in it, what is wrong and what to do.
    """
    folder = folder_at(folder, f"Give the folder that holds MELD's {file.format('train')}.")
    notices: list[str] = []
    files = {part: folder / file.format(part) for part in PARTS}
    parts = {part: _read_part(path, part, notices) for part, path in files.items()}
    # A stable sort by part, dialogue and turn; the numbers, not the names, or dialogue 10 came before 2.
    # An extra column survives only when all parts have it.
    rows = pd.concat(parts.values(), join="inner", ignore_index=True)
    order = np.lexsort([rows["turn"], rows["number"], rows["split"].map(list(PARTS.values()).index)])
    table = rows.iloc[order].reset_index(drop=True).drop(columns=["number", "line", "clip"])
    vectors = {m: x[order] for m, x in vectors_beside(folder, parts, files, notices).items()}
    return Corpus(name, table, LABELS, vectors, source=str(folder), notices=tuple(notices))


def _read_part(path: Path, part: str, notices: list[str]) -> pd.DataFrame:
    """The rows of one csv in file order: our columns, the extras, and `number` (Dialogue_ID) and `line`."""
    rows, seen = [], {}
    before, _, after = path.name.partition(part)
    expected = f"The folder must hold {before}train_, dev_ and test{after} of MELD."
    for line, fields in records(path, _NEEDED, expected=expected, again=_AGAIN, notices=notices):
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
        label = emotion(fields["Emotion"], LABELS, where)
        number, turn = int(fields["Dialogue_ID"]), int(fields["Utterance_ID"])
        if (number, turn) in seen:
            raise CorpusError(f"dialogue {number}, utterance {turn} was already on line {seen[number, turn]}",
                              where=where, remedy="Remove one of the two, or number the utterances anew.")
        seen[number, turn] = line
        extras = {ours: int(fields[c]) if c in _INTEGERS else fields[c].lower()
                  for c, ours in _EXTRAS.items() if c in fields}
        rows.append({"split": PARTS[part], "dialogue": f"{part}-{number}", "turn": turn,
                     "speaker": fields["Speaker"], "text": fields["Utterance"],
                     "label": label, **extras, "number": number, "line": line, "clip": f"dia{number}_utt{turn}"})
    if not rows:
        raise CorpusError("there is a header but no utterance", where=str(path),
                          remedy=_AGAIN)
    table = pd.DataFrame(rows)
    notices += bare(table, path)
    return table


def emotion(name: str, labels: Sequence[str], where: str) -> int:
    """The index of an emotion, in any case; `UNLABELLED` for an empty field.

    Raises:
        CorpusError: it is not one of the labels; the remedy says how a table with other emotions is read.
    """
    plain = name.lower()
    if plain not in labels and plain not in EMPTY:
        error = unknown("emotion", plain[:40], labels)
        raise error.recast(CorpusError, where=where, remedy=f"{error.remedy} A corpus with emotions of its own is read "
                           "from one table: --corpus table (data/README.md).")
    return labels.index(plain) if plain in labels else UNLABELLED


def bare(table: pd.DataFrame, path: Path) -> list[str]:
    """A notice about the utterances of a file that have no emotion."""
    none = int((table["label"] == UNLABELLED).sum())
    return [f"{path.name}: {none:,} of {len(table):,} utterances have no emotion and are context"] if none else []


def vectors_beside(folder: Path, parts: Mapping[str, pd.DataFrame], files: Mapping[str, Path], notices: list[str]
                   ) -> dict[str, np.ndarray]:
    """Modality -> `features` of text.npz, audio.npz and visual.npz, those that are there; a notice names other files.

    Raises:
        CorpusError: as `features`.
    """
    arrays = {m: folder / f"{m}.npz" for m in MODALITIES if (folder / f"{m}.npz").exists()}
    vectors = {m: features(path, parts, files, notices) for m, path in arrays.items()}
    notices += unread(folder, [*files.values(), *arrays.values()],
                      "read are text.npz, audio.npz and visual.npz with the arrays train, dev and test")
    return vectors


def features(path: Path, parts: Mapping[str, pd.DataFrame], files: Mapping[str, Path],
             notices: list[str]) -> np.ndarray:
    """(all utterances, D) float32 in the order of the csv files, train then dev then test, from the arrays of an npz.

    Args:
        path: the npz file, with one array (rows of that csv, D) per part, and perhaps its ids.
        parts: part -> its rows in the order of its csv, with the columns `line`, `dialogue`, `turn` and `clip`, the id.
        files: part -> its csv, for messages.
        notices: gets a line about rows of the arrays that no utterance needs.

    Raises:
        CorpusError: the file is broken or does not fit the tables.
    """
    layout = f"It needs the arrays {', '.join(parts)}, each (rows of that csv, D); write it with numpy.savez."
    found = npz(path, list(parts), layout, [*(f"{part}_ids" for part in parts), "ids"])
    if "ids" in found:
        raise CorpusError("it has ids, and nothing says of which part", where=str(path),
                          remedy="Call them train_ids, dev_ids and test_ids, or leave them out: then row i is row i.")
    arrays = {part: found[part] for part in parts}
    for part, array in arrays.items():
        rows, where = parts[part], f"{path}, array '{part}'"
        if f"{part}_ids" in found:
            array = array[match(found[f"{part}_ids"], len(array) if array.ndim else 0, list(rows["clip"]),
                                f"{path}, array '{part}_ids'", files[part].name, notices)]
        if array.dtype.kind not in "fiu":
            raise CorpusError(f"the values are of type {array.dtype}, not real numbers", where=where,
                              remedy=layout)
        if array.ndim != 2 or len(array) != len(rows) or array.shape[1] == 0:
            raise CorpusError(f"the shape is {array.shape}", where=where,
                              remedy=f"{files[part].name} has {len(rows)} utterances, so it must be "
                                     f"({len(rows)}, D), D > 0. A row of zeros means that the utterance lacks the "
                                     f"modality; with {part}_ids ({rows['clip'][0]}) rows are matched by ids.")
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
                              where=f"{where}, row {i} (line {row['line']} of {files[part].name}, dialogue "
                                    f"{row['dialogue']}, turn {row['turn']})",
                              remedy="Impute the value, or make it a row of zeros: the utterance lacks the modality. "
                                     "Rows and features count from 0.")
    return np.concatenate(list(arrays.values()))
