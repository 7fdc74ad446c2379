"""The baselines beside every result: they read one utterance at a time, nothing, or only past labels.

They are fitted, not trained by gradient: `fit(train, valid)` returns a selection curve, `predict(part)` gives
(N, C) predictions as `erclab.core.tasks.predictions` does. Both read `Flat` utterances. `state()` gives the fitted
numbers as arrays by name, and `load_state` takes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge

from erclab.core import metrics, tasks
from erclab.core.batches import Flat
from erclab.core.errors import UsageError
from erclab.models.requirements import check_flat


def rates(labels: np.ndarray, classes: int) -> np.ndarray:
    """(C,) logarithm of each label's share; -inf for one that does not occur."""
    counts = np.bincount(labels, minlength=classes)
    with np.errstate(divide="ignore"):
        return np.log(counts / counts.sum())


def checked(model: str, task: str) -> None:
    """Refuse an unknown task.

    Raises:
        UsageError: names the tasks.
    """
    if task not in tasks.TASKS:
        raise UsageError(f"{model}'s task '{task}' is none of {', '.join(tasks.TASKS)}")


class Constant:
    """Predicts the same for every utterance: the label shares of training, or for a regression the best constant.

    That is the median for `sentiment` (mean absolute error) and the mean for `dimensional` (squared error).
    """

    @dataclass(frozen=True)
    class Config:
        """C outputs and the task; there is no setting to choose."""

        outputs: int
        task: str = "emotion"

        def __post_init__(self) -> None:
            checked("Constant", self.task)

    def __init__(self, config: Config):
        self.config = config

    def fit(self, train: Flat, valid: Flat | None = None) -> list[dict]:
        """Count the labels of training. Returns an empty selection curve.

        Raises:
            UsageError: `check_flat`.
        """
        check_flat("Constant", self.config, train, labels=train.labels, fit=True)
        labels, task = train.annotated().labels, self.config.task
        if task == "emotion":
            self.prediction = rates(labels, self.config.outputs)
        elif task == "emotion4":
            # A column without any annotation in training counts as absent.
            known = [c[~np.isnan(c)].astype(int) for c in labels.T]
            self.prediction = np.concatenate([rates(c if len(c) else np.zeros(1, int), 2) for c in known])
        else:
            middle = np.nanmedian if task == "sentiment" else np.nanmean
            self.prediction = np.array([middle(c) if not np.isnan(c).all() else 0.0 for c in labels.T])
        return []

    def predict(self, part: Flat) -> np.ndarray:
        """(N, C)."""
        check_flat("Constant", self.config, part)
        return np.tile(self.prediction, (len(part.labels), 1))

    def state(self) -> dict[str, np.ndarray]:
        """`prediction`: (C,)."""
        return {"prediction": self.prediction}

    def load_state(self, numbers: Mapping[str, np.ndarray]) -> None:
        """Take what `state` gave."""
        self.prediction = numbers["prediction"]


class Persistence:
    """Predicts the **true** label of the annotated turn before, in the same dialogue; for the first turn as `Constant`.

    It is no usable model, because it reads true labels. It measures how much of a score slowly changing labels explain.
    """

    Config = Constant.Config

    def __init__(self, config: Constant.Config):
        self.config = config
        self.constant = Constant(config)

    def fit(self, train: Flat, valid: Flat | None = None) -> list[dict]:
        """Only the constant is fitted. Returns an empty selection curve."""
        return self.constant.fit(train, valid)

    def predict(self, part: Flat) -> np.ndarray:
        """(N, C); a label that is known gets probability 1.

        Raises:
            UsageError: `check_flat`.
        """
        check_flat("Persistence", self.config, part, labels=part.previous)
        out, last = self.constant.predict(part), part.previous
        with np.errstate(divide="ignore"):
            if self.config.task == "emotion":
                known = last >= 0
                out[known] = np.log(np.eye(self.config.outputs)[last[known]])
            elif self.config.task == "emotion4":
                known = ~np.isnan(last)
                out.reshape(len(last), -1, 2)[known] = np.log(np.eye(2)[last[known].astype(int)])
            else:
                out = np.where(np.isnan(last), out, last)
        return out

    def state(self) -> dict[str, np.ndarray]:
        """Those of the constant."""
        return self.constant.state()

    def load_state(self, numbers: Mapping[str, np.ndarray]) -> None:
        """Take what `state` gave."""
        self.constant.load_state(numbers)


