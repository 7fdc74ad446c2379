"""Runs as the repository keeps them for the audits of protocols: curves and test predictions in one small file.

A record with its predictions takes a hundred kilobytes; the audits need two scores per epoch and one character per test
utterance. `of_records` takes them from records, `write_kept` and `read` store and load them under
`data/results/protocol/CORPUS/`, so that every number of the audits is computed again from the repository alone, without
training (`tools/protocol.py`). Of a real corpus no prediction of an utterance is kept, but the sums of each dialogue
(`summed`), as in the evidence of claims.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from erclab.analysis.tallies import ALL, Tally, dialogues_of, tally
from erclab.core import metrics, paths
from erclab.core.errors import RunError, UsageError
from erclab.core.storage import write_atomically
from erclab.core.targets import Task
from erclab.corpora import Corpus
from erclab.runs import Record
from erclab.training.loop import PROTOCOLS

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"  # a class of a prediction as one character
DECIMALS = 3  # of a predicted number


@dataclass(frozen=True, eq=False)
class KeptRun:
    """What is kept of a run.

    Attributes:
        id, seed: of the run.
        target: the task that it predicts.
        fixed: the run was fitted and has no seed.
        metric: the score that chose the epoch, and whether more is better (1) or less (-1).
        epochs: the epochs that the two protocols chose, by the names of `PROTOCOLS`; 0 of a fit.
        valid, test: (E,) that score after each epoch, NaN where it is not defined; empty for a fit.
        predictions: protocol -> predictions of the test split: (N,) indices of classes, or (N, K) numbers. Empty where
            the record had none beside it.
        sums: protocol -> the sums of each test dialogue (`Tally.sums`) instead of predictions, see `summed`.
    """

    id: str
    seed: int
    target: Task
    fixed: bool
    metric: tuple[str, int]
    epochs: Mapping[str, int]
    valid: np.ndarray
    test: np.ndarray
    predictions: Mapping[str, np.ndarray] = field(default_factory=dict)
    sums: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def scored(self) -> set[str]:
        """The protocols whose test scores can be computed again for any draw of dialogues."""
        return {*self.predictions, *self.sums}

    def tally(self, corpus: Corpus | None = None, protocol: str = "sound",
              parts: Mapping[str, np.ndarray] | None = None) -> Tally:
        """The sums of each test dialogue of the corpus of training, see `erclab.analysis.tallies`.

        Args:
            corpus: that of the training; where sums were kept it is not needed, and only compared with them.
            parts: of the test split, see `erclab.analysis.tallies.tally`; they need predictions.

        Raises:
            UsageError: no predictions were kept, or the corpus has another test split.
        """
        if protocol in self.sums and not parts:
            if corpus and len(self.sums[protocol]) != (have := int((corpus.dialogue_splits == "test").sum())):
                raise UsageError(f"sums of {len(self.sums[protocol])} dialogues do not fit the {have} test dialogues "
                                 f"of {corpus.name}", where=self.id)
            return Tally(self.target, {ALL: self.sums[protocol]}, self.fixed)
        if corpus is None or protocol not in self.predictions:
            raise UsageError(f"no {'sums' if protocol in self.predictions else 'predictions'} of {self.id} were kept",
                             remedy="Give the corpus of the training, or make the file again.")
        truth = corpus.targets("test", self.target.name)
        if len(truth) != len(self.predictions[protocol]):
            raise UsageError(f"{len(self.predictions[protocol])} predictions do not fit the {len(truth)} test "
                             f"utterances of {corpus.name}", where=self.id)
        return tally(self.target, truth, self.predictions[protocol], dialogues_of(corpus, "test"), parts,
                     fixed=self.fixed)

    def alone(self, protocol: str) -> KeptRun:
        """The same run with the predictions or sums of one protocol."""
        return replace(self, predictions={p: x for p, x in self.predictions.items() if p == protocol},
                       sums={p: x for p, x in self.sums.items() if p == protocol})

    def summed(self, corpus: Corpus) -> KeptRun:
        """The same run with the sums of each test dialogue in the place of its predictions, for a corpus whose labels
        must not be given away.

        Raises:
            UsageError: see `tally`.
        """
        return replace(self, predictions={}, sums={p: self.tally(corpus, p).sums[ALL] for p in self.predictions})


Groups = Mapping[str, Sequence[KeptRun]]  # name of a question -> its runs, one per seed


def from_record(record: Record) -> KeptRun:
    """What is kept of a record. A task of binary columns keeps no predictions."""
    name, sign = record.chosen_by, metrics.select(record.target, record.chosen_by)[1]
    curve = record.curve if record.epoch() else {}
    valid, test = (np.array(curve[f"{split}.{name}"], dtype=float) if f"{split}.{name}" in curve else np.zeros(0)
                   for split in ("valid", "test"))
    found = {}
    for protocol in (p for p in PROTOCOLS if p in record.data["protocols"] and record.target.kind != "binary"):
        try:
            values = record.guesses("test", protocol)
        except RunError:  # a record alone
            continue
        found[protocol] = values if record.target.kind == "classes" else values.astype(float).round(DECIMALS)
    return KeptRun(record.id, record.spec["seed"], record.target, record.info.kind == "fitted", (name, sign),
                {p: record.epoch(p) for p in record.data["protocols"]}, valid, test, found)


def of_records(groups: Mapping[str, Sequence[Record]]) -> dict[str, list[KeptRun]]:
    """What is kept of the runs of each question."""
    return {name: [from_record(record) for record in records] for name, records in groups.items()}


def place(corpus: str, what: str) -> Path:
    """Where the study keeps runs of a corpus for one audit, such as "inflation"."""
    return paths.results_dir() / "protocol" / corpus / f"{what}.json"


def write_kept(path: Path, groups: Groups, fingerprints: Sequence[str], **facts: Any) -> None:
    """Keep runs in a file: a line each.

    Args:
        fingerprints: of the corpora whose test split the runs predict (the same conversations, read in several ways).
        facts: what a reader should know, such as the environment.
    """
    rows = [json.dumps({"group": name, **_as_json(one)}) for name, runs in groups.items() for one in runs]
    head = json.dumps({"fingerprints": list(fingerprints), **facts})
    write_atomically(path, (f'{{"head": {head},\n "runs": [\n' + ",\n".join(rows) + "\n]}\n").encode())


def read(path: Path) -> dict[str, list[KeptRun]]:
    """The runs of a file, by the name of their question.

    Raises:
        RunError: the file is absent or damaged.
    """
    return read_all(path)[1]


def read_all(path: Path) -> tuple[dict[str, Any], dict[str, list[KeptRun]]]:
    """The facts at the head of a file, and its runs by the name of their question.

    Raises:
        RunError: the file is absent or damaged.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        found: dict[str, list[KeptRun]] = {}
        for row in data["runs"]:
            found.setdefault(row["group"], []).append(_of_json(row))
        return data["head"], found
    except (OSError, ValueError, LookupError, TypeError, UsageError) as error:
        raise RunError(f"kept runs cannot be read ({error})", where=path,
                       remedy="Make the file again: python tools/protocol.py.") from None


