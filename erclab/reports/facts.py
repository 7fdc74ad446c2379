"""The sentences of a page that are not computed: `papers/NAME.json`.

They hold no numbers, because numbers change with the evidence. Each fact names what holds it: a file of the repository.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from erclab.core.errors import unknown
from erclab.reports.scores import FIVE


@dataclass(frozen=True)
class Fact:
    """A sentence, and the file that holds it: a test, a table of facts, or the code that does what it says."""

    fact: str
    held: str


@dataclass(frozen=True)
class Facts:
    """Of one paper.

    Attributes:
        idea: what the paper proposes.
        features: its data and features, and what takes their place here.
        easy, hard: what was easy and what was hard to reproduce.
    """

    idea: str
    features: str
    easy: tuple[Fact, ...]
    hard: tuple[Fact, ...]


def file_name(paper: str) -> str:
    """The stem of a paper's files, "hct_mg" of "hct-mg"."""
    return paper.replace("-", "_")


@cache
def facts_of(paper: str) -> Facts:
    """The facts of a paper, by the name of its model.

    Raises:
        UsageError: there is no page of this paper.
    """
    if paper not in FIVE:
        raise unknown("paper", paper, FIVE)
    path = resources.files(__package__).joinpath("papers", f"{file_name(paper)}.json")
    data: Mapping = json.loads(path.read_text(encoding="utf-8"))
    return Facts(data["idea"], data["features"], *(tuple(Fact(**row) for row in data[k]) for k in ("easy", "hard")))
