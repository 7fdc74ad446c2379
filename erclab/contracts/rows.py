"""Which models the contracts check, and the exceptions of each model: `ROWS`.

Every trained model of the registry is checked in its variants `paper` and `official`, in the sizes of its `tiny()`; so
is any class outside the registry. A row lists the exceptions: parameters that get no gradient, quirks that break a
contract, subsets of modalities for which a mechanism is not defined. A class outside the registry declares its own in
its attribute `exceptions`, with the names of the fields of `Row`:

    exceptions = {"dead": {r"later.*": "no layer uses it yet"}, "overfit": (300, 0.003)}
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from erclab.contracts.batches import Batch, random_dialogues, random_sequences, shake
from erclab.core import settings, tasks
from erclab.core.errors import UsageError, unknown
from erclab.models import MODELS, info

LABELS = {"emotion": 5, "emotion4": 4, "sentiment": 1, "dimensional": 3}  # classes or columns of random labels
SPEAKERS = 2
SUBSETS = (("text", "audio", "visual"), ("audio", "visual"), ("text",))
CORPUS = "simulated"  # has no published sizes, so a preset only sets its switches


@dataclass(frozen=True)
class Row:
    """The exceptions of a model in one variant.

    Attributes:
        model: a key of `MODELS`, or the name of a class outside the registry.
        variant: a name for the matrix.
        preset: the class method that makes the configuration; by default the method named like the variant.
        settings: further switches and sizes.
        subsets: subsets of the modalities; each is a case.
        causal: whether the variant claims that no result depends on later turns or steps.
        attends: whether `attention=True` returns attention weights; None where this is unknown.
        words: size of the vocabulary of a model that reads words; 0 for a model of vectors.
        idle: pattern of names of attention weights -> why some queries have no keys.
        dead: pattern of parameter names -> why these parameters get no gradient. All others must get one.
        breaks: contract -> (pattern of the finding, reason): a quirk of the authors that must break the contract.
        refuses: subset of modalities, joined by + -> why the mechanism is not defined for it.
        overfit: steps and learning rate of Adam that must suffice to fit a tiny batch.
    """

    model: str
    variant: str = "paper"
    preset: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    subsets: Sequence[tuple[str, ...]] = SUBSETS
    causal: bool = False
    attends: bool | None = True
    words: int = 0
    idle: Mapping[str, str] = field(default_factory=dict)
    dead: Mapping[str, str] = field(default_factory=dict)
    breaks: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    refuses: Mapping[str, str] = field(default_factory=dict)
    overfit: tuple[int, float] = (150, 0.01)


@dataclass(frozen=True)
class Case:
    """The argument of a contract: a row, its class and one subset of modalities.

    Attributes:
        row: the exceptions.
        cls: the class, a `Model`.
        subset: the modalities.
        tasks: what the model predicts.
        trains: whether `erclab.runs` can train the model by its name.
        reads: "dialogue" or "sequence" batches; by default the attribute `view` of the class.
    """

    row: Row
    cls: type[Any]
    subset: tuple[str, ...]
    tasks: tuple[str, ...] = tasks.TASKS
    trains: bool = False
    reads: str = ""

    def __str__(self) -> str:
        return f"{self.row.model}-{self.row.variant}-{'+'.join(self.subset)}"

    @property
    def view(self) -> str:
        """The batches that the model reads: "dialogue" or "sequence"."""
        return self.reads or self.cls.view

    @property
    def dims(self) -> dict[str, int]:
        """modality -> width, as in `tiny()`."""
        widths = dict(self._tiny.dims)
        return {m: widths[m] for m in self.subset}

    @property
    def modalities(self) -> tuple[str, ...]:
        """All modalities of `tiny()`."""
        return tuple(m for m, _ in self._tiny.dims)

    @property
    def small(self) -> dict[str, Any]:
        """The settings in which `tiny()` differs from the defaults, and the row's settings."""
        common = ("dims", "outputs", "speakers", "task")
        return {name: value for name, value in settings.differing(self._tiny).items()
                if name not in common} | settings.dotted(self.cls.Config, self.row.settings)

    def config(self, task: str = "emotion", dropout: float = 0.0, subset: Sequence[str] | None = None):
        """The small configuration; every setting with "dropout" in its name is set to the rate."""
        widths = dict(self._tiny.dims)
        changes = {**self.small, "dims": tuple((m, widths[m]) for m in subset or self.subset), "task": task,
                   "outputs": tasks.outputs(task, LABELS[task])}
        known = settings.setting_types(self.cls.Config)
        changes |= {name: dropout for name in known if "dropout" in name}
        if "speakers" in known:
            changes["speakers"] = SPEAKERS
        return getattr(self.cls, self.row.preset or self.row.variant)(CORPUS, **changes)

    def model(self, *, seed: int = 0, dtype=torch.float64, shaken: bool = True, **config) -> torch.nn.Module:
        """The model, drawn under a seed; `shaken` moves its parameters off their initial values."""
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
            return random_dialogues(dims, LABELS[task], SPEAKERS, lengths or (5, 3, 1), seed, dtype, task,
                                    self.row.words)
        return random_sequences(dims, LABELS[task], lengths, seed, dtype, task)

    @functools.cached_property
    def _tiny(self):
        return self.cls.tiny()


