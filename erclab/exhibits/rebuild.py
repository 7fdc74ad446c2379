"""Everything that the repository derives from its records, made again without training and compared with what is there.

A part is a folder of stored exhibits, or the verdicts on the claims. Tables and verdicts are compared byte for byte.
Figures are drawn again and compared byte for byte as well, but another version of matplotlib draws other bytes, so that
a difference is told and is no failure. What is itself a record is the source and is not made again: `SOURCES`.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd

from erclab import corpora
from erclab.claims import book as books
from erclab.claims import multiverse
from erclab.core import paths
from erclab.core.errors import ErclabError, RunError, unknown
from erclab.core.storage import write_atomically
from erclab.core.storing import storing
from erclab.corpora import CORPORA, Corpus
from erclab.exhibits import catalogue, packs
from erclab.exhibits.catalogue import Exhibit
from erclab.exhibits.store import Store
from erclab.published.claims import book
from erclab.runs import Record, looks

SOURCES = {
    "*.json": "records of runs", "exhibits/*/runs.zip": "what exhibits read of their runs",
    "claims/*/*": "evidence of claims", "readers/*.json": "readers that were trained (tools/readers.py)",
    "protocol/*/*": "runs of the protocol audit, and readers without a play (tools/protocol.py)",
    "bench/*.json": "times that were measured"}
SAME, DIFFERS, FAILED, NO_DATA = "same", "differs", "failed", "needs the corpus's folder"
TABLE, FIGURE, VERDICTS, REPORT = "table", "figure", "verdicts", "report"


@dataclass(frozen=True)
class Made:
    """A file that was made again.

    Attributes:
        name: of the exhibit, or the file.
        kind: `TABLE`, `FIGURE`, `VERDICTS` or `REPORT` (pages, see `erclab.reports`).
        state: `SAME`, `DIFFERS`, `FAILED`, or `NO_DATA` of a corpus that is not embedded.
        detail: why it failed, or where the stored file differs.
        older: what made its records and looks and is older than today's code.
    """

    name: str
    kind: str
    state: str
    detail: str = ""
    older: tuple[str, ...] = ()

    @property
    def wrong(self) -> bool:
        """Whether a check fails by it: a figure whose bytes differ is only told."""
        return self.state == FAILED or (self.kind != FIGURE and self.state == DIFFERS)


def part_names() -> list[str]:
    """The names of all parts: the folders of exhibits, such as "simulated-smoke", then `VERDICTS`."""
    places = sorted((paths.results_dir() / "exhibits").glob("*-*"))
    return [*(place.name for place in places if place.is_dir()), VERDICTS]


def known(part: str) -> None:
    """Refuse a name that is no part.

    Raises:
        UsageError: names the parts.
    """
    if part not in part_names():
        raise unknown("part", part, part_names())


def whole(part: str, *, write: bool = False) -> list[Made]:
    """Make a part again and compare it with what is stored.

    Args:
        part: one of `part_names()`.
        write: also store what was made.

    Raises:
        UsageError: there is no such part.
    """
    known(part)
    try:
        return list(_verdicts(write) if part == VERDICTS else _exhibits(paths.results_dir() / "exhibits" / part, write))
    except ErclabError as error:  # the other parts are still made
        return [Made(part, TABLE, FAILED, str(error))]


def _exhibits(folder: Path, write: bool) -> Iterator[Made]:
    name, _, _ = folder.name.rpartition("-")
    store, pack = Store(folder), packs.Pack(folder / packs.FILE)
    read = cache(lambda text_as: corpora.load(name, text_as=text_as))
    for exhibit in catalogue.find():
        stored = [path for kind in ("csv", "png") if (path := folder / f"{exhibit.id}.{kind}").exists()]
        if not stored:
            continue
        kind = TABLE if stored[0].suffix == ".csv" else FIGURE
        if CORPORA[name].needs_data:
            yield Made(exhibit.id, kind, NO_DATA)
            continue
        try:
            groups = pack.records(exhibit.id)
            if groups is None:
                raise RunError("its runs are not among the kept ones", where=pack.path, remedy="Keep them: erclab "
                                 f"exhibits {exhibit.id} --corpus {name} --train --keep.")
            with looks.noting() as reads:
                corpus = read(exhibit.text_as)
                made = exhibit.make(*_given(exhibit, corpus, groups))
            content = store.content(made)
        except ErclabError as error:
            yield Made(exhibit.id, kind, FAILED, str(error))
            continue
        path = store.path(exhibit.id, made)
        yield _compared(exhibit.id, kind, path, content, _older(groups, reads))
        if write:
            with storing("the exhibit", path, "Free some space."):
                write_atomically(path, content)


def _given(exhibit: Exhibit, corpus: Corpus, groups: catalogue.Groups) -> tuple:
    first, *second = exhibit.corpora(corpus)
    return (first, groups, *second)


def _older(groups: dict[str, list[Record]], reads: looks.Reads) -> tuple[str, ...]:
    """The models, and the functions of analyses, whose code has changed since records and looks were made."""
    models = {r.spec["model"] for some in groups.values() for r in some if r.older}
    functions = {name.partition(" ")[0] for found in reads.looks.values() for name, one in found.items()
                 if looks.older_code(name, one)}
    return (*sorted(models), *sorted(functions))


def _verdicts(write: bool) -> Iterator[Made]:
    """The verdicts from the evidence beside them, and those under other choices."""
    folder = books.folder()
    path = folder / books.FILE
    if not path.exists():
        return
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch) / "claims"
        place.mkdir()
        shutil.copy2(path, place)
        for corpus in (one for one in folder.iterdir() if one.is_dir()):
            (place / corpus.name).symlink_to(corpus.resolve(), target_is_directory=True)
        books.judge_again(book(), place)
        content = (place / books.FILE).read_bytes()
    again = multiverse.of_corpora(book(), multiverse.judged_corpora(), again=True)
    for file, made in ((path, content), (folder / multiverse.FILE, multiverse.as_text(again).encode())):
        yield _compared(file.name, VERDICTS, file, made)
        if write:
            with storing("verdicts", file, "Free some space."):
                write_atomically(file, made)


def _compared(name: str, kind: str, path: Path, content: bytes, older: tuple[str, ...] = ()) -> Made:
    stored = path.read_bytes() if path.exists() else b""
    if stored == content:
        return Made(name, kind, SAME, "", older)
    where = str(path)
    if name == books.FILE:
        where += f", {_fields(stored, content)}"
    if kind == TABLE:
        lines = [(i, a, b) for i, (a, b) in enumerate(_lines(stored, content), 1) if a != b]
        where += f", line {lines[0][0]}: stored {lines[0][1][:80]!r}, made {lines[0][2][:80]!r}" if lines else ""
    return Made(name, kind, DIFFERS, where, older)


def _fields(stored: bytes, content: bytes) -> str:
    """In words, the fields in which verdicts differ, each with the number of verdicts."""
    try:
        one, other = ({(v["claim"], v["version"], v["corpus"]): v for v in json.loads(x)} for x in (stored, content))
    except (ValueError, KeyError, TypeError) as error:
        return f"the stored file cannot be read ({type(error).__name__}: {error})"
    changed = Counter(name for key in one.keys() & other.keys() for name in one[key].keys() | other[key].keys()
                      if one[key].get(name) != other[key].get(name))
    words = [f"{count} differ in {name}" for name, count in sorted(changed.items())]
    words += [f"{len(some)} {what}" for some, what in ((one.keys() - other.keys(), "only stored"),
                                                       (other.keys() - one.keys(), "only made")) if some]
    return f"of {len(other)} verdicts {', '.join(words) or 'none in content'}"


def _lines(stored: bytes, content: bytes) -> Iterator[tuple[str, str]]:
    one, other = (x.decode("utf-8", "replace").splitlines() for x in (stored, content))
    longest = max(len(one), len(other))
    return zip(one + [""] * (longest - len(one)), other + [""] * (longest - len(other)), strict=True)


def part_line(part: str, made: list[Made]) -> str:
    """One line of a part: how many tables and figures were made, and how many are as stored; and stale pages."""
    words = []
    for kind, name in ((TABLE, "tables"), (FIGURE, "figures"), (VERDICTS, "files of verdicts")):
        some = [one for one in made if one.kind == kind]
        if some:
            same = sum(one.state == SAME for one in some)
            words.append(f"{len(some)} {name}, {same} equal in bytes")
    stale = sum(one.kind == REPORT for one in made)
    return f"{part}: {'; '.join(words) or (f'{stale} pages differ' if stale else 'nothing differs')}"


def told(made: list[Made]) -> list[str]:
    """A line per file that differs or failed, and per file whose records are older than today's code."""
    lines = [f"  {one.name}: {one.state}" + (f", {one.detail}" if one.detail else "") for one in made
             if one.state != SAME]
    by: dict[tuple[str, ...], list[str]] = {}
    for one in made:
        if one.older:
            by.setdefault(one.older, []).append(one.name)
    return lines + [f"  {', '.join(names)}: by older code of {', '.join(older)}" for older, names in by.items()]


def as_table(rows: dict[str, list[Made]]) -> pd.DataFrame:
    """All that was made, a row each: part, name, kind, state, detail."""
    return pd.DataFrame([{"part": part, "name": x.name, "kind": x.kind, "state": x.state, "detail": x.detail}
                         for part, made in rows.items() for x in made])
