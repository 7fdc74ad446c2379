"""What is declared for equal tuning budgets, before any run of it."""

import json
import math

import numpy as np
import pytest

from erclab import models
from erclab.core.errors import UsageError
from erclab.published import tuning
from erclab.training import recipes

declared = tuning.declared()
TRAINED = [name for name in declared.spaces if models.info(name).kind == "trained"]


def edited(**changes):
    data = json.loads((tuning.resources.files("erclab.published") / tuning.FILE).read_text(encoding="utf-8"))
    return tuning.read(json.dumps(data | changes).encode())


def test_each_trained_model_has_as_many_numbers_to_choose_of_the_same_kinds_and_ranges_of_the_same_width():
    assert {*TRAINED} == {"bc-lstm", "dialoguernn", "dialoguetrm", "sdt", "m2fnet", "lf-lstm", "hct-mg", "lmr-cbt"}
    for name in TRAINED:
        *five, own = declared.space(name)
        rate, decay, dropout, batch, width = five
        held = "clipping" if models.info(name).view == "sequence" else "weight decay"
        assert [a.name for a in five] == ["learning rate", held, "dropout", "batch size", "width"]
        assert [a.kind for a in five] == ["log", "log", "uniform", "of", "of"]
        assert rate.values[1] / rate.values[0] == pytest.approx(30) and len(batch.values) == len(width.values) == 3
        assert decay.values[1] / decay.values[0] == pytest.approx(100)
        assert dropout.values[1] - dropout.values[0] == pytest.approx(0.5)
        assert own.kind == "of" and len(own.values) == 2 and own.why
    assert len(declared.space("linear")) == len(declared.space("linear-pooled")) == 1


def test_a_group_reads_one_view_and_each_model_belongs_to_one():
    assert [m for g in declared.groups for m in g.models] == list(declared.spaces)
    for group in declared.groups:
        assert len({models.info(model).view for model in group.models}) == 1 and {*group.bases} <= {*group.models}
        assert {*group.corpora} <= {*declared.corpora}
    assert declared.models_on("mosi") == list(declared.groups[0].models) == declared.models_on("meld")
    assert declared.models_on("simulated") == list(declared.spaces)
    assert declared.models_on("simulated", ["sdt", "hct-mg", "sdt"]) == ["sdt", "hct-mg"]
    with pytest.raises(UsageError, match=r"hct-mg is not tuned on mosi\. Models of one utterance as sequences are"):
        declared.models_on("mosi", ["sdt", "hct-mg"])
    with pytest.raises(UsageError, match="declared space"):
        declared.models_on("mosi", ["mult"])


def test_a_declaration_from_before_there_were_groups_is_one_group():
    data = json.loads((tuning.resources.files("erclab.published") / tuning.FILE).read_text(encoding="utf-8"))
    first = data.pop("groups")[0]
    old = tuning.read(json.dumps(data | {"bases": first["bases"]}).encode())
    assert [g.bases for g in old.groups] == [("bc-lstm", "linear")] and old.digest("sdt") == declared.digest("sdt")


@pytest.mark.parametrize(("model", "corpus"), [(m, c) for g in declared.groups for m in g.models for c in g.corpora])
def test_the_recipe_of_a_model_lies_inside_its_space_and_has_no_more_epochs(model, corpus):
    entry, config = recipes.recipe_for(model, corpus), models.info(model).cls.Config
    has = {**vars(entry.recipe), **{k: f.default for k, f in config.__dataclass_fields__.items()}, "bert.dropout": 0.1,
           **entry.settings}
    for axis in declared.space(model):
        for name in axis.sets:
            for value in has[name] if axis.listed else [has[name]]:
                assert value in axis.values if axis.kind == "of" else (
                    axis.values[0] <= value <= axis.values[1]), (axis.name, value)
    if models.info(model).kind == "trained":
        assert entry.recipe.epochs <= declared.budget["epochs"]


def test_draws_are_the_same_in_every_process_and_fill_the_space():
    assert declared.drawn("bc-lstm", 0) == {}
    one = declared.drawn("bc-lstm", 1)
    assert one == declared.drawn("bc-lstm", 1) != declared.drawn("bc-lstm", 2)
    many = [declared.drawn("sdt", k) for k in range(1, 401)]
    rates = np.array([d["learning_rate"] for d in many])
    assert rates.min() >= 2e-4 and rates.max() <= 6e-3
    assert np.mean(rates < math.sqrt(2e-4 * 6e-3)) == pytest.approx(0.5, abs=0.1)  # uniform in the logarithm
    assert {d["hidden"] for d in many} == {64, 128, 256} and {d["temperature"] for d in many} == {1.0, 8.0}
    assert all(d["hidden"] == d["head_hidden"] for d in (declared.drawn("bc-lstm", k) for k in range(1, 9)))
    assert isinstance(declared.drawn("linear", 1)["penalties"], list)


def test_the_same_draw_of_two_models_has_the_same_quantiles():
    def place(model, k):
        axis = declared.space(model)[0]
        low, high = map(math.log, axis.values)
        return (math.log(declared.drawn(model, k)[axis.sets[0]]) - low) / (high - low)

    for k in range(1, 13):
        assert place("sdt", k) == pytest.approx(place("bc-lstm", k), abs=0.01)


def test_the_digest_follows_the_space_and_not_the_words_about_it():
    data = json.loads((tuning.resources.files("erclab.published") / tuning.FILE).read_text(encoding="utf-8"))
    spaces = data["spaces"]
    words = {**spaces, "sdt": [{**axis, "why": "other words"} for axis in spaces["sdt"]]}
    wider = {**spaces, "sdt": [{**spaces["sdt"][0], "log": [1e-4, 6e-3]}, *spaces["sdt"][1:]]}
    assert edited(spaces=words).digest("sdt") == declared.digest("sdt") == edited(about="").digest("sdt")
    assert edited(spaces=wider).digest("sdt") != declared.digest("sdt")
    assert edited(spaces=wider).digest("bc-lstm") == declared.digest("bc-lstm")
    assert edited(seed=20).digest("bc-lstm") != declared.digest("bc-lstm")


def test_seeds_of_draws_are_none_of_those_that_confirm():
    seeds = {declared.first_seed + k for k in range(declared.draws + 1)}
    assert not seeds & {*declared.protocol["seeds"], *declared.rehearsal["seeds"], *range(100, 120), *range(10)}


@pytest.mark.parametrize("changes", [
    {"spaces": {"sdt": [{"name": "x", "sets": ["a"], "log": [0, 1]}]}}, {"draws_": 3},
    {"spaces": {"sdt": [{"name": "x", "sets": ["a"]}]}},
    {"groups": [{"reads": "x", "bases": ["tfidf"], "models": [], "corpora": []}]}])
def test_a_damaged_file_is_refused_in_one_line(changes):
    with pytest.raises(UsageError) as refused:
        edited(**changes)
    assert "\n" not in str(refused.value)
    with pytest.raises(UsageError, match="corpus of equal tuning"):
        declared.task("avec2012")
    with pytest.raises(UsageError, match="declared space"):
        declared.drawn("mult", 1)
