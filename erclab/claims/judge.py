"""Verdicts: each rule of the claims, from the evidence that is kept.

A rule judges only evidence that was made after it: a run keeps the digests of the claims that were registered when it
was trained, and a claim with another digest today is refused (`REFUSED`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from erclab.analysis import power, statistics
from erclab.analysis.statistics import Estimate, Sampled
from erclab.claims import exact
from erclab.claims.evidence import Shelf
from erclab.claims.quantities import Missing, NotMeasured, Quantities, Universe, deviation_ratio
from erclab.claims.verdicts import (
    CONTRADICTED,
    NOT_HERE,
    REFUSED,
    REVERSED,
    SMALLER,
    SUPPORTED,
    TO_TRAIN,
    UNDECIDED,
    Effect,
    Verdict,
)
from erclab.published.claims import CORE, Book, Claim, Contrast, arms_of

FAMILY = ("SUP", "DID", "NI")  # the rules of confirmatory claims that Holm's correction covers
Measured = list[tuple[Contrast, Estimate]]
RATIO_SEEDS = 20
LATE = 0.03  # the level of a claim that was looked at twice (`protocol.looks`)


def judge(book: Book, claims: Sequence[Claim], corpus: str, shelf: Shelf, choice: Universe | None = None,
          known: dict[tuple, Sampled] | None = None) -> list[Verdict]:
    """The verdicts on claims on one corpus.

    Args:
        claims: of this corpus; Holm's families are formed among them.
        known: terms that were computed from this evidence under a choice of the same dialogues and protocol; those of
            this call are added.
    """
    choice = choice or Universe()
    quantities = Quantities(shelf, choice, {} if known is None else known)
    measured = [_measure(book, claim, corpus, quantities, choice) for claim in claims]
    families: dict[str, list[int]] = {}
    for i, (claim, (found, estimates)) in enumerate(zip(claims, measured, strict=True)):
        told = estimates and not any(np.isnan(e.error) for _, e in estimates)
        if told and claim.tier == CORE and claim.rule in FAMILY and found.verdict == "":
            families.setdefault(claim.paper, []).append(i)
    levels = {i: 1 - _level(book, found.seeds) for i, (found, _) in enumerate(measured)}
    corrected: dict[int, float] = {}
    for members in families.values() if choice.holm else ():
        alpha = max(1 - levels[i] for i in members)
        p, confidences = statistics.holm([p_of([e for _, e in measured[i][1]]) for i in members], alpha)
        for i, one, confidence in zip(members, p, confidences, strict=True):
            corrected[i], levels[i] = float(one), float(confidence)
    components = _components(book, claims, measured)
    verdicts = []
    for i, (claim, (found, estimates)) in enumerate(zip(claims, measured, strict=True)):
        if claim.rule == "POWER":
            found = exact.gaps_beside(found, components)
        elif not found.verdict:
            found = _judged(claim, found, estimates, levels[i], quantities, _least(book, corpus))
        verdicts.append(replace(found, corrected=corrected.get(i, float("nan"))))
    return verdicts


def _components(book: Book, claims: Sequence[Claim], measured: Sequence[tuple[Verdict, Measured]]) -> list[Estimate]:
    """The estimates of contrasts between two settings of one model, over all claims: what a part of a model does."""
    found = {}
    for claim, (_, estimates) in zip(claims, measured, strict=True):
        for contrast, estimate in estimates:
            arms = [book.arms[t.arm] for t in contrast.terms if t.arm]
            by_f1 = all(t.scored_by("emotion") == "weighted_f1" for t in contrast.terms)
            if claim.rule == "SUP" and by_f1 and len(arms) == 2 and arms[0]["model"] == arms[1]["model"]:
                found[contrast.name] = estimate
    return [e for e in found.values() if not np.isnan(e.error)]


def with_q(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts with q over all of them."""
    p = [v.p for v in verdicts]
    there = [i for i, x in enumerate(p) if not np.isnan(x)]
    q = dict(zip(there, statistics.benjamini_hochberg([p[i] for i in there]), strict=True))
    return [replace(v, q=float(q[i])) if i in q else v for i, v in enumerate(verdicts)]


def p_of(estimates: Sequence[Estimate]) -> float:
    """p of a claim of k contrasts: the smaller of that of its support, which needs all contrasts (the largest p, if all
    are above 0; an intersection-union test), and that of its contradiction, for which one is enough (k times the
    smallest p of those below 0); NaN where there is no interval."""
    if any(np.isnan(e.error) for e in estimates):
        return float("nan")
    above = max(e.p() for e in estimates) if all(e.value > 0 for e in estimates) else 1.0
    below = min((e.p() for e in estimates if e.value < 0), default=1.0)
    return float(min(above, len(estimates) * below, 1.0))


def _level(book: Book, seeds: int) -> float:
    return LATE if seeds > len(book.protocol["seeds"]) else 1 - book.protocol["confidence"]


