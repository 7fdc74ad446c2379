"""Equal tuning budgets as a picture: expected-validation curves, and the tuned models on the test split."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from erclab.figures import style


@style.style()
def tuned_models(curves: pd.DataFrame, tested: pd.DataFrame, base: str, *, scale: float, unit: str, title: str
                 ) -> Figure:
    """Left: the expected best validation score of so many draws, with its interval over draws. Right: the best setting
    of each model on the test split, with its interval over seeds and dialogues; the line is the base.

    Args:
        curves: columns model, draws, value, low, high (`erclab.claims.tuned.validation_curves`).
        tested: index model; columns value, low, high.
        base: the model of the line.
        scale: of all scores; 100 for percent.
        unit: the name of the score.
    """
    made, ((left, right),) = style.figure(1, 2, figsize=(11.5, 5.0))
    names = list(dict.fromkeys([*curves["model"], *tested.index]))
    look = {name: (style.CYCLE[i % len(style.CYCLE)], style.MARKERS[i % len(style.MARKERS)])
            for i, name in enumerate(names)}
    for name, rows in curves.groupby("model", sort=False):
        colour, marker = look[name]
        left.plot(rows["draws"], scale * rows["value"], color=colour, marker=marker, ms=6, lw=2, label=name)
        left.fill_between(rows["draws"].astype(float), scale * rows["low"], scale * rows["high"], color=colour,
                          alpha=0.1, lw=0)
    left.set(xlabel="draws of settings", ylabel=unit, title="Validation: expected best of the draws")
    style.whole_numbers(left.xaxis)
    for i, (name, row) in enumerate(tested.iterrows()):
        colour, marker = look[name]
        right.plot([scale * row["low"], scale * row["high"]], [i, i], color=colour, lw=3, solid_capstyle="butt")
        right.plot(scale * row["value"], i, marker=marker, color=colour, ms=9, mec="black")
    if base in tested.index:
        right.axvline(scale * tested.loc[base, "value"], color="black", lw=1, ls="--")
    right.set(yticks=range(len(tested)), yticklabels=list(tested.index), ylim=(len(tested) - 0.5, -0.5),
              xlabel=unit, title=f"Test: the best setting anew (line: {base})")
    right.grid(visible=True, axis="x", alpha=0.3)
    right.grid(axis="y", visible=False)
    style.heading(made, title, fontsize=14)
    made.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=min(max(len(names), 1), 6))
    return made
