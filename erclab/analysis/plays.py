"""What a shared script is worth (O6): plays that occur in training and in test, left out of training one at a time.

Actors of IEMOCAP perform the same three plays and eight scenarios in every session, so that a test session repeats what
training has. A reader that is fitted without the play of a test utterance shows what is left without the repetition; a
reader that is fitted without equally many other dialogues shows what the smaller training split costs. In a corpus
without plays, dialogues are put into groups at random: that is how the table looks where nothing leaks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from erclab import models
from erclab.analysis import kept
from erclab.analysis.kept import KeptRun
from erclab.analysis.leakage import LONG, normalised
from erclab.analysis.statistics import Sampled, verdict
from erclab.analysis.tallies import ALL, dialogues_of, sampled, tally
from erclab.core import metrics, paths
from erclab.core.errors import RunError, UsageError
from erclab.core.storage import write_atomically
from erclab.corpora import Corpus
from erclab.corpora.views import Standardiser, flat

PLAY = re.compile(r"(script|impro)0*(\d+)")  # in a dialogue's name, such as Ses05F_script01_1
GROUPS = 3  # random ones, in a corpus without plays
SEED = 0  # of random groups, and of the dialogues that are left out instead of a play
TASK = "emotion"
SCORE = metrics.SELECT[TASK][0]
SEEN, UNSEEN, CONTROL = "seen", "unseen", "as many others left out"  # ways of training
TRAINED = "plays"  # the name of the files of kept runs of trained models, see `kept.place`
SCRIPTED = "script"  # how the names of the plays begin that trained models are trained without
DIVIDER = " | "
MATTERS = 0.03  # 3 points: about what 31 test dialogues can resolve


def plays_of(corpus: Corpus) -> np.ndarray | None:
    """(N,) the play or scenario of each utterance, such as "script 1", "" for none; None where the names of dialogues
    have none."""
    names = [" ".join(found.groups()) if (found := PLAY.search(name)) else "" for name in corpus.table["dialogue"]]
    return np.array(names, dtype=object) if any(names) else None


def random_groups(corpus: Corpus) -> np.ndarray:
    """(N,) "group 1" to "group 3": each split's dialogues at random."""
    rng, number = np.random.default_rng(SEED), np.zeros(len(corpus.starts) - 1, dtype=int)
    for split in np.unique(corpus.dialogue_splits):
        at = np.flatnonzero(corpus.dialogue_splits == split)
        number[rng.permutation(at)] = np.arange(len(at)) % GROUPS
    return np.repeat([f"group {i + 1}" for i in number], np.diff(corpus.starts)).astype(object)


def fits(corpus: Corpus) -> dict[str, Callable[[Corpus], np.ndarray]]:
    """Name -> what fits a reader on the training split of a corpus and predicts its test split, (n,) class indices.

    The first call of each chooses the penalty on validation, and the others keep it, so that nothing but the training
    data differs between them.
    """
    found: dict[str, Callable[[Corpus], np.ndarray]] = {}
    if corpus.has_words:
        found["words (tf-idf)"] = _reader("tfidf", ())
    for m in corpus.modalities:
        found[f"{m} vectors (linear)"] = _reader("linear", (m,))
    if len(corpus.modalities) > 1:
        found["all vectors (linear)"] = _reader("linear", corpus.modalities)
    return found


def _reader(name: str, modalities: tuple[str, ...]) -> Callable[[Corpus], np.ndarray]:
    penalties: dict[str, tuple[float, ...]] = {}

    def fit(corpus: Corpus) -> np.ndarray:
        scale = Standardiser.side_by_side(corpus, modalities, pooled=False) if modalities else None
        part = flat(corpus, modalities, TASK, standardiser=scale)
        model = models.build(name, {"task": TASK, "outputs": len(corpus.labels), **penalties})
        curve = model.fit(part["train"], part["valid"])
        penalties.setdefault("penalties", (max(curve, key=lambda row: row["valid"][SCORE])["penalty"],))
        return model.predict(part["test"]).argmax(1)
    return fit


