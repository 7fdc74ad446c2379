"""EmoryNLP's csv files: scenes, speakers in lists, numbers of utterances with gaps."""

import numpy as np
import pandas as pd
import pytest

from erclab.core.errors import CorpusError
from erclab.corpora.readers import emorynlp

HEADER = ["Utterance", "Speaker", "Emotion", "Scene_ID", "Utterance_ID", "Season", "Episode", "Start_Time", "End_Time"]
ROWS = {
    "train": [["A kettle.", "['Ada']", "Joyful", 2, 1, 1, 10], ["Where?", '["Bo\'s cat"]', "Scared", 2, 4, 1, 10],
              ["Oh!", "['Ada', 'Bo']", "Mad", 1, 1, 1, 10], ["Tea?", "['Cy']", "Neutral", 2, 1, 1, 2]],
    "dev": [["Yes.", "['Ada']", "Peaceful", 1, 1, 2, 1], ["No.", "['Bo']", "Powerful", 1, 2, 2, 1]],
    "test": [["Bye.", "['Ada']", "Sad", 1, 3, 3, 1]],
}


def write(folder, rows=ROWS):
    for part, lines in rows.items():
        table = pd.DataFrame([[*line, "00:00:01", "00:00:02"] for line in lines], columns=HEADER)
        table.to_csv(folder / emorynlp.FILE.format(part), index=False)
    return folder


def test_scenes_speakers_labels_and_features(tmp_path):
    np.savez(tmp_path / "audio.npz", train=np.arange(4.0)[:, None], dev=np.ones((2, 1)), test=np.ones((1, 1)))
    corpus = emorynlp.read(write(tmp_path))
    assert corpus.table["dialogue"].tolist()[:4] == ["train-s01e02c02", "train-s01e10c01", "train-s01e10c02",
                                                     "train-s01e10c02"]
    assert corpus.table["speaker"].tolist()[:4] == ["Cy", "Ada, Bo", "Ada", "Bo's cat"]
    assert corpus.table["turn"].tolist() == [1, 1, 1, 4, 1, 2, 3]
    assert corpus.labels == ("joyful", "mad", "neutral", "peaceful", "powerful", "sad", "scared")
    assert corpus.table["label"].tolist() == [2, 1, 0, 6, 3, 4, 5]
    assert corpus.vectors["audio"].ravel().tolist() == [3, 2, 0, 1, 1, 1, 1]  # rows follow their utterances
    assert corpus.table["split"].tolist() == ["train"] * 4 + ["valid"] * 2 + ["test"] and corpus.notices == ()


def test_a_number_that_occurs_twice_and_a_scene_in_two_parts(tmp_path):
    rows = {**ROWS, "dev": [*ROWS["dev"], ["What?", "['Ada']", "Mad", 1, 1, 2, 1]],
            "test": [*ROWS["test"], ["Now.", "['Ada']", "Mad", 1, 9, 2, 1]]}
    corpus = emorynlp.read(write(tmp_path, rows))
    scene = corpus.table[corpus.table["dialogue"] == "dev-s02e01c01"]
    assert scene["turn"].tolist() == [1, 2, 3] and scene["text"].tolist() == ["Yes.", "What?", "No."]
    assert corpus.notices == ("1 numbers of utterances occur twice in a scene: the turns of 1 scenes are counted anew, "
                              "in the order of the file", "1 scenes have utterances in more than one split")


@pytest.mark.parametrize("cell", ["[]", "['']", ""])
def test_a_line_without_a_speaker(tmp_path, cell):
    rows = {**ROWS, "test": [["Bye.", cell, "Sad", 1, 3, 3, 1]]}
    corpus = emorynlp.read(write(tmp_path, rows))
    assert corpus.table["speaker"].tolist()[-1] == "unknown"
    assert corpus.notices == ("emorynlp_test_final.csv: 1 of 1 utterances name no speaker: they are of 'unknown'",)


@pytest.mark.parametrize(("at", "value", "problem"), [
    (2, "Happy", r"emorynlp_dev_final\.csv, line 2: unknown emotion 'happy'.*--corpus table"),
    (4, "1.0", "line 2: the Utterance_ID '1.0' is not a whole number"), ])
def test_bad_rows(tmp_path, at, value, problem):
    rows = {**ROWS, "dev": [list(ROWS["dev"][0])]}
    rows["dev"][0][at] = value
    with pytest.raises(CorpusError, match=problem):
        emorynlp.read(write(tmp_path, rows))


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(CorpusError, match=r"emorynlp_train_final\.csv: there is no such file"):
        emorynlp.read(tmp_path)
    with pytest.raises(CorpusError, match="no such folder"):
        emorynlp.read(tmp_path / "nowhere")
