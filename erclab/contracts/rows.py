"""Which models are held to the contracts, and what is peculiar to each: `ROWS`.

A trained model of the registry joins by itself, in its variants `paper` and `official` and in the sizes of its
`tiny()`. A row says what is special: parameters that cannot learn, quirks that break a contract, subsets of
modalities for which a mechanism is not defined.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from erclab import tasks
from erclab.contracts.batches import Batch, random_dialogues, random_sequences, shake
from erclab.errors import UsageError
from erclab.models import MODELS, info

LABELS = {"emotion": 5, "emotion4": 4, "sentiment": 1, "dimensional": 3}  # classes or columns of the random labels
SPEAKERS = 2
SUBSETS = (("text", "audio", "visual"), ("audio", "visual"), ("text",))
CORPUS = "simulated"  # no published sizes: a preset's switches alone


@dataclass(frozen=True)
class Row:
    """What is peculiar to a model in one variant.

    Attributes:
        model: a key of `MODELS`.
        variant: a name for the matrix.
        preset: the class method that makes the configuration; by default the one that the variant is called.
        settings: further switches and sizes.
        subsets: of the modalities, a case each.
        causal: whether the variant claims that nothing depends on what comes later.
        attends: whether `attention=True` gives weights.
        dead: pattern of parameter names -> why they have no gradient. Exactly these, no more and no less.
        breaks: contract -> (pattern of what it says, reason): a quirk of the authors that must break it.
        refuses: subset of modalities, joined by + -> why the mechanism is not defined for it.
        overfit: steps and learning rate of Adam that must be enough to learn a tiny batch by heart.
    """

    model: str
    variant: str = "paper"
    preset: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    subsets: Sequence[tuple[str, ...]] = SUBSETS
    causal: bool = False
    attends: bool = True
    dead: Mapping[str, str] = field(default_factory=dict)
    breaks: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    refuses: Mapping[str, str] = field(default_factory=dict)
    overfit: tuple[int, float] = (150, 0.01)


@dataclass(frozen=True)
class Case:
    """A row for one subset of modalities, with the class: what a contract takes.

    Attributes:
        row: what is peculiar.
        cls: the class, with `Config`, `tiny` and the row's preset.
        subset: the modalities.
        tasks: what the model predicts.
        trains: whether `erclab.runs` can train it by its name.
    """

    row: Row
    cls: type
    subset: tuple[str, ...]
    tasks: tuple[str, ...] = tasks.TASKS
    trains: bool = False

    def __str__(self) -> str:
        return f"{self.row.model}-{self.row.variant}-{'+'.join(self.subset)}"

    @property
    def view(self) -> str:
        """"dialogue" for a model with speakers, else "sequence"."""
        return "dialogue" if "speakers" in self._fields else "sequence"

    @property
    def dims(self) -> dict[str, int]:
        """modality -> width, those of `tiny()`."""
        widths = dict(self._tiny.dims)
        return {m: widths[m] for m in self.subset}

    @property
    def small(self) -> dict[str, Any]:
        """The sizes that `tiny()` makes small, and the row's own settings."""
        common = ("dims", "outputs", "speakers", "task")
        return {f.name: getattr(self._tiny, f.name) for f in self._fields.values()
                if f.name not in common and getattr(self._tiny, f.name) != f.default} | dict(self.row.settings)

    def config(self, task: str = "emotion", dropout: float = 0.0, subset: Sequence[str] | None = None):
        """The small configuration; every field with "dropout" in its name is set to the rate."""
        widths = dict(self._tiny.dims)
        changes = {**self.small, "dims": tuple((m, widths[m]) for m in subset or self.subset), "task": task,
                   "outputs": tasks.outputs(task, LABELS[task])}
        changes |= {f.name: dropout for f in self._fields.values() if "dropout" in f.name}
        if self.view == "dialogue":
            changes["speakers"] = SPEAKERS
        return getattr(self.cls, self.row.preset or self.row.variant)(CORPUS, **changes)

    def model(self, *, seed: int = 0, dtype=torch.float64, shaken: bool = True, **config) -> torch.nn.Module:
        """The model, drawn under a seed; `shaken` off its initial values, which may hide mistakes."""
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = self.cls(self.config(**config))
        return (shake(model, size=0.1) if shaken else model).to(dtype)

    def batch(self, lengths=None, *, seed: int = 0, dtype=torch.float64, task: str = "emotion",
              subset: Sequence[str] | None = None) -> Batch:
        """A random batch of the model's view.

        Args:
            lengths: turns of each dialogue, or modality -> steps of each utterance; by default three samples.
        """
        widths = dict(self._tiny.dims)
        dims = {m: widths[m] for m in subset or self.subset}
        if self.view == "dialogue":
            return random_dialogues(dims, LABELS[task], SPEAKERS, lengths or (5, 3, 1), seed, dtype, task)
        return random_sequences(dims, LABELS[task], lengths, seed, dtype, task)

    @functools.cached_property
    def _fields(self) -> dict[str, dataclasses.Field]:
        return {f.name: f for f in dataclasses.fields(self.cls.Config)}

    @functools.cached_property
    def _tiny(self):
        return self.cls.tiny()


KEY_BIAS = "adds the same to every score of a query, which the softmax does not see"

ROWS = (
    Row("sdt", "paper", dead={r"encoder\.\w+\.k\.bias": KEY_BIAS}),
    Row("sdt", "official", dead={r"encoder\.\w+\.k\.bias": KEY_BIAS,
                                 r"encoder\.\w+\.norm\.(weight|bias)": "the authors' code never uses this layer"}),
    Row("sdt", "official, MELD", preset="official", settings={"frozen_identity_gates": True},
        subsets=SUBSETS[:1], dead={r"encoder\.\w+\.k\.bias": KEY_BIAS,
                                   r"encoder\.\w+\.norm\.(weight|bias)": "the authors' code never uses this layer"}),
    Row("m2fnet", attends=False),
)


def rows_of(model: str) -> list[Row]:
    """The rows of a model; one without any has its variants, `official` where it differs, and nothing peculiar."""
    known = [r for r in ROWS if r.model == model]
    if known:
        return known
    paper, official = (Row(model, variant) for variant in ("paper", "official"))
    configs = [Case(r, info(model).cls, SUBSETS[0]).config() for r in (paper, official)]
    return [paper] if configs[0] == configs[1] else [paper, official]


def cases(models: Iterable[str] | None = None) -> list[Case]:
    """The cases of these models; of all that are trained by gradient by default.

    Raises:
        UsageError: there is no such model, or it reads no batches.
    """
    chosen = [m for m in MODELS.values() if m.kind == "trained"] if models is None else [info(m) for m in models]
    fitted = [m.name for m in chosen if m.kind != "trained"]
    if fitted:
        raise UsageError(f"{', '.join(fitted)} is fitted to flat arrays; the contracts are about padded batches",
                         remedy="`erclab models` shows which are trained.")
    return [Case(row, m.cls, tuple(subset), m.tasks, trains=True)
            for m in chosen for row in rows_of(m.name) for subset in row.subsets]