def without_plays(corpus: Corpus) -> pd.DataFrame:
    """O6: a row per reader and part of the test split.

    Columns: test `utterances`; weighted F1 in percent of the reader whose training has the plays of the test split
    (`seen`), of readers without the play of the utterance (`unseen`), and of readers without equally many utterances of
    other plays (`as many others left out`); `difference`, unseen minus the latter, in points, with `low` and `high` of
    its 95 % interval over test dialogues (the readers have no seed), and `verdict`
    ("equivalent": within `MATTERS`).
    """
    plays = plays_of(corpus)
    groups, parts = random_groups(corpus) if plays is None else plays, _parts(corpus, plays)
    target, truth, where = corpus.task(TASK), corpus.targets("test", TASK), dialogues_of(corpus, "test")
    rows = []
    for name, fit in fits(corpus).items():
        guesses = dict(_guesses(corpus, groups, fit))
        found = {way: tally(target, truth, guess, where, parts, fixed=True) for way, guess in guesses.items()}
        for part in (ALL, *parts):
            there = np.ones(len(truth), dtype=bool) if part == ALL else parts[part]
            rows.append(_row(name, part, int((there & (truth >= 0)).sum()),
                             {way: sampled([one], SCORE, part) for way, one in found.items()}))
    return pd.DataFrame(rows).set_index(["reader", "part"])


def _row(reader: str, part: str, utterances: int, scores: Mapping[str, Sampled]) -> dict[str, object]:
    """A row of `without_plays`."""
    lost = (scores[UNSEEN] - scores[CONTROL]).estimate()
    low, high = lost.interval()
    return {"reader": reader, "part": part, "utterances": utterances,
            **{way: round(100 * float(one.seeds.mean()), 1) for way, one in scores.items()},
            "difference": round(100 * lost.value, 1), "low": round(100 * low, 1), "high": round(100 * high, 1),
            "verdict": verdict(lost, MATTERS)}


def kept_guesses(corpus: Corpus, reader: str, run: KeptRun, guesses: Mapping[str, np.ndarray]) -> dict[str, KeptRun]:
    """What is kept of a trained model's predictions of the test split: group -> the run with the sums of each dialogue,
    for each way of training and each scripted play, and for all of these together (`SCRIPTED`).

    Args:
        run: that of the training with all plays.
        guesses: way -> (n,) indices of classes.

    Raises:
        UsageError: the names of dialogues have no plays.
    """
    target, truth, where = corpus.task(TASK), corpus.targets("test", TASK), dialogues_of(corpus, "test")
    groups = plays_of(corpus)
    if groups is None:
        raise UsageError(f"the names of the dialogues of {corpus.name} have no plays")
    mine = groups[corpus.table["split"].to_numpy() == "test"]
    parts = {SCRIPTED: np.array([name.startswith(SCRIPTED) for name in mine])}
    parts |= {play: mine == play for play in sorted({*mine[parts[SCRIPTED]]})}
    return {DIVIDER.join((reader, way, part)): replace(
        run, valid=run.valid[:0], test=run.test[:0], predictions={}, sums={"sound": sums})
        for way, guess in guesses.items()
        for part, sums in tally(target, truth, guess, where, parts).sums.items() if part != ALL}


def trained_of(corpus: str) -> pd.DataFrame:
    """The rows of `without_plays` for trained models, with intervals over seeds and dialogues, from what the study
    keeps of a corpus by its name; they also have `seeds`.

    Raises:
        RunError: there is no file, or it is damaged.
    """
    found: dict[tuple[str, str], dict[str, list[KeptRun]]] = {}
    for name, runs in kept.read(kept.place(corpus, TRAINED)).items():
        reader, way, part = name.split(DIVIDER)
        found.setdefault((reader, part), {})[way] = runs
    rows = [_row(reader, "scripted" if part == SCRIPTED else part,
                 int(ways[SEEN][0].sums["sound"].sum()),
                 {way: sampled([run.tally() for run in ways[way]], SCORE) for way in (SEEN, UNSEEN, CONTROL)})
            | {"seeds": len(ways[SEEN])} for (reader, part), ways in found.items()]
    return pd.DataFrame(rows).set_index(["reader", "part"])


