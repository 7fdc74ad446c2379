"""What `erc.run` returns: `Runs`, a sequence of `Run`s, one per seed."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, overload

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from erclab import runs
from erclab.analysis import explanations
from erclab.core.errors import UsageError
from erclab.corpora import Corpus
from erclab.face import pictures
from erclab.runs import Record


class AttentionMaps(NamedTuple):
    """The attention weights of one dialogue or, of a model of sequences, of one utterance.

    Attributes:
        rows: (T,) the rows of its utterances in `corpus.table`; one row for a model of sequences.
        weights: name -> weights without padding, as the model's docstring describes them, without the batch axis.
    """

    rows: np.ndarray
    weights: dict[str, np.ndarray]


@dataclass(frozen=True, repr=False)
class Run(Record):
    """A finished run, with the corpus that it was trained on.

    Attributes:
        corpus: the corpus; `attention` and `explain` read it.
    """

    corpus: Corpus | None = None

    @classmethod
    def of(cls, record: Record, corpus: Corpus) -> Run:
        """A record with its corpus."""
        return cls(**{f.name: getattr(record, f.name) for f in dataclasses.fields(Record)}, corpus=corpus)

    def attention(self, split: str = "test") -> list[AttentionMaps]:
        """The attention weights of a split, in the order of its rows: one item per dialogue (or utterance).

        Raises:
            UsageError: the model has no attention.
            RunError: the run was fitted, or its weights are gone.
        """
        model, found = self.model(), []
        with torch.inference_mode():
            for batch in runs.views(self.spec, self.corpus, splits=[split])[split].batches(1):  # so without padding
                weights = model(batch, attention=True).attention
                if not weights:
                    raise UsageError(f"{self.title} has no attention", where=self.id)
                found.append(AttentionMaps(batch.rows.flatten().numpy(), {n: x[0].numpy() for n, x in weights.items()}))
        return sorted(found, key=lambda item: item.rows[0])

    def explain(self, method: str = "integrated_gradients", *, split: str = "test", most: int | None = None
                ) -> pd.DataFrame:
        """How much each modality adds to the logit of the predicted label: one row per utterance.

        Args:
            method: "integrated_gradients" or "shapley", see `erclab.analysis.explanations.explain`.
            most: about so many utterances of a long split, at even distances.

        Raises:
            UsageError: there is no such method, or the model reads words.
        """
        return explanations.explain(self, self.corpus, method, split, most)


class Runs(Sequence[Run]):
    """The runs of one question, one per seed. `repr` is the table of their scores.

    Attributes:
        corpus: what they were trained on.
    """

    def __init__(self, records: Iterable[Record], corpus: Corpus):
        self.corpus = corpus
        self._runs = tuple(Run.of(r, corpus) for r in records)

    @overload
    def __getitem__(self, index: int) -> Run: ...

    @overload
    def __getitem__(self, index: slice) -> Runs: ...

    def __getitem__(self, index):
        return Runs(self._runs[index], self.corpus) if isinstance(index, slice) else self._runs[index]

    def __len__(self) -> int:
        return len(self._runs)

    @property
    def title(self) -> str:
        """The model's name for tables."""
        return self[0].title

    def to_frame(self, split: str = "test", protocol: str | None = None) -> pd.DataFrame:
        """One row per run: index `seed`, then the headline scores as numbers, the chosen epoch and the run's id.

        Args:
            split: valid or test.
            protocol: "sound" (the epoch is chosen on the validation split) or "published" (on the test split); by
                default that of the runs.
        """
        return pictures.frame(self, split, protocol)

    def bars(self, metric: str | None = None, *, ceiling: bool = False, published: bool = False,
             title: str | None = None) -> Figure:
        """The score on the test split, with every seed as a dot.

        Args:
            metric: such as "weighted_f1"; by default the leading one of the task.
            ceiling: draw the scores of the Bayes-optimal oracle of the view that the runs read (of the vectors, if they
                read several), where the corpus is simulated.
            published: draw the scores that the model's paper reports on this corpus.
        """
        return pictures.bars({self.title: self}, self.corpus, metric, ceiling=ceiling, published=published, title=title)

    def curves(self, *, title: str = "") -> Figure:
        """The training loss, and the validation score that chooses the epoch; mean and deviation over seeds.

        Raises:
            UsageError: the runs were fitted and have no epochs.
        """
        return pictures.curves({self.title: self}, title)

    def confusion(self) -> Figure:
        """The confusion matrix of the test split, counts averaged over seeds.

        Raises:
            UsageError: the task has no classes.
        """
        return pictures.confusion({self.title: self})

    def explain(self, method: str = "integrated_gradients", *, split: str = "test", most: int | None = None
                ) -> pd.DataFrame:
        """The explanations of every run (see `Run.explain`) one after the other; index `seed` and `row`."""
        return pd.concat({r.spec["seed"]: r.explain(method, split=split, most=most) for r in self},
                         names=["seed", "row"])

    def _table(self) -> pd.DataFrame:
        """Scores of each seed in percent, as text, then mean and deviation."""
        rows = {f"seed {r.spec['seed']}": pictures.headline_cells([r]) for r in self}
        return pd.DataFrame(rows | ({"mean": pictures.headline_cells(self)} if len(self) > 1 else {})).T

    def _heading(self) -> str:
        where, first = "+".join(self[0].spec["modalities"]), self[0]
        chosen = {"sound": "the epoch chosen on the validation split",
                  "published": "the epoch chosen on the test split"}[first.protocol]
        return (f"{self.title} on {self.corpus.name}, {where}: {len(self)} run{'s' * (len(self) != 1)}, scores on the "
                f"test split, {chosen}")

    def __repr__(self) -> str:
        return f"{self._heading()}\n{self._table().to_string()}" if len(self) else "no runs"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self._heading())}</p>{self._table().to_html(border=0)}" if len(self) else "no runs"