class LinearProbe:
    """Logistic regression (or ridge regression) on one utterance's features, its penalty chosen on validation.

    `emotion` is multinomial, `emotion4` four separate ones.
    """

    @dataclass(frozen=True)
    class Config:
        """Attributes:
        outputs: C, what the task needs.
        task: what is predicted.
        balanced: weigh each label by its inverse share, as is often done against imbalance. It raises macro F1
            and lowers weighted F1, so a study that shows one of the two alone can look better than it is.
        penalties: inverse regularisation strengths to choose from, by the task's score on the validation split.
        choose: that score, such as "macro_f1"; None for the task's own (`erclab.core.metrics.select`).
        """

        outputs: int
        task: str = "emotion"
        balanced: bool = False
        penalties: tuple[float, ...] = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
        choose: str | None = None

        def __post_init__(self) -> None:
            checked("LinearProbe", self.task)
            if not self.penalties or min(self.penalties) <= 0:
                raise UsageError(f"a linear probe needs positive penalties, not {self.penalties}")
            if self.balanced and self.task in ("sentiment", "dimensional"):
                raise UsageError(f"a balanced linear probe is for labels, not for {self.task}")

    logistic: ClassVar[dict[str, Any]] = {}  # options of scikit-learn's estimators
    ridge: ClassVar[dict[str, Any]] = {}

    def __init__(self, config: Config):
        self.config = config

    def fit(self, train: Flat, valid: Flat) -> list[dict]:
        """Fit once per penalty and keep the best. Returns the selection curve, one row per penalty.

        Raises:
            UsageError: training has a single label; `check_flat`.
        """
        for part in (train, valid):
            check_flat("LinearProbe", self.config, part, width=train.features.shape[-1], labels=part.labels, fit=True)
        train, valid = train.annotated(), valid.annotated()
        task = train.task or self.config.task
        select, sign = metrics.select(task, self.config.choose)
        curve, best = [], -np.inf
        for penalty in self.config.penalties:
            models = self._fitted(train, penalty)
            score = metrics.scores(task, valid.labels, self._predict(models, valid.features))[select]
            curve.append({"penalty": penalty, "valid": {select: score}})
            if not curve[1:] or (score is not None and sign * score > best):
                best, self.models = -np.inf if score is None else sign * score, models
        return curve

    def predict(self, part: Flat) -> np.ndarray:
        """(N, C); a label that training never saw has -inf.

        Raises:
            UsageError: `check_flat`.
        """
        width = next((m.n_features_in_ for m in self.models if isinstance(m, LogisticRegression | Ridge)), None)
        check_flat("LinearProbe", self.config, part, width=width)
        return self._predict(self.models, part.features)

    def state(self) -> dict[str, np.ndarray]:
        """Of each of the regressions, `I.weight` (D, C) or (D,), `I.bias` and, of a logistic one, `I.classes`; or
        `I.certain`, the one label that training has. A number without annotation has nothing."""
        found = {}
        for i, m in enumerate(self.models):
            if isinstance(m, float):
                found[f"{i}.certain"] = np.array([m])
            elif m is not None:
                # The transpose of a logistic regression's coefficients has the order in memory by which they multiply.
                found |= {f"{i}.weight": m.coef_.T, f"{i}.bias": np.atleast_1d(m.intercept_)}
                found |= {f"{i}.classes": m.classes_} if isinstance(m, LogisticRegression) else {}
        return found

    def load_state(self, numbers: Mapping[str, np.ndarray]) -> None:
        """Take what `state` gave."""
        count = 1 if self.config.task == "emotion" else self.config.outputs // (1 + (self.config.task == "emotion4"))
        self.models = [self._loaded({name.partition(".")[2]: x for name, x in numbers.items()
                                     if name.partition(".")[0] == str(i)}) for i in range(count)]

    def weights(self, predictions: np.ndarray) -> np.ndarray:
        """(N, D): by how much one unit of each feature changes the logit of the predicted label, or of a regression its
        first number.

        Args:
            predictions: (N, C), those of `predict`.

        Raises:
            UsageError: the task is emotion4, which has four answers.
        """
        first = self.models[0]
        if self.config.task == "emotion4":
            raise UsageError("a linear probe of emotion4 has four answers and is not explained")
        if self.config.task != "emotion":
            return np.tile(first.coef_, (len(predictions), 1))
        rows = first.coef_ if len(first.coef_) > 1 else np.vstack([-first.coef_, first.coef_])
        return rows[np.searchsorted(first.classes_, predictions.argmax(1))]

    @staticmethod
    def _loaded(numbers: Mapping[str, np.ndarray]) -> Any:
        if not numbers:
            return None
        if "certain" in numbers:
            return float(numbers["certain"][0])
        model = LogisticRegression() if "classes" in numbers else Ridge()
        model.coef_, model.intercept_ = numbers["weight"].T, numbers["bias"]
        model.n_features_in_ = len(model.coef_.T)
        if "classes" in numbers:
            model.classes_ = numbers["classes"]
        else:
            model.intercept_ = numbers["bias"][0]
        return model

    def _fitted(self, train: Flat, penalty: float) -> list:
        task, x, y = self.config.task, train.features, train.labels
        if task == "emotion" and len(np.unique(y)) < 2:
            raise UsageError("a linear probe needs two labels in the training split",
                             remedy="Check the corpus with `erclab study 01`.")
        if task in ("sentiment", "dimensional"):
            # The same scale of penalties: ridge adds its own to squared errors, logistic regression divides by it.
            return [Ridge(alpha=1 / penalty, **self.ridge).fit(x[~np.isnan(c)], c[~np.isnan(c)])
                    if not np.isnan(c).all() else None for c in y.T]

        def logistic(x, labels):
            weight = "balanced" if self.config.balanced else None
            return LogisticRegression(C=penalty, max_iter=1000, class_weight=weight, **self.logistic).fit(x, labels)

        def column(c):  # without any annotation: always absent
            at = ~np.isnan(c)
            known = c[at]
            return logistic(x[at], known) if len(known) and np.ptp(known) else float(known[0]) if len(known) else 0.0
        return [logistic(x, y)] if task == "emotion" else [column(c) for c in y.T]

    def _predict(self, models: list, x: np.ndarray) -> np.ndarray:
        task = self.config.task
        if task in ("sentiment", "dimensional"):
            return np.column_stack([np.zeros(x.shape[0]) if m is None else m.predict(x) for m in models])
        if task == "emotion":
            out = np.full((x.shape[0], self.config.outputs), -np.inf)
            out[:, models[0].classes_] = models[0].predict_log_proba(x)
            return out
        with np.errstate(divide="ignore"):  # an emotion that training always or never has is certain
            return np.hstack([np.tile(np.log([1 - m, m]), (x.shape[0], 1)) if isinstance(m, float)
                              else m.predict_log_proba(x) for m in models])
