"""Simulated conversations: the generative model (`world`), its words (`lexicon`, `grammar`), samples (`generator`) and
what is seen of them (`observe`), and the exact Bayes-optimal reader (`oracle`)."""

from erclab.corpora.simulated.generator import NAMES, PRESETS, generate, world_behind, world_of

__all__ = ["NAMES", "PRESETS", "generate", "world_behind", "world_of"]
