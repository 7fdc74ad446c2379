"""Context preference: what a model gains from the conversation, by modality and by the kind of words.

The exact oracle's gains are in `erclab.exhibits.ceilings.context_gain`, in the same layout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from erclab.analysis import cases
from erclab.corpora import Corpus
from erclab.corpora.simulated.world import KINDS
from erclab.runs import Record

Pair = tuple[Sequence[Record], Sequence[Record]]  # without and with the conversation, the same seeds


def kinds(corpus: Corpus, split: str = "test") -> np.ndarray:
    """(N,) the kind of words of every utterance of a split.

    "plain", "ambiguous" or "referential" where that was planted; elsewhere "short" (`cases.SHORT` words or fewer) or
    "longer".
    """
    if "text_kind" in corpus.table:
        return corpus.table["text_kind"].to_numpy()[corpus.rows(split)]
    return np.where(cases.ambiguous(corpus, split), "short", "longer")


def gains(pairs: Mapping[str, Pair], corpus: Corpus, split: str = "test") -> pd.DataFrame:
    """Accuracy (percent) without and with the conversation, by name of the pair and kind of words, means over seeds.

    Columns: `alone`, `with context`, `gain`, its `deviation` over seeds (the same seeds are compared; 0 for one), and
    `utterances`.

    Raises:
        UsageError: see `cases.guesses`.
    """
    truth, kind, rows = corpus.targets(split), kinds(corpus, split), {}
    for name, (free, dependent) in pairs.items():
        right = [[cases.guesses(r, corpus, split) == truth for r in records] for records in (free, dependent)]
        for which in [k for k in (*KINDS, "short", "longer") if k in set(kind)]:
            at = (kind == which) & (truth >= 0)
            alone, seen = (np.array([100 * r[at].mean() for r in side]) for side in right)
            n = min(len(alone), len(seen))
            gain = seen[:n] - alone[:n]
            rows[name, which] = {"alone": alone.mean(), "with context": seen.mean(), "gain": gain.mean(),
                                 "deviation": gain.std(ddof=1) if n > 1 else 0.0, "utterances": int(at.sum())}
    return pd.DataFrame(rows).T.rename_axis(["modality", "words"])
