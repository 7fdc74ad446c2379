"""MulT's pickles: padding, ids, labels, and one clear line for each way they can be broken."""

import pickle

import numpy as np
import pytest

from erclab.core.errors import CorpusError
from erclab.corpora import UNLABELLED
from erclab.corpora.readers import mult

COUNTS = {"train": 4, "valid": 2, "test": 2}
STEPS = {"text": (5, 6), "audio": (9, 4), "vision": (7, 3)}  # L, D
KEYS = {"text": "text", "audio": "audio", "vision": "visual"}


def made(labels="sentiment", aligned=False, ids="clips"):
    """What a file holds, and the true length of every sequence (split, key) -> list."""
    rng, data, lengths = np.random.default_rng(5), {}, {}
    for split, n in COUNTS.items():
        part = data[split] = {}
        shared = rng.integers(1, 6, n)
        for key, (longest, width) in STEPS.items():
            longest = 5 if aligned else longest
            x = np.zeros((n, longest, width), dtype=np.float64 if key == "audio" else np.float32)
            lengths[split, key] = shared if aligned else rng.integers(1, longest + 1, n)
            for i, k in enumerate(lengths[split, key]):
                x[i, longest - k:] = rng.normal(size=(k, width))
            part[key] = x
        if labels == "sentiment":
            part["labels"] = np.linspace(-3, 3, n, dtype=np.float32).reshape(n, 1, 1)
        else:
            present = np.arange(4 * n).reshape(n, 4) % 3 == 0
            part["labels"] = np.stack([~present, present], -1).astype(np.int64)
        # The clips of the first two samples are of one video, later before earlier.
        names = {"clips": [f"{split}_{i // 2}_{20 - i}" for i in range(n)],
                 "videos": [f"{split}-v{i // 2}" for i in range(n)]}.get(ids)
        if names:
            rows = [[name, str(30.5 - i), str(31.0 - i)] for i, name in enumerate(names)]
            part["id"] = np.array(rows, dtype="S32" if ids == "clips" else "U32")
    return data, lengths


def write(path, data):
    path.write_bytes(pickle.dumps(data))
    return path


def test_videos_are_dialogues_and_clips_are_in_order(tmp_path):
    data, lengths = made()
    corpus = mult.read(write(tmp_path / "mosi_data_noalign.pkl", data))
    table = corpus.table
    assert corpus.name == "mosi-mult" and corpus.labels == () and corpus.tasks == ("sentiment",)
    assert table["dialogue"].tolist() == ["train_0", "train_0", "train_1", "train_1", "valid_0", "valid_0", "test_0",
                                          "test_0"]
    assert table["turn"].tolist() == [0, 1] * 4 and (table["label"] == UNLABELLED).all()
    assert table["clip"].tolist()[:4] == ["19", "20", "17", "18"] and table["start"][0] == 29.5
    order = [1, 0, 3, 2]
    assert corpus.targets("train", "sentiment")[:, 0].tolist() == data["train"]["labels"].ravel()[order].tolist()
    for key, modality in KEYS.items():
        frames = corpus.frames[modality]
        assert frames.lengths[:4].tolist() == lengths["train", key][order].tolist()
        assert (frames.length, frames.side) == (STEPS[key][0], "left")
        assert np.array_equal(frames[1][-1], data["train"][key][0, -1].astype(np.float32))
    assert corpus.frames["audio"].rate == 12.5 and corpus.frames["text"].rate == 0
    assert corpus.vectors == {} and corpus.has("visual").all()


def test_six_emotions_beside_the_sentiment(tmp_path):
    data, _ = made()
    for part in data.values():
        n = len(part["labels"])
        strengths = np.zeros((n, 1, 6), np.float32)
        strengths[0, 0] = [0, 2 / 3, 3, 0, 0.33, 0]
        part["labels"] = np.concatenate([part["labels"], strengths], 2)
    corpus = mult.read(write(tmp_path / "mosei_senti_data.pkl", data))
    assert corpus.tasks == ("sentiment", "emotions") and corpus.task("emotions").kind == "binary"
    assert corpus.task("emotions").names == ("happy", "sad", "anger", "surprise", "disgust", "fear")
    assert corpus.targets("valid", "emotions").tolist() == [[0] * 6, [0, 1, 1, 0, 1, 0]]  # the later clip is first
    assert corpus.targets("valid", "sentiment").ravel().tolist() == [3, -3]


def test_ids_without_a_clip_are_ordered_by_time(tmp_path):
    data, _ = made(ids="videos")
    table = mult.read(write(tmp_path / "mosei_senti_data.pkl", data)).table
    assert table["dialogue"].tolist()[:3] == ["train-v0", "train-v0", "train-v1"]
    assert table["start"].tolist()[:2] == [29.5, 30.5]


