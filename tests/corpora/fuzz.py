"""Small corpora, each changed in one to three ways: the command below reads thousands of them.

    python tests/corpora/fuzz.py 2000 [FIRST]

A change is harmless (the corpus must stay the same) or not (the end is a corpus or a typed error). Anything else, such
as a traceback, a hang, or another corpus after a harmless change, is a fault. Its number is printed and makes the same
corpus again.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import pickle
import signal
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from erclab import corpora, runs
from erclab.core.errors import ErclabError
from erclab.corpora import Corpus

SECONDS = 20
WORDS = ("Wo ist der Schlüssel?", "你好吗", "I will not go.", "¿De verdad?", "Oh.", "She left us, and \"smiled\".")
JUNK = ("", " ", "nan", "NaN", "None", "N/A", "-1", "-1.0", "0", "3.0", "1e309", "inf", "-inf", "9" * 400, "0x1F",
        "1,5",
        "\uff11", "\x85", "\x92", "\x00", "=1+1", "'; --", "😀", "a\nb", "a;b", "\t", "x" * 70_000, "TRAIN", "dev",
        "True", "test ")
LABELS = ("calm", "cross", "glad")


@dataclass
class Files:
    """A corpus before it is written: a table, arrays and how both are written.

    Attributes:
        header: the columns of the table in their order.
        rows: column -> cell, for each utterance.
        arrays: file name -> key -> array.
        after: changes of the written folder.
    """

    layout: str
    header: list[str]
    rows: list[dict[str, str]]
    arrays: dict[str, dict[str, object]]
    encoding: str = "utf-8"
    newline: str = "\r\n"
    delimiter: str = ","
    save: Callable = np.savez
    after: list[Callable[[Path, np.random.Generator], None]] = field(default_factory=list)


def table() -> Files:
    """A table of twelve dialogues with vectors of text and audio and frames of the face."""
    rng, rows = np.random.default_rng(3), []
    for d in range(12):
        for t in range(3):
            i = len(rows)
            rows.append({"id": f"u{i}", "split": ("train", "train", "valid", "test")[d % 4], "dialogue": f"d{d}",
                         "turn": str(t), "speaker": ("Ann", "Bö")[t % 2], "text": WORDS[i % len(WORDS)],
                         "label": LABELS[(i * 7 + d) % 3], "sentiment": str((i % 13) / 2 - 3)})
    n = len(rows)
    ids = np.array([row["id"] for row in rows])
    starts = np.concatenate([[0], np.cumsum(rng.integers(1, 4, n))])
    return Files("table", list(rows[0]), rows, {
        "text.npz": {"X": rng.normal(size=(n, 4)).astype(np.float32), "ids": ids},
        "audio.npz": {"X": rng.normal(size=(n, 3)).astype(np.float32), "ids": ids},
        "visual.npz": {"values": rng.normal(size=(starts[-1], 2)).astype(np.float32), "starts": starts, "ids": ids}})


def meld() -> Files:
    """MELD's three csv files with vectors beside them; the rows say in `file` to which file they belong."""
    rng, rows = np.random.default_rng(4), []
    for f, (file, count) in enumerate((("train", 6), ("dev", 2), ("test", 2))):
        for d in range(count):
            rows += [{"file": file, "Sr No.": str(len(rows)), "Utterance": WORDS[(d + t) % len(WORDS)],
                      "Speaker": "AB"[t % 2], "Emotion": ("neutral", "joy", "anger")[(d + t + f) % 3],
                      "Sentiment": "neutral",
                      "Dialogue_ID": str(d), "Utterance_ID": str(t), "Season": "1", "Episode": "2", "StartTime": "0:00",
                      "EndTime": "0:01"} for t in range(3)]
    sizes = {file: sum(row["file"] == file for row in rows) for file in ("train", "dev", "test")}
    return Files("meld", [c for c in rows[0] if c != "file"], rows, {
        f"{m}.npz": {file: rng.normal(size=(n, w)).astype(np.float32) for file, n in sizes.items()}
        for m, w in (("text", 4), ("audio", 3))})


def mmsa() -> Files:
    """MMSA's pickle of CMU-MOSI; the arrays are those of its three parts."""
    rng, arrays = np.random.default_rng(5), {}
    for split, n in (("train", 6), ("valid", 4), ("test", 4)):
        arrays[split] = {"id": [f"{split}{i // 2}$_${i}" for i in range(n)], "raw_text": np.array(list(WORDS)[:n]),
                         "regression_labels": np.linspace(-3, 3, n, dtype=np.float32),
                         "text": rng.normal(size=(n, 5, 4)).astype(np.float32),
                         "audio": rng.normal(size=(n, 7, 3)).astype(np.float32), "audio_lengths": [7] * n,
                         "vision": rng.normal(size=(n, 6, 2)).astype(np.float32), "vision_lengths": [6] * n}
    return Files("mosi-mmsa", [], [], arrays)


