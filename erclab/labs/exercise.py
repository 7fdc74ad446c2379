"""What an exercise is: an equation of a paper, inputs on which an answer is tried, the right answer, known mistakes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

STANDS_IN = "stands_in"  # attribute of a solution that is used because there is no answer yet
Inputs = dict[str, Any]  # argument -> tensor, number or function


@dataclass(frozen=True)
class Mistake:
    """A mistake that students make.

    Attributes:
        says: what the answer does, and what the equation says instead.
        wrong: an answer with this mistake.
    """

    says: str
    wrong: Callable[..., Any]


@dataclass(frozen=True)
class Exercise:
    """An equation that a student writes as a function of tensors.

    Attributes:
        name: paper and part, such as "sdt.multimodal_gate".
        title: a few words.
        source: the paper and its equation.
        equation: in LaTeX.
        arguments: argument -> shape and meaning, in the order of the answer's arguments.
        returns: name of a result -> shape and meaning.
        right: the right answer.
        mistakes: key -> mistake.
        example: makes inputs with random numbers in float64.
        padding: makes of inputs the same inputs with other numbers where the padding is; None where there is none.
        samples: the arguments whose first dimension is that of the samples, where each result belongs to a sample: then
            the results of a sample may not depend on the others.
        place: the module of a model that computes the equation: model -> (name, module); None where no module does.
        taken: the arguments of the answer, from the module and the arguments that its `forward` was given.
        call: computes with an answer what the module computes: (answer, module, *arguments of forward). None where the
            answer to `taken` is that.
    """

    name: str
    title: str
    source: str
    equation: str
    arguments: Mapping[str, str]
    returns: Mapping[str, str]
    right: Callable[..., Any]
    mistakes: Mapping[str, Mistake]
    example: Callable[[torch.Generator], Inputs]
    padding: Callable[[Inputs, torch.Generator], Inputs] | None = None
    samples: tuple[str, ...] = ()
    place: Callable[[nn.Module], tuple[str, nn.Module]] | None = None
    taken: Callable[..., Inputs] | None = None
    call: Callable[..., Any] | None = None

    @property
    def model(self) -> str:
        """The model of the paper, as the registry has it; of an explanation no model."""
        return self.name.partition(".")[0].replace("_", "-")

    @property
    def signature(self) -> str:
        """Such as "unimodal_gate(h, W) -> gated, z"."""
        return f"{self.name.partition('.')[2]}({', '.join(self.arguments)}) -> {', '.join(self.returns)}"


def by_name(exercise: Exercise, result: Any) -> dict[str, Any]:
    """The results of an answer by their names; an answer with one result gives it alone.

    Raises:
        ValueError: there are more or fewer results; the message says how many.
    """
    values = result if isinstance(result, tuple | list) else (result,)
    if len(values) != len(exercise.returns):
        raise ValueError(f"{len(values)} result{'s' * (len(values) != 1)}, not {len(exercise.returns)}")
    return dict(zip(exercise.returns, values, strict=True))


def randn(generator: torch.Generator, *shape: int) -> Tensor:
    """Normal random numbers in float64."""
    return torch.randn(shape, generator=generator, dtype=torch.float64)
