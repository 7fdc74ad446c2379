"""Places: the same ones from anywhere inside a checkout, and each movable by a variable."""

from pathlib import Path

import pytest

from erclab.core import paths

PLACES = {"ERCLAB_RUNS": (paths.runs_dir, "build/runs"), "ERCLAB_CACHE": (paths.cache_dir, "build/cache"),
          "ERCLAB_FIGURES": (paths.figures_dir, "figures")}


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    for variable in PLACES:
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def checkout(tmp_path):
    for folder in ("erclab/models", "notebooks"):
        (tmp_path / "checkout" / folder).mkdir(parents=True)
    return (tmp_path / "checkout").resolve()


@pytest.mark.parametrize("inside", [".", "notebooks", "erclab/models"])
def test_the_root_is_found_from_every_folder_of_the_checkout(checkout, monkeypatch, inside):
    monkeypatch.chdir(checkout / inside)
    assert paths.project_root() == checkout
    assert paths.notebooks_dir() == checkout / "notebooks"
    for place, default in PLACES.values():
        assert place() == checkout / default


@pytest.mark.parametrize("half", ["erclab", "notebooks"])
def test_outside_a_checkout_the_root_is_the_working_directory(tmp_path, monkeypatch, half):
    """A folder with one of the two alone is somebody else's project."""
    (tmp_path / half / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / half / "deep")
    assert paths.project_root() == (tmp_path / half / "deep").resolve()


@pytest.mark.parametrize("variable", PLACES)
def test_a_variable_moves_its_own_place_only(checkout, tmp_path, monkeypatch, variable):
    monkeypatch.chdir(checkout)
    monkeypatch.setenv(variable, str(tmp_path / "elsewhere"))
    for name, (place, default) in PLACES.items():
        assert place() == (tmp_path / "elsewhere" if name == variable else checkout / default)


@pytest.mark.parametrize("variable", PLACES)
def test_a_variable_may_be_relative_or_begin_at_home(checkout, tmp_path, monkeypatch, variable):
    place, default = PLACES[variable]
    monkeypatch.chdir(checkout)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(variable, "here/too")
    assert place() == checkout / "here" / "too"
    monkeypatch.setenv(variable, "~/mine")
    assert place() == tmp_path.resolve() / "mine"
    monkeypatch.setenv(variable, "")  # set but empty, as a Makefile passes it on
    assert place() == checkout / default


def test_asking_for_a_place_makes_nothing(checkout, monkeypatch):
    monkeypatch.chdir(checkout)
    before = sorted(checkout.rglob("*"))
    for place, _ in PLACES.values():
        assert isinstance(place(), Path)
    assert sorted(checkout.rglob("*")) == before
