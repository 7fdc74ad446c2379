"""Scores in words: shares in percent, others as they are."""

from erclab.analysis.shown import score_text, shown_as
from erclab.runs import Record


def record(seed, tmp_path, **protocols):
    return Record({"id": f"r{seed}", "spec": {"model": "sdt", "seed": seed, "task": "emotion"}, "protocols": protocols},
                  tmp_path / f"r{seed}.json")


def test_a_score_is_told_in_percent_if_it_is_a_share_else_as_it_is(tmp_path):
    records = [record(s, tmp_path, sound={"test": {"accuracy": 0.7 + s / 100, "mae": 1.0 + s / 100}}) for s in (1, 3)]
    assert [shown_as(m) for m in ("accuracy", "mae")] == [(100, 1), (1, 3)]
    assert score_text(records, "accuracy") == "72.0 ± 1.4"
    assert score_text(records, "mae") == "1.020 ± 0.014"
