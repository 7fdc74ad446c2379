"""Which utterances there are, and which file belongs to which."""

import pytest
from one_line import one_line

from erclab.core.errors import FeatureError, UsageError
from erclab.features import tables


@pytest.fixture
def write(tmp_path):
    def write(text, name="utterances.csv", folder=None):
        path = (folder or tmp_path) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path
    return write


@pytest.fixture
def place(tmp_path):
    """Make empty files; returns (their folder, the files found)."""
    def place(*names):
        folder = tmp_path / "files"
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()
        return folder, tables.find(folder, (".wav", ".mp4"))
    return place


def matched(folder, files, rows):
    found = tables.match(folder, files, rows)
    return [p and p.relative_to(folder).as_posix() for p in found.files], [p.name for p in found.extra]


def test_a_table_and_its_names(write, tmp_path):
    write("\ufeffid,split,dialogue,turn,text,mood\nu1,train,d,0,Käse ,x\nu2,train,d,1,,y\n")
    rows, = tables.read(tmp_path).values()
    assert rows.ids == ["u1", "u2"] and rows.columns["text"] == ["Käse", ""] and len(rows) == 2
    assert rows.names(1) == ["u2", "d_1", "diad_utt1", "d/1", "d-1", "d/u2"] and rows.split_of(1) == "train"
    other = tables.read(tmp_path / "utterances.csv", {"id": "mood", "text": "split"})[""]
    assert other.ids == ["x", "y"] and other.columns["text"] == ["train", "train"]


def test_a_conversation_without_ids_and_turns_is_counted_as_predict_counts_it(write, tmp_path):
    write("speaker,text\nA,Hi\nB,Oh\n")
    assert [tables.read(tmp_path)[""].names(i)[0] for i in (0, 1)] == ["1_0", "1_1"]
    write("dialogue,text\nd,Hi\ne,Oh\nd,So\n")
    assert [tables.read(tmp_path)[""].names(i)[0] for i in range(3)] == ["d_0", "e_0", "d_1"]


def test_melds_three_files(write, tmp_path):
    for part in ("train", "dev", "test"):
        write(f"Sr No.,Utterance,Dialogue_ID,Utterance_ID\n1,Hello {part},3,5\n", f"{part}_sent_emo.csv")
    rows = tables.read(tmp_path)
    assert list(rows) == ["train", "dev", "test"] and rows["dev"].columns["text"] == ["Hello dev"]
    assert "dia3_utt5" in rows["dev"].names(0) and rows["dev"].split_of(0) == "dev" and rows["dev"].ids == ["dia3_utt5"]


@pytest.mark.parametrize(("text", "said"), [
    ("", "the file is empty"), ("id,text\n", "no utterance"), ("id,text\nu,a\nu,b\n", "the id 'u' occurs twice"),
    ("id,text\n,a\n", "the id is empty"), ("a,b\n1,2\n", "--columns id=NAME"), ("id,text\nu,a,b\n", "3 fields"),
], ids=["empty", "header", "twice", "no id", "no known column", "fields"])
def test_a_table_that_is_refused(write, text, said):
    with pytest.raises(FeatureError) as caught:
        tables.read(write(text))
    one_line(caught, "utterances.csv", said)


def test_what_the_readers_of_corpora_repair(write):
    """The words that are encoded are those that the corpus has."""
    for separator in ";\t|":
        rows = tables.read(write(separator.join(("id", "text")) + f"\nu{separator}it\x92s, nan\nv{separator}nan\n"))
        assert rows[""].columns["text"] == ["it’s, nan", ""]


def test_what_is_no_table(tmp_path):
    with pytest.raises(FeatureError, match="holds no table"):
        tables.read(tmp_path)
    with pytest.raises(FeatureError, match="there is no such file"):
        tables.read(tmp_path / "no.csv")
    (tmp_path / "a.parquet").write_bytes(b"no parquet")
    with pytest.raises(FeatureError, match="parquet"):
        tables.read(tmp_path / "a.parquet")
    with pytest.raises(UsageError, match="Did you mean 'dialogue'"):
        tables.read(tmp_path, {"dialog": "x"})


