"""Visual features from other programs: tables with a row per video frame, such as those of OpenFace.

OpenFace 2 (Baltrušaitis et al. 2018, "OpenFace 2.0: Facial Behavior Analysis Toolkit") writes one csv per video with
facial action units (Ekman and Friesen 1978): their intensity (`_r`, 0 to 5) and presence (`_c`, 0 or 1), and the
confidence of the tracker. erclab reads the csv and does not need OpenFace.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from erclab.core.errors import FeatureError, UsageError, unknown
from erclab.core.progress import bar
from erclab.features import cache as stored
from erclab.features.csvtable import Csv

INTENSITIES = tuple(f"AU{n:02d}_r" for n in (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45))
PRESENCES = tuple(f"AU{n:02d}_c" for n in (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 28, 45))
ACTION_UNITS = INTENSITIES + PRESENCES  # 17 + 18
CONVENTION = "openface-1"  # part of the cache keys: change it whenever the code changes the numbers


class Faces(NamedTuple):
    """Frames of faces, packed without padding.

    Attributes:
        values: (sum of L, D) float32; file i is `values[starts[i]:starts[i + 1]]`.
        starts: (N + 1,) int64.
        rate: frames per second; 0 if it is unknown, differs between files, or is meaningless because frames were
            dropped.
        kept: (N,) share of each file's frames in which the face was found with enough confidence.
    """

    values: np.ndarray
    starts: np.ndarray
    rate: float
    kept: np.ndarray


def read_openface(paths: Sequence[str | Path], *, columns: Sequence[str] = ACTION_UNITS, confidence: float = 0.8,
                  unsure: str = "drop", progress: bool = True) -> Faces:
    """The action units of videos, from csv files of OpenFace 2 (`FeatureExtraction`).

    Args:
        paths: N csv files, one per utterance.
        columns: D columns to read, by default the 17 intensities and 18 presences of action units. The files also have
            gaze (`gaze_*`) and head pose (`pose_T*` in mm, `pose_R*` in radians).
        confidence: the smallest confidence of the tracker, 0 to 1, of a sure frame; its `success` must be 1, too.
        unsure: "drop" removes all other frames; "zero" keeps them as rows of zeros, so that frames stay evenly spaced.
        progress: show a bar on stderr (`TQDM_DISABLE=1` hides it, too).

    Returns:
        The packed frames; a file without a sure frame has a sequence of length 0 (or of zeros).

    Raises:
        FeatureError: a file cannot be read or has invalid values; one line with file, line and column.
        UsageError: a single path, no columns, a confidence outside [0, 1], or an unknown value of `unsure`.
    """
    paths = _several(paths, "csv files")
    if not 0 <= confidence <= 1:
        raise UsageError(f"the confidence is {confidence}", where="confidence", remedy="Give a number from 0 to 1.")
    if unsure not in ("drop", "zero"):
        raise unknown("way with unsure frames", unsure, ("drop", "zero"))
    parts, kept, rates, dropped = [], [], [], False
    for path in bar(paths, desc="OpenFace", progress=progress):
        values, sure, rate = _openface(path, columns, confidence)
        parts.append(values[sure] if unsure == "drop" else values)
        kept.append(sure.mean() if len(sure) else 0.0)
        rates.append(rate)
        dropped |= unsure == "drop" and not sure.all()
    starts = np.concatenate([[0], np.cumsum([len(x) for x in parts])]).astype(np.int64)
    values = np.concatenate([np.empty((0, len(columns)), np.float32), *parts])
    known = [rate for rate in rates if rate]
    same = known and max(known) - min(known) <= 0.01 * min(known)
    return Faces(values, starts, float(np.median(known)) if same and not dropped else 0.0, np.array(kept, np.float64))


def is_openface(path: str | Path) -> bool:
    """Whether a csv file has the columns that OpenFace's FeatureExtraction writes.

    Raises:
        FeatureError: it cannot be read.
    """
    return {"frame", "timestamp", "confidence", "success"} <= set(Csv(path).names)


def extract(paths: Sequence[str | Path | None], *, columns: Sequence[str] = ACTION_UNITS, confidence: float = 0.8,
            cache: str | Path | None = None, progress: bool = True) -> list[np.ndarray | FeatureError | None]:
    """The sure frames of each file of OpenFace, (L, D) float32, or the error that says why there are none.

    Args:
        paths: N csv files, or None where an utterance has none; such a None is returned.
        columns: as for `read_openface`.
        confidence: as for `read_openface`.
        cache: folder for results, by default `visual` in erclab's cache; an interrupted call goes on from there.
        progress: show a bar on stderr.

    Raises:
        FeatureError: the cache folder cannot be written.
        UsageError: as `read_openface`.
    """
    if not 0 <= confidence <= 1:
        raise UsageError(f"the confidence is {confidence}", where="confidence", remedy="Give a number from 0 to 1.")
    folder = stored.folder_for("visual", cache)
    stored.prepare(folder)
    found: list[np.ndarray | FeatureError | None] = []
    for path in bar(_several(paths, "csv files"), desc="OpenFace", progress=progress):
        if path is None:
            found.append(None)
            continue
        try:
            data = Path(path).read_bytes()
            request = stored.key(CONVENTION, ",".join(columns), str(confidence), hashlib.sha256(data).digest())
            kept = stored.fetch(folder, request)
            if kept is None or {*kept} != {"values"}:
                values, sure, _ = _openface(path, columns, confidence)
                kept = {"values": values[sure]}
                stored.store(folder, request, kept)
            found.append(kept["values"] if len(kept["values"]) else FeatureError(
                f"no frame has a face with a confidence of {confidence:g}", where=str(path)))
        except FeatureError as error:
            if error.where == str(folder):  # a cache that cannot be written is no fault of the file
                raise
            found.append(error)
        except OSError as error:
            found.append(FeatureError(f"the file cannot be read ({error.strerror})", where=str(path)))
    return found


def functionals(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Mean and standard deviation over the frames of each sequence: (N, 2D) float32, the D means first.

    Args:
        values: (sum of L, D) packed frames, without rows of zeros for unsure frames.
        starts: (N + 1,) the first row of each sequence, and the end of the last one.

    Returns:
        A sequence without frames lacks the modality and has a row of zeros; a single frame has a deviation of 0.
    """
    out = np.zeros((len(starts) - 1, 2 * values.shape[1]), np.float32)
    for i, (a, b) in enumerate(pairwise(starts)):
        if b > a:
            x = values[a:b].astype(np.float64)
            out[i] = np.concatenate([x.mean(0), x.std(0)])
    return out


