"""A verdict on a claim, with what was measured and the runs that it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

SUPPORTED, REVERSED, SMALLER = "supported", "contradicted: reversed", "contradicted: smaller than matters"
CONTRADICTED, UNDECIDED, EXACT, NOT_HERE = "contradicted", "undecided", "exact", "not testable here"
REFUSED, TO_TRAIN = "refused: the rule is newer than its runs", "to train"


@dataclass(frozen=True)
class Effect:
    """A contrast as it was measured. `value`, `low` and `high` are in the unit of the score (a share: 0.01 is a
    point), `among_dialogues` and `deviation` are the components of the error.

    Attributes:
        at_most: the upper end of the interval that is corrected for the number of contrasts of the claim; a contrast
            contradicts by this end.
        matters: the smallest effect that matters.
        score: of the first term.
        confidence: of the interval, widened by Holm's correction.
        p: two-sided, not corrected.
        above: P(A > B) over pairs of seeds with its interval; None where the contrast is not A minus B.
        verdict: of this contrast.
        needed: how many seeds or dialogues would decide, in words; "" where the contrast is decided.
    """

    name: str
    value: float
    low: float
    high: float
    at_most: float
    deviation: float
    among_dialogues: float
    matters: float
    score: str
    confidence: float
    p: float
    verdict: str
    above: tuple[float, float, float] | None = None
    needed: str = ""


@dataclass(frozen=True)
class Verdict:
    """The verdict on a claim on one corpus.

    Attributes:
        claim, version, corpus: of which claim, by which version of its rule, where.
        verdict: one of the names above.
        effects: of each contrast.
        seeds, dialogues: S and D.
        records: the ids of the runs.
        codes: "MODEL DIGEST" of the code that made the runs, each once.
        rules: sha256 of the claims file of today; `digest` of the claim.
        p: two-sided, of the claim (`judge.p_of`).
        corrected: p by Holm within the claims of the paper on the corpus; NaN where that does not apply.
        q: by Benjamini and Hochberg over the ledger; NaN where there is no p.
        detail: in words, where a rule needs them.
    """

    claim: str
    version: int
    corpus: str
    verdict: str
    effects: tuple[Effect, ...] = ()
    seeds: int = 0
    dialogues: int = 0
    records: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    rules: str = ""
    digest: str = ""
    p: float = float("nan")
    corrected: float = float("nan")
    q: float = float("nan")
    detail: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON; numbers with six significant digits, NaN as null."""
        return _plain(asdict(self))


def _plain(x: Any) -> Any:
    if isinstance(x, dict):
        return {key: _plain(value) for key, value in x.items()}
    if isinstance(x, list | tuple):
        return [_plain(value) for value in x]
    if isinstance(x, float):
        return None if np.isnan(x) else float(f"{x:.6g}")
    return x


def verdict_from(values: Mapping[str, Any]) -> Verdict:
    """The verdict that `Verdict.as_dict` described."""
    def number(x: Any) -> float:
        return float("nan") if x is None else x

    numbers = ("value", "low", "high", "at_most", "deviation", "among_dialogues", "confidence", "p")
    effects = tuple(Effect(**{**f, **{k: number(f[k]) for k in numbers},
                              "above": tuple(map(number, f["above"])) if f["above"] else None})
                    for f in values["effects"])
    return Verdict(**{**values, "effects": effects, **{k: tuple(values.get(k, ())) for k in ("records", "codes")},
                      **{k: number(values[k]) for k in ("p", "corrected", "q")}})
