"""An utterance as a model of sequences reads it. The similarity of sentence vectors is in `heat`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from erclab.figures import style


@style.style()
def strips(strengths: Mapping[str, pd.Series], titles: Mapping[str, str], bursts: Mapping[str, tuple[float, float]]
           ) -> Figure:
    """One utterance: a panel per modality with a bar per step.

    Args:
        strengths: modality -> one number per step. The name of the Series is the vertical axis; the index has the
            words, or the middle of each step in seconds (index name "seconds"), or the steps' numbers.
        titles: modality -> title.
        bursts: modality -> seconds in which the emotion shows; they are shaded.
    """
    made, axes = style.figure(len(strengths), 1, figsize=(10, 2.1 * len(strengths) + 0.6))
    for axis, (modality, strength) in zip(axes[:, 0], strengths.items(), strict=True):
        timed, steps = strength.index.name == "seconds", np.arange(len(strength))
        at = strength.index.to_numpy() if timed else steps
        axis.bar(at, strength, 0.9 * (2 * at[0] if timed and len(at) else 1), color=style.MODALITY[modality])
        axis.set(ylabel=strength.name, title=titles[modality])
        if strength.index.name == "words":
            axis.set(xticks=steps)
            axis.set_xticklabels(strength.index, fontsize=11)
        elif modality in bursts:
            axis.axvspan(*bursts[modality], color=style.YELLOW, alpha=0.4, zorder=0)
            axis.set(xlabel="seconds")
    return made
