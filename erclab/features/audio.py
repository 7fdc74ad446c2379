"""Acoustic features of sound files: functionals of an utterance, or its descriptors over time.

The set `logmel-prosody` (`prosody`) has an open licence and needs no other package. All other sets are openSMILE's
(Eyben et al. 2010, "openSMILE: the Munich versatile and fast open-source audio feature extractor"), whose licence
allows research and private use only; a product needs a commercial licence. Therefore openSMILE is an extra,
`pip install "erclab[audio]"`, and no other part of erclab needs it.

openSMILE's sets of the field: `eGeMAPSv02`, 88 functionals of 25 descriptors chosen for affect (Eyben et al. 2016,
"The Geneva Minimalistic Acoustic Parameter Set"); `ComParE_2016`, 6373 of 65 (Schuller et al. 2016, "The INTERSPEECH
2016 Computational Paralinguistics Challenge").

Files are wav; others (mp4, mp3, flac, ...) are read where ffmpeg or soundfile is installed, see `sound`.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import joblib
import numpy as np

from erclab.core.errors import FeatureError, UsageError, unknown
from erclab.core.progress import bar
from erclab.features import cache as stored
from erclab.features import prosody, sound

HOP = 0.01  # seconds between low-level descriptors in every feature set, rounded to whole samples
OPEN = "logmel-prosody"  # the set that needs no openSMILE
CONVENTION = "mono-1"  # part of the cache keys: change it whenever the code changes the numbers


def functionals(paths: Sequence[str | Path], feature_set: str = "eGeMAPSv02", *, sampling_rate: int | None = None,
                n_jobs: int = 1, cache: str | Path | None = None, progress: bool = True, short: str = "refuse"
                ) -> np.ndarray:
    """One vector per file: (N, D) float32, D = 88 for eGeMAPSv02, 6373 for ComParE_2016, 101 for logmel-prosody.

    The values are in the set's units (see `names`) and not standardised: they differ by many orders of magnitude.
    Channels are averaged to one; samples beyond full scale are clipped. The vector of each file is stored under the
    content of the file, the feature set and openSMILE's version, so an interrupted call continues with the next file.

    Args:
        paths: N wav files (PCM or float) of at least 0.1 s, one per utterance; see `sound` for other kinds.
        feature_set: "logmel-prosody", or a name in `opensmile.FeatureSet`.
        sampling_rate: resample to this rate in Hz. By default files are not resampled, and files of different rates
            are refused, because their spectra do not cover the same frequencies; logmel-prosody always has 16,000 Hz.
        n_jobs: number of processes; -1 for one per core.
        cache: folder for results, by default `audio` in erclab's cache.
        progress: show a bar on stderr (`TQDM_DISABLE=1` hides it, too).
        short: what to do with a file that is missing, broken, silent or too short: "refuse" raises (silence has
            features), "missing" gives it a row of zeros: the utterance lacks the modality. `extract` has the reasons.

    Raises:
        FeatureError: openSMILE is not installed, a file cannot be analysed, or the cache folder cannot be written;
            one line with the remedy.
        UsageError: an unknown feature set, a single path, a rate below 4000 Hz, 0 jobs, or another value of `short`.
    """
    rows, _ = _extract(paths, feature_set, "Functionals", sampling_rate, n_jobs, cache, progress, _refuses(short))
    nothing = _nothing(feature_set, "Functionals")
    missing = np.zeros((1, nothing.shape[1]), np.float32)
    return np.concatenate([nothing, *(missing if isinstance(x, FeatureError) else x for x in rows)])


def low_level(paths: Sequence[str | Path], feature_set: str = "eGeMAPSv02", *, sampling_rate: int | None = None,
              n_jobs: int = 1, cache: str | Path | None = None, progress: bool = True, short: str = "refuse"
              ) -> tuple[np.ndarray, np.ndarray, float]:
    """The descriptors over time: (values (sum of L, D) float32, starts (N + 1,) int64, frames per second).

    File i is `values[starts[i]:starts[i + 1]]`; D = 25 for eGeMAPSv02, 65 for ComParE_2016, 44 for logmel-prosody.
    There are 100 frames per second (99.8 at 22,050 Hz, where 10 ms are no whole number of samples). A file has a few
    frames less, because windows lie inside the file, and none with `short="missing"` if it cannot be used. Arguments,
    errors and the treatment of files are the same as in `functionals`.
    """
    found, rate = _extract(paths, feature_set, "LowLevelDescriptors", sampling_rate, n_jobs, cache, progress,
                           _refuses(short))
    nothing = _nothing(feature_set, "LowLevelDescriptors")
    sequences = [nothing if isinstance(x, FeatureError) else x for x in found]
    starts = np.concatenate([[0], np.cumsum([len(x) for x in sequences])]).astype(np.int64)
    return np.concatenate([nothing, *sequences]), starts, rate / int(HOP * rate + 0.5) if rate else 1 / HOP


def extract(paths: Sequence[str | Path | None], feature_set: str = OPEN, *, frames: bool = False,
            sampling_rate: int | None = 16000, n_jobs: int = 1, cache: str | Path | None = None,
            progress: bool = True) -> list[np.ndarray | FeatureError]:
    """What each file gives: (1, D) functionals or (L, D) frames, float32, or the error that says why it gives nothing.

    A file gives nothing if it is missing (or the path is None), broken, shorter than 0.1 s, or silent.

    Args:
        paths: N files, or None where an utterance has none.
        feature_set: as for `functionals`, but of an open licence by default.
        frames: descriptors over time, not functionals.
        sampling_rate: all files are resampled to this rate in Hz; None for the rate that they have.
        n_jobs: number of processes; -1 for one per core.
        cache: folder for results, by default `audio` in erclab's cache.
        progress: show a bar on stderr.

    Raises:
        FeatureError, UsageError: as `functionals`, but for single files.
    """
    found, _ = _extract(paths, feature_set, _level(frames), sampling_rate, n_jobs, cache, progress, False)
    return found


def names(feature_set: str = "eGeMAPSv02", *, low_level: bool = False) -> list[str]:
    """The D names of a set's functionals or low-level descriptors, in the order of their columns."""
    if feature_set == OPEN:
        return list(prosody.DESCRIPTORS if low_level else prosody.FUNCTIONALS)
    return list(_smile(_opensmile(feature_set), feature_set, _level(low_level)).feature_names)


