#!/usr/bin/env python3
"""Measure the readers of `erclab.analysis.readers` on the corpus `simulated`, and store their table.

    nice python tools/readers.py            # half an hour on one core; writes data/results/readers/simulated.json

2,000 training dialogues of a corpus seed, 2,000 fresh test dialogues of the same world.
"""

import argparse
import json
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the package of this checkout, whatever is installed

import torch  # noqa: E402
from joblib import Parallel, delayed  # noqa: E402

from erclab.analysis import readers  # noqa: E402
from erclab.core import paths  # noqa: E402
from erclab.core.provenance import environment  # noqa: E402
from erclab.core.storage import write_atomically  # noqa: E402
from erclab.corpora import Corpus, simulated  # noqa: E402
from erclab.features.text import encode  # noqa: E402


def main() -> None:
    """Measure and store; after each input what has been measured so far."""
    command = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    command.add_argument("--dialogues", type=int, default=2000, help="of training, and of the test (default: 2000)")
    command.add_argument("--seed", type=int, default=17, help="of both corpora (default: 17)")
    command.add_argument("--jobs", type=int, default=1, help="inputs that are measured at the same time (default: 1)")
    command.add_argument("--missing", action="store_true", help="only the readers that are not stored")
    options = command.parse_args()
    train = simulated.generate("small", dialogues=(options.dialogues, 0, 0), seed=options.seed)
    test = simulated.fresh(train, options.dialogues, seed=options.seed)
    record = {"train": train.source, "test": test.source, "environment": environment(torch.device("cpu"))}
    path, found = paths.results_dir() / "readers" / "simulated.json", []
    if options.missing:
        found = readers.stored("simulated").to_dict("records")
    left = [r for r in readers.READERS if r not in map(of, found)]
    groups = [some for what in readers.INPUTS if (some := [r for r in left if r.input == what])]
    for rows in Parallel(options.jobs, return_as="generator_unordered")(
            delayed(measured)(train, test, some) for some in groups):
        found = sorted([*found, *rows], key=lambda row: readers.READERS.index(of(row)))
        write_atomically(path, (json.dumps({**record, "rows": found}, indent=1) + "\n").encode())
    table = readers.stored("simulated")
    print(f"{path}: {len(table)} readers, {len(readers.beyond(table))} above their ceiling by 2 standard errors")


def of(row: dict) -> readers.Reader:
    """The reader of a row of the table."""
    return readers.Reader(row["input"], row["by"], row["sees"])


def measured(train: Corpus, test: Corpus, some: list[readers.Reader]) -> list[dict]:
    """The rows of some readers."""
    start = time.monotonic()
    return readers.measure(
        train, test, some, lambda texts: encode(texts, progress=False),
        told=lambda line: print(f"{time.monotonic() - start:6.0f} s  {line}", flush=True)).round(4).to_dict("records")


if __name__ == "__main__":
    main()
