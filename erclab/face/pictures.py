"""Tables and figures of `Runs` and `Comparison`: title -> runs of one task and one corpus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from erclab import published as papers
from erclab.analysis import ceilings, scores, statistics
from erclab.analysis.shown import score_text, shown_as
from erclab.core import metrics
from erclab.core.errors import UsageError
from erclab.corpora import Corpus
from erclab.exhibits import drawn
from erclab.runs import Record

Groups = Mapping[str, Sequence[Record]]


def table(groups: Groups, split: str = "test") -> pd.DataFrame:
    """One row per group: mean ± deviation of each headline score as text, and the number of runs."""
    return scores.headlines(groups, split)


def headline_cells(records: Sequence[Record]) -> dict[str, str]:
    """Headline score -> mean ± deviation over the records on the test split, as text."""
    return {metrics.TITLES[name]: score_text(records, name) for name in records[0].headline}


def frame(records: Sequence[Record], split: str, protocol: str | None) -> pd.DataFrame:
    """One row per run: index `seed`, the headline scores as numbers, `epoch` and `id`."""
    names = records[0].headline
    return pd.DataFrame([{"seed": r.spec["seed"], **{n: r.scores(split, protocol)[n] for n in names},
                          "epoch": r.epoch(protocol), "id": r.id} for r in records]).set_index("seed")


def means(groups: Groups, metric: str | None, split: str) -> pd.Series:
    """Group -> the mean of a score over its runs."""
    found = {name: float(np.mean(statistics.values(records, metric, split))) for name, records in groups.items()}
    return pd.Series(found, name=metric or statistics.shown_metric(groups))


def bars(groups: Groups, corpus: Corpus, metric: str | None, *, ceiling: bool, published: bool, title: str | None
         ) -> Figure:
    """One bar per group; see `Comparison.bars`.

    Raises:
        UsageError: the runs have no such score.
    """
    first = next(iter(groups.values()))[0]
    metric = metric or statistics.shown(first)
    if metric not in first.scores():
        raise UsageError(f"the runs have no score '{metric}'", remedy=f"They have {', '.join(first.scores())}.")
    lines: dict[str, float] = {}
    if ceiling and metric in ceilings.METRICS:
        readers = [records[0] for records in groups.values() if records[0].info.view != "any"]
        views = {ceilings.view_read_by(record) for record in readers}
        view = views.pop() if len(views) == 1 else "vectors"
        lines |= ceilings.limits(corpus, metrics.TITLES[metric], view)
    if published:
        family = first.spec["corpus"].split("-")[0]
        for name in dict.fromkeys(records[0].spec["model"] for records in groups.values()):
            lines |= papers.reference(name, family, metric) if name in papers.papers() else {}
    return drawn.bars(groups, metric, title=_title(groups, metric, corpus) if title is None else title,
                      reference=lines)


def curves(groups: Groups, title: str) -> Figure:
    """Loss and validation score by epoch; see `Comparison.curves`.

    Raises:
        UsageError: all groups are fitted.
    """
    trained = {name: records for name, records in groups.items() if records[0].epoch() > 0}
    if not trained:
        raise UsageError(f"{', '.join(groups)}: fitted, without epochs", remedy="Take a model that is trained.")
    return drawn.learning_curves(trained, title=title)


def confusion(groups: Groups) -> Figure:
    """One confusion matrix per group."""
    return drawn.confusions(groups)


def _title(groups: Groups, metric: str, corpus: Corpus) -> str:
    """The score of a single group; of several from where to where their means go, since a mean ranks nothing."""
    if len(groups) == 1:
        (name, records), = groups.items()
        return f"{name}: {metrics.title(metric)} {score_text(records, metric)} on {corpus.name}"
    scored, (factor, digits) = means(groups, metric, "test"), shown_as(metric)
    unit = " %" * metrics.is_share(metric)
    return (f"{len(groups)} models on {corpus.name}: {metrics.title(metric)} {factor * scored.min():.{digits}f} to "
            f"{factor * scored.max():.{digits}f}{unit}")
