"""The command line. Each command is a thin layer over a function that a notebook can call as well.

One module per group of commands, with an `add(commands)` that describes them. What a command needs is imported when
it runs, so that --help and a mistake are answered at once.
"""

from __future__ import annotations

import argparse
import os
import sys

import erclab
from erclab.cli import bench, corpora, exhibits, features, models, run, runs, study, sweep
from erclab.cli.common import EPILOG, joined
from erclab.core.errors import ErclabError

GROUPS = (study, run, sweep, exhibits, runs, models, corpora, features, bench)  # in the order of --help


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns the exit status: 0 done, 1 a notebook failed, 2 a mistake that the user can mend."""
    options = _parser().parse_args(joined(sys.argv[1:] if arguments is None else arguments))
    if not sys.stderr.isatty():  # a bar that redraws itself makes a mess of a log file
        os.environ.setdefault("TQDM_DISABLE", "1")
    try:
        return options.command(options)
    except ErclabError as error:
        print(f"erclab: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("erclab: stopped; finished runs are kept, and the same command goes on from there", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `erclab models | head` is no mistake
        sys.stderr.close()
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="erclab", description=erclab.__doc__.splitlines()[0], epilog=EPILOG)
    parser.add_argument("--version", action="version", version=f"erclab {erclab.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for group in GROUPS:
        group.add(commands)
    return parser
