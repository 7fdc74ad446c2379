"""An interrupted run goes on from its last epoch and ends as if nothing had happened."""

import os
import signal
import time

import pytest
import torch
from compare_runs import differences
from forked import Forked

from erclab import cli, runs
from erclab.core.errors import RunError
from erclab.training import checkpoint as checkpoints
from erclab.training.checkpoint import Checkpoint
from erclab.training.loop import Trainer

QUESTIONS = {
    "sdt": {"epochs": 4, "hidden": 16, "heads": 2},
    "m2fnet": {"epochs": 5, "hidden": 16, "heads": 2, "patience": 2, "learning_rate": 0.01, "plateau_patience": 0},
    "dialoguetrm": {"epochs": 3, "hidden": 16, "heads": 2},
    "dialoguernn": {"epochs": 3, "global_width": 8, "party_width": 8, "emotion_width": 8},
    "lmr-cbt": {"epochs": 3, "hidden": 16},
}


def interrupt_after(monkeypatch, epochs):
    """The process stops where the next epoch would be trained."""
    train = Trainer.train

    def stopped(self):
        if len(self.curve) == epochs:
            raise KeyboardInterrupt
        return train(self)

    monkeypatch.setattr(Trainer, "train", stopped)


def count_epochs(monkeypatch):
    trained, train = [], Trainer.train
    monkeypatch.setattr(Trainer, "train", lambda self: (trained.append(len(self.curve) + 1), train(self))[1])
    return trained


@pytest.mark.parametrize("model", QUESTIONS)
def test_it_ends_with_the_same_record(tiny, tmp_path, monkeypatch, model):
    """Interrupted after its first epoch, and again after the second one."""
    monkeypatch.setattr(checkpoints, "SHARE", 1e9)  # write after every epoch, however short
    question, parts = {**QUESTIONS[model], "progress": False}, tmp_path / "parts"
    whole, = runs.run(model, tiny, folder=tmp_path / "whole", **question)
    trained = count_epochs(monkeypatch)
    for after in (1, 2):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            interrupt_after(patch, after)
            runs.run(model, tiny, folder=parts, **question)
        assert len(list(parts.glob(".*.checkpoint"))) == 1 and not list(parts.glob("*.json"))
        torch.manual_seed(99)  # whatever the next process draws first
    resumed, = runs.run(model, tiny, folder=parts, **question)
    assert trained == list(range(1, len(whole.curve) + 1))
    assert resumed.path.parent == parts and not differences(tmp_path / "whole", parts)
    assert not [p for p in parts.iterdir() if p.name.startswith(".")]


def test_force_starts_again(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "SHARE", 1e9)
    question = {**QUESTIONS["sdt"], "progress": False, "folder": tmp_path}
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt_after(patch, 2)
        runs.run("sdt", tiny, **question)
    trained = count_epochs(monkeypatch)
    runs.run("sdt", tiny, force=True, **question)
    assert trained == [1, 2, 3, 4]


@pytest.mark.parametrize("damage", [b"", b"half a checkpoint", None])
def test_a_damaged_checkpoint_is_said_and_the_run_starts_again(tiny, tmp_path, monkeypatch, caplog, damage):
    monkeypatch.setattr(checkpoints, "SHARE", 1e9)
    question = {**QUESTIONS["sdt"], "progress": False, "folder": tmp_path}
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt_after(patch, 2)
        runs.run("sdt", tiny, **question)
    file, = tmp_path.glob(".*.checkpoint")
    file.write_bytes(file.read_bytes()[:-100] if damage is None else damage)
    trained = count_epochs(monkeypatch)
    runs.run("sdt", tiny, **question)
    assert trained == [1, 2, 3, 4] and "the run starts again" in caplog.text


def test_a_checkpoint_runs_no_code(tmp_path, caplog):
    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'harm'}",)

    torch.save({"state": Evil(), "seconds": 0.0}, tmp_path / "x.checkpoint")
    assert Checkpoint(tmp_path / "x.checkpoint").load() is None
    assert not (tmp_path / "harm").exists() and "cannot be read" in caplog.text


def test_a_full_disk_is_one_clear_error_and_leaves_nothing(tiny, tmp_path, monkeypatch):
    def full(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match=r"cannot be kept: No space left on device.*Free some space"):
        runs.run("sdt", tiny, folder=tmp_path, progress=False, **QUESTIONS["sdt"])
    assert not [p for p in tmp_path.iterdir() if p.suffix != ".lock"]


def test_writing_takes_no_more_than_a_tenth_of_the_time(tmp_path):
    clock = [0.0]
    checkpoint = Checkpoint(tmp_path / "x", now=lambda: clock[0])

    def slow():
        clock[0] += 3.0
        return {}

    written = []
    for epoch in range(60):
        clock[0] += 1.0
        if checkpoint.save(slow):
            written.append(epoch)
    assert written == [0, 30]
    assert checkpoint.seconds == 66.0


def stays(command):
    """The command stops when it has written a checkpoint."""
    save = Checkpoint.save

    def stay(self, state):
        if save(self, state):
            time.sleep(60)
    Checkpoint.save = stay
    cli.main(command)


@pytest.mark.slow
def test_a_killed_process_goes_on(tmp_path, call):
    """In this process."""
    folder, whole = tmp_path / "runs", tmp_path / "whole"
    command = ["run", "sdt", "--corpus", "simulated-tiny", "--json"]
    for setting in ("epochs=4", "hidden=16", "heads=2"):
        command += ["--set", setting]
    process = Forked(stays, [*command, "--out", str(folder)])
    deadline = time.monotonic() + 60
    while not list(folder.glob(".*.checkpoint")) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "the run ended before it was killed"
    assert not list(folder.glob("*.json"))
    for out in (folder, whole):
        assert call(*command, "--out", out)[0] == 0
    assert list(folder.glob("*.json")) and not differences(folder, whole)
    assert not list(folder.glob(".*"))
