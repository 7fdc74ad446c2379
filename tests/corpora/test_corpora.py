"""The registry of corpora, and `load`: from a name to something that a model can read."""

import ast
import hashlib
import importlib.util
import inspect
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from erclab.core.errors import CorpusError, UsageError
from erclab.core.targets import EMOTION4
from erclab.corpora import CORPORA, Corpus, cache, load, registry
from erclab.corpora.simulated import reader
from erclab.runs import plan


def test_every_row_can_be_shown_to_people():
    assert {"simulated", "simulated-tiny", "meld"} <= set(CORPORA)
    for name, info in CORPORA.items():
        assert info.name == name and info.title and info.licence and info.obtain
        assert info.needs_data == bool(info.files), name


def test_no_name_is_taken_twice():
    """The registry is a dictionary, so a second row of the same name would silently win."""
    calls = [node for node in ast.walk(ast.parse(inspect.getsource(registry)))
             if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "CorpusInfo"]
    assert len(calls) == len(CORPORA)


@pytest.mark.parametrize("name", [n for n, info in CORPORA.items() if not info.needs_data])
def test_an_embedded_corpus_loads_under_its_own_name_and_has_vectors(name, monkeypatch):
    """A few dialogues of each: their sizes are tested where they are made."""
    generate = reader.generate
    monkeypatch.setattr(reader, "generate", lambda preset, **settings: generate(
        preset, **{**settings, "dialogues": (4, 2, 2)}))
    corpus = load(name)
    assert corpus.name == name and corpus.modalities
    if name == "simulated-tiny":  # one generator makes them all
        assert corpus.fingerprint == load(name).fingerprint


@pytest.mark.parametrize(("name", "meant"), [("simulatd", "simulated"), ("MELD", ""), ("melt", "meld")])
def test_an_unknown_name_lists_what_there_is_and_perhaps_what_was_meant(name, meant):
    with pytest.raises(UsageError, match=f"unknown corpus '{name}'.*There is: simulated, ") as caught:
        load(name)
    assert (f"Did you mean '{meant}'?" if meant else "There is") in str(caught.value)


def test_an_embedded_corpus_refuses_a_folder(tmp_path):
    with pytest.raises(UsageError, match="'simulated' is embedded and reads no folder"):
        load("simulated", tmp_path)


@pytest.mark.parametrize("name", [n for n, info in CORPORA.items() if info.needs_data])
def test_a_corpus_that_is_not_embedded_says_what_it_needs_and_how_to_get_it(name):
    with pytest.raises(UsageError, match=f"'{name}' needs a folder") as caught:
        load(name)
    message = str(caught.value)
    assert all(file in message for file in CORPORA[name].files) and CORPORA[name].obtain in message
    assert "\n" not in message


def test_meld_without_its_files_is_an_error_with_the_path(tmp_path):
    with pytest.raises(CorpusError, match=str(tmp_path / "nowhere")):
        load("meld", str(tmp_path / "nowhere"))
    with pytest.raises(CorpusError, match=r"train_sent_emo\.csv: there is no such file"):
        load("meld", tmp_path)


@pytest.fixture
def meld_folder(tmp_path):
    for part in ("train", "dev", "test"):
        pd.DataFrame({"Utterance": [f"A bird in the {part} tree.", "Where?"], "Speaker": ["Ada", "Bo"],
                      "Emotion": ["joy", "neutral"], "Dialogue_ID": [0, 0], "Utterance_ID": [0, 1]}
                     ).to_csv(tmp_path / f"{part}_sent_emo.csv", index=False)
    return tmp_path


@pytest.fixture
def encoded(monkeypatch, tmp_path):
    """Replaces the encoder by word lengths; gives the list of what it was asked for."""
    asked = []

    def encode(texts, encoder, *, device):
        asked.append((texts, encoder, device))
        return np.array([[len(t), t.count(" ")] for t in texts], dtype=np.float32)

    monkeypatch.setattr("erclab.features.text.encode", encode)
    monkeypatch.setattr("erclab.features.text.encoder_identity", lambda name: f"identity of {name}")
    monkeypatch.setattr("erclab.features.text.unknown_share", lambda texts, encoder: 0.0)
    monkeypatch.setenv("ERCLAB_CACHE", str(tmp_path / "cache"))
    return asked


def test_a_corpus_without_text_vectors_gets_them_from_the_encoder(meld_folder, encoded):
    corpus = load("meld", meld_folder, text_encoder="counter", device="somewhere")
    assert isinstance(corpus, Corpus) and corpus.modalities == ("text",)
    assert encoded == [(corpus.table["text"].tolist(), "counter", "somewhere")]
    assert corpus.vectors["text"][0].tolist() == [25, 5] and corpus.vectors["text"][1].tolist() == [6, 0]
    assert dict(corpus.encoders) == {"text": "identity of counter"}


def test_text_vectors_that_the_corpus_brings_are_kept(meld_folder, encoded):
    np.savez(meld_folder / "text.npz", **{part: np.full((2, 3), 0.5) for part in ("train", "dev", "test")})
    corpus = load("meld", meld_folder)
    assert encoded == [] and corpus.dims == {"text": 3} and dict(corpus.encoders) == {}


def test_an_utterance_without_words_lacks_its_text_as_vector_and_as_tokens(tmp_path, encoded, monkeypatch):
    rows = "split,dialogue,turn,text,label\ntrain,a,0,Oh no,x\ntrain,a,1, ,y\n"
    (tmp_path / "utterances.csv").write_text(rows, "utf-8")
    corpus = load("table", tmp_path)
    assert corpus.vectors["text"].tolist() == [[5, 1], [0, 0]] and corpus.has("text").tolist() == [True, False]
    assert corpus.notices == ("1 of 2 utterances have no words, so their text is missing",)
    monkeypatch.setattr("erclab.features.text.tokens", lambda words, encoder, *, device: (
        np.ones((2, 3), np.float32), np.array([0, 2, 2]), words))
    assert load("table", tmp_path, text_as="tokens").has("text").tolist() == [True, False]


