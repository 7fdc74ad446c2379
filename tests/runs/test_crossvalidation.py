"""Cross-validation: each utterance is predicted by a model that had not seen its dialogue, and counted once."""

import numpy as np
import pytest

from erclab import runs
from erclab.analysis import scores
from erclab.core import metrics
from erclab.core.errors import UsageError
from erclab.corpora.folds import folds


def test_pools_the_predictions_of_all_folds(tiny, tmp_path):
    pooled, = runs.cross_validate("linear", tiny, by=4, folder=tmp_path)
    assert len(pooled.records) == 4 and len(pooled.truth) == len(tiny)
    for part, record in zip(folds(tiny, 4), pooled.records, strict=True):
        assert record.spec["fingerprint"] == part.fingerprint
    right = sum(r.scores()["accuracy"] * len(part.rows("test"))
                for part, r in zip(folds(tiny, 4), pooled.records, strict=True))
    assert pooled.scores()["accuracy"] == pytest.approx(right / len(tiny))
    assert pooled.scores() == metrics.scores(pooled.target, pooled.truth, pooled.predictions)


def test_one_pool_per_seed(tiny, tmp_path):
    pooled = runs.cross_validate("bc-lstm", tiny, by=3, seeds=2, folder=tmp_path, progress=False, epochs=1, hidden=4,
                                 head_hidden=4)
    assert [{r.spec["seed"] for r in p.records} for p in pooled] == [{0}, {1}]
    assert not np.array_equal(pooled[0].predictions, pooled[1].predictions)


def test_a_regression_is_scored_over_all_folds_together(tiny, tmp_path):
    pooled, = runs.cross_validate("linear", tiny, by=3, task="sentiment", folder=tmp_path)
    correlation = np.corrcoef(pooled.truth[:, 0], pooled.predictions[:, 0])[0, 1]
    assert pooled.scores()["correlation"] == pytest.approx(correlation)
    shown = scores.headlines({"linear": [pooled]})
    assert shown.loc["linear", "correlation"] == f"{correlation:.3f}"
    with pytest.raises(UsageError, match="not pooled"):
        pooled.scores("valid")


def test_one_table_shows_one_task(tiny, tmp_path):
    groups = {task: runs.run("constant", tiny, task=task, folder=tmp_path) for task in ("emotion", "sentiment")}
    with pytest.raises(UsageError, match="emotion and sentiment"):
        scores.headlines(groups)
