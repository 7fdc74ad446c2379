"""The values that a pickle may ask for by name, each made here from arguments that are checked first."""

from __future__ import annotations

import math
import re

import numpy as np

from erclab.core.downloads import CHANGED_LINES

MOST_EMPTY = 1_000_000  # the largest axis of an array of no bytes

_PLAIN = re.compile(r"b1|[iu][1248]|f(2|4|8|12|16)|[SU][1-9][0-9]{0,8}|O[48]?")
# Classes and their helpers; a function of a library, such as torch.load, is something else.
_CLASS = re.compile(r"[A-Z_]\w*|\w+_(matrix|array)|(date)?time|date|timedelta|timezone|deque|array|device|dtype|matrix")
_SINGLE = (str, bytes, int, float, bool, type(None))
_SURROGATES = range(0xD800, 0xE000)
DATA_ONLY = ("A corpus is lists, dicts, texts, numbers and numpy arrays, nothing else: do not open this file in "
             "another way; get it from its authors.")
FETCH = "Fetch the file again, from its authors."
TORCH_SAVED = 0x1950A86A20F9469CFC6C  # the number that files of torch.save began with until 1.6
# Libraries whose objects hold data: in a corpus they are no attack, only not plain.
LIBRARIES = ("pandas", "torch", "scipy", "sklearn", "tensorflow", "jax", "dgl", "torch_geometric", "datasets",
             "transformers", "spacy", "collections", "datetime", "decimal", "fractions", "pathlib", "uuid", "array",
             "easydict", "omegaconf", "numpy", "PIL", "copyreg", "copy_reg")
RESAVE = "If you trust it, load it with the program that wrote it and save plain lists, dicts and numpy arrays."


class Refused(Exception):
    """What is wrong with the file, and the remedy."""

    def __init__(self, problem: str, remedy: str = DATA_ONLY):
        super().__init__(problem)
        self.problem, self.remedy = problem, remedy


def printable(text: str) -> str:
    """ASCII, short, without control characters, for a message."""
    return ascii(text[:80])[1:-1]


class Name:
    """An allowed name, before it is called. It is no value and must not remain in the result."""

    __slots__ = ("name",)

    def __init__(self, name: str):
        self.name = name


class Dtype:
    """An unfinished dtype. It is no value either."""

    __slots__ = ("dtype",)

    def __init__(self, dtype: np.dtype):
        self.dtype = dtype


def wrong_import(module: str, name: str) -> Refused:
    """The refusal of a name that is not allowed: by what it most likely is."""
    if module.endswith("\r") or name.endswith("\r"):
        return Refused(*CHANGED_LINES)
    shown = f"{printable(module)}.{printable(name)}"
    library = module.partition(".")[0]
    if library in LIBRARIES and _CLASS.fullmatch(name):
        kind = "an object" if library in ("copyreg", "copy_reg") else f"an object of {library}"
        return Refused(f"it holds {kind} ({shown}), not plain data", RESAVE)
    return Refused(f"it wants to import {shown}")


def _not_callable(*arguments: object):
    raise Refused("it wants to make an array in another way than numpy does")


def _bytes() -> bytes:
    return b""


def _encode(text: object, encoding: object) -> bytes:
    if type(text) is not str or type(encoding) is not str or encoding not in ("latin1", "latin-1"):
        raise Refused("it wants to encode something by another codec than latin1")
    return text.encode("latin1")


def _make_dtype(code: object, align: object = 0, copy: object = 0) -> Dtype:
    code = code.decode("latin1") if type(code) is bytes else code
    if type(code) is not str or not _PLAIN.fullmatch(code):
        kind = printable(code) if type(code) is str else type(code).__name__
        raise Refused(f"it has an array of the type {kind}, not of numbers or texts", RESAVE)
    return Dtype(np.dtype(object) if code[0] == "O" else np.dtype(code))


