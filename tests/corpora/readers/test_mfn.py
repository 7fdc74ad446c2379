"""MFN's h5 sequences: stars, classes, missing modalities, and what is refused."""

import sys

import numpy as np
import pytest

from erclab.core.errors import CorpusError
from erclab.corpora import UNLABELLED
from erclab.corpora.readers import mfn

h5py = pytest.importorskip("h5py")
COUNTS = {"train": 4, "valid": 2, "test": 3}


def write(path, value, name="d1"):
    with h5py.File(path, "w") as file:
        file[name] = value


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(7)
    for split, n in COUNTS.items():
        for name, width in (("audio_{}.h5", 4), ("video_{}.h5", 3), ("text_{}_emb.h5", 5)):
            if name.startswith("text") and split == "train":
                continue
            x = rng.normal(size=(n, 6, width))
            x[:, 4:] = 0
            write(tmp_path / name.format(split), x)
        write(tmp_path / f"y_{split}.h5", np.linspace(1, 5, n))
    return tmp_path


@pytest.fixture
def classes(folder):
    for split, n in COUNTS.items():
        write(folder / f"y_{split}.h5", np.eye(3, dtype=np.float32)[np.arange(n) % 3])
    return folder


def test_stars_become_sentiment(folder):
    corpus = mfn.mmmo(folder)
    assert corpus.targets("valid", "sentiment").ravel().tolist() == [-3, 3]
    assert corpus.targets("test", "sentiment").ravel().tolist() == [-3, 0, 3]
    assert corpus.table["stars"].tolist()[-3:] == [1, 3, 5] and (corpus.table["label"] == UNLABELLED).all()
    assert corpus.table["dialogue"].tolist()[:5] == ["train-0", "train-1", "train-2", "train-3", "valid-0"]


def test_text_of_the_training_split_is_missing_unless_it_is_there(folder):
    assert mfn.mmmo(folder).has("text").tolist() == [False] * 4 + [True] * 5
    write(folder / "text_train_emb.h5", np.ones((4, 6, 5)))
    assert mfn.mmmo(folder).has("text").all()
    for split in COUNTS:
        (folder / f"text_{split}_emb.h5").unlink()
    assert set(mfn.mmmo(folder).frames) == {"audio", "visual"}


def test_steps_stay_aligned(folder):
    x = np.zeros((2, 6, 3))
    x[0, 3] = 1  # a face at step 3 only; words and sounds are steps 0 to 3
    write(folder / "video_valid.h5", x)
    corpus = mfn.mmmo(folder)
    assert corpus.frames["visual"][4][:, 0].tolist() == [0, 0, 0, 1] and corpus.frames["text"].lengths[4] == 4
    assert not corpus.has("visual")[5] and corpus.frames["audio"].length == 6


def test_classes(classes):
    corpus = mfn.youtube(classes)
    assert corpus.labels == ("negative", "neutral", "positive") and corpus.tasks == ("emotion",)
    assert corpus.table["label"].tolist() == [0, 1, 2, 0, 0, 1, 0, 1, 2]


@pytest.mark.parametrize("count", [17, 16])
def test_traits(folder, count):
    values = {split: np.arange(n * count).reshape(n, count) / 10 for split, n in COUNTS.items()}
    for split, x in values.items():
        write(folder / f"y_{split}.h5", x)
    corpus = mfn.pom(folder)
    assert corpus.tasks == ("traits",) and corpus.labels == () and corpus.name == "pom"
    names = corpus.task("traits").names
    assert len(names) == count and ("sentiment" in names) == (count == 17) and names[-1] == "humorous"
    assert np.allclose(corpus.targets("valid", "traits"), values["valid"])
    write(folder / "y_test.h5", np.ones((3, 5)))
    with pytest.raises(CorpusError, match=r"y_test\.h5: the shape is \(3, 5\)"):
        mfn.pom(folder)


