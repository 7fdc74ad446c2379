"""ECF as JSON and as text: the same corpus, with the causes of emotions."""

import json

import pytest

from erclab.core.errors import CorpusError
from erclab.corpora.readers import ecf

TURNS = {"train": (5, [("Ada", "neutral", "A kettle ."), ("Bo", "joy", "Look !"), ("Ada", "joy", "Ha | ha .")],
                   [(2, 1), (2, 3), (3, 3)]),
         "dev": (6, [("Cy", "sadness", "Gone .")], []), "test": (7, [("Cy", "anger", "No !")], [(1, 1)])}


def as_json(folder, turns=TURNS):
    for part, (number, rows, pairs) in turns.items():
        conversation = [{"utterance_ID": i, "text": t, "speaker": s, "emotion": e, "video_name": "x.mp4"}
                        for i, (s, e, t) in enumerate(rows, 1)]
        (folder / f"{part}.json").write_text(json.dumps([
            {"conversation_ID": number, "conversation": conversation,
             "emotion-cause_pairs": [[f"{a}_joy", f"{b}_words"] for a, b in pairs]}]))
    return folder


def as_text(folder, turns=TURNS, end=" | Friends_S1E1: 00:00:01.000 - 00:00:02.000"):
    for part, (number, rows, pairs) in turns.items():
        lines = [f"{number} {len(rows)}", ",".join(f"({a},{b})" for a, b in pairs)]
        lines += [f"{i} | {s} | {e} | {t}{end}" for i, (s, e, t) in enumerate(rows, 1)]
        (folder / f"{part}.txt").write_text("\n".join(lines) + "\n")
    return folder


def test_turns_labels_and_causes(tmp_path):
    corpus = ecf.read(as_json(tmp_path))
    assert corpus.table["dialogue"].tolist() == ["train-5"] * 3 + ["dev-6", "test-7"]
    assert corpus.table["turn"].tolist() == [1, 2, 3, 1, 1]
    assert corpus.table["causes"].tolist() == ["", "1 3", "3", "", "1"]
    assert [corpus.labels[i] for i in corpus.table["label"]] == ["neutral", "joy", "joy", "sadness", "anger"]
    assert corpus.table["text"][2] == "Ha | ha ." and corpus.table["split"].tolist()[3:] == ["valid", "test"]


@pytest.mark.parametrize("end", [" | Friends_S1E1: 00:00:01.000 - 00:00:02.000", "", " |", " | train_dia5_utt0"])
def test_text_is_the_same(tmp_path, end):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "audio_embedding_6373.npy").touch()
    ours, theirs = ecf.read(as_text(tmp_path / "b", end=end)), ecf.read(as_json(tmp_path / "a"))
    assert ours.fingerprint == theirs.fingerprint and ours.table["causes"].equals(theirs.table["causes"])
    assert "audio_embedding_6373.npy not read" in ours.notices[0] and theirs.notices == ()


def test_an_utterance_without_emotion_is_unlabelled(tmp_path):
    as_json(tmp_path)
    (tmp_path / "test.json").write_text(json.dumps([{"conversation_ID": 9, "conversation": [
        {"utterance_ID": 1, "text": "Hm .", "speaker": "Ada"}]}]))
    assert ecf.read(tmp_path).table["label"].tolist()[-1] == -1


def dev(words, name="dev.txt"):
    return lambda folder: (folder / name).write_text(words)


@pytest.mark.parametrize(("change", "problem"), [
    (dev("6 2\n\n1 | Cy | joy | Gone .\n"), "dev.txt, line 1: the file ends before the 2"),
    (dev("6 1\n\n1 | Cy | rage | Gone .\n"), "dev.txt, line 3: unknown emotion 'rage'"),
    (dev("6 1\n\nCy: Gone .\n"), "dev.txt, line 3: 'Cy: Gone .' is not: number"),
    (dev("Gone .\n"), "line 1: 'Gone .' is not the number of a conversation"),
    (dev("6 1\n(1,4)\n1 | Cy | joy | Gone .\n"), r"the pair \(1,4\) names an utt"),
    (dev("6 1\n\n1 | Cy | joy | A .\n" * 2), "conversation 6 was already at"),
    (lambda f: (f / "dev.txt").unlink(), "there is no such file"),
    (dev('[{"conversation_ID": 1}]', "dev.json"), "item 0: there is no 'conversation'"),
    (dev('[{"conversation_ID": 1, "conversation": [], "emotion-cause_pairs": [["x"]]}]', "dev.json"),
     "a pair is not like"),
])
def test_what_is_refused(tmp_path, change, problem):
    change(as_text(tmp_path))
    with pytest.raises(CorpusError, match=problem):
        ecf.read(tmp_path)
