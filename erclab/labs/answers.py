"""An answer as a module of a model: the parameters stay the model's, the equation is the student's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from erclab.core.errors import UsageError
from erclab.labs.equations import find


class Answered(nn.Module):
    """A module that computes with an answer what another module computes; the parameters are those of that module."""

    def __init__(self, function: Callable[..., Any], name: str, module: nn.Module):
        super().__init__()
        self.function, self.exercise, self.module = function, name, module

    def forward(self, *given: Any, **options: Any) -> Any:
        """The arguments and results of the module that is replaced."""
        exercise = find(self.exercise)
        if exercise.call is not None:
            return exercise.call(self.function, self.module, *given, **options)
        return self.function(**exercise.taken(self.module, *given, **options))  # type: ignore[misc]


def answer(function: Callable[..., Any], name: str, module: nn.Module) -> nn.Module:
    """An answer in the place of a module of a model.

        class MySDT(erc.models.SDT):
            def __init__(self, config):
                super().__init__(config)
                self.multimodal_gate = erc.answer(my_gate, "sdt.multimodal_gate", self.multimodal_gate)

    Args:
        function: the answer, as for `erc.check`.
        name: of the exercise.
        module: what it replaces; its parameters are learnt as before.

    Raises:
        UsageError: there is no such exercise, no module computes its equation, or the answer is not a function.
    """
    exercise = find(name)
    if exercise.taken is None:
        raise UsageError(f"no module of a model computes {name}", remedy="Check the answer with erc.check.")
    if not callable(function):
        raise UsageError(f"an answer is a function, not {type(function).__name__}")
    return Answered(function, name, module)
