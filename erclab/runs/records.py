"""Records of finished runs, as read back from their files."""

from __future__ import annotations

import importlib
import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import safetensors.numpy
import safetensors.torch

from erclab import models
from erclab.core import cards, metrics
from erclab.core.errors import ErclabError, RunError, UsageError, unknown
from erclab.core.targets import BUILT_IN, Task
from erclab.models.interface import Model
from erclab.runs import looks
from erclab.runs.code import older
from erclab.runs.fitted import Fitted
from erclab.training.device import choose_device
from erclab.training.loop import PROTOCOLS

SCHEMA = 2
BESIDE = ("weights", "predictions", "fitted")  # the files <id>.WHAT.safetensors beside a record
READABLE = (1, SCHEMA)  # 1: the protocol was a part of the run; a record has the scores of that protocol alone


@dataclass(frozen=True, repr=False)
class Record:
    """A finished run, as read back from its JSON.

    Attributes:
        protocol: the protocol whose epoch is reported if a caller names no protocol; a record has both. A fitted
            baseline has no epochs and one result, whatever the protocol.
        given: the row of the model, for a run whose class must not be imported (`erclab.runs.export`).
    """

    data: dict[str, Any]
    path: Path
    protocol: str = "sound"
    given: models.ModelInfo | None = None

    def __repr__(self) -> str:
        """A card of at most ten lines: model, corpus, scores by both protocols, size, id."""
        return cards.text(self._heading(), self._facts(), 16)

    def _repr_html_(self) -> str:
        return cards.page(self._heading(), self._facts())

    def _heading(self) -> str:
        return f"{self.title} on {self.spec['corpus']}, {'+'.join(self.spec['modalities'])}, seed {self.spec['seed']}"

    def _facts(self) -> dict[str, str]:
        """The lines of the card: scores on the test split, of a fit (which has no epochs) once."""
        facts, names = {"task": self.task}, {"sound": "valid-selected", "published": "test-selected"}
        hidden = set(metrics.NO_NEUTRAL) - set(self.headline)
        for protocol, found in self.data["protocols"].items():
            scores = [f"{metric.replace('_', ' ')} "
                      + (f"{100 * value:.1f}" if metrics.is_share(metric) else f"{value:.3f}")
                      for metric, value in found["test"].items() if value is not None and metric not in hidden]
            at = f"epoch {found['epoch']}: " if found["epoch"] else ""
            facts[names[protocol]] = at + ", ".join(scores)
        facts |= {"parameters": f"{self.data['parameters']['all']:,}", "id": self.id}
        if batches := self.data.get("evaluation"):
            facts["evaluated in"] = f"batches of {batches['batch_size']}, {batches['order']}; a result depends on them"
        return facts | ({"made by": "older code; a run today may give other numbers"} if self.older else {})

    @property
    def id(self) -> str:
        """The run's id, also its file name."""
        return self.data["id"]

    @property
    def spec(self) -> dict[str, Any]:
        """The fields of `RunSpec`."""
        return self.data["spec"]

    @property
    def title(self) -> str:
        """The model's name for tables."""
        try:
            return self.info.title
        except RunError:
            return self.data.get("class", self.spec["model"]).rpartition(":")[2]

    @property
    def info(self) -> models.ModelInfo:
        """The row of the run's model.

        Raises:
            RunError: the model is a class that is neither known in this session nor importable.
        """
        return self.given or info_of(self.data, self.path)

    @property
    def older(self) -> bool:
        """Whether other code than today's made the record, so that a run today may give other numbers.

        Also True if the model of the record is a class that this session lacks, so that today's code is unknown.
        """
        try:
            return older(self.info, self.spec["code"])
        except RunError:
            return True

    @property
    def task(self) -> str:
        """The name of the task that the run predicts, a name of `erclab.core.tasks.TASKS` or an own one."""
        return self.spec["task"]

    @property
    def target(self) -> Task:
        """The task that the run predicts, with its names and scale."""
        if self.spec.get("target"):
            return Task.from_dict(self.spec["target"])
        built = BUILT_IN[self.task]
        return replace(built, names=tuple(self.data.get("corpus", {}).get("labels", ()))
                       ) if built.kind == "classes" else built

    @property
    def headline(self) -> tuple[str, ...]:
        """The scores that a table shows: those of the task, and where most of the test split is neutral also those
        without the neutral class."""
        names, scores = metrics.headline(self.target), self.scores()
        apart = metrics.neutral(self.labels) if metrics.NO_NEUTRAL[0] in scores else None
        if apart is None:
            return names
        return (*names, *metrics.NO_NEUTRAL) if metrics.mostly(self.confusion().sum(1), apart) else names

    @property
    def chosen_by(self) -> str:
        """The score that chose the epoch, or the penalty of a fit."""
        return metrics.select(self.target, self.spec["settings"].get("choose") or self.spec["recipe"].get("choose"))[0]

    @property
    def curve(self) -> pd.DataFrame:
        """One row per epoch (or per penalty of a fit), columns such as `train.total`, `valid.weighted_f1`."""
        return pd.json_normalize(self.data["curve"])

    @property
    def labels(self) -> list[str]:
        """The names of the classes by index: the corpus's emotions, or those of an own task of classes."""
        own = self.spec.get("target")
        return list(own["names"]) if own and own["kind"] == "classes" else self.data["corpus"]["labels"]

    def scores(self, split: str = "test", protocol: str | None = None) -> dict[str, float]:
        """The headline scores by a protocol.

        Raises:
            UsageError: there is no such protocol.
        """
        return self.data["protocols"][self._known(protocol)][split]

    def epoch(self, protocol: str | None = None) -> int:
        """The epoch that a protocol chose, from 1; 0 for a fit."""
        return self.data["protocols"][self._known(protocol)]["epoch"]

    def confusion(self, protocol: str | None = None) -> np.ndarray:
        """(C, C) counts on the test split: row = truth, column = prediction.

        Raises:
            UsageError: the run's task has no classes.
        """
        found = self.data["protocols"][self._known(protocol)]
        if "confusion" not in found:
            raise UsageError(f"{self.spec['task']} has no confusion matrix", where=self.id,
                             remedy="Only a task of classes has one; `erclab runs` lists the scores of this run.")
        return np.array(found["confusion"])

    def per_class(self, protocol: str | None = None) -> pd.DataFrame:
        """Precision, recall, F1 (shares) and support of each label on the test split, one row per label.

        Raises:
            UsageError: the run's task has no classes.
        """
        return metrics.per_class(self.confusion(protocol), self.labels).rename_axis("label")

    def predictions(self, split: str = "test", protocol: str | None = None) -> np.ndarray:
        """(N, C) predictions of the split in the corpus's row order, as `erclab.core.tasks.predictions` has them.

        Raises:
            RunError: the file beside the record is gone or damaged, or has only the predicted classes.
        """
        looks.note(self.id, f"predictions {self._known(protocol)}.{split}")
        found = self._predicted(split, protocol)
        if found.ndim == 1:
            raise RunError("only the predicted classes of this run are kept, not their probabilities", where=self.path,
                           remedy="Train the run again.")
        return found

    def guesses(self, split: str = "test", protocol: str | None = None) -> np.ndarray:
        """What the run predicts in the corpus's row order: of a task of classes (N,) indices, else `predictions`.

        Raises:
            RunError: the file beside the record is gone or damaged.
        """
        looks.note(self.id, f"guesses {self._known(protocol)}.{split}")
        found = self._predicted(split, protocol)
        if self.target.kind != "classes":
            return found
        return found.argmax(1) if found.ndim > 1 else found.astype(np.int64)

    def _predicted(self, split: str, protocol: str | None) -> np.ndarray:
        path, name = self.path.with_suffix(".predictions.safetensors"), f"{self._known(protocol)}.{split}"
        found = _tensors(path, safetensors.numpy.load_file)
        if name not in found:
            raise RunError(f"no predictions '{name}' are kept", where=path, remedy="Train the run again.")
        return found[name]

    def _known(self, protocol: str | None) -> str:
        protocol, known = protocol or self.protocol, self.data["protocols"]
        if protocol in known:
            return protocol
        if protocol in PROTOCOLS and self.epoch("sound" if "sound" in known else next(iter(known))) == 0:
            return "sound"  # a fit
        raise unknown(f"protocol of run {self.id}", protocol, known)

    @property
    def fitted(self) -> Fitted | None:
        """What was fitted on the corpus of training; None for a run of an older version, which does not have the file.

        Raises:
            RunError: the file beside the record is damaged.
        """
        looks.note(self.id, "fitted")
        return Fitted.load(self.path.with_suffix(".fitted.safetensors"))

    def baseline(self) -> Any:
        """The fitted baseline, with `predict(Flat)`.

        Raises:
            RunError: the run was trained, or what was fitted was not kept.
        """
        if self.info.kind != "fitted":
            raise RunError(f"{self.title} is trained, not fitted", where=self.id, remedy="Take record.model().")
        kept = self.fitted
        if kept is None:
            raise RunError("an older version of erclab made the run and did not keep what was fitted", where=self.id,
                           remedy="Run it again with --force (in a notebook: force=True).")
        model = models.build(self.info.name, self.spec["settings"])
        model.load_state(kept.numbers)
        return model

    def model(self, device="cpu") -> Model:
        """The trained model with the weights of the valid-selected (sound) epoch, in evaluation mode.

        Raises:
            RunError: the run was fitted, not trained; its weights are gone or belong to older code; or its class is
                neither known in this session nor importable.
            UsageError: the device cannot be used here.
        """
        if self.info.kind != "trained":
            raise RunError(f"{self.title} is fitted and keeps no weights", where=self.id)
        device = choose_device(str(device))
        looks.note(self.id, "weights")
        weights = _tensors(self.path.with_suffix(".weights.safetensors"), safetensors.torch.load_file)
        try:
            model = models.build(self.info.name, self.spec["settings"])
            model.load_state_dict(weights)
        except (RuntimeError, UsageError) as error:
            whose = f"made by older code, and the weights do not fit today's {self.title}" if self.older else (
                f"the weights do not fit the settings of the {self.title} in the record")
            raise RunError(f"{whose} ({str(error).splitlines()[0]})", where=self.path,
                           remedy="Train the run again.") from None
        return model.to(device).eval()


