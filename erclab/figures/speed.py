"""What `erclab bench` measured of growth, as a figure. The tables are in `erclab.analysis.speed`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


@style.style()
def growth(measured: pd.DataFrame | Sequence[Mapping[str, Any]]) -> Figure:
    """How time and memory of a step grow with length, batch and seeds: a column per model, a line per path.

    The rows of the figure are time against length, memory against length, and so on; of a single model time and memory
    stand side by side. A model whose seeds cannot be trained in one pass (its recurrent kernels cannot be stacked) has
    no panel against seeds. Time has logarithmic axes, where growth by a power is a straight line; memory starts at 0,
    because every process contains its libraries.

    Args:
        measured: a row per measurement: case, path, axis ("length", "batch" or "seeds"), value, seconds_per_step and
            bytes; `growth` of a record of `erclab bench`.
    """
    rows = pd.DataFrame(measured)
    cases = list(dict.fromkeys(rows["case"]))
    measures = (("seconds_per_step", "seconds per step", 1.0), ("bytes", "peak memory, GB", GIGA))
    shown = [(axis, *measure) for axis in AXES if (rows["axis"] == axis).any() for measure in measures]
    alone = len(cases) == 1  # memory beside time
    grid = (len(shown) // 2, 2) if alone else (len(shown), len(cases))
    made, axes = style.figure(*grid, figsize=(max(4.2 * grid[1] + 0.8, 6), 2.9 * grid[0] + 0.8))
    for i, (axis, column, label, unit) in enumerate(shown):
        for j, case in enumerate(cases):
            part = rows[(rows["case"] == case) & (rows["axis"] == axis)]
            plot = axes.flat[i] if alone else axes[i, j]
            if not len(part):
                plot.set_axis_off()
                continue
            for (path, colour), marker in zip(PATHS.items(), style.MARKERS, strict=False):
                line = part[part["path"] == path].sort_values("value")
                if len(line):
                    plot.plot(line["value"], line[column] / unit, color=colour, marker=marker, lw=2, ms=5, label=path)
            plot.set(xscale="log", xlabel=AXES[axis])
            ticks = np.unique(part["value"])
            plot.set_xticks(ticks, [f"{x:g}" for x in ticks])
            if column == "bytes":
                plot.set_ylim(0, 1.08 * part[column].max() / unit)
            else:
                plot.set_yscale("log")
                plot.yaxis.set(major_locator=LogLocator(subs=(1, 2, 5)), major_formatter="{x:g}")
            plot.minorticks_off()
            plot.xaxis.label.set_size(11)
            if i == 0 and not alone:
                plot.set_title(case)
            if j == 0:
                plot.set_ylabel(label)
    if alone:
        style.heading(made, f"{cases[0]}: time and memory of a step")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    made.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return made
