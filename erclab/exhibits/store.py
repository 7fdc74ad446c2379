"""Exhibits that were built, as files: a csv or png each, and beside it the ids of the runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from erclab.core import paths
from erclab.core.errors import ErclabError
from erclab.core.storage import write_atomically
from erclab.core.storing import storing
from erclab.figures import style


def of_the_study(corpus: str, profile: str) -> Store:
    """The exhibits that come with the repository."""
    return Store(paths.results_dir() / "exhibits" / f"{corpus}-{profile}")


class Store:
    """A folder of exhibits of one corpus and profile. The folder is made with the first exhibit."""

    def __init__(self, folder: Path):
        self.folder = folder

    def write(self, name: str, made: pd.DataFrame | Figure, ids: Sequence[str]) -> Path:
        """Keep an exhibit, and the ids of the runs that it was made from. Returns its path.

        Raises:
            ErclabError: the folder cannot be written.
        """
        path = self.path(name, made)
        with storing("the exhibit", path, "Free some space or choose another folder (--out)."):
            write_atomically(path, self.content(made))
            write_atomically(self._note(name), json.dumps({"runs": list(dict.fromkeys(ids))}).encode())
        return path

    def path(self, name: str, made: pd.DataFrame | Figure) -> Path:
        """Where an exhibit is kept."""
        return self.folder / f"{name}.{'csv' if isinstance(made, pd.DataFrame) else 'png'}"

    @staticmethod
    def content(made: pd.DataFrame | Figure) -> bytes:
        """An exhibit as a file."""
        return made.to_csv().encode() if isinstance(made, pd.DataFrame) else style.png(made)

    def table(self, name: str) -> pd.DataFrame:
        """A stored table.

        Raises:
            ErclabError: there is none.
        """
        try:
            return pd.read_csv(self.folder / f"{name}.csv", index_col=0, keep_default_na=False, encoding="utf-8")
        except (OSError, ValueError) as error:
            raise ErclabError(f"{name} is not stored as a table ({error})", where=self.folder,
                              remedy=f"Build it: erclab exhibits {name} --train.") from None

    def runs(self, name: str) -> list[str] | None:
        """The ids of the runs that a stored exhibit was made from; None if none is stored."""
        try:
            found = json.loads(self._note(name).read_text(encoding="utf-8"))["runs"]
        except (OSError, ValueError, KeyError, TypeError):  # absent or damaged: the exhibit must be built again
            return None
        return found if any((self.folder / f"{name}.{kind}").exists() for kind in ("csv", "png")) else None

    def _note(self, name: str) -> Path:
        return self.folder / f"{name}.runs.json"
