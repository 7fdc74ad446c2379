"""The general import: a table of utterances (csv or parquet) with arrays (npz or npy) beside it.

A corpus without a reader of its own can be converted into this form. `table_examples` shows three.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from erclab.core import tablefiles
from erclab.core.errors import CorpusError, UsageError, unknown
from erclab.corpora import missing
from erclab.corpora.corpus import Corpus
from erclab.corpora.frames import Frames
from erclab.corpora.readers.arrays import find
from erclab.corpora.readers.beside import unread
from erclab.corpora.readers.table_arrays import TAKEN, Source, load_arrays, made_by, sources
from erclab.corpora.readers.table_tasks import Found, Scale, Targets, asked
from erclab.corpora.readers.where import Where
from erclab.corpora.vocabulary import ANNOTATIONS, MODALITIES, SPLITS, UNLABELLED
from erclab.features.packing import notice_of_longest

_NEEDED = ("split", "dialogue", "turn")
_NO_SPLIT = " Without splits: --folds N; in Python columns={'split': None}, then folds."
_VALUES = tuple(name for names in ANNOTATIONS.values() for name in names)
COLUMNS = ("id", *_NEEDED, "speaker", "text", "label", *_VALUES)
_SPLITS = {**{s: s for s in SPLITS}, "training": "train", "dev": "valid", "val": "valid", "validation": "valid",
           "devel": "valid"}

FILLS = ("refuse", "median", "zero")

ArraySpec = str | tuple[str, str]


def read(folder: Path, columns: Mapping[str, str] | None = None,
         arrays: Mapping[str, ArraySpec | list[ArraySpec]] | None = None, labels: Sequence[str] | None = None,
         fill: str = "refuse", *, name: str = "table", file: str | None = None, roles: Sequence[str] = (),
         prepare: Callable[[pd.DataFrame], pd.DataFrame] | None = None, targets: Targets | None = None,
         scale: Scale | None = None, clamp: bool = False, folded: bool = False) -> Corpus:
    """Read `utterances.csv` or `utterances.parquet` and, beside it, `text.npz`, `audio.npz`, `visual.npz` (or `.npy`).

    The table has one row per utterance and the columns

    - `split` (train, valid or test), `dialogue`, `turn` (a whole number, increasing within the dialogue);
    - `speaker` and `text`, if there are any (otherwise all utterances are of one speaker, or have no words);
    - at least one of: `label` (a name; empty, nan, None, N/A or -1: the utterance is only context, see
      `erclab.corpora.missing.labels`), `sentiment` (-3 to 3), `valence`, `arousal`, `expectancy`, `power` (some of
      them), `neutral`, `happy`, `sad`, `angry` (all, each 0 or 1); or own tasks, see `targets`;
    - `id`, if the arrays are to be matched by name. Others are kept as text.

    An npz file has `X`: (N, D), a vector per utterance, or (N, L, D), sequences padded with zeros at their end; or
    `values` (all frames, D) and `starts` (N + 1): utterance i is values[starts[i]:starts[i + 1]]; an npy file is `X`
    alone. Row i belongs to row i of the table as the file orders it; with `ids` (N,) in the npz, rows are matched with
    the column `id` instead. An npz may also have one array (D,) or (L, D) per utterance, under its id. Zeros alone mean
    that the modality is missing. `Corpus.notices` names what lies beside the table and was not read.

    Args:
        folder: where the files are, or the table itself.
        columns: our name -> the table's name of it, such as {"dialogue": "video"}; None for one not to be used. With
            None for `split` all utterances are in train, for `erclab.corpora.folds`.
        arrays: modality -> "file.npz:key", (file, key), "file.npz" or "file.npy"; a list gives a modality vectors
            and frames. By default the three files above that exist.
        labels: the emotions in the order of their indices; by default the names that occur, sorted: whole numbers as
            numbers, other names as text.
        fill: what to do with NaN and infinite values in vectors and frames: "refuse", or replace them by "zero" or by
            the "median" of the feature over the training utterances (of sequences, over their frames).
            `Corpus.source` says how many were.
        name: of the corpus.
        file: the name of the table, if it is another.
        roles: speakers that mean the same in every dialogue.
        prepare: gets the table, all columns text, and returns it with columns added or changed, rows as they were.
        targets: own tasks, "NAME" or "NAME:KIND" -> columns of the table, such as {"traits": ["open", "kind"],
            "emotions:present": ["happy", "sad"]}. `erclab.corpora.readers.table_tasks` has the kinds.
        scale: (lowest, highest) of the sentiment, or without one of the own numbers; or task -> (lowest, highest). By
            default the sentiment lies in [-3, 3], and own numbers have no bounds.
        clamp: set numbers outside the scale to its nearer end; a notice says how many.
        folded: for cross-validation: a table without a column `split` is read as with None for `split`.

    Raises:
        CorpusError: one line with the file, the line in it, what is wrong and what to do.
        UsageError: an unknown modality, column of ours or kind of `fill`.
    """
    if fill not in FILLS:
        raise unknown("fill", fill, FILLS)
    asked(targets, scale)  # a mistake in these is told before the files are read
    for what, given in (("columns", columns), ("arrays", arrays)):
        if given is not None and not isinstance(given, Mapping):
            raise UsageError(f"{what} are a {type(given).__name__}", remedy=f"In Python a dictionary, such as {what}="
                             + ('{"dialogue": "Dialog_ID"}.' if what == "columns" else '{"audio": "features.npz:X"}.'))
    columns = {ours: theirs if theirs is None else str(theirs) for ours, theirs in (columns or {}).items()}
    labels = labels.split(",") if isinstance(labels, str) else [str(name) for name in labels or ()]
    for key in columns or {}:
        if key not in COLUMNS:
            raise unknown("column", key, COLUMNS)
    for key in arrays or {}:
        if key not in MODALITIES:
            raise unknown("modality", key, MODALITIES)
    path = find(Path(folder), (file,) if file else tablefiles.FILES)
    notices: list[str] = []
    raw, lines = tablefiles.read(path, notices)
    at = Where(path, lines)
    if prepare:
        raw = prepare(raw)
    if folded and "split" not in {*raw.columns, *(columns or {})}:
        columns = {**(columns or {}), "split": None}
    used = _choose(raw, columns or {}, path, bool(targets))
    table, labels = _interpret(raw, used, labels, at, notices)
    tasks = Found({c: raw[used[c]].astype("str") for c in _VALUES if c in used}, raw, at, targets, scale, clamp,
                  alone="label" not in used)
    notices += tasks.notices
    if not labels and not tasks.annotations:
        raise CorpusError(f"the column {used['label']} has no label in any row", where=at(),
                          remedy="Fill it in, or name another column (--columns label=NAME; in Python columns).")
    ids = raw[used["id"]].tolist() if "id" in used else None

    vectors: dict[str, np.ndarray] = {}
    frames: dict[str, Frames] = {}
    encoders: dict[str, str] = {}
    notes = []
    found = sources(path.parent, arrays)
    for source in found:
        data = load_arrays(source, len(table), ids, path.name, notices)
        train = table["split"].to_numpy() == "train"
        if isinstance(data, Frames):
            values, note = _fill(data.values, fill, train, source, at, np.repeat(np.arange(len(data)), data.lengths))
            data = frames[source.modality] = replace(data, values=values)
            line = notice_of_longest(data.lengths, [f"{d}, turn {t}" for d, t in zip(table["dialogue"], table["turn"],
                                                                                    strict=True)])
            notices += [f"{source.path.name}: {x}" for x in line]
        else:
            vectors[source.modality], note = _fill(data, fill, train, source, at)
        notes += note
        if maker := made_by(source.path):
            encoders[source.modality + " frames" * isinstance(data, Frames)] = maker
    notices += notes
    notices += unread(path.parent, [path, *(source.path for source in found)], TAKEN)
    # Python's sort is stable: splits, then dialogues as they appear, then turns.
    order = np.lexsort([table["turn"], pd.factorize(table["dialogue"])[0], table["split"].map(SPLITS.index)])
    read_as = {c for task in tasks.annotations for c in ANNOTATIONS.get(task, ())}
    unread_targets = [theirs for ours, theirs in used.items() if ours in _VALUES and ours not in read_as]
    extras = [c for c in raw.columns if c in unread_targets or (c not in used.values() and c not in COLUMNS)]
    extras += ["id"] if "id" in used else []
    table = pd.concat([table, raw.rename(columns={used.get("id"): "id"})[extras]], axis=1)
    return Corpus(name, table.iloc[order].reset_index(drop=True), labels, {m: x[order] for m, x in vectors.items()},
                  tuple(roles), "; ".join([str(path), *notes]), frames={m: f.take(order) for m, f in frames.items()},
                  annotations={t: x[order] for t, x in tasks.annotations.items()}, notices=tuple(notices),
                  encoders=encoders, own_tasks=tasks.own_tasks)


def require(raw: pd.DataFrame, columns: Sequence[str], where: Path, ours: Mapping[str, str] | None = None) -> None:
    """Refuse a table that lacks columns.

    Args:
        ours: our name -> the table's name of it, where a user gave it.
    """
    absent, names = sorted({c for c in columns if c not in raw.columns}), {t: o for o, t in (ours or {}).items()}
    if absent:
        raise CorpusError(f"the table lacks the columns {', '.join(absent)}", where=str(where),
                          remedy=f"It has {', '.join(raw.columns)[:160]}; say with `columns` what is called otherwise "
                                 f"(--columns {names.get(absent[0], absent[0])}=NAME)."
                                 f"{_NO_SPLIT if absent == ['split'] else ''}")


def _choose(raw: pd.DataFrame, columns: Mapping[str, str | None], path: Path, own: bool) -> dict[str, str]:
    """Our name -> the table's name, for the columns that the table has."""
    named = {ours: theirs for ours, theirs in columns.items() if theirs is not None}
    used = {c: c for c in COLUMNS if c in raw.columns and c not in columns and c not in named.values()} | named
    unsplit = ["split"] if columns.get("split", "") is None else []
    require(raw, [*used.values(), *(c for c in _NEEDED if c not in [*used, *unsplit])], path, named)
    if not own and not any(c in used for c in ("label", *_VALUES)):
        raise CorpusError("the table has no labels", where=str(path),
                          remedy=f"It needs one of the columns label, {', '.join(_VALUES)}; or name own ones (--target "
                                 "NAME=COLUMN,COLUMN, in Python targets).")
    return used


