"""Simulated conversations: the generative model (`world`), its words (`lexicon`), samples (`generator`), what a user
asks for (`reader`) and the exact Bayes-optimal reader (`oracle`)."""

from erclab.corpora.simulated.generator import NAMES, PRESETS, as_words, generate, world_behind, world_of
from erclab.corpora.simulated.reader import simulate

__all__ = ["NAMES", "PRESETS", "as_words", "generate", "simulate", "world_behind", "world_of"]
