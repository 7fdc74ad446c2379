"""Where the variance lives, beside the printed gaps (O15), and how near the ceiling of the label noise is (O17).

Both are made from what the study keeps (`tools/crossed.py`), without training, and are about the corpora that it has
measured, whichever corpus is given.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pandas as pd
from matplotlib.figure import Figure

from erclab import corpora, models, runs
from erclab.analysis import kept, noise, variance
from erclab.analysis.tallies import sampled
from erclab.claims import book as books
from erclab.claims import exact
from erclab.claims.draws import read_all_draws, tuning_dir
from erclab.core import paths
from erclab.corpora import Corpus, simulated
from erclab.exhibits.catalogue import Exhibit
from erclab.exhibits.protocol import INFLATION
from erclab.figures import variance as figures
from erclab.published import tuning

MEASURED = ("simulated", "iemocap-text-audio", "meld")  # in the order of the table
LEDGER = ("bc-LSTM", "M2FNet", "SDT", "DialogueTRM")  # arms of the ledger that are models as they are
NOISY, REPEATING = "simulated-lesson", "iemocap-text-audio"
TUNING = "tuning: a random draw"
BOUND = f"scripted, {noise.LONG} words or more"


def designs() -> Iterator[variance.Design]:
    """The crossed designs that are kept; where there is none of a corpus, seeds and test dialogues alone: of the
    ledger's evidence on a real corpus, of O3's runs on a simulated one."""
    for name in MEASURED:
        found = variance.stored_design(name)
        if found is None and name not in simulated.NAMES:
            found = _of_ledger(name)
        elif found is None and kept.place(name, INFLATION).exists():
            groups = {title: x for title, x in kept.read(kept.place(name, INFLATION)).items() if title in LEDGER}
            found = variance.seeds_design(corpora.load(name), groups)
        if found is not None:
            yield found


def _of_ledger(name: str) -> variance.Design | None:
    """Seeds and test dialogues of the ledger's evidence on a real corpus."""
    shelf = books.shelf_of(name)
    arms = {arm: found for arm in LEDGER if len(found := shelf.arm(arm)) > 2}
    common = set.intersection(*({e.seed for e in found} for found in arms.values())) if arms else set()
    if len(common) < 3:
        return None
    return variance.Design(name, "", True, {arm: [sampled([e.tally for e in found if e.seed in common], variance.SCORE)]
                                            for arm, found in arms.items()})


def tuning_draws() -> Iterator[pd.DataFrame]:
    """The component of tuning on each corpus that has draws of an emotion's score: of validation scores."""
    declared = tuning.declared()
    for name in sorted(path.name for path in tuning_dir().glob("*") if path.is_dir()):
        logs = read_all_draws(declared, name)
        scores = {models.info(model).title: log.scores for model, log in logs.items()
                  if log.about["score"] == variance.SCORE}
        if len(scores) > 1:
            yield variance.settings_components(name, scores, TUNING)


def all_components() -> pd.DataFrame:
    """A row per corpus, quantity and component, see `erclab.analysis.variance.variance_components`. Of a simulated
    corpus the component of test dialogues is that of as many as the papers' test split has (`exact.PRINTED`)."""
    found = [variance.variance_components(design) for design in designs()]
    found = [variance.of_so_many(some, exact.PRINTED[name][1]) if (name := some["corpus"].iloc[0]) in simulated.NAMES
             else some for some in found] + [*tuning_draws()]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def variance_table(found: pd.DataFrame | None = None) -> pd.DataFrame:
    """O15: the pooled components of a difference of two runs, beside the printed gaps that are smaller.

    Args:
        found: `all_components`, where they are there already.
    """
    pooled = variance.pooled_components(all_components() if found is None else found)
    return variance.beside_gaps(pooled, exact.all_printed_gaps()).set_index(["corpus", "component"])


def variance_figure(found: pd.DataFrame | None = None) -> Figure:
    """O15 as a picture, with every printed gap drawn on it; argument as for `variance_table`."""
    pooled, gaps = variance.pooled_components(all_components() if found is None else found), exact.all_printed_gaps()
    return figures.components_and_gaps(pooled, gaps, title=variance_title(pooled, gaps))


def variance_title(pooled: pd.DataFrame, gaps: pd.DataFrame) -> str:
    """How many ablation gaps are smaller than what seed and test dialogues together do to the difference of two single
    runs, on the corpus where that is least."""
    rows = pooled[(pooled["of"] == "difference") & pooled["component"].isin(["seed", "test dialogues"])]
    both = (rows["deviation"]**2).groupby(rows["corpus"]).sum() ** 0.5
    some = gaps[gaps["kind"].str.startswith("ablation")]["gap"]
    return (f"{int((some < both.min()).sum())} of {len(some)} printed ablation gaps are smaller than one deviation of "
            f"a\ndifference by seed and test dialogues on {both.idxmin()} ({both.min():.1f} points)")


def variance_words(found: pd.DataFrame | None = None) -> str:
    """O15 as a paragraph, each number from the table; argument as for `variance_table`."""
    pooled, gaps = variance.pooled_components(all_components() if found is None else found), exact.all_printed_gaps()
    said, averaged = [], exact.RUNS["dialoguetrm"]
    for corpus, rows in pooled[pooled["of"] == "difference"].groupby("corpus", sort=False):
        parts = [f"{row.component} {row.deviation:.1f} [{row.low:.1f}, {row.high:.1f}]"
                 for row in rows.itertuples()]
        one, size = rows.iloc[0], ", the papers' number" if corpus in simulated.NAMES else ""
        said.append(f"On {corpus} ({one['dialogues']:.0f} test dialogues{size}; {one['quantities']} pairs of models, "
                    f"{one['seeds']} seeds) the difference of one run of each deviates by these points of weighted F1: "
                    f"{', '.join(parts)}.")
    some = gaps[gaps["kind"].str.startswith("ablation")]["gap"]
    said.append(f"Of the {len(some)} gaps that the papers' ablations print, half are at most {some.median():.1f} "
                f"points. DialogueTRM prints means of {averaged} runs, whose deviation by seed is {averaged**0.5:.1f} "
                "times smaller than that of single runs.")
    return " ".join(filter(None, [*said, fine_tuned_words()]))


