"""The generated parts of the README: the finding in a paragraph, the ledger as a figure, and the table of scores."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from erclab import models
from erclab.claims.training import corpus_name
from erclab.core import metrics
from erclab.reports import ledger
from erclab.reports.facts import file_name
from erclab.reports.findings import differences_told, printed_of, separated, tally_text, title_of
from erclab.reports.gathered import Gathered, by_older_code
from erclab.reports.markdown import interval_text, listed, pipes, plural
from erclab.reports.scores import BASES, CONSTANT, DIALOGUES, FIVE, ORACLE, SEQUENCES, Gap, Score, Scores

FIGURE = "figures/ledger.svg"
# Rows of the table, in their order, below the oracles.
ORDER = ("dialoguetrm", "sdt", "m2fnet", "dialoguernn", "bc-lstm", "linear", "persistence", "hct-mg", "lmr-cbt", "mult",
         "lmf-mult", "lf-lstm", "ef-lstm", "linear-pooled", CONSTANT)
# What is simpler than the five, in words -> its models.
SIMPLE = {"bc-LSTM": ("bc-lstm",), "a linear probe on the same features": ("linear", "linear-pooled")}
Column = tuple[str, str]  # corpus and task
SIMULATED: Column = ("simulated", "emotion")  # the simulated corpus of the table
NOTHING = ("No run beyond the rehearsal of the claims is part of the evidence yet; `erclab claims --corpus simulated "
           "--train` trains it.")


def generated(found: Gathered) -> Mapping[str, str]:
    """Name of each part -> its Markdown."""
    return {"finding": _finding(found), "ledger": _figure(found), "scores": _table(found)}


def _finding(found: Gathered) -> str:
    """The verdicts, and the five against baselines on each real corpus, in sentences that hold whatever the numbers."""
    every = [one for scores in found.scores if not found.simulated(scores.corpus) for one in _comparisons(scores)]
    tiers = [c.tier for c in found.book.claims]
    interim = sum(bool(x) for x in ledger.claim_marks(found)["interim"])
    printed = [v for v in found.core if v.corpus == "printed"]
    told = [f"The five papers make {plural(len(tiers), 'claim')} in our reading, {tiers.count(1)} of them core; each "
            "core claim has a rule that is older than its runs, and is tested once per corpus that can test it."]
    for where, simulated in (("simulated", True), ("real", False)):
        some = ledger.by_kind(found, simulated)
        told.append(f"Of {plural(len(some), 'test')} of core claims on {where} conversations {tally_text(some)}.")
    told.append(f"Of {plural(len(printed), 'core claim')} about printed numbers, which arithmetic decides, "
                f"{tally_text(printed)}.")
    if interim:
        told.append(f"{plural(interim, 'verdict')} of all {'is' if interim == 1 else 'are'} interim, from fewer than "
                    f"{found.planned} seeds; the plan goes on to {found.planned} whatever they say.")
    if not every:
        return _wrapped(" ".join([*told, "On real conversations no run of the five is part of the evidence yet."]))
    told += ["The best of the five against baselines on the same features, with 95 % intervals over seeds and "
             "dialogues (the best is chosen on these test dialogues, which flatters it):"]
    short = _in_short(every)
    lead = [_wrapped(f"**{short}**"), ""] if short else []
    return "\n".join([*lead, _wrapped(" ".join(told)), "", *(f"- {_best(one)}" for one in every)])


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 118, break_long_words=False, break_on_hyphens=False)


@dataclass(frozen=True)
class _Comparison:
    """The best of the five at a task of a corpus from one kind of input, beside baselines."""

    best: Score
    gaps: list[Gap]
    titles: Mapping[str, str]


def _comparisons(one: Scores) -> list[_Comparison]:
    made = []
    for task, reads in dict.fromkeys((s.task, s.reads) for s in one.scores if s.model in FIVE and s.task != "emotion4"):
        here = [s for s in one.scores if (s.task, s.reads) == (task, reads)]
        best = max((s for s in here if s.model in FIVE), key=lambda s: s.values[s.metric][0])
        gaps = [g for g in one.gaps if (g.task, g.reads, g.model) == (task, reads, best.model) and g.base in BASES]
        made.append(_Comparison(best, gaps, {s.model: title_of(s) for s in here}))
    return made


def _in_short(every: Sequence[_Comparison]) -> str:
    """How often intervals separate the best of the five from a recurrent model and from a linear probe; nothing
    without an interval."""
    told = []
    for title, bases in SIMPLE.items():
        found = [separated(g) for one in every for g in one.gaps if g.base in bases and not math.isnan(g.low)]
        ways = [f"{words} in {n}" for words, said in (("below", "below 0"), ("not told from it", "not told from 0"))
                if (n := found.count(said))]
        if found:
            told.append(f"above {title} in {found.count('above 0')} of {plural(len(found), 'comparison')}"
                        + (f" ({', '.join(ways)})" if ways else ""))
    return f"On real conversations, the best of the five papers' models is {listed(told)}." if told else ""


def _best(one: _Comparison) -> str:
    """A sentence about the best of the five, and its difference from each baseline."""
    best = one.best
    value = interval_text(*best.values[best.metric], best.metric, seeds=best.seeds, dialogues=best.dialogues)
    text = (f"`{best.corpus}`, {best.task}, from {best.reads}, {metrics.title(best.metric)}: {best.title} {value}, "
            f"{plural(best.seeds, 'seed')}")
    if best.dialogues == 1:  # no difference has an interval
        return f"{text}; a test split of one dialogue decides nothing."
    told = listed(differences_told(one.gaps, best.metric, one.titles))
    return f"{text}; difference {told}." if told else f"{text}; no baseline has run there yet."


def _figure(found: Gathered) -> str:
    """The figure of the ledger with its alternative text."""
    pages = listed([f"[{models.info(name).title}](notebooks/reports/{file_name(name)}.md)" for name in FIVE])
    told = ("Grey numbers are exploratory claims or such that cannot be tested here. "
            f"Each claim in words, with its verdict and interval: `erclab claims`, and a page per paper: {pages}.")
    return f"![{ledger.alternative_text(found)}]({FIGURE})\n\n{_wrapped(told)}"


def _table(found: Gathered) -> str:
    """Ours with interval beside oracle, probe, constant and printed numbers: rows are models, columns corpora."""
    columns = _columns(found)
    if not columns:
        return NOTHING
    lines = _rows(found, columns)
    heads = [f"`{corpus}`<br>{metric}" + (f", {task}" if task == "dimensional" else "")
             for (corpus, task), metric in columns.items()]
    return "\n".join([*pipes(["", *heads], lines), "", _wrapped(_caption(found, columns))])


def _columns(found: Gathered) -> dict[Column, str]:
    """Corpus and task -> the title of the score: the emotions of one simulated corpus, and all tasks of real corpora
    but the four emotions. The other scores are in the papers' pages; with them the table would be too wide to read."""
    made: dict[Column, str] = {}
    for one in found.scores:
        for s in one.scores:
            if s.model not in (CONSTANT, ORACLE) and s.task != "emotion4" and (
                    not found.simulated(one.corpus) or (one.corpus, s.task) == SIMULATED):
                made[one.corpus, s.task] = metrics.title(s.metric)
    return made


