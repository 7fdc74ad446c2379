"""Where a run's numbers come from besides its configuration: the code, and the machine."""

from __future__ import annotations

import ast
import hashlib
import platform
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

import erclab


@cache
def code_digest(module: str) -> str:
    """A hash of the source that decides what a run computes: the model's module and what that imports of ours, the
    training loop, batches, views, tasks and metrics. Not the recipes: a run's id has their numbers.

    It is part of a run's id. Otherwise a record from before a change of a model would be loaded as if it were its
    result now; that a changed comment trains again is the smaller evil.
    """
    root = Path(erclab.__file__).parent
    start = (module, "erclab.training.loop", "erclab.training.optimisers",
             "erclab.training.device", "erclab.corpora.views")
    seen, queue = {}, [name for name in start]
    ignored = ("erclab.training.recipes", "erclab.core.errors", "erclab.core.progress", "erclab.corpora")
    while queue:
        name = queue.pop()
        file = root.joinpath(*name.split(".")[1:]).with_suffix(".py")
        if name in seen or not file.is_file() or (name not in start and name.startswith(ignored)):
            continue
        seen[name] = file.read_bytes()
        queue += imported(seen[name].decode())
    return hashlib.sha256(b"".join(seen[name] for name in sorted(seen))).hexdigest()[:16]


def imported(source: str) -> set[str]:
    """The names of erclab that a source imports, wherever in it: of `from a import b` both a and a.b."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name.startswith("erclab.")}


def environment(device: torch.device) -> dict[str, Any]:
    """What the numbers may depend on beyond the configuration."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    return {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__,
            "system": platform.system(), "device": str(device), "hardware": name,
            "threads": torch.get_num_threads()}


def _processor() -> str:
    """The processor's name where Linux tells it; Python's own answer is often empty or just the architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
