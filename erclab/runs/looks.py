"""What analyses read in a run, and results that are kept beside its record, so that they need no weights.

An analysis that runs a trained model (attention, gates, predictions for changed inputs) is a function of a record, a
corpus and plain arguments. `look` marks it. If `<id>.looks.safetensors` beside the record has the result for this
corpus and these arguments, that result is returned; else the function computes it.

`noting` notes which parts of runs some work reads: that is all that has to be kept of them to do it again.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache, lru_cache, wraps
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import safetensors
import safetensors.numpy

from erclab.core.cells import pieces
from erclab.core.errors import RunError, UsageError
from erclab.core.source import closure

SUFFIX = ".looks.safetensors"
LONG = 200  # an argument of more characters is named by its hash


@dataclass(frozen=True)
class Look:
    """A kept result.

    Attributes:
        value: what the function returned.
        code: the digest of the analysis that made it, see `code_of`.
    """

    value: Any
    code: str


@dataclass
class Reads:
    """What was read of runs.

    Attributes:
        parts: id of a run -> its parts: "predictions sound.test", "guesses sound.test", "weights", "fitted".
        looks: id of a run -> name of a look -> the look.
    """

    parts: dict[str, set[str]] = field(default_factory=dict)
    looks: dict[str, dict[str, Look]] = field(default_factory=dict)


_noted: ContextVar[Reads | None] = ContextVar("reads", default=None)


@contextmanager
def noting() -> Iterator[Reads]:
    """Note what is read of runs in the block. What a look reads is not noted: its result stands for it."""
    reads = Reads()
    token = _noted.set(reads)
    try:
        yield reads
    finally:
        _noted.reset(token)


def note(id: str, part: str) -> None:
    """Note that a part of a run is read."""
    if (reads := _noted.get()) is not None:
        reads.parts.setdefault(id, set()).add(part)


def look(function: Callable) -> Callable:
    """Mark a function of a record, a corpus and plain arguments whose result can be kept beside the record.

    The result consists of arrays, tables of numbers, texts, numbers, and lists and dicts of them.
    """
    signature = inspect.signature(function)

    @wraps(function)
    def found(record: Any, *args: Any, **kwargs: Any) -> Any:
        if not hasattr(record, "path"):  # an untrained model has no record
            return function(record, *args, **kwargs)
        bound = signature.bind(record, *args, **kwargs)
        bound.apply_defaults()
        name = _name(function, list(bound.arguments.values())[1:])
        kept, reads = load(record.path.with_suffix(SUFFIX)).get(name), _noted.get()
        if kept is None:
            token = _noted.set(None)
            try:
                kept = Look(function(record, *args, **kwargs), code_of(function))
            finally:
                _noted.reset(token)
        if reads is not None:
            reads.looks.setdefault(record.id, {})[name] = kept
        return kept.value
    return found


def load(path: Path) -> Mapping[str, Look]:
    """The looks of a file by their names; none without the file.

    Raises:
        RunError: the file is damaged.
    """
    try:
        state = path.stat()
    except OSError:
        return {}
    return _load(path, (state.st_mtime_ns, state.st_size))


@lru_cache(maxsize=64)
def _load(path: Path, state: tuple[int, int]) -> dict[str, Look]:
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            rows = json.loads(file.metadata()["erclab"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # a file is not iterable
        return {name: Look(_decoded(row["value"], arrays), row["code"]) for name, row in rows.items()}
    except (OSError, safetensors.SafetensorError, ValueError, KeyError, TypeError, IndexError) as error:
        raise RunError(f"cannot be read ({error})", where=path, remedy="Delete it, or restore the file that it came "
                       "from.") from None


def packed(looks: Mapping[str, Look]) -> bytes:
    """The content of a file of looks: equal looks give equal bytes."""
    parts: dict[str, list[np.ndarray]] = {}
    rows = {name: {"value": _encoded(looks[name].value, parts), "code": looks[name].code} for name in sorted(looks)}
    arrays = {kind: np.concatenate(parts[kind]) for kind in sorted(parts)}
    return safetensors.numpy.save(arrays, {"erclab": json.dumps(rows)})


@cache
def code_of(function: Callable) -> str:
    """A digest of the code of an analysis without comments: the function, what it uses of its module, and the modules
    of `erclab.analysis` whose functions these call; or its whole module. The model's own code is in the digest of the
    run."""
    try:
        texts, modules = pieces(cast(type, inspect.unwrap(function)), lambda name: name.startswith("erclab.analysis."))
    except UsageError:  # it uses a value without a stable description
        texts, modules = {}, {function.__module__}
    texts |= closure(modules, lambda name: False)
    return hashlib.sha256("\n".join(f"{name} {texts[name]}" for name in sorted(texts)).encode()).hexdigest()[:16]


def older_code(name: str, kept: Look) -> bool:
    """Whether another code than today's made a look of this name."""
    module, _, own = f"erclab.{name.partition(' ')[0]}".rpartition(".")
    try:
        return code_of(getattr(importlib.import_module(module), own)) != kept.code
    except (ImportError, AttributeError):  # the function has gone
        return True


def _name(function: Callable, arguments: list[Any]) -> str:
    """Such as "analysis.words.maps 0123… 17": the function, and its arguments after the record."""
    words = [json.dumps(getattr(x, "fingerprint", x)) for x in arguments]
    short = [w if len(w) <= LONG else hashlib.sha256(w.encode()).hexdigest()[:16] for w in words]
    return " ".join([f"{function.__module__.removeprefix('erclab.')}.{function.__name__}", *short])


def _encoded(value: Any, parts: dict[str, list[np.ndarray]]) -> Any:
    """A value as JSON; its arrays are added to `parts`, those of one type one after the other."""
    if value is None or (isinstance(value, bool | int | float | str) and not isinstance(value, np.generic)):
        return value
    if isinstance(value, np.ndarray | np.generic):
        array = np.ascontiguousarray(value)
        some = parts.setdefault(array.dtype.str, [])
        at = sum(map(len, some))
        some.append(array.ravel())
        return {"array": [array.dtype.str, list(np.shape(value)), at]}
    if isinstance(value, pd.DataFrame):
        return {"table": [_encoded(value[c].to_numpy(), parts) for c in value], "columns": value.columns.tolist(),
                "index": value.index.tolist(), "names": [value.columns.name, value.index.name]}
    if isinstance(value, Mapping):
        return {"dict": [[k, _encoded(v, parts)] for k, v in value.items()]}
    if isinstance(value, list | tuple):
        return [_encoded(v, parts) for v in value]
    raise TypeError(f"a look cannot keep a {type(value).__name__}")


def _decoded(node: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    if isinstance(node, list):
        return [_decoded(x, arrays) for x in node]
    if not isinstance(node, dict):
        return node
    if "array" in node:
        kind, shape, at = node["array"]
        found = arrays[kind][at : at + int(np.prod(shape, dtype=int))].reshape(shape)
        return found if shape else found[()]
    if "table" in node:
        table = pd.DataFrame({i: _decoded(x, arrays) for i, x in enumerate(node["table"])},
                             index=pd.Index(node["index"], name=node["names"][1]))
        return table.set_axis(pd.Index(node["columns"], name=node["names"][0]), axis=1)
    return {k: _decoded(v, arrays) for k, v in node["dict"]}
