"""Verdicts without seeds (arithmetic and contracts), inflation by the choice of the epoch, and printed gaps beside what
a test split can resolve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from erclab import published
from erclab.analysis import audit, power
from erclab.analysis.statistics import Estimate, Sampled, undrawn
from erclab.claims.evidence import Shelf
from erclab.claims.quantities import Missing, score_of
from erclab.claims.verdicts import CONTRADICTED, EXACT, SMALLER, SUPPORTED, TO_TRAIN, UNDECIDED, Effect, Verdict
from erclab.core.errors import UsageError
from erclab.published.claims import Claim, Contrast

# Corpus -> the papers' corpus whose ablations are looked at, its test dialogues, and those of the paper.
PRINTED = {"simulated": ("iemocap", 31), "simulated-iemocap": ("iemocap", 31), "iemocap-text-audio": ("iemocap", 31),
           "simulated-lesson": ("iemocap", 31), "simulated-meld": ("meld", 280), "meld": ("meld", 280)}
RUNS = {"dialoguetrm": 5}  # runs that a paper averages; without a word about it, one
GAP_SCORE = "weighted_f1"
ABLATIONS, MORE_ABLATIONS = ("D4", "D6", "M5"), ("H8", "L2")  # exhibits with ablations: in that score, in other F1
F1, OTHER = (GAP_SCORE, "f1_non0"), ", other F1"
KINDS = ("ablation", "ablation" + OTHER, "better than", "better than" + OTHER)  # of printed gaps


def exact_claim(open_one: Verdict, claim: Claim, shelf: Shelf) -> Verdict:
    """An exact claim: by arithmetic of printed numbers, or by a contract that a run keeps or breaks."""
    if claim.corpora == ("printed",):
        holds, effects, text = audit.exact(claim.id)
        return replace(open_one, verdict=EXACT if holds else CONTRADICTED, detail=text, records=tuple(effects))
    found = [e for c in claim.contrasts for t in c.terms for e in shelf.arm(t.arm)]
    score = claim.contrasts[0].terms[0].scored_by("emotion") if claim.contrasts else ""
    sums = [e.arrays[score] for e in found if score in e.arrays]
    if not sums:
        return replace(open_one, verdict=TO_TRAIN, detail="the contract has not been tried on a trained run")
    changed, count = sum(float(x[:, 0].sum()) for x in sums), sum(float(x[:, 1].sum()) for x in sums)
    text = f"{changed:.0f} of {count:.0f} predictions of {len(sums)} runs change with the batch"
    return replace(open_one, verdict=EXACT if changed == 0 else CONTRADICTED, detail=text, seeds=len(sums),
                   dialogues=len(sums[0]), records=tuple(e.id for e in found))


def inflation(shelf: Shelf, contrast: Contrast, seeds: Sequence[int]) -> Sampled:
    """The test score of the best test epoch minus that of the epoch chosen on validation, of one training.

    On a simulated corpus each run has test dialogues of its own, so that the deviation over seeds holds both sources.

    Raises:
        Missing: the runs have no such score or no epochs.
    """
    term = contrast.terms[0]
    found = [e for e in shelf.arm(term.arm) if e.seed in seeds]
    score = term.scored_by(found[0].target.like)
    if not score or not found[0].has_epochs:
        raise Missing(f"{term.arm} has no epochs or no score for the task {found[0].target.name}")
    if shelf.split is None:
        published, sound = (score_of([e.by_protocol(name) for e in found], score) for name in ("published", "sound"))
        return published - sound
    gaps = np.array([e.about["protocols"]["published"]["test"][score] - e.about["protocols"]["sound"]["test"][score]
                     for e in found])
    return undrawn(gaps, found[0].tally.dialogues)


def ablation_gaps(corpus: str) -> list[tuple[str, str, float]]:
    """(paper, what, gap) for each row of the papers' ablations on a corpus: how far it is below the best row of its
    table, in weighted F1 as a share."""
    cells, found = published.cells(), []
    own = cells[(cells["name"] == cells["paper"]) & (cells["corpus"] == corpus) & (cells["metric"] == GAP_SCORE)
                & cells["exhibit"].isin(ABLATIONS)]
    for (paper, exhibit), rows in own.groupby(["paper", "exhibit"], sort=False):
        values = rows.drop_duplicates(["setting"])
        best = values["value"].max()
        found += [(str(paper), f"{exhibit}, {r.setting}", float(best - r.value) / 100) for r in values.itertuples()
                  if r.value < best]
    return found


def all_printed_gaps() -> pd.DataFrame:
    """Every printed gap in an F1 score: in the papers' ablations, how far a row is below the best row of its table; in
    comparisons that a paper's own model wins, how far it is above the best other model.

    Columns: `paper`, `exhibit`, `corpus`, `setting`, `metric`, `kind` ("ablation" or "better than", of weighted F1 over
    all classes; those of one class against the rest or of the sign of a sentiment end with ", other F1"), and `gap` in
    points.
    """
    cells, rows = published.cells(), []
    some = cells[cells["metric"].isin(F1) | cells["metric"].str.endswith((".f1", ".weighted_f1"))]
    for (paper, exhibit, corpus, metric), group in some[some["value"].notna()].groupby(
            ["paper", "exhibit", "corpus", "metric"], sort=False):
        own, other = (group[group["name"].eq(paper) == mine].drop_duplicates(["setting", "model"])
                      for mine in (True, False))
        kind = "ablation" if exhibit in (*ABLATIONS, *MORE_ABLATIONS) else "better than"
        for row in own.itertuples():
            if kind == "ablation":
                gap = own["value"].max() - row.value
            else:  # a setting such as "word aligned" divides a table; without one all others count
                against = other[other["setting"] == row.setting] if row.setting else other
                gap = row.value - against["value"].max()
            if gap > 0:  # NaN without another model
                rows.append({"paper": paper, "exhibit": exhibit, "corpus": corpus, "setting": row.setting,
                             "metric": metric, "kind": kind + ("" if metric == GAP_SCORE else OTHER),
                             "gap": round(float(gap), 2)})
    return pd.DataFrame(rows).sort_values("kind", key=lambda kind: kind.map(KINDS.index), kind="stable",
                                          ignore_index=True)


def _runs_needed(gap: Effect, runs: int, dialogues: int) -> str:
    """What would have resolved a printed gap, in words: runs of each row, or else test dialogues."""
    found = power.both_needed(gap.value, gap.deviation, gap.among_dialogues, runs, dialogues)
    if found is None:
        return "more than 10,000 runs of each row"
    return f"{found[0]} runs of each row" + ("" if found[1] == dialogues else f" on {found[1]:,} test dialogues")


def gaps_beside(open_one: Verdict, components: Sequence[Estimate]) -> Verdict:
    """What the papers' number of runs and test split can resolve, beside the gaps that they print.

    The components are the medians over contrasts of one model with and without a part, measured here; the error over
    dialogues is scaled to the number of the paper's test dialogues. Of a single run the deviation is taken as known.
    """
    if open_one.corpus not in PRINTED:
        return replace(open_one, verdict=UNDECIDED, detail="the papers print no ablation on a corpus like this one")
    if not components:
        return replace(open_one, verdict=TO_TRAIN, detail="no contrast of one model in two settings has runs")
    printed, dialogues = PRINTED[open_one.corpus]
    deviation = float(np.median([e.deviation for e in components]))
    among = float(np.median([e.among_dialogues * (e.dialogues / dialogues) ** 0.5 for e in components]))
    gaps = ablation_gaps(printed)
    if not gaps:
        raise UsageError(f"no printed ablation on {printed}")
    effects = []
    for paper, what, gap in gaps:
        runs = RUNS.get(paper, 1)
        if runs > 1:
            least = power.resolvable(deviation, among, runs, dialogues)
        else:
            least = 2.8 * (deviation**2 + among**2) ** 0.5  # 1.96 + 0.84: two-sided 5 %, power 0.8
        name = f"{paper}, {what}, {runs} run{'s' * (runs > 1)}"
        effects.append(Effect(name, gap, gap, gap, gap, deviation, among, least, GAP_SCORE, float("nan"), float("nan"),
                                SUPPORTED if gap > least else SMALLER))
    below = sum(f.verdict == SMALLER for f in effects)
    verdict = SUPPORTED if below == 0 else SMALLER if 2 * below >= len(effects) else UNDECIDED
    if verdict == UNDECIDED:
        effects = [replace(f, needed=_runs_needed(f, RUNS.get(paper, 1), dialogues)) if f.verdict == SMALLER else f
                   for f, (paper, *_) in zip(effects, gaps, strict=True)]
    return replace(open_one, verdict=verdict, effects=tuple(effects), seeds=components[0].seeds, dialogues=dialogues,
                   detail=f"{below} of {len(effects)} printed gaps are below what {dialogues} test dialogues resolve")
