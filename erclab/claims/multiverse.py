"""How verdicts change under other choices that a careful author could defend, or that the field makes.

Each universe changes one choice of the registered rules and judges the same evidence again. A verdict flips if its
group changes: supported, contradicted, undecided.

All universes together cost as much as ten ledgers, a minute or two of processor time. They are kept in
`data/results/claims/multiverse.json` with a digest of the evidence and of the rules; `table` judges what is new.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from erclab.claims import book as books
from erclab.claims import judge
from erclab.claims.derived import Derived
from erclab.claims.evidence import digest_of
from erclab.claims.quantities import Universe
from erclab.claims.training import applicable
from erclab.claims.verdicts import CONTRADICTED, SUPPORTED, UNDECIDED
from erclab.published.claims import Book

FILE = "multiverse.json"
VERSION = 5  # raise it where universes are judged in another way
REGISTERED = "as registered"
UNIVERSES: Mapping[str, Universe] = {
    REGISTERED: Universe(),
    "larger mean wins": Universe(larger_wins=True),
    "one seed, larger wins": Universe(larger_wins=True, seeds=1),
    "interval over seeds only": Universe(over_dialogues=False),
    "no Holm correction": Universe(holm=False),
    "the first 31 test dialogues": Universe(dialogues=31),
    "accuracy for weighted F1": Universe(scores={"weighted_f1": "accuracy"}),
    "macro F1 for weighted F1": Universe(scores={"weighted_f1": "macro_f1"}),
    "zeros kept in binary accuracy": Universe(scores={"acc2_non0": "acc2_has0", "f1_non0": "f1_has0"}),
    "epoch chosen on validation, own test split": Universe(protocol="sound"),
    "epoch chosen on the test split": Universe(protocol="published"),
}
JUDGED = (SUPPORTED, CONTRADICTED, UNDECIDED)


def group(verdict: str) -> str:
    """"supported", "contradicted" or "undecided"; "" for a claim that is not judged by an interval."""
    return next((name for name in JUDGED if verdict.startswith(name)), "")


def judged_corpora(where: Path | None = None) -> list[str]:
    """The corpora that have a verdict by an interval, in the order of the stored verdicts."""
    return list(dict.fromkeys(v.corpus for v in books.stored_verdicts(where) if v.corpus and group(v.verdict)
                              and ((where or books.folder()) / v.corpus).is_dir()))


@dataclass(frozen=True)
class Judged:
    """The verdicts of all universes on one corpus.

    Attributes:
        digest: of the evidence and the rules.
        groups: claim -> the group of its verdict in each of `UNIVERSES`; "" where a universe does not judge it.
    """

    digest: str
    groups: Mapping[str, tuple[str, ...]]


def table(book: Book, corpora: Iterable[str], where: Path | None = None) -> pd.DataFrame:
    """A row per claim and corpus that has an interval, a column per universe: the group of the verdict.

    Arithmetic, printed gaps and claims without runs are left out: no choice changes them.
    """
    found = {(claim, corpus): groups for corpus, one in of_corpora(book, corpora, where).items()
             for claim, groups in one.groups.items()}
    index = pd.MultiIndex.from_tuples(found, names=["claim", "corpus"]) if found else pd.MultiIndex(
        levels=[[], []], codes=[[], []], names=["claim", "corpus"])
    made = pd.DataFrame(list(found.values()), index=index, columns=list(UNIVERSES), dtype=object)
    return made.where(made != "").dropna(subset=[REGISTERED])


def of_corpora(book: Book, corpora: Iterable[str], where: Path | None = None, *, again: bool = False
               ) -> dict[str, Judged]:
    """The verdicts of all universes on each corpus: those that are kept, judged where evidence or rules are others.

    Args:
        again: judge all.

    Raises:
        RunError: evidence, or the file, is damaged.
    """
    digests = _digests(book, corpora, where)
    return KEPT.current(digests, lambda name: Judged(digests[name], _groups(book, name, where)), where, again=again)


def outdated(book: Book, corpora: Iterable[str], where: Path | None = None) -> list[str]:
    """The corpora whose universes are missing, or kept of other evidence or rules, or have no evidence any more."""
    return KEPT.outdated(_digests(book, corpora, where), where)


def stored_choices(where: Path | None = None) -> dict[str, Judged]:
    """Corpus -> the verdicts that are kept; none without the file.

    Raises:
        RunError: the file is damaged.
    """
    return KEPT.stored(where)


def _parsed(text: str) -> dict[str, Judged]:
    return {name: Judged(one["digest"], {claim: tuple(groups) for claim, groups in one["groups"].items()})
            for name, one in json.loads(text).items()}


def as_text(found: Mapping[str, Judged]) -> str:
    """The file: a claim per line."""
    parts = []
    for name, one in found.items():
        rows = ",\n".join(f"{json.dumps(claim)}: {json.dumps(groups)}" for claim, groups in one.groups.items())
        parts.append(f'{json.dumps(name)}: {{"digest": "{one.digest}", "groups": {{\n{rows}}}}}')
    return "{" + ",\n".join(parts) + "}\n"


def _digests(book: Book, corpora: Iterable[str], where: Path | None) -> dict[str, str]:
    begin, there = f"{VERSION} {book.sha256} {UNIVERSES}", where or books.folder()
    return {name: digest_of(there / name, begin) if (there / name).is_dir() else "" for name in corpora}


def _groups(book: Book, corpus: str, where: Path | None) -> dict[str, tuple[str, ...]]:
    rules = {c.id: c.rule for c in book.claims}
    claims, shelf = applicable(book, corpus), books.shelf_of(corpus, where)
    known: dict[tuple[int, str], dict] = {}
    found: dict[str, dict[str, str]] = {}
    for name, choice in UNIVERSES.items():
        same = known.setdefault((choice.dialogues, choice.protocol), {})
        for v in judge.judge(book, claims, corpus, shelf, choice, same):
            if rules[v.claim] in ("SUP", "DID", "NI", "MECH", "RANK") and group(v.verdict):
                found.setdefault(v.claim, {})[name] = group(v.verdict)
    return {claim: tuple(one.get(name, "") for name in UNIVERSES) for claim, one in found.items()}


def changed(made: pd.DataFrame) -> pd.DataFrame:
    """Of each universe: how many verdicts change against the registered rules, which way, and of how many."""
    base, rows = made[REGISTERED], {}
    for name in made.columns.drop(REGISTERED):
        other = made[name]
        changed = other.notna() & (other != base)
        rows[name] = {"verdicts": int(other.notna().sum()), "flipped": int(changed.sum()),
                      "to supported": int((changed & (other == SUPPORTED)).sum()),
                      "to contradicted": int((changed & (other == CONTRADICTED)).sum()),
                      "to undecided": int((changed & (other == UNDECIDED)).sum())}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("choice")


KEPT = Derived(FILE, "verdicts under other choices", _parsed)
