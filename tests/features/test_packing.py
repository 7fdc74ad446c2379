"""From a file per utterance to the npz that the table reader takes: order, gaps, lengths, and what is said of them."""

import h5py
import numpy as np
import pytest
import torch
from one_line import one_line
from scipy.io import savemat

from erclab import features
from erclab.core.errors import FeatureError, UsageError
from erclab.corpora.readers import table
from erclab.features import arrays, packing

HEADER = "id,split,dialogue,turn,text,label\n"
ROWS = ["u1,train,a,0,hi,x", "u2,train,a,1,ho,y", "u3,valid,b,0,hm,x", "u4,test,c,0,ah,y"]
X = {f"u{i}": np.arange(i * 3, dtype=np.float32).reshape(i, 3) + i for i in (1, 2, 3, 4)}  # lengths 1 to 4


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "utterances.csv").write_text(HEADER + "\n".join(ROWS))
    return folder


@pytest.fixture
def saved(tmp_path):
    """The folder of a file per utterance; u4's name is its dialogue and turn."""
    folder = tmp_path / "made"
    folder.mkdir()
    for name, x in X.items():
        np.save(folder / f"{ {'u4': 'c_0'}.get(name, name)}.npy", x)
    return folder


def pack(source, corpus, **options):
    return features.pack(source, corpus, progress=False, **options)


def test_vectors_are_read_by_the_table_reader(saved, corpus):
    packed = pack(saved, corpus)
    packed.save(corpus / "audio.npz")
    np.testing.assert_allclose(table.read(corpus).vectors["audio"], [X[f"u{i}"].mean(0) for i in (1, 2, 3, 4)])
    assert packed.ids == {"": ["u1", "u2", "u3", "u4"]} and not packed.missing and not packed.extra
    assert repr(packed) == "4 utterances, vectors of 3 numbers" and packed.made_by == "packed made"


def test_sequences_are_read_by_the_table_reader(saved, corpus):
    pack(saved, corpus, frames=True).save(corpus / "audio.npz")
    frames = table.read(corpus).frames["audio"]
    assert all(np.array_equal(frames[i], X[f"u{i + 1}"]) for i in range(4))


def test_rows_are_matched_by_id_when_the_table_is_turned(saved, corpus):
    pack(saved, corpus).save(corpus / "audio.npz")
    (corpus / "utterances.csv").write_text(HEADER + "\n".join(ROWS[::-1]))
    found = table.read(corpus)
    np.testing.assert_allclose(found.vectors["audio"][list(found.table["id"]).index("u3")], X["u3"].mean(0))


def test_gaps_are_missing_and_named(saved, corpus):
    (saved / "u1.npy").unlink()
    (saved / "u2.npy").write_bytes(b"noise")
    np.save(saved / "u3.npy", np.zeros((5, 3)))
    np.save(saved / "extra.npy", X["u1"])
    packed = pack(saved, corpus)
    assert [why.partition(" (")[0] for why in packed.missing.values()] == [
        "there is no file", "this is a text file, not an npy file", "it has zeros alone"]
    assert packed.extra == ["extra.npy"] and not packed.vectors[""][:3].any() and packed.vectors[""][3].any()
    packed.save(corpus / "audio.npz")
    read = table.read(corpus)
    assert (~read.has("audio")).sum() == 3  # what zeros mean to a corpus
    assert "missing: 3, such as u1 (there is no file)" in repr(packed) and "extra.npy" in repr(packed)
    sequences = pack(saved, corpus, frames=True)
    assert sequences.starts.tolist() == [0, 0, 0, 0, 4]
    with pytest.raises(FeatureError) as caught:
        pack(saved, corpus, short="refuse")
    one_line(caught, "u1: there is no file", "--short missing (short='missing')")


def test_frames_that_are_not_finite_are_left_out(saved, corpus):
    bad = X["u4"].copy()
    bad[1, 2], bad[3, 0] = np.nan, -np.inf
    np.save(saved / "c_0.npy", bad)
    np.save(saved / "u2.npy", np.full((2, 3), np.inf))
    packed = pack(saved, corpus)
    np.testing.assert_allclose(packed.vectors[""][3], X["u4"][[0, 2]].mean(0))
    assert packed.notices == ["2 frames with NaN or infinite numbers were left out, in 1 utterances"]
    assert packed.missing == {"u2": "every frame has NaN or infinite numbers"}


def test_nothing_at_all_is_refused(saved, corpus):
    for path in saved.iterdir():
        path.write_bytes(b"")
    with pytest.raises(FeatureError) as caught:
        pack(saved, corpus)
    one_line(caught, "none of 4 utterances has features", "The file is empty")


def test_widths_that_differ(saved, corpus):
    np.save(saved / "u3.npy", X["u3"][:, :2])
    with pytest.raises(FeatureError) as caught:
        pack(saved, corpus)
    one_line(caught, "u3: it has 2 numbers per frame, u1 has 3", "--transpose")


