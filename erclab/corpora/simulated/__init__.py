"""Simulated conversations: the generative model (`world`), its words (`lexicon`, `grammar`), samples (`generator`) and
what is seen of them (`observe`), what a user asks for (`reader`, `more`), and the exact Bayes-optimal reader
(`oracle`)."""

from erclab.corpora.simulated.generator import NAMES, PRESETS, generate, world_behind, world_of
from erclab.corpora.simulated.more import fresh
from erclab.corpora.simulated.reader import simulate

__all__ = ["NAMES", "PRESETS", "fresh", "generate", "simulate", "world_behind", "world_of"]
