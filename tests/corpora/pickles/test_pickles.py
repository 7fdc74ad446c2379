"""A pickle is data or it is refused: nothing is run, nothing hangs, and memory stays in proportion to the file."""

import collections
import io
import os
import pickle
import pickletools
import random
import struct
import subprocess
import zipfile

import numpy as np
import pytest

from erclab.core.errors import CorpusError
from erclab.corpora import pickles
from erclab.corpora.pickles import machine as pickle_machine

DATA = {
    "numbers": [1, -5, 2.5, True, None, 255, 65536, 2**40, -(2**63), 2**64 - 1],
    "texts": ("", "plain", "ä ü 你 😀", "two\nlines", b"", b"\x00\xff", b"x" * 300, "y" * 300),
    7: {"set": {"a", "b"}, "frozen": frozenset("xy"), "ids": {1, 2, 3}, "empty": set(), "tuples": ((), (1,), (1, 2))},
}
ARRAYS = {
    "float64": np.arange(6.0).reshape(2, 3), "float32": np.ones((3, 4), "f4"), "half": np.ones(2, "f2"),
    "int": np.arange(-3, 3), "bool": np.array([True, False]), "big endian": np.arange(3, dtype=">i2"),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "strided": np.arange(10)[::3],
    "axes": np.arange(24).reshape(2, 3, 4).transpose(1, 0, 2), "no dimension": np.array(3.5),
    "empty": np.zeros((0, 5)), "text": np.array(["ab", "你😀"]), "bytes": np.array([b"a", b"bcd"]),
    "objects": np.array(["a", None, 3, 2.5], dtype=object), "scalar": np.float32(2), "text scalar": np.str_("ab"),
}
protocols = pytest.mark.parametrize("protocol", range(6))


def same(a, b):
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    elif isinstance(a, list | tuple):
        assert len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype and a.shape == b.shape and a.tolist() == b.tolist()
    else:
        assert a == b
    return True


@pytest.fixture
def load(tmp_path):
    def load(data, **options):
        path = tmp_path / "made.pkl"
        path.write_bytes(data)
        return pickles.load(path, **options)
    return load


# What is data comes back as Python's own loader would give it

@protocols
def test_plain_data(load, protocol):
    same(load(pickle.dumps(DATA, protocol)), DATA)


@protocols
@pytest.mark.parametrize("name", ARRAYS)
def test_arrays(load, protocol, name):
    data = pickle.dumps([ARRAYS[name], {"again": ARRAYS[name]}], protocol)
    same(load(data), pickle.loads(data))


@protocols
def test_without_superfluous_memos(load, protocol):
    data = pickletools.optimize(pickle.dumps([DATA, ARRAYS["float64"], ARRAYS["float64"]], protocol))
    same(load(data), pickle.loads(data))


def test_one_object_at_two_places_stays_one(load):
    row = np.arange(3.0)
    first, second, lists = load(pickle.dumps((row, row, [[1]] * 3)))
    assert first is second and lists[0] is lists[2]


def test_python2_array_of_protocol_2(load):
    raw = np.arange(3, dtype="<f4").tobytes()
    dtype = b"cnumpy\ndtype\nq\x01U\x02f4K\x00K\x01\x87Rq\x02(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    array = (b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR(K\x01K\x03\x85" + dtype
             + b"\x89U" + bytes([len(raw)]) + raw + b"tb")
    data = b"\x80\x02(" + array + b"c__builtin__\nset\n](U\x01bU\x01ae\x85RU\x03\xe4bct."
    same(load(data), pickle.loads(data, encoding="latin1"))
    assert load(data)[0].tolist() == [0, 1, 2] and load(data)[2] == "äbc"


def test_python2_array_of_protocol_0(load):
    raw = repr(np.array([1.5, -2.0]).tobytes())[1:].encode()
    data = (b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I2\ntcnumpy\ndtype\n"
            b"(S'f8'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\nS" + raw + b"\ntb.")
    assert load(data).tolist() == pickle.loads(data, encoding="latin1").tolist() == [1.5, -2.0]


