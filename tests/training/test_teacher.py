"""The frozen teacher of offline distillation: the trainer's, not the model's."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from random_batches import random_batch

from erclab import models, runs
from erclab.core.errors import UsageError
from erclab.models.sdt import SDT
from erclab.training import loop
from erclab.training.device import seeded
from erclab.training.recipes import Recipe
from erclab.training.step import step_losses
from erclab.training.trainer import frozen_teacher

DIMS = {"text": 6, "audio": 4, "visual": 3}


def made(seed=0, **changes):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return SDT(SDT.tiny(**{"dims": tuple(DIMS.items()), "hidden": 8, **changes}))


@pytest.fixture
def batch():
    return random_batch(DIMS, classes=5, speakers=2, lengths=(4, 2, 1), dtype=torch.float32)


def test_a_frozen_copy_in_evaluation_mode(batch):
    given, model = made(1, dropout=0.5).train(), made(distillation="offline")
    found = frozen_teacher(model, given)
    want = made(1, dropout=0.5).eval()(batch).logits
    with torch.no_grad():
        for p in given.parameters():
            p.zero_()
    assert torch.equal(found(batch).logits, want) and not found.training
    assert not any(p.requires_grad for p in found.parameters())
    assert given.training and all(p.requires_grad for p in given.parameters())


def test_it_has_the_models_type_of_numbers():
    model = made(distillation="offline").double()
    assert {p.dtype for p in frozen_teacher(model, made(1)).parameters()} == {torch.float64}


def test_a_teacher_that_was_taught_needs_none_itself(batch):
    assert frozen_teacher(made(distillation="offline"), made(1, distillation="offline")) is not None


@pytest.mark.parametrize(("model", "teacher", "says"), [
    ({}, {}, "takes no teacher"), ({"distillation": "online"}, {}, "takes no teacher"),
    ({"distillation": "offline"}, None, "there is none"),
    ({"distillation": "offline"}, {"outputs": 4}, "with 4 outputs"),
    ({"distillation": "offline"}, {"task": "sentiment"}, "sentiment")])
def test_a_teacher_that_does_not_fit_is_refused(model, teacher, says):
    with pytest.raises(UsageError, match=says) as caught:
        frozen_teacher(made(**model), None if teacher is None else made(1, **teacher))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_step_gives_its_logits_to_the_loss(batch, precision):
    model, teacher = made(distillation="offline", dropout=0.0).train(), frozen_teacher(
        made(distillation="offline"), made(1))
    recipe = Recipe(precision=precision)
    found = step_losses(model, batch, recipe, None, 3, teacher)
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
        output, soft = model(batch), teacher(batch).logits.detach()
    aux = {name: x.float() for name, x in output.aux.items()}
    want = model.loss(replace(output, logits=output.logits.float(), aux=aux), batch, teacher=soft.float())
    assert found == want and found.distillation.dtype == torch.float32
    found.total.backward()
    assert all(p.grad is None for p in teacher.parameters())
    assert model.loss(output, batch, teacher=-soft).distillation != want.distillation


def trainers(corpus, teacher, seeds):
    made = []
    for spec in runs.plan("sdt", corpus, seeds=seeds, distillation="offline", teacher="x", epochs=2, hidden=16,
                          heads=2):
        with seeded(spec.seed, torch.device("cpu")):
            model = models.build(spec.model, spec.settings)
            made.append(loop.Trainer(model, runs.views(spec, corpus), spec.recipe, spec.seed, teacher=teacher))
    return made


def test_several_seeds_learn_from_it_as_each_does_alone(tiny):
    spec, = runs.plan("sdt", tiny, hidden=16, heads=2)
    with seeded(9, torch.device("cpu")):
        teacher, other = (models.build(spec.model, spec.settings) for _ in range(2))
    alone = [loop.train_seeds([t], progress=False)[0] for t in trainers(tiny, teacher, 2)]
    together = loop.train_seeds(trainers(tiny, teacher, 2), progress=False)
    elsewhere = loop.train_seeds(trainers(tiny, other, 2), progress=False)
    for one, both, taught in zip(alone, together, elsewhere, strict=True):
        for name, x in one.curve[-1]["train"].items():
            assert both.curve[-1]["train"][name] == pytest.approx(x, abs=1e-4)
        np.testing.assert_allclose(both.choices["sound"].predictions["test"], one.choices["sound"].predictions["test"],
                                   rtol=0, atol=1e-3)
        assert abs(taught.curve[0]["train"]["distillation"] - one.curve[0]["train"]["distillation"]) > 1e-4


def test_it_is_no_part_of_model_and_checkpoint(tiny):
    spec, = runs.plan("sdt", tiny, hidden=16, heads=2)
    trainer, = trainers(tiny, models.build(spec.model, spec.settings), 1)
    plain = models.build(spec.model, spec.settings)
    state = trainer.state_dict()
    assert list(state["model"]) == list(plain.state_dict())
    assert not [name for name in state if "teacher" in name]
    assert models.parameter_count(trainer.model) == models.parameter_count(plain)
