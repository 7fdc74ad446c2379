"""Simulated corpora as a user asks for them: a preset, another corpus seed, other settings of the world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from numbers import Integral
from typing import Any

from erclab.core.errors import UsageError, unknown
from erclab.core.settings import setting_types
from erclab.corpora.corpus import Corpus
from erclab.corpora.simulated.generator import generate, world_of
from erclab.corpora.simulated.world import Settings, World

SEEDS = 2**32  # corpus seeds are below; the seeds of fresh dialogues are above (`erclab.corpora.simulated.more`)


def simulate(preset: str, seed: int | None = None, world: Mapping[str, Any] | None = None) -> Corpus:
    """A simulated corpus with its frames.

    Args:
        preset: a key of `erclab.corpora.simulated.PRESETS`.
        seed: the corpus seed, from 0 to 2**32 - 1: other dialogues of the same world. None: the preset's.
        world: settings of the world (`Settings`) to set differently: name -> value.

    Raises:
        UsageError: no such setting, or a seed, a value or a combination that is not possible.
    """
    try:
        return generate(preset, frames=True, **asdict(world_asked_for(preset, seed, world).settings))
    except MemoryError:
        raise UsageError("a corpus of these settings does not fit the memory", where="--world",
                         remedy="Ask for fewer dialogues or smaller dims.") from None


def world_asked_for(preset: str, seed: int | None = None, world: Mapping[str, Any] | None = None) -> World:
    """The generative model of such a corpus; arguments and errors as for `simulate`."""
    changes = {**_settings(world), **({} if seed is None else {"seed": checked_seed(seed)})}
    try:
        return world_of(preset, **changes)
    except UsageError as error:
        raise error.recast(UsageError, where=error.where or "--world") from None


def checked_seed(seed: Any, where: str = "--corpus-seed") -> int:
    """The seed of a corpus, or of fresh dialogues, as an int.

    Raises:
        UsageError: this is no whole number from 0 to 2**32 - 1.
    """
    if isinstance(seed, bool) or not isinstance(seed, Integral) or not 0 <= int(seed) < SEEDS:
        raise UsageError(f"the corpus seed {seed!r} is not a whole number from 0 to {SEEDS - 1}", where=where,
                         remedy="For example --corpus-seed 7 (in Python seed=7).")
    return int(seed)


def _settings(world: Any) -> dict[str, Any]:
    """Settings of the world, after a check of their names."""
    if world is None:
        return {}
    if not isinstance(world, Mapping):
        raise UsageError(f"the world's settings are {world!r}, not names and values", where="--world",
                         remedy='For example --world persistence=0.4 (in Python world={"persistence": 0.4}).')
    names = [name for name in setting_types(Settings) if name != "seed"]
    for name in world:
        if name == "seed":
            raise UsageError("the seed is no setting of the world", where="--world",
                             remedy="Give --corpus-seed N (in Python seed=N).")
        if name not in names:
            raise unknown("setting of a simulated world", name, names).recast(UsageError, where="--world")
    return dict(world)
