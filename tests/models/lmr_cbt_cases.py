"""Small LMR-CBTs and batches of uneven sequences, for the tests."""

import numpy as np
import torch
from random_batches import random_sequences, shake
from reference_lmr_cbt import ReferenceLMRCBT
from torch import nn

from erclab.models.lmr_cbt import LMRCBT

DIMS = {"text": 5, "audio": 4, "visual": 3}
# Each modality is longest and shortest once; audio is shorter than its kernel, utterance 3 has no audio.
LENGTHS = {"text": (4, 1, 2, 3), "audio": (2, 6, 1, 0), "visual": (3, 2, 5, 1)}
SIZES = {"outputs": 3, "hidden": 8, "heads": 2, "layers": 2, "kernel_audio": 3, "kernel_visual": 2, "kernel_text": 3}
SWITCHES = ("same_length", "future_mask", "attend_padding", "batch_recurrence")
NO_DROPOUT = {f"{name}_dropout": 0.0 for name in ("embedding", "lstm", "attention", "relu", "residual", "output")}


def made(variant="paper", modalities=tuple(DIMS), seed=0, **changes):
    """A shaken model in float64 without dropout, its running statistics off 0 and 1."""
    dims = tuple((m, DIMS[m]) for m in modalities)
    config = getattr(LMRCBT, variant)("simulated", **{**SIZES, **NO_DROPOUT, "dims": dims, **changes})
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = shake(LMRCBT(config), seed)
        for norm in (x for x in model.modules() if isinstance(x, nn.BatchNorm1d)):
            norm.running_mean.uniform_(-1, 1)
            norm.running_var.uniform_(0.5, 2)
    return model.double().eval()


def sequences(modalities=tuple(DIMS), seed=3):
    return random_sequences({m: DIMS[m] for m in modalities}, 3, {m: LENGTHS[m] for m in modalities}, seed)


def frames(batch):
    """Utterances as lists of frames without padding."""
    return [{m: [*x[b, :batch.masks[m][b].sum()].numpy()] for m, x in batch.features.items()}
            for b in range(len(batch))]


def reference(model):
    c = model.config
    return ReferenceLMRCBT({name: x.numpy() for name, x in model.state_dict().items()}, c.modalities,
                           kernels={m: getattr(c, f"kernel_{m}") for m in DIMS}, heads=c.heads, layers=c.layers,
                           target=c.target, text_front=c.text_front, **{s: getattr(c, s) for s in SWITCHES})


def same(ours, theirs, atol=1e-6):
    """The reference's positions are float64, the model's float32: hence 1e-6. The mistakes of the golden README move
    the logits by 0.006 and more."""
    np.testing.assert_allclose(ours.detach().numpy(), np.array(theirs), rtol=0, atol=atol)
