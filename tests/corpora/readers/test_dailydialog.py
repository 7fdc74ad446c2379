"""DailyDialog as text files and as JSON: the same corpus."""

import json

import pytest

from erclab.core.errors import CorpusError
from erclab.corpora.readers import dailydialog

TEXTS = {"train": [(["Good morning .", "Is it ?", "Yes ."], [0, 5, 4]), (["Tea ?", "No ."], [0, 1])],
         "validation": [(["Hm .", "Well ."], [2, 3])], "test": [(["Oh !", "So ."], [6, 0])]}


def write(folder, texts=TEXTS, nested=True, acts=True):
    for part, dialogues in texts.items():
        home = folder / part if nested else folder
        home.mkdir(exist_ok=True)
        words, codes = [w for w, _ in dialogues], [e for _, e in dialogues]
        (home / f"dialogues_{part}.txt").write_text("".join(" __eou__ ".join(w) + " __eou__\n" for w in words))
        (home / f"dialogues_emotion_{part}.txt").write_text("".join(" ".join(map(str, e)) + " \n" for e in codes))
        if acts:
            (home / f"dialogues_act_{part}.txt").write_text("".join("1 " * len(e) + "\n" for e in codes))
    return folder


def records(part, lists):
    names = [name.replace(" ", "_") for name in dailydialog.LABELS]
    for words, codes in TEXTS[part]:
        if lists:
            yield {"dialog": words, "emotion": codes, "act": [1] * len(words)}
        else:
            yield {"fold": part, "topic": "x", "dialogue": [{"text": w, "emotion": names[c], "act": "inform"}
                                                            for w, c in zip(words, codes, strict=True)]}


def test_turns_speakers_and_labels(tmp_path):
    corpus = dailydialog.read(write(tmp_path))
    assert corpus.table["text"].tolist()[:3] == ["Good morning .", "Is it ?", "Yes ."]
    assert corpus.table["speaker"].tolist()[:5] == ["A", "B", "A", "A", "B"] and corpus.roles == ()
    assert [corpus.labels[i] for i in corpus.table["label"][:3]] == ["no emotion", "sadness", "happiness"]
    assert corpus.table["dialogue"].unique().tolist() == ["train-0", "train-1", "valid-0", "test-0"]
    assert set(corpus.table["act"]) == {"inform"} and corpus.notices == ()


@pytest.mark.parametrize("form", ["flat", "crlf", "objects", "lists", "array"])
def test_other_forms_are_the_same(tmp_path, form):
    (tmp_path / "a").mkdir()
    expected = dailydialog.read(write(tmp_path / "a")).fingerprint
    folder = tmp_path / "b"
    folder.mkdir()
    if form == "flat":
        write(folder, nested=False, acts=False)
    elif form == "crlf":
        for path in write(folder).rglob("*.txt"):
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    else:
        for part, name in (("train", "train"), ("validation", "valid"), ("test", "test")):
            found = list(records(part, form != "objects"))
            text = json.dumps(found, indent=1) if form == "array" else "\n".join(map(json.dumps, found)) + "\n"
            (folder / f"{name}.json").write_text(text)
    assert dailydialog.read(folder).fingerprint == expected


def test_a_dialogue_with_another_number_of_emotions_is_left_out_and_counted(tmp_path):
    texts = {**TEXTS, "train": [(["One .", "Two ."], [0, 0, 0]), *TEXTS["train"]]}
    corpus = dailydialog.read(write(tmp_path, texts))
    assert corpus.table["dialogue"].unique().tolist()[:2] == ["train-1", "train-2"]
    assert corpus.notices[0].startswith("left out: 1 of 3 dialogues of train") and "line 1" in corpus.notices[0]


EMOTIONS = "test/dialogues_emotion_test.txt"


@pytest.mark.parametrize(("change", "problem"), [
    (lambda f: (f / EMOTIONS).write_text("6 7 \n"), "emotion_test.txt, line 1: unknown emotion '7'"),
    (lambda f: (f / EMOTIONS).write_text("6 0 \n0 \n"), "it has 2 lines, dialogues_test.txt has 1"),
    (lambda f: (f / EMOTIONS).unlink(), "there is no such file"),
    (lambda f: (f / "test/dialogues_test.txt").unlink(), "the folder has no test split"),
    (lambda f: [(f / "test/dialogues_test.txt").unlink(), (f / "test.zip").touch()], "but test.zip.*Unpack the arch"),
    (lambda f: (f / "test/dialogues_test.txt").write_bytes(b"<html>"), "this is a web page, not a text file"),
    (lambda f: [(f / "test/dialogues_test.txt").unlink(), (f / "test.json").write_text('{"a": 1}\n{"b"')],
     r"test\.json, line 2: this is not JSON"),
    (lambda f: [(f / "test/dialogues_test.txt").unlink(), (f / "test.json").write_text('{"dialogue": 3}')],
     "'dialogue' is '3'. It must be a list"),
])
def test_what_is_refused(tmp_path, change, problem):
    change(write(tmp_path))
    with pytest.raises(CorpusError, match=problem):
        dailydialog.read(tmp_path)