def test_parquet_has_the_same_columns(tmp_path):
    import pandas as pd

    pd.DataFrame({"id": ["u", "v"], "turn": [0, 1], "text": [None, "b"]}).to_parquet(tmp_path / "a.parquet")
    rows = tables.read(tmp_path / "a.parquet")[""]
    assert dict(rows.columns) == {"id": ["u", "v"], "turn": ["0", "1"], "text": ["", "b"]}


def test_files_by_id_by_turn_and_by_folder(place):
    rows = tables.Rows(None, {"id": ["a", "b.wav", "c", "d"], "dialogue": ["1", "1", "2", "2"],
                              "turn": ["0", "1", "0", "1"]})
    folder, files = place("a.wav", "b.wav", "dia2_utt0.mp4", "2/1.wav", "extra.wav", ".hidden.wav", "notes.txt")
    assert matched(folder, files, rows) == (["a.wav", "b.wav", "dia2_utt0.mp4", "2/1.wav"], ["extra.wav"])


def test_a_file_that_is_missing(place):
    folder, files = place("a.wav")
    assert matched(folder, files, tables.Rows(None, {"id": ["b", "a"]})) == ([None, "a.wav"], [])


def test_the_column_file_says_it(place):
    folder, files = place("x/1.wav", "y/1.wav")
    assert matched(folder, files, tables.Rows(None, {"id": ["a", "b"], "file": ["y/1.wav", "x/1.wav"]}))[0] == [
        "y/1.wav", "x/1.wav"]


def test_the_same_name_in_folders_of_splits(place):
    folder, files = place("train_splits/dia0_utt0.mp4", "dev_splits_complete/dia0_utt0.mp4",
                          "output_repeated_splits_test/dia0_utt0.mp4")
    columns = {"dialogue": ["0"], "turn": ["0"]}
    for split, expected in (("train", "train_splits"), ("dev", "dev_splits_complete"),
                            ("test", "output_repeated_splits_test")):
        assert matched(folder, files, tables.Rows(None, columns, split))[0] == [f"{expected}/dia0_utt0.mp4"]
    assert matched(folder, files, tables.Rows(None, {**columns, "split": ["valid"]}))[0] == [
        "dev_splits_complete/dia0_utt0.mp4"]
    with pytest.raises(FeatureError) as caught:
        tables.match(folder, files, tables.Rows(None, columns))
    one_line(caught, "two files could be '0_0'", "column 'file'")


def test_names_that_do_not_fit_at_all(place):
    folder, files = place("clip1.wav", "clip2.wav")
    with pytest.raises(FeatureError) as caught:
        tables.match(folder, files, tables.Rows(None, {"dialogue": ["7"], "turn": ["3"]}))
    one_line(caught, "none of its 2 files", "clip1.wav", "7_3 or dia7_utt3")


def test_without_a_table_each_file_is_an_utterance(place, tmp_path):
    folder, files = place("b.wav", "a.wav")
    rows, found = tables.unnamed(folder, files)
    assert rows.ids == ["a", "b"] and [p.name for p in found.files] == ["a.wav", "b.wav"]
    folder, files = place("x/a.wav")
    assert tables.unnamed(folder, files)[0].ids == ["a", "b", "x/a"]
    folder, files = place("a.mp4")
    with pytest.raises(UsageError, match="two files are called 'a'"):
        tables.unnamed(folder, files)


def test_a_folder_without_files(tmp_path):
    for folder, said in ((tmp_path / "no", "no such folder"), (tmp_path, "no file that can be read")):
        with pytest.raises(FeatureError) as caught:
            tables.find(folder, (".wav",))
        one_line(caught, said)
