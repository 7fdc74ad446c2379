"""Arguments of a run as Python and notebooks give them: of the right type, and no contradiction of the corpus."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import erclab as erc
from erclab import runs
from erclab.core.errors import UsageError
from erclab.corpora import simulated
from erclab.runs.arguments import seeds


@pytest.mark.parametrize(("given", "numbers"), [
    (2, [0, 1]), (np.int64(2), [0, 1]), ([5, 7], [5, 7]), ((3,), [3]), (range(2, 4), [2, 3]),
    (np.array([4, 1]), [4, 1]),
    (iter([np.int32(6)]), [6]), ({9: None}.keys(), [9])])
def test_seeds_are_how_many_or_which(given, numbers):
    found = seeds(given)
    assert found == numbers and {type(seed) for seed in found} == {int}


@pytest.mark.parametrize(("given", "message"), [
    ("two", "seeds = 'two' is neither how many nor which"), ("2", "neither how many nor which.*--seeds 5"),
    (1.5, "neither"), (True, "neither"), (None, "neither"), ([1.0], "neither"), (["1"], "neither"), ([True], "neither"),
    ({"a": 1}, "neither"), (b"12", "neither"), (np.array(3), "neither"), (0, "gives no run"), ([], "gives no run"),
    (-1, "gives no run"), ([0, -1], "gives no run"), ([42, 42], "twice"), (10**9, "more than 10000"),
    ([2**63], "too large")])
def test_other_seeds_are_one_line(tiny, given, message):
    for ask in (seeds, lambda x: runs.plan("sdt", tiny, seeds=x), lambda x: runs.plan("linear", tiny, seeds=x)):
        with pytest.raises(UsageError, match=message) as caught:
            ask(given)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("question", "message"), [
    ({"model": 5}, "unknown model '5'"), ({"model": ["sdt"]}, "unknown model"), ({"model": None}, "unknown model"),
    ({"corpus": "simulated"}, "corpus = 'simulated' is not a corpus. Load it first"),
    ({"profile": 1}, "profile = 1 is not text"), ({"profile": None}, "unknown profile"),
    ({"profile": ["smoke"]}, "not text"), ({"variant": True}, "variant = True is not text"),
    ({"task": ["emotion"]}, "task = .* is not text"), ({"protocol": None}, "unknown protocol"),
    ({"protocol": ["sound"]}, "unknown protocol"),
    ({"modalities": "text"}, r"modalities = 'text' is not a list of names. For example \['text'\]"),
    ({"modalities": "text, audio"}, r"For example \['text', 'audio'\]"), ({"modalities": []}, "not a list of names"),
    ({"modalities": [1]}, "not a list of names"), ({"modalities": {"text"}}, "not a list of names"),
    ({"modalities": 3}, "not a list of names"), ({"modalities": ["text", "text"]}, "twice"),
    ({"words": 5}, "words = 5 is not text or a path"), ({"teacher": 5}, "neither a run nor its id"),
    ({"recipe": "fast"}, "neither a Recipe nor a dictionary"), ({"folder": 5}, "folder = 5 is not text or a path"),
    ({"device": 5}, "the device '5' cannot be used here"), ({"device": ["cpu"]}, "cannot be used here"),
    ({"device": "meta"}, "it holds no numbers"), ({"lr": 0.1}, "unknown setting 'lr'. Did you mean 'learning_rate'"),
    ({"wd": 0.1}, "Did you mean 'weight_decay'")])
def test_an_argument_of_another_type_is_one_line(tiny, tmp_path, question, message):
    asked = {"model": "sdt", "corpus": tiny, "folder": tmp_path, "progress": False, **question}
    with pytest.raises(UsageError, match=message) as caught:
        runs.run(**asked)
    assert "\n" not in str(caught.value) and not list(tmp_path.iterdir())


def test_the_device_is_looked_at_before_a_record_is_loaded(tiny, tmp_path, monkeypatch):
    def ask(**more):
        return runs.run("constant", tiny, folder=tmp_path, progress=False, **more)[0]

    ask()
    with pytest.raises(UsageError, match="'nonsense' cannot be used here"):
        ask(device="nonsense")
    monkeypatch.setenv("ERCLAB_DEVICE", "toaster")
    with pytest.raises(UsageError, match="'toaster' cannot be used here"):
        runs.execute(runs.plan("constant", tiny)[0], tiny, folder=tmp_path)
    assert ask(device="cpu").epoch() == 0


@pytest.mark.parametrize(("model", "change", "message"), [
    ("sdt", {"outputs": 2}, "outputs = 2 contradicts the corpus simulated-tiny, which has 6 for the task emotion"),
    ("sdt", {"outputs": 7}, "outputs = 7"), ("linear", {"outputs": 5}, "outputs = 5"),
    ("sdt", {"speakers": 1}, "speakers = 1 contradicts the corpus .* Leave speakers out"),
    ("dialoguernn", {"speakers": 1}, "speakers = 1"), ("sdt", {"max_turns": 3}, "max_turns = 3 .* a dialogue of"),
    ("sdt", {"dims": (("text", 5),)}, r"dims = .*\(--modalities"),
    ("mult", {"variant": "official", "lengths": (("text", 1), ("audio", 999), ("visual", 999))},
     "lengths = .* a sequence of .* steps of text")])
def test_a_setting_that_contradicts_the_corpus_is_refused(model, change, message):
    corpus = simulated.generate("tiny", frames=True)
    with pytest.raises(UsageError, match=message) as caught:
        runs.plan(model, corpus, **change)
    assert "\n" not in str(caught.value)


def test_a_setting_that_leaves_room_is_kept(tiny):
    for model, change in (("sdt", {"speakers": 9, "max_turns": 700}), ("bc-lstm", {"speakers": 1})):
        spec, = runs.plan(model, tiny, **change)
        assert change.items() <= spec.settings.items()


def test_types_that_are_documented_are_taken(tiny, tmp_path):
    spec, = runs.plan("sdt", tiny, modalities=("text",), recipe={"epochs": 1})
    assert spec.modalities == ("text",) and spec.recipe.epochs == 1
    again, = runs.plan("sdt", tiny, modalities=["text"], recipe=spec.recipe, teacher=None)
    assert dataclasses.replace(again, settings=spec.settings) == spec
    assert runs.run("constant", tiny, folder=str(tmp_path / "a"), progress=False)[0].path.parent == Path(tmp_path / "a")


def test_cross_validation_and_comparisons_check_the_same(tiny):
    for ask in (lambda: runs.cross_validate("constant", "simulated"), lambda: erc.compare(["constant"], "simulated")):
        with pytest.raises(UsageError, match="is not a corpus"):
            ask()
    for wrong in (1.5, "two", None):
        with pytest.raises(UsageError, match=f"seeds = {wrong!r} is neither how many nor which"):
            erc.compare(["constant", "persistence"], tiny, seeds=wrong)