def _rows(found: Gathered, columns: Mapping[Column, str]) -> list[list[str]]:
    every = [s for one in found.scores for s in one.scores if (s.corpus, s.task) in columns]
    lines: list[list[str]] = []
    for reads in (DIALOGUES, SEQUENCES):
        here = [s for s in every if s.reads == reads and s.model != CONSTANT]
        titles = dict.fromkeys(s.title for s in sorted(here, key=_place))
        if titles:
            lines.append([f"*reads {reads}*", *[""] * len(columns)])
        for title in titles:
            own = {(s.corpus, s.task): s for s in here if s.title == title}
            lines.append([_named(next(iter(own.values()))),
                          *(_cell(found, own[c]) if c in own else "" for c in columns)])
    constant = {(s.corpus, s.task): s for s in every if s.model == CONSTANT}
    lines.append(["*constant predictor*", *(_cell(found, constant[c]) if c in constant else "" for c in columns)])
    for paper in FIVE:
        cells = [_printed(found, paper, corpus, task) for corpus, task in columns]
        if any(cells):
            lines.append([f"*{models.info(paper).title}, as printed*", *cells])
    return lines


def _place(score: Score) -> int:
    return -1 if score.model == ORACLE else ORDER.index(score.model) if score.model in ORDER else len(ORDER)


def _named(score: Score) -> str:
    return f"*{score.title}*" if score.model == ORACLE else title_of(score)


def _cell(found: Gathered, score: Score) -> str:
    """Such as "62.0 [58.1, 65.9] ×5"; bold where an interval separates it from the next best."""
    text = interval_text(*score.values[score.metric], score.metric, seeds=score.seeds, dialogues=score.dialogues)
    gaps = next(one.gaps for one in found.scores if one.corpus == score.corpus)
    bold = any((g.task, g.reads, g.model) == (score.task, score.reads, score.model) and g.first and g.low > 0
               for g in gaps)
    text = f"**{text}**" if bold else text
    text += f" ×{score.seeds}" if score.seeds > 1 else ""
    return text + (" (older code)" if by_older_code(score.model, score.code) else "")


def _printed(found: Gathered, paper: str, corpus: str, task: str) -> str:
    """What a paper prints of its own model, where the corpus has the paper's split."""
    if corpus in found.book.protocol["folds"] or task == "emotion4":
        return ""
    metric = next((s.metric for one in found.scores for s in one.scores if (s.corpus, s.task) == (corpus, task)), "")
    told = printed_of(paper, corpus, [metric])
    return ", ".join(f"{values[metric]} ({where})" for where, values in told.items())


def _caption(found: Gathered, columns: Iterable[Column]) -> str:
    return ("Mean over seeds (×) on the test dialogues with the 95 % interval over seeds and dialogues; no × is one "
            f"seed, or what has none; fewer than {found.planned} seeds are interim. Shares in percent, correlations as "
            "they are. Bold: best among those that read the same, if the interval of its difference from the next best "
            f"is above 0. {_folded(found, columns)}Widths and epochs fit a processor (`smoke`). Printed numbers are of "
            "other features, often of another protocol; they stand beside ours and are never mixed with them. The "
            "ceiling of real conversations is not known. Other simulated corpora and the four emotions: the papers' "
            "pages.")


def _folded(found: Gathered, columns: Iterable[Column]) -> str:
    """A sentence about the corpora of the table that are cross-validated; "" without one."""
    told = []
    for corpus in dict.fromkeys(corpus for corpus, _ in columns):
        if how := found.folds(corpus):
            behind = corpus_name(found.book, corpus)
            told.append(f"`{corpus}` ({how}{f' of `{behind}`' if behind != corpus else ''})")
    return f"Cross-validated, so that each dialogue is tested once: {listed(told)}. " if told else ""
