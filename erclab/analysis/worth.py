"""What the conversation is worth to a model (O14), and what it is worth to tell who speaks (O16).

Each model is trained and tested on the corpus and on changed copies of it (`erclab.corpora.interventions`), and scored
on the same utterances of the same dialogues; on a simulated corpus these are fresh ones (`tested_on`). Differences are
paired by seed and test dialogue, with 95 % intervals over both (`erclab.analysis.statistics`). Everything is computed
from kept runs (`erclab.analysis.kept`), whose groups are named "MODEL | what it is given". The intervals explore: they
are not corrected for their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy import optimize

from erclab.analysis import inertia
from erclab.analysis.ablation import ARCHITECTURE, smallest
from erclab.analysis.ceilings import CONTEXTS, HEARD, hearing
from erclab.analysis.context import kinds
from erclab.analysis.kept import Groups, KeptRun
from erclab.analysis.statistics import Estimate, Sampled, summarise, verdict
from erclab.analysis.tallies import ALL, sampled
from erclab.core.errors import UsageError
from erclab.corpora import Corpus, simulated
from erclab.corpora.interventions import SINGLE, TRUE, WHOLE
from erclab.corpora.simulated.world import KINDS, Settings, World

SCORE = "weighted_f1"
ORACLE = "Oracle of the vectors"
TEXT = ", text"  # ends the name of a model that reads the text alone
FRESH = 500  # dialogues
LARGEST = 10.0  # how far from a share the ends of its interval are looked for
LABEL = {inertia.TAUGHT_TRUE: "only the last label, predicted (gain of the probe)",
         inertia.KNOWN: "only the last label, true (gain of the probe)"}


def split_name(name: str) -> tuple[str, str]:
    """The model of a group, and what it is given."""
    model, _, given = name.partition(" | ")
    return model, given


def scores_of(groups: Groups, corpus: Corpus | None, metric: str = SCORE, part: str = ALL) -> dict[str, Sampled]:
    """Name of each group -> its score.

    Args:
        corpus: not needed where the groups have sums instead of predictions.
        part: a kind of words (`context.kinds`), or all.

    Raises:
        UsageError: predictions without the corpus.
    """
    parts = None if part == ALL or corpus is None else {part: kinds(corpus) == part}
    return {name: sampled([run.tally(corpus, parts=parts) for run in runs], metric, part) for name, runs in
            groups.items()}


def tested_on(corpus: Corpus) -> Corpus:
    """The corpus whose test split the kept runs predict: `FRESH` dialogues of the same world of a simulated corpus, as
    its own test split tells little, else the corpus itself."""
    world = simulated.world_behind(corpus)
    return corpus if world is None else fresh_of(world.settings)


@lru_cache(maxsize=2)
def fresh_of(settings: Settings) -> Corpus:
    """`FRESH` dialogues of a simulated world."""
    return simulated.fresh(World(settings), FRESH)


def runs_of_oracle(corpus: Corpus, modalities: Sequence[str] | None = None) -> dict[str, list[KeptRun]]:
    """The oracle of the vectors as runs without a seed, for each of `ceilings.HEARD`; none where it is not known.

    Args:
        corpus: the tested one.
        modalities: all by default; of the text alone, the name of the oracle ends as that of the models.
    """
    if (world := simulated.world_behind(corpus)) is None:
        return {}
    reader = ORACLE + (TEXT if modalities else "")
    return {name: [KeptRun(f"{corpus.name}, {name}", 0, corpus.task("emotion"), True, (SCORE, 1), {"sound": 0},
                           np.zeros(0), np.zeros(0),
                           {"sound": hearing(corpus, world, rule, modalities).argmax(1)})]
            for given, rule in HEARD.items() for name in [f"{reader} | {given}"]}


def gains_of_context(groups: Groups, corpus: Corpus | None = None) -> pd.DataFrame:
    """O14: a row per model and what it is given.

    Columns: `weighted F1` in percent, mean ± deviation over `seeds`; `gain` over the same model on single utterances,
    in points, with `low` and `high` of its 95 % interval, and `verdict`, where a point matters; `share` of the gain
    from the whole dialogue, in percent, with its interval, where that gain is above zero beyond its interval. Under
    each model the gain that a linear probe has from the last label alone, as a share of the model's gain.
    """
    scores = {split_name(name): found for name, found in scores_of(groups, corpus).items()}
    probe, label = split_name(inertia.PROBE), {split_name(name): title for name, title in LABEL.items()}
    rows = {}
    for model in dict.fromkeys(name for name, _ in scores):
        single, whole = scores.get((model, SINGLE)), scores.get((model, WHOLE))
        worth = whole - single if whole and single else None
        for (name, given), found in scores.items():
            if name == model:
                gain = found - single if single and given != SINGLE else None
                rows[model, given] = _row(found, gain, None if given == WHOLE else worth)
        for name, title in label.items() if worth is not None and probe in scores and model != ORACLE else ():
            rows[model, title] = _row(scores[name], scores[name] - scores[probe], worth)
    return pd.DataFrame(rows).T.rename_axis(["model", "given"])


def _row(score: Sampled, gain: Sampled | None, worth: Sampled | None) -> dict[str, float | str]:
    row: dict[str, float | str] = {"weighted F1": str(summarise(score.seeds)),
                                   "seeds": "none" if score.fixed else len(score.seeds)}
    if gain is None:
        return row
    found = gain.estimate()
    row |= _with_interval("gain", found) | {"verdict": verdict(found, smallest(SCORE, ARCHITECTURE))}
    if worth is not None and worth.estimate().interval()[0] > 0:
        for column, x in zip(("share", "share low", "share high"), _ratio(gain, worth), strict=True):
            row[column] = round(100 * x) if np.isfinite(x) else x
    return row


def _with_interval(name: str, found: Estimate) -> dict[str, float]:
    low, high = found.interval()
    return {name: round(100 * found.value, 1), "low": round(100 * low, 1), "high": round(100 * high, 1)}


def _ratio(gain: Sampled, worth: Sampled) -> tuple[float, float, float]:
    """The ratio of two means with its 95 % interval by Fieller's way: the ratios r for which gain - r worth is not told
    from zero; an end that is too far away is infinite. (The ratio of each draw would divide by a gain near zero.)"""
    value = gain.estimate().value / worth.estimate().value
    ends = []
    for which, far in ((0, value - LARGEST), (1, value + LARGEST)):
        def end(r: float, which: int = which) -> float:
            return (gain - worth * r).estimate().interval()[which]
        if abs(end(value)) < 1e-12:  # the two differ by a factor alone
            ends.append(value)
        else:
            ends.append(optimize.brentq(end, value, far, xtol=1e-3) if end(value) * end(far) < 0 else far * np.inf)
    return value, ends[0], ends[1]


def losses_of_speakers(groups: Groups, corpus: Corpus | None = None) -> pd.DataFrame:
    """O16: a row per model and what it is told of the speakers.

    Columns: `weighted F1` in percent, mean ± deviation over `seeds`; the `difference` from the model with the true
    speakers, in points, with `low` and `high` of its 95 % interval, and `verdict`, where a point matters.
    """
    scores, rows = {split_name(name): found for name, found in scores_of(groups, corpus).items()}, {}
    for (model, told), found in scores.items():
        row: dict[str, float | str] = {"weighted F1": str(summarise(found.seeds)), "seeds": len(found.seeds)}
        if told != TRUE:
            lost = (found - scores[model, TRUE]).estimate()
            row |= _with_interval("difference", lost) | {"verdict": verdict(lost, smallest(SCORE, ARCHITECTURE))}
        rows[model, told] = row
    order = list(dict.fromkeys(model for model, _ in rows))
    made = pd.DataFrame({key: rows[key] for key in sorted(rows, key=lambda key: order.index(key[0]))})
    return made.T.rename_axis(["model", "speakers"])


def gains_of_kinds(groups: Groups, corpus: Corpus | None) -> pd.DataFrame:
    """What models that read the text alone gain from the whole dialogue, by the kind of words, beside the oracle of the
    vectors.

    Columns: accuracy in percent on single utterances (`alone`) and `with context`; `gain` in points with `low` and
    `high` of its 95 % interval; `behind`, how much more the oracle gains that hears the whole dialogue, with
    `behind low` and `behind high`; `utterances`. The oracle has rows for what was said before, too.

    Raises:
        UsageError: the kind of words is not known, or no model read the text alone.
    """
    if corpus is None or "text_kind" not in corpus.table or f"{ORACLE}{TEXT} | {WHOLE}" not in groups:
        raise UsageError("the kind of words is not known, or no reader of the text alone was kept",
                         remedy="Take a simulated corpus: python tools/protocol.py words.")
    kind, rows = kinds(corpus), {}
    for part in KINDS:
        found = {split_name(name): x for name, x in scores_of(groups, corpus, "accuracy", part).items()}
        best = found[ORACLE + TEXT, WHOLE] - found[ORACLE + TEXT, SINGLE]
        for (model, given), seen in found.items():
            if given not in (WHOLE, CONTEXTS["causal"]):
                continue
            alone = found[model, SINGLE]
            row = {"alone": round(100 * alone.seeds.mean(), 1), "with context": round(100 * seen.seeds.mean(), 1),
                   **_with_interval("gain", (seen - alone).estimate())}
            if model != ORACLE + TEXT:
                row |= {f"behind{end}": x for end, x in zip(("", " low", " high"), _with_interval(
                    "behind", (best - (seen - alone)).estimate()).values(), strict=True)}
            rows[model, given, part] = row | {"utterances": int((kind == part).sum())}
    return pd.DataFrame(rows).T.astype({"utterances": int}).rename_axis(["model", "given", "words"])


def gains_of_oracle(table: pd.DataFrame) -> dict[str, float]:
    """What the oracle gains by what it is given, from `gains_of_context`; empty where it is not known."""
    if ORACLE not in table.index.get_level_values("model"):
        return {}
    return table.loc[ORACLE, "gain"].dropna().astype(float).to_dict()
