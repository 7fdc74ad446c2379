"""What is measured: the authors' models in their sizes, on batches of their corpora's shapes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from erclab.core.errors import unknown

# glibc keeps freed memory for the reference of the sequence models. With this the authors' code is a quarter to a half
# faster, and erclab is compared with the faster figure.
KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "17179869184"}


@dataclass(frozen=True)
class BenchCase:
    """One setting.

    Attributes:
        name: for the command line, where the model's name works as well.
        title: for tables.
        model: a key of `erclab.models.MODELS`, in its `official` variant.
        corpus: its preset of sizes.
        batch_size: dialogues, or utterances of a model of sequences.
        turns: of each dialogue; empty for a model of sequences.
        frames: modality -> steps of every utterance, the length that the authors cut to.
        steps: of a round; 0 is an epoch.
        recipe: fields of `Recipe` besides the batch size, with the authors' values.
        seeds: trained in one pass (`erclab.training.together`); the reference has one.
        changes: settings of the model that differ from its preset.
        faster: the aim of speed, as a multiple of the reference's; None for no aim.
        memory: the aim of memory, as a share of the reference's; None for no aim.
        environment: variables of the reference's process while its time is measured. They may cost memory, which is
            therefore measured without them as well.
    """

    name: str
    title: str
    model: str
    corpus: str
    batch_size: int
    turns: tuple[int, ...] = ()
    frames: dict = field(default_factory=dict)
    steps: int = 0
    recipe: dict = field(default_factory=dict)
    seeds: int = 1
    changes: dict = field(default_factory=dict)
    faster: float | None = None
    memory: float | None = None
    environment: dict = field(default_factory=dict)


@cache
def lengths(corpus: str) -> tuple[int, ...]:
    """Turns of the training dialogues of "iemocap" (108) or "meld" (1,038), in the order of the corpus."""
    text = resources.files(__package__).joinpath("dialogue_lengths.json").read_text(encoding="utf-8")
    return tuple(json.loads(text)[corpus])


def _dialogues(model: str, title: str, corpus: str, batch_size: int, steps: int = 0, **more: Any) -> BenchCase:
    label = {"iemocap": "IEMOCAP", "meld": "MELD"}[corpus]
    return BenchCase(f"{model}-{corpus}", f"{title}, {label}, batch {batch_size}", model, corpus, batch_size,
                turns=lengths(corpus), steps=steps, **more)


def _sequences(model: str, title: str, batch_size: int, suffix: str = "", **more: Any) -> BenchCase:
    return BenchCase(f"{model}-mosi{suffix}", f"{title}, MOSI unaligned, batch {batch_size}", model, "mosi", batch_size,
                frames={"text": 50, "audio": 375, "visual": 500}, faster=2.5, memory=0.5, steps=2,
                environment=KEEP_MEMORY, **more)


CASES = {case.name: case for case in (
    _dialogues("sdt", "SDT", "iemocap", 16, recipe={"learning_rate": 1e-4, "weight_decay": 1e-5}, faster=4.0,
               memory=0.5),
    _dialogues("sdt", "SDT", "meld", 8, steps=16, recipe={"learning_rate": 5e-6, "weight_decay": 1e-5}, faster=2.5,
               memory=0.5),
    _sequences("mult", "MulT", 8, recipe={"learning_rate": 1e-3, "clip": 0.8}),
    _sequences("mult", "MulT", 24, suffix="-24", recipe={"learning_rate": 1e-3, "clip": 0.8}),
    _sequences("lmr-cbt", "LMR-CBT", 8, recipe={"learning_rate": 1e-3, "clip": 1.0}),
    _dialogues("dialoguernn", "DialogueRNN", "iemocap", 30, recipe={"learning_rate": 1e-4, "weight_decay": 1e-5},
               faster=4.0),
    _dialogues("bc-lstm", "bc-LSTM", "iemocap", 32, recipe={"learning_rate": 1e-4, "weight_decay": 1e-5},
               faster=1.3),
)}


def choose(names: Iterable[str] = ()) -> list[BenchCase]:
    """The cases of these names or models, in the order of `CASES`; all of them without a name.

    Raises:
        UsageError: neither a case nor a model that has one.
    """
    known = {c.model for c in CASES.values()} | {*CASES}
    wanted = list(names) or known
    for name in wanted:
        if name not in known:
            raise unknown("model to measure", name, sorted(known))
    return [c for c in CASES.values() if c.name in wanted or c.model in wanted]
