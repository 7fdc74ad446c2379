"""The machine and the libraries that made a run's numbers."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import numpy as np
import torch


def environment(device: torch.device) -> dict[str, Any]:
    """The versions, the device and the processor: numbers may depend on them beyond the configuration."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    return {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__,
            "system": platform.system(), "device": str(device), "hardware": name,
            "threads": torch.get_num_threads()}


def _processor() -> str:
    """The processor's name, from Linux if possible: Python's `platform` often has only the architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
