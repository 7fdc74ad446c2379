"""Contracts: properties that every model of padded batches must have, whatever it computes.

    matrix()                      models x contracts, as a table
    verify(models, contracts)     the same as a list of `Result`, one for each case and contract
    check(MyModel)                the same for one model: a class, or a name of the registry

`checks.CONTRACTS` are the contracts, `rows.ROWS` the exceptions of each model. A quirk of the authors that is declared
to break a contract must break it; otherwise the contract fails.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from erclab.contracts.broken import ContractBroken
from erclab.contracts.checks import CONTRACTS, ONCE, SLOW
from erclab.contracts.rows import Case, cases
from erclab.core.errors import unknown
from erclab.core.progress import bar

__all__ = ["BREAKS", "CONTRACTS", "ERROR", "FAILS", "KEPT", "NOT_APPLICABLE", "SEVERITY", "SLOW", "Case",
           "ContractBroken", "Result", "cases", "check", "check_case", "explained", "matrix", "plan", "text", "verify"]

KEPT, BREAKS, FAILS, ERROR, NOT_APPLICABLE = "ok", "breaks (quirk)", "FAILS", "error", "–"
SEVERITY = (NOT_APPLICABLE, KEPT, BREAKS, ERROR, FAILS)  # of two verdicts a table shows the one further right


@dataclass(frozen=True)
class Result:
    """The verdict of one contract on one case.

    Attributes:
        case: the model, its variant and its modalities.
        contract: a key of `CONTRACTS`.
        status: `KEPT`, `BREAKS` (a declared quirk), `FAILS`, `NOT_APPLICABLE`, or `ERROR` (a mistake in the check).
        says: the finding of the contract, or why it does not apply.
        reason: why a declared quirk breaks the contract.
    """

    case: Case
    contract: str
    status: str
    says: str = ""
    reason: str = ""


def check(model: str | type, contracts: Sequence[str] | None = None, *, progress: bool = False) -> list[Result]:
    """Check one model in all its variants and subsets of modalities.

    Args:
        model: a name of the registry, or a class with a `Config` and `tiny()`.
        contracts: keys of `CONTRACTS`; by default all except `SLOW`.

    Raises:
        UsageError: see `plan`.
    """
    return verify([model], contracts, progress)


def check_case(case: Case, contract: str) -> Result:
    """Check one case against one contract.

    An exception of the model breaks the contract. Any other exception is a mistake in the check: `ERROR`.
    """
    expected, why = case.row.breaks.get(contract, (None, ""))
    try:
        reason = CONTRACTS[contract](case)
    except ContractBroken as broken:
        says = str(broken)
        if expected is not None and re.search(expected, says):
            return Result(case, contract, BREAKS, says, why)
        return Result(case, contract, FAILS, says)
    except Exception as error:
        return Result(case, contract, ERROR, _mistake(error))
    if expected is not None:
        return Result(case, contract, FAILS, f"kept, though it should break: {why}")
    return Result(case, contract, NOT_APPLICABLE if reason else KEPT, reason or "")


def _mistake(error: Exception) -> str:
    """Type, message and line of an exception; the line is the innermost one beside the contract's own file."""
    frames = traceback.extract_tb(error.__traceback__)[1:]
    folder = Path(frames[0].filename).parent if frames else None
    at = [f for f in frames if Path(f.filename).parent == folder][-1:]
    where = f" ({Path(at[0].filename).name}, line {at[0].lineno})" if at else ""
    return " ".join(f"{type(error).__name__}: {error}{where}".split())


def plan(models: Iterable[str | type] | None = None, contracts: Sequence[str] | None = None
         ) -> list[tuple[Case, str]]:
    """Pairs of case and contract. `SLOW` contracts must be named; `ONCE` contracts check a row's first subset only.

    Args:
        models: names of the registry or classes; by default all models that are trained.
        contracts: keys of `CONTRACTS`.

    Raises:
        UsageError: there is no such model or contract, the model reads no batches, or a class lacks `Config` or `tiny`.
    """
    for name in contracts or ():
        if name not in CONTRACTS:
            raise unknown("contract", name, CONTRACTS)
    names = [n for n in CONTRACTS if (n in contracts if contracts else n not in SLOW)]
    return [(case, name) for case in cases(models) for name in names
            if name not in ONCE or case.subset == tuple(case.row.subsets[0])]


def verify(models: Iterable[str | type] | None = None, contracts: Sequence[str] | None = None,
           progress: bool = False) -> list[Result]:
    """Check models (default: all that are trained) against contracts (default: all except `SLOW`).

    Raises:
        UsageError: see `plan`.
    """
    return [check_case(case, name) for case, name in bar(plan(models, contracts), desc="contracts", unit="check",
                                                         leave=False, progress=progress)]


def matrix(models: Iterable[str | type] | None = None, contracts: Sequence[str] | None = None, *,
           results: Iterable[Result] | None = None) -> pd.DataFrame:
    """A row per model and variant, a column per contract, the worst verdict over subsets of modalities.

    Args:
        results: the results of `verify`; by default `verify(models, contracts)`.
    """
    table: dict[str, dict[str, str]] = {}
    for r in verify(models, contracts) if results is None else results:
        cells = table.setdefault(f"{r.case.row.model}, {r.case.row.variant}", {})
        cells[r.contract] = max(cells.get(r.contract, NOT_APPLICABLE), r.status, key=SEVERITY.index)
    return pd.DataFrame.from_dict(table, orient="index").fillna(NOT_APPLICABLE)


def text(table: pd.DataFrame) -> str:
    """The matrix for a terminal: columns are numbers, and the list above it has the contracts' names."""
    names = [f"{i:>2} {name.replace('_', ' ')}" for i, name in enumerate(table.columns, 1)]
    numbered = table.set_axis(range(1, table.shape[1] + 1), axis=1)
    return "\n".join(names) + "\n\n" + numbered.to_string(line_width=None)


def explained(results: Iterable[Result]) -> dict[str, list[str]]:
    """The details that the matrix lacks, by heading: failures, mistakes in checks, quirks, dead parameters."""
    results = list(results)
    rows = {id(r.case.row): r.case.row for r in results if r.contract == "no_dead_parameter"}
    found = {
        "Failures": [f"{r.case}, {r.contract}: {r.says}" for r in results if r.status == FAILS],
        "Mistakes in the checks themselves": [f"{r.case}, {r.contract}: {r.says}" for r in results
                                              if r.status == ERROR],
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

