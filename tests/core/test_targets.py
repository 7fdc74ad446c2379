"""Own tasks: what a task is like, how numbers are moved for training, and that JSON gives the same task back."""

import json

import numpy as np
import pytest
import torch

from erclab.core import tasks
from erclab.core.errors import UsageError
from erclab.core.targets import BUILT_IN, Task, of


@pytest.mark.parametrize(("kind", "like"), [("classes", "emotion"), ("numbers", "dimensional"), ("binary", "emotion4")])
def test_an_own_task_is_learnt_as_the_built_in_task_of_its_kind(kind, like):
    task = Task("mine", kind, ("a", "b"))
    assert task.like == like and not task.built_in and of(task) is task


def test_built_in_tasks_are_like_themselves_and_stay_as_they_are():
    for name, task in BUILT_IN.items():
        values = np.float32([[1.0], [2.0]])
        assert task.like == name and task.built_in and task.fitted(values) is task
        assert task.learnt(values) is values


def test_sentiment_on_another_scale_is_not_built_in_and_keeps_its_loss():
    task = Task("sentiment", "numbers", ("sentiment",), (-1.0, 1.0))
    assert task.like == "sentiment" and not task.built_in


def test_numbers_are_learnt_by_mean_and_deviation_or_by_the_scale():
    values = np.float32([[10, 1], [30, np.nan], [20, 1]])
    free = Task("mine", "numbers", ("a", "b")).fitted(values)
    assert free.centre == (20, 1) and free.width == (pytest.approx(np.sqrt(200 / 3)), 1)
    np.testing.assert_allclose(free.learnt(values)[:, 0], np.array([-10, 10, 0]) / np.sqrt(200 / 3), rtol=1e-6)
    assert np.isnan(free.learnt(values)[1, 1]) and free.learnt(values).dtype == np.float32
    scaled = Task("mine", "numbers", ("a", "b"), (0.0, 40.0)).fitted(values)
    assert scaled.centre == (20, 20) and scaled.width == (20, 20)
    empty = Task("mine", "numbers", ("a",)).fitted(np.full((2, 1), np.nan, np.float32))
    assert (empty.centre, empty.width) == ((0,), (1,))


def test_predictions_are_on_the_scale_of_the_labels():
    task = Task("mine", "numbers", ("a", "b"), centre=(20.0, 1.0), width=(10.0, 2.0))
    assert tasks.predictions(task, torch.tensor([[0.5, -1.0]])).tolist() == [[25.0, -1.0]]
    logits = torch.tensor([[0.0, 1.0, 2.0]])
    assert torch.equal(tasks.predictions("dimensional", logits), logits)


def test_json_gives_the_same_task_back():
    task = Task("mine", "numbers", ("a", "ü"), (0.0, 1.0)).fitted(np.zeros((2, 2)))
    assert Task.from_dict(json.loads(json.dumps(task.as_dict()))) == task


def test_unknown_kinds_and_scales_are_refused():
    with pytest.raises(UsageError, match=r"unknown kind of the task mine 'number'\. Did you mean 'numbers'"):
        Task("mine", "number", ("a",))
    with pytest.raises(UsageError, match=r"goes from 3 to 1\. Give the lowest number first"):
        Task("mine", "numbers", ("a",), (3.0, 1.0))
    with pytest.raises(UsageError, match="unknown task 'mine'"):
        of("mine")