def truncate(folder):
    data = (folder / "audio_test.h5").read_bytes()
    (folder / "audio_test.h5").write_bytes(data[: len(data) // 2])


def link(folder):
    with h5py.File(folder / "audio_test.h5", "w") as file:
        file["d1"] = h5py.ExternalLink("audio_train.h5", "/d1")


def external(folder):
    (folder / "secret").write_bytes(bytes(3 * 6 * 4 * 8))
    with h5py.File(folder / "audio_test.h5", "w") as file:
        file.create_dataset("d1", (3, 6, 4), "f8", external=[(str(folder / "secret"), 0, 3 * 6 * 4 * 8)])


def bomb(folder):
    with h5py.File(folder / "audio_test.h5", "w") as file:
        file.create_dataset("d1", (3, 1_000_000, 1_000_000), "f8", chunks=(1, 1000, 1000))


def two(folder):
    with h5py.File(folder / "audio_test.h5", "a") as file:
        file["d2"] = [1.0]


def group(folder):
    with h5py.File(folder / "audio_test.h5", "w") as file:
        file.create_group("d1")


def array(name, value):
    return lambda folder: write(folder / name, value)


BAD = {
    "missing file": (lambda f: (f / "video_valid.h5").unlink(), "video_valid.h5:", "no such file", "must hold audio_"),
    "empty file": (lambda f: (f / "audio_test.h5").write_bytes(b""), "audio_test.h5:", "not a readable h5", "fetch"),
    "noise": (lambda f: (f / "audio_test.h5").write_bytes(bytes(range(256))), "audio_test.h5:", "not a readable", "f"),
    "truncated": (truncate, "audio_test.h5:", "not a readable h5 file", "one dataset"),
    "link to another file": (link, "audio_test.h5:", "entries or a link", "one dataset"),
    "bytes of another file": (external, "audio_test.h5:", "not a plain dataset", "one dataset"),
    "more than memory": (bomb, "audio_test.h5:", "declares the shape (3, 1000000, 1000000)", "one dataset"),
    "two datasets": (two, "audio_test.h5:", "holds 2 entries", "one dataset"),
    "a group": (group, "audio_test.h5:", "not a plain dataset", "one dataset"),
    "texts": (array("audio_test.h5", [b"a"]), "audio_test.h5:", "not a plain dataset of numbers", "one dataset"),
    "sample count": (array("audio_test.h5", np.ones((2, 6, 4))), "audio_test.h5:", "(2, 6, 4)", "n = 3"),
    "step count": (array("video_test.h5", np.ones((3, 7, 3))), "video_test.h5:", "7 steps of 3", "same steps (6)"),
    "width": (array("video_test.h5", np.ones((3, 6, 2))), "video_test.h5:", "6 steps of 2", "same features (3)"),
    "vectors": (array("video_test.h5", np.ones((3, 6))), "video_test.h5:", "(3, 6)", "(n, L, D)"),
    "NaN": (array("video_test.h5", np.full((3, 6, 3), np.nan)), "video_test.h5:", "sample 0, step 0, feature 0 is nan",
            "Impute"),
    "six stars": (array("y_test.h5", np.array([1.0, 6.0, 2.0])), "y_test.h5:", "sample 1 has 6.0 stars", "1 to 5"),
    "NaN stars": (array("y_test.h5", np.array([1.0, np.nan, 2.0])), "y_test.h5:", "sample 1 has nan", "1 to 5"),
    "classes for stars": (array("y_test.h5", np.eye(3)), "y_test.h5:", "(3, 3)", "(n,)"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gives_one_line_with_place_problem_and_remedy(folder, case):
    change, place, problem, remedy = BAD[case]
    change(folder)
    with pytest.raises(CorpusError) as caught:
        mfn.mmmo(folder)
    message = str(caught.value)
    assert message.startswith(str(folder)) and "\n" not in message and len(message) < 500
    assert place in message and problem in message and remedy in message


@pytest.mark.parametrize("row", [[0, 0, 0], [1, 1, 0], [0.5, 0.5, 0]])
def test_rows_that_are_no_class(classes, row):
    write(classes / "y_valid.h5", np.array([[1, 0, 0], row]))
    with pytest.raises(CorpusError, match=r"y_valid\.h5: sample 1 is .* Each row must be 1 for its class"):
        mfn.youtube(classes)


def test_a_folder_is_needed(tmp_path):
    with pytest.raises(CorpusError, match="no such folder"):
        mfn.mmmo(tmp_path / "nowhere")


def test_without_h5py_it_says_how_to_get_it(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(CorpusError, match=r'needs h5py. Install it: pip install "erclab\[h5\]"'):
        mfn.mmmo(folder)


def test_real_mmmo(real_data):
    corpus = mfn.mmmo(real_data / "mmmo_sequences")
    assert [len(corpus.rows(s)) for s in COUNTS] == [220, 40, 80]
    assert {m: f.values.shape[1] for m, f in corpus.frames.items()} == {"text": 300, "audio": 74, "visual": 36}
    assert (~corpus.has("text")).sum() == 220 and corpus.has("audio").all() and corpus.has("visual").all()
    assert set(corpus.table["stars"]) <= set(np.arange(1, 5.5, 0.5))
    test = corpus.rows("test")
    assert np.mean(np.abs(corpus.table["stars"][test] - np.median(corpus.table["stars"][:260]))) == pytest.approx(
        1.181, abs=1e-3)


def test_real_youtube(real_data):
    corpus = mfn.youtube(real_data / "youtube_sequences")
    assert corpus.counts().to_numpy().tolist() == [[72, 43, 58], [9, 16, 11], [27, 21, 12]]
    missing = {m: [int((~corpus.has(m)[corpus.rows(s)]).sum()) for s in COUNTS] for m in corpus.frames}
    assert missing == {"audio": [125, 29, 37], "visual": [129, 30, 40], "text": [173, 1, 0]}
