"""Cross-validation: a corpus as several, each with other dialogues in its test split."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral

import numpy as np

from erclab.core.errors import UsageError, unknown
from erclab.corpora.corpus import Corpus


def folds(corpus: Corpus, by: int | str = 10, seed: int = 0) -> list[Corpus]:
    """The corpus once per fold: that fold is its test split, the next one its validation split, the rest trains it.

    A dialogue lies in one fold as a whole, and every dialogue is tested once. The corpus's own splits do not matter.

    Args:
        by: the number of folds, over which the dialogues are distributed at random; or a column of the table, such as
            "session", each value of which is a fold.
        seed: of the distribution.

    Raises:
        UsageError: arguments of other types, fewer than three folds, more folds than dialogues, no such column, or a
            dialogue whose utterances differ in it.
    """
    if any(isinstance(x, bool) or not isinstance(x, Integral | kind) for x, kind in ((by, str), (seed, Integral))):
        raise UsageError(f"by = {by!r} and seed = {seed!r} are not a number of folds (or a column) and a whole number",
                         remedy='For example by=10, or by="session".')
    if seed < 0:
        raise UsageError(f"the seed of the folds is {seed}", remedy="Take 0 or more.")
    owner = np.repeat(np.arange(len(corpus.starts) - 1), np.diff(corpus.starts))
    if isinstance(by, str):
        if by not in corpus.table.columns:
            raise unknown(f"column of {corpus.name}", by, corpus.table.columns)
        names, fold = np.unique(corpus.table[by].astype(str).to_numpy(), return_inverse=True)
        count, first = len(names), fold[corpus.starts[:-1]]
        if (fold != first[owner]).any():
            dialogue = corpus.table["dialogue"].iloc[int(np.flatnonzero(fold != first[owner])[0])]
            raise UsageError(f"dialogue {dialogue} has several values of {by}, so it would lie in several folds",
                             remedy="Take a column that has one value per dialogue, or a number of folds.")
    else:
        count, dialogues = by, len(corpus.starts) - 1
        if count > dialogues:
            raise UsageError(f"{dialogues} dialogues cannot be dealt to {count} folds",
                             remedy=f"Ask for {dialogues} folds at most.")
        first = np.empty(dialogues, dtype=np.int64)
        first[np.random.default_rng(seed).permutation(dialogues)] = np.arange(dialogues) % max(count, 1)
        fold = first[owner]
    if count < 3:
        raise UsageError(f"{count} fold(s) are too few", remedy="Three or more: to train, to choose, and to test.")
    splits = [np.select([fold == i, fold == (i + 1) % count], ["test", "valid"], "train") for i in range(count)]
    return [replace(corpus, table=corpus.table.assign(split=split),
                    source=f"{corpus.source or corpus.name}, fold {i} of {count}") for i, split in enumerate(splits, 1)]
