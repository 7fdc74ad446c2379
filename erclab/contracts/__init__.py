"""Contracts: what every model of padded batches must keep, whatever it computes.

    matrix()                      models x contracts, as a table
    verify(models, contracts)     the same, a `Result` for each case with what was found

`checks.CONTRACTS` are the contracts, `rows.ROWS` says what is peculiar to a model. A quirk of the authors that
breaks a contract is expected to do so: one that silently stopped would be a failure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from erclab.contracts.checks import CONTRACTS, ONCE, SLOW
from erclab.contracts.rows import Case, cases
from erclab.core.errors import unknown
from erclab.core.progress import bar

__all__ = ["BREAKS", "CONTRACTS", "FAILS", "KEPT", "NOT_APPLICABLE", "SLOW", "Case", "Result", "cases", "check",
           "explained", "matrix", "plan", "text", "verify"]

KEPT, BREAKS, FAILS, NOT_APPLICABLE = "ok", "breaks (quirk)", "FAILS", "–"


@dataclass(frozen=True)
class Result:
    """What one contract found in one case.

    Attributes:
        case: the model, its variant and its modalities.
        contract: a key of `CONTRACTS`.
        status: `KEPT`, `BREAKS` (as a quirk must), `FAILS` or `NOT_APPLICABLE`.
        says: what the contract found, or why it does not apply.
        reason: of an expected break.
    """

    case: Case
    contract: str
    status: str
    says: str = ""
    reason: str = ""


def check(case: Case, contract: str) -> Result:
    """Hold one case to one contract. Whatever the model raises is a finding too."""
    expected, why = case.row.breaks.get(contract, (None, ""))
    try:
        reason = CONTRACTS[contract](case)
    except Exception as error:
        says = " ".join(str(error).split())
        says = says if isinstance(error, AssertionError) and says else f"{type(error).__name__}: {says}"
        if expected is not None and re.search(expected, says):
            return Result(case, contract, BREAKS, says, why)
        return Result(case, contract, FAILS, says)
    if expected is not None:
        return Result(case, contract, FAILS, f"kept, though it should break: {why}")
    return Result(case, contract, NOT_APPLICABLE if reason else KEPT, reason or "")


def plan(models: Iterable[str] | None = None, contracts: Sequence[str] | None = None) -> list[tuple[Case, str]]:
    """Which cases are held to which contracts: `SLOW` ones only by name, `ONCE` ones for a row's first subset only.

    Raises:
        UsageError: there is no such model or contract, or the model reads no batches.
    """
    for name in contracts or ():
        if name not in CONTRACTS:
            raise unknown("contract", name, CONTRACTS)
    names = [n for n in CONTRACTS if (n in contracts if contracts else n not in SLOW)]
    return [(case, name) for case in cases(models) for name in names
            if name not in ONCE or case.subset == tuple(case.row.subsets[0])]


def verify(models: Iterable[str] | None = None, contracts: Sequence[str] | None = None,
           progress: bool = False) -> list[Result]:
    """Hold models (default: all that are trained) to contracts (default: all but those that train whole runs).

    Raises:
        UsageError: see `plan`.
    """
    return [check(case, name) for case, name in bar(plan(models, contracts), desc="contracts", unit="check",
                                                    leave=False, progress=progress)]


def matrix(models: Iterable[str] | None = None, contracts: Sequence[str] | None = None, *,
           results: Iterable[Result] | None = None) -> pd.DataFrame:
    """A row per model and variant, a column per contract; the worst over subsets of modalities.

    Args:
        results: of `verify`, to make the table of; by default it is called.
    """
    table: dict[str, dict[str, str]] = {}
    for r in verify(models, contracts) if results is None else results:
        cells = table.setdefault(f"{r.case.row.model}, {r.case.row.variant}", {})
        cells[r.contract] = max(cells.get(r.contract, NOT_APPLICABLE), r.status, key=_WORSE.index)
    return pd.DataFrame.from_dict(table, orient="index").fillna(NOT_APPLICABLE)


def text(table: pd.DataFrame) -> str:
    """The matrix for a terminal: the contracts' names stand upright, numbered, above it."""
    names = [f"{i:>2} {name.replace('_', ' ')}" for i, name in enumerate(table.columns, 1)]
    numbered = table.set_axis(range(1, table.shape[1] + 1), axis=1)
    return "\n".join(names) + "\n\n" + numbered.to_string(line_width=None)


def explained(results: Iterable[Result]) -> dict[str, list[str]]:
    """Under a heading each, what does not show in the matrix: failures, quirks, parameters known to be dead."""
    results = list(results)
    rows = {id(r.case.row): r.case.row for r in results if r.contract == "no_dead_parameter"}
    found = {
        "Failures": [f"{r.case}, {r.contract}: {r.says}" for r in results if r.status == FAILS],
        "Quirks of the authors, which break a contract as they must": [
            f"{r.case.row.model}, {r.case.row.variant}, {r.contract}: {r.reason}" for r in results
            if r.status == BREAKS],
        "Parameters without a gradient": [f"{row.model}, {row.variant}, {pattern}: {why}" for row in rows.values()
                                          for pattern, why in row.dead.items()],
        "Subsets of modalities that are refused": [
            f"{row.model}, {row.variant}, {subset}: {why}" for row in
            {id(r.case.row): r.case.row for r in results if r.contract == "any_modality_subset"}.values()
            for subset, why in row.refuses.items()]}
    return {title: list(dict.fromkeys(lines)) for title, lines in found.items() if lines}


_WORSE = (NOT_APPLICABLE, KEPT, BREAKS, FAILS)
