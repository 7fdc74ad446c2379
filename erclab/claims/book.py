"""The ledger as a whole: every claim on every corpus that can test it, with its verdict or with what is missing.

Verdicts are stored in `data/results/claims/verdicts.json`, and each can be computed again from the evidence beside it.
A verdict by an older version of a rule stays there.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from erclab import models
from erclab.analysis.shown import shown_as
from erclab.claims import costs, judge, splits
from erclab.claims.evidence import Shelf
from erclab.claims.quantities import Universe
from erclab.claims.training import Plan, applicable, corpus_name
from erclab.claims.verdicts import NOT_HERE, TO_TRAIN, Effect, Verdict, verdict_from
from erclab.core import paths
from erclab.core.errors import RunError, UsageError
from erclab.core.storage import write_atomically
from erclab.corpora import CORPORA
from erclab.published.claims import Book, Claim
from erclab.runs.code import older

FILE = "verdicts.json"
PRINTED = "printed"  # the corpus of claims about printed numbers
NONE = ""  # the corpus of claims that no corpus can test


def folder() -> Path:
    """Where evidence and verdicts are kept: `data/results/claims` of the checkout."""
    return paths.results_dir() / "claims"


def shelf_of(corpus: str, where: Path | None = None) -> Shelf:
    """The evidence of a corpus."""
    place = (where or folder()) / corpus
    return Shelf(place, splits.load(place))


def places(book: Book, claim: Claim) -> tuple[str, ...]:
    """The corpora of a claim, with the rehearsal's last where a simulated one can test it."""
    if not claim.corpora:
        return (NONE,)
    rehearsal = book.rehearsal["corpus"]
    return (*claim.corpora, *((rehearsal,) if claim in applicable(book, rehearsal) else ()))


def judge_corpus(book: Book, corpus: str, where: Path | None = None, choice: Universe | None = None) -> list[Verdict]:
    """The verdicts on all claims that a corpus can test, from the evidence; families of corrections are complete."""
    if corpus in (PRINTED, NONE):
        claims = [c for c in book.claims if c.corpora == ((corpus,) if corpus else ())]
        return judge.judge(book, claims, corpus, Shelf(folder() / corpus), choice)
    return judge.judge(book, applicable(book, corpus), corpus, shelf_of(corpus, where), choice)


def corpora_of(book: Book) -> list[str]:
    """Every corpus of the claims, in the order in which the claims name them, the rehearsal's last."""
    names = dict.fromkeys(name for c in book.claims for name in (c.corpora or (NONE,)))
    return [*(n for n in names if n != NONE), *([NONE] if NONE in names else []), book.rehearsal["corpus"]]


def judge_again(book: Book, where: Path | None = None, corpora: Iterable[str] | None = None) -> list[Verdict]:
    """Judge again and store: verdicts of today's rules replace those of the same version; others stay.

    q is of p as it is stored, in six digits: the file is then the same whether corpora are judged together or one by
    one.

    Raises:
        RunError: the folder cannot be written, or evidence is damaged.
    """
    names = list(corpora or corpora_of(book))
    new = {(v.claim, v.version, v.corpus): verdict_from(v.as_dict()) for name in names
           for v in judge_corpus(book, name, where) if v.verdict != TO_TRAIN}
    old = {(v.claim, v.version, v.corpus): v for v in stored_verdicts(where)}
    gone = {key for key, v in old.items() if key[2] in names and key not in new and v.version == _version(book, key[0])}
    kept = {**{key: v for key, v in old.items() if key not in gone}, **new}
    current = [v for key, v in kept.items() if v.version == _version(book, key[0])]
    rehearsal = book.rehearsal["corpus"]
    corrected = {(v.claim, v.version, v.corpus): v for some in ([v for v in current if v.corpus != rehearsal],
                                                              [v for v in current if v.corpus == rehearsal])
                 for v in judge.with_q(some)}
    found = [corrected.get(key, kept[key]) for key in sorted(kept, key=_order(book))]
    content = json.dumps([v.as_dict() for v in found], indent=0, ensure_ascii=False).encode()
    try:
        write_atomically((where or folder()) / FILE, content + b"\n")
    except OSError as error:
        raise RunError(f"verdicts cannot be stored: {error.strerror or error}", where=where or folder(),
                       remedy="Free space or choose another folder (--evidence).") from None
    return found


def _version(book: Book, id: str) -> int:
    return next((c.version for c in book.claims if c.id == id), 0)


def _order(book: Book):
    ids, names = [c.id for c in book.claims], corpora_of(book)

    def key(k: tuple[str, int, str]) -> tuple:
        return (ids.index(k[0]) if k[0] in ids else len(ids), names.index(k[2]) if k[2] in names else len(names), k[1])
    return key


