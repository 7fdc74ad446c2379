"""The error of a broken contract, how a contract raises it, and how an exception of the model becomes one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from erclab.core.errors import ErclabError


class ContractBroken(ErclabError):
    """A model does not keep a contract. The message says what was measured."""


def require(condition: object, says: str) -> None:
    """The verdict of a contract. Unlike `assert`, this check also runs under `python -O`.

    Args:
        condition: what must hold; anything with a truth value.
        says: the finding where it does not hold.

    Raises:
        ContractBroken: the condition is false.
    """
    if not condition:
        raise ContractBroken(says)


@contextmanager
def model_code(*passed: type[Exception]) -> Iterator[None]:
    """Around every line that executes code of the model: its exceptions break the contract.

    An exception outside of this block is a mistake in the check itself (`erclab.contracts.check_case`).

    Args:
        passed: exceptions that the check handles itself.

    Raises:
        ContractBroken: the model raised another exception; the message has its type and its text.
    """
    try:
        yield
    except (ContractBroken, *passed):
        raise
    except Exception as error:  # a model may raise anything
        raise ContractBroken(f"{type(error).__name__}: {error}") from error
