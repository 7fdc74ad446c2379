"""Context: the two contexts of a target, and what a model gains from the conversation, by modality and kind of words.

The gains of the exact oracle of a view are in `erclab.analysis.ceilings.context_gain`, in the same layout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from erclab.analysis import cases
from erclab.corpora import Corpus
from erclab.corpora.simulated.world import KINDS
from erclab.models.dialoguetrm.windows import contexts
from erclab.runs import Record

PAPER_SPEAKERS, PAPER_TARGET, PAPER_WINDOW = (1, 1, 2, 1, 3, 2, 1, 2), 7, 3  # DialogueTRM's Table 1, counted from 1
Pair = tuple[Sequence[Record], Sequence[Record]]  # without and with context, the same seeds


def context_sets(corpus: Corpus) -> pd.DataFrame:
    """The individual and the conversational context of a target (DialogueTRM, Table 1), in the paper's example and in a
    conversation of the corpus.

    x²₃ is the third turn of the conversation, said by the second speaker. The corpus's conversation is the first of its
    test split with as many turns as the example (its first eight are shown), or else its longest one.
    """
    own = _example(corpus)
    columns = {"the paper's example": (PAPER_SPEAKERS, PAPER_TARGET),
               f"{corpus.name}, {own[0]}": (own[1], min(PAPER_TARGET, len(own[1])))}
    return pd.DataFrame({name: _sets(*given) for name, given in columns.items()}).rename_axis(f"K = {PAPER_WINDOW}")


def _example(corpus: Corpus) -> tuple[str, tuple[int, ...]]:
    """The name of a conversation of the corpus, and the speakers of its first turns, numbered from 1."""
    lengths = np.diff(corpus.starts)
    there = np.flatnonzero(corpus.dialogue_splits == "test")
    there = there if len(there) else np.arange(len(lengths))
    enough = there[lengths[there] >= len(PAPER_SPEAKERS)]
    i = int(enough[0]) if len(enough) else int(there[lengths[there].argmax()])
    start = corpus.starts[i]
    speakers = pd.factorize(corpus.table["speaker"].iloc[start:corpus.starts[i + 1]])[0] + 1
    return corpus.table["dialogue"].iloc[start], tuple(speakers[:len(PAPER_SPEAKERS)].tolist())


def _sets(speakers: Sequence[int], target: int) -> dict[str, str]:
    found = contexts(speakers, target - 1, PAPER_WINDOW)
    def said(turns: Sequence[int]) -> str:
        return "{" + ", ".join(_symbol(speakers[t], t + 1) for t in turns) + "}"

    return {"conversation X": said(range(len(speakers))), "target": _symbol(speakers[target - 1], target),
            "individual context": said(found.individual), "conversational context": said(found.conversational)}


def _symbol(speaker: int, turn: int) -> str:
    up, down = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"), str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
    return f"x{str(speaker).translate(up)}{str(turn).translate(down)}"


def kinds(corpus: Corpus, split: str = "test") -> np.ndarray:
    """(N,) the kind of words of every utterance of a split.

    "plain", "ambiguous" or "referential" where that was planted; elsewhere "short" (`cases.SHORT` words or fewer) or
    "longer".
    """
    if "text_kind" in corpus.table:
        return corpus.table["text_kind"].to_numpy()[corpus.rows(split)]
    return np.where(cases.ambiguous(corpus, split), "short", "longer")


def context_gains(pairs: Mapping[str, Pair], corpus: Corpus, split: str = "test") -> pd.DataFrame:
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
