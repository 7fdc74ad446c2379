"""The samples of sound files: wav by scipy; other files, videos included, by ffmpeg or soundfile where one is there."""

from __future__ import annotations

import io
import math
import shutil
import subprocess
import warnings
from pathlib import Path

import numpy as np
from scipy.io import wavfile
from scipy.signal import resample_poly

from erclab.core import downloads
from erclab.core.errors import FeatureError

SHORTEST = 0.1  # seconds; below 0.07 openSMILE gives NaN, because its windows are 20 to 60 ms long
LOWEST_RATE = 4000  # Hz; speech needs more, and openSMILE's filters are meaningless below
FULL_SCALE = 32767 / 32768  # in openSMILE's conversion to 16 bits 1.0 overflows to -1.0
USUAL_RATE = 16000  # Hz, of what a video's sound is converted to
SILENT = 1.5 / 32768  # a sound whose loudest sample is below has no more than the last bit of 16
VIDEOS = (".mp4", ".m4a", ".mov", ".avi", ".mkv", ".webm", ".aac", ".wma", ".opus")
SOUNDS = (".flac", ".ogg", ".mp3", ".aiff", ".aif", ".au")  # soundfile reads these as well
STARTS = (("mp4", 4, b"ftyp"), ("mp3", 0, b"ID3"), ("ogg", 0, b"OggS"), ("flac", 0, b"fLaC"),
          ("mkv", 0, b"\x1aE\xdf\xa3"))
SUFFIXES = (".wav", *SOUNDS, *VIDEOS)


def decoder_for(path: Path) -> str:
    """What reads this kind of file: "wav", "ffmpeg" or "soundfile".

    Raises:
        FeatureError: nothing on this machine does.
    """
    kind = path.suffix.lower()
    if kind not in (*SOUNDS, *VIDEOS):
        return "wav"
    if shutil.which("ffmpeg"):
        return "ffmpeg"
    if kind in SOUNDS:
        try:
            import soundfile  # noqa: F401

            return "soundfile"
        except (ImportError, OSError):
            pass
    raise FeatureError(f"reading {kind} files needs the program ffmpeg, which is not on the PATH", where=str(path),
                       remedy="Install ffmpeg" + (", or: pip install soundfile" if kind in SOUNDS else
                       ", or make wav files elsewhere: ffmpeg -i VIDEO -vn -ac 1 -ar 16000 FILE.wav"))


def content(path: str | Path) -> bytes:
    """The bytes of a file.

    Raises:
        FeatureError: it cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise FeatureError(f"the file cannot be read ({error.strerror})", where=str(path),
                           remedy="Check the path and its permissions.") from None


def decode(path: str | Path, data: bytes, sampling_rate: int | None) -> tuple[np.ndarray, int]:
    """The samples of a file's content as one channel: ((T,) float32 in [-1, 1), samples per second).

    Args:
        path: the file; its ending says the kind. A video has its sound at 16,000 Hz, or `sampling_rate`.
        data: the content.
        sampling_rate: resample to this rate in Hz.

    Raises:
        FeatureError: it is no such file, truncated, empty, shorter than 0.1 s, or contains NaN.
    """
    def fail(problem: str, remedy: str = "Make it again: ffmpeg -i VIDEO -vn -ac 1 -ar 16000 FILE.wav") -> FeatureError:
        return FeatureError(problem, where=str(path), remedy=remedy)

    if not data:
        raise fail("the file is empty")
    reader = decoder_for(Path(path))
    if reader != "wav":
        try:
            data = _by_ffmpeg(path, sampling_rate or USUAL_RATE) if reader == "ffmpeg" else _by_soundfile(path)
        except FeatureError:
            raise
        except Exception as error:  # soundfile's own kinds
            raise fail(f"the sound cannot be read ({reason(error)})") from None
    announced = int.from_bytes(data[4:8], "little") + 8 if data[:4] == b"RIFF" and len(data) > 8 else 0
    if announced > len(data) + 1:  # many programs omit the last byte, which is padding
        raise fail(f"the wav file is cut off: {len(data)} bytes of {announced}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wavfile.WavFileWarning)  # chunks without sound
            rate, samples = wavfile.read(io.BytesIO(data))
    except Exception as error:  # scipy may raise any exception for a file that is no wav file
        raise fail(f"this is not a wav file that can be read ({_what(data) or reason(error)})") from None
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
        raise fail(f"it is too short: {len(signal) / rate:.3f} s", (
            f"Utterances need {SHORTEST} s; short='missing' (--short missing) gives it a row of zeros."))
    if sampling_rate not in (None, rate):
        step = math.gcd(sampling_rate, rate)
        signal, rate = resample_poly(signal, sampling_rate // step, rate // step), sampling_rate
    return np.clip(signal, -1.0, FULL_SCALE).astype(np.float32), int(rate)


def reason(error: Exception) -> str:
    """The first line of another library's error."""
    return str(error).strip().partition("\n")[0][:120] or type(error).__name__


def _what(data: bytes) -> str:
    """What a file is whose name says wav, "" if it is not known."""
    kind = next((kind for kind, at, start in STARTS if data[at:at + len(start)] == start), "")
    if kind:
        return f"it is {kind} inside: call it .{kind}"
    accident = downloads.accident(data[:downloads.HEAD], "text")
    return accident[0].removesuffix(", not a text file") if accident else ""


def _by_ffmpeg(path: str | Path, rate: int) -> bytes:
    """The sound of a file as the content of a wav file of floats, one channel."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", f"file:{path}", "-vn", "-ac", "1", "-ar", str(rate), "-f",
               "f32le", "-"]
    done = subprocess.run(command, capture_output=True)
    if done.returncode or not done.stdout:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise FeatureError(f"ffmpeg finds no sound in it ({said[-1][:100] if said else 'nothing came out'})",
                           where=str(path), remedy="Play the file; fetch it again.")
    return _as_wav(np.frombuffer(done.stdout[:len(done.stdout) // 4 * 4], "<f4"), rate)


def _by_soundfile(path: str | Path) -> bytes:
    import soundfile

    samples, rate = soundfile.read(str(path), dtype="float32")
    return _as_wav(samples, rate)


def _as_wav(samples: np.ndarray, rate: int) -> bytes:
    file = io.BytesIO()
    wavfile.write(file, rate, samples)
    return file.getvalue()
