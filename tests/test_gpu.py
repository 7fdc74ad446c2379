"""`make gpu` on the CPU with tiny sizes: its script, and the runs that come back as records. tests/cuda has the tests
of a GPU itself."""

import importlib.util
import io
import json
import os
import subprocess
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def gpu_runs():
    spec = importlib.util.spec_from_file_location("gpu_runs", ROOT / "tools" / "gpu_runs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_runs_for_a_gpu_come_back_as_records_with_their_hardware(gpu_runs, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ERCLAB_RUNS", str(tmp_path / "runs"))
    out = tmp_path / "out"
    gpu_runs.main(["sdt", "--device", "cpu", "--small", "--seeds", "2", "--out", str(out)])
    gpu_runs.main(["bert", "--device", "cpu", "--small", "--seeds", "2", "--seconds", "0", "--out", str(out)])
    assert sorted(path.name for path in out.iterdir()) == ["runs.json", "runs.zip"]  # a lent machine returns few files
    found = json.loads((out / "runs.json").read_text())
    assert found["sdt"]["seeds in one pass"] == 2 and found["sdt"]["epochs of the recipe"] > found["sdt"]["epochs"] == 1
    assert len(found["bert"]["runs"]) == 1 and found["bert"]["bert"] == "random weights"  # no time for a second seed
    for part in found.values():
        assert part["environment"]["device"] == "cpu" and part["environment"]["hardware"] and part["seconds"] > 0
        assert len(part["test scores"]) == len(part["runs"])
    with zipfile.ZipFile(io.BytesIO((out / "runs.zip").read_bytes())) as file:
        names = file.namelist()
        record = json.loads(file.read(f"{found['sdt']['runs'][1]}.json"))
    assert len(names) == 6 and record["seeds_in_one_pass"] == 2 and record["spec"]["seed"] == 101
    assert record["protocols"]["sound"]["test"] == found["sdt"]["test scores"][1]
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["seconds"] == found["bert"]["seconds"]


def script(tmp_path, python, **variables):
    """tools/gpu.sh with a Python that is a script of these lines."""
    place = tmp_path / "python"
    place.write_text("#!/bin/sh\n" + python)
    place.chmod(0o755)
    made = subprocess.run(["bash", str(ROOT / "tools" / "gpu.sh")], capture_output=True, text=True, check=False,
                          env={**os.environ, "PYTHON": str(place), "OUT": str(tmp_path / "out"), **variables})
    return made.returncode, made.stdout


def test_without_a_gpu_nothing_is_measured_and_that_is_said(tmp_path):
    status, out = script(tmp_path, "exit 1\n", DEVICE="cuda")
    assert status == 1 and "not measured on a GPU: PyTorch sees none here" in out and "==" not in out


def test_every_part_runs_within_ten_minutes_and_a_failure_stops_no_other(tmp_path):
    python = 'case "$*" in *gpu_runs.py*sdt*) exit 7 ;; esac\necho "called $*"\n'
    status, out = script(tmp_path, python, DEVICE="cuda", CORPUS="meld", DATA="/some/MELD", WORDS="/a/bert")
    limits = [int(line.split()[-2]) for line in out.splitlines() if "at most" in line]
    assert len(limits) == 6 and sum(limits) < 600
    assert status == 1 and "== sdt: status 7" in out and "== 1 parts failed" in out
    for words in ("pytest -q", "bench sdt-iemocap", "tools/gpu.py --device cuda",
                  "gpu_runs.py bert --seconds 80 --words /a/bert --device cuda --corpus meld --data /some/MELD"):
        assert words in out
    status, out = script(tmp_path, python, DEVICE="cpu", PARTS="bert")
    assert status == 0 and "gpu_runs.py bert" in out and "--small" in out and "== tests" not in out


def test_make_hands_its_variables_to_the_script(tmp_path):
    made = subprocess.run(["make", "-s", "-C", str(ROOT), "gpu", "DEVICE=cuda", f"ERCLAB_VENV={tmp_path}",
                           "PYTHON=false", f"OUT={tmp_path / 'out'}"], capture_output=True, text=True, check=False)
    assert made.returncode == 2 and "not measured on a GPU" in made.stdout, made.stderr