def fine_tuned() -> pd.DataFrame:
    """DialogueTRM on MELD with frozen vectors and with a fine-tuned encoder, from the repository's records: too few for
    a component. Index frozen, fine-tuned; columns `value` (mean weighted F1 in percent), `runs`, and `older`, how many
    of them were made by older code."""
    with warnings.catch_warnings():  # of older code, which the column tells
        warnings.simplefilter("ignore", UserWarning)
        found = [runs.load(path) for path in sorted(paths.results_dir().glob("dialoguetrm-meld-*.json"))]
    rows = pd.DataFrame([("fine-tuned" if one.spec["words"] else "frozen", 100 * one.scores("test")[variance.SCORE],
                          one.older) for one in found], columns=["encoder", "value", "older"])
    made = rows.groupby("encoder").agg(value=("value", "mean"), runs=("value", "size"), older=("older", "sum"))
    return made.sort_index(ascending=False)


def fine_tuned_words() -> str:
    """What fine-tuning adds, in a sentence; "" without records of both."""
    rows = fine_tuned()
    if len(rows) < 2:
        return ""
    counts = " and ".join(f"{row.runs} run{'s' * (row.runs > 1)}" for row in rows.itertuples())
    old = f", {rows['older'].sum()} by older code" if rows["older"].any() else ""
    before, after = rows["value"]["frozen"], rows["value"]["fine-tuned"]
    return (f"A fine-tuned encoder instead of frozen vectors moves DialogueTRM on MELD from {before:.1f} to "
            f"{after:.1f} ({counts}{old}; no interval).")


def noise_table() -> pd.DataFrame:
    """O17: the ceiling and the models by the rate of mistakes; then what words alone can reach on repeated lines."""
    return noise.ceiling_curve(noise.stored_noise(NOISY)).set_index(["reader", "mistakes", "annotators", "against"])


def noise_bounds() -> pd.DataFrame:
    """O17, on IEMOCAP: see `erclab.analysis.noise.repeated_lines`."""
    return noise.stored_repeats(REPEATING)


def noise_words() -> str:
    """O17 as a paragraph, each number from the tables."""
    curve, bound = noise_table(), noise_bounds().loc[BOUND]
    said = []
    rates = sorted({rate for _, rate, annotators, _ in curve.index if annotators == 1})
    for reader in dict.fromkeys(curve.index.get_level_values("reader")):
        first, last = (curve.loc[(reader, rate, 1, "label")] for rate in (rates[0], rates[-1]))
        text = f"{first['accuracy']:.1f} to {last['accuracy']:.1f} %"
        if reader == noise.ORACLE:
            said.append(f"When annotators mistake {100 * rates[-1]:.0f} % of the emotions instead of none, the highest "
                        f"accuracy that is possible falls from {text} ({NOISY}).")
            continue
        true = curve.loc[(reader, rates[-1], 1, "emotion")]
        said.append(f"{reader} falls from {text} and stays {last['gap']:.1f} [{last['gap_low']:.1f}, "
                    f"{last['gap_high']:.1f}] points below it; of the emotions themselves it still recognises "
                    f"{true['accuracy']:.1f} %.")
    said.append("A score against noisy labels understates what a model recognises.")
    said.append(f"Two performances of one scripted line of IEMOCAP have one label in {bound['agreement']:.0f} % "
                f"[{bound['low']:.0f}, {bound['high']:.0f}] of pairs ({bound['utterances']:.0f} utterances of "
                f"{bound['lines']:.0f} lines, {bound['scenes']:.0f} scenes). On average no reader of words alone is "
                f"right on more than {bound['at most']:.0f} % of them ({bound['at most high']:.0f} % at the interval's "
                "end): a bound for words, not for voices, and only in part the annotators' doing, since actors perform "
                "a line in several ways.")
    return " ".join(said)


def noise_figure() -> Figure:
    """O17 as a picture."""
    curve = noise.ceiling_curve(noise.stored_noise(NOISY))
    top = curve[(curve["reader"] == noise.ORACLE) & (curve["annotators"] == 1) & (curve["against"] == "label")]
    clean, worst = (float(top.loc[top["mistakes"] == x, "accuracy"].iloc[0]) for x in (0, top["mistakes"].max()))
    return figures.ceilings_under_noise(
        curve, title=f"{100 * top['mistakes'].max():.0f} % mistakes: the ceiling falls from {clean:.0f} to {worst:.0f}",
        bound=noise_bounds().loc[BOUND])


def _kept_variance(corpus: Corpus) -> str:
    there = any(kept.place(name, what).exists() for name in MEASURED for what in (variance.FILE, INFLATION))
    return "" if there else "no runs of several seeds are kept"


def _kept_noise(corpus: Corpus) -> str:
    return "" if kept.place(NOISY, noise.FILE).exists() else "no runs with mistaken labels are kept"


EXHIBITS = (
    Exhibit("O15", "Where the variance lives: seed, data, test dialogues, encoder, beside the printed gaps",
            "runs that the study keeps", lambda corpus, groups: variance_table(), check=_kept_variance),
    Exhibit("O17", "The ceiling of the label noise: planted mistakes, and lines that actors repeat",
            "runs that the study keeps", lambda corpus, groups: noise_table(), check=_kept_noise),
)