def test_mean_and_deviation(saved, corpus):
    x = pack(saved, corpus, pool="mean-std").vectors[""]
    np.testing.assert_allclose(x[3], [*X["u4"].mean(0), *X["u4"].std(0)], rtol=1e-6)
    assert not x[0, 3:].any() and x.shape == (4, 6)


def test_long_utterances_are_shortened(saved, corpus):
    cut = pack(saved, corpus, frames=True, longest=2)
    assert np.diff(cut.starts).tolist() == [1, 2, 2, 2] and np.array_equal(cut.values[-2:], X["u4"][:2])
    assert cut.made_by == "packed made, at most 2 frames (cut)"
    assert cut.notices == ["2 utterances had more than 2 frames and were shortened (cut)"]
    assert pack(saved, corpus, frames=True, longest=4).made_by == "packed made"
    pooled = pack(saved, corpus, frames=True, longest=2, shorten="pool")
    np.testing.assert_allclose(pooled.values[-2:], [X["u4"][:2].mean(0), X["u4"][2:].mean(0)])


def test_the_longest_is_named_when_it_is_far_longer():
    names = [f"u{i}" for i in range(60)]
    lengths = [100] * 60
    assert packing.notice_of_longest(lengths, names) == []
    lengths[7] = 3000
    line, = packing.notice_of_longest(lengths, names)
    assert line.startswith("u7 has 3000 frames, the 99th percentile is 100;") and "--longest 100" in line
    assert packing.notice_of_longest([1, 900], names[:2]) == []


def test_arrays_from_python(corpus):
    by_id = pack(dict(X) | {"nobody": X["u1"]}, corpus)
    assert by_id.extra == ["nobody"] and by_id.ids[""] == ["u1", "u2", "u3", "u4"]
    in_order = pack([X["u1"], None, X["u3"], torch.tensor(X["u4"])], corpus)
    assert in_order.missing == {"u2": "there is no file"}
    alone = features.pack(list(X.values()), frames=True)
    assert alone.ids == {} and alone.starts.tolist() == [0, 1, 3, 6, 10]
    assert features.pack(X).ids[""] == ["u1", "u2", "u3", "u4"]
    with pytest.raises(UsageError, match="1 arrays are given"):
        pack([X["u1"]], corpus)


def test_one_file_with_an_array_per_utterance(corpus, tmp_path):
    np.savez(tmp_path / "all.npz", **{k: X[k] for k in ("u1", "u4")}, u2=np.array("no numbers"), other=X["u1"])
    packed = pack(tmp_path / "all.npz", corpus, frames=True)
    assert packed.missing == {"u2": "the values are of type <U10, not real numbers", "u3": "the file does not have it"}
    assert np.diff(packed.starts).tolist() == [1, 0, 0, 4] and packed.extra == ["other"]
    assert features.pack(tmp_path / "all.npz", progress=False).ids[""] == ["u1", "u4", "u2", "other"]


@pytest.mark.parametrize(("name", "save"), [
    ("a.npy", np.save), ("a.npz", lambda p, x: np.savez(p, features=x)), ("a.mat", lambda p, x: savemat(p, {"x": x})),
    ("a.pt", lambda p, x: torch.save(torch.tensor(x), p)), ("a.npz", lambda p, x: np.savez(p, low=x, high=x + 9)),
    ("a.npz", lambda p, x: np.savez(p, low=x[::-1], ids=["u4", "u3", "u2", "u1"]))])
def test_one_array_with_a_row_per_utterance(corpus, tmp_path, name, save):
    x = np.arange(1, 9.0).reshape(4, 2)
    save(tmp_path / name, x)
    key = "low" if "low" in arrays.contents(tmp_path / name) else ""
    assert np.array_equal(pack(tmp_path / name, corpus, key=key).vectors[""], x)
    if not key:
        save(tmp_path / name, x.T)
        assert np.array_equal(pack(tmp_path / name, corpus, transpose=True).vectors[""], x)
        with pytest.raises(FeatureError, match=r"it has 2 rows, the table 4.* Is it transposed"):
            pack(tmp_path / name, corpus)
    save(tmp_path / name, x[:3] if "ids" not in arrays.contents(tmp_path / name) else x[:, 0])
    with pytest.raises(FeatureError) as caught:
        pack(tmp_path / name, corpus, key=key)
    one_line(caught, "it has 3 rows, the table 4" if len(x) and "ids" not in arrays.contents(tmp_path / name) else
             "the shape is (4,)")


def test_a_file_that_is_packed_already_is_shortened(saved, corpus, tmp_path):
    path = pack(saved, corpus, frames=True).save(tmp_path / "audio.npz")
    again = pack(path, corpus, frames=True, longest=2)
    assert np.diff(again.starts).tolist() == [1, 2, 2, 2] and np.array_equal(again.values[-2:], X["u4"][:2])
    np.savez(tmp_path / "padded.npz", X=np.pad(np.ones((4, 3, 2)), ((0, 0), (0, 4), (0, 0))))
    assert np.diff(pack(tmp_path / "padded.npz", corpus, frames=True).starts).tolist() == [3, 3, 3, 3]
    np.savez(tmp_path / "rows.npz", X=np.ones((3, 2)))
    with pytest.raises(FeatureError, match="it has 3 rows, the table 4"):
        pack(tmp_path / "rows.npz", corpus)
    np.savez(tmp_path / "starts.npz", values=np.ones((3, 2)), starts=[0, 2, 9])
    with pytest.raises(FeatureError, match="starts do not rise from 0 to 3"):
        pack(tmp_path / "starts.npz", corpus)


