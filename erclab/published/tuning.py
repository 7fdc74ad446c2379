"""Equal tuning budgets: the space of each model, the number of draws, and how the best setting is confirmed.

`tuning.json` is committed before the runs. Each trained model has the same number of free hyper-parameters of the
same kinds: learning rate (a range of a factor of 30), weight decay or, of models of sequences, whose recipes have none,
the clipping of gradients (a factor of 100), dropout (0.5 wide), batch size and width (three values), and one choice of
two of its own. The model's own recipe lies inside.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from erclab.core.errors import UsageError, unknown

FILE = "tuning.json"
DIGITS = 3  # significant, of a drawn number
KINDS = ("log", "uniform", "of")


@dataclass(frozen=True)
class Axis:
    """A free hyper-parameter.

    Attributes:
        name: for people.
        sets: the settings of the model or its recipe that have its value.
        kind: "log" or "uniform" between two ends, or "of" for one of several values.
        values: the two ends, or the values.
        listed: the setting is a list, which has the value alone.
        why: where the values come from, if that is not the recipe.
    """

    name: str
    sets: tuple[str, ...]
    kind: str
    values: tuple[Any, ...]
    listed: bool = False
    why: str = ""

    def at(self, quantile: float) -> Any:
        """The value at a quantile in [0, 1)."""
        if self.kind == "of":
            return self.values[int(quantile * len(self.values))]
        low, high = map(math.log, self.values) if self.kind == "log" else self.values
        value = low + quantile * (high - low)
        return float(f"{math.exp(value) if self.kind == 'log' else value:.{DIGITS}g}")


@dataclass(frozen=True)
class TuningGroup:
    """Models that read the same features of a corpus, and are compared.

    Attributes:
        reads: what they see, in words.
        bases: the models with which every other one of the group is compared.
        models: all of them.
        corpora: where they are tuned.
    """

    reads: str
    bases: tuple[str, ...]
    models: tuple[str, ...]
    corpora: tuple[str, ...]


@dataclass(frozen=True)
class Declared:
    """What is declared for all models.

    Attributes:
        spaces: model -> its axes.
        draws: of each model.
        seed: of the draws.
        first_seed: draw k is trained with this seed + k.
        budget: fields of every recipe: epochs and patience.
        score: task -> the score that chooses a draw, on validation, and that is compared, on the test split.
        matters: task -> the smallest difference that matters.
        corpora: name -> the task there; the rehearsal's corpus is not among them.
        groups: the models by what they read.
        protocol: of the confirming runs, as in `erclab.published.claims`.
        rehearsal: the corpus, budget and seeds of a run of seconds.
        rules: how settings are drawn, chosen and judged.
        limits: corpus -> what a reader of its results must know.
        sha256: of the file.
    """

    spaces: Mapping[str, tuple[Axis, ...]]
    draws: int
    seed: int
    first_seed: int
    budget: Mapping[str, Any]
    score: Mapping[str, str]
    matters: Mapping[str, float]
    corpora: Mapping[str, str]
    groups: tuple[TuningGroup, ...]
    protocol: Mapping[str, Any]
    rehearsal: Mapping[str, Any]
    rules: Mapping[str, str]
    limits: Mapping[str, str] = field(default_factory=dict)
    sha256: str = ""

    def rehearses(self, corpus: str) -> bool:
        """Whether the corpus is the rehearsal's."""
        return corpus == self.rehearsal["corpus"]

    def task(self, corpus: str) -> str:
        """The task on a corpus.

        Raises:
            UsageError: models are not tuned on it.
        """
        if self.rehearses(corpus):
            return self.rehearsal["task"]
        if corpus not in self.corpora:
            raise unknown("corpus of equal tuning budgets", corpus, [*self.corpora, self.rehearsal["corpus"]])
        return self.corpora[corpus]

    def group(self, model: str) -> TuningGroup:
        """The group of a model.

        Raises:
            UsageError: no space is declared for it.
        """
        self.space(model)
        return next(g for g in self.groups if model in g.models)

    def groups_on(self, corpus: str) -> list[TuningGroup]:
        """The groups that are tuned on a corpus; all of them in the rehearsal."""
        return [g for g in self.groups if corpus in g.corpora or self.rehearses(corpus)]

    def models_on(self, corpus: str, names: Sequence[str] = ()) -> list[str]:
        """The models that are tuned on a corpus: all, or those that are named, each once.

        Raises:
            UsageError: models are not tuned on the corpus, or one of these is not.
        """
        self.task(corpus)
        there = [model for g in self.groups_on(corpus) for model in g.models]
        for model in names:
            if model not in there:
                reads = self.group(model).reads
                raise UsageError(f"{model} is not tuned on {corpus}", remedy=f"Models of {reads} are on "
                                 f"{', '.join(self.group(model).corpora)}.")
        return list(dict.fromkeys(names)) or there

    def space(self, model: str) -> tuple[Axis, ...]:
        """The axes of a model.

        Raises:
            UsageError: none are declared for it.
        """
        if model not in self.spaces:
            raise unknown("model with a declared space", model, self.spaces)
        return self.spaces[model]

    def drawn(self, model: str, number: int) -> dict[str, Any]:
        """The settings of a draw, without the budget; draw 0 is the recipe's own setting and changes none.

        Draw k of every model has the same quantiles, so that no model has the luckier draws.
        """
        axes = self.space(model)
        if number == 0:
            return {}
        quantiles = np.random.default_rng([self.seed, number]).random(max(map(len, self.spaces.values())))
        values = [axis.at(q) for axis, q in zip(axes, quantiles, strict=False)]
        return {name: [value] if axis.listed else value
                for axis, value in zip(axes, values, strict=True) for name in axis.sets}

    def digest(self, model: str) -> str:
        """16 hex digits of what decides the draws of a model and the choice among them."""
        decides = {"space": [[a.name, a.sets, a.kind, a.values, a.listed] for a in self.space(model)],
                   "seed": self.seed, "first_seed": self.first_seed, "budget": self.budget, "score": self.score,
                   "rule": [self.rules["draws"], self.rules["best"]]}
        return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]


