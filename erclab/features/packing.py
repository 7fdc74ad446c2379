"""From features per utterance to the one file that a corpus reads: `audio.npz` with a row per row of the table.

`--corpus table` reads `X` (N, D), or `values` and `starts` for sequences, and matches rows by `ids` where the table has
a column `id`; the reader of MELD reads `train`, `dev` and `test`, each with its ids. `made_by` says what made the
numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from erclab.core.errors import FeatureError, UsageError, unknown
from erclab.core.progress import bar
from erclab.core.storage import write_atomically
from erclab.core.storing import storing
from erclab.features import arrays, onefile, tables, visual
from erclab.features.arrays import Found
from erclab.features.tables import Rows

POOLS = ("mean", "mean-std")
SHORTEN = ("cut", "pool")
SHORT = ("missing", "refuse")
FAR = 2  # an utterance this many times as long as the 99th percentile is named


@dataclass(frozen=True, eq=False, repr=False)
class Packed:
    """Features of all utterances, and what was found on the way.

    Attributes:
        vectors: part -> (N, D) float32, a row of zeros where the utterance lacks the modality. The part is "", or
            "train", "dev", "test" for MELD. Empty for sequences.
        values: (sum of L, D) float32, None for vectors; utterance i is `values[starts[i]:starts[i + 1]]`.
        starts: (N + 1,) int64, None for vectors.
        ids: part -> N names by which a reader finds the rows; without those of a table that has no column `id`.
        missing: utterance -> why it lacks the modality.
        extra: files that belong to no utterance.
        notices: lines about what was left out, shortened, or looks suspicious.
        made_by: what made the numbers.
    """

    vectors: Mapping[str, np.ndarray]
    values: np.ndarray | None
    starts: np.ndarray | None
    ids: Mapping[str, list[str]]
    missing: Mapping[str, str] = field(default_factory=dict)
    extra: Sequence[str] = ()
    notices: Sequence[str] = ()
    made_by: str = ""

    def __len__(self) -> int:
        """The number of utterances."""
        return sum(map(len, self.vectors.values())) if self.starts is None else len(self.starts) - 1

    @property
    def described(self) -> str:
        """The kind and size of the arrays."""
        if self.values is None or self.starts is None:
            return f"{len(self)} utterances, vectors of {next(iter(self.vectors.values())).shape[1]} numbers"
        return (f"{len(self)} utterances, sequences of {int(np.diff(self.starts).max(initial=0))} frames at most, "
                f"{self.values.shape[1]} numbers per frame")

    def __repr__(self) -> str:
        """One line per kind of finding, ten lines at most."""
        lines = [self.described]
        lines += [f"missing: {len(self.missing)}, such as {name} ({why})" for name, why in [*self.missing.items()][:1]]
        lines += [f"not used: {len(self.extra)} files, such as {self.extra[0]}"] if self.extra else []
        return "\n".join([*lines, *(f"note: {line}" for line in self.notices)][:10])

    def save(self, path: str | Path, *, replace: bool = False) -> Path:
        """Write the npz file.

        Args:
            path: such as `audio.npz`, beside the table.
            replace: also a file that `erclab.features` has not made.

        Raises:
            UsageError: another's file is there.
            FeatureError: the folder cannot be written.
        """
        path = Path(path).expanduser()
        check_free(path, replace)
        found = dict(self.vectors) if set(self.vectors) - {""} else {"X": self.vectors[""]} if self.vectors else {
            "values": self.values, "starts": self.starts}
        found |= {f"{part}_ids".removeprefix("_"): np.array(names, dtype=str) for part, names in self.ids.items()}
        with storing("the file", path, "Give another place: --out FILE (path in Python).", FeatureError):
            write_atomically(path, lambda file: np.savez(file, **found, made_by=np.array(self.made_by)))
        return path


def check_free(path: Path, replace: bool = False) -> None:
    """Refuse to replace features that somebody else made, before hours of work.

    Raises:
        UsageError: a file is there that `erclab.features` has not made, or the name is not that of an npz file.
    """
    if path.suffix != ".npz":
        raise UsageError("the file must end with .npz", where=path, remedy="A corpus reads text.npz, audio.npz, "
                         "visual.npz.")
    if replace or not path.exists():
        return
    try:
        with np.load(path, allow_pickle=False) as there:
            ours = not isinstance(there, np.ndarray) and "made_by" in there
    except Exception:  # not an npz file
        ours = False
    if not ours:
        raise UsageError("this file is there already, and erclab has not made it", where=path,
                         remedy="Give another one (--out FILE; path in Python), or --replace (replace=True).")


def pack(source: str | Path | Mapping[str, np.ndarray] | Sequence[np.ndarray], table: str | Path | None = None, *,
         frames: bool = False, pool: str = "mean", longest: int | None = None, shorten: str = "cut", key: str = "",
         transpose: bool = False, columns: Mapping[str, str] | None = None, short: str = "missing",
         progress: bool = True) -> Packed:
    """Features of single utterances, as an extractor saved them, in the order of a table.

    Args:
        source: a folder with a file per utterance (npy, npz, pt, mat, csv, csd, h5), named by its id or as
            DIALOGUE_TURN; or one file with an array per utterance (npz, pt, mat; a csd file of the CMU SDK, whose
            videos are cut by the columns `start` and `end` in seconds where the table has them); or an npz file that
            is packed already (`X`, or `values` and `starts`); or the arrays themselves, by id or one per row of the
            table. An array is (D,) or (L, D).
        table: the utterances, see `tables.read`. Without it each file is an utterance, and its name the id.
        frames: keep the sequences; otherwise each becomes a vector.
        pool: how: "mean" over the frames, or "mean-std", which appends the standard deviation.
        longest: the most frames that an utterance may have. Memory of models with attention grows with its square.
        shorten: "cut" keeps the first ones, "pool" averages neighbours.
        key: the name of the array in each file, where it holds several; in one file the name of the array that has a
            row per utterance.
        transpose: the arrays are (D, L).
        columns: our name -> the table's name, see `tables.read`.
        short: "missing" gives an utterance without usable features a row of zeros (no frame); "refuse" raises.
        progress: show a bar on stderr (`TQDM_DISABLE=1` hides it, too).

    Frames with NaN or infinite numbers are left out, and counted in `notices`.

    Raises:
        FeatureError: files cannot be matched or read, or differ in their width; one line with the remedy.
        UsageError: an unknown option.
    """
    rows = tables.read(table, columns) if table is not None else None
    check(rows, frames=frames, pool=pool, longest=longest, shorten=shorten, short=short)
    if not isinstance(source, str | Path):
        given = source if isinstance(source, Mapping) else None
        if rows is None:
            column = "turn" if given is None else "id"
            rows = {"": Rows(Path("the arrays"), {column: [str(n) for n in (range(len(source)) if given is None else
                                                                            given)]})}
        one = rows.get("")
        if one is None or (given is None and len(source) != len(one)):
            raise UsageError(f"{len(source)} arrays are given, and the table has {sum(map(len, rows.values()))} "
                             "utterances", remedy="Give a dictionary id -> array, or one array per row.")
        # A list may hold None, an utterance without features.
        chosen = [next((given[n] for n in one.names(i) if n in given), None) for i in range(len(one))] \
            if given is not None else list(source)  # type: ignore[arg-type]
        found: dict[str, list[Found]] = {"": [None if x is None else arrays.as_sequence(
            x, one.label(i), transpose=transpose) for i, x in enumerate(chosen)]}
        used = {n for i in range(len(one)) for n in one.names(i)}
        extra = [] if given is None else [str(n) for n in given if n not in used]
        made_by = "packed arrays"
    elif Path(source).expanduser().is_file():
        path = Path(source).expanduser()
        found, extra, rows = onefile.read(path, rows, transpose, key)
        made_by = f"packed {path.name}"
    else:
        folder = Path(source).expanduser()
        rows, matched = locate(folder, tables.find(folder, arrays.SUFFIXES), rows)
        found = {part: [_one(p, key, transpose) for p in bar(m.files, desc=f"pack {part}".strip(), progress=progress)]
                 for part, m in matched.items()}
        extra, made_by = unused(folder, matched), f"packed {folder.name}"
    return assemble(rows, found, frames=frames, pool=pool, longest=longest, shorten=shorten, short=short, extra=extra,
                    made_by=made_by + (f", {key}" if key else ""))


def locate(folder: Path, files: Sequence[Path], rows: dict[str, Rows] | None
           ) -> tuple[dict[str, Rows], dict[str, tables.Matched]]:
    """The utterances (without a table one per file), and the file of each."""
    if rows is None:
        named, matched = tables.unnamed(folder, files)
        return {"": named}, {"": matched}
    return rows, {part: tables.match(folder, files, r) for part, r in rows.items()}


def unused(folder: Path, matched: Mapping[str, tables.Matched]) -> list[str]:
    """The files that no part uses, relative to the folder."""
    sets = [set(m.extra) for m in matched.values()]
    return [str(p.relative_to(folder)) for p in sorted(set.intersection(*sets))]


def assemble(rows: Mapping[str, Rows], found: Mapping[str, Sequence[Found]], *, frames: bool = False,
             pool: str = "mean", longest: int | None = None, shorten: str = "cut", short: str = "missing",
             extra: Sequence[str] = (), made_by: str = "", notices: Sequence[str] = ()) -> Packed:
    """One array of the features of every utterance; arguments and errors as `pack`.

    Args:
        rows: part -> its N utterances.
        found: part -> N sequences (L, D), or why there is none (None: there is no file).
        extra: files that belong to no utterance.
        made_by: what made the numbers.
        notices: lines about the whole.
    """
    check(rows, frames=frames, pool=pool, longest=longest, shorten=shorten, short=short)
    missing: dict[str, str] = {}
    notices = list(notices)
    kept: dict[str, list[np.ndarray]] = {}
    width, first, dropped = 0, "", [0, 0]
    for part, r in rows.items():
        kept[part] = []
        for i, x in enumerate(found[part]):
            label = f"{part} {r.label(i)}".strip()
            x, why, bad = _usable(x)
            if why and short == "refuse":
                raise FeatureError(why, where=label, remedy="Mend the file, or take --short missing (short='missing'): "
                                   "a row of zeros, which means that the utterance lacks the modality.")
            if why:
                missing[label] = why
            elif width and x.shape[1] != width:
                raise FeatureError(f"it has {x.shape[1]} numbers per frame, {first} has {width}", where=label, remedy=(
                    "All files need the same features. If an array is (D, L): --transpose (transpose=True)."))
            else:
                width, first = x.shape[1], first or label
            dropped = [dropped[0] + bad, dropped[1] + bool(bad)]
            kept[part].append(x)
    total = sum(map(len, rows.values()))
    if not width:
        name, why = next(iter(missing.items()), ("", "there is no utterance"))
        raise FeatureError(f"none of {total} utterances has features", where=name, remedy=f"{why[0].upper()}{why[1:]}.")
    if dropped[0]:
        notices.append(f"{dropped[0]} frames with NaN or infinite numbers were left out, in {dropped[1]} utterances")
    named = [(f"{part} {r.label(i)}".strip(), len(x)) for part, r in rows.items() for i, x in enumerate(kept[part])]
    if longest is not None:
        over = [n for n, length in named if length > longest]
        if over:
            one = len(over) == 1
            notices.append(f"{len(over)} utterance{'' if one else 's'} had more than {longest} frames and "
                           f"{'was' if one else 'were'} shortened ({shorten})")
            made_by += f", at most {longest} frames ({shorten})"
        kept = {part: [_shorter(x, longest, shorten) for x in xs] for part, xs in kept.items()}
    elif frames:
        notices += notice_of_longest([length for _, length in named], [n for n, _ in named])
    ids = {part: r.ids for part, r in rows.items() if r.ids is not None}
    if not frames:
        vectors = {part: np.stack([_pooled(x, pool, width) for x in xs]) for part, xs in kept.items()}
        return Packed(vectors, None, None, ids, missing, list(extra), notices, made_by)
    starts = np.cumsum([0, *map(len, kept[""])], dtype=np.int64)
    values = np.concatenate([np.empty((0, width), np.float32), *(x for x in kept[""] if len(x))])
    return Packed({}, values, starts, ids, missing, list(extra), notices, made_by)


def check(rows: Mapping[str, Rows] | None, *, frames: bool, pool: str = "mean", longest: int | None, shorten: str,
          short: str) -> None:
    """Refuse options of `pack` that do not exist, before hours of work.

    Raises:
        UsageError: an unknown option, or sequences for MELD.
    """
    for kind, value, known in (("way to pool", pool, POOLS), ("way to shorten", shorten, SHORTEN),
                               ("way with missing files", short, SHORT)):
        if value not in known:
            raise unknown(kind, value, known)
    if longest is not None and longest < 1:
        raise UsageError(f"the longest utterance has {longest} frames", remedy="Give 1 or more.")
    if frames and set(rows or ()) - {""}:
        raise UsageError("the reader of MELD takes vectors", remedy="Leave out --frames or --tokens (frames=True), or "
                         "write MELD as a table with sequences beside it.")


def notice_of_longest(lengths: Sequence[int], names: Sequence[str]) -> list[str]:
    """A line that names the longest utterance where it is much longer than the 99th percentile; else nothing."""
    if len(lengths) < 3:
        return []
    usual, most = int(np.percentile(lengths, 99, method="lower")), int(np.argmax(lengths))
    if lengths[most] <= FAR * max(usual, 1):
        return []
    return [f"{names[most]} has {lengths[most]} frames, the 99th percentile is {usual}; memory of models with "
            f"attention grows with its square. `erclab features` with --longest {usual} shortens it (in Python "
            f"longest={usual}); an npz file can be shortened, too: `erclab features pack FILE`"]


def _usable(x: Found) -> tuple[np.ndarray, str, int]:
    """The finite frames, why there is none (or ""), and how many were left out."""
    nothing = np.empty((0, 0), np.float32)
    if x is None:
        return nothing, "there is no file", 0
    if isinstance(x, FeatureError):
        return nothing, x.problem, 0
    good = np.asarray(np.isfinite(x).all(1))
    x = x if good.all() else x[good]
    why = "it has no frame" if not len(good) else "every frame has NaN or infinite numbers" if not len(x) else (
        "" if x.any() else "it has zeros alone")
    return (nothing, why, 0) if why else (x, "", int((~good).sum()))


def _shorter(x: np.ndarray, longest: int, shorten: str) -> np.ndarray:
    """At most `longest` frames."""
    if len(x) <= longest or shorten == "cut":
        return x[:longest]
    edges = np.linspace(0, len(x), longest + 1).round().astype(np.int64)
    return np.stack([x[a:b].mean(0, dtype=np.float64) for a, b in pairwise(edges)]).astype(np.float32)


def _pooled(x: np.ndarray, pool: str, width: int) -> np.ndarray:
    """(D,) or (2 D,), zeros where there is no frame."""
    if pool == "mean-std":
        return visual.functionals(x.reshape(-1, width), np.array([0, len(x)]))[0]
    return x.mean(0, dtype=np.float64).astype(np.float32) if len(x) else np.zeros(width, np.float32)


def _one(path: Path | None, key: str, transpose: bool) -> Found:
    """The features in a file, or why there are none."""
    try:
        return None if path is None else arrays.sequence(path, key, transpose=transpose)
    except FeatureError as error:
        return FeatureError(f"{error.problem} ({path.name if path else ''})", where=error.where, remedy=error.remedy)
