"""A new model is a Config and a forward: everything else that the package calls has a default in `Model`."""

import json
from typing import ClassVar

import pytest
from forty_lines import Short

from erclab import contracts, models, runs
from erclab.analysis import sizes
from erclab.contracts.rows import Row
from erclab.core.batches import SequenceBatch
from erclab.core.errors import UsageError
from erclab.core.settings import from_dict
from erclab.corpora import simulated
from erclab.models import MODELS, ModelInfo
from erclab.models.interface import Model, check_choices
from erclab.training.recipes import RECIPES, VARIANTS, Entry, Recipe


@pytest.fixture
def short(monkeypatch):
    """A row of the registry for it."""
    monkeypatch.setitem(MODELS, "short", ModelInfo("short", "Short", "forty_lines:Short", "ours"))


def test_a_config_and_a_forward_can_be_planned(short):
    corpus = simulated.generate("tiny")
    (spec,) = runs.plan("short", corpus, hidden=5)
    assert spec.settings == {"dims": tuple(corpus.dims.items()), "outputs": len(corpus.labels), "task": "emotion",
                             "hidden": 5}
    model = models.build("short", json.loads(json.dumps(spec.settings)))
    assert model.config == from_dict(Short.Config, spec.settings)
    assert runs.plan("short", corpus, variant="official", hidden=5)[0].settings == spec.settings


def test_a_config_and_a_forward_keep_the_contracts():
    found = contracts.check(Short)
    assert {r.contract for r in found} == set(contracts.CONTRACTS) - set(contracts.SLOW)
    assert [f"{r.case}, {r.contract}: {r.says}" for r in found if r.status not in ("ok", "–")] == []


def test_a_config_and_a_forward_have_sizes(short, monkeypatch):
    monkeypatch.setitem(RECIPES, ("short", "*", "smoke"), Entry(Recipe(epochs=1), {"hidden": 4}))
    monkeypatch.setitem(RECIPES, ("short", "meld", "smoke"), Entry(Recipe(epochs=1), {"hidden": 3}))
    (described,) = sizes.describe(["short"])
    widths = sum(simulated.generate("small", dialogues=(1, 1, 1)).dims.values())
    assert [(row["corpus"], row["variants"], row["parameters"]) for row in described["sizes"]] == [
        ("simulated", list(VARIANTS), (2 * widths + 1) * 4 + 5 * 6),
        ("meld", list(VARIANTS), (2 * widths + 1) * 3 + 4 * 6)]
    assert "Short" in sizes.text([described])


def test_presets_of_the_interface():
    assert Short.tiny(hidden=3) == Short.Config((("text", 6), ("audio", 4), ("visual", 2)), 5, "emotion", 3)
    with pytest.raises(TypeError, match="outputs"):
        Short.paper("meld")  # no published sizes and none given

    class Printed(Short):
        published: ClassVar = {"iemocap": {"dims": (("text", 100),), "outputs": 6},
                               "meld": {"dims": (("text", 600),), "outputs": 7}}

    assert Printed.paper() == Printed.official("iemocap") == Short.Config((("text", 100),), 6)
    assert Printed.paper("meld", hidden=2) == Short.Config((("text", 600),), 7, hidden=2)
    with pytest.raises(NotImplementedError, match="Model has no forward"):
        Model()(None)


@pytest.mark.parametrize("name", [n for n, info in MODELS.items() if info.kind == "trained"])
def test_every_model_has_what_the_interface_lists(name):
    info, cls = MODELS[name], MODELS[name].cls
    assert issubclass(cls, Model) and cls.view == info.view
    tiny = cls.tiny()
    assert isinstance(tiny, cls.Config) and tiny.modalities == tuple(m for m, _ in tiny.dims)
    for corpus in cls.published:
        for variant in VARIANTS:
            assert isinstance(getattr(cls, variant)(corpus), cls.Config)


def test_a_wrong_choice_names_the_field_and_what_there_is():
    config = Row("short", variant="neither")
    check_choices("Short", config, {"variant": ("neither", "one")})
    with pytest.raises(UsageError, match=r"^Short's variant is 'paper' or 'official', not 'neither'"):
        check_choices("Short", config, {"model": ("short",), "variant": VARIANTS})


def test_a_class_reads_what_it_declares_or_what_its_forward_names(monkeypatch):
    monkeypatch.setattr(models.registry, "GIVEN", {})

    class Frames(Short):
        def forward(self, batch: SequenceBatch, *, attention=False):
            raise NotImplementedError

    class Turns(Frames):
        view = "dialogue"

    assert [models.info(cls).view for cls in (Short, Frames, Turns)] == ["dialogue", "sequence", "dialogue"]
