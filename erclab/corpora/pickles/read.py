"""Read a pickle as data: nothing in the file is ever imported or called.

A pickle is a program, and Python's own loader runs it. `load` does not use that loader: it is an interpreter of
its own for the part of the language that data needs. Lists, tuples, dicts, sets, texts, bytes and numbers are
built directly. A name in the file is never looked up in a module; it is compared with the list below, and each
entry stands for a few lines here that check their arguments and make a value:

    numpy.core.multiarray._reconstruct   an empty array, filled once by BUILD with bytes of exactly its size
    numpy.core.numeric._frombuffer       the same in one step (protocol 5)
    numpy.core.multiarray.scalar         one number or text from bytes of exactly its size
    numpy.ndarray                        only as the argument of _reconstruct, cannot be called
    numpy.dtype                          numbers, texts or objects that are numbers or texts; no fields, no metadata
    _codecs.encode                       text to bytes by latin1, how protocol 2 of Python 3 writes bytes
    set, frozenset, bytes                of a list; of nothing
    collections.OrderedDict, defaultdict a dict; what a defaultdict makes for a missing key is never called
    list, dict, tuple, int, float, str, bool   of nothing; how a defaultdict names them

(numpy 2 calls the first three numpy._core; Python 2 calls builtins __builtin__.) Objects, persistent ids, extension
codes and everything else is refused. A length is compared with what is left of the file before memory is taken.
Limits on steps, nesting and on the size of the value written out (a list may hold another one many times) keep
time and memory in proportion to the file. Python 2's strings are read as latin1, which is what its arrays need.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from erclab.core.downloads import HEAD, accident
from erclab.core.errors import CorpusError
from erclab.corpora.pickles.machine import File, Machine
from erclab.corpora.pickles.values import FETCH, Refused, printable

_ENDS = ("not enough data in stream", "expected ", "no newline found")  # how pickletools says it
DEEPEST = 64  # lists in lists; the layouts of the field have five


def load(path: Path, *, largest: int = 8 << 30) -> object:
    """The value that a pickle of protocol 0 to 5 holds, without running anything in it.

    Args:
        path: the file.
        largest: the most bytes that the file may have.

    Raises:
        CorpusError: one line with the file, the byte, what was refused and what to do. There is no other error.
    """
    path = Path(path)
    if not path.is_file():  # nor a pipe or a device, which could go on for ever
        problem = "this is a folder, not a file" if path.is_dir() else "this is not a file"
        raise CorpusError(problem if path.exists() else "there is no such file", where=str(path),
                          remedy="Give the path of a pickle.")
    try:
        with open(path, "rb", buffering=0) as raw:
            size = os.fstat(raw.fileno()).st_size
            if size > largest:
                raise CorpusError(f"the file has {size} bytes, more than {largest}", where=str(path),
                                  remedy="Split it, or raise `largest`.")
            with File(raw, size) as file, warnings.catch_warnings():
                warnings.simplefilter("ignore")  # such as those about unknown escapes in a text
                return _read(file, size)
    except OSError as error:
        raise CorpusError(f"the file cannot be read ({error.strerror})", where=str(path),
                          remedy="Check what it is and its permissions.") from None
    except Refused as refused:
        raise CorpusError(refused.problem, where=str(path), remedy=refused.remedy) from None


def _read(file: File, size: int) -> object:
    if found := accident(file.peek(HEAD)[:HEAD], "pickle"):
        raise Refused(*found)
    machine = Machine(file)
    try:
        value = machine.run()
        if machine.unfilled:
            raise Refused("an array in it has no content")
        _measure(value, max(256 << 20, 16 * size))
        return value
    except Refused as refused:
        raise Refused(f"refused at byte {file.tell()}, because {refused.problem}", refused.remedy) from None
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, MemoryError) as error:
        reason = printable(str(error).partition("\n")[0]) or type(error).__name__
        if reason.startswith(_ENDS):
            raise Refused(f"this is not a whole pickle: the file is cut off at byte {file.tell()}", FETCH) from None
        raise Refused(f"this is not a whole pickle: byte {file.tell()} makes no sense ({reason})", FETCH) from None


def _measure(value: object, most: int) -> None:
    """Refuse a value that contains itself, is nested too deeply, or has more than `most` bytes if written out.

    Each container is entered once, however often it is referred to, and counts each time.
    """
    done: dict[int, tuple[int, int]] = {}  # id -> bytes, levels
    path: list[list] = []  # the containers that we are in: itself, the rest of its parts, bytes, levels
    inside: set[int] = set()

    def enter(container: object) -> None:
        if id(container) in inside or len(path) >= DEEPEST:
            raise Refused(f"it contains itself, or lists in lists of more than {DEEPEST} levels")
        inside.add(id(container))
        path.append([container, _parts(container), 64, 1])

    enter([value])
    while path:
        frame = path[-1]
        for part in frame[1]:
            kind = type(part)
            if kind is float or kind is int:
                frame[2] += 8
            elif kind is str or kind is bytes or kind is bytearray:
                frame[2] += 8 + len(part)
            elif kind is bool or part is None:
                frame[2] += 8
            elif isinstance(part, np.generic):
                frame[2] += 8 + part.nbytes
            elif id(part) in done:
                frame[2] += done[id(part)][0]
                frame[3] = max(frame[3], done[id(part)][1] + 1)
            else:
                enter(part)
                break
        else:
            container, _, size, levels = path.pop()
            size += container.nbytes if type(container) is np.ndarray else 0
            inside.discard(id(container))
            done[id(container)] = size, levels
            if path:
                path[-1][2] += size
                path[-1][3] = max(path[-1][3], levels + 1)
        if frame[2] > most or frame[3] > DEEPEST:
            raise Refused(f"its parts, written out one by one, exceed {most} bytes or {DEEPEST} levels")


def _parts(container: Any) -> Iterator[Any]:
    kind = type(container)
    if kind is dict:
        return iter([*container, *container.values()])
    if kind in (list, tuple, set, frozenset):
        return iter(container)
    if kind is np.ndarray:
        return iter(container.ravel() if container.dtype.hasobject else ())
    raise Refused("a name stands where a value should be")
