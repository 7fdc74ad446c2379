"""MMSA's pickles: true lengths, ids, transcripts, and what is refused."""

import pickle

import numpy as np
import pytest

from erclab.core.errors import CorpusError
from erclab.corpora import load
from erclab.corpora.readers import mmsa

COUNTS = {"train": 3, "valid": 2, "test": 2}
STEPS = {"text": (6, 8), "audio": (10, 4), "vision": (7, 3)}


def made(aligned=False, bert=True, lengths=True):
    rng, data = np.random.default_rng(6), {}
    for split, n in COUNTS.items():
        part = data[split] = {"id": [f"{split}v{i // 2}$_${10 - i}" for i in range(n)],
                              "raw_text": np.array([f"Words of {split} {i}." for i in range(n)]),
                              "regression_labels": np.linspace(-3, 3, n, dtype=np.float32)}
        shared = rng.integers(2, 7, n)
        for key, (longest, width) in STEPS.items():
            longest = 6 if aligned else longest
            true = shared if aligned or key == "text" else rng.integers(2, longest + 1, n)
            part[key] = np.zeros((n, longest, width), dtype=np.float32)
            for i, k in enumerate(true):
                part[key][i, :k] = rng.normal(size=(k, width))
            if lengths and key != "text":
                part[f"{key}_lengths"] = true.tolist()
        if bert:
            mask = (np.arange(6) < shared[:, None]).astype(np.int64)
            part["text_bert"] = np.stack([mask * 7, mask, mask * 0], 1)
    return data


def write(path, data):
    path.write_bytes(pickle.dumps(data))
    return path


def test_clips_lengths_and_transcripts(tmp_path):
    data = made()
    data["train"]["audio"][0, data["train"]["audio_lengths"][0] - 1] = 0  # silence at the end is no padding
    corpus = mmsa.read(write(tmp_path / "unaligned_50.pkl", data))
    assert corpus.name == "mosi-mmsa" and corpus.tasks == ("sentiment",)
    assert corpus.table["dialogue"].tolist()[:3] == ["trainv0", "trainv0", "trainv1"]
    assert corpus.table["clip"].tolist()[:3] == ["9", "10", "8"]  # as numbers: 9 is before 10
    assert corpus.table["text"].tolist()[:2] == ["Words of train 1.", "Words of train 0."]
    for m, key in (("audio", "audio"), ("visual", "vision")):
        assert corpus.frames[m].lengths[:3].tolist() == [data["train"][f"{key}_lengths"][i] for i in (1, 0, 2)]
        assert corpus.frames[m].side == "right"
    assert corpus.frames["text"].lengths[:3].tolist() == data["train"]["text_bert"][[1, 0, 2], 1].sum(1).tolist()
    assert corpus.targets("valid", "sentiment").ravel().tolist() == [3, -3]


def test_labels_that_are_none_are_no_annotation(tmp_path):
    data = made()
    data["valid"]["regression_labels"] = [1.5, None]
    data["test"]["regression_labels"][0] = np.nan
    corpus = mmsa.read(write(tmp_path / "unaligned_50.pkl", data))
    np.testing.assert_equal(corpus.targets("valid", "sentiment").ravel(), np.float32([np.nan, 1.5]))
    assert np.isnan(corpus.targets("test", "sentiment")).sum() == 1


def test_without_lengths_zeros_at_the_end_are_padding(tmp_path):
    path = tmp_path / "unaligned_50.pkl"
    given = mmsa.read(write(path, made())).fingerprint
    assert mmsa.read(write(path, made(bert=False, lengths=False))).fingerprint == given


def test_an_aligned_file_has_the_lengths_of_the_text(tmp_path):
    data = made(aligned=True, lengths=False)
    words = data["train"]["text_bert"][:, 1].sum(1)
    data["train"]["audio"][0, words[0] - 1] = 0
    data["train"]["vision"][2] = 0
    corpus = mmsa.read(write(tmp_path / "aligned_50.pkl", data), "mosei")
    assert corpus.name == "mosei-mmsa"
    assert corpus.frames["audio"].lengths[:3].tolist() == words[[1, 0, 2]].tolist()
    assert corpus.frames["visual"].lengths[2] == 0  # zeros alone: missing


def test_infinite_values_become_zero_and_are_counted(tmp_path):
    data = made()
    data["test"]["audio"][0, 0, 1] = -np.inf
    source = mmsa.read(write(tmp_path / "unaligned_50.pkl", data)).source
    assert source.endswith("; 1 infinite or NaN values of audio set to 0")