def _guesses(corpus: Corpus, groups: np.ndarray, fit: Callable[[Corpus], np.ndarray]
             ) -> Iterator[tuple[str, np.ndarray]]:
    """The predictions of the test split by each way of training."""
    seen = fit(corpus)
    found = {SEEN: seen, UNSEEN: seen.copy(), CONTROL: seen.copy()}
    for way, part, at in without_each(corpus, groups):
        found[way][at] = fit(part)[at]
    yield from found.items()


def without_each(corpus: Corpus, groups: np.ndarray, only: str = "") -> Iterator[tuple[str, Corpus, np.ndarray]]:
    """For each play of both training and test: (`UNSEEN`, the corpus without the play in training, (n,) the test
    utterances of the play), and the same of `CONTROL`, without equally many utterances of other plays.

    Args:
        groups: (N,) the play of each utterance.
        only: how the names of the plays begin that are left out.
    """
    test = corpus.table["split"].to_numpy() == "test"
    for play in sorted({*groups[test]} & {*groups[~test]} - {""}):
        if play.startswith(only):
            at = groups[test] == play
            yield UNSEEN, corpus.select(test | (groups != play)), at
            yield CONTROL, corpus.select(test | ~_as_many(corpus, groups, play)), at


def _as_many(corpus: Corpus, groups: np.ndarray, play: str) -> np.ndarray:
    """(N,) random dialogues of other plays, in each split about as many utterances as the play has there."""
    found, lengths = np.zeros(len(corpus), dtype=bool), np.diff(corpus.starts)
    rng, own = np.random.default_rng(SEED), groups[corpus.starts[:-1]] == play
    for split in ("train", "valid"):
        here = corpus.dialogue_splits == split
        wanted, order = lengths[here & own].sum(), rng.permutation(np.flatnonzero(here & ~own))
        for i in order[:np.searchsorted(np.cumsum(lengths[order]), wanted) + bool(wanted)][:max(len(order) - 1, 0)]:
            found[corpus.starts[i]:corpus.starts[i + 1]] = True
    return found


def _parts(corpus: Corpus, plays: np.ndarray | None) -> dict[str, np.ndarray]:
    """Parts of the test split that have scores of their own: verbatim repeats, scripted and improvised, each play."""
    test = corpus.table["split"].to_numpy() == "test"
    words = corpus.table["text"].map(normalised)
    long = words.str.split().str.len().ge(LONG).to_numpy()[test]
    repeated = words[test].isin(set(words[~test])).to_numpy() & long
    found = {"verbatim repeats": repeated, f"no repeats, {LONG} words or more": ~repeated & long}
    if plays is not None:
        found |= {"scripted": np.char.startswith(plays[test].astype(str), "script"),
                  "improvised": np.char.startswith(plays[test].astype(str), "impro")}
        found |= {play: plays[test] == play for play in sorted({*plays[test]}) if play.startswith("script")}
    return {name: at for name, at in found.items() if at.any()}


def table_place(corpus: str) -> Path:
    """Where the study keeps the table of a corpus."""
    return paths.results_dir() / "protocol" / corpus / "leakage.csv"


def measured(corpus: Corpus) -> bool:
    """Whether the study has measured this very corpus."""
    there = table_place(corpus.name).exists()
    return there and bool((stored_of(corpus.name)["corpus"] == corpus.fingerprint[:16]).all())


def stored_table(corpus: Corpus) -> pd.DataFrame:
    """The stored table of a corpus."""
    return stored_of(corpus.name).drop(columns="corpus")


def stored_of(name: str) -> pd.DataFrame:
    """The stored table of a corpus by its name, with the column `corpus`: how the corpus's fingerprint begins.

    Raises:
        RunError: there is none, or it is damaged.
    """
    try:
        return pd.read_csv(table_place(name), index_col=["reader", "part"], encoding="utf-8", dtype={"corpus": str})
    except (OSError, ValueError) as error:
        raise RunError(f"the table of {name} cannot be read ({error})", where=table_place(name),
                       remedy=f"Make it again: python tools/protocol.py leakage --corpus {name}.") from None


def write_table(corpus: Corpus, made: pd.DataFrame) -> Path:
    """Keep the table of a corpus. Returns its path."""
    path = table_place(corpus.name)
    write_atomically(path, made.assign(corpus=corpus.fingerprint[:16]).to_csv().encode())
    return path
