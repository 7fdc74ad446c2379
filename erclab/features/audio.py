"""Acoustic features of wav files with openSMILE: functionals of an utterance, or its low-level descriptors.

The licence of openSMILE (Eyben et al. 2010, "openSMILE: the Munich versatile and fast open-source audio feature
extractor") allows research and private use only; a product needs a commercial licence. Therefore it is an extra,
`pip install "erclab[audio]"`, and no other part of erclab needs it.

The feature sets of the field: `eGeMAPSv02`, 88 functionals of 25 descriptors chosen for affect (Eyben et al. 2016,
"The Geneva Minimalistic Acoustic Parameter Set"); `ComParE_2016`, 6373 of 65 (Schuller et al. 2016, "The INTERSPEECH
2016 Computational Paralinguistics Challenge").
"""

from __future__ import annotations

import functools
import hashlib
import io
import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import joblib
import numpy as np
from scipy.io import wavfile
from scipy.signal import resample_poly

from erclab.core.errors import FeatureError, UsageError, unknown
from erclab.core.progress import bar
from erclab.features import cache as stored

HOP = 0.01  # seconds between low-level descriptors in every feature set, rounded to whole samples
SHORTEST = 0.1  # seconds; below 0.07 openSMILE gives NaN, because its windows are 20 to 60 ms long
LOWEST_RATE = 4000  # Hz; speech needs more, and openSMILE's filters are meaningless below
FULL_SCALE = 32767 / 32768  # in openSMILE's conversion to 16 bits 1.0 overflows to -1.0
CONVENTION = "mono-1"  # part of the cache keys: change it whenever the code changes the numbers


def functionals(paths: Sequence[str | Path], feature_set: str = "eGeMAPSv02", *, sampling_rate: int | None = None,
                n_jobs: int = 1, cache: str | Path | None = None, progress: bool = True) -> np.ndarray:
    """One vector per wav file: (N, D) float32, D = 88 for eGeMAPSv02 and 6373 for ComParE_2016.

    The values are in openSMILE's units (see `names`) and not standardised: they differ by many orders of magnitude.
    Channels are averaged to one; samples beyond full scale are clipped. The vector of each file is stored under the
    content of the file, the feature set and openSMILE's version, so an interrupted call continues with the next file.

    Args:
        paths: N wav files (PCM or float) of at least 0.1 s, one per utterance.
        feature_set: a name in `opensmile.FeatureSet`.
        sampling_rate: resample to this rate in Hz. By default files are not resampled, and files of different rates
            are refused, because their spectra do not cover the same frequencies.
        n_jobs: number of processes; -1 for one per core.
        cache: folder for results, by default `audio` in erclab's cache.
        progress: show a bar on stderr (`TQDM_DISABLE=1` hides it, too).

    Raises:
        FeatureError: openSMILE is not installed, a file cannot be analysed, or the cache folder cannot be written;
            one line with the remedy.
        UsageError: an unknown feature set, a single path, a rate below 4000 Hz, or 0 jobs.
    """
    rows, _ = _extract(paths, feature_set, "Functionals", sampling_rate, n_jobs, cache, progress)
    return np.concatenate([_nothing(feature_set, "Functionals"), *rows])


def low_level(paths: Sequence[str | Path], feature_set: str = "eGeMAPSv02", *, sampling_rate: int | None = None,
              n_jobs: int = 1, cache: str | Path | None = None, progress: bool = True
              ) -> tuple[np.ndarray, np.ndarray, float]:
    """The descriptors over time: (values (sum of L, D) float32, starts (N + 1,) int64, frames per second).

    File i is `values[starts[i]:starts[i + 1]]`; D = 25 for eGeMAPSv02 and 65 for ComParE_2016. There are 100 frames per
    second (99.8 at 22,050 Hz, where 10 ms are no whole number of samples). A file has a few frames less, because
    windows lie inside the file. Arguments, errors and the treatment of files are the same as in `functionals`.
    """
    sequences, rate = _extract(paths, feature_set, "LowLevelDescriptors", sampling_rate, n_jobs, cache, progress)
    starts = np.concatenate([[0], np.cumsum([len(x) for x in sequences])]).astype(np.int64)
    values = np.concatenate([_nothing(feature_set, "LowLevelDescriptors"), *sequences])
    return values, starts, rate / int(HOP * rate + 0.5) if rate else 1 / HOP


