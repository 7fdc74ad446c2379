"""What a corpus lacks for an exhibit, in words; "" if nothing. For `Exhibit.lacks`."""

from __future__ import annotations

from collections.abc import Callable

from erclab.corpora import Corpus

Lacks = Callable[[Corpus], str]


def vectors(least: int = 1, *needed: str) -> Lacks:
    """Utterance vectors of so many modalities, and of the `needed` ones."""
    return lambda corpus: _modalities("utterance vectors", tuple(corpus.modalities), least, needed)


def sequences(least: int = 1, *needed: str) -> Lacks:
    """Sequences of so many modalities, and of the `needed` ones."""
    return lambda corpus: _modalities("sequences", tuple(corpus.frame_dims), least, needed)


def task(*names: str) -> Lacks:
    """One of these tasks."""
    return lambda corpus: "" if set(names) & set(corpus.tasks) else (
        f"its tasks are {', '.join(corpus.tasks) or 'none'}, not {' or '.join(names)}")


def planted(corpus: Corpus) -> str:
    """The truth behind each utterance, which only a simulated corpus knows."""
    return "" if "text_kind" in corpus.table else "nobody knows the truth behind its utterances"


def dialogues(corpus: Corpus) -> str:
    """Conversations of more than one turn."""
    return "" if len(corpus.starts) - 1 < len(corpus) else "each of its dialogues is one utterance"


def all_of(*parts: Lacks) -> Lacks:
    """The first that is lacking."""
    return lambda corpus: next((why for part in parts if (why := part(corpus))), "")


def _modalities(what: str, there: tuple[str, ...], least: int, needed: tuple[str, ...]) -> str:
    absent = [m for m in needed if m not in there]
    if not there or len(there) < least or absent:
        found = f"{what} of {', '.join(there)} only" if there else f"no {what}"
        return f"it has {found}"
    return ""
