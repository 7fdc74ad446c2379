"""Arithmetic over printed numbers: what tables of papers imply, contradict, or cannot be.

    report          all findings, as a table, and the exact claims of the ledger
    rounding        what a printed number can stand for, and which counts give a percentage
    averages        weighted or unweighted: which one a printed average is
    contingency     which 2×2 tables give a printed accuracy and F1
    predictions     precision, predictions and counts behind recall, F1 and support
    comparison      better and worse cells, gains, chance of equal digits
    steps           batches, and the reach of Adam
    degenerate      the constant predictor beside every printed table (exhibit O4)
    control         how much a pair says that no 2×2 table gives
    dialoguetrm, hct_mg, lmr_cbt, together, m2fnet, sdt     the findings, paper by paper

A finding is computed from `erclab.published.cells` and has a fair reading: none of them needs bad faith.
"""

from erclab.analysis.audit.finding import Finding
from erclab.analysis.audit.report import exact, findings, table

__all__ = ["Finding", "exact", "findings", "table"]
