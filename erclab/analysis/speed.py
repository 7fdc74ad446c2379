"""What `erclab bench` measured, as a table and as text. The figure is in `erclab.figures.speed`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

GIGA = 1e9


def speeds(record: dict[str, Any]) -> pd.DataFrame:
    """A row per setting and path: times, rates and memory, and the aims beside what was reached ("met", "not met").

    Columns without a value in any row (no reference, no count of operations) are left out.
    """
    rows = []
    for row in record["rows"]:
        aims = (("faster", "fast_enough", "≥ {:g}×"), ("memory", "small_enough", "≤ {:g}×"))
        speed, memory = ("" if row.get(met) is None else f"{form.format(row[aim])} {'met' if row[met] else 'not met'}"
                         for aim, met, form in aims)
        rows.append({
            "setting": row["title"], "path": row["path"], "ms per utterance": _significant(row["ms_per_utterance"]),
            "s per step": _significant(row["seconds_per_step"]),
            "times as fast": f"{row['ratio']:.2f}" if "ratio" in row else "", "aim": speed,
            "times less CPU": f"{row['cpu_ratio']:.2f}" if "cpu_ratio" in row else "",
            "GFLOP/s": f"{row['gflops']:.0f}" if "gflops" in row else "",
            "of the machine": f"{row['share']:.0%}" if "share" in row else "",
            "GB": f"{row['bytes'] / GIGA:.2f}",
            "of the reference's": f"{row['memory_ratio']:.2f}" if "memory_ratio" in row else "",
            "aim of memory": memory})
    shown = pd.DataFrame(rows).set_index(["setting", "path"])
    return shown.loc[:, (shown != "").any()]


def report(record: dict[str, Any]) -> str:
    """The table and the machine on which it was measured, as text for people."""
    facts, product = record["environment"], record["product"]
    side = facts.get("side", 2048)  # records of older versions have none
    products = ", ".join(f"{rate / GIGA:.0f} GFLOP/s in {kind}" for kind, rate in product.items())
    lines = [speeds(record).to_string(), "",
             f"{facts['hardware']}, {facts['device']}, {facts['threads']} threads, torch {facts['torch']}. A product "
             f"of {side} × {side} matrices: {products}.",
             *([f"Idle threads of erclab look for work {facts['spin']} times before they sleep (GOMP_SPINCOUNT)."]
               if facts.get("spin") else []),
             "Training: forward, backward and optimiser; medians over rounds. Operations are those of the reference's "
             "forward and backward without padding."]
    return "\n".join([*lines, *record["notes"]])


def _significant(x: float) -> str:
    """Three digits, without an exponent."""
    return np.format_float_positional(x, precision=3, fractional=False, trim="-")