def dtype_with(dtype: np.dtype, state: object) -> np.dtype:
    """The dtype in the byte order of its pickled state; any other content of the state is refused."""
    if type(state) is not tuple or len(state) != 8 or any(x is not None for x in state[2:5]):
        raise Refused("it has an array with fields, not of numbers or texts", RESAVE)
    order = state[1].decode("latin1") if type(state[1]) is bytes else state[1]
    if type(order) is not str or order not in ("<", ">", "=", "|") or type(state[5]) is not int or (
            state[5] not in (-1, dtype.itemsize)):
        raise Refused("it describes a type of numbers that does not exist")
    return dtype.newbyteorder(order)


def _shape_of(value: object) -> tuple[int, ...]:
    if type(value) is not tuple or len(value) > 32 or any(type(n) is not int or n < 0 for n in value):
        raise Refused("it has an array whose shape is not whole numbers")
    return value


def _content(dtype: object, shape: object, data: object) -> tuple[np.dtype, tuple[int, ...], bytes | list]:
    """The three, after a check that the data have exactly the size of dtype and shape."""
    if type(dtype) is not Dtype:
        raise Refused("it has an array whose type is not a type")
    dtype, shape = dtype.dtype, _shape_of(shape)
    if type(data) is str:  # Python 2
        data = data.encode("latin1")
    if type(data) is not (list if dtype.hasobject else bytes) and type(data) is not bytearray:
        raise Refused(f"it has an array of {dtype} with data of type {type(data).__name__}")
    needed = math.prod(shape) * (1 if dtype.hasobject else dtype.itemsize)
    if needed != len(data) or (needed == 0 and max(shape) > MOST_EMPTY):
        raise Refused(f"it has an array of the shape {printable(str(shape))} with data for another")
    # Texts and numbers only: numpy frees arrays in arrays recursively, and many levels would end the process.
    if dtype.hasobject and not all(type(x) in _SINGLE or isinstance(x, np.generic) for x in data):
        raise Refused("it has an array of other objects than numbers and texts", RESAVE)
    if dtype.kind == "U" and data:
        codes = np.frombuffer(data, np.dtype("u4").newbyteorder(dtype.byteorder))
        if codes.max() > 0x10FFFF or ((codes >= _SURROGATES.start) & (codes < _SURROGATES.stop)).any():
            raise Refused("it has an array of texts with characters that do not exist")
    return dtype, shape, data


def new_array(kind: object, shape: object, code: object) -> np.ndarray:
    """The result of `_reconstruct`: an empty array, to be filled."""
    if type(kind) is not Name or kind.name != "numpy.ndarray" or _shape_of(shape) != (0,) or (
            type(code) not in (str, bytes)):
        _not_callable()
    return np.empty(0, dtype="i1")


def fill(array: np.ndarray, state: object) -> None:
    """Give a new array the dtype, shape and content of its pickled state."""
    if type(state) is not tuple or len(state) != 5 or type(state[3]) not in (bool, int):
        raise Refused("it has an array with a state that numpy does not write")
    dtype, shape, data = _content(state[2], state[1], state[4])
    array.__setstate__((1, shape, dtype, bool(state[3]), data if type(data) is list else bytes(data)))


def _frombuffer(data: object, dtype: object, shape: object, order: object, axes: object = None) -> np.ndarray:
    dtype, shape, data = _content(dtype, shape, data)
    if dtype.hasobject or type(order) is not str or order not in ("C", "F", "K") or (axes is None) != (order != "K"):
        raise Refused("it has an array in an order that numpy does not write")
    if order != "K":
        return np.frombuffer(data, dtype).reshape(shape, order=order)
    if sorted(_shape_of(axes)) != list(range(len(shape))):
        raise Refused("it has an array in an order that numpy does not write")
    return np.frombuffer(data, dtype).reshape(shape).transpose(axes)


def _scalar(dtype: object, data: object) -> np.generic:
    dtype, _, data = _content(dtype, (), data)
    if dtype.hasobject:
        raise Refused("it has a single object for a number", RESAVE)
    return np.frombuffer(data, dtype)[0]


# Name -> what stands for it. The machine adds those that need it: _reconstruct and the sets.
MAKERS = {
    "numpy.core.multiarray.scalar": _scalar,
    "numpy.core.numeric._frombuffer": _frombuffer,
    "numpy.ndarray": _not_callable,
    "numpy.dtype": _make_dtype,
    "_codecs.encode": _encode,
    "builtins.bytes": _bytes,
}
