"""`erclab runs`: what has been trained."""

from __future__ import annotations

import sys
from pathlib import Path

from erclab.cli.common import changes, command


def add(commands) -> None:
    """Add the command to the parser."""
    runs = command(commands, "runs", _runs, "list the runs that exist, with their scores on the test split")
    for name, text in (("model", "a name from `erclab models`"), ("corpus", "a name from `erclab corpora`"),
                       ("task", "emotion, emotion4, sentiment or dimensional"), ("seed", "of the run")):
        runs.add_argument(f"--{name}", metavar=name[0].upper(), help=f"only these: {text}")
    runs.add_argument("--where", action="append", default=[], metavar="NAME=VALUE",
                      help="only runs with this in a column, or in a setting of the model or its recipe, such as "
                           "hidden=32; may be repeated")
    runs.add_argument("--sort", metavar="COLUMN", help="by a column or setting (default: model, corpus, seed)")
    runs.add_argument("--descending", action="store_true", help="with --sort: the largest first")
    runs.add_argument("--out", type=Path, metavar="DIR", help="where runs are kept (default: build/runs)")
    runs.add_argument("--json", action="store_true", help="as JSON, with all columns")


def _runs(options) -> int:
    from erclab.core import paths
    from erclab.runs.table import COLUMNS, catalogue, column

    asked = changes(options.where, "--where")
    named = {name: getattr(options, name) for name in ("model", "corpus", "task", "seed")}
    table = catalogue(options.out, where={name: v for name, v in named.items() if v is not None} | asked,
                      warn=lambda line: print(f"erclab: warning: {line}", file=sys.stderr))
    if options.sort and len(table):
        values = column(table, options.sort)
        if not all(isinstance(v, int | float) for v in values):  # lists and mixtures have no order of their own
            values = values.astype(str)
        table = table.loc[values.sort_values(ascending=not options.descending, kind="stable").index]
    if options.json:
        print(table.to_json(orient="records"))
        return 0
    shown = [*COLUMNS, *(n for n in dict.fromkeys([*asked, options.sort]) if n in table and n not in COLUMNS)]
    if len(table):
        print(table[shown].to_string(index=False, na_rep="–", float_format=lambda x: f"{x:.4g}"))
    print(f"{len(table)} runs in {options.out or paths.runs_dir()}")
    return 0
