"""DailyDialog: written conversations of two people about daily life, seven emotions, most turns without one.

Li et al. (2017), "DailyDialog: A Manually Labelled Multi-turn Dialogue Dataset", IJCNLP. The text files are those of
its archive (yanran.li/dailydialog), whose readme gives the numbers of the emotions, for instance in
github.com/snakeztc/NeuralDialog-LAED, data/daily_dialog/readme.txt; the JSON lines (fold, topic, dialogue) those that
ParlAI made of it, the lists (dialog, act, emotion) those of the data set card on the Hugging Face Hub.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from erclab.core.downloads import folder_at
from erclab.core.errors import CorpusError, unknown
from erclab.core.tablefiles import text
from erclab.corpora.corpus import Corpus
from erclab.corpora.readers import jsonfiles
from erclab.corpora.vocabulary import SPLITS

LABELS = ("no emotion", "anger", "disgust", "fear", "happiness", "sadness", "surprise")  # by their number in the files
ACTS = ("", "inform", "question", "directive", "commissive")
PARTS = {"train": ("train",), "valid": ("validation", "valid", "dev"), "test": ("test",)}  # split -> names in files
FILES = ("train/dialogues_train.txt and dialogues_emotion_train.txt (validation, test likewise)",
         "or train.json, valid.json, test.json")
_END = "__eou__"
_LAYOUT = ("The folder must hold train/dialogues_train.txt with train/dialogues_emotion_train.txt, and the same for "
           "validation and test; or train.json, valid.json and test.json.")


def read(folder: Path) -> Corpus:
    """Read the text files of the archive, or JSON, one file per split.

    Text: `dialogues_train.txt`, a dialogue per line with `__eou__` after each turn, and `dialogues_emotion_train.txt`,
    the numbers of the emotions; `dialogues_act_train.txt`, if it is there, gives the column `act`. Each split is in a
    folder train, validation, test, or all are in one folder. JSON: one object per line with `dialogue`, a list of
    objects with text, emotion and act; or with the lists `dialog`, `emotion` and `act`.

    Dialogues are called "train-12" by their line, from 0. Two speakers, "A" and "B", take turns: the files name none.
    A dialogue with another number of emotions than turns is left out; the archive has some, and `Corpus.notices` says
    how many.

    Raises:
        CorpusError: one line with the file, the line in it, what is wrong and what to do.
    """
    folder = folder_at(folder, _LAYOUT)
    rows: list[dict] = []
    notices = []
    for split in SPLITS:
        skipped, count = [], 0
        for i, (place, turns) in enumerate(_dialogues(folder, split)):
            count += 1
            if turns is None:
                skipped.append(place)
                continue
            rows += [{"split": split, "dialogue": f"{split}-{i}", "turn": t, "speaker": "AB"[t % 2], **turn}
                     for t, turn in enumerate(turns)]
        if skipped:
            notices.append(f"left out: {len(skipped)} of {count} dialogues of {split}, which have another number of "
                           f"emotions than of turns, the first on {skipped[0]}")
    if not rows:
        raise CorpusError("there is no dialogue", where=str(folder), remedy=_LAYOUT)
    return Corpus("dailydialog", pd.DataFrame(rows), LABELS, source=str(folder), notices=tuple(notices))


def _dialogues(folder: Path, split: str) -> Iterator[tuple[str, list[dict] | None]]:
    """(place, turns) of each dialogue of a split; None instead of turns that do not fit their emotions."""
    for part in PARTS[split]:
        for home in (folder / part, folder):
            if (path := home / f"dialogues_{part}.txt").is_file():
                yield from _texts(path, home, part)
                return
        for path in (folder / f"{part}.json", folder / f"{part}.jsonl"):
            if path.is_file():
                for place, record in jsonfiles.load(path):
                    yield place, _record(record, place)
                return
    zipped = [p.name for p in folder.glob("*.zip")]
    raise CorpusError(f"the folder has no {split} split" + (f", but {', '.join(sorted(zipped))}" if zipped else ""),
                      where=str(folder), remedy=("Unpack the archives in it. " if zipped else "") + _LAYOUT)


def _texts(path: Path, home: Path, part: str) -> Iterator[tuple[str, list[dict] | None]]:
    emotions, acts = home / f"dialogues_emotion_{part}.txt", home / f"dialogues_act_{part}.txt"
    lines = _lines(path)
    numbers = {"emotion": _lines(emotions)} | ({"act": _lines(acts)} if acts.is_file() else {})
    for name, others in numbers.items():
        if len(others) != len(lines):
            raise CorpusError(f"it has {len(others)} lines, {path.name} has {len(lines)}",
                              where=str(emotions if name == "emotion" else acts),
                              remedy="Line i of both is the same dialogue; fetch both again.")
    for i, line in enumerate(lines):
        words = line.split(_END)
        words = [w.strip() for w in (words if words[-1].strip() else words[:-1])]
        codes = [_code(c, LABELS, f"{emotions}, line {i + 1}") for c in numbers["emotion"][i].split()]
        place = f"{path}, line {i + 1}"
        if len(words) != len(codes) or not words:
            yield place, None
            continue
        turns: list[dict] = [{"text": w, "label": c} for w, c in zip(words, codes, strict=True)]
        if "act" in numbers:
            kinds = [_code(c, ACTS, f"{acts}, line {i + 1}") for c in numbers["act"][i].split()]
            kinds = kinds if len(kinds) == len(turns) else [0] * len(turns)
            turns = [turn | {"act": ACTS[kind]} for turn, kind in zip(turns, kinds, strict=True)]
        yield place, turns


def _lines(path: Path) -> list[str]:
    lines = text(path, _LAYOUT, "text").split("\n")
    return [line.rstrip("\r") for line in (lines if lines[-1].strip() else lines[:-1])]


def _record(record: Any, place: str) -> list[dict] | None:
    """The turns of one JSON object, None if there are other numbers of them than of emotions."""
    if isinstance(record, dict) and "dialogue" in record:
        turns = jsonfiles.get(record, "dialogue", list, place)
        words = [jsonfiles.get(t, "text", str, place) for t in turns]
        emotions = [jsonfiles.get(t, "emotion", (str, int), place) for t in turns]
        acts = [t.get("act", "") for t in turns]
    else:
        words = jsonfiles.get(record, "dialog", list, place)
        emotions = jsonfiles.get(record, "emotion", list, place)
        acts = record.get("act", [])
    if len(words) != len(emotions) or not words:
        return None
    for w in words:
        if not isinstance(w, str):
            raise CorpusError(f"a turn is {str(w)[:40]!r}, not a text", where=place, remedy="Fetch the file again.")
    labels = [_code(e, LABELS, place) for e in emotions]
    kinds = acts if isinstance(acts, list) and len(acts) == len(words) else [""] * len(words)
    return [{"text": w.strip(), "label": label, "act": ACTS[_code(act, ACTS, place)]}
            for w, label, act in zip(words, labels, kinds, strict=True)]


def _code(value: object, names: tuple[str, ...], place: str) -> int:
    """The number of an emotion or act, from its number or name."""
    name = str(value).strip().replace("_", " ")
    if name in names:
        return names.index(name)
    if name.isascii() and name.isdigit() and int(name) < len(names):
        return int(name)
    raise unknown("emotion" if names is LABELS else "act", name[:40], [n for n in names if n]).recast(
        CorpusError, where=place)
