"""Quick fits on vectors: scores of a linear model, and the directions in which the vectors separate the labels."""

from __future__ import annotations

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from erclab.core.errors import UsageError
from erclab.corpora import Corpus


def probe_scores(corpus: Corpus, candidates: dict[str, np.ndarray], kinds: bool = True) -> dict[str, list[float]]:
    """Weighted F1 on the test split of a logistic regression on each set of vectors (N, D).

    Args:
        kinds: also separately for each kind of words, where the corpus has them (simulated).

    Raises:
        UsageError: vectors of another number of utterances.
    """
    label = corpus.table["label"].to_numpy()
    train, test = (rows[label[rows] >= 0] for rows in map(corpus.rows, ("train", "test")))
    kind = corpus.table["text_kind"].to_numpy()[test] if kinds and "text_kind" in corpus.table else None
    found: dict[str, list[float]] = {}
    for name, x in candidates.items():
        if len(x) != len(corpus):
            raise UsageError(f"'{name}' has {len(x)} vectors for {len(corpus)} utterances")
        guess = LogisticRegression(C=1.0, max_iter=1000).fit(x[train], label[train]).predict(x[test])
        found[name] = [float(f1_score(label[test], guess, average="weighted"))]
        for k in () if kind is None else ("plain", "ambiguous", "referential"):
            at = kind == k
            found[f"{name}, {k}"] = [float(f1_score(label[test][at], guess[at], average="weighted"))]
    return found


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