def test_one_id_that_ends_like_a_clip_does_not_make_it_one(tmp_path):
    data, _ = made(ids="videos")
    data["test"]["id"][:, 0] = "abcdefg_123"
    assert mult.read(write(tmp_path / "mosei_senti_data.pkl", data)).table["dialogue"].iloc[-1] == "abcdefg_123"


def test_four_emotions_are_the_second_of_each_pair(tmp_path):
    data, _ = made("emotions", ids=None)
    corpus = mult.read(write(tmp_path / "iemocap_data.pkl", data))
    assert corpus.name == "iemocap-mult" and corpus.tasks == ("emotion4",)
    assert corpus.table["dialogue"].tolist()[:5] == ["train-0", "train-1", "train-2", "train-3", "valid-0"]
    assert (corpus.table["turn"] == 0).all()
    assert corpus.targets("train", "emotion4")[:2].tolist() == [[1, 0, 0, 1], [0, 0, 1, 0]]


def test_an_aligned_file_keeps_its_modalities_in_step(tmp_path):
    data, lengths = made(aligned=True)
    data["train"]["vision"][0] = 0
    data["train"]["audio"][1, -1] = 0
    data["train"]["audio"][1, 0] = 1  # a sound before the first word
    corpus = mult.read(write(tmp_path / "mosi_data.pkl", data))
    assert corpus.frames["text"].lengths[:2].tolist() == corpus.frames["audio"].lengths[:2].tolist() == [
        5, lengths["train", "text"][0]]
    assert corpus.frames["visual"].lengths[1] == 0 and corpus.frames["visual"].rate == 0


def test_infinite_values_of_audio_become_zero_and_are_counted(tmp_path):
    data, _ = made()
    data["train"]["audio"][0, -1, :2] = -np.inf, np.nan
    data["test"]["audio"][1, -1, 3] = np.inf
    corpus = mult.read(write(tmp_path / "mosi_data.pkl", data))
    assert corpus.source.endswith("mosi_data.pkl; 3 infinite or NaN values of audio set to 0")
    assert corpus.frames["audio"][1][-1].tolist()[:2] == [0, 0]


def test_a_folder_with_one_file_is_enough(tmp_path):
    write(tmp_path / "mosi_data.pkl", made()[0])
    write(tmp_path / "iemocap_data.pkl", made("emotions", ids=None)[0])
    assert mult.read(tmp_path, "mosi").name == "mosi-mult" and mult.read(tmp_path, "iemocap").tasks == ("emotion4",)
    with pytest.raises(CorpusError, match=r"holds mosi_data\.pkl and iemocap_data\.pkl\. Give the path of the one"):
        mult.read(tmp_path)
    with pytest.raises(CorpusError, match=r"It must hold mosei_senti_data\.pkl or mosei_senti_data_noalign\.pkl"):
        mult.read(tmp_path, "mosei")


def put(split, key, value):
    def change(data):
        data[split][key] = value(data[split][key]) if callable(value) else value
    return change


def replaced(index, value):
    def change(x):
        x = x.copy()
        x[index] = value
        return x
    return change


