"""Single cases behind a score: utterances that one kind of run predicts correctly and another kind does not, and
ambiguous words.

After the case study of Mao et al. (2020): the true emotions of the utterances that a model of the text alone misses and
a model of all modalities finds, and the predictions of the model of the text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from erclab.analysis.inside import check_corpus
from erclab.core.errors import UsageError
from erclab.corpora import Corpus
from erclab.corpora.simulated.world import AFFECT
from erclab.runs import Record

SHORT = 2  # words at most of an utterance that is called ambiguous in a real corpus, such as "yeah."


def guesses(record: Record, corpus: Corpus, split: str = "test") -> np.ndarray:
    """(N,) the label index that a run predicts for every utterance of a split, in row order.

    Raises:
        UsageError: the run was trained on another corpus, or it does not predict emotions.
        RunError: its predictions are gone.
    """
    check_corpus(record, corpus)
    if record.task != "emotion":
        raise UsageError(f"the run predicts {record.task}, not emotions", where=record.id)
    return record.guesses(split)


def ambiguous(corpus: Corpus, split: str = "test") -> np.ndarray:
    """(N,) bool: the utterances of a split whose words do not show the emotion.

    Planted in a simulated corpus; elsewhere by rule: one or two words, such as "Yeah.".
    """
    rows = corpus.table.iloc[corpus.rows(split)]
    if "text_kind" in rows:
        return (rows["text_kind"] == "ambiguous").to_numpy()
    return rows["text"].str.split().str.len().between(1, SHORT).to_numpy()


def negative(labels: Sequence[str]) -> np.ndarray:
    """(C,) bool: the emotions of negative valence, by their usual places in affect space; unknown labels are not."""
    return np.array([AFFECT.get(label, (0.0,))[0] < -0.2 for label in labels], dtype=bool)


def rectified(text: Sequence[Record], multimodal: Sequence[Record], corpus: Corpus, split: str = "test"
              ) -> pd.DataFrame:
    """Mistakes of the text alone that all modalities correct, by true emotion, means over seeds.

    Columns: `mended`, the number of utterances that the text misses and all modalities find; `share` (percent) of all
    mended; `from negative`, the percentage of them that the text took for a negative emotion; `negative before`, the
    same percentage among all utterances that the text misses, for comparison; and `broken`, the number of utterances
    that the text finds and all modalities miss. A share of no utterances is NaN.

    Raises:
        UsageError: see `guesses`.
    """
    truth, bad = corpus.targets(split), negative(corpus.labels)
    parts = []
    for alone, together in zip(text, multimodal, strict=False):
        t, m = guesses(alone, corpus, split), guesses(together, corpus, split)
        parts.append(pd.DataFrame({
            "mended": (t != truth) & (m == truth), "missed": t != truth, "broken": (t == truth) & (m != truth),
            "negative": bad[t], "label": truth})[truth >= 0])
    cases, seeds = pd.concat(parts), len(parts)
    rows = {}
    for c, label in enumerate(corpus.labels):
        own = cases[cases["label"] == c]
        mended, missed = own[own["mended"]], own[own["missed"]]
        rows[label] = {"mended": len(mended) / seeds, "share": _percent(len(mended), cases["mended"].sum()),
                       "from negative": _percent(mended["negative"].sum(), len(mended)),
                       "negative before": _percent(missed["negative"].sum(), len(missed)),
                       "broken": own["broken"].sum() / seeds}
    return pd.DataFrame(rows).T.rename_axis("emotion")


def ambiguous_accuracy(groups: Mapping[str, Sequence[Record]], corpus: Corpus, split: str = "test") -> pd.DataFrame:
    """The accuracy of each group of runs on ambiguous utterances.

    One row per group; columns: one per seed (percent), and `utterances`, how many there are. NaN where there is none.

    Raises:
        UsageError: see `guesses`.
    """
    truth = corpus.targets(split)
    at = ambiguous(corpus, split) & (truth >= 0)
    return pd.DataFrame({
        name: {f"seed {r.spec['seed']}": _percent((guesses(r, corpus, split)[at] == truth[at]).sum(), at.sum())
               for r in records} | {"utterances": int(at.sum())}
        for name, records in groups.items()}).T


def corrected_conversation(text: Record, multimodal: Record, corpus: Corpus, split: str = "test", turns: int = 7
                           ) -> pd.DataFrame:
    """The part of a conversation, `turns` long, in which all modalities correct most mistakes of the text.

    New mistakes are subtracted; of equal parts the first is taken.

    Returns:
        One row per turn; columns dialogue, turn, speaker, text, and the emotions `text`-predicted as "TP",
        multimodal-predicted as "MP" and true as "GT" ("" without annotation).

    Raises:
        UsageError: see `guesses`.
    """
    rows, truth = corpus.rows(split), corpus.targets(split)
    t, m = guesses(text, corpus, split), guesses(multimodal, corpus, split)
    worth = np.where(truth >= 0, (m == truth).astype(int) - (t == truth), 0)
    dialogue = corpus.table["dialogue"].to_numpy()[rows]
    sums, before = np.concatenate([[0], worth.cumsum()]), np.flatnonzero(np.r_[True, dialogue[1:] != dialogue[:-1]])
    best = (-np.inf, 0, 0)
    for start, end in zip(before, [*before[1:], len(rows)], strict=True):
        for a in range(start, max(start, end - turns) + 1):
            b = min(a + turns, end)
            best = max(best, (sums[b] - sums[a], -a, -b))  # of equal parts the first
    part = slice(-best[1], -best[2])
    names = np.array([*corpus.labels, ""])  # -1: no label
    table = corpus.table.iloc[rows[part]][["dialogue", "turn", "speaker", "text"]].reset_index(drop=True)
    return table.assign(TP=names[t[part]], MP=names[m[part]], GT=names[truth[part]])


def _percent(part: float, whole: float) -> float:
    return 100 * float(part) / float(whole) if whole else float("nan")
