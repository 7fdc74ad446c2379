"""An interpreter of pickles that imports and calls nothing; what is allowed stands in `pickles`."""

from __future__ import annotations

import codecs
import io
import pickletools
from functools import partial

import numpy as np

from erclab.corpora.pickles import values
from erclab.corpora.pickles.values import FETCH, RESAVE, TORCH_SAVED, Dtype, Name, Refused, printable

MOST_STEPS = 32_000_000  # one million takes about a second
MOST_CONTAINERS = 4_000_000  # lists, tuples, dicts, sets and marks: a byte of the file can make 200 in memory
# Keys that an attacker could choose to collide, which makes dicts slow: Python protects texts and bytes only.
MOST_NUMBERS_AS_KEYS, MOST_NUMBERS_IN_ONE = 100_000, 20_000
_DEFAULTS = (list, dict, tuple, int, float, str, bool)  # what a defaultdict makes for a missing key
_NOTHING = object()  # in the memo


class File(io.BufferedReader):
    """A file whose read operations never reserve more memory than the file has bytes left."""

    step = io.BufferedReader.read  # for a few bytes

    def __init__(self, raw: io.RawIOBase, size: int):
        super().__init__(raw)
        self.size = size

    def read(self, n: int = -1) -> bytes:
        if n > 4096 and n > (left := self.size - self.tell()):
            raise Refused(f"it announces {n} bytes, but only {left} are left: the file is cut off", FETCH)
        return super().read(n)


