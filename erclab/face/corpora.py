"""Corpora: `erc.load`, `erc.list_corpora`, `erc.oracle`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from erclab import corpora
from erclab.analysis import ceilings
from erclab.core.errors import UsageError
from erclab.corpora import CORPORA, Corpus, simulated
from erclab.corpora.notices import tell


def load(name: str, data: str | Path | None = None, *, text_encoder: str = "minilm", text_as: str = "vectors",
         device: str = "cpu", labelled: bool | None = None, columns: Mapping[str, str | None] | None = None,
         labels: Sequence[str] | None = None, targets: Mapping[str, str | Sequence[str]] | None = None,
         scale: Sequence[float] | Mapping[str, Sequence[float]] | None = None, clamp: bool = False,
         fill: str | None = None, arrays: Mapping[str, Any] | None = None, folded: bool = False,
         emotion4: bool = False, seed: int | None = None, world: Mapping[str, Any] | None = None) -> Corpus:
    """Load a corpus by its name. Its `repr` is a card of at most ten lines; its notices also go to stderr.

    Args:
        name: a name of `erc.list_corpora()`, such as "simulated" or "meld".
        data: the folder of a corpus that is not embedded.
        text_encoder: the encoder of a corpus that has words and no text vectors: "minilm", a Hugging Face name or a
            folder. The vectors are computed once and cached.
        text_as: "vectors", or "tokens" for models of sequences: the text is then one vector per token.
        device: the device of the encoder.
        labelled: leave out utterances without an emotion label, as some feature files of the field do. By default they
            stay as context (but for iemocap-text-audio, whose published numbers are without them).
        columns: of an own table ("table"), as the arguments below: our name -> its name, such as
            {"dialogue": "Dialog_ID"}; None for a column that is not to be read.
        labels: the emotions in their order.
        targets: own tasks: "NAME" (numbers), "NAME:binary", "NAME:present" (1 above 0) or "NAME:classes" -> columns,
            such as {"traits": ["open", "kind"], "feels:binary": ["happy", "sad"]}; for `erc.run(task="traits")`.
        scale: (lowest, highest) of the sentiment (also of other corpora than a table) or of own numbers; or task ->
            (lowest, highest).
        clamp: set numbers outside the scale to its nearer end.
        emotion4: make the task `emotion4` of the labels neutral, happy, sad and angry, each against the rest, as
            MulT's files of IEMOCAP have it (also of other corpora than a table).
        fill: "refuse" (the default), "median" or "zero": what to do with NaN and infinite values of vectors.
        arrays: modality -> "file.npz:key".
        folded: for `erclab.runs.cross_validate`: the table needs no column `split`.
        seed: of a simulated corpus: other dialogues of the same world. It is no seed of a run (`erc.run(seeds=...)`).
        world: of a simulated corpus: settings of the world (`erclab.corpora.simulated.world.Settings`) to set
            differently, such as {"persistence": 0.4}.

    Raises:
        UsageError: an unknown name or setting, a folder where none is needed, or no folder where one is needed.
        CorpusError: the data are missing or malformed.
        FeatureError: the text cannot be encoded.
    """
    options = {"columns": columns, "labels": labels, "targets": targets, "scale": scale, "clamp": clamp or None,
               "emotion4": emotion4 or None, "fill": fill, "arrays": arrays, "folded": folded or None, "seed": seed,
               "world": world}
    return tell(corpora.load(name, data or None, text_encoder=text_encoder, text_as=text_as, device=device,
                             labelled=labelled, **{key: x for key, x in options.items() if x is not None}))


def list_corpora() -> pd.DataFrame:
    """The corpora: index `name`, columns `title`, `needs` (files), `obtain` and `licence`."""
    return pd.DataFrame([{"name": c.name, "title": c.title, "needs": ", ".join(c.files) or "nothing",
                          "obtain": c.obtain, "licence": c.licence} for c in CORPORA.values()]).set_index("name")


def oracle(corpus: Corpus, *, split: str = "test", modalities: Iterable[Sequence[str]] | None = None,
           view: str = "vectors") -> pd.DataFrame:
    """The scores of the Bayes-optimal oracle of a view of a simulated corpus: no model that reads the same can be more
    accurate in expectation.

    Args:
        split: train, valid or test.
        modalities: the subsets that the oracle sees, such as `[("text",), ("text", "audio")]`; all subsets by default.
        view: how the oracle sees the text: "words" (the printed words), "vectors" (of utterances) or "frames" (vectors
            of words, which hold the same evidence as "vectors"). Voice and face are vectors in each view.

    Returns:
        One row per subset of modalities and context, with accuracy, weighted F1 and macro F1 in percent, and the
        absolute error and correlation of the sentiment.

    Raises:
        UsageError: the corpus is not simulated, so that its oracle is not known; an unknown view or modality.
    """
    world = simulated.world_behind(corpus)
    if world is None:
        raise UsageError(f"the oracle of {corpus.name} is not known", remedy="Take a simulated corpus.")
    subsets = list(ceilings.SUBSETS if modalities is None else map(tuple, modalities))
    return ceilings.oracle_scores(corpus, world, split, subsets, view)
