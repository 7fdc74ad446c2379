"""Too little memory: recognised by what allocators say, told in one line, and freed for the next try."""

import gc
import weakref

import numpy as np
import pytest
import torch

from erclab import corpora, runs
from erclab.core.errors import FeatureError, RunError
from erclab.core.memory import enough_memory, shortage
from erclab.runs import engine

GPU = ("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 79.11 GiB of which 5.06 GiB is "
       "free. Including non-PyTorch memory, this process has 74.0 GiB memory in use. Of the allocated memory ...")


def too_much(kind):
    if kind == "torch":
        torch.empty(1 << 58, dtype=torch.uint8)
    elif kind == "numpy":
        np.empty(1 << 58, np.uint8)
    elif kind == "python":
        raise MemoryError
    raise torch.OutOfMemoryError(GPU) if kind == "gpu" else RuntimeError(kind)


@pytest.mark.parametrize(("kind", "told"), [
    ("torch", "can't allocate memory: you tried to allocate 288230376151711744 bytes"),
    ("numpy", "Unable to allocate 256. PiB for an array with shape (288230376151711744,) and data type uint8"),
    ("python", "out of memory"), ("gpu", "CUDA out of memory. Tried to allocate 20.00 GiB"),
    ("CUDA error: out of memory\nCUDA kernel errors might be reported later.", "CUDA error: out of memory"),
    *[(text, text) for text in ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
                                "cuDNN error: CUDNN_STATUS_ALLOC_FAILED")]])
def test_what_allocators_say_becomes_one_line(kind, told):
    with pytest.raises(FeatureError) as caught, enough_memory("it", "Do less.", "x", FeatureError):
        too_much(kind)
    assert str(caught.value) == f"x: it needs more memory than is free ({told}). Do less."


def test_other_errors_pass_unchanged():
    problem = RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    assert not shortage(problem)
    with pytest.raises(RuntimeError) as caught, enough_memory("it", "Do less."):
        raise problem
    assert caught.value is problem


def test_the_error_keeps_no_tensor():
    kept = []

    def work():
        x = torch.zeros(3)
        kept.append(weakref.ref(x))
        too_much("gpu")

    with pytest.raises(RunError) as caught, enough_memory("it", "Do less."):
        work()
    gc.collect()
    assert caught.value.__suppress_context__ and kept[0]() is None


def test_a_training_without_memory_is_one_line(tiny, tmp_path, monkeypatch, call):
    monkeypatch.setattr(engine, "_train", lambda *_: too_much("gpu"))
    with pytest.raises(RunError, match=r"SDT.*the training needs more memory.*20.00 GiB\)\. Set a lower batch_size"):
        runs.run("sdt", tiny, folder=tmp_path, progress=False)
    status, _, err = call("run", "sdt", "--corpus", "simulated-tiny", "--out", tmp_path)
    assert status == 2 and err.count("\n") == 1 and "--set batch_size=" in err


def test_a_command_without_memory_is_one_line(monkeypatch, call):
    monkeypatch.setattr(corpora, "load", lambda *_, **__: too_much("numpy"))
    status, _, err = call("run", "sdt", "--corpus", "simulated-tiny")
    assert status == 2 and err.count("\n") == 1 and "not enough memory (Unable to allocate" in err
