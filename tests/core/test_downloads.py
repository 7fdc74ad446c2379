"""What people download instead of a file is named, for every kind of file; a library's own advice is not passed on."""

import bz2
import gzip
import io
import lzma
import pickle
import tarfile
import zipfile

import numpy as np
import pytest

from erclab.core import downloads, tablefiles
from erclab.core.errors import CorpusError, FeatureError
from erclab.corpora import pickles
from erclab.corpora.readers import arrays, jsonfiles


def zipped(name="inside.txt"):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, "words")
    return file.getvalue()


def tarred():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("inside"))
    return file.getvalue()


def npz(**values):
    file = io.BytesIO()
    np.savez(file, **values)
    return file.getvalue()


def npy(value):
    file = io.BytesIO()
    np.save(file, value)
    return file.getvalue()


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"
PAGE = b"\n<!DOCTYPE html><html><head><title>Drive - Virus scan\nwarning</title></head><body>x</body></html>"
ACCIDENTS = {
    # what: (bytes, what the message says, what the remedy says)
    "lfs pointer": (POINTER, "a pointer of Git LFS, not the file itself", "git lfs pull"),
    "annex pointer": (b"/annex/objects/MD5E-s3--abc.pkl\n", "a pointer of git-annex", "git annex get"),
    "page of a drive": (PAGE, "a web page ('Drive - Virus scan warning'), not", "log in or confirm"),
    "page of a login": (b"<html><body>Sign in</body></html>", "a web page, not", "in a browser"),
    "error of a store": (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "a web page", "browser"),
    "answer 404": (b"404: Not Found", "an answer of a server ('404: Not Found')", "Check the address"),
    "gzip": (gzip.compress(b"x" * 99), "a gzip archive", "gunzip"),
    "bzip2": (bz2.compress(b"x" * 99), "a bzip2 archive", "bunzip2"),
    "xz": (lzma.compress(b"x" * 99), "a xz archive", "unxz"),
    "7z": (b"7z\xbc\xaf'\x1c\x00\x04", "a 7z archive", "7z x"),
    "tar": (tarred(), "a tar archive", "tar xf"),
    "zip": (zipped(), "a zip archive", "unzip"),
    "h5": (b"\x89HDF\r\n\x1a\n" + bytes(99), "an HDF5 file, as .h5, .csd and .mat", "Give"),
    "h5 as text": (b"\x89HDF\n\x1a\n" + bytes(99), "line ends of this binary file were changed", "binary mode"),
    "pickle": (pickle.dumps([1.0]), "a pickle, not", "Give"),
    "npy": (npy(np.ones(3)), "one numpy array", "Give"),
    "npz": (npz(x=np.ones(3)), "a zip archive of numpy.savez", "Give"),
    "torch": (zipped("archive/data.pkl"), "a zip archive of torch.save", "program that wrote it"),
    "excel": (zipped("[Content_Types].xml"), "an Excel workbook", "csv in UTF-8"),
    "old excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(9), "an Excel workbook", "csv in UTF-8"),
    "parquet": (b"PAR1" + bytes(9), "a parquet file", "Give"),
    "pdf": (b"%PDF-1.7 x", "a PDF document", "Give"),
}
READERS = {
    "pickle": pickles.load,
    "npz": lambda path: arrays.npz(path, ("X",), "It needs X."),
    "npy": arrays.npy,
    "h5": lambda path: arrays.h5(path, list, "Fetch it again."),
    "csv": lambda path: list(tablefiles.records(path)),
    "json": jsonfiles.load,
}
SELF = {("pickle", "pickle"), ("npz", "npz"), ("npy", "npy"), ("h5", "h5"), ("npz", "zip"), ("npz", "torch"),
        ("npz", "excel")}  # of the kind that is read, or an archive of other content


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("what", ACCIDENTS)
def test_every_reader_names_every_accident(tmp_path, kind, what):
    if kind == "h5":
        pytest.importorskip("h5py")
    data, says, remedy = ACCIDENTS[what]
    path = tmp_path / "fetched.file"
    path.write_bytes(data)
    if (kind, what) in SELF:
        assert downloads.accident(data, kind) is None
        return
    with pytest.raises(CorpusError) as caught:
        READERS[kind](path)
    message = str(caught.value)
    assert says in message and message.startswith(str(path)) and "\n" not in message
    assert "allow_pickle" not in message and "unsafe" not in message and "import" not in message
    if kind in ("pickle", "csv", "json"):  # the remedy of an array is its layout
        assert remedy in message


