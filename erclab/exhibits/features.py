"""From raw words to vectors, and what they keep of the emotion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from erclab.core.errors import UsageError
from erclab.corpora import Corpus
from erclab.figures import style


def similarity(texts: Sequence[str], vectors: np.ndarray) -> Figure:
    """Cosine between the vectors (N, D) of a few texts, as a matrix with its numbers."""
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = units @ units.T
    size = 0.55 * len(texts) + 3.5
    made, ((axis,),) = style.figure(figsize=(size + 2.5, size))
    image = axis.imshow(cosine, cmap="cividis", vmin=0, vmax=1)
    for i, j in np.ndindex(*cosine.shape):
        axis.text(j, i, f"{cosine[i, j]:.1f}", ha="center", va="center", fontsize=9,
                  color="black" if cosine[i, j] > 0.55 else "white")
    axis.set(xticks=range(len(texts)), yticks=range(len(texts)), yticklabels=list(texts), xticklabels=[])
    axis.set_title("Cosine between sentence vectors", loc="left")
    axis.grid(visible=False)
    made.colorbar(image, ax=axis)
    return made


def probes(corpus: Corpus, candidates: dict[str, np.ndarray], kinds: bool = True) -> dict[str, list[float]]:
    """Weighted F1 on the test split of a logistic regression on each set of vectors (N, D).

    Args:
        kinds: also apart for each kind of words, where the corpus knows them (simulated).

    Raises:
        UsageError: vectors of another number of utterances.
    """
    label, train, test = corpus.table["label"].to_numpy(), corpus.rows("train"), corpus.rows("test")
    kind = corpus.table["text_kind"].to_numpy()[test] if kinds and "text_kind" in corpus.table else None
    found: dict[str, list[float]] = {}
    for name, x in candidates.items():
        if len(x) != len(corpus):
            raise UsageError(f"'{name}' has {len(x)} vectors for {len(corpus)} utterances")
        guess = LogisticRegression(C=1.0, max_iter=1000).fit(x[train], label[train]).predict(x[test])
        found[name] = [float(f1_score(label[test], guess, average="weighted"))]
        for k in () if kind is None else ("plain", "ambiguous", "referential"):
            at = kind == k
            found[f"{name}, {k}"] = [float(f1_score(label[test][at], guess[at], average="weighted"))]
    return found


def frames(corpus: Corpus, row: int, towards: Mapping[str, np.ndarray] | None = None) -> Figure:
    """One utterance as a model of sequences sees it: each frame's strength, and where the burst is.

    Args:
        towards: modality -> (D,) direction to project the frames on, such as the prototype of an emotion. Without
            one the frame's norm is drawn, in which a burst drowns among so many directions of noise.

    Raises:
        UsageError: the corpus has no frames.
    """
    if not corpus.frames:
        raise UsageError(f"{corpus.name} has no frames",
                         remedy="Generate with frames=True, or read a corpus with them.")
    made, axes = style.figure(len(corpus.frames), 1, figsize=(10, 2.1 * len(corpus.frames) + 0.6))
    utterance = corpus.table.iloc[row]
    for axis, (modality, sequences) in zip(axes[:, 0], corpus.frames.items(), strict=True):
        direction = (towards or {}).get(modality)
        energy = (np.linalg.norm(sequences[row], axis=1) if direction is None
                  else sequences[row] @ (direction / np.linalg.norm(direction)))
        at = (np.arange(len(energy)) + 0.5) / sequences.rate if sequences.rate else np.arange(len(energy))
        axis.bar(at, energy, 0.9 / (sequences.rate or 1), color=style.MODALITY[modality])
        axis.set(ylabel="norm" if direction is None else "evidence",
                 title=f"{modality}: {len(energy)} frames of {sequences.values.shape[1]}")
        words = utterance["text"].split()
        if not sequences.rate and len(words) == len(energy):
            axis.set(xticks=range(len(words)))
            axis.set_xticklabels(words, fontsize=11)
        elif "burst_start" in corpus.table:
            lead = 0.12 if modality == "visual" else 0.0
            axis.axvspan(utterance["burst_start"] - lead, utterance["burst_end"] - lead, color=style.YELLOW, alpha=0.4,
                         zorder=0)
            axis.set(xlabel="seconds")
    return made
