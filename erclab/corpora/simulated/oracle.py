"""The exact oracle of a simulated corpus: the posterior of every emotion, given any modalities and any context.

It inverts the generative model (`world`) by passing messages along the conversation. A turn's emotion depends on two
earlier turns (the speaker's own last and the other's last), so the message after turn t is a table over the emotions
that a later turn still depends on: at most `MOST_LIVE` of them. No sampling, no approximation; the sums are those of
the generative model.

    utterance   p(e_t | x_t)                the utterance alone
    window      p(e_t | x_{t-K} .. x_t)     with K turns before it
    causal      p(e_t | x_1 .. x_t)
    dialogue    p(e_t | x_1 .. x_T)         what comes after is seen too

Each context has an oracle per view of the text (`world`): "words" reads the printed words, "vectors" the utterances'
text vectors, "frames" the vectors of the words. Voice and face are vectors in each view; their frames hold the same
evidence. The vectors are the words and noise, and the frames hold the evidence of the vectors (the proof is in
`observe`), so "vectors" and "frames" have one oracle, and that of the words is never less accurate in expectation.

Speakers are always given, as they are to every model of the field. The oracle is Bayes-optimal: no model with the same
input can be more accurate in expectation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from erclab.core.errors import UsageError, unknown
from erclab.corpora.corpus import Corpus
from erclab.corpora.simulated import grammar
from erclab.corpora.simulated.generator import last_uses, parents
from erclab.corpora.simulated.world import INTENSITIES, LEVELS, MARK, MARKS, World

CONTEXTS = ("utterance", "window", "causal", "dialogue")
VIEWS = ("words", "vectors", "frames")
FLOOR = -600.0  # of a likelihood's logarithm below the most likely state: what is less does not change a float64


@dataclass(frozen=True)
class Posterior:
    """Attributes:
    emotion: (N, C) p(e | what is seen), rows as in the corpus.
    label: (N, C) p(label | what is seen): the same, unless annotators make mistakes.
    state: (N, C, I) p(e, intensity | what is seen), from which sentiment and affect follow.
    """

    emotion: np.ndarray
    label: np.ndarray
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
              window: int = 3, split: str | None = None, view: str = "vectors") -> Posterior:
    """The exact posterior.

    Args:
        corpus: what `generate` made; rows may be selected by whole dialogues.
        world: of the same settings.
        modalities: what is seen; all by default, none gives the prior.
        context: a key of `CONTEXTS`.
        window: K, for the context "window".
        split: one split only; rows of the result are then that split's.
        view: a name of `VIEWS`, how the text is seen.

    Raises:
        UsageError: an unknown modality, context or view, a negative window, or a corpus of another world.
        CorpusError: the words are none of the simulated language.
    """
    modalities = tuple(corpus.modalities if modalities is None else modalities)
    for m in modalities:
        if m not in corpus.modalities:
            raise unknown(f"modality of {corpus.name}", m, corpus.modalities)
    if context not in CONTEXTS:
        raise unknown("context", context, CONTEXTS)
    if view not in VIEWS:
        raise unknown("view", view, VIEWS)
    if window < 0:
        raise UsageError(f"window {window} must not be negative")
    if corpus.labels != world.labels or tuple(corpus.dims.values()) != world.settings.dims:
        raise UsageError("the corpus was not made in this world", where=corpus.name,
                         remedy="Give World the settings that the corpus was generated with.")
    evidence = Evidence(corpus, world, modalities, view)
    keep = {"utterance": 0, "window": window}.get(context)
    wanted = [d for d in range(len(corpus.starts) - 1) if split in (None, corpus.dialogue_splits[d])]
    state = [_dialogue(evidence, world, corpus, d, keep, smooth=context == "dialogue") for d in wanted]
    joint = np.concatenate(state)
    emotion = joint.sum(2)
    return Posterior(emotion, emotion @ world.votes, joint)


class Evidence:
    """Likelihoods of the observations of all utterances, each up to a factor that no state changes.

    Attributes:
        own: (N, C, I) of the utterance itself, times p(intensity), where the event at its end is left out.
        event: (N, C) of the event at its end, by the emotion of the next turn; 1 without an event.
    """

    def __init__(self, corpus: Corpus, world: World, modalities: Sequence[str], view: str):
        n, C, levels = len(corpus), len(world.labels), len(INTENSITIES)
        self.own, self.event = np.full((n, C, levels), 1 / levels), np.ones((n, C))
        for m in ("audio", "visual"):
            if m in modalities:
                seen = _likelihoods(corpus.vectors[m], world.at_levels(m), silent=True)  # (N, C I + 1)
                shown, table = world.shown(), seen[:, :-1].reshape(n, C, levels)
                self.own = self.own * (np.einsum("es,nsi->nei", shown[:, :-1], table)
                                       + shown[None, :, -1:] * seen[:, None, -1:])
        if "text" in modalities:
            (form, word, self.event) = (_printed if view == "words" else _heard)(corpus, world)
            for name in ("direct", "denied"):
                at = form == name
                self.own[at] *= np.einsum("eigl,ngl->nei", world.words(name), word[at])

    def node(self, i: int, announced: bool) -> np.ndarray:
        """(C, I) of utterance i; `announced` when the turn before is seen too, with the event in its words."""
        return self.own[i] * (self.event[i - 1][:, None] if announced else 1.0)


def _printed(corpus: Corpus, world: World) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The evidence of the printed words.

    Returns:
        (N,) form of each utterance, where "direct" stands for a contrast, too; (N, C, 3) p(what is read | emotion and
        strength of the word); (N, C) p(event's verb | emotion of the next turn).
    """
    readings = [grammar.read(text) for text in corpus.table["text"]]
    word, event = np.zeros((len(readings), len(world.labels), len(LEVELS))), np.ones((len(readings), len(world.labels)))
    for i, found in enumerate(readings):
        if found.emotion:
            word[i, world.index[found.emotion], found.level] = 1.0
        if found.event:
            event[i] = world.felt[:, world.index[found.event]]
    form = np.array([found.form for found in readings])
    return np.where(form == "contrast", "direct", form), word, event


