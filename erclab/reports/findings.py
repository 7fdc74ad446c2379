"""Sections of a page about claims, scores and printed numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from erclab import published
from erclab.analysis import audit
from erclab.analysis.shown import shown_as
from erclab.claims import book as books
from erclab.claims.multiverse import group
from erclab.claims.verdicts import NOT_HERE, REFUSED, TO_TRAIN, Verdict
from erclab.core import metrics
from erclab.published.claims import Claim
from erclab.reports.gathered import Gathered, by_older_code
from erclab.reports.markdown import escaped, interval_text, listed, pipes, plural
from erclab.reports.scores import BASES, CONSTANT, ORACLE, Gap, Score, Scores
from erclab.training.recipes import family

TIERS = {1: "", 2: "exploratory", 3: "not testable here"}
BESIDE = ("dialoguernn", *BASES)  # what stands beside a paper's model in its tables


def scope(found: Gathered, paper: str) -> list[str]:
    """The paper's claims with their verdicts."""
    rows = found.of_paper(paper)
    tiers = [sum(c.tier == t for c, _ in rows) for t in (1, 2, 3)]
    core = [v for c, some in rows if c.tier == 1 for v in some]
    lines = [f"The paper makes {plural(len(rows), 'claim')} in our reading: {tiers[0]} core, {tiers[1]} exploratory, "
             f"{tiers[2]} not testable here. Of the {plural(len(core), 'test')} of core claims, one per claim and "
             f"corpus, {tally_text(core)}.", "",
             "A claim has a verdict by a rule that was committed before its runs: the interval of the difference over "
             "seeds and dialogues (corrected for the number of the paper's claims on the corpus) against 0 and the "
             "smallest effect that matters. *Undecided* does not mean *no difference*: it means that these runs and "
             "dialogues cannot tell. Shares are in points, correlations and ratios as they are; the difference is that "
             "of the contrast that decides. Costs are times on two cores; claims share runs.", ""]
    for claim, some in rows:
        lines += [_head(claim), *(f"  - {_line(found, claim, v)}" for v in some if v.verdict != TO_TRAIN)]
        waiting = [f"`{v.corpus}` ({_price(v)})" for v in some if v.verdict == TO_TRAIN]
        lines += [f"  - to train: {', '.join(waiting)}"] if waiting else []
    return lines


def _price(v: Verdict) -> str:
    """What a claim waits for, without what the page says once."""
    return v.detail.replace(" on two cores", "").replace(", and the corpus's folder", "")


def tally_text(verdicts: Iterable[Verdict]) -> str:
    """Such as "3 are supported, 1 is contradicted (reversed), 2 are undecided and 10 are to be trained"."""
    kinds = {"supported": "supported", "contradicted": "contradicted", "undecided": "undecided",
             "holds": "exact and hold", "refused": "refused", "train": "to be trained", "not": "not testable here"}
    each: dict[str, list[str]] = {key: [] for key in kinds}
    for v in verdicts:
        each[_kind(v)].append(v.verdict.partition(": ")[2])
    ways = _ways(each["contradicted"])
    told = [f"{len(some)} {'is' if len(some) == 1 else 'are'} {kinds[key]}{ways if key == 'contradicted' else ''}"
            for key, some in each.items() if some]
    return listed(told) or "there is none"


def _ways(some: Sequence[str]) -> str:
    """How claims are contradicted: " (2 reversed, 1 smaller than matters)"."""
    ways = [(way, some.count(way)) for way in ("reversed", "smaller than matters") if way in some]
    if len(some) == 1:
        return "".join(f" ({way})" for way, _ in ways)
    return f" ({', '.join(f'{count} {way}' for way, count in ways)})" if ways else ""


def _kind(v: Verdict) -> str:
    if group(v.verdict):
        return group(v.verdict)
    return {TO_TRAIN: "train", NOT_HERE: "not", REFUSED: "refused"}.get(v.verdict, "holds")


def _head(claim: Claim) -> str:
    more = "; ".join(x for x in (claim.where, TIERS[claim.tier]) if x)
    printed = f" Printed: {claim.printed.rstrip('.')}." if claim.printed else ""
    return f"- **{claim.id}** {escaped(f'{claim.claim} ({more}).{printed}')}"


def _line(found: Gathered, claim: Claim, v: Verdict) -> str:
    """The verdict on one corpus, with its number, interval, seeds and dialogues."""
    if v.corpus in (books.PRINTED, books.NONE):
        by = f" by arithmetic ({', '.join(v.records)}, see below)" if v.records else ""
        return f"**{v.verdict}**{by or f': {v.detail}'}"
    one, parts = books.deciding(v), []
    if one is not None:
        factor, digits = books.shown_in(claim, one)
        parts = [books.effect_text(claim, one), f"matters from {factor * one.matters:.{digits}f}",
                 books.contrast_text(v, one)]
        parts += [f"one of {len(v.effects)} contrasts"] if len(v.effects) > 1 else []
    parts += [plural(v.seeds, "seed"), plural(v.dialogues, "dialogue")] if v.seeds else []
    parts += [x for x in (books.interim(found.book, v), f"needs {one.needed}" if one and one.needed else "", v.detail)
              if x]
    return escaped(f"`{v.corpus}`: **{v.verdict}**, {'; '.join(parts)}")


