"""Executing the study's notebooks without a browser: papermill, with errors where it only warns."""

from __future__ import annotations

import ast
import base64
import html
import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
from joblib import Parallel, delayed

from erclab.core import paths
from erclab.core.errors import NotebookError
from erclab.core.storage import make_writable


@dataclass(frozen=True)
class Executed:
    """One notebook after execution."""

    name: str
    title: str
    path: Path
    seconds: float
    error: str = ""


def find(numbers: Iterable[str] = (), folder: Path | None = None) -> list[Path]:
    """The notebooks whose names begin with these numbers; without numbers, all notebooks.

    Raises:
        NotebookError: there is no notebook, or none with that number.
    """
    folder = folder or paths.notebooks_dir()
    there = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not there:
        raise NotebookError("there are no notebooks", where=folder, remedy="Run this inside a checkout of erclab.")
    chosen = []
    for number in numbers:
        match = [p for p in there if p.stem == number or p.stem.split("_")[0] == number.zfill(2)]
        if not match:
            raise NotebookError(f"no notebook '{number}'", where=folder,
                                remedy=f"There is: {', '.join(p.stem for p in there)}.")
        chosen += match
    return sorted(set(chosen)) if chosen else there


def notebook_parameters(path: Path) -> dict[str, str]:
    """Name -> default (as source) of a notebook's `parameters` cell.

    Raises:
        NotebookError: the notebook cannot be read, or has no such cell.
    """
    import papermill

    try:
        notebook = nbformat.read(path, as_version=4)
    except Exception as error:  # nbformat raises its own, json's and jsonschema's
        raise NotebookError(f"not a notebook ({str(error).splitlines()[0]})", where=path,
                            remedy="Restore the file (git checkout).") from None
    cells = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", ())]
    if len(cells) != 1:
        raise NotebookError(f"{len(cells)} cells are tagged 'parameters', not one", where=path,
                            remedy="Tag the one cell that sets them.")
    if "kernelspec" not in notebook.metadata:
        raise NotebookError("it names no kernel", where=path, remedy="Open it in Jupyter, choose Python 3 and save it.")
    return {name: p["default"] for name, p in papermill.inspect_notebook(_literal(path)).items()}


