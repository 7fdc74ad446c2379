"""Whether a corpus has what an exhibit needs: each check gives the reason why not, in words, or "" if it has it."""

from __future__ import annotations

from collections.abc import Callable

from erclab.analysis import sequences as sequence_corpora
from erclab.analysis.readers import measured_in
from erclab.corpora import Corpus, simulated
from erclab.corpora.registry import absent_of_emotion4

Check = Callable[[Corpus], str]


def vectors(least: int = 1, *needed: str) -> Check:
    """Utterance vectors of at least so many modalities, and of the `needed` ones."""
    return lambda corpus: _modalities("utterance vectors", tuple(corpus.modalities), least, needed)


def sequences(least: int = 1, *needed: str) -> Check:
    """Sequences of at least so many modalities, and of the `needed` ones, in the training split."""
    def check(corpus: Corpus) -> str:
        there = sequence_corpora.learnable(corpus)
        unseen = [m for m in corpus.frame_dims if m not in there]
        why = _modalities("sequences", there, least, needed)
        return why + (f" (of {', '.join(unseen)} none in the training split)" if why and unseen else "")
    return check


def task(*names: str) -> Check:
    """One of these tasks; any task if none is named."""
    def check(corpus: Corpus) -> str:
        if not corpus.tasks and not names:
            return "it has no annotation"
        if not names or set(names) & set(corpus.tasks):
            return ""
        made = " (--emotion4 makes it of the labels)" if "emotion4" in names and not absent_of_emotion4(corpus) else ""
        return f"its tasks are {', '.join(corpus.tasks) or 'none'}, not {' or '.join(names)}{made}"
    return check


def planted(corpus: Corpus) -> str:
    """The planted truth behind each utterance, which only a simulated corpus has."""
    return "" if "text_kind" in corpus.table else "the truth behind its utterances is not known"


def oracle(corpus: Corpus) -> str:
    """The exact oracles of the words, the vectors and the frames, which only a simulated corpus has."""
    return "" if simulated.world_behind(corpus) else "its oracle is not known"


def readers(corpus: Corpus) -> str:
    """Readers that the study has measured in the corpus's world (`erclab.analysis.readers`)."""
    return "" if measured_in(corpus) else "no readers were measured in its world"


def dialogues(corpus: Corpus) -> str:
    """Conversations of more than one turn."""
    return "" if len(corpus.starts) - 1 < len(corpus) else "each of its dialogues is one utterance"


def all_of(*checks: Check) -> Check:
    """The first reason of several checks."""
    return lambda corpus: next((why for check in checks if (why := check(corpus))), "")


def _modalities(what: str, there: tuple[str, ...], least: int, needed: tuple[str, ...]) -> str:
    absent = [m for m in needed if m not in there]
    if not there or len(there) < least or absent:
        found = f"{what} of {', '.join(there)} only" if there else f"no {what}"
        return f"it has {found}"
    return ""
