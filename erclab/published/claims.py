"""The claims of the papers: the comparison that tests each, the smallest effect that matters, and the rule.

`claims.json` is committed before the runs that it judges. A rule that changes is a new `version` of its claim: the
verdict of the old version stays. `Claim.digest` covers everything that decides a verdict, and a run keeps the digests
of all claims at the time of its training, so that a rule which is newer than its runs is refused
(`erclab.claims.judge`).

A claim has contrasts; a contrast is a sum of terms [factor, arm, score, part]. An arm is a model with settings. The
score is one of `erclab.core.metrics`, "-mae" (so that more is better), of some classes (`surprise+sadness.f1`; with `!`
of all others; `rarest2.recall` of the two rarest), or a mechanism (`erclab.analysis.mechanisms`). Where the task of a
corpus decides, the score and the smallest effect are written by task. The part is a part of the test split, such as
"ambiguous"; "" is the whole. A term without arm is a number.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from erclab.core.errors import UsageError, unknown

FILE = "claims.json"
RULES = ("SUP", "DID", "MECH", "NI", "RATIO", "RANK", "INFL", "POWER", "EXACT", "-")
CORE = 1  # the tier of confirmatory claims; 2 is exploratory, 3 is not testable


@dataclass(frozen=True)
class Term:
    """A factor times a score of an arm; a number where the arm is ""."""

    factor: float
    arm: str
    score: str | Mapping[str, str]
    part: str = ""

    def scored_by(self, task: str) -> str:
        """The score for a task of a corpus."""
        return self.score if isinstance(self.score, str) else self.score.get(task, "")


@dataclass(frozen=True)
class Contrast:
    """A sum of terms, and the smallest effect that matters, in its unit (a share: 0.01 is a point)."""

    name: str
    matters: float | Mapping[str, float]
    terms: tuple[Term, ...]

    def matters_for(self, task: str) -> float:
        """The smallest effect for a task of a corpus."""
        return self.matters[task] if isinstance(self.matters, Mapping) else self.matters


def arms_of(contrasts: Iterable[Contrast]) -> tuple[str, ...]:
    """The arms of contrasts, each once; a mechanism of two arms names the second one as its part."""
    return tuple(dict.fromkeys(a for c in contrasts for t in c.terms for a in (
        t.arm, t.part if t.score == "mended" else "") if a))


@dataclass(frozen=True)
class Claim:
    """A claim of a paper and the rule that judges it.

    Attributes:
        id: paper and number, such as "S-c3"; "X" for claims about all papers.
        version: of the rule, from 1.
        paper: the model of the paper, "" for all.
        where: in the paper.
        tier: 1 core, 2 exploratory (the paper gives no number), 3 not testable here.
        exhibits: that show it.
        rule: a key of `Book.rules`.
        corpora: on which it can be tested; "printed" for arithmetic of printed numbers.
        known: what an oracle or arithmetic says beforehand.
        printed, runs: the paper's numbers, and of how many runs.
        limits: what is not as in the paper, or why the claim cannot be tested.
        fewer_parameters: the claim also says that the first arm is smaller.
    """

    id: str
    version: int
    paper: str
    where: str
    claim: str
    tier: int
    exhibits: tuple[str, ...]
    rule: str
    corpora: tuple[str, ...]
    contrasts: tuple[Contrast, ...]
    known: str = ""
    printed: str = ""
    runs: str = ""
    limits: str = ""
    fewer_parameters: bool = False

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms of all contrasts, each once."""
        return arms_of(self.contrasts)


@dataclass(frozen=True)
class Book:
    """All claims, the arms that they compare, the rules and the protocol.

    Attributes:
        beside: corpus -> the models and baselines that its table of scores shows, also where no claim compares them.
    """

    claims: tuple[Claim, ...]
    arms: Mapping[str, Mapping[str, Any]]
    rules: Mapping[str, str]
    protocol: Mapping[str, Any]
    rehearsal: Mapping[str, Any]
    sha256: str
    beside: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def find(self, id: str) -> Claim:
        """A claim by its id.

        Raises:
            UsageError: there is no such claim.
        """
        found = {c.id.casefold(): c for c in self.claims}.get(id.casefold())
        if found is None:
            raise unknown("claim", id, [c.id for c in self.claims])
        return found

    def digest(self, claim: Claim) -> str:
        """16 hex digits of what decides the verdict of a claim: its contrasts and corpora, the text of its rule, its
        arms and the protocol. The words about the claim do not count."""
        decides = {"id": claim.id, "version": claim.version, "rule": self.rules[claim.rule], "corpora": claim.corpora,
                   "contrasts": [asdict(c) for c in claim.contrasts], "arms": {a: self.arms[a] for a in claim.arms},
                   "protocol": self.protocol, "fewer_parameters": claim.fewer_parameters}
        return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]


@cache
def book() -> Book:
    """The claims of this version of erclab."""
    return read(resources.files(__package__).joinpath(FILE).read_bytes())


def read(content: bytes) -> Book:
    """The claims of a file.

    Raises:
        UsageError: it is not a file of claims, or a claim names an arm or a rule that it lacks.
    """
    try:
        data = json.loads(content.decode("utf-8"))
        claims = tuple(_claim(row) for row in data["claims"])
        made = Book(claims, data["arms"], data["rules"], data["protocol"], data["rehearsal"],
                    hashlib.sha256(content).hexdigest(), data.get("beside", {}))
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"not a file of claims ({type(error).__name__}: {error})", where=FILE,
                         remedy="Restore the file.") from None
    for claim in claims:
        if claim.rule not in made.rules:
            raise unknown(f"rule of claim {claim.id}", claim.rule, made.rules)
        for arm in claim.arms:
            if arm not in made.arms:
                raise unknown(f"arm of claim {claim.id}", arm, made.arms)
    for name, arms in made.beside.items():
        for arm in arms:
            if arm not in made.arms:
                raise unknown(f"arm beside the claims on {name}", arm, made.arms)
    if len({c.id for c in claims}) < len(claims):
        raise UsageError("two claims have one id", where=FILE, remedy="Give each claim its own id.")
    return made


def _claim(row: Mapping[str, Any]) -> Claim:
    contrasts = tuple(Contrast(c["name"], c["matters"], tuple(Term(*term) for term in c["terms"]))
                      for c in row["contrasts"])
    return Claim(**{**row, "contrasts": contrasts, "exhibits": tuple(row["exhibits"]),
                    "corpora": tuple(row["corpora"])})
