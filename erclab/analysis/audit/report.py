"""All findings of the audit of printed numbers, as a list, as a table, and as answers to exact claims."""

from __future__ import annotations

from functools import cache

import pandas as pd

from erclab.analysis.audit import dialoguetrm, hct_mg, lmr_cbt, m2fnet, sdt, together
from erclab.analysis.audit.finding import Finding, Make
from erclab.core.errors import UsageError, unknown

MODULES = {"dialoguetrm": (dialoguetrm,), "hct-mg": (hct_mg, together), "lmr-cbt": (lmr_cbt, together),
           "m2fnet": (m2fnet,), "sdt": (sdt,)}
CONTRACTS = {"L-c10": "sample_independence"}  # exact claims that a contract decides, not arithmetic


def findings(paper: str | None = None) -> list[Finding]:
    """What arithmetic over the printed numbers finds, in all papers or in one; computed from the printed cells.

    Args:
        paper: the name of its model, such as "hct-mg".

    Raises:
        UsageError: there is no audit of this paper.
    """
    if paper is not None and paper not in MODULES:
        raise unknown("paper with an audit", paper, MODULES)
    chosen = [module for name, some in MODULES.items() if paper in (None, name) for module in some]
    return [_once(make) for module in dict.fromkeys(chosen) for make in module.FINDINGS]


@cache
def _once(make: Make) -> Finding:
    """A finding; printed numbers do not change while a process runs."""
    return make()


def table(paper: str | None = None) -> pd.DataFrame:
    """The findings as text: index id; columns where, computed, reading and contradicts (the printed statement that the
    arithmetic contradicts, in our words, "" where it contradicts none).

    Raises:
        UsageError: see `findings`.
    """
    rows = [{"id": f.id, "where": f.where, "computed": f.computed, "reading": f.reading, "contradicts": f.contradicts}
            for f in findings(paper)]
    return pd.DataFrame(rows).set_index("id")


def exact(claim: str) -> tuple[bool, tuple[str, ...], str]:
    """Whether an exact claim of the ledger holds by arithmetic, from printed numbers within their rounding.

    Returns:
        (whether the claim holds, the ids of the findings that decide it, the arithmetic as text)

    Raises:
        UsageError: arithmetic does not decide this claim.
    """
    if claim not in EXACT:
        if claim in CONTRACTS:
            raise UsageError(f"{claim} is decided by a contract, not by arithmetic",
                             remedy=f"See {CONTRACTS[claim]} in `erclab contracts lmr-cbt`.")
        raise unknown("claim that arithmetic decides", claim, EXACT)
    makers, holds = EXACT[claim]
    found = [_once(make) for make in makers]
    return holds(*found), tuple(f.id for f in found), " ".join(f.computed for f in found)


def _recognises(positives: Finding, best: Finding) -> bool:
    """H-c9: IEMOCAP rows of a model that recognises the emotions."""
    return not positives.result["constant"]


def _of_splits(supports: Finding, validation: Finding, macro: Finding) -> bool:
    """M-c12: Tables 4 and 5 are of MELD's test and validation splits."""
    of_a_split = supports.result["total"] in supports.result["splits"].values()
    return of_a_split and not validation.result["identical"] and all(macro.result["fits"].values())


def _best_and_smallest(against: Finding, figure: Finding, smallest: Finding) -> bool:
    """L-c3: state of the art with the fewest parameters."""
    return figure.result["best"] == lmr_cbt.OWN and {*smallest.result["smallest"].values()} == {lmr_cbt.OWN}


def _sizes_follow(sizes: Finding) -> bool:
    """L-c12: the printed sizes follow from the printed hyper-parameters."""
    return all(size["follows"] for size in sizes.result.values())


# Claim of the ledger -> the findings that decide it, and how.
EXACT = {
    "H-c9": ((hct_mg.true_positives, hct_mg.best_cells), _recognises),
    "M-c12": ((m2fnet.supports_of_splits, m2fnet.validation_rows, m2fnet.macro_f1), _of_splits),
    "L-c3": ((lmr_cbt.reinforcement, lmr_cbt.figure_1, lmr_cbt.fewest_parameters), _best_and_smallest),
    "L-c12": ((lmr_cbt.sizes_of_lmr_cbt,), _sizes_follow),
}