BAD = {
    "a list": (lambda data: [data], ":", "holds a list, not a dict", "train, valid, test"),
    "no valid": (lambda data: data.pop("valid") and None, ":", "no part 'valid'", "train, valid, test"),
    "other split names": (lambda data: data.update(dev=data.pop("valid")), ":", "no part 'valid'", "dict of"),
    "a part that is none": (lambda data: data.update(test=[1]), ", test:", "part is a list", "each a dict of text"),
    "no vision": (lambda data: data["test"].pop("vision") is None, ", test:", "there is no vision", "labels"),
    "ragged": (put("test", "text", [[[1.0], [2.0]], [[3.0]]]), ", test, text:", "differ in length", "(n, L, D)"),
    "words for numbers": (put("test", "text", np.array([["a"]])), ", test, text:", "of type <U1", "real numbers"),
    "objects": (put("test", "text", np.array([None, "1"])), ", test, text:", "of type object", "real numbers"),
    "vectors for sequences": (put("test", "text", lambda x: x[:, 0]), ", test, text:", "shape is (2, 6)", "(n, L, D)"),
    "no sample": (put("test", "text", lambda x: x[:0]), ", test, text:", "shape is (0, 5, 6)", "(n, L, D)"),
    "other sample count": (put("valid", "audio", lambda x: x[:1]), ", valid, audio:", "(1, 9, 4)", "n = 2"),
    "other width": (put("test", "audio", lambda x: x[..., :2]), ", audio:", "(2, 9, 2)", "same features"),
    "other length": (put("test", "audio", lambda x: x[:, 1:]), ", audio:", "(2, 8, 4)", "number of steps"),
    "NaN in text": (put("valid", "text", replaced((1, 4, 2), np.nan)), ", valid, text:",
                    "sample 1, word 4, feature 2 is nan", "Fetch"),
    "label too large": (put("valid", "labels", lambda x: x * 2), "dialogue valid_0, turn", "sentiment is [",
                        "[-3, 3]"),
    "labels of emotions": (put("valid", "labels", np.zeros((2, 4, 2))), ", valid, labels:", "(2, 4, 2)", "(n, 1, 1)"),
    "ids of two columns": (put("test", "id", lambda x: x[:, :2]), ", test, id:", "shape is (2, 2)", "(2, 3)"),
    "numbers for ids": (put("test", "id", np.ones((2, 3))), ", test, id, sample 0:", "a float", "list of 2 texts"),
    "clip twice": (put("test", "id", lambda x: x[[0, 0]]), ", test:", "clip 20 of video 'test_0' occurs twice",
                   "Remove one"),
    "video in two parts": (put("test", "id", replaced((0, 0), b"train_0_7")), ":",
                           "video 'train_0' is in more than one", "into one part"),
    "infinite face": (put("test", "vision", replaced((0, 6, 1), np.inf)), "dialogue test_0, turn 1:",
                      "visual feature 1 of frame", "must be finite"),
    "beyond float32": (put("test", "vision", lambda x: x.astype(np.float64) * 1e300), "dialogue test_0, turn 0:",
                       "visual feature 0 of frame 0 is", "must be finite"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gives_one_line_with_place_problem_and_remedy(tmp_path, case):
    change, place, problem, remedy = BAD[case]
    data = made()[0]
    changed = change(data)
    path = write(tmp_path / "mosi_data.pkl", changed if isinstance(changed, list) else data)
    with pytest.raises(CorpusError) as caught:
        mult.read(path)
    message = str(caught.value)
    assert message.startswith(str(path)) and "\n" not in message and len(message) < 400
    assert place in message and problem in message and remedy in message and caught.value.remedy


def test_pairs_that_are_none(tmp_path):
    data = made("emotions", ids=None)[0]
    data["valid"]["labels"][1, 2] = 1, 1
    with pytest.raises(CorpusError, match=r"iemocap_data.pkl, valid, labels: sample 1, emotion 2 is \[1, 1\]. Each"):
        mult.read(write(tmp_path / "iemocap_data.pkl", data))


def test_a_pickle_that_runs_code_is_refused(tmp_path):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("code from the file ran",))

    data = made()[0]
    data["train"]["text"] = Trap()
    with pytest.raises(CorpusError, match=r"mosi_data\.pkl"):
        mult.read(write(tmp_path / "mosi_data.pkl", data))


@pytest.mark.parametrize("name", ["mosi_data", "mosi_data_noalign", "mosei_senti_data_noalign", "iemocap_data_noalign"])
def test_fixtures_that_the_upstream_loader_reads(real_data, name):
    corpus = mult.read(real_data / "formats" / f"{name}.pkl")
    assert [len(corpus.rows(s)) for s in ("train", "valid", "test")] == [3, 2, 2]
    longest = {"mosi_data": (50, 50, 50), "mosi_data_noalign": (50, 375, 500),
               "mosei_senti_data_noalign": (50, 500, 500), "iemocap_data_noalign": (20, 400, 500)}[name]
    assert tuple(corpus.frames[m].length for m in ("text", "audio", "visual")) == longest
    with (real_data / "formats" / f"{name}.pkl").open("rb") as file:
        data = pickle.load(file)  # our own fixture: compare with the plain loader
    if corpus.tasks == ("emotion4",):
        assert corpus.targets("test", "emotion4").tolist() == data["test"]["labels"].argmax(-1).tolist()
    else:
        assert sorted(corpus.targets("test", "sentiment").ravel()) == sorted(data["test"]["labels"].ravel())
    infinite = sum((~np.isfinite(data[s]["audio"])).sum() for s in data)
    assert (f"{infinite} infinite or NaN values of audio" in corpus.source) == (name.startswith("mosei"))
    total = sum((np.cumsum((data[s]["text"] != 0).any(-1), 1) > 0).sum() for s in data)
    if "noalign" in name:
        assert corpus.frames["text"].lengths.sum() == total


@pytest.mark.parametrize("labels", ["sentiment", "emotions"])
def test_a_file_of_another_name_says_what_it_is_by_its_labels(tmp_path, labels):
    corpus = mult.read(write(tmp_path / "mine.pkl", made(labels, ids=None)[0]))
    assert corpus.name == "mult" and corpus.tasks == ({"emotions": "emotion4"}.get(labels, labels),)
    with pytest.raises(CorpusError, match=r"mine\.pkl, train, labels: the shape is"):
        mult.read(tmp_path / "mine.pkl", "mosi" if labels == "emotions" else "iemocap")