def _interpret(raw: pd.DataFrame, used: Mapping[str, str], labels: Sequence[str] | None,
               at: Where, notices: list[str]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Our columns and the names of the labels, rows as in the file."""
    get = {ours: raw[theirs].astype("str") for ours, theirs in used.items()}
    n = len(raw)
    if "split" not in get:
        get["split"] = pd.Series(["train"] * n)
        notices.append("without splits all utterances are in train: cross-validate")
    split = get["split"].str.lower().map(_SPLITS)
    at.refuse(split.isna(), lambda i: f"unknown split {get['split'][i][:40]!r}", f"Use {', '.join(SPLITS)}.")
    at.refuse(~get["turn"].str.fullmatch(r"[0-9]{1,9}(\.0*)?"),
              lambda i: f"turn {get['turn'][i][:40]!r} is not a whole number", "Count turns from 0, without decimals.")
    speaker = get.get("speaker", pd.Series(["speaker"] * n))
    for column, values in (("dialogue", get["dialogue"]), ("speaker", speaker)):
        at.refuse(values.isin(["", *tablefiles.WRITTEN]), lambda i, column=column: f"the {column} is empty",
                  f"Give every utterance a {column}.")
    text = get.get("text", pd.Series([""] * n))
    if count := int(text.isin(tablefiles.WRITTEN).sum()):
        notices.append(f"{count:,} texts are nan, which programs write for none, and count as empty")
    turn = get["turn"].str.partition(".")[0].astype("int64")
    table = pd.DataFrame({"split": split, "dialogue": get["dialogue"], "turn": turn, "speaker": speaker,
                          "text": text.mask(text.isin(tablefiles.WRITTEN), ""), "label": UNLABELLED})
    twice = table.duplicated(["dialogue", "turn"])
    at.refuse(twice, lambda i: f"dialogue {table['dialogue'][i]}, turn {table['turn'][i]} occurs twice",
              "Remove one of the two, or number the turns anew.")
    spread = table.groupby("dialogue")["split"].transform("first") != table["split"]
    at.refuse(spread, lambda i: f"dialogue {table['dialogue'][i]} is in two splits",
              "Put all its utterances into one split.")
    names: tuple[str, ...] = tuple(labels or ())
    if "label" in get:
        table["label"], names, said = missing.labels(get["label"], names, at)
        notices += said
    return table, names if "label" in get else ()


def _fill(x: np.ndarray, fill: str, train: np.ndarray, source: Source, at: Where,
          owner: np.ndarray | None = None) -> tuple[np.ndarray, list[str]]:
    """The vectors, or the frames of all utterances, without NaN and infinite values; and what was done.

    Args:
        x: (S, D).
        train: (N,) whether an utterance is in the training split.
        owner: of frames: (S,) the utterance of each; None: row i is utterance i.
    """
    bad = ~np.isfinite(x)
    if not bad.any():
        return x, []
    frames, owner = owner is not None, np.arange(len(x)) if owner is None else owner
    i, column = np.argwhere(bad)[0]
    if fill == "refuse":
        frame = f" of frame {i - np.searchsorted(owner, owner[i])}" if frames else ""
        raise CorpusError(f"{source.modality} feature {column}{frame} is {x[i, column]}, not a finite float32 number",
                          where=f"{source.path} ({at(owner[i])})",
                          remedy='Impute the value, or use fill="median" or "zero" (--fill median); a row of zeros '
                                 "means that the utterance lacks the modality.")
    count = f"{bad.sum()} values of {len({*owner[bad.any(1)]})} utterances in {source.path.name} set to"
    if fill == "zero":
        return np.where(bad, np.float32(0), x), [f"{count} zero"]
    x = np.where(bad, np.nan, x)
    for c in np.flatnonzero(bad.any(0)):
        known = x[train[owner] & ~bad[:, c], c]
        if not len(known):
            raise CorpusError(f"{source.modality} feature {c} has no value in the training split",
                              where=str(source.path), remedy="Remove this feature.")
        x[bad[:, c], c] = np.median(known)
    return x, [f"{count} training medians"]
