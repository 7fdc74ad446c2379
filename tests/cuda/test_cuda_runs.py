"""Runs on a GPU: repeatable, resumed as on a CPU, loaded where there is no GPU, and errors of one line."""

import gc
import json

import numpy as np
import pytest
import torch

from erclab import models, runs
from erclab.core.errors import RunError
from erclab.features import text
from erclab.training import checkpoint as checkpoints
from erclab.training.loop import Trainer, predictions

TRAINED = [name for name, info in models.MODELS.items() if info.kind == "trained"]
STACKING = [name for name in TRAINED if models.info(name).stacks]
SMALL = {"sdt": {"hidden": 16, "heads": 2}, "mult": {"hidden": 8, "heads": 2}, "lmf-mult": {"hidden": 8, "heads": 2}}


@pytest.fixture
def ask(gpu, tiny, tmp_path):
    def ask(model, folder="runs", **question):
        return runs.run(model, tiny, folder=tmp_path / folder, **{
            "device": str(gpu), "progress": False, "epochs": 2, **SMALL.get(model, {}), **question})
    return ask


@pytest.mark.parametrize("model", TRAINED)
def test_a_run_is_repeatable_and_its_record_is_of_use_on_a_cpu(ask, tiny, gpu, model):
    """Trained twice with one seed: the same curve, predictions and weights, bit for bit. The CPU's predictions with the
    stored weights are those of the GPU."""
    first, = ask(model)
    assert torch.device(first.data["environment"]["device"]).type == gpu.type
    again, = ask(model, "again")
    gap = max(np.abs(again.predictions(split) - first.predictions(split)).max() for split in ("valid", "test"))
    assert gap == 0 and again.curve.equals(first.curve), f"predictions differ by up to {gap}"
    there = {name: x.cpu() for name, x in again.model(str(gpu)).state_dict().items()}
    here = first.model("cpu")
    assert all(there[name].equal(x) for name, x in here.state_dict().items())
    found = predictions(here, runs.views(first.spec, tiny)["test"])
    np.testing.assert_allclose(found, first.predictions(), rtol=0, atol=1e-4)


@pytest.mark.parametrize("model", TRAINED)
def test_an_epoch_in_bfloat16(ask, model):
    low, = ask(model, precision="bfloat16", epochs=1)
    full, = ask(model, epochs=1)
    losses = [run.curve["train.total"].iloc[0] for run in (low, full)]
    assert np.isfinite(losses).all() and abs(losses[0] - losses[1]) < 0.05 * losses[1]


@pytest.mark.parametrize("model", STACKING)
def test_seeds_in_one_pass_end_as_alone(ask, model):
    alone, together = (ask(model, str(way), seeds=2, together=way, epochs=1) for way in (False, True))
    assert [r.data["seeds_in_one_pass"] for r in alone + together] == [1, 1, 2, 2]
    for a, b in zip(alone, together, strict=True):
        np.testing.assert_allclose(a.predictions(), b.predictions(), rtol=0, atol=1e-3)
    low = ask(model, "low", seeds=2, together=True, epochs=1, precision="bfloat16")
    assert all(np.isfinite(r.predictions()).all() for r in low)


@pytest.mark.parametrize("model", ["sdt", "bc-lstm", "mult"])
def test_an_interrupted_run_ends_with_the_same_predictions(ask, monkeypatch, model):
    monkeypatch.setattr(checkpoints, "SHARE", 1e9)  # write after every epoch, however short
    whole, = ask(model, "whole", epochs=3)
    train = Trainer.train
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Trainer, "train", lambda self: train(self) if len(self.curve) < 2 else _stop())
        ask(model, "parts", epochs=3)
    resumed, = ask(model, "parts", epochs=3)
    assert resumed.curve.equals(whole.curve) and np.array_equal(resumed.predictions(), whole.predictions())


def _stop():
    raise KeyboardInterrupt


@pytest.mark.parametrize("model", ["linear", "constant"])
def test_a_fit_needs_no_gpu(ask, model):
    record, = ask(model)
    assert record.scores()["accuracy"] > 0


# The command line


def test_the_command_line_trains_and_predicts(call, gpu, tiny, tmp_path):
    status, said, err = call("run", "sdt", "--corpus", "simulated-tiny", "--device", gpu, "--out", tmp_path / "runs",
                             "--set", "epochs=1", "--set", "hidden=16", "--seeds", "2", "--json")
    assert status == 0, err
    found = json.loads(said)
    assert [torch.device(r["environment"]["device"]).type for r in found] == [gpu.type] * 2
    rows = tiny.rows("test")
    tiny.table.loc[rows, ["dialogue", "speaker", "text"]].to_csv(tmp_path / "mine.csv", index=False)
    given = []
    for m, x in tiny.vectors.items():
        np.save(tmp_path / f"{m}.npy", x[rows])
        given += ["--vectors", f"{m}={tmp_path / m}.npy"]
    for device in (gpu, "cpu"):
        out = tmp_path / f"{device}.csv"
        status, _, err = call("predict", found[0]["id"], tmp_path / "mine.csv", *given, "--runs", tmp_path / "runs",
                              "--device", device, "--explain", "--out", out)
        assert status == 0, err


@pytest.fixture
def little_memory(gpu):
    """30 MB more than the process has now."""
    if gpu.type != "cuda":
        pytest.skip("the memory of a CPU has no limit that a test can set")
    gc.collect()
    torch.cuda.empty_cache()
    whole = torch.cuda.get_device_properties(gpu).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved(gpu) + 30e6) / whole)
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)


def test_too_little_memory_is_one_line_and_leaves_nothing_behind(ask, call, little_memory, gpu, tmp_path):
    before = torch.cuda.memory_allocated(gpu)
    with pytest.raises(RunError, match="the training needs more memory than is free") as caught:
        ask("sdt", hidden=512)
    assert "\n" not in str(caught.value) and "batch_size" in str(caught.value)
    gc.collect()
    assert torch.cuda.memory_allocated(gpu) < before + 5e6  # although the error is kept
    status, _, err = call("run", "sdt", "--corpus", "simulated-tiny", "--device", gpu, "--out", tmp_path / "x",
                          "--set", "hidden=512")
    assert status == 2 and err.count("\n") == 1 and "memory" in err and "Traceback" not in err


# Text


def test_vectors_of_text_are_those_of_the_cpu(gpu, tiny_source, tmp_path):
    found = [text.encode(["a", "some words", "", "a longer text of some words"], tiny_source, device=str(device),
                         cache=tmp_path / str(i), progress=False) for i, device in enumerate((gpu, "cpu"))]
    np.testing.assert_allclose(*found, rtol=0, atol=1e-5)
