"""Conversations without labels, as a user has them: a table in a file or a DataFrame, arrays beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd

from erclab.core import tablefiles
from erclab.core.errors import CorpusError, UsageError, some, unknown
from erclab.corpora import MODALITIES, Frames
from erclab.corpora.readers.table_arrays import Source, load_arrays, made_by

Conversations: TypeAlias = str | Path | pd.DataFrame
Vectors: TypeAlias = Mapping[str, np.ndarray | Sequence[np.ndarray] | str | Path]
COLUMNS = ("speaker", "text", "dialogue", "turn", "id")
NEEDED = ("speaker", "text")


@dataclass(frozen=True)
class Table:
    """Conversations as a table.

    Attributes:
        rows: one row per utterance, columns `dialogue`, `turn`, `speaker` and `text`.
        ids: of the utterances, where the table has a column `id`.
        path: the file, where it is one.
        notices: lines about what is there and not used.
    """

    rows: pd.DataFrame
    ids: list[str] | None = None
    path: Path | None = None
    notices: tuple[str, ...] = ()


def read(conversations: Conversations, columns: Mapping[str, str] | None = None, *, needs_text: bool = True) -> Table:
    """The table of conversations.

    Args:
        conversations: a csv or parquet file, or a DataFrame.
        columns: our name -> the table's name, for columns that are called otherwise.
        needs_text: whether a table without the column `text` is refused.

    Raises:
        UsageError: what the table lacks, in one line.
    """
    if not isinstance(columns, Mapping | None):
        raise UsageError(f"columns are a {type(columns).__name__}", remedy='Give {"text": "Utterance"}: our name, then '
                         "that of the table.")
    for name in columns or {}:
        if name not in COLUMNS:
            raise unknown("column", name, COLUMNS)
    path = Path(conversations).expanduser() if isinstance(conversations, str | Path) else None
    where, notices = str(path or "the table"), list[str]()
    if path is not None:
        raw = _file(path, notices)
    elif isinstance(conversations, pd.DataFrame):
        raw = tablefiles.cells(conversations)
    else:
        raise UsageError(f"conversations are a {type(conversations).__name__}",
                         remedy="Give a DataFrame, or the path of a csv or parquet file.")
    if not len(raw):
        raise UsageError("there is no utterance", where=where, remedy="Write one row per utterance.")
    used = {name: (columns or {}).get(name, name) for name in COLUMNS}
    used = {ours: theirs for ours, theirs in used.items() if theirs in raw or ours in (columns or {})}
    absent = [used.get(c, c) for c in (*NEEDED, *used) if used.get(c) not in raw and (c != "text" or needs_text)]
    if absent:
        names = ", ".join(dict.fromkeys(absent))
        raise UsageError(f"the column{'s' * (',' in names)} {names} {'are' if ',' in names else 'is'} missing",
                         where=where, remedy=f"It has {', '.join(map(str, raw.columns))[:120]}. Say which column is "
                         'which: --columns text=Utterance (in Python: columns={"text": "Utterance"}).')
    twice = [theirs for theirs in used.values() if list(raw.columns).count(theirs) > 1]
    if twice:
        raise UsageError(f"the column {twice[0]} occurs twice", where=where, remedy="Remove or rename one of the two.")
    get = {ours: raw[theirs] for ours, theirs in used.items()}
    text = get.get("text", pd.Series([""] * len(raw)))
    rows = pd.DataFrame({"speaker": get["speaker"], "text": text.mask(text.isin(tablefiles.WRITTEN), "")})
    rows["dialogue"] = get.get("dialogue", pd.Series(["1"] * len(raw)))
    rows["turn"] = _turns(get.get("turn"), rows["dialogue"], where)
    rest = [str(c) for c in raw.columns if c not in used.values()]
    if rest:
        notices.append(f"not read of {where}: the column{'s' * (len(rest) > 1)} {', '.join(rest)[:120]}")
    return Table(rows, list(get["id"]) if "id" in get else None, path, tuple(notices))


def _turns(given: pd.Series | None, dialogue: pd.Series, where: str) -> pd.Series:
    if given is None:
        return tablefiles.turns(dialogue)
    bad = ~given.str.fullmatch("[0-9]{1,9}")
    if bad.any():
        raise UsageError(f"turn {given[bad].iloc[0][:40]!r} is not a whole number", where=where,
                         remedy="Count turns from 0, or leave the column out: the order of the rows then counts.")
    return given.astype("int64")


def _file(path: Path, notices: list[str]) -> pd.DataFrame:
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise UsageError(f"'{path.suffix}' is no kind of file that is read", where=str(path),
                         remedy="Give a csv or parquet file (in Python also a DataFrame).")
    return tablefiles.read(path, notices, error=UsageError)[0]


def arrays(table: Table, given: Vectors, read: Sequence[str], makers: Mapping[str, str]
           ) -> tuple[dict[str, np.ndarray | Frames], list[str]]:
    """Modality -> its arrays, in the order of the table, those of files included; and lines about files beside the
    table that are not read.

    Files beside a table are NAME.audio.npz (of NAME.csv) or audio.npz, and so for each modality.

    Args:
        given: arrays, or files of arrays.
        read: the modalities whose arrays the run reads.
        makers: modality -> what made the features of training, where it is known.

    Raises:
        UsageError: a file is broken, does not fit the table, or was made by something else than those of training.
    """
    found, notices = dict(given), []
    if table.path is not None:
        for m in MODALITIES:
            beside = [p for name in (f"{table.path.stem}.{m}", m) for end in (".npz", ".npy")
                      if (p := table.path.with_name(name + end)).is_file()]
            if beside and m in read and m not in given:
                found[m] = beside[0]
                beside = beside[1:]
            notices += [f"not read: {p}" for p in beside if p not in map(_path, given.values())]
    for m, x in found.items():
        maker = made_by(path) if (path := _path(x)) and path.is_file() else ""
        if maker and makers.get(m, maker) != maker:
            raise UsageError(f"the {m} was made by {maker[:60]}, that of training by {makers[m][:60]}", where=path,
                             remedy="Make the features as those of training were made (erclab features).")
    try:
        return {m: load_arrays(Source(m, p, ""), len(table.rows), table.ids, str(table.path or "the table"), notices)
                if (p := _path(x)) else x for m, x in found.items()}, notices
    except CorpusError as error:
        raise error.recast(UsageError) from None


def _path(x: object) -> Path | None:
    return Path(x).expanduser() if isinstance(x, str | Path) else None


def seated(rows: pd.DataFrame, roles: Sequence[str], most: int | None) -> tuple[pd.DataFrame, list[str]]:
    """The table with speakers that a model can tell apart, and lines about those who were given another's place.

    Args:
        roles: the speakers of training; others take the free roles in the order in which they appear, dialogue by
            dialogue. Empty: speakers are numbered within each dialogue, and any name will do.
        most: how many speakers the model tells apart; the surplus ones share the last place. None: any number.
    """
    limit = len(roles) if roles else most
    if limit is None:
        return rows, []
    places, moved = {}, dict[str, None]()
    for dialogue, names in rows.groupby("dialogue", sort=False)["speaker"]:
        there = list(dict.fromkeys(names))
        free = [r for r in roles if r not in there] if roles else there[:limit]
        for name in there:
            place = name if name in (roles or free) else free.pop(0) if roles and free else (roles or free)[-1]
            places[dialogue, name] = place
            if place != name:
                moved[f"{name} as {place}"] = None
    if not moved:
        return rows, []
    knows = f"the speakers {', '.join(roles)}" if roles else f"{limit} speakers in a dialogue"
    speaker = [places[key] for key in zip(rows["dialogue"], rows["speaker"], strict=True)]
    return rows.assign(speaker=speaker), [f"the model tells {knows} apart, so it reads {some([*moved], 6)}"]
