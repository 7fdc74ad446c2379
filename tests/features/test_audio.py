"""Acoustic features: with a small stand-in for openSMILE what is ours, and with openSMILE itself where it is installed.

Every wav file is made here: sweeps, tones and noise.
"""

import enum
import importlib.util
import struct
import sys
import types
import wave

import joblib
import numpy as np
import pandas as pd
import pytest
from one_line import one_line
from scipy.io import wavfile

from erclab.core.errors import FeatureError, UsageError
from erclab.features import audio

RATE = 16000
RNG = np.random.default_rng(0)


def sweep(seconds=1.0, rate=RATE, low=100, high=2000):
    t = np.arange(int(seconds * rate)) / rate
    return 0.5 * np.sin(2 * np.pi * (low * t + (high - low) * t**2 / (2 * max(seconds, 1e-9))))


def noise(seconds=1.0, rate=RATE):
    return np.clip(RNG.normal(size=int(seconds * rate)) * 0.1, -1, 1)


def save(path, signal, rate=RATE, dtype=np.int16):
    scale = {np.int16: 32767, np.int32: 2**31 - 1, np.float32: 1, np.float64: 1}[dtype]
    wavfile.write(path, rate, (np.asarray(signal) * scale).astype(dtype))
    return path


class FakeSmile:
    """Functionals: mean, maximum, length, rate. Descriptors: the first sample of each 10 ms."""

    calls = 0

    def __init__(self, feature_set, feature_level):
        self.level = feature_level.name
        self.feature_names = ["mean", "max", "samples", "rate"] if self.level == "Functionals" else ["first"]

    def process_signal(self, signal, rate):
        type(self).calls += 1
        assert signal.dtype == np.float32 and signal.ndim == 1
        if signal[0] == np.float32(0.25):
            raise RuntimeError("Code: 6\nand more lines")
        if signal[0] == np.float32(0.125):
            return pd.DataFrame([[np.nan] * len(self.feature_names)])
        if self.level == "Functionals":
            return pd.DataFrame([[signal.mean(), signal.max(), len(signal), rate]])
        return pd.DataFrame(signal[:: rate // 100, None])


def fake_opensmile(version="0.0.1"):
    module = types.ModuleType("opensmile")
    module.__version__ = version
    module.FeatureSet = enum.Enum("FeatureSet", {"eGeMAPSv02": "a", "ComParE_2016": "b"})
    module.FeatureLevel = enum.Enum("FeatureLevel", {"Functionals": "func", "LowLevelDescriptors": "lld"})
    module.Smile = FakeSmile
    return module


@pytest.fixture
def fake(monkeypatch):
    module = fake_opensmile()
    monkeypatch.setitem(sys.modules, "opensmile", module)
    FakeSmile.calls = 0
    return module


@pytest.fixture
def here(tmp_path):
    return {"cache": tmp_path / "cache", "progress": False}


# What is ours, with the stand-in

def test_a_row_per_file_in_the_order_given(fake, tmp_path, here):
    a, b = save(tmp_path / "a.wav", sweep(1.0)), save(tmp_path / "b.wav", sweep(0.5))
    x = audio.functionals([b, str(a), b], **here)
    assert x.shape == (3, 4) and x.dtype == np.float32 and x[:, 2].tolist() == [8000, 16000, 8000]
    assert FakeSmile.calls == 2  # the file that is there twice was analysed once
    assert audio.names() == ["mean", "max", "samples", "rate"] and audio.names(low_level=True) == ["first"]
    assert audio.identity("ComParE_2016") == "ComParE_2016@opensmile-0.0.1"


def test_descriptors_are_packed(fake, tmp_path, here):
    files = [save(tmp_path / f"{i}.wav", sweep(s)) for i, s in enumerate((0.5, 0.1, 1.0))]
    values, starts, rate = audio.low_level(files, **here)
    assert values.shape == (160, 1) and values.dtype == np.float32 and rate == 100
    assert starts.tolist() == [0, 50, 60, 160] and starts.dtype == np.int64
    odd = save(tmp_path / "odd.wav", sweep(0.5, 22050), 22050)
    assert audio.low_level([odd], **here)[2] == pytest.approx(22050 / 221)


def test_no_files(fake, here):
    assert audio.functionals([], **here).shape == (0, 4)
    values, starts, rate = audio.low_level([], **here)
    assert values.shape == (0, 1) and starts.tolist() == [0] and rate == 100


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32, np.float64])
def test_every_width_is_the_same_signal(tmp_path, dtype):
    signal, rate = audio.read_wav(save(tmp_path / "a.wav", sweep(), dtype=dtype))
    np.testing.assert_allclose(signal, sweep(), atol=1e-4)
    assert rate == RATE and signal.dtype == np.float32