def info_of(data: dict[str, Any], where: Path) -> models.ModelInfo:
    """The row of the model of a record's data. A class is looked up in this session, then imported.

    Raises:
        RunError: there is no such model, and its class is not at hand.
    """
    name, home = data["spec"]["model"], data.get("class", "")
    known = models.MODELS if not home else models.GIVEN
    if name in known:
        return known[name]
    try:
        module, _, path = home.partition(":")
        found: Any = importlib.import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
        return models.info(found)
    except (ImportError, AttributeError, ValueError, ErclabError):
        remedy = ("Import the class or run its cell, then call erclab.models.info(THE_CLASS) once in this session."
                  if home else "Use the erclab that has this model.")
        raise RunError(f"the model of this run, {home or name}, is not at hand", where=where, remedy=remedy) from None


def load(path: Path, *, given: Callable[[dict[str, Any]], models.ModelInfo] | None = None) -> Record:
    """Read a record, with a warning if older code made it (`Record.older`).

    Args:
        given: gives the row of the model from the record's data; by default the record finds its class itself, which
            may import it.

    Raises:
        RunError: the file is not a record of this schema.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        schema = data["schema"]
        if schema in READABLE and not (isinstance(data["spec"]["model"], str) and isinstance(data["corpus"], dict)):
            raise ValueError("its model is no name, or its corpus no description")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"not a run record ({error})", where=path,
                       remedy="Delete it; the run is then trained again.") from None
    if schema not in READABLE:
        raise RunError(f"a record of schema {schema}, this erclab reads {SCHEMA}", where=path,
                       remedy="Use the erclab that wrote it, or delete it.")
    record = Record(data, path, data["spec"].get("protocol", "sound"), given(data) if given else None)
    if record.older:
        warnings.warn(f"{path.name} was made by older code: today's {record.title} may give other numbers",
                      stacklevel=2)
    return record


def _tensors(path: Path, read):
    try:
        return read(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise RunError(f"cannot be read ({error})", where=path,
                       remedy="Train the run again with --force (in a notebook: force=True).") from None
