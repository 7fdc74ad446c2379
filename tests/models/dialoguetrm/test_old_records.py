"""Committed records of DialogueTRM, of words and of vectors, still give their configuration and their model."""

import json
from pathlib import Path

import pytest
from dialoguetrm_cases import DialogueTRM

from erclab import models
from erclab.core import settings

RESULTS = Path(__file__).resolve().parents[3] / "data" / "results"
RECORDS = [json.loads(path.read_text()) for path in sorted(RESULTS.glob("dialoguetrm-*.json"))]


def test_there_are_records_of_both_kinds():
    assert {r["spec"]["settings"]["text_from"] for r in RECORDS} == {"tokens", "vectors"}
    assert any(r["spec"]["words"] for r in RECORDS)


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: r["id"])
def test_a_committed_record_gives_its_model(record):
    saved = record["spec"]["settings"]
    config = settings.from_dict(DialogueTRM.Config, saved)
    assert json.loads(json.dumps(settings.dotted(DialogueTRM.Config, config))) == settings.dotted(
        DialogueTRM.Config, saved)  # the same values
    model = models.build("dialoguetrm", saved)
    assert models.parameter_count(model) == record["parameters"]["all"]
    assert bool(model.pretrained_parameters()) == (record["spec"]["words"] != "")
