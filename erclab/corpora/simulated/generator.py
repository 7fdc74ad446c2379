"""Simulated conversations: no download, no licence, deterministic from a seed, and the truth behind each utterance.

The samples are drawn from the model in `erclab.corpora.simulated.world`; `erclab.corpora.simulated.oracle` inverts it.

`observe` makes the three views of what has been said. The table holds the words; the vectors and frames follow from it.
The vectors of voice and face are matched filters over the frames: a frame holds the burst's profile times the mean,
plus noise, and the vector is the sum of the frames weighted by the same profile (of unit norm), which leaves N(0, I).
The vectors are drawn first and the frames around them, with the noise that a matched filter would have left, so a
corpus has the same vectors with and without its frames.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, replace

import numpy as np
import pandas as pd

from erclab.core.errors import unknown
from erclab.core.settings import check
from erclab.corpora.corpus import Corpus
from erclab.corpora.simulated import grammar, lexicon
from erclab.corpora.simulated.observe import BURST_SECONDS, EDGE_SECONDS, WORD_SECONDS, observe
from erclab.corpora.simulated.world import EMOTION4, INTENSITIES, KINDS, LEVELS, Settings, World, elected
from erclab.corpora.vocabulary import SPLITS

PRESETS = {
    "small": Settings(),
    # What a class can wait for: a third of the utterances, and what is said and shown is clear, so that small models
    # learn it in seconds. What is masked, ambiguous or referential stays so.
    "lesson": Settings(dialogues=(160, 24, 60), turns=(5, 9, 16), dims=(32, 18, 18), strength=(8.0, 7.0, 6.5),
                       event=8.0),
    "tiny": Settings(dialogues=(12, 4, 6), turns=(3, 5, 8), dims=(24, 18, 18)),
    # Dialogues, turns and speakers per dialogue after the published corpora.
    "iemocap": Settings(dialogues=(108, 12, 31), turns=(8, 46, 110), spread=0.38),
    "meld": Settings(scheme="meld", dialogues=(1038, 114, 280), turns=(1, 8, 33), spread=0.62,
                     speakers=(0.09, 0.40, 0.29, 0.14, 0.05, 0.02, 0.01)),
}
NAMES = {"simulated" if preset == "small" else f"simulated-{preset}": preset for preset in PRESETS}
CHANGED = ", changed: "  # in `Corpus.source`: what is set differently from the preset follows, as JSON
STREAMS = ("states", "words", "channels", "3", "4", "labels")  # 3 and 4 are those of `observe`
MOST_LIVE = 4  # speakers whose last emotion still matters at once: the oracle's state is C to this power


def generate(preset: str = "small", *, frames: bool = False, **changes) -> Corpus:
    """A corpus with the columns of the schema and, for every utterance, the truth.

    Extra columns of the table: `emotion`, the index of the true emotion (`label` is what annotators write);
    `intensity`; `text_kind` plain, ambiguous or referential; `form`, one of `grammar.FORMS`; `said` and `said_level`,
    the emotion and the strength (0 to 2) of the word that tells or is denied ("" and -1 without one); `event`, the
    emotion of the verb of an event at the end of the words ("" without one); `audio_shown` and `visual_shown`, the
    emotion that voice and face express, or "masked"; `salient_word` and `event_word`, positions among the words (-1:
    none); `burst_start` and `burst_end`, seconds of the voice's burst (the face's is 0.12 s earlier).

    Args:
        preset: "small" (the study's default), "lesson" (notebooks, a minute each), "tiny" (tests), "iemocap" or "meld"
            (sizes and shares of those).
        frames: also make word vectors, audio frames (12.5 Hz) and visual frames (15 Hz).
        changes: fields of `Settings` to set differently.

    Raises:
        UsageError: an unknown preset or setting, or one out of range.
    """
    world = world_of(preset, **changes)
    settings = world.settings
    rng = {what: np.random.default_rng([settings.seed, i]) for i, what in enumerate(STREAMS)}
    tables = _Tables(world)
    rows = [row for split, count in zip(SPLITS, settings.dialogues, strict=True)
            for i in range(count) for row in _dialogue(world, tables, rng, split, f"{split}-{i:03d}")]
    table = pd.DataFrame(rows)
    vectors, sequences = observe(world, table, frames)
    intensity = table["intensity"].to_numpy()[:, None]
    affect = world.affect[table["emotion"]] * intensity
    names = np.array(world.labels)[table["emotion"]]
    name = next(name for name, known in NAMES.items() if known == preset)
    differs = {k: x for k, x in asdict(settings).items() if x != getattr(PRESETS[preset], k) and k != "seed"}
    source = f"simulated, seed {settings.seed}" + (CHANGED + json.dumps(differs) if differs else "")
    return Corpus(
        name, table, world.labels, vectors, source=source, frames=sequences,
        annotations={"sentiment": (3 * affect[:, :1]).astype(np.float32), "dimensional": affect.astype(np.float32),
                     "emotion4": np.stack([np.isin(names, group) for group in EMOTION4], 1).astype(np.float32)})


def world_of(preset: str = "small", **changes) -> World:
    """The generative model of a preset, for the oracle.

    Raises:
        UsageError: an unknown preset or setting, or one out of range.
    """
    if preset not in PRESETS:
        raise unknown("preset", preset, PRESETS)
    return World(replace(PRESETS[preset], **check(Settings, changes)))


def world_behind(corpus: Corpus) -> World | None:
    """The generative model of a simulated corpus, from its preset and its changes, but for the number of dialogues;
    None for a corpus that is not simulated.

    A corpus derived from a simulated corpus keeps its name and the beginning of its `source`.
    """
    return world_described(corpus.name, corpus.source)


def world_described(name: str, source: str) -> World | None:
    """The generative model of a simulated corpus, from the name and the source that the corpus has."""
    if name not in NAMES:
        return None
    seed = re.match(r"simulated, seed (\d+)", source)
    if not seed:  # of the same name, but made elsewhere
        return None
    _, _, changed = source.partition(CHANGED)
    changes, _ = json.JSONDecoder().raw_decode(changed) if changed else ({}, 0)
    return world_of(NAMES[name], **changes, seed=int(seed[1]))


def parents(speakers) -> list[tuple[int | None, int | None]]:
    """For each turn: the same speaker's last turn and the last turn of another speaker."""
    found = []
    for t, who in enumerate(speakers):
        own = next((j for j in range(t - 1, -1, -1) if speakers[j] == who), None)
        other = next((j for j in range(t - 1, -1, -1) if speakers[j] != who), None)
        found.append((own, other))
    return found


def last_uses(links) -> list[int]:
    """For each turn: the last turn whose emotion depends on it (itself if none does)."""
    uses = list(range(len(links)))
    for t, pair in enumerate(links):
        for parent in pair:
            if parent is not None:
                uses[parent] = max(uses[parent], t)
    return uses


def most_live(links) -> int:
    """The largest number of earlier turns on whose emotions the turns after some turn depend."""
    uses = last_uses(links)
    return max(sum(use > t for use in uses[: t + 1]) for t in range(len(links)))


def _speakers(s: Settings, rng: np.random.Generator, turns: int) -> list[int]:
    """The speaker of each turn: mostly not the speaker of the turn before, often the one of the turn before that."""
    people = min(int(rng.choice(len(s.speakers), p=np.array(s.speakers) / sum(s.speakers))) + 1, turns)
    while True:
        order = [0]
        for _ in range(turns - 1):
            others = [p for p in range(people) if p != order[-1]]
            if not others or rng.random() >= s.switch:
                order.append(order[-1])
            elif len(order) > 1 and order[-2] in others and rng.random() < 0.5:
                order.append(order[-2])
            else:
                order.append(int(rng.choice(others)))
        if most_live(parents(order)) <= MOST_LIVE:
            return order
        people -= 1  # too many threads at once to be inverted exactly


def _dialogue(world: World, tables: _Tables, rng: Mapping[str, np.random.Generator], split: str, name: str
              ) -> list[dict]:
    """The states, the words and the emotions that voice and face show, of one conversation."""
    states, words, channels, labels = (rng[stream] for stream in ("states", "words", "channels", "labels"))
    s = world.settings
    low, median, high = s.turns
    turns = int(np.clip(round(median * np.exp(s.spread * states.normal())), low, high))
    speakers = _speakers(s, states, turns)
    emotions: list[int] = []
    rows: list[dict] = []
    for t, parent in enumerate(parents(speakers)):
        given = tuple(emotions[j] for j in parent if j is not None)
        e = _draw(states, tables.steps[parent[0] is not None, parent[1] is not None][given])
        emotions.append(e)
        level = int(states.integers(len(INTENSITIES)))
        refers = t > 0 and speakers[t] != speakers[t - 1]
        kind = KINDS[_draw(words, tables.kinds[refers])]
        form = grammar.PLAIN[_draw(words, tables.forms)] if kind == "plain" else kind
        said, strength, thing = "", -1, str(words.choice(lexicon.THINGS))
        if kind == "plain":
            said = world.labels[_draw(words, (tables.excluded if form == "denied" else tables.felt)[e])]
            strength = int(words.integers(len(LEVELS))) if form == "denied" else _draw(words, tables.levels[level])
        # Independent of the telling word: the frames show both with noise, and one must not tell of the other.
        other = world.labels[int(words.integers(len(world.labels)))], int(words.integers(len(LEVELS)))
        text = grammar.speak(words, form, said and lexicon.lexicon_label(said), strength,
                             (lexicon.lexicon_label(other[0]), other[1]), thing)
        if kind == "referential":
            before, event = rows[-1], world.labels[_draw(words, tables.felt[e])]
            before["text"] += " " + grammar.announce(words, lexicon.lexicon_label(event), thing)
            before.update(event=event, event_word=grammar.read(before["text"]).verb)
        row = {"split": split, "dialogue": name, "turn": t, "speaker": chr(ord("A") + speakers[t]), "text": text,
               "label": elected([_draw(labels, tables.mistaken[e]) for _ in range(s.annotators)]), "emotion": e,
               "intensity": float(INTENSITIES[level]), "text_kind": kind, "form": form, "said": said,
               "said_level": strength, "event": "", "salient_word": grammar.read(text).salient, "event_word": -1}
        for modality in ("audio", "visual"):
            index = _draw(channels, tables.shown[e])
            row[f"{modality}_shown"] = ("masked" if index >= len(world.labels) else world.labels[index])
        middle = EDGE_SECONDS / 2 + (row["salient_word"] + 0.5) * WORD_SECONDS
        row["burst_start"], row["burst_end"] = max(middle - 2 * BURST_SECONDS, 0.0), middle + 2 * BURST_SECONDS
        rows.append(row)
    return rows


class _Tables:
    """Cumulative sums of the probabilities of a world, from which `_draw` draws."""

    def __init__(self, world: World):
        self.steps = {(own, other): world.transition(own, other).cumsum(-1)
                      for own in (True, False) for other in (True, False)}
        self.kinds = {refers: world.kinds(refers).cumsum() for refers in (True, False)}
        self.forms, self.felt, self.excluded, self.levels, self.shown, self.mistaken = (
            table.cumsum(-1) for table in (world.forms(), world.felt, world.excluded, LEVELS, world.shown(),
                                           world.mistaken))


def _draw(rng: np.random.Generator, cumulative: np.ndarray) -> int:
    """An index from the cumulative sums of its probabilities; one without a probability is never drawn."""
    return int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right"))
