"""The baseline that reads the words themselves: a linear model on tf-idf of words and characters.

It needs no encoder and no GPU. On small corpora, on code-mixed text, and wherever single words tell the label, such a
model is often as good as networks on sentence vectors, so it belongs beside them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from erclab.core.batches import Flat
from erclab.core.errors import UsageError
from erclab.models.baselines import LinearProbe
from erclab.models.requirements import check_flat


class TfidfProbe(LinearProbe):
    """A `LinearProbe` on tf-idf vectors: n-grams of words, and n-grams of characters within words.

    Characters find stems, spellings, and words of languages that are written without spaces. The vocabulary and its
    weights are those of the training split.
    """

    @dataclass(frozen=True)
    class Config(LinearProbe.Config):
        """Attributes:
        penalties: as for `LinearProbe`. Each vector of words, and each of characters, has norm 1, so the strengths
            that matter are larger than for standardised features.
        context: also the words of the turn before in the dialogue, as features of their own.
        words: shortest and longest n-gram of words.
        characters: shortest and longest n-gram of characters.
        most: how many n-grams of each kind are features, the most frequent ones.
        """

        penalties: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0, 10.0)
        context: bool = False
        words: tuple[int, int] = (1, 2)
        characters: tuple[int, int] = (2, 4)
        most: int = 10_000

        def __post_init__(self) -> None:
            super().__post_init__()
            for name in ("words", "characters"):
                shortest, longest = getattr(self, name)
                if not 1 <= shortest <= longest:
                    raise UsageError(f"{name} = {getattr(self, name)} is no range of lengths",
                                     remedy=f"For example {name}=(1, 2).")
            if self.most < 1:
                raise UsageError(f"most = {self.most} must be positive")

    config: Config
    # Near enough to the optimum that machines with other rounding agree.
    logistic: ClassVar[dict[str, Any]] = {"solver": "lbfgs", "tol": 1e-5}
    ridge: ClassVar[dict[str, Any]] = {"solver": "sparse_cg", "tol": 1e-8}

    def fit(self, train: Flat, valid: Flat) -> list[dict]:
        """Fit the vocabulary, then once per penalty. Returns the selection curve, one row per penalty.

        Raises:
            UsageError: the training split has no words, or a single label; `check_flat`.
        """
        for part in (train, valid):
            check_flat("TfidfProbe", self.config, part, labels=part.labels, fit=True)
        if not any(_texts(train.texts)):
            raise UsageError("a baseline of words needs texts in the training split", remedy="Take the linear probe.")
        kept = []
        for vectoriser in self._vectorisers():
            try:
                kept.append(vectoriser.fit(_texts(train.texts)))
            except ValueError:  # no word at all, such as punctuation alone
                continue
        self.vectorisers = kept
        return super().fit(self._read(train.annotated()), self._read(valid.annotated()))

    def predict(self, part: Flat) -> np.ndarray:
        """(N, C); a label that training never saw has -inf."""
        return super().predict(self._read(part))

    def state(self) -> dict[str, np.ndarray]:
        """Of the regressions as `LinearProbe`; `KIND.terms` (JSON as bytes) and `KIND.idf`, of words and characters."""
        found = super().state()
        for v in self.vectorisers:
            terms = json.dumps(list(v.get_feature_names_out()), ensure_ascii=False).encode("utf-8", "surrogatepass")
            found |= {f"{v.analyzer}.terms": np.frombuffer(terms, np.uint8), f"{v.analyzer}.idf": v.idf_}
        return found

    def load_state(self, numbers: Mapping[str, np.ndarray]) -> None:
        """Take what `state` gave."""
        super().load_state(numbers)
        self.vectorisers = [v for v in self._vectorisers() if f"{v.analyzer}.idf" in numbers]
        for v in self.vectorisers:
            v.vocabulary = json.loads(numbers[f"{v.analyzer}.terms"].tobytes().decode("utf-8", "surrogatepass"))
            v.idf_ = numbers[f"{v.analyzer}.idf"]

    def _vectorisers(self) -> list[TfidfVectorizer]:
        return [
            TfidfVectorizer(analyzer="word", ngram_range=self.config.words, token_pattern=r"(?u)\b\w+\b",
                            max_features=self.config.most, sublinear_tf=True),
            TfidfVectorizer(analyzer="char_wb", ngram_range=self.config.characters, max_features=self.config.most,
                            sublinear_tf=True)]

    def _read(self, part: Flat) -> Flat:
        """The same utterances with tf-idf as their features, a sparse matrix."""
        said = [part.texts, part.texts_before] if self.config.context else [part.texts]
        return replace(part, features=sparse.hstack(
            [v.transform(_texts(texts)) for texts in said for v in self.vectorisers], format="csr"))


def _texts(texts: np.ndarray | None) -> list[str]:
    return [] if texts is None else [str(text).strip() for text in texts]