class Machine:
    """The interpreter. A method `_x` carries out the operation X of `pickletools.opcodes`."""

    def __init__(self, file: File):
        self.file = file
        self.stack: list = []
        self.marks: list[list] = []  # the stacks below each mark
        self.memo: list = []  # a list: indices are the file's, and in a dict they could be made to collide
        self.unfilled: dict[int, np.ndarray] = {}  # by id: arrays that BUILD must still fill
        self.containers = self.numbers_as_keys = 0
        self.makers = {
            **values.MAKERS, "numpy.core.multiarray._reconstruct": self._make_array, "builtins.set": self._make_set,
            "builtins.frozenset": lambda items=(): frozenset(self._make_set(items)),
            "collections.OrderedDict": self._make_dict, "collections.defaultdict": self._make_default_dict,
            **{f"builtins.{kind.__name__}": partial(self._make_empty, kind) for kind in _DEFAULTS}}

    def run(self) -> object:
        """The value at STOP."""
        read = self.file.step
        for _ in range(MOST_STEPS):
            code = read(1)
            if code == b".":
                return self.stack.pop()
            if code in _NO:
                raise Refused(_NO[code])
            if code not in _OPERATIONS:
                raise Refused("there is no such operation" if code else "the file is cut off: its end is missing",
                              FETCH)
            reader, act = _OPERATIONS[code]
            argument = reader(self.file) if reader else None
            if act:
                act(self, argument)
            else:
                self.stack.append(argument)
        raise Refused(f"it has more than {MOST_STEPS} steps", RESAVE)

    def _pop_mark(self) -> list:
        above, self.stack = self.stack, self.marks.pop()
        return above

    # Numbers and texts

    def _int(self, value: int) -> None:
        if value == TORCH_SAVED:
            raise Refused("it is a file of torch.save, not plain data", RESAVE)
        if not -(2**63) <= value < 2**64:
            raise Refused("it has a whole number of more than 64 bits", FETCH)
        self.stack.append(value)

    _long = _long1 = _long4 = _int

    def _unicode(self, value: str) -> None:
        if not value.isascii():
            value.encode()  # lone surrogates are no text
        self.stack.append(value)

    _binunicode = _short_binunicode = _binunicode8 = _unicode

    def _none(self, _) -> None:
        self.stack.append(None)

    def _newtrue(self, _) -> None:
        self.stack.append(True)

    def _newfalse(self, _) -> None:
        self.stack.append(False)

    # Stack and memo

    def _proto(self, version: int) -> None:
        if version > 5:
            raise Refused(f"it says that it is of protocol {version}, which does not exist", FETCH)

    def _frame(self, length: int) -> None:
        if length > (left := self.file.size - self.file.tell()):
            raise Refused(f"it announces {length} bytes, but only {left} are left: the file is cut off", FETCH)

    def _mark(self, _) -> None:
        self._count()
        self.marks.append(self.stack)
        self.stack = []

    def _pop(self, _) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self._pop_mark()

    def _pop_mark_(self, _) -> None:
        self._pop_mark()

    def _dup(self, _) -> None:
        self.stack.append(self.stack[-1])

    def _put(self, index: int) -> None:
        if not 0 <= index <= min(MOST_STEPS, self.file.size):
            raise Refused(f"it numbers its parts up to {index}, more than it can have")
        self.memo.extend([_NOTHING] * (index + 1 - len(self.memo)))
        self.memo[index] = self.stack[-1]

    _binput = _long_binput = _put

    def _memoize(self, _) -> None:
        self.memo.append(self.stack[-1])

    def _get(self, index: int) -> None:
        if not 0 <= index < len(self.memo) or self.memo[index] is _NOTHING:
            raise Refused(f"it refers to part {index}, which does not exist", FETCH)
        self.stack.append(self.memo[index])

    _binget = _long_binget = _get

    # Containers

    def _count(self) -> None:
        self.containers += 1
        if self.containers > MOST_CONTAINERS:
            raise Refused(f"it has more than {MOST_CONTAINERS} lists, tuples, dicts and sets", RESAVE)

    def _new(self, container: object) -> None:
        self._count()
        self.stack.append(container)

    def _empty_list(self, _) -> None:
        self._new([])

    def _empty_tuple(self, _) -> None:
        self._new(())

    def _empty_dict(self, _) -> None:
        self._new({})

    def _empty_set(self, _) -> None:
        self._new(set())

    def _list(self, _) -> None:
        items = self._pop_mark()
        self._new(items)

    def _tuple(self, _) -> None:
        items = tuple(self._pop_mark())
        self._new(items)

    def _tuple1(self, _) -> None:
        self._new((self.stack.pop(),))

    def _tuple2(self, _) -> None:
        b, a = self.stack.pop(), self.stack.pop()
        self._new((a, b))

    def _tuple3(self, _) -> None:
        c, b, a = self.stack.pop(), self.stack.pop(), self.stack.pop()
        self._new((a, b, c))

    def _dict(self, _) -> None:
        items = self._pop_mark()
        self._new({})
        self._set_items(items)

    def _frozenset(self, _) -> None:
        items = self._pop_mark()
        self._new(frozenset(self._add(items, set())))

    def _append(self, _) -> None:
        self._extend([self.stack.pop()])

    def _appends(self, _) -> None:
        self._extend(self._pop_mark())

    def _extend(self, items: list) -> None:
        if type(self.stack[-1]) is not list:
            raise Refused("it wants to append to what is not a list")
        self.stack[-1].extend(items)

    def _setitem(self, _) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._set_items([key, value])

    def _setitems(self, _) -> None:
        self._set_items(self._pop_mark())

    def _set_items(self, items: list) -> None:
        if type(self.stack[-1]) is not dict:
            raise Refused("it wants to set items of what is not a dict")
        self._fill_dict(self.stack[-1], items)

    def _fill_dict(self, target: dict, items: list) -> None:
        for key, value in zip(items[::2], items[1::2], strict=True):
            self._check_key(key, target)
            target[key] = value

    def _additems(self, _) -> None:
        items = self._pop_mark()
        if type(self.stack[-1]) is not set:
            raise Refused("it wants to add to what is not a set")
        self._add(items, self.stack[-1])

    def _add(self, items: list | tuple, target: set) -> set:
        for key in items:
            self._check_key(key, target)
            target.add(key)
        return target

    def _check_key(self, key: object, keys: dict | set) -> None:
        if type(key) is int:
            self.numbers_as_keys += 1
            if self.numbers_as_keys > MOST_NUMBERS_AS_KEYS or len(keys) > MOST_NUMBERS_IN_ONE:
                raise Refused("it has more numbers as keys than any corpus", RESAVE)
        elif type(key) is not str and type(key) is not bytes:
            raise Refused(f"a key of a dict or set is of type {type(key).__name__}, not a text or whole number")
        if key in keys:
            key = key if type(key) is int else printable(repr(key[:80]))
            raise Refused(f"the key {key} occurs twice in one dict or set")

    # Names, and the operations that are allowed on them

    def _global(self, names: tuple[str, str]) -> None:
        self._name(*names)

    def _stack_global(self, _) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if type(name) is not str or type(module) is not str:
            raise Refused("it wants to import what is not named by a text")
        self._name(module, name)

    def _name(self, module: str, name: str) -> None:
        ours = module.replace("numpy._core.", "numpy.core.", 1).replace("__builtin__", "builtins", 1) + "." + name
        if ours not in self.makers:
            raise values.wrong_import(module, name)
        self.stack.append(Name(ours))

    def _reduce(self, _) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if type(function) is not Name or type(arguments) is not tuple:
            raise Refused("it wants to call what is not a function")
        try:
            self.stack.append(self.makers[function.name](*arguments))
        except TypeError:
            raise Refused(f"it wants to call {function.name} with other arguments than data have") from None

    def _build(self, _) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if type(target) is Dtype:
            target.dtype = values.dtype_with(target.dtype, state)
        elif type(target) is np.ndarray and self.unfilled.pop(id(target), None) is not None:
            values.fill(target, state)
        else:
            raise Refused(f"it wants to set the state of a {type(target).__name__}")

    def _make_array(self, *arguments: object) -> np.ndarray:
        array = values.new_array(*arguments)
        self.unfilled[id(array)] = array
        return array

    def _make_set(self, items: object = ()) -> set:
        if type(items) not in (list, tuple):
            raise Refused("it wants to make a set of what is not a list")
        return self._add(items, set())

    def _make_dict(self, pairs: object = ()) -> dict:
        """An OrderedDict as a dict, which is as ordered; Python 2 gives its items as a list of pairs."""
        if not isinstance(pairs, list | tuple) or any(type(p) not in (list, tuple) or len(p) != 2 for p in pairs):
            raise Refused("it wants to make a dict of what is not a list of pairs")
        self.containers += len(pairs)  # a list can be made a dict again and again
        self._count()
        made: dict = {}
        self._fill_dict(made, [part for pair in pairs for part in pair])
        return made

    def _make_empty(self, kind: type) -> object:
        self._count()
        return kind()

    def _make_default_dict(self, default: object = None) -> dict:
        if default is not None and type(default) is not Name:
            raise Refused("it wants to make a dict with a default that is not a function")
        return self._make_empty(dict)  # what it would make for a missing key is forgotten


