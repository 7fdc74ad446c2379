"""`erclab predict`, `erclab export` and `erclab runs confusion` as a user meets them."""

import csv
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from erclab import runs

QUICK = {"epochs": 1, "hidden": 8, "heads": 2, "progress": False}


@pytest.fixture(scope="module")
def folder(tiny, tmp_path_factory):
    """A folder of two runs."""
    folder = tmp_path_factory.mktemp("runs")
    runs.run("sdt", tiny, folder=folder, **QUICK)
    runs.run("tfidf", tiny, folder=folder)
    return folder


@pytest.fixture
def call(call, monkeypatch, folder):
    monkeypatch.setenv("ERCLAB_RUNS", str(folder))
    return call


@pytest.fixture
def mine(tiny, tmp_path):
    """A conversation as a user has it: semicolons, a byte-order mark, other names, an empty text; arrays beside it."""
    rows = tiny.rows("test")[:5]
    table = tiny.table.loc[rows, ["speaker", "text"]].rename(columns={"text": "Äußerung"})
    table["speaker"], table["mood"] = ["Zoë", "李", "<b>", "Zoë", "李"], "x"
    table.iloc[1, 1] = ""
    path = tmp_path / "mine.csv"
    path.write_bytes(("\ufeff" + table.to_csv(index=False, sep=";")).encode())
    np.savez(tmp_path / "mine.audio.npz", X=tiny.vectors["audio"][rows])
    np.savez(tmp_path / "visual.npz", X=tiny.vectors["visual"][rows])
    np.save(tmp_path / "words.npy", tiny.vectors["text"][rows])
    return path


def ask(path):
    return ("predict", "sdt", path, "--columns", "text=Äußerung", "--vectors", f"text={path.with_name('words.npy')}")


def test_a_conversation_is_labelled_and_written(call, mine, tiny, tmp_path):
    out = [tmp_path / "out.csv", tmp_path / "out.html"]
    status, said, err = call(*ask(mine), "--explain", "--out", out[0], "--out", out[1])
    assert status == 0 and said.split() == [str(path) for path in out]
    assert "note: not read of" in err and "the column mood" in err and "semicolon" in err
    assert "so it reads <b> as 李" in err
    with open(out[0], encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["speaker"] for row in rows] == ["Zoë", "李", "<b>", "Zoë", "李"] and rows[1]["text"] == ""
    assert abs(sum(float(rows[0][name]) for name in tiny.labels) - 1) < 1e-5
    assert set(rows[0]) >= {"why: text", "why: audio", "why: visual context", "why: turn", "why: turn adds"}
    page = out[1].read_text(encoding="utf-8")
    assert "李" in page and "&lt;b&gt;" in page and "<b>:" not in page and "(no text)" in page


def test_a_table_and_json_are_printed(call, mine, tiny):
    status, said, _ = call(*ask(mine))
    assert status == 0 and "label" in said and len(said.splitlines()) == 6
    found = json.loads(call(*ask(mine), "--json")[1])
    assert found[0]["label"] in tiny.labels and found[2]["speaker"] == "<b>"


def test_an_exported_folder_predicts_the_same_without_runs_and_corpus(call, mine, tmp_path, folder, monkeypatch):
    before = call(*ask(mine), "--json")[1]
    status, said, _ = call("export", "sdt", tmp_path / "a folder")
    assert status == 0 and f"erclab predict '{tmp_path / 'a folder'}' conversation.csv" in said
    monkeypatch.setenv("ERCLAB_RUNS", str(tmp_path / "none"))
    arguments = list(ask(mine))
    arguments[1] = tmp_path / "a folder"
    assert call(*arguments, "--json")[1] == before


def test_a_baseline_of_words_needs_the_words_alone(call, mine):
    status, said, _ = call("predict", "tfidf", mine, "--columns", "text=Äußerung", "--explain", "--json")
    found = json.loads(said)
    assert status == 0 and found[0]["why: words"] and found[1]["why: words"] == "" and found[1]["why: text"] == 0


def test_the_confusion_and_the_scores_of_each_label_are_a_table(call, tmp_path, tiny):
    status, said, _ = call("runs", "confusion", "tfidf", "--csv", tmp_path / "c.csv")
    assert status == 0 and "precision" in said and "row = truth" in said
    table = pd.read_csv(tmp_path / "c.csv", index_col="label")
    assert list(table.index) == list(tiny.labels)
    assert list(table.columns[:4]) == ["precision", "recall", "f1", "support"]
    assert (table.filter(like="predicted ").sum(axis=1) == table["support"]).all()
    assert [row["label"] for row in json.loads(call("runs", "confusion", "tfidf", "--json")[1])] == list(tiny.labels)


