"""The generative model behind the simulated conversations: the generator draws from it, the oracle inverts it.

The speaker of each turn is given. The emotion of a turn follows the two dependencies that the literature on emotion in
conversation names (Poria et al. 2019, "Emotion recognition in conversation: research challenges, datasets, and
recent advances"):

    p(e | own last a, other's last b) = persistence [e = a] + contagion pull[b, e] + (the rest) prior[e]

where a missing a or b leaves its share to the prior. `pull` keeps the prior stationary, so the prior is also the
share of each label. Given the emotion, an utterance has an intensity i and a kind of words, and each modality is
seen as a Gaussian vector x = mean + N(0, I):

    text   plain: i * P[e]; ambiguous ("Yeah."): A; referential ("My sandwich."): R. A referential turn is announced:
           the turn before ended with an event ("I sold your sandwich.") that decides e, and adds E[e] to its own mean.
    audio, visual   i * P[s], where the shown emotion s is e, or nothing (masked: mean 0), or a decoy of the opposite
           valence (incongruent). A speaker's personal offset is added in directions that no P uses.

P, A and R lie in one subspace, the E in another, orthogonal one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from erclab.core.errors import UsageError
from erclab.corpora.vocabulary import MODALITIES

INTENSITIES = np.array([0.5, 0.75, 1.0])
KINDS = ("plain", "ambiguous", "referential")

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
        dialogues: how many for train, valid and test.
        turns: fewest, median and most turns of a dialogue; the logarithm is normal with deviation `spread`.
        spread: deviation of the logarithm of a dialogue's turns.
        speakers: probability of 1, 2, 3 ... speakers in a dialogue.
        persistence: probability that a speaker's own last emotion goes on (self-dependency).
        contagion: probability that the other's last emotion pulls (inter-personal dependency).
        switch: probability that another speaker takes the next turn.
        ambiguous: share of utterances whose words carry no evidence.
        referential: share whose words only point back, among turns that follow another speaker's.
        masked, incongruent: shares of utterances, per modality, whose voice or face shows no emotion or a wrong one.
        kinship: cosine between prototypes of the same valence, which is why they are confused.
        dims: D_m per modality, in the order text, audio, visual.
        strength: length of a prototype at full intensity, per modality.
        event: length of an event's prototype.
        offset: deviation of a speaker's personal offset per direction, in audio and visual.
    """

    seed: int = 0
    scheme: str = "iemocap"
    dialogues: tuple[int, int, int] = (160, 40, 80)
    turns: tuple[int, int, int] = (6, 15, 30)
    spread: float = 0.35
    speakers: tuple[float, ...] = (0.0, 1.0)
    persistence: float = 0.3
    contagion: float = 0.2
    switch: float = 0.8
    ambiguous: float = 0.15
    referential: float = 0.3
    masked: float = 0.25
    incongruent: float = 0.05
    kinship: float = 0.3
    dims: tuple[int, int, int] = (48, 32, 32)
    strength: tuple[float, float, float] = (3.4, 3.0, 2.7)
    event: float = 3.2
    offset: float = 0.5

    def __post_init__(self) -> None:
        if self.scheme not in SCHEMES:
            raise UsageError(f"scheme '{self.scheme}' is none of {', '.join(SCHEMES)}")
        for name in ("persistence", "contagion", "switch", "ambiguous", "referential", "masked", "incongruent",
                     "kinship"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} = {getattr(self, name)} is not in [0, 1]")
        for a, b in (("persistence", "contagion"), ("ambiguous", "referential"), ("masked", "incongruent")):
            if getattr(self, a) + getattr(self, b) > 1:
                raise UsageError(f"{a} + {b} is more than 1")
        if min(self.dialogues) < 1 or not 1 <= self.turns[0] <= self.turns[1] <= self.turns[2]:
            raise UsageError(f"dialogues {self.dialogues} and turns {self.turns} must be positive and rising")
        if self.seed < 0 or self.offset < 0 or self.spread < 0 or self.event < 0 or min(self.strength) < 0:
            raise UsageError(f"seed {self.seed}, offset {self.offset}, spread {self.spread}, event {self.event} and "
                             f"strength {self.strength} must not be negative")
        if not self.speakers or min(self.speakers) < 0 or sum(self.speakers) <= 0:
            raise UsageError(f"speakers {self.speakers} are no probabilities of 1, 2, 3 ... speakers")
        need = 2 * len(SCHEMES[self.scheme]) + 6
        if min(self.dims) < need:
            raise UsageError(f"dims {self.dims} are too few for {len(SCHEMES[self.scheme])} emotions",
                             remedy=f"Give each modality {need} or more.")


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
        return 0.5 * np.eye(len(self.labels)) + 0.5 * same / same.sum(1, keepdims=True)

    def transition(self, own: bool, other: bool) -> np.ndarray:
        """p(e | own last, other's last), axes [own,] [other,] e for those that exist."""
        s, C = self.settings, len(self.labels)
        table = np.zeros((C, C, C))
        rest = 1.0
        if own:
            table += s.persistence * np.eye(C)[:, None, :]
            rest -= s.persistence
        if other:
            table += s.contagion * self.pull[None, :, :]
            rest -= s.contagion
        table += rest * self.prior
        return table[(slice(None) if own else 0, slice(None) if other else 0)]

    def shown(self) -> np.ndarray:
        """(C, C + 1): p(emotion that a voice or face shows | true emotion); the last column is masked."""
        s, C = self.settings, len(self.labels)
        decoy = np.where(self.group[:, None] == 0, self.group[None, :] != 0,
                         self.group[None, :] == -self.group[:, None]) * self.prior
        table = (1 - s.masked - s.incongruent) * np.eye(C) + s.incongruent * decoy / decoy.sum(1, keepdims=True)
        return np.column_stack([table, np.full(C, s.masked)])

    def kinds(self, may_refer: bool) -> np.ndarray:
        """(3,) p(plain, ambiguous, referential); only a turn after another speaker's may point back."""
        s = self.settings
        referential = s.referential if may_refer else 0.0
        return np.array([1 - s.ambiguous - referential, s.ambiguous, referential])

    @cached_property
    def bases(self) -> dict[str, np.ndarray]:
        """Modality -> (D, D) orthonormal columns: C + 3 for emotions, 2 for silent words, C for events, then free."""
        found = {}
        for i, (modality, dim) in enumerate(zip(MODALITIES, self.settings.dims, strict=True)):
            draw = np.random.default_rng([CODEBOOK_SEED, i, dim]).normal(size=(dim, dim))
            found[modality] = np.linalg.qr(draw)[0]
        return found

    def prototypes(self, modality: str) -> np.ndarray:
        """(C, D) the emotions' means at full intensity."""
        C, basis = len(self.labels), self.bases[modality].T
        kin = self.settings.kinship
        directions = np.sqrt(1 - kin) * basis[:C] + np.sqrt(kin) * basis[C + 1 + self.group]
        return self.settings.strength[MODALITIES.index(modality)] * directions

    def silent(self) -> np.ndarray:
        """(2, D_text) the means of ambiguous and of referential words."""
        C = len(self.labels)
        return self.settings.strength[0] * self.bases["text"].T[C + 3 : C + 5]

    def events(self) -> np.ndarray:
        """(C, D_text) what an event adds, by the emotion that it decides."""
        C = len(self.labels)
        return self.settings.event * self.bases["text"].T[C + 5 : 2 * C + 5]

    def free(self, modality: str) -> np.ndarray:
        """(F, D) orthonormal directions that no evidence uses: offsets and the vectors of other words lie there."""
        return self.bases[modality].T[2 * len(self.labels) + 5 :]