def write(files: Files, folder: Path, rng: np.random.Generator) -> None:
    """Write the files, then apply the changes of the written folder."""
    if files.layout == "mosi-mmsa":
        (folder / "unaligned_50.pkl").write_bytes(pickle.dumps(files.arrays, protocol=int(rng.integers(2, 6))))
    else:
        for file in ("train", "dev", "test") if files.layout == "meld" else ("",):
            text = io.StringIO(newline="")
            writer = csv.writer(text, lineterminator=files.newline, delimiter=files.delimiter)
            writer.writerow(files.header)
            rows = [row for row in files.rows if row.get("file", "") == file]
            writer.writerows([row.get(c, "") for c in files.header] for row in rows)
            name = f"{file}_sent_emo.csv" if file else "utterances.csv"
            (folder / name).write_bytes(text.getvalue().encode(files.encoding, "replace"))
        for name, arrays in files.arrays.items():
            files.save(folder / name, **arrays)
    for change in files.after:
        change(folder, rng)


# Changes. Each takes the files and a generator of random numbers; True: the corpus must stay the same.

def _one(rng: np.random.Generator, values):
    values = list(values)
    return values[rng.integers(len(values))]


def cell(files: Files, rng) -> bool:
    """A cell holds something else."""
    if files.rows:
        _one(rng, files.rows)[_one(rng, files.header)] = _one(rng, JUNK)
    return not files.rows


def cells(files: Files, rng) -> bool:
    """A column holds something else in several rows."""
    if files.rows:
        column, junk = _one(rng, files.header), _one(rng, JUNK)
        for row in files.rows:
            if rng.random() < 0.3:
                row[column] = junk
    return not files.rows


def columns(files: Files, rng) -> bool:
    """The columns stand in another order."""
    files.header = list(rng.permutation(files.header)) if files.header else []
    return True


def column(files: Files, rng) -> bool:
    """A column is gone, there twice, or called otherwise."""
    if files.header:
        i = int(rng.integers(len(files.header)))
        name = files.header[i]
        files.header[i : i + 1] = _one(rng, ([], [name] * 2, [name.upper()], [""], [name + " "]))
    return not files.rows


def rows(files: Files, rng) -> bool:
    """Rows are gone, doubled, or in another order."""
    if len(files.rows) < 2:
        return not files.rows
    i = int(rng.integers(len(files.rows)))
    kind = rng.integers(4)
    if kind == 0:
        del files.rows[i]
    elif kind == 1:
        files.rows.insert(i, dict(files.rows[i]))
    elif kind == 2:
        files.rows = [files.rows[j] for j in rng.permutation(len(files.rows))]
    else:
        files.rows = files.rows[: int(rng.integers(0, 4))]
    return False


def splits(files: Files, rng) -> bool:
    """A split is empty, or a dialogue is in another split."""
    if "split" in files.header:
        old, new = _one(rng, ("train", "valid", "test")), _one(rng, ("train", "valid", "test", "dev", "holdout", ""))
        for row in files.rows:
            if row["split"] == old and rng.random() < 0.8:
                row["split"] = new
        return False
    return True


def labels(files: Files, rng) -> bool:
    """The labels are spelt in another way, or are numbers."""
    target = "label" if "label" in files.header else "Emotion"
    how = _one(rng, (str.upper, str.title, lambda x: f" {x} ", lambda x: str(len(x)), lambda x: f"{len(x)}.0",
                     lambda x: ""))
    for row in files.rows:
        if rng.random() < 0.6:
            row[target] = how(row[target])
    return not files.rows


def encoding(files: Files, rng) -> bool:
    """The table is written in another encoding. UTF-8 with a byte-order mark changes nothing."""
    if not files.rows:
        return True
    files.encoding = _one(rng, ("utf-8-sig", "utf-8-sig", "utf-16", "cp1252", "latin-1", "gb18030", "utf-32", "cp037"))
    return files.encoding == "utf-8-sig"


def newline(files: Files, rng) -> bool:
    """Lines end as on another system."""
    files.newline = _one(rng, ("\n", "\r\n"))
    return True


def delimiter(files: Files, rng) -> bool:
    """Another character separates the cells."""
    files.delimiter = _one(rng, ";\t|")
    return not files.rows


def compressed(files: Files, rng) -> bool:
    """The arrays are compressed."""
    files.save = np.savez_compressed
    return True