def test_real_files(real_data):
    files = [*(real_data / "formats").glob("*.pkl"), real_data / "iemocap/iemocap.pkl", real_data / "meld/meld.pkl"]
    assert len(files) == 12
    for path in files:
        with open(path, "rb") as file:
            expected = pickle.load(file, encoding="latin1")
        same(pickles.load(path), expected)


def double(dictionary):
    """The dict with a list that is made for each missing key."""
    return collections.defaultdict(list, dictionary)


@protocols
@pytest.mark.parametrize("make", [collections.OrderedDict, double, collections.defaultdict.fromkeys,
                                  lambda items: collections.defaultdict(None, items)])
def test_dicts_with_an_order_or_a_default_are_dicts(load, protocol, make):
    made = make({"b": [1, 2], "a": {"x": None}, 3: (4.5,)})
    same(load(pickle.dumps([made, {"again": made}], protocol)), [dict(made), {"again": dict(made)}])


def test_ordered_dict_of_python_2(load):
    data = b"\x80\x02ccollections\nOrderedDict\n](](U\x01bK\x01e](U\x01aK\x02ee\x85R."
    assert list(load(data).items()) == list(pickle.loads(data, encoding="latin1").items()) == [("b", 1), ("a", 2)]


def test_changed_line_ends_are_named(load):
    """Protocol 0 is lines of text, which programs that transfer text change; nothing of it is an attack."""
    for value in (DATA, [ARRAYS["float64"]], {"text": "words"}):
        data = pickle.dumps(value, 0).replace(b"\n", b"\r\n")
        with pytest.raises(CorpusError, match=r"its line ends were changed in transfer.*Fetch it again in binary mode"):
            load(data)
    with pytest.raises(CorpusError, match="line ends were changed"):  # a binary protocol has a few lines, too
        load(pickle.dumps([ARRAYS["float64"]], 2).replace(b"\n", b"\r\n"))


@pytest.mark.parametrize(("module", "name"), [
    ("pandas.core.frame", "DataFrame"), ("pandas.core.series", "Series"), ("pandas._libs.internals", "_unpickle_block"),
    ("torch._utils", "_rebuild_tensor_v2"), ("scipy.sparse._csr", "csr_matrix"), ("datetime", "date"),
    ("collections", "Counter"), ("pathlib", "PosixPath"),
])
def test_objects_of_libraries_are_not_called_an_attack(load, module, name):
    with pytest.raises(CorpusError) as caught:
        load(b"\x80\x04" + stack_global(module, name) + b")R.")
    assert f"it holds an object of {module.partition('.')[0]} ({module}.{name})" in str(caught.value)
    assert "save plain lists, dicts and numpy arrays" in caught.value.remedy and "wants" not in str(caught.value)


def test_files_of_torch_save(load, tmp_path):
    old = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."
    with pytest.raises(CorpusError, match=r"a file of torch\.save.*save plain lists"):
        load(old)


# What is not is refused

class Reduce:
    def __init__(self, *how):
        self.how = how

    def __reduce__(self):
        return self.how


def unicode(text):
    return b"\x8c" + bytes([len(text)]) + text.encode()


def stack_global(module, name):
    return unicode(module) + unicode(name) + b"\x93"


