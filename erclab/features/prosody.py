"""Acoustic features of an open licence: log-mel bands and prosody, computed by numpy alone.

The set "logmel-prosody" of `audio`. A frame lasts 25 ms, there are 100 frames per second, and the sound has 16,000
samples per second. dB are relative to a sine of full scale, -100 at least. The 44 descriptors of a frame
(`DESCRIPTORS`), mel by O'Shaughnessy (1987):

| name | number | unit |
|---|---|---|
| logmel_0 to logmel_39 | power in 40 triangular bands, equally wide in mel from 60 to 7600 Hz | dB |
| energy | power of the frame | dB |
| zero_crossings | how often the sound crosses its mean | 1/s |
| f0 | fundamental frequency from 75 to 500 Hz, 0 in an unvoiced frame | Hz |
| voicing | height of the autocorrelation's peak: 1 for a periodic sound, about 0 for noise | 0 to 1 |

f0 is the best peak of the autocorrelation over 40 ms, divided by that of the window, with Boersma's octave cost 0.01;
a frame is voiced if this peak is 0.45 at least and the loudest sample is above 3 % of the utterance's (Boersma 1993,
"Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a sampled sound"; the
thresholds are those of Praat). No path is searched over frames, so single frames can be an octave off.

The 101 functionals of an utterance (`FUNCTIONALS`):

| name | number | unit |
|---|---|---|
| logmel_K_mean, logmel_K_std | over the frames | dB |
| energy_mean, _std, _p5, _p95 | mean, standard deviation, percentiles 5 and 95 over the frames | dB |
| energy_change | mean of the absolute difference between neighbouring frames | dB |
| energy_slope | slope of the regression line over time | dB/s |
| zero_crossings_mean, _std | over the frames | 1/s |
| f0_mean, _std, _p20, _p50, _p80 | over voiced frames, in semitones above 27.5 Hz | semitones |
| f0_slope | slope of the regression line over the voiced frames' time | semitones/s |
| voicing_mean, voicing_std | over all frames | 0 to 1 |
| voiced_share | share of voiced frames | 0 to 1 |
| voiced_rate | voiced stretches per second | 1/s |
| voiced_length, unvoiced_length | mean duration of a voiced stretch, and of an unvoiced one | s |
| duration | of the utterance | s |

Where an utterance has no voiced frame, the numbers of f0 are 0.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

RATE = 16000  # samples per second
WINDOW, HOP, FFT = 400, 160, 512  # samples: 25 ms, 10 ms
BANDS, LOWEST, HIGHEST = 40, 60.0, 7600.0  # Hz
FLOOR = 1e-10  # of a power, -100 dB
F0_WINDOW, F0_FFT = 640, 1024  # 40 ms: three periods of the lowest pitch
F0_LOWEST, F0_HIGHEST = 75.0, 500.0  # Hz
VOICED, SILENCE, OCTAVE_COST = 0.45, 0.03, 0.01
REFERENCE = 27.5  # Hz, the lowest A of a piano
BLOCK = 2048  # frames at a time, so that an hour of sound fits into memory
CONVENTION = "1"  # change it whenever the code changes the numbers

DESCRIPTORS = (*(f"logmel_{k}" for k in range(BANDS)), "energy", "zero_crossings", "f0", "voicing")
FUNCTIONALS = (*(f"logmel_{k}_{kind}" for kind in ("mean", "std") for k in range(BANDS)),
               *(f"energy_{kind}" for kind in ("mean", "std", "p5", "p95", "change", "slope")),
               *(f"zero_crossings_{kind}" for kind in ("mean", "std")),
               *(f"f0_{kind}" for kind in ("mean", "std", "p20", "p50", "p80", "slope")),
               "voicing_mean", "voicing_std", "voiced_share", "voiced_rate", "voiced_length", "unvoiced_length",
               "duration")


def descriptors(signal: np.ndarray) -> np.ndarray:
    """The descriptors of each frame: (L, 44) float32, L = 1 + (T - 400) // 160.

    Args:
        signal: (T,) samples in [-1, 1], 16,000 per second, 400 at least.
    """
    x = signal - np.mean(signal, dtype=np.float64)
    short = sliding_window_view(x, WINDOW)[::HOP]
    long = sliding_window_view(np.pad(x, (F0_WINDOW - WINDOW) // 2), F0_WINDOW)[::HOP]  # around the same centres
    loudest = np.abs(x).max()
    blocks = [_block(short[i:i + BLOCK], long[i:i + BLOCK], loudest) for i in range(0, len(short), BLOCK)]
    return np.concatenate(blocks).astype(np.float32)


def functionals(signal: np.ndarray) -> np.ndarray:
    """The functionals of an utterance: (101,) float32; arguments as `descriptors`."""
    frames = descriptors(signal).astype(np.float64)
    bands, (energy, crossings, f0, voicing) = frames[:, :BANDS], frames[:, BANDS:].T
    time = np.arange(len(frames)) * HOP / RATE
    voiced = f0 > 0
    semitones = 12 * np.log2(f0[voiced] / REFERENCE)
    pitch = [semitones.mean(), semitones.std(), *np.percentile(semitones, (20, 50, 80)),
             _slope(time[voiced], semitones)] if voiced.any() else [0.0] * 6
    change = np.abs(np.diff(energy)).mean() if len(energy) > 1 else 0.0
    seconds = len(signal) / RATE
    edges = np.diff(np.concatenate([[0], voiced, [0]]).astype(np.int64))
    stretches = int((edges == 1).sum())
    unvoiced = int((np.diff(np.concatenate([[0], ~voiced, [0]]).astype(np.int64)) == 1).sum())
    numbers = [energy.mean(), energy.std(), *np.percentile(energy, (5, 95)), change, _slope(time, energy),
               crossings.mean(), crossings.std(), *pitch, voicing.mean(), voicing.std(), voiced.mean(),
               stretches / seconds, voiced.sum() * HOP / RATE / max(stretches, 1),
               (~voiced).sum() * HOP / RATE / max(unvoiced, 1), seconds]
    return np.concatenate([bands.mean(0), bands.std(0), numbers]).astype(np.float32)


def _block(short: np.ndarray, long: np.ndarray, loudest: float) -> np.ndarray:
    """(L, 44) from the windows (L, 400) and (L, 640) of some frames."""
    window = np.hanning(WINDOW + 1)[:-1]
    # One-sided power of all bins together: 1 for a sine of amplitude 1 (Parseval).
    power = np.abs(np.fft.rfft(short * window, FFT)) ** 2 * (4 / (FFT * (window ** 2).sum()))
    energy = 2 * (short ** 2).mean(1)
    crossings = (np.signbit(short[:, 1:]) != np.signbit(short[:, :-1])).mean(1) * RATE
    f0, voicing = _pitch(long)
    f0[(voicing < VOICED) | (np.abs(long).max(1) <= SILENCE * loudest)] = 0
    return np.column_stack([_db(power @ _bands()), _db(energy), crossings, f0, voicing])


def _pitch(windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(L,) f0 in Hz, whether or not the frame is voiced, and (L,) the height of its peak, 0 without a peak."""
    shape = np.hanning(F0_WINDOW + 1)[:-1]
    first, last = int(RATE / F0_HIGHEST), int(RATE / F0_LOWEST)

    def correlated(x: np.ndarray) -> np.ndarray:
        return np.fft.irfft(np.abs(np.fft.rfft(x, F0_FFT)) ** 2, F0_FFT)[..., :last + 2]

    r = correlated((windows - windows.mean(1, keepdims=True)) * shape)
    r = r / np.maximum(r[:, :1], 1e-20) / (correlated(shape) / (shape ** 2).sum())
    before, here, after = r[:, first - 1:last], r[:, first:last + 1], r[:, first + 1:last + 2]
    lags = np.arange(first, last + 1)
    peaks = (here > before) & (here >= after)
    score = np.where(peaks, here - OCTAVE_COST * np.log2(F0_LOWEST * lags / RATE), -np.inf)
    best = (np.arange(len(r)), score.argmax(1))
    a, b, c = before[best], here[best], after[best]
    curve = a - 2 * b + c
    shift = np.where(curve < 0, 0.5 * (a - c) / np.minimum(curve, -1e-20), 0.0)  # the vertex of a parabola
    height = np.where(peaks.any(1), np.clip(b - 0.25 * (a - c) * shift, 0, 1), 0.0)
    return RATE / (lags[best[1]] + np.clip(shift, -1, 1)), height


@functools.lru_cache(maxsize=1)
def _bands() -> np.ndarray:
    """(257, 40), the weight of each bin of the spectrum in each band."""
    edges = np.linspace(2595 * np.log10(1 + LOWEST / 700), 2595 * np.log10(1 + HIGHEST / 700), BANDS + 2)
    edges = 700 * (10 ** (edges / 2595) - 1)
    bins = np.arange(FFT // 2 + 1)[:, None] * RATE / FFT
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(rising, falling))


def _db(power: np.ndarray) -> np.ndarray:
    return 10 * np.log10(np.maximum(power, FLOOR))


def _slope(x: np.ndarray, y: np.ndarray) -> float:
    """The slope of the regression line; 0 for a single point."""
    x = x - x.mean()
    return float(x @ (y - y.mean()) / (x @ x)) if len(x) > 1 else 0.0
