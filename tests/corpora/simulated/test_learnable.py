"""The default corpus can be learned, and not to the end: models fall between the constant predictor and the oracle."""

from dataclasses import dataclass

import pytest
import torch
from sklearn.metrics import f1_score
from torch import nn

from erclab import corpora, runs
from erclab.corpora import SPLITS, simulated
from erclab.corpora.simulated import oracle
from erclab.corpora.views import DialogueView, Standardiser
from erclab.models import Output
from erclab.models.interface import Model
from erclab.training import loop
from erclab.training.device import seeded
from erclab.training.recipes import Recipe


class SmallGRU(Model):
    """One causal GRU over all modalities side by side."""

    @dataclass(frozen=True)
    class Config:
        outputs: int
        task: str = "emotion"

    def __init__(self, width: int, classes: int):
        super().__init__()
        self.config = self.Config(classes)
        self.gru = nn.GRU(width, 64, batch_first=True)
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(64, classes))

    def forward(self, batch):
        x = torch.cat(list(batch.features.values()), -1)
        return Output(self.head(self.gru(x)[0]))


@pytest.fixture(scope="module")
def corpus():
    return corpora.load("simulated")


def test_a_linear_probe_and_a_small_gru_fall_between_the_constant_and_the_oracle(corpus, tmp_path):
    truth = corpus.targets("test")
    score = {name: runs.run(name, corpus, folder=tmp_path)[0].scores()["weighted_f1"]
             for name in ("constant", "linear")}
    standardiser = Standardiser.fit(corpus, corpus.modalities)
    views = {s: DialogueView(corpus, s, corpus.modalities, standardiser=standardiser) for s in SPLITS}
    device = torch.device("cpu")
    with seeded(0, device):
        model = SmallGRU(sum(corpus.dims.values()), len(corpus.labels))
        recipe = Recipe(epochs=12, learning_rate=3e-3)
        found = loop.train(model, views, recipe, seed=0, progress=False)
    guess = found.choices["sound"].predictions["test"].argmax(1)
    score["gru"] = f1_score(truth, guess, average="weighted")
    world = simulated.world_of("small")
    best = {context: f1_score(truth, oracle.posterior(corpus, world, context=context, split="test").emotion.argmax(1),
                              average="weighted") for context in ("utterance", "causal")}
    margin = 0.03
    assert score["constant"] + margin < score["linear"] < best["utterance"] - margin
    assert score["constant"] + margin < score["gru"] < best["causal"] - margin
