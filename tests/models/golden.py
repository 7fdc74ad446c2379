"""The files of tests/golden: the authors' models on small random inputs (see the README there)."""

import json
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import torch
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


def copies(batch, times: int):
    """A batch of dialogues or sequences with each sample so many times: sample 0, sample 0, ..., sample 1, ...

    Kernels may treat a large batch in another way than the few samples of a golden file. The numbers of each copy, the
    mean losses and their gradients stay those of the file.
    """
    def repeated(x):
        return x if x is None else x.repeat_interleave(times, dim=0)

    changes = {name: repeated(getattr(batch, name)) for name in ("mask", "speakers", "labels", "tokens")
               if hasattr(batch, name)}
    changes |= {name: {m: repeated(x) for m, x in getattr(batch, name).items()} for name in ("features", "masks")
                if hasattr(batch, name)}
    place = torch.arange(times).repeat(len(batch)).view(-1, *[1] * (batch.rows.dim() - 1))
    rows = repeated(batch.rows)
    changes["rows"] = torch.where(rows < 0, rows, rows * times + place)
    return replace(batch, **changes, **({"places": None} if hasattr(batch, "places") else {}))
