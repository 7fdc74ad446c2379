"""Findings in Ma et al. 2023 (SDT), of which a summary was at hand."""

from __future__ import annotations

from erclab.analysis.audit.finding import Finding
from erclab.analysis.audit.printed import cells_by_row
from erclab.analysis.audit.rounding import numerators, unit
from erclab.published.corpora import class_counts

PAPER = "sdt"
RUNS = (1, 5, 10)
CORPORA = {"iemocap": "iemocap-6", "meld": "meld"}


def runs_of_accuracies() -> Finding:
    """Of how many runs the two accuracies can be means."""
    found, text, n = {}, {}, {}
    for corpus, counts in CORPORA.items():
        n[corpus] = sum(class_counts(counts).values())
        text[corpus] = cells_by_row(PAPER, "headline", corpus)["SDT"]["accuracy"]
        found[corpus] = {runs: [*numerators(text[corpus], n[corpus], runs)] for runs in RUNS}
    single, means = found["meld"][1], {r: k for r, k in found["iemocap"].items() if k}
    chance = float(unit(text["meld"]) * n["meld"] / 100)
    some = max(means)
    return Finding(
        "S-runs", (PAPER,), "headline results",
        f"{text['iemocap']} % of {n['iemocap']:,} utterances is no share of a single run; as a mean of "
        f"{' or '.join(map(str, means))} runs it is ({means[some][0]:,} of {some * n['iemocap']:,}). {text['meld']} % "
        f"of {n['meld']:,} is {single[0]:,} in a single run.",
        f"Two protocols, or chance: a mean of several runs is also a share of a single run in about one case of "
        f"{1 / chance:.0f}.", "", {"numerators": found, "chance": round(chance, 2)})


FINDINGS = (runs_of_accuracies,)
