"""How fast full-size trainings are on a device, as JSON: `python tools/gpu.py --device cuda --out FILE`.

Random features in the shapes of the papers' corpora, the papers' sizes and the full recipes. An epoch of a model of
dialogues has the training dialogues of the paper's first corpus (IEMOCAP: 108, MELD: 1,038), one of a model of
sequences the 1,284 utterances of MOSI with 50 words, 375 frames of audio and 500 of video. `tools/gpu.sh` runs this
file beside the tests and the bench.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import sys
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import torch

from erclab import models
from erclab.bench import corpora
from erclab.bench.cases import BenchCase, lengths
from erclab.bench.worker import Clock, peak
from erclab.core.provenance import environment
from erclab.ops.lstm import LSTM
from erclab.training import loop
from erclab.training.device import choose_device, memory_kept, repeatable
from erclab.training.optimisers import optimiser_for
from erclab.training.recipes import PRECISIONS, recipe_for

MOSI = {"text": 50, "audio": 375, "visual": 500}
MOSI_UTTERANCES = 1284
LONG = 12.0


def case_of(name: str, share: float) -> tuple[BenchCase, int]:
    """A model's case at the authors' batch size, and how many dialogues or utterances its epoch has.

    Args:
        share: of an epoch, for a try on a slow machine.
    """
    info = models.info(name)
    corpus = "mosi" if info.view == "sequence" else next(iter(info.cls.published))
    size = recipe_for(name, corpus, "full").recipe.batch_size
    shape: dict[str, Any] = {"frames": MOSI} if info.view == "sequence" else {"turns": lengths(corpus)}
    count = len(shape["turns"]) if "turns" in shape else MOSI_UTTERANCES
    return BenchCase(name, name, name, corpus, size, **shape), max(round(share * count), 1)


def epochs(name: str, precision: str, device: torch.device, *, count: int, warm: int, share: float) -> dict[str, Any]:
    """Seconds of each epoch of a full-size training, without its evaluation, and the peak of memory. After `LONG`
    seconds no other epoch is begun."""
    info, (case, items) = models.info(name), case_of(name, share)
    config = info.cls.paper(case.corpus, **({"text_from": "vectors"} if hasattr(info.cls, "with_bert") else {}))
    recipe = dataclasses.replace(recipe_for(name, case.corpus, "full").recipe, precision=precision)
    torch.manual_seed(0)
    model = info.cls(config).to(device)
    view, rng, clocks = corpora.view(case, config, items, 1, device), np.random.default_rng(0), []
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    optimiser = optimiser_for(model, recipe)
    with memory_kept(), repeatable(device):  # as a run has it
        for epoch in range(warm + count):
            if sum(clocks) > LONG:
                break
            with Clock(device) as clock:
                losses = loop.train_epoch(model, view, optimiser, recipe, rng)
            clocks += [clock.seconds] * (epoch >= warm)
    seconds = statistics.median(clocks)
    return {"model": name, "precision": precision, "corpus": case.corpus, "batch_size": case.batch_size,
            "parameters": models.parameter_count(model), "utterances": len(view.rows), "share_of_epoch": share,
            "steps": -(-items // case.batch_size), "seconds_per_epoch": seconds, "seconds": clocks,
            "utterances_per_second": len(view.rows) / seconds, "loss": losses["total"],
            "bytes": torch.cuda.max_memory_allocated(device) if device.type == "cuda" else peak()}


def lstm_facts(device: torch.device) -> dict[str, Any]:
    """The type of an LSTM's states under bfloat16 autocast, by the type of its inputs; and its largest error in float32
    against float64, with PyTorch's defaults and without TF32."""
    torch.manual_seed(0)
    lstm, x = LSTM(100, 100, 2, bidirectional=True).to(device), torch.randn(32, 60, 100, device=device)
    found: dict[str, Any] = {"cudnn": torch.backends.cudnn.version()}
    mask = torch.arange(60, device=device) < torch.arange(29, 61, device=device)[:, None]
    for name, given in (("float32", x), ("bfloat16", x.bfloat16())):
        try:
            with torch.autocast(device.type, torch.bfloat16):
                found[f"autocast of {name}"] = str(lstm(given, mask)[0].dtype)
        except RuntimeError as error:
            found[f"autocast of {name}"] = str(error).splitlines()[0]
    with torch.no_grad():
        exact, before = lstm.double()(x.double(), mask)[0], torch.backends.cudnn.allow_tf32
        for allowed in (before, False):
            torch.backends.cudnn.allow_tf32 = allowed
            states = lstm.float()(x, mask)[0]
            found[f"error with tf32 {'allowed' if allowed else 'off'}"] = float((states - exact).abs().max())
        torch.backends.cudnn.allow_tf32 = before
    return found


def attempt(what: str, work, failed: list[str]):
    """The result of `work()`; an exception is printed and noted, and does not stop the others."""
    try:
        return work()
    except Exception as error:
        traceback.print_exc()
        failed.append(f"{what}: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
        return None


def main() -> int:
    """Measure, and write after each measurement: what is done is kept if the time runs out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--models", nargs="+", default=["sdt", "m2fnet", "mult", "dialoguetrm"])
    parser.add_argument("--precision", nargs="+", default=list(PRECISIONS))
    parser.add_argument("--epochs", type=int, default=3, help="that count (default: %(default)s)")
    parser.add_argument("--warm", type=int, default=1, help="epochs before (default: %(default)s)")
    parser.add_argument("--share", type=float, default=1.0, help="of an epoch's dialogues or utterances")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    device = choose_device(options.device)
    record: dict[str, Any] = {"schema": 1, "environment": environment(device), "rows": [], "failed": []}
    record["lstm"] = attempt("lstm", lambda: lstm_facts(device), record["failed"])
    for name in options.models:
        for precision in options.precision:
            row = attempt(f"{name}, {precision}", lambda name=name, precision=precision: epochs(
                name, precision, device, count=options.epochs, warm=options.warm, share=options.share),
                record["failed"])
            if row is not None:
                record["rows"].append(row)
                print(f"{name:12} {precision:9} {row['seconds_per_epoch']:8.3f} s per epoch, "
                      f"{row['utterances_per_second']:8.0f} utterances/s, {row['bytes'] / 1e9:5.2f} GB", flush=True)
            options.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return 1 if record["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
