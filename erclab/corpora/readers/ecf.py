"""ECF, emotion causes in Friends: MELD's dialogues, edited, with the utterances that caused each emotion.

Wang et al. (2023), "Multimodal Emotion-Cause Pair Extraction in Conversations", IEEE Transactions on Affective
Computing. The text files and their format are in github.com/NUSTM/MECPE, data/README.md; the JSON files at
huggingface.co/datasets/NUSTM/ECF (folders utterance and span), with the keys that github.com/NUSTM/SemEval-2024_ECAC
shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from erclab.core.downloads import folder_at
from erclab.core.errors import CorpusError, unknown
from erclab.core.tablefiles import text
from erclab.corpora.corpus import Corpus
from erclab.corpora.readers import jsonfiles
from erclab.corpora.readers.meld import LABELS, PARTS
from erclab.corpora.vocabulary import UNLABELLED

FILES = tuple(f"{part}.json or {part}.txt" for part in PARTS)
_LAYOUT = "The folder must hold train, dev and test, each as .json or as .txt."
_HEAD, _PAIR = re.compile(r"([0-9]{1,9})\s+([0-9]{1,9})"), re.compile(r"\(([0-9]{1,9}),([0-9]{1,9})\)")
_TIME = re.compile(r"\s*\|\s*((Friends_S|(train|dev|test)_dia)[^|]*)?$")  # timestamps, or MELD's name of the utterance


def read(folder: Path) -> Corpus:
    """Read `train`, `dev` and `test`, each `.json` (taken first) or `.txt`.

    Dialogues are called "train-12" by the file's number of the conversation; the dev part becomes the split "valid".
    The labels have MELD's order. The column `causes` has the numbers of the utterances that caused the emotion, "1 3",
    from the pairs (emotion, cause); utterances are numbered from 1, as `turn` has them. There are no roles: speakers
    are numbered within each dialogue. An utterance without an emotion, as in the test part of SemEval-2024, is
    unlabelled.

    Raises:
        CorpusError: one line with the file, the line or item in it, what is wrong and what to do.
    """
    folder = folder_at(folder, _LAYOUT)
    rows: list[dict] = []
    for part, split in PARTS.items():
        js, txt = folder / f"{part}.json", folder / f"{part}.txt"
        known: dict[str, str] = {}
        for place, number, turns, pairs in _json(js) if js.exists() else _text(txt):
            if number in known:
                raise CorpusError(f"conversation {number} was already at {known[number]}", where=place,
                                  remedy="Remove one of the two.")
            known[number] = place
            numbers = [turn["turn"] for turn in turns]
            if sorted(set(numbers)) != numbers or not turns:
                raise CorpusError(f"the utterances are numbered {' '.join(map(str, numbers))[:60]}", where=place,
                                  remedy="Number them from 1, in the order of the conversation.")
            causes: dict[int, list[int]] = {}
            for effect, cause in pairs:
                if effect not in numbers or cause not in numbers:
                    raise CorpusError(f"the pair ({effect},{cause}) names an utterance that the dialogue does not have",
                                      where=place, remedy="Pairs are numbers of utterances: (emotion,cause).")
                causes.setdefault(effect, []).append(cause)
            rows += [{"split": split, "dialogue": f"{part}-{number}", **turn,
                      "causes": " ".join(map(str, sorted(set(causes.get(turn["turn"], [])))))} for turn in turns]
    if not rows:
        raise CorpusError("there is no dialogue", where=str(folder), remedy=_LAYOUT)
    tables = sorted(p.name for p in folder.glob("*_embedding_*.npy"))
    notices = (f"{', '.join(tables)} not read: these tables need the authors' numbering of the utterances",)
    return Corpus("ecf", pd.DataFrame(rows), LABELS, source=str(folder), notices=notices if tables else ())


_Dialogue = tuple[str, str, list[dict], list[tuple[int, int]]]  # place, number, turns, pairs


def _json(path: Path) -> Iterator[_Dialogue]:
    for place, item in jsonfiles.load(path, _LAYOUT):
        number = jsonfiles.get(item, "conversation_ID", (int, str), place)
        turns = []
        for u in jsonfiles.get(item, "conversation", list, place):
            turn = jsonfiles.get(u, "utterance_ID", (int, str), place)
            if not re.fullmatch("[0-9]{1,9}", str(turn)):
                raise CorpusError(f"the utterance_ID {str(turn)[:40]!r} is not a whole number", where=place,
                                  remedy="Number the utterances from 1.")
            turns.append(_turn(int(turn), jsonfiles.get(u, "speaker", str, place), u.get("emotion", ""),
                               jsonfiles.get(u, "text", str, place), place))
        pairs = item.get("emotion-cause_pairs") or []
        try:
            numbers = [(int(str(effect).split("_")[0]), int(str(cause).split("_")[0])) for effect, cause in pairs]
        except (ValueError, TypeError):
            raise CorpusError("a pair is not like [\"3_joy\", \"1_words\"]", where=place,
                              remedy="Each is the number of the utterance, _, and more.") from None
        yield place, str(number), turns, numbers


def _text(path: Path) -> Iterator[_Dialogue]:
    lines = [line.strip() for line in text(path, _LAYOUT, "text").rstrip().split("\n")]
    at = 0
    while at < len(lines):
        place = f"{path}, line {at + 1}"
        if not lines[at]:
            at += 1
            continue
        head = _HEAD.fullmatch(lines[at])
        if not head:
            raise CorpusError(f"{lines[at][:40]!r} is not the number of a conversation and of its utterances",
                              where=place, remedy="A dialogue begins with a line like: 12 5. Fetch the file again.")
        count = int(head[2])
        body = lines[at + 2:at + 2 + count]
        if len(body) < count or at + 1 >= len(lines):
            raise CorpusError(f"the file ends before the {count} utterances", where=place,
                              remedy="It is cut off; fetch it again.")
        turns = [_row(line, f"{path}, line {at + 3 + i}") for i, line in enumerate(body)]
        yield place, head[1], turns, [(int(a), int(b)) for a, b in _PAIR.findall(lines[at + 1].replace(" ", ""))]
        at += 2 + count


def _row(line: str, place: str) -> dict:
    """A line such as: 1 | Ada | joy | Good morning . | Friends_S1E1: ..., with or without what follows the words."""
    parts = [p.strip() for p in line.split("|", 3)]
    if len(parts) < 4 or not re.fullmatch("[0-9]{1,9}", parts[0]):
        raise CorpusError(f"{line[:40]!r} is not: number | speaker | emotion | text", where=place,
                          remedy="Fetch the file again.")
    return _turn(int(parts[0]), parts[1], parts[2], _TIME.sub("", parts[3]), place)


def _turn(number: int, speaker: str, emotion: Any, words: str, place: str) -> dict:
    emotion = str(emotion or "").strip().lower()
    if emotion and emotion not in LABELS:
        raise unknown("emotion", emotion[:40], LABELS).recast(CorpusError, where=place)
    if not speaker.strip():
        raise CorpusError("the speaker is empty", where=place, remedy="Give every utterance a speaker.")
    return {"turn": number, "speaker": speaker.strip(), "text": words.strip(),
            "label": LABELS.index(emotion) if emotion else UNLABELLED}
