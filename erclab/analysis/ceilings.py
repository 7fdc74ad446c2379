"""The highest scores that are possible: those of the exact oracle on a simulated corpus, by modality and by context
(O1).

There is an oracle per view of the text (`erclab.corpora.simulated.oracle`). That of the words is never less accurate in
expectation than that of the vectors, and the frames hold the evidence of the vectors. A model is compared with the
oracle of the view that it reads (`view_read_by`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from erclab.core import metrics
from erclab.core.errors import UsageError
from erclab.corpora import MODALITIES, Corpus, interventions, simulated
from erclab.corpora.simulated.generator import parents
from erclab.corpora.simulated.oracle import Chain, Evidence, posterior
from erclab.corpora.simulated.world import World
from erclab.runs import Record

SUBSETS = tuple(c for n in (1, 2, 3) for c in combinations(MODALITIES, n))
CONTEXTS = {"utterance": "utterance alone", "causal": "what was said before", "dialogue": "whole dialogue"}
METRICS = ("accuracy", "weighted_f1", "macro_f1")  # of emotions, that the oracle has; columns by their titles


def view_read_by(record: Record) -> str:
    """The view (a name of `oracle.VIEWS`) that a run reads: "words" also if an encoder reads them for the run."""
    if record.info.view == "text" or record.spec["words"]:
        return "words"
    return "frames" if record.info.view == "sequence" else "vectors"


def oracle_title(view: str, context: str) -> str:
    """The oracle of a view in a context (a value of `CONTEXTS`), as figures and tables call it."""
    return f"oracle of the {view}, {context}"


def oracle_scores(corpus: Corpus, world: World, split: str = "test",
                  subsets: Iterable[Sequence[str]] = SUBSETS, view: str = "vectors") -> pd.DataFrame:
    """One row per modality subset and context, for an oracle that sees the text in a view (`oracle.VIEWS`).

    Columns: accuracy, weighted F1 and macro F1 (percent) of the most likely emotion; MAE of the posterior median and
    correlation of the posterior mean with the sentiment. Accuracy, MAE and squared error are the best possible in
    expectation; the F1 scores are those of the most accurate rule, which need not be the best rule for F1.
    """
    rows, truth = {}, corpus.targets(split)
    sentiment = corpus.targets(split, "sentiment")[:, 0]
    for subset in subsets:
        for context, words in CONTEXTS.items():
            found = posterior(corpus, world, subset, context, split=split, view=view)
            score = metrics.classification_scores(truth, found.label.argmax(1), len(corpus.labels))
            rows["+".join(subset), words] = {
                "accuracy": 100 * score["accuracy"], "weighted F1": 100 * score["weighted_f1"],
                "macro F1": 100 * score["macro_f1"],
                "sentiment MAE": float(np.abs(found.sentiment(world, "median") - sentiment).mean()),
                "sentiment r": float(np.corrcoef(found.sentiment(world), sentiment)[0, 1])}
    return pd.DataFrame(rows).T.rename_axis(["modalities", "context"])


Heard = Callable[[np.ndarray, int], np.ndarray]  # (speakers (T,), turn) -> (T,) bool, the turns that are heard
# What the oracle is given, by the names of `interventions`, and two more.
HEARD: dict[str, Heard] = {
    interventions.SINGLE: lambda who, t: np.arange(len(who)) == t,
    "the turn before": lambda who, t: np.isin(np.arange(len(who)), (t - 1, t)),
    **{interventions.LAST[whose]: lambda who, t, counts=counts: np.isin(
        np.arange(len(who)), [*np.flatnonzero(counts(who[:t], who[t]))[-interventions.WINDOW:], t])
       for whose, counts in interventions.WHOSE.items()},
    interventions.OWN: lambda who, t: who == who[t],
    CONTEXTS["causal"]: lambda who, t: np.arange(len(who)) <= t,
    interventions.WHOLE: lambda who, t: np.ones(len(who), dtype=bool),
}


def hearing(corpus: Corpus, world: World, heard: Heard, modalities: Sequence[str] | None = None, split: str = "test",
            view: str = "vectors") -> np.ndarray:
    """(N, C) p(label | the turns that are heard), exact: of the other turns the oracle sees who speaks, and nothing
    that is said. For the contexts of `posterior` it gives the same.

    Args:
        heard: the turns that are heard when the emotion of a turn is asked for, among them the turn itself.
        modalities, split, view: as for `erclab.corpora.simulated.oracle.posterior`.
    """
    evidence = Evidence(corpus, world, tuple(modalities or corpus.modalities), view)
    blank, found = np.full(evidence.own.shape[1:], 1 / evidence.own.shape[2]), []
    for d in np.flatnonzero(corpus.dialogue_splits == split):
        rows = np.arange(corpus.starts[d], corpus.starts[d + 1])
        chain = Chain(parents(corpus.table["speaker"].to_numpy()[rows]), world)
        who, known = corpus.speaker_index[rows], dict[bytes, list[np.ndarray]]()
        for t in range(len(rows)):
            at = heard(who, t)
            if at.tobytes() not in known:
                known[at.tobytes()] = chain.smooth([
                    (evidence.own[row] if at[i] else blank) * (evidence.event[row - 1][:, None]
                                                               if i and at[i - 1] else 1.0)
                    for i, row in enumerate(rows)])
            found.append(known[at.tobytes()][t].sum(1))
    return np.array(found) @ world.votes


def limits(corpus: Corpus, metric: str = "weighted F1", view: str = "vectors") -> dict[str, float]:
    """Legend (`oracle_title`) -> percent, for a figure: the score of a view's oracle from all modalities, without and
    with the conversation.

    Empty for a corpus that is not simulated: its oracle is not known.
    """
    world = simulated.world_behind(corpus)
    if world is None:
        return {}
    found = oracle_scores(corpus, world, subsets=[MODALITIES], view=view)[metric]
    return {oracle_title(view, context): round(float(found[("+".join(MODALITIES), context)]), 1)
            for context in (CONTEXTS["utterance"], CONTEXTS["dialogue"])}


def context_gain(corpus: Corpus, world: World, split: str = "test", view: str = "vectors") -> pd.DataFrame:
    """Accuracy (percent) of a view's oracle, without and with the earlier turns, by modality and kind of words.

    The view changes the rows of the text alone: voice and face are vectors in each view.
    """
    rows, truth = {}, corpus.targets(split)
    kind = corpus.table["text_kind"].to_numpy()[corpus.rows(split)]
    for modality in corpus.modalities:
        alone, causal = (posterior(corpus, world, (modality,), c, split=split, view=view).label.argmax(1) == truth
                         for c in ("utterance", "causal"))
        for name in ("plain", "ambiguous", "referential"):
            at = kind == name
            rows[modality, name] = {"alone": 100 * alone[at].mean(), "with context": 100 * causal[at].mean(),
                                    "gain": 100 * (causal[at].mean() - alone[at].mean()), "utterances": int(at.sum())}
    return pd.DataFrame(rows).T.rename_axis(["modality", "words"])


def gains_from_context(corpus: Corpus, metric: str, modalities: Sequence[str], view: str = "vectors"
                       ) -> dict[str, float]:
    """Modality -> points that a view's exact oracle gains from earlier turns; empty where the corpus is not simulated
    or the oracle has no such metric."""
    world = simulated.world_behind(corpus)
    if world is None or metric not in METRICS:
        return {}
    table = oracle_scores(corpus, world, subsets=[(m,) for m in modalities], view=view)[metrics.TITLES[metric]]
    return {m: float(table[m, CONTEXTS["causal"]] - table[m, CONTEXTS["utterance"]])
            for m in modalities}


def costs_of_absence(corpus: Corpus, world: World, metric: str = "weighted_f1", view: str = "vectors") -> pd.Series:
    """Modality -> the points that a view's exact oracle loses without it, where the oracle sees the whole dialogue."""
    subsets = {m: tuple(n for n in MODALITIES if n != m) for m in MODALITIES}
    table = oracle_scores(corpus, world, subsets=[MODALITIES, *subsets.values()], view=view)[metrics.TITLES[metric]]
    table = table.xs(CONTEXTS["dialogue"], level="context")
    return pd.Series({m: table["+".join(MODALITIES)] - table["+".join(rest)] for m, rest in subsets.items()})


