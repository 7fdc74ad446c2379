"""Tables, cells and links of Markdown, and numbers as they are shown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from erclab.analysis.shown import shown_as

TO_ROOT = "../../"  # from the folder of the pages to that of the repository


def pipes(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table."""
    return [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns),
            *(f"| {' | '.join(escaped(x) for x in row)} |" for row in rows)]


def escaped(text: str) -> str:
    """A text that has no meaning as a border of a table or as a tag."""
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").replace("&lt;br>", "<br>").split())


def link_to(path: str, text: str = "") -> str:
    """A link from a page to a file of the repository."""
    return f"[{text or path}]({TO_ROOT}{path})"


def interval_text(value: float, low: float, high: float, metric: str, *, signed: bool = False, seeds: int = 0,
                  dialogues: int = 0) -> str:
    """Such as "62.0 [58.1, 65.9]": shares in percent, others as they are. Without an interval "62.0 (one seed)", or
    "62.0 (one dialogue)", which is why several seeds have none."""
    factor, digits = shown_as(metric)
    text = f"{factor * value:{'+' if signed else ''}z.{digits}f}"
    if math.isnan(low):
        return f"{text} (one dialogue)" if dialogues == 1 or seeds > 1 else f"{text} (one seed)"
    ends = [f"{factor * x:z.{digits}f}" for x in (low, high)]
    return text if ends[0] == ends[1] == text else f"{text} [{', '.join(ends)}]"


def plural(count: int, word: str) -> str:
    """Such as "1 claim", "2,000 claims"."""
    return f"{count:,} {word}{'s' * (count != 1)}"


def listed(names: Sequence[str], last: str = "and") -> str:
    """Such as "a, b and c"."""
    return f" {last} ".join([*([", ".join(names[:-1])] if len(names) > 1 else []), *names[-1:]])
