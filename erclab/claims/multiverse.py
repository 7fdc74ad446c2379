"""How verdicts change under other choices that a careful author could defend, or that the field makes.

Each universe changes one choice of the registered rules and judges the same evidence again. A verdict flips if its
group changes: supported, contradicted, undecided.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from erclab.claims import book as books
from erclab.claims import judge
from erclab.claims.quantities import Universe
from erclab.claims.training import applicable
from erclab.claims.verdicts import CONTRADICTED, SUPPORTED, UNDECIDED
from erclab.published.claims import Book

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


def table(book: Book, corpora: Iterable[str], where: Path | None = None) -> pd.DataFrame:
    """A row per claim and corpus that has an interval, a column per universe: the group of the verdict.

    Arithmetic, printed gaps and claims without runs are left out: no choice changes them.
    """
    rules = {c.id: c.rule for c in book.claims}
    found: dict[str, dict[tuple[str, str], str]] = {}
    for corpus in corpora:
        claims, shelf = applicable(book, corpus), books.shelf_of(corpus, where)
        known: dict[tuple[int, str], dict] = {}
        for name, choice in UNIVERSES.items():
            same = known.setdefault((choice.dialogues, choice.protocol), {})
            for v in judge.judge(book, claims, corpus, shelf, choice, same):
                if rules[v.claim] in ("SUP", "DID", "NI", "MECH", "RANK") and group(v.verdict):
                    found.setdefault(name, {})[v.claim, v.corpus] = group(v.verdict)
    made = pd.DataFrame(found).reindex(columns=list(UNIVERSES))
    made.index = pd.MultiIndex.from_tuples(made.index, names=["claim", "corpus"]) if len(made) else pd.MultiIndex(
        levels=[[], []], codes=[[], []], names=["claim", "corpus"])
    return made.dropna(subset=[REGISTERED]) if len(made) else made


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
