"""`import erclab as erc`: what it offers, that it is cheap, and that editors see the same."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import erclab as erc

NAMES = {"load", "load_model", "export", "list_corpora", "oracle", "run", "compare", "Run", "Runs", "Comparison",
         "list_models", "check_model", "left_out", "predict", "evaluate", "exhibit", "list_exhibits", "save", "Recipe",
         "Model", "Output", "DialogueBatch", "SequenceBatch", "ErclabError", "sizes", "ledger", "list_exercises", "lab",
         "check", "answer", "check_parameters", "conversation", "about", "draw_model", "__version__"}


def fresh(code):
    """What a new interpreter prints."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_dir_lists_the_public_names():
    assert set(erc.__all__) == NAMES
    assert set(dir(erc)) == NAMES | {*erc._ROOMS}


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_name_is_there(name):
    assert getattr(erc, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        erc.lode  # noqa: B018
    assert not hasattr(erc, "registry")


def test_a_room_is_still_imported_by_its_name():
    code = "from erclab import published, figures; import erclab.corpora; print(published.scores.__name__)"
    assert fresh(code) == "scores"


def test_the_import_needs_nothing_heavy():
    heavy = "{'torch', 'pandas', 'numpy', 'matplotlib', 'sklearn', 'captum'}"
    assert fresh(f"import sys, erclab; dir(erclab); print(sorted({heavy} & {{*sys.modules}}))") == "[]"


def test_the_stub_has_the_same_names_from_the_same_modules():
    stub = ast.parse((Path(erc.__file__).with_suffix(".pyi")).read_text())
    found = {alias.asname: node.module for node in stub.body if isinstance(node, ast.ImportFrom)
             for alias in node.names}
    assert found == {name: f"erclab.{module}" for name, module in erc._FACE.items()} | dict.fromkeys(
        erc._ROOMS, "erclab")
    assert all(alias.asname == alias.name for node in stub.body if isinstance(node, ast.ImportFrom)
               for alias in node.names)


@pytest.mark.parametrize("name", ["load", "oracle", "run", "compare", "check_model", "left_out", "ledger", "sizes",
                                  "predict", "evaluate", "exhibit", "list_exhibits", "save"])
def test_every_function_names_and_explains_its_arguments(name):
    function = getattr(erc, name)
    signature = inspect.signature(function)
    free = [p.name for p in signature.parameters.values() if p.kind == p.VAR_KEYWORD]
    assert free == (["changes"] if name == "run" else [])  # settings of the model or its recipe
    assert all(p.annotation is not p.empty for p in signature.parameters.values())
    for argument in signature.parameters:
        assert argument in function.__doc__, argument


def test_run_takes_what_the_runs_take():
    from erclab import runs

    ours = inspect.signature(erc.run).parameters
    theirs = {**inspect.signature(runs.plan).parameters, **inspect.signature(runs.run).parameters}
    assert set(ours) == set(theirs) - {"question"}
    for name, p in theirs.items():
        if name in ours and p.default is not p.empty:
            assert ours[name].default == p.default, name


def test_load_takes_what_the_corpora_take():
    from erclab import corpora
    from erclab.corpora.registry import OPTIONS

    ours, theirs = ({name: p.default for name, p in inspect.signature(load).parameters.items()}
                    for load in (erc.load, corpora.load))
    assert theirs.pop("options") is inspect.Parameter.empty  # **options: of the reader, which the face names one by one
    assert set(ours) - set(theirs) == {*OPTIONS}
    assert {name: ours[name] for name in theirs} == theirs
