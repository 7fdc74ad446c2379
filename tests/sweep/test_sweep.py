"""Sweeps on this machine: what is trained, what is loaded, and what a failure, a killed worker or Ctrl-C costs."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from compare_runs import differences, leftovers
from forked import Forked

from erclab import cli, runs, sweep
from erclab.core.errors import RunError, UsageError
from erclab.sweep import backends
from erclab.sweep.backends import Loky
from erclab.sweep.worker import Assignment, work

QUICK = {"models": "sdt", "corpora": "simulated-tiny", "settings": {"epochs": 2, "hidden": 8, "heads": 2}}
THREE = {**QUICK, "seeds": 3}
# One of these diverges in its first epoch.
MIXED = {**QUICK, "seeds": 2, "changes": {"good": {}, "bad": {"learning_rate": 1e30}}}


def ask(values, folder, **options):
    return sweep.run(values, folder=folder, progress=False, **{"jobs": 2, **options})


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """THREE in this process, one after the other."""
    folder = tmp_path_factory.mktemp("undisturbed")
    return folder, ask(THREE, folder, jobs=1)


@pytest.mark.slow
def test_processes_give_what_this_process_gives(undisturbed, tmp_path):
    folder, expected = undisturbed
    heard = []
    result = ask(THREE, tmp_path, said=lambda job, record, done, total: heard.append((job.id, record.id, done, total)))
    assert [r.id for r in result.records] == [j.id for j in result.jobs] == [r.id for r in expected.records]
    assert differences(folder, tmp_path) == [] and leftovers(tmp_path) == [] and result.failures == []
    assert [h[2:] for h in heard] == [(1, 3), (2, 3), (3, 3)] and all(a == b for a, b, *_ in heard)
    assert result.workers.keys() == {r.id for r in result.records}
    assert str(os.getpid()) not in {w.rpartition(":")[2] for w in result.workers.values()}
    assert {r.data["environment"]["threads"] for r in result.records} == {1}


def test_what_exists_is_loaded_and_force_trains_it_again(undisturbed, tmp_path):
    two = ask({**THREE, "seeds": [0, 2]}, tmp_path, jobs=1)
    times = {r.id: r.path.stat().st_mtime_ns for r in two.records}
    result = ask(THREE, tmp_path, jobs=1)
    assert len(result.records) == 3 and len(result.workers) == 1
    assert {r.id: r.path.stat().st_mtime_ns for r in result.records if r.id in times} == times
    forced = ask(THREE, tmp_path, jobs=1, force=True)
    assert len(forced.workers) == 3 and all(r.path.stat().st_mtime_ns > times.get(r.id, 0) for r in forced.records)
    assert differences(undisturbed[0], tmp_path) == []


def test_records_are_grouped_by_what_varies(undisturbed, tmp_path):
    folder = shutil.copytree(undisturbed[0], tmp_path / "runs")
    assert {title: len(r) for title, r in ask(THREE, folder).groups().items()} == {"SDT": 3}
    groups = ask({**THREE, "protocols": ["sound", "published"], "grids": [{}, {"models": "constant", "settings": {}}]},
                 folder).groups()
    assert {title: [r.spec["seed"] for r in records] for title, records in groups.items()} == {
        "SDT, sound": [0, 1, 2], "SDT, published": [0, 1, 2], "Constant predictor, sound": [0],
        "Constant predictor, published": [0]}
    for a, b in zip(groups["SDT, sound"], groups["SDT, published"], strict=True):
        assert a.scores() == b.scores(protocol="sound") and b.scores() == a.scores(protocol="published")


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_fails_is_tried_again_and_costs_no_other(tmp_path, jobs):
    result = ask(MIXED, tmp_path, jobs=jobs, retries=2)
    assert [j.cells[0].change for j in result.jobs] == ["good", "good", "bad", "bad"]
    assert [r.id for r in result.records] == [j.id for j in result.jobs[:2]]
    assert [(f.job, f.attempts, f.trace) for f in result.failures] == [(j, 3, "") for j in result.jobs[2:]]
    assert "Lower learning_rate" in result.failures[0].error
    assert len([p for p in tmp_path.iterdir() if p.suffix == ".json"]) == 2


def test_a_failure_that_passes_is_none(tmp_path, monkeypatch):
    failed = []

    def execute(spec, *args, **options):
        if spec.seed == 1 and not failed:
            failed.append(spec)
            raise MemoryError("for once")
        return original(spec, *args, **options)
    original = runs.execute
    monkeypatch.setattr(runs, "execute", execute)
    assert len(ask(THREE, tmp_path, jobs=1).records) == 3 and len(failed) == 1
    failed.clear()
    result = ask(THREE, tmp_path, jobs=1, retries=0, force=True)
    failure, = result.failures
    assert len(result.records) == 2 and failure.error == "MemoryError: for once" and "Traceback" in failure.trace


def tasks(folder, **values):
    return [Assignment(job, Path(folder)) for job in sweep.plan(sweep.grids({**QUICK, **values}))]


def deadly(kills, beside, signs):
    """Work that ends its process for the task `kills`, the first time while the task `beside` is at work: that task
    waits, and ends with the pool of processes. Neither tasks nor work import erclab, so that processes start at
    once."""
    @dataclass(frozen=True)
    class Named:
        id: str
        error: str = ""

    @dataclass(frozen=True)
    class Task:
        job: Named
        marks: str = ""

    def do(task, driver):
        import os
        import signal
        import time
        from pathlib import Path

        name, begun, killed = task.job.id, Path(signs, "begun"), Path(signs, "killed")
        Path(task.marks, name).touch()
        if name == kills or (name == beside and not killed.exists()):
            if name == beside:
                begun.touch()
            while name == beside or not begun.exists():
                time.sleep(0.01)
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return Named(name)
    return do, lambda name: Task(Named(name))


@pytest.mark.slow
def test_a_killed_worker_costs_its_own_run_only(tmp_path, monkeypatch):
    """"second" ends its process always, and at first "first" with it; "third" has not begun then."""
    do, task = deadly(kills="second", beside="first", signs=str(tmp_path))
    monkeypatch.setattr(backends, "_in_process", do)
    backend = Loky(2)
    answers = [(a.id, a.error) for a in backend.answers([task(name) for name in ("first", "second", "third")])]
    assert answers == [("third", ""), ("first", ""), ("second", backends.LOST)]
    assert backend.alone == {"first", "second"}


def test_processes_that_never_begin_are_an_error(tmp_path, monkeypatch):
    asked = []

    def pool(self, tasks, ahead):
        asked.append(len(tasks))
        raise BrokenProcessPool
        yield
    monkeypatch.setattr(Loky, "_pool", pool)
    with pytest.raises(RunError, match="killed as soon as they start"):
        list(Loky(2).answers(tasks(tmp_path, seeds=2)))
    assert asked == [2, 2, 2]


def test_a_worker_with_other_data_says_so_and_reads_them_anew(tmp_path):
    """As on a node with another copy; and as in a worker that outlives a change of the corpus."""
    task, = tasks(tmp_path)
    right, wrong = task.job.part.load(), task.job.part.load()
    wrong.vectors["text"][0, 0] += 1.0
    asked = []
    assert "its corpus or its erclab" in work(task, lambda again: wrong).error
    assert work(task, lambda again: asked.append(again) or (right if again else wrong)).error == ""
    assert asked == [False, True]


def test_a_worker_that_shares_no_disk_sends_the_files(undisturbed, tmp_path):
    folder, result = undisturbed
    job = result.jobs[0]
    (tmp_path / "driver").mkdir()
    elsewhere = Assignment(job, tmp_path / "driver", token="not-here")
    answer = work(elsewhere, lambda again: job.part.load())
    assert answer.error == "" and list((tmp_path / "driver").iterdir()) == []
    assert answer.files == {name: (folder / name).read_bytes() for name in answer.files if ".json" not in name} | {
        f"{job.id}.json": answer.files[f"{job.id}.json"]}
    assert [name.partition(".")[2] for name in answer.files] == [
        "fitted.safetensors", "predictions.safetensors", "weights.safetensors", "json"]
    from erclab.sweep.schedule import _outcome
    record = _outcome(elsewhere, answer, 1)
    assert record.path == tmp_path / "driver" / f"{job.id}.json"
    others = {j.id for j in result.jobs[1:]}
    assert {d.partition(".")[0] for d in differences(folder, tmp_path / "driver")} == others
    (tmp_path / "driver" / "token").touch()
    shared = work(Assignment(job, tmp_path / "driver", token="token"), lambda again: job.part.load())
    assert shared.files == {} and shared.error == ""


def test_a_damaged_record_is_named_and_left_to_the_user(undisturbed, tmp_path):
    name = undisturbed[1].jobs[1].id
    (tmp_path / f"{name}.json").write_text("{")
    result = ask(THREE, tmp_path, jobs=1)
    failure, = result.failures
    assert failure.job.id == name and "not a run record" in failure.error and failure.attempts == 0
    assert len(result.records) == 2 and (tmp_path / f"{name}.json").read_text() == "{"


def test_without_ray_it_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r'pip install "erclab\[ray\]"'):
        ask(QUICK, tmp_path, backend="ray")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_done_is_refused_before_anything_is_read(tmp_path):
    for options, said in (({"backend": "spark"}, "unknown backend"), ({"jobs": 0}, "jobs = 0"),
                          ({"retries": -1}, "retries = -1"), ({"device": "toaster"}, "cannot be used here"),
                          ({"address": "x:1"}, "Ray's"), ({"gpus_per_run": 0.5}, "Ray's")):
        with pytest.raises((UsageError, RunError), match=said):
            ask({"models": "no such"}, tmp_path, **options)
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(RunError, match="cannot be stored here"):
        ask(QUICK, file)


def test_one_run_is_trained_in_this_process(tmp_path):
    result = ask(QUICK, tmp_path, jobs=4)
    assert result.workers[result.jobs[0].id].endswith(f":{os.getpid()}")


# The command

@pytest.fixture
def grid(tmp_path):
    def grid(values):
        path = tmp_path / "grid.yaml"
        path.write_text(json.dumps(values))  # which is YAML
        return path
    return grid


@pytest.fixture
def call(call):
    return partial(call, "sweep")


def test_the_command_reports(undisturbed, tmp_path, grid, call):
    folder, _ = undisturbed
    path, out_folder = grid({**MIXED, "protocols": ["sound", "published"]}), tmp_path / "runs"
    status, out, _ = call(path, "--out", out_folder, "--dry-run")
    assert status == 0 and out.count("new ") == 4 and "4 runs, 0 of them there already" in out
    assert not out_folder.exists()
    arguments = (path, "--out", out_folder, "--jobs", 1, "--retries", 0)
    status, out, err = call(*arguments)
    assert status == 1 and "SDT, good, published" in out and "weighted F1" in out
    assert "4 runs: 2 trained, 0 loaded, 2 failed" in out and str(out_folder) in out
    assert err.count("failed after 1 attempt(s): SDT on simulated-tiny") == 2 and "Lower learning_rate" in err
    assert "[4/4] " in err and " left)" in err and "Traceback" not in err
    status, out, err = call(*arguments, "--json")
    states = [row["state"] for row in json.loads(out)]
    assert status == 1 and states == ["loaded", "loaded", "failed", "failed"]
    assert "sound" in json.loads(out)[0]["protocols"] and "learning_rate" in json.loads(out)[2]["error"]
    status, out, _ = call(path, "--out", out_folder, "--dry-run", "--json")
    assert [row["exists"] for row in json.loads(out)] == [True, True, False, False]
    status, out, _ = call(grid(THREE), "--out", folder)
    assert status == 0 and "3 runs: 0 trained, 3 loaded, 0 failed" in out


def test_a_mistake_is_one_line_and_status_2(tmp_path, grid, call):
    path = grid({"models": "sdt", "corpora": "meld"})
    for arguments, said in (((tmp_path / "none.yaml",), "cannot be read"), ((path,), "needs a folder"),
                            ((path, "--backend", "slurm"), "unknown backend")):
        status, out, err = call(*arguments)
        assert status == 2 and out == "" and said in err and err.startswith("erclab: error: ") and err.count("\n") == 1


# Whole commands, from outside

def start(path, folder, *options):
    """A sweep as a process with a group of its own, as a terminal starts it: also where these tests run in the
    background, and ignore Ctrl-C."""
    return subprocess.Popen([sys.executable, "-m", "erclab", "sweep", path, "--out", folder, *options],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
                            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL))


def alive(session):
    """The processes of a session that are not defunct."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, its, *_ = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(its) == session and state != "Z":
            found.append(stat.parent.name)
    return found


