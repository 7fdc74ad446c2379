"""Inflation (O3): how much higher a test score is when the test split chooses the epoch, or the run.

Many released codes report the best test epoch, and many tables the best of several runs. Each choice adds the noise of
the test split to the score. Two protocols of one training are compared:

    sound       the epoch with the best validation score
    published   the epoch with the best test score

Inflation is the test score of `published` minus that of `sound`; it is never negative. `by_epochs` is the inflation had
the training ended earlier, `by_runs` that of the best of R runs. Training labels that were shuffled (`shuffled`) leave
nothing to learn: what is left there is the choice alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import comb
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize

from erclab.analysis import tallies
from erclab.analysis.kept import Groups, KeptRun
from erclab.analysis.statistics import Estimate
from erclab.core import metrics
from erclab.core.errors import UsageError
from erclab.corpora import Corpus

SHUFFLED = "-shuffled"  # ends the name of a corpus with shuffled training labels
EPOCHS = (5, 10, 20, 50, 100)  # prefixes of the curve that the table shows
MOST = 5  # runs of which the best is reported
MATTERS = 0.003  # 0.3 points: the smallest inflation that matters (claims X-c2 and L-c11)
FEWEST = 10  # seeds that the rule of these claims demands


def shuffled(corpus: Corpus, seed: int = 0) -> Corpus:
    """The corpus with the labels of its training split permuted; validation and test labels stay.

    All annotations of an utterance move together. The name of the corpus ends with `SHUFFLED`, and no world is behind
    the new corpus any more.
    """
    rows, order = corpus.rows("train"), np.arange(len(corpus))
    order[rows] = np.random.default_rng(seed).permutation(rows)
    return replace(corpus, name=corpus.name + SHUFFLED, source="",
                   table=corpus.table.assign(label=corpus.table["label"].to_numpy()[order]),
                   annotations={task: values[order] for task, values in corpus.annotations.items()})


def by_epochs(runs: Sequence[KeptRun]) -> np.ndarray:
    """(S, E) the inflation of each run if only the first 1, 2, ..., E epochs had been tried.

    Runs that stopped early count as trained to the end of the longest run, without a better epoch.

    Raises:
        UsageError: no run has a curve with scores of both splits.
    """
    valid, test = _curves(runs)
    best = np.maximum.accumulate(test, 1)
    chosen = np.stack([np.take_along_axis(test, valid[:, :e + 1].argmax(1)[:, None], 1)[:, 0]
                       for e in range(test.shape[1])], 1)
    return np.subtract(best, chosen, out=np.zeros_like(best), where=np.isfinite(best))  # 0 before the first score


def _curves(runs: Sequence[KeptRun]) -> tuple[np.ndarray, np.ndarray]:
    """(S, E) validation and test scores, more is better; -inf where a score is not defined or the run had stopped."""
    E = max((len(run.test) for run in runs), default=0)
    if not E or any(len(run.valid) != len(run.test) for run in runs):
        raise UsageError("there are no scores of both splits after each epoch",
                         remedy="Train the runs again: records of this version have them.")
    found = []
    for split in ("valid", "test"):
        values = np.full((len(runs), E), -np.inf)
        for i, run in enumerate(runs):
            values[i, :len(run.test)] = np.nan_to_num(run.metric[1] * getattr(run, split), nan=-np.inf)
        found.append(values)
    return found[0], found[1]


def whole_inflation(runs: Sequence[KeptRun], corpus: Corpus | None = None) -> Estimate:
    """The inflation of whole trainings, over seeds and dialogues where the predictions of both protocols were kept,
    else over seeds alone (`Estimate.dialogues` is then 0).

    Other draws of dialogues keep the chosen epochs, as only their predictions are kept. The interval is then wider than
    needed: a maximum over epochs varies less than the score of one epoch. In simulations in which every draw chooses
    anew it covered the truth in 99 of 100 cases (`tests/analysis/test_inflation.py`), so the verdicts are cautious.
    """
    if all({"sound", "published"} <= (run.scored if corpus else {*run.sums}) for run in runs):
        metric, sign = runs[0].metric
        published, sound = (tallies.sampled([run.tally(corpus, protocol) for run in runs], metric)
                            for protocol in ("published", "sound"))
        return ((published - sound) * float(sign)).estimate()
    return jackknifed(lambda some: by_epochs([runs[i] for i in some])[:, -1].mean(), len(runs))


def jackknifed(statistic: Callable[[Sequence[int]], float], seeds: int) -> Estimate:
    """A statistic of the runs with its error over seeds by the jackknife (for a mean this is the deviation over the
    square root of the number of seeds). `dialogues` is 0: the test split stays as it is.

    Args:
        statistic: of the numbers of some runs, with repetition of none.
        seeds: S.
    """
    every = list(range(seeds))
    value = float(statistic(every))
    if seeds < 2:
        return Estimate(value, float("nan"), 0.0, seeds, 0)
    without = np.array([statistic(every[:i] + every[i + 1:]) for i in every])
    error = ((seeds - 1) / seeds * ((without - without.mean()) ** 2).sum()) ** 0.5
    return Estimate(value, float(error) * seeds**0.5, 0.0, seeds, 0)


def expected_best(values: Sequence[float], runs: int, by: Sequence[float] | None = None) -> float:
    """What is reported on average if a subset of R runs is drawn and the best one is reported: exact over all subsets.

    Args:
        values: (S,) a score of each run.
        runs: R, at most S.
        by: (S,) what decides which run is best; by default the values themselves. Equal ones count as drawn by lot.

    Raises:
        UsageError: there are fewer than R runs.
    """
    x, key = np.asarray(values, dtype=float), np.asarray(values if by is None else by, dtype=float)
    S = len(x)
    if not 1 <= runs <= S:
        raise UsageError(f"there are {S} runs, {runs} cannot be drawn from them")
    order = np.argsort(key, kind="stable")
    fair = pd.Series(x).groupby(key).transform("mean").to_numpy()[order]  # by lot among equals
    weights = np.array([comb(i, runs - 1) for i in range(S)]) / comb(S, runs)  # that rank i is the best of a subset
    return float(weights @ fair)


def by_runs(runs: Sequence[KeptRun], most: int = MOST) -> dict[str, list[Estimate]]:
    """How much higher the best of 1, 2, ..., R runs is than the mean of validation-chosen epochs, over seeds.

    Keys: "test", where the test split chooses epoch and run; "validation", where the validation split chooses both,
    which is no inflation: it is what more runs really give. At most S - 1 runs, so that each subset can lack a seed.
    """
    valid, test = _curves(runs)
    at = valid.argmax(1)
    sound, judge, best = test[np.arange(len(at)), at], valid.max(1), test.max(1)
    found: dict[str, list[Estimate]] = {"test": [], "validation": []}
    for R in range(1, max(2, min(most + 1, len(runs)))):
        found["test"].append(jackknifed(lambda i, R=R: expected_best(best[i], R) - sound[i].mean(), len(runs)))
        found["validation"].append(
            jackknifed(lambda i, R=R: expected_best(sound[i], R, judge[i]) - sound[i].mean(), len(runs)))
    return found


def judged(found: Estimate, matters: float = MATTERS) -> str:
    """The rule of X-c2 and L-c11 ("the choice does not matter") in words."""
    low, high = found.interval()
    if found.seeds < FEWEST:
        return f"fewer than {FEWEST} seeds"
    return "matters" if low > matters else "does not matter" if high < matters else "undecided"


def by_choice(groups: Groups, corpus: Corpus | None = None, epochs: Sequence[int] = EPOCHS) -> pd.DataFrame:
    """O3: one row per group, and per number of epochs and of runs that were tried.

    Columns: `epochs`, `runs`; `score`, the mean of the validation-chosen epochs; `inflation` and `low`, `high` of its
    95 % interval; `over`, what the interval is over; `seeds`; `verdict` (`judged`, of whole trainings). Shares are in
    percent and points. Rows with several runs say what the best of them on the test split adds.
    """
    rows = []
    for name, runs in groups.items():
        prefixes, (metric, sign) = by_epochs(runs), runs[0].metric
        E, scale = prefixes.shape[1], metrics.scale(metric)
        valid, test = _curves(runs)
        found = [(e, 1, jackknifed(lambda i, x=prefixes[:, e - 1]: x[i].mean(), len(runs))) for e in epochs if e < E]
        found += [(E, 1, whole_inflation(runs, corpus))]
        found += [(E, R, one) for R, one in enumerate(by_runs(runs)["test"], 1) if R > 1]
        for e, R, one in found:
            chosen = np.take_along_axis(test, valid[:, :e].argmax(1)[:, None], 1)
            low, high = one.interval()
            rows.append({"": name, "epochs": e, "runs": R, "score": scale * sign * float(chosen.mean()),
                         "inflation": scale * one.value, "low": scale * low, "high": scale * high,
                         "over": "seeds and dialogues" if one.dialogues else "seeds", "seeds": len(runs),
                         "verdict": judged(one) if (e, R) == (E, 1) else ""})
    return pd.DataFrame(rows).set_index("").round(2 if all(r[0].metric[0] != "mae" for r in groups.values()) else 3)


@dataclass(frozen=True)
class Law:
    """How inflation grows with the epochs e and the runs R that were tried, fitted by least squares; 0 for one epoch of
    one run.

    Attributes:
        form: a key of `FORMS`.
        epochs, runs: the weights of log e and of log R, in the score's unit (squared for "root").
        error: the root mean square of the residuals, in the score's unit.
    """

    form: str
    epochs: float
    runs: float
    error: float

    def at(self, e: float, R: float = 1) -> float:
        """The inflation by e epochs and R runs."""
        return float(FORMS[self.form](self.epochs * np.log(e) + self.runs * np.log(R)))


# "log": each doubling adds the same. "root": the largest of n independent scores with normal noise of deviation s is
# about s sqrt(2 log n) above their mean, here with n = e^a R^b as the effective number.
FORMS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"log": lambda x: x, "root": lambda x: np.sqrt(np.maximum(x, 0))}


def grid_of(runs: Sequence[KeptRun], epochs: Sequence[int] = EPOCHS, most: int = MOST) -> pd.DataFrame:
    """Columns `epochs`, `runs` and `inflation`: how much higher the best of R runs with the best of their first e
    epochs is, both chosen on the test split, than the mean of runs whose validation split chose among these epochs."""
    valid, test = _curves(runs)
    rows = []
    for e in (e for e in epochs if e <= test.shape[1]):
        sound = np.take_along_axis(test, valid[:, :e].argmax(1)[:, None], 1).mean()
        best = test[:, :e].max(1)
        rows += [(e, R, expected_best(best, R) - sound) for R in range(1, min(most, len(runs)) + 1)]
    return pd.DataFrame(rows, columns=["epochs", "runs", "inflation"])


def fitted_law(grid: pd.DataFrame, form: str) -> Law:
    """The law of a form that fits a grid best.

    Args:
        grid: of `grid_of`, with two numbers of epochs or more.
    """
    logs, y = np.log(grid[["epochs", "runs"]].to_numpy(dtype=float)), grid["inflation"].to_numpy()
    link = FORMS[form]
    start = np.maximum(np.linalg.lstsq(logs, y if form == "log" else y**2, rcond=None)[0], 1e-9)
    found = optimize.least_squares(lambda w: link(logs @ w) - y, start, bounds=(0, np.inf), x_scale=start)
    of_epochs, of_runs = map(float, found.x)
    return Law(form, of_epochs, of_runs, float(np.sqrt((found.fun**2).mean())))


def laws(groups: Groups, at: Sequence[tuple[int, int]] = ((10, 1), (100, 1), (100, 5))) -> pd.DataFrame:
    """The law of each group of three runs or more that have twenty epochs or more.

    Columns: `form`, of the smaller error; `error` and `other form's error`; for each (e, R) of `at` what the law
    gives, with `low` and `high` of the 95 % interval over seeds (jackknife); `seeds`. Shares are in points.
    """
    return pd.DataFrame({name: _law_row(runs, at) for name, runs in groups.items()
                         if len(runs) > 2 and max(len(run.test) for run in runs) >= 20}).T


def _law_row(runs: Sequence[KeptRun], at: Sequence[tuple[int, int]]) -> dict[str, Any]:
    scale, most = metrics.scale(runs[0].metric[0]), min(MOST, len(runs) - 1)  # so that each seed can be left out
    best, other = sorted((fitted_law(grid_of(runs, most=most), form) for form in FORMS), key=lambda law: law.error)
    row: dict[str, Any] = {"form": best.form, "error": scale * best.error, "other form's error": scale * other.error}

    @cache
    def law_of(some: tuple[int, ...]) -> Law:
        return fitted_law(grid_of([runs[i] for i in some], most=most), best.form)

    for e, R in at:
        found = jackknifed(lambda some, e=e, R=R: law_of(tuple(some)).at(e, R), len(runs))
        low, high = found.interval()
        row |= {f"{e} x {R}": scale * found.value, f"{e} x {R}, low": scale * low, f"{e} x {R}, high": scale * high}
    return row | {"seeds": len(runs)}
