"""Records of finished runs, as read back from their files."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import safetensors.numpy
import safetensors.torch
import torch

from erclab import models
from erclab.core import metrics
from erclab.core.errors import RunError, UsageError, unknown
from erclab.training.loop import PROTOCOLS

SCHEMA = 2
READABLE = (1, SCHEMA)  # 1: the protocol was a part of the run, which knew the published score only if asked for it


@dataclass(frozen=True, repr=False)
class Record:
    """A finished run, as read back from its JSON.

    Attributes:
        protocol: whose epoch is reported where none is named; a record has both. A fitted baseline has no epochs and
            one result, whatever the protocol.
    """

    data: dict[str, Any]
    path: Path
    protocol: str = "sound"

    def __repr__(self) -> str:
        """A card of at most ten lines: model, corpus, scores by both protocols, size, id."""
        return "\n".join([self._heading(), *(f"  {key + ':':<16}{value}" for key, value in self._facts().items())])

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><th style='text-align:left'>{key}</th><td style='text-align:left'>{html.escape(value)}"
                       "</td></tr>" for key, value in self._facts().items())
        return f"<b>{html.escape(self._heading())}</b><table>{rows}</table>"

    def _heading(self) -> str:
        return f"{self.title} on {self.spec['corpus']}, {'+'.join(self.spec['modalities'])}, seed {self.spec['seed']}"

    def _facts(self) -> dict[str, str]:
        """The lines of the card: scores on the test split, of a fit (which has no epochs) once."""
        facts, names = {"task": self.task}, {"sound": "valid-selected", "published": "test-selected"}
        for protocol, found in self.data["protocols"].items():
            scores = [f"{metric.replace('_', ' ')} "
                      + (f"{value:.3f}" if metric in metrics.PLAIN else f"{100 * value:.1f}")
                      for metric, value in found["test"].items() if value is not None]
            at = f"epoch {found['epoch']}: " if found["epoch"] else ""
            facts[names[protocol]] = at + ", ".join(scores)
        return facts | {"parameters": f"{self.data['parameters']['all']:,}", "id": self.id}

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
        return models.MODELS[self.spec["model"]].title

    @property
    def task(self) -> str:
        """What the run predicts, a key of `erclab.core.tasks.TASKS`."""
        return self.spec["task"]

    @property
    def curve(self) -> pd.DataFrame:
        """One row per epoch (or per penalty of a fit), columns such as `train.total`, `valid.weighted_f1`."""
        return pd.json_normalize(self.data["curve"])

    @property
    def labels(self) -> list[str]:
        """The corpus's emotions, by index."""
        return self.data["corpus"]["labels"]

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
        """(C, C) counts on the test split.

        Raises:
            UsageError: the run's task has no classes.
        """
        found = self.data["protocols"][self._known(protocol)]
        if "confusion" not in found:
            raise UsageError(f"{self.spec['task']} has no confusion matrix", where=self.id)
        return np.array(found["confusion"])

    def predictions(self, split: str = "test", protocol: str | None = None) -> np.ndarray:
        """(N, C) predictions of the split in the corpus's row order, as `erclab.core.tasks.predictions` has them.

        Raises:
            RunError: the file beside the record is gone or damaged.
        """
        path = self.path.with_suffix(".predictions.safetensors")
        return _tensors(path, safetensors.numpy.load_file)[f"{self._known(protocol)}.{split}"]

    def _known(self, protocol: str | None) -> str:
        protocol, known = protocol or self.protocol, self.data["protocols"]
        if protocol in known:
            return protocol
        if protocol in PROTOCOLS and models.MODELS[self.spec["model"]].kind == "fitted":
            return "sound"
        raise unknown(f"protocol of run {self.id}", protocol, known)

    def model(self, device="cpu") -> torch.nn.Module:
        """The trained model with the weights that the sound protocol chose, in evaluation mode.

        Raises:
            RunError: the run was fitted, not trained, or its weights are gone.
        """
        if models.MODELS[self.spec["model"]].kind != "trained":
            raise RunError(f"{self.title} is fitted and keeps no weights", where=self.id)
        model = models.build(self.spec["model"], self.spec["settings"])
        model.load_state_dict(_tensors(self.path.with_suffix(".weights.safetensors"), safetensors.torch.load_file))
        return model.to(device).eval()


def load(path: Path) -> Record:
    """Read a record.

    Raises:
        RunError: the file is not a record of this schema.
    """
    try:
        data = json.loads(path.read_text())
        schema = data["schema"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"not a run record ({error})", where=path,
                       remedy="Delete it; the run is then trained again.") from None
    if schema not in READABLE:
        raise RunError(f"a record of schema {schema}, this erclab reads {SCHEMA}", where=path,
                       remedy="Use the erclab that wrote it, or delete it.")
    return Record(data, path, data["spec"].get("protocol", "sound"))


def _tensors(path: Path, read):
    try:
        return read(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise RunError(f"cannot be read ({error})", where=path,
                       remedy="Train the run again with --force (in a notebook: force=True).") from None
