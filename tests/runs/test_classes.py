"""A class of one's own instead of a name: its row, its runs, its records, and when its id changes."""

import dataclasses
import importlib
import runpy
import sys
from pathlib import Path

import pytest
from forked import Forked
from torch import nn

from erclab import models, runs
from erclab.core import source
from erclab.core.batches import SequenceBatch
from erclab.core.errors import RunError, UsageError
from erclab.models.sdt.model import SDT
from erclab.runs import code
from erclab.runs.code import code_digest
from erclab.training.recipes import Recipe

SOURCE = Path(__file__).with_name("own_model.py").read_text()


@pytest.fixture(autouse=True)
def forget(monkeypatch):
    """Classes that a test gives are not there in the next test."""
    monkeypatch.setattr(models.registry, "GIVEN", given := {})
    monkeypatch.setattr(models, "GIVEN", given)


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """A module beside the package, written and imported anew: `outside(helper=text, own=text)` gives the class."""
    monkeypatch.syspath_prepend(tmp_path / "code")

    def write(load=True, **files):
        for name, text in files.items():
            path = tmp_path / "code" / f"{name}_of_a_test.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        if load:
            for name in ("helper_of_a_test", "own_of_a_test"):
                sys.modules.pop(name, None)
            importlib.invalidate_caches()
            return importlib.import_module("own_of_a_test").OwnModel
    yield write
    for name in ("helper_of_a_test", "own_of_a_test"):
        sys.modules.pop(name, None)
    source._locate.cache_clear()


@pytest.fixture
def train(tiny, tmp_path):
    def train(model, **options):
        return runs.run(model, tiny, **{"folder": tmp_path / "runs", "progress": False, "epochs": 1, **options})
    return train


# The row

def test_a_class_gets_a_row(outside):
    cls = outside(own=SOURCE)
    row = models.info(cls)
    assert (row.name, row.title, row.view, row.kind) == ("own-model", "OwnModel", "dialogue", "trained")
    assert row.cls is cls and row.where == "own_of_a_test:OwnModel" and models.info("own-model") is row
    assert "own-model" not in models.MODELS


def test_a_class_derived_from_a_model_of_erclab_has_its_recipe_and_settings(tiny):
    class MySDT(SDT):
        pass

    class Mine(MySDT):
        pass

    theirs = runs.plan("sdt", tiny)[0]
    for cls in (MySDT, Mine):
        ours = runs.plan(cls, tiny)[0]
        assert (ours.settings, ours.recipe) == (theirs.settings, theirs.recipe) and ours.id != theirs.id
    assert runs.plan(MySDT, tiny, epochs=1, hidden=32)[0].settings["hidden"] == 32


def test_attributes_of_the_class_and_the_annotation_of_forward_make_the_row(outside):
    cls = outside(own=SOURCE)

    class Reader(cls):
        def forward(self, batch: SequenceBatch, *, attention=False):
            pass

    class Other_Reader(Reader):
        title, view, tasks, stacks = "The other", "dialogue", ("emotion",), True

    assert models.info(Reader).view == "sequence" and models.info(Reader).name == "reader"
    row = models.info(Other_Reader)
    assert (row.name, row.title, row.view, row.tasks, row.stacks) == (
        "other-reader", "The other", "dialogue", ("emotion",), True)


def test_a_class_of_the_registry_has_its_own_row():
    assert models.info(SDT) is models.MODELS["sdt"]


@pytest.mark.parametrize(("members", "said"), [
    ({}, "no model: it needs a dataclass Config and forward"), ({"forward": print}, "no model"),
    ({"forward": print, "Config": dict}, "no model"),
    ({"forward": print, "Config": dataclasses.make_dataclass("C", ["dims"])}, "Config lacks the fields outputs, task"),
    ({"view": "words", "forward": lambda self, batch: 0, "Config": dataclasses.make_dataclass(
        "C", ["dims", "outputs", "task"])}, "unknown view of X 'words'"),
])
def test_what_is_no_model_is_one_clear_line(members, said):
    with pytest.raises(UsageError, match=said):
        models.info(type("X", (nn.Module,), members))


def test_the_name_of_a_model_of_the_registry_is_refused(outside):
    cls = outside(own=SOURCE.replace("OwnModel", "Mult") + "\nOwnModel = Mult\n")
    with pytest.raises(UsageError, match=r"the class Mult gets the name 'mult', which a model of erclab has\. Rename"):
        models.info(cls)


# Its runs