def _measure(book: Book, claim: Claim, corpus: str, quantities: Quantities, choice: Universe
             ) -> tuple[Verdict, Measured]:
    """A verdict that is complete already (with `verdict` set), or an open one with the estimates to be judged."""
    open_one = Verdict(claim.id, claim.version, corpus, "", rules=book.sha256, digest=book.digest(claim))
    if claim.rule == "-":
        return replace(open_one, verdict=NOT_HERE, detail=claim.limits), []
    if claim.rule == "EXACT":
        return exact.exact_claim(open_one, claim, quantities.shelf), []
    if claim.rule == "POWER":
        return open_one, []
    shelf = quantities.shelf
    absent = {arm: why for arm, why in shelf.not_here().items() if arm in claim.arms}
    missing = [arm for arm in claim.arms if arm not in absent and not shelf.arm(arm)]
    possible = [c for c in claim.contrasts if not set(arms_of([c])) & set(absent)]
    if absent:
        open_one = replace(open_one, detail="; ".join(f"without {arm} ({why})" for arm, why in absent.items()))
    if not possible:
        return replace(open_one, verdict=NOT_HERE), []
    contrasts = _contrasts(possible, shelf, missing)
    if not contrasts:
        return replace(open_one, verdict=TO_TRAIN, detail=f"{len(missing)} of {len(claim.arms)} arms have no runs"), []
    seeds = quantities.common(contrasts)
    used = [e for arm in arms_of(contrasts) for e in shelf.arm(arm) if e.fixed or e.seed in seeds]
    open_one = replace(open_one, seeds=len(seeds), dialogues=used[0].tally.dialogues if used else 0,
                       records=tuple(dict.fromkeys(e.id for e in used)),
                       codes=tuple(dict.fromkeys(f"{e.about['spec']['model']} {e.about['spec']['code']}"
                                                 for e in used if e.about.get("spec"))))
    if not seeds:
        return replace(open_one, verdict=TO_TRAIN, detail="the arms have no seed in common"), []
    if any(e.about["registered"].get(claim.id) != open_one.digest for e in used):
        return replace(open_one, verdict=REFUSED, detail="train with seeds that were not looked at before"), []
    found: Measured = []
    for contrast in contrasts:
        try:
            if claim.rule == "INFL":
                sampled = exact.inflation(shelf, contrast, seeds)
            else:
                sampled = quantities.contrast(contrast, seeds)
        except NotMeasured as error:
            return replace(open_one, verdict=TO_TRAIN, detail=str(error)), []
        except Missing as error:
            told = dict.fromkeys(x for x in (*open_one.detail.split("; "), str(error)) if x)
            open_one = replace(open_one, detail="; ".join(told))
            continue
        if not choice.over_dialogues:
            sampled = statistics.undrawn(sampled.seeds, sampled.dialogues, sampled.fixed, sampled.least)
        found.append((contrast, sampled.estimate()))
    if not found:
        return replace(open_one, verdict=NOT_HERE), []
    return open_one, found


def _contrasts(possible: Sequence[Contrast], shelf: Shelf, missing: Sequence[str]) -> list[Contrast]:
    """The contrasts whose arms all have runs and whose sides are different runs (on a corpus of text alone, "all
    modalities" and "text" are one run). If an arm of several contrasts is missing, the claim waits for it."""
    if missing:
        return []

    def ids(arm: str) -> frozenset[str]:
        return frozenset(e.id for e in shelf.arm(arm))

    def apart(contrast: Contrast) -> bool:
        sides = [(ids(t.arm), t.part, str(t.score)) for t in contrast.terms if t.arm]
        return len(set(sides)) == len(sides)

    return [c for c in possible if apart(c)]


def _least(book: Book, corpus: str) -> int:
    """The number of seeds from which a verdict may be drawn."""
    return (book.rehearsal if corpus == book.rehearsal["corpus"] else book.protocol)["least_seeds"]


def _judged(claim: Claim, found: Verdict, estimates: Measured, confidence: float, quantities: Quantities, least: int
            ) -> Verdict:
    effects = tuple(_effect_of(claim, contrast, estimate, confidence, len(estimates), quantities)
                    for contrast, estimate in estimates)
    detail = found.detail
    if found.seeds < least and not all(estimate.fixed for _, estimate in estimates) and not (
            quantities.choice.larger_wins):
        effects = tuple(replace(e, verdict=UNDECIDED, needed=f"{least} seeds") for e in effects)
    verdict = _of_all([e.verdict for e in effects])
    if verdict == SUPPORTED and claim.fewer_parameters:
        sizes = [quantities.shelf.arm(t.arm)[0].about["parameters"] for t in estimates[0][0].terms]
        detail = f"{sizes[0]:,} against {sizes[1]:,} parameters"
        verdict = verdict if sizes[0] < sizes[1] else CONTRADICTED
    return replace(found, verdict=verdict, effects=effects, detail=detail, p=p_of([e for _, e in estimates]),
                   dialogues=max(estimate.dialogues for _, estimate in estimates))


