"""Recipes: how a model is trained on a corpus, and where each number comes from. One file per paper.

Two profiles: `smoke` fits a CPU and a minute, its numbers are our choice; `full` is the authors' scale.
"""

from __future__ import annotations

from erclab.core.errors import unknown
from erclab.training.recipes import dialogues, sdt, sequences
from erclab.training.recipes.recipe import PRECISIONS, PROFILES, VARIANTS, Entry, Recipe, split_changes

__all__ = ["PRECISIONS", "PROFILES", "RECIPES", "VARIANTS", "Entry", "Recipe", "family", "recipe_for", "split_changes"]

# (model, corpus or "*", profile). A missing row falls back to the corpus's family, to "*", then to the default Entry.
RECIPES = {(model, *key): entry for model, rows in {
    "ef-lstm": sequences.EF_LSTM,
    "lf-lstm": sequences.LF_LSTM,
    "mult": sequences.MULT,
    "lmf-mult": sequences.LMF_MULT,
    "hct-mg": sequences.HCT_MG,
    "lmr-cbt": sequences.LMR_CBT,
    "bc-lstm": dialogues.BCLSTM,
    "dialoguernn": dialogues.DIALOGUERNN,
    "dialoguetrm": dialogues.DIALOGUETRM,
    "dialoguetrm on words": dialogues.DIALOGUETRM_ON_WORDS,
    "sdt": sdt.ROWS,
    "m2fnet": dialogues.M2FNET,
}.items() for key, entry in rows.items()}


def recipe_for(model: str, corpus: str, profile: str = "smoke", *, words: bool = False) -> Entry:
    """The most specific entry there is.

    Args:
        words: the model reads words, for which it may have rows of its own ("MODEL on words").

    Raises:
        UsageError: an unknown profile.
    """
    if profile not in PROFILES:
        raise unknown("profile", profile, PROFILES)
    names = [f"{model} on words", model] if words else [model]
    keys = [(name, where, profile) for name in names for where in (corpus, family(corpus), "*")]
    return next((RECIPES[key] for key in keys if key in RECIPES), Entry())


def family(corpus: str) -> str:
    """What papers call a corpus, whoever made its features and when: "meld-sdt" is MELD, "avec2012" is AVEC."""
    return corpus.split("-")[0].rstrip("0123456789")