def test_8_and_24_bit(tmp_path):
    for width, bits in ((1, lambda x: (x * 127 + 128).astype(np.uint8).tobytes()),
                        (3, lambda x: b"".join(struct.pack("<i", int(v * (2**31 - 1)))[1:] for v in x))):
        with wave.open(str(tmp_path / "a.wav"), "wb") as file:
            file.setparams((1, width, RATE, 0, "NONE", ""))
            file.writeframes(bits(sweep(0.2)))
        np.testing.assert_allclose(audio.read_wav(tmp_path / "a.wav")[0], sweep(0.2), atol=0.02)


def test_channels_are_averaged(tmp_path):
    left, right = sweep(0.5), noise(0.5)
    signal, _ = audio.read_wav(save(tmp_path / "a.wav", np.stack([left, right], 1)))
    np.testing.assert_allclose(signal, (left + right) / 2, atol=1e-4)


def test_chunks_that_are_no_sound_and_a_missing_last_byte(tmp_path):
    path = save(tmp_path / "a.wav", sweep(0.5))
    whole = path.read_bytes()
    chunk = b"note" + struct.pack("<I", 3) + b"abc"  # to be filled up to an even number
    for extra in (chunk + b"\0", chunk):
        path.write_bytes(whole[:4] + struct.pack("<I", len(whole) + 4) + whole[8:] + extra)
        np.testing.assert_allclose(audio.read_wav(path)[0], sweep(0.5), atol=1e-4)


def test_full_scale_does_not_wrap(tmp_path):
    loud = np.full(RATE, 1.0)
    loud[::2] = -3.0
    signal, _ = audio.read_wav(save(tmp_path / "a.wav", loud, dtype=np.float32))
    assert (signal * 32768).astype(np.int16)[:2].tolist() == [-32768, 32767]  # as openSMILE's wrapper does it


def test_resampling(fake, tmp_path, here):
    a, b = save(tmp_path / "a.wav", sweep(1.0)), save(tmp_path / "b.wav", sweep(1.0, 44100), 44100)
    x = audio.functionals([a, b], sampling_rate=8000, **here)
    assert x[:, 2:].tolist() == [[8000, 8000]] * 2
    one, other = audio.read_wav(a, 8000)[0], audio.read_wav(b, 8000)[0]
    np.testing.assert_allclose(one[100:-100], other[100:-100], atol=0.01)


# The cache

def test_found_again_by_content(fake, tmp_path, here):
    a = save(tmp_path / "a.wav", sweep())
    first = audio.functionals([a], **here)
    copy = tmp_path / "elsewhere.wav"
    copy.write_bytes(a.read_bytes())
    assert np.array_equal(audio.functionals([copy], **here), first) and FakeSmile.calls == 1
    save(a, noise())
    assert not np.array_equal(audio.functionals([a], **here), first) and FakeSmile.calls == 2


def test_requests_that_differ_are_kept_apart(fake, tmp_path, here, monkeypatch):
    a = save(tmp_path / "a.wav", sweep())
    audio.functionals([a], **here)
    audio.functionals([a], "ComParE_2016", **here)
    audio.functionals([a], sampling_rate=8000, **here)
    audio.low_level([a], **here)
    monkeypatch.setitem(sys.modules, "opensmile", fake_opensmile("0.0.2"))
    audio.functionals([a], **here)
    assert FakeSmile.calls == 5 and len(list((tmp_path / "cache").iterdir())) == 5


def test_damaged_cache_file_is_replaced(fake, tmp_path, here):
    a = save(tmp_path / "a.wav", sweep())
    first = audio.functionals([a], **here)
    (file,) = (tmp_path / "cache").iterdir()
    whole = file.read_bytes()
    for damaged in (b"", whole[:-3], whole[:-1] + bytes([whole[-1] ^ 1])):
        file.write_bytes(damaged)
        assert np.array_equal(audio.functionals([a], **here), first) and file.read_bytes() == whole


