"""What several commands share: how one is added, options in common, NAME=VALUE pairs."""

from __future__ import annotations

import argparse
import ast
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

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


def kept_evidence(command: argparse.ArgumentParser, what: str, where: str) -> None:
    """Add the options of a ledger that trains: a corpus's folder, processes, where `what` is kept, where runs go."""
    command.add_argument("--data", metavar="DIR", help="the folder of a corpus that is not embedded")
    command.add_argument("--jobs", type=int, metavar="N", help="runs at a time (default: one per core)")
    command.add_argument("--evidence", type=Path, metavar="DIR", help=f"where {what} are kept (default: {where})")
    command.add_argument("--out", type=Path, metavar="DIR", help="where the runs go (default: build/runs)")


def to_stderr(line: str) -> None:
    """Print a line that is not part of a command's answer, such as a run that failed."""
    print(line, file=sys.stderr)


def reading(command: argparse.ArgumentParser, *, context: bool = True) -> None:
    """Add the options that say how a corpus is read, above all a table of one's own (`read_options`)."""
    group = command.add_argument_group("reading a table of one's own (--corpus table; data/README.md)")
    group.add_argument("--columns", metavar="OURS=THEIRS,…", help="what the table calls our columns, such as "
                       "dialogue=Dialog_ID,text=Utterance; OURS= alone: do not read that column")
    group.add_argument("--labels", metavar="A,B,…", help="the emotions in their order (default: sorted)")
    group.add_argument("--target", action="append", default=[], metavar="NAME[:KIND]=COLUMN,…", dest="targets",
                       help="a task of one's own, for --task NAME; KIND is numbers (default), binary (0 or 1), present "
                            "(1 where the number is above 0) or classes; may be repeated")
    group.add_argument("--scale", action="append", default=[], metavar="[TASK=]LOW,HIGH", dest="scales",
                       help="lowest and highest value of the sentiment (default: -3,3), or without one of one's own "
                            "numbers; with TASK= of that task, and then it may be repeated")
    group.add_argument("--clamp", action="store_true", help="set numbers outside the scale to its nearer end")
    group.add_argument("--emotion4", action="store_true", help="make the task emotion4 (four emotions, each against "
                       "the rest) of the labels neutral, happy, sad and angry; also of other corpora than a table")
    group.add_argument("--fill", metavar="HOW", help="NaN and infinite values of features: refuse (default), median "
                       "(of the training split) or zero")
    group.add_argument("--arrays", action="append", default=[], metavar="MODALITY=FILE[:KEY]",
                       help="the arrays of a modality (default: text.npz, audio.npz, visual.npz); may be repeated")
    if context:
        group.add_argument("--unlabelled", choices=("drop", "context"), help="utterances without an emotion label: "
                           "left out, or kept as context (default, but for iemocap-text-audio)")
    simulating(command)


def simulating(command: argparse.ArgumentParser) -> None:
    """Add the options of a simulated corpus (`simulated_options`)."""
    group = command.add_argument_group("a simulated corpus (data/README.md)")
    group.add_argument("--corpus-seed", type=int, metavar="N", help="other dialogues of the same world (default: 0); "
                       "not the seed of a run")
    group.add_argument("--world", action="append", default=[], metavar="NAME=VALUE,…", help="settings of the world, "
                       "such as persistence=0.4,masked=0.1; may be repeated")


def simulated_options(options: argparse.Namespace) -> dict:
    """What the options of `simulating` are for `erclab.corpora.load`; only those that were given.

    Raises:
        UsageError: an option has another form.
    """
    found: dict = {} if options.corpus_seed is None else {"seed": options.corpus_seed}
    pairs = [pair for text in options.world for pair in re.split(r",(?=\s*[A-Za-z_]\w*\s*=)", text)]
    if pairs:  # a value may have commas itself: dims=(20,18,18)
        found["world"] = {name: _literal(value) for name, value in name_values(pairs, "--world", "persistence=0.4")}
    return found


def variant_of(corpus: str, options: argparse.Namespace) -> str:
    """The name of a corpus with the options of `simulating`, for a folder: simulated-seed-7-persistence-0.4."""
    asked = simulated_options(options)
    parts = [*([f"seed={asked['seed']}"] if "seed" in asked else []),
             *(f"{name}={value}" for name, value in asked.get("world", {}).items())]
    return "-".join([corpus, *(re.sub(r"[^\w.]+", "-", part).strip("-") for part in parts)])


