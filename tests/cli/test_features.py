"""`erclab features` as a user meets it: what is written, what is printed, one line per mistake."""

import json
from functools import partial

import numpy as np
import pytest
from scipy.io import wavfile

from erclab.corpora.readers import table

RATE = 16000
UNITS = "frame,timestamp,confidence,success,AU01_r,AU12_c"


@pytest.fixture
def call(call, monkeypatch, tmp_path):
    monkeypatch.setenv("ERCLAB_CACHE", str(tmp_path / "cache"))
    return partial(call, "features")


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "a corpus"
    folder.mkdir()
    (folder / "utterances.csv").write_text("id,split,dialogue,turn,text,label\nu1,train,a,0,hello world,x\n"
                                           "u2,valid,b,0,,y\nu3,test,c,0,no xyz,x\n")
    return folder


@pytest.fixture
def wavs(tmp_path):
    folder = tmp_path / "wav"
    folder.mkdir()
    tone = np.sin(2 * np.pi * 150 * np.arange(RATE // 2) / RATE) * 9000
    for name, signal in (("u1", tone), ("u2", tone[:800]), ("u3", tone), ("u4", tone)):
        wavfile.write(folder / f"{name}.wav", RATE, signal.astype(np.int16))
    return folder


def test_text(call, corpus, tiny_source):
    status, out, err = call("text", corpus, "--encoder", tiny_source)
    assert (status, err) == (0, "") and "made by: local@" in out
    assert "u2: the text is empty" in out and "25.0% of the tokens are unknown to the encoder" in out
    assert "multilingual" in out and f"erclab corpora show table --data '{corpus}'" in out
    vectors = table.read(corpus).vectors["text"]
    assert vectors.shape == (3, 8) and not vectors[1].any() and vectors[[0, 2]].any(1).all()
    status, out, _ = call("text", corpus, "--encoder", tiny_source, "--tokens", "--json")
    found = json.loads(out)
    assert found["missing"] == {"u2": "the text is empty"} and found["made by"].startswith("local@")
    assert table.read(corpus).frames["text"].lengths.tolist() == [2, 0, 2]


def test_audio(call, corpus, wavs):
    status, out, err = call("audio", wavs, "--table", corpus)
    assert (status, err) == (0, "") and "vectors of 101 numbers" in out
    assert "missing: 1 of 3" in out and "u2: it is too short: 0.050 s" in out
    assert "not used: 1 files or arrays" in out and "u4.wav" in out
    assert table.read(corpus).has("audio").tolist() == [True, False, True]
    assert call("audio", wavs, "--table", corpus, "--frames", "--longest", "5")[0] == 0
    assert table.read(corpus).frames["audio"].lengths.tolist() == [5, 0, 5]


def test_a_table_with_a_column_file(call, wavs):
    (wavs / "t.csv").write_text("clip,file\na,u3.wav\nb,u1.wav\n")
    status, out, _ = call("audio", wavs / "t.csv", "--columns", "id=clip")
    assert status == 0 and f"{wavs / 'audio.npz'}: 2 utterances" in out
    assert f"erclab corpora show table --data {wavs / 't.csv'}" in out
    with np.load(wavs / "audio.npz") as file:
        assert file["ids"].tolist() == ["a", "b"]


def test_without_a_table_no_corpus_is_advised(call, wavs, tmp_path):
    status, out, _ = call("audio", wavs, "--out", tmp_path / "audio.npz", "--longest", "5", "--frames")
    assert status == 0 and "corpora show" not in out and "put it beside a table" in out


def test_visual_from_openface(call, corpus, tmp_path):
    faces = tmp_path / "faces"
    faces.mkdir()
    (faces / "u1.csv").write_text(f"{UNITS}\n1,0.0,0.9,1,2,1\n2,0.04,0.9,1,4,1\n3,0.08,0.1,0,5,0\n")
    (faces / "u2.csv").write_text(f"{UNITS}\n1,0.0,0.1,0,2,1\n")
    (faces / "u3.csv").write_text(f"{UNITS}\n1,0.0,0.9,1,nonsense,1\n")
    for _ in range(2):  # computed, found
        status, out, _ = call("visual", faces, "--table", corpus, "--aus", "AU01_r,AU12_c")
        assert status == 0 and "made by: OpenFace, 2 columns, confidence 0.8" in out
        assert "u2: no frame has a face with a confidence of 0.8" in out and "'nonsense' is not a number" in out
    assert table.read(corpus).vectors["visual"].tolist() == [[3, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_pack_and_visual_of_arrays(call, corpus, tmp_path):
    (tmp_path / "made").mkdir()
    for name in ("u1", "u2", "u3"):
        np.save(tmp_path / "made" / f"{name}.npy", np.ones((4, 2)))
    status, out, _ = call("pack", tmp_path / "made", "--table", corpus, "--modality", "visual", "--frames")
    assert status == 0 and "sequences of 4 frames at most, 2 numbers per frame" in out
    status, out, _ = call("visual", tmp_path / "made", "--table", corpus, "--out", tmp_path / "v.npz")
    assert status == 0 and "vectors of 4 numbers" in out


def test_long_lists_are_cut(call, tmp_path, wavs):
    rows = "".join(f"m{i}\n" for i in range(30))
    (tmp_path / "t.csv").write_text(f"id\nu1\n{rows}")
    status, out, _ = call("audio", wavs, "--table", tmp_path / "t.csv")
    assert status == 0 and "... and 20 others (--json lists all)" in out and len(out.splitlines()) < 25


@pytest.mark.parametrize(("arguments", "said"), [
    (("text", "nowhere.csv"), "nowhere.csv: there is no such file"),
    (("text", "{corpus}", "--encoder", "./nowhere"), "there is no such folder"),
    (("text", "{corpus}", "--revision", "abc"), "only a Hugging Face name has revisions"),
    (("text", "{corpus}", "--batch-size", "0"), "batch size is 0"),
    (("text", "{corpus}", "--columns", "id"), "--columns: 'id' is not NAME=VALUE. For example --columns id=clip"),
    (("text", "{corpus}", "--columns", "words=text"), "unknown column 'words'"),
    (("text", "{corpus}", "--columns", "text=words"), "there is no column 'words'"),
    (("audio", "nowhere"), "there is no such folder"),
    (("audio", "{corpus}/utterances.csv", "--table", "{corpus}"), "two tables are given"),
    (("audio", "{wavs}", "--set", "logmel"), "logmel-prosody"),
    (("audio", "{wavs}", "--rate", "5"), "the sampling rate is 5 Hz"),
    (("audio", "{wavs}", "--rate", "8000"), "always has 16000 Hz"),
    (("text", "{corpus}", "--encoder", "./never-looked-for", "--shorten", "x"), "There is: cut, pool"),
    (("audio", "{wavs}", "--set", "eGeMAPSv02", "--rate", "5"), "5 Hz"),
    (("audio", "{wavs}", "--table", "{corpus}", "--short", "refuse"), "u2: it is too short"),
    (("audio", "{wavs}", "--out", "{corpus}/x.npy"), "must end with .npz"),
    (("visual", "{wavs}"), "no file that can be read"),
    (("pack", "{wavs}", "--modality", "audio"), "no file that can be read"),
])
def test_mistakes_are_one_line(call, corpus, wavs, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    status, out, err = call(*(a.format(corpus=corpus, wavs=wavs) for a in arguments))
    assert status == 2 and out == "" and said in err
    assert err.startswith("erclab: error: ") and err.count("\n") == 1
    assert not list(tmp_path.glob("*.npz"))


def test_features_of_somebody_else_are_not_replaced(call, corpus, wavs):
    np.savez(corpus / "audio.npz", X=np.ones((3, 2)))
    status, _, err = call("audio", wavs, "--table", corpus)
    assert status == 2 and "erclab has not made it" in err
    assert call("audio", wavs, "--table", corpus, "--replace")[0] == 0


def test_help(call):
    assert call()[0] == 0 and "pack" in call()[1]
    status, out, _ = call("audio", "--help")
    assert status == 0 and "open licence" in out