def names(feature_set: str = "eGeMAPSv02", *, low_level: bool = False) -> list[str]:
    """The D names of a set's functionals or low-level descriptors, in the order of their columns."""
    return list(_smile(_opensmile(feature_set), feature_set, _level(low_level)).feature_names)


def identity(feature_set: str = "eGeMAPSv02") -> str:
    """The feature set and the version of openSMILE, which determine the features; for run records."""
    return f"{feature_set}@opensmile-{_opensmile(feature_set).__version__}"


def read_wav(path: str | Path, sampling_rate: int | None = None) -> tuple[np.ndarray, int]:
    """A wav file as one channel, the mean of its channels: ((T,) float32 in [-1, 1), samples per second).

    Args:
        path: PCM of any width, or float.
        sampling_rate: resample to this rate in Hz.

    Raises:
        FeatureError: the file is missing, no wav file, truncated, empty, shorter than 0.1 s, or contains NaN.
    """
    return _decode(path, _bytes(path), sampling_rate)


def _extract(paths: Sequence[str | Path], feature_set: str, level: str, sampling_rate: int | None, n_jobs: int,
             cache: str | Path | None, progress: bool) -> tuple[list[np.ndarray], int]:
    """(L, D) float32 for each file, and the sampling rate of all files (0 without files)."""
    if isinstance(paths, str | Path):
        raise UsageError("a single path was given for the wav files", remedy="Give a list of paths.")
    if n_jobs == 0:
        raise UsageError("the number of jobs is 0", where="n_jobs", remedy="Give 1 or more, or -1 for every core.")
    if sampling_rate is not None and sampling_rate < LOWEST_RATE:
        raise UsageError(f"the sampling rate is {sampling_rate} Hz", where="sampling_rate",
                         remedy="Give 16000, or what the files have.")
    version = _opensmile(feature_set).__version__
    files = [Path(path).expanduser() for path in paths]
    absent = [path for path in files if not path.is_file()]
    if absent:
        raise FeatureError("there is no such file" + (f" ({len(absent)} are missing)" if absent[1:] else ""),
                           where=str(absent[0]), remedy="Check the folder that the wav files are in.")
    folder = stored.folder_for("audio", cache)
    stored.prepare(folder)
    distinct = list(dict.fromkeys(files))
    work = joblib.Parallel(n_jobs=n_jobs, return_as="generator")(
        joblib.delayed(_one)(path, feature_set, level, sampling_rate, folder, version) for path in distinct)
    found: dict[Path, np.ndarray] = {}
    rates: dict[int, Path] = {}
    for path, (values, rate) in zip(distinct, bar(work, total=len(distinct), desc=feature_set, progress=progress),
                                    strict=True):
        found[path] = values
        rates.setdefault(rate, path)
        if len(rates) > 1:
            (first, other), where = rates.items(), path
            raise FeatureError(f"it has {other[0]} Hz, but {first[1].name} has {first[0]} Hz", where=str(where),
                               remedy="Give sampling_rate=16000 to resample them all.")
    return [found[path] for path in files], next(iter(rates), 0)


def _one(path: Path, feature_set: str, level: str, sampling_rate: int | None, folder: Path, version: str
         ) -> tuple[np.ndarray, int]:
    """(L, D) float32 of one file and its sampling rate; runs in a worker process."""
    data = _bytes(path)
    request = stored.key(CONVENTION, feature_set, level, str(sampling_rate), version, hashlib.sha256(data).digest())
    found = stored.fetch(folder, request)
    if found is None or {*found} != {"values", "rate"}:
        signal, rate = _decode(path, data, sampling_rate)
        smile = _smile(_opensmile(feature_set), feature_set, level)
        try:
            values = smile.process_signal(signal, rate).to_numpy(np.float32)
        except Exception as error:  # a crash inside the C library may become any exception
            raise FeatureError(f"openSMILE cannot analyse it ({_reason(error)})", where=str(path),
                               remedy="Listen to the file; convert it to 16 bit PCM, 16 kHz.") from error
        if not np.isfinite(values).all():
            raise FeatureError("openSMILE gives numbers that are not finite", where=str(path),
                               remedy=f"Listen to the file; it has {len(signal) / rate:.2f} s at {rate} Hz.")
        found = {"values": values, "rate": np.array([rate], np.int64)}
        stored.store(folder, request, found)
    return found["values"], int(found["rate"][0])