def test_what_is_finished_is_kept_when_a_later_file_fails(fake, tmp_path, here):
    files = [save(tmp_path / "a.wav", sweep()), save(tmp_path / "b.wav", [])]
    with pytest.raises(FeatureError):
        audio.functionals(files, **here)
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_lies_in_erclabs_cache(fake, tmp_path, monkeypatch):
    monkeypatch.setenv("ERCLAB_CACHE", str(tmp_path / "place"))
    audio.functionals([save(tmp_path / "a.wav", sweep())], progress=False)
    assert [p.suffix for p in (tmp_path / "place" / "audio").iterdir()] == [".safetensors"]


def test_several_at_once(fake, tmp_path, here):
    files = [save(tmp_path / f"{i}.wav", sweep(0.2 + 0.1 * i)) for i in range(6)]
    one = audio.functionals(files, cache=tmp_path / "one", progress=False)
    with joblib.parallel_config("threading"):  # another process would not know the stand-in
        assert np.array_equal(audio.functionals(files, n_jobs=2, **here), one)
        with pytest.raises(FeatureError) as caught:
            audio.functionals([*files, save(tmp_path / "short.wav", sweep(0.05))], n_jobs=2, **here)
    one_line(caught, "short.wav", "too short: 0.050 s")


# What is refused

def shorten(count):
    def damage(path):
        path.write_bytes(path.read_bytes()[:count])
    return damage


def patch(*changes):
    """Overwrite numbers of the header, each at (position, format)."""
    def damage(path):
        data = bytearray(path.read_bytes())
        for position, form, value in changes:
            struct.pack_into(form, data, position, value)
        path.write_bytes(data)
    return damage


def no_data(path):
    shorten(36)(path)
    patch((4, "<I", 28))(path)


@pytest.mark.parametrize(("damage", "problem"), [
    (lambda p: p.write_bytes(b""), "the file is empty"),
    (lambda p: p.write_bytes(b"ID3" + b"\0" * 999), "not a wav file"),
    (lambda p: p.write_bytes(b"RIFF"), "not a wav file"),
    (lambda p: p.write_text("hello"), "not a wav file"),
    (shorten(-1000), "cut off: 31044 bytes of 32044"),
    (shorten(-1001), "cut off"),
    (shorten(20), "cut off"),
    (no_data, "not a wav file"),
    (patch((20, "<H", 7)), "not a wav file"),
    (patch((22, "<H", 0)), "not a wav file"),
    (patch((24, "<I", 1), (28, "<I", 2)), "says 1 Hz"),
    (lambda p: save(p, []), "holds no samples"),
    (lambda p: save(p, sweep(0.09)), "too short: 0.090 s"),
    (lambda p: save(p, np.full(RATE, np.nan), dtype=np.float32), "not finite"),
    (lambda p: save(p, np.full(RATE, np.inf), dtype=np.float32), "not finite"),
    (lambda p: save(p, np.full(RATE, 0.25), dtype=np.float32), "openSMILE cannot analyse it (Code: 6)"),
    (lambda p: save(p, np.full(RATE, 0.125), dtype=np.float32), "openSMILE gives numbers that are not finite"),
    (lambda p: p.unlink(), "there is no such file"),
    (lambda p: (p.unlink(), p.mkdir()), "there is no such file"),
], ids=["empty", "mp3", "four bytes", "text", "cut off", "half a sample", "header only", "no data", "mu-law",
        "no channels", "1 Hz", "no samples", "short", "NaN", "infinite", "openSMILE fails", "openSMILE gives NaN",
        "missing", "folder"])
def test_bad_file(fake, tmp_path, here, damage, problem):
    good, bad = save(tmp_path / "good.wav", sweep()), save(tmp_path / "bad.wav", sweep())
    damage(bad)
    for compute in (audio.functionals, audio.low_level):
        with pytest.raises(FeatureError) as caught:
            compute([good, bad], **here)
        one_line(caught, "bad.wav", problem)


def test_missing_files_are_counted_before_the_work(fake, tmp_path, here):
    with pytest.raises(FeatureError) as caught:
        audio.functionals([save(tmp_path / "a.wav", sweep()), tmp_path / "b.wav", tmp_path / "c.wav"], **here)
    one_line(caught, "b.wav", "2 are missing")
    assert FakeSmile.calls == 0


def test_rates_that_differ(fake, tmp_path, here):
    files = [save(tmp_path / "a.wav", sweep()), save(tmp_path / "b.wav", sweep(1, 44100), 44100)]
    for _ in range(2):  # computed, found
        with pytest.raises(FeatureError) as caught:
            audio.functionals(files, **here)
        one_line(caught, "b.wav", "44100 Hz", "a.wav has 16000 Hz", "sampling_rate=16000")


