"""How a score falls when a modality is missing or noisy."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from erclab.figures import style
from erclab.figures.scores import band

MARKS = ((1.07, "D", "retrained without it"), (1.14, "*", "the oracle of the vectors loses"))  # right of share 1


@style.style()
def falls(missing: Mapping[str, pd.DataFrame], noise: Mapping[str, pd.DataFrame], retrained: pd.DataFrame,
          oracle: pd.Series | None, *, titles: tuple[str, str], ylabel: str, limits: tuple[float, float]) -> Figure:
    """The change of a score against the share of missing utterances (left) and against noise (right).

    Right of the share 1 stand a model that never had the modality and, where it is known, the loss of the
    oracle of the vectors.

    Args:
        missing, noise: modality -> change, index rates and a column per seed.
        retrained: a row per modality: `change`, and `low` and `high` of its interval over seeds and dialogues.
        oracle: change per modality of the oracle of the vectors; None where it is not known.
        titles: of the two panels.
        limits: of the vertical axis.
    """
    made, axes = style.figure(1, 2, figsize=(12.5, 5))
    for axis, tables in zip(axes[0], (missing, noise), strict=True):
        for m, fall in tables.items():
            band(axis, fall, colour=style.MODALITY[m], marker=_marker(m), ms=7, label=f"{m}, test split only")
        axis.axhline(0, color="black", lw=1)
    axes[0, 1].sharey(axes[0, 0])
    axes[0, 0].set_ylim(*limits)
    _mark(axes[0, 0], *MARKS[0], retrained["change"], 8)
    for m, row in retrained.iterrows():
        at = _place(MARKS[0][0], list(retrained.index), m)
        axes[0, 0].plot([at, at], [row["low"], row["high"]], color=style.MODALITY[m], lw=1.5)
    if oracle is not None:
        _mark(axes[0, 0], *MARKS[1], oracle, 13)
    axes[0, 0].axvline(1.035, color=style.GREY, lw=1, ls=":")
    rates = next(iter(missing.values())).index
    axes[0, 0].set(title=titles[0], xlabel="share of utterances without the modality", xticks=rates,
                   xticklabels=[f"{r:g}" for r in rates], ylabel=ylabel)
    axes[0, 1].set(title=titles[1], xlabel="noise (deviations of each feature)", ylabel="")
    made.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return made


def _marker(modality: str) -> str:
    return style.MARKERS[list(style.MODALITY).index(modality)]


def _place(x: float, names: list[str], name: str) -> float:
    """Modalities side by side around x."""
    return x + 0.022 * (names.index(name) - (len(names) - 1) / 2)


def _mark(axis, x: float, marker: str, label: str, changes: pd.Series, size: float) -> None:
    for m, change in changes.items():
        axis.plot(_place(x, list(changes.index), m), change, marker, ms=size, color=style.MODALITY[m], mec="black",
                  mew=0.8, ls="none", zorder=4)
    axis.plot([], [], marker, ms=min(size, 11), color="white", mec="black", ls="none", label=label)
