"""The draws of equal tuning budgets: settings that were tried for a model, with their scores on validation.

A file per model, `data/results/tuning/CORPUS/MODEL.json`. It has validation scores only: the training of a draw scores
the test split as every training does, and nothing here reads that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from erclab import models
from erclab.core import paths
from erclab.core.errors import RunError
from erclab.core.storage import write_atomically
from erclab.published.tuning import Declared
from erclab.runs import Record


@dataclass(frozen=True)
class Draw:
    """A setting that was tried, by one training.

    Attributes:
        number: from 1; 0 is the recipe's own setting, which is none of the draws.
        seed: of the training.
        settings: that the draw changed.
        score: on validation, at the epoch chosen there; None where the loss stopped being finite, or where predictions
            are constant and have no correlation.
        epoch, epochs: the chosen one, and how many were trained; 0 of a fit.
        seconds: of the training.
        parameters: how many the model has.
        id: of the run; "" where it failed.
    """

    number: int
    seed: int
    settings: Mapping[str, Any]
    score: float | None
    epoch: int = 0
    epochs: int = 0
    seconds: float = 0.0
    parameters: int = 0
    id: str = ""


def draw_of(record: Record, number: int, seed: int, settings: Mapping[str, Any], score: str) -> Draw:
    """A finished training as a draw. Only its validation scores are read."""
    found = record.scores("valid", "sound")[score]
    return Draw(number, seed, settings, None if found is None else round(found, 6), record.epoch("sound"),
                len(record.data["curve"]) if record.info.kind == "trained" else 0,
                record.data.get("wall_time_s", 0.0), record.data["parameters"]["all"], record.id)


@dataclass(frozen=True)
class Log:
    """The draws of a model on a corpus.

    Attributes:
        about: model, corpus and its fingerprint, score, the digest of what was declared (`Declared.digest`) and the
            sha256 of the file, environment and date.
        draws: by number; number 0 is the recipe's own setting.
    """

    about: Mapping[str, Any]
    draws: tuple[Draw, ...] = ()

    @property
    def tried(self) -> tuple[Draw, ...]:
        """The draws without the recipe's own setting."""
        return tuple(d for d in self.draws if d.number)

    @property
    def recipe(self) -> Draw | None:
        """The recipe's own setting; None where it has not been trained."""
        return next((d for d in self.draws if not d.number), None)

    @property
    def scores(self) -> np.ndarray:
        """(n,) on validation; a draw without a score has the lowest one of the others.

        Raises:
            RunError: no draw has a score.
        """
        found = np.array([np.nan if d.score is None else d.score for d in self.tried], dtype=float)
        if np.isnan(found).all():
            raise RunError(f"no draw of {self.about['model']} on {self.about['corpus']} has a score",
                           remedy="Train draws: erclab tune MODEL --corpus C --train.")
        return np.where(np.isnan(found), np.nanmin(found), found)

    @property
    def best(self) -> Draw:
        """The draw with the best validation score; of equal ones the first."""
        return self.tried[int(self.scores.argmax())]

    def with_draw(self, draw: Draw) -> Log:
        """The log with one more draw; a draw of the same number is replaced."""
        kept = {d.number: d for d in (*self.draws, draw)}
        return replace(self, draws=tuple(kept[number] for number in sorted(kept)))

    def save(self, path: Path) -> None:
        """Write the file, a line for each draw.

        Raises:
            RunError: it cannot be written.
        """
        rows = ",\n".join(json.dumps(asdict(d), sort_keys=True) for d in self.draws)
        content = f'{{"about": {json.dumps(self.about, sort_keys=True)},\n"draws": [\n{rows}\n]}}\n'
        try:
            write_atomically(path, content.encode())
        except OSError as error:
            raise RunError(f"draws cannot be kept: {error.strerror or error}", where=path,
                           remedy="Free space or choose another folder (--evidence).") from None


def tuning_dir() -> Path:
    """Where draws and the evidence of tuned models are kept: `data/results/tuning` of the checkout."""
    return paths.results_dir() / "tuning"


def draws_file(model: str, corpus: str, where: Path | None = None) -> Path:
    """The file of a model's draws."""
    return (where or tuning_dir()) / corpus / f"{model}.json"


def read_draws(declared: Declared, model: str, corpus: str, where: Path | None = None) -> Log | None:
    """The draws of a model that are there; None without any.

    Raises:
        RunError: the file is damaged, or its draws were made under another declaration.
    """
    path = draws_file(model, corpus, where)
    if not path.exists():
        return None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        log = Log(data["about"], tuple(Draw(**row) for row in data["draws"]))
        digest = log.about["digest"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"the draws cannot be read ({type(error).__name__}: {error})", where=path,
                       remedy="Restore the file, or delete it and draw again (erclab tune --train).") from None
    if digest != declared.digest(model):
        raise RunError(f"the draws of {models.info(model).title} were made under another declaration", where=path,
                       remedy="Take the erclab that declared them, or delete the file and draw again.")
    return log


def read_all_draws(declared: Declared, corpus: str, where: Path | None = None, names: Sequence[str] = ()
                   ) -> dict[str, Log]:
    """Model -> its draws, of the declared models (or of some) that have any."""
    found = {model: read_draws(declared, model, corpus, where) for model in names or declared.spaces}
    return {model: log for model, log in found.items() if log is not None and log.tried}


def first_log(declared: Declared, model: str, record: Record, score: str) -> Log:
    """A log without draws, about the corpus and the environment of a training."""
    return Log({"model": model, "corpus": record.spec["corpus"], "fingerprint": record.spec["fingerprint"],
                "score": score, "digest": declared.digest(model), "rules": declared.sha256,
                "environment": record.data.get("environment"), "made": datetime.now(UTC).strftime("%Y-%m-%d")})
