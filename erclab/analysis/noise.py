"""How near the ceiling of the label noise is (O17).

On a simulated corpus annotators make mistakes at a rate that is set (`mistakes` of the world's settings): the exact
oracle shows how far the ceiling falls, and runs trained on such labels show whether models fall with it. They are
scored twice on fresh dialogues: against the labels, as the field does, and against the emotions, which no real corpus
has.

On a real corpus there are no votes of annotators here. A scripted play is performed several times, and its lines then
carry the label of each performance. A reader of words alone, also of those of the whole dialogue, has nearly the same
words each time and cannot be right on all of them: `repeated_lines` bounds what such a reader can reach on these lines.
It is no bound for readers of voices, since actors do perform a line differently, and no rate of annotators' mistakes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from erclab.analysis import kept
from erclab.analysis.kept import KeptRun
from erclab.analysis.leakage import LONG, normalised, scripts
from erclab.analysis.statistics import Sampled, resampled
from erclab.analysis.tallies import ALL, dialogues_of, sampled, tally
from erclab.core import paths
from erclab.core.errors import RunError, UsageError
from erclab.core.storage import write_atomically
from erclab.corpora import Corpus
from erclab.corpora.simulated.oracle import posterior
from erclab.corpora.simulated.world import World

FILE = "noise"  # the name of the files of kept runs, see `kept.place`
RATES = (0.0, 0.1, 0.2, 0.3, 0.4)
SCORE = "accuracy"  # the score whose ceiling the oracle is
ORACLE = "oracle"
AGAINST = ("label", "emotion")
TABLE = "repeats.csv"
SCENE = r"((?:script|impro)\d+(?:_\d+)?)"  # in a dialogue's name, such as Ses05F_script01_1b


def curve_key(who: str, rate: float, annotators: int, against: str) -> str:
    """The name of a group of kept runs."""
    return f"{who} | {rate} | {annotators} | {against}"


def oracle_runs(fresh: Corpus, world: World) -> dict[str, KeptRun]:
    """Against what -> the exact oracle of the vectors, which sees the whole dialogue, as a kept run."""
    found, made, target = posterior(fresh, world, split="test"), {}, fresh.task("emotion")
    for against, guess in zip(AGAINST, (found.label, found.emotion), strict=True):
        sums = tally(target, truth_of(fresh, against), guess.argmax(1), dialogues_of(fresh, "test")).sums
        made[against] = KeptRun(ORACLE, 0, target, True, (SCORE, 1), {}, np.zeros(0), np.zeros(0),
                                sums={"sound": sums[ALL]})
    return made


def truth_of(fresh: Corpus, against: str) -> np.ndarray:
    """(N,) what annotators wrote of the test split ("label"), or the emotion that the speaker has."""
    if against not in AGAINST:
        raise UsageError(f"scores against '{against}'", remedy=f"One of {', '.join(AGAINST)}.")
    return fresh.targets("test") if against == "label" else fresh.table["emotion"].to_numpy()[fresh.rows("test")]


def stored_noise(corpus: str) -> dict[str, list[KeptRun]]:
    """The runs that the study keeps of a corpus.

    Raises:
        RunError: there are none, or the file is damaged.
    """
    return kept.read(kept.place(corpus, FILE))


def ceiling_curve(groups: Mapping[str, Sequence[KeptRun]]) -> pd.DataFrame:
    """A row per reader, rate of mistakes, number of annotators and what the score is against.

    Columns: `accuracy` in percent with `low` and `high` of its 95 % interval over seeds and dialogues; `gap`, how far
    the reader is below the oracle at the same rate, in points, with `gap_low` and `gap_high`; `seeds`.
    """
    scores: dict[tuple[str, str, str, str], Sampled] = {}
    for name, runs in groups.items():
        who, rate, annotators, against = name.split(" | ")
        scores[who, rate, annotators, against] = sampled([run.tally() for run in runs], SCORE)
    rows = []
    for (who, rate, annotators, against), one in scores.items():
        found, gap = one.estimate(), (scores[ORACLE, rate, annotators, against] - one).estimate()
        rows.append({"reader": who, "mistakes": float(rate), "annotators": int(annotators), "against": against,
                     **_span(found, "accuracy", "low", "high"), **_span(gap, "gap", "gap_low", "gap_high"),
                     "seeds": len(one.seeds)})
    return pd.DataFrame(rows)


def _span(found, value: str, low: str, high: str) -> dict[str, float]:
    return dict(zip((value, low, high), (round(100 * x, 1) for x in (found.value, *found.interval())), strict=True))


def repeated_lines(corpus: Corpus) -> pd.DataFrame:
    """A row per part: what words alone can reach on lines that are said in several dialogues of one play or scenario.

    A line is a normalised text within one scene (`SCENE` in a dialogue's name); it counts where two or more dialogues
    of the corpus have it with a label. With p the shares of the labels in
    performances of a line, the best reader of words is right with probability E[max p], and

        E[sum p²] <= E[max p] <= E[sqrt(sum p²)] <= sqrt(E[sum p²])

    E[sum p²] is the probability that two performances have one label, of which the share of agreeing pairs is an
    unbiased estimate.

    Columns: `lines`, `utterances`, `scenes`; in percent `agreement`, the share of pairs of performances with one label,
    utterances weighing alike, with its 95 % interval over scenes (`low`, `high`); `at most`, its root, with `at most
    high`; `majority`, the accuracy of each line's most frequent label on the same utterances, which flatters: it has
    seen them; `chance`, the agreement of two utterances drawn from the part at random.

    Raises:
        UsageError: the corpus has no scripted dialogues, or no line is repeated.
    """
    scripted = scripts(corpus)
    if scripted is None:
        raise UsageError("its dialogues are not said to be scripted or improvised", where=corpus.name,
                         remedy="Take IEMOCAP, whose scripted plays repeat lines.")
    table = corpus.table.assign(words=corpus.table["text"].map(normalised), scripted=scripted,
                                scene=corpus.table["dialogue"].str.extract(SCENE, expand=False).fillna(""))
    table = table[(table["label"] >= 0) & (table["words"] != "")]
    many = table["words"].str.split().str.len() >= LONG
    found = {f"scripted, {LONG} words or more": table[table["scripted"] & many],
             "scripted": table[table["scripted"]],
             f"improvised, {LONG} words or more": table[~table["scripted"] & many]}
    rows = {name: row for name, some in found.items() if (row := _of_lines(some))}
    if not rows:
        raise UsageError("no line is said in two dialogues of one scene", where=corpus.name)
    return pd.DataFrame(rows).T


def _of_lines(table: pd.DataFrame) -> dict[str, float]:
    """One row of `repeated_lines`; empty where no line is repeated."""
    lines = [part for _, part in table.groupby(["scene", "words"]) if part["dialogue"].nunique() > 1]
    if not lines:
        return {}
    scenes = {name: i for i, name in enumerate(sorted({part["scene"].iloc[0] for part in lines}))}
    sums = np.zeros((len(scenes), 3))  # utterances, those that agree with another one, those with the majority's label
    for part in lines:
        n, counts = len(part), np.bincount(part["label"])
        pairs = (counts * (counts - 1)).sum() / (n - 1)
        sums[scenes[part["scene"].iloc[0]]] += n, pairs, counts.max()

    def agreement(one: np.ndarray, weights: np.ndarray) -> np.ndarray:
        total = weights @ one
        return total[..., 1] / np.maximum(total[..., 0], 1)

    said = np.bincount(pd.concat(lines)["label"])
    estimate = resampled([sums], agreement, len(scenes), fixed=True).estimate()
    low, high = (100 * x for x in np.clip(estimate.interval(), 0, 1)) if len(scenes) > 1 else (np.nan, np.nan)
    share = estimate.value
    return {"lines": len(lines), "utterances": int(sums[:, 0].sum()), "scenes": len(scenes),
            "agreement": round(100 * share, 1), "low": round(low, 1), "high": round(high, 1),
            "at most": round(100 * share**0.5, 1), "at most high": round(10 * high**0.5, 1),
            "majority": round(100 * sums[:, 2].sum() / sums[:, 0].sum(), 1),
            "chance": round(100 * (said * (said - 1)).sum() / (said.sum() * (said.sum() - 1)), 1)}


def repeats_place(corpus: str) -> Path:
    """Where the study keeps the table of a corpus."""
    return paths.results_dir() / "protocol" / corpus / TABLE


def write_repeats(corpus: Corpus) -> Path:
    """Keep the table of a corpus; it holds shares of whole parts and no label. Returns its path."""
    path = repeats_place(corpus.name)
    write_atomically(path, repeated_lines(corpus).to_csv().encode())
    return path


def stored_repeats(corpus: str) -> pd.DataFrame:
    """The stored table of a corpus.

    Raises:
        RunError: there is none, or it is damaged.
    """
    try:
        return pd.read_csv(repeats_place(corpus), index_col=0, encoding="utf-8")
    except (OSError, ValueError) as error:
        raise RunError(f"the table of {corpus} cannot be read ({error})", where=repeats_place(corpus),
                       remedy=f"Make it again: python tools/crossed.py repeats --corpus {corpus}.") from None
