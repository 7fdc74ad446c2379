"""The runner that executes notebooks, and the hygiene of those that are committed."""

import ast
import re
from pathlib import Path

import nbformat
import pytest
from committed import COMMITTED, ROOT, UNSTABLE
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from erclab import labs, study
from erclab.core.errors import NotebookError
from erclab.corpora.simulated.world import KINDS
from erclab.exhibits import catalogue
from erclab.training.loop import PROTOCOLS
from erclab.training.recipes import PROFILES

# A notebook about a model of one's own defines it: at most forty lines.
OWN = {"40_your_own_model": {"MyModel", "Config", "__init__", "forward", "context"}}


def write(path, *sources, parameters="a = 1  # a number"):
    cells = [new_markdown_cell("# A title"), new_code_cell(parameters, metadata={"tags": ["parameters"]})]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=cells + [new_code_cell(s) for s in sources], metadata=kernel), path)
    return path


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "notebooks").mkdir()
    return tmp_path / "notebooks"


def test_notebooks_are_found_by_number(folder):
    for name in ("01_one", "12_twelve"):
        write(folder / f"{name}.ipynb")
    assert [p.stem for p in study.find(folder=folder)] == ["01_one", "12_twelve"]
    assert [p.stem for p in study.find(["1"], folder)] == ["01_one"]
    assert [p.stem for p in study.find(["12_twelve", "12"], folder)] == ["12_twelve"]
    with pytest.raises(NotebookError, match=r"no notebook '13'.*01_one, 12_twelve"):
        study.find(["13"], folder)
    with pytest.raises(NotebookError, match="there are no notebooks"):
        study.find(folder=folder / "nowhere")


def test_parameters_reach_the_cells_and_an_unknown_one_is_refused(folder, tmp_path):
    """Also where folders have braces, one of them with the name of a parameter."""
    inside = folder / "of {b}"
    inside.mkdir()
    path, out = write(inside / "01_x.ipynb", "print(a + 1)"), tmp_path / "{a} {" / "out.ipynb"
    assert study.notebook_parameters(path) == {"a": "1"}
    done = study.execute(path, out, {"a": 41})
    assert done.error == "" and done.title == "A title"
    cells = nbformat.read(out, as_version=4).cells
    assert cells[-1].outputs[0].text == "42\n"
    with pytest.raises(NotebookError, match=r"unknown parameter 'b'. It has: a."):
        study.execute(path, tmp_path / "out.ipynb", {"b": 1})


def test_a_failing_cell_is_named_and_the_copy_is_kept(folder, tmp_path):
    path = write(folder / "01_x.ipynb", "1 / 0")
    done = study.execute(path, tmp_path / "out.ipynb", {})
    assert "ZeroDivisionError" in done.error and (tmp_path / "out.ipynb").exists()


@pytest.mark.parametrize("content, message", [("", "not a notebook"), ("{}", "not a notebook"),
                                              ('{"cells": 3}', "not a notebook")])
def test_a_broken_notebook_is_one_line(folder, content, message):
    (folder / "01_x.ipynb").write_text(content)
    with pytest.raises(NotebookError, match=message) as caught:
        study.notebook_parameters(folder / "01_x.ipynb")
    assert "\n" not in str(caught.value)


def test_a_notebook_needs_one_parameters_cell(folder):
    nbformat.write(new_notebook(cells=[new_code_cell("a = 1")]), folder / "01_x.ipynb")
    with pytest.raises(NotebookError, match="0 cells are tagged 'parameters'"):
        study.notebook_parameters(folder / "01_x.ipynb")


def test_a_notebook_needs_a_kernel(folder):
    cell = new_code_cell("a = 1", metadata={"tags": ["parameters"]})
    nbformat.write(new_notebook(cells=[cell]), folder / "01_x.ipynb")
    with pytest.raises(NotebookError, match=r"names no kernel.*choose Python 3"):
        study.notebook_parameters(folder / "01_x.ipynb")


def test_two_executions_are_the_same_bytes_after_normalising(folder, tmp_path):
    path = write(folder / "01_x.ipynb", "print(a)")
    for name in ("one", "two"):
        study.execute(path, tmp_path / f"{name}.raw.ipynb", {})
        study.normalise(tmp_path / f"{name}.raw.ipynb", tmp_path / f"{name}.ipynb")
    assert (tmp_path / "one.ipynb").read_bytes() == (tmp_path / "two.ipynb").read_bytes()
    assert "papermill" not in (tmp_path / "one.ipynb").read_text()