def array(shape, data, code="f8", state=b""):
    """A numpy array by hand: (shape, dtype, data) are opcodes or text as given."""
    return (b"\x80\x04" + stack_global("numpy._core.multiarray", "_reconstruct") + stack_global("numpy", "ndarray")
            + b"K\x00\x85C\x01b\x87R(K\x01" + shape + stack_global("numpy", "dtype") + unicode(code) + b"\x89\x88\x87R"
            + (state or b"(K\x03" + unicode("<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb") + b"\x89" + data
            + b"tb.")


def zipped():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("data.pkl", b"N.")
    return file.getvalue()


def laughs(levels=60):
    return b"\x80\x02]q\x00" + b"".join(
        b"](" + b"h" + bytes([i]) + (b"h" + bytes([i])) * 9 + b"eq" + bytes([i + 1]) for i in range(levels)) + b"."


def nested(value, levels):
    for _ in range(levels):
        value = [value]
    return value


TOUCH = "touch {sentinel}"
FILES = {
    # kind: (opcodes in which TOUCH is the command that leaves a trace, what the message says)
    "GLOBAL os.system": (b"\x80\x02cos\nsystem\nX%s\x85R.", "import os.system"),
    "protocol 0": (b"cposix\nsystem\n(V%s\ntR.", "import posix.system"),
    "STACK_GLOBAL": (b"\x80\x04" + stack_global("os", "system") + b"X%s\x85R.", "import os.system"),
    "INST": (b"(X%sios\nsystem\n.", "make an object"),
    "OBJ": (b"(cos\nsystem\nX%so.", "import os.system"),
    "OBJ of an allowed name": (b"(cnumpy\nndarray\nX%so.", "make an object"),
    "NEWOBJ": (b"\x80\x02cnumpy\nndarray\nX%s\x85\x81.", "make an object"),
    "NEWOBJ_EX": (b"\x80\x04cnumpy\nndarray\n)}\x92.", "make an object"),
    "getattr chain": (b"\x80\x02cbuiltins\ngetattr\ncos\nsystem\nX%s\x86R.", "import builtins.getattr"),
    "dotted name": (b"\x80\x04" + stack_global("numpy", "ndarray.__reduce__") + b")R.", "import numpy.ndarray.__redu"),
    "dotted module": (b"\x80\x04" + stack_global("numpy", "os.system") + b"X%s\x85R.", "import numpy.os.system"),
    "name that is not a text": (b"\x80\x04]]\x93.", "not named by a text"),
    "control characters": (b"\x80\x04" + unicode("o\x1b[2J") + unicode("x\ny") + b"\x93.", r"o\x1b[2J.x\ny"),
    "call of a list": (b"\x80\x02]X%s\x85R.", "not a function"),
    "call with a list": (b"\x80\x02cnumpy\ndtype\n]R.", "not a function"),
    "other codec": (b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x03\x00\x00\x00zip\x86R.", "another codec"),
    "encode an object": (b"\x80\x02c_codecs\nencode\n]X\x06\x00\x00\x00latin1\x86R.", "another codec"),
    "too many arguments": (b"\x80\x02c_codecs\nencode\n)R.", "other arguments"),
    "set of a dict": (b"\x80\x02c__builtin__\nset\n}\x85R.", "set of what is not a list"),
    "BUILD on a list": (b"\x80\x02]}X\x01\x00\x00\x00aK\x00sb.", "set the state of a list"),
    "BUILD on a name": (b"\x80\x02cnumpy\nndarray\n}X\x0c\x00\x00\x00__setstate__X\x01\x00\x00\x00xsb.",
                        "set the state of a Name"),
    "BUILD twice": (array(b"K\x00\x85", b"C\x00")[:-1] + b"Nb.", "set the state of a ndarray"),
    "a name as value": (b"\x80\x02]cnumpy\nndarray\na.", "a name stands"),
    "a dtype as value": (b"\x80\x02cnumpy\ndtype\nX\x02\x00\x00\x00f8\x85R.", "a name stands"),
    "ndarray called": (b"\x80\x02cnumpy\nndarray\n\x8a\x06\x00\x10\xa5\xd4\xe8\x00\x85\x85R.", "another way than"),
    "reconstruct of a size": (b"\x80\x04cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n\x8a\x06\x00\x10\xa5"
                              b"\xd4\xe8\x00\x85C\x01b\x87R.", "another way than numpy"),
    "never filled": (b"\x80\x04cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R.",
                     "no content"),
    "shape beyond the data": (array(b"\x8a\x06\x00\x10\xa5\xd4\xe8\x00\x85", b"C\x08" + bytes(8)), "data for another"),
    "product of a shape": (array(b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x87", b"C\x00"),
                           "data for another"),
    "huge empty": (array(b"J\xff\xff\xff\x7fK\x00\x86", b"C\x00"), "data for another"),
    "negative shape": (array(b"J\xff\xff\xff\xffJ\xff\xff\xff\xff\x86", b"C\x08" + bytes(8)), "shape is not whole"),
    "shape of lists": (array(b"]\x85", b"C\x00"), "shape is not whole"),
    "array of no width": (array(b"K\x05\x85", b"C\x00", code="S0"), "the type S0"),
    "structure": (array(b"K\x01\x85", b"C\x08" + bytes(8), code="V8"), "the type V8"),
    "fields": (array(b"K\x01\x85", b"C\x08" + bytes(8), state=b"(K\x03" + unicode("|") + b"NN}K\x08K\x01K\x10tb"),
               "fields"),
    "itemsize": (array(b"K\x01\x85", b"C\x08" + bytes(8), state=b"(K\x03" + unicode("|") + b"NNNK\x01K\x01K\x00tb"),
                 "does not exist"),
    "characters that are none": (array(b"K\x01\x85", b"C\x04\xff\xff\xff\xff", code="U1"), "do not exist"),
    "objects in an array": (array(b"K\x01\x85", b"]]a", code="O8"), "other objects"),
    "bytes for objects": (array(b"K\x01\x85", b"C\x08" + bytes(8), code="O8"), "data of type bytes"),
    "persistent id": (b"Pos.system\n.", "persistent id"),
    "binary persistent id": (b"\x80\x02K\x01Q.", "persistent id"),
    "extension": (b"\x80\x02\x82\x01.", "extension code"),
    "outside buffer": (b"\x80\x05\x97.", "outside the file"),
    "huge text": (b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"a.", "announces 4611686018427387904 bytes"),
    "huge bytes": (b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"a.", "announces 1099511627776"),
    "huge bytearray": (b"\x80\x05\x96" + struct.pack("<Q", 2**63 - 1) + b"a.", "announces"),
    "beyond an index": (b"\x80\x05\x96" + struct.pack("<Q", 2**64 - 1) + b"a.", "not a whole pickle"),
    "huge number": (b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"a.", "announces 2147483647"),
    "huge frame": (b"\x80\x04\x95" + struct.pack("<Q", 2**50) + b"N.", "announces"),
    "long number": (b"\x80\x02\x8a\x09" + b"\x01" * 9 + b".", "more than 64 bits"),
    "number of many digits": (b"L" + b"9" * 5000 + b"L\n.", "not a whole pickle"),
    "huge memo": (b"\x80\x02]r\xff\xff\xff\x7f.", "numbers its parts up to 2147483647"),
    "absent memo": (b"\x80\x02h\x07.", "refers to part 7"),
    "gap in the memo": (b"\x80\x02]q\x05h\x03.", "refers to part 3"),
    "billion laughs": (laughs(), "written out one by one"),
    "depth": (b"]" * 200_000 + b"a" * 199_999 + b".", "contains itself, or lists in lists"),
    "depth through a memo": (pickle.dumps([shared := nested(0, 40), nested(shared, 40)]), "64 levels"),
    "tuples": (b"\x80\x02)" + b"\x85" * 200_000 + b".", "lists in lists"),
    "marks": (b"(" * 200_000 + b".", "not a whole pickle"),
    "contains itself": (b"\x80\x02]q\x00h\x00a.", "contains itself"),
    "key twice": (b"\x80\x02}X\x01\x00\x00\x00aNsX\x01\x00\x00\x00aNs.", "key 'a' occurs twice"),
    "unhashable key": (b"\x80\x02}]Ns.", "key of a dict or set is of type list"),
    "key of half a pair": (b"\x80\x02}(K\x01u.", "not a whole pickle"),
    "items of a list": (b"\x80\x02]K\x01Ns.", "not a dict"),
    "append to a dict": (b"\x80\x02}Na.", "not a list"),
    "add to a list": (b"\x80\x04](K\x01\x90.", "not a set"),
    "numbers as keys": (pickle.dumps(set(range(30_000))), "more numbers as keys"),
    "surrogate": (b"\x80\x04\x8c\x03\xed\xa0\x80.", "not a whole pickle"),
    "protocol 9": (b"\x80\x09N.", "protocol 9"),
    "empty": (b"", "the file is empty"),
    "noise": (bytes(range(255, 128, -1)), "no such operation"),
    "text": (b"emotion,text\njoy,hello\n", "not a whole pickle"),
    "html": (b"<!DOCTYPE html><html></html>", "this is a web page, not a pickle"),
    "zip": (zipped(), "zip archive"),
    "numpy file": (b"\x93NUMPY\x01\x00v\x00{'descr': '<f8'}", "one numpy array"),
    "function of torch": (b"\x80\x02ctorch\nload\nX%s\x85R.", "import torch.load"),
    "function of pandas": (b"\x80\x04" + stack_global("pandas", "read_pickle") + b"X%s\x85R.", "import pandas.read"),
    "dotted name of a library": (b"\x80\x04" + stack_global("torch", "serialization.os.system") + b"X%s\x85R.",
                                 "import torch.serialization.os.system"),
    "OrderedDict of a text": (b"\x80\x02ccollections\nOrderedDict\nX%s\x85R.", "not a list of pairs"),
    "OrderedDict of no pairs": (b"\x80\x02ccollections\nOrderedDict\n](K\x01K\x02e\x85R.", "not a list of pairs"),
    "key twice in an OrderedDict": (b"\x80\x02ccollections\nOrderedDict\n](K\x01N\x86K\x01N\x86e\x85R.",
                                    "occurs twice"),
    "unhashable key of an OrderedDict": (b"\x80\x02ccollections\nOrderedDict\n](]N\x86e\x85R.", "of type list"),
    "defaultdict of a list": (b"\x80\x02ccollections\ndefaultdict\n]\x85R.", "a default that is not a function"),
    "list of something": (b"\x80\x02cbuiltins\nlist\n](K\x01e\x85R.", "other arguments"),
    "state of an OrderedDict": (b"\x80\x02ccollections\nOrderedDict\n)R}b.", "set the state of a dict"),
    "a default as value": (b"\x80\x02]cbuiltins\nlist\na.", "a name stands"),
}


@pytest.mark.parametrize("kind", FILES)
def test_refused_in_one_line_and_nothing_is_run(load, tmp_path, kind):
    data, says = FILES[kind]
    sentinel = tmp_path / "executed"
    command = TOUCH.format(sentinel=sentinel).encode()
    data = data.replace(b"V%s", b"V" + command).replace(b"X%s", b"X" + struct.pack("<I", len(command)) + command)
    with pytest.raises(CorpusError) as caught:
        load(data)
    message = str(caught.value)
    assert says in message and message.startswith(f"{tmp_path}/made.pkl: ") and caught.value.remedy
    assert message.isprintable() and len(message) < 500
    assert not sentinel.exists()


@protocols
@pytest.mark.parametrize("place", ["alone", "after data", "in an object array", "as a key", "as state", "as dtype"])
@pytest.mark.parametrize("call", ["system", "eval", "Popen", "open"])
def test_a_reduce_is_not_run(load, tmp_path, protocol, place, call):
    sentinel = tmp_path / "executed"
    bad = {"system": Reduce(os.system, (f"touch {sentinel}",)),
           "eval": Reduce(eval, (f"open({str(sentinel)!r}, 'w')",)),
           "Popen": Reduce(subprocess.Popen, (["touch", str(sentinel)],)),
           "open": Reduce(open, (str(sentinel), "w"))}[call]
    objects = np.empty(1, dtype=object)
    objects[0] = bad
    value = {"alone": bad, "after data": {**DATA, "more": [ARRAYS["float64"], bad]}, "in an object array": objects,
             "as a key": {bad: 1}, "as state": Reduce(list, (), [bad]), "as dtype": Reduce(np.dtype, (bad,))}[place]
    modules = "posix|nt|builtins|__builtin__|subprocess|commands|io|_io"
    with pytest.raises(CorpusError, match=rf"wants to import ({modules})\."):
        load(pickle.dumps(value, protocol))
    assert not sentinel.exists()


@protocols
def test_truncated_anywhere(load, protocol):
    data = pickle.dumps([DATA, ARRAYS["float32"], ARRAYS["objects"]], protocol)
    for end in range(len(data)):
        with pytest.raises(CorpusError):
            load(data[:end])


@protocols
def test_changed_bytes_give_a_value_or_one_error(load, protocol):
    good = pickle.dumps([DATA, ARRAYS["float32"], ARRAYS["text"], ARRAYS["objects"], np.float32(1)], protocol)
    chance = random.Random(protocol)
    for _ in range(600):
        data = bytearray(good)
        for _ in range(chance.choice([1, 1, 2, 8])):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            load(bytes(data))
        except CorpusError as error:
            assert str(error).isprintable()


def test_random_programs_give_a_value_or_one_error(load):
    chance = random.Random(0)
    codes = [*pickle_machine._OPERATIONS, b"cnumpy\ndtype\n", b"cnumpy\nndarray\n", b"X\x02\x00\x00\x00f8", b"(", b"]",
             b"cnumpy.core.multiarray\n_reconstruct\n", b"c__builtin__\nset\n", b"K\x00\x85", b"C\x01b", b"\x87R"]
    for _ in range(3000):
        try:
            load(b"\x80\x04" + b"".join(chance.choices(codes, k=chance.randrange(40))) + b".")
        except CorpusError as error:
            assert str(error).isprintable()


def test_steps_are_limited(load, monkeypatch):
    monkeypatch.setattr(pickle_machine, "MOST_STEPS", 1000)
    with pytest.raises(CorpusError, match="more than 1000 steps"):
        load(b"N0" * 1000 + b"N.")


@pytest.mark.parametrize("code", [b"]", b"}", b")", b"(", b"\x8f", b"N\x85"])
def test_containers_are_limited(load, monkeypatch, code):
    """A byte makes 200 in memory, so their number is limited and not only that of the steps."""
    monkeypatch.setattr(pickle_machine, "MOST_CONTAINERS", 100)
    with pytest.raises(CorpusError, match="more than 100 lists"):
        load(b"\x80\x04" + code * 200 + b".")


def test_a_crafted_dict_is_refused_before_it_is_slow(load):
    """Numbers that fill the path on which a dict looks for one key, so that each look is as long as the dict. Therefore
    the count of numbers as keys is limited."""
    size, at, path = 2**15, 0, []
    while len(path) < 20_000:
        at = (5 * at + 1) % size
        path.append(at)
    with pytest.raises(CorpusError, match="more numbers as keys"):
        load(b"\x80\x02}(" + b"".join(b"J" + struct.pack("<i", key) + b"N" for key in path)
             + (b"J" + struct.pack("<i", size * 1024) + b"N") * 100_000 + b"u.")


def test_a_file_over_the_limit_is_not_read(load):
    with pytest.raises(CorpusError, match="4 bytes, more than 3"):
        load(b"\x80\x02N.", largest=3)


@pytest.mark.parametrize(("make", "says"), [
    (lambda path: None, "no such file"), (lambda path: path.mkdir(), "not a file"),
    (lambda path: os.mkfifo(path), "not a file"),
], ids=["absent", "folder", "pipe"])
def test_what_is_not_a_file(tmp_path, make, says):
    make(tmp_path / "x.pkl")
    with pytest.raises(CorpusError, match=says):
        pickles.load(tmp_path / "x.pkl")


def test_memory_is_in_proportion(load):
    tracemalloc = pytest.importorskip("tracemalloc")
    tracemalloc.start()
    try:
        for kind in ("huge text", "huge bytes", "huge memo", "shape beyond the data", "ndarray called",
                     "billion laughs"):
            with pytest.raises(CorpusError):
                load(FILES[kind][0])
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()
