"""Where the variance of a score lives (O15): seed, training data or split, test dialogues, encoder.

Runs of a crossed design (`tools/crossed.py`) are kept with the sums of each test dialogue: every model is trained at
every level l of one factor (a draw of the training data, a test session, an encoder) with every seed s. Of a score of
one model, or of the difference of two models trained on the same level with the same seed,

    y[l, s] = mean + A[l] + B[s] + E[l, s] + the draw of the test dialogues

with independent random effects. The mean squares of the two-way layout give the components (Searle, Casella and
McCulloch 1992, "Variance components", chapter 4), in points of weighted F1, as standard deviations:

    level       A: another draw of the training data, another session, another encoder
    seed        B + E: another seed at the same level
    dialogues   another draw of as many test dialogues, by resampling (`statistics.draws`)

What the draw of dialogues adds to the differences between levels is taken off A. Intervals are generalised confidence
intervals (Weerahandi 1993, J. American Statistical Association 88): each mean square is divided by chi-square draws of
its degrees of freedom. A negative estimate is shown as 0, as is usual. Encoders are no sample of encoders: the interval
of their component is over seeds and dialogues, for these very encoders.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from erclab.analysis import kept
from erclab.analysis.kept import KeptRun
from erclab.analysis.statistics import Sampled
from erclab.analysis.tallies import sampled
from erclab.core.errors import RunError
from erclab.corpora import Corpus

FILE = "variance"  # the name of the files of kept runs, see `kept.place`
SCORE = "weighted_f1"
DIVIDER = " | "  # between model and level in the name of a group of kept runs
ENCODER = "encoder"  # the factor whose levels are no sample
ROUNDS = 4000  # chi-square draws of an interval
LEVELS = (0.025, 0.975)


@dataclass(frozen=True, eq=False)
class Design:
    """The scores of every model at every level with every seed.

    Attributes:
        corpus: its name.
        factor: what the levels are: "training data", "session", `ENCODER`; "" of a single level.
        shared: all levels are tested on the same dialogues.
        models: title -> the score of the runs of each level, by seed; one run of a fitted model.
    """

    corpus: str
    factor: str
    shared: bool
    models: Mapping[str, Sequence[Sampled]]


def design_groups(models: Mapping[str, Mapping[str, Sequence[KeptRun]]]) -> dict[str, Sequence[KeptRun]]:
    """Title -> level -> runs, as groups of `kept.write_kept`."""
    return {f"{model}{DIVIDER}{level}": runs for model, levels in models.items() for level, runs in levels.items()}


def stored_design(corpus: str) -> Design | None:
    """The crossed design that the study keeps of a corpus, None without one.

    Raises:
        RunError: its file is damaged, or a model lacks a level or a seed.
    """
    path = kept.place(corpus, FILE)
    if not path.exists():
        return None
    head, groups = kept.read_all(path)
    models: dict[str, dict[str, list[KeptRun]]] = {}
    for name, runs in groups.items():
        model, _, level = name.partition(DIVIDER)
        models.setdefault(model, {})[level] = sorted(runs, key=lambda run: run.seed)
    seeds = {tuple(run.seed for run in runs) for levels in models.values() for runs in levels.values()
             if not runs[0].fixed}
    if len({tuple(levels) for levels in models.values()}) != 1 or len(seeds) > 1:
        raise RunError("not every model has every level with the same seeds", where=path,
                       remedy="Make the file again: python tools/crossed.py.")
    return Design(corpus, str(head.get("factor", "")), bool(head.get("shared", True)), {
        model: [sampled([run.tally() for run in runs], SCORE) for runs in levels.values()]
        for model, levels in models.items()})


def seeds_design(corpus: Corpus, groups: Mapping[str, Sequence[KeptRun]]) -> Design:
    """Runs of several seeds on one corpus, such as those of O3, as a design of one level."""
    return Design(corpus.name, "", True, {name: [sampled([run.tally(corpus) for run in runs], SCORE)]
                                          for name, runs in groups.items()})


def component_parts(levels: Sequence[Sampled], shared: bool, *, sample: bool = True, rounds: int = ROUNDS
                    ) -> pd.DataFrame:
    """The components of a quantity of a crossed design.

    Args:
        levels: one per level, of equal seeds; of one level there is no level component.
        shared: the levels have the same test dialogues.
        sample: the levels are a sample of levels; else the interval of their component is over seeds and dialogues.

    Returns:
        Index level, seed, dialogues; columns `deviation`, `low`, `high`, in the unit of the quantity; a component that
        the design does not have is left out.
    """
    y = np.stack([one.seeds for one in levels])
    L, S = y.shape
    drawn = np.stack([one.drawn.mean(0) for one in levels])  # (L, R)
    dialogues = np.array([one.dialogues for one in levels])
    off = (drawn - y.mean(1, keepdims=True)) * (dialogues / (dialogues - 1))[:, None] ** 0.5
    D = int(dialogues[0] if shared else dialogues.sum())
    among = off.mean(0).var() if shared else off.var(1).mean()
    of_levels = off.var(0, ddof=1).mean() if L > 1 else 0.0  # the dialogues' part in the differences between levels
    whole = y.mean()
    rows, columns = y.mean(1) - whole, y.mean(0) - whole
    rest = y - whole - rows[:, None] - columns[None, :]
    rng = np.random.default_rng(0)

    def square(sum_of_squares: float, freedom: int) -> np.ndarray:
        """(1 + rounds,) a mean square, and the values that its expectation may have; 0 without degrees of freedom."""
        if freedom < 1:
            return np.zeros(1 + rounds)
        return sum_of_squares / np.concatenate([[freedom], rng.chisquare(freedom, rounds)])

    by_level, by_seed = square(S * float(rows @ rows), L - 1), square(L * float(columns @ columns), S - 1)
    both = square(float((rest**2).sum()), (L - 1) * (S - 1))
    tested, extra = square((D - 1) * float(among), D - 1), square((D - 1) * float(of_levels), D - 1)
    found = {}
    if L > 1 and sample:
        found["level"] = (by_level - both) / S - extra
    elif L > 1:  # other seeds and dialogues, for these very levels; the draws have the noise twice
        noise = off[:, rng.integers(off.shape[1], size=rounds)] + rng.normal(size=(L, rounds)) * (both[0] / S) ** 0.5
        spread = np.r_[by_level[0] / S, (y.mean(1)[:, None] + noise).var(0, ddof=1)]
        found["level"] = spread - (both[0] / S + extra[0]) * np.r_[1, np.full(rounds, 2)]
    if S > 1:
        found["seed"] = (by_seed + (L - 1) * both) / L
    found["dialogues"] = tested
    made = {}
    for name, x in found.items():
        deviation = np.sqrt(np.maximum(x, 0))
        made[name] = dict(zip(("deviation", "low", "high"), (deviation[0], *np.quantile(deviation[1:], LEVELS)),
                              strict=True))
    return pd.DataFrame(made).T


def design_quantities(design: Design) -> Iterator[tuple[str, str, list[Sampled]]]:
    """(kind, name, one per level): the score of every model, and the difference of every two, where not both are
    fitted."""
    for model, levels in design.models.items():
        yield "score", model, list(levels)
    for (one, a), (other, b) in combinations(design.models.items(), 2):
        if not (a[0].fixed and b[0].fixed):
            yield "difference", f"{one} - {other}", [x - y for x, y in zip(a, b, strict=True)]


def variance_components(design: Design) -> pd.DataFrame:
    """A row per quantity and component of a design, in points of weighted F1.

    Columns: `corpus`, `of` ("score" or "difference"), `quantity`, `component`, `deviation`, `low`, `high` (95 %),
    `levels`, `seeds`, `dialogues` (of a test split, on average).
    """
    rows = []
    for kind, name, levels in design_quantities(design):
        made = component_parts(levels, design.shared, sample=design.factor != ENCODER)
        for component, row in (100 * made).iterrows():
            rows.append({"corpus": design.corpus, "of": kind, "quantity": name,
                         "component": design.factor if component == "level" else f"test {component}" if component ==
                         "dialogues" else component, **row.round(2), "levels": len(levels),
                         "seeds": len(levels[0].seeds), "dialogues": round(np.mean([x.dialogues for x in levels]))})
    return pd.DataFrame(rows)


def of_so_many(table: pd.DataFrame, dialogues: int) -> pd.DataFrame:
    """The components as a test split of another number of dialogues has them, if the error of test dialogues falls with
    the square root of their number; the column `dialogues` has the new number.

    Args:
        table: of `variance_components`, of one corpus.
    """
    ratio = np.where(table["component"] == "test dialogues", (table["dialogues"] / dialogues) ** 0.5, 1.0)
    columns = ["deviation", "low", "high"]
    return table.assign(dialogues=dialogues, **{name: (table[name] * ratio).round(2) for name in columns})


def pooled_components(table: pd.DataFrame) -> pd.DataFrame:
    """A row per corpus, component and kind of quantity: `deviation`, the root of the mean variance over the quantities,
    with `quantities`, how many they are. `low` and `high` are those of the mean of the squared ends of their intervals,
    which treats the quantities as one: pairs of models share runs. Of trained models alone where a corpus has them,
    since a fitted model has no seed.

    Args:
        table: of `variance_components`, of one or several corpora.
    """
    rows = []
    for (corpus, component, kind), some in table.groupby(["corpus", "component", "of"], sort=False):
        some = some[some["seeds"] > 1] if (some["seeds"] > 1).any() else some
        rows.append({"corpus": corpus, "component": component, "of": kind,
                     **{name: float((some[name]**2).mean() ** 0.5) for name in ("deviation", "low", "high")},
                     "quantities": len(some), "levels": some["levels"].iloc[0],
                     "seeds": some["seeds"].max(), "dialogues": some["dialogues"].iloc[0]})
    return pd.DataFrame(rows).round(2)


def settings_components(corpus: str, scores: Mapping[str, Sequence[float]], component: str) -> pd.DataFrame:
    """Rows as of `variance_components` for scores under random settings, such as draws of equal tuning budgets: the
    deviation over draws with the interval of a normal sample. Draws of two models are independent, so that the variance
    of a difference is the sum of two.

    Args:
        scores: title -> the score of each draw, as a share; three or more draws.
    """
    found = {name: (100 * float(np.std(x, ddof=1)), len(x) - 1) for name, x in scores.items() if len(x) > 2}
    rows = [("score", name, *one) for name, one in found.items()]
    rows += [("difference", f"{a} - {b}", (x**2 + y**2) ** 0.5, m + n)
             for (a, (x, m)), (b, (y, n)) in combinations(found.items(), 2)]
    made = []
    for kind, name, deviation, freedom in rows:
        low, high = deviation * (freedom / stats.chi2.ppf(LEVELS[::-1], freedom)) ** 0.5
        made.append({"corpus": corpus, "of": kind, "quantity": name, "component": component,
                     "deviation": round(deviation, 2), "low": round(low, 2), "high": round(high, 2),
                     "levels": 1, "seeds": freedom + 1, "dialogues": 0})
    return pd.DataFrame(made)


def beside_gaps(table: pd.DataFrame, gaps: pd.DataFrame) -> pd.DataFrame:
    """The pooled components with how many printed gaps are smaller than one and than two standard deviations of the
    *difference* of two runs.

    Args:
        table: of `pooled_components`.
        gaps: columns `kind` and `gap`, in points.

    Returns:
        The rows of differences, with a column per kind of gap, such as `ablations`: "9 of 13, 13 of 13".
    """
    found = table[table["of"] == "difference"].drop(columns="of")
    for kind, some in gaps.groupby("kind", sort=False):
        found[kind] = [", ".join(f"{int((some['gap'] < k * x).sum())} of {len(some)}" for k in (1, 2))
                       for x in found["deviation"]]
    return found


def tfidf_vectors(corpus: Corpus, width: int) -> np.ndarray:
    """(N, width) float32: latent semantic vectors of every utterance, the first singular directions of tf-idf of words
    and pairs of words. Vocabulary, weights and directions are those of the training split; directions that a small
    split does not have are 0."""
    texts = corpus.table["text"].fillna("").to_numpy()
    train = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit(texts[corpus.rows("train")])
    every = train.transform(texts)
    known = every[corpus.rows("train")]
    few = min(width, known.shape[1] - 1, known.shape[0] - 1)
    found = TruncatedSVD(few, random_state=0).fit(known).transform(every)
    return np.pad(found, ((0, 0), (0, width - few))).astype(np.float32)
