"""`check`: is an answer right, and if not, which mistake does it make?

An answer is tried on several random inputs in float64. It is right if results and gradients equal those of the right
answer. Else it is compared with the known mistakes of the exercise: an answer that computes what one of them computes
makes this mistake. What no known mistake explains is described by what is measured: the shape, NaN, padding that is
read, samples that depend on one another, a constant factor, or where the largest difference is.
"""

from __future__ import annotations

import html
import inspect
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from erclab.core.errors import UsageError
from erclab.labs.equations import find
from erclab.labs.exercise import STANDS_IN, Exercise, Inputs, by_name

TRIES = 3  # random inputs
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Report:
    """What `check` found; true if the answer is right.

    Attributes:
        exercise: its name.
        right: whether results and gradients are those of the right answer.
        says: the finding.
        mistake: the key of the known mistake, "" for another finding.
    """

    exercise: str
    right: bool
    says: str
    mistake: str = ""

    def __bool__(self) -> bool:
        return self.right

    def __repr__(self) -> str:
        return f"{self.exercise}: {'right' if self.right else 'not yet'}. {self.says}"

    def _repr_html_(self) -> str:
        mark, colour = ("✓ right", "#0072B2") if self.right else ("✗ not yet", "#D55E00")
        return (f"<div style='border-left:4px solid {colour};padding:.3em .8em'><b>{html.escape(self.exercise)}: {mark}"
                f"</b><br>{html.escape(self.says)}</div>")


class _Finding(Exception):
    """What is wrong with an answer, in words."""


def check(answer: Callable[..., Any], name: str) -> Report:
    """Try an answer to an exercise.

    Args:
        answer: a function with the arguments of the exercise, see `erc.lab(name)`.
        name: of the exercise, such as "sdt.multimodal_gate".

    Returns:
        A report, which is true if the answer is right, and else says which mistake it makes.

    Raises:
        UsageError: there is no such exercise, or the answer is not a function.
    """
    exercise = find(name)
    if not callable(answer):
        raise UsageError(f"an answer is a function, not {type(answer).__name__}",
                         remedy=f"Write: def {exercise.signature.partition(' -> ')[0]}: ...")
    try:
        _arguments(exercise, answer)
        found = [_run(exercise, answer, given) for given in _inputs(name)]
    except _Finding as finding:
        return Report(name, False, str(finding))
    if all(map(_same, found, _expected(name))):
        if getattr(answer, STANDS_IN, False):
            return Report(name, True, "The answer is not written yet; the solution stands in for it.")
        what = "results and gradients equal" if any(o.gradients for o in found) else "results equal"
        return Report(name, True, f"On {TRIES} random inputs {what} those of the reference to {TOLERANCE:g}.")
    for key, mistake in exercise.mistakes.items():
        if all(map(_same, found, _of_mistake(name, key))):
            return Report(name, False, mistake.says, key)
    return Report(name, False, _described(exercise, answer, found))


@dataclass(frozen=True)
class _Outcome:
    """Results by name, and gradients of a random sum of them by the name of the argument."""

    results: Mapping[str, Tensor]
    gradients: Mapping[str, Tensor]


@cache
def _inputs(name: str) -> list[Inputs]:
    return [find(name).example(torch.Generator().manual_seed(seed)) for seed in range(TRIES)]


@cache
def _expected(name: str) -> list[_Outcome]:
    return [_run(find(name), find(name).right, given) for given in _inputs(name)]


@cache
def _of_mistake(name: str, key: str) -> list[_Outcome]:
    return [_run(find(name), find(name).mistakes[key].wrong, given) for given in _inputs(name)]


def _arguments(exercise: Exercise, answer: Callable) -> None:
    try:
        inspect.signature(answer).bind(*exercise.arguments)
    except TypeError as error:
        raise _Finding(f"The arguments do not fit ({error}): {exercise.signature}.") from None
    except ValueError:  # a function of C has no signature
        pass


def _run(exercise: Exercise, answer: Callable, given: Inputs) -> _Outcome:
    """One try.

    Raises:
        _Finding: the answer raises, returns something else than the exercise asks for, or changes its inputs.
    """
    learnt = {name: x.clone().requires_grad_() for name, x in given.items()
              if isinstance(x, Tensor) and x.is_floating_point()}
    passed = {name: learnt.get(name, x.clone() if isinstance(x, Tensor) else x) for name, x in given.items()}
    leaves = {name: x * 1 for name, x in learnt.items()}  # no leaf: a change in place must not raise by itself
    try:
        returned = answer(*{**passed, **leaves}.values())
        results = None if returned is None or returned is Ellipsis else by_name(exercise, returned)
    except ValueError as error:
        if "result" not in str(error):
            raise _Finding(_raised(error, answer)) from None
        raise _Finding(f"It returns {error}: {exercise.signature}.") from None
    except Exception as error:  # an answer may raise anything
        raise _Finding(_raised(error, answer)) from None
    if results is None:
        raise _Finding("It is not written yet: it returns nothing.")
    for name, x in leaves.items():
        if not torch.equal(x, learnt[name]):
            raise _Finding(f"It changes its input {name} in place; make a new tensor instead.")
    _of_right_kind(exercise, results, given)
    return _Outcome({name: x.detach() for name, x in results.items()}, _gradients(results, learnt))


