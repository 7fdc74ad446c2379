"""What several commands share: how one is added, options in common, NAME=VALUE pairs."""

from __future__ import annotations

import argparse
import ast
from collections.abc import Callable

from erclab.core.errors import UsageError

EPILOG = "Every command explains itself with --help. A mistake of yours ends with status 2 and one line."


def command(commands, name: str, function: Callable[[argparse.Namespace], int], text: str, **options
            ) -> argparse.ArgumentParser:
    """Add a command that is explained by `text` and done by `function`, which returns the exit status."""
    added = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", epilog=EPILOG,
                                **options)
    added.set_defaults(command=function)
    return added


def profile_and_corpus(command: argparse.ArgumentParser, of_each: str = "") -> None:
    """Add the options that say which recipes and which corpus; with `of_each` none is given by default, but that."""
    command.add_argument("--profile", default="smoke", help="smoke: a CPU, seconds (default); full: paper scale")
    command.add_argument("--corpus", default="" if of_each else "simulated", metavar="C",
                         help=f"a name from `erclab corpora` (default: {of_each or 'simulated'})")
    command.add_argument("--data", metavar="DIR", help="the folder of a corpus that is not embedded")


def changes(pairs: list[str], option: str = "--set") -> dict:
    """NAME=VALUE pairs as a dictionary; a name may have dots (bert.layers), a value is a Python literal (0.1, True,
    None, (1, 2)) or else text.

    Raises:
        UsageError: a pair is none.
    """
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not all(part.isidentifier() for part in name.split(".")):
            raise UsageError(f"'{pair}' is not NAME=VALUE", where=option, remedy=f"For example: {option} epochs=5.")
        try:
            found[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            found[name] = value
    return found
