"""What can be known at all: the exact oracle's scores on a simulated corpus, by modality and by context (O1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from erclab.core import metrics
from erclab.core.errors import UsageError
from erclab.corpora import MODALITIES, Corpus, simulated
from erclab.corpora.simulated.oracle import posterior
from erclab.corpora.simulated.world import World
from erclab.figures import style

SUBSETS = tuple(c for n in (1, 2, 3) for c in combinations(MODALITIES, n))
CONTEXTS = {"utterance": "utterance alone", "causal": "what was said before", "dialogue": "whole dialogue"}


def table(corpus: Corpus, world: World, split: str = "test",
          subsets: Iterable[Sequence[str]] = SUBSETS) -> pd.DataFrame:
    """One row per modality subset and context.

    Columns: accuracy, weighted F1 and macro F1 (percent) of the most likely emotion; MAE of the posterior median and
    correlation of the posterior mean with the sentiment. Accuracy, MAE and squared error are the best possible in
    expectation; the F1 scores are those of the most accurate rule, which need not be the best rule for F1.
    """
    rows, truth = {}, corpus.targets(split)
    sentiment = corpus.targets(split, "sentiment")[:, 0]
    for subset in subsets:
        for context, words in CONTEXTS.items():
            found = posterior(corpus, world, subset, context, split=split)
            score = metrics.classification_scores(truth, found.emotion.argmax(1), len(corpus.labels))
            rows["+".join(subset), words] = {
                "accuracy": 100 * score["accuracy"], "weighted F1": 100 * score["weighted_f1"],
                "macro F1": 100 * score["macro_f1"],
                "sentiment MAE": float(np.abs(found.sentiment(world, "median") - sentiment).mean()),
                "sentiment r": float(np.corrcoef(found.sentiment(world), sentiment)[0, 1])}
    return pd.DataFrame(rows).T.rename_axis(["modalities", "context"])


def limits(corpus: Corpus, metric: str = "weighted F1") -> dict[str, float]:
    """Legend -> percent, for a figure: the oracle's score from all modalities, without and with the conversation.

    Empty for a corpus that is not simulated, of which nobody knows it.
    """
    world = simulated.world_behind(corpus)
    if world is None:
        return {}
    found = table(corpus, world, subsets=[MODALITIES])[metric]
    return {f"oracle, {context}": round(float(found[("+".join(MODALITIES), context)]), 1)
            for context in (CONTEXTS["utterance"], CONTEXTS["dialogue"])}


def bars(ceilings: pd.DataFrame, metric: str = "accuracy") -> Figure:
    """The table's metric, one group of bars per modality subset, one bar per context."""
    wide = ceilings[metric].unstack("context")[list(CONTEXTS.values())].reindex(
        ceilings.index.get_level_values("modalities").unique())
    made, ((axis,),) = style.figure(figsize=(10, 4.8))
    width = 0.8 / wide.shape[1]
    for i, context in enumerate(wide):
        at = np.arange(len(wide)) + (i - (wide.shape[1] - 1) / 2) * width
        axis.bar(at, wide[context], width, label=context, color=style.CYCLE[i], hatch=("", "//", "..")[i],
                 edgecolor="white")
        for x, y in zip(at, wide[context], strict=True):
            axis.annotate(f"{y:.0f}", (x, y), xytext=(0, 2), textcoords="offset points", ha="center", fontsize=9)
    text = wide.loc["text"] if "text" in wide.index else wide.iloc[0]
    axis.set(xticks=range(len(wide)), ylabel=f"{metric} of the oracle (%)", ylim=(0, 105),
             title=f"Context is worth {text.iloc[1] - text.iloc[0]:.0f} points to {text.name} alone")
    axis.set_xticklabels([name.replace("+", "\n+ ") for name in wide.index])
    made.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return made


def context_gain(corpus: Corpus, world: World, split: str = "test") -> pd.DataFrame:
    """Accuracy (percent) of the oracle alone and with what was said before, by modality and kind of words."""
    rows, truth = {}, corpus.targets(split)
    kind = corpus.table["text_kind"].to_numpy()[corpus.rows(split)]
    for modality in corpus.modalities:
        alone, causal = (posterior(corpus, world, (modality,), c, split=split).emotion.argmax(1) == truth
                         for c in ("utterance", "causal"))
        for name in ("plain", "ambiguous", "referential"):
            at = kind == name
            rows[modality, name] = {"alone": 100 * alone[at].mean(), "with context": 100 * causal[at].mean(),
                                    "gain": 100 * (causal[at].mean() - alone[at].mean()), "utterances": int(at.sum())}
    return pd.DataFrame(rows).T.rename_axis(["modality", "words"])


