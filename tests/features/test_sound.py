"""Sound files that are not wav: by ffmpeg, by soundfile, or one line that says what is needed."""

import os
import sys
import types

import numpy as np
import pytest
from one_line import one_line

from erclab.core.errors import FeatureError
from erclab.features import audio, sound

TONE = (0.3 * np.sin(2 * np.pi * 150 * np.arange(8000) / 16000)).astype("<f4")


@pytest.fixture
def no_ffmpeg(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin"


@pytest.fixture
def ffmpeg(no_ffmpeg):
    """A stand-in that gives the tone for every file whose name has no "bad", and notes how it was called."""
    (no_ffmpeg / "tone").write_bytes(TONE.tobytes())
    program = no_ffmpeg / "ffmpeg"
    program.write_text(f"""#!{sys.executable}
import sys
with open({str(no_ffmpeg / "called")!r}, "w") as file:
    print(*sys.argv[1:], file=file)
if "bad" in " ".join(sys.argv):
    sys.exit("moov atom not found")
sys.stdout.buffer.write(open({str(no_ffmpeg / "tone")!r}, "rb").read())
""")
    os.chmod(program, 0o755)
    return no_ffmpeg


def test_the_sound_of_a_video(ffmpeg, tmp_path):
    video = tmp_path / "-a b.mp4"  # a name that could be an option
    video.write_bytes(b"video")
    signal, rate = audio.read_wav(video)
    assert rate == 16000 and np.array_equal(signal, TONE)
    called = (ffmpeg / "called").read_text()
    assert f"-i file:{video} -vn -ac 1 -ar 16000" in called and "-nostdin" in called
    x, = audio.extract([video], cache=tmp_path / "cache", progress=False)
    assert x.shape == (1, 101)


def test_a_video_without_sound(ffmpeg, tmp_path):
    (tmp_path / "bad.mp4").write_bytes(b"video")
    with pytest.raises(FeatureError) as caught:
        audio.read_wav(tmp_path / "bad.mp4")
    one_line(caught, "bad.mp4", "no sound", "moov atom not found")


def test_what_is_needed_is_said_before_the_work(no_ffmpeg, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    monkeypatch.setattr(audio, "_one", lambda *_: pytest.fail("worked in vain"))
    for name, said in (("a.mp4", "make wav files"), ("a.flac", "pip install soundfile")):
        (tmp_path / name).write_bytes(b"content")
        with pytest.raises(FeatureError) as caught:
            audio.extract([tmp_path / name], cache=tmp_path / "cache", progress=False)
        one_line(caught, name, "needs the program ffmpeg", said)


def test_soundfile_where_it_is_installed(no_ffmpeg, tmp_path, monkeypatch):
    fake = types.ModuleType("soundfile")
    fake.read = lambda path, dtype: (np.stack([TONE, TONE], 1), 8000)
    monkeypatch.setitem(sys.modules, "soundfile", fake)
    (tmp_path / "a.flac").write_bytes(b"content")
    signal, rate = sound.decode(tmp_path / "a.flac", b"content", None)
    assert rate == 8000 and np.array_equal(signal, TONE)
    fake.read = lambda path, dtype: 1 / 0
    with pytest.raises(FeatureError) as caught:
        sound.decode(tmp_path / "a.flac", b"content", None)
    one_line(caught, "a.flac", "cannot be read")


@pytest.mark.parametrize(("content", "said"), [
    (b"\0\0\0\x20ftypisom", "it is mp4 inside: call it .mp4"), (b"ID3\4\0", "call it .mp3"),
    (b"version https://git-lfs.github.com/spec/v1\noid x", "pointer of Git LFS"),
    (b"<!DOCTYPE html><html>", "this is a web page)")], ids=["mp4", "mp3", "pointer", "page"])
def test_what_is_called_wav_and_is_none(tmp_path, content, said):
    (tmp_path / "a.wav").write_bytes(content + b"\0" * 200)
    with pytest.raises(FeatureError) as caught:
        audio.read_wav(tmp_path / "a.wav")
    one_line(caught, "not a wav file", said)
