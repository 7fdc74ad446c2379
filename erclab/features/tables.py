"""The utterances that features are made for: the rows of a table, or MELD's three csv files; and the file of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from erclab.core import tablefiles
from erclab.core.downloads import folder_at
from erclab.core.errors import FeatureError, UsageError, unknown

COLUMNS = ("id", "split", "dialogue", "turn", "text", "start", "end", "file")
MELD = ("train", "dev", "test")
MELD_FILES = ("{}_sent_emo.csv", "realigned_{}_sent_emo.csv")
ALIASES = {"dialogue": "Dialogue_ID", "turn": "Utterance_ID", "text": "Utterance"}  # MELD's names
# What a folder of a split may be called, such as MELD's "output_repeated_splits_test".
FOLDERS = {"train": ("train",), "valid": ("valid", "dev", "val"), "dev": ("dev", "valid", "val"), "test": ("test",)}


@dataclass(frozen=True)
class Rows:
    """The utterances of a table, in its order.

    Attributes:
        path: the table.
        columns: our name of a column -> one text per utterance, for the columns of `COLUMNS` that the table has.
        split: the split of the whole table, "" where a column says it, or nothing.
    """

    path: Path
    columns: Mapping[str, list[str]]
    split: str = ""

    def __len__(self) -> int:
        """The number of utterances."""
        return len(next(iter(self.columns.values()), []))

    @property
    def ids(self) -> list[str] | None:
        """What a reader finds the rows by: the column `id`, if there is one; of MELD's parts the names of its clips."""
        if self.split in MELD:
            return [f"dia{d}_utt{t}" for d, t in zip(self.columns["dialogue"], self.columns["turn"], strict=True)]
        return self.columns.get("id")

    def names(self, i: int) -> list[str]:
        """What the file of utterance i may be called, without its ending."""
        found = [self.columns["id"][i]] if "id" in self.columns else []
        if "dialogue" in self.columns and "turn" in self.columns:
            dialogue, turn = self.columns["dialogue"][i], self.columns["turn"][i]
            found += [f"{dialogue}_{turn}", f"dia{dialogue}_utt{turn}", f"{dialogue}/{turn}", f"{dialogue}-{turn}"]
            found += [f"{dialogue}/{self.columns['id'][i]}"] if "id" in self.columns else []
        return found

    def label(self, i: int) -> str:
        """What utterance i is called in a message."""
        return next(iter(self.names(i)), f"row {i + 1}")

    def split_of(self, i: int) -> str:
        """The split of utterance i in lower case, "" if it is not known."""
        return self.split or (self.columns["split"][i].lower() if "split" in self.columns else "")


def read(table: str | Path, columns: Mapping[str, str] | None = None) -> dict[str, Rows]:
    """The utterances of a table, {"": rows}, or of a folder with MELD's csv files, {"train": rows, "dev": ..., ...}.

    Args:
        table: a csv (UTF-8, commas) or parquet file, a folder with `utterances.csv` or `.parquet`, or a folder with
            `train_sent_emo.csv`, `dev_sent_emo.csv` and `test_sent_emo.csv` (or those of MELD-FAIR, `realigned_...`).
        columns: our name (`COLUMNS`) -> the table's name, where it differs. MELD's names are known. Without id, turn
            and file, turns are counted from 0 in each dialogue; without dialogue, all rows are of the dialogue "1".

    Raises:
        FeatureError: there is no such table, it cannot be read, has no row, lacks a column, or has an id twice.
        UsageError: an unknown name of ours.
    """
    path = Path(table).expanduser()
    for name in columns or {}:
        if name not in COLUMNS:
            raise unknown("column", name, COLUMNS)
    if path.is_dir():
        for name in MELD_FILES:
            parts = {part: path / name.format(part) for part in MELD}
            if all(file.is_file() for file in parts.values()):
                return {part: _read(file, columns or {}, part) for part, file in parts.items()}
        there = [path / name for name in tablefiles.FILES if (path / name).is_file()]
        if len(there) != 1:
            raise FeatureError("the folder holds both tables" if there else "the folder holds no table", where=path,
                               remedy=f"It needs one of {', '.join(tablefiles.FILES)}, or MELD's three csv files; "
                                      "or give a file.")
        path = there[0]
    return {"": _read(path, columns or {})}


