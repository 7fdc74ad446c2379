"""Simulated conversations: no download, no licence, deterministic from a seed, and the truth behind each utterance.

The samples are drawn from the model in `erclab.corpora.simulated.world`; `erclab.corpora.simulated.oracle` inverts it.

The utterance vectors are matched filters over the frames: a frame holds the burst's profile times the mean, plus
noise, and the vector is the sum of the frames weighted by the same profile (of unit norm), which leaves N(0, I). So
both views carry the same evidence. The vectors are drawn first and the frames around them, with the noise that a
matched filter would have left, so a corpus has the same vectors with and without its frames.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace

import numpy as np
import pandas as pd

from erclab.core.errors import unknown
from erclab.core.settings import check
from erclab.corpora.corpus import Corpus
from erclab.corpora.frames import Frames
from erclab.corpora.simulated import lexicon
from erclab.corpora.simulated.world import CODEBOOK_SEED, EMOTION4, INTENSITIES, KINDS, Settings, World
from erclab.corpora.vocabulary import MODALITIES, SPLITS

PRESETS = {
    "small": Settings(),
    # What a class can wait for: a third of the utterances, and what is shown is shown clearly, so that small models
    # learn it in seconds. What is masked, ambiguous or referential stays so.
    "lesson": Settings(dialogues=(80, 16, 40), turns=(5, 9, 16), dims=(32, 18, 18), strength=(8.0, 7.0, 6.5)),
    "tiny": Settings(dialogues=(12, 4, 6), turns=(3, 5, 8), dims=(20, 18, 18)),
    # Dialogues, turns and speakers per dialogue after the published corpora.
    "iemocap": Settings(dialogues=(108, 12, 31), turns=(8, 46, 110), spread=0.38),
    "meld": Settings(scheme="meld", dialogues=(1038, 114, 280), turns=(1, 8, 33), spread=0.62,
                     speakers=(0.09, 0.40, 0.29, 0.14, 0.05, 0.02, 0.01)),
}
NAMES = {"simulated" if preset == "small" else f"simulated-{preset}": preset for preset in PRESETS}
RATES = {"audio": 12.5, "visual": 15.0}  # frames per second
WORD_SECONDS, EDGE_SECONDS = 0.35, 0.3
BURST_SECONDS = 0.16  # deviation of the burst around the salient word
LEAD_SECONDS = {"audio": 0.0, "visual": 0.12}  # the face moves before the voice
CHANGED = ", changed: "  # in `Corpus.source`: what is set differently from the preset follows, as JSON
CLEAR = 16.0  # deviations of noise: no two prototypes are mistaken, and likelihoods stay within float64
MOST_LIVE = 4  # speakers whose last emotion still matters at once: the oracle's state is C to this power


def generate(preset: str = "small", *, frames: bool = False, **changes) -> Corpus:
    """A corpus with the columns of the schema and, for every utterance, the truth.

    Extra columns of the table: `intensity`; `text_kind` plain, ambiguous or referential; `event`, the emotion that
    the event at the end of the words decides ("" without one); `audio_shown` and `visual_shown`, the emotion that
    voice and face express, or "masked"; `salient_word` and `event_word`, positions among the words (-1: none);
    `burst_start` and `burst_end`, seconds of the voice's burst (the face's is 0.12 s earlier).

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
    rng = {what: np.random.default_rng([settings.seed, i]) for i, what in enumerate(("states", "words", "channels"))}
    rows = [row for split, count in zip(SPLITS, settings.dialogues, strict=True)
            for i in range(count) for row in _dialogue(world, rng, split, f"{split}-{i:03d}")]
    table = pd.DataFrame(rows)
    vectors, sequences = _observe(world, table, frames)
    intensity = table["intensity"].to_numpy()[:, None]
    affect = world.affect[table["label"]] * intensity
    names = np.array(world.labels)[table["label"]]
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
    if corpus.name not in NAMES:
        return None
    seed = re.match(r"simulated, seed (\d+)", corpus.source)
    if not seed:  # of the same name, but made elsewhere
        return None
    _, _, changed = corpus.source.partition(CHANGED)
    changes, _ = json.JSONDecoder().raw_decode(changed) if changed else ({}, 0)
    return world_of(NAMES[corpus.name], **changes, seed=int(seed[1]))


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


