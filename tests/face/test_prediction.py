"""`erc.predict`: the predictions of the run itself, read from a table; and what it refuses."""

import dataclasses
import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import erclab as erc
from erclab import runs as engine
from erclab.core.errors import UsageError
from erclab.face import conversations, prediction
from erclab.features import text

QUICK = {"epochs": 1, "hidden": 16, "heads": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def sdt(tiny, folder):
    return erc.run("sdt", tiny, folder=folder, progress=False, **QUICK)[0]


@pytest.fixture(scope="module")
def test_part(tiny):
    """The test split as a user would give it."""
    rows = tiny.rows("test")
    return tiny.table.loc[rows, ["dialogue", "speaker", "text"]], {m: x[rows] for m, x in tiny.vectors.items()}


@pytest.mark.parametrize("task", ["emotion", "sentiment", "dimensional", "emotion4"])
def test_the_test_split_gets_the_predictions_of_the_record(task, tiny, folder, test_part):
    run = erc.run("sdt", tiny, task=task, folder=folder, progress=False, **QUICK)[0]
    table, vectors = test_part
    found, stored = erc.predict(run, table, vectors=vectors), run.predictions("test")
    assert list(found["text"]) == list(table["text"]) and list(found["dialogue"]) == list(table["dialogue"])
    assert list(found["turn"][:3]) == [0, 1, 2]
    if task == "emotion":
        np.testing.assert_allclose(found[list(tiny.labels)], np.exp(stored), atol=1e-6)
        assert list(found["label"]) == [tiny.labels[i] for i in stored.argmax(1)]
    elif task == "emotion4":
        np.testing.assert_allclose(found[["neutral", "happy", "sad", "angry"]], np.exp(stored[:, 1::2]), atol=1e-6)
    else:
        np.testing.assert_allclose(found.iloc[:, 4:], stored, atol=1e-6)
        assert list(found.columns[4:]) == {"sentiment": ["sentiment"], "dimensional": [
            "valence", "arousal", "expectancy", "power"]}[task]


def test_a_model_of_sequences_reads_one_array_per_utterance(tiny, folder, test_part):
    run = erc.run("ef-lstm", tiny, folder=folder, progress=False, epochs=1, hidden=8)[0]
    frames = {m: [f[i] for i in tiny.rows("test")] for m, f in tiny.frames.items()}
    found = erc.predict(run, test_part[0], vectors=frames)
    np.testing.assert_allclose(found[list(tiny.labels)], np.exp(run.predictions("test")), atol=1e-6)
    with pytest.raises(UsageError, match="Give 33 arrays of shape"):
        erc.predict(run, test_part[0], vectors=test_part[1])


def test_files_are_read_as_tables_are(sdt, test_part, tmp_path):
    table, vectors = test_part
    table.to_csv(tmp_path / "mine.csv", index=False)
    expected = erc.predict(sdt, table, vectors=vectors)
    pd.testing.assert_frame_equal(erc.predict(sdt, str(tmp_path / "mine.csv"), vectors=vectors), expected)
    table.to_parquet(tmp_path / "mine.parquet")
    pd.testing.assert_frame_equal(erc.predict(sdt, tmp_path / "mine.parquet", vectors=vectors), expected)


def test_one_conversation_needs_no_dialogue_column_and_the_order_is_that_of_the_rows(sdt, test_part, tiny):
    table, vectors = test_part
    n = int((table["dialogue"] == table["dialogue"].iloc[0]).sum())
    found = erc.predict(sdt, table.iloc[:n].drop(columns="dialogue"), vectors={m: x[:n] for m, x in vectors.items()})
    assert list(found["turn"]) == list(range(n)) and set(found["dialogue"]) == {"1"}
    np.testing.assert_allclose(found[list(tiny.labels)], np.exp(sdt.predictions("test")[:n]), atol=1e-6)


def test_features_are_standardised_by_the_training_split_of_the_corpus(sdt, test_part, tiny):
    """Not by the conversations themselves: a part of them gets the same predictions."""
    table, vectors = test_part
    last = (table["dialogue"] == table["dialogue"].iloc[-1]).to_numpy()
    part = erc.predict(sdt, table[last], vectors={m: x[last] for m, x in vectors.items()})
    np.testing.assert_allclose(part[list(tiny.labels)], np.exp(sdt.predictions("test")[last]), atol=1e-6)


@pytest.fixture(scope="module")
def encoded(tiny, tiny_source):
    """The tiny corpus with text vectors of an encoder."""
    vectors = text.encode(list(tiny.table["text"]), tiny_source, progress=False)
    return dataclasses.replace(tiny.with_vectors("text", vectors, text.encoder_identity(tiny_source)), frames={})


def test_the_text_is_encoded_where_the_encoder_is_known(encoded, tiny_source, folder, test_part, monkeypatch, tmp_path):
    monkeypatch.setenv("ERCLAB_CACHE", str(tmp_path))
    run = erc.run("sdt", encoded, modalities=["text"], folder=folder, progress=False, **QUICK)[0]
    found = erc.predict(run, test_part[0], text_encoder=tiny_source)
    np.testing.assert_allclose(found[list(encoded.labels)], np.exp(run.predictions("test")), atol=1e-5)
    with pytest.raises(UsageError, match="text_encoder=FOLDER"):
        erc.predict(run, test_part[0])
    with pytest.raises(UsageError, match="is not the one that made the text vectors"):
        erc.predict(run, test_part[0], text_encoder="minilm")


def test_words_are_read_by_a_model_that_reads_words(tiny, tiny_source, folder, test_part):
    run = erc.run("dialoguetrm", tiny, words=tiny_source, modalities=["text"], bert={"pretrained": None}, folder=folder,
                  progress=False, epochs=1)[0]
    found = erc.predict(run, test_part[0])
    np.testing.assert_allclose(found[list(tiny.labels)], np.exp(run.predictions("test")), atol=1e-5)


def refused(run, table, match, **options):
    with pytest.raises(UsageError, match=match) as caught:
        erc.predict(run, table, **options)
    assert "\n" not in str(caught.value)


def test_the_conversations_are_not_replaced_by_their_predictions(sdt, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.csv").write_text("speaker,text\nA,hello\n", "utf-8")
    refused(sdt, tmp_path / "my.csv", "would replace the conversations", out=["x.html", "my.csv"])
    assert (tmp_path / "my.csv").read_text("utf-8") == "speaker,text\nA,hello\n"


def test_what_the_run_cannot_read_is_one_line(sdt, test_part, tmp_path, tiny):
    table, vectors = test_part
    refused(sdt, table, "what made those of simulated-tiny is not known. Give vectors")
    refused(sdt, table, "no vectors of audio, visual are given", vectors={"text": vectors["text"]})
    refused(sdt, table, r"audio have the shape \(33, 3\). Give an array of shape \(33, 18\)",
            vectors={**vectors, "audio": vectors["audio"][:, :3]})
    refused(sdt, table, r"audio have the shape \(5, 18\)", vectors={**vectors, "audio": vectors["audio"][:5]})
    refused(sdt, table, "audio are not arrays of numbers", vectors={**vectors, "audio": ["a"] * 33})
    refused(sdt, table, "audio feature 0 is nan", vectors={**vectors, "audio": np.full_like(vectors["audio"], np.nan)})
    refused(sdt, table, "vectors of smell are given, and the run reads text, audio", vectors={"smell": vectors["text"]})
    refused(sdt, table.drop(columns="speaker"), "the column speaker is missing. It has dialogue, text", vectors=vectors)
    refused(sdt, table[["dialogue"]], "the column speaker is missing", vectors=vectors)
    refused(sdt, table[:0], "there is no utterance", vectors=vectors)
    refused(sdt, table.assign(speaker=""), "speaker is empty", vectors=vectors)
    refused(sdt, table.assign(dialogue=["x", "y"] * 16 + ["x"]), "not adjacent", vectors=vectors)
    refused(sdt, 3, "conversations are a int")
    refused(sdt, tmp_path / "gone.csv", "gone.csv: there is no such file")
    (tmp_path / "mine.txt").write_text("x")
    refused(sdt, tmp_path / "mine.txt", "'.txt' is no kind of file")
    (tmp_path / "page.csv").write_text("<!DOCTYPE html><title>Sign in</title>")
    refused(sdt, tmp_path / "page.csv", r"this is a web page \('Sign in'\), not a csv file")
    (tmp_path / "mine.csv").write_bytes(b"\xff\xfe\x00")
    refused(sdt, tmp_path / "mine.csv", "mine.csv, line 1: byte 0 .0xff. is not UTF-8")


def test_surplus_speakers_share_the_last_place_and_a_notice_says_so(sdt, test_part):
    table, vectors = test_part
    assert sdt.spec["settings"]["speakers"] == 2
    n = int((table["dialogue"] == table["dialogue"].iloc[0]).sum())
    part = {m: x[:n] for m, x in vectors.items()}
    many = erc.predict(sdt, table[:n].assign(speaker=[f"S{i}" for i in range(n)]), vectors=part)
    two = erc.predict(sdt, table[:n].assign(speaker=["S0"] + ["S1"] * (n - 1)), vectors=part)
    assert list(many["speaker"][:3]) == ["S0", "S1", "S2"] and not two.notices
    np.testing.assert_array_equal(many.iloc[:, 5:], two.iloc[:, 5:])
    assert many.notices[0].startswith("the model tells 2 speakers in a dialogue apart, so it reads S2 as S1, S3 as S1")


def test_unknown_speakers_take_the_free_roles_dialogue_by_dialogue():
    rows = pd.DataFrame({"dialogue": list("aaabb"), "speaker": ["Ann", "F", "Bob", "M", "Cy"]})
    found, notices = conversations.seated(rows, ("F", "M"), 2)
    assert list(found["speaker"]) == ["M", "F", "M", "M", "F"]
    assert notices == ["the model tells the speakers F, M apart, so it reads Ann as M, Bob as M, Cy as F"]
    assert conversations.seated(rows, (), None) == (rows, []) and conversations.seated(rows, (), 3) == (rows, [])


def test_a_record_of_an_older_version_needs_the_corpus_of_its_training(sdt, test_part, tiny, tmp_path):
    table, vectors = test_part
    for end in ("json", "weights.safetensors"):
        shutil.copy(sdt.path.with_suffix(f".{end}"), tmp_path)
    record = engine.load(tmp_path / sdt.path.name)
    refused(record, table, r'corpus=erc.load\("simulated-tiny"\), on the command line --corpus', vectors=vectors)
    refused(record, table, "trained on another corpus", vectors=vectors, corpus=tiny.select(tiny.rows("test")))
    pd.testing.assert_frame_equal(erc.predict(record, table, vectors=vectors, corpus=tiny),
                                  erc.predict(sdt, table, vectors=vectors))


@pytest.mark.parametrize("model", ["linear", "constant", "linear-pooled"])
def test_a_fitted_baseline_predicts_without_its_corpus(model, tiny, folder, test_part):
    run = erc.run(model, tiny, folder=folder)[0]
    rows = tiny.rows("test")
    frames = {m: [f[i] for i in rows] for m, f in tiny.frames.items()}
    vectors = {"linear": test_part[1], "constant": None, "linear-pooled": frames}[model]
    found = erc.predict(engine.load(run.path), test_part[0], vectors=vectors, explain=model == "linear")
    np.testing.assert_array_equal(found[list(tiny.labels)], np.exp(run.predictions("test")))
    if model == "linear":  # what the modalities add is the logit without the bias
        kept = run.fitted
        first = kept.numbers["0.bias"][[tiny.labels.index(x) for x in found["label"]]]
        logits = found[[f"why: {m}" for m in tiny.modalities]].sum(axis=1) + first
        assert np.corrcoef(logits, np.log(found[list(tiny.labels)].max(axis=1)))[0, 1] > 0.3
    else:
        assert model != "constant" or kept_alone(run)


def kept_alone(run):
    return list(run.fitted.numbers) == ["prediction"]


def test_persistence_reads_labels_that_a_new_conversation_lacks(tiny, folder, test_part):
    refused(erc.run("persistence", tiny, folder=folder)[0], test_part[0], "which new conversations lack")


@pytest.mark.parametrize("wrong", [None, 3, []])
def test_what_is_no_run_is_one_line(wrong, test_part):
    with pytest.raises(UsageError, match=r"predict needs one run, not \w+\. Give one of those that erc\.run returns"):
        erc.predict(wrong, test_part[0])


@pytest.mark.parametrize(("identity", "given", "encoder"), [
    ("minilm@53aa", None, "minilm"), ("local@12", None, "local"), ("local@12", "folder", "folder"),
    ("some/encoder@c0ffee", None, "some/encoder@c0ffee")])
def test_the_encoder_of_training_is_found_at_its_commit(identity, given, encoder):
    asked = object.__new__(prediction._Asked)
    asked.run = SimpleNamespace(data={"corpus": {"encoders": {"text": identity}}})
    asked.kept, asked.text_encoder = SimpleNamespace(sequences=False), given
    assert asked._encoder() == encoder


def test_arguments_of_other_kinds_are_one_line(sdt, test_part):
    table, vectors = test_part
    refused(sdt, pd.concat([table, table[["text"]]], axis=1), "the column text occurs twice", vectors=vectors)
    refused(sdt, table, "vectors are a list", vectors=[1])
    refused(sdt, table, "columns are a list", columns=["text"])
    refused(sdt, table, "'.png' is no kind of file that is written", vectors=vectors, out="x.png")
    refused(sdt, table, "cannot be used here", vectors=vectors, device="toaster")
    refused("", table, "'' names no run")
    with pytest.raises(UsageError, match="export needs one run"):
        erc.export(None, "x")
    frames = {m: pd.DataFrame(x) for m, x in vectors.items()}
    pd.testing.assert_frame_equal(erc.predict(sdt, table, vectors=frames), erc.predict(sdt, table, vectors=vectors))
