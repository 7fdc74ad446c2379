"""The baselines that every result stands beside: they see one utterance at a time, or none.

They are fitted, not trained by gradient: `fit(features, labels, valid_features, valid_labels)` and
`log_probabilities(features)` on flat (N, D) arrays, all modalities side by side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from erclab.errors import UsageError


class Constant:
    """Predicts the training set's label shares for everything: its argmax is always the most frequent label."""

    @dataclass(frozen=True)
    class Config:
        """C outputs; nothing to choose."""

        outputs: int

    def __init__(self, config: Config):
        self.config = config

    def fit(self, features, labels: np.ndarray, valid_features=None, valid_labels=None) -> list[dict]:
        """Count the labels (N,). Returns an empty selection curve."""
        counts = np.bincount(labels, minlength=self.config.outputs)
        with np.errstate(divide="ignore"):
            self.log_share = np.log(counts / counts.sum())
        return []

    def log_probabilities(self, features: np.ndarray) -> np.ndarray:
        """(N, D) -> (N, C)."""
        return np.tile(self.log_share, (len(features), 1))


class LinearProbe:
    """Multinomial logistic regression on the utterance vectors, its penalty chosen on the validation split."""

    @dataclass(frozen=True)
    class Config:
        """Attributes:
        outputs: C, the number of labels.
        balanced: weigh each label by its inverse share, as is often done against imbalance. It raises macro F1
            and lowers weighted F1, so a study that shows one of the two alone can look better than it is.
        penalties: inverse regularisation strengths C to choose from, by weighted F1 on the validation split.
        """

        outputs: int
        balanced: bool = False
        penalties: tuple[float, ...] = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)

        def __post_init__(self) -> None:
            if not self.penalties or min(self.penalties) <= 0:
                raise UsageError(f"a linear probe needs positive penalties, not {self.penalties}")

    def __init__(self, config: Config):
        self.config = config

    def fit(self, features, labels, valid_features, valid_labels) -> list[dict]:
        """Fit once per penalty and keep the best. Returns the selection curve, one row per penalty."""
        if len(np.unique(labels)) < 2:
            raise UsageError("a linear probe needs two labels in the training split",
                             remedy="Check the corpus with `erclab study 01`.")
        curve, best = [], -1.0
        for penalty in self.config.penalties:
            model = LogisticRegression(C=penalty, max_iter=1000,
                                       class_weight="balanced" if self.config.balanced else None)
            model.fit(features, labels)
            score = f1_score(valid_labels, model.predict(valid_features), average="weighted", zero_division=0)
            curve.append({"penalty": penalty, "valid": {"weighted_f1": float(score)}})
            if score > best:
                best, self.model = score, model
        return curve

    def log_probabilities(self, features: np.ndarray) -> np.ndarray:
        """(N, D) -> (N, C); a label that training never saw has -inf."""
        out = np.full((len(features), self.config.outputs), -np.inf)
        out[:, self.model.classes_] = self.model.predict_log_proba(features)
        return out