def context_gain_bars(gains: pd.DataFrame) -> Figure:
    """The gain from context, by modality and kind of words."""
    wide = gains["gain"].unstack("words")[["plain", "ambiguous", "referential"]].reindex(
        gains.index.get_level_values("modality").unique())
    made, ((axis,),) = style.figure()
    for i, kind in enumerate(wide):
        at = np.arange(len(wide)) + (i - 1) * 0.27
        axis.bar(at, wide[kind], 0.27, label=f"{kind} words", color=style.CYCLE[i], hatch=("", "//", "..")[i],
                 edgecolor="white")
        for x, y in zip(at, wide[kind], strict=True):
            axis.annotate(f"{y:+.0f}", (x, max(y, 0)), xytext=(0, 2), textcoords="offset points", ha="center",
                          fontsize=11)
    axis.axhline(0, color="black", lw=1)
    axis.set(xticks=range(len(wide)), xticklabels=list(wide.index), ylabel="accuracy gained from context (points)",
             title="Context decides words that point back, and little else")
    axis.legend(loc="upper right")
    return made


def lies(corpus: Corpus, world: World, split: str = "test") -> pd.DataFrame:
    """On utterances whose voice (or face) shows another emotion: who is believed.

    Rows: modality. Columns, in percent: the truth and the decoy, as judged from that modality alone and from all.

    Raises:
        UsageError: no utterance of the split is incongruent.
    """
    truth = corpus.targets(split)
    names, rows = np.array(corpus.labels), {}
    for modality in ("audio", "visual"):
        shown = corpus.table[f"{modality}_shown"].to_numpy()[corpus.rows(split)]
        lying = (shown != "masked") & (shown != names[truth])
        if not lying.any():
            raise UsageError(f"no {modality} lies in the {split} split", remedy="Generate with incongruent > 0.")
        row = {"utterances": int(lying.sum())}
        for who, subset in ((f"{modality} alone", (modality,)), ("all modalities", corpus.modalities)):
            guess = names[posterior(corpus, world, subset, "dialogue", split=split).emotion.argmax(1)][lying]
            row |= {f"{who.split()[0]}: truth": 100 * (guess == names[truth][lying]).mean(),
                    f"{who.split()[0]}: decoy": 100 * (guess == shown[lying]).mean()}
        rows[modality] = {k.replace(f"{modality}:", "alone:"): v for k, v in row.items()}
    return pd.DataFrame(rows).T


def calibration(corpus: Corpus, world: World, bins: int = 10) -> Figure:
    """How often what the oracle calls p % likely happens; the diagonal is perfect."""
    made, ((axis,),) = style.figure(figsize=(6, 5))
    hit = np.eye(len(corpus.labels))[corpus.table["label"]]
    worst = 0.0
    for i, (context, words) in enumerate(CONTEXTS.items()):
        p = posterior(corpus, world, context=context).emotion
        at = np.minimum((p * bins).astype(int), bins - 1)
        x = [p[at == b].mean() for b in range(bins)]
        y = [hit[at == b].mean() for b in range(bins)]
        worst = max(worst, sum(abs(p[at == b].sum() - hit[at == b].sum()) for b in range(bins)) / p.size)
        axis.plot(x, y, marker=style.MARKERS[i], color=style.CYCLE[i], label=words)
    axis.plot([0, 1], [0, 1], color=style.GREY, ls="--", lw=1.5)
    axis.set(xlabel="probability that the oracle gives", ylabel="how often it happens", aspect="equal",
             title=f"Calibrated: error at most {100 * worst:.2f} %")
    axis.legend()
    return made


def against_models(ceilings: pd.DataFrame, models: dict[str, Sequence[float]], subset: str, context: str,
                   metric: str = "weighted F1") -> Figure:
    """Scores of models (in [0, 1], over seeds) below the oracle's ceiling for what they see."""
    top = float(ceilings.loc[(subset, CONTEXTS[context]), metric])
    best = max(100 * float(np.mean(x)) for x in models.values())
    return style.seed_bars(models, title=f"{top - best:.0f} points are left to be learned",
                         xlabel=f"{metric} on the test split (%)", colours=dict.fromkeys(models, style.BLUE),
                         reference={"exact oracle": round(top, 1)})
