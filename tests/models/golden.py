"""The files of tests/golden: the authors' models on small random inputs (see the README there)."""

import json
from functools import cached_property
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file

FOLDER = Path(__file__).parents[1] / "golden"


class Golden:
    """One file: its tensors by prefix, and what its header says."""

    def __init__(self, name: str):
        self.path = FOLDER / f"{name}.safetensors"

    @cached_property
    def tensors(self) -> dict:
        return load_file(self.path)

    @cached_property
    def meta(self) -> dict:
        with safe_open(self.path, "pt") as file:
            return json.loads(file.metadata()["meta"])

    def part(self, prefix: str) -> dict:
        """All tensors under `prefix.`, without the prefix."""
        return {name.removeprefix(f"{prefix}."): x for name, x in self.tensors.items()
                if name.startswith(f"{prefix}.")}