def stored_verdicts(where: Path | None = None) -> list[Verdict]:
    """The verdicts that are stored; none without the file.

    Raises:
        RunError: the file is damaged.
    """
    path = (where or folder()) / FILE
    if not path.exists():
        return []
    try:
        return [verdict_from(row) for row in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"not a file of verdicts ({type(error).__name__}: {error})", where=path,
                       remedy="Restore the file, or judge again: erclab claims --judge.") from None


def entries(book: Book, ids: Sequence[str] = (), corpus: str | None = None, where: Path | None = None
           ) -> list[Verdict]:
    """Every claim on every corpus that can test it: the stored verdict by today's version of the rule, else what is
    missing and what it costs on two cores.

    A verdict whose runs were made by older code says so.

    Args:
        ids: of claims, or beginnings such as "S" for a paper's.
        corpus: one only.

    Raises:
        UsageError: there is no such claim or corpus.
    """
    chosen = chosen_claims(book, ids)
    if corpus is not None and corpus not in corpora_of(book):
        raise UsageError(f"no claim can be tested on '{corpus}'", remedy="One of "
                         f"{', '.join(n for n in corpora_of(book) if n)}.")
    there = {(v.claim, v.version, v.corpus): v for v in stored_verdicts(where)}
    shelves, found = cache(lambda name: shelf_of(name, where)), []
    for claim in chosen:
        for name in places(book, claim):
            if corpus is not None and name != corpus:
                continue
            known = there.get((claim.id, claim.version, name))
            if known is None or known.digest != book.digest(claim) or known.verdict == TO_TRAIN:
                known = _open(book, claim, name, shelves)
            found.append(_marked(known))
    return found


def chosen_claims(book: Book, given: Sequence[str]) -> list[Claim]:
    """The claims that a user names: by id, or by paper or its letter; all without a name.

    Raises:
        UsageError: there is no such claim or paper.
    """
    def meant(claim: Claim, name: str) -> bool:
        name = name.casefold()
        return name in (claim.id.casefold(), claim.paper) or claim.id.casefold().startswith(f"{name}-")

    for name in given:
        if not any(meant(claim, name) for claim in book.claims):
            book.find(name)  # raises
    return [claim for claim in book.claims if not given or any(meant(claim, name) for name in given)]


def _marked(v: Verdict) -> Verdict:
    """A verdict with a word where today's code is not the code of its runs: a run today may give other numbers."""
    changed = [model for model, _, code in (x.partition(" ") for x in v.codes) if older(models.info(model), code)]
    if not changed:
        return v
    return replace(v, detail="; ".join(x for x in (v.detail, f"by older code of {', '.join(changed)}") if x))


def _open(book: Book, claim: Claim, name: str, shelves: Callable[[str], Shelf]) -> Verdict:
    """A claim without a verdict: not testable, or to be trained at some cost."""
    open_one = Verdict(claim.id, claim.version, name, TO_TRAIN, rules=book.sha256, digest=book.digest(claim))
    if name == NONE:
        return replace(open_one, verdict=NOT_HERE, detail=claim.limits)
    if name == PRINTED:
        return judge.judge(book, [claim], PRINTED, shelves(PRINTED))[0]
    rehearsal = name == book.rehearsal["corpus"]
    seeds = (book.rehearsal if rehearsal else book.protocol)["seeds"]
    plan, shelf = Plan(name, book, (claim,), seeds, book.protocol), shelves(name)
    trained = [arm for arm in plan.arms if book.arms[arm]["model"] != splits.ORACLE]
    gone = shelf.not_here()
    missing = [(arm, seed) for arm in trained if arm not in gone for seed in seeds
               if not any(e.fixed or e.seed == seed for e in shelf.arm(arm))]
    if claim.rule == "POWER" or not missing:
        return replace(open_one, detail="follows from the runs of the other claims")
    taken = costs.of_plan(plan, missing, shelf)
    return replace(open_one, detail=f"{len(missing)} runs, about {costs.duration(taken)} on two cores"
                   + (", and the corpus's folder" if CORPORA[corpus_name(book, name)].needs_data else ""))


