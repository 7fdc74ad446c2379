"""The grammar of the simulated conversations: sentences with known probabilities, and the way back from a sentence.

`speak` draws a sentence for what has been decided (its form, its emotion words), and `read` finds in a sentence all
that was decided. So the words of an utterance and its `Reading` hold the same evidence, and the oracle of the words
needs the probabilities of readings alone:

    p(words | state) = p(reading | state) * p(words | reading)

where the second factor (which sentence of its form, which synonym, which person ...) is the same for every state.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from erclab.core.errors import CorpusError
from erclab.corpora.simulated import lexicon

FORMS = tuple(lexicon.SENTENCES)
PLAIN = ("direct", "contrast", "denied")  # forms that have a word of the emotion
TELLING = ("word", "denied", "mine", "silent")  # the slot of the salient word: the first that a sentence has
SLOT = re.compile(r"\{(\w+)\}")
EDGES = ".,!?"


@dataclass(frozen=True)
class Reading:
    """What the words of one utterance tell.

    Attributes:
        form: one of `FORMS`.
        emotion: the lexicon's emotion of the word in {word} or {denied}; "" where the form has none.
        level: 0, 1 or 2: how strong that word is; -1 without one.
        event: the lexicon's emotion of the event's verb; "" without an event.
        salient, verb: positions of the telling word and of the event's verb among the words; -1 without an event.
    """

    form: str
    emotion: str = ""
    level: int = -1
    event: str = ""
    salient: int = 0
    verb: int = -1


@cache
def _emotion_words() -> dict[str, tuple[str, int]]:
    """Emotion word -> its emotion in the lexicon, and its strength."""
    return {word: (emotion, level) for emotion, levels in lexicon.EMOTION_WORDS.items()
            for level, words in enumerate(levels) for word in words}


def emotion_of(word: str) -> tuple[str, int] | None:
    """The lexicon's emotion and the strength of an emotion word in lower case; None of another word."""
    return _emotion_words().get(word)


@cache
def _verbs() -> dict[str, str]:
    return {verb: emotion for emotion, verbs in lexicon.EVENT_VERBS.items() for verb in verbs}


@cache
def _class_of() -> dict[str, str]:
    """A word in lower case -> the slot that it fills."""
    found = {word.lower(): slot for slot, words in lexicon.FILLERS.items() for word in words}
    found |= dict.fromkeys(_emotion_words(), "emotion") | dict.fromkeys(_verbs(), "event")
    return found | {lexicon.MINE: "mine"}


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, without the marks at their edges."""
    return [word.strip(EDGES).lower() for word in text.split()]


def _skeleton(words: Sequence[str]) -> tuple[str, ...]:
    """Words with the names of their slots instead of what fills the slots."""
    return tuple(f"<{_class_of()[word]}>" if word in _class_of() else word for word in words)


def _pattern_skeleton(pattern: str) -> tuple[tuple[str, ...], dict[str, int]]:
    """The skeleton of a sentence pattern, and the position of each slot."""
    example = {slot: words[0] for slot, words in lexicon.FILLERS.items()} | {
        "mine": lexicon.MINE, "event": next(iter(_verbs())),
        **dict.fromkeys(("word", "denied", "other"), next(iter(_emotion_words())))}
    slots = {found[1]: i for i, word in enumerate(pattern.split()) if (found := SLOT.search(word))}
    return _skeleton(words_of(pattern.format(**example))), slots


@cache
def _patterns() -> dict[tuple[str, ...], tuple[str, dict[str, int]]]:
    """Skeleton of every opening and sentence -> its form and the positions of its slots."""
    found: dict[tuple[str, ...], tuple[str, dict[str, int]]] = {}
    for form, sentences in lexicon.SENTENCES.items():
        for sentence in sentences:
            for opening in ("", *(lexicon.OPENINGS if form in PLAIN else ())):
                skeleton, slots = _pattern_skeleton(f"{opening} {sentence}")
                if found.setdefault(skeleton, (form, slots)) != (form, slots):
                    raise CorpusError(f"'{sentence}' can be read in two ways", where="the lexicon")
    return found


@cache
def _clauses() -> dict[tuple[str, ...], int]:
    """Skeleton of every event's clause -> the position of its verb."""
    return {skeleton: slots["event"] for skeleton, slots in map(_pattern_skeleton, lexicon.EVENTS)}


def read(text: str) -> Reading:
    """What an utterance of the grammar tells.

    Raises:
        CorpusError: the text is no sentence of the grammar.
    """
    words = words_of(text)
    skeleton = _skeleton(words)
    for end in range(len(words), 0, -1):
        known = _patterns().get(skeleton[:end])
        if known and (end == len(words) or skeleton[end:] in _clauses()):
            break
    else:
        raise CorpusError(f"'{text}' is no sentence of the simulated language", where="text",
                          remedy="The words of a simulated corpus must stay as they were generated.")
    form, slots = known
    telling = slots.get("word", slots.get("denied"))
    emotion, level = ("", -1) if telling is None else _emotion_words()[words[telling]]
    verb = end + _clauses()[skeleton[end:]] if end < len(words) else -1
    return Reading(form, emotion, level, _verbs()[words[verb]] if verb >= 0 else "",
                   next(slots[slot] for slot in TELLING if slot in slots), verb)


def speak(rng: np.random.Generator, form: str, emotion: str, level: int, other: tuple[str, int], thing: str) -> str:
    """A sentence of a form.

    Args:
        rng: draws what no state decides: the sentence, synonyms and fillers.
        emotion, level: of the word in {word} or {denied}.
        other: emotion and level of the word in {other}.
        thing: what fills {thing}.
    """
    sentences = lexicon.SENTENCES[form]
    sentence = sentences[int(rng.integers(len(sentences)))]
    opening = _choice(rng, lexicon.OPENINGS) if form in PLAIN and rng.random() < 0.5 else ""
    filled = {slot: _choice(rng, lexicon.FILLERS[slot]) for slot in SLOT.findall(sentence) if slot in lexicon.FILLERS}
    filled |= {"thing": thing, "mine": lexicon.MINE}
    if emotion:
        filled["word"] = filled["denied"] = _choice(rng, lexicon.EMOTION_WORDS[emotion][level])
        second = [word for word in lexicon.EMOTION_WORDS[other[0]][other[1]] if word != filled["word"]]
        filled["other"] = _choice(rng, second)
    said = sentence.format(**filled)
    if opening and not re.match(r"I\b|\{person\}", sentence):
        said = said[0].lower() + said[1:]
    said = f"{opening} {said}".strip()
    return said[0].upper() + said[1:]


def announce(rng: np.random.Generator, emotion: str, thing: str) -> str:
    """A clause that names an event: one that tends to cause an emotion of the lexicon in the owner of a thing."""
    clause = _choice(rng, lexicon.EVENTS)
    return clause.format(event=_choice(rng, lexicon.EVENT_VERBS[emotion]), thing=thing,
                         day=_choice(rng, lexicon.FILLERS["day"]), person=_choice(rng, lexicon.FILLERS["person"]))


def _choice(rng: np.random.Generator, options: Sequence[str]) -> str:
    return options[int(rng.integers(len(options)))]