def has(corpus: Corpus, what: str) -> bool:
    """Whether the study keeps runs for one audit on this very corpus."""
    try:
        head = json.loads(place(corpus.name, what).read_text(encoding="utf-8"))["head"]
        return corpus.fingerprint in head["fingerprints"]
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _as_json(one: KeptRun) -> dict[str, Any]:
    scores = {split: [None if np.isnan(x) else round(float(x), 5) for x in values]
              for split, values in (("valid", one.valid), ("test", one.test))}
    shown = {protocol: "".join(DIGITS[i] for i in x) if x.ndim == 1 else x.tolist()
             for protocol, x in one.predictions.items()}
    return {"id": one.id, "seed": one.seed, "target": one.target.as_dict(), "fixed": one.fixed,
            "metric": list(one.metric), "epochs": dict(one.epochs), **scores, "predictions": shown,
            **({"sums": {p: _counts_as_text(x) if one.target.kind == "classes" else x.tolist()
                         for p, x in one.sums.items()}} if one.sums else {})}


def _counts_as_text(counts: np.ndarray) -> list[str]:
    """(D, C, C) counts as a text per dialogue, such as "01 22*3": class 0 was taken for 1 once, class 2 for 2 three
    times."""
    def cell(i: int, j: int, n: int) -> str:
        return DIGITS[i] + DIGITS[j] + (f"*{n}" if n > 1 else "")
    return [" ".join(cell(i, j, int(x[i, j])) for i, j in np.argwhere(x)) for x in counts]


def _counts_of_text(rows: Sequence[str], C: int) -> np.ndarray:
    """What `_counts_as_text` was given."""
    found = np.zeros((len(rows), C, C))
    for counts, row in zip(found, rows, strict=True):
        for word in row.split():
            counts[DIGITS.index(word[0]), DIGITS.index(word[1])] = int(word[3:] or 1)
    return found


def _of_json(row: Mapping[str, Any]) -> KeptRun:
    valid, test = (np.array(row[split], dtype=float) for split in ("valid", "test"))  # None becomes NaN
    shown = {protocol: np.array([DIGITS.index(c) for c in x]) if isinstance(x, str) else np.array(x, dtype=float)
             for protocol, x in row["predictions"].items()}
    target, (name, sign) = Task.from_dict(row["target"]), row["metric"]
    sums = {protocol: _counts_of_text(x, len(target.names)) if target.kind == "classes" else np.array(x)
            for protocol, x in row.get("sums", {}).items()}
    return KeptRun(row["id"], row["seed"], target, row["fixed"], (name, sign), row["epochs"], valid, test, shown, sums)
