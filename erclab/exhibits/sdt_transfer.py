"""SDT on another corpus than it was trained on (S9)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from erclab.analysis import statistics, transfer
from erclab.core import metrics
from erclab.corpora import Corpus
from erclab.exhibits import ablation, lacks
from erclab.exhibits.catalogue import Runs
from erclab.exhibits.scores import TITLES
from erclab.figures import style
from erclab.runs import Question, Record

HERE, THERE = "first", "second"


def second(corpus: Corpus) -> Corpus | None:
    """The second corpus where none is named: a simulated one has its own."""
    return transfer.sibling(corpus.name)


def nothing_shared(corpus: Corpus, other: Corpus | None) -> str:
    """Why the two cannot be compared: they must have vectors of one make, and two labels of one meaning."""
    for one in (corpus, other) if other else (corpus,):
        if why := lacks.all_of(lacks.vectors(), lacks.task("emotion"))(one):
            return why if one is corpus else f"the second, {one.name}: {why}"
    if other is None:
        return "no second corpus is named (--other)"
    if other.fingerprint == corpus.fingerprint:
        return "the second corpus is the first"
    if not transfer.modalities(corpus, other):
        return f"no modality has the same features in {other.name}"
    common = transfer.shared(corpus, other)
    return "" if len(common) > 1 else f"it has {len(common)} label(s) in common with {other.name}"


def questions(corpus: Corpus, other: Corpus) -> dict[str, Question]:
    """The questions of S9: SDT trained on each, with the modalities that are of one make in both."""
    settings = {"modalities": list(transfer.modalities(corpus, other)), "task": "emotion"}
    return {HERE: Question("sdt", settings), THERE: Question("sdt", settings, on_other=True)}


def table(corpus: Corpus, runs: Runs, other: Corpus) -> pd.DataFrame:
    """S9. For the test split of each corpus: a model of the other one, a model of its own, and the label that is most
    frequent where the guest was trained. All are scored on the labels that both corpora have (`transfer`).

    Columns: accuracy and weighted F1 in percent, mean ± deviation over seeds; the utterances that are scored; and of
    the guest, how much its weighted F1 differs from the one at home, with Welch's 95 % interval and the verdict.
    """
    among, rows = transfer.shared(corpus, other), {}
    for abroad, at_home, guest, home in ((other, THERE, HERE, corpus), (corpus, HERE, THERE, other)):
        tested = f"tested on {abroad.name}"
        own = guest_scores(runs[at_home], abroad, abroad, among)
        foreign = guest_scores(runs[guest], home, abroad, among)
        found = statistics.gain(foreign["weighted_f1"], own["weighted_f1"])
        count = int((transfer.targets(abroad, among, "test") >= 0).sum())
        rows[tested, f"trained on {abroad.name}"] = _row(own, count)
        rows[tested, f"trained on {home.name}"] = _row(foreign, count) | {
            key: f"{100 * found[key]:.1f}" for key in ("difference", "low", "high")} | {
            "verdict": ablation.verdict(found)}
        rows[tested, f"most frequent in {home.name}"] = _row(
            pd.DataFrame([transfer.constant(home, abroad, among)]), count)
    return pd.DataFrame(rows).T.fillna("").rename_axis(["corpus", "model"])


def bars(corpus: Corpus, runs: Runs, other: Corpus) -> Figure:
    """The weighted F1 of S9: for each corpus its own model, the guest, and the constant answer."""
    among, groups, colours, lost = transfer.shared(corpus, other), {}, {}, []
    for abroad, at_home, guest, home in ((other, THERE, HERE, corpus), (corpus, HERE, THERE, other)):
        own, foreign = (guest_scores(runs[name], origin, abroad, among)["weighted_f1"]
                        for name, origin in ((at_home, abroad), (guest, home)))
        constant = [transfer.constant(home, abroad, among)["weighted_f1"]]
        for who, x, colour in (("its own model", own, style.BLUE), (f"from {home.name}", foreign, style.ORANGE),
                               ("constant answer", constant, style.GREY)):
            groups[name := f"{abroad.name}: {who}"] = x
            colours[name] = colour
        lost.append(f"{100 * (foreign.mean() - own.mean()):+.0f}")
    return style.seed_bars(groups, title=f"A model from elsewhere: {' and '.join(lost)} points", colours=colours,
                         xlabel="weighted F1 on the test split, shared labels (%)")


def guest_scores(records: Sequence[Record], home: Corpus, abroad: Corpus, among: tuple[str, ...]) -> pd.DataFrame:
    """A row per run: its scores on the test split of `abroad` among shared labels."""
    return pd.DataFrame([transfer.scores(r, home, abroad, among) for r in records])


def _row(found: pd.DataFrame, count: int) -> dict[str, str | int]:
    return {TITLES[m]: str(statistics.summarise(found[m])) for m in ("accuracy", "weighted_f1")} | {
        "runs": len(found), "utterances": count}


def confusions(corpus: Corpus, runs: Runs, other: Corpus) -> Figure:
    """The mean confusion matrix of each model abroad, over seeds, in the labels that both corpora have."""
    among = transfer.shared(corpus, other)
    width = 1.15 * len(among) + 1.4
    made, axes = style.figure(1, 2, figsize=(2 * width, width))
    for axis, name, home, abroad in ((axes[0, 0], HERE, corpus, other), (axes[0, 1], THERE, other, corpus)):
        counts = np.mean([metrics.confusion(*transfer.answers(r, home, abroad, among), len(among))
                          for r in runs[name]], axis=0)
        style.confusion(counts, among, title=f"From {home.name}\nto {abroad.name}", axis=axis)
    return made
