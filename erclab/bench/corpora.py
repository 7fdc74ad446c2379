"""Random features in the shape of a case's corpus: a network takes as long for noise as for speech."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from erclab.bench.cases import BenchCase
from erclab.corpora import ANNOTATIONS, Corpus, Frames
from erclab.corpora.views import DialogueView, SequenceView, View


def items(case: BenchCase, steps: int) -> int:
    """How many dialogues or utterances a round of so many steps has; 0 steps are an epoch of dialogues."""
    if case.frames:
        return max(steps, 1) * case.batch_size
    return min(steps * case.batch_size, len(case.turns)) if steps else len(case.turns)


def reduced(case: BenchCase, count: int, seed: int) -> BenchCase:
    """The case with so many of its dialogues, drawn at random. The longest is always among them: it decides the peak of
    memory."""
    if case.frames or count >= len(case.turns):
        return case
    turns = np.array(case.turns)
    order = np.random.default_rng(seed).permutation(len(turns))
    longest = int(turns.argmax())
    order = np.concatenate([[longest], order[order != longest]])[:count]
    return dataclasses.replace(case, turns=tuple(int(n) for n in turns[np.sort(order)]))


def view(case: BenchCase, config, count: int, seed: int, device="cpu") -> View:
    """The training split that a round goes through.

    Args:
        config: of the model: widths, task, labels and speakers.
        count: dialogues or utterances, see `items`.
        seed: for the choice of dialogues and for random features, speakers and labels. Equal seeds give equal views.
    """
    case, rng = reduced(case, count, seed), np.random.default_rng([seed, 1])
    turns = case.turns or (1,) * count
    total = sum(turns)
    classes = config.outputs if config.task == "emotion" else 0
    table = pd.DataFrame({
        "split": "train",
        "dialogue": np.repeat([f"{i:05d}" for i in range(len(turns))], turns),
        "turn": np.concatenate([np.arange(n) for n in turns]),
        "speaker": rng.integers(0, getattr(config, "speakers", 1), total).astype(str),
        "text": "",
        "label": rng.integers(0, classes, total) if classes else np.full(total, -1),
    })
    annotations = {} if classes else {
        config.task: rng.integers(0, 2, (total, len(ANNOTATIONS[config.task]))).astype(np.float32)}
    labels = tuple(f"{i}" for i in range(classes))
    names = [m for m, _ in config.dims]
    if case.frames:
        frames = {m: Frames(rng.standard_normal((total * case.frames[m], d), dtype=np.float32),
                            np.arange(total + 1) * case.frames[m]) for m, d in config.dims}
        corpus = Corpus(case.corpus, table, labels, frames=frames, annotations=annotations)
        return SequenceView(corpus, "train", names, device, task=config.task)
    vectors = {m: rng.standard_normal((total, d), dtype=np.float32) for m, d in config.dims}
    return DialogueView(Corpus(case.corpus, table, labels, vectors, annotations=annotations), "train", names, device,
                        task=config.task)