def wait_for(what, seconds=60):
    until = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < until
        time.sleep(0.05)
    return found


linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")


@linux
@pytest.mark.slow
def test_ctrl_c_ends_all_processes_and_keeps_what_is_done(tmp_path, grid):
    """The first run is over in no time, the others would take minutes."""
    path = grid({**QUICK, "changes": {"short": {}, "long": {"epochs": 100_000}, "longer": {"epochs": 100_001}}})
    process = start(path, tmp_path / "runs", "--jobs", "2")
    wait_for(lambda: list((tmp_path / "runs").glob("*.json")))
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does it
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "erclab: stopped; finished runs are kept, and the same command goes on from there"
    assert "Traceback" not in err
    wait_for(lambda: not alive(process.pid), 5)
    record, = (tmp_path / "runs").glob("*.json")
    assert runs.load(record).scores()


@linux
@pytest.mark.slow
def test_workers_end_when_the_sweep_is_killed(tmp_path, grid):
    process = start(grid({**QUICK, "seeds": 2, "settings": {"epochs": 100_000, "hidden": 8, "heads": 2}}),
                    tmp_path / "runs", "--jobs", "2")
    wait_for(lambda: len(list((tmp_path / "runs").glob(".*.lock"))) == 2)
    process.kill()
    process.communicate(timeout=60)
    wait_for(lambda: not alive(process.pid), 10)


@pytest.mark.slow
def test_two_sweeps_of_one_folder_train_each_run_once(undisturbed, tmp_path, grid, call):
    """One of them is this process, which begins when the other trains."""
    path, folder = grid(THREE), tmp_path / "runs"
    other = Forked(cli.main, ["sweep", str(path), "--out", str(folder), "--json", "--jobs", "1"],
                   said=tmp_path / "said")
    wait_for(lambda: list(folder.glob(".*.lock")))
    status, here, _ = call(path, "--out", folder, "--json", "--jobs", "1")
    there, err = other.communicate(timeout=60)
    assert status == 0 and other.wait() == 0, err
    assert len(json.loads(here)) == len(json.loads(there)) == 3
    assert differences(undisturbed[0], folder) == [] and leftovers(folder) == []
