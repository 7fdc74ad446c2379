"""MELD's files: what they mean, in which order, and one clear line for each way they can be broken."""

import csv
import io
import re

import numpy as np
import pytest

from erclab.core.errors import CorpusError
from erclab.corpora.readers import meld

HEADER = ["Sr No.", "Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID", "Season",
          "Episode", "StartTime", "EndTime"]
# Invented. Out of order on purpose: dialogue 10 before 2, turn 1 before 0.
TRAIN = [
    ("The kettle is singing again.", "Ada", "neutral", 10, 0),
    ("Then “take it off”, please!", "Bo", "anger", 10, 1),
    ("I said, \"mind the step\",\nand you fell.", "Cy", "sadness", 2, 1),
    ("Look, a heron!", "Dee", "surprise", 2, 0),
    ("How lovely.", "Cy", "joy", 2, 3),
]
DEV = [("There is something in the cellar.", "Ada", "fear", 0, 0), ("Yuck.", "Bo", "disgust", 0, 1)]
TEST = [("Good morning.", "Eve", "neutral", 2, 0)]


def as_csv(rows, newline="\r\n"):
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=newline)
    writer.writerow(HEADER)
    for i, (utterance, speaker, emotion, dialogue, turn) in enumerate(rows):
        writer.writerow([i, utterance, speaker, emotion, "neutral", dialogue, turn, 3, 7, "0:00", "0:01"])
    return text.getvalue()


@pytest.fixture
def folder(tmp_path):
    for part, rows in (("train", TRAIN), ("dev", DEV), ("test", TEST)):
        (tmp_path / f"{part}_sent_emo.csv").write_bytes(as_csv(rows).encode())
    return tmp_path


def features(width=3):
    """Arrays whose first column is the row of the csv, so that a row can be recognised."""
    return {part: np.arange(n)[:, None] + np.linspace(0, 0.5, width)
            for part, n in (("train", 5), ("dev", 2), ("test", 1))}


def test_reads_in_conversation_order(folder):
    corpus = meld.read(folder)
    table = corpus.table
    assert table["dialogue"].tolist() == ["train-2"] * 3 + ["train-10"] * 2 + ["dev-0"] * 2 + ["test-2"]
    assert table["turn"].tolist() == [0, 1, 3, 0, 1, 0, 1, 0]
    assert table["split"].tolist() == ["train"] * 5 + ["valid"] * 2 + ["test"]
    assert [corpus.labels[i] for i in table["label"]] == [
        "surprise", "sadness", "joy", "neutral", "anger", "fear", "disgust", "neutral"]
    assert table["text"][1] == "I said, \"mind the step\",\nand you fell."
    assert table["speaker"][1] == "Cy" and corpus.roles == () and corpus.source == str(folder)
    assert (table["season"] == 3).all() and (table["episode"] == 7).all()
    assert (table["sentiment"] == "neutral").all()


def test_label_ids_are_those_of_cosmic_and_sdt():
    assert meld.LABELS == ("neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger")


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte-order-mark"])
@pytest.mark.parametrize("newline", ["\r\n", "\n"], ids=["crlf", "lf"])
def test_newlines_marks_and_blank_lines_do_not_matter(folder, mark, newline):
    expected = meld.read(folder).fingerprint
    for part, rows in (("train", TRAIN), ("dev", DEV), ("test", TEST)):
        data = mark + as_csv(rows, newline).encode() + newline.encode() * 2
        (folder / f"{part}_sent_emo.csv").write_bytes(data)
    assert meld.read(folder).fingerprint == expected


def test_an_extra_column_that_one_file_lacks_is_dropped(folder):
    path = folder / "dev_sent_emo.csv"
    path.write_text(path.read_text().replace("Season", "Staffel"))
    assert "season" not in meld.read(folder).table and "episode" in meld.read(folder).table


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int32])
def test_features_follow_their_utterances(folder, dtype):
    arrays = {part: (10 * x).astype(dtype) for part, x in features().items()}
    np.savez(folder / "audio.npz", **arrays)
    np.savez_compressed(folder / "visual.npz", **features(width=1))
    corpus = meld.read(folder)
    assert corpus.modalities == ("audio", "visual") and corpus.dims == {"audio": 3, "visual": 1}
    assert all(x.dtype == np.float32 for x in corpus.vectors.values())
    assert corpus.vectors["visual"][:, 0].tolist() == [3, 2, 4, 0, 1, 0, 1, 0]
    assert corpus.vectors["audio"][0].tolist() == arrays["train"][3].astype(np.float32).tolist()


