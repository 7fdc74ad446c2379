"""Measured numbers in the text of a notebook, and the rule by which nbval compares all but these."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from nbval.plugin import get_sanitize_patterns

import erclab as erc
from erclab.analysis.statistics import Estimate

RULES = get_sanitize_patterns((Path(__file__).parents[2] / "notebooks" / "nbval.cfg").read_text(encoding="ascii"))
GAIN, ONE = Estimate(0.204, 0.03, 0.02, 3, 31), Estimate(-0.013, float("nan"), 0.02, 1, 31)


def compared(text):
    for pattern, replacement in RULES:
        text = re.sub(pattern, replacement, text)
    return text


def test_numbers_estimates_and_tables_become_text():
    assert erc.about(58.137) == "≈ 58.1" and erc.about(0.58137, 2, 100) == "≈ 58.14"
    assert erc.about(GAIN) == f"≈ {GAIN.text()}" and erc.about(ONE) == "≈ -1.3 (one seed)"
    table = pd.DataFrame({"runs": [3, 1], "F1": [58.14, np.nan], "gain": [GAIN, ONE], "verdict": ["higher", ""]})
    shown = erc.about(table)
    assert shown["runs"].tolist() == [3, 1] and shown["verdict"].tolist() == ["higher", ""]
    assert shown["F1"].tolist() == ["≈ 58.1", "≈ nan"] and shown["gain"].iloc[0].startswith("≈ +20.4 [")
    assert erc.about(table["F1"]).tolist() == ["≈ 58.1", "≈ nan"]


@pytest.mark.parametrize(("here", "there"), [
    ("SDT ≈ 58.1 of 90", "SDT ≈ 9.3 of 90"),
    ("by ≈ +1.3 [0.2, 2.4] (higher), 3 seeds",
     "by ≈ -1.0 [-2.2, 0.4] (undecided), 3 seeds"),
    ("≈ -1.3 (one seed)", "≈ 0.2 (one seed)"), ("F1    ≈ 58.1\nX   ≈ nan", "F1  ≈ 100.0\nX ≈ 3.2")])
def test_nbval_leaves_out_measured_numbers(here, there):
    assert compared(here) == compared(there)


@pytest.mark.parametrize(("here", "there"), [
    ("SDT ≈ 58.1 of 90", "SDT ≈ 58.1 of 91"), ("SDT ≈ 58.1", "MulT ≈ 58.1"), ("SDT 58.1", "SDT 58.2"),
    ("by ≈ +1.3 [0.2, 2.4], 3 seeds", "by ≈ +1.3 [0.2, 2.4], 2 seeds")])
def test_nbval_compares_everything_else(here, there):
    assert compared(here) != compared(there)