def test_texts_that_a_kernel_sent_in_parts_are_joined(tmp_path):
    parts = [new_output("stream", name=name, text=text)
             for name, text in (("stdout", "a\n"), ("stdout", "b\n"), ("stderr", "c\n"), ("stdout", "d\n"))]
    picture = new_output("display_data", {"text/plain": "p"})
    cell = new_code_cell("1", outputs=[*parts, picture, new_output("stream", name="stdout", text="e\n")])
    nbformat.write(new_notebook(cells=[cell]), tmp_path / "in.ipynb")
    study.normalise(tmp_path / "in.ipynb", tmp_path / "out.ipynb")
    outputs = nbformat.read(tmp_path / "out.ipynb", as_version=4).cells[0].outputs
    assert [o.get("text", "picture") for o in outputs] == ["a\nb\n", "c\n", "d\n", "picture", "e\n"]


@pytest.mark.parametrize(("silent", "says"), [(1, ""), (2, "did not start (Kernel didn't respond)")])
def test_a_kernel_that_does_not_answer_is_started_once_more(folder, tmp_path, monkeypatch, silent, says):
    import papermill

    calls, real = [], papermill.execute_notebook

    def deaf(*arguments, **options):
        calls.append(1)
        if len(calls) <= silent:
            raise RuntimeError("Kernel didn't respond")
        return real(*arguments, **options)

    monkeypatch.setattr(papermill, "execute_notebook", deaf)
    done = study.execute(write(folder / "01_x.ipynb", "print(1)"), tmp_path / "out.ipynb", {})
    assert len(calls) == 2 and says in done.error and bool(done.error) == bool(says)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_study_leaves_copies_and_a_summary_and_the_sources_alone(folder, tmp_path, monkeypatch, jobs):
    (tmp_path / "erclab").mkdir()
    monkeypatch.chdir(tmp_path)
    good = write(folder / "01_x.ipynb", "import os; open(os.environ['ERCLAB_FIGURES'] + '.txt', 'w').close()",
                 "print(corpus)", parameters='corpus = "none"  # which')
    write(folder / "02_y.ipynb", "raise ValueError('on <purpose>')")
    before, lines = good.read_bytes(), []
    done, summary = study.study(out=Path("out"), corpus="simulated-tiny", jobs=jobs, say=lines.append)
    assert [bool(r.error) for r in done] == [False, True]
    assert good.read_bytes() == before
    executed = nbformat.read(tmp_path / "out" / "01_x.ipynb", as_version=4)
    assert executed.cells[-1].outputs[0].text == "simulated-tiny\n"
    assert (tmp_path / "out" / "figures.txt").exists()  # beside the copies, though kernels run in `notebooks/`
    page = summary.read_text()
    assert "01_x.ipynb" in page and "on &lt;purpose&gt;" in page and any("FAILED" in line for line in lines)


def test_each_notebook_may_get_another_corpus_instead_of_its_own(folder, tmp_path, monkeypatch):
    (tmp_path / "erclab").mkdir()
    monkeypatch.chdir(tmp_path)
    write(folder / "01_x.ipynb", parameters='corpus = "simulated-tiny"  # which\ndata = ""')
    write(folder / "02_y.ipynb")
    given = {}

    def execute(path, output, values, environment):
        given[path.stem] = values
        return study.Executed(path.stem, "", output, 0.0)

    monkeypatch.setattr(study, "execute", execute)
    study.study(out=Path("out"), instead=lambda own: ("imported", f"folder of {own}"), say=lambda line: None)
    assert given == {"01_x": {"corpus": "imported", "data": "folder of simulated-tiny"}, "02_y": {}}


