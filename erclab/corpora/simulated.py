"""Simulated conversations: latent emotions with known dynamics, seen through text, audio and visual vectors.

No download and no licence, deterministic from a seed, and the truth behind every utterance is known. The dynamics
are the two dependencies that the literature on emotion in conversation names (Poria et al. 2019, "Emotion
recognition in conversation: research challenges, datasets, and recent advances"):

    self-dependency            with probability `persistence` a speaker keeps the own last emotion,
    inter-personal dependency  with probability `contagion` the other's last emotion pulls, through `pull`,
    otherwise                  the emotion is drawn from a skewed prior.

What is observed of an emotion e is a Gaussian vector per modality, x = strength * intensity * prototype[e] +
speaker offset + noise, unless the modality is silent about it:

    text   ambiguous ("Yeah."): a prototype that all emotions share. Referential ("My sandwich."): likewise, but the
           turn before ended with an event ("I sold your sandwich.") that decides the emotion, and carries the
           event's prototype beside its own. So its emotion can be read from the conversation only.
    audio, visual  masked: noise alone. Incongruent: the prototype of a decoy of the opposite valence.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from erclab.corpora import lexicon
from erclab.corpora.schema import Corpus
from erclab.corpora.vocabulary import MODALITIES, SPLITS
from erclab.errors import UsageError, unknown
from erclab.settings import check

LABELS = ("happy", "sad", "neutral", "angry", "excited", "frustrated")
VALENCE = np.array([1, -1, 0, -1, 1, -1])
# Shares of the six labels among IEMOCAP's 7,433 utterances: a skew that the field knows.
PRIOR = np.array([648, 1084, 1708, 1103, 1041, 1849]) / 7433

# The prototypes belong to the simulated language, not to one corpus: they stay when `seed` changes.
CODEBOOK_SEED = 2310


@dataclass(frozen=True)
class Settings:
    """All that a simulated corpus depends on.

    Attributes:
        seed: of everything but the prototypes. States, words, channels and noise have a stream of random numbers
            each, so that making voices reliable, say, leaves the conversations as they were.
        dialogues: how many for train, valid and test.
        turns: fewest and most turns of a dialogue, uniform in between.
        persistence: probability that a speaker's own last emotion goes on (self-dependency).
        contagion: probability that the other's last emotion pulls (inter-personal dependency).
        switch: probability that the other speaker takes the next turn.
        ambiguous, referential: shares of utterances whose words do not tell.
        masked, incongruent: shares of utterances, per modality, whose voice or face tells nothing or a lie.
        dims: D_m per modality, in the order text, audio, visual.
        strength: length of a prototype in units of the noise's deviation, per modality.
        offset: deviation of a speaker's personal offset in audio and visual, in the same units.
    """

    seed: int = 0
    dialogues: tuple[int, int, int] = (160, 40, 80)
    turns: tuple[int, int] = (8, 24)
    persistence: float = 0.3
    contagion: float = 0.2
    switch: float = 0.8
    ambiguous: float = 0.15
    referential: float = 0.25
    masked: float = 0.25
    incongruent: float = 0.05
    dims: tuple[int, int, int] = (48, 32, 32)
    strength: tuple[float, float, float] = (4.2, 3.6, 3.3)
    offset: float = 0.3

    def __post_init__(self) -> None:
        shares = ("persistence", "contagion", "switch", "ambiguous", "referential", "masked", "incongruent")
        for name in shares:
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} = {getattr(self, name)} is not a probability")
        for a, b in (("persistence", "contagion"), ("ambiguous", "referential"), ("masked", "incongruent")):
            if getattr(self, a) + getattr(self, b) > 1:
                raise UsageError(f"{a} + {b} is more than 1")
        if min(self.dialogues) < 1 or not 1 <= self.turns[0] <= self.turns[1]:
            raise UsageError(f"dialogues {self.dialogues} and turns {self.turns} must be positive and ordered")
        if min(self.dims) < 1:
            raise UsageError(f"dims {self.dims} must be positive")
        if self.seed < 0 or self.offset < 0:
            raise UsageError(f"seed {self.seed} and offset {self.offset} must not be negative")


PRESETS = {"small": Settings(), "tiny": Settings(dialogues=(12, 4, 6), turns=(3, 8), dims=(12, 8, 8))}


def pull() -> np.ndarray:
    """(C, C): row e is how the other feels next when e pulls: half the same, the rest within e's valence."""
    same = (VALENCE[:, None] == VALENCE[None, :]).astype(float)
    return 0.5 * np.eye(len(LABELS)) + 0.5 * same / same.sum(1, keepdims=True)