def _python2_string(file: File) -> str:
    """The argument of STRING; pickletools would take ASCII only."""
    line = file.readline()
    quoted = line[:-1].strip()
    if not line.endswith(b"\n") or len(quoted) < 2 or quoted[:1] not in b"'\"" or quoted[-1:] != quoted[:1]:
        raise ValueError("a string without its quotation marks")
    return codecs.escape_decode(quoted[1:-1])[0].decode("latin1")


def _two_lines(file: File) -> tuple[str, str]:
    """The argument of GLOBAL; pickletools would decode escapes in it, which Python does not."""
    module, name = file.readline(), file.readline()
    if not name.endswith(b"\n"):
        raise ValueError("a name without its end")
    return module[:-1].decode(), name[:-1].decode()


_READERS = {"STRING": _python2_string, "GLOBAL": _two_lines}


def _operations() -> tuple[dict, dict]:
    """Byte -> (reader of the argument, method), and byte -> why it is refused."""
    literal = {"BININT", "BININT1", "BININT2", "FLOAT", "BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING",
               "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"}
    why = {**dict.fromkeys(("INST", "OBJ", "NEWOBJ", "NEWOBJ_EX"), "it wants to make an object"),
           **dict.fromkeys(("PERSID", "BINPERSID"), "it refers to something outside (a persistent id)"),
           **dict.fromkeys(("EXT1", "EXT2", "EXT4"), "it uses an extension code"),
           **dict.fromkeys(("NEXT_BUFFER", "READONLY_BUFFER"), "its arrays are outside the file")}
    known, refused = {}, {}
    for op in pickletools.opcodes:
        code = op.code.encode("latin1")
        reader = _READERS.get(op.name) or (op.arg.reader if op.arg else None)
        act = Machine._pop_mark_ if op.name == "POP_MARK" else getattr(Machine, f"_{op.name.lower()}", None)
        if op.name in why:
            refused[code] = why[op.name]
        elif act or op.name in literal:
            known[code] = (reader, act)
    return known, refused


_OPERATIONS, _NO = _operations()
