"""`erclab bench`: how fast models train, and with how much memory."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from erclab.cli.common import command


def add(commands) -> None:
    """Add the command to the parser."""
    bench = command(commands, "bench", _bench, "measure training: time, share of the machine's rate and memory, beside "
                    "the naive path that computes the same")
    bench.add_argument("models", nargs="*", metavar="MODEL", help="a model such as sdt, or one of its settings such as "
                       "sdt-meld (default: all that are measured)")
    bench.add_argument("--precision", nargs="+", default=["float32", "bfloat16"], metavar="P",
                       help="float32, bfloat16 or both (default)")
    bench.add_argument("--reference", action=argparse.BooleanOptionalAction, default=True,
                       help="measure the naive path as well (default)")
    bench.add_argument("--growth", action="store_true", help="also at several lengths and batch sizes, as a figure")
    bench.add_argument("--rounds", type=int, default=3, metavar="N",
                       help="rounds that count, after one that does not (default: %(default)s)")
    bench.add_argument("--steps", type=int, metavar="N", help="steps of a round (default: an epoch, or the setting's)")
    bench.add_argument("--threads", type=int, default=0, metavar="N",
                       help="threads of each process (default: PyTorch's)")
    bench.add_argument("--device", default="auto", metavar="D", help="auto (default), cpu, cuda or mps")
    bench.add_argument("--out", type=Path, metavar="FILE", help="store the record as JSON")
    bench.add_argument("--json", action="store_true", help="print the record as JSON")


def _bench(options) -> int:
    from erclab import bench
    from erclab.analysis import speed
    from erclab.figures import speed as speed_figures
    from erclab.figures import style

    if options.out:
        bench.check_place(options.out)
    record = bench.bench(bench.choose(options.models), precisions=options.precision, reference=options.reference,
                         rounds=options.rounds, steps=options.steps, threads=options.threads, device=options.device,
                         growth=options.growth)
    if options.out:
        bench.write(record, options.out)
    print(json.dumps(record) if options.json else speed.report(record))
    if options.growth:
        picture = style.save(speed_figures.growth(record["growth"]), "bench_growth", record["environment"]["device"])
        if not options.json:
            print(f"Figure: {picture.name}")
    return 0