def test_unwritable_cache(fake, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FeatureError) as caught:
        audio.functionals([save(tmp_path / "a.wav", sweep())], cache=tmp_path / "file" / "cache")
    one_line(caught, "cannot be written", "ERCLAB_CACHE")
    assert FakeSmile.calls == 0


def test_misuse(fake, tmp_path, here):
    a = save(tmp_path / "a.wav", sweep())
    for options, problem in (({"feature_set": "egemaps_v2"}, "There is: eGeMAPSv02, ComParE_2016."),
                             ({"feature_set": "eGeMAPSv2"}, "Did you mean 'eGeMAPSv02'?"), ({"n_jobs": 0}, "jobs is 0"),
                             ({"sampling_rate": 16}, "the sampling rate is 16 Hz")):
        with pytest.raises(UsageError) as caught:
            audio.functionals([a], **options, **here)
        one_line(caught, problem)
    with pytest.raises(UsageError) as caught:
        audio.functionals(a, **here)
    one_line(caught, "list of paths")


def test_absent_opensmile(tmp_path, here, monkeypatch):
    monkeypatch.setitem(sys.modules, "opensmile", None)
    with pytest.raises(FeatureError) as caught:
        audio.functionals([save(tmp_path / "a.wav", sweep())], **here)
    one_line(caught, "opensmile", "research", 'pip install "erclab[audio]"')


# openSMILE itself

real = pytest.mark.skipif(importlib.util.find_spec("opensmile") is None,
                          reason='opensmile is an optional extra: pip install "erclab[audio]"')


@real
@pytest.mark.parametrize(("feature_set", "functionals", "descriptors"), [
    ("eGeMAPSv02", 88, 25), ("ComParE_2016", 6373, 65), ("emobase", 988, 26), ("IS09", 384, 16)])
def test_real_dimensions(tmp_path, here, feature_set, functionals, descriptors):
    files = [save(tmp_path / f"{i}.wav", x) for i, x in enumerate((sweep(2), noise(1), np.zeros(RATE), sweep(0.1)))]
    x = audio.functionals(files, feature_set, **here)
    values, starts, rate = audio.low_level(files, feature_set, **here)
    assert x.shape == (4, functionals) and values.shape == (starts[-1], descriptors) and rate == 100
    assert x.dtype == values.dtype == np.float32 and np.isfinite(x).all() and np.isfinite(values).all()
    assert ((np.diff(starts) > 0) & (np.diff(starts) <= [200, 100, 100, 10])).all()
    assert len(audio.names(feature_set)) == functionals
    assert len(audio.names(feature_set, low_level=True)) == descriptors


@real
def test_real_pitch_and_loudness(tmp_path, here):
    """Tones of 110 and 220 Hz are an octave apart, also in eGeMAPS's semitones; what is louder is louder."""
    t = np.arange(2 * RATE) / RATE
    tones = [sum(np.sin(2 * np.pi * f * k * t) / k for k in range(1, 10)) * gain
             for f, gain in ((110, 0.2), (220, 0.2), (110, 0.05))]
    x = audio.functionals([save(tmp_path / f"{i}.wav", tone) for i, tone in enumerate(tones)], **here)
    names = audio.names()
    pitch = x[:, names.index("F0semitoneFrom27.5Hz_sma3nz_amean")]
    loudness = x[:, names.index("loudness_sma3_amean")]
    np.testing.assert_allclose(pitch, [24, 36, 24], atol=0.2)
    assert loudness[0] > 1.5 * loudness[2]


@real
def test_real_equals_opensmile_on_the_file(tmp_path, here):
    import opensmile

    file = save(tmp_path / "a.wav", sweep(1) + noise(1) * 0.2)
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
    assert np.array_equal(audio.functionals([file], **here), smile.process_file(str(file)).to_numpy(np.float32))


@real
def test_real_in_several_processes(tmp_path, here):
    files = [save(tmp_path / f"{i}.wav", noise(0.5)) for i in range(6)]
    one = audio.functionals(files, cache=tmp_path / "one", progress=False)
    assert np.array_equal(audio.functionals(files, n_jobs=2, **here), one)
    with pytest.raises(FeatureError) as caught:
        audio.functionals([*files, save(tmp_path / "short.wav", sweep(0.05))], n_jobs=2, **here)
    one_line(caught, "short.wav", "too short: 0.050 s")


