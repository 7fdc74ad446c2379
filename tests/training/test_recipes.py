"""Recipes: which one is found, what it may hold, and whose setting is whose."""

import dataclasses
from pathlib import Path

import pytest

from erclab import models
from erclab.core import settings
from erclab.core.errors import UsageError
from erclab.training import recipes
from erclab.training.recipes import PROFILES, RECIPES, Entry, Recipe, recipe_for, split_changes


@dataclasses.dataclass(frozen=True)
class Sizes:
    """A model's configuration; `epochs` is also a name of the recipe's."""

    hidden: int = 4
    epochs: int = 1


@pytest.fixture
def rows(monkeypatch):
    table = {("m", "*", "smoke"): Entry(Recipe(epochs=2), source="any corpus"),
             ("m", "c", "smoke"): Entry(Recipe(epochs=3), source="this corpus"),
             ("m", "c", "full"): Entry(Recipe(epochs=4), source="this corpus at full scale")}
    monkeypatch.setattr(recipes, "RECIPES", table)


@pytest.mark.parametrize(("model", "corpus", "profile", "source"), [
    ("m", "c", "smoke", "this corpus"), ("m", "other", "smoke", "any corpus"),
    ("m", "c", "full", "this corpus at full scale"), ("m", "other", "full", "our choice"),
    ("m", "c-sdt", "smoke", "this corpus"), ("m", "other-c", "smoke", "any corpus"),
    ("n", "c", "smoke", "our choice")])
def test_the_most_specific_recipe_is_found(rows, model, corpus, profile, source):
    assert recipe_for(model, corpus, profile).source == source


def test_a_model_that_reads_words_may_have_rows_of_its_own(monkeypatch):
    table = {("m", "*", "smoke"): Entry(source="vectors"), ("m", "*", "full"): Entry(source="any text"),
             ("m on words", "*", "smoke"): Entry(source="words")}
    monkeypatch.setattr(recipes, "RECIPES", table)
    assert [recipe_for("m", "c", words=w).source for w in (False, True)] == ["vectors", "words"]
    assert recipe_for("m", "c", "full", words=True).source == "any text"


def test_without_any_row_the_defaults_hold(rows):
    assert recipe_for("n", "c", "full") == Entry() and recipe_for("m", "c") == recipe_for("m", "c", "smoke")


@pytest.mark.parametrize(("model", "corpus"), [("sdt", "meld"), ("sdt", "simulated"), ("", "")])
def test_an_unknown_profile_is_an_error_and_not_the_default(model, corpus):
    with pytest.raises(UsageError, match=r"unknown profile 'fulll'\. Did you mean 'full'\? There is: smoke, full"):
        recipe_for(model, corpus, "fulll")


def test_every_row_names_its_source_and_fits_its_model():
    for (name, _, profile), entry in RECIPES.items():
        model = name.removesuffix(" on words")
        assert profile in PROFILES and entry.source
        settings.check(models.MODELS[model].cls.Config, entry.settings)  # refuses what the model does not have


def test_every_trained_model_has_a_recipe_for_any_corpus():
    for name, info in models.MODELS.items():
        for profile in PROFILES:
            assert info.kind == "fitted" or (name, "*", profile) in RECIPES


def test_each_model_has_its_file():
    files = {p.stem for p in Path(recipes.__file__).parent.glob("*.py")} - {"__init__", "recipe", "tuning"}
    modules = {info.where.split(":")[0].removeprefix("erclab.models.").split(".")[0] for info in models.MODELS.values()}
    assert files == modules


def test_the_readme_names_every_recipe_that_trains_the_authors_quirks():
    assert {key for key, entry in RECIPES.items() if entry.variant == "official"} == {("sdt", "meld", "smoke")}
    readme = " ".join((Path(__file__).parents[2] / "README.md").read_text().split())
    assert "off by default but for SDT on MELD, whose recipe trains the authors' code" in readme


def test_changes_go_to_the_model_or_to_the_recipe_or_to_both():
    model, recipe = split_changes({"hidden": 8, "clip": 1.0, "epochs": 5}, Sizes)
    assert model == {"hidden": 8, "epochs": 5} and recipe == {"clip": 1.0, "epochs": 5}
    assert split_changes({}, Sizes) == ({}, {})


def test_a_change_that_belongs_to_nobody_is_an_error():
    with pytest.raises(UsageError, match=r"unknown setting 'hiden'\. Did you mean 'hidden'\?.*batch_size.*hidden"):
        split_changes({"hidden": 8, "hiden": 9}, Sizes)


@pytest.mark.parametrize("field", [{"epochs": 0}, {"batch_size": 0}, {"learning_rate": 0.0}, {"learning_rate": -1e-3},
                                   {"weight_decay": -0.1}, {"learning_rate": float("nan")}, {"clip": 0.0},
                                   {"clip": -1.0}, {"clip": float("nan")}, {"patience": 0}, {"patience": -1}])
def test_a_recipe_that_cannot_train_is_refused(field):
    with pytest.raises(UsageError, match=str(next(iter(field.values())))):
        Recipe(**field)
