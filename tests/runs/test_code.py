"""The digest of the code: what is part of it, and records of older code."""

import json

import pytest

from erclab import models, runs
from erclab.core import source
from erclab.core.errors import UsageError
from erclab.runs import code
from erclab.runs.table import catalogue


def closure(name):
    return {*source.closure([models.info(name).where.split(":")[0]], code._ours), *code._common()}


@pytest.mark.parametrize("name", models.MODELS)
def test_what_decides_numbers_is_part_of_it_and_other_modules_are_not(name):
    found = closure(name)
    assert {"erclab.training.loop", "erclab.training.step", "erclab.training.optimisers", "erclab.training.device",
            "erclab.corpora.views", "erclab.core.tasks", "erclab.core.metrics", "erclab.core.batches",
            "erclab.models.interface", "erclab.runs.data", "erclab.ops.dropout"} <= found
    assert models.info(name).where.split(":")[0] in found
    rooms = {tuple(module.split(".")[1:2]) for module in found}
    assert rooms == {("core",), ("training",), ("corpora",), ("models",), ("runs",), ("ops",)}
    assert not [m for m in found if m.startswith(("erclab.core.errors", "erclab.core.paths", "erclab.core.storage",
                                                  "erclab.training.recipes", "erclab.published", "erclab.runs.s"))]


def test_a_model_has_its_own_parts_and_not_those_of_others():
    assert "erclab.ops.attention" in closure("mult") and "erclab.ops.attention" not in closure("ef-lstm")
    assert "erclab.models.mult" not in closure("sdt")
    assert {m for m in code._common() if m.startswith("erclab.models")} == {"erclab.models.interface"}
    assert len({code.code_digest(models.info(name)) for name in ("sdt", "mult", "linear", "hct-mg")}) == 4


@pytest.mark.parametrize(("change", "same"), [(lambda text: text + "# a comment\n", True),
                                              (lambda text: '"""New."""\n' + text.split('"""', 2)[2], True),
                                              (lambda text: text + "NEW = 1\n", False)])
@pytest.mark.parametrize("module", ["erclab.models.sdt.model", "erclab.training.loop", "erclab.core.tasks"])
def test_the_digest_follows_code_and_not_words(tmp_path, monkeypatch, module, change, same):
    before = code.code_digest(models.info("sdt"))
    real = source.file_of
    edited = tmp_path / "edited.py"
    edited.write_text(change(real(module).read_text()))
    monkeypatch.setattr(source, "file_of", lambda name: edited if name == module else real(name))
    code._builtin.cache_clear(), code._common.cache_clear()
    assert (code.code_digest(models.info("sdt")) == before) is same
    code._builtin.cache_clear(), code._common.cache_clear()


@pytest.fixture
def record(tiny, tmp_path):
    return runs.run("constant", tiny, folder=tmp_path, progress=False)[0]


def age(record):
    """The same record as if older code had made it, under the id that it had then."""
    data = {**record.data, "id": "constant-simulated-tiny-0", "spec": {**record.spec, "code": "0123456789abcdef"}}
    path = record.path.with_name("constant-simulated-tiny-0.json")
    path.write_text(json.dumps(data))
    return path


def test_an_older_record_is_loaded_with_a_warning_and_listed_with_a_mark(record):
    path = age(record)
    with pytest.warns(UserWarning, match=r"constant-simulated-tiny-0.json was made by older code.*Constant predictor"):
        old = runs.load(path)
    assert old.older and not runs.load(record.path).older
    assert old.scores() == record.scores()
    table = catalogue(record.path.parent).set_index("id")["code"]
    assert table.to_dict() == {record.id: "today's", "constant-simulated-tiny-0": "older"}
    assert len(catalogue(record.path.parent, where={"code": "older"})) == 1


def test_an_older_record_is_never_served_as_the_result_of_today(record, tiny):
    age(record)
    record.path.unlink()
    again, = runs.run("constant", tiny, folder=record.path.parent, progress=False)
    assert again.path == record.path and not again.older and record.path.exists()


def test_weights_of_older_code_that_do_not_fit_are_said(tiny, tmp_path, recwarn):
    made, = runs.run("bc-lstm", tiny, folder=tmp_path, progress=False, epochs=1, hidden=4)
    made.data["spec"] |= {"code": "0", "settings": {**made.spec["settings"], "hidden": 6}}
    with pytest.raises(runs.records.RunError, match=r"made by older code.*weights do not fit.*Train the run again"):
        made.model()


def test_a_class_without_a_source_counts_as_older(monkeypatch):
    def none(info):
        raise UsageError("the source is not at hand")
    monkeypatch.setattr(code, "code_digest", none)
    assert code.older(models.info("sdt"), "0")
