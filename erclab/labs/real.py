"""The inputs of an exercise as a model of this study computes them for utterances of a corpus."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import torch
from torch import Tensor

from erclab import models
from erclab.corpora import Corpus
from erclab.labs.equations import find
from erclab.labs.exercise import STANDS_IN, Exercise, Inputs
from erclab.runs.before_training import before_training


@dataclass(frozen=True)
class Lab:
    """An exercise with inputs.

    Attributes:
        exercise: what is asked for.
        inputs: argument -> tensor, number or function.
        source: where the inputs come from, in words.
    """

    exercise: Exercise
    inputs: Inputs
    source: str

    def try_out(self, function: Callable[..., Any]) -> Any:
        """The results of an answer on these inputs."""
        return function(**self.inputs)

    def use(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The answer, or the solution if the answer is not written yet: so the rest of a notebook runs. `erc.check`
        says of the solution that it stands in."""
        try:
            result = function(**self.inputs)
        except NotImplementedError:
            result = None
        if result is None or result is Ellipsis:
            return solution_of(self.exercise)
        return function

    def __repr__(self) -> str:
        rows = [f"  {name:<10} {size_text(self.inputs[name]):<16} {what}" for name, what in
                self.exercise.arguments.items()]
        return "\n".join([f"{self.exercise.name}: {self.exercise.title}", f"  {self.exercise.signature}",
                          f"inputs: {self.source}", *rows, "returns:",
                          *(f"  {name:<10} {'':<16} {what}" for name, what in self.exercise.returns.items())])

    def _repr_html_(self) -> str:
        e, cells = self.exercise, []
        for name, what in e.arguments.items():
            cells.append((name, size_text(self.inputs[name]), what))
        cells += [(f"→ {name}", "", what) for name, what in e.returns.items()]
        rows = "".join("<tr>" + "".join(f"<td style='text-align:left'>{html.escape(x)}</td>" for x in row) + "</tr>"
                       for row in cells)
        return (f"<b>{html.escape(e.title)}</b> ({html.escape(e.source)})<p>$${e.equation}$$</p><p>Inputs: "
                f"{html.escape(self.source)}</p><table><tr><th>argument</th><th>here</th>"
                f"<th>shape and meaning</th></tr>{rows}</table>")


def solution_of(exercise: Exercise) -> Callable[..., Any]:
    """The right answer, marked as one that stands in for an answer that is not written."""
    @wraps(exercise.right)
    def solution(*given: Any, **options: Any) -> Any:
        return exercise.right(*given, **options)

    setattr(solution, STANDS_IN, True)
    return solution


def size_text(x: Any) -> str:
    """Such as "(35, 3, 64)" for a tensor."""
    if isinstance(x, Tensor):
        return str(tuple(x.shape)) + (" bool" if x.dtype == torch.bool else "")
    return "a function" if callable(x) else f"{x}"


def lab(name: str, corpus: Corpus | None = None, *, dialogues: int = 2, seed: int = 0) -> Lab:
    """An exercise with the inputs that its model computes for a few dialogues (of a model of sequences: utterances) of
    the test split, before any training. Without a corpus, and for an equation that is no module of a model, the inputs
    are random numbers.

    Args:
        name: of the exercise.
        corpus: from `erc.load`.
        dialogues: how many; four times as many utterances.
        seed: of the model's first parameters, or of the random numbers.

    Raises:
        UsageError: there is no such exercise, or the corpus lacks what the model reads.
    """
    exercise = find(name)
    if corpus is None or exercise.place is None:
        return Lab(exercise, exercise.example(torch.Generator().manual_seed(seed)), "random numbers")
    model, batch, words = before_training(exercise.model, corpus, dialogues=dialogues, utterances=4 * dialogues,
                                          seed=seed)
    seen: list[Inputs] = []
    where, module = exercise.place(model)
    handle = module.register_forward_pre_hook(lambda m, args, kwargs: seen.append(exercise.taken(m, *args, **kwargs)),
                                              with_kwargs=True)
    with torch.no_grad():
        model(batch, attention=True)
    handle.remove()
    return Lab(exercise, {k: x.detach() if isinstance(x, Tensor) else x for k, x in seen[0].items()},
               f"`{where}` of {models.info(exercise.model).title} on {words}, before training")
