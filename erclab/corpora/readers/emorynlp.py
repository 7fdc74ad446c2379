"""EmoryNLP, emotion detection in Friends: multi-party dialogues, seven emotions of the feeling wheel.

Zahiri and Choi (2018), "Emotion Detection on TV Show Transcripts with Sequence-based Convolutional Neural Networks",
AAAI workshops. The csv files are in github.com/declare-lab/MELD, folder data/emorynlp (emorynlp_train_final.csv); the
labels have the order of github.com/emorynlp/emotion-detection, which is that of the alphabet.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import numpy as np
import pandas as pd

from erclab.core.downloads import folder_at
from erclab.core.errors import CorpusError
from erclab.core.tablefiles import records
from erclab.corpora.corpus import Corpus
from erclab.corpora.readers import meld
from erclab.corpora.vocabulary import SPLITS

LABELS = ("joyful", "mad", "neutral", "peaceful", "powerful", "sad", "scared")
NOBODY = "unknown"  # the speaker of a line that names none
FILE = "emorynlp_{}_final.csv"
_NEEDED = ("Utterance", "Speaker", "Emotion", "Scene_ID", "Utterance_ID", "Season", "Episode")
_NUMBERS = ("Scene_ID", "Utterance_ID", "Season", "Episode")


def read(folder: Path) -> Corpus:
    """Read `emorynlp_train_final.csv`, `emorynlp_dev_final.csv` and `emorynlp_test_final.csv` of a folder.

    The dev part becomes the split "valid". A scene is a dialogue, called "dev-s01e15c06" (season, episode, scene):
    scenes are numbered anew in each episode. Turns are `Utterance_ID`, from 1, with gaps where a line has no emotion;
    if a number occurs twice in a scene, its turns are counted anew, and `Corpus.notices` says so. A speaker is the
    name in the list ['Ada']; of several, "Ada, Bo". There are no roles: speakers are numbered within each dialogue.

    Features are optional, as for MELD: `text.npz`, `audio.npz` or `visual.npz` with the arrays `train`, `dev`, `test`,
    row i for row i of that csv, or matched by `train_ids` and so on, such as "sea1_ep15_sc6_utt2". An empty emotion is
    no label.

    Raises:
        CorpusError: one line with the file, the line in it, what is wrong and what to do.
    """
    folder = folder_at(folder, f"Give the folder that holds {FILE.format('train')}.")
    notices: list[str] = []
    files = {part: folder / FILE.format(part) for part in meld.PARTS}
    parts = {part: _part(path, part, notices) for part, path in files.items()}
    rows = pd.concat(parts.values(), ignore_index=True)
    scene = [rows[c].to_numpy() for c in ("scene", "episode", "season")]
    order = np.lexsort([rows["turn"], *scene, rows["split"].map(SPLITS.index)])
    table = rows.iloc[order].reset_index(drop=True).drop(columns=["line", "clip"])
    twice = table.duplicated(["dialogue", "turn"])
    if twice.any():
        again = table["dialogue"].isin(table["dialogue"][twice])
        table.loc[again, "turn"] = table[again].groupby("dialogue").cumcount() + 1
        notices.append(f"{int(twice.sum())} numbers of utterances occur twice in a scene: the turns of "
                   f"{table['dialogue'][again].nunique()} scenes are counted anew, in the order of the file")
    if shared := int((table.groupby(["season", "episode", "scene"])["split"].nunique() > 1).sum()):
        notices.append(f"{shared} scenes have utterances in more than one split")
    vectors = {m: x[order] for m, x in meld.vectors_beside(folder, parts, files, notices).items()}
    return Corpus("emorynlp", table, LABELS, vectors, source=str(folder), notices=tuple(notices))


def _part(path: Path, part: str, notices: list[str]) -> pd.DataFrame:
    """The rows of one csv in the order of the file."""
    rows = []
    for line, fields in records(path, _NEEDED, notices=notices,
                                expected=f"The folder must hold {FILE.format('train')}, dev and test."):
        where = f"{path}, line {line}"
        for column in _NUMBERS:
            if not re.fullmatch("[0-9]{1,9}", fields[column]):
                raise CorpusError(f"the {column} {fields[column][:40]!r} is not a whole number", where=where,
                                  remedy="Save it without decimals or blanks.")
        scene, turn, season, episode = (int(fields[c]) for c in _NUMBERS)
        dialogue = f"{part}-s{season:02}e{episode:02}c{scene:02}"
        rows.append({"split": meld.PARTS[part], "dialogue": dialogue, "turn": turn,
                     "speaker": _speaker(fields["Speaker"]), "text": fields["Utterance"],
                     "label": meld.emotion(fields["Emotion"], LABELS, where), "season": season, "episode": episode,
                     "scene": scene, "line": line, "clip": f"sea{season}_ep{episode}_sc{scene}_utt{turn}"})
    if not rows:
        raise CorpusError("there is a header but no utterance", where=str(path), remedy="Fetch the file again.")
    table = pd.DataFrame(rows)
    notices += meld.bare(table, path)
    if nobody := int((table["speaker"] == NOBODY).sum()):
        notices.append(f"{path.name}: {nobody:,} of {len(table):,} utterances name no speaker: they are of '{NOBODY}'")
    return table


def _speaker(cell: str) -> str:
    """The names in a cell such as ['Ada', 'Bo']; a cell that is no list is the name, one without a name `NOBODY`."""
    try:
        names = ast.literal_eval(cell) if cell.startswith("[") else [cell]
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        names = [cell]
    return ", ".join(str(n).strip() for n in names).strip() or NOBODY
