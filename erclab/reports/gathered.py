"""What pages are made from: the claims with their verdicts, and the scores. Without the rehearsal, which is never
quoted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from erclab import models
from erclab.claims import book as books
from erclab.claims.training import corpus_name
from erclab.claims.verdicts import Verdict
from erclab.corpora import CORPORA
from erclab.published.claims import CORE, Book, Claim, book
from erclab.reports import scores as kept
from erclab.reports.scores import Scores
from erclab.runs.code import older


@dataclass(frozen=True)
class Gathered:
    """Claims, verdicts and scores.

    Attributes:
        verdicts: of every claim on every corpus that can test it, those that are still to train included.
        scores: of every corpus that has evidence.
    """

    book: Book
    verdicts: tuple[Verdict, ...]
    scores: tuple[Scores, ...]

    def of_paper(self, paper: str) -> list[tuple[Claim, list[Verdict]]]:
        """The claims of a paper with their verdicts, in the order of the book; "" for claims about all papers."""
        return [(claim, [v for v in self.verdicts if v.claim == claim.id])
                for claim in self.book.claims if claim.paper == paper]

    @cached_property
    def core(self) -> list[Verdict]:
        """The verdicts on core claims."""
        tiers = {c.id: c.tier for c in self.book.claims}
        return [v for v in self.verdicts if tiers[v.claim] == CORE]

    @property
    def planned(self) -> int:
        """The number of seeds of the protocol."""
        return len(self.book.protocol["seeds"])

    def simulated(self, corpus: str) -> bool:
        """Whether conversations are generated."""
        return corpus.startswith("simulated")

    def title(self, corpus: str) -> str:
        """A line about a corpus of the claims."""
        title, folds = CORPORA[corpus_name(self.book, corpus)].title, self.folds(corpus)
        return f"{title}, {folds}" if folds else title

    def folds(self, corpus: str) -> str:
        """How a corpus is cross-validated, such as "10 folds"; "" where it has a test split."""
        how = self.book.protocol["folds"].get(corpus, {}).get("by")
        return "" if how is None else f"{how} folds" if isinstance(how, int) else f"leaving out one {how}"


def gather(where: Path | None = None, *, again: bool = False, compute: bool = True) -> Gathered:
    """Read what pages are made from.

    Args:
        where: the evidence; `data/results/claims` by default.
        again: compute all scores again.
        compute: False: only scores that are kept, whether or not their evidence is still the same.

    Raises:
        RunError: evidence, verdicts or scores are damaged.
    """
    claims = book()
    rehearsal = claims.rehearsal["corpus"]
    found = kept.of_corpora(claims, where, again=again) if compute else kept.stored_scores(where)
    return Gathered(claims, tuple(v for v in books.entries(claims, where=where) if v.corpus != rehearsal), tuple(found))


def by_older_code(model: str, code: str) -> bool:
    """Whether scores are of runs whose code is not today's."""
    return bool(code) and older(models.info(model), code)
