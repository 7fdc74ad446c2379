"""Seeds in one pass: each ends as it does alone."""

import numpy as np
import pytest
import torch

from erclab import models, runs
from erclab.core.batches import stack
from erclab.core.errors import UsageError
from erclab.training import loop
from erclab.training.device import seeded
from erclab.training.optimisers import optimiser_for

STACKING = [name for name, info in models.MODELS.items() if info.stacks]
SMALL = {"sdt": {"hidden": 16, "heads": 2}, "mult": {"hidden": 8, "heads": 2}, "lmf-mult": {"hidden": 8, "heads": 2}}


def trainers(name, corpus, seeds=3, **changes):
    made = []
    for spec in runs.plan(name, corpus, seeds=seeds, **{**SMALL[name], **changes}):
        with seeded(spec.seed, torch.device("cpu")):
            model = models.build(spec.model, spec.settings)
            made.append(loop.Trainer(model, runs.views(spec, corpus), spec.recipe, spec.seed))
    return made


def assert_close(alone, together, bar):
    for one, other in zip(alone, together, strict=True):
        assert len(one.curve) == len(other.curve)
        for a, b in zip(one.curve, other.curve, strict=True):
            assert a["train"].keys() == b["train"].keys()
            assert a["train"]["total"] == pytest.approx(b["train"]["total"], abs=bar)
        for name, choice in one.choices.items():
            for split, x in choice.predictions.items():
                np.testing.assert_allclose(other.choices[name].predictions[split], x, rtol=0, atol=10 * bar)


@pytest.mark.parametrize("changes", [
    {"dropout": 0.0}, {"dropout": 0.5, "clip": 0.05, "weight_decay": 0.1, "optimiser": "adamw", "class_weights": True},
    {"schedule": "linear", "warmup_steps": 3, "batch_size": 7}, {"modalities": ["text"]}, {"variant": "official"},
    {"distillation": "online"}, {"unimodal_fusion": "concat", "multimodal_fusion": "add"}, {"task": "sentiment"},
    {"task": "emotion4"}])
def test_sdt_ends_as_alone(tiny, changes):
    changes = {"epochs": 2, "seeds": 2, **changes}
    alone = [loop.train_seeds([t], progress=False)[0] for t in trainers("sdt", tiny, **changes)]
    assert_close(alone, loop.train_seeds(trainers("sdt", tiny, **changes), progress=False), 1e-4)
    assert abs(alone[0].curve[0]["train"]["total"] - alone[1].curve[0]["train"]["total"]) > 1e-3  # seeds differ


@pytest.mark.parametrize("name", STACKING)
def test_every_model_that_stacks_ends_as_alone(tiny, name):
    alone = [loop.train_seeds([t], progress=False)[0] for t in trainers(name, tiny, seeds=2, epochs=1)]
    assert_close(alone, loop.train_seeds(trainers(name, tiny, seeds=2, epochs=1), progress=False), 1e-4)


def test_each_seed_stops_when_it_would_alone(tiny):
    changes = {"epochs": 6, "patience": 1, "learning_rate": 0.01, "schedule": "plateau", "plateau_patience": 0,
               "dropout": 0.0}
    alone = [loop.train_seeds([t], progress=False)[0] for t in trainers("sdt", tiny, seeds=4, **changes)]
    together = loop.train_seeds(trainers("sdt", tiny, seeds=4, **changes), progress=False)
    assert len({len(o.curve) for o in alone}) > 1, "all stop at the same epoch: choose other settings"
    assert_close(alone, together, 1e-4)


def test_in_double_precision_only_rounding_is_left(tiny):
    def doubled():
        made = trainers("sdt", tiny, epochs=1)
        for t in made:
            t.model.double()
            t.optimiser = optimiser_for(t.model, t.recipe)
            for view in t.views.values():
                view.features = {m: x.double() for m, x in view.features.items()}
        return made
    alone = [loop.train_seeds([t], progress=False)[0] for t in doubled()]
    together = loop.train_seeds(doubled(), progress=False)
    for one, other in zip(alone, together, strict=True):
        assert one.weights.keys() == other.weights.keys()
        for name, x in one.weights.items():
            torch.testing.assert_close(x, other.weights[name], rtol=1e-9, atol=1e-11)


def test_runs_of_several_seeds_are_stored_as_alone(tiny, tmp_path):
    question = {"seeds": 3, "epochs": 2, "progress": False, **SMALL["sdt"]}
    alone = runs.run("sdt", tiny, folder=tmp_path / "alone", together=False, **question)
    together = runs.run("sdt", tiny, folder=tmp_path / "together", together=True, **question)
    assert [r.data["seeds_in_one_pass"] for r in alone + together] == [1, 1, 1, 3, 3, 3]
    for a, b in zip(alone, together, strict=True):
        assert a.id == b.id and a.scores().keys() == b.scores().keys()
        np.testing.assert_allclose(a.predictions(), b.predictions(), rtol=0, atol=1e-4)
    assert not list((tmp_path / "together").glob(".*"))


def test_only_missing_seeds_are_trained(tiny, tmp_path):
    question = {"epochs": 1, "progress": False, "folder": tmp_path, **SMALL["sdt"]}
    runs.run("sdt", tiny, seeds=[1], **question)
    records = runs.run("sdt", tiny, seeds=3, together=True, **question)
    assert [r.data["seeds_in_one_pass"] for r in records] == [2, 1, 2]
    assert [r.spec["seed"] for r in records] == [0, 1, 2]


def test_seeds_learn_together_where_the_longest_dialogue_fills_the_position_table(tiny):
    """Stacked batches have one turn more; it is padding."""
    options = {"seeds": 2, "max_turns": tiny.longest, "epochs": 1, "dropout": 0.0, "batch_size": 5}
    alone, together = trainers("sdt", tiny, **options), trainers("sdt", tiny, **options)
    for trainer in alone:
        loop.train_seeds([trainer], progress=False)
    loop.train_seeds(together, progress=False)
    assert_close([t.outcome() for t in alone], [t.outcome() for t in together], 1e-5)


def test_a_model_that_does_not_stack_falls_back(tiny, tmp_path):
    records = runs.run("bc-lstm", tiny, seeds=2, together=True, epochs=1, hidden=4, folder=tmp_path, progress=False)
    assert [r.data["seeds_in_one_pass"] for r in records] == [1, 1]
    with pytest.raises(UsageError, match="seed by seed"):
        runs.execute_seeds(runs.plan("bc-lstm", tiny, seeds=2), tiny, folder=tmp_path)
    with pytest.raises(UsageError, match="nothing else"):
        different = [*runs.plan("sdt", tiny), *runs.plan("sdt", tiny, seeds=[1], epochs=9)]
        runs.execute_seeds(different, tiny, folder=tmp_path)


def test_stacking_pads_to_the_largest_and_annotates_nothing_new(tiny):
    spec, = runs.plan("sdt", tiny)
    view = runs.views(spec, tiny)["train"]
    small, large = view.batch([0]), view.batch([1, 2, 3])
    both = stack([small, large])
    T = max(small.shape[1], large.shape[1]) + 1
    assert both.mask.shape == (2, 3, T)
    annotated = (both.mask & (both.labels >= 0)).flatten(1).sum(1)
    assert annotated.tolist() == [int(small.annotated.sum()), int(large.annotated.sum())]
    assert both.mask.any(-1).all()  # no dialogue without a turn
    n = int(small.mask.sum())
    x = both.features["text"][0].flatten(0, 1)[both.places[0]]
    assert torch.equal(x[:n], small.pack(small.features["text"])) and not x[n:].any()