def _dialogue(world: World, rng: dict[str, np.random.Generator], split: str, name: str) -> list[dict]:
    """The states, the words and the emotions that voice and face show, of one conversation."""
    s, (states, words, channels) = world.settings, rng.values()
    low, median, high = s.turns
    turns = int(np.clip(round(median * np.exp(s.spread * states.normal())), low, high))
    speakers = _speakers(s, states, turns)
    links, shown = parents(speakers), world.shown()
    emotions: list[int] = []
    rows: list[dict] = []
    for t, (own, other) in enumerate(links):
        table = world.transition(own is not None, other is not None)
        given = tuple(emotions[j] for j in (own, other) if j is not None)
        e = int(states.choice(len(world.labels), p=table[given]))
        emotions.append(e)
        label, level = world.labels[e], int(states.integers(len(INTENSITIES)))
        refers = t > 0 and speakers[t] != speakers[t - 1]
        kind = KINDS[int(words.choice(len(KINDS), p=world.kinds(refers)))]
        thing, silent = str(words.choice(lexicon.THINGS)), str(words.choice(lexicon.SILENT_WORDS))
        template = str(words.choice({"plain": lexicon.PLAIN, "ambiguous": lexicon.AMBIGUOUS,
                                     "referential": lexicon.REFERENTIAL}[kind]))
        salient = next(i for i, word in enumerate(template.split())
                       if any(slot in word for slot in ("{word}", "{silent}", "{mine}")))
        text = template.format(word=lexicon.EMOTION_WORDS[lexicon.lexicon_label(label)][level], thing=thing,
                               silent=silent if salient == 0 else silent.lower(), mine=lexicon.MINE)
        if kind == "referential":
            before = rows[-1]
            clause = lexicon.EVENT.format(event=lexicon.EVENT_WORDS[lexicon.lexicon_label(label)], thing=thing)
            at = next(i for i, word in enumerate(lexicon.EVENT.split()) if "{event}" in word)
            before.update(event=label, event_word=len(before["text"].split()) + at, text=f"{before['text']} {clause}")
        row = {"split": split, "dialogue": name, "turn": t, "speaker": chr(ord("A") + speakers[t]), "text": text,
               "label": e, "intensity": float(INTENSITIES[level]), "text_kind": kind, "event": "",
               "salient_word": salient, "event_word": -1}
        for modality in ("audio", "visual"):
            index = int(np.searchsorted(np.cumsum(shown[e]), channels.random(), side="right"))
            row[f"{modality}_shown"] = ("masked" if index >= len(world.labels) else world.labels[index])
        middle = EDGE_SECONDS / 2 + (salient + 0.5) * WORD_SECONDS
        row["burst_start"], row["burst_end"] = max(middle - 2 * BURST_SECONDS, 0.0), middle + 2 * BURST_SECONDS
        rows.append(row)
    return rows


def burst(modality: str, words: int, salient: int) -> np.ndarray:
    """(L,) the profile of the burst over an utterance's frames, of unit norm."""
    rate = RATES[modality]
    seconds = EDGE_SECONDS + words * WORD_SECONDS
    time = (np.arange(int(np.ceil(seconds * rate))) + 0.5) / rate
    middle = EDGE_SECONDS / 2 + (salient + 0.5) * WORD_SECONDS - LEAD_SECONDS[modality]
    profile = np.exp(-0.5 * ((time - middle) / BURST_SECONDS) ** 2)
    return profile / np.linalg.norm(profile)


def said(world: World, table: pd.DataFrame) -> np.ndarray:
    """(N, D_text) what the words mean: the mean of each utterance's text vector."""
    kind, intensity = table["text_kind"].to_numpy(), table["intensity"].to_numpy()[:, None]
    mean = np.where((kind == "plain")[:, None], world.prototypes("text")[table["label"]] * intensity,
                    world.silent()[(kind == "referential").astype(int)])
    announced = table["event"].map({name: i for i, name in enumerate(world.labels)})
    there = announced.notna().to_numpy()
    mean[there] += world.events()[announced[there].astype(int)]
    return mean


