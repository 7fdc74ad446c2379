"""A class of one's own through the face: trained, checked, edited, compared, as in `40_your_own_model`."""

import dataclasses

import pytest
import torch
from forty_lines import Short
from torch import nn

import erclab as erc
from erclab import models
from erclab.core.errors import UsageError


@pytest.fixture(autouse=True)
def forget(monkeypatch):
    """Classes that a test gives are not there in the next test."""
    monkeypatch.setattr(models.registry, "GIVEN", given := {})
    monkeypatch.setattr(models, "GIVEN", given)


@pytest.fixture
def train(tiny, tmp_path):
    def train(model, **options):
        return erc.run(model, tiny, folder=tmp_path, progress=False, **options)
    return train


class CountsPadding(Short):
    """The mean over all turns of the batch, whether they exist or not."""

    def forward(self, batch, *, attention=False):
        """Logits."""
        x = torch.cat([batch.features[m] for m in self.config.modalities], dim=-1)
        return erc.Output(self.head(torch.cat([x, x.mean(1, keepdim=True).expand_as(x)], dim=-1)))


def test_a_class_is_trained_with_settings_and_a_recipe(train, tiny):
    runs = train(Short, seeds=2, hidden=5, recipe=erc.Recipe(epochs=3, batch_size=4))
    assert repr(runs).startswith("Short on simulated-tiny, text+audio+visual: 2 runs")
    assert runs[0].spec["settings"]["hidden"] == 5 and runs[0].spec["recipe"]["batch_size"] == 4
    assert list(runs[0].curve["epoch"]) == [1, 2, 3] and repr(runs[0]).startswith("Short on simulated-tiny")
    assert isinstance(runs[0].model(), Short)
    assert len(runs.explain("shapley", split="valid")) == 2 * len(tiny.rows("valid"))
    shown, alternative = runs.bars(ceiling=True, published=True)._repr_png_()
    assert shown.startswith(b"\x89PNG") and "Short" in alternative["alt"]


def test_fields_of_a_recipe_are_changed_and_a_typo_is_named(train):
    assert train(Short, recipe={"epochs": 1, "batch_size": 4})[0].spec["recipe"]["epochs"] == 1
    with pytest.raises(UsageError, match="Did you mean 'epochs'"):
        train(Short, recipe={"epoch": 1})
    with pytest.raises(UsageError, match="Did you mean 'hidden'"):
        train(Short, hiden=3)


def test_contracts_name_the_mistake_of_a_class():
    good, bad = (erc.check_model(cls, progress=False) for cls in (Short, CountsPadding))
    assert set(good["status"]) == {"ok", "–"}
    failed = bad[bad["status"] == "FAILS"]
    assert [name for _, name in failed.index] == ["padding_invariance", "alone_equals_in_batch"]
    assert failed["found"].str.contains("logits: off by").all()


def test_a_class_is_compared_by_itself_by_a_title_and_by_its_runs(train, tiny, tmp_path):
    runs = train(Short, epochs=1)
    how = {"folder": tmp_path, "progress": False}
    assert list(erc.compare([Short, "linear"], tiny, **how)) == ["Short", "Linear probe"]
    found = erc.compare({"one": Short, "two": {"model": CountsPadding, "epochs": 1}, "three": runs}, tiny, **how)
    assert found["three"][0].id == runs[0].id and found["two"].title == "CountsPadding"
    with pytest.raises(UsageError, match="trained on another corpus"):
        erc.compare({"three": runs}, tiny.select(tiny.rows("test")), **how)
    with pytest.raises(UsageError, match="needs a list"):
        erc.compare(Short, tiny, **how)


def test_a_class_predicts(train, tiny):
    run, rows = train(Short, epochs=1)[0], tiny.rows("test")
    found = erc.predict(run, tiny.table.loc[rows], vectors={m: x[rows] for m, x in tiny.vectors.items()})
    assert list(found["label"]) == [tiny.labels[i] for i in run.predictions("test").argmax(1)]


def test_a_plain_module_is_trained_and_checked(train):
    class Plain(nn.Module):
        """No subclass of `erc.Model`."""

        Config = Short.Config

        def __init__(self, config):
            super().__init__()
            self.config = config
            self.map = nn.Linear(sum(d for _, d in config.dims), config.outputs)

        def forward(self, batch, *, attention=False):
            """Logits of each utterance alone."""
            return erc.Output(self.map(torch.cat(list(batch.features.values()), -1)))

    assert train(Plain, epochs=1)[0].title == "Plain"
    assert erc.check_model(Plain, ["padding_invariance"], progress=False)["status"].tolist() == ["ok"]


def test_what_is_no_model_is_one_line(train):
    for wrong in (dict, dataclasses.make_dataclass("X", ["a"])):
        with pytest.raises(UsageError, match="is no model"):
            train(wrong)
        with pytest.raises(UsageError, match="is no model"):
            erc.check_model(wrong)
