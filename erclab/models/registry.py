"""The registry of models, as plain data: one row per model. A class of one's own gets its row from `info`.

A new model is a class (`erclab.models.interface.Model`) and a row here.
"""

from __future__ import annotations

import dataclasses
import importlib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from erclab.core import settings
from erclab.core.errors import UsageError, unknown
from erclab.core.tasks import TASKS
from erclab.models.interface import Model, view_of

# The family is the model's main mechanism. "crossmodal": the steps of one modality attend to the steps of another.
# "transformer": turns of a dialogue, or modalities of a turn, attend to each other. "recurrent": neither of the two.
FAMILIES = ("baseline", "recurrent", "crossmodal", "transformer")


@dataclass(frozen=True)
class ModelInfo:
    """A row of the registry.

    Attributes:
        name: the name on the command line and in records.
        title: the name in figures and tables.
        where: "module:class".
        paper: the source.
        family: one of `FAMILIES`.
        kind: "trained" by gradient on batches, or "fitted" on flat arrays.
        view: "dialogue" or "sequence" batches, the class's own `view`. A fitted model reads utterance vectors
            ("dialogue"), the mean and deviation of each utterance's frames ("sequence"), "any" of the two, or the
            words themselves ("text").
        tasks: the tasks that it can predict.
        fixed: fields of Config that this name sets.
        stacks: several seeds can be trained in one pass (`erclab.training.together`).
        given: the class itself, for a class that a user gave instead of a name.
    """

    name: str
    title: str
    where: str
    paper: str
    family: str = "baseline"
    kind: str = "trained"
    view: str = "dialogue"
    tasks: tuple[str, ...] = TASKS
    fixed: dict[str, Any] = dataclasses.field(default_factory=dict)
    stacks: bool = False
    given: type | None = dataclasses.field(default=None, repr=False)

    @property
    def text_as(self) -> str:
        """How `erclab.corpora.load` reads text for this model: word by word for a model of sequences."""
        return "tokens" if self.view == "sequence" else "vectors"

    @property
    def cls(self) -> type[Any]:
        """The class: an `erclab.models.interface.Model`, or a fitted baseline. Imported at the first use."""
        if self.given is not None:
            return adapted(self.given)
        module, name = self.where.split(":")
        return getattr(importlib.import_module(module), name)


MODELS = {
    info.name: info
    for info in (
        ModelInfo("constant", "Constant predictor", "erclab.models.baselines:Constant",
                  "baseline: the most frequent label, or the best constant", kind="fitted", view="any"),
        ModelInfo("persistence", "Persistence", "erclab.models.baselines:Persistence",
                  "baseline: the true label of the turn before", kind="fitted", view="any"),
        ModelInfo("linear", "Linear probe", "erclab.models.baselines:LinearProbe",
                  "baseline: logistic or ridge regression, one utterance alone", kind="fitted"),
        ModelInfo("linear-balanced", "Linear probe, class-balanced", "erclab.models.baselines:LinearProbe",
                  "baseline: logistic regression with inverse label shares", kind="fitted",
                  tasks=("emotion", "emotion4"), fixed={"balanced": True}),
        ModelInfo("linear-pooled", "Linear probe on pooled frames", "erclab.models.baselines:LinearProbe",
                  "baseline: the same on mean and deviation of the frames", kind="fitted", view="sequence"),
        ModelInfo("tfidf", "Words (tf-idf)", "erclab.models.tfidf:TfidfProbe",
                  "baseline: logistic or ridge regression on words and characters, one utterance alone", kind="fitted",
                  view="text"),
        ModelInfo("tfidf-context", "Words and the turn before (tf-idf)", "erclab.models.tfidf:TfidfProbe",
                  "baseline: the same with the words of the turn before", kind="fitted", view="text",
                  fixed={"context": True}),
        ModelInfo("ef-lstm", "EF-LSTM", "erclab.models.fusion_lstm:EFLSTM", "Tsai et al. 2019, ACL, its tables",
                  family="recurrent", view="sequence"),
        ModelInfo("lf-lstm", "LF-LSTM", "erclab.models.fusion_lstm:LFLSTM", "Tsai et al. 2019, ACL, its tables",
                  family="recurrent", view="sequence"),
        ModelInfo("mult", "MulT", "erclab.models.mult:MulT", "Tsai et al. 2019, ACL", family="crossmodal",
                  view="sequence", stacks=True),
        ModelInfo("lmf-mult", "LMF-MulT", "erclab.models.lmf_mult:LMFMulT", "Sahay et al. 2020, arXiv 2007.02038",
                  family="crossmodal", view="sequence", stacks=True),
        ModelInfo("bc-lstm", "bc-LSTM", "erclab.models.bclstm:BCLSTM", "Poria et al. 2017, ACL", family="recurrent"),
        ModelInfo("dialoguernn", "DialogueRNN", "erclab.models.dialoguernn:DialogueRNN", "Majumder et al. 2019, AAAI",
                  family="recurrent"),
        ModelInfo("dialoguetrm", "DialogueTRM", "erclab.models.dialoguetrm.model:DialogueTRM",
                  "Mao et al. 2020, arXiv 2010.07637", family="transformer"),
        ModelInfo("sdt", "SDT", "erclab.models.sdt.model:SDT", "Ma et al. 2023, arXiv 2310.20494", family="transformer",
                  stacks=True),
        ModelInfo("m2fnet", "M2FNet", "erclab.models.m2fnet:M2FNet", "Gao 2026, doi 10.65102/is2026859",
                  family="transformer"),
        ModelInfo("hct-mg", "HCT-MG", "erclab.models.hct_mg:HCTMG", "Wang et al. 2023, arXiv 2305.13583",
                  family="crossmodal", view="sequence"),
        ModelInfo("lmr-cbt", "LMR-CBT", "erclab.models.lmr_cbt:LMRCBT", "Fu et al. 2021, arXiv 2112.01697",
                  family="crossmodal", view="sequence"),
    )
}