def test_videos_are_cut_at_start_and_end(tmp_path):
    """A csd file has a sequence per video, with the time of each frame."""
    times = np.stack([np.arange(6), np.arange(6) + 1], 1)  # middles 0.5 to 5.5 s
    with h5py.File(tmp_path / "a.csd", "w") as file:
        file["A/data/v/features"], file["A/data/v/intervals"] = np.arange(1, 7.0)[:, None], times
    (tmp_path / "t.csv").write_text("dialogue,turn,start,end\nv,0,0,2\nv,1,2.5,4\nv,2,,\nw,0,0,1\n")
    packed = pack(tmp_path / "a.csd", tmp_path / "t.csv", frames=True)
    assert packed.values[:, 0].tolist() == [1, 2, 3, 4] and packed.starts.tolist() == [0, 2, 4, 4, 4]
    assert packed.ids == {} and list(packed.missing.values()) == [
        "start '' or end '' is not a number of seconds", "the file does not have it"]
    (tmp_path / "t.csv").write_text("dialogue,turn\nv,0\n")
    with pytest.raises(FeatureError) as caught:
        pack(tmp_path / "a.csd", tmp_path / "t.csv")
    one_line(caught, "none of its 1 arrays", "dialogue, start and end")


def test_meld_has_three_arrays(tmp_path):
    for k, part in enumerate(("train", "dev", "test")):
        (tmp_path / f"{part}_sent_emo.csv").write_text("Dialogue_ID,Utterance_ID,Utterance\n0,0,hi\n0,1,ho\n")
        folder = tmp_path / "made" / f"{part}_splits"
        folder.mkdir(parents=True)
        np.save(folder / "dia0_utt0.npy", np.full(3, k + 1.0))
    packed = pack(tmp_path / "made", tmp_path)
    packed.save(tmp_path / "audio.npz")
    with np.load(tmp_path / "audio.npz") as file:
        assert set(file.files) == {"train", "dev", "test", "train_ids", "dev_ids", "test_ids", "made_by"}
        assert file["test_ids"].tolist() == ["dia0_utt0", "dia0_utt1"]
        assert file["dev"].tolist() == [[2, 2, 2], [0, 0, 0]]
    assert list(packed.missing) == ["train 0_1", "dev 0_1", "test 0_1"] and not packed.extra and len(packed) == 6
    with pytest.raises(UsageError, match="MELD takes vectors"):
        pack(tmp_path / "made", tmp_path, frames=True)


def test_a_file_of_somebody_else_stays(saved, corpus):
    packed = pack(saved, corpus)
    np.savez(corpus / "audio.npz", X=np.ones((4, 2)))
    with pytest.raises(UsageError) as caught:
        packed.save(corpus / "audio.npz")
    one_line(caught, "audio.npz", "erclab has not made it", "--replace (replace=True)")
    packed.save(corpus / "audio.npz", replace=True)
    packed.save(corpus / "audio.npz")  # erclab's own
    with pytest.raises(UsageError, match=r"must end with \.npz"):
        packed.save(corpus / "audio.npy")
    (corpus / "file").touch()
    with pytest.raises(FeatureError, match="cannot be stored"):
        packed.save(corpus / "file" / "audio.npz")


@pytest.mark.parametrize(("options", "said"), [
    ({"pool": "median"}, "There is: mean, mean-std"), ({"shorten": "x"}, "There is: cut, pool"),
    ({"short": "drop"}, "There is: missing, refuse"), ({"longest": 0}, "Give 1 or more")])
def test_misuse(saved, corpus, options, said):
    with pytest.raises(UsageError) as caught:
        pack(saved, corpus, **options)
    one_line(caught, said)


def test_the_corpus_keeps_what_made_its_features_and_names_the_longest(corpus):
    long = {name: np.ones((3, 2)) for name in ("u1", "u2", "u3")} | {"u4": np.ones((99, 2))}
    pack(long, corpus, frames=True).save(corpus / "audio.npz")
    read = table.read(corpus)
    assert read.encoders == {}  # what made them is not known
    assert [n for n in read.notices if "c, turn 0 has 99 frames, the 99th percentile is 3" in n]
    np.savez(corpus / "audio.npz", values=np.ones((4, 2)), starts=np.arange(5), made_by=np.array("a/b@c0ffee"))
    np.savez(corpus / "text.npz", X=np.ones((4, 2)), made_by=np.array("minilm@12"))
    assert table.read(corpus).encoders == {"audio frames": "a/b@c0ffee", "text": "minilm@12"}
