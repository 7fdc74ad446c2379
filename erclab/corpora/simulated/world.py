"""The generative model behind the simulated conversations: the generator draws from it, the oracle inverts it.

The speaker of each turn is given. The emotion of a turn follows the two dependencies that the literature on emotion in
conversation names (Poria et al. 2019, "Emotion recognition in conversation: research challenges, datasets, and
recent advances"):

    p(e | own last a, other's last b) = persistence [e = a] + contagion pull[b, e] + (the rest) prior[e]

where a missing a or b leaves its share to the prior. `pull` keeps the prior stationary, so the prior is also the
share of each label. An utterance has an intensity i (three levels, equally frequent) and a form, which depends on no
emotion. What follows is seen in three views, each made from the one before:

    words     `grammar` and `lexicon`. A plain utterance has a word of emotion g and strength l:
                  direct, contrast   p(g | e) p(l | i): sometimes the word of a kindred emotion ("I am cross.")
                  denied             p(g | e) of what e excludes ("I am not happy.")
              where a contrast has a second emotion word that tells nothing ("I look calm, and inside I am cross.").
              An ambiguous utterance ("Yeah.") tells nothing. A referential one ("My bicycle!") is announced: the turn
              before ended with an event ("I sold your bicycle."), whose verb is of emotion g with p(g | e), e being the
              emotion of the answer.
    vectors   of the text: the prototype of (g, l), plus E[g] of an event, plus the form, plus noise N(0, I). The
              few directions of the form have no noise: whether a sentence is denied or ambiguous, or whether it ends
              with an event, is plain in every view.
    frames    of the text: a vector per word. Words without an emotion have a vector from a fixed codebook, words of an
              emotion have its prototype and noise; the noise of the telling word and of the verb is the vector's own.

Voice and face are vectors, i * P[s] + N(0, I), where the shown emotion s is e, or nothing (masked: mean 0), or a decoy
of the opposite valence (incongruent). A speaker's personal offset is added in directions that no P uses. Their frames
are made around the vectors (`observe`).

The label is the emotion, unless annotators make mistakes: then it is what most of them say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from erclab.core.errors import UsageError
from erclab.corpora.simulated.lexicon import lexicon_label
from erclab.corpora.vocabulary import MODALITIES

INTENSITIES = np.array([0.5, 0.75, 1.0])
# p(strength of the word | intensity): weak states give weak words, mostly.
LEVELS = np.array([[0.70, 0.25, 0.05], [0.15, 0.70, 0.15], [0.05, 0.25, 0.70]])
KINDS = ("plain", "ambiguous", "referential")
# What the text vector shows of an utterance's form, without noise, each in a direction of its own.
MARKS = ("denied", "ambiguous", "referential", "event")
MARK = 2.0  # the length of such a direction
GROUPS = (-1, 0, 1)  # signs of the valence: emotions of one group are kindred
ROUNDING = 1e-9  # 0.8 + 0.2 may be a bit more than 1 in floating point
ANNOTATORS = 5  # at most; the probability of each label is summed over all their votes

# The prototypes belong to the simulated language, not to one corpus: they stay when the seed changes.
CODEBOOK_SEED = 2310

# Emotion -> valence, arousal, expectancy, power in [-1, 1], after the usual places of the words in affect space.
AFFECT = {
    "happy": (0.8, 0.3, 0.3, 0.4), "joy": (0.8, 0.4, 0.2, 0.4), "sad": (-0.8, -0.5, 0.1, -0.6),
    "sadness": (-0.8, -0.5, 0.1, -0.6), "neutral": (0.0, -0.2, 0.3, 0.0), "angry": (-0.7, 0.8, -0.1, 0.7),
    "anger": (-0.7, 0.8, -0.1, 0.7), "excited": (0.7, 0.9, 0.1, 0.5), "frustrated": (-0.5, 0.3, 0.2, -0.2),
    "surprise": (0.1, 0.8, -0.9, -0.1), "fear": (-0.6, 0.7, -0.5, -0.8), "disgust": (-0.6, 0.3, 0.0, 0.3),
}
# Label scheme -> label -> utterances with it in the real corpus (IEMOCAP all splits; MELD train): the skew to imitate.
SCHEMES = {
    "iemocap": {"happy": 648, "sad": 1084, "neutral": 1708, "angry": 1103, "excited": 1041, "frustrated": 1849},
    "meld": {"neutral": 4710, "surprise": 1205, "fear": 268, "sadness": 683, "joy": 1743, "disgust": 271,
             "anger": 1109},
}
# IEMOCAP's four one-versus-rest labels: which labels count as present.
EMOTION4 = (("neutral",), ("happy", "joy", "excited"), ("sad", "sadness"), ("angry", "anger"))


@dataclass(frozen=True)
class Settings:
    """All that a simulated corpus depends on. Strengths are in units of the noise's deviation.

    Attributes:
        seed: of everything but the prototypes. States, words, channels and noise have a stream of random numbers
            each, so that making voices reliable, say, leaves the conversations as they were.
        scheme: "iemocap" (six labels) or "meld" (seven), with that corpus's label shares.
        dialogues: how many for train, valid and test; not 0 in all of them.
        turns: fewest, median and most turns of a dialogue; the logarithm is normal with deviation `spread`.
        spread: deviation of the logarithm of a dialogue's turns.
        speakers: probability of 1, 2, 3 ... speakers in a dialogue.
        persistence: probability that a speaker's own last emotion goes on (self-dependency).
        contagion: probability that the other's last emotion pulls (inter-personal dependency).
        switch: probability that another speaker takes the next turn.
        ambiguous: share of utterances whose words carry no evidence.
        referential: share whose words only point back, among turns that follow another speaker's.
        contrast, denied: shares of the plain utterances that have a second emotion word, or a denied one.
        slip: probability that a word, or an event's verb, is of a kindred emotion.
        masked, incongruent: shares of utterances, per modality, whose voice or face shows no emotion or a wrong one.
        kinship: cosine between prototypes of the same valence, which is why they are confused.
        dims: D_m per modality, in the order text, audio, visual.
        strength: length of a prototype at full intensity, per modality.
        event: length of an event's prototype.
        offset: deviation of a speaker's personal offset per direction, in audio and visual.
        mistakes: probability that an annotator writes a kindred emotion instead of the true one.
        annotators: how many label each utterance, 1 to 5; the label has most votes, the first of those that tie.

    Probabilities may add up to 1 exactly.
    """

    seed: int = 0
    scheme: str = "iemocap"
    dialogues: tuple[int, int, int] = (240, 60, 120)
    turns: tuple[int, int, int] = (6, 15, 30)
    spread: float = 0.35
    speakers: tuple[float, ...] = (0.0, 1.0)
    persistence: float = 0.45
    contagion: float = 0.2
    switch: float = 0.8
    ambiguous: float = 0.15
    referential: float = 0.3
    contrast: float = 0.25
    denied: float = 0.15
    slip: float = 0.15
    masked: float = 0.4
    incongruent: float = 0.1
    kinship: float = 0.3
    dims: tuple[int, int, int] = (48, 32, 32)
    strength: tuple[float, float, float] = (5.0, 4.4, 4.0)
    event: float = 5.0
    offset: float = 0.5
    mistakes: float = 0.0
    annotators: int = 1

    def __post_init__(self) -> None:
        if self.scheme not in SCHEMES:
            raise UsageError(f"scheme '{self.scheme}' is none of {', '.join(SCHEMES)}")
        for name in ("persistence", "contagion", "switch", "ambiguous", "referential", "contrast", "denied",
                     "slip", "masked", "incongruent", "kinship", "mistakes"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} = {getattr(self, name)} is not in [0, 1]")
        for a, b in (("persistence", "contagion"), ("ambiguous", "referential"), ("contrast", "denied"),
                     ("masked", "incongruent")):
            if getattr(self, a) + getattr(self, b) > 1 + ROUNDING:
                raise UsageError(f"{a} + {b} is more than 1")
        none = min(self.dialogues) < 0 or not any(self.dialogues)
        if none or not 1 <= self.turns[0] <= self.turns[1] <= self.turns[2]:
            raise UsageError(f"dialogues {self.dialogues} and turns {self.turns} must be positive and rising")
        if self.seed < 0 or self.offset < 0 or self.spread < 0 or self.event < 0 or min(self.strength) < 0:
            raise UsageError(f"seed {self.seed}, offset {self.offset}, spread {self.spread}, event {self.event} and "
                             f"strength {self.strength} must not be negative")
        if not self.speakers or min(self.speakers) < 0 or sum(self.speakers) <= 0:
            raise UsageError(f"speakers {self.speakers} are no probabilities of 1, 2, 3 ... speakers")
        numbers = (self.offset, self.spread, self.event, *self.strength, *self.speakers)
        if not np.isfinite(numbers).all():
            raise UsageError(f"offset, spread, event, strength and speakers {numbers} must be finite numbers")
        if not 1 <= self.annotators <= ANNOTATORS:
            raise UsageError(f"annotators = {self.annotators} is not in 1 to {ANNOTATORS}")
        C = len(SCHEMES[self.scheme])
        need = (_text_dims(C) + 1, C + len(GROUPS) + 1, C + len(GROUPS) + 1)
        if any(have < least for have, least in zip(self.dims, need, strict=True)):
            raise UsageError(f"dims {self.dims} are too few for {C} emotions",
                             remedy=f"Give text, audio and visual {need} or more.")


def _text_dims(C: int) -> int:
    """How many directions of the text vector are used: for emotions, for events and for marks of the form."""
    return 2 * C + len(GROUPS) + len(MARKS)


@dataclass(frozen=True)
class World:
    """Settings with all that follows from them."""

    settings: Settings

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """C names."""
        return tuple(SCHEMES[self.settings.scheme])

    @cached_property
    def prior(self) -> np.ndarray:
        """(C,) share of each label, at every turn."""
        counts = np.array(list(SCHEMES[self.settings.scheme].values()), dtype=float)
        return counts / counts.sum()

    @cached_property
    def affect(self) -> np.ndarray:
        """(C, 4) valence, arousal, expectancy, power at full intensity."""
        return np.array([AFFECT[label] for label in self.labels])

    @cached_property
    def group(self) -> np.ndarray:
        """(C,) -1, 0 or 1: the sign of the valence, 0 for what is neither."""
        return np.where(np.abs(self.affect[:, 0]) < 0.2, 0, np.sign(self.affect[:, 0])).astype(int)

    @cached_property
    def pull(self) -> np.ndarray:
        """(C, C): row b is the emotion after the other's emotion b: b with probability a half, else by the prior among
        emotions of b's valence."""
        same = (self.group[:, None] == self.group[None, :]) * self.prior
        return 0.5 * np.eye(len(self.labels)) + 0.5 * _rows(same)

    def transition(self, own: bool, other: bool) -> np.ndarray:
        """p(e | own last, other's last), axes [own,] [other,] e for those that exist."""
        s, C = self.settings, len(self.labels)
        table = np.zeros((C, C, C))
        rest = 1.0
        if own:
            table += s.persistence * np.eye(C)[:, None, :]
            rest = max(rest - s.persistence, 0.0)
        if other:
            table += s.contagion * self.pull[None, :, :]
            rest = max(rest - s.contagion, 0.0)
        table += rest * self.prior
        return table[(slice(None) if own else 0, slice(None) if other else 0)]

    @cached_property
    def opposite(self) -> np.ndarray:
        """(C, C): row e is the prior among emotions of the opposite valence; of any valence if e has none."""
        mine, theirs = self.group[:, None], self.group[None, :]
        return _rows(np.where(mine == 0, theirs != 0, theirs == -mine) * self.prior)

    @cached_property
    def kindred(self) -> np.ndarray:
        """(C, C): row e is what is taken for e: half other emotions of e's valence, half those without a valence."""
        other = 1 - np.eye(len(self.labels))
        same, flat = (_rows(other * (self.group[None, :] == g) * self.prior) for g in (self.group[:, None], 0))
        # An emotion that is alone with its valence is taken for any other one.
        alone = _rows(other * self.prior)
        return 0.5 * sum(np.where(t.sum(1, keepdims=True) > 0, t, alone) for t in (same, flat))

    @cached_property
    def felt(self) -> np.ndarray:
        """(C, C): p(emotion of the word | emotion), also of an event's verb | emotion of the answer."""
        return (1 - self.settings.slip) * np.eye(len(self.labels)) + self.settings.slip * self.kindred

    @cached_property
    def excluded(self) -> np.ndarray:
        """(C, C): p(emotion of a denied word | emotion)."""
        return (1 - self.settings.slip) * self.opposite + self.settings.slip * self.prior

    def words(self, form: str) -> np.ndarray:
        """(C, 3, C, 3): p(emotion and strength of the word | emotion, intensity) in a direct or denied utterance; how
        strong a denied word is does not depend on the intensity. A contrast has the table of a direct utterance."""
        if form == "denied":
            return np.einsum("eg,il->eigl", self.excluded, np.full_like(LEVELS, 1 / len(LEVELS)))
        return np.einsum("eg,il->eigl", self.felt, LEVELS)

    @cached_property
    def mistaken(self) -> np.ndarray:
        """(C, C): p(what one annotator writes | emotion)."""
        return (1 - self.settings.mistakes) * np.eye(len(self.labels)) + self.settings.mistakes * self.kindred

    @cached_property
    def votes(self) -> np.ndarray:
        """(C, C): p(label | emotion), after the mistakes of all annotators."""
        C, s = len(self.labels), self.settings
        if s.mistakes == 0 or s.annotators == 1:
            return self.mistaken
        found = np.zeros((C, C))
        for said in product(range(C), repeat=s.annotators):
            found[:, elected(said)] += self.mistaken[:, said].prod(1)
        return found

    def shown(self) -> np.ndarray:
        """(C, C + 1): p(emotion that a voice or face shows | true emotion); the last column is masked."""
        s = self.settings
        honest = max(1 - s.masked - s.incongruent, 0.0)
        table = honest * np.eye(len(self.labels)) + s.incongruent * self.opposite
        return np.column_stack([table, np.full(len(table), s.masked)])

    def kinds(self, may_refer: bool) -> np.ndarray:
        """(3,) p(plain, ambiguous, referential); only a turn after another speaker's may point back."""
        s = self.settings
        referential = s.referential if may_refer else 0.0
        return np.array([max(1 - s.ambiguous - referential, 0.0), s.ambiguous, referential])

    def forms(self) -> np.ndarray:
        """(3,) p(direct, contrast, denied) of a plain utterance."""
        s = self.settings
        return np.array([max(1 - s.contrast - s.denied, 0.0), s.contrast, s.denied])

    @cached_property
    def index(self) -> Mapping[str, int]:
        """An emotion's name in the lexicon -> its place among the labels."""
        return {lexicon_label(name): i for i, name in enumerate(self.labels)}

    @cached_property
    def bases(self) -> dict[str, np.ndarray]:
        """Modality -> (D, D) orthonormal rows: C + 3 for emotions; in text then C for events and 4 for marks of the
        form; then free ones."""
        found = {}
        for i, (modality, dim) in enumerate(zip(MODALITIES, self.settings.dims, strict=True)):
            draw = np.random.default_rng([CODEBOOK_SEED, i, dim]).normal(size=(dim, dim))
            found[modality] = np.linalg.qr(draw)[0].T
        return found

    def prototypes(self, modality: str) -> np.ndarray:
        """(C, D) the emotions' means at full intensity."""
        C, basis = len(self.labels), self.bases[modality]
        kin = self.settings.kinship
        directions = np.sqrt(1 - kin) * basis[:C] + np.sqrt(kin) * basis[C + 1 + self.group]
        return self.settings.strength[MODALITIES.index(modality)] * directions

    def at_levels(self, modality: str) -> np.ndarray:
        """(C, 3, D) the means at each intensity of a voice or face, or for each strength of a word."""
        return INTENSITIES[None, :, None] * self.prototypes(modality)[:, None, :]

    def event_directions(self) -> np.ndarray:
        """(C, D_text) orthonormal directions of events."""
        C = len(self.labels)
        return self.bases["text"][C + len(GROUPS) : 2 * C + len(GROUPS)]

    def events(self) -> np.ndarray:
        """(C, D_text) what an event adds, by the emotion of its verb."""
        return self.settings.event * self.event_directions()

    def marks(self) -> np.ndarray:
        """(4, D_text) orthonormal directions that show the form, in the order of `MARKS`."""
        C = len(self.labels)
        return self.bases["text"][_text_dims(C) - len(MARKS) : _text_dims(C)]

    def free(self, modality: str) -> np.ndarray:
        """(F, D) orthonormal directions that no evidence uses: offsets and the vectors of other words lie there."""
        C = len(self.labels)
        return self.bases[modality][_text_dims(C) if modality == "text" else C + len(GROUPS) :]


def elected(votes: Sequence[int]) -> int:
    """The label with most votes; the first of those that tie, in the order of the votes."""
    return max(votes, key=lambda label: (votes.count(label), -votes.index(label)))


def _rows(table: np.ndarray) -> np.ndarray:
    """The table with rows that add up to 1; rows of zeros stay."""
    total = table.sum(1, keepdims=True)
    return np.divide(table, total, out=np.zeros_like(table), where=total > 0)