def _read(path: Path, columns: Mapping[str, str], split: str = "") -> Rows:
    raw, _ = tablefiles.read(path, error=FeatureError)
    used: dict[str, list[str]] = {}
    for ours in COLUMNS:
        theirs = columns.get(ours) or next((c for c in (ours, ALIASES.get(ours, "")) if c in raw), "")
        if ours in columns and theirs not in raw:
            raise FeatureError(f"there is no column '{theirs}'", where=path, remedy=f"It has {', '.join(raw)[:160]}.")
        if theirs:
            used[ours] = ["" if value in tablefiles.WRITTEN and ours != "id" else value for value in raw[theirs]]
    if not used:
        raise FeatureError("no column is known", where=path, remedy=f"It has {', '.join(raw)[:160]}; say which is "
                           "which: --columns id=NAME (columns={'id': 'NAME'}), or dialogue and turn.")
    seen: set[str] = set()
    for i, name in enumerate(used.get("id", ())):
        if not name or name in seen:
            raise FeatureError(f"the id {name!r:.60} occurs twice" if name else "the id is empty",
                               where=f"{path}, row {i + 1}", remedy="Give every utterance an id of its own.")
        seen.add(name)
    if not {"id", "turn", "file"} & used.keys():  # a conversation to predict: counted as `erclab predict` counts it
        dialogues = used.setdefault("dialogue", ["1"] * len(next(iter(used.values()))))
        used["turn"] = [str(turn) for turn in tablefiles.turns(pd.Series(dialogues))]
    return Rows(path, used, split)


@dataclass(frozen=True)
class Matched:
    """Which file belongs to which utterance.

    Attributes:
        files: N files, None where there is none.
        extra: files that belong to no utterance.
    """

    files: list[Path | None]
    extra: list[Path]


def find(folder: str | Path, suffixes: Sequence[str]) -> list[Path]:
    """The files below a folder with these endings, sorted; hidden ones left out.

    Raises:
        FeatureError: there is no such folder, or no such file in it.
    """
    folder = folder_at(Path(folder).expanduser(), "Give the folder that holds one file per utterance.", FeatureError)
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in suffixes and p.is_file()
                   and not any(part.startswith(".") for part in p.relative_to(folder).parts))
    if not found:
        raise FeatureError("there is no file that can be read", where=folder,
                           remedy=f"It must hold files with the endings {', '.join(suffixes)}.")
    return found


def match(folder: str | Path, files: Sequence[Path], rows: Rows) -> Matched:
    """Give each utterance its file: by its id, or as DIALOGUE_TURN, diaDIALOGUE_uttTURN or DIALOGUE/TURN.

    A name that occurs in several folders is found by the split of the utterance (`train_splits/dia0_utt0.mp4`).

    Args:
        folder: where the files are.
        files: the result of `find`.
        rows: the utterances. A column `file` says the file itself, relative to the folder.

    Raises:
        FeatureError: no file belongs to any utterance, or two belong to one.
    """
    folder = Path(folder).expanduser()
    known: dict[str, list[Path]] = defaultdict(list)
    for path in files:
        relative = path.relative_to(folder)
        for name in {relative.as_posix(), path.name, relative.with_suffix("").as_posix(), path.stem}:
            known[name].append(path)
    matched: list[Path | None] = []
    for i in range(len(rows)):
        names = [rows.columns["file"][i]] if "file" in rows.columns else rows.names(i)
        there = next((known[name] for name in names if name and name in known), [])
        if len(there) > 1:
            words = FOLDERS.get(rows.split_of(i), ())
            near = [p for p in there if any(w in part.lower() for part in p.relative_to(folder).parts[:-1]
                                            for w in words)]
            there = near or there
        if len(there) > 1:
            raise FeatureError(f"two files could be {rows.label(i)!r}: {there[0].relative_to(folder)} and "
                               f"{there[1].relative_to(folder)}", where=folder,
                               remedy="Leave one of them out, or name the file in a column 'file' of the table.")
        matched.append(there[0] if there else None)
    if not any(matched):
        called = " or ".join(rows.names(0)[:2]) or "nothing (give it a column id, or dialogue and turn)"
        raise FeatureError(f"none of its {len(files)} files belongs to one of the {len(rows)} utterances", where=folder,
                           remedy=f"A file is called {files[0].relative_to(folder)}, the first utterance {called}.")
    used = set(matched)
    return Matched(matched, [p for p in files if p not in used])


def unnamed(folder: str | Path, files: Sequence[Path]) -> tuple[Rows, Matched]:
    """The utterances where there is no table: one per file, its id the file's name.

    Raises:
        UsageError: two files have the same name without its ending.
    """
    folder = Path(folder).expanduser()
    names = [path.stem for path in files]
    if len(set(names)) < len(names):
        names = [path.relative_to(folder).with_suffix("").as_posix() for path in files]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UsageError(f"two files are called {twice!r}", where=folder, remedy="Rename one, or give a table "
                         "(--table; table in Python).")
    return Rows(folder, {"id": names}), Matched(list(files), [])
