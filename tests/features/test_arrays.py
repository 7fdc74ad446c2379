"""Arrays as extractors save them, and what is refused without being opened."""

import gzip
import pickle

import h5py
import numpy as np
import pytest
import torch
from one_line import one_line
from scipy.io import savemat

from erclab.core.errors import FeatureError
from erclab.features import arrays

X = np.arange(12, dtype=np.float32).reshape(4, 3) - 5


def h5(path, **groups):
    with h5py.File(path, "w") as file:
        for name, value in groups.items():
            file[name.replace("__", "/")] = value


@pytest.mark.parametrize(("name", "save"), [
    ("a.npy", lambda p: np.save(p, X)),
    ("a.npy", lambda p: np.save(p, X[None].astype(np.float16))),
    ("a.npy", lambda p: np.save(p, X[:, None].astype(np.int32))),
    ("a.npz", lambda p: np.savez(p, anything=X)),
    ("a.npz", lambda p: np.savez(p, features=X, names=np.array(["x"]))),
    ("a.npz", lambda p: np.savez(p, X)),
    ("a.pt", lambda p: torch.save(torch.tensor(X), p)),
    ("a.pth", lambda p: torch.save({"features": torch.tensor(X, requires_grad=True), "n": 4}, p)),
    ("a.pt", lambda p: torch.save(torch.tensor(X, dtype=torch.bfloat16), p)),
    ("a.mat", lambda p: savemat(p, {"feat": X})),
    ("a.csv", lambda p: p.write_text("a,b,c\n" + "\n".join(",".join(map(str, row)) for row in X))),
    ("a.h5", lambda p: h5(p, some__place=X)),
    ("a.csd", lambda p: h5(p, AUDIO__data__video__features=X, AUDIO__data__video__intervals=np.ones((4, 2)),
                           AUDIO__metadata__root=b"AUDIO")),
    ("a.mat", lambda p: (p.write_bytes(b"MATLAB 7.3 MAT-file".ljust(512)), h5_with_block(p))),
], ids=lambda x: x if isinstance(x, str) else "")
def test_every_kind_is_the_same_sequence(tmp_path, name, save):
    save(tmp_path / name)
    found = arrays.sequence(tmp_path / name)
    assert np.array_equal(found, X) and found.dtype == np.float32


def h5_with_block(path):
    with h5py.File(path, "w", userblock_size=512) as file:
        file["feat"] = X.T  # MATLAB's order
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(512))


def test_vectors_and_transposed_arrays(tmp_path):
    np.save(tmp_path / "v.npy", X[0])
    np.save(tmp_path / "t.npy", X.T)
    assert np.array_equal(arrays.sequence(tmp_path / "v.npy"), X[:1])
    assert np.array_equal(arrays.sequence(tmp_path / "t.npy", transpose=True), X)


def test_one_of_several(tmp_path):
    np.savez(tmp_path / "a.npz", low=X, high=X + 1)
    assert np.array_equal(arrays.sequence(tmp_path / "a.npz", "high"), X + 1)
    for key, said in (("", "it holds 2 arrays"), ("middle", "no array 'middle'")):
        with pytest.raises(FeatureError) as caught:
            arrays.sequence(tmp_path / "a.npz", key)
        one_line(caught, said, "'low', 'high'", "--key NAME")


class Boom:
    def __reduce__(self):
        return pytest.fail, ("code from a file ran",)


@pytest.mark.parametrize(("name", "save", "said"), [
    ("a.npy", lambda p: np.save(p, np.array([X, X[:2]], dtype=object)), "it holds Python objects"),
    ("a.npy", lambda p: p.write_bytes(pickle.dumps(Boom())), "it holds no array"),
    ("a.npz", lambda p: np.savez(p, x=np.array([X, X[:2]], dtype=object)), "it holds Python objects"),
    ("a.pt", lambda p: torch.save({"x": Boom()}, p), "holds more than tensors"),
    ("a.pt", lambda p: torch.save({"x": "text"}, p), "holds a dict, not a tensor"),
    ("a.npy", lambda p: h5(p, x=X), "this is an h5 file"),
    ("a.npy", lambda p: p.write_bytes(b""), "the file is empty"),
    ("a.npy", lambda p: p.write_text("version https://git-lfs"), "this is a text file, not an npy file"),
    ("a.npy", lambda p: (np.save(p, X), p.write_bytes(p.read_bytes()[:-5])), "broken"),
    ("a.npz", lambda p: p.write_bytes(b"PK\3\4 and nothing"), "broken"),
    ("a.mat", lambda p: p.write_bytes(b"noise" * 99), "broken"),
    ("a.mat", lambda p: savemat(p, {"names": np.array(["a", "b"])}), "no array of numbers"),
    ("a.h5", lambda p: p.write_bytes(b"noise" * 99), "broken"),
    ("a.csv", lambda p: p.write_text("a,b\n1,x\n"), "line 2, column 'b'"),
    ("a.npy", lambda p: np.save(p, np.array(["a"])), "not real numbers"),
    ("a.npy", lambda p: np.save(p, np.ones((2, 3, 4))), "the shape is (2, 3, 4)"),
    ("a.npy", lambda p: np.save(p, np.ones((2, 0))), "the shape is (2, 0)"),
    ("a.npy", lambda p: np.save(p, np.float32(1)), "the shape is ()"),
    ("a.npy", lambda p: p.mkdir(), "cannot be read"),
    ("a.txt", lambda p: p.write_text("1"), "'.txt' cannot be read"),
], ids=lambda x: x if isinstance(x, str) else "")
def test_what_is_refused(tmp_path, name, save, said):
    save(tmp_path / name)
    with pytest.raises(FeatureError) as caught:
        arrays.sequence(tmp_path / name)
    one_line(caught, name, said)
    assert "allow_pickle" not in str(caught.value) and "weights_only" not in str(caught.value)


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.pt", "a.mat", "a.csd"])
@pytest.mark.parametrize(("data", "said"), [
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "this is a pointer of Git LFS"),
    (b"<!DOCTYPE html><title>Sign in</title>", "this is a web page ('Sign in')"),
    (gzip.compress(bytes(99)), "this is a gzip archive"),
], ids=["pointer", "page", "gzip"])  # the bytes of gzip hold the time, so a name made of them differs each time
def test_downloads_that_went_wrong_are_named(tmp_path, name, data, said):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(FeatureError) as caught:
        arrays.sequence(tmp_path / name)
    one_line(caught, name, said)


def test_an_archive_that_is_broken_inside(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x=X)
    data = bytearray(path.read_bytes())
    data[200] ^= 255
    path.write_bytes(data)
    with pytest.raises(FeatureError) as caught:
        arrays.contents(path)["x"]()
    one_line(caught, "a.npz", "broken")


def test_the_videos_of_a_csd_file(tmp_path):
    path = tmp_path / "a.csd"
    h5(path, COVAREP__data__v1__features=X, COVAREP__data__v1__intervals=np.ones((4, 2)),
       COVAREP__data__v2__features=X + 1, COVAREP__metadata__name=b"COVAREP")
    found = arrays.contents(path)
    assert sorted(found) == ["v1", "v1|intervals", "v2"] and np.array_equal(found["v2"](), X + 1)
