"""The general import: tables and arrays as people write them, and one clear line for each mistake in them."""

import re

import numpy as np
import pandas as pd
import pytest

from erclab.core.errors import CorpusError, UsageError
from erclab.corpora import UNLABELLED, load
from erclab.corpora.readers import table

# Invented. Turn 1 before turn 0, the test part before the training part, and one utterance without a label.
CSV = """id,split,dialogue,turn,speaker,text,label,note
u0,test,c,0,Eve,Good morning.,calm,
u1,train,b,1,Bo,"Then take it off, please!",cross,loud
u2,train,b,0,Ada,The kettle is singing again.,calm,
u3,train,a,4,Cy,Look!,,
u4,dev,d,0,Dee,How lovely.,glad,
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "utterances.csv").write_text(CSV)
    return tmp_path


def numbered(width=2):
    """A row per utterance of the file that can be recognised; never zero."""
    return np.arange(1, 6)[:, None] + np.linspace(0, 0.5, width)


def test_conversation_order_labels_and_extras(folder):
    corpus = table.read(folder)
    assert corpus.name == "table" and corpus.labels == ("calm", "cross", "glad")
    assert corpus.table["dialogue"].tolist() == ["b", "b", "a", "d", "c"]
    assert corpus.table["split"].tolist() == ["train"] * 3 + ["valid", "test"]
    assert corpus.table["turn"].tolist() == [0, 1, 4, 0, 0]
    assert corpus.table["label"].tolist() == [0, 1, UNLABELLED, 2, 0]
    assert corpus.table["note"].tolist()[1] == "loud" and corpus.table["id"].tolist() == ["u2", "u1", "u3", "u4", "u0"]
    assert corpus.table["text"][1] == "Then take it off, please!"
    assert table.read(folder / "utterances.csv").fingerprint == corpus.fingerprint


def test_the_order_of_labels_can_be_given(folder):
    corpus = table.read(folder, labels=("glad", "calm", "cross", "sad"))
    assert corpus.labels == ("glad", "calm", "cross", "sad") and corpus.table["label"].tolist() == [1, 2, -1, 0, 1]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte-order-mark"])
@pytest.mark.parametrize("newline", ["\r\n", "\n"], ids=["crlf", "lf"])
def test_what_spreadsheets_add_does_not_matter(folder, mark, newline):
    expected = table.read(folder).fingerprint
    (folder / "utterances.csv").write_bytes(mark + CSV.replace("\n", newline).encode() + newline.encode())
    assert table.read(folder).fingerprint == expected


def test_columns_of_other_names_and_none_for_one_not_meant(folder):
    (folder / "utterances.csv").write_text("part,video,segment,label,text\ntrain,v,1,-0.5,Hm.\ntrain,v,2,,Hm?\n")
    corpus = table.read(folder, columns={"split": "part", "dialogue": "video", "turn": "segment", "sentiment": "label",
                                         "text": None})
    assert corpus.tasks == ("sentiment",) and corpus.labels == () and corpus.table["text"].tolist() == ["", ""]
    assert corpus.annotations["sentiment"][0, 0] == -0.5 and np.isnan(corpus.annotations["sentiment"][1, 0])
    assert corpus.table["speaker"].tolist() == ["speaker"] * 2


def test_dimensions_and_four_emotions(folder):
    (folder / "utterances.csv").write_text(
        "split,dialogue,turn,power,valence,angry,sad,happy,neutral\ntrain,a,0,0.5,-1,0,1,0,\n")
    corpus = table.read(folder)
    assert corpus.tasks == ("emotion4", "dimensional")
    np.testing.assert_equal(corpus.annotations["dimensional"], np.float32([[-1, np.nan, np.nan, 0.5]]))
    np.testing.assert_equal(corpus.annotations["emotion4"], np.float32([[np.nan, 0, 1, 0]]))


def test_a_corpus_without_words_is_not_encoded(folder, monkeypatch):
    monkeypatch.setattr("erclab.features.text.encode", lambda *a, **k: pytest.fail("encoded"))
    (folder / "utterances.csv").write_text("split,dialogue,turn,sentiment\ntrain,a,0,1\n")
    np.savez(folder / "audio.npz", X=np.ones((1, 2)))
    assert load("table", folder).modalities == ("audio",)


def test_vectors_follow_their_utterances(folder):
    np.savez(folder / "text.npz", X=numbered().astype(np.float16))
    np.savez(folder / "audio.npz", X=numbered(3)[::-1], ids=np.array([f"u{i}" for i in range(5)][::-1]))
    np.save(folder / "face.npy", numbered(1).astype(np.int16))
    corpus = table.read(folder)
    assert corpus.dims == {"text": 2, "audio": 3}
    assert corpus.vectors["text"][:, 0].tolist() == corpus.vectors["audio"][:, 0].tolist() == [3, 2, 4, 5, 1]
    corpus = table.read(folder, arrays={"visual": "face.npy", "audio": ("audio.npz", "X"), "text": "text.npz:X"})
    assert corpus.modalities == ("text", "audio", "visual")
    assert corpus.vectors["visual"][:, 0].tolist() == [3, 2, 4, 5, 1]


def test_ids_may_be_more_and_in_another_order(folder):
    ids = np.array(["u3", "other", "u0", "u4", "u2", "u1"])
    np.savez(folder / "audio.npz", X=np.arange(6.0)[:, None], ids=ids)
    assert table.read(folder).vectors["audio"][:, 0].tolist() == [4, 5, 0, 3, 2]


def test_sequences_packed_and_padded(folder):
    values, starts = np.arange(1, 7.0)[:, None], np.array([0, 1, 3, 3, 5, 6])
    np.savez(folder / "audio.npz", values=values, starts=starts, ids=np.array([f"u{i}" for i in range(5)]))
    padded = np.zeros((5, 3, 2))
    padded[0, :2] = 1
    padded[4] = 5
    np.savez(folder / "visual.npz", X=padded)
    corpus = table.read(folder)
    assert corpus.frames["audio"].lengths.tolist() == [0, 2, 2, 1, 1]
    assert corpus.frames["audio"][1].tolist() == [[2], [3]]
    assert corpus.frames["visual"].lengths.tolist() == [0, 0, 0, 3, 2] and corpus.frames["visual"].length == 3
    np.savez(folder / "more.npz", a=numbered(), b=padded)
    both = table.read(folder, arrays={"visual": ["more.npz:a", "more.npz:b"]})
    assert both.dims == {"visual": 2} and both.frames["visual"].lengths.tolist() == [0, 0, 0, 3, 2]


def test_missing_values_become_medians_of_the_training_part_and_that_is_said(folder):
    x = numbered()
    x[1, 0], x[0, 1] = np.nan, np.inf
    np.savez(folder / "audio.npz", X=x)
    corpus = table.read(folder, fill="median")
    assert corpus.vectors["audio"][1, 0] == np.median([x[2, 0], x[3, 0]])
    assert corpus.vectors["audio"][4, 1] == np.median(x[1:4, 1])
    assert corpus.source.endswith("utterances.csv; 2 values of 2 utterances in audio.npz set to training medians")
    assert corpus.notices == ("2 values of 2 utterances in audio.npz set to training medians",)


def test_missing_values_of_frames_become_medians_of_the_training_frames(folder):
    values, starts = np.arange(1, 7.0)[:, None], np.array([0, 2, 3, 4, 5, 6])  # utterance 0 has two frames
    values[1], values[5] = np.nan, np.inf
    np.savez(folder / "audio.npz", values=values, starts=starts)
    with pytest.raises(CorpusError, match=r"line 2\): audio feature 0 of frame 1 is nan.*--fill median"):
        table.read(folder)
    filled = table.read(folder, fill="median")
    train = [i for i, split in enumerate(pd.read_csv(folder / "utterances.csv")["split"]) if split == "train"]
    known = [v for i in train for v in values[starts[i]:starts[i + 1], 0] if np.isfinite(v)]
    assert np.median(known) in filled.frames["audio"].values and np.isfinite(filled.frames["audio"].values).all()
    assert filled.notices == ("2 values of 2 utterances in audio.npz set to training medians",)
    assert 0 in table.read(folder, fill="zero").frames["audio"].values


def test_a_table_can_be_prepared(folder):
    def prepare(raw):
        return raw.assign(split="train", label=raw["label"].str.upper())

    assert table.read(folder, prepare=prepare).labels == ("CALM", "CROSS", "GLAD")


def test_parquet_is_as_csv(folder, monkeypatch):
    frame = pd.read_csv(folder / "utterances.csv")
    frame["turn"] = frame["turn"].astype("float64")  # as they become where a value is missing
    expected = table.read(folder).fingerprint
    (folder / "utterances.csv").unlink()
    frame.to_parquet(folder / "utterances.parquet")
    assert table.read(folder).fingerprint == expected
    frame.loc[2, "turn"] = 0.5
    frame.to_parquet(folder / "utterances.parquet")
    with pytest.raises(CorpusError, match=r"utterances\.parquet, row 2: turn '0\.5' is not a whole number"):
        table.read(folder)

    def absent(path):
        raise ImportError("pyarrow")

    monkeypatch.setattr(pd, "read_parquet", absent)
    with pytest.raises(CorpusError, match=r"needs pyarrow. Install it \(pip install pyarrow\), or save"):
        table.read(folder)

    def broken(path):
        raise ValueError("magic bytes\nnot found")

    monkeypatch.setattr(pd, "read_parquet", broken)
    with pytest.raises(CorpusError, match=r"not a readable parquet file \(magic bytes not found\)"):
        table.read(folder)


@pytest.mark.parametrize(("options", "problem"), [
    ({"fill": "mean"}, "unknown fill 'mean'"), ({"columns": {"dialog": "video"}}, "Did you mean 'dialogue'?"),
    ({"arrays": {"video": "x.npz"}}, "unknown modality 'video'"),
])
def test_options_that_do_not_exist(folder, options, problem):
    with pytest.raises(UsageError, match=re.escape(problem)):
        table.read(folder, **options)


def edit(old, new):
    def change(folder):
        assert old in CSV
        (folder / "utterances.csv").write_bytes(CSV.replace(old, new, 1).encode())
    return change


def content(name, data):
    return lambda folder: (folder / name).write_bytes(data)


def archive(**arrays):
    return lambda folder: np.savez(folder / "audio.npz", **arrays)


def with_value(value):
    x = numbered()
    x[2, 1] = value
    return archive(X=x)


def of_another_version(folder):
    """An archive whose index asks for a version of zip that does not exist."""
    archive(X=numbered())(folder)
    data = bytearray((folder / "audio.npz").read_bytes())
    data[data.index(b"PK\1\2") + 6] = 200
    (folder / "audio.npz").write_bytes(data)


SENTIMENT = b"split,dialogue,turn,sentiment\ntrain,a,0,%s\n"
IDS = np.array([f"u{i}" for i in range(5)])
BAD = {
    "no table": (lambda f: (f / "utterances.csv").unlink(), ":", "lacks the file", "csv or utterances.parquet"),
    "two tables": (content("utterances.parquet", b""), ":", "holds utterances.csv and", "the one that you"),
    "empty": (content("utterances.csv", b""), "utterances.csv:", "file is empty", "one row per utterance"),
    "header only": (content("utterances.csv", b"split,dialogue,turn,label\n"), "utterances.csv:", "no utterance", ""),
    "not UTF-8": (content("utterances.csv", CSV.encode().replace(b"Look!", b"Look\xff")), "utterances.csv, line 5:",
                  "(0xff) is not UTF-8", "UTF-8"),
    "NUL": (edit("Look!", "Lo\0ok!"), "utterances.csv, line 5:", "is NUL", "UTF-8"),
    "ragged row": (edit(",Look!,", ",Look!, there,"), "utterances.csv, line 5:", "9 fields", "quotation marks"),
    "open quotation mark": (edit("Look!", '"Look!'), "utterances.csv, line 5:", "not csv", "not closed"),
    "no split": (edit("split", "part"), "utterances.csv:", "lacks the columns split", "`columns`"),
    "no labels": (edit("label", "emotion"), "utterances.csv:", "has no labels", "one of the columns label, "),
    "unknown split": (edit("dev", "later"), "utterances.csv, line 6:", "unknown split 'later'", "train, valid, test"),
    "turn of words": (edit("a,4", "a,four"), "utterances.csv, line 5:", "turn 'four' is not a whole", "from 0"),
    "turn twice": (edit("b,0", "b,1"), "utterances.csv, line 4:", "dialogue b, turn 1 occurs twice", "Remove"),
    "two splits": (edit("train,b,0", "test,b,0"), "utterances.csv, line 4:", "dialogue b is in two splits", "split"),
    "no dialogue": (edit("train,a,", "train,,"), "utterances.csv, line 5:", "the dialogue is empty", "Give every"),
    "no speaker": (edit("Cy", " "), "utterances.csv, line 5:", "the speaker is empty", "Give every"),
    "labels that are none": (lambda f: (f / "utterances.csv").write_text(
        "split,dialogue,turn,label\ntrain,a,0,\ntrain,a,1,nan\n"), "utterances.csv:", "the column label has no label",
        "--columns label=NAME"),
    "one label": (lambda f: (f / "utterances.csv").write_text("split,dialogue,turn,label\ntrain,a,0,glad\n"),
                  "utterances.csv:", "not two or more different names", "Name every emotion"),
    "sentiment of words": (content("utterances.csv", SENTIMENT % b"good"), "utterances.csv, line 2:",
                           "sentiment 'good' is not a number", "leave the field empty"),
    "sentiment too large": (content("utterances.csv", SENTIMENT % b"5"), "utterances.csv, line 2:", "sentiment is 5",
                            "from -3 to 3"),
    "infinite sentiment": (content("utterances.csv", SENTIMENT % b"inf"), "utterances.csv, line 2:",
                           "sentiment 'inf' is not a number", "leave the field empty"),
    "array: noise": (content("audio.npz", bytes(range(99))), "audio.npz:", "not a readable npz", "numpy.savez"),
    "array: objects": (archive(X=np.array([{}, 1, 2, 3, 4])), "audio.npz:", "Object arrays", "numpy.savez"),
    "array: zip of another version": (of_another_version, "audio.npz:", "not a readable npz", "numpy.savez"),
    "array: no X": (archive(Y=np.ones((5, 2))), "audio.npz:", "neither X nor values", "numpy.savez"),
    "array: no starts": (archive(values=np.ones((5, 2))), "audio.npz:", "neither X nor values", "numpy.savez"),
    "array: texts": (archive(X=np.array([["a"]] * 5)), "audio.npz, array 'X':", "of type <U1", "real numbers"),
    "array: one axis": (archive(X=np.ones(5)), "audio.npz, array 'X':", "shape is (5,)", "(n, D)"),
    "array: rows": (archive(X=np.ones((4, 2))), "audio.npz, array 'X':", "4 rows", "utterances.csv has 5"),
    "array: NaN": (with_value(np.nan), "utterances.csv, line 4)", "audio feature 1 is nan", "median"),
    "array: beyond float32": (with_value(1e300), "utterances.csv, line 4)", "feature 1 is inf", "median"),
    "array: starts": (archive(values=np.ones((5, 2)), starts=np.array([0, 3, 2, 4, 4, 5])),
                      "audio.npz, array 'starts':", "rise from 0 to 5", "one more than rows"),
    "array: packed rows": (archive(values=np.ones((5, 2)), starts=np.array([0, 5])), "audio.npz, array 'values':",
                           "1 rows", "has 5 utterances"),
    "array: packed NaN": (archive(values=np.full((5, 1), np.nan), starts=np.arange(6)), "utterances.csv, line 2):",
                          "feature 0 of frame 0 is nan", "finite"),
    "ids: absent": (archive(X=numbered(), ids=np.char.add(IDS, "x")), "audio.npz, array 'ids':", "no 'u0', nor 4",
                    "one of zeros"),
    "ids: twice": (archive(X=numbered(), ids=IDS[[0, 1, 2, 3, 3]]), "audio.npz, array 'ids':", "occurs twice", "own"),
    "ids: too few": (archive(X=numbered(), ids=IDS[:4]), "audio.npz, array 'ids':", "not 5 texts", "one id per row"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gives_one_line_with_place_problem_and_remedy(folder, case):
    change, place, problem, remedy = BAD[case]
    change(folder)
    with pytest.raises(CorpusError) as caught:
        table.read(folder)
    message = str(caught.value)
    assert message.startswith(str(folder)) and "\n" not in message and len(message) < 500
    assert place in message and problem in message and remedy in message


@pytest.mark.parametrize(("spec", "problem"), [
    ("nowhere.npz:X", "there is no such file"), ("audio.npz:Y", "there is no array Y; it has X"),
    ("nowhere.npy", "there is no such file"), ("noise.npy", "not a readable npy file"), ("audio.npy", "an npz archive"),
])
def test_arrays_that_are_not_there(folder, spec, problem):
    np.savez(folder / "audio.npz", X=numbered())
    (folder / "audio.npy").write_bytes((folder / "audio.npz").read_bytes())
    (folder / "noise.npy").write_bytes(b"noise")
    with pytest.raises(CorpusError, match=re.escape(problem)):
        table.read(folder, arrays={"audio": spec})


def test_a_label_that_is_not_one_of_those_given(folder):
    with pytest.raises(CorpusError, match=r"line 6: unknown label 'glad'\. The labels are calm, cross; empty"):
        table.read(folder, labels=("calm", "cross"))


def test_no_value_to_take_the_median_of(folder):
    x = numbered()
    x[1:4, 0] = np.nan
    np.savez(folder / "audio.npz", X=x)
    with pytest.raises(CorpusError, match="audio feature 0 has no value in the training split"):
        table.read(folder, fill="median")


def rewrite(folder, old, new):
    (folder / "utterances.csv").write_text((folder / "utterances.csv").read_text("utf-8").replace(old, new), "utf-8")


def test_missing_labels_and_numbers_have_one_meaning(folder):
    rewrite(folder, "Look!,,", "Look!,nan,")
    corpus = table.read(folder)
    assert corpus.labels == ("calm", "cross", "glad") and corpus.table["label"].tolist() == [0, 1, UNLABELLED, 2, 0]
    note, = corpus.notices
    assert "of 5 labels" in note and "'nan' (1)" in note
    rows = [("NA", "None"), ("nan", "n/a"), ("x", "1")]
    (folder / "utterances.csv").write_text("split,dialogue,turn,text,sentiment\n" + "".join(
        f"train,a,{i},{text},{x}\n" for i, (text, x) in enumerate(rows)), "utf-8")
    corpus = table.read(folder)
    assert np.isnan(corpus.annotations["sentiment"][:, 0]).tolist() == [True, True, False]
    assert corpus.table["text"].tolist() == ["NA", "", "x"] and "1 texts are nan" in corpus.notices[0]


def test_turns_that_a_program_wrote_as_floats_are_whole_numbers(folder):
    expected = table.read(folder).fingerprint
    rewrite(folder, "a,4,", "a,4.0,")
    assert table.read(folder).fingerprint == expected


def test_class_ids_keep_their_order(folder):
    (folder / "utterances.csv").write_text("split,dialogue,turn,label\n" + "".join(
        f"train,a,{i},{i}\n" for i in range(12)), "utf-8")
    assert table.read(folder).labels == tuple(map(str, range(12)))


@pytest.mark.parametrize(("separator", "named"), [(";", "a semicolon"), ("\t", "a tab"), ("|", "a bar")])
def test_other_separators_are_read_and_told(folder, separator, named):
    expected = table.read(folder)
    rows = [[field.replace("!", "!;") if field == "Look!" else field for field in line.split(",")]
            for line in CSV.replace('"Then take it off, please!"', "Then; off").splitlines()]
    (folder / "utterances.csv").write_text("\n".join(separator.join(
        f'"{field}"' if ";" in field else field for field in row) for row in rows), "utf-8")
    corpus = table.read(folder)
    assert corpus.notices == (f"utterances.csv: the separator is {named}, not a comma",)
    assert corpus.table["label"].tolist() == expected.table["label"].tolist() and "Look!;" in set(corpus.table["text"])


def test_the_separator_may_be_said_in_a_first_line(folder):
    text = "sep=;\r\nsplit;dialogue;turn;label;a,b\r\ntrain;a;0;x;\r\ntrain;a;1;y;\r\n"
    (folder / "utterances.csv").write_bytes(text.encode())
    corpus = table.read(folder)
    assert corpus.labels == ("x", "y") and "a,b" in corpus.table
    (folder / "utterances.csv").write_bytes(text.replace("train;a;1", "train;a;").encode())
    with pytest.raises(CorpusError, match=r"utterances\.csv, line 4: turn '' is not"):
        table.read(folder)


def test_control_characters_of_windows_are_repaired_and_counted(folder):
    rewrite(folder, "Look!", "It\x92s \x93late\x94\x85 \x81")
    corpus = table.read(folder)
    assert "It’s “late”… \x81" in set(corpus.table["text"])
    assert corpus.notices == ("utterances.csv: 4 control characters (U+0080 to U+009F) were read as what they are in "
                              "Windows-1252",)


def test_what_lies_beside_the_table_and_is_not_read_is_named(folder):
    assert table.read(folder).notices == ()
    np.savez(folder / "audio.npz", X=numbered())
    for name in ("audio.pt", "covarep.csd", "audio_raw.csv", "README.md", "notes.csv", ".hidden.npy"):
        (folder / name).write_bytes(b"")
    (folder / "visual").mkdir()
    (folder / "plots").mkdir()
    note, = table.read(folder).notices
    assert note.startswith("not read, though beside the corpus: audio.pt, audio_raw.csv, covarep.csd, visual/ (")
    assert "erclab features pack" in note


def test_npy_is_read_as_npz(folder):
    np.save(folder / "audio.npy", numbered(3))
    corpus = table.read(folder)
    assert corpus.dims == {"audio": 3} and corpus.notices == ()
    np.savez(folder / "audio.npz", X=numbered(2))
    corpus = table.read(folder)
    assert corpus.dims == {"audio": 2} and "audio.npy" in corpus.notices[0]


def test_one_array_per_utterance_under_its_id(folder):
    np.savez(folder / "audio.npz", extra=np.ones(2), **{f"u{i}": x for i, x in enumerate(numbered())})
    corpus = table.read(folder)
    assert corpus.vectors["audio"][:, 0].tolist() == [3, 2, 4, 5, 1] and "1 of 6 rows belong to no" in corpus.notices[0]
    np.savez(folder / "audio.npz", **{f"u{i}": np.full((i, 2), i + 1.0) for i in range(5)})
    frames = table.read(folder).frames["audio"]
    assert frames.lengths.tolist() == [2, 1, 3, 4, 0] and frames[0].tolist() == [[3, 3]] * 2
    np.savez(folder / "audio.npz", **{f"u{i}": np.ones((2, 1 + i // 4)) for i in range(5)})
    with pytest.raises(CorpusError, match=r"shapes are \(2, 1\) and \(2, 2\)\. All utterances need the same features"):
        table.read(folder)
    np.savez(folder / "audio.npz", **{f"u{i}": np.ones(2) for i in range(4)})
    with pytest.raises(CorpusError, match=r"there is no 'u4', which the table has.*one of zeros"):
        table.read(folder)


def test_ids_are_matched_or_the_file_is_refused(folder):
    np.savez(folder / "audio.npz", X=numbered(), ids=IDS)
    with pytest.raises(CorpusError, match=r"it has ids, but utterances.csv has no column id.*--columns id=NAME"):
        table.read(folder, columns={"id": None})
    rewrite(folder, "u3,train", "u2,train")
    with pytest.raises(CorpusError, match=r"the id 'u2' occurs twice in utterances\.csv"):
        table.read(folder)
    np.savez(folder / "audio.npz", X=numbered())
    assert table.read(folder).dims == {"audio": 2}


@pytest.mark.parametrize(("x", "says"), [(numbered()[:4], "zeros"), (numbered(7).T, "transposed")])
def test_a_wrong_number_of_rows_has_remedies(folder, x, says):
    np.savez(folder / "audio.npz", X=x)
    with pytest.raises(CorpusError, match=rf"it has {len(x)} rows.*a column id in the table.*") as caught:
        table.read(folder)
    assert says in str(caught.value) or len(x) != 7


def test_sequences_padded_at_the_beginning_are_told(folder):
    x = np.zeros((5, 4, 2))
    x[:, 2:] = 1
    np.savez(folder / "audio.npz", X=x)
    assert "most sequences begin with rows of zeros" in table.read(folder).notices[0]
    np.savez(folder / "audio.npz", X=x[:, ::-1])
    assert table.read(folder).notices == ()


def test_sequences_of_one_step_are_told(folder):
    np.savez(folder / "audio.npz", X=numbered()[:, None])
    corpus = table.read(folder)
    assert corpus.frames["audio"].lengths.tolist() == [1] * 5
    assert "array 'X' has the shape (5, 1, 2): sequences of one step" in corpus.notices[0]


def test_targets_that_are_incomplete_are_named(folder):
    (folder / "utterances.csv").write_text("split,dialogue,turn,happy,sad\ntrain,a,0,1,0\n", "utf-8")
    with pytest.raises(CorpusError, match="no labels: found happy, sad; emotion4 also needs neutral, angry"):
        table.read(folder)
    (folder / "utterances.csv").write_text("split,dialogue,turn,happy\ntrain,a,0,1\ntrain,a,1,2\n", "utf-8")
    with pytest.raises(CorpusError, match="--target emotions:present=happy"):  # strengths, not 0 and 1
        table.read(folder)
    (folder / "utterances.csv").write_text("split,dialogue,turn,happy,sentiment\ntrain,a,0,1,-2\n", "utf-8")
    corpus = table.read(folder)
    assert corpus.tasks == ("sentiment",) and corpus.table["happy"].tolist() == ["1"]
    assert corpus.notices == ("found happy; emotion4 also needs neutral, sad, angry, so it is not read as a task; "
                              "--target emotions:binary=happy (in Python targets) makes it one",)


def test_a_table_without_splits_is_for_folds(folder):
    rewrite(folder, "split", "part")
    with pytest.raises(CorpusError, match=r"lacks the columns split.*Without splits: --folds N"):
        table.read(folder)
    corpus = table.read(folder, columns={"split": None})
    assert set(corpus.table["split"]) == {"train"} and corpus.table["part"].tolist()[0] == "test"


def test_the_remedy_names_our_column_not_the_absent_one(tmp_path):
    (tmp_path / "utterances.csv").write_text("split,dialogue,turn,label\ntrain,a,0,x\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"lacks the columns Talk\. .*--columns dialogue=NAME"):
        table.read(tmp_path, columns={"dialogue": "Talk"})