def believed(corpus: Corpus, world: World, split: str = "test", view: str = "vectors") -> pd.DataFrame:
    """Predictions of utterances whose voice (or face) shows another emotion than the true one, the decoy, by the oracle
    that sees the whole dialogue and its text in a view.

    Rows: modality. Columns, in percent: how often the answer is the truth and how often it is the decoy, from that
    modality alone and from all modalities. The truth is the emotion of the speaker, not what annotators wrote.

    Raises:
        UsageError: no utterance of the split is incongruent.
    """
    truth = corpus.table["emotion"].to_numpy()[corpus.rows(split)]
    names, rows = np.array(corpus.labels), {}
    for modality in ("audio", "visual"):
        shown = corpus.table[f"{modality}_shown"].to_numpy()[corpus.rows(split)]
        lying = (shown != "masked") & (shown != names[truth])
        if not lying.any():
            raise UsageError(f"no {modality} lies in the {split} split", remedy="Generate with incongruent > 0.")
        row = {"utterances": int(lying.sum())}
        for who, subset in ((f"{modality} alone", (modality,)), ("all modalities", corpus.modalities)):
            found = posterior(corpus, world, subset, "dialogue", split=split, view=view)
            guess = names[found.emotion.argmax(1)][lying]
            row |= {f"{who.split()[0]}: truth": 100 * (guess == names[truth][lying]).mean(),
                    f"{who.split()[0]}: decoy": 100 * (guess == shown[lying]).mean()}
        rows[modality] = {k.replace(f"{modality}:", "alone:"): v for k, v in row.items()}
    return pd.DataFrame(rows).T


def calibration(corpus: Corpus, world: World, bins: int = 10, view: str = "vectors") -> tuple[pd.DataFrame, float]:
    """The frequency of a label, beside the probability that the oracle of a view gives it, over all splits.

    Returns:
        Index (context, bin), columns `probability` (mean of the bin), `happens` and `error` (the standard error of
        `happens` if the probabilities are right); then the calibration error of the worst context, the mean absolute
        difference of `probability` and `happens` over all probabilities, a share.
    """
    hit, rows, worst = np.eye(len(corpus.labels))[corpus.table["label"]], {}, 0.0
    for context, words in CONTEXTS.items():
        p = posterior(corpus, world, context=context, view=view).label
        at = np.minimum((p * bins).astype(int), bins - 1)
        for b in range(bins):
            mine = p[at == b]
            rows[words, b] = {"probability": mine.mean(), "happens": hit[at == b].mean(),
                              "error": np.sqrt((mine * (1 - mine)).sum()) / len(mine)}
        worst = max(worst, sum(abs(p[at == b].sum() - hit[at == b].sum()) for b in range(bins)) / p.size)
    return pd.DataFrame(rows).T, worst
