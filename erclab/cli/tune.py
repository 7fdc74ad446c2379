"""`erclab tune`: equal tuning budgets."""

from __future__ import annotations

from erclab.cli.common import command, kept_evidence, to_stderr


def add(commands) -> None:
    """Add the command to the parser."""
    made = command(commands, "tune", _tune, "show what equal tuning budgets found, or train the draws and the best "
                   "setting of each model")
    made.add_argument("models", nargs="*", metavar="MODEL", help="with a declared space (default: all of them)")
    made.add_argument("--corpus", metavar="C", required=True, help="where they are tuned")
    made.add_argument("--train", action="store_true", help="train the draws that are missing, then the best setting of "
                      "each model with fresh seeds; safe to stop, the same command goes on")
    made.add_argument("--draws", type=int, metavar="N", help="only the first N draws of each model; the best is then "
                      "trained in a rehearsal alone (default: as many as are declared)")
    made.add_argument("--seeds", type=int, metavar="N", help="only the first N seeds of the best setting; 0: none")
    kept_evidence(made, "draws and evidence", "data/results/tuning")
    made.add_argument("--json", action="store_true", help="print the table as JSON")


def _tune(options) -> int:
    from erclab.claims import tuned
    from erclab.core.errors import UsageError
    from erclab.published.tuning import declared

    spaces = declared()
    names = spaces.models_on(options.corpus, options.models)
    if options.seeds is not None and options.seeds < 0:
        raise UsageError(f"--seeds {options.seeds}", remedy="0 or more.")
    failed = _train(options, spaces, names) if options.train else []
    table = tuned.table(spaces, options.corpus, options.evidence)
    if options.json:
        print(table.to_json(orient="index"))
    else:
        _print(options, spaces, names, table)
    return 1 if failed else 0


def _train(options, spaces, names) -> list[str]:
    from erclab.claims import tuning
    from erclab.core import paths

    how = {"data": options.data or "", "where": options.evidence, "draws": options.draws, "jobs": options.jobs,
           "said": to_stderr}
    folder = options.out or paths.runs_dir()
    failed = tuning.train_draws(spaces, names, options.corpus, folder, **how)
    if options.seeds != 0:
        failed += tuning.confirm_best(spaces, names, options.corpus, folder, seeds=options.seeds, **how)
    return failed


def _print(options, spaces, names, table) -> None:
    from erclab import models
    from erclab.claims import costs, draws, tuning

    corpus, where, total = options.corpus, options.evidence, 0.0
    score = spaces.score[spaces.task(corpus)].replace("_", " ")
    print(f"{corpus}: {score}; draws by the rules of erclab/published/tuning.json, on validation")
    width = max(14, *(len(models.info(name).title) for name in names))
    for name in names:
        title, log = models.info(name).title, draws.read_draws(spaces, name, corpus, where)
        kept = tuning.tuned_shelf(corpus, where).arm(tuning.tuned_arm(name))
        runs = len(tuning.missing_draws(spaces, name, log, options.draws)) + tuning.missing_seeds(
            spaces, name, corpus, kept)
        line, row = f"  {title:<{width}} {len(log.tried) if log else 0} of {spaces.draws} draws", None
        if title in table.index:
            row = table.loc[title]
            line += f", best {row['validation, best']} (recipe {row['validation, recipe']})"
            line += f"; test {row['test, tuned']}, {len(kept)} run{'s' * (len(kept) != 1)}" if kept else ""
        if runs:
            cost = tuning.cost_of_tuning(spaces, name, corpus, log, runs)
            line += f"; {runs} run{'s' * (runs != 1)} to train" + ("" if cost is None else f", {costs.duration(cost)}")
            total += cost or 0.0
        print(line)
        for base in (models.info(base).title for base in spaces.group(name).bases):
            if row is not None and row[f"minus {base}"]:
                print(f"      minus {base}: {row[f'minus {base}']}: {row[f'beats {base}']}")
    if total:
        print(f"To train: about {costs.duration(total)} on one core (erclab tune --corpus {corpus} --train).")
