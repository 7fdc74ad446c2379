"""The constant predictor beside every printed table, and what a pair of accuracy and F1 says of the positives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from erclab import models, published
from erclab.analysis.audit.contingency import ZEROS, always_absent, kind_of_pair, matching, signs
from erclab.analysis.audit.printed import Row
from erclab.analysis.audit.rounding import exactly, percent
from erclab.published.corpora import class_counts

KEYS = ["paper", "table", "corpus", "setting", "row", "class"]
COLUMNS = ["accuracy", "constant's accuracy", "F1", "constant's F1", "comes from", "positives found",
           "balanced accuracy", "F1 of the positive"]
CLASSES = {"iemocap": "iemocap-6", "meld": "meld"}  # corpus of a table -> the counts of its classes
SIGNS = {"Acc-2": ("F1-score", "F1"), "Acc2(%)": ("F1(%)",)}  # header of binary accuracy -> those of its F1
CASES = "case study"  # of 23 utterances


def beside_constants() -> pd.DataFrame:
    """O4. The constant predictor beside every printed accuracy and F1 whose classes can be counted.

    Index: paper, table, corpus, setting, row (the printed name) and class: an emotion against the rest, "positive"
    sentiment, or "all" classes. Columns: accuracy and F1 as printed (percent); those of the predictor that always gives
    one label (the emotion is absent; the sentiment is negative; the most frequent emotion); and of one class:

        comes from           see `erclab.analysis.audit.contingency.kind_of_pair`; of a sentiment with the treatment of
                             labels of 0, where they are not left out
        positives found      true positives of all 2×2 tables that fit, such as "34 of 383"
        balanced accuracy    percent, where one table fits
        F1 of the positive   the same

    M2FNet's 1,044 utterances stand beside the constant of MELD's test split. Not there: MOSEI, AVEC, 7-class accuracy,
    correlation and error, whose labels no paper counts by class, and the 23 utterances of DialogueTRM's case study.
    """
    rows = [row for paper in published.papers() for row in _of_paper(paper)]
    return pd.DataFrame(rows, columns=[*KEYS, *COLUMNS]).set_index(KEYS)


def pairs_of_classes(scores: Mapping[str, float], truth: np.ndarray, names: Sequence[str]) -> pd.DataFrame:
    """The same test for a run of ours: rows are classes, columns those of `beside_constants`.

    Args:
        scores: `CLASS.accuracy` and `CLASS.weighted_f1` as shares, such as `Record.scores()` of task emotion4.
        truth: (N, C) of 0 and 1.
        names: the C classes.
    """
    rows = {}
    for name, column in zip(names, np.asarray(truth).T, strict=True):
        accuracy, f1 = (f"{100 * scores[f'{name}.{score}']:.1f}" for score in ("accuracy", "weighted_f1"))
        rows[name] = _binary(len(column), int(column.sum()), accuracy, f1)
    return pd.DataFrame.from_dict(rows, orient="index", columns=COLUMNS).rename_axis("class")


def shares_found(pairs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Class -> index row, columns low and high: percent of the positives found, nan where no table fits.

    Args:
        pairs: rows of `beside_constants`, one for each printed row and class.
    """
    ends = pairs["positives found"].str.extract(r"^(\d+)(?:-(\d+))? of (\d+)$").astype(float)
    shares = pd.DataFrame({"low": ends[0], "high": ends[1].fillna(ends[0])}).mul(100).div(ends[2], axis=0)
    shares.index = pd.MultiIndex.from_arrays([pairs.index.get_level_values(level) for level in ("class", "row")])
    return {name: shares.loc[name] for name in dict.fromkeys(pairs.index.get_level_values("class"))}


def _of_paper(paper: str) -> Iterator[dict[str, Any]]:
    cells = published.cells(paper)
    cells = cells[cells["value"].notna() & (cells["table"] != CASES)]
    for place, some in cells.groupby(["table", "corpus", "setting", "model"], sort=False):
        said, headers = (dict(zip(some[by], some["text"], strict=True)) for by in ("metric", "printed"))
        where = dict(zip(KEYS, (models.info(paper).title, *place), strict=False))
        for name, found in _of_row(where["corpus"], said, headers):
            yield {**where, "class": name, **found}


def _of_row(corpus: str, said: Row, headers: Row) -> Iterator[tuple[str, dict[str, Any]]]:
    """(class, columns) for each pair of a printed row."""
    if corpus == "iemocap":
        counts = class_counts("iemocap-4")
        for e in [e for e in counts if f"{e}.weighted_f1" in said]:
            yield e, _binary(sum(counts.values()), counts[e], said[f"{e}.accuracy"], said[f"{e}.weighted_f1"])
    if corpus == "mosi":
        for accuracy in [a for a in SIGNS if a in headers]:
            f1, = (headers[name] for name in SIGNS[accuracy] if name in headers)
            yield "positive", _sentiment(headers[accuracy], f1)
    if corpus in CLASSES and {"weighted_f1", "accuracy"} & set(said):
        yield "all", _most_frequent(list(class_counts(CLASSES[corpus]).values()), said)


def _binary(n: int, positives: int, accuracy: str, f1: str) -> dict[str, Any]:
    absent, fitting = always_absent(n, positives), matching(n, positives, accuracy, f1)
    found = sorted({t.tp for t in fitting})
    one = fitting[0] if len(fitting) == 1 else None
    return {"accuracy": accuracy, "constant's accuracy": f"{100 * absent.accuracy:.1f}",
            "F1": f1, "constant's F1": f"{100 * absent.weighted_f1():.1f}",
            "comes from": kind_of_pair(n, positives, accuracy, f1),
            "positives found": f"{'-'.join(map(str, dict.fromkeys((found[0], found[-1]))))} of {positives}" if found
            else "",
            "balanced accuracy": f"{100 * one.balanced_accuracy:.1f}" if one else "",
            "F1 of the positive": f"{100 * one.positive_f1:.1f}" if one else ""}


def _sentiment(accuracy: str, f1: str) -> dict[str, Any]:
    """Under the first treatment of zeros with which the pair fits; without zeros if it fits with none."""
    labels = class_counts("mosi")
    made = {zeros: _binary(*signs(labels, zeros), accuracy, f1) for zeros in ZEROS}
    zeros = next((zeros for zeros, some in made.items() if some["positives found"]), ZEROS[0])
    how = made[zeros]["comes from"]
    return made[zeros] | ({} if zeros == ZEROS[0] else {"comes from": f"{how}, zeros {zeros}"})


def _most_frequent(counts: Sequence[int], said: Row) -> dict[str, Any]:
    """Of a predictor that always gives the most frequent class: its share is the accuracy, F1 is 0 for all others."""
    share, made = max(counts) / sum(counts), dict.fromkeys(COLUMNS, "")
    for column, metric, score in (("accuracy", "accuracy", share), ("F1", "weighted_f1", 2 * share**2 / (1 + share))):
        if metric in said:
            text = said[metric] if exactly(said[metric]) > 1 else percent(said[metric])
            made |= {column: text, f"constant's {column}": f"{100 * score:.1f}"}
    return made
