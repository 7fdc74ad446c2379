"""The exercises by name."""

from __future__ import annotations

from erclab.core.errors import unknown
from erclab.labs.equations import attention, dialoguetrm, explanations, hct_mg, lmr_cbt, m2fnet, sdt
from erclab.labs.exercise import Exercise

EXERCISES: dict[str, Exercise] = {e.name: e for module in (attention, dialoguetrm, sdt, m2fnet, hct_mg, lmr_cbt,
                                                          explanations) for e in module.EXERCISES}


def find(name: str) -> Exercise:
    """The exercise of this name.

    Raises:
        UsageError: there is none.
    """
    if name not in EXERCISES:
        raise unknown("exercise", name, EXERCISES)
    return EXERCISES[name]
