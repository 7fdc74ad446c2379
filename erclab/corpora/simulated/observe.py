"""What can be seen of the simulated conversations: an utterance's vectors, and the frames behind them.

The text's frames are one vector per word: a fixed codebook for words that no emotion decides, the prototype and noise
for emotion words and for an event's verb. The telling word has the noise of the utterance's vector, and the verb has
that noise's part along the events' directions. So the frames and the vector hold the same evidence on the emotions:

    1. Given the vector, the frames tell nothing more. The vector shows the form (its marks have no noise). Which
       sentence of the form is said and with which fillers is independent of the state. So are emotion and strength of
       the second emotion word, which do not depend on the telling word either (synonyms have one vector). The frames of
       the telling word and of the verb are parts of the vector, beside noise that is independent of all else.
    2. The vector's evidence can be computed from the frames. The codebook has no noise, so the words without an emotion
       give the sentence, hence its form and the places of the telling word and of the verb (`grammar`).

For voice and face the vector is a matched filter over white noise, which is a sufficient statistic.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from erclab.corpora.frames import Frames
from erclab.corpora.simulated import grammar
from erclab.corpora.simulated.world import CODEBOOK_SEED, MARK, MARKS, World
from erclab.corpora.vocabulary import MODALITIES

RATES = {"audio": 12.5, "visual": 15.0}  # frames per second
WORD_SECONDS, EDGE_SECONDS = 0.35, 0.3
BURST_SECONDS = 0.16  # deviation of the burst around the salient word
LEAD_SECONDS = {"audio": 0.0, "visual": 0.12}  # the face moves before the voice
GRID = 2.0**13  # values are multiples of 1 / GRID, so that another processor's rounding gives the same corpus
SPREAD = 0.3  # deviation of the codebook in each direction; noise has 1


def observe(world: World, table: pd.DataFrame, frames: bool) -> tuple[dict[str, np.ndarray], dict[str, Frames]]:
    """Vectors (N, D_m) of each modality and, on request, its frames.

    Args:
        world: its seed decides the noise.
        table: what has been said and shown, with the columns of `generator.generate`.
        frames: make the frames too.
    """
    vectors, sequences = {}, {}
    lengths, salient = table["text"].str.split().str.len().to_numpy(), table["salient_word"].to_numpy()
    people = pd.factorize(table["dialogue"] + "/" + table["speaker"])[0]
    for i, modality in enumerate(MODALITIES):
        noise = np.random.default_rng([world.settings.seed, 3, i])
        around = np.random.default_rng([world.settings.seed, 4, i])
        dim = world.settings.dims[i]
        if modality == "text":
            left = noise.normal(size=(len(table), dim))
            vectors[modality] = meant(world, table) + left - left @ world.marks().T @ world.marks()
            parts = word_vectors(world, table, vectors[modality], around) if frames else []
        else:
            mean, free = expressed(world, table, modality), world.free(modality)
            offset = (noise.normal(scale=world.settings.offset, size=(people.max() + 1, len(free))) @ free)[people]
            left = noise.normal(size=(len(table), dim))  # what the matched filter leaves of the frames' noise
            profiles = [burst(modality, n, k) for n, k in zip(lengths, salient, strict=True)]
            weight = np.array([p.sum() for p in profiles])
            vectors[modality] = mean + weight[:, None] * offset + left
            parts = [np.outer(b, m + e) + o + _orthogonal(around, b, dim)
                     for b, m, e, o in zip(profiles, mean, left, offset, strict=True)] if frames else []
        if frames:
            sequences[modality] = Frames.pack([_rounded(x) for x in parts], rate=RATES.get(modality, 0.0))
    return {m: _rounded(x) for m, x in vectors.items()}, sequences


def _rounded(x: np.ndarray) -> np.ndarray:
    """On the grid: float32 holds these numbers exactly."""
    return (np.round(x * GRID) / GRID).astype(np.float32)


def meant(world: World, table: pd.DataFrame) -> np.ndarray:
    """(N, D_text) the mean of the text's vectors, given the words."""
    places = {name: i for i, name in enumerate(world.labels)}
    mean = marks_of(table) @ (MARK * world.marks())
    said, event = (table[column].map(places) for column in ("said", "event"))
    tells, happens = said.notna().to_numpy(), event.notna().to_numpy()
    mean[tells] += world.at_levels("text")[said[tells].astype(int), table["said_level"][tells]]
    mean[happens] += world.events()[event[happens].astype(int)]
    return mean


