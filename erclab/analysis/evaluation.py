"""The scores of a run on conversations that it was not trained on, with their standard errors over dialogues.

Utterances of one dialogue are not independent, so dialogues are left out, not utterances. A standard error is that of
the delete-a-group jackknife (Shao and Wu 1989, "A general theory for jackknife variance estimation", Annals of
Statistics 17): dialogues are dealt into G groups, a score is computed without each group, and

    SE² = (G - 1) / G · sum over groups of (score without the group - mean of these scores)²

which serves every score of `erclab.core.metrics`. Two evaluations on the same dialogues are compared group by group
(`Evaluation.gap`): what makes a dialogue hard for both cancels.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from erclab import runs
from erclab.analysis import ceilings, statistics
from erclab.analysis.inside import check_fitted
from erclab.analysis.shown import shown_as
from erclab.analysis.tallies import dialogues_of
from erclab.core import metrics
from erclab.core.errors import UsageError
from erclab.core.targets import Task
from erclab.corpora import Corpus, simulated
from erclab.corpora.simulated.generator import world_described
from erclab.corpora.simulated.oracle import posterior
from erclab.runs import Record
from erclab.runs.data import flat_splits
from erclab.training import loop
from erclab.training.device import choose_device

GROUPS = 50  # of dialogues; the relative error of a standard error is about 1 / sqrt(2 GROUPS), a tenth


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation:
    """Predictions for a split of a corpus, and what follows from them.

    Attributes:
        title: of the run or the oracle.
        target: the task, with names and scale.
        truth: (N,) label indices, or (N, K); -1 and NaN where there is none.
        predictions: (N, C), see `erclab.core.tasks.predictions`; rows as in the split.
        dialogue: (N,) the number of the utterance's dialogue in the split, from 0.
        corpus: its name and source, for the heading.
        oracles: of a simulated corpus: context -> the exact oracle of the view that the run reads, on the same
            utterances (`beside`).
    """

    title: str
    target: Task
    truth: np.ndarray
    predictions: np.ndarray
    dialogue: np.ndarray
    corpus: str = ""
    oracles: Mapping[str, Evaluation] = field(default_factory=dict)

    def to_frame(self) -> pd.DataFrame:
        """The headline scores, each followed by its standard error: a row for the run, one for each oracle, and one for
        how much higher the run is than each oracle."""
        rows = {one.title: (one.scores, one.errors) for one in (self, *self.oracles.values())}
        for one in self.oracles.values():
            found = self.gap(one)
            rows[f"less the {one.title}"] = dict(found["difference"]), dict(found["error"])
        return pd.DataFrame({title: {name: value for score in metrics.headline(self.target) for name, value in
                                     ((score, scores[score]), (f"{score}_error", errors[score]))}
                             for title, (scores, errors) in rows.items()}, dtype=float).T

    def _heading(self) -> str:
        count = f"{len(self.truth):,} utterances of {self.dialogue.max() + 1:,} dialogues"
        return f"{self.title}, {self.corpus}: {count}, ± standard error over dialogues"

    def _cells(self) -> pd.DataFrame:
        """`to_frame` as text, shares in percent."""
        table, found = self.to_frame(), {}
        for score in metrics.headline(self.target):
            scale, digits = shown_as(score)
            values, errors = (table[name].map(lambda x, d=digits, s=scale: "–" if np.isnan(x) else f"{s * x:.{d}f}")
                              for name in (score, f"{score}_error"))
            found[metrics.TITLES[score]] = values + " ± " + errors
        return pd.DataFrame(found)

    def __repr__(self) -> str:
        """The table of scores."""
        return f"{self._heading()}\n{self._cells().to_string()}"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self._heading())}</p>{self._cells().to_html(border=0)}"

    @cached_property
    def scores(self) -> dict[str, float | None]:
        """Every score of the task, see `erclab.core.metrics.scores`."""
        return metrics.scores(self.target, self.truth, self.predictions)

    @cached_property
    def errors(self) -> dict[str, float]:
        """Score -> its standard error over dialogues; NaN with one dialogue."""
        return _error(self._without)

    @cached_property
    def confusions(self) -> np.ndarray:
        """(D, C, C) counts of each dialogue: row = truth, column = prediction. Statistics may resample dialogues.

        Raises:
            UsageError: the task has no classes.
        """
        if self.target.kind != "classes":
            raise UsageError(f"{self.target.name} has no confusion matrix", remedy="Only a task of classes has one.")
        C = self.predictions.shape[1]
        counts, at = np.zeros((self.dialogue.max() + 1, C, C), dtype=np.int64), self.truth >= 0
        np.add.at(counts, (self.dialogue[at], self.truth[at], self.predictions[at].argmax(1)), 1)
        return counts

    def gap(self, other: Evaluation) -> pd.DataFrame:
        """How much higher each score is than that of another evaluation on the same dialogues.

        Returns:
            Index score; columns `difference` and `error`, its standard error over dialogues.

        Raises:
            UsageError: the other evaluation is of other utterances or labels.
        """
        same = self.truth.shape == other.truth.shape and np.array_equal(self.dialogue, other.dialogue)
        if not same or not np.array_equal(self.truth, other.truth, equal_nan=self.truth.dtype.kind == "f"):
            raise UsageError(f"{self.title} and {other.title} were not evaluated on the same utterances",
                             remedy="Evaluate both on one corpus, split and task.")
        error = _error(self._without - other._without)
        values = pd.DataFrame([self.scores, other.scores]).astype(float)
        return pd.DataFrame({"difference": values.loc[0] - values.loc[1], "error": pd.Series(error)})

    @cached_property
    def _without(self) -> pd.DataFrame:
        """(G, scores) the scores without each group of dialogues; a group without which nothing is left is no group."""
        group, rows = self.dialogue % GROUPS, []
        at = self.truth >= 0 if self.truth.ndim == 1 else ~np.isnan(self.truth).all(1)
        for g in np.unique(group[at]):
            rest = at & (group != g)
            if rest.any():
                rows.append(metrics.scores(self.target, self.truth[rest], self.predictions[rest]))
        return pd.DataFrame(rows, columns=list(self.scores), dtype=float)


def _error(without: pd.DataFrame) -> dict[str, float]:
    """The jackknife's standard error from scores without each group."""
    count = len(without)
    if count < 2:
        return dict.fromkeys(map(str, without), np.nan)
    spread = ((without - without.mean()) ** 2).sum(skipna=False)
    return {str(name): float(x) for name, x in np.sqrt((count - 1) / count * spread).items()}


