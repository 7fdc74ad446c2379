"""Packages whose files are imported at their first use."""

import subprocess
import sys

import pytest

import erclab
from erclab import analysis, exhibits, figures


@pytest.mark.parametrize("package", [analysis, exhibits, figures], ids=lambda p: p.__name__)
def test_every_file_is_an_attribute(package):
    names = [n for n in dir(package) if not n.startswith("_") and n != "files_at_first_use"]
    assert len(names) >= 10
    assert all(getattr(package, n).__name__ == f"{package.__name__}.{n}" for n in names)


def test_what_is_not_there_is_named():
    with pytest.raises(AttributeError, match=r"'erclab.figures' has no attribute 'scoers'"):
        figures.scoers  # noqa: B018


def test_a_file_is_imported_at_its_first_use():
    code = ("import sys, erclab as erc; assert 'erclab.figures' not in sys.modules; erc.figures;"
            "assert 'erclab.figures.style' not in sys.modules and 'torch' not in sys.modules;"
            "erc.corpora; assert 'erclab.corpora.folds' not in sys.modules; erc.corpora.folds.folds;"
            "erc.figures.style.figure; print('erclab.figures.scores' in sys.modules)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_rooms_are_attributes_of_erclab():
    assert {"analysis", "figures", "exhibits", "runs"} <= {*dir(erclab)}
    assert erclab.figures is figures