def identity(feature_set: str = "eGeMAPSv02") -> str:
    """The feature set and its version, or that of openSMILE, which determine the features; for run records."""
    return f"{feature_set}@{_version(feature_set)}"


def read_wav(path: str | Path, sampling_rate: int | None = None) -> tuple[np.ndarray, int]:
    """A wav file as one channel, the mean of its channels: ((T,) float32 in [-1, 1), samples per second).

    Args:
        path: PCM of any width, or float.
        sampling_rate: resample to this rate in Hz.

    Raises:
        FeatureError: the file is missing, no wav file, truncated, empty, shorter than 0.1 s, or contains NaN.
    """
    return sound.decode(path, sound.content(path), sampling_rate)


def _extract(paths: Sequence[str | Path | None], feature_set: str, level: str, sampling_rate: int | None, n_jobs: int,
             cache: str | Path | None, progress: bool, refuse: bool) -> tuple[list[np.ndarray | FeatureError], int]:
    """(L, D) float32 for each file, and the sampling rate of all files (0 without files).

    Unless `refuse`, an error takes the place of what a file does not give.
    """
    if isinstance(paths, str | Path):
        raise UsageError("a single path was given for the wav files", remedy="Give a list of paths.")
    if n_jobs == 0:
        raise UsageError("the number of jobs is 0", where="n_jobs", remedy="Give 1 or more, or -1 for every core.")
    if sampling_rate is not None and sampling_rate < sound.LOWEST_RATE:
        raise UsageError(f"the sampling rate is {sampling_rate} Hz", where="sampling_rate",
                         remedy="Give 16000, or what the files have.")
    if feature_set == OPEN:
        if sampling_rate not in (None, prosody.RATE):
            raise UsageError(f"{OPEN} always has {prosody.RATE} Hz, not {sampling_rate}", where="sampling_rate",
                             remedy="Leave the rate out.")
        sampling_rate = prosody.RATE
    version = _version(feature_set)
    files = [None if path is None else Path(path).expanduser() for path in paths]
    absent = [path for path in files if path is None or not path.is_file()]
    if absent and refuse:
        raise FeatureError("there is no such file" + (f" ({len(absent)} are missing)" if absent[1:] else ""),
                           where=str(absent[0]), remedy="Check the folder that the wav files are in.")
    folder = stored.folder_for("audio", cache)
    stored.prepare(folder)
    found: dict[Path | None, np.ndarray | FeatureError] = {
        path: FeatureError("there is no file" if path is None else "there is no such file", where=str(path or ""))
        for path in absent}
    distinct = [path for path in dict.fromkeys(files) if path is not None and path not in found]
    for path in {path.suffix: path for path in distinct}.values():
        sound.decoder_for(path)  # refuses a kind of file that this machine cannot read, before minutes of work
    work = joblib.Parallel(n_jobs=n_jobs, return_as="generator")(
        joblib.delayed(_one)(path, feature_set, level, sampling_rate, folder, version, refuse) for path in distinct)
    rates: dict[int, Path] = {}
    for path, (values, rate) in zip(distinct, bar(work, total=len(distinct), desc=feature_set, progress=progress),
                                    strict=True):
        found[path] = values
        if isinstance(values, FeatureError):
            continue
        rates.setdefault(rate, path)
        if len(rates) > 1:
            (first, other), where = rates.items(), path
            raise FeatureError(f"it has {other[0]} Hz, but {first[1].name} has {first[0]} Hz", where=str(where),
                               remedy="Give sampling_rate=16000 (--rate 16000) to resample them all.")
    return [found[path] for path in files], next(iter(rates), 0)


