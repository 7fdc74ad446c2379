"""A model as a run would build it, before training, and a small batch of its corpus: what labs and drawings show."""

from __future__ import annotations

import torch

from erclab import models
from erclab.core.batches import DialogueBatch, SequenceBatch
from erclab.corpora import Corpus
from erclab.models.interface import Model
from erclab.runs.data import views
from erclab.runs.spec import plan


def before_training(name: str, corpus: Corpus, *, dialogues: int, utterances: int, seed: int | None = None
                    ) -> tuple[Model, DialogueBatch | SequenceBatch, str]:
    """The model in the size of its smoke recipe, in evaluation mode; the first items of the test split; and what they
    are, such as "2 dialogues of simulated-lesson".

    Args:
        name: of the model.
        dialogues, utterances: how many, of a model of dialogues and of one of sequences.
        seed: of the model's first parameters; None leaves the generator as it is.

    Raises:
        UsageError: there is no such model, or the corpus lacks what it reads.
    """
    spec = plan(name, corpus)[0]
    info, view = models.info(spec.model), views(spec, corpus, splits=["test"])["test"]
    turns = info.view == "dialogue"
    batch = view.batch(list(range(dialogues if turns else utterances)))
    if seed is not None:
        torch.manual_seed(seed)
    model = models.build(spec.model, spec.settings).eval()
    return model, batch, f"{len(batch)} {'dialogues' if turns else 'utterances'} of {corpus.name}"
