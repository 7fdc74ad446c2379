"""The terms of a contrast, over seeds and dialogues (`erclab.analysis.statistics.Sampled`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce

import numpy as np
from scipy import stats

from erclab.analysis.cases import negative
from erclab.analysis.mechanisms import KINDS, area
from erclab.analysis.statistics import CONFIDENCE, Sampled, resampled, undrawn
from erclab.analysis.tallies import ALL, Tally, sampled, scored
from erclab.claims.evidence import GUESS, Kept, Shelf
from erclab.core.errors import UsageError
from erclab.published.claims import Contrast, Term, arms_of


class Missing(UsageError):
    """The corpus has no such class, part or task: the contrast does not exist there."""


class NotMeasured(UsageError):
    """The evidence lacks a measure that the contrast needs: the runs must be trained again."""


@dataclass(frozen=True)
class Universe:
    """How a ledger is computed. The defaults are the rules as registered; the multiverse changes them one by one.

    Attributes:
        over_dialogues: False: an interval over seeds only, on this test split, as the field reports it.
        holm: False: no correction for the number of claims.
        larger_wins: True: no interval at all, the larger mean wins, as in most tables of the field.
        scores: score -> the score that is taken instead (another average, another treatment of zeros).
        seeds: how many of the first seeds; 0 for all.
        dialogues: how many of the first test dialogues; 0 for all.
        protocol: "sound" or "published": the scores that the run has on the test split of its own corpus, by the epoch
            chosen on validation or on the test split, over seeds only; "" for the dialogues of the ledger.
    """

    over_dialogues: bool = True
    holm: bool = True
    larger_wins: bool = False
    scores: Mapping[str, str] = field(default_factory=dict)
    seeds: int = 0
    dialogues: int = 0
    protocol: str = ""


@dataclass
class Quantities:
    """Computes contrasts from the evidence of one corpus."""

    shelf: Shelf
    choice: Universe = field(default_factory=Universe)
    _known: dict[tuple, Sampled] = field(default_factory=dict)

    def common(self, contrasts: Sequence[Contrast]) -> list[int]:
        """The seeds that all arms of some contrasts have; [] if an arm has none. Arms without a seed do not count."""
        found: set[int] | None = None
        for arm in arms_of(contrasts):
            there = self.shelf.arm(arm)
            if not there:
                return []
            if not there[0].fixed:
                seeds = {e.seed for e in there}
                found = seeds if found is None else found & seeds
        return sorted(found if found is not None else {0})[:self.choice.seeds or None]

    def contrast(self, contrast: Contrast, seeds: Sequence[int]) -> Sampled:
        """The sum of the terms.

        Raises:
            Missing: a class, part or task that the corpus lacks.
        """
        parts = [self.term(term, seeds) for term in contrast.terms if term.arm]
        numbers = sum(term.factor for term in contrast.terms if not term.arm)
        total = reduce(lambda a, b: a + b, parts)
        return total + float(numbers) if numbers else total

    def term(self, term: Term, seeds: Sequence[int]) -> Sampled:
        """A factor times the score of an arm."""
        found = [e for e in self.shelf.arm(term.arm) if e.fixed or e.seed in seeds]
        score = term.scored_by(found[0].target.like)
        if not score:
            raise Missing(f"{term.arm} has no score for the task {found[0].target.name}")
        score = self.choice.scores.get(score, score)
        key = (term.arm, score, term.part, tuple(seeds))
        if key not in self._known:
            self._known[key] = self._measured(found, score, term.part, seeds)
        return self._known[key] * term.factor

    def _measured(self, found: Sequence[Kept], score: str, part: str, seeds: Sequence[int]) -> Sampled:
        if score == "mended":
            return _mended(found, [e for e in self.shelf.arm(part) if e.seed in seeds])
        if score.startswith("primary."):
            return _share_of_primary(found, score.partition(".")[2])
        if score == "f1 by frequency":
            return _by_frequency([self._first(e.tally) for e in found])
        if score.startswith("students."):
            heads = [[self._first(e.of_head(h)) for e in found] for h in found[0].heads]
            if not heads:
                raise Missing("the arm has no students")
            each = [score_of(tallies, score.partition(".")[2], part) for tallies in heads]
            return reduce(lambda a, b: a + b, each) / float(len(each))
        if score in found[0].arrays:
            return _of_sums([e.arrays[score] for e in found])
        if score.partition(".")[0] in KINDS:
            raise NotMeasured(f"no {score} was measured")
        if self.choice.protocol and not part:
            if self.shelf.split is None:
                whole = score_of([e.by_protocol(self.choice.protocol) for e in found], score)
                return undrawn(whole.seeds, whole.dialogues, whole.fixed)
            own = found[0].about.get("protocols", {}).get(self.choice.protocol, {}).get("test", {})
            if score.lstrip("-") in own:
                return _on_own_test(found, score, self.choice.protocol)
        return score_of([self._first(e.tally) for e in found], score, part)

    def _first(self, one: Tally) -> Tally:
        count = self.choice.dialogues
        return replace(one, sums={name: x[:count] for name, x in one.sums.items()}) if count else one


def score_of(tallies: Sequence[Tally], score: str, part: str = "") -> Sampled:
    """A score of the language of claims (`erclab.published.claims`) of several runs.

    Raises:
        Missing: the corpus has no such class, part or score.
    """
    part = part or ALL
    if part not in tallies[0].sums:
        raise Missing(f"no part '{part}' of the test split")
    if score.startswith("-"):
        return score_of(tallies, score[1:], part) * -1.0
    names = tallies[0].target.names
    groups, _, what = score.rpartition(".")
    try:
        if not groups or groups in names:
            return sampled(tallies, score, part)
        if groups == "rarest2":
            support = tallies[0].sums[ALL].sum((0, 2))
            chosen = [names[i] for i in np.argsort(np.where(support > 0, support, np.inf), kind="stable")[:2]]
        else:
            wanted = groups.removeprefix("!").split("+")
            if lacking := [w for w in wanted if w not in names]:
                raise Missing(f"no class '{lacking[0]}'")
            chosen = [n for n in names if (n not in wanted) == groups.startswith("!")]
        each = [sampled(tallies, f"{name}.{what}", part) for name in chosen]
    except UsageError as error:
        raise Missing(f"without {score} ({error.problem})") from None
    return reduce(lambda a, b: a + b, each) / float(len(each))


def _on_own_test(found: Sequence[Kept], score: str, protocol: str) -> Sampled:
    """The scores that runs have on the test splits of their own simulated corpora."""
    sign, name = (-1.0, score[1:]) if score.startswith("-") else (1.0, score)
    kept = [e.about["protocols"] for e in found]  # a fit has one protocol
    seeds = sign * np.array([(k.get(protocol) or k["sound"])["test"][name] for k in kept], dtype=float)
    return undrawn(seeds, found[0].tally.dialogues, len(found) == 1 and found[0].fixed)


def _of_sums(sums: Sequence[np.ndarray]) -> Sampled:
    """A mean over utterances from (D, 2) sums and counts, or a mean area from (D, M, 2, bins) counts."""
    def value(x: np.ndarray, w: np.ndarray) -> np.ndarray:
        total = np.tensordot(w, x.astype(np.float64), axes=(-1, 0))
        return area(total) if x.ndim == 4 else total[..., 0] / np.maximum(total[..., 1], 1e-12)

    return resampled(sums, value, len(sums[0]))


def yes_or_no(seeds: np.ndarray, dialogues: int) -> Sampled:
    """Whether something holds of each run, (S,) ones and zeros: the mean is a share of seeds. Five seeds that agree do
    not show that all seeds do: the deviation is at least such that the 95 % interval reaches the farther end of the
    exact one (Clopper and Pearson 1934, Biometrika 26)."""
    count, yes = len(seeds), int(seeds.sum())
    if count < 2:
        return undrawn(seeds, dialogues)
    exact = stats.binomtest(yes, count).proportion_ci(CONFIDENCE)
    farther = max(yes / count - exact.low, exact.high - yes / count)
    return undrawn(seeds, dialogues, least=float(
        farther / stats.t.ppf((1 + CONFIDENCE) / 2, count - 1) * count**0.5))


def _share_of_primary(found: Sequence[Kept], modality: str) -> Sampled:
    """1 for each run whose last primary is the modality, else 0. Dialogues play no part in it."""
    if found[0].about.get("primary") is None:
        raise Missing("the runs have no gate")
    return yes_or_no(np.array([float(e.about["primary"] == modality) for e in found]), found[0].tally.dialogues)


def _mended(text: Sequence[Kept], all_seen: Sequence[Kept]) -> Sampled:
    """Among the mistakes of the text: the log odds of being mended where the text's guess is a negative emotion, minus
    those where it is not. Half a case is added to each cell (Haldane and Anscombe)."""
    if text[0].split is None:
        raise Missing("the joint predictions of two runs are kept of simulated corpora only")
    truth, dialogue = text[0].split.truth["emotion"], text[0].split.dialogue
    bad, D = negative(text[0].target.names), text[0].tally.dialogues
    tables = []
    for one, both in zip(text, all_seen, strict=True):
        first, second = (e.arrays[GUESS].astype(int) for e in (one, both))
        rows = np.flatnonzero((truth >= 0) & (first != truth))
        cells = np.zeros((D, 2, 2))
        np.add.at(cells, (dialogue[rows], bad[first[rows]].astype(int), (second[rows] == truth[rows]).astype(int)), 1)
        tables.append(cells)

    def odds(cells: np.ndarray, w: np.ndarray) -> np.ndarray:
        x = np.log(np.tensordot(w, cells, axes=(-1, 0)) + 0.5)
        return (x[..., 1, 1] - x[..., 1, 0]) - (x[..., 0, 1] - x[..., 0, 0])

    return resampled(tables, odds, D)


def _by_frequency(tallies: Sequence[Tally]) -> Sampled:
    """Spearman correlation of F1 and frequency over the classes of the test split."""
    names = tallies[0].target.names
    support = tallies[0].sums[ALL].sum((0, 2))
    there = [n for n, count in zip(names, support, strict=True) if count > 0]
    ranks = stats.rankdata(support[support > 0])

    def value(one: Tally, w: np.ndarray) -> np.ndarray:
        f1 = np.stack([scored(one, f"{n}.f1", w) for n in there], -1)
        own = stats.rankdata(f1, axis=-1)
        a, b = own - own.mean(-1, keepdims=True), ranks - ranks.mean()
        return (a * b).sum(-1) / np.maximum(np.sqrt((a**2).sum(-1) * (b**2).sum()), 1e-12)

    return resampled(tallies, value, tallies[0].dialogues)


def deviation_ratio(a: Sampled, b: Sampled, rounds: int = 2000) -> tuple[float, float, float]:
    """The ratio of the deviations over seeds, with a 95 % interval by drawing seeds of both sides."""
    rng = np.random.default_rng(0)
    x, y = a.seeds, b.seeds
    i, j = (rng.integers(len(s), size=(rounds, len(s))) for s in (x, y))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.nan_to_num(x[i].std(1, ddof=1) / y[j].std(1, ddof=1), nan=1.0, posinf=1e9)
    low, high = np.quantile(found, [0.025, 0.975])
    return float(x.std(ddof=1) / y.std(ddof=1)), float(low), float(high)

