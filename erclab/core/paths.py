"""The folders in which erclab keeps its results. Each can be changed by an environment variable."""

from __future__ import annotations

import os
from pathlib import Path

from erclab.core.errors import UsageError


def project_root() -> Path:
    """The checkout around the working directory, or the working directory itself when there is none.

    Notebooks run with `notebooks/` as their working directory and the command line from anywhere inside the
    checkout; both must find the same runs and figures.
    """
    here = Path.cwd().resolve()
    for folder in (here, *here.parents):
        if (folder / "erclab").is_dir() and (folder / "notebooks").is_dir():
            return folder
    return here


def expanded(path: str | Path) -> Path:
    """The path with the home folder in the place of `~`.

    Raises:
        UsageError: the home folder is not known.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise UsageError("the home folder is not known", where=path,
                         remedy="Write the whole path instead of ~.") from None


def _place(variable: str, default: str) -> Path:
    value = os.environ.get(variable)
    return expanded(value).resolve() if value else project_root() / default


def runs_dir() -> Path:
    """Run records, weights and predictions (`ERCLAB_RUNS`)."""
    return _place("ERCLAB_RUNS", "build/runs")


def cache_dir() -> Path:
    """Features that are slow to compute (`ERCLAB_CACHE`)."""
    return _place("ERCLAB_CACHE", "build/cache")


def figures_dir() -> Path:
    """Figures that notebooks save (`ERCLAB_FIGURES`)."""
    return _place("ERCLAB_FIGURES", "figures")


def results_dir() -> Path:
    """Records of measurements that the study quotes (`ERCLAB_RESULTS`)."""
    return _place("ERCLAB_RESULTS", "data/results")


def notebooks_dir() -> Path:
    """The notebooks of the study."""
    return project_root() / "notebooks"
