"""From one corpus to another: a model is trained on one corpus and tested on the other, on the labels of both.

Labels are compared by their meaning (`SYNONYMS`). If several labels of a corpus mean the same, their probabilities are
summed. A label that the other corpus does not have is never predicted; utterances with such a label are not scored, but
stay in the conversation. The guest (trained elsewhere) and the model of the tested corpus are scored by the same rule.

The input is shifted and scaled by the guest's own training split, as in its training (`Record.fitted`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd
import torch

from erclab import runs
from erclab.analysis import ablation, statistics, tallies
from erclab.analysis.inside import check_corpus
from erclab.core import metrics
from erclab.core.batches import DialogueBatch
from erclab.core.errors import UsageError
from erclab.core.targets import Task
from erclab.corpora import MODALITIES, UNLABELLED, Corpus, simulated
from erclab.corpora.views import DialogueView, Standardiser
from erclab.runs import Record
from erclab.runs.looks import look
from erclab.training import loop

# The meaning of a label that has another name in another corpus. "excited" joins "happy" in IEMOCAP's usual four
# classes.
SYNONYMS = {"happy": "joy", "happiness": "joy", "excited": "joy", "sad": "sadness", "angry": "anger"}

# The name of a label of one scheme of a simulated corpus in the other scheme; "" for a label without a name there.
TRANSLATION = {
    "iemocap": {"happy": "joy", "excited": "joy", "sad": "sadness", "neutral": "neutral", "angry": "anger",
                "frustrated": ""},
    "meld": {"joy": "happy", "sadness": "sad", "neutral": "neutral", "anger": "angry", "surprise": "", "fear": "",
             "disgust": ""},
}
# How the second corpus differs: often three speakers, more contagion of emotions, and voices and faces that are masked
# or incongruent more often.
OTHERS = {"speakers": (0.0, 0.5, 0.5), "persistence": 0.1, "contagion": 0.4, "masked": 0.4, "incongruent": 0.2}


def meaning(label: str) -> str:
    """The meaning of a label, in one word for all corpora."""
    return SYNONYMS.get(label, label)


def shared(first: Corpus, second: Corpus) -> tuple[str, ...]:
    """The meanings that both corpora have labels for, in the order of the first corpus."""
    theirs = {meaning(label) for label in second.labels}
    return tuple(m for m in dict.fromkeys(map(meaning, first.labels)) if m in theirs)


def modalities(first: Corpus, second: Corpus) -> tuple[str, ...]:
    """The modalities whose vectors have the same width and the same encoder of erclab in both corpora."""
    return tuple(m for m in MODALITIES if m in first.vectors and m in second.vectors
                 and first.dims[m] == second.dims[m] and first.encoders.get(m) == second.encoders.get(m))


def transfer_scores(record: Record, home: Corpus, abroad: Corpus, among: tuple[str, ...], split: str = "test"
                    ) -> dict[str, float]:
    """The scores (`metrics.classification_scores`) of a model on a split of a corpus, among shared meanings.

    Args:
        record: a run of a model of dialogues that predicts emotions.
        home: the corpus of its training.
        abroad: the corpus of the test; the same corpus for the score at home.
        among: the meanings that count, see `shared`.

    Raises:
        UsageError: the run was trained on another corpus than `home`, or the vectors differ in width.
    """
    truth, guess = truth_and_predictions(record, home, abroad, among, split)
    return metrics.classification_scores(truth, guess, len(among))


def truth_and_predictions(record: Record, home: Corpus, abroad: Corpus, among: tuple[str, ...], split: str = "test"
                          ) -> tuple[np.ndarray, np.ndarray]:
    """(n,) truth and (n,) answer, as indices into `among`, of the utterances whose label means one of these. See
    `transfer_scores`."""
    truth = targets(abroad, among, split)
    at = truth >= 0
    return truth[at], guest_guesses(record, home, abroad, among, split)[at]


@look
def guest_guesses(record: Record, home: Corpus, abroad: Corpus, among: tuple[str, ...], split: str = "test"
                  ) -> np.ndarray:
    """(N,) the answer to each utterance of a split, as an index into `among`. See `transfer_scores`."""
    chances = np.exp(_predictions(record, home, abroad, split))  # (N, C of home)
    own = [meaning(label) for label in home.labels]
    return np.stack([chances[:, [i for i, m in enumerate(own) if m == name]].sum(1) for name in among], 1).argmax(1)


def constant(home: Corpus, abroad: Corpus, among: tuple[str, ...], split: str = "test") -> dict[str, float]:
    """The scores of a constant answer, the most frequent meaning in the training split of `home`."""
    truth, seen = targets(abroad, among, split), targets(home, among, "train")
    most = np.bincount(seen[seen >= 0], minlength=len(among)).argmax()
    return metrics.classification_scores(truth[truth >= 0], np.full((truth >= 0).sum(), most), len(among))


def guest_scores(records: Sequence[Record], home: Corpus, abroad: Corpus, among: tuple[str, ...]) -> pd.DataFrame:
    """A row per run: its scores on the test split of `abroad` among shared meanings."""
    return pd.DataFrame([transfer_scores(r, home, abroad, among) for r in records])


def guest_gain(own: Sequence[Record], guest: Sequence[Record], home: Corpus, abroad: Corpus, among: tuple[str, ...]
         ) -> statistics.Estimate:
    """How much higher the guest's weighted F1 is on the test split of `abroad` than that of the corpus's own model,
    over seeds and dialogues.

    Args:
        own, guest: runs trained on `abroad` and on `home`, as many of each.
    """
    truth, dialogue = targets(abroad, among, "test"), tallies.dialogues_of(abroad, "test")
    task, at = Task("shared", "classes", among), truth >= 0
    found = []
    for records, origin in ((guest, home), (own, abroad)):
        some = []
        for r in records:
            said = np.zeros(len(truth), dtype=int)
            said[at] = truth_and_predictions(r, origin, abroad, among)[1]
            some.append(tallies.tally(task, truth, said, dialogue))
        found.append(tallies.sampled(some, "weighted_f1"))
    return (found[0] - found[1]).estimate()


def between(first: Sequence[Record], second: Sequence[Record], corpus: Corpus, other: Corpus) -> pd.DataFrame:
    """For the test split of each corpus: a model of the other one, a model of its own, and the constant answer of the
    guest's corpus. All are scored on the labels that both corpora have.

    Columns: accuracy and weighted F1 in percent, mean ± deviation over seeds; the utterances that are scored; and for
    the guest, how much its weighted F1 differs from the one at home, with the 95 % interval over seeds and dialogues
    and the verdict, where a point matters (`ablation.ARCHITECTURE`).

    Args:
        first, second: runs of a model trained on `corpus` and on `other`.
    """
    among, rows = shared(corpus, other), {}
    for abroad, at_home, guest, home in ((other, second, first, corpus), (corpus, first, second, other)):
        tested = f"tested on {abroad.name}"
        own, foreign = guest_scores(at_home, abroad, abroad, among), guest_scores(guest, home, abroad, among)
        found = guest_gain(at_home, guest, home, abroad, among)
        low, high = found.interval()
        count = int((targets(abroad, among, "test") >= 0).sum())
        rows[tested, f"trained on {abroad.name}"] = _row(own, count)
        rows[tested, f"trained on {home.name}"] = _row(foreign, count) | {
            key: f"{100 * x:.1f}" for key, x in (("difference", found.value), ("low", low), ("high", high))} | {
            "matters": ablation.ARCHITECTURE,
            "verdict": statistics.verdict(found, ablation.smallest("weighted_f1", ablation.ARCHITECTURE))}
        rows[tested, f"most frequent in {home.name}"] = _row(pd.DataFrame([constant(home, abroad, among)]), count)
    return pd.DataFrame(rows).T.fillna("").rename_axis(["corpus", "model"])


def transfer_confusion(records: Sequence[Record], home: Corpus, abroad: Corpus, among: tuple[str, ...]) -> np.ndarray:
    """Counts among shared meanings, row = truth, on the test split of `abroad`; mean over runs."""
    found = [metrics.confusion(*truth_and_predictions(r, home, abroad, among), len(among)) for r in records]
    return np.mean(found, axis=0)


def _row(found: pd.DataFrame, count: int) -> dict[str, str | int]:
    return {metrics.TITLES[m]: str(statistics.summarise(found[m])) for m in ("accuracy", "weighted_f1")} | {
        "runs": len(found), "utterances": count}


def targets(corpus: Corpus, among: tuple[str, ...], split: str) -> np.ndarray:
    """(N,) indices into `among` of a split's labels, -1 for another meaning or no label."""
    index = np.array([among.index(m) if (m := meaning(label)) in among else -1 for label in corpus.labels] + [-1])
    return index[corpus.targets(split)]  # UNLABELLED is -1, the last entry


