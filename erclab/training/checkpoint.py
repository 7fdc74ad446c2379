"""A file with the state of an interrupted training."""

from __future__ import annotations

import logging
import pickle
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from erclab.core.errors import RunError
from erclab.core.storage import remove_leftovers, write_atomically

SHARE = 0.1  # of the time that writing may take


class Checkpoint:
    """A file with the state of a training after its last epoch. The file is complete at any moment.

    It is written after each epoch, unless writing would take more than a tenth of the time: a small model is written in
    milliseconds, a large one with its optimiser may take longer than its epoch.

    Args:
        path: of the file.
        now: a clock in seconds, for tests.
    """

    def __init__(self, path: Path, now: Callable[[], float] = time.monotonic):
        self.path, self._now = Path(path), now
        self._last, self._cost = now(), 0.0
        self._begun, self._before = now(), 0.0

    @property
    def seconds(self) -> float:
        """The time of training so far, without the time between interruptions."""
        return self._before + self._now() - self._begun

    def load(self) -> dict[str, Any] | None:
        """The stored state, on the CPU; None if no state is stored, or if the file cannot be read."""
        try:
            # Tensors, numbers and text only: this loader runs no code.
            found = torch.load(self.path, weights_only=True, map_location="cpu")
            self._before = found["seconds"]
            return found["state"]
        except FileNotFoundError:
            return None
        except (OSError, RuntimeError, KeyError, TypeError, EOFError, ValueError, pickle.UnpicklingError) as error:
            logging.getLogger(__name__).warning("%s cannot be read (%s); the run starts again", self.path,
                                                str(error).splitlines()[0] if str(error) else type(error).__name__)
            return None

    def save(self, state: Callable[[], dict[str, Any]]) -> bool:
        """Store a state, unless the last one was stored too short a time ago. Returns whether the state was written.

        Raises:
            RunError: the file cannot be written.
        """
        start = self._now()
        if start - self._last < self._cost / SHARE:
            return False
        try:
            write_atomically(self.path, lambda file: torch.save({"state": state(), "seconds": self.seconds}, file))
        except (OSError, RuntimeError) as error:  # torch's own writer has no better name for a full disk
            raise RunError(f"the training cannot be kept: {getattr(error, 'strerror', None) or error}", where=self.path,
                           remedy="Free some space or choose another folder (--out, ERCLAB_RUNS).") from error
        self._last = self._now()
        self._cost = self._last - start
        return True

    def discard(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)
        remove_leftovers(self.path)
