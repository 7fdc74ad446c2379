"""The boxes of a model in the order of its equations, with the shapes and parameters that they have for a corpus.

The order and the words are written down here; shapes and numbers are those of a forward pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from erclab import models
from erclab.core.errors import UsageError
from erclab.corpora import Corpus
from erclab.runs.before_training import before_training

ROWS = {"text": 2.0, "audio": 1.0, "visual": 0.0}
MIDDLE = 1.0


@dataclass(frozen=True)
class Box:
    """One box of the drawing.

    Attributes:
        name: by which other boxes read it.
        label: what it computes.
        reads: the boxes whose results it reads.
        row: how high it stands; the modalities have the rows 2, 1 and 0.
        modules: the modules (or parameters) of the model that belong to it.
        result: the module whose result is the box's; by default the last one of `modules`.
        beside: a box in whose column it stands at least.
        shape: of its result on the batch; empty for a box without modules.
        parameters: of its modules.
    """

    name: str
    label: str
    reads: tuple[str, ...] = ()
    row: float = MIDDLE
    modules: tuple[str, ...] = ()
    result: str = ""
    beside: str = ""
    shape: tuple[int, ...] = ()
    parameters: int = 0


@dataclass(frozen=True)
class Architecture:
    """The boxes of a model on a batch.

    Attributes:
        title: of the model.
        batch: what the shapes belong to, in words.
        boxes: in the order of the equations.
        parameters: of the whole model.
    """

    title: str
    batch: str
    boxes: tuple[Box, ...]
    parameters: int

    @property
    def unused(self) -> int:
        """Parameters of modules that this pass does not use (HCT-MG: of other primaries)."""
        return self.parameters - sum(box.parameters for box in self.boxes)

    @property
    def heading(self) -> str:
        """The model, its size, and what the shapes belong to."""
        unused = f"; {self.unused:,} of them are not used here" if self.unused else ""
        return f"{self.title}: {self.parameters:,} parameters{unused}; shapes for {self.batch}"

    def columns(self) -> dict[str, int]:
        """Box -> its column: one to the right of all that it reads."""
        found: dict[str, int] = {}
        for box in self.boxes:
            after = max((found[name] + 1 for name in box.reads), default=0)
            found[box.name] = max(after, found.get(box.beside, 0))
        return found


def architecture(name: str, corpus: Corpus, *, dialogues: int = 2) -> Architecture:
    """The boxes of a model of one of the papers, in the size of its smoke recipe, before training.

    Args:
        name: of `ORDERS`.
        corpus: whose test split gives the batch.
        dialogues: of the batch; of a model of sequences twice as many utterances.

    Raises:
        UsageError: there is no drawing of this model, or the corpus lacks what it reads or one of three modalities.
    """
    models.info(name)  # refuses an unknown name, with the nearest ones
    if name not in ORDERS:
        raise UsageError(f"there is no drawing of {name}", remedy=f"There are: {', '.join(ORDERS)}.")
    if set(corpus.modalities) != set(ROWS):
        raise UsageError("the drawings show text, audio and visual", where=corpus.name,
                         remedy="Give a corpus with these three modalities, such as simulated-lesson.")
    model, batch, words = before_training(name, corpus, dialogues=dialogues, utterances=2 * dialogues)
    seen: dict[str, tuple[int, ...]] = {}
    for place, module in model.named_modules():
        module.register_forward_hook(lambda m, given, result, place=place: seen.__setitem__(place, _shape(result)))
    with torch.no_grad():
        model(batch)
    boxes = []
    for box in ORDERS[name](model.config):
        last = box.result or "".join(box.modules[-1:])
        shape = tuple(batch.features[box.name].shape) if box.name in batch.features else seen.get(last, ())
        boxes.append(replace(box, shape=shape, parameters=_parameters(model, box.modules)))
    return Architecture(models.info(name).title, words, tuple(boxes), models.parameter_count(model))


def _shape(result: Any) -> tuple[int, ...]:
    first = result[0] if isinstance(result, tuple | list) and result else result
    return tuple(first.shape) if isinstance(first, Tensor) else ()


def _parameters(model: nn.Module, modules: Sequence[str]) -> int:
    return sum(p.numel() for name, p in model.named_parameters()
               if any(name == m or name.startswith(f"{m}.") for m in modules))


def _inputs(modalities: Sequence[str]) -> list[Box]:
    return [Box(m, m, row=ROWS[m]) for m in modalities]


def _each(modalities: Sequence[str], step: str, label: str, reads: Callable[[str], Sequence[str]],
          modules: Callable[[str], Sequence[str]]) -> list[Box]:
    """The same step of each modality: `step.text`, ..."""
    return [Box(f"{step}.{m}", label, tuple(reads(m)), ROWS[m], tuple(modules(m))) for m in modalities]


def _sdt(c: Any) -> list[Box]:
    every, sources = c.modalities, {m: c.sources(m) for m in c.modalities}
    return [
        *_inputs(every), Box("speaker", "speaker embedding", row=-1, modules=("speaker",)),
        *_each(every, "project", "Conv1D over turns\n+ place + speaker", lambda m: (m, "speaker"),
               lambda m: (f"project.{m}",)),
        *_each(every, "encoder", "Transformers,\none per source",
               lambda m: [f"project.{n}" for n in sources[m]],
               lambda m: [f"encoder.{m}_from_{n}" for n in sources[m]]),
        *_each(every, "gate", "unimodal gates\nσ(W H) ⊙ H", lambda m: [f"encoder.{m}"],
               lambda m: [f"unimodal_gate.{m}_from_{n}" for n in sources[m]]),
        *_each(every, "reduce", "one stream\nof all sources", lambda m: [f"gate.{m}"], lambda m: [f"reduce.{m}"]),
        *_each(every, "student", "student", lambda m: [f"reduce.{m}"], lambda m: [f"student.{m}"]),
        Box("fused", "multimodal gate:\nsoftmax over\nmodalities", tuple(f"reduce.{m}" for m in every), -1,
              ("multimodal_gate",)),
        Box("teacher", "teacher\n(the prediction)", ("fused",), -1, ("teacher",)),
    ]


def _dialoguetrm(c: Any) -> list[Box]:
    every = c.modalities
    pairs = {"text_visual": 2.0, "text_audio": 1.0, "audio_visual": 0.0}

    def shared(step: str, label: str, before: str, modules: str, result: str) -> list[Box]:
        """One network for all modalities, with context or without; its parameters stand in the first box."""
        reach = {m: "with what was said\nbefore" if c.dependent(m) else "without context" for m in every}
        return [Box(f"{step}.{m}", f"{label}\n{reach[m]}", (f"{before}.{m}",), ROWS[m],
                      (modules,) if m == every[0] else (), result) for m in every]

    return [
        *_inputs(every),
        *_each(every, "project", "to BERT's width", lambda m: [m], lambda m: [f"branch.project.{m}"]),
        *shared("bert", "BERT (shared)", "project", "branch.bert", "branch"),
        *shared("context", "Transformer (shared)", "bert", "context", "context.shared"),
        *[Box(f"gate_{pair}", "gate of " + pair.replace("_", ",\n"), tuple(f"context.{m}" for m in pair.split("_")),
                row, (f"fusion.gate.{pair}",)) for pair, row in pairs.items()],
        Box("fusion", "Transformer over\n[CLS] and the pairs", tuple(f"gate_{pair}" for pair in pairs),
              modules=("fusion.encoder", "fusion.cls"), result="fusion"),
        Box("hidden", "tanh(W x)", ("fusion",), modules=("hidden",)),
        Box("out", "prediction", ("hidden",), modules=("out",)),
    ]


def _m2fnet(c: Any) -> list[Box]:
    every = [m for m, _ in c.dims]
    return [
        *_inputs(every),
        *_each(every, "project", "one token", lambda m: [m], lambda m: [f"project.{m}"]),
        Box("fusion", "Transformer over\nthe modalities of\nan utterance", tuple(f"project.{m}" for m in every),
              modules=("fusion",)),
        Box("speaker", "speaker embedding", row=0, modules=("speaker",), beside="fusion"),
        Box("dialogue", "GRU over the turns", ("fusion", "speaker"), modules=("dialogue",)),
        Box("out", "prediction", ("dialogue",), modules=("classifier",)),
    ]


def _mult(c: Any) -> list[Box]:
    every = c.modalities
    others = {m: [n for n in every if n != m] for m in every}
    return [
        *_inputs(every),
        *_each(every, "project", "Conv1D over steps", lambda m: [m], lambda m: [f"project.{m}"]),
        *_each(every, "crossmodal", "Transformers, one\nper other modality",
               lambda m: [f"project.{n}" for n in every], lambda m: [f"crossmodal.{m}_from_{n}" for n in others[m]]),
        *_each(every, "memory", "self-attention,\nlast step", lambda m: [f"crossmodal.{m}"], lambda m: [f"memory.{m}"]),
        Box("head", "two linear maps\nwith a residual", tuple(f"memory.{m}" for m in every),
              modules=("proj1", "proj2")),
        Box("out", "prediction", ("head",), modules=("out",)),
    ]


def _hct_mg(c: Any) -> list[Box]:
    """With the first modality as the primary: the weights of the gate are equal before training."""
    every = c.modalities
    primary = every[0] if c.primary == "gating" else c.primary
    first, second = [m for m in every if m != primary]
    return [
        *_inputs(every),
        *_each(every, "project", "Conv1D over steps", lambda m: [m], lambda m: [f"project.{m}"]),
        *_each(every, "gru", "GRU", lambda m: [f"project.{m}"], lambda m: [f"gru.{m}"]),
        Box("gate", "gate: three weights\nthat sum to 1, the\nlargest is primary", tuple(f"gru.{m}" for m in every),
              modules=("gate_logits",)),
        Box(f"level1.{first}", f"from {second}", ("gate",), ROWS[first],
              (_crossmodal(c, first, second, "a1_from_a2"),)),
        Box(f"level1.{second}", f"from {first}", ("gate",), ROWS[second],
              (_crossmodal(c, second, first, "a2_from_a1"),)),
        Box(f"1.{primary}", f"{primary} (primary)\nfrom {first}", ("gate", f"level1.{first}"), ROWS[primary] + 0.7,
              (_crossmodal(c, primary, first, "p_from_a1"),)),
        Box(f"2.{primary}", f"{primary} (primary)\nfrom {second}", ("gate", f"level1.{second}"), ROWS[primary],
              (_crossmodal(c, primary, second, "p_from_a2"),)),
        Box(f"self.{primary}", "self-attention over\nboth, last step", (f"1.{primary}", f"2.{primary}"),
              ROWS[primary] + 0.35, ("self_attention",)),
        Box(f"last.{first}", "last step", (f"level1.{first}",), ROWS[first], ("w.0",)),
        Box(f"last.{second}", "last step", (f"level1.{second}",), ROWS[second], ("w.1",)),
        Box("head", "prediction", (f"self.{primary}", f"last.{first}", f"last.{second}"), modules=("head",)),
    ]


def _crossmodal(c: Any, target: str, source: str, role: str) -> str:
    return f"crossmodal.{target}_from_{source}" if c.transformers == "pair" else f"crossmodal.{role}"


def _lmr_cbt(c: Any) -> list[Box]:
    target, front, fused = c.target, {}, f"front.{c.target}"
    for m in c.modalities:
        front[m] = "BiLSTM over words" if m == "text" and c.text_front == "bilstm" else "Conv1D over steps"
    boxes = [*_inputs(c.modalities),
              *[Box(f"front.{m}", front[m], (m,), ROWS[m], modules=(f"front.{m}",)) for m in c.modalities],
              *[Box(f"encoder.{m}", "Transformer,\nlast step", (f"front.{m}",), ROWS[m], (f"encoder.{m}",))
                for m in c.sources]]
    for m in c.sources:
        boxes.append(Box(f"fuse_{m}.{target}", f"fuse with {m}:\nsoftmax of tanh", (fused, f"encoder.{m}"),
                            ROWS[target], (f"fuse.{m}",)))
        fused = f"fuse_{m}.{target}"
    return [
        *boxes,
        Box(f"last.{target}", f"+ {target} (residual),\nTransformer,\nlast step", (fused, f"front.{target}"),
              ROWS[target], (f"encoder.{target}",)),
        Box("head", "joined,\ntwo linear maps", (f"last.{target}", *(f"encoder.{m}" for m in c.sources)),
              modules=("head",)),
        Box("out", "prediction", ("head",), modules=("out",)),
    ]


ORDERS: dict[str, Callable[[Any], list[Box]]] = {
    "dialoguetrm": _dialoguetrm, "sdt": _sdt, "m2fnet": _m2fnet, "mult": _mult, "hct-mg": _hct_mg, "lmr-cbt": _lmr_cbt}
