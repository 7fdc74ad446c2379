"""Inside a notebook: one-line errors, and parameters that are refused."""

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook

from erclab.core.errors import UsageError
from erclab.face import notebook

DEFAULTS = {"profile": "smoke", "seeds": 3, "interactive": False, "rate": 0.5}


@pytest.fixture
def shell(monkeypatch):
    shell = InteractiveShell()
    shown = []
    monkeypatch.setattr(shell, "_showtraceback", lambda kind, error, lines: shown.extend(lines))
    monkeypatch.setattr(notebook, "shell", lambda: shell)
    notebook.short_errors()
    return shell, shown


def test_an_error_of_a_user_is_one_line_and_another_keeps_its_traceback(shell):
    shell, shown = shell
    shell.run_cell("from erclab.core.errors import UsageError\ndef f():\n    raise UsageError('no such corpus', "
                   "remedy='Load another.')\nf()")
    assert shown == ["UsageError: no such corpus. Load another."]
    shown.clear()
    result = shell.run_cell("1 / 0")
    assert len(shown) > 2 and isinstance(result.error_in_exec, ZeroDivisionError)


@pytest.mark.parametrize(("given", "says"), [
    ("corpora = 'x'", "unknown parameter 'corpora'. Did you mean 'corpus'"),
    ("seeds = 'two'", "the parameter seeds is 'two'. Give a whole number, such as 3"),
    ("seeds = True", "Give a whole number"), ("interactive = 1", "Give True or False, such as False"),
    ("corpus = 3", "Give a text, such as 'simulated'")])
def test_papermills_parameters_are_refused_by_the_notebook(shell, given, says):
    shell, shown = shell
    shell.run_cell("corpus = 'simulated'  # a name\nseeds = 3\ninteractive = False", store_history=True)
    shell.run_cell(f"# Parameters\n{given}", store_history=True)
    shell.run_cell("from erclab.face.notebook import check_parameters\ncheck_parameters()", store_history=True)
    assert len(shown) == 1 and says in shown[0]


def test_parameters_that_fit_are_taken(shell):
    shell, shown = shell
    shell.run_cell("corpus = 'simulated'\nseeds = 3\nrate = 0.5", store_history=True)
    shell.run_cell("# Parameters\nseeds = 1\ncorpus = 'meld'\nrate = 1", store_history=True)
    shell.run_cell("from erclab.face.notebook import check_parameters\ncheck_parameters()", store_history=True)
    assert shown == []
    notebook.compare_parameters(DEFAULTS, {"rate": 1, "seeds": 1})
    with pytest.raises(UsageError, match="rate is 'x'"):
        notebook.compare_parameters(DEFAULTS, {"rate": "x"})


def test_a_script_has_no_shell():
    assert notebook.shell() is None
    notebook.short_errors()
    notebook.check_parameters()


@pytest.mark.slow
def test_in_a_real_kernel():
    """What a student sees, and what papermill's executor gets."""
    made = new_notebook(cells=[new_code_cell("import erclab as erc"), new_code_cell("seeds = 3"),
                               new_code_cell("# Parameters\nseed = 3"), new_code_cell("erc.check_parameters()")])
    with pytest.raises(CellExecutionError, match="unknown parameter 'seed'"):
        NotebookClient(made, kernel_name="python3", timeout=60).execute()
    output, = made.cells[-1].outputs
    assert (output.output_type, output.ename) == ("error", "UsageError")
    assert output.traceback == ["UsageError: unknown parameter 'seed'. Did you mean 'seeds'? There is: seeds."]
    assert nbformat.from_dict(made)