def generate(preset: str = "small", **changes) -> Corpus:
    """A corpus with the columns of the schema and, for every utterance, the truth.

    Extra columns: `intensity` in (0, 1]; `text_kind` plain, ambiguous or referential; `audio_shown` and
    `visual_shown`, the emotion that voice and face express, or "masked".

    Args:
        preset: "small" (the study's default, about 4,500 utterances) or "tiny" (tests).
        changes: fields of `Settings` to set differently.

    Raises:
        UsageError: an unknown preset or setting, or one out of range.
    """
    if preset not in PRESETS:
        raise unknown("preset", preset, PRESETS)
    settings = replace(PRESETS[preset], **check(Settings, changes))
    rng = {what: np.random.default_rng([settings.seed, i]) for i, what in enumerate(("states", "words", "channels"))}
    table = pd.concat(
        [_dialogue(settings, rng, split, f"{split}-{i:03d}")
         for split, count in zip(SPLITS, settings.dialogues, strict=True) for i in range(count)],
        ignore_index=True)
    vectors = _vectors(settings, table)
    name = "simulated" if preset == "small" else f"simulated-{preset}"
    return Corpus(name, table.drop(columns="event"), LABELS, vectors, source=f"simulated, seed {settings.seed}")


def _dialogue(s: Settings, rng: dict[str, np.random.Generator], split: str, name: str) -> pd.DataFrame:
    """Latent states and words of one conversation between two speakers, A and B."""
    states, words, channels = rng["states"], rng["words"], rng["channels"]
    turns = int(states.integers(s.turns[0], s.turns[1] + 1))
    pulled = pull()
    last: list[int | None] = [None, None]
    who, rows = int(states.integers(2)), []
    for turn in range(turns):
        before = who
        if turn and states.random() < s.switch:
            who = 1 - who
        u = states.random()
        if u < s.persistence and last[who] is not None:
            emotion = last[who]
        elif s.persistence <= u < s.persistence + s.contagion and last[1 - who] is not None:
            emotion = int(states.choice(len(LABELS), p=pulled[last[1 - who]]))
        else:
            emotion = int(states.choice(len(LABELS), p=PRIOR))
        last[who] = emotion

        kind = words.choice(["ambiguous", "referential", "plain"],
                            p=[s.ambiguous, s.referential, 1 - s.ambiguous - s.referential])
        if kind == "referential" and (turn == 0 or who == before or rows[-1]["text_kind"] == "referential"):
            kind = "plain"  # there must be another's turn to point back to, with room for an event
        intensity = float(states.uniform(0.5, 1.0))
        thing = str(words.choice(lexicon.THINGS))
        if kind == "referential":
            rows[-1]["event"] = emotion
            rows[-1]["text"] += " " + lexicon.EVENTS[LABELS[emotion]].format(thing=thing)
        choices = {"ambiguous": lexicon.AMBIGUOUS, "referential": lexicon.REFERENTIAL,
                   "plain": lexicon.PLAIN[LABELS[emotion]]}[str(kind)]
        very = lexicon.VERY[min(int((intensity - 0.5) * 2 * len(lexicon.VERY)), len(lexicon.VERY) - 1)]
        sentence = str(words.choice(choices))
        row = {"split": split, "dialogue": name, "turn": turn, "speaker": "AB"[who],
               "text": sentence.format(thing=thing, very=very), "label": emotion, "intensity": intensity,
               "text_kind": str(kind), "event": -1}
        for modality in ("audio", "visual"):
            u, decoy = channels.random(2)
            shown = LABELS[emotion]
            if u < s.masked:
                shown = "masked"
            elif u < s.masked + s.incongruent:
                # Politeness and sarcasm: the opposite valence; a neutral emotion may be overlaid with any.
                opposite = np.flatnonzero((VALENCE[emotion] != VALENCE) & (VALENCE != 0))
                shown = LABELS[opposite[int(decoy * len(opposite))]]
            row[f"{modality}_shown"] = shown
        rows.append(row)
    return pd.DataFrame(rows)


def _vectors(s: Settings, table: pd.DataFrame) -> dict[str, np.ndarray]:
    """What is observed: prototypes, offsets and noise, (N, D_m) float32 per modality."""
    C, n = len(LABELS), len(table)
    index = {name: i for i, name in enumerate(LABELS)}
    people = pd.factorize(table["dialogue"] + "/" + table["speaker"])[0]
    vectors = {}
    for modality, dim, strength in zip(MODALITIES, s.dims, s.strength, strict=True):
        # Rows: the emotions, then (text) the events that decide one, then what all silent words share.
        book = np.random.default_rng([CODEBOOK_SEED, MODALITIES.index(modality), dim]).normal(size=(2 * C + 2, dim))
        book *= strength / np.linalg.norm(book, axis=1, keepdims=True)
        noise = np.random.default_rng([s.seed, 3 + MODALITIES.index(modality)])
        signal = np.zeros((n, dim))
        if modality == "text":
            kind, label = table["text_kind"].to_numpy(), table["label"].to_numpy()
            row = np.where(kind == "plain", label, np.where(kind == "ambiguous", 2 * C, 2 * C + 1))
            signal += book[row] * table["intensity"].to_numpy()[:, None]
            event = table["event"].to_numpy()
            signal[event >= 0] += book[C + event[event >= 0]]
        else:
            shown = table[f"{modality}_shown"].map(index)
            there = shown.notna().to_numpy()
            signal[there] = book[shown[there].astype(int)] * table["intensity"].to_numpy()[there, None]
            signal += noise.normal(scale=s.offset, size=(people.max() + 1, dim))[people]
        vectors[modality] = (signal + noise.normal(size=(n, dim))).astype(np.float32)
    return vectors
