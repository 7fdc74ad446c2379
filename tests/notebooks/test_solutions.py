"""The exercises of the notebooks: each is a call that can be run, with a hint, a place for the answer and a solution.

The solutions are executed by `make test-solutions` (minutes), those without training by `make test`.
"""

import os
import re

import nbformat
import pytest
from committed import COMMITTED, ROOT, UNSTABLE

from erclab import study

SOLUTIONS = ROOT / "notebooks" / "solutions"
SKIPPED = ["exercise", "skip-execution", "nbval-skip"]  # papermill and nbval leave such a cell out
PAGES = pytest.mark.parametrize("path", COMMITTED, ids=lambda p: p.stem)


def tags(cell):
    return cell.metadata.get("tags", [])


def exercises(path):
    """number -> (question, call, answer) of the cells under "## Exercises"."""
    cells = nbformat.read(path, as_version=4).cells
    first, = [i for i, cell in enumerate(cells) if cell.source.startswith("## Exercises")]
    rest = cells[first + 1:]
    assert len(rest) % 3 == 0, "an exercise is a question, a call and a place for the answer"
    return {str(k): tuple(rest[3 * k - 3:3 * k]) for k in range(1, len(rest) // 3 + 1)}


@PAGES
def test_an_exercise_is_a_question_with_a_hint_a_call_and_a_place_for_the_answer(path):
    number, found = path.stem.split("_")[0], exercises(path)
    assert 3 <= len(found) <= 6
    for k, (question, call, answer) in found.items():
        assert question.cell_type == "markdown" and question.source.startswith(f"**{number}.{k}** ")
        assert "<details><summary>Hint</summary>\n\n" in question.source and "</details>" in question.source
        assert tags(call) == SKIPPED and call.execution_count is None and not call.outputs
        assert not re.search(r"^\s*[!%]", call.source, re.M), "a call stays in the notebook"
        compile(call.source, path.name, "exec")
        assert tags(answer) == ["exercise-answer"] and not answer.get("outputs")
        assert answer.source == f"# {number}.{k}: your prediction, and what you found"


@PAGES
def test_each_exercise_has_a_solution_with_the_same_call(path):
    cells = nbformat.read(SOLUTIONS / path.name, as_version=4).cells
    number, found = path.stem.split("_")[0], exercises(path)
    heads = [i for i, c in enumerate(cells) if c.cell_type == "markdown" and re.match(r"\*\*\d\d\.\d\*\* ", c.source)]
    assert [cells[i].source.split()[0] for i in heads] == [f"**{number}.{k}**" for k in found]
    for (_, call, _), start, end in zip(found.values(), heads, [*heads[1:], len(cells)], strict=True):
        code = [c.source for c in cells[start:end] if c.cell_type == "code"]
        assert code[0] == call.source
        assert any("assert " in source for source in code), "what a solution says is held by an assertion"
        assert sum(c.source.startswith("**Solution.** ") for c in cells[start:end]) == 1


@PAGES
def test_a_solution_was_run_and_shows_what_is_the_same_everywhere(path, tmp_path):
    solution = SOLUTIONS / path.name
    cells = nbformat.read(solution, as_version=4).cells
    code = [c for c in cells if c.cell_type == "code"]
    assert [c.execution_count for c in code] == list(range(1, len(code) + 1))
    outputs = [o for c in code for o in c.outputs]
    assert outputs and not [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]
    for output in outputs:
        assert not any("widget" in kind for kind in output.get("data", {}))
        assert not UNSTABLE.search(output.get("text", "") + str(output.get("data", {}).get("text/plain", "")))
    parameters, = [c for c in cells if "parameters" in tags(c)]
    assert all("#" in line for line in parameters.source.splitlines())
    study.normalise(solution, tmp_path / "again.ipynb")
    assert (tmp_path / "again.ipynb").read_bytes() == solution.read_bytes()
    assert solution.stat().st_size < 1_000_000


@PAGES
def test_a_page_asks_for_a_prediction_and_answers_at_its_end(path):
    cells = nbformat.read(path, as_version=4).cells
    asked = re.findall(r"^\*\*(\w+)\.\*\*", cells[0].source, re.M)
    assert asked == ["Question", "Predict", "Answer"]
    heads = [c.source.split("\n")[0] for c in cells if c.cell_type == "markdown" and c.source.startswith("## ")]
    assert heads[-2:] in (["## Answer", "## Exercises"], ["## The answers", "## Exercises"])
    start, end = ([c.source.split("\n")[0] for c in cells].index(head) for head in heads[-2:])
    assert any(c.cell_type == "code" and c.outputs for c in cells[start:end]), "the answer is made from results"


def test_there_is_no_solution_of_another_page():
    assert {p.name for p in SOLUTIONS.glob("*.ipynb")} == {p.name for p in COMMITTED}


@pytest.mark.long
@PAGES
def test_a_call_runs_after_the_cells_of_its_page(path, tmp_path):
    """With the runs that exist (ERCLAB_RUNS), and figures elsewhere."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if "exercise" in tags(cell):
            cell.metadata["tags"] = []
    nbformat.write(notebook, tmp_path / path.name)
    os.environ.setdefault("ERCLAB_FIGURES", str(tmp_path))
    assert study.execute(tmp_path / path.name, tmp_path / "out" / path.name, {}).error == ""
