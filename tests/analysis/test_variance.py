"""Components of variance on data that were drawn with known ones, and designs as they are kept."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from erclab.analysis import kept, variance
from erclab.analysis.kept import KeptRun
from erclab.analysis.statistics import Sampled
from erclab.core.errors import RunError
from erclab.core.targets import Task

LEVEL, SEED, BOTH, DIALOGUES, OWN = 2.0, 0.7, 1.0, 1.5, 0.8  # deviations; OWN: of a level's answer to the dialogues
D, R = 40, 120


def drawn_design(rng, levels, seeds, shared, level=LEVEL):
    """One `Sampled` per level, drawn from the model of `variance`."""
    of_seed = rng.normal(0, SEED, seeds)
    common, weights = rng.normal(0, DIALOGUES * D**.5, D), rng.multinomial(D, np.full(D, 1 / D), R) / D
    made = []
    for _ in range(levels):
        here = common if shared else rng.normal(0, DIALOGUES * D**.5, D)
        dialogue = here + rng.normal(0, OWN * D**.5, D)
        fixed = 60 + rng.normal(0, level) + of_seed + rng.normal(0, BOTH, seeds)
        made.append(Sampled(fixed + dialogue.mean(), fixed[:, None] + weights @ dialogue, D))
    return made


@pytest.mark.parametrize("shared", [True, False])
def test_components_are_those_of_the_drawn_data(shared):
    rng, found, hits = np.random.default_rng(1), [], []
    truth = {"level": LEVEL, "seed": (SEED**2 + BOTH**2)**.5, "dialogues": (DIALOGUES**2 + (
        OWN**2 / 5 if shared else OWN**2))**.5}
    for _ in range(200):
        made = variance.component_parts(drawn_design(rng, 5, 5, shared), shared, rounds=400)
        found.append(made["deviation"]**2)
        hits.append({name: made.loc[name, "low"] <= x <= made.loc[name, "high"] for name, x in truth.items()})
    means, covered = pd.DataFrame(found).mean()**.5, pd.DataFrame(hits).mean()
    for name, x in truth.items():
        assert means[name] == pytest.approx(x, rel=.1), name
        assert covered[name] > .88, name  # an interval of 95 %; the draws of dialogues are few here


def test_without_a_component_nothing_is_found_of_it():
    rng = np.random.default_rng(2)
    found = [variance.component_parts(drawn_design(rng, 5, 5, True, level=0), True, rounds=50) for _ in range(100)]
    assert np.mean([made.loc["level", "low"] for made in found]) < .2
    assert np.median([made.loc["level", "deviation"] for made in found]) < .6


def test_one_level_has_no_level_component_and_one_run_no_seed():
    rng = np.random.default_rng(3)
    assert list(variance.component_parts(drawn_design(rng, 1, 4, True), True).index) == ["seed", "dialogues"]
    alone = [Sampled(x.seeds[:1], x.drawn[:1], D, True) for x in drawn_design(rng, 3, 2, True)]
    assert list(variance.component_parts(alone, True).index) == ["level", "dialogues"]


def test_encoders_are_no_sample():
    """Two encoders ten points apart: the spread is 10 / sqrt(2), whatever other encoders would do."""
    weights = np.random.default_rng(4).normal(0, .5, (2, R))
    two = [Sampled(np.array([x, x + .2, x - .2]), np.repeat(x + weights[i:i + 1], 3, 0), D) for i, x in
           enumerate((50.0, 60.0))]
    row = variance.component_parts(two, True, sample=False).loc["level"]
    assert row["deviation"] == pytest.approx(50**.5, abs=.05) and 5.5 < row["low"] < row["high"] < 8.5
    assert variance.component_parts(two, True).loc["level", "high"] > 50  # two of many say little


def runs(right, seeds=(1, 2), fixed=False):
    target = Task.from_dict({"name": "emotion", "kind": "classes", "names": ["a", "b"]})
    counts = np.zeros((3, 2, 2))
    counts[:, 0, 0], counts[:, 1, 1], counts[:, 1, 0] = 10, right, 10 - right
    return [KeptRun("r", s, target, fixed, ("weighted_f1", 1), {}, np.zeros(0), np.zeros(0), sums={"sound": counts})
            for s in seeds]


@pytest.fixture
def results(monkeypatch, tmp_path):
    monkeypatch.setattr(kept.paths, "results_dir", lambda: tmp_path)
    return tmp_path


def keep(models, **head):
    kept.write_kept(kept.place("made", "variance"), variance.design_groups(models), [], **head)


def test_a_design_is_read_as_it_was_kept(results):
    assert variance.stored_design("made") is None
    keep({"A": {"x": runs(6), "y": runs(9)}, "probe": {"x": runs(5, (1,), True), "y": runs(5, (1,), True)}},
         factor="training data", shared=True)
    design = variance.stored_design("made")
    assert (design.factor, design.shared, list(design.models)) == ("training data", True, ["A", "probe"])
    table = variance.variance_components(design).set_index(["quantity", "component"])
    assert {*table.index.get_level_values(0)} == {"A", "probe", "A - probe"}
    assert table.loc[("A", "seed"), "deviation"] == 0 and table.loc[("probe", "training data"), "deviation"] == 0
    scores = [one.seeds[0] for one in design.models["A"]]
    assert table.loc[("A", "training data"), "deviation"] == pytest.approx(100 * np.std(scores, ddof=1), abs=.01)


def test_a_design_with_a_hole_is_refused(results):
    for hole in ({"A": {"x": runs(6)}, "B": {"y": runs(6)}}, {"A": {"x": runs(6), "y": runs(6, (1, 3))}}):
        keep(hole)
        with pytest.raises(RunError, match=r"not every model has every level.*tools/crossed.py"):
            variance.stored_design("made")
    kept.place("made", "variance").write_text(json.dumps({"runs": 1}))
    with pytest.raises(RunError, match="cannot be read"):
        variance.stored_design("made")


def test_pooled_components_and_the_gaps_that_are_smaller():
    table = pd.DataFrame([{"corpus": "c", "component": "seed", "of": of, "quantity": q, "deviation": x, "low": x / 2,
                           "high": 2 * x, "levels": 1, "seeds": s, "dialogues": 9} for of, q, x, s in (
        ("score", "A", 1.0, 5), ("score", "probe", 0.0, 1), ("difference", "A - B", 3.0, 5),
        ("difference", "A - C", 4.0, 5))])
    pooled = variance.pooled_components(table).set_index("of")
    assert pooled.loc["score", "deviation"] == 1 and pooled.loc["difference", "deviation"] == pytest.approx(3.54)
    assert pooled.loc["difference", ["low", "high", "quantities"]].tolist() == pytest.approx([1.77, 7.07, 2])
    gaps = pd.DataFrame({"kind": ["ablation"] * 3 + ["better than"], "gap": [1.0, 5.0, 9.0, 20.0]})
    row = variance.beside_gaps(variance.pooled_components(table), gaps).iloc[0]
    assert (row["ablation"], row["better than"]) == ("1 of 3, 2 of 3", "0 of 1, 0 of 1")


def test_fewer_dialogues_have_a_larger_error_and_the_same_seeds():
    table = pd.DataFrame({"component": ["seed", "test dialogues"], "deviation": [1.0, 1.0], "low": [.5, .5],
                          "high": [2.0, 2.0], "dialogues": 400})
    made = variance.of_so_many(table, 100)
    assert made["deviation"].tolist() == [1, 2] and made["high"].tolist() == [2, 4] and (made["dialogues"] == 100).all()


def test_settings_deviate_as_a_sample():
    made = variance.settings_components("c", {"A": [.5, .6, .7], "B": [.5, .5, .5], "C": [.1, .2]}, "tuning")
    row = made.set_index("quantity")
    assert list(row.index) == ["A", "B", "A - B"] and row.loc["A", "deviation"] == row.loc["A - B", "deviation"] == 10
    assert row.loc["A", "low"] < 10 < row.loc["A - B", "high"] < row.loc["A", "high"]


def test_tfidf_vectors_follow_the_training_words_alone():
    table = pd.DataFrame({"text": ["red apple", "green apple", "blue sky", "red apple", "unheard of"]})
    corpus = SimpleNamespace(table=table, rows=lambda split: np.arange(3))
    made = variance.tfidf_vectors(corpus, 8)
    assert made.shape == (5, 8) and made.dtype == np.float32
    assert np.allclose(made[0], made[3]) and not made[4].any() and not made[:, 2:].any()
    assert made[0] @ made[1] > 1.5 * abs(made[0] @ made[2])
