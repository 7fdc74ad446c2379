"""The registry of models, as plain data: adding a model is adding a row."""

from __future__ import annotations

import dataclasses
import importlib
from dataclasses import dataclass
from typing import Any

from erclab.core import settings
from erclab.core.errors import unknown
from erclab.core.tasks import TASKS

# A model belongs where its main mechanism does: "crossmodal", the steps of one modality attend to those of another;
# "transformer", turns of a dialogue or modalities of a turn attend to each other; "recurrent", it has neither.
FAMILIES = ("baseline", "recurrent", "crossmodal", "transformer")


@dataclass(frozen=True)
class ModelInfo:
    """A row of the registry.

    Attributes:
        name: what one types.
        title: what figures and tables show.
        where: "module:class".
        paper: the source.
        family: what kind of network it is, one of `FAMILIES`.
        kind: "trained" by gradient on batches, or "fitted" on flat arrays.
        view: what it reads: "dialogue" or "sequence" batches; when fitted, utterance vectors ("dialogue") or the mean
            and deviation of each utterance's frames ("sequence"), or "any" of the two.
        tasks: what it predicts.
        fixed: configuration that belongs to this name.
        stacks: several seeds can be trained in one pass (`erclab.training.together`).
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

    @property
    def text_as(self) -> str:
        """How a corpus is loaded for it (`erclab.corpora.load`): words one by one where it reads sequences."""
        return "tokens" if self.view == "sequence" else "vectors"

    @property
    def cls(self) -> type:
        """The class itself, imported when first needed."""
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


def info(name: str) -> ModelInfo:
    """The registry's row.

    Raises:
        UsageError: there is no such model.
    """
    if name not in MODELS:
        raise unknown("model", name, MODELS)
    return MODELS[name]


def build(name: str, config: dict):
    """A model from its configuration as a dictionary (what a run record holds)."""
    cls = info(name).cls
    return cls(settings.from_dict(cls.Config, config))


def parameter_count(model, *, trainable: bool = False) -> int:
    """The number of parameters of a module; 0 for what is fitted without gradients."""
    parameters = getattr(model, "parameters", lambda: ())()
    return sum(p.numel() for p in parameters if p.requires_grad or not trainable)
