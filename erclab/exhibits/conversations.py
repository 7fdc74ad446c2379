"""What a corpus looks like before any model sees it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from erclab.core.batches import DialogueBatch
from erclab.core.errors import UsageError
from erclab.corpora import SPLITS, Corpus
from erclab.figures import style


def overview(corpus: Corpus) -> pd.DataFrame:
    """Per split: dialogues, utterances, turns per dialogue (median, longest), most speakers in one dialogue."""
    lengths = np.diff(corpus.starts)
    people = corpus.table.groupby(["split", "dialogue"])["speaker"].nunique()
    rows = {}
    for split in SPLITS:
        turns = lengths[corpus.dialogue_splits == split]
        if len(turns) == 0:
            continue
        rows[split] = {"dialogues": len(turns), "utterances": int(turns.sum()), "median turns": int(np.median(turns)),
                       "most turns": int(turns.max()), "most speakers": int(people[split].max())}
    return pd.DataFrame(rows).T


def label_balance(corpus: Corpus) -> Figure:
    """The share of each label in each split."""
    shares = corpus.counts().pipe(lambda t: 100 * t.div(t.sum(axis=1), axis=0)).fillna(0.0)
    made, ((axis,),) = style.figure()
    width = 0.8 / len(shares)
    for i, (split, row) in enumerate(shares.iterrows()):
        axis.bar(np.arange(len(row)) + (i - 1) * width, row, width, label=split, color=style.CYCLE[i],
                 hatch=("", "//", "..")[i], edgecolor="white")
    top = shares.loc["train"].idxmax()
    axis.set(xticks=range(shares.shape[1]), xticklabels=list(shares.columns), ylabel="share of utterances (%)",
             title=f"Labels are skewed: {shares.loc['train'].max():.0f} % of the training utterances are {top}")
    axis.legend(title="split")
    return made


def transitions(corpus: Corpus, split: str = "train") -> Figure:
    """How often an emotion follows another: of the same speaker, and of another who spoke the turn before.

    Drawn as the ratio to what independence would give, so 1 means that the past does not matter.
    """
    label, speaker = corpus.table["label"].to_numpy(), corpus.table["speaker"].to_numpy()
    C = len(corpus.labels)
    corpus.rows(split)  # refuses an unknown split
    counts = np.zeros((2, C, C))
    for d in np.flatnonzero(corpus.dialogue_splits == split):
        last: dict[str, int] = {}
        previous = None
        for i in range(corpus.starts[d], corpus.starts[d + 1]):
            if speaker[i] in last:
                counts[0, last[speaker[i]], label[i]] += 1
            if previous is not None and previous != speaker[i]:
                counts[1, last[previous], label[i]] += 1
            last[speaker[i]], previous = label[i], speaker[i]
    made, axes = style.figure(1, 2, figsize=(12, 5))
    titles = ("A speaker's own emotion persists", "The other's emotion pulls")
    for axis, table, title, who in zip(axes[0], counts, titles, ("own last", "other's last"), strict=True):
        chance = table.sum(1, keepdims=True) * table.sum(0, keepdims=True) / max(table.sum(), 1)
        ratio = np.divide(table, chance, out=np.ones_like(table), where=chance > 0)
        image = axis.imshow(np.log2(np.clip(ratio, 1 / 8, 8)), cmap="PuOr_r", vmin=-2, vmax=2)
        for i, j in np.ndindex(C, C):
            axis.text(j, i, f"{ratio[i, j]:.1f}", ha="center", va="center", fontsize=10,
                      color="white" if abs(np.log2(max(ratio[i, j], 1e-9))) > 1.4 else "black")
        axis.set(xticks=range(C), yticks=range(C), xlabel="emotion now", ylabel=f"{who} emotion", title=title)
        axis.set_xticklabels(corpus.labels, rotation=40, ha="right")
        axis.set_yticklabels(corpus.labels)
        axis.grid(visible=False)
    bar = made.colorbar(image, ax=axes[0].tolist(), ticks=[-2, -1, 0, 1, 2], label="times as often as by chance")
    bar.set_ticklabels(["1/4", "1/2", "1", "2", "4"])
    return made


def padding(batch: DialogueBatch) -> Figure:
    """A batch's mask: what is an utterance, by speaker, and what is padding that no model may see."""
    picture = np.where(batch.mask.cpu().numpy(), batch.speakers.cpu().numpy() + 1, 0)
    made, ((axis,),) = style.figure(figsize=(9, 3.6))
    people = int(picture.max())
    colours = ["#EDEDED", *(style.CYCLE * (people // len(style.CYCLE) + 1))[:people]]
    axis.imshow(picture, cmap=ListedColormap(colours), vmin=0, vmax=people, aspect="auto", interpolation="nearest")
    share = 100 * (picture == 0).mean()
    axis.set(xlabel="turn", ylabel="dialogue", title=f"One batch: {share:.0f} % of it is padding, and masked")
    axis.grid(visible=False)
    axis.legend(handles=[Patch(color=c, label="padding" if i == 0 else f"speaker {i - 1}")
                         for i, c in enumerate(colours)], loc="center left", bbox_to_anchor=(1, 0.5))
    return made


def separability(corpus: Corpus, split: str = "train") -> Figure:
    """Each modality's vectors on the two directions that separate the labels best (linear discriminants).

    Raises:
        UsageError: the corpus has no vectors, or too few labels or features for two directions.
    """
    rows = corpus.rows(split)
    target = corpus.targets(split)
    if not corpus.modalities or min(len(set(target)) - 1, *corpus.dims.values()) < 2:
        raise UsageError(f"{corpus.name} cannot be drawn in two directions",
                         remedy="It takes three labels in the split and two features per modality.")
    made, axes = style.figure(1, len(corpus.modalities), figsize=(4.3 * len(corpus.modalities) + 1.5, 4.3))
    shown = np.random.default_rng(0).permutation(len(rows))[:800]  # more dots hide one another
    for axis, m in zip(axes[0], corpus.modalities, strict=True):
        x = LinearDiscriminantAnalysis(n_components=2).fit_transform(corpus.vectors[m][rows], target)
        if x.shape[1] < 2:
            raise UsageError(f"the {m} vectors of {corpus.name} separate the labels in one direction only",
                             remedy="It takes more training utterances to draw them.")
        for c, name in enumerate(corpus.labels):
            at = shown[target[shown] == c]
            axis.scatter(x[at, 0], x[at, 1], s=12, alpha=0.7, color=style.CYCLE[c % 7], marker=style.MARKERS[c % 7],
                         label=name)
        axis.set(title=f"{m} ({corpus.dims[m]} features)", xlabel="1st discriminant", ylabel="2nd discriminant")
    axes[0, -1].legend(loc="center left", bbox_to_anchor=(1, 0.5), markerscale=2)
    return made
