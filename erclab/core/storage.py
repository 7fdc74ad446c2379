"""Writing files so that a reader never sees half of one."""

from __future__ import annotations

import errno
import glob
import io
import os
import secrets
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

# What reading a zip file raises that is torn, or that has one wrong byte: a wrong flag asks for a password
# (RuntimeError), a wrong number for an unknown compression (NotImplementedError, which is a RuntimeError).
BROKEN_ZIP = (EOFError, KeyError, RuntimeError, ValueError, zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error)


def write_atomically(path: Path, data: bytes | Callable[[BinaryIO], object]) -> None:
    """Write bytes, or what a function writes, to `path`. If anything fails, the file stays as it was.

    The bytes go to a hidden temporary file in the same folder (`os.replace` is atomic only within one file
    system), reach the disk, and then take the name. Concurrent writers do not disturb each other; the last
    one wins. Missing folders are made.

    Raises:
        OSError: the folder cannot be made or written; the caller turns it into an `ErclabError`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not `tempfile`: its files are private to the user (0600), and the finished file would stay so.
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            data(file) if callable(data) else file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:  # an interrupt from the keyboard included: no temporary file stays
        temporary.unlink(missing_ok=True)
        raise


def make_writable(folder: Path) -> None:
    """Make a folder, and check that files can be written into it: before an hour of work, not after.

    Raises:
        OSError: the folder cannot be made or written; the caller turns it into an `ErclabError`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))


def remove_leftovers(path: Path) -> None:
    """Delete the temporary files of killed writers of `path`. Call it only while holding the lock of `path`."""
    for temporary in path.parent.glob(f".{glob.escape(path.name)}.[0-9]*.tmp"):
        temporary.unlink(missing_ok=True)


def zipped(members: Mapping[str, bytes]) -> bytes:
    """A zip file of these members in their order. The same members make the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        for name, content in members.items():
            file.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED, 9)
    return buffer.getvalue()