def _raised(error: Exception, answer: Callable) -> str:
    if error.__class__ is NotImplementedError:
        return "It is not written yet."
    line = next((f" (line {f.lineno}: {f.line})" for f in reversed(traceback.extract_tb(error.__traceback__))
                 if f.name == getattr(answer, "__name__", "") and f.line), "")
    return f"It raises {type(error).__name__}: {' '.join(str(error).split())[:200]}{line}."


def _of_right_kind(exercise: Exercise, results: Mapping[str, Any], given: Inputs) -> None:
    """Raises `_Finding` for a result that is no tensor, of another shape or type, or not finite."""
    wanted = by_name(exercise, exercise.right(*given.values()))
    for name, x in results.items():
        shape = tuple(wanted[name].shape)
        if not isinstance(x, Tensor):
            raise _Finding(f"{name} is {type(x).__name__}, not a tensor of shape {shape}.")
        if tuple(x.shape) != shape:
            hint = exercise.returns[name]
            raise _Finding(f"{name} has the shape {tuple(x.shape)}, not {shape}: {hint}.")
        if not x.is_floating_point():
            raise _Finding(f"{name} is of type {x.dtype}; numbers with a fraction are expected.")
        if not x.isfinite().all():
            what = "NaN" if x.isnan().any() else "infinite"
            raise _Finding(f"{name} has values that are {what}, {int((~x.isfinite()).sum())} of {x.numel()}: is a "
                           "softmax taken over masked scores alone, or something divided by 0?")


def _gradients(results: Mapping[str, Tensor], learnt: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those of a random sum of the results, by the name of the argument; an argument without an influence is left out.
    """
    generator = torch.Generator().manual_seed(9)
    total = sum((x * torch.randn(x.shape, generator=generator, dtype=torch.float64)).sum() for x in results.values())
    if not (isinstance(total, Tensor) and total.requires_grad):
        return {}
    found = torch.autograd.grad(total, list(learnt.values()), allow_unused=True)
    return {name: x for name, x in zip(learnt, found, strict=True) if x is not None and bool(x.any())}


def _same(ours: _Outcome, theirs: _Outcome) -> bool:
    return _close(ours.results, theirs.results) and ours.gradients.keys() == theirs.gradients.keys() and _close(
        ours.gradients, theirs.gradients)


def _close(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> bool:
    return all(torch.allclose(x.double(), theirs[name], rtol=TOLERANCE, atol=TOLERANCE) for name, x in ours.items())


# What no known mistake explains.


def _described(exercise: Exercise, answer: Callable, found: list[_Outcome]) -> str:
    expected = _expected(exercise.name)
    wrong = [n for n in exercise.returns if not all(_close({n: a.results[n]}, b.results)
                                                    for a, b in zip(found, expected, strict=True))]
    if not wrong:
        names = sorted({n for a, b in zip(found, expected, strict=True) for n in exercise.arguments
                        if not _alike(a.gradients.get(n), b.gradients.get(n))})
        return (f"The results are right, but not the gradient of {', '.join(names)}: is something detached that "
                "learns, or the other way round?")
    given, generator = _inputs(exercise.name)[0], torch.Generator().manual_seed(77)
    if exercise.padding is not None:
        other = _run(exercise, answer, exercise.padding(given, generator))
        if not _close(other.results, found[0].results):
            return "It reads padding: other numbers where nothing is change the result."
    for report in (_dependence(exercise, answer, given, found[0]), _factor(found, expected, wrong)):
        if report:
            return report
    name = wrong[0]
    gap = (found[0].results[name] - expected[0].results[name]).abs()
    place = tuple(int(i) for i in torch.unravel_index(gap.argmax(), gap.shape)) if gap.dim() else ()
    right = [n for n in exercise.returns if n not in wrong]
    ours, theirs = (o[0].results[name][place] for o in (found, expected))
    return (f"{name} is wrong{f' ({chr(44).join(right)} is right)' if right else ''}: the largest difference is "
            f"{gap.max():.2g}, at {list(place)}, where the reference has {theirs:.4f} and the answer {ours:.4f}.")


def _alike(a: Tensor | None, b: Tensor | None) -> bool:
    if a is None or b is None:
        return a is b
    return torch.allclose(a, b, rtol=TOLERANCE, atol=TOLERANCE)


def _dependence(exercise: Exercise, answer: Callable, given: Inputs, whole: _Outcome) -> str:
    """Whether the result of the first sample changes when the others do."""
    if not exercise.samples:
        return ""
    generator, other = torch.Generator().manual_seed(78), dict(given)
    for name in exercise.samples:
        if given[name].is_floating_point():
            changed = torch.randn(given[name].shape, generator=generator, dtype=torch.float64)
            changed[0] = given[name][0]
            other[name] = changed
    try:
        found = _run(exercise, answer, other)
    except _Finding:
        return ""
    first = {name: x[:1] for name, x in found.results.items()}
    if _close(first, {name: x[:1] for name, x in whole.results.items()}):
        return ""
    return "It depends on the batch: the result of a sample changes when other samples do."


def _factor(found: list[_Outcome], expected: list[_Outcome], wrong: list[str]) -> str:
    for name in wrong:
        ratios = torch.cat([(a.results[name] / b.results[name]).flatten() for a, b in zip(found, expected,
                                                                                          strict=True)])
        if ratios.isfinite().all() and torch.allclose(ratios, ratios[:1], rtol=TOLERANCE):
            return f"{name} is {ratios[0]:.4g} times what it should be, everywhere."
    return ""
