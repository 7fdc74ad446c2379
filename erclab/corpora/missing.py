"""What "missing" means, in one place for every reader: cells, labels, values of pickles, words, features.

A row of zeros lacks its modality, and so does an utterance without frames; an utterance without words has no text,
whether the text is a vector or tokens. What programs write for no text is `erclab.core.tablefiles.WRITTEN`. An
utterance without a label is context for others. Whoever drops, repairs or doubts something adds a line to
`Corpus.notices`.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd

from erclab.core.errors import CorpusError, unknown
from erclab.corpora.vocabulary import UNLABELLED

EMPTY = frozenset({"", "-", "--", "n/a", "n.a.", "#n/a", "na", "<na>", "nan", "nat", "none", "null"})
UNAGREED = frozenset({"xxx"})  # IEMOCAP: the annotators did not agree
UNKNOWN = frozenset({"unknown", "unk", "?"})  # means no label where all other labels are numbers
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}(\.0*)?")
_CLASSES = "is it a class, name all of them: --labels=a,b,c; in Python labels=[...]"


def empty(cells: pd.Series) -> np.ndarray:
    """(N,) bool: the cells of a column of labels or numbers (texts) that mean that there is no value."""
    return cells.str.strip().str.lower().isin(EMPTY).to_numpy()


def value(x: object) -> bool:
    """Whether a value of a pickle or an array means that there is none: None, or NaN."""
    return x is None or (isinstance(x, float | np.floating) and math.isnan(x))


def numbers(x: np.ndarray) -> np.ndarray:
    """An array of Python objects that are numbers or None as float64, with NaN for None; any other as it is."""
    if x.dtype.kind == "O" and x.size and all(i is None or isinstance(i, int | float | np.number) for i in x.flat):
        return np.array([np.nan if i is None else float(i) for i in x.flat]).reshape(x.shape)
    return x


def wordless(texts: pd.Series) -> np.ndarray:
    """(N,) bool: the utterances without words."""
    return (texts.str.strip() == "").to_numpy()


def zeros(vectors: np.ndarray) -> np.ndarray:
    """(N,) bool: the rows of (N, D) that are zeros alone, which lack the modality."""
    return ~(vectors != 0).any(1)


def labels(cells: pd.Series, names: Sequence[str] = (), place: Callable[[int | None], str] = lambda row: f"row {row}"
           ) -> tuple[np.ndarray, tuple[str, ...], list[str]]:
    """A column of label names as indices.

    Whole numbers keep their own order (0, 1, 2, ..., 10), and 1.0 is 1 where all labels are numbers; other names are
    sorted as text. Cells of `EMPTY` and `UNAGREED`, -1 beside other names, and `UNKNOWN` beside numbers are no labels;
    a name that is given is one in any case.

    Args:
        cells: (N,) texts.
        names: the labels in the order of their indices; by default those that occur.
        place: row -> its place for messages; of None the place of the whole column.

    Returns:
        (N,) int64 indices, `UNLABELLED` where there is none; the names; and notices.

    Raises:
        CorpusError: a label that is not among those given; or -1 beside 0 and 1 alone, which can be a class or none.
    """
    cells = cells.str.strip()
    counts = Counter(cells)
    spelled = {name: name for name in names} or _spellings(counts, place)
    known = tuple(names) or _ordered(set(spelled.values()))
    index = {name: i for i, name in enumerate(known)}
    at = {word: index[name] for word, name in spelled.items()}
    notices = [] if names or len(known) == len(spelled) else [
        "labels that are the same number are one class: " + ", ".join(sorted(w for w in spelled if w not in known))
        + " (written without .0 elsewhere)"]
    none = []
    for word in counts:
        if word in at:
            continue
        if (number := _whole(word)) is not None and str(number) in index:
            at[word] = index[str(number)]
        elif _is_none(word, known):
            at[word] = UNLABELLED
            none += [word] if word else []
        else:
            row = int(np.flatnonzero(cells == word)[0])
            raise unknown("label", word[:40], known).recast(
                CorpusError, where=place(row), remedy=f"The labels are {', '.join(known)}; empty means none.")
    if none:
        said = ", ".join(f"{word!r} ({counts[word]:,})" for word in sorted(none))
        notices.append(f"of {len(cells):,} labels, these count as none, so that their utterances are context: {said} "
                       f"({_CLASSES})")
    return cells.map(at).to_numpy(dtype=np.int64), known, notices + ([] if names else alike(known))


def alike(names: Iterable[str]) -> list[str]:
    """Notices about labels that differ only in case, in space, or in ".0"."""
    groups: dict[str, list[str]] = {}
    for name in names:
        number = _whole(name)
        groups.setdefault(str(number) if number is not None else " ".join(name.casefold().split()), []).append(name)
    same = [" and ".join(map(repr, group)) for group in groups.values() if len(group) > 1]
    return [f"labels that differ only in case, space or .0 are different classes: {'; '.join(same)}"] if same else []


def _spellings(words: Iterable[str], place: Callable[[int | None], str]) -> dict[str, str]:
    """Word -> name, of the words that are labels."""
    kept = [w for w in words if w.lower() not in EMPTY | UNAGREED]
    others = [w for w in kept if _whole(w) != -1]
    whole = {_whole(w) for w in others if w.lower() not in UNKNOWN}
    if None in whole or not whole:
        return {w: w for w in others}
    if len(others) < len(kept):
        if whole in ({0, 1}, {0}, {1}):
            raise CorpusError(f"the labels are {', '.join(sorted({*map(str, whole), '-1'}))}: -1 can be a class or "
                              "mean that there is none", where=place(None),
                              remedy="Name the classes: --labels=-1,0,1 or --labels=0,1; in Python labels=[...].")
        if min(whole) < -1:  # a scale on both sides of zero
            others = kept
    return {w: str(_whole(w)) for w in others if w.lower() not in UNKNOWN}


def _is_none(word: str, known: Sequence[str]) -> bool:
    """Whether a word that is not among the labels means that there is none."""
    return (word.lower() in EMPTY | UNAGREED or _whole(word) == -1
            or (word.lower() in UNKNOWN and all(_whole(name) is not None for name in known)))


def _ordered(names: Iterable[str]) -> tuple[str, ...]:
    """Numbers in their own order, other names as text."""
    names = list(names)
    try:
        return tuple(sorted(names, key=float))
    except ValueError:
        return tuple(sorted(names))


def _whole(word: str) -> int | None:
    """The whole number that a label is, such as 5 for "5.0"."""
    return int(word.partition(".")[0]) if _WHOLE.fullmatch(word) else None
