"""The test dialogues on which the runs of a corpus are compared.

Runs on a simulated corpus are compared on fresh dialogues of its world (`erclab.corpora.simulated.fresh`), as many as a
claim needs; their truth is kept beside the evidence, so that verdicts need no corpus. On a real corpus the test split
is what it is, and nothing of the corpus may be kept but counts.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from erclab.analysis.cases import ambiguous
from erclab.analysis.context import kinds
from erclab.analysis.incongruity import has_shown, lies
from erclab.analysis.tallies import dialogues_of
from erclab.core.errors import RunError
from erclab.core.storage import BROKEN_ZIP, write_atomically
from erclab.corpora import Corpus, simulated
from erclab.corpora.simulated.oracle import posterior

FILE = "test.npz"
ORACLE = "oracle"  # the model of an arm that is the exact posterior of each utterance alone, in the view of frames


@dataclass(frozen=True, eq=False)
class Split:
    """Test dialogues.

    Attributes:
        corpus: its name.
        source: where the dialogues come from, in words.
        dialogue: (N,) the number of each utterance's dialogue.
        truth: task -> (N,) label indices or (N, K) numbers.
        parts: name -> (N,) bool.
        oracle: (N,) the emotion that the oracle of each utterance alone predicts.
    """

    corpus: str
    source: str
    dialogue: np.ndarray
    truth: Mapping[str, np.ndarray]
    parts: Mapping[str, np.ndarray]
    oracle: np.ndarray

    def save(self, folder: Path) -> None:
        """Write `test.npz` into the folder of the corpus's evidence."""
        arrays = {"dialogue": self.dialogue.astype(np.uint16), "oracle": self.oracle.astype(np.uint8),
                  **{f"truth.{name}": _small(x) for name, x in self.truth.items()},
                  **{f"part.{name}": np.packbits(x) for name, x in self.parts.items()}}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, about=np.array([self.corpus, self.source]), **arrays)
        write_atomically(folder / FILE, buffer.getvalue())


def _small(x: np.ndarray) -> np.ndarray:
    """Labels as they fit into a small file: indices in a byte; numbers as float16 where that changes none."""
    if x.ndim == 1:
        return x.astype(np.int8)
    half = x.astype(np.float16)
    return half if np.array_equal(half.astype(x.dtype), x, equal_nan=True) else x.astype(np.float32)


def load(folder: Path) -> Split | None:
    """The split of a folder of evidence; None where there is none (a real corpus, or nothing yet).

    Raises:
        RunError: the file is damaged.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as found:
            N = len(found["dialogue"])
            name, source = map(str, found["about"])
            return Split(name, source, found["dialogue"].astype(int), {
                key.partition(".")[2]: found[key] for key in found if key.startswith("truth.")}, {
                key.partition(".")[2]: np.unpackbits(found[key], count=N).astype(bool)
                for key in found if key.startswith("part.")}, found["oracle"].astype(int))
    except (OSError, *BROKEN_ZIP) as error:
        raise RunError(f"the test dialogues cannot be read ({error})", where=path,
                       remedy="Restore the file, or delete the folder and train again (--train).") from None


def parts_of(corpus: Corpus, split: str = "test") -> dict[str, np.ndarray]:
    """Name -> (N,) bool: the parts of a split that claims speak of. Ambiguous utterances are planted or short
    (`cases.ambiguous`). Where it was planted: referential ones, and incongruent ones, whose voice or face shows another
    emotion than the true one."""
    spoken = corpus.table["text"].fillna("").str.strip().ne("").any()
    found = {"ambiguous": ambiguous(corpus, split)} if spoken else {}
    if has_shown(corpus):
        lie = lies(corpus, split).any(axis=1).to_numpy()
        found |= {"referential": kinds(corpus, split) == "referential", "incongruent": lie, "congruent": ~lie}
    return found


def fresh_dialogues(name: str, protocol: Mapping[str, Any], *, frames: bool, world: Mapping[str, Any] | None = None
                    ) -> Corpus:
    """The fresh dialogues of a simulated corpus on which its runs are compared.

    Args:
        protocol: `fresh` of the claims' protocol: dialogues and seed.
        world: settings of the world that an arm changes.
    """
    changed = {key: tuple(x) if isinstance(x, list) else x for key, x in (world or {}).items()}
    behind = simulated.world_of(simulated.NAMES[name], **changed)
    return simulated.fresh(behind, protocol["dialogues"], protocol["seed"], frames=frames)


def split_of(corpus: Corpus) -> Split:
    """The test split of a simulated corpus, with the oracle's predictions."""
    world = simulated.world_behind(corpus)
    alone = posterior(corpus, world, corpus.modalities, "utterance", split="test", view="frames")
    return Split(corpus.name, corpus.source, dialogues_of(corpus, "test"),
                 {task: corpus.targets("test", task) for task in corpus.tasks}, parts_of(corpus),
                 alone.label.argmax(1))
