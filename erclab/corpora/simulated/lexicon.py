"""The words of the simulated conversations: a lexicon and sentence patterns of our own.

Only four kinds of words depend on an emotion: the word that tells what a speaker feels ({word}), the word of what the
speaker denies to feel ({denied}), a second emotion word that tells nothing about the speaker's state ({other}), and the
verb of an event ({event}). All other words are drawn in the same way for every emotion.
"""

from __future__ import annotations

# Emotion -> three strengths of words, from weak to strong, four synonyms each. No word stands in two places.
EMOTION_WORDS = {
    "joy": (("glad", "pleased", "content", "satisfied"), ("happy", "cheerful", "joyful", "merry"),
            ("delighted", "overjoyed", "blissful", "euphoric")),
    "sadness": (("gloomy", "wistful", "subdued", "melancholic"), ("sad", "unhappy", "sorrowful", "tearful"),
                ("heartbroken", "devastated", "miserable", "grief-stricken")),
    "neutral": (("indifferent", "impartial", "unmoved", "detached"), ("calm", "relaxed", "composed", "even-tempered"),
                ("neutral", "serene", "unconcerned", "tranquil")),
    "anger": (("annoyed", "cross", "irritated", "grumpy"), ("angry", "indignant", "resentful", "irate"),
              ("furious", "enraged", "livid", "outraged")),
    "excited": (("curious", "keen", "interested", "hopeful"), ("excited", "enthusiastic", "animated", "eager"),
                ("thrilled", "exhilarated", "elated", "ecstatic")),
    "frustrated": (("bothered", "impatient", "discouraged", "dissatisfied"),
                   ("frustrated", "vexed", "thwarted", "disheartened"),
                   ("exasperated", "maddened", "defeated", "worn-out")),
    "surprise": (("puzzled", "perplexed", "bemused", "unprepared"), ("surprised", "startled", "amazed", "baffled"),
                 ("astonished", "astounded", "stunned", "dumbfounded")),
    "fear": (("uneasy", "nervous", "worried", "tense"), ("afraid", "scared", "frightened", "anxious"),
             ("terrified", "petrified", "panicked", "horrified")),
    "disgust": (("averse", "queasy", "displeased", "squeamish"), ("disgusted", "repelled", "offended", "nauseated"),
                ("revolted", "sickened", "appalled", "repulsed")),
}
ALIASES = {"happy": "joy", "sad": "sadness", "angry": "anger"}  # IEMOCAP's names; the lexicon has MELD's

# What another person may have done to a thing, by the emotion that it tends to cause in its owner.
EVENT_VERBS = {
    "joy": ("repaired", "restored", "cleaned"), "sadness": ("burned", "buried", "ruined"),
    "neutral": ("moved", "carried", "borrowed"), "anger": ("sold", "stole", "smashed"),
    "excited": ("found", "upgraded", "recovered"), "frustrated": ("misplaced", "jammed", "tangled"),
    "surprise": ("painted", "swapped", "doubled"), "fear": ("poisoned", "endangered", "hexed"),
    "disgust": ("licked", "soiled", "smeared"),
}

# Slots that no emotion decides. Words of one slot stand in no other one.
THINGS = ("bicycle", "umbrella", "notebook", "guitar", "camera", "jacket", "plant", "phone", "lamp", "chair", "kettle",
          "blanket", "suitcase", "watch", "scarf", "piano", "clock", "mirror", "basket", "helmet", "radio", "carpet",
          "puzzle", "teapot")
FILLERS = {
    "thing": THINGS,
    "person": ("Anna", "Ben", "Clara", "David", "Elena", "Farid", "Grace", "Hiro", "Ines", "Jonas", "Kofi", "Lucy"),
    "place": ("work", "home", "school", "church", "college", "camp"),
    "day": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "silent": ("yeah", "okay", "right", "sure", "hm", "alright", "indeed", "maybe"),
}

# Openings of sentences with a word of the emotion; no opening is as frequent as all others together.
OPENINGS = ("Honestly,", "Look,", "Listen,", "You see,", "Truly,", "Say what you will,", "Between us,")

# Form of an utterance -> its sentences, which are equally frequent for every emotion.
SENTENCES = {
    "direct": (
        "I am {word} about the {thing}.", "I feel {word} today.", "The {thing} makes me {word}.",
        "You know me, I am {word}.", "I was {word} when I saw the {thing}.", "I have been {word} since {day}.",
        "I get {word} when I think about the {thing}.", "Seeing the {thing} again made me {word}.",
        "Call me {word} if you like.", "I must look {word} right now.", "That {thing} leaves me {word}.",
        "I woke up {word} on {day}.", "I am {word}, and you can write that down.",
        "We should talk, I am {word} about the {thing}.", "I am still {word} about what happened at {place}.",
        "Everyone at {place} says that I seem {word}.", "Whenever {person} calls, I get {word}.",
        "I came back from {place} and felt {word}.", "{person} wrote about the {thing} and now I am {word}.",
        "My {word} face says it all.", "I am as {word} as {person} was on {day}."),
    "contrast": (
        "I expected to be {other}, but I am {word}.", "I am {word}, though I expected to be {other}.",
        "I was {other} about the {thing} before, and now I am {word}.",
        "Now I am {word}, and before I was {other} about the {thing}.",
        "{person} is {other} about the {thing}, I am {word}.", "I am {word} about the {thing}, {person} is {other}.",
        "Where others get {other}, I get {word}.", "I get {word} where others get {other}.",
        "On {day} I felt {other}, today I feel {word}.", "Today I feel {word}, on {day} I felt {other}.",
        "I look {other}, and inside I am {word}.", "Inside I am {word}, even if I look {other}."),
    "denied": (
        "I am not {denied} about the {thing}.", "I do not feel {denied} today.",
        "The {thing} does not make me {denied}.", "Nobody could call me {denied}.",
        "I was not {denied} when I saw the {thing}.", "Do not expect me to be {denied} about the {thing}.",
        "{person} wants me to be {denied}, and I am not.", "How could anyone be {denied} about the {thing}?",
        "It is hard to feel {denied} at {place}.", "I have not been {denied} since {day}."),
    "ambiguous": ("{silent}.", "{silent}, you know.", "Well, {silent}.", "{silent}, if you say so.",
                  "{silent}, let us see.", "Oh, {silent}, I heard."),
    "referential": ("{mine} {thing}.", "{mine} {thing}!", "{mine} poor {thing}.", "Oh, {mine} {thing}.",
                    "Not {mine} {thing}!", "Wait, {mine} {thing}?", "You mean {mine} {thing}?"),
}
MINE = "my"
# Clauses that end an utterance with an event; the answer to it is a referential utterance.
EVENTS = ("By the way, I {event} your {thing}.", "Oh, and I {event} your {thing}.",
          "You should know that I {event} your {thing}.", "Besides, I {event} your {thing} on {day}.",
          "Before I forget, {person} and I {event} your {thing}.")


def lexicon_label(label: str) -> str:
    """The lexicon's name of a corpus's label."""
    return ALIASES.get(label, label)
