"""A trained model as a program of torch.export, which runs without erclab.

    model.pt2    one conversation of T turns, T from 2 up: features of each modality (1, T, D_m) as the extractor made
                 them, and speakers (1, T) int64   ->   logits (1, T, C)
                 of a model of sequences one utterance: features of each modality (1, L_m, D_m)   ->   logits (1, C)

Of erclab's models, SDT has such a program. Recurrences (LSTMs, GRUs) have none, because torch.export writes their steps
out for one length; nor have models that read lengths from their masks.
The program standardises the features itself. `torch.export.load("model.pt2").module()(*features, speakers)` runs it.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from erclab.core.batches import DialogueBatch, SequenceBatch
from erclab.core.errors import RunError
from erclab.core.storage import write_atomically
from erclab.runs.fitted import Fitted
from erclab.runs.records import Record

PROGRAM = "model.pt2"
TURNS = (5, 9)  # the program is made with the first number of turns or steps, and compared at the second


class Alone(nn.Module):
    """A model of batches as a function of the tensors of one conversation, or of one utterance of sequences."""

    def __init__(self, model: nn.Module, kept: Fitted):
        super().__init__()
        self.model, self.sequences = model, kept.sequences
        self.names = list(dict(model.config.dims))  # type: ignore[arg-type, union-attr]
        for m in self.names:
            mean, deviation = ((torch.from_numpy(part[m].copy()) for part in (kept.standardiser.mean,
                                                                              kept.standardiser.deviation))
                               if kept.standardiser else (torch.zeros(()), torch.ones(())))
            self.register_buffer(f"mean_{m}", mean)
            self.register_buffer(f"deviation_{m}", deviation)

    def forward(self, *given: Tensor) -> Tensor:
        """Logits (1, T, C) or (1, C)."""
        features = {m: (x - getattr(self, f"mean_{m}")) / getattr(self, f"deviation_{m}")
                    for m, x in zip(self.names, given, strict=False)}
        first = given[0]
        one = torch.zeros(1, dtype=torch.int64, device=first.device)
        if self.sequences:
            masks = {m: torch.ones(x.shape[:2], dtype=torch.bool, device=x.device) for m, x in features.items()}
            return self.model(SequenceBatch(features, masks, one, one)).logits
        turns = first.shape[1]
        nothing = torch.zeros(1, turns, dtype=torch.int64, device=first.device)
        return self.model(DialogueBatch(features, torch.ones(1, turns, dtype=torch.bool, device=first.device),
                                        given[-1], nothing, nothing, places=torch.arange(turns, device=first.device))
                          ).logits


def save_program(record: Record, folder: Path) -> Path:
    """Write `model.pt2` into a folder.

    Raises:
        RunError: the model cannot be exported; the message says why.
    """
    path = folder / PROGRAM
    if record.info.kind != "trained" or record.spec["words"]:
        kind = "reads words" if record.spec["words"] else "is fitted"
        raise RunError(f"{record.title} {kind}, and torch.export takes models of vectors and sequences",
                       where=record.id, remedy="Leave --torch-export out.")
    kept = record.fitted
    if kept is None:
        raise RunError("what was fitted was not kept with the run", where=record.id,
                       remedy="Train the run again with --force.")
    alone = Alone(record.model(), kept).eval()
    try:
        with _quiet(), torch.no_grad():
            program = _exported(record, alone)
            other = _example(record, alone, TURNS[1])
            if not torch.allclose(program.module()(*other), alone(*other), atol=1e-4):
                raise ValueError("the program computes other numbers at another length")
            write_atomically(path, lambda file: torch.export.save(program, file))
    except OSError as error:
        raise RunError(f"the program cannot be stored: {error.strerror or error}", where=path,
                       remedy="Name another folder, or free some space.") from None
    except Exception as error:  # torch.export raises many kinds
        reason = " ".join(str(error).split())[:160]
        raise RunError(f"torch.export cannot export {record.title} for any number of turns ({reason})", where=record.id,
                       remedy="Leave --torch-export out: of erclab's models, SDT alone can. The folder itself works."
                       ) from None
    return path


def _exported(record: Record, alone: Alone) -> Any:
    """The program, for any number of turns or steps up to the model's longest."""
    most = record.spec["settings"].get("max_turns")
    limits = {"min": 2} | ({"max": most} if most else {})
    lengths = ([{1: torch.export.Dim(f"length_{m}", min=2)} for m in alone.names] if alone.sequences
               else [{1: torch.export.Dim("turns", **limits)}] * (len(alone.names) + 1))
    return torch.export.export(alone, _example(record, alone, TURNS[0]), dynamic_shapes={"given": tuple(lengths)},
                               strict=False)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the hundreds of lines that torch.export writes where it fails."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with redirect_stderr(io.StringIO()), redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _example(record: Record, alone: Alone, length: int) -> tuple[Any, ...]:
    """Tensors of one conversation or utterance."""
    widths = record.data["corpus"]["frame_dims" if alone.sequences else "dims"]
    generator = torch.Generator().manual_seed(0)
    given = [torch.randn(1, length, widths[m], generator=generator) for m in alone.names]
    return tuple(given) if alone.sequences else (*given, torch.arange(length).unsqueeze(0) % 2)