@pytest.mark.parametrize("path", COMMITTED, ids=lambda p: p.stem)
class TestHygiene:
    """What strict nbval does not see: outputs that were stripped, or that hold what differs between machines."""

    def test_it_was_run_from_top_to_bottom(self, path):
        """But cells of exercises, which are left to the reader (tests/test_solutions.py)."""
        code = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
        run = [c.execution_count for c in code if "exercise" not in c.metadata.get("tags", [])]
        assert run == list(range(1, len(run) + 1))

    def test_it_shows_its_results_and_no_error(self, path):
        outputs = [o for c in nbformat.read(path, as_version=4).cells for o in c.get("outputs", [])]
        assert any("image/png" in o.get("data", {}) for o in outputs)
        assert not [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]
        assert not [o for o in outputs if any("widget" in kind for kind in o.get("data", {}))]

    def test_its_text_has_no_times_paths_addresses_or_bars(self, path):
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", []):
                text = output.get("text", "") + str(output.get("data", {}).get("text/plain", ""))
                assert not UNSTABLE.search(text), text

    def test_it_has_one_commented_parameters_cell(self, path):
        known = study.notebook_parameters(path)
        assert "corpus" in known and "data" in known
        cell, = [c for c in nbformat.read(path, as_version=4).cells if "parameters" in c.metadata.get("tags", [])]
        assert all("#" in line for line in cell.source.splitlines())

    def test_it_defines_no_function_or_class(self, path):
        """But for answers of students, and for the model whose making is the subject of its notebook."""
        found = {}
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code" and "answer" not in cell.metadata.get("tags", []):
                for node in ast.walk(ast.parse(cell.source)):
                    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
                        found.setdefault(getattr(node, "name", "lambda"), []).append(node.end_lineno - node.lineno + 1)
        assert set(found) == OWN.get(path.stem, set())
        assert sum(max(lines) for name, lines in found.items() if name in ("context", "MyModel")) <= 40

    def test_it_refuses_wrong_parameters_and_opening_it_changes_nothing(self, path):
        """JupyterLab writes the name that the kernel has, and so marks a notebook with another one as changed."""
        notebook = nbformat.read(path, as_version=4)
        codes = [c for c in notebook.cells if c.cell_type == "code"]
        after = next(i for i, c in enumerate(codes) if "parameters" in c.metadata.get("tags", [])) + 1
        assert codes[after].source.startswith("erc.check_parameters()\n")
        assert notebook.metadata.kernelspec.display_name == "Python 3 (ipykernel)"

    def test_its_answers_are_open_and_checked(self, path):
        """An answer cell has the head of a function and no equation, and the answer is checked; or it puts answers into
        a class of a model."""
        cells = nbformat.read(path, as_version=4).cells
        code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
        for cell in (c for c in cells if "answer" in c.metadata.get("tags", [])):
            made, = ast.parse(cell.source).body
            if isinstance(made, ast.ClassDef):
                assert "erc.answer(" in cell.source
                continue
            assert len(made.body) == 2 and made.body[1].value.value is Ellipsis and ast.get_docstring(made)
            assert f".use({made.name})" in code
        checked = re.findall(r'erc\.check\(\w+, "([a-z0-9_.]+)"\)', code)
        assert set(checked) <= set(labs.EXERCISES) and len(checked) == code.count(".use(")

    def test_it_imports_erclab_in_one_or_two_lines(self, path):
        lines = [line for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"
                 for line in cell.source.splitlines() if re.match(r"\s*(import|from) erclab", line)]
        assert 1 <= len(lines) <= 2, lines

    def test_it_asks_answers_and_ends_with_exercises(self, path):
        cells = nbformat.read(path, as_version=4).cells
        for word in ("**Question.**", "**Answer.**", "Run time"):
            assert word in cells[0].source
        assert any(cell.source.startswith("## Exercises") for cell in cells)

    def test_it_is_normalised_and_small(self, path, tmp_path):
        study.normalise(path, tmp_path / "again.ipynb")
        assert (tmp_path / "again.ipynb").read_bytes() == path.read_bytes()
        assert path.stat().st_size < 1_000_000


def test_there_are_notebooks():
    assert [p.stem for p in COMMITTED][:1] == ["01_corpora"]


def test_hygiene_can_fail(tmp_path):
    cell = new_code_cell("1", outputs=[new_output("display_data", {"text/plain": "done in 3.1 s"})])
    path = tmp_path / "x.ipynb"
    nbformat.write(new_notebook(cells=[cell]), path)
    checks = TestHygiene()
    for check in (checks.test_it_was_run_from_top_to_bottom, checks.test_it_shows_its_results_and_no_error,
                  checks.test_its_text_has_no_times_paths_addresses_or_bars):
        with pytest.raises(AssertionError):
            check(path)


def test_the_glossary_has_the_words_of_the_notebooks():
    """Each word that the course uses in a sense of its own stands there once, and so do the names that code gives."""
    text = (ROOT / "notebooks" / "glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"\*\*(.+?)\*\*", text)
    assert len(words) == len(set(words)) > 50
    named = {*PROTOCOLS, *PROFILES, *KINDS, "planted", "burst", "primary", "view", "exhibit", "oracle",
             "ceiling", "quirk"}
    assert named <= set(words)
    pages = " ".join(path.read_text(encoding="utf-8") for path in COMMITTED)
    assert [word for word in words if word.split(" ")[0].lower() not in pages.lower()] == []
    for exhibit in re.findall(r"`([A-Z]\d+)`", text):
        catalogue.find([exhibit])