def results(found: Gathered, paper: str) -> list[str]:
    """A table per corpus and task with evidence of the paper's model: ours, what bounds it, and what is printed."""
    lines: list[str] = []
    for one in found.scores:
        for task in dict.fromkeys(s.task for s in one.scores if s.model == paper):
            lines += ["", f"### {one.corpus}, {task}", "", f"{found.title(one.corpus)}.", "",
                      *_table(found, one, task, paper)]
    if not lines:
        return ["No run of the paper's model is part of the evidence yet."]
    return [f"Means over seeds with 95 % intervals over seeds and dialogues; fewer than {found.planned} seeds are "
            "interim. Shares in percent; correlations and errors as they are. Printed numbers are of other features, "
            "often of another protocol, and are never mixed with ours.", *lines]


def _table(found: Gathered, one: Scores, task: str, paper: str) -> list[str]:
    here = [s for s in one.scores if s.task == task]
    own = next(s for s in here if s.model == paper)
    order = {CONSTANT: 0, ORACLE: 2}
    beside = [s for s in here if s.model == CONSTANT or (s.model in (ORACLE, *BESIDE) and s.reads == own.reads)]
    beside.sort(key=lambda s: order.get(s.model, 1))
    names = list(own.values)
    rows = [[f"**{s.title}**, ours" if s is own else title_of(s), _seeds(s), *(_value(s, m) for m in names)]
            for s in (own, *beside)]
    rows += [[f"{own.title}, printed: {where}", "", *(values.get(m, "") for m in names)]
             for where, values in printed_of(paper, one.corpus, names).items()]
    lines = pipes(["", "seeds", *(metrics.title(m) for m in names)], rows)
    gaps = [g for g in one.gaps if g.task == task and g.model == paper and g.base in BASES]
    if gaps:
        titles = {s.model: title_of(s) for s in here}
        told = differences_told(gaps, own.metric, titles)
        lines += ["", f"Difference in {metrics.title(own.metric)}, paired by seed and dialogue: {'; '.join(told)}."]
    return lines


def title_of(score: Score) -> str:
    """The title of what is scored; persistence is told apart, because it is given what no model has."""
    return f"{score.title} (given the true label of the turn before)" if score.model == "persistence" else score.title


def difference_text(gap: Gap, metric: str) -> str:
    """Such as "-0.5 [-3.0, 2.1]"."""
    return interval_text(gap.value, gap.low, gap.high, metric, signed=True, seeds=gap.seeds)


def differences_told(gaps: Iterable[Gap], metric: str, titles: Mapping[str, str]) -> list[str]:
    """Such as "-0.5 [-3.0, 2.1] from bc-LSTM (not told from 0)", by the titles of the baselines."""
    return [f"{difference_text(gap, metric)} from {titles[gap.base]} ({separated(gap)})" for gap in gaps]


def separated(gap: Gap) -> str:
    """What the interval of a difference says about 0."""
    if math.isnan(gap.low):
        return f"one {'dialogue' if gap.seeds > 1 else 'seed'} decides nothing"
    return "above 0" if gap.low > 0 else "below 0" if gap.high < 0 else "not told from 0"


def _seeds(score: Score) -> str:
    if score.model == ORACLE or not score.seeds:
        return "none"
    return f"{score.seeds}{' (older code)' if by_older_code(score.model, score.code) else ''}"


def _value(score: Score, metric: str) -> str:
    if metric not in score.values:
        return ""
    return interval_text(*score.values[metric], metric, seeds=score.seeds, dialogues=score.dialogues)


def printed_of(paper: str, corpus: str, names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Table -> metric -> what a paper prints of its own model on the corpus, of its main results alone."""
    found: dict[str, dict[str, str]] = {}
    if corpus.startswith("simulated"):
        return found
    rows = published.scores(paper, family(corpus))
    rows = rows[(rows["model"] == paper) & rows["metric"].isin([*names])]
    main = rows["exhibit"].iloc[0] if len(rows) else ""
    for row in rows[rows["exhibit"] == main].itertuples():
        where = ", ".join(x for x in (row.source.partition(",")[0], row.setting) if x)
        digits = shown_as(row.metric)[1]
        text = f"{row.value:.{2 if metrics.is_share(row.metric) and round(row.value, 1) != row.value else digits}f}"
        found.setdefault(where, {})[row.metric] = text
    return found


def arithmetic(paper: str) -> list[str]:
    """What arithmetic over the paper's printed numbers finds, with its fair reading."""
    found = audit.findings(paper)
    against = sum(bool(f.contradicts) for f in found)
    lines = [f"{plural(len(found), 'computation')} over the printed numbers, each a test of this repository; "
             f"{against} of them contradict{'s' * (against == 1)} something printed. Each has a reading that needs no "
             "bad faith.", ""]
    for f in found:
        verdict = f" It contradicts: {f.contradicts}." if f.contradicts else ""
        lines.append(f"- **{f.id}** {escaped(f'({f.where}). {f.computed}{verdict}')} *Fair reading:* "
                     f"{escaped(f.reading)}")
    return lines
