"""What arithmetic over printed numbers finds, in one form for all papers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One result of the audit of printed numbers.

    Attributes:
        id: the paper's letter and a word, such as "D-averages".
        papers: names of the papers' models, such as ("dialoguetrm",).
        where: table, figure or section.
        computed: what was computed, with its numbers, in a sentence or two.
        reading: a fair reading: what would explain it.
        contradicts: the printed statement that it contradicts, in our words; "" where it contradicts none.
        result: name -> value, what tests and the ledger read.
    """

    id: str
    papers: tuple[str, ...]
    where: str
    computed: str
    reading: str
    contradicts: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)


Make = Callable[[], Finding]
