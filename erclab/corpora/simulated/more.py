"""Fresh dialogues of a simulated world: a test split as large as a claim needs, for models that are trained already.

Of the baselines `linear` and `tfidf`, the weighted F1 on the 120 test dialogues of the default corpus has a standard
error of 1.0 and 1.3 points; on 2,000 fresh dialogues, of 0.3 and 0.2 (`erclab runs evaluate linear-simulated --fresh
2000`).

The generator draws its random numbers from streams that begin with (corpus seed, number of the stream). The corpus
seeds of users are below 2**32 and the numbers of the streams below `FIRST`. The stream of fresh dialogues begins with
(seed of the fresh dialogues, `FIRST` + number of the piece, number of the stream), so no corpus of any corpus seed has
numbers of such a stream. Dialogues are made in pieces of `PIECE`, each with streams of its own. This bounds the memory,
and the first 1,000 of 2,000 fresh dialogues are the 1,000 of the same seed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from numbers import Integral

import numpy as np
import pandas as pd

from erclab.core.errors import UsageError
from erclab.corpora.corpus import Corpus
from erclab.corpora.frames import Frames
from erclab.corpora.simulated.generator import CHANGED, NAMES, PRESETS, generate, world_behind
from erclab.corpora.simulated.reader import SEEDS, checked_seed
from erclab.corpora.simulated.world import World

FIRST = 1000  # above the number of every stream of the generator
PIECE = 50  # dialogues


def fresh(world: Corpus | World, dialogues: int = 1000, seed: int | None = None, *, frames: bool = False) -> Corpus:
    """A corpus of the same world that has a test split only: dialogues that no corpus of any corpus seed has.

    The dialogues do not depend on the corpus seed: runs on corpora of several seeds are compared on the same ones.

    Args:
        world: a simulated corpus, or the generative model itself.
        dialogues: how many.
        seed: which: another seed gives other dialogues. None: 0.
        frames: also make the sequences, for models that read them. 2,000 dialogues of the default world take 0.4 GB,
            and about 1 GB while they are made.

    Raises:
        UsageError: the corpus is not simulated, or a number is not possible.
    """
    model = world_behind(world) if isinstance(world, Corpus) else world
    if not isinstance(model, World):
        raise UsageError(f"{getattr(world, 'name', repr(world))} is not simulated, so that nothing can be added to it",
                         remedy="Take a simulated corpus.")
    if isinstance(dialogues, bool) or not isinstance(dialogues, Integral) or dialogues < 1:
        raise UsageError(f"{dialogues!r} fresh dialogues", remedy="Ask for a whole number, 1 or more.")
    preset = NAMES[world.name] if isinstance(world, Corpus) else _preset(model)
    changes = {name: value for name, value in asdict(model.settings).items()
               if name not in ("seed", "dialogues") and value != getattr(PRESETS[preset], name)}
    number, count = 0 if seed is None else checked_seed(seed), int(dialogues)
    pieces = [_first(generate(preset, frames=frames, **changes, dialogues=(0, 0, PIECE),
                              seed=number + (FIRST + i) * SEEDS), count - i * PIECE) for i in range(-(-count // PIECE))]
    source = f"simulated, seed {model.settings.seed}, {count} fresh dialogues of seed {number}"
    return replace(_joined(pieces), source=source + (CHANGED + json.dumps(changes) if changes else ""))


def _preset(world: World) -> str:
    """The preset from which a world differs in the fewest settings, but for its seed and its number of dialogues."""
    def differing(name: str) -> int:
        preset = replace(PRESETS[name], seed=world.settings.seed, dialogues=world.settings.dialogues)
        return sum(value != getattr(preset, field) for field, value in vars(world.settings).items())

    return min(PRESETS, key=differing)


def _first(corpus: Corpus, dialogues: int) -> Corpus:
    """The first dialogues of a corpus: offsets of speakers are drawn for a piece at once, so a piece is made whole."""
    return corpus if dialogues >= PIECE else corpus.select(np.arange(corpus.starts[dialogues]))


def _joined(parts: Sequence[Corpus]) -> Corpus:
    """The dialogues of corpora of one world, one after the other, with new numbers."""
    turns, first = np.concatenate([np.diff(part.starts) for part in parts]), parts[0]
    names = np.repeat([f"test-{i:04d}" for i in range(len(turns))], turns)
    return replace(
        first, table=pd.concat([part.table for part in parts], ignore_index=True).assign(dialogue=names.astype(object)),
        vectors={m: np.concatenate([part.vectors[m] for part in parts]) for m in first.vectors},
        frames={m: Frames.join([part.frames[m] for part in parts]) for m in first.frames},
        annotations={t: np.concatenate([part.annotations[t] for part in parts]) for t in first.annotations})
