"""`erclab rebuild`: the study's tables, figures and verdicts from its records, without training."""

from __future__ import annotations

from erclab.cli.common import command

REPORTS = "reports"  # the last part, after those of `erclab.exhibits.rebuild`


def add(commands) -> None:
    """Add the command to the parser."""
    made = command(commands, "rebuild", _rebuild, "make the study's tables, figures and verdicts again from the "
                   "records in the repository, without training")
    made.add_argument("parts", nargs="*", metavar="PART", help="such as simulated-smoke (the exhibits of a corpus and "
                      "profile), verdicts or reports (default: all)")
    made.add_argument("--check", action="store_true", help="write nothing; name what differs from what is stored")
    made.add_argument("--jobs", type=int, default=2, metavar="N", help="parts at a time (default: %(default)s)")
    made.add_argument("--json", action="store_true", help="print a row per table and figure as JSON")


def _rebuild(options) -> int:
    from joblib import Parallel, delayed

    from erclab.core.errors import UsageError, unknown
    from erclab.exhibits import rebuild

    if options.jobs < 1:
        raise UsageError(f"--jobs {options.jobs}", remedy="Give 1 or more.")
    there = [*rebuild.part_names(), REPORTS]
    names = list(dict.fromkeys(options.parts)) or there
    if strange := [name for name in names if name not in there]:
        raise unknown("part", strange[0], there)
    first = [name for name in names if name != REPORTS]
    results = Parallel(min(options.jobs, len(first) or 1), return_as="generator")(
        delayed(rebuild.whole)(name, write=not options.check) for name in first)
    found = {}

    def take(name, made):
        found[name] = made
        if not options.json:
            print("\n".join([rebuild.part_line(name, made), *rebuild.told(made)]), flush=True)

    for name, made in zip(first, results, strict=True):
        take(name, made)
    if REPORTS in names:  # after the verdicts, which they read
        take(REPORTS, _reports(options.check))
    wrong = [x for made in found.values() for x in made if x.wrong]
    if options.json:
        print(rebuild.as_table(found).to_json(orient="records"))
    else:
        print("Records, from which these are made and which are not made again: "
              + "; ".join(f"{what} ({where})" for where, what in rebuild.SOURCES.items()))
        print(f"{len(wrong)} differ or cannot be made" if wrong else "What was made is as it is stored")
    return 1 if (wrong if options.check else [x for x in wrong if x.state == rebuild.FAILED]) else 0


def _reports(check: bool) -> list:
    """The pages and the README's generated parts: a `Made` per file that is stale, or that was written again."""
    from erclab.exhibits.rebuild import DIFFERS, REPORT, Made
    from erclab.reports import files

    lines = files.stale_files() if check else [str(path) for path in files.write_reports()]
    return [Made(line.partition(": ")[0], REPORT, DIFFERS, line) for line in lines]
