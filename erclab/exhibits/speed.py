"""What `erclab bench` measured, as a table and as a figure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from erclab.figures import style

PATHS = {"reference": style.GREY, "float32": style.BLUE, "bfloat16": style.ORANGE}
AXES = {"length": "turns, or frames of the longest modality", "batch": "dialogues or utterances per batch",
        "seeds": "seeds trained in one pass"}
GIGA = 1e9


def table(record: dict[str, Any]) -> pd.DataFrame:
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


def text(record: dict[str, Any]) -> str:
    """The table with what it was measured on, for people."""
    facts, product = record["environment"], record["product"]
    rates = ", ".join(f"{rate / GIGA:.0f} GFLOP/s in {kind}" for kind, rate in product.items())
    lines = [table(record).to_string(), "",
             f"{facts['hardware']}, {facts['device']}, {facts['threads']} threads, torch {facts['torch']}. A product "
             f"of 2048 × 2048 matrices: {rates}.",
             *([f"Idle threads of erclab look for work {facts['spin']} times before they sleep (GOMP_SPINCOUNT)."]
               if facts.get("spin") else []),
             "Training: forward, backward and optimiser; medians over rounds. Operations are those of the reference's "
             "forward and backward without padding."]
    return "\n".join([*lines, *record["notes"]])


def growth(record: dict[str, Any]) -> Figure:
    """How time and memory of a step grow with length, batch and seeds: a column per model, a line per path.

    The rows are time against length, memory against length, and so on. A model whose seeds are trained one after the
    other, because their recurrent kernels cannot be stacked, has nothing to show against seeds. Time is drawn on
    logarithmic axes, where growth by a power is a straight line; memory from 0, because a process has its libraries in
    it whatever it does.
    """
    rows = pd.DataFrame(record["growth"])
    cases = list(dict.fromkeys(rows["case"]))
    measures = (("seconds_per_step", "seconds per step", 1.0), ("bytes", "peak memory, GB", GIGA))
    shown = [(axis, *measure) for axis in AXES if (rows["axis"] == axis).any() for measure in measures]
    made, axes = style.figure(len(shown), len(cases), figsize=(max(3.6 * len(cases) + 0.8, 6), 2.7 * len(shown) + 0.6))
    for i, (axis, column, label, unit) in enumerate(shown):
        for j, case in enumerate(cases):
            part, plot = rows[(rows["case"] == case) & (rows["axis"] == axis)], axes[i, j]
            if not len(part):
                plot.set_axis_off()
                continue
            for (path, colour), marker in zip(PATHS.items(), style.MARKERS, strict=False):
                line = part[part["path"] == path].sort_values("value")
                if len(line):
                    plot.plot(line["value"], line[column] / unit, color=colour, marker=marker, lw=2, ms=5, label=path)
            plot.set(xscale="log", xlabel=AXES[axis] if i % 2 else "")
            ticks = np.unique(part["value"])
            plot.set_xticks(ticks, [f"{x:g}" for x in ticks])
            if column == "bytes":
                plot.set_ylim(0, 1.08 * part[column].max() / unit)
            else:
                plot.set_yscale("log")
                plot.yaxis.set(major_locator=LogLocator(subs=(1, 2, 5)), major_formatter="{x:g}")
            plot.minorticks_off()
            plot.xaxis.label.set_size(11)
            if i == 0:
                plot.set_title(case)
            if j == 0:
                plot.set_ylabel(label)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    made.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return made


def _significant(x: float) -> str:
    """Three digits, without an exponent."""
    return np.format_float_positional(x, precision=3, fractional=False, trim="-")
