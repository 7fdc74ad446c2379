"""Prosody of an open licence: known tones, a naive transform, and every number's name."""

import numpy as np
import pytest

from erclab.features import prosody

RATE = prosody.RATE
RNG = np.random.default_rng(0)


def time(seconds=1.0):
    return np.arange(round(seconds * RATE)) / RATE


def harmonic(f0, seconds=1.0):
    """A tone with nine harmonics, as a voice has."""
    return sum(np.sin(2 * np.pi * f0 * k * time(seconds)) / k for k in range(1, 10)) * 0.2


def described(signal):
    return dict(zip(prosody.DESCRIPTORS, prosody.descriptors(signal).T, strict=True))


def measured(signal):
    return dict(zip(prosody.FUNCTIONALS, prosody.functionals(signal), strict=True))


def test_shapes_and_names():
    for samples, frames in ((1600, 8), (16000, 98), (400, 1)):
        x = prosody.descriptors(RNG.normal(size=samples) * 0.1)
        assert x.shape == (frames, 44) and x.dtype == np.float32 and np.isfinite(x).all()
    x = prosody.functionals(harmonic(120, 0.1))
    assert x.shape == (101,) and x.dtype == np.float32 and np.isfinite(x).all()
    assert len(set(prosody.DESCRIPTORS)) == 44 and len(set(prosody.FUNCTIONALS)) == 101


def test_a_sine_of_known_level():
    x = described(0.5 * np.sin(2 * np.pi * 200 * time() + 0.3))  # -6.02 dB of full scale
    np.testing.assert_allclose(x["energy"], -6.02, atol=0.15)
    np.testing.assert_allclose(x["zero_crossings"].mean(), 400, rtol=0.02)
    np.testing.assert_allclose(x["f0"], 200, atol=1)
    assert x["voicing"].min() > 0.95
    bands = np.array([x[f"logmel_{k}"].mean() for k in range(40)])
    assert abs(10 * np.log10((10 ** (bands / 10)).sum()) + 6.02) < 0.3  # neighbouring bands share the power
    assert bands.argmax() == 2 and bands[20:].max() < -60  # 200 Hz are 284 mel, 2.9 steps of 65.7 above 60 Hz


def test_a_frame_equals_a_naive_transform():
    signal = RNG.normal(size=800) * 0.1
    x = signal - signal.mean()
    frame = x[160:560] * (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400))
    power = np.array([abs(sum(v * np.exp(-2j * np.pi * k * n / 512) for n, v in enumerate(frame))) ** 2
                      for k in range(257)])
    window = sum((0.5 - 0.5 * np.cos(2 * np.pi * n / 400)) ** 2 for n in range(400))

    def mel(hz):
        return 2595 * np.log10(1 + hz / 700)

    step = (mel(7600) - mel(60)) / 41
    edges = [700 * (10 ** ((mel(60) + step * i) / 2595) - 1) for i in range(42)]
    for k in (0, 7, 39):
        low, middle, high = edges[k:k + 3]
        weights = [max(0, min((hz - low) / (middle - low), (high - hz) / (high - middle)))
                   for hz in np.arange(257) * 31.25]
        expected = 10 * np.log10(power @ weights * 4 / (512 * window))
        assert described(signal)[f"logmel_{k}"][1] == pytest.approx(expected, abs=1e-3)


def test_pitch_in_semitones():
    low, high = measured(harmonic(110)), measured(harmonic(220))
    assert low["f0_mean"] == pytest.approx(24, abs=0.1) and high["f0_p50"] == pytest.approx(36, abs=0.1)
    assert low["f0_std"] < 0.1 and low["voiced_share"] == 1 and low["duration"] == 1
    glide = np.sin(2 * np.pi * 100 * (2 ** time() - 1) / np.log(2)) * 0.3  # 100 to 200 Hz in a second
    assert measured(glide)["f0_slope"] == pytest.approx(12, abs=0.3)


def test_stretches_of_voice():
    tone, pause = harmonic(150, 0.3), np.zeros(3200)
    x = measured(np.concatenate([tone, pause, tone, pause, tone]))
    assert x["voiced_rate"] == pytest.approx(3 / 1.3, abs=0.01)
    assert x["voiced_length"] == pytest.approx(0.3, abs=0.03) and x["unvoiced_length"] == pytest.approx(0.2, abs=0.03)
    assert x["energy_p95"] - x["energy_p5"] > 30


def test_noise_and_silence_have_no_pitch():
    x = measured(RNG.normal(size=RATE) * 0.1)
    assert x["voiced_share"] < 0.05 and x["voicing_mean"] < 0.4
    still = measured(np.zeros(RATE))
    assert still["energy_mean"] == still["logmel_3_mean"] == -100
    assert still["f0_mean"] == still["f0_slope"] == still["voiced_length"] == 0 and still["unvoiced_length"] > 0.9


def test_louder_and_rising():
    quiet = harmonic(150)
    assert measured(quiet * 2)["energy_mean"] - measured(quiet)["energy_mean"] == pytest.approx(6.02, abs=0.01)
    rising = measured(quiet * 10 ** (time() * 12 / 20))
    assert rising["energy_slope"] == pytest.approx(12, abs=0.3) and abs(measured(quiet)["energy_slope"]) < 0.1


def test_blocks_do_not_matter(monkeypatch):
    signal = harmonic(130, 0.5) + RNG.normal(size=8000) * 0.01
    whole = prosody.descriptors(signal)
    monkeypatch.setattr(prosody, "BLOCK", 7)
    assert np.array_equal(prosody.descriptors(signal), whole)