GIVEN: dict[str, ModelInfo] = {}  # rows of classes that were given in this session, the last one of each name
NEEDED = ("dims", "outputs", "task")  # fields of every Config: `erclab.runs.plan` sets them from corpus and task


def info(model: str | type) -> ModelInfo:
    """The row of a model: of a name in the registry, or of a class.

    Raises:
        UsageError: there is no such model, or the class is none.
    """
    if isinstance(model, type):
        return info_of(model)
    if not isinstance(model, str):
        raise unknown("model", model, [*MODELS, *GIVEN])
    if model in GIVEN:
        return GIVEN[model]
    if model not in MODELS:
        raise unknown("model", model, [*MODELS, *GIVEN])
    return MODELS[model]


def info_of(cls: type[Any]) -> ModelInfo:
    """The row of a class: the registry's row if there is one, or else a new row, kept for this session.

    The new row's name is made from the class's (`MyModel` is "my-model"). `title`, `view` ("dialogue" or "sequence"),
    `tasks` and `stacks` are attributes of the class, if it has them. Without `view`, the annotation of the batch in
    `forward` decides: `SequenceBatch`, or else dialogues.

    Raises:
        UsageError: the class lacks what a model needs, or has the name of a model of the registry.
    """
    where = f"{cls.__module__}:{cls.__qualname__}"
    for row in MODELS.values():
        if row.where == where:
            return row
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).replace("_", "-").strip("-").lower()
    if name in MODELS:
        raise UsageError(f"the class {cls.__name__} gets the name '{name}', which a model of erclab has",
                         remedy="Rename the class.")
    _check_class(cls)
    view = view_of(cls) or "dialogue"
    if view not in ("dialogue", "sequence"):
        raise unknown(f"view of {cls.__name__}", view, ("dialogue", "sequence"))
    GIVEN[name] = ModelInfo(name, getattr(cls, "title", None) or cls.__name__, where, "a class of one's own", view=view,
                            tasks=tuple(getattr(cls, "tasks", TASKS)), stacks=bool(getattr(cls, "stacks", False)),
                            given=cls)
    return GIVEN[name]


def _check_class(cls: type[Any]) -> None:
    config, remedy = getattr(cls, "Config", None), "See `erclab.models.interface.Model`."
    if not dataclasses.is_dataclass(config) or not callable(getattr(cls, "forward", None)):
        raise UsageError(f"the class {cls.__name__} is no model: it needs a dataclass Config and forward(batch)",
                         remedy=remedy)
    absent = [name for name in NEEDED if name not in {f.name for f in dataclasses.fields(config)}]
    if absent:
        raise UsageError(f"{cls.__name__}.Config lacks the fields {', '.join(absent)}", remedy=remedy)


@lru_cache(maxsize=64)
def adapted(cls: type[Any]) -> type[Any]:
    """The class itself, or for a plain `nn.Module` a subclass that also has the methods of `Model`."""
    if issubclass(cls, Model):
        return cls

    def __init__(self, config, *rest, **named) -> None:
        cls.__init__(self, config, *rest, **named)
        if not hasattr(self, "config"):
            self.config = config

    return type(cls.__name__, (cls, Model), {"__init__": __init__, "__module__": cls.__module__,
                                             "__qualname__": cls.__qualname__, "__doc__": cls.__doc__})


def build(name: str, config: dict):
    """A model from its configuration as a dictionary (what a run record holds)."""
    cls = info(name).cls
    return cls(settings.from_dict(cls.Config, config))


def parameter_count(model, *, trainable: bool = False) -> int:
    """The number of parameters of a module; 0 for a fitted baseline."""
    parameters = getattr(model, "parameters", lambda: ())()
    return sum(p.numel() for p in parameters if p.requires_grad or not trainable)
