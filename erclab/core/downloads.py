"""The accidents of downloads: what a file is when it is not what its name says, seen in its first bytes.

A pointer instead of the file, the web page of a drive, an archive that must be unpacked first, changed line ends, half
a file. Every reader of a file that people download calls `refuse` before it reads, and `damaged` when it cannot.
"""

from __future__ import annotations

import re
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path

from erclab.core.errors import CorpusError, ErclabError

AGAIN = "Fetch the file again."
HEAD = 4096  # bytes that are enough to see what a file is
KINDS = {"pickle": "a pickle", "npz": "an npz archive", "npy": "an npy file", "csv": "a csv file",
         "json": "a json file", "h5": "an h5 file", "text": "a text file", "parquet": "a parquet file",
         "torch": "a file of torch.save", "mat": "a MATLAB file"}
_PACKED = ((b"\x1f\x8b", "gzip", "gunzip"), (b"\xfd7zXZ\0", "xz", "unxz"), (b"7z\xbc\xaf'\x1c", "7z", "7z x"),
           (b"Rar!\x1a\x07", "rar", "unrar x"), (b"\x28\xb5\x2f\xfd", "zstd", "unzstd"))
_H5 = b"\x89HDF\r\n\x1a\n"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # Excel up to 2003
# first bytes -> what is it, and of which kind
_FORMATS = ((_H5, "an HDF5 file, as .h5, .csd and .mat (v7.3) are", "h5"),
            (b"\x93NUMPY", "one numpy array (.npy)", "npy"), (b"PAR1", "a parquet file", "parquet"),
            (b"%PDF-", "a PDF document", ""), (b"SQLite format 3\0", "a SQLite database", ""),
            (b"MATLAB 5.0 MAT-file", "a MATLAB file (.mat)", "mat"),
            (_OLE, "an Excel workbook", ""))
_POINTERS = ((b"version https://git-lfs.github.com/spec/", "Git LFS", "git lfs pull"),
             (b"/annex/objects/", "git-annex", "git annex get"))
_PAGE = re.compile(rb"\s*<(!doctype html|html|head|\?xml|!--)", re.IGNORECASE)
_TITLE = re.compile(rb"<title[^>]*>\s*([^<]{1,80})", re.IGNORECASE)
_ANSWERS = re.compile(rb"\s*(404: Not Found|Not Found|Entry not found|Repository not found|Access denied|Forbidden"
                      rb"|Unauthorized|Invalid username or password\.?|Access to (model|dataset) [^\r\n]{1,80})\s*")


def accident(head: bytes, expected: str) -> tuple[str, str] | None:
    """What is wrong and what to do, if a file that begins like this is not of the expected kind.

    Args:
        head: the first `HEAD` bytes of the file, or all if it has fewer.
        expected: a key of `KINDS`.
    """
    if not head:
        return "the file is empty", AGAIN
    for start, name, command in _POINTERS:
        if head.startswith(start):
            return (f"this is a pointer of {name}, not the file itself",
                    f"Run `{command}` in the clone, or fetch the file from its page in the browser.")
    text = head.removeprefix(b"\xef\xbb\xbf")
    if _PAGE.match(text):
        title = _TITLE.search(text)
        name = f" ({' '.join(title[1].decode('utf-8', 'replace').split())!a})" if title else ""
        return (f"this is a web page{name}, not {KINDS[expected]}",
                "Open the link in a browser, log in or confirm the download there, and save the file itself.")
    if answer := _ANSWERS.fullmatch(text):
        return (f"this is an answer of a server ({answer[1].decode()!a}), not {KINDS[expected]}",
                "Check the address and whether a login is needed.")
    return _packed(head, expected) or _other(head, expected) or _line_ends(head, expected)


def _packed(head: bytes, expected: str) -> tuple[str, str] | None:
    for start, name, command in (*_PACKED, (b"BZh", "bzip2", "bunzip2")):
        if head.startswith(start) and (name != "bzip2" or head[4:10] == b"1AY&SY"):
            return (f"this is a {name} archive, not {KINDS[expected]}",
                    f"Unpack it ({command}), and give the file in it.")
    if head[257:262] == b"ustar":
        return f"this is a tar archive, not {KINDS[expected]}", "Unpack it (tar xf), and give the file in it."
    if head.startswith((b"PK\3\4", b"PK\5\6")) and expected != "npz":
        length = struct.unpack("<H", head[26:28])[0] if len(head) > 30 else 0
        first = head[30:30 + length]
        if first == b"[Content_Types].xml":
            return (f"this is an Excel workbook or a document, not {KINDS[expected]}",
                    "Save the table as csv in UTF-8 (Excel: CSV UTF-8).")
        if first.endswith((b"/data.pkl", b"/version", b"/byteorder", b".format_version", b"/.data/serialization_id")):
            return None if expected == "torch" else (
                f"this is a zip archive of torch.save, not {KINDS[expected]}",
                "If you trust it, load it with the program that wrote it and save plain numpy arrays.")
        if first.endswith(b".npy"):
            return (f"this is a zip archive of numpy.savez (an npz archive), not {KINDS[expected]}",
                    f"Give {KINDS[expected]}, or the npz where one is read.")
        return f"this is a zip archive, not {KINDS[expected]}", "Unpack it (unzip), and give the file in it."
    if expected == "pickle" and head[:1] == b"\x78" and head[1:2] in b"\x01\x5e\x9c\xda":
        return ("this is compressed by zlib, as joblib.dump(..., compress=3) does, not a plain pickle",
                "If you trust it, load it with the program that wrote it and save it without compression.")
    return None