@pytest.mark.parametrize("kind", READERS)
def test_folders_and_empty_files(tmp_path, kind):
    if kind == "h5":
        pytest.importorskip("h5py")
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(CorpusError, match="empty"):
        READERS[kind](tmp_path / "empty")
    with pytest.raises(CorpusError, match=r"folder|directory"):
        READERS[kind](tmp_path)
    with pytest.raises(CorpusError, match="no such file"):
        READERS[kind](tmp_path / "nowhere")


@pytest.mark.parametrize(("kind", "data"), [
    ("npz", npz(X=np.ones(999))), ("npy", npy(np.ones(999))), ("pickle", pickle.dumps(["words"] * 99)),
    ("json", b'[{"a": 1},\n {"b": '),
])
def test_a_file_that_is_cut_off(tmp_path, kind, data):
    path = tmp_path / "half"
    path.write_bytes(data[: len(data) // 2] if kind != "json" else data)
    with pytest.raises(CorpusError, match="cut off"):
        READERS[kind](path)


def test_object_arrays_are_refused_without_numpys_advice(tmp_path):
    rows = np.empty(2, dtype=object)
    rows[:] = [np.ones(2), np.ones(3)]
    np.savez(tmp_path / "x.npz", X=rows)
    np.save(tmp_path / "x.npy", rows)
    for read, name in ((READERS["npz"], "x.npz"), (READERS["npy"], "x.npy")):
        with pytest.raises(CorpusError, match="Object arrays in it, such as rows of different lengths") as caught:
            read(tmp_path / name)
        assert "unsafe" not in str(caught.value) and "allow_pickle" not in str(caught.value)


def test_a_folder_that_holds_an_archive_or_a_second_copy_says_so(tmp_path):
    (tmp_path / "data (1).pkl").touch()
    (tmp_path / "data.pkl.gz").touch()
    (tmp_path / "notes.txt").touch()
    with pytest.raises(CorpusError, match=r"It holds data \(1\)\.pkl, data\.pkl\.gz: unpack or rename it"):
        arrays.find(tmp_path, ["data.pkl"])


def test_plain_files_are_no_accidents():
    for data, kind in ((b"Utterance,Speaker\nNot Found,Ada\n", "csv"), (b"BZh9,b\n1,2\n", "csv"), (b"[1]", "json"),
                       (pickle.dumps({}, 0), "pickle"), (pickle.dumps("a\nb", 0), "pickle"), (b"<3 you\n", "text"),
                       (npz(x=np.ones(1)), "npz"), (npy(np.ones(1)), "npy"), (b"7 dwarfs,1\n", "csv")):
        assert downloads.accident(data, kind) is None


def test_kinds_that_features_come_in():
    torch, h5 = zipped("a/data.pkl"), b"\x89HDF\r\n\x1a\n" + bytes(9)
    assert downloads.accident(torch, "torch") is None is downloads.accident(pickle.dumps([]), "torch")
    assert downloads.accident(h5, "mat") is None is downloads.accident(b"MATLAB 5.0 MAT-file, x", "mat")
    assert "torch.save" in downloads.accident(torch, "mat")[0] and "HDF5" in downloads.accident(h5, "torch")[0]


def test_refuse_says_what_it_is_with_the_error_of_the_caller(tmp_path):
    path = tmp_path / "audio.npy"
    downloads.refuse(path, "npy")  # absent: the caller knows better what is missing
    path.write_bytes(POINTER)
    with pytest.raises(FeatureError, match=r"audio\.npy: this is a pointer of Git LFS.* Or compute it\."):
        downloads.refuse(path, "npy", remedy="Or compute it.", error=FeatureError)
    with pytest.raises(CorpusError, match="this is a folder, not an npy file"):
        downloads.refuse(tmp_path, "npy")


@pytest.mark.parametrize("kind", ["npz", "npy", "h5"])
def test_a_text_file_is_no_array(kind, tmp_path):
    (tmp_path / "audio").write_bytes(b'{"X": [1, 2]}\n')
    with pytest.raises(CorpusError, match=r"this is a text file, not an? \w+"):
        downloads.refuse(tmp_path / "audio", kind)


def test_what_is_no_folder(tmp_path):
    (tmp_path / "file").touch()
    assert downloads.folder_at(str(tmp_path), "Give one.") == tmp_path
    for name, said in (("file", "file: this is not a folder. Give one."), ("no", "no: there is no such folder. Give")):
        with pytest.raises(FeatureError, match=said):
            downloads.folder_at(tmp_path / name, "Give one.", FeatureError)