def _one(path: Path, feature_set: str, level: str, sampling_rate: int | None, folder: Path, version: str,
         refuse: bool) -> tuple[np.ndarray | FeatureError, int]:
    """(L, D) float32 of one file, or unless `refuse` an error, and its sampling rate; runs in a worker process."""
    try:
        data = sound.content(path)
        request = stored.key(CONVENTION, feature_set, level, str(sampling_rate), version, hashlib.sha256(data).digest())
        found = stored.fetch(folder, request)
        if found is None or {*found} - {"silent"} != {"values", "rate"} or ("silent" not in found and not refuse):
            signal, rate = sound.decode(path, data, sampling_rate)
            found = {"values": _analysed(path, signal, rate, feature_set, level), "rate": np.array([rate], np.int64),
                     "silent": np.array([np.abs(signal).max() < sound.SILENT])}
            stored.store(folder, request, found)
        if not refuse and found["silent"][0]:
            raise FeatureError("it is silent", where=str(path))
    except FeatureError as error:
        if refuse or error.where == str(folder):  # a cache that cannot be written is no fault of the file
            raise
        return error, 0
    return found["values"], int(found["rate"][0])


def _analysed(path: Path, signal: np.ndarray, rate: int, feature_set: str, level: str) -> np.ndarray:
    """(L, D) float32 of a signal."""
    if feature_set == OPEN:
        return prosody.functionals(signal)[None] if level == "Functionals" else prosody.descriptors(signal)
    smile = _smile(_opensmile(feature_set), feature_set, level)
    try:
        values = smile.process_signal(signal, rate).to_numpy(np.float32)
    except Exception as error:  # a crash inside the C library may become any exception
        raise FeatureError(f"openSMILE cannot analyse it ({sound.reason(error)})", where=str(path),
                           remedy="Listen to the file; convert it to 16 bit PCM, 16 kHz.") from error
    if not np.isfinite(values).all():
        raise FeatureError("openSMILE gives numbers that are not finite", where=str(path),
                           remedy=f"Listen to the file; it has {len(signal) / rate:.2f} s at {rate} Hz.")
    return values


def _level(low_level: bool) -> str:
    return "LowLevelDescriptors" if low_level else "Functionals"


def _nothing(feature_set: str, level: str) -> np.ndarray:
    """(0, D) float32."""
    if feature_set == OPEN:
        return np.empty((0, len(names(OPEN, low_level=level != "Functionals"))), np.float32)
    return np.empty((0, len(_smile(_opensmile(feature_set), feature_set, level).feature_names)), np.float32)


def _refuses(short: str) -> bool:
    if short not in ("refuse", "missing"):
        raise unknown("way with missing files", short, ("refuse", "missing"))
    return short == "refuse"


def _version(feature_set: str) -> str:
    return prosody.CONVENTION if feature_set == OPEN else f"opensmile-{_opensmile(feature_set).__version__}"


def _opensmile(feature_set: str) -> ModuleType:
    """The package opensmile, after a check that it has this feature set."""
    try:
        import opensmile
    except (ImportError, OSError) as error:  # OSError: its library needs a library of the system
        if isinstance(error, ModuleNotFoundError):
            module = (error.name or "opensmile").partition(".")[0]
            why = "" if module == "opensmile" else f", which is there, but not the package {module} that it imports"
        else:
            module, why = "opensmile", f" ({sound.reason(error)})"
        install = '"erclab[audio]"' if module == "opensmile" else module
        raise FeatureError(f"the audio features {feature_set!r:.40} need the package opensmile (licence: research and "
                           f"private use only){why}", remedy=f"Run: pip install {install}; or take the set {OPEN}, "
                           "which needs no package.") from None
    if feature_set not in opensmile.FeatureSet.__members__:
        refused = unknown("feature set", feature_set, opensmile.FeatureSet.__members__)
        raise refused.recast(UsageError, remedy=f"{refused.remedy} Without openSMILE: {OPEN}.")
    return opensmile


@functools.lru_cache(maxsize=8)
def _smile(opensmile: ModuleType, feature_set: str, level: str) -> Any:
    """openSMILE's extractor, made once per process, because it reads its configuration from files."""
    return opensmile.Smile(opensmile.FeatureSet[feature_set], opensmile.FeatureLevel[level])
