"""A command in a process of its own that starts at once: a copy of this process, which has imported everything.

A new Python takes four seconds of a core to import PyTorch and erclab. Only for work in one process: a copy does not
have the pools and threads of its original.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch


class Forked:
    """A function in a copy of this process: a group of its own, one thread, and nothing on the terminal.

    Args:
        function: called there; its integer answer is the exit status, and an exception is status 1.
        said: the file of what the copy writes to stdout; what it writes to stderr stands in `said` with ".err" added.
        environment: variables that are set there.
    """

    def __init__(self, function: Callable[..., int | None], *arguments, said: Path = Path(os.devnull), **environment):
        self.said, self.environment = said, environment
        self.process = multiprocessing.get_context("fork").Process(target=self._work, args=(function, *arguments))
        self.process.start()

    def _work(self, function, *arguments):
        os.setsid()
        os.environ.update(self.environment)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        torch.set_num_threads(1)  # the threads of OpenMP are not copied
        for stream, suffix in (("stdout", ""), ("stderr", ".err" if self.said != Path(os.devnull) else "")):
            setattr(sys, stream, open(f"{self.said}{suffix}", "w", encoding="utf-8"))  # noqa: SIM115, until the end
        status = function(*arguments)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status or 0)  # what this process would do at its end is left to the original

    @property
    def pid(self) -> int:
        """Of the process and of its group."""
        return self.process.pid

    def poll(self) -> int | None:
        """The exit status, or None while the process runs; minus the signal that ended the process."""
        return self.process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """The exit status. Raises subprocess.TimeoutExpired."""
        self.process.join(timeout)
        if self.process.exitcode is None:
            raise subprocess.TimeoutExpired("a copy of this process", timeout)
        return self.process.exitcode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What the process has written, when it has ended."""
        self.wait(timeout)
        if self.said == Path(os.devnull):
            return "", ""
        return self.said.read_text(encoding="utf-8"), Path(f"{self.said}.err").read_text(encoding="utf-8")