def _other(head: bytes, expected: str) -> tuple[str, str] | None:
    for start, name, kind in _FORMATS:
        if head.startswith(start) and kind not in (expected, *(("h5",) if expected == "mat" else ())):
            return (f"this is {name}, not {KINDS[expected]}",
                    "Save the table as csv in UTF-8." if start == _OLE else
                    f"Give {KINDS[expected]}, or use a reader for this kind of file.")
    if head.startswith((b"\x89HDF\n\x1a\n", b"\x89HDF\r\r\n")):
        return "the line ends of this binary file were changed in transfer", "Fetch it again in binary mode."
    # No text in UTF-8 begins like this.
    if expected in ("npz", "npy", "h5") and head.isascii() and not head.translate(None, bytes(range(9, 127))):
        return f"this is a text file, not {KINDS[expected]}", f"Give {KINDS[expected]}."
    if expected not in ("pickle", "torch") and head[0] == 0x80 and head[1:2] <= b"\5":
        return f"this is a pickle, not {KINDS[expected]}", f"Give {KINDS[expected]}."
    return None


def _line_ends(head: bytes, expected: str) -> tuple[str, str] | None:
    """A pickle of protocol 0 is lines of text; programs that transfer text can give it the line ends of Windows."""
    if expected == "pickle" and head[0] != 0x80 and (lines := head.count(b"\n")) > 1 and (
            lines == head.count(b"\r\n")):
        return CHANGED_LINES
    return None


# How libraries say that a file has no end, or another one.
_BROKEN = (EOFError, struct.error, zipfile.BadZipFile, zlib.error, tokenize.TokenError)
_CUT = ("truncat", "end of file", "eof", "not a zip", "fully written", "cannot reshape", "magic", "mmap length")
CHANGED_LINES = ("its line ends were changed in transfer (LF became CR LF)", "Fetch it again in binary mode.")


def refuse(path: Path, expected: str, *, remedy: str = "", error: type[ErclabError] = CorpusError) -> None:
    """Raise if the file is a folder, empty, or plainly of another kind than expected; also if it cannot be opened.

    Args:
        path: the file. One that is absent is left to the caller, who can say what is missing.
        expected: a key of `KINDS`.
        remedy: what else to do, after the remedy for the accident; such as the layout that is read.
        error: what is raised.

    Raises:
        ErclabError: of the type `error`, one line with the path, what the file is and what to do.
    """
    path = Path(path)
    if path.is_dir():
        raise error(f"this is a folder, not {KINDS[expected]}", where=str(path),
                    remedy=f"Give the path of the file in it. {remedy}")
    if not path.is_file():
        return
    try:
        with path.open("rb") as file:
            found = accident(file.read(HEAD), expected)
    except OSError as problem:
        raise error(f"the file cannot be read ({problem.strerror})", where=str(path),
                    remedy="Check what it is and its permissions.") from None
    if found:
        raise error(found[0], where=str(path), remedy=f"{found[1]} {remedy}")


def folder_at(path: str | Path, remedy: str, error: type[ErclabError] = CorpusError) -> Path:
    """The path, which must be a folder.

    Args:
        path: the folder.
        remedy: which folder to give.
        error: what is raised.

    Raises:
        ErclabError: of the type `error`: it is no folder.
    """
    path = Path(path)
    if not path.is_dir():
        raise error("this is not a folder" if path.exists() else "there is no such folder", where=path, remedy=remedy)
    return path


def damaged(path: Path, expected: str, problem: Exception) -> str:
    """Why a file of the right kind could not be read, in our words: a library's own may advise to load it unsafely.

    Args:
        path: the file.
        expected: a key of `KINDS`.
        problem: what the library raised.
    """
    try:
        with Path(path).open("rb") as file:
            found = accident(file.read(HEAD), expected)
    except OSError as error:
        return f"it cannot be opened: {error.strerror}"
    if found:
        return found[0]
    text = str(problem)
    if "allow_pickle" in text or "Object arrays" in text:
        return "Object arrays in it, such as rows of different lengths, are not numbers"
    if "CRC-32" in text:
        return "Bad CRC-32: bytes in it were changed"
    if isinstance(problem, MemoryError):
        return "it declares more than the memory holds"
    if isinstance(problem, _BROKEN) or any(word in text.lower() for word in _CUT):
        return "it is cut off or damaged"
    return f"it is damaged, or not {KINDS[expected]}"