def _array(files: Files, rng) -> tuple[dict, str]:
    arrays = files.arrays[_one(rng, files.arrays)]
    return arrays, _one(rng, arrays)


def layout(files: Files, rng) -> bool:
    """An array has another byte order or lies in another order in memory."""
    arrays, key = _array(files, rng)
    x = arrays[key]
    if isinstance(x, np.ndarray) and x.dtype.kind == "f":
        swapped = x.astype(x.dtype.newbyteorder(">"))
        arrays[key] = _one(rng, (np.asfortranarray(x), swapped, x.astype(np.float64), np.repeat(x, 2, 0)[::2]))
    return True


def ids(files: Files, rng) -> bool:
    """The rows of an array stand in another order, and their ids with them."""
    arrays = files.arrays[_one(rng, files.arrays)]
    if "ids" in arrays and "X" in arrays:
        order = rng.permutation(len(arrays["ids"]))
        arrays["X"], arrays["ids"] = arrays["X"][order], arrays["ids"][order]
    return True


def names(files: Files, rng) -> bool:
    """The ids of an array are other ones, of another kind, or gone."""
    arrays = files.arrays[_one(rng, files.arrays)]
    key = "ids" if "ids" in arrays else "id" if "id" in arrays else None
    if key is None:
        return True
    x = np.array(arrays[key])
    n = len(x)
    arrays[key] = _one(rng, (x[::-1], x[:-1], np.char.add(x, "_"), x.astype("S"), np.full(n, x[0]), np.arange(n),
                             x.astype(object), np.arange(n) / 2, x[:, None], np.array("u1")))
    return False


def kind(files: Files, rng) -> bool:
    """An array is of another kind of numbers."""
    arrays, key = _array(files, rng)
    with np.errstate(all="ignore"), warnings.catch_warnings(), contextlib.suppress(ValueError, TypeError):
        warnings.simplefilter("ignore")
        kinds = ("f2", "i8", "u1", "?", "c8", "O", "U", "S", "M8[s]", "V8")
        arrays[key] = np.asarray(arrays[key]).astype(_one(rng, kinds))
    return False


def shape(files: Files, rng) -> bool:
    """An array has another shape."""
    arrays, key = _array(files, rng)
    x = np.array(arrays[key])
    x = x[None] if x.ndim == 0 else x
    arrays[key] = _one(rng, (x[:-1], np.concatenate([x, x[:1]]), x.T, x[None], x[..., None], x[:0], x.ravel(),
                             x[..., :0], np.array(3.0), x.reshape(-1)[:1], np.stack([x, x], 1)))
    return False


def value(files: Files, rng) -> bool:
    """An array holds a value that is no usual number."""
    arrays, key = _array(files, rng)
    x = np.array(arrays[key])
    if x.dtype.kind == "f" and x.size:
        x = x.astype(np.float64)
        x.flat[rng.integers(x.size)] = _one(rng, (np.nan, np.inf, -np.inf, 1e40, -1e300, 5e-324, -1, 10 / 3))
        arrays[key] = x
    return False


def key(files: Files, rng) -> bool:
    """A key is gone, called otherwise, or there is one more."""
    arrays, name = _array(files, rng)
    change = rng.integers(3)
    if change < 2:
        x = arrays.pop(name)
        if change:
            arrays[name.upper() + "2"] = x
    else:
        arrays["more"] = np.zeros(3)
    return False


def absent(files: Files, rng) -> bool:
    """A file of arrays, or a part of a pickle, is not there."""
    del files.arrays[_one(rng, files.arrays)]
    return False


def _file(folder: Path, rng) -> Path:
    return _one(rng, sorted(p for p in folder.iterdir() if p.is_file()) or [folder])


def _bytes(change: Callable[[bytes, np.random.Generator], bytes]):
    def changed(folder: Path, rng) -> None:
        path = _file(folder, rng)
        if path.is_file():
            path.write_bytes(change(path.read_bytes(), rng))
    return changed


def _flip(data: bytes, rng) -> bytes:
    out = bytearray(data)
    for i in rng.integers(max(len(out), 1), size=int(rng.integers(1, 9))):
        if out:
            out[i] = int(rng.integers(256))
    return bytes(out)


def _zip(data: bytes, rng) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("inside", data)
    return out.getvalue()


def _folder(folder: Path, rng) -> None:
    path = _file(folder, rng)
    if path.is_file():
        path.unlink()
        path.mkdir()


def _loop(folder: Path, rng) -> None:
    path = _file(folder, rng)
    if path.is_file():
        path.unlink()
        path.symlink_to(path.name)