def read_table(path: str | Path, columns: Sequence[str] | None = None) -> np.ndarray:
    """Columns of a csv file with a header: (L, D) float32, a row per line.

    Args:
        path: a file in UTF-8, separated by commas. Spaces around names and numbers are ignored.
        columns: D names in the order of the result; by default every column.

    Raises:
        FeatureError: the file cannot be read, lacks a column, or contains a value that is not a finite number.
    """
    table = Csv(path)
    wanted = table.names if columns is None else columns
    places = table.places(wanted)
    rows = [[table.number(line, row, place) for place in places] for line, row in table]
    return np.array(rows, np.float32).reshape(len(rows), len(wanted))


def _openface(path: str | Path, columns: Sequence[str], confidence: float) -> tuple[np.ndarray, np.ndarray, float]:
    """(L, D) float32 with zeros in unsure frames, (L,) bool sure frames, and frames per second (0: unknown)."""
    table = Csv(path)
    places = table.places(columns)
    frame, time, certainty, success = table.places(["frame", "timestamp", "confidence", "success"])
    face = table.names.index("face_id") if "face_id" in table.names else None
    rows, sure, frames, times, faces = [], [], [], [], set()
    for line, row in table:
        frames.append(table.number(line, row, frame))
        times.append(table.number(line, row, time))
        faces.add(row[face].strip() if face is not None else "")
        if len(faces) > 1:
            raise FeatureError(f"there are several faces (face_id {', '.join(sorted(faces))})", where=f"{path}, "
                               f"line {line}", remedy="Give one file per face: OpenFace's FeatureExtraction.")
        if len(frames) > 1 and not (frames[-1] > frames[-2] and times[-1] >= times[-2]):
            raise FeatureError(f"frame {frames[-1]:g} ({times[-1]:g} s) follows frame {frames[-2]:g} ({times[-2]:g} s)",
                               where=f"{path}, line {line}", remedy="Frames must be in order; were two files joined?")
        trust = table.number(line, row, certainty)
        if not 0 <= trust <= 1:
            raise FeatureError(f"the confidence is {trust:g}", where=f"{path}, line {line}",
                               remedy="It must be from 0 to 1; is the column another one?")
        sure.append(trust >= confidence and table.number(line, row, success) == 1)
        # In frames without a face the fields of OpenFace may not be numbers.
        rows.append([table.number(line, row, p) for p in places] if sure[-1] else [0.0] * len(places))
    values = np.array(rows, np.float32).reshape(len(rows), len(columns))
    span = times[-1] - times[0] if len(times) > 1 else 0.0  # timestamps are rounded to ms, so not their differences
    return values, np.array(sure, bool), (frames[-1] - frames[0]) / span if span > 0 else 0.0


def _several(paths: Sequence[Any], kind: str) -> list[Any]:
    if isinstance(paths, str | Path):
        raise UsageError(f"a single path was given for the {kind}", remedy="Give a list of paths.")
    return list(paths)