def _heard(corpus: Corpus, world: World) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The evidence of the text vectors, as `_printed`, where densities stand for probabilities of words."""
    x = corpus.vectors["text"].astype(np.float64)
    n, C = len(x), len(world.labels)
    marks = x @ world.marks().T / MARK  # (N, 4) of 0 and 1
    if np.abs(marks - marks.round()).max(initial=0.0) > 1e-3 or not np.isin(marks.round(), (0, 1)).all():
        raise UsageError("the corpus was not made in this world", where=corpus.name,
                         remedy="Give World the settings that the corpus was generated with.")
    has = dict(zip(MARKS, marks.round().T == 1, strict=True))
    form = np.select([has[name] for name in MARKS[:3]], MARKS[:3], "direct")
    word = _likelihoods(x, world.at_levels("text")).reshape(n, C, len(LEVELS))
    event = _likelihoods(x, world.events()) @ world.felt.T
    return form, word, np.where(has["event"][:, None], event, 1.0)


def _likelihoods(x: np.ndarray, means: np.ndarray, silent: bool = False) -> np.ndarray:
    """(N, K) N(x; mean, I) for K means, relative to the largest of a row; `silent`: one more for the mean 0.

    The means of text, voice and face, of events and of marks lie in directions that are orthogonal to each other, so
    each likelihood is that of its own directions.
    """
    means = means.reshape(-1, means.shape[-1])
    if silent:
        means = np.vstack([means, np.zeros(means.shape[1])])
    logs = x.astype(np.float64) @ means.T - 0.5 * (means**2).sum(1)
    return np.exp(np.maximum(logs - logs.max(1, keepdims=True), FLOOR))


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
    coming = [evidence.event[a + t - 1] if t else None for t in range(T)]
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