def table(book: Book, verdicts: Iterable[Verdict]) -> pd.DataFrame:
    """A row per claim and corpus, with the contrast that decides: the one of its verdict, else the first.

    Columns: paper, claim (in words), rule, tier, corpus, verdict, interim (see `interim`), effect (with its interval,
    in points or as it is), matters, contrast, seeds, dialogues, p (corrected by Holm where that applies), q, needed,
    detail. Index: id.
    """
    claims, rows = {c.id: c for c in book.claims}, []
    for v in verdicts:
        claim = claims.get(v.claim)
        one = deciding(v)
        rows.append({"id": v.claim, "paper": claim.paper if claim else "", "claim": claim.claim if claim else "",
                     "rule": claim.rule if claim else "", "tier": claim.tier if claim else 0, "corpus": v.corpus,
                     "verdict": v.verdict, "interim": interim(book, v),
                     "effect": effect_text(claim, one) if claim and one else "",
                     "matters": _matters_text(claim, one) if claim and one else "",
                     "contrast": contrast_text(v, one) if one else "", "seeds": v.seeds, "dialogues": v.dialogues,
                     "p": v.p if np.isnan(v.corrected) else v.corrected, "q": v.q,
                     "needed": one.needed if one else "", "detail": v.detail})
    columns = ["id", "paper", "claim", "rule", "tier", "corpus", "verdict", "interim", "effect", "matters", "contrast",
               "seeds", "dialogues", "p", "q", "needed", "detail"]
    return pd.DataFrame(rows, columns=columns).set_index("id")


def deciding(v: Verdict) -> Effect | None:
    """The contrast that decides a verdict: of those with the claim's verdict the one with the smallest effect."""
    some = [f for f in v.effects if f.verdict == v.verdict] or list(v.effects)
    return min(some, key=lambda f: f.value) if some else None


def contrast_text(v: Verdict, one: Effect) -> str:
    """The name of a contrast of a verdict, with its score where several have this name."""
    same = sum(other.name == one.name for other in v.effects)
    return one.name + (f", {one.score.replace('.', ' ').replace('_', ' ')}" if same > 1 else "")


def shown_in(claim: Claim, shown: Effect) -> tuple[float, int]:
    """(factor, digits) in which an effect is shown: points for shares, else as it is."""
    if claim.rule in ("RATIO", "RANK"):
        return 1, 2
    return (1, 3) if shown.score == "mended" else shown_as(shown.score.removeprefix("-"))


def effect_text(claim: Claim, shown: Effect) -> str:
    """Such as "+1.3 [0.2, 2.4]"."""
    factor, digits = shown_in(claim, shown)
    value = f"{factor * shown.value:+.{digits}f}"
    if claim.rule == "POWER":
        return f"{value} (resolvable {factor * shown.matters:.{digits}f})"
    if np.isnan(shown.low):
        alone = np.isnan(shown.among_dialogues) and not np.isnan(shown.deviation)
        return f"{value} ({'one dialogue has no interval' if alone else 'too few seeds for an interval'})"
    return f"{value} [{factor * shown.low:.{digits}f}, {factor * shown.high:.{digits}f}]"


def _matters_text(claim: Claim, shown: Effect) -> str:
    factor, digits = shown_in(claim, shown)
    return f"{factor * shown.matters:.{digits}f}"


def interim(book: Book, v: Verdict) -> str:
    """Such as "interim: 5 of 10 seeds", for a verdict from fewer seeds than the protocol has; else "".

    The plan goes on to all seeds whatever such a verdict says, so that no outcome chooses the number of seeds. What has
    no seeds (arithmetic, a contract, a difference of fixed predictions) is complete, and so is the rehearsal, which is
    never quoted.
    """
    planned, fixed = len(book.protocol["seeds"]), v.seeds == 1 and all(f.deviation == 0 for f in v.effects)
    if not v.effects or fixed or not 0 < v.seeds < planned or v.corpus == book.rehearsal["corpus"]:
        return ""
    return f"interim: {v.seeds} of {planned} seeds"


def counts(verdicts: Iterable[Verdict]) -> Mapping[str, int]:
    """Verdict -> how many, most frequent first."""
    return dict(Counter(v.verdict for v in verdicts).most_common())


def in_units(book: Book, verdicts: Iterable[Verdict]) -> pd.DataFrame:
    """A row per contrast that has an interval, in units of the smallest effect that matters, for a figure.

    Index: claim, corpus and contrast. Columns: claim, corpus, value, low, high, verdict.
    """
    rules, rows = {c.id: c.rule for c in book.claims}, {}
    for v in verdicts:
        for f in v.effects:
            if rules.get(v.claim) in ("SUP", "DID", "NI", "MECH", "INFL") and f.matters and not np.isnan(f.low):
                name = f"{v.claim}: {contrast_text(v, f)}"
                rows[v.claim, v.corpus, name] = {
                    "name": name, "claim": v.claim, "corpus": v.corpus, "value": f.value / f.matters,
                    "low": f.low / f.matters, "high": f.high / f.matters, "verdict": f.verdict}
    made = pd.DataFrame(list(rows.values()), columns=["name", "claim", "corpus", "value", "low", "high", "verdict"])
    return made.set_index("name")