def test_unlabelled_utterances_stay_as_context_but_where_published_numbers_are_without(tmp_path, encoded, monkeypatch):
    rows = "split,dialogue,turn,label\ntrain,a,0,x\ntrain,a,1,\ntrain,a,2,y\n"
    (tmp_path / "utterances.csv").write_text(rows, "utf-8")
    corpus = load("table", tmp_path)
    assert corpus.table["label"].tolist() == [0, -1, 1] and corpus.notices == ()
    left = load("table", tmp_path, labelled=True)
    assert left.table["turn"].tolist() == [0, 2]
    assert left.notices[0].startswith("1 of 3 utterances have no emotion label")
    assert [name for name, info in CORPORA.items() if info.labelled] == ["iemocap-text-audio"]
    cache.save(replace(corpus, name="iemocap-text-audio"), tmp_path / "imported")
    assert len(load("imported", tmp_path / "imported")) == 2
    assert len(load("imported", tmp_path / "imported", labelled=False)) == 3


def test_four_emotions_are_made_of_the_labels_and_others_have_no_value(tmp_path):
    """As MulT's files of IEMOCAP; the utterances of other emotions and those without a label stay as context."""
    names = ["happy", "sad", "", "excited", "angry", "neutral"]
    (tmp_path / "utterances.csv").write_text("split,dialogue,turn,label\n" + "".join(
        f"train,a,{turn},{name}\n" for turn, name in enumerate(names)), "utf-8")
    corpus, without = registry.read("table", tmp_path, emotion4=True), registry.read("table", tmp_path)
    one = dict(zip(EMOTION4, np.eye(4).tolist(), strict=True))
    expected = [one.get(name, [np.nan] * 4) for name in names]
    np.testing.assert_array_equal(corpus.annotations["emotion4"], expected)
    assert corpus.tasks == ("emotion", "emotion4") and corpus.fingerprint != without.fingerprint
    with pytest.raises(UsageError, match=r"has no task emotion4.*--emotion4"):
        plan("sdt", without, task="emotion4")


def test_four_emotions_need_their_labels_and_a_corpus_of_files(tmp_path):
    (tmp_path / "utterances.csv").write_text("split,dialogue,turn,label\ntrain,a,0,happy\ntrain,a,1,sad\n", "utf-8")
    with pytest.raises(UsageError, match=r"no label neutral, angry.*leave the option out"):
        registry.read("table", tmp_path, emotion4=True)
    with pytest.raises(UsageError, match=r"takes no emotion4\. It is for corpora that are read from files"):
        registry.read("simulated-tiny", emotion4=True)


def test_sentiment_that_cannot_fill_its_scale_is_told(tmp_path):
    def notices(*values):
        (tmp_path / "utterances.csv").write_text("split,dialogue,turn,sentiment\n" + "".join(
            f"train,a,{i},{x}\n" for i, x in enumerate(values)), "utf-8")
        return registry.read("table", tmp_path).notices

    assert notices(-1, 0.4, 0.8)[0].startswith("sentiment lies in [-1, 0.8], the scale is [-3, 3]")
    assert notices(-1, 0.4, 1.2) == ()
    notices(-1, 0.4, 0.8)
    assert registry.read("table", tmp_path, scale=(-1, 1)).notices == ()


def test_words_that_the_encoder_does_not_have_are_told_and_looked_up_once(meld_folder, encoded, monkeypatch):
    asked = []
    monkeypatch.setattr("erclab.features.text.unknown_share", lambda texts, encoder: asked.append(texts) or 0.25)
    for _ in range(2):
        note, = load("meld", meld_folder).notices
        assert note.startswith("the text encoder minilm does not have 25 % of the words' tokens")
    assert asked == [sorted(["Where?", *(f"A bird in the {part} tree." for part in ("train", "dev", "test"))])]


def test_reading_computes_nothing(meld_folder, encoded):
    assert registry.read("meld", meld_folder).modalities == () and encoded == []


def test_the_manifest_in_data_says_what_the_registry_says():
    """`data/manifest.json` is for people without a Python at hand; it must not grow old."""
    path = Path(__file__).parents[2] / "data" / "manifest.json"
    listed = {row["name"]: row for row in json.loads(path.read_text())["corpora"]}
    assert list(listed) == list(CORPORA)
    for name, info in CORPORA.items():
        row = listed[name]
        assert (row["title"], row["files"], row["licence"], row["obtain"]) == (
            info.title, list(info.files), info.licence, info.obtain)


def test_the_tool_writes_the_manifest_that_is_there():
    root = Path(__file__).parents[2]
    spec = importlib.util.spec_from_file_location("erclab_manifest_script", root / "tools" / "manifest.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    old = json.loads((root / "data" / "manifest.json").read_text())
    assert script.made(old) == old and any("sha256" in row for row in old["corpora"])
    stale = {"about": "x", "corpora": [{"name": "meld", "title": "old", "sha256": {"a": "b"}}]}
    new = {row["name"]: row for row in script.made(stale)["corpora"]}
    assert new["meld"]["sha256"] == {"a": "b"} and new["meld"]["title"] == CORPORA["meld"].title


def test_checksums_of_public_files_are_right(real_data):
    path = Path(__file__).parents[2] / "data" / "manifest.json"
    meld = next(row for row in json.loads(path.read_text())["corpora"] if row["name"] == "meld")
    for name, digest in meld["sha256"].items():
        assert hashlib.sha256((real_data / "meld" / name).read_bytes()).hexdigest() == digest
