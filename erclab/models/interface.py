"""What every model takes and returns, and what the rest of the package calls: `Model` and `ModelConfig`."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple
from weakref import WeakKeyDictionary

from torch import Tensor, nn

from erclab.core import settings, tasks
from erclab.core.batches import DialogueBatch, SequenceBatch
from erclab.core.errors import UsageError
from erclab.models.requirements import check_batch
from erclab.ops.values import traced

TINY_DIMS = (("text", 6), ("audio", 4), ("visual", 2))


@dataclass(frozen=True)
class Output:
    """The result of a model's one forward pass.

    Attributes:
        logits: (B, T, C) for dialogues, (B, C) for sequences: the prediction that is scored.
        attention: name -> weights, filled when the model was called with `attention=True`, from the same pass
            and the same weights that made the logits; None otherwise.
        aux: name -> whatever the model's loss or an analysis needs (student logits, gates). The model's
            docstring says what is there.
    """

    logits: Tensor
    attention: dict[str, Tensor] | None = None
    aux: dict[str, Tensor] = field(default_factory=dict)


class Losses(NamedTuple):
    """The total, which is minimised, and the loss of the task alone; models with more terms have their own."""

    total: Tensor
    task: Tensor


class ModelConfig:
    """What every model's `Config` must have; to inherit from it is optional and gives `modalities`.

    A Config is a frozen dataclass. Its other fields are the model's own; each needs a default, and a run may set it.
    A field may be a frozen dataclass itself; a run sets the fields of that dataclass by dotted names (`bert.layers`).
    A field whose name contains "dropout" is a dropout probability: tests and contracts set it to 0.

    Attributes:
        dims: (modality, width D_m) of each modality that the model reads, in the order in which it reads them.
        outputs: C, the number of columns of the logits (`erclab.core.tasks.outputs`).
        task: a key of `erclab.core.tasks.TASKS`.
        speakers: optional; the number of speakers of a corpus, set by `erclab.runs.plan` where the field exists.
        max_turns: optional; the longest dialogue, raised by `erclab.runs.plan` for a corpus with longer dialogues.
        lengths: optional; (modality, L_m) to which a model that reads padding fills its sequences, set by
            `erclab.runs.plan` to the longest of the corpus.
        renamed: optional, a `ClassVar`; earlier name of a field -> today's dotted name (`erclab.core.settings`).
    """

    dims: tuple[tuple[str, int], ...]
    outputs: int
    task: str

    @property
    def modalities(self) -> tuple[str, ...]:
        """The names in `dims`."""
        return tuple(m for m, _ in self.dims)

    @property
    def speaker_limit(self) -> int | None:
        """The number of speakers that the model has parameters for; None if the number of speakers does not matter."""
        return getattr(self, "speakers", None)

    @property
    def depends_on_batch(self) -> bool:
        """Whether a result depends on the other items of its batch, as in some authors' code. A record then names the
        batches of its evaluation."""
        return False


class Model(nn.Module):
    """A model of padded batches. A new model writes a `Config` and a `forward`; all else has a default here.

        class Mine(Model):
            @dataclass(frozen=True)
            class Config(ModelConfig):
                dims: tuple[tuple[str, int], ...]
                outputs: int
                task: str = "emotion"
                hidden: int = 64

            def __init__(self, config: Config): ...           # sets self.config
            def forward(self, batch, *, attention=False) -> Output: ...

    Two optional methods, for a model that can read words through a pretrained BERT (`erclab.models.dialoguetrm`):

        with_bert(source, name) -> dict      static; the fields of Config that this BERT decides
        load_pretrained(source)              takes the BERT's weights; called once, before the first step

    and, for a model that can learn from a frozen teacher (`erclab.models.sdt`), `needs_teacher` and a `loss` that takes
    `teacher`, the logits of the teacher.

    A class outside the registry declares in one line what the contracts must not expect of it, with the names of the
    fields of `erclab.contracts.rows.Row`:

        exceptions = {"dead": {r"later.*": "no layer uses it yet"}}     pattern of parameters -> why no gradient
    """

    Config: ClassVar[Any]  # a frozen dataclass with what `ModelConfig` lists
    config: Any  # an instance of Config, set by __init__
    view: ClassVar[str] = "dialogue"  # what forward reads: "dialogue" (a DialogueBatch) or "sequence" (a SequenceBatch)
    packs: ClassVar[bool] = False  # padding costs it little, so that a batch need not have items of similar lengths
    published: ClassVar[Mapping[str, Mapping[str, Any]]] = {}  # corpus -> fields of Config: the sizes that are printed
    small: ClassVar[Mapping[str, Any]] = {}  # fields of Config that `tiny` makes smaller than their defaults
    exceptions: ClassVar[Mapping[str, Any]] = {}  # from the contracts, of a class outside the registry

    @classmethod
    def paper(cls, corpus: str | None = None, **changes: Any) -> Any:
        """A Config of the paper's equations, in its sizes for a corpus.

        Args:
            corpus: a key of `published`, by default its first. For another one the changes give `dims` and `outputs`.
            changes: fields of Config to set differently.
        """
        corpus = next(iter(cls.published), "") if corpus is None else corpus
        return settings.combined(cls.Config, cls.published.get(corpus, {}), changes)

    @classmethod
    def official(cls, corpus: str | None = None, **changes: Any) -> Any:
        """A Config of what the authors' code computes: the same as `paper` where there is no code or no difference."""
        return cls.paper(corpus, **changes)

    @classmethod
    def tiny(cls, **changes: Any) -> Any:
        """A Config small enough for a test: 12 features in all, 5 classes, 2 speakers, and the sizes of `small`."""
        sizes: dict[str, Any] = {"dims": TINY_DIMS, "outputs": 5}
        if any(f.name == "speakers" for f in dataclasses.fields(cls.Config)):
            sizes["speakers"] = 2
        return settings.combined(cls.Config, sizes, cls.small, changes)

    def forward(self, batch: Any, *, attention: bool = False) -> Output:
        """One pass over a padded batch; padding must not change what a sample gets.

        Args:
            batch: a `DialogueBatch` or a `SequenceBatch`, as `view` says.
            attention: return the attention weights of this pass in `Output.attention`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def loss(self, output: Output, batch: DialogueBatch | SequenceBatch, class_weight: Tensor | None = None):
        """The loss of the model's task over annotated utterances (`erclab.core.tasks.loss`).

        Returns:
            A named tuple of scalars whose first two fields are `total` and `task`.
        """
        task = tasks.loss(self.config.task, output.logits, batch.targets, class_weight)
        return Losses(task, task)

    @property
    def needs_teacher(self) -> bool:
        """Whether `loss` needs the logits of a trained teacher: `loss(output, batch, class_weight, teacher=logits)`."""
        return False

    def pretrained_parameters(self) -> Iterable[nn.Parameter]:
        """The pretrained parameters, for which a recipe may have another learning rate."""
        return ()

    def __call__(self, *given: Any, **options: Any) -> Any:
        """`forward`, after `require`."""
        batch = given[0] if given else options.get("batch")
        if isinstance(batch, DialogueBatch | SequenceBatch) and not traced():
            self.require(batch)
        return super().__call__(*given, **options)

    @property
    def widths(self) -> dict[str, int]:
        """Modality -> width D_m of the features that the model reads."""
        return dict(self.config.dims)

    def require(self, batch: DialogueBatch | SequenceBatch) -> None:
        """Refuse a batch for which the model was not built. Called before every `forward`.

        It compares modalities, shapes, widths and types; labels with the task and its outputs; speakers, the longest
        dialogue and the longest sequence with the Config where it has such limits. Speakers and labels are read on a
        CPU only, because a GPU would make the host wait (there `erclab.runs.views` compares the corpus with the run).

        Raises:
            UsageError: names what the model was built for and what the batch has.
        """
        config = getattr(self, "config", None)
        if all(hasattr(config, name) for name in ("dims", "outputs", "task")):
            first = next(self.parameters(), None)
            check_batch(type(self).__name__, config, self.widths, view_of(type(self)),
                        None if first is None else first.dtype, batch)


_views: WeakKeyDictionary[type, str] = WeakKeyDictionary()


def view_of(cls: type[Any]) -> str:
    """What a class reads: its attribute `view`, or else "sequence" or "dialogue" by the annotation of the batch in its
    `forward`; "" with neither."""
    if cls not in _views:
        _views[cls] = _view_of(cls)
    return _views[cls]


def _view_of(cls: type[Any]) -> str:
    for base in cls.__mro__:  # the default of `Model` is no choice of the class
        if base is not Model and "view" in vars(base):
            return vars(base)["view"]
    parameters = list(inspect.signature(cls.forward).parameters.values())[1:2]
    named = str(parameters[0].annotation) if parameters else ""
    return "sequence" if "SequenceBatch" in named else "dialogue" if "DialogueBatch" in named else ""


def check_sizes(model: str, config: Any, *positive: str) -> None:
    """Refuse a configuration without modalities, with sizes below one, or with dropouts outside [0, 1).

    Args:
        positive: settings that must be at least 1, by their dotted names. Every setting whose name contains "dropout"
            must be in [0, 1).

    Raises:
        UsageError: names the field.
    """
    if not config.dims or len({m for m, _ in config.dims}) != len(config.dims):
        raise UsageError(f"{model} needs one or more different modalities, not {config.dims}")
    if config.task not in tasks.TASKS:
        raise UsageError(f"{model}'s task '{config.task}' is none of {', '.join(tasks.TASKS)}")
    values = settings.dotted(type(config), config)
    sizes = {name: values[name] for name in ("outputs", *positive)}
    for name, size in {**sizes, **{f"width of {m}": d for m, d in config.dims}}.items():
        if size < 1:
            raise UsageError(f"{model}'s {name} is {size}, it must be positive")
    for name, rate in values.items():
        if "dropout" in name and not 0 <= rate < 1:
            raise UsageError(f"{model}'s {name} is {rate}, it must be in [0, 1)")


def check_choices(model: str, config: Any, choices: Mapping[str, Sequence[Any]]) -> None:
    """Refuse a configuration with a field whose value is none of its choices.

    Args:
        choices: field -> the values that it may have.

    Raises:
        UsageError: names the field and its choices.
    """
    for name, known in choices.items():
        value = getattr(config, name)
        if value not in known:
            raise UsageError(f"{model}'s {name} is {' or '.join(map(repr, known))}, not '{value}'")