def _of_all(each: Sequence[str]) -> str:
    """A claim is supported where all of its contrasts are, and contradicted where one of them is."""
    for bad in (REVERSED, SMALLER, CONTRADICTED):
        if bad in each:
            return bad
    return SUPPORTED if all(x == SUPPORTED for x in each) else UNDECIDED


def _effect_of(claim: Claim, contrast: Contrast, estimate: Estimate, confidence: float, count: int,
               quantities: Quantities) -> Effect:
    task = quantities.shelf.arm(contrast.terms[0].arm)[0].target.like
    matters, score = contrast.matters_for(task), contrast.terms[0].scored_by(task)
    if quantities.choice.larger_wins:
        wins = SUPPORTED if estimate.value > 0 else REVERSED
        return Effect(contrast.name, estimate.value, estimate.value, estimate.value, estimate.value,
                      estimate.deviation, estimate.among_dialogues, matters, score, float("nan"), float("nan"), wins)
    if claim.rule == "RATIO":
        return _of_deviations(contrast, matters, score, quantities)
    if claim.rule == "NI":
        confidence = 1 - 2 * (1 - confidence)  # one-sided
    low, high = estimate.interval(confidence)
    # One of several contrasts is enough to contradict, so that this end is corrected for their number (Bonferroni).
    at_most = estimate.interval(1 - (1 - confidence) / count)[1]
    verdict = RULES[claim.rule](estimate.value, low, at_most, matters)
    above = None
    if [t.factor for t in contrast.terms] == [1, -1] and claim.rule in FAMILY:
        a, b = (quantities.term(t, quantities.common([contrast])) for t in contrast.terms)
        above = statistics.above(a.seeds, -b.seeds)
    wanting = verdict == UNDECIDED and quantities.choice == Universe()
    return Effect(contrast.name, estimate.value, low, high, at_most, estimate.deviation, estimate.among_dialogues,
                  matters, score, confidence, estimate.p(), verdict, above,
                  needed(estimate, matters) if wanting else "")


def _of_deviations(contrast: Contrast, matters: float, score: str, quantities: Quantities) -> Effect:
    """RATIO: a deviation needs many seeds."""
    nan, seeds = float("nan"), quantities.common([contrast])
    a, b = (quantities.term(t, seeds) for t in contrast.terms)
    value, low, high = deviation_ratio(a, b * -1.0)
    if len(seeds) < RATIO_SEEDS:
        low = high = nan
        verdict = UNDECIDED
    else:
        verdict = SUPPORTED if high < 1 and value <= matters else CONTRADICTED if low > matters else UNDECIDED
    return Effect(contrast.name, value, low, high, high, nan, nan, matters, score, statistics.CONFIDENCE, nan, verdict,
                  needed=f"{RATIO_SEEDS} seeds" if len(seeds) < RATIO_SEEDS else "")


def _superior(value: float, low: float, high: float, matters: float) -> str:
    if np.isnan(low):
        return UNDECIDED
    if high < 0:
        return REVERSED
    if high < matters:
        return SMALLER
    return SUPPORTED if low > 0 and value >= matters else UNDECIDED


def _not_inferior(value: float, low: float, high: float, margin: float) -> str:
    return SUPPORTED if low > -margin else CONTRADICTED if high < -margin else UNDECIDED


def _harmless(value: float, low: float, high: float, matters: float) -> str:
    """INFL: the claim is that choosing the epoch on the test split does not matter."""
    return CONTRADICTED if low > matters else SUPPORTED if high < matters else UNDECIDED


def _ranked(value: float, low: float, high: float, matters: float) -> str:
    return SUPPORTED if value >= matters and low > 0 else CONTRADICTED if high < matters else UNDECIDED


RULES: Mapping[str, Callable[[float, float, float, float], str]] = {
    "SUP": _superior, "DID": _superior, "MECH": _superior, "NI": _not_inferior, "INFL": _harmless, "RANK": _ranked}


def needed(estimate: Estimate, matters: float) -> str:
    """What would decide with a power of 0.8 that an effect is as large as matters: seeds, or else dialogues."""
    size = max(abs(matters), 1e-9)
    if np.isnan(estimate.error):
        return "a test split of more than one dialogue" if estimate.dialogues == 1 else "2 seeds or more"
    if estimate.error == 0:
        return "the effect is at the border"
    found = power.both_needed(size, estimate.deviation, estimate.among_dialogues, estimate.seeds, estimate.dialogues)
    if found is None:
        return "more than 10,000 seeds"
    seeds, dialogues = found
    return f"{seeds} seeds" if dialogues == estimate.dialogues else f"{dialogues:,} dialogues with {seeds} seeds"
