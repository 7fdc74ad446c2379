"""`erclab report`: pages and parts of the README that follow from claims, evidence and printed numbers."""

from __future__ import annotations

import sys
from pathlib import Path

from erclab.cli.common import command


def add(commands) -> None:
    """Add the command to the parser."""
    made = command(commands, "report", _report, "write a page per paper and the README's generated parts, or check "
                   "them")
    made.add_argument("what", nargs="*", metavar="PAPER", help="dialoguetrm, sdt, m2fnet, hct-mg, lmr-cbt, or readme "
                      "(default: all of it)")
    made.add_argument("--out", type=Path, metavar="DIR", help="a folder for all of it (default: notebooks/reports, and "
                      "README.md and figures/ledger.svg of the checkout)")
    made.add_argument("--check", action="store_true", help="write nothing, name each stale file, and exit with 1 if "
                      "there is one")
    made.add_argument("--again", action="store_true", help="compute all scores again, not only those of new evidence")
    made.add_argument("--evidence", type=Path, metavar="DIR", help="where evidence and verdicts are kept "
                      "(default: data/results/claims)")


def _report(options) -> int:
    from erclab.reports import files

    if options.check:
        lines = files.stale_files(options.what, options.out, options.evidence)
        for line in lines:
            print(f"stale: {line}")
        if lines:
            print("erclab report writes them again.", file=sys.stderr)
        return 1 if lines else 0
    changed = files.write_reports(options.what, options.out, options.evidence, again=options.again)
    for path in changed:
        print(path)
    print(f"{len(changed)} file{'s' * (len(changed) != 1)} changed.", file=sys.stderr)
    return 0
