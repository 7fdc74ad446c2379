"""O8 and O12: the claims ledger on a corpus, and how its verdicts change under other choices."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from erclab.claims import book as books
from erclab.claims import multiverse
from erclab.corpora import Corpus
from erclab.exhibits.catalogue import Exhibit, Groups
from erclab.figures import claims as claim_figures
from erclab.published.claims import book


def named_by_claims(corpus: Corpus) -> str:
    """Claims that the corpus can test."""
    return "" if corpus.name in books.corpora_of(book()) else "no claim of the papers names it"


def judged_claims(corpus: Corpus) -> str:
    """Claims that have a verdict on the corpus, by an interval."""
    judged = [v for v in books.stored_verdicts() if v.corpus == corpus.name and multiverse.group(v.verdict)]
    return named_by_claims(corpus) or ("" if judged else "none of its claims has a verdict yet")


def verdicts(corpus: Corpus, groups: Groups) -> pd.DataFrame:
    """O8. The stored verdicts on a corpus, and what the others cost, see `erclab.claims.book.table`."""
    claims = book()
    made = books.table(claims, books.entries(claims, corpus=corpus.name))
    return made[["paper", "claim", "rule", "verdict", "interim", "effect", "matters", "contrast", "seeds", "dialogues",
                 "p", "q", "needed", "detail"]]


def universes(corpus: Corpus, groups: Groups) -> Figure:
    """O12. How many verdicts on a corpus each other choice flips."""
    return flipped(multiverse.table(book(), [corpus.name]))


def flipped(table: pd.DataFrame) -> Figure:
    """A bar per choice, from `multiverse.table`; the title names the choice that flips most, all of them in a tie."""
    counts = multiverse.changed(table)
    most = counts[counts["flipped"] == counts["flipped"].max()]
    title = (f"{most['flipped'].iloc[0]} of {most['verdicts'].iloc[0]} verdicts change by one choice:\n"
             + "; or ".join(most.index) if counts["flipped"].max() else "No choice changes a verdict")
    return claim_figures.flips(counts, title=title)


EXHIBITS = (
    Exhibit("O8", "The claims ledger", "a corpus that claims name", verdicts, check=named_by_claims),
    Exhibit("O12", "The multiverse: verdicts that other choices flip", "claims with a verdict", universes,
            check=judged_claims),
)
