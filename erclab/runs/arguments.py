"""Checks of the arguments of a run: their types, which Python leaves open, and settings against the corpus."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from erclab.core.errors import UsageError
from erclab.corpora import Corpus
from erclab.models.requirements import speaker_limit
from erclab.runs.records import Record
from erclab.training.recipes import Recipe

MOST_SEEDS = 10_000


def seeds(given: Any) -> list[int]:
    """The seeds as numbers, of how many (0 to N-1) or which.

    Raises:
        UsageError: the argument is neither a number nor a list; or the list is empty, or has a seed twice or a negative
        one.
    """
    try:
        listed: list[Any] = [None] if isinstance(given, str | bytes | Mapping) else list(
            range(min(int(given), MOST_SEEDS + 1)) if _whole(given) else given)
    except TypeError:  # not a number and not a list
        listed = [None]
    if not all(_whole(seed) for seed in listed):
        raise UsageError(f"seeds = {given!r} is neither how many nor which",
                         remedy="For example 5 (the seeds 0 to 4), or [0, 7] (on the command line --seeds 5, or "
                                "--seed 7).")
    found = [int(seed) for seed in listed]
    if not found or min(found) < 0:
        raise UsageError(f"seeds = {given} gives no run", remedy="Ask for one or more; they are numbered from 0.")
    if len(set(found)) < len(found) or len(found) > MOST_SEEDS or max(found) >= 1 << 63:
        raise UsageError(f"seeds = {given} has a seed twice, more than {MOST_SEEDS} seeds, or one that is too large",
                         remedy="Ask for different seeds below 2**63.")
    return found


def _whole(x: Any) -> bool:
    return isinstance(x, numbers.Integral) and not isinstance(x, bool)


def check_types(*, corpus: Any = None, profile: Any = "", variant: Any = None, modalities: Any = None, task: Any = None,
                words: Any = None, teacher: Any = None, recipe: Any = None, folder: Any = None) -> None:
    """Refuse arguments of other types than `erclab.runs.run` documents.

    Raises:
        UsageError: names the argument and what it may be.
    """
    if not isinstance(corpus, Corpus | None):
        raise UsageError(f"corpus = {corpus!r} is not a corpus", remedy="Load it first: erclab.load(NAME, FOLDER).")
    for name, value in (("profile", profile), ("variant", variant), ("task", task)):
        if not isinstance(value, str | None):
            raise UsageError(f"{name} = {value!r} is not text", remedy="Give a name in quotes.")
    for name, value in (("words", words), ("folder", folder)):
        if not isinstance(value, str | Path | None):
            raise UsageError(f"{name} = {value!r} is not text or a path", remedy=f"For example {name}=\"path\".")
    if not isinstance(recipe, Recipe | Mapping | None):
        raise UsageError(f"recipe = {recipe!r} is neither a Recipe nor a dictionary of its fields",
                         remedy="For example recipe={'epochs': 5}.")
    if not isinstance(teacher, Record | str | None):
        raise UsageError(f"teacher = {teacher!r} is neither a run nor its id", remedy="Give one run of runs.run.")
    if modalities is None:
        return
    listed = isinstance(modalities, Sequence) and not isinstance(modalities, str)
    if not listed or not modalities or not all(isinstance(m, str) for m in modalities):
        example = modalities.replace("+", ",").split(",") if isinstance(modalities, str) and modalities else ["text"]
        raise UsageError(f"modalities = {modalities!r} is not a list of names",
                         remedy=f"For example {[m.strip() for m in example]}; None for all.")
    if len(set(modalities)) < len(modalities):
        raise UsageError(f"modalities = {list(modalities)} has a name twice", remedy="Name each once.")


def check_fits_corpus(config: Any, corpus: Corpus, *, dims: Mapping[str, int], outputs: int, task: str) -> None:
    """Refuse a Config that contradicts the corpus.

    Args:
        dims: modality -> width of what the model reads of the corpus.
        outputs: what the corpus has for the task.

    Raises:
        UsageError: names the setting, and what the corpus has.
    """
    def refuse(name: str, have: Any, remedy: str = "") -> None:
        raise UsageError(f"{name} = {getattr(config, name)!r} contradicts the corpus {corpus.name}, which has {have}",
                         remedy=remedy or f"Leave {name} out: the corpus decides it.")

    if config.outputs != outputs:
        refuse("outputs", f"{outputs} for the task {task}")
    if config.task != task:
        refuse("task", f"{task} here", "Choose the task by its own argument (--task; in Python task=...).")
    if tuple(getattr(config, "dims", dims.items())) != tuple(dims.items()):
        refuse("dims", ", ".join(f"{m} of width {d}" for m, d in dims.items()),
               "Leave dims out; choose modalities by their own argument (--modalities; in Python modalities=[...]).")
    limit = speaker_limit(config)
    if limit is not None and limit < corpus.speaker_count:
        refuse("speakers", f"{corpus.speaker_count} in a dialogue" if not corpus.roles else corpus.speaker_count)
    if getattr(config, "max_turns", corpus.longest) < corpus.longest:
        refuse("max_turns", f"a dialogue of {corpus.longest} turns")
    for m, n in getattr(config, "lengths", ()):
        if n < corpus.frames[m].lengths.max():
            refuse("lengths", f"a sequence of {corpus.frames[m].lengths.max()} steps of {m}")
