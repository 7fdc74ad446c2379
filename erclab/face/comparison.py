"""What `erc.compare` returns: `Comparison`, the runs of several models."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping

import pandas as pd
from matplotlib.figure import Figure

from erclab.corpora import Corpus
from erclab.face import pictures
from erclab.face.runs import Runs


class Comparison(Mapping[str, Runs]):
    """Title -> runs, of one corpus and one task. `repr` is the table of scores, mean ± deviation over seeds."""

    def __init__(self, groups: Mapping[str, Runs]):
        self._groups = dict(groups)

    def __getitem__(self, title: str) -> Runs:
        return self._groups[title]

    def __iter__(self) -> Iterator[str]:
        return iter(self._groups)

    def __len__(self) -> int:
        return len(self._groups)

    def table(self, split: str = "test") -> pd.DataFrame:
        """One row per model: mean ± deviation over seeds of each headline score in percent, as text."""
        return pictures.table(self, split)

    def to_frame(self, split: str = "test", protocol: str | None = None) -> pd.DataFrame:
        """One row per run, scores as numbers (see `Runs.to_frame`); index `model` and `seed`."""
        return pd.concat({name: r.to_frame(split, protocol) for name, r in self.items()}, names=["model", "seed"])

    def means(self, metric: str | None = None, split: str = "test") -> pd.Series:
        """Model -> the mean over seeds of a score, as a number; by default of the task's leading score."""
        return pictures.means(self, metric, split)

    def bars(self, metric: str | None = None, *, ceiling: bool = False, published: bool = False,
             title: str | None = None) -> Figure:
        """One bar per model: the mean over seeds on the test split, its deviation, and every seed as a dot.

        Args:
            metric: such as "weighted_f1"; by default the leading one of the task.
            ceiling: draw the scores of the Bayes-optimal oracle of the view that the runs read (of the vectors, if they
                read several), where the corpus is simulated and the metric is accuracy, weighted F1 or macro F1.
            published: draw the scores that the papers of these models report on this corpus, where they do.
        """
        return pictures.bars(self, self._corpus, metric, ceiling=ceiling, published=published, title=title)

    def curves(self, *, title: str = "") -> Figure:
        """The training losses, and the validation scores that choose the epochs; fitted models are left out.

        Raises:
            UsageError: all models are fitted.
        """
        return pictures.curves(self, title)

    def confusion(self) -> Figure:
        """One confusion matrix per model, counts averaged over seeds.

        Raises:
            UsageError: the task has no classes.
        """
        return pictures.confusion(self)

    @property
    def _corpus(self) -> Corpus:
        return next(iter(self.values())).corpus

    def _heading(self) -> str:
        return f"{self._corpus.name}: scores on the test split, mean ± deviation over seeds"

    def __repr__(self) -> str:
        return f"{self._heading()}\n{self.table().to_string()}"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self._heading())}</p>{self.table().to_html(border=0)}"
