"""`erclab rebuild`: the study's tables, figures and verdicts from its records, without training."""

from __future__ import annotations

from erclab.cli.common import command


def add(commands) -> None:
    """Add the command to the parser."""
    made = command(commands, "rebuild", _rebuild, "make the study's tables, figures and verdicts again from the "
                   "records in the repository, without training")
    made.add_argument("parts", nargs="*", metavar="PART", help="such as simulated-smoke (the exhibits of a corpus and "
                      "profile) or verdicts (default: all)")
    made.add_argument("--check", action="store_true", help="write nothing; name what differs from what is stored")
    made.add_argument("--jobs", type=int, default=2, metavar="N", help="parts at a time (default: %(default)s)")
    made.add_argument("--json", action="store_true", help="print a row per table and figure as JSON")


def _rebuild(options) -> int:
    from joblib import Parallel, delayed

    from erclab.core.errors import UsageError
    from erclab.exhibits import rebuild

    if options.jobs < 1:
        raise UsageError(f"--jobs {options.jobs}", remedy="Give 1 or more.")
    names = list(dict.fromkeys(options.parts)) or rebuild.part_names()
    for name in names:
        rebuild.known(name)
    jobs, found = min(options.jobs, len(names)), {}
    results = Parallel(jobs, return_as="generator")(
        delayed(rebuild.whole)(name, write=not options.check) for name in names)
    for name, made in zip(names, results, strict=True):
        found[name] = made
        if not options.json:
            print("\n".join([rebuild.part_line(name, made), *rebuild.told(made)]), flush=True)
    wrong = [x for made in found.values() for x in made if x.wrong]
    if options.json:
        print(rebuild.as_table(found).to_json(orient="records"))
    else:
        print("Records, from which these are made and which are not made again: "
              + "; ".join(f"{what} ({where})" for where, what in rebuild.SOURCES.items()))
        print(f"{len(wrong)} differ or cannot be made" if wrong else "What was made is as it is stored")
    return 1 if (wrong if options.check else [x for x in wrong if x.state == rebuild.FAILED]) else 0
