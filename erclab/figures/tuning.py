"""Equal tuning budgets as a picture: expected-validation curves, and the tuned models on the test split."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from erclab.figures import style


@style.style()
def tuned_models(parts: Mapping[str, tuple[pd.DataFrame, pd.DataFrame, str]], *, scale: float, unit: str, title: str
                 ) -> Figure:
    """A row for each group of models that read the same. Left: the expected best validation score of so many draws,
    with its interval over draws. Right: the best setting of each model on the test split, with its interval over seeds
    and dialogues; the line is the base.

    Args:
        parts: what a group reads -> its curves (columns model, draws, value, low, high, see
            `erclab.claims.tuned.validation_curves`), its tested models (index model; columns value, low, high) and the
            model of the line.
        scale: of all scores; 100 for percent.
        unit: the name of the score.
    """
    made, axes = style.figure(max(len(parts), 1), 2, figsize=(11.5, 0.8 + 4.2 * max(len(parts), 1)))
    names = list(dict.fromkeys(name for curves, tested, _ in parts.values()
                               for name in (*curves["model"], *tested.index)))
    look = {name: (style.CYCLE[i % len(style.CYCLE)], style.MARKERS[i % len(style.MARKERS)])
            for i, name in enumerate(names)}
    for (left, right), (reads, (curves, tested, base)) in zip(axes, parts.items(), strict=False):
        _group(left, right, curves, tested, base, look, scale, unit, f"{reads}\n" if len(parts) > 1 else "")
    style.heading(made, title, fontsize=14)
    keys = {name: line for left in axes[:, 0] for line, name in zip(*left.get_legend_handles_labels(), strict=True)}
    made.legend(list(keys.values()), list(keys), loc="outside lower center", ncols=min(max(len(keys), 1), 6))
    return made


def _group(left: Axes, right: Axes, curves: pd.DataFrame, tested: pd.DataFrame, base: str,
           look: Mapping[str, tuple[str, str]], scale: float, unit: str, reads: str) -> None:
    """The row of one group; `reads` begins the titles."""
    for name, rows in curves.groupby("model", sort=False):
        colour, marker = look[name]
        left.plot(rows["draws"], scale * rows["value"], color=colour, marker=marker, ms=6, lw=2, label=name)
        left.fill_between(rows["draws"].astype(float), scale * rows["low"], scale * rows["high"], color=colour,
                          alpha=0.1, lw=0)
    left.set(xlabel="draws of settings", ylabel=unit, title=f"{reads}Validation: expected best of the draws")
    style.whole_numbers(left.xaxis)
    for i, (name, row) in enumerate(tested.iterrows()):
        colour, marker = look[name]
        right.plot([scale * row["low"], scale * row["high"]], [i, i], color=colour, lw=3, solid_capstyle="butt")
        right.plot(scale * row["value"], i, marker=marker, color=colour, ms=9, mec="black")
    if base in tested.index:
        right.axvline(scale * tested.loc[base, "value"], color="black", lw=1, ls="--")
    right.set(yticks=range(len(tested)), yticklabels=list(tested.index), ylim=(len(tested) - 0.5, -0.5),
              xlabel=unit, title=f"{reads}Test: the best setting anew (line: {base})")
    style.for_rows(right)