def test_a_class_is_trained_and_its_record_gives_the_model_again(outside, train):
    cls = outside(own=SOURCE)
    record, = train(cls, hidden=8, recipe=Recipe(epochs=3, batch_size=4))
    assert record.spec["model"] == "own-model" and record.title == "OwnModel" and record.data["class"] == (
        "own_of_a_test:OwnModel")
    assert record.spec["settings"]["hidden"] == 8 and record.spec["recipe"]["batch_size"] == 4
    assert record.spec["recipe"]["epochs"] == 1 and not record.older  # a field by its own name goes before the recipe
    model = runs.load(record.path).model()
    assert type(model) is cls and model.map.out_features == 8
    assert train(cls, hidden=8, recipe={"batch_size": 4})[0].spec["recipe"]["learning_rate"] == 1e-3


def test_several_seeds_of_a_class_and_cross_validation(outside, tiny, tmp_path):
    cls = outside(own=SOURCE)
    assert [r.spec["seed"] for r in runs.run(cls, tiny, seeds=2, epochs=1, folder=tmp_path, progress=False)] == [0, 1]
    assert len(runs.cross_validate(cls, tiny, by=3, epochs=1, folder=tmp_path, progress=False)[0].records) == 3


def test_a_plain_module_is_trained_as_well(outside, train):
    cls = outside(own=SOURCE.replace("(Model)", "(nn.Module)").replace("        self.config = config\n", "")
                  .replace("self.config.dims", "[('text', 0), ('audio', 0), ('visual', 0)]"))
    record, = train(cls)
    assert isinstance(record.model(), cls) and record.model().config.outputs == 6


def test_a_record_of_a_class_that_is_not_here_says_what_to_do(outside, train):
    record, = train(outside(own=SOURCE))
    models.registry.GIVEN.clear()
    assert type(record.model()).__name__ == "OwnModel"  # it can be imported
    models.registry.GIVEN.clear()
    record.data["class"] = "gone_of_a_test:OwnModel"
    assert record.title == "OwnModel" and record.older
    with pytest.raises(RunError, match=r"own_of_a_test|gone_of_a_test:OwnModel, is not at hand.*models\.info\("):
        record.model()


# Its id

def digest(cls):
    return code_digest(models.info(cls))


def test_comments_and_docstrings_of_a_module_outside_change_no_id(outside):
    first = digest(outside(own=SOURCE))
    assert digest(outside(own=SOURCE.replace("A linear map of each utterance.", "Other words.") + "# more\n")) == first


@pytest.mark.parametrize(("before", "after"), [("SCALE = 1.0", "SCALE = -5.0"), (".relu()", ".tanh()"),
                                               ("hidden: int = 4", "hidden: int = 5")])
def test_an_edit_of_a_module_outside_changes_the_id(outside, tiny, before, after):
    first = runs.plan(outside(own=SOURCE), tiny, hidden=8)[0].id
    assert runs.plan(outside(own=SOURCE.replace(before, after)), tiny, hidden=8)[0].id != first


def test_an_edit_of_a_module_that_the_class_imports_changes_the_id(outside):
    own = SOURCE.replace("SCALE = 1.0", "from helper_of_a_test import SCALE")
    first = digest(outside(own=own, helper="SCALE = 2\n"))
    assert digest(outside(own=own, helper="SCALE = 2  # two\n")) == first
    assert digest(outside(own=own, helper="SCALE = 3\n")) != first


def test_a_module_that_uses_the_face_of_erclab_depends_on_what_it_takes_from_there(outside, monkeypatch):
    own = SOURCE.replace("from erclab.models.interface import Model, Output",
                         "import erclab as erc\nOutput = erc.Output")
    cls = outside(own=own.replace("(Model)", "(erc.Model)") + "\ndef train(corpus):\n    return erc.run(OwnModel, 1)\n")
    monkeypatch.setattr(code, "_hash", lambda texts: " ".join(sorted(texts)))
    parts = digest(cls).split()
    assert {"own_of_a_test", "erclab.models.interface", "erclab.training.loop"} <= {*parts}
    assert not [p for p in parts if p.startswith(("erclab.face", "erclab.exhibits", "erclab.runs.e"))]
    assert "erclab" not in parts


