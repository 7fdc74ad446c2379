"""Configurations with parts: a model of one's own, and DialogueTRM by its settings of before."""

import json
import re
from dataclasses import dataclass, field

import pytest
import torch
from torch import nn

from erclab import cli, contracts, models, runs, sweep
from erclab.core.errors import UsageError
from erclab.models.interface import Model, ModelConfig, Output, check_sizes
from erclab.runs.table import catalogue, column


@dataclass(frozen=True)
class Tower:
    """The part of a configuration."""

    width: int = 6
    dropout: float = 0.5


class Towers(Model):
    """A linear map of each utterance, with a configuration of two levels."""

    @dataclass(frozen=True)
    class Config(ModelConfig):
        """Sizes."""

        dims: tuple[tuple[str, int], ...]
        outputs: int
        task: str = "emotion"
        tower: Tower = field(default_factory=Tower)

        def __post_init__(self) -> None:
            check_sizes("Towers", self, "tower.width")

    published = {"simulated": {"tower.dropout": 0.25}}  # noqa: RUF012
    small = {"tower": {"width": 3}}  # noqa: RUF012

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.map = nn.Linear(sum(d for _, d in config.dims), config.tower.width)
        self.drop = nn.Dropout(config.tower.dropout)
        self.head = nn.Linear(config.tower.width, config.outputs)

    def forward(self, batch, *, attention=False):
        """Logits of each utterance."""
        self.require(batch)
        x = torch.cat([batch.features[m] for m in self.config.modalities], dim=-1)
        x = x.masked_fill(~batch.mask[..., None], 0)
        return Output(self.head(self.drop(self.map(x).tanh())), {} if attention else None)


def test_a_model_of_ones_own_nests_its_settings(tiny, tmp_path):
    for changes in ({"tower.width": 5}, {"tower": {"width": 5}}):
        spec, = runs.plan(Towers, tiny, **changes)
        assert spec.settings["tower"] == {"width": 5, "dropout": 0.25}
    record, = runs.run(Towers, tiny, folder=tmp_path, progress=False, epochs=1, **{"tower.width": 5})
    assert record.id == runs.plan(Towers, tiny, epochs=1, tower={"width": 5})[0].id
    assert record.model().config.tower == Tower(5, 0.25) and record.model().map.out_features == 5
    table = catalogue(tmp_path, where={"tower.width": "5"})
    assert len(table) == 1 and table["tower.dropout"].tolist() == [0.25] and "tower" not in table
    with pytest.raises(UsageError, match=r"unknown setting 'tower.widht'\. Did you mean 'tower.width'"):
        runs.plan(Towers, tiny, **{"tower.widht": 5})
    for changes, says in (({"tower.width": 0}, "Towers's tower.width is 0"), ({"tower.width": 1.5}, "a whole number"),
                          ({"tower.dropout": 1.0}, "Towers's tower.dropout is 1.0")):
        with pytest.raises(UsageError, match=says):
            runs.plan(Towers, tiny, **changes)


def test_contracts_take_the_parts_of_a_configuration():
    assert Towers.tiny().tower == Tower(3)
    case = contracts.rows.cases([Towers])[0]
    assert case.config().tower == Tower(3, 0.0) and case.config(dropout=0.2).tower == Tower(3, 0.2)
    found = contracts.check(Towers, ["export_and_reload", "padding_invariance"])
    assert {r.status for r in found} == {"ok"}


def test_settings_of_before_give_the_run_of_today(tiny):
    flat = {"bert_layers": 2, "bert_heads": 2, "chunk": 7, "shared_bert": False}
    nested = {"bert": {"layers": 2, "heads": 2, "chunk": 7, "shared": False}}
    ids = {runs.plan("dialoguetrm", tiny, **changes)[0].id for changes in (flat, nested)}
    grids = sweep.grids({"models": "dialoguetrm", "corpora": "simulated-tiny", "settings": flat,
                         "changes": {"old": {"bert": None}, "new": {"bert.pretrained": None}}})
    assert {job.id for job in sweep.jobs.plan(grids)} == ids and len(ids) == 1
    spec, = runs.plan("dialoguetrm", tiny, **flat)
    assert {"layers": 2, "chunk": 7}.items() <= spec.settings["bert"].items() and not {*spec.settings} & {*flat}


def test_records_of_before_are_listed_by_names_of_today(tmp_path, capsys):
    from pathlib import Path

    results = Path(__file__).parents[2] / "data" / "results"
    path = min(p for p in results.glob("dialoguetrm-*.json") if '"bert_layers": ' in p.read_text(encoding="utf-8"))
    data = json.loads(path.read_text(encoding="utf-8"))
    (tmp_path / path.name).write_text(json.dumps(data), encoding="utf-8")
    table = catalogue(tmp_path)
    assert table["bert.layers"].tolist() == [data["spec"]["settings"]["bert_layers"]] and "bert_layers" not in table
    assert column(table, "bert_layers").name == "bert.layers"
    for name in ("bert_layers", "bert.layers"):
        assert cli.main(["runs", "--out", str(tmp_path), "--where", f"{name}={table['bert.layers'][0]}"]) == 0
        assert re.search(r"bert\.layers\n", capsys.readouterr().out)
    assert models.build("dialoguetrm", data["spec"]["settings"]).config.bert.layers == table["bert.layers"][0]


@pytest.mark.parametrize(("typed", "says"), [
    ("bert.layer=1", "Did you mean 'bert.layers'"), ("bert_layer=1", "Did you mean 'bert.layers'"),
    ("bert.layers=x", "bert.layers = 'x' is not a whole number"), ("bert_layers=x", "bert.layers = 'x' is not a whole"),
    ("bert=3", "bert.pretrained = 3 is not"), ("bert..layers=1", "not NAME=VALUE")])
def test_a_mistake_in_a_part_is_told_with_the_dotted_name(typed, says, capsys):
    assert cli.main(["run", "dialoguetrm", "--corpus", "simulated-tiny", "--set", typed]) == 2
    assert says in capsys.readouterr().err
