"""What a part of a model is worth: the same model with and without it, over the same seeds and test dialogues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from erclab.analysis import statistics, tallies
from erclab.analysis.shown import shown_as
from erclab.core import metrics
from erclab.corpora import Corpus
from erclab.runs import Record

PART, ARCHITECTURE = 0.5, 1.0  # points: the smallest difference that matters between settings, and between models


def smallest(metric: str, points: float = PART) -> float:
    """The smallest difference that matters, in the unit of the metric; a point counts as 0.02 of an error or of a
    correlation."""
    return points / 100 if metrics.is_share(metric) else points * 0.02


def effects(groups: Mapping[str, Sequence[Record]], corpus: Corpus | None = None, *, metric: str | None = None,
            published: Mapping[str, float] | None = None, matters: float = PART) -> pd.DataFrame:
    """One row per setting; the first setting is the reference for the others.

    Columns: the metric, mean ± deviation over seeds; `runs`; `difference` from the first row, paired by seed and test
    dialogue, with `low` and `high` of its 95 % interval, and what the interval is over; `P(higher)`, the share of pairs
    of seeds in which the setting scores higher (`statistics.above`); `matters`, the smallest difference that matters;
    `verdict` (`statistics.verdict`), uncorrected for the number of rows; and, if given, `published`. Shares are in
    percent and their differences in points; errors and correlations are unchanged.

    Args:
        corpus: that of the training. Without it, or without predictions beside the records, the intervals are over
            seeds only, and nothing is judged.
        metric: a headline of the runs' task; by default the one that figures show.
        published: the name of a row -> what the paper reports of it.
        matters: in points, see `smallest`.
    """
    reference = next(iter(groups))
    metric = metric or statistics.shown_metric(groups)
    scale, digits = shown_as(metric)
    base, rows = statistics.values(groups[reference], metric), {}
    for name, records in groups.items():
        values = statistics.values(records, metric)
        row = {metrics.title(metric): statistics.summarise(values).text(metrics.is_share(metric)), "runs": len(values)}
        if name != reference:
            found, least = tallies.difference(records, groups[reference], corpus, metric), smallest(metric, matters)
            low, high = found.interval()
            row |= {key: round(scale * x, digits) for key, x in (("difference", found.value), ("low", low),
                                                                 ("high", high))}
            row |= {"interval over": found.over, "P(higher)": round(statistics.above(values, base)[0], 2),
                    "matters": round(scale * least, digits + 1), "verdict": statistics.verdict(found, least)}
        rows[name] = row
    made = pd.DataFrame(rows).T.rename_axis("setting")
    if published:
        made["published"] = pd.Series(published, dtype=float).reindex(made.index)
    return made


def differences(groups: Mapping[str, Sequence[Record]], corpus: Corpus | None = None, metric: str | None = None
                ) -> pd.DataFrame:
    """The differences from the first setting, for a figure.

    Returns:
        One row per other setting: `difference`, `low` and `high` of its interval, what the interval is `over`, and
        `seed 0`, `seed 1`, ..., the difference of each pair; in points where the metric is a share.
    """
    metric = metric or statistics.shown_metric(groups)
    (_, first), *rest = groups.items()
    scale, rows = metrics.scale(metric), {}
    for name, records in rest:
        found = tallies.difference(records, first, corpus, metric)
        a, b = (statistics.values(side, metric) for side in tallies.same_seeds(records, first))
        low, high = found.interval()
        rows[name] = {"difference": scale * found.value, "low": scale * low, "high": scale * high, "over": found.over
                      } | {f"seed {i}": scale * gap for i, gap in enumerate(a - b)}
    return pd.DataFrame.from_dict(rows, orient="index")
