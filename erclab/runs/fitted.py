"""What was fitted on the corpus of training, kept with the run so that other conversations need no corpus.

    runs/<id>.fitted.safetensors    mean.M, deviation.M   of each modality that is standardised
                                    model.NAME            the numbers of a fitted baseline
                                    metadata "erclab"     the other fields of `Fitted`, as JSON

Labels, widths and encoders are in the record itself. Runs of older versions lack the file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from erclab.core.errors import RunError, UsageError
from erclab.core.storage import write_atomically
from erclab.corpora import Corpus
from erclab.corpora.views import Standardiser


@dataclass(frozen=True)
class Fitted:
    """What a run needs of its corpus of training to read other conversations.

    Attributes:
        sequences: the model reads sequences, not utterance vectors.
        roles: of the speakers, by index; empty where speakers are numbered within each dialogue.
        standardiser: of what the model reads; None where the recipe does not standardise.
        numbers: name -> the numbers of a fitted baseline.
    """

    sequences: bool
    roles: tuple[str, ...]
    standardiser: Standardiser | None
    numbers: Mapping[str, np.ndarray]

    def save(self, path: Path) -> None:
        """Write the file.

        Raises:
            OSError: the folder cannot be written.
        """
        fit = self.standardiser
        arrays = {f"model.{name}": x for name, x in self.numbers.items()}
        if fit:
            arrays |= {f"{what}.{m}": x for what, part in (("mean", fit.mean), ("deviation", fit.deviation))
                       for m, x in part.items()}
        facts = {"sequences": self.sequences, "roles": self.roles, "standardised": bool(fit)}
        write_atomically(path, safetensors.numpy.save({name: np.ascontiguousarray(x) for name, x in arrays.items()},
                                                      {"erclab": json.dumps(facts)}))

    @classmethod
    def load(cls, path: Path) -> Fitted | None:
        """Read the file; None if there is none.

        Raises:
            RunError: the file is damaged.
        """
        if not path.exists():
            return None
        try:
            with safetensors.safe_open(path, framework="numpy") as file:
                facts = json.loads(file.metadata()["erclab"])
                arrays: dict[str, dict[str, np.ndarray]] = {"mean": {}, "deviation": {}, "model": {}}
                for key in file.keys():  # noqa: SIM118  # the file itself is not iterable
                    kind, _, name = key.partition(".")
                    arrays[kind][name] = file.get_tensor(key)
            fit = Standardiser(arrays["mean"], arrays["deviation"]) if facts["standardised"] else None
            return cls(facts["sequences"], tuple(facts["roles"]), fit, arrays["model"])
        except (OSError, safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"cannot be read ({error})", where=path,
                           remedy="Train the run again with --force (in a notebook: force=True).") from None

    def check(self, record: Any, corpus: Corpus) -> None:
        """Refuse a corpus that the model of a record does not fit: other labels, widths, encoders or roles.

        Raises:
            UsageError: names what differs.
        """
        spec, data = record.spec, record.data["corpus"]
        names, own = record.target.names, {t.name: t.names for t in corpus.own_tasks}
        theirs = corpus.labels or names if spec["task"] == "emotion" else own.get(spec["task"], names)
        if tuple(theirs) != tuple(names):
            raise UsageError(f"the labels of {corpus.name} are {', '.join(theirs)}; those of the run are "
                             f"{', '.join(names)}", where=record.id,
                             remedy="Give the labels the same names and order (labels=...; --labels), or compare by "
                             "meaning (erclab.analysis.transfer).")
        there = corpus.frame_dims if self.sequences else corpus.dims
        for m in spec["modalities"]:
            width = data["frame_dims" if self.sequences else "dims"].get(m)
            if (m == "text" and spec["words"]) or record.info.view == "text" or width is None:
                continue
            if m in there and there[m] != width:
                raise UsageError(f"{m} is {there[m]} wide in {corpus.name}, and the run reads {width}",
                                 where=record.id, remedy="Make the features as those of training were made.")
            name = f"{m} frames" if self.sequences else m
            ours, theirs = (x.get(name) for x in (data["encoders"], corpus.encoders))
            if ours and theirs and ours != theirs:
                raise UsageError(f"the {m} of {corpus.name} was made by {theirs[:40]}, that of the run by {ours[:40]}",
                                 where=record.id, remedy="Load the corpus with the encoder of the run (--text-encoder; "
                                 "in a notebook: text_encoder).")
        if self.roles != corpus.roles and "speakers" in spec["settings"]:
            ours, theirs = (", ".join(roles) or "not named" for roles in (self.roles, corpus.roles))
            raise UsageError(f"the speakers' roles of {corpus.name} are {theirs}; those of the run are {ours}",
                             where=record.id,
                             remedy="Give the corpus the same roles.")