def edit(name, old, new):
    """A change to one file of the folder; `old` must occur in it."""
    def change(folder):
        data = (folder / name).read_bytes()
        assert old in data
        (folder / name).write_bytes(data.replace(old, new, 1))
    return change


def content(name, data):
    return lambda folder: (folder / name).write_bytes(data)


def arrays(**changes):
    return lambda folder: np.savez(folder / "text.npz", **{**features(), **changes})


def remove(name):
    return lambda folder: (folder / name).unlink()


def make_folder(folder):
    (folder / "dev_sent_emo.csv").unlink()
    (folder / "dev_sent_emo.csv").mkdir()


def truncate(folder):
    arrays()(folder)
    data = (folder / "text.npz").read_bytes()
    (folder / "text.npz").write_bytes(data[: len(data) // 2])


def damage(folder):
    """One changed byte inside an array: the archive's checksum no longer matches."""
    arrays()(folder)
    data = bytearray((folder / "text.npz").read_bytes())
    data[data.index(features()["train"].tobytes()) + 5] ^= 0xFF
    (folder / "text.npz").write_bytes(data)


def array_without_archive(folder):
    with open(folder / "text.npz", "wb") as file:
        np.save(file, features()["train"])


def not_finite(value):
    x = features()["train"]
    x[2, 1] = value
    return arrays(train=x)


TRAIN_CSV, DEV_CSV = "train_sent_emo.csv", "dev_sent_emo.csv"
# name: (what is done to the folder, the place that the message names, the problem, the remedy)
BAD = {
    "missing file": (remove(DEV_CSV), "dev_sent_emo.csv:", "no such file", "must hold train_, dev_ and"),
    "folder for a file": (make_folder, "dev_sent_emo.csv:", "cannot be read (Is a directory)", "permissions"),
    "empty file": (content(DEV_CSV, b""), "dev_sent_emo.csv:", "empty", "again"),
    "blank file": (content(DEV_CSV, b"\r\n\r\n"), "dev_sent_emo.csv:", "empty", "again"),
    "header only": (content(DEV_CSV, as_csv([]).encode()), "dev_sent_emo.csv:", "no utterance", "again"),
    "missing column": (edit(DEV_CSV, b"Emotion", b"Gefuehl"), "dev_sent_emo.csv, line 1:",
                       "lacks, or repeats, the columns Emotion", "needs Utterance, Speaker, Emotion"),
    "repeated column": (edit(DEV_CSV, b"Season", b"Speaker"), "dev_sent_emo.csv, line 1:",
                        "repeats, the columns Speaker", "needs Utterance"),
    "other delimiter": (content(DEV_CSV, as_csv(DEV).replace(",", "^").encode()),
                        "dev_sent_emo.csv, line 1:", "lacks", "comma-separated"),
    "too few fields": (edit(DEV_CSV, b",3,7,", b",3,"), "dev_sent_emo.csv, line 2:", "10 fields", "commas"),
    "too many fields": (edit(DEV_CSV, b"Yuck.", b"Yuck, no."), "dev_sent_emo.csv, line 3:", "12 fields",
                        "quotation marks"),
    # Line 5 holds the second half of the record of line 4, so the next record starts on line 6.
    "line after a text of two lines": (edit(TRAIN_CSV, b"surprise", b"0"), "train_sent_emo.csv, line 6:",
                                       "unknown emotion '0'", "neutral, surprise, fear"),
    "unknown emotion": (edit(DEV_CSV, b"disgust", b"digust"), "dev_sent_emo.csv, line 3:",
                        "unknown emotion 'digust'", "Did you mean 'disgust'? There is: neutral, surprise"),
    "dialogue not a number": (edit(DEV_CSV, b",0,1,3", b",x,1,3"), "dev_sent_emo.csv, line 3:",
                              "Dialogue_ID 'x' is not a whole number", "counts from 0"),
    "turn with decimals": (edit(DEV_CSV, b",0,1,3", b",0,1.0,3"), "dev_sent_emo.csv, line 3:",
                           "Utterance_ID '1.0'", "without decimals"),
    "huge number": (edit(DEV_CSV, b",0,1,3", b",0,99999999999999999999,3"), "dev_sent_emo.csv, line 3:",
                    "Utterance_ID", "counts from 0"),
    "duplicate": (edit(DEV_CSV, b",0,1,3", b",0,0,3"), "dev_sent_emo.csv, line 3:",
                  "dialogue 0, utterance 0 was already on line 2", "Remove one"),
    "empty text": (edit(DEV_CSV, b"Yuck.", b'" "'), "dev_sent_emo.csv, line 3:", "Utterance is empty",
                   "Fill"),
    "empty speaker": (edit(DEV_CSV, b",Bo,", b",,"), "dev_sent_emo.csv, line 3:", "Speaker is empty", "Fill"),
    "not UTF-8": (edit(TRAIN_CSV, "“".encode(), b"\x93"), "train_sent_emo.csv, line 3:",
                  "(0x93) is not UTF-8", "Save the file as UTF-8"),
    "UTF-16": (content(DEV_CSV, as_csv(DEV).encode("utf-16")), "dev_sent_emo.csv, line 1:", "byte 0 (0xff)",
               "UTF-8"),
    "NUL": (edit(DEV_CSV, b"Yuck.", b"Yu\0ck."), "dev_sent_emo.csv, line 3:", "is NUL", "UTF-8"),
    "oversized field": (edit(DEV_CSV, b"Yuck.", b"u" * 200_000), "dev_sent_emo.csv, line 3:",
                        "field larger than field limit", "quotation mark"),
    "open quotation mark": (edit(DEV_CSV, b"Yuck.", b'"Yuck.'), "dev_sent_emo.csv, line 3:",
                            "unexpected end of data", "not closed"),
    "stray quotation mark": (edit(TRAIN_CSV, b"The kettle", b'"The" kettle'), "train_sent_emo.csv, line 2:",
                             "not csv", "not doubled"),
    "features: empty": (content("text.npz", b""), "text.npz:", "not a readable npz", "numpy.savez"),
    "features: noise": (content("text.npz", bytes(range(256))), "text.npz:", "not a readable npz",
                        "numpy.savez"),
    "features: truncated": (truncate, "text.npz:", "not a readable npz", "numpy.savez"),
    "features: damaged": (damage, "text.npz:", "Bad CRC-32", "numpy.savez"),
    "features: npy": (array_without_archive, "text.npz:", "not a readable npz", "numpy.savez"),
    "features: objects": (arrays(dev=np.array([[{}], [None]], dtype=object)), "text.npz:", "Object arrays",
                          "numpy.savez"),
    "features: missing array": (lambda folder: np.savez(folder / "text.npz", train=features()["train"]),
                                "text.npz:", "no array dev, test", "numpy.savez"),
    "features: words": (arrays(dev=np.array([["a"], ["b"]])), "text.npz, array 'dev':", "of type <U1",
                        "numpy.savez"),
    "features: rows": (arrays(dev=np.ones((3, 3))), "text.npz, array 'dev':", "shape is (3, 3)",
                       "dev_sent_emo.csv has 2 utterances"),
    "features: one axis": (arrays(dev=np.ones(2)), "text.npz, array 'dev':", "shape is (2,)", "(2, D)"),
    "features: no width": (arrays(train=np.ones((5, 0))), "text.npz, array 'train':", "shape is (5, 0)",
                           "D > 0"),
    "features: widths differ": (arrays(dev=np.ones((2, 4))), "text.npz, array 'dev':", "D is 4, but 3",
                                "same features"),
    "features: NaN": (not_finite(np.nan), "text.npz, array 'train', row 2 (line 4 of train_sent_emo.csv, "
                      "dialogue train-2, turn 1):", "feature 1 is nan", "Impute"),
    "features: infinite": (not_finite(-np.inf), "array 'train', row 2 (", "feature 1 is -inf", "Impute"),
    "features: beyond float32": (not_finite(1e300), "array 'train', row 2 (", "feature 1 is 1e+300",
                                 "Impute"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gives_one_line_with_place_problem_and_remedy(folder, case):
    change, place, problem, remedy = BAD[case]
    change(folder)
    with pytest.raises(CorpusError) as caught:
        meld.read(folder)
    message = str(caught.value)
    assert message.startswith(str(folder)) and "\n" not in message and len(message) < 400
    assert place in message and problem in message and remedy in message
    assert caught.value.remedy


def test_not_utf8_names_the_byte(folder):
    data = (folder / TRAIN_CSV).read_bytes()
    edit(TRAIN_CSV, "“".encode(), b"\x93")(folder)
    with pytest.raises(CorpusError, match=f"byte {data.index('“'.encode())} "):
        meld.read(folder)


@pytest.mark.parametrize("name, problem", [("nowhere", "no such folder"), (TRAIN_CSV, "not a folder")])
def test_the_folder_must_be_one(folder, name, problem):
    with pytest.raises(CorpusError, match=rf"{re.escape(str(folder / name))}: .*{problem}.* Give the folder"):
        meld.read(folder / name)


def test_object_arrays_are_never_unpickled(folder):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("code from the file ran",))

    arrays(dev=np.array([[Trap()], [Trap()]], dtype=object))(folder)
    with pytest.raises(CorpusError, match="Object arrays"):
        meld.read(folder)


def test_real_counts(real_data):
    corpus = meld.read(real_data / "meld")
    order = ["neutral", "joy", "surprise", "anger", "sadness", "disgust", "fear"]
    expected = {"train": (1038, 24, [4710, 1743, 1205, 1109, 683, 271, 268]),
                "valid": (114, 23, [470, 163, 150, 153, 111, 22, 40]),
                "test": (280, 33, [1256, 402, 281, 345, 208, 68, 50])}
    lengths = corpus.starts[1:] - corpus.starts[:-1]
    for split, (dialogues, longest, counts) in expected.items():
        here = corpus.dialogue_splits == split
        assert (here.sum(), lengths[here].max()) == (dialogues, longest)
        assert corpus.counts().loc[split, order].tolist() == counts
    assert [len(corpus.rows(s)) for s in ("train", "valid", "test")] == [9989, 1109, 2610]
    assert corpus.table["sentiment"].nunique() == 3


def test_rows_are_matched_by_ids_where_the_file_has_them(folder):
    ids = {"train": ["dia10_utt0", "dia10_utt1", "dia2_utt1", "dia2_utt0", "dia2_utt3"],
           "dev": ["dia0_utt0", "dia0_utt1"], "test": ["dia2_utt0"]}
    expected = features()
    np.savez(folder / "audio.npz", **expected)
    by_row = meld.read(folder)
    turned = {part: x[::-1] for part, x in expected.items()}
    turned["test"] = np.concatenate([turned["test"], np.ones((1, 3))])
    names = {part: np.array(x[::-1]) for part, x in (ids | {"test": ["dia9_utt9", "dia2_utt0"]}).items()}
    np.savez(folder / "audio.npz", **turned, **{f"{part}_ids": x for part, x in names.items()})
    by_id = meld.read(folder)
    assert np.array_equal(by_id.vectors["audio"], by_row.vectors["audio"])
    assert len(by_id.notices) == 1 and "1 of 2 rows belong to no utterance of test_sent_emo.csv" in by_id.notices[0]
    np.savez(folder / "audio.npz", **expected, ids=np.arange(8))
    with pytest.raises(CorpusError, match="Call them train_ids, dev_ids and test_ids"):
        meld.read(folder)


def test_remedies_name_the_row_of_zeros(folder):
    np.savez(folder / "audio.npz", **(features() | {"train": features()["train"][:4]}))
    with pytest.raises(CorpusError, match=r"it must be \(5, D\), D > 0\. A row of zeros means .*train_ids"):
        meld.read(folder)


def test_an_empty_emotion_is_no_label_and_an_own_one_is_for_a_table(folder):
    (folder / "dev_sent_emo.csv").write_text(as_csv([("Yuck.", "Bo", "nan", 0, 0), ("Hm.", "Bo", "", 0, 1)]), "utf-8")
    corpus = meld.read(folder)
    assert corpus.targets("valid").tolist() == [-1, -1]
    assert corpus.notices == ("dev_sent_emo.csv: 2 of 2 utterances have no emotion and are context",)
    (folder / "dev_sent_emo.csv").write_text(as_csv([("Yuck.", "Bo", "envy", 0, 0)]), "utf-8")
    with pytest.raises(CorpusError, match=r"unknown emotion 'envy'.*--corpus table"):
        meld.read(folder)


def test_features_in_another_form_are_named(folder):
    np.save(folder / "audio.npy", np.ones((8, 2)))
    assert "audio.npy (read are text.npz" in meld.read(folder).notices[0]