KEY_BIAS = "adds the same number to every score of a query, which cancels in the softmax"
NO_MASKS = "the authors' code has no masks: attention reads padding like any other frame"
UNMASKED = {
    "padding_invariance": ("more padding", NO_MASKS), "alone_equals_in_batch": ("alone, logits", NO_MASKS),
    "attention_only_looked_at": ("weight at padded keys", NO_MASKS),
    "absent_modality": ("without .*, logits: off by", NO_MASKS)}
BATCH_LSTM = "the axes of the authors' LSTM are swapped: its recurrence runs over the utterances of a batch"
NOT_PACKED = "the authors' batches are not packed: the backward LSTM reads the padding before the dialogue"
SDT_KEYS = {r"encoder\.\w+\.k\.bias": KEY_BIAS}
SDT_OFFICIAL = SDT_KEYS | {r"encoder\.\w+\.norm\.(weight|bias)": "the authors' code never uses this layer"}
WIDER = {"hidden": 16, "head_hidden": 16}  # its attention is nearly a mean, so in smaller sizes Adam does not converge
PRIMARY = dict.fromkeys(SUBSETS[0], "a primary modality needs an auxiliary one")
AT_FIRST = "the first modality starts as the primary, and no modality attends to the primary"
FIRST_TURN = {r"context_\w+": "a dialogue's first turn has no past"}


def alone_or_without(target: str) -> dict[str, str]:
    """Subsets that LMR-CBT refuses: those without its target, and any modality alone."""
    others = [m for m in SUBSETS[0] if m != target]
    return dict.fromkeys((*SUBSETS[0], "+".join(others)), f"others are fused into {target}")


ROWS = (
    Row("ef-lstm", attends=False),
    Row("lf-lstm", attends=False),
    Row("mult"),
    Row("mult", "future mask", "paper", {"future_mask": True}, subsets=SUBSETS[1:2], causal=True),
    Row("mult", "official", subsets=SUBSETS[:2], breaks=UNMASKED),
    Row("lmf-mult"),
    Row("lmf-mult", "fused as source", "paper", {"fused": "source"}, subsets=SUBSETS[:1]),
    Row("lmf-mult", "future mask", "paper", {"future_mask": True}, subsets=SUBSETS[1:2], causal=True),
    Row("bc-lstm", attends=False),
    Row("bc-lstm", "attention", "paper", {**WIDER, "layers": 2, "attention": True}),
    Row("bc-lstm", "sc-LSTM", "paper", {"bidirectional": False}, causal=True, attends=False),
    Row("bc-lstm", "official", settings=WIDER, breaks={
        "padding_invariance": ("more padding, garbage in it, logits", NOT_PACKED),
        "alone_equals_in_batch": ("sample 1 alone, logits", NOT_PACKED)}, overfit=(300, 0.003)),
    Row("dialoguernn", idle=FIRST_TURN),
    Row("dialoguernn", "causal", "paper", {"bidirectional": False, "dialogue_attention": False}, causal=True,
        idle=FIRST_TURN),
    Row("dialoguernn", "listener", "paper", {"listener": True}, subsets=SUBSETS[:1], idle=FIRST_TURN),
    Row("dialoguetrm", causal=True, dead={r"branch\.bert\.shared\..*\.key\.bias": KEY_BIAS}, overfit=(150, 0.005)),
    Row("dialoguetrm", "reads words", "paper", {"text_from": "tokens"}, subsets=SUBSETS[2:], causal=True, words=30,
        dead={r"branch\.bert\.shared\..*\.key\.bias": KEY_BIAS}, overfit=(300, 0.005)),
    Row("sdt", dead=SDT_KEYS),
    Row("sdt", "official", dead=SDT_OFFICIAL),
    Row("sdt", "official, MELD", "official", {"frozen_identity_gates": True}, subsets=SUBSETS[:1], dead=SDT_OFFICIAL),
    Row("m2fnet", causal=True, attends=False),
    Row("m2fnet", "two GRUs, both ways", "paper", {"speaker": "both", "bidirectional": True}, subsets=SUBSETS[:1],
        attends=False),
    Row("hct-mg", subsets=SUBSETS[:1], refuses=PRIMARY, dead={r"crossmodal\.(audio|visual)_from_text\..*": AT_FIRST}),
    Row("hct-mg", "two modalities", "paper", subsets=SUBSETS[1:2], refuses=PRIMARY,
        dead={r"crossmodal\.visual_from_audio\..*": AT_FIRST}),
    Row("hct-mg", "by role", "paper", {"transformers": "role"}, subsets=SUBSETS[:1], refuses=PRIMARY),
    Row("hct-mg", "visual first", "paper", {"primary": "visual"}, subsets=SUBSETS[:1],
        refuses=PRIMARY | {"text+audio": "visual is the primary"}),
    Row("lmr-cbt", subsets=(SUBSETS[0], ("text", "audio")), refuses=alone_or_without("text")),
    Row("lmr-cbt", "into audio", "paper", {"target": "audio", "text_front": "conv1d"},
        subsets=(SUBSETS[0], ("text", "audio")), refuses=alone_or_without("audio")),
    Row("lmr-cbt", "future mask", "paper", {"future_mask": True}, subsets=[("text", "audio")], causal=True,
        refuses=alone_or_without("text")),
    Row("lmr-cbt", "official", subsets=(SUBSETS[0], ("text", "audio")), refuses=alone_or_without("text"),
        dead={r"fuse\.\w+\.affine\.(weight|bias)": "the authors' code never uses this map"},
        breaks=UNMASKED | {"sample_independence": ("sample 0 changed the others, logits", BATCH_LSTM),
                           "batch_order_invariance": ("the order of samples, logits", BATCH_LSTM)}),
)


