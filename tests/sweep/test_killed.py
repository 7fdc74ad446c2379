"""`kill -9` on a whole sweep: in the end nothing shows. `tests/bench/kill_sweep.py` does it at length."""

import json
from pathlib import Path

import kill_sweep
import pytest
from compare_runs import differences, leftovers
from forked import Forked

from erclab import cli, sweep

pytestmark = pytest.mark.slow
GRID = {"models": "sdt", "corpora": "simulated-tiny", "seeds": 2, "settings": {"epochs": 8, "hidden": 16, "heads": 2}}


def here(grid, folder, jobs):
    """The sweep in this process."""
    return sweep.run(grid, folder=folder, jobs=jobs, progress=False)


@pytest.mark.skipif(not Path("/proc").exists(), reason="kills process groups")
def test_a_sweep_that_is_killed_ends_like_one_that_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(kill_sweep, "sweep", lambda grid, folder, jobs: Forked(cli.main, [
        "sweep", str(grid), "--out", str(folder), "--jobs", str(jobs), "--retries", "0"]))
    (tmp_path / "grid.yaml").write_text(json.dumps(GRID))
    said = []
    met = kill_sweep.disturbed(tmp_path / "grid.yaml", tmp_path / "killed", 1, 1, lambda records, kills: 0.05,
                               said.append, here)
    assert met == 1, said
    assert len(here(GRID, tmp_path / "alone", 1).records) == 2
    assert differences(tmp_path / "alone", tmp_path / "killed") == [] and leftovers(tmp_path / "killed") == []
