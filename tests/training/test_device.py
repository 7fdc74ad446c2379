"""What makes a GPU's numbers repeatable, as far as a machine without a GPU can show it."""

import pytest
import torch

from erclab.training.device import repeatable

CUDA, CPU = torch.device("cuda"), torch.device("cpu")


def settings():
    """TF32, repeatable convolutions, their choice by time, filled memory, the mode, and kernels of attention."""
    cuda, cudnn = torch.backends.cuda, torch.backends.cudnn
    return (cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark,
            torch.utils.deterministic.fill_uninitialized_memory, torch.get_deterministic_debug_mode(),
            cuda.mem_efficient_sdp_enabled(), cuda.flash_sdp_enabled(), cuda.cudnn_sdp_enabled())


def test_a_gpu_is_repeatable_in_the_block_and_as_before_after_it():
    before = settings()
    with pytest.raises(KeyError), repeatable(CUDA):
        assert settings() == (False, True, False, False, 1, False, False, False)
        raise KeyError
    assert settings() == before


def test_a_cpu_keeps_its_settings():
    before = settings()
    with repeatable(CPU):
        assert settings() == before


@pytest.mark.skipif(not hasattr(torch.backends.cudnn, "rnn"), reason="PyTorch before 2.9 has one setting for all")
def test_a_precision_that_the_user_chose_for_one_kind_of_layer_stays():
    rnn = torch.backends.cudnn.rnn
    before = rnn.fp32_precision
    try:
        rnn.fp32_precision = "ieee"
        with repeatable(CUDA):
            assert rnn.fp32_precision == "ieee" and torch.backends.cudnn.deterministic
        assert not torch.backends.cudnn.deterministic
    finally:
        rnn.fp32_precision = before
