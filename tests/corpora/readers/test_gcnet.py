"""GCNet's folders: a pickle of labels, a file or a folder of faces per utterance."""

import dialogue_files as made
import numpy as np
import pytest

from erclab.core.errors import CorpusError
from erclab.corpora import load
from erclab.corpora.folds import folds
from erclab.corpora.readers import gcnet

NAMES = {"train": ["Ses01F_a", "Ses02M_b", "Ses03M_c"], "test": ["Ses05F_f"]}


def iemocap(folder, labels=6):
    """Three folders of features; returns the ids in the order of the corpus."""
    ids = {v: [f"{v}_{t:03d}" for t in range(2)] for v in [*NAMES["train"], *NAMES["test"]]}
    value = (ids, {v: [0, labels - 1] for v in ids}, {v: ["F", "M"] for v in ids}, {v: ["so", "it goes"] for v in ids},
             set(NAMES["train"]), set(NAMES["test"]))
    folder.mkdir(exist_ok=True)
    made.write(folder, f"IEMOCAP_features_raw_{labels}way.pkl", value)
    names = [u for v in sorted(ids) for u in ids[v]]
    for root in ("wav2vec-large-c-UTT", "deberta-large-4-UTT", "manet_UTT", "manet", "notes"):
        (folder / "features" / root).mkdir(parents=True)
    for i, name in enumerate(names):
        np.save(folder / "features/wav2vec-large-c-UTT" / f"{name}.npy", np.full((1, 3), i, "f4"))
        np.save(folder / "features/deberta-large-4-UTT" / f"{name}.npy", np.arange(8.0).reshape(4, 2) + i)
        (folder / "features/manet_UTT" / name).mkdir()
        for who, x in (("F", 1.0), ("M", 2.0)):
            np.save(folder / "features/manet_UTT" / name / f"face_{who}.npy", np.full(5, x + 10 * i))
    return names


def test_vectors_frames_faces_and_what_is_not_read(tmp_path):
    names = iemocap(tmp_path)
    corpus = load("iemocap-gcnet", tmp_path)
    assert corpus.table["id"].tolist() == names and corpus.labels == gcnet.IEMOCAP
    assert corpus.table["label"].tolist() == [0, 5] * 4 and corpus.roles == ("F", "M")
    assert corpus.dims == {"text": 2, "audio": 3, "visual": 5}
    assert corpus.vectors["audio"][:, 0].tolist() == list(range(8))
    assert corpus.vectors["text"][1].tolist() == [4.0, 5.0]  # the mean over time, as upstream
    assert corpus.frames["text"].lengths.tolist() == [4] * 8 and set(corpus.frames) == {"text"}
    assert corpus.vectors["visual"][:3, 0].tolist() == [1.0, 12.0, 21.0]  # of F, M, F
    assert corpus.notices == ("the folder notes is not read: its name says no modality",
                              "the folder manet is not read: manet_UTT is")
    assert [len(corpus.rows(s)) for s in ("train", "valid", "test")] == [4, 2, 2]
    assert len(folds(corpus, "session")) == 4


def test_four_emotions(tmp_path):
    iemocap(tmp_path, labels=4)
    corpus = load("iemocap-gcnet4", tmp_path)
    assert corpus.labels == ("happy", "sad", "neutral", "angry") and corpus.name == "iemocap-gcnet4"


def sentiment(folder, ids=("v1_0", "v1_1", "v2_0", "v3_0"), splits=("v1", "v2", "v3")):
    of = {v: [u for u in ids if u.startswith(v)] for v in splits}
    labels = {v: [1.5 - i for i in range(len(u))] for v, u in of.items()}
    value = (of, labels, {v: [""] * len(u) for v, u in of.items()}, {v: ["words"] * len(u) for v, u in of.items()},
             {splits[0]}, {splits[1]}, {splits[2]})
    made.write(folder, gcnet.FILES["mosi-gcnet"][0], value)
    (folder / "audio").mkdir()
    for i, u in enumerate(ids):
        np.save(folder / "audio" / f"{u}.npy", np.full(3, i + 1.0))


def test_sentiment_has_its_own_splits_and_a_missing_file_is_a_missing_modality(tmp_path):
    sentiment(tmp_path)
    (tmp_path / "audio/v2_0.npy").unlink()
    corpus = gcnet.read(tmp_path, "mosi-gcnet")
    assert corpus.tasks == ("sentiment",) and corpus.annotations["sentiment"].ravel().tolist() == [1.5, 0.5, 1.5, 1.5]
    assert corpus.table["split"].tolist() == ["train", "train", "valid", "test"]
    assert set(corpus.table["speaker"]) == {"speaker"} and not corpus.has("audio")[2]
    assert corpus.notices[0].startswith("1 of 4 utterances have no file in ")


@pytest.mark.parametrize(("change", "problem"), [
    (lambda f: np.save(f / "audio/v1_0.npy", np.ones(4)), "has 4 features, others 3|has 3 features, others 4"),
    (lambda f: np.save(f / "audio/v1_0.npy", np.array(["a"])), "of type <U1, not real"),
    (lambda f: (f / "audio/v1_0.npy").write_bytes(b"version https://git-lfs.github.com/spec/v1\n"), "pointer of Git L"),
    (lambda f: np.save(f / "audio/v1_0.npy", np.full(3, np.nan)), "audio feature 0 is nan"),
    (lambda f: (f / "wav2vec").mkdir(), "audio and wav2vec all are audio features"),
    (lambda f: [p.unlink() for p in (f / "audio").iterdir()], "no utterance of CMUMOSI_features_raw_2way.pkl has a"),
    (lambda f: sentiment(f / "../b", ids=("v1/../x", "v2_0", "v3_0")), ""),
])
def test_what_is_refused(tmp_path, change, problem):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    sentiment(tmp_path / "a")
    if not problem:
        with pytest.raises(OSError, match="v1"):
            change(tmp_path / "a")
        with pytest.raises(CorpusError, match="is no name of a file"):
            gcnet.read(tmp_path / "b", "mosi-gcnet")
        return
    change(tmp_path / "a")
    with pytest.raises(CorpusError, match=problem):
        gcnet.read(tmp_path / "a", "mosi-gcnet")
