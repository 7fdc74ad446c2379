"""Atomic writes: whole or not at all, whoever else writes."""

import io
import os
import stat
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from erclab.core.storage import BROKEN_ZIP, remove_leftovers, write_atomically, zipped


def test_writes_replaces_and_makes_folders(tmp_path):
    path = tmp_path / "new" / "folder" / "record.json"
    write_atomically(path, b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert [p.name for p in path.parent.iterdir()] == ["record.json"]


def test_file_has_ordinary_permissions(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    write_atomically(tmp_path / "ours", b"")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "ours")}
    assert len(modes) == 1


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("failure", [OSError("disk full"), KeyboardInterrupt()], ids=["error", "interrupt"])
def test_failure_keeps_the_old_content_and_leaves_nothing(tmp_path, monkeypatch, step, failure):
    path = tmp_path / "record.json"
    write_atomically(path, b"old")

    def fail(*_):
        raise failure

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(type(failure)):
        write_atomically(path, b"new")
    with pytest.raises(type(failure)):
        write_atomically(tmp_path / "never.json", b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["record.json"]


def test_a_place_that_cannot_be_written_raises_oserror(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError):
        write_atomically(tmp_path / "file" / "record.json", b"x")


def test_concurrent_writers_leave_one_whole_file(tmp_path):
    path, contents = tmp_path / "record.json", [bytes([i]) * 200_000 for i in range(16)]
    with ThreadPoolExecutor(8) as pool:
        writing = [pool.submit(write_atomically, path, data) for data in contents]
        while not all(job.done() for job in writing):
            assert not path.exists() or path.read_bytes() in contents
    for job in writing:
        job.result()
    assert path.read_bytes() in contents
    assert [p.name for p in tmp_path.iterdir()] == ["record.json"]


def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path):
    path, other = tmp_path / "a.json", tmp_path / "a.json.b"
    for file in (path, other):
        write_atomically(file, b"x")
        (tmp_path / f".{file.name}.12-ab.tmp").write_bytes(b"half")
    remove_leftovers(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".a.json.b.12-ab.tmp", "a.json", "a.json.b"]


def test_a_writer_of_its_own_may_write_in_parts(tmp_path):
    write_atomically(tmp_path / "x", lambda file: [file.write(b"ab"), file.write(b"c")])
    assert (tmp_path / "x").read_bytes() == b"abc"


def test_every_wrong_byte_of_a_zip_file_raises_one_of_the_errors_that_readers_catch():
    whole, raised = zipped({"about.json": b'{"id": 1}' * 20, "guess/0-1.npy": bytes(range(256))}), set()
    for place in range(len(whole)):
        for bits in (1, 8, 255):
            damaged = whole[:place] + bytes([whole[place] ^ bits]) + whole[place + 1:]
            try:
                with zipfile.ZipFile(io.BytesIO(damaged)) as file:
                    for name in file.namelist():
                        file.read(name)
            except BROKEN_ZIP as error:
                raised.add(type(error))
    assert {zipfile.BadZipFile, RuntimeError, NotImplementedError} <= raised