def _predictions(record: Record, home: Corpus, abroad: Corpus, split: str) -> np.ndarray:
    """(N, C of home) log-probabilities."""
    spec = record.spec
    check_corpus(record, home)
    for m in spec["modalities"]:
        if abroad.dims.get(m) != home.dims[m]:
            raise UsageError(f"{m} is {home.dims[m]} wide in {home.name} and {abroad.dims.get(m, 0)} in {abroad.name}",
                             remedy="Train on what both have (erclab.analysis.transfer.modalities).")
    kept = record.fitted or runs.fitted_on(spec, home)
    known = spec["settings"].get("speakers", abroad.speaker_count)
    return loop.predictions(record.model(), Strangers(abroad, split, spec["modalities"], kept.standardiser, known))


class Strangers(DialogueView):
    """A split with more speakers than the model was built for: the surplus speakers share the last number."""

    def __init__(self, corpus: Corpus, split: str, modalities, standardiser: Standardiser | None, known: int):
        super().__init__(corpus, split, modalities, "cpu", standardiser)
        self.known = known

    def batch(self, dialogues) -> DialogueBatch:
        """These dialogues, padded to the longest of them. Their labels are those of another corpus and left out."""
        made = super().batch(dialogues)
        return replace(made, speakers=torch.clamp(made.speakers, max=self.known - 1),
                       labels=torch.full_like(made.labels, UNLABELLED))


def translated(corpus: Corpus, words: Mapping[str, str]) -> Corpus:
    """The corpus with renamed labels: old -> new, several may become one. A label that becomes "" or is not named is
    removed, so that its utterances are only context for others."""
    labels = tuple(dict.fromkeys(w for label in corpus.labels if (w := words.get(label))))
    index = np.array([labels.index(w) if (w := words.get(label)) else UNLABELLED for label in corpus.labels]
                     + [UNLABELLED])
    return replace(corpus, labels=labels, table=corpus.table.assign(label=index[corpus.table["label"]]))


@lru_cache(maxsize=4)
def sibling(name: str, seed: int = 1) -> Corpus | None:
    """A second corpus for a simulated one (None for another): the same language, other people (`OTHERS`) and another
    scheme of labels (`TRANSLATION`), in the same sizes."""
    if name not in simulated.NAMES:
        return None
    settings = simulated.PRESETS[simulated.NAMES[name]]
    made = simulated.generate(simulated.NAMES[name], seed=settings.seed + seed, **OTHERS)
    return replace(translated(made, TRANSLATION[settings.scheme]), name=f"{name}-other",
                   source=f"{made.source}, other people")
