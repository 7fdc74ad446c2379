"""Small DialogueTRMs in every switch, and the batch that their tests read."""

from itertools import combinations

import pytest
import torch
from random_batches import random_batch, shake

pytest.importorskip("transformers", reason="DialogueTRM's BERT is an optional extra")

from erclab.models.dialoguetrm.model import DialogueTRM

DIMS = {"text": 6, "audio": 4, "visual": 3}
SUBSETS = [c for n in (1, 2, 3) for c in combinations(DIMS, n)]
LENGTHS = (6, 3, 1)
EVERY = tuple((m, "dependent") for m in DIMS)
NONE = tuple((m, "free") for m in DIMS)
SWITCHES = [
    {}, {"text_from": "tokens"}, {"context": EVERY}, {"context": NONE}, {"context_turns": 0}, {"context_turns": 1},
    {"window": "banded"}, {"window": "banded", "context": EVERY}, {"positions": "learned", "context": EVERY},
    {"positions": "sinusoidal"}, {"summary": "bert"}, {"summary": "dialoguernn"},
    {"summary": "dialoguernn", "context": EVERY}, {"fusion": "gate_concat"}, {"fusion": "trm"}, {"fusion": "concat"},
    {"fusion": "mult", "context": EVERY}, {"fusion_positions": True}, {"fusion": "trm", "fusion_positions": True},
    {"bias": True}, {"bert.shared": False}, {"shared_transformer": False},
    {"bert.shared": False, "shared_transformer": False, "summary": "dialoguernn", "context": EVERY},
    {"layers": 1, "heads": 4, "fusion_layers": 1}, {"bert.layers": 1, "bert.heads": 4, "bert.activation": "relu"},
    {"text_from": "tokens", "bert.max_length": 8}, {"text_from": "tokens", "bert.max_length": 4},
    {"bert.max_length": 4},
    {"text_from": "tokens", "bert.chunk": 3, "summary": "dialoguernn", "bert.shared": False, "fusion": "concat"}]
switches = pytest.mark.parametrize(
    "changes", SWITCHES, ids=lambda c: ",".join(f"{k}={'/'.join(p for _, p in v) if k == 'context' else v}"
                                                for k, v in c.items()) or "paper")


def made(subset=tuple(DIMS), seed=0, size=0.3, **changes):
    """A small model in float64 without dropout, moved off its initial values."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = DialogueTRM(DialogueTRM.tiny(**{"dims": tuple((m, DIMS[m]) for m in subset), "speakers": 3,
                                                "dropout": 0.0, "bert.dropout": 0.0, **changes}))
        return shake(model, seed, size).double().eval()


def ragged():
    """Three dialogues of 6, 3 and 1 turns, three speakers, one to four of 30 words."""
    return random_batch(DIMS, classes=5, speakers=3, lengths=LENGTHS, words=30)
