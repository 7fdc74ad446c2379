"""The exact oracle of a simulated corpus: the posterior of every emotion, given any modalities and any context.

It inverts the generative model (`world`) by passing messages along the conversation. A turn's emotion depends on two
earlier turns (the speaker's own last and the other's last), so the message after turn t is a table over the emotions
that a later turn still depends on: at most `MOST_LIVE` of them. No sampling, no approximation; the sums are those of
the generative model.

    utterance   p(e_t | x_t)                the utterance alone
    window      p(e_t | x_{t-K} .. x_t)     with K turns before it
    causal      p(e_t | x_1 .. x_t)
    dialogue    p(e_t | x_1 .. x_T)         what comes after is seen too

Speakers are always given, as they are to every model of the field. The oracle is Bayes-optimal: no model with the same
input can be more accurate in expectation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from erclab.core.errors import UsageError, unknown
from erclab.corpora.corpus import Corpus
from erclab.corpora.simulated.generator import last_uses, parents
from erclab.corpora.simulated.world import INTENSITIES, World

CONTEXTS = ("utterance", "window", "causal", "dialogue")


@dataclass(frozen=True)
class Posterior:
    """Attributes:
    emotion: (N, C) p(e | what is seen), rows as in the corpus.
    state: (N, C, I) p(e, intensity | what is seen), from which sentiment and affect follow.
    """

    emotion: np.ndarray
    state: np.ndarray

    def sentiment(self, world: World, statistic: str = "mean") -> np.ndarray:
        """(N,) the posterior mean (best squared error) or median (best absolute error) of the sentiment.

        Raises:
            UsageError: another statistic.
        """
        values = 3 * world.affect[:, 0][:, None] * INTENSITIES[None, :]  # (C, I)
        if statistic == "mean":
            return (self.state * values).sum((1, 2))
        if statistic != "median":
            raise unknown("statistic", statistic, ("mean", "median"))
        order = np.argsort(values.ravel(), kind="stable")
        mass = self.state.reshape(len(self.state), -1)[:, order].cumsum(1)
        return values.ravel()[order][(mass < 0.5).sum(1).clip(max=values.size - 1)]


def posterior(corpus: Corpus, world: World, modalities: Sequence[str] | None = None, context: str = "dialogue",
              window: int = 3, split: str | None = None) -> Posterior:
    """The exact posterior.

    Args:
        corpus: what `generate` made; rows may be selected by whole dialogues.
        world: of the same settings.
        modalities: what is seen; all by default, none gives the prior.
        context: a key of `CONTEXTS`.
        window: K, for the context "window".
        split: one split only; rows of the result are then that split's.

    Raises:
        UsageError: an unknown modality or context, a negative window, or a corpus of other labels or dimensions.
    """
    modalities = tuple(corpus.modalities if modalities is None else modalities)
    for m in modalities:
        if m not in corpus.modalities:
            raise unknown(f"modality of {corpus.name}", m, corpus.modalities)
    if context not in CONTEXTS:
        raise unknown("context", context, CONTEXTS)
    if window < 0:
        raise UsageError(f"window {window} must not be negative")
    if corpus.labels != world.labels or tuple(corpus.dims.values()) != world.settings.dims:
        raise UsageError("the corpus was not made in this world", where=corpus.name,
                         remedy="Give World the settings that the corpus was generated with.")
    evidence = Evidence(corpus, world, modalities)
    keep = {"utterance": 0, "window": window}.get(context)
    wanted = [d for d in range(len(corpus.starts) - 1) if split in (None, corpus.dialogue_splits[d])]
    state = [_dialogue(evidence, world, corpus, d, keep, smooth=context == "dialogue") for d in wanted]
    joint = np.concatenate(state)
    return Posterior(joint.sum(2), joint)


class Evidence:
    """Likelihood ratios of the observations, against noise alone, for all utterances at once.

    Attributes:
        spoken: (N, 2, C, I) of the utterance itself times p(intensity) and p(kind): [:, 0] sums over the kinds of
            words that do not point back, [:, 1] is the kind that does, so that an event can be weighed in.
        event: (N, C) of an event in this turn's words, by the emotion that it decides in the next.
        referential: (N,) p(kind) of pointing back, 0 where no other speaker spoke before.
        sees_text: whether the words are seen, so that they can announce what comes.
    """

    def __init__(self, corpus: Corpus, world: World, modalities: Sequence[str]):
        n, C, levels = len(corpus), len(world.labels), len(INTENSITIES)
        speaker, first = corpus.table["speaker"].to_numpy(), np.zeros(n, dtype=bool)
        first[corpus.starts[:-1]] = True
        refers = ~first & np.concatenate([[False], speaker[1:] != speaker[:-1]])
        channel = np.full((n, C, levels), 1 / levels)
        for m in ("audio", "visual"):
            if m in modalities:
                seen = _ratio(corpus.vectors[m], INTENSITIES[None, :, None] * world.prototypes(m)[:, None, :])
                shown = world.shown()  # (C, C + 1)
                channel = channel * (np.einsum("es,nsi->nei", shown[:, :-1], seen) + shown[None, :, -1:])
        kinds = np.where(refers[:, None], world.kinds(True), world.kinds(False))  # (N, 3)
        # What is not seen has the same likelihood whatever was said.
        plain, silent, self.event = np.ones((n, C, levels)), np.ones((n, 2)), np.ones((n, C))
        self.sees_text = "text" in modalities
        if self.sees_text:
            x = corpus.vectors["text"]
            plain = _ratio(x, INTENSITIES[None, :, None] * world.prototypes("text")[:, None, :])
            silent, self.event = _ratio(x, world.silent()), _ratio(x, world.events())
        rest = kinds[:, 0, None, None] * plain + (kinds[:, 1] * silent[:, 0])[:, None, None]
        points = (kinds[:, 2] * silent[:, 1])[:, None, None]
        self.spoken = np.stack([rest * channel, points * channel], 1)
        self.referential = kinds[:, 2]

    def node(self, i: int, announced: bool) -> np.ndarray:
        """(C, I) of utterance i; `announced` when the turn before is seen too, with the event in its words.

        A referential turn implies the event, any other turn implies that there was none; an event's likelihood is a
        ratio against its absence.
        """
        rest, points = self.spoken[i]
        return rest + points * (self.event[i - 1][:, None] if announced else 1.0)

    def announcement(self, i: int) -> np.ndarray:
        """(C,) the evidence in the words of turn i - 1 on the emotion of turn i."""
        return 1 - self.referential[i] + self.referential[i] * self.event[i - 1]


def _ratio(x: np.ndarray, means: np.ndarray) -> np.ndarray:
    """N(x; mean, I) / N(x; 0, I), shape (N, ...) for means (..., D).

    The means are a few times the noise, so the ratio stays far from the limits of float64.
    """
    return np.exp(np.tensordot(x.astype(np.float64), means, ([1], [means.ndim - 1])) - 0.5 * (means**2).sum(-1))


def _dialogue(evidence: Evidence, world: World, corpus: Corpus, d: int, keep: int | None, smooth: bool) -> np.ndarray:
    """(T, C, I) posterior of one dialogue. `keep`: how many turns back are seen (None: all)."""
    a, b = corpus.starts[d], corpus.starts[d + 1]
    links = parents(corpus.table["speaker"].to_numpy()[a:b])
    chain = Chain(links, world)
    T = b - a
    nodes = [evidence.node(a + t, announced=t > 0) for t in range(T)]
    if smooth:
        return np.stack(chain.smooth(nodes))
    bare = [evidence.node(a + t, announced=False) for t in range(T)]
    coming = [evidence.announcement(a + t) if evidence.sees_text and t else None for t in range(T)]
    if keep is None:
        return np.stack(chain.filter(nodes, coming))
    # A window starts from the message that has seen nothing, which is a matter of the structure alone.
    blank = [np.full((len(world.labels), len(INTENSITIES)), 1 / len(INTENSITIES))] * T
    found = []
    for t in range(T):
        first = max(0, t - keep)
        seen = [*blank[:first], bare[first] if first else nodes[0], *nodes[first + 1:t + 1]]
        found.append(chain.filter(seen, [None] * (t + 1) + coming[t + 1 : t + 2], only=t, blank_until=first))
    return np.stack(found)


class Chain:
    """Sums over the emotions of one conversation, given its speakers.

    A message is a table with one axis per turn whose emotion a later turn depends on; `live[t]` names the axes
    after turn t. Messages are normalised, so nothing underflows however long the conversation is.
    """

    def __init__(self, links, world: World):
        self.links, self.world = links, world
        uses = last_uses(links)
        self.live = [[j for j in range(t + 1) if uses[j] > t] for t in range(len(links))]
        kinds = {(o, p): world.transition(o, p) for o in (True, False) for p in (True, False)}
        self.step = [kinds[own is not None, other is not None] for own, other in links]
        self._blank: dict[int, np.ndarray] = {}

    def _axes(self, t: int) -> list[int]:
        return [j for j in self.links[t] if j is not None] + [t]

    def _forward(self, t: int, message: np.ndarray, node: np.ndarray) -> np.ndarray:
        """Over `live[t - 1]` and t: the message times the transition into t times the likelihood of turn t."""
        before = self.live[t - 1] if t else []
        return _einsum([(message, before), (self.step[t] * node, self._axes(t))], [*before, t])

    def _leave(self, t: int, table: np.ndarray) -> np.ndarray:
        """Sum out the turns on which no later turn depends."""
        before = self.live[t - 1] if t else []
        message = _einsum([(table, [*before, t])], self.live[t])
        return message / message.sum()

    def _marginal(self, t: int, table: np.ndarray, node: np.ndarray) -> np.ndarray:
        """(C, I) posterior of turn t from a table over `live[t - 1]` and t that holds `node` summed over I."""
        p = _einsum([(table, [*(self.live[t - 1] if t else []), t])], [t])
        total = node.sum(1, keepdims=True)
        return (p / p.sum())[:, None] * np.divide(node, total, out=np.zeros_like(node), where=total > 0)

    def filter(self, nodes, coming, only: int | None = None, blank_until: int = 0):
        """Posterior of each turn given the turns up to it; `coming[t + 1]` is the evidence of turn t on the next.

        With `only`, of that turn alone, starting from the stored message of the turns that are not observed.
        """
        found, message = [], np.ones(())
        start = 0
        if only is not None and blank_until:
            start, message = blank_until, self._unseen(blank_until)
        for t in range(start, len(nodes)):
            table = self._forward(t, message, nodes[t].sum(1))
            if only in (None, t):
                final = table
                if t + 1 < len(self.links) and t + 1 < len(coming) and coming[t + 1] is not None:
                    final = self._close(t, table, coming[t + 1])
                found.append(self._marginal(t, final, nodes[t]))
            message = self._leave(t, table)
        return found[0] if only is not None else found

    def _unseen(self, t: int) -> np.ndarray:
        """The message before turn t when nothing has been seen."""
        if t not in self._blank:
            message = self._unseen(t - 1) if t > 1 else np.ones(())
            ones = np.ones(len(self.world.labels))
            self._blank[t] = self._leave(t - 1, self._forward(t - 1, message, ones))
        return self._blank[t]

    def _close(self, t: int, table: np.ndarray, announcement: np.ndarray) -> np.ndarray:
        """Multiply by the evidence in turn t's words on turn t + 1, whose emotion is summed out."""
        axes = self._axes(t + 1)
        said = (self.step[t + 1] * announcement).sum(-1)  # over the parents of t + 1, which are live or t itself
        before = self.live[t - 1] if t else []
        return _einsum([(table, [*before, t]), (said, axes[:-1])], [*before, t])

    def smooth(self, nodes) -> list[np.ndarray]:
        """Posterior of each turn given the whole conversation."""
        tables, message = [], np.ones(())
        for t, node in enumerate(nodes):
            tables.append(self._forward(t, message, node.sum(1)))
            message = self._leave(t, tables[-1])
        back, found = np.ones(()), [None] * len(nodes)
        for t in range(len(nodes) - 1, -1, -1):
            before = self.live[t - 1] if t else []
            both = _einsum([(tables[t], [*before, t]), (back, self.live[t])], [*before, t])
            found[t] = self._marginal(t, both, nodes[t])
            back = _einsum([(self.step[t] * nodes[t].sum(1), self._axes(t)), (back, self.live[t])], before)
            back = back / back.sum()
        return found


def _einsum(operands: list[tuple[np.ndarray, list[int]]], out: list[int]) -> np.ndarray:
    """`np.einsum` with turns for letters."""
    letters = {turn: i for i, turn in enumerate(dict.fromkeys(t for _, axes in operands for t in axes))}
    arguments = [part for array, axes in operands for part in (array, [letters[t] for t in axes])]
    return np.einsum(*arguments, [letters[t] for t in out])
