"""Simulated conversations: the generative model (`world`), its words (`lexicon`), samples (`generator`) and the exact
Bayes-optimal reader (`oracle`)."""

from erclab.corpora.simulated.generator import NAMES, PRESETS, as_words, generate, world_behind, world_of

__all__ = ["NAMES", "PRESETS", "as_words", "generate", "world_behind", "world_of"]