@cache
def declared() -> Declared:
    """What this version of erclab declares."""
    return read(resources.files(__package__).joinpath(FILE).read_bytes())


def read(content: bytes) -> Declared:
    """What a file declares.

    Raises:
        UsageError: it is not such a file.
    """
    try:
        data = json.loads(content.decode("utf-8"))
        del data["about"]
        spaces = {model: tuple(map(_axis, rows)) for model, rows in data.pop("spaces").items()}
        groups = tuple(_group(row) for row in data.pop("groups", ())) or (  # before there were groups
            TuningGroup("a dialogue of vectors", tuple(data.pop("bases")), tuple(spaces), tuple(data["corpora"])),)
        made = Declared(spaces=spaces, groups=groups, sha256=hashlib.sha256(content).hexdigest(), **data)
    except (ValueError, KeyError, TypeError, StopIteration) as error:
        raise UsageError(f"not a file of tuning budgets ({type(error).__name__}: {error})", where=FILE,
                         remedy="Restore the file.") from None
    for group in made.groups:
        for model in {*group.models, *group.bases}:
            made.space(model)
    return made


def _group(row: Mapping[str, Any]) -> TuningGroup:
    return TuningGroup(row["reads"], tuple(row["bases"]), tuple(row["models"]), tuple(row["corpora"]))


def _axis(row: Mapping[str, Any]) -> Axis:
    kind = next(kind for kind in KINDS if kind in row)
    values: Sequence[Any] = row[kind]
    if kind != "of" and not (len(values) == 2 and values[0] < values[1] and (kind == "uniform" or values[0] > 0)):
        raise ValueError(f"{row['name']} has no range")
    return Axis(row["name"], tuple(row["sets"]), kind, tuple(values), row.get("list", False), row.get("why", ""))
