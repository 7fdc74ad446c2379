"""`erclab models` and `erclab contracts`: the models with their sizes, and the contracts that they keep."""

from __future__ import annotations

import json

from erclab.cli.common import command


def add(commands) -> None:
    """Add the commands to the parser."""
    models = command(commands, "models", _models, "list the models with their sizes, beside those that papers print")
    models.add_argument("models", nargs="*", metavar="MODEL", help="these only (default: all)")
    models.add_argument("--json", action="store_true", help="as JSON")
    contracts = command(commands, "contracts", _contracts, "test the contracts of each model, and print the matrix")
    contracts.add_argument("models", nargs="*", metavar="MODEL", help="names from `erclab models` (default: all)")
    contracts.add_argument("--contract", action="append", metavar="NAME", help="this one only; may be repeated")
    contracts.add_argument("--all", action="store_true", help="also those that train whole runs, which takes minutes")
    contracts.add_argument("--json", action="store_true", help="as JSON")


def _models(options) -> int:
    from erclab.analysis import sizes

    found = sizes.describe(options.models or None)
    print(json.dumps(found) if options.json else sizes.text(found))
    return 0


def _contracts(options) -> int:
    from erclab import contracts

    names = options.contract or (list(contracts.CONTRACTS) if options.all else None)
    results = contracts.verify(options.models or None, names, progress=not options.json)
    table = contracts.matrix(results=results)
    failed = [r for r in results if r.status in (contracts.FAILS, contracts.ERROR)]
    if options.json:
        print(json.dumps({"matrix": table.to_dict("index"), "findings": [
            {"model": r.case.row.model, "variant": r.case.row.variant, "modalities": r.case.subset,
             "contract": r.contract, "status": r.status, "says": r.says, "reason": r.reason}
            for r in results if r.status in (contracts.BREAKS, contracts.FAILS, contracts.ERROR)]}))
        return 1 if failed else 0
    print(contracts.text(table))
    for title, lines in contracts.explained(results).items():
        print(f"\n{title}\n" + "\n".join(f"  {line}" for line in lines))
    left_out = [n for n in contracts.SLOW if n not in table.columns]
    if left_out and not options.contract:
        print(f"\nNot tried, it trains whole runs: {', '.join(left_out)} (--all).")
    return 1 if failed else 0