def test_a_row_of_the_registry_that_leads_outside_follows_the_file(outside, tiny, monkeypatch):
    """The demonstration of the review: the result of the edited model was that of the model before."""
    outside(own=SOURCE)
    monkeypatch.setitem(models.MODELS, "mine", models.ModelInfo("mine", "Mine", "own_of_a_test:OwnModel", "ours"))
    first = runs.plan("mine", tiny)[0].id
    assert runs.plan("mine", tiny)[0].id == first
    outside(load=False, own=SOURCE.replace("* SCALE", "* -5"))
    assert runs.plan("mine", tiny)[0].id != first


def test_a_class_in_memory_that_is_older_than_its_file_is_not_trained(outside, train, tiny):
    cls = outside(own=SOURCE)
    record, = train(cls)
    outside(load=False, own=SOURCE.replace("SCALE = 1.0", "SCALE = 2.0"))
    with pytest.raises(RunError, match=r"the source of OwnModel was edited after its import.*reload"):
        train(cls)
    again = outside(own=SOURCE.replace("SCALE = 1.0", "SCALE = 2.0"))
    other, = train(again)
    assert other.id != record.id and other.data["curve"] != record.data["curve"]
    with pytest.warns(UserWarning, match="older code"):
        assert runs.load(record.path).older


def test_a_class_that_another_of_its_name_replaced_is_not_trained_in_its_stead(outside, tiny, tmp_path):
    spec, = runs.plan(outside(own=SOURCE), tiny)
    runs.plan(outside(own=SOURCE.replace("SCALE = 1.0", "SCALE = 3.0")), tiny)
    with pytest.raises(RunError, match="not the one for which this run was planned"):
        runs.execute(spec, tiny, folder=tmp_path, progress=False)


NOTEBOOK = """
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
from erclab import corpora, models, runs

def cell(text):
    shell.run_cell(text, store_history=True).raise_error()

def plan():
    return runs.plan(sys.modules["__main__"].OwnModel, corpora.load("simulated-tiny"))[0].id

sys.modules["__main__"] = shell.user_module
imports, rest = {source!r}.split("SCALE = 1.0")
cell("%time 1\\n" + imports)
cell("SCALE = 1.0\\ndef helper(x):\\n    return x")
cell(rest.replace("* SCALE", "* helper(SCALE)"))
ids = [plan()]
cell("batch = x = 3  # of no use to the class"); ids.append(plan())
cell("def helper(x):\\n    'Doc.'\\n    return x  # c"); ids.append(plan())
cell("def helper(x):\\n    return -x"); ids.append(plan())
cell("SCALE = 2.0"); ids.append(plan())
cell(rest.replace("* SCALE", "* helper(SCALE)").replace("relu", "tanh")); ids.append(plan())
cell("from erclab import corpora, runs\\nmade = {'corpus': corpora.load('simulated-tiny'), 'progress': False}")
cell("record, = runs.run(OwnModel, epochs=1, **made)")
cell("assert record.model().map.out_features == 4 and record.data['class'] == '__main__:OwnModel'")
cell("def helper(x):\\n    return 2 * x")  # the class calls the new one at once
cell("other, = runs.run(OwnModel, corpora.load('simulated-tiny'), epochs=1, progress=False)")
cell("assert other.id != record.id and other.data['curve'] != record.data['curve'] and record.older")
print(*ids)
"""


def test_classes_in_cells_of_a_notebook(tmp_path):
    """Of IPython itself: a cell that the class does not use changes nothing, a cell that it uses does."""
    pytest.importorskip("IPython")
    done = Forked(lambda: exec(NOTEBOOK.replace("{source!r}", repr(SOURCE)), {}), said=tmp_path / "said",
                  ERCLAB_RUNS=str(tmp_path), IPYTHONDIR=str(tmp_path / "ipython"))
    out, err = done.communicate(300)
    assert done.wait() == 0, out + err
    ids = out.split()[-6:]
    assert ids[0] == ids[1] == ids[2] and len({*ids}) == 4


def test_classes_of_a_script(tmp_path, capsys):
    """The other lines of a script do not count, and a script that was edited is read again."""
    text = SOURCE + ("\nfrom erclab import corpora, runs\nOTHER = {}\n"
                     "print(runs.plan(OwnModel, corpora.load('simulated-tiny'))[0].id)\n")
    script, ids = tmp_path / "script.py", []
    for other, scale in (("1", "1.0"), ("2", "1.0"), ("1", "1.5")):
        script.write_text(text.replace("{}", other).replace("SCALE = 1.0", f"SCALE = {scale}"))
        runpy.run_path(str(script), run_name="__main__")
        ids += capsys.readouterr().out.split()
    assert len(ids) == 3 and ids[0] == ids[1] != ids[2]