@real
def test_real_unknown_set(tmp_path, here):
    with pytest.raises(UsageError) as caught:
        audio.functionals([save(tmp_path / "a.wav", sweep())], "ComParE2016", **here)
    one_line(caught, "Did you mean 'ComParE_2016'?")


# Utterances without usable sound

@pytest.fixture
def several(tmp_path):
    """Good, short, silent, broken, missing, none."""
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    silent = np.zeros(RATE)
    silent[::7] = 1 / 32768  # the last bit
    return [save(tmp_path / "a.wav", sweep(0.3)), save(tmp_path / "short.wav", sweep(0.05)),
            save(tmp_path / "silent.wav", silent, dtype=np.float32), tmp_path / "broken.wav", tmp_path / "no.wav"]


def test_missing_rows_are_zeros(fake, several, here):
    x = audio.functionals(several, short="missing", **here)
    assert x.shape == (5, 4) and x[0].any() and not x[1:].any()
    values, starts, _ = audio.low_level(several, short="missing", **here)
    assert starts.tolist() == [0, 30, 30, 30, 30, 30] and len(values) == 30
    assert audio.functionals([several[2]], **here).any()  # silence has features where it is not asked for
    assert not audio.functionals([several[2]], short="missing", **here).any()  # found in the cache, too
    with pytest.raises(UsageError, match="Did you mean 'missing'"):
        audio.functionals(several, short="mising", **here)


@pytest.mark.parametrize("feature_set", ["eGeMAPSv02", "logmel-prosody"])
def test_reasons(fake, several, here, feature_set):
    for _ in range(2):  # computed, found
        good, *bad = audio.extract([*several, None], feature_set, **here)
        assert good.shape == (1, len(audio.names(feature_set)))
        assert [e.problem.partition(":")[0].partition(" (")[0] for e in bad] == [
            "it is too short", "it is silent", "this is not a wav file that can be read", "there is no such file",
            "there is no file"]


def test_an_unwritable_cache_is_no_fault_of_the_files(several, tmp_path, monkeypatch):
    def full(*_):
        raise FeatureError("the cache folder cannot be written", where=str(tmp_path / "cache"))

    monkeypatch.setattr(audio.stored, "store", full)
    with pytest.raises(FeatureError, match="cannot be written"):
        audio.extract(several, cache=tmp_path / "cache", progress=False)


def test_files_of_an_older_cache_are_read(fake, tmp_path, here):
    a = save(tmp_path / "a.wav", sweep(0.3))
    first = audio.functionals([a], **here)
    file, = (tmp_path / "cache").iterdir()
    kept = audio.stored.fetch(tmp_path / "cache", file.stem)
    audio.stored.store(tmp_path / "cache", file.stem, {k: kept[k] for k in ("values", "rate")})
    assert np.array_equal(audio.functionals([a], **here), first) and FakeSmile.calls == 1
    assert np.array_equal(audio.functionals([a], short="missing", **here), first)


def test_the_open_set_needs_no_opensmile(tmp_path, here, monkeypatch):
    monkeypatch.setitem(sys.modules, "opensmile", None)
    files = [save(tmp_path / "a.wav", sweep(0.3)), save(tmp_path / "b.wav", sweep(0.3, 44100), 44100)]
    x = audio.functionals(files, "logmel-prosody", **here)
    assert x.shape == (2, 101) and np.abs(x[0, :15] - x[1, :15]).max() < 0.5  # whatever the rate of the file
    values, starts, rate = audio.low_level(files, "logmel-prosody", **here)
    assert values.shape == (56, 44) and starts.tolist() == [0, 28, 56] and rate == 100
    assert audio.identity("logmel-prosody") == "logmel-prosody@1"
    assert audio.functionals([], "logmel-prosody", **here).shape == (0, 101)


def test_the_module_that_is_missing_is_named(tmp_path, here, monkeypatch):
    """openSMILE is installed, what it imports is not."""
    (tmp_path / "opensmile.py").write_text("import a_module_that_is_not_there.part")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "opensmile", raising=False)
    with pytest.raises(FeatureError) as caught:
        audio.functionals([save(tmp_path / "a.wav", sweep())], **here)
    one_line(caught, "not the package a_module_that_is_not_there", "pip install a_module_that_is_not_there",
             "logmel-prosody")
