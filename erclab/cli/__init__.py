"""The command line. Each command is a thin layer over a function that a notebook can call as well.

One module per group of commands, with an `add(commands)` that describes them. What a command needs is imported when
it runs, so that --help and a mistake are answered at once.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys

import erclab
from erclab.cli import (
    bench,
    claims,
    corpora,
    exhibits,
    export,
    features,
    models,
    predict,
    rebuild,
    report,
    run,
    runs,
    study,
    sweep,
    tune,
)
from erclab.cli.common import EPILOG, joined
from erclab.core.errors import ErclabError
from erclab.core.memory import shortage

# In the order of --help.
GROUPS = (study, run, predict, export, sweep, exhibits, rebuild, claims, report, tune, runs, models, corpora, features,
          bench)


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns the exit status: 0 done, 1 a notebook failed, 2 a mistake that the user can mend."""
    _print_anything()
    options = _parser().parse_args(joined(sys.argv[1:] if arguments is None else arguments))
    if not sys.stderr.isatty():  # a bar that redraws itself makes a mess of a log file
        os.environ.setdefault("TQDM_DISABLE", "1")
    try:
        status = options.command(options)
        sys.stdout.flush()
        return status
    except ErclabError as error:
        print(f"erclab: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("erclab: stopped; finished runs are kept, and the same command goes on from there", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `erclab models | head` is no mistake
        _leave_output()
        return 0
    except OSError as error:  # of a file that no room expected to fail: a full disk, a path that is too long
        what = f"{error.filename}: " if error.filename else ""
        print(f"erclab: error: {what}{error.strerror or error}. Check the path, the permissions and the free space.",
              file=sys.stderr)
        _leave_output()
        return 2
    except (MemoryError, RuntimeError) as problem:
        why = shortage(problem)
        if not why:
            raise
        print(f"erclab: error: there is not enough memory ({why}). Give less at a time, or choose another device "
              "(--device).", file=sys.stderr)
        return 2


def _leave_output() -> None:
    """What is left to print has no reader: Python must not try again when it ends."""
    with contextlib.suppress(OSError, ValueError):  # a stream without a file, or one that is closed
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_anything() -> None:
    """A character that the terminal or the pipe cannot show is printed as its code, instead of a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="erclab", description=erclab.__doc__.splitlines()[0], epilog=EPILOG)
    parser.add_argument("--version", action="version", version=f"erclab {erclab.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for group in GROUPS:
        group.add(commands)
    return parser
