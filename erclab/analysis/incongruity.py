"""Utterances whose modalities contradict each other, chosen by a rule: planted contradictions in a simulated corpus,
else the disagreement of models of one modality each.

The authors of HCT-MG chose the four examples of its Table 3 by hand. Here a rule ranks all utterances of a split,
independently of the compared models.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from erclab.analysis import statistics
from erclab.core.errors import UsageError
from erclab.core.targets import Task, of
from erclab.corpora import MODALITIES, Corpus
from erclab.runs import Record

SHARE = 0.1  # of a split: this share of the utterances, those that disagree most, is called incongruent
CHANNELS = ("audio", "visual")
WORDS = {"audio": "voice", "visual": "face"}
RANGE = 6.0  # of sentiment, from -3 to 3


def has_shown(corpus: Corpus) -> bool:
    """Whether the corpus has the emotions that voice and face of each utterance show."""
    return {f"{m}_shown" for m in CHANNELS} <= set(corpus.table.columns)


def lies(corpus: Corpus, split: str = "test") -> pd.DataFrame:
    """Per utterance (index: corpus row) whether its `audio` and its `visual` show another emotion than the true one.

    A masked channel shows no emotion and does not count.

    Raises:
        UsageError: the corpus does not say what voice and face express.
    """
    if not has_shown(corpus):
        raise UsageError(f"{corpus.name} does not say what voice and face express",
                         remedy="Take a simulated corpus, or `disagreement` of models of one modality each.")
    rows = corpus.rows(split)
    truth = np.array(corpus.labels)[corpus.table["label"].to_numpy()[rows]]
    shown = {m: corpus.table[f"{m}_shown"].to_numpy()[rows] for m in CHANNELS}
    return pd.DataFrame({m: (x != "masked") & (x != truth) for m, x in shown.items()}, index=rows)


def disagreement(predictions: Sequence[np.ndarray], task: str | Task) -> np.ndarray:
    """(N,) how far predictions from one modality each contradict one another; 0 where they agree.

    Classes and binary labels: Jensen-Shannon divergence of the distributions over labels in bits, for binary labels
    such as `emotion4` the mean over them. `sentiment`: the distance between the most positive and the most negative
    one, and `RANGE` more if they differ in sign, so that such utterances come first. Other numbers, such as
    `dimensional`: the distance, mean over columns.

    Args:
        predictions: (N, C) of each modality, as `erclab.core.tasks.predictions` has them.

    Raises:
        UsageError: fewer than two modalities, which cannot contradict each other.
    """
    if len(predictions) < 2:
        raise UsageError(f"{len(predictions)} modality cannot contradict another", remedy="Give two or more.")
    x = np.stack([np.asarray(p, dtype=np.float64) for p in predictions])  # (M, N, C)
    task = of(task)
    if task.kind == "numbers":
        apart = x.max(0) - x.min(0)
        differ = (x.max(0) > 0) & (x.min(0) < 0)
        return (apart + RANGE * differ)[:, 0] if task.name == "sentiment" else apart.mean(1)
    p = np.exp(x).reshape(*x.shape[:2], -1, 2 if task.kind == "binary" else x.shape[2])
    return (_entropy(p.mean(0)) - _entropy(p).mean(0)).mean(-1)


def incongruent_utterances(corpus: Corpus, alone: Mapping[str, Record] | None = None, split: str = "test"
                           ) -> pd.DataFrame:
    """The utterances of a split (index: corpus row): `incongruent`, `score` (to rank them by) and `why`, in words.

    In a simulated corpus: voice or face shows another emotion; the score is the number of such modalities plus the
    intensity. In another corpus: the `SHARE` of utterances on which models of one modality each disagree most; no
    utterance if none disagree.

    Args:
        alone: modality -> a run of this modality alone, needed for a corpus that is not simulated.

    Raises:
        UsageError: nothing was planted, and there are fewer than two such runs.
    """
    if has_shown(corpus):
        found = lies(corpus, split)
        count = found.sum(axis=1)
        score = count + corpus.table["intensity"].to_numpy()[found.index] * (count > 0)
        why = [" and ".join(f"{WORDS[m]} shows {corpus.table[f'{m}_shown'].iloc[i]}" for m in CHANNELS if row[m])
               for i, row in found.iterrows()]
        return pd.DataFrame({"incongruent": count > 0, "score": score, "why": why}, index=found.index)
    alone = {m: alone[m] for m in MODALITIES if m in (alone or {})}
    predictions = {m: record.predictions(split) for m, record in alone.items()}
    score = disagreement(list(predictions.values()), next(iter(alone.values())).target if alone else "")
    order = np.lexsort((np.arange(len(score)), -score))
    incongruent = np.zeros(len(score), dtype=bool)
    incongruent[order[:max(round(SHARE * len(score)), 1)]] = True
    incongruent &= score > 0
    read = [in_words(alone[m], x) for m, x in predictions.items()]
    why = [", ".join(f"{m} alone: {words[i]}" for m, words in zip(alone, read, strict=True)) if incongruent[i] else ""
           for i in range(len(score))]
    return pd.DataFrame({"incongruent": incongruent, "score": score, "why": why}, index=corpus.rows(split))


def examples(selected: pd.DataFrame, corpus: Corpus, count: int, steps: tuple[int, int] = (1, 1_000_000)) -> list[int]:
    """Corpus rows of the most incongruent utterances by `incongruent_utterances`; of equal ones the first.

    Args:
        count: how many, fewer if there are no more.
        steps: fewest and most steps of their text, where the corpus has such sequences, so that they fit a figure.
    """
    found = selected[selected["incongruent"]]
    if "text" in corpus.frames:
        found = found[pd.Series(corpus.frames["text"].lengths[found.index], index=found.index).between(*steps)]
    return [int(i) for i in found["score"].sort_values(ascending=False, kind="stable").index[:count]]


def in_words(record: Record, predictions: np.ndarray) -> list[str]:
    """Predictions of a run in words: the emotion, the ones that are present of four, or the value.

    Args:
        predictions: (N, C), of classes also (N,) indices.
    """
    if record.target.kind == "classes":
        return values_in_words(record.target, predictions if predictions.ndim == 1 else predictions.argmax(1))
    if record.target.kind == "binary":
        return values_in_words(record.target, predictions.reshape(len(predictions), -1, 2).argmax(2))
    return values_in_words(record.target, predictions)


def values_in_words(task: Task, values: np.ndarray) -> list[str]:
    """Labels (N,), of which -1 is none, or (N, K) zeros and ones or numbers, in words.

    Args:
        task: with the names of its classes, as `Corpus.task` and `Record.target` have it.
    """
    if task.kind == "classes":
        return [task.names[v] if v >= 0 else "" for v in values]
    if task.kind == "binary":
        return [" and ".join(e for e, v in zip(task.names, row, strict=True) if v == 1) or "none" for row in values]
    return [", ".join(f"{v:+.2f}" for v in row) for row in values]


def hard_samples(corpus: Corpus, models: Mapping[str, Sequence[Record]], alone: Mapping[str, Record], count: int
                 ) -> pd.DataFrame:
    """The most incongruent utterances (`incongruent_utterances`), with the truth and the predictions; then the scores
    on all incongruent utterances and on all others, which HCT-MG's paper does not print.

    A label is the one that most seeds predict, with their number; a value is the mean over seeds.

    Args:
        models: name -> runs of one task.
        alone: see `incongruent_utterances`.
        count: examples at most.
    """
    selected, rows = incongruent_utterances(corpus, alone), {}
    first = next(iter(models.values()))[0]
    order = {int(row): i for i, row in enumerate(selected.index)}
    truth = values_in_words(first.target, corpus.targets("test", first.task))
    voted = {name: _voted(records) for name, records in models.items()}
    for row in examples(selected, corpus, count):
        rows[f"{row}"] = {"words": corpus.table["text"].iloc[row], "incongruent": selected.loc[row, "why"],
                          "truth": truth[order[row]]} | {name: said[order[row]] for name, said in voted.items()}
    for name, at in (("all incongruent", selected["incongruent"]), ("all others", ~selected["incongruent"])):
        cells = {m: _score(records, corpus, at.to_numpy()) for m, records in models.items()}
        rows[f"{name} ({int(at.sum())})"] = {"words": "", "incongruent": "", "truth": _measure(first.target),
                                             **cells}
    if has_shown(corpus) and first.task == "emotion":
        rows["of these, says what is shown"] = {"words": "", "incongruent": "", "truth": "share", **{
            m: _believes(records, corpus) for m, records in models.items()}}
    return pd.DataFrame(rows).T.rename_axis("utterance")


def _voted(records: Sequence[Record]) -> list[str]:
    """The prediction of all seeds together, per test utterance."""
    if records[0].target.kind == "numbers":
        return in_words(records[0], np.mean([r.guesses() for r in records], axis=0))
    said = zip(*(in_words(r, r.guesses()) for r in records), strict=True)
    found = [Counter(words).most_common(1)[0] for words in said]
    return [label if len(records) == 1 else f"{label} ({n} of {len(records)})" for label, n in found]


def _measure(task: Task) -> str:
    """The name of the score in the last rows."""
    return "mean error" if task.kind == "numbers" else "right"


def _score(records: Sequence[Record], corpus: Corpus, at: np.ndarray) -> str:
    """Mean and deviation over seeds of the accuracy, or of the mean absolute error, on these utterances."""
    values, truth = [], corpus.targets("test", records[0].task)[at]
    if not at.any():
        return ""
    for r in records:
        p = r.guesses()[at]
        if r.target.kind == "classes":
            values.append(float((p == truth).mean()))
        elif r.target.kind == "binary":
            values.append(float((p.reshape(len(p), -1, 2).argmax(2) == truth).mean()))
        else:
            values.append(float(np.nanmean(np.abs(p - truth))))
    return statistics.summarise(values).text(_measure(records[0].target) == "right")


def _believes(records: Sequence[Record], corpus: Corpus) -> str:
    """The share of incongruent utterances for which a run predicts the emotion that voice or face wrongly shows."""
    lying, names = lies(corpus), np.array(corpus.labels)
    shown = {m: corpus.table[f"{m}_shown"].to_numpy()[lying.index] for m in lying}
    values = []
    for r in records:
        said = names[r.guesses()]
        fooled = np.logical_or.reduce([lying[m].to_numpy() & (said == shown[m]) for m in lying])
        values.append(float(fooled[lying.any(axis=1).to_numpy()].mean()))
    return statistics.summarise(values).text()


def _entropy(p: np.ndarray) -> np.ndarray:
    """Bits, over the last axis; 0 log 0 is 0."""
    return -(p * np.log2(np.maximum(p, 1e-300))).sum(-1)