def damage(files: Files, rng) -> bool:
    """A written file is damaged, or is something else."""
    files.after.append(_one(rng, (
        _bytes(lambda b, r: b[: int(r.integers(len(b) + 1))]), _bytes(_flip), _bytes(_flip), _bytes(lambda b, r: b""),
        _bytes(lambda b, r: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n"),
        _bytes(lambda b, r: b"<!DOCTYPE html><html><body>Sign in</body></html>"), _bytes(lambda b, r: gzip.compress(b)),
        _bytes(_zip), _bytes(lambda b, r: b.replace(b"\n", b"\r\n")), _bytes(lambda b, r: b + b"\x00" * 7),
        _bytes(lambda b, r: b"\x89HDF\r\n\x1a\n" + b[8:]), _folder, _loop)))
    return False


CHANGES = (cell, cell, cells, columns, column, rows, splits, labels, encoding, newline, delimiter, compressed, layout,
           ids, names, kind, shape, value, key, absent, damage, damage)
LAYOUTS = (table, table, meld, mmsa)


def same(a: Corpus, b: Corpus) -> bool:
    """Whether two corpora have the same utterances, labels and features, whatever the order of further columns."""
    plain = list(a.table.columns)
    return (set(plain) == set(b.table.columns) and a.table.equals(b.table[plain]) and a.labels == b.labels
            and a.vectors.keys() == b.vectors.keys() and a.frames.keys() == b.frames.keys()
            and all(np.array_equal(a.vectors[m], b.vectors[m]) for m in a.vectors)
            and all(np.array_equal(a.frames[m].values, b.frames[m].values) and
                    np.array_equal(a.frames[m].starts, b.frames[m].starts) for m in a.frames)
            and all(np.array_equal(a.annotations[t], b.annotations[t], equal_nan=True) for t in a.annotations))


def corpus(make: Callable[[], Files], changes, rng: np.random.Generator, fit: bool = False
           ) -> tuple[Corpus | str, bool]:
    """The corpus after the changes, or the line of its typed error; and whether it must be the unchanged one."""
    files = make()
    harmless = all([change(files, rng) for change in changes])
    with tempfile.TemporaryDirectory() as folder:
        write(files, Path(folder), rng)
        try:
            found = corpora.load(files.layout, folder)
            if fit:
                modality = next(m for m in ("audio", "text", "visual") if m in found.vectors)
                runs.run("linear", found, modalities=[modality], folder=Path(folder) / "runs", progress=False)
        except ErclabError as error:
            line = str(error)
            if "\n" in line or not line.isprintable() or "allow_pickle" in line:
                raise AssertionError(f"a message of one readable line, not {line[:200]!r}") from error
            return line, harmless
        except StopIteration:
            pass
    return found, harmless


def attempt(number: int, untouched: dict[str, Corpus]) -> str:
    """One number: one layout, one to three changes. The result is "corpus" or "error"."""
    rng = np.random.default_rng(number)
    make = _one(rng, LAYOUTS)
    if make.__name__ not in untouched:
        before, _ = corpus(make, (), rng)
        assert isinstance(before, Corpus), before
        untouched[make.__name__] = before
    changes = [_one(rng, CHANGES) for _ in range(rng.integers(1, 4))]
    found, harmless = corpus(make, changes, rng, fit=number % 5 == 0)
    if harmless and not (isinstance(found, Corpus) and same(found, untouched[make.__name__])):
        names = [change.__name__ for change in changes]
        raise AssertionError(f"{names} changed the corpus: {found if isinstance(found, str) else ''}")
    return "corpus" if isinstance(found, Corpus) else "error"


def _late(*_) -> None:
    raise TimeoutError(f"more than {SECONDS} seconds")


def faults(numbers) -> tuple[dict[str, int], list[str]]:
    """How often each end occurred, and a line for each number that ends in a fault."""
    ends, found, untouched = {"corpus": 0, "error": 0, "fault": 0}, [], {}
    before = signal.signal(signal.SIGALRM, _late)
    try:
        for number in numbers:
            signal.alarm(SECONDS)
            try:
                ends[attempt(number, untouched)] += 1
            except Exception as error:  # whatever is not a typed error is a fault
                ends["fault"] += 1
                found.append(f"{number}: {type(error).__name__}: {' '.join(str(error).split())[:300]}")
            finally:
                signal.alarm(0)
    finally:
        signal.signal(signal.SIGALRM, before)
    return ends, found


if __name__ == "__main__":
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    counts, lines = faults(range(first, first + int(sys.argv[1])))
    print(*lines, sep="\n")
    print(counts)
    sys.exit(bool(lines))