def joined(arguments: Sequence[str]) -> list[str]:
    """The arguments, with `--scale -1,1` as `--scale=-1,1`: argparse takes a word that begins with - for an option."""
    found: list[str] = []
    for word in arguments:
        if found and found[-1] == "--scale" and re.match(r"-[\d.]", word):
            found[-1] = f"--scale={word}"
        else:
            found.append(word)
    return found


def read_options(options: argparse.Namespace) -> dict:
    """What the options of `reading` and `simulating` are for `erclab.corpora.load`; only those that were given.

    Raises:
        UsageError: an option has another form.
    """
    found: dict = {}
    if options.columns:
        found["columns"] = {ours: theirs or None for ours, theirs in columns(
            [options.columns], "dialogue=Dialog_ID,text=Utterance", empty=True).items()}
    if options.labels:
        found["labels"] = [name.strip() for name in options.labels.split(",")]
    if options.targets:
        found["targets"] = {key: names.split(",")
                            for key, names in name_values(options.targets, "--target", "traits=open,kind")}
    if options.scales:
        of_tasks = name_values([s for s in options.scales if "=" in s], "--scale", "traits=1,7")
        named = {task: _ends(ends) for task, ends in of_tasks}
        plain = [_ends(s) for s in options.scales if "=" not in s]
        if len(plain) + bool(named) > 1:
            raise UsageError("several scales without a task, or with and without one", where="--scale",
                             remedy="Name the task of each, for example --scale sentiment=-1,1 --scale traits=1,7.")
        found["scale"] = named or plain[0]
    if options.clamp:
        found["clamp"] = True
    if options.emotion4:
        found["emotion4"] = True
    if options.fill:
        found["fill"] = options.fill
    if options.arrays:
        found["arrays"] = {}
        for modality, file in name_values(options.arrays, "--arrays", "audio=features.npz:X", once=False):
            found["arrays"].setdefault(modality, []).append(file)
    corpus = getattr(options, "corpus", None) or getattr(options, "name", None)
    if corpus and getattr(options, "folds", None):
        from erclab.corpora.registry import reader_options

        if "folded" in reader_options(corpus):
            found["folded"] = True
    if getattr(options, "unlabelled", None):
        found["labelled"] = options.unlabelled == "drop"
    return found | simulated_options(options)


def name_values(texts: Sequence[str], option: str, example: str, *, empty: bool = False, once: bool = True
                ) -> list[tuple[str, str]]:
    """(name, value) of each NAME=VALUE.

    Args:
        texts: what the user gave.
        option: such as --columns.
        example: a pair of this option, for messages.
        empty: whether a value may be empty.
        once: whether a name that is given twice is refused.

    Raises:
        UsageError: a text is no pair, or a name is given twice.
    """
    found = [(name.strip(), value.strip()) for name, _, value in (text.partition("=") for text in texts)]
    for text, (name, value) in zip(texts, found, strict=True):
        if not name or not (value or (empty and "=" in text)):
            raise UsageError(f"'{text}' is not NAME=VALUE", where=option, remedy=f"For example {option} {example}.")
    names = [name for name, _ in found]
    if once and len(set(names)) < len(names):
        raise UsageError(f"'{next(n for n in names if names.count(n) > 1)}' is given twice", where=option,
                         remedy="Give each name once.")
    return found


def columns(given: Sequence[str], example: str, *, empty: bool = False) -> dict[str, str]:
    """Our name -> the table's name, of an option --columns OURS=THEIRS,... that may be repeated.

    Raises:
        UsageError: as `name_values`.
    """
    return dict(name_values([pair for texts in given for pair in texts.split(",")], "--columns", example, empty=empty))


def _ends(text: str) -> tuple[float, float]:
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        raise UsageError(f"'{text}' is not LOW,HIGH", where="--scale", remedy="For example --scale -1,1.") from None
    return low, high


def fold_of(text: str) -> int | str:
    """The value of --folds: a number, or the name of a column."""
    try:
        return int(text)
    except ValueError:
        return text


def named(run: str, folder: str | None):
    """The run that a user names; a warning that older code made it is one line on stderr.

    Raises:
        UsageError, RunError: see `erclab.runs.lookup.find`.
    """
    from erclab import runs

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = runs.find(run, folder)
    for warning in told:
        print(f"erclab: warning: {warning.message}", file=sys.stderr)
    return found


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
        found[name] = _literal(value)
    return found


def _literal(text: str) -> Any:
    """A Python literal, or else the text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text