def evaluate(record: Record, corpus: Corpus, split: str = "test", *, device: str = "cpu") -> Evaluation:
    """A saved run on a corpus of the same labels and widths, with the standardiser of its training. Nothing is trained.

    On the corpus of training these are the scores and predictions of the record. A trained model has the weights of the
    valid-selected (sound) epoch.

    Args:
        corpus: labelled; it may lack the other splits.
        device: where to compute: "cpu", "cuda", "auto" ...

    Raises:
        UsageError: the corpus does not fit the run.
        CorpusError: the split is empty or without labels.
        RunError: the run lacks its weights, or what was fitted on the corpus of training.
        FeatureError: the tokenizer of a run that reads words is not available.
    """
    check_fitted(record, corpus)
    if record.info.kind == "fitted":
        found = record.baseline().predict(flat_splits(record, corpus, [split])[split])
    else:
        place = choose_device(device)
        found = loop.predictions(record.model(place), runs.views(record, corpus, place, [split])[split])
    return _on(corpus, split, record.title, record.target, found)


def by_split(groups: Mapping[str, Sequence[Record]], corpus: Corpus) -> pd.DataFrame:
    """What runs learnt and what of it holds for other utterances: the score that figures show (`statistics.shown`), on
    the training, validation and test split of the corpus of training. One row per group, means over its runs.

    Raises:
        RunError: a run lacks its weights, or what was fitted on its corpus.
    """
    metric = statistics.shown_metric(groups)
    return pd.DataFrame({name: {split: float(np.mean([evaluate(r, corpus, split).scores[metric] for r in records]))
                                if split == "train" else float(statistics.values(records, metric, split).mean())
                                for split in ("train", "valid", "test")} for name, records in groups.items()}).T


def beside(found: Evaluation, record: Record, corpus: Corpus, split: str = "test") -> Evaluation:
    """The same evaluation with the exact oracles of a simulated corpus, which see what the run sees (its modalities,
    and the text in its view): without the conversation, with what was said before, with the whole dialogue. Without
    oracles for another task than emotion and for another corpus."""
    world = simulated.world_behind(corpus)
    if world is None or record.task != "emotion":
        return found
    view, oracles = ceilings.view_read_by(record), {}
    for context, name in ceilings.CONTEXTS.items():
        best = posterior(corpus, world, record.spec["modalities"], context, split=split, view=view).label
        oracles[name] = _on(corpus, split, ceilings.oracle_title(view, name), found.target, np.log(best.clip(1e-300)))
    return replace(found, oracles=oracles)


def _on(corpus: Corpus, split: str, title: str, target: Task, predictions: np.ndarray) -> Evaluation:
    return Evaluation(title, target, corpus.targets(split, target.name), predictions, dialogues_of(corpus, split),
                      f"{split} split of {corpus.name} ({corpus.source})")


def corpus_of(run: Record) -> Corpus:
    """The simulated corpus that a run was trained on, generated again.

    Raises:
        UsageError: the corpus was not simulated, or the world of today is another one.
    """
    name, about = run.spec["corpus"], run.data["corpus"]
    world = world_described(name, about.get("source", "simulated, seed 0"))  # records of before lack it
    if world is None:
        raise UsageError(f"{name}, on which the run was trained, cannot be generated", where=run.id,
                         remedy="Give a corpus: corpus=erc.load(...); on the command line --corpus and --data.")
    corpus = simulated.generate(simulated.NAMES[name], frames=bool(about["frame_dims"]), **asdict(world.settings))
    if corpus.fingerprint != run.spec["fingerprint"]:
        raise UsageError("the simulated corpus of the run cannot be generated again: an older version of erclab made "
                         "it, or it was changed after it was made", where=run.id,
                         remedy="Train the run again; or give a corpus (--corpus) if the run is to read another world.")
    return corpus
