"""The papers' claims and their verdicts: `erc.ledger`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from erclab.claims import book as books
from erclab.published.claims import book


def ledger(ids: str | Sequence[str] = (), *, corpus: str | None = None, evidence: str | Path | None = None
           ) -> pd.DataFrame:
    """The claims of the five papers on every corpus that can test them, with verdicts and intervals.

    Args:
        ids: claims ("S-c3"), or papers ("sdt" or "S"); all by default.
        corpus: one only.
        evidence: where verdicts are kept; `data/results/claims` of the checkout by default.

    Returns:
        Index: id. Columns: paper, claim, rule, tier (1 core, 2 exploratory, 3 not testable here), corpus, verdict,
        interim ("interim: 5 of 10 seeds" of a verdict from fewer seeds than the protocol has, else ""), effect with its
        interval (points for shares), matters (the smallest effect that matters), contrast, seeds, dialogues, p
        (corrected by Holm within paper and corpus where that applies), q (over the ledger), needed (to decide), detail.

    Raises:
        UsageError: there is no such claim or corpus.
        RunError: the verdicts cannot be read.
    """
    asked = (ids,) if isinstance(ids, str) else tuple(ids)
    found = book()
    return books.table(found, books.entries(found, asked, corpus, Path(evidence) if evidence else None))