def test_a_corpus_with_text_frames_is_not_encoded(tmp_path, monkeypatch):
    monkeypatch.setattr("erclab.features.text.encode", lambda *a, **k: pytest.fail("encoded"))
    assert load("mosei-mmsa", write(tmp_path / "unaligned_50.pkl", made())).vectors == {}


def sims():
    """The same file as CH-SIMS has it: its scale, a label per modality, clips of a video in two splits."""
    data = made()
    for split, part in data.items():
        part["regression_labels"] = np.round(part["regression_labels"] / 3, 1)
        for k, m in enumerate("TAV"):
            part[f"regression_labels_{m}"] = np.full(COUNTS[split], k / 2 - 0.5, dtype=np.float32)
    data["test"]["id"] = ["trainv0$_$1", "video_0002$_$0001"]
    return data


def test_sims_has_its_own_scale_and_the_sentiment_of_each_modality(tmp_path):
    write(tmp_path / "unaligned_39.pkl", sims())
    corpus = load("sims-mmsa", tmp_path)
    assert corpus.name == "sims-mmsa" and corpus.tasks == ("sentiment", "unimodal")
    assert corpus.task("sentiment").scale == (-1, 1) and not corpus.task("sentiment").built_in
    assert corpus.targets("valid", "sentiment").ravel().tolist() == [1, -1]
    assert corpus.task("unimodal").names == ("text", "audio", "visual")
    assert corpus.targets("test", "unimodal").tolist() == [[-0.5, 0, 0.5]] * 2
    assert corpus.table["dialogue"].unique().tolist() == ["train-trainv0", "trainv1", "validv0", "test-trainv0",
                                                          "video_0002"]
    assert corpus.notices[0].startswith("1 videos have clips in more than one split")


def test_sims_outside_its_scale_and_mosi_on_the_scale_of_sims(tmp_path):
    path = write(tmp_path / "unaligned_39.pkl", made())
    with pytest.raises(CorpusError, match=r"sentiment lies in \[-1, 1\]"):
        mmsa.read(path, "sims")
    data = sims()
    data["test"]["id"] = ["a$_$1", "b$_$1"]
    assert "CH-SIMS: --corpus sims-mmsa" in load("mosi-mmsa", write(path, data)).notices[0]
    assert load("sims-mmsa", path).notices == () == load("mosi-mmsa", write(path, made())).notices


BAD = {
    "id without a clip": (lambda d: d["test"].update(id=["video", "b$_$1"]), ", test, id:",
                          "sample 0 is called 'video'", "video$_$clip"),
    "too few ids": (lambda d: d["test"].update(id=["b$_$1"]), ", test, id:", "not one text per sample", "list of 2"),
    "length beyond the array": (lambda d: d["test"].update(audio_lengths=[11, 2]), ", test, audio_lengths:",
                                "sample 0 has the length 11", "0 to 10"),
    "length with decimals": (lambda d: d["test"].update(vision_lengths=[1.5, 2]), ", test, vision_lengths:",
                             "length 1.5", "whole numbers"),
    "mask with holes": (lambda d: d["test"]["text_bert"].__setitem__((0, 1), [1, 0, 1, 0, 0, 0]), ", test, text_bert:",
                        "not ones, then zeros", "tokens, mask, segments"),
    "no labels": (lambda d: d["test"].pop("regression_labels"), ", test:", "there is no regression_labels", "dict of"),
    "NaN in text": (lambda d: d["test"]["text"].__setitem__((0, 0, 0), np.nan), "dialogue testv0, turn", "is nan",
                    "Impute"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gives_one_line_with_place_problem_and_remedy(tmp_path, case):
    change, place, problem, remedy = BAD[case]
    data = made()
    change(data)
    path = write(tmp_path / "unaligned_50.pkl", data)
    with pytest.raises(CorpusError) as caught:
        mmsa.read(tmp_path)
    message = str(caught.value)
    assert message.startswith(str(path)) and "\n" not in message
    assert place in message and problem in message and remedy in message


def test_the_fixture_that_the_upstream_loader_reads(real_data):
    path = real_data / "formats" / "unaligned_50.pkl"
    corpus = mmsa.read(path)
    assert [len(corpus.rows(s)) for s in ("train", "valid", "test")] == [3, 2, 2]
    assert {m: (f.length, f.values.shape[1]) for m, f in corpus.frames.items()} == {
        "text": (50, 768), "audio": (500, 5), "visual": (375, 20)}
    with path.open("rb") as file:
        data = pickle.load(file)
    assert corpus.frames["audio"].lengths.sum() == sum(sum(data[s]["audio_lengths"]) for s in data)
    assert "values of audio set to 0" in corpus.source and corpus.table["text"].str.len().min() > 0