def _bytes(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise FeatureError(f"the file cannot be read ({error.strerror})", where=str(path),
                           remedy="Check the path and its permissions.") from None


def _decode(path: str | Path, data: bytes, sampling_rate: int | None) -> tuple[np.ndarray, int]:
    """The samples of a wav file's content."""
    def fail(problem: str, remedy: str = "Make it again: ffmpeg -i VIDEO -vn -ac 1 -ar 16000 FILE.wav") -> FeatureError:
        return FeatureError(problem, where=str(path), remedy=remedy)

    if not data:
        raise fail("the file is empty")
    announced = int.from_bytes(data[4:8], "little") + 8 if data[:4] == b"RIFF" and len(data) > 8 else 0
    if announced > len(data) + 1:  # many programs omit the last byte, which is padding
        raise fail(f"the wav file is cut off: {len(data)} bytes of {announced}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wavfile.WavFileWarning)  # chunks without sound
            rate, samples = wavfile.read(io.BytesIO(data))
    except Exception as error:  # scipy may raise any exception for a file that is no wav file
        raise fail(f"this is not a wav file that can be read ({_reason(error)})") from None
    if not len(samples):
        raise fail("the wav file holds no samples")
    if rate < LOWEST_RATE:
        raise fail(f"the header of the wav file says {rate} Hz")
    if samples.dtype.kind == "u":  # 8 bit
        signal = samples / 128.0 - 1.0
    elif samples.dtype.kind == "i":
        signal = samples / float(-np.iinfo(samples.dtype).min)
    else:
        signal = samples.astype(np.float64)
    if not np.isfinite(signal).all():
        raise fail("the wav file holds samples that are not finite")
    if signal.ndim == 2:
        signal = signal.mean(1)
    if len(signal) < SHORTEST * rate:
        raise fail(f"it is too short: {len(signal) / rate:.3f} s", f"Utterances need {SHORTEST} s; leave it out.")
    if sampling_rate not in (None, rate):
        step = math.gcd(sampling_rate, rate)
        signal, rate = resample_poly(signal, sampling_rate // step, rate // step), sampling_rate
    return np.clip(signal, -1.0, FULL_SCALE).astype(np.float32), int(rate)


def _reason(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:120] or type(error).__name__


def _level(low_level: bool) -> str:
    return "LowLevelDescriptors" if low_level else "Functionals"


def _nothing(feature_set: str, level: str) -> np.ndarray:
    """(0, D) float32."""
    return np.empty((0, len(_smile(_opensmile(feature_set), feature_set, level).feature_names)), np.float32)


def _opensmile(feature_set: str) -> ModuleType:
    """The package opensmile, after a check that it has this feature set."""
    try:
        import opensmile
    except (ImportError, OSError) as error:  # OSError: its library needs a library of the system
        why = "" if isinstance(error, ModuleNotFoundError) else f" ({_reason(error)})"
        raise FeatureError(f"audio features need the package opensmile (licence: research and private use only){why}",
                           remedy='Run: pip install "erclab[audio]"') from None
    if feature_set not in opensmile.FeatureSet.__members__:
        raise unknown("feature set", feature_set, opensmile.FeatureSet.__members__)
    return opensmile


@functools.lru_cache(maxsize=8)
def _smile(opensmile: ModuleType, feature_set: str, level: str) -> Any:
    """openSMILE's extractor, made once per process, because it reads its configuration from files."""
    return opensmile.Smile(opensmile.FeatureSet[feature_set], opensmile.FeatureLevel[level])