@pytest.mark.parametrize("arguments, said", [
    (("predict", "nothing", "x.csv"), "unknown run 'nothing'"),
    (("predict", "s/d/t", "x.csv"), "there is no run 's/d/t'"),
    (("predict", "sdt", "x.csv"), "x.csv: there is no such file"),
    (("predict", "sdt", "x.wav"), "'.wav' is no kind of file that is read"),
    (("predict", "sdt", "x.csv", "--out", "x.png"), "'.png' is no kind of file that is written"),
    (("predict", "sdt", "x.csv", "--vectors", "audio"), "--vectors: 'audio' is not NAME=VALUE"),
    (("predict", "sdt", "x.csv", "--columns", "words=a"), "unknown column 'words'"),
    (("predict", "sdt", "x.csv", "--device", "toaster"), "cannot be used here"),
    (("export", "nothing", "x"), "unknown run 'nothing'"),
    (("runs", "confusion", "nothing"), "unknown run 'nothing'")])
def test_a_mistake_is_one_line_and_status_2(call, arguments, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, err = call(*arguments)
    assert status == 2 and out == "" and err.startswith("erclab: error: ") and err.count("\n") == 1 and said in err


@pytest.mark.parametrize("text, said", [
    ("", "the file is empty"), ("speaker,text\n", "no utterance"), ("speaker\nA\n", "the column text is missing"),
    ("speaker,text\nA,a,b\n", "line 2: 3 fields"), ('speaker,text\nA,"a\n', "this is not csv"),
    ("speaker,text,turn\nA,a,one\n", "turn 'one' is not a whole number"), ("speaker,text\n,a\n", "speaker is empty"),
    ("speaker,text,turn\nA,a,2\nA,b,1\n", "turns are out of order")])
def test_a_malformed_file_is_one_line(call, text, said, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text(text, encoding="utf-8")
    status, out, err = call("predict", "tfidf", path)
    assert status == 2 and out == "" and err.count("\n") == 1 and said in err


def test_arrays_that_do_not_fit_are_one_line(call, mine, tmp_path):
    for array, said in ((np.ones((4, 24)), "it has 4 rows"), (np.ones((5, 3)), r"shape (5, 3)"),
                        (np.full((5, 24), np.nan), "text feature 0 is nan"), (np.ones((5, 2, 24)), "axes, width")):
        np.save(tmp_path / "words.npy", array.astype(np.float32))
        status, _, err = call(*ask(mine))
        assert status == 2 and err.splitlines()[-1].startswith("erclab: error: ") and said in err


def test_one_turn_and_a_unique_beginning_of_an_id(call, folder, tmp_path):
    (tmp_path / "one.csv").write_text("speaker,text\nA,I am so happy\n", encoding="utf-8")
    status, said, _ = call("predict", "tfidf-simulated-tiny-", tmp_path / "one.csv")
    assert status == 0 and len(said.splitlines()) == 2
    two = tmp_path / "two"
    shutil.copytree(folder, two)
    first = next(two.glob("tfidf*.json"))
    shutil.copy(first, first.with_name("tfidf-other.json"))
    status, _, err = call("predict", "tfidf", tmp_path / "one.csv", "--runs", two)
    assert status == 2 and "2 runs begin with 'tfidf'. Name one: tfidf-other, tfidf-simulated" in err


def test_the_page_of_a_number_has_no_label(call, tiny, folder, tmp_path):
    run = runs.run("linear", tiny, task="dimensional", folder=folder)[0]
    rows = tiny.rows("test")[:2]
    tiny.table.loc[rows, ["speaker", "text"]].to_csv(tmp_path / "two.csv", index=False)
    for m in tiny.modalities:
        np.savez(tmp_path / f"two.{m}.npz", X=tiny.vectors[m][rows])
    status, said, _ = call("predict", run.id, tmp_path / "two.csv", "--explain", "--json", "--out", tmp_path / "x.html")
    found = json.loads(said)[0]
    assert status == 0 and {"valence", "arousal", "why: audio"} <= set(found) and "label" not in found
    assert "valence" in (tmp_path / "x.html").read_text(encoding="utf-8")


def test_features_of_another_maker_are_refused(call, mine, folder, tmp_path):
    """As `erclab features` writes it: the npz says what made it, and so does the record."""
    record = next(folder.glob("sdt-*.json"))
    for path in folder.glob(f"{record.stem}*"):
        shutil.copy(path, tmp_path)
    data = json.loads(record.read_text(encoding="utf-8"))
    data["corpus"]["encoders"] = {"audio": "voice@1"}
    (tmp_path / record.name).write_text(json.dumps(data), encoding="utf-8")
    x = dict(np.load(mine.with_name("mine.audio.npz")))
    arguments = ("predict", tmp_path / record.name, *ask(mine)[2:])
    for maker, status in (("voice@1", 0), ("voice@2", 2)):
        np.savez(mine.with_name("mine.audio.npz"), **x, made_by=np.array(maker))
        found, _, err = call(*arguments)
        assert found == status, err
    assert "the audio was made by voice@2, that of training by voice@1" in err
