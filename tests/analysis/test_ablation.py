"""Tables and figures of ablations: intervals over seeds and dialogues, and words that are no stronger than these."""

from types import SimpleNamespace

import numpy as np
import pytest

from erclab.analysis import ablation, statistics
from erclab.core import metrics
from erclab.corpora import simulated
from erclab.exhibits import drawn

SEEDS = 3


@pytest.fixture(scope="module")
def corpus():
    return simulated.generate("tiny", dialogues=(8, 4, 60))


class Answers:
    """A record whose predictions are given."""

    protocol, id, title = "sound", "run", "a run"
    info = SimpleNamespace(kind="trained")

    def __init__(self, corpus, seed, predictions, path):
        self.target, self.path, self.answers = corpus.task("emotion"), path, predictions
        self.task, self.spec = "emotion", {"seed": seed, "fingerprint": corpus.fingerprint}
        self.truth = corpus.targets("test")

    def guesses(self, split="test", protocol=None):
        return self.answers

    def scores(self, split="test"):
        return metrics.scores(self.target, self.truth, self.answers)


@pytest.fixture(scope="module")
def groups(corpus, tmp_path_factory):
    """Settings that are right in a share of the utterances; "without a hair" errs where the whole model errs, but for a
    few utterances of each seed."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "run.predictions.safetensors").write_bytes(b"")
    truth, C = corpus.targets("test"), len(corpus.labels)
    wrong = (truth + 1 + np.random.default_rng(0).integers(C - 1, size=len(truth))) % C
    luck, found = np.random.default_rng(1).random(len(truth)), {}
    for name, share in {"whole": 0.7, "without a leg": 0.55, "without a hair": 0.7, "with luck": 0.7}.items():
        found[name] = []
        for seed in range(SEEDS):
            rng = np.random.default_rng([len(name), seed])
            own = rng.random(len(truth)) if name == "with luck" else luck + rng.normal(0, 0.003, len(truth))
            guess = np.where(own < share, truth, wrong)
            found[name].append(Answers(corpus, seed, np.eye(C)[guess], folder / "run.json"))
    return found


def test_each_verdict_is_that_of_the_interval_over_seeds_and_dialogues(groups, corpus):
    table = ablation.effects(groups, corpus, matters=1.0, published={"whole": 70.0, "without a leg": 60.5})
    assert table["verdict"].iloc[1:].tolist() == ["lower", "equivalent", "undecided"]
    assert set(table["interval over"].iloc[1:]) == {"seeds and dialogues"} and set(table["matters"].iloc[1:]) == {1.0}
    scores = {name: statistics.values(records) for name, records in groups.items()}
    for name in ("without a leg", "without a hair", "with luck"):
        row = table.loc[name]
        assert row["difference"] == pytest.approx(100 * (scores[name] - scores["whole"]).mean(), abs=0.051)
        assert row["low"] < row["difference"] < row["high"]
    assert table.loc["without a leg", "P(higher)"] == 0 and table["runs"].tolist() == [SEEDS] * 4
    assert table["published"].tolist()[:2] == [70.0, 60.5] and np.isnan(table["published"].iloc[2])


def test_an_effect_that_few_seeds_repeat_is_not_yet_one_of_the_population(groups, corpus):
    """Seeds that agree exactly have an interval over seeds without width; their test dialogues are still a draw."""
    same = {name: [groups[name][0]] * SEEDS for name in ("whole", "with luck")}
    for records in same.values():
        for seed, r in enumerate(records):
            records[seed] = Answers(corpus, seed, r.answers, r.path)
    gaps = ablation.effects(same, corpus).iloc[1]
    assert gaps["high"] - gaps["low"] > 2 and gaps["verdict"] == "undecided"


def test_without_predictions_nothing_is_judged(groups, tmp_path):
    table = ablation.effects(groups)
    assert set(table["verdict"].iloc[1:]) == {statistics.NOT_JUDGED}
    assert set(table["interval over"].iloc[1:]) == {"seeds only, this test split"}


def test_one_seed_is_called_so(groups, corpus):
    one = ablation.effects({name: records[:1] for name, records in groups.items()}, corpus)
    assert set(one["verdict"].iloc[1:]) == {"one seed"} and one["low"].iloc[1:].isna().all()


@pytest.mark.parametrize(("metric", "expected"), [("weighted_f1", 0.005), ("mae", 0.01), ("correlation", 0.01)])
def test_what_matters_is_in_the_unit_of_the_metric(metric, expected):
    assert ablation.smallest(metric) == pytest.approx(expected)
    assert ablation.smallest(metric, ablation.ARCHITECTURE) == pytest.approx(2 * expected)


def test_the_figure_has_the_intervals_of_the_table_and_a_dot_per_seed(groups, corpus):
    table = ablation.effects(groups, corpus)
    made = drawn.differences(groups, corpus, title="What the parts are worth")
    axis, = made.axes
    assert [t.get_text() for t in axis.get_yticklabels()] == list(table.index[1:])
    bars = [line.get_xdata() for line in axis.lines if line.get_linewidth() == 2.5]
    assert [b for bar in bars for b in bar] == pytest.approx(
        table[["low", "high"]].iloc[1:].astype(float).to_numpy().ravel(), abs=0.051)
    dots = [line for line in axis.lines if line.get_marker() == "o"]
    assert len(dots) == 3 and all(len(line.get_xdata()) == SEEDS for line in dots)
    legend, = made.legends
    assert [t.get_text() for t in legend.texts] == ["too small to matter: ± 0.5",
                                                    "95 % interval over seeds and dialogues", "mean", "each seed"]