def execute(path: Path, output: Path, values: Mapping[str, Any], *, environment: Mapping[str, str] | None = None,
            progress: bool = False) -> Executed:
    """Run one notebook from top to bottom and store the executed copy.

    The copy is stored also when a cell fails, so that the failing cell can be seen.

    Raises:
        NotebookError: a parameter that the notebook does not have (papermill would only warn), or a broken notebook.
    """
    import papermill
    from nbclient.exceptions import DeadKernelError

    _check(path, values, notebook_parameters(path))
    output.parent.mkdir(parents=True, exist_ok=True)
    start, error = time.perf_counter(), ""
    with _environment({"TQDM_DISABLE": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1", **(environment or {})}):
        # OMP_WAIT_POLICY is inherited from erclab's own import, before the kernel imports torch.
        for attempt in (1, 2):
            try:
                papermill.execute_notebook(_literal(path), _literal(output), parameters=dict(values),
                                           cwd=str(path.parent), progress_bar=progress, kernel_name="python3",
                                           extra_arguments=["--log-level=CRITICAL"])  # it warns of its own local port
            except papermill.PapermillExecutionError as failure:
                error = f"cell {failure.exec_count}: {failure.ename}: {failure.evalue}"
            except DeadKernelError:
                error = "the kernel died (out of memory?)"
            except RuntimeError as failure:  # of two kernels that start at once one may never answer: no cell has run
                if attempt == 1:
                    continue
                error = f"the kernel did not start ({failure})"
            break
    title = next((line.lstrip("# ").strip() for cell in nbformat.read(path, as_version=4).cells
                  for line in cell.source.splitlines() if line.startswith("# ")), path.stem)
    return Executed(path.stem, title, output, time.perf_counter() - start, error)


def _literal(path: Path) -> str:
    """A path for papermill, which takes a path as a template: what stands in braces would be filled in."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _check(path: Path, values: Mapping[str, Any], known: Mapping[str, str]) -> None:
    for name in values:
        if name not in known:
            raise NotebookError(f"unknown parameter '{name}'", where=path.name,
                                remedy=f"It has: {', '.join(known)}.")


def normalise(source: Path, target: Path) -> None:
    """Write an executed notebook without what differs between two equal executions: times, paths, versions, and
    the parts in which a kernel sent a text.
    """
    notebook = nbformat.read(source, as_version=4)
    notebook.cells = [c for c in notebook.cells if "injected-parameters" not in c.metadata.get("tags", ())]
    for i, cell in enumerate(notebook.cells):
        cell.id = f"cell-{i:02d}"
        cell.metadata = {"tags": cell.metadata["tags"]} if cell.metadata.get("tags") else {}
        if cell.cell_type == "code":
            cell.outputs = _joined(cell.outputs)
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    notebook.metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    nbformat.write(notebook, target)


def _joined(outputs: Iterable[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """The outputs of a cell, with adjacent texts of one stream in one: a busy kernel sends a text in several parts."""
    found: list[nbformat.NotebookNode] = []
    for output in outputs:
        if found and output.output_type == found[-1].output_type == "stream" and output.name == found[-1].name:
            found[-1].text += output.text
        else:
            found.append(output)
    return found


def study(numbers: Iterable[str] = (), *, profile: str = "smoke", corpus: str = "", data: str = "",
          instead: Callable[[str], tuple[str, str]] | None = None, out: Path | None = None,
          extra: Mapping[str, Any] | None = None, update: bool = False,
          results: Callable[[list[Executed]], pd.DataFrame | None] = lambda done: None,
          jobs: int = 1, say=print) -> tuple[list[Executed], Path]:
    """Execute notebooks; leave the executed copies, the figures and a one-page summary in one folder.

    Every notebook gets those of `profile`, `corpus` and `data` that it has, and all of `extra`.

    Args:
        corpus: "" leaves each notebook its own, a simulated one.
        instead: gives the corpus and the folder that a notebook takes instead of its own corpus.
        update: also write the results into `notebooks/` and `figures/`, for a commit.
        results: makes the summary's table from the executed notebooks, or None.
        jobs: notebooks at a time, which share the processor's cores. A run that two of them need is trained once.
        say: takes one line of progress.

    Returns:
        What was executed, and the summary's path.
    """
    chosen = find(numbers)
    if jobs < 1:
        raise NotebookError(f"{jobs} notebooks at a time", where="--jobs", remedy="Give 1 or more.")
    out = (out or paths.project_root() / "build" / "study" / f"{corpus or 'simulated'}-{profile}").resolve()
    figures = paths.figures_dir() if update else out / "figures"
    try:
        make_writable(figures)
    except OSError as error:
        raise NotebookError(f"results cannot be stored here: {error.strerror}", where=figures,
                            remedy="Choose another folder (--out).") from None
    environment = {"ERCLAB_FIGURES": str(figures), "ERCLAB_RUNS": str(paths.runs_dir()),
                   "ERCLAB_CACHE": str(paths.cache_dir())}
    what = f"corpus {corpus or 'of each notebook'}, profile {profile}"
    if jobs > 1:
        environment |= {"OMP_NUM_THREADS": str(max((os.cpu_count() or 1) // jobs, 1))}
    tasks = []
    for path in chosen:
        known = notebook_parameters(path)
        usual = {"profile": profile, "data": data, **({"corpus": corpus} if corpus else {})}
        if instead and not update and {"corpus", "data"} <= known.keys():
            usual["corpus"], usual["data"] = instead(ast.literal_eval(known["corpus"]))
        usual = {name: value for name, value in usual.items() if name in known}
        # For a commit only defaults are allowed: the committed notebook has no injected cell with other values.
        values = {**({} if update else usual), **(extra or {})}
        _check(path, values, known)  # an error in one notebook is raised before the others run
        tasks.append(delayed(execute)(path, out / path.name, values, environment=environment))
    say(f"{len(chosen)} notebooks, {what}")
    done = []
    for result in Parallel(n_jobs=jobs, return_as="generator_unordered")(tasks):
        done.append(result)
        say(f"[{len(done)}/{len(chosen)}] {result.name} " + (f"FAILED, {result.error}" if result.error
                                                             else f"done in {result.seconds:.0f} s"))
        if update and not result.error:
            normalise(result.path, next(path for path in chosen if path.stem == result.name))
    done.sort(key=lambda result: result.name)
    return done, _summary(done, out, figures, results(done), what)


def _summary(done: list[Executed], out: Path, figures: Path, table: pd.DataFrame | None, what: str) -> Path:
    """One self-contained page: the scores, the notebooks with their times, and their figures."""
    scores = "" if table is None else ("<h2>Scores on the test split, percent, mean ± deviation over seeds</h2>"
                                       + table.to_html(border=0))
    names = {r.name.split("_")[0]: r for r in done}
    rows = "".join(
        f"<tr><td><a href='{html.escape(r.path.name)}'>{html.escape(r.name)}</a></td><td>{html.escape(r.title)}</td>"
        f"<td>{r.seconds:.0f} s</td><td>{'<b>failed</b>: ' + html.escape(r.error) if r.error else 'ok'}</td></tr>"
        for r in done)
    pictures = "".join(
        f"<figure><img alt='{html.escape(p.stem)}' src='data:image/png;base64,"
        f"{base64.b64encode(p.read_bytes()).decode()}'><figcaption>{html.escape(p.stem)}</figcaption></figure>"
        for p in sorted(figures.glob("*.png")) if p.stem.split("_")[0] in names)
    page = f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>erclab study</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}
td,th{{padding:.2rem 1rem .2rem 0;vertical-align:top;text-align:left}}img{{max-width:100%}}figure{{margin:1.5rem 0}}
figcaption{{color:#555}}</style>
<h1>erclab study</h1><p>{html.escape(what)}.</p>{scores}<h2>Notebooks</h2>
<table>{rows}</table><h2>Figures</h2>{pictures}</html>
"""
    path = out / "summary.html"
    path.write_text(page, encoding="utf-8")
    return path


@contextmanager
def _environment(values: Mapping[str, str]):
    """Set environment variables for the kernels that are started in the block."""
    before = {k: os.environ.get(k) for k in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for k, v in before.items():
            if v is None:
                os.environ.pop(k, None)
            else:
                os.environ[k] = v


