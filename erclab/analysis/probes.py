"""Quick fits on vectors: scores of a linear model, and the directions in which the vectors separate the labels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression

from erclab.core.errors import UsageError
from erclab.corpora import Corpus


def probe_scores(corpus: Corpus, candidates: Mapping[str, np.ndarray], by: str = "") -> pd.DataFrame:
    """Accuracy (percent) on the test split of a logistic regression on each set of vectors (N, D): a row per set.

    Columns: `all`, and each group of the utterances, in the order in which the corpus has them first.

    Args:
        by: the column of the corpus's table that has the groups, such as `form` of a simulated corpus; "" for none.

    Raises:
        UsageError: vectors of another number of utterances.
    """
    label = corpus.table["label"].to_numpy()
    train, test = (rows[label[rows] >= 0] for rows in map(corpus.rows, ("train", "test")))
    found = {}
    for name, x in candidates.items():
        if len(x) != len(corpus):
            raise UsageError(f"'{name}' has {len(x)} vectors for {len(corpus)} utterances")
        guess = LogisticRegression(C=1.0, max_iter=1000).fit(x[train], label[train]).predict(x[test])
        found[name] = accuracy_by(corpus, guess == label[test], test, by)
    return pd.DataFrame(found).T


def accuracy_by(corpus: Corpus, right: np.ndarray, rows: np.ndarray, by: str = "") -> dict[str, float]:
    """Percent of right answers: `all` of them, and in each group of the column `by` of the corpus's table.

    Args:
        right: (R,) bool.
        rows: (R,) the utterances that were answered.
    """
    groups = corpus.table[by].to_numpy() if by else np.array([])
    return {"all": 100 * float(right.mean()),
            **{str(g): 100 * float(right[groups[rows] == g].mean()) for g in dict.fromkeys(groups)}}


def discriminants(corpus: Corpus, split: str = "train") -> dict[str, np.ndarray]:
    """Modality -> (N, 2), the vectors of a split's labelled utterances on the two directions that separate the labels
    best (LDA).

    Raises:
        UsageError: the corpus has no vectors, or too few labels or features for two directions.
    """
    rows, target = corpus.rows(split), corpus.targets(split)
    rows, target = rows[target >= 0], target[target >= 0]
    if not corpus.modalities or min(len(set(target)) - 1, *corpus.dims.values()) < 2:
        raise UsageError(f"{corpus.name} cannot be drawn in two directions",
                         remedy="It takes three labels in the split and two features per modality.")
    found = {}
    for m in corpus.modalities:
        x = LinearDiscriminantAnalysis(n_components=2).fit_transform(corpus.vectors[m][rows], target)
        if x.shape[1] < 2:
            raise UsageError(f"the {m} vectors of {corpus.name} separate the labels in one direction only",
                             remedy="It takes more training utterances to draw them.")
        found[m] = x
    return found
