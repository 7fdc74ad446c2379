"""From one corpus to another: a model that was trained on one is asked about the other, on the labels that both have.

Labels are compared by what they mean (`SYNONYMS`). Where several labels of a corpus mean the same, their probabilities
are summed; a label that the other corpus does not have is no answer, and utterances that have it are not scored, though
they stay in the conversation. A model and the one that was trained at home are scored by the same rule.

What the model reads is shifted and scaled by the training split that it was trained on, as it was in training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch

from erclab.analysis.inside import check_corpus
from erclab.core import metrics
from erclab.core.batches import DialogueBatch
from erclab.core.errors import UsageError
from erclab.corpora import MODALITIES, UNLABELLED, Corpus, simulated
from erclab.corpora.views import DialogueView, Standardiser
from erclab.runs import Record
from erclab.training import loop

# What a label means, where another corpus calls it otherwise. "excited" joins "happy" in IEMOCAP's usual four classes.
SYNONYMS = {"happy": "joy", "happiness": "joy", "excited": "joy", "sad": "sadness", "angry": "anger"}

# How the people who label a simulated corpus of the one scheme would label it in the other's words; "": not at all.
TRANSLATION = {
    "iemocap": {"happy": "joy", "excited": "joy", "sad": "sadness", "neutral": "neutral", "angry": "anger",
                "frustrated": ""},
    "meld": {"joy": "happy", "sadness": "sad", "neutral": "neutral", "anger": "angry", "surprise": "", "fear": "",
             "disgust": ""},
}
# How other people talk: often three, who infect one another more, with voices and faces that tell less and lie more.
OTHERS = {"speakers": (0.0, 0.5, 0.5), "persistence": 0.1, "contagion": 0.4, "masked": 0.4, "incongruent": 0.2}


def meaning(label: str) -> str:
    """What a label means, in one word for all corpora."""
    return SYNONYMS.get(label, label)


def shared(first: Corpus, second: Corpus) -> tuple[str, ...]:
    """The meanings that labels of both corpora have, in the order of the first."""
    theirs = {meaning(label) for label in second.labels}
    return tuple(m for m in dict.fromkeys(map(meaning, first.labels)) if m in theirs)


def modalities(first: Corpus, second: Corpus) -> tuple[str, ...]:
    """The modalities whose vectors are of one make in both corpora: as wide, and by the same encoder if erclab's."""
    return tuple(m for m in MODALITIES if m in first.vectors and m in second.vectors
                 and first.dims[m] == second.dims[m] and first.encoders.get(m) == second.encoders.get(m))


def scores(record: Record, home: Corpus, abroad: Corpus, among: tuple[str, ...], split: str = "test"
           ) -> dict[str, float]:
    """The scores (`metrics.classification_scores`) of a model on a split of a corpus, among shared meanings.

    Args:
        record: a run of a model of dialogues that predicts emotions.
        home: what it was trained on.
        abroad: what it is asked about; the same corpus for the score that it has at home.
        among: the meanings that count, see `shared`.

    Raises:
        UsageError: the run was trained on another corpus than `home`, or the vectors differ in width.
    """
    truth, guess = answers(record, home, abroad, among, split)
    return metrics.classification_scores(truth, guess, len(among))


def answers(record: Record, home: Corpus, abroad: Corpus, among: tuple[str, ...], split: str = "test"
            ) -> tuple[np.ndarray, np.ndarray]:
    """(n,) truth and (n,) answer, as indices into `among`, of the utterances whose label means one of these. See
    `scores`."""
    truth = targets(abroad, among, split)
    at = truth >= 0
    chances = np.exp(_predictions(record, home, abroad, split))  # (N, C of home)
    own = [meaning(label) for label in home.labels]
    summed = np.stack([chances[:, [i for i, m in enumerate(own) if m == name]].sum(1) for name in among], 1)
    return truth[at], summed.argmax(1)[at]


def constant(home: Corpus, abroad: Corpus, among: tuple[str, ...], split: str = "test") -> dict[str, float]:
    """The scores of always answering what is most frequent in the training split of `home`."""
    truth, seen = targets(abroad, among, split), targets(home, among, "train")
    most = np.bincount(seen[seen >= 0], minlength=len(among)).argmax()
    return metrics.classification_scores(truth[truth >= 0], np.full((truth >= 0).sum(), most), len(among))


def targets(corpus: Corpus, among: tuple[str, ...], split: str) -> np.ndarray:
    """(N,) indices into `among` of a split's labels, -1 for what has another meaning, or no label."""
    index = np.array([among.index(m) if (m := meaning(label)) in among else -1 for label in corpus.labels] + [-1])
    return index[corpus.targets(split)]  # UNLABELLED is -1, the last


def _predictions(record: Record, home: Corpus, abroad: Corpus, split: str) -> np.ndarray:
    """(N, C of home) log-probabilities."""
    spec = record.spec
    check_corpus(record, home)
    for m in spec["modalities"]:
        if abroad.dims.get(m) != home.dims[m]:
            raise UsageError(f"{m} is {home.dims[m]} wide in {home.name} and {abroad.dims.get(m, 0)} in {abroad.name}",
                             remedy="Train on what both have (erclab.analysis.transfer.modalities).")
    fit = Standardiser.fit(home, spec["modalities"]) if spec["recipe"]["standardise"] else None
    known = spec["settings"].get("speakers", abroad.speaker_count)
    return loop.predictions(record.model(), Strangers(abroad, split, spec["modalities"], fit, known))


class Strangers(DialogueView):
    """A split whose speakers a model may not know: those beyond the ones that it was built for share the last."""

    def __init__(self, corpus: Corpus, split: str, modalities, standardiser: Standardiser | None, known: int):
        super().__init__(corpus, split, modalities, "cpu", standardiser)
        self.known = known

    def batch(self, dialogues) -> DialogueBatch:
        """These dialogues, padded to the longest of them."""
        made = super().batch(dialogues)
        return replace(made, speakers=torch.clamp(made.speakers, max=self.known - 1))


def translated(corpus: Corpus, words: Mapping[str, str]) -> Corpus:
    """The corpus with its labels in other words: old -> new, several may become one; "" and what is not named become
    no label at all, so that these utterances are only context for others."""
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