def marks_of(table: pd.DataFrame) -> np.ndarray:
    """(N, 4) 1 where an utterance has a mark of `MARKS`, else 0."""
    return np.column_stack([table["event"] != "" if mark == "event" else table["form"] == mark
                            for mark in MARKS]).astype(float)


def expressed(world: World, table: pd.DataFrame, modality: str) -> np.ndarray:
    """(N, D) the mean of a voice's or face's vectors, given what it shows; 0 where it is masked."""
    seen = table[f"{modality}_shown"].map({name: i for i, name in enumerate(world.labels)})
    there = seen.notna().to_numpy()
    mean = np.zeros((len(table), len(world.bases[modality])))
    mean[there] = (world.prototypes(modality)[seen[there].astype(int)]
                   * table["intensity"].to_numpy()[there][:, None])
    return mean


def burst(modality: str, words: int, salient: int) -> np.ndarray:
    """(L,) the profile of the burst over an utterance's frames, of unit norm."""
    rate = RATES[modality]
    seconds = EDGE_SECONDS + words * WORD_SECONDS
    time = (np.arange(int(np.ceil(seconds * rate))) + 0.5) / rate
    middle = EDGE_SECONDS / 2 + (salient + 0.5) * WORD_SECONDS - LEAD_SECONDS[modality]
    profile = np.exp(-0.5 * ((time - middle) / BURST_SECONDS) ** 2)
    return profile / np.linalg.norm(profile)


def _orthogonal(rng: np.random.Generator, profile: np.ndarray, dim: int) -> np.ndarray:
    """(L, D) noise N(0, I) less its part along the profile, which the vector's own noise replaces."""
    z = rng.normal(size=(len(profile), dim))
    return z - np.outer(profile, profile @ z)


def codebook(world: World, word: str) -> np.ndarray:
    """(D_text,) the vector of a word that no emotion decides, the same wherever it occurs, in free directions."""
    free = world.free("text")
    return np.random.default_rng([CODEBOOK_SEED, *word.encode()]).normal(scale=SPREAD, size=len(free)) @ free


def word_vectors(world: World, table: pd.DataFrame, vectors: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """One vector per word; see the head of this module.

    Args:
        vectors: (N, D_text) the utterances' vectors.
        rng: draws the noise that is no part of these vectors.
    """
    along, marks = (basis.T @ basis for basis in (world.event_directions(), world.marks()))  # projectors
    levels, book, parts = world.at_levels("text"), {}, []
    for text, x, salient, verb in zip(table["text"], vectors, table["salient_word"], table["event_word"], strict=True):
        words, part = grammar.words_of(text), np.zeros((len(text.split()), len(x)))
        noise = rng.normal(size=(3, len(x)))
        noise -= noise @ marks
        for k, word in enumerate(words):
            if found := grammar.emotion_of(word):
                part[k] = levels[world.index[found[0]], found[1]] + noise[0]  # of a second emotion word
            elif k != verb:
                if word not in book:
                    book[word] = codebook(world, word)
                part[k] = book[word]
        heard = x - x @ marks - x @ along + noise[1] @ along
        part[salient] = heard + (0 if grammar.emotion_of(words[salient]) else part[salient])
        if verb >= 0:
            part[verb] = x @ along + noise[2] - noise[2] @ along
        parts.append(part)
    return parts