def rows_of(model: str | type) -> list[Row]:
    """The rows of a model; without any its variants `paper` and, where its configuration differs, `official`.

    The cases of a class outside the registry are the subsets of its modalities that it does not refuse, unless its
    attribute `exceptions` gives `subsets`.

    Raises:
        UsageError: there is no such model, the class is none, or its `exceptions` are not those of a `Row`.
    """
    found = info(model)
    paper = Row(found.name)
    if found.given is not None:
        declared = _declared(found.given)
        paper = dataclasses.replace(Row(found.name, attends=None), **declared)
        every = _modalities(Case(paper, found.cls, ()))
        if "subsets" in declared:
            return _variants(paper, found.cls)
        subsets = [s for s in SUBSETS if set(s) <= set(every)]
        subsets = subsets if any(set(s) == set(every) for s in subsets) else [every, *subsets]
        accepted = [s for s in subsets if _accepts(Case(paper, found.cls, s))]
        paper = dataclasses.replace(paper, subsets=accepted or [every])
    return [r for r in ROWS if r.model == found.name] or _variants(paper, found.cls)


def _declared(cls: type[Any]) -> dict[str, Any]:
    """The exceptions that a class declares, as fields of `Row`."""
    found: Mapping[str, Any] = getattr(cls, "exceptions", {})
    known = [f.name for f in dataclasses.fields(Row) if f.name not in ("model", "variant", "preset")]
    for name in found:
        if name not in known:
            raise unknown(f"exception of {cls.__name__} from the contracts", name, known)
    return settings.check(Row, found)


def _modalities(case: Case) -> tuple[str, ...]:
    try:
        return case.modalities
    except TypeError as error:
        raise UsageError(f"{case.cls.__name__}.tiny() gives no Config ({error})",
                         remedy="Give every field of the Config a default, or write tiny().") from error


def _variants(paper: Row, cls: type[Any]) -> list[Row]:
    official = dataclasses.replace(paper, variant="official")
    configs = [Case(r, cls, tuple(paper.subsets[0])).config() for r in (paper, official)]
    return [paper] if configs[0] == configs[1] else [paper, official]


def _accepts(case: Case) -> bool:
    """Whether the model does not refuse the case's modalities. Other exceptions are left to the contracts."""
    try:
        case.model()
    except UsageError:
        return False
    except Exception:
        return True
    return True


def cases(models: Iterable[str | type] | None = None) -> list[Case]:
    """The cases of these models; by default of all that are trained by gradient.

    Args:
        models: names of the registry, or classes that need not be in it.

    Raises:
        UsageError: there is no such model, it reads no batches, or a class is no model.
    """
    chosen = [m for m in MODELS.values() if m.kind == "trained"] if models is None else [info(m) for m in models]
    fitted = [m.name for m in chosen if m.kind != "trained"]
    if fitted:
        raise UsageError(f"{', '.join(fitted)} is fitted to flat arrays; the contracts are about padded batches",
                         remedy="`erclab models` shows which are trained.")
    return [Case(row, m.cls, tuple(subset), m.tasks, trains=True, reads=m.view)
            for m in chosen for row in rows_of(m.given or m.name) for subset in row.subsets
            if "+".join(subset) not in row.refuses]