def as_words(corpus: Corpus, world: World) -> tuple[Corpus, World]:
    """A simulated corpus as a reader of its words sees it, and its world: for the oracle of a model that reads words.

    Words have no noise, while the oracle supposes noise of deviation 1 in their vectors. So the vectors here have no
    noise and are so long that the oracle is sure of each word that tells anything.
    """
    clear = World(replace(world.settings, strength=(CLEAR, *world.settings.strength[1:]), event=CLEAR))
    return corpus.with_vectors("text", said(clear, corpus.table).astype(np.float32)), clear


def _observe(world: World, table: pd.DataFrame, frames: bool) -> tuple[dict[str, np.ndarray], dict[str, Frames]]:
    """Vectors (N, D_m) of each modality and, on request, its frames."""
    index = {name: i for i, name in enumerate(world.labels)}
    intensity = table["intensity"].to_numpy()[:, None]
    lengths, salient = table["text"].str.split().str.len().to_numpy(), table["salient_word"].to_numpy()
    people = pd.factorize(table["dialogue"] + "/" + table["speaker"])[0]
    vectors, sequences = {}, {}
    for i, modality in enumerate(MODALITIES):
        noise = np.random.default_rng([world.settings.seed, 3, i])
        dim = world.settings.dims[i]
        if modality == "text":
            mean = said(world, table)
            offset = np.zeros((len(table), dim))
        else:
            seen = table[f"{modality}_shown"].map(index)
            there = seen.notna().to_numpy()
            mean = np.zeros((len(table), dim))
            mean[there] = world.prototypes(modality)[seen[there].astype(int)] * intensity[there]
            free = world.free(modality)
            offset = (noise.normal(scale=world.settings.offset, size=(people.max() + 1, len(free))) @ free)[people]
        left = noise.normal(size=(len(table), dim))  # what the matched filter leaves of the frames' noise
        profiles = None if modality == "text" else [
            burst(modality, n, k) for n, k in zip(lengths, salient, strict=True)]
        weight = np.zeros(len(table)) if profiles is None else np.array([p.sum() for p in profiles])
        vectors[modality] = (mean + weight[:, None] * offset + left).astype(np.float32)
        if frames:
            around = np.random.default_rng([world.settings.seed, 4, i])
            parts = (_word_vectors(world, table, mean + left, around) if profiles is None else
                     [np.outer(b, m + e) + o + _orthogonal(around, b, dim)
                      for b, m, e, o in zip(profiles, mean, left, offset, strict=True)])
            sequences[modality] = Frames.pack(parts, rate=RATES.get(modality, 0.0))
    return vectors, sequences


def _orthogonal(rng: np.random.Generator, profile: np.ndarray, dim: int) -> np.ndarray:
    """(L, D) noise N(0, I) less its part along the profile, which the vector's own noise replaces."""
    z = rng.normal(size=(len(profile), dim))
    return z - np.outer(profile, profile @ z)


def _word_vectors(world: World, table: pd.DataFrame, seen: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """One vector per word. The salient word carries the utterance's vector without the part of the event word.

    Every other word has a vector of its own, the same wherever it occurs, in directions without evidence.
    """
    free, dim = world.free("text"), world.settings.dims[0]
    basis = world.events() / np.maximum(np.linalg.norm(world.events(), axis=1, keepdims=True), 1e-12)
    along = basis.T @ basis  # projector on the events' directions
    book: dict[str, np.ndarray] = {}
    parts = []
    for text, x, salient, event in zip(table["text"], seen, table["salient_word"], table["event_word"], strict=True):
        words = [word.strip(".,!?").lower() for word in text.split()]
        for word in words:
            if word not in book:
                own = np.random.default_rng([CODEBOOK_SEED, *word.encode()])
                book[word] = own.normal(size=len(free)) @ free
        part = np.stack([book[word] for word in words]) + rng.normal(size=(len(words), dim))
        part[salient] = x
        if event >= 0:
            other = rng.normal(size=(2, dim))
            part[salient] = x - along @ x + along @ other[0]
            part[event] = along @ x + other[1] - along @ other[1]
        parts.append(part)
    return parts
