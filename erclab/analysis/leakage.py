"""The overlap of a test split with training and validation data, which papers of the field do not report."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from erclab.corpora import MODALITIES, Corpus

LONG = 4  # words: shorter utterances are equal by chance
NAMED = 20  # speakers in a corpus: fewer names are roles or letters


def normalised(text: str) -> str:
    """Lower case, letters and digits only: two texts with equal results count as the same words."""
    return " ".join(re.findall(r"[^\W_]+", text.lower()))


def leakage(corpus: Corpus) -> pd.DataFrame:
    """How much of the test split occurs in training or validation.

    Rows: all utterances, those of `LONG` words or more, and where the corpus says it, scripted and improvised ones
    (IEMOCAP's scripted dialogues are the same three plays in every session). Columns: test utterances, and percent
    of them whose words occur verbatim in train or valid, and whose speaker does, where speakers have names of their
    own ("A", "F" or "user" are another person in each dialogue).
    """
    table = corpus.table
    test = (table["split"] == "test").to_numpy()
    words = table["text"].map(normalised)
    said, people = set(words[~test]), set(table["speaker"][~test])
    seen = words.isin(said).to_numpy() & (words != "").to_numpy()
    known = table["speaker"].isin(people).to_numpy() if table["speaker"].nunique() > NAMED else None
    groups = {"all": np.ones(len(table), dtype=bool), f"{LONG} words or more": words.str.split().str.len().ge(LONG)}
    scripted = scripts(corpus)
    if scripted is not None:
        groups |= {"scripted": scripted, "improvised": ~scripted}
    rows = {}
    for name, group in groups.items():
        at = test & np.asarray(group)
        if at.any():
            rows[name] = {"test utterances": int(at.sum()), "verbatim in training (%)": round(100 * seen[at].mean(), 1)}
            if known is not None:
                rows[name]["speaker in training (%)"] = round(100 * known[at].mean(), 1)
    return pd.DataFrame(rows).T.astype({"test utterances": int}) if rows else pd.DataFrame()


def scripts(corpus: Corpus) -> np.ndarray | None:
    """(N,) whether an utterance is from a scripted play, None where the corpus does not say it.

    IEMOCAP says so in the names of its dialogues (Ses05F_script01_1) or in a column `kind`, which other tables may use
    for something else.
    """
    if "kind" in corpus.table and corpus.table["kind"].isin(["scripted", "improvised"]).any():
        return (corpus.table["kind"] == "scripted").to_numpy()
    named = corpus.table["dialogue"].str.contains("script").to_numpy()
    return named if named.any() else None


def completeness(corpus: Corpus) -> pd.DataFrame:
    """Per modality and split, the percent of utterances that have it, as a vector or as frames."""
    split = corpus.table["split"]
    modalities = [m for m in MODALITIES if m in corpus.vectors or m in corpus.frames]
    rows = {}
    for m in modalities:
        sizes = [f"{corpus.vectors[m].shape[1]}"] if m in corpus.vectors else []
        sizes += [f"frames of {corpus.frames[m].values.shape[1]}"] if m in corpus.frames else []
        there = pd.Series(corpus.has(m)).groupby(split.to_numpy()).mean()
        rows[m] = {"features": ", ".join(sizes), **{f"{s} (%)": round(100 * float(v), 1) for s, v in there.items()}}
    return pd.DataFrame(rows).T
