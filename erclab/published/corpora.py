"""How many utterances of each class the corpora have that the papers score: counts of public test sets."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources

from erclab.core.errors import unknown


@cache
def _known() -> dict[str, dict[str, dict[str, int]]]:
    return json.loads(resources.files(__package__).joinpath("corpora.json").read_text(encoding="utf-8"))


def class_counts(corpus: str, split: str = "test") -> dict[str, int]:
    """Class -> utterances of a split, for the corpora of `corpora.json`: iemocap-6, iemocap-4, meld, mosi (signs).

    Raises:
        UsageError: the counts of this corpus or split are not kept.
    """
    if corpus not in _known():
        raise unknown("corpus with counts of classes", corpus, _known())
    splits = [name for name in _known()[corpus] if name != "source"]
    if split not in splits:
        raise unknown(f"split of {corpus} with counts of classes", split, splits)
    return dict(_known()[corpus][split])
