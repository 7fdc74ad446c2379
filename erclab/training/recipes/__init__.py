"""Recipes: how a model is trained on a corpus, and where each number comes from. One file per model.

Two profiles: `smoke` fits a CPU and a minute, its numbers are our choice; `full` is the authors' scale.
"""

from __future__ import annotations

from erclab.core.errors import unknown
from erclab.training.recipes import (
    baselines,
    bclstm,
    dialoguernn,
    dialoguetrm,
    fusion_lstm,
    hct_mg,
    lmf_mult,
    lmr_cbt,
    m2fnet,
    mult,
    sdt,
    tfidf,
)
from erclab.training.recipes.recipe import PRECISIONS, PROFILES, VARIANTS, Entry, Recipe, split_changes

__all__ = ["PRECISIONS", "PROFILES", "RECIPES", "VARIANTS", "Entry", "Recipe", "family", "recipe_for", "split_changes"]

# (model, corpus or "*", profile) -> entry. Instead of a missing row, the one of the corpus's family is taken, then the
# one of "*", then the default Entry.
RECIPES = {(model, *key): entry for model, rows in {
    "constant": baselines.ROWS,
    "persistence": baselines.ROWS,
    "linear": baselines.ROWS,
    "linear-balanced": baselines.ROWS,
    "linear-pooled": baselines.ROWS,
    "tfidf": tfidf.ROWS,
    "tfidf-context": tfidf.ROWS,
    "ef-lstm": fusion_lstm.EF_LSTM,
    "lf-lstm": fusion_lstm.LF_LSTM,
    "mult": mult.ROWS,
    "lmf-mult": lmf_mult.ROWS,
    "hct-mg": hct_mg.ROWS,
    "lmr-cbt": lmr_cbt.ROWS,
    "bc-lstm": bclstm.ROWS,
    "dialoguernn": dialoguernn.ROWS,
    "dialoguetrm": dialoguetrm.ROWS,
    "dialoguetrm on words": dialoguetrm.ON_WORDS,
    "sdt": sdt.ROWS,
    "m2fnet": m2fnet.ROWS,
}.items() for key, entry in rows.items()}


def recipe_for(model: str, corpus: str, profile: str = "smoke", *, words: bool = False) -> Entry:
    """The most specific entry there is.

    Args:
        words: the model reads words; such a model may have rows of its own ("MODEL on words").

    Raises:
        UsageError: an unknown profile.
    """
    if profile not in PROFILES:
        raise unknown("profile", profile, PROFILES)
    names = [f"{model} on words", model] if words else [model]
    keys = [(name, where, profile) for name in names for where in (corpus, family(corpus), "*")]
    return next((RECIPES[key] for key in keys if key in RECIPES), Entry())


def family(corpus: str) -> str:
    """The name of a corpus in papers, without the source of its features and its year: "meld-sdt" is MELD, "avec2012"
    is AVEC."""
    return corpus.split("-")[0].rstrip("0123456789")
