"""Labs: right answers are right, wrong answers are told by their mistake, and an answer works in its model."""

import re

import pytest
import torch
from torch import nn
from wrong_answers import WRONG

import erclab as erc
from erclab import labs, models, runs
from erclab.core.errors import UsageError
from erclab.labs import EXERCISES
from erclab.labs.exercise import by_name

INSTALLED = [name for name, e in EXERCISES.items() if e.taken is not None]


@pytest.fixture(scope="module")
def corpus():
    return erc.load("simulated-tiny")


@pytest.mark.parametrize("name", EXERCISES)
def test_the_right_answer_is_right(name):
    report = labs.check(EXERCISES[name].right, name)
    assert report and report.right and "equal those of the reference" in report.says and repr(report).startswith(name)


@pytest.mark.parametrize(("name", "key"), [(n, k) for n, e in EXERCISES.items() for k in e.mistakes])
def test_each_known_mistake_is_told_by_its_words(name, key):
    mistake = EXERCISES[name].mistakes[key]
    report = labs.check(mistake.wrong, name)
    assert not report and report.says == mistake.says


def test_at_least_forty_of_forty_five_wrong_answers_are_told():
    told = {(name, f.__name__): labs.check(f, name) for name, _, f in WRONG}
    missed = [(name, f.__name__, told[name, f.__name__].says) for name, says, f in WRONG
              if told[name, f.__name__] or not re.search(says, told[name, f.__name__].says)]
    assert len(WRONG) >= 45 and missed == []


def test_what_no_known_mistake_explains_is_measured():
    def of_padding(teacher, student, tau, there):
        return EXERCISES["sdt.distillation"].right(teacher, student, tau, there) + 0.1 * student.sum()

    def twice(h, W):
        gated, z = EXERCISES["sdt.unimodal_gate"].right(h, W)
        return 2 * gated, z

    def of_others(h, W):
        gated, z = EXERCISES["sdt.unimodal_gate"].right(h, W)
        return gated - gated.mean(0), z

    def a_little(h, W):
        gated, z = EXERCISES["sdt.unimodal_gate"].right(h, W)
        return gated + 0.01 * torch.arange(4), z

    def learns_nothing(h, W):
        return EXERCISES["sdt.unimodal_gate"].right(h, W.detach())

    for f, name, says in ((of_padding, "sdt.distillation", "reads padding"),
                          (twice, "sdt.unimodal_gate", "gated is 2 times what it should be"),
                          (of_others, "sdt.unimodal_gate", "depends on the batch"),
                          (a_little, "sdt.unimodal_gate", r"gated is wrong \(z is right\): .* 0.03, at \[\d, 3\]"),
                          (learns_nothing, "sdt.unimodal_gate", "not the gradient of W")):
        report = labs.check(f, name)
        assert not report and report.mistake == "" and re.search(says, report.says), report


def test_an_answer_that_is_not_written_yet():
    def dots(h, W):
        ...

    def refuses(h, W):
        raise NotImplementedError

    for empty in (dots, refuses):
        assert "not written yet" in labs.check(empty, "sdt.unimodal_gate").says


def test_arguments_that_do_not_fit_and_what_is_no_answer():
    assert "arguments do not fit" in labs.check(lambda h: h, "sdt.unimodal_gate").says
    with pytest.raises(UsageError, match="an answer is a function, not int"):
        labs.check(3, "sdt.unimodal_gate")
    with pytest.raises(UsageError, match=r"unknown exercise 'sdt\.gate'"):
        labs.check(lambda: 0, "sdt.gate")
    with pytest.raises(UsageError, match=r"no module of a model computes hct_mg\.straight"):
        labs.answer(lambda: 0, "hct_mg.straight_through", nn.Identity())


def test_nan_is_told():
    def masked(q, k, v, keep):
        w = (q @ k.mT).masked_fill(torch.zeros_like(keep), 0).masked_fill(keep, -torch.inf).softmax(-1)
        return w @ v, w
    assert "NaN" in labs.check(masked, "mult.attention").says


@pytest.mark.parametrize("name", INSTALLED)
def test_the_right_answer_computes_what_the_module_of_the_model_computes(name, corpus):
    """Results of the module on inputs of its model, and those of the answer in its place."""
    exercise, seen = EXERCISES[name], []
    spec = runs.plan(exercise.model, corpus)[0]
    view = runs.data.views(spec, corpus, splits=["test"])["test"]
    torch.manual_seed(0)
    model = models.info(spec.model).cls(runs.data.from_dict(models.info(spec.model).cls.Config, spec.settings)).eval()
    _, module = exercise.place(model)
    module.register_forward_hook(lambda m, args, kwargs, out: seen.append((args, kwargs, out)), with_kwargs=True)
    with torch.no_grad():
        model(view.batch([0, 1]), attention=True)
        args, kwargs, out = seen[0]
        ours = labs.answer(exercise.right, name, module)(*args, **kwargs)
    for x, y in zip(*(r if isinstance(r, tuple) else (r,) for r in (ours, out)), strict=True):
        torch.testing.assert_close(x, y, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", EXERCISES)
def test_inputs_of_a_real_batch_fit_the_right_answer(name, corpus):
    lab = labs.lab(name, corpus)
    results = by_name(lab.exercise, lab.try_out(lab.exercise.right))
    assert all(x.isfinite().all() for x in results.values())
    assert ("random numbers" in lab.source) == (lab.exercise.place is None)
    text = repr(lab)
    assert lab.exercise.signature in text and all(argument in text for argument in lab.exercise.arguments)
    assert "<table>" in lab._repr_html_() and lab.exercise.equation in lab._repr_html_()


def test_the_solution_stands_in_for_an_answer_that_is_not_written():
    def empty(parts, W):
        ...

    lab = labs.lab("sdt.multimodal_gate")
    report = labs.check(lab.use(empty), "sdt.multimodal_gate")
    assert report and "not written yet" in report.says
    assert lab.use(lab.exercise.mistakes["mean"].wrong) is lab.exercise.mistakes["mean"].wrong


def test_a_model_with_an_answer_in_it_is_trained(corpus, tmp_path):
    """The right answer gives the scores of the model itself; its parameters are learnt."""
    SDT = models.info("sdt").cls

    class MySDT(SDT):
        def __init__(self, config):
            super().__init__(config)
            self.multimodal_gate = labs.answer(EXERCISES["sdt.multimodal_gate"].right, "sdt.multimodal_gate",
                                               self.multimodal_gate)

    ours, theirs = (erc.run(m, corpus, folder=tmp_path, progress=False, epochs=1) for m in (MySDT, "sdt"))
    assert ours[0].data["parameters"] == theirs[0].data["parameters"]
    assert ours[0].id != theirs[0].id
    scores = [list(r.to_frame()["weighted_f1"]) for r in (ours, theirs)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-6)
