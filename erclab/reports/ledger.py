"""The ledger of all claims as one figure, and in words."""

from __future__ import annotations

import hashlib

import pandas as pd

from erclab import models
from erclab.claims import book as books
from erclab.claims.verdicts import Verdict
from erclab.figures import claims as drawn
from erclab.figures import style
from erclab.published.claims import CORE
from erclab.reports.findings import tally_text
from erclab.reports.gathered import Gathered
from erclab.reports.markdown import plural

ALL, NOWHERE, TITLE = "all five", "no corpus", "The ledger of claims"


def claim_marks(found: Gathered) -> pd.DataFrame:
    """A row per claim and corpus, see `erclab.figures.claims.marks`; in the order of the papers."""
    claims, made = {c.id: c for c in found.book.claims}, []
    for v in found.verdicts:
        claim = claims[v.claim]
        made.append({"paper": models.info(claim.paper).title if claim.paper else ALL,
                     "claim": int(claim.id.rpartition("c")[2]), "core": claim.tier == CORE,
                     "corpus": v.corpus or NOWHERE, "verdict": v.verdict,
                     "interim": bool(books.interim(found.book, v))})
    table = pd.DataFrame(made, columns=["paper", "claim", "core", "corpus", "verdict", "interim"])
    order = {name: i for i, name in enumerate([*_corpora(found), NOWHERE])}
    papers = {name: i for i, name in enumerate(dict.fromkeys(table["paper"]))} | {ALL: len(table)}
    table = table.assign(panel=table["paper"].map(papers), column=table["corpus"].map(order))
    return table.sort_values(["panel", "column", "claim"], ignore_index=True).drop(columns=["panel", "column"])


def _corpora(found: Gathered) -> list[str]:
    return [name for name in books.corpora_of(found.book) if name]


def picture(found: Gathered) -> bytes:
    """The figure as SVG; its description has the digest of what is drawn."""
    table = claim_marks(found)
    claims = len(table.drop_duplicates(["paper", "claim"]))
    title = f"{plural(claims, 'claim')}, {plural(len(table), 'mark')}: one per claim and corpus that can test it"
    about = f"{alternative_text(found)} Digest of the data: {data_digest(found)}."
    return style.svg(drawn.marks(table, title=title), TITLE, about)


def alternative_text(found: Gathered) -> str:
    """What the figure shows, in words."""
    table = claim_marks(found)
    interim = int(table["interim"].sum())
    more = f"; {plural(interim, 'verdict')} {'is' if interim == 1 else 'are'} interim" if interim else ""
    return ("Ledger of claims, a panel per paper, a row per claim, a column per corpus. "
            f"Of {plural(len(table), 'mark')} {tally_text(found.verdicts)}{more}.")


def data_digest(found: Gathered) -> str:
    """16 hex digits of what is drawn."""
    return hashlib.sha256(claim_marks(found).to_csv(index=False).encode()).hexdigest()[:16]


def by_kind(found: Gathered, simulated: bool) -> list[Verdict]:
    """The verdicts on core claims on simulated corpora, or on real ones."""
    return [v for v in found.core if v.corpus not in ("", books.PRINTED) and found.simulated(v.corpus) == simulated]
