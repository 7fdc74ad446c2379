"""Small HCT-MGs and batches of uneven sequences, for the tests."""

import torch
from random_batches import random_sequences, shake

from erclab.models.hct_mg import HCTMG

MODALITIES = ("text", "audio", "visual")
DIMS = {"text": 4, "audio": 3, "visual": 2}
LENGTHS = {"text": (4, 1, 2, 0), "audio": (3, 1, 0, 5), "visual": (6, 1, 3, 2)}  # no two agree; some are absent
DRY = {f"{name}_dropout": 0.0 for name in ("attention", "relu", "residual", "embedding", "output")}
TWO = [("text", "audio"), ("audio", "visual")]
HIERARCHIES = [(subset, primary) for subset in (MODALITIES, *TWO) for primary in subset]


def made(subset=MODALITIES, seed=0, shaken=True, **changes):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = HCTMG(HCTMG.tiny(**{"dims": tuple((m, DIMS[m]) for m in subset), "outputs": 3, **DRY, **changes}))
    return (shake(model, seed=1) if shaken else model).double()


def gated(primary, subset=MODALITIES, lead=0.2, **changes):
    """A model whose gate prefers a modality."""
    model = made(subset, **changes)
    set_gate(model, {primary: lead})
    return model


def set_gate(model, logits):
    with torch.no_grad():
        model.gate_logits.copy_(torch.tensor([logits.get(m, 0.0) for m in model.config.modalities]))


def batch_of(subset=MODALITIES, lengths=LENGTHS, seed=3):
    return random_sequences({m: DIMS[m] for m in subset}, 3, {m: lengths[m] for m in subset}, seed=seed)
