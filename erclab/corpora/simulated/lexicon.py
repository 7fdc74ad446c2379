"""The words of the simulated conversations: a small grammar and lexicon of our own.

Only the salient word of an utterance depends on the emotion; the sentence around it does not. The other words carry no
evidence, so the oracle loses nothing by reading the salient word's vector alone.
"""

# Emotion -> words of rising intensity. MELD's names come first where the corpora differ; see `ALIASES`.
EMOTION_WORDS = {
    "joy": ("glad", "happy", "delighted"),
    "sadness": ("down", "sad", "heartbroken"),
    "neutral": ("indifferent", "calm", "neutral"),
    "anger": ("annoyed", "angry", "furious"),
    "excited": ("curious", "excited", "thrilled"),
    "frustrated": ("bothered", "frustrated", "exasperated"),
    "surprise": ("puzzled", "surprised", "astonished"),
    "fear": ("uneasy", "afraid", "terrified"),
    "disgust": ("averse", "disgusted", "revolted"),
}
ALIASES = {"happy": "joy", "sad": "sadness", "angry": "anger"}

# What another person may have done to a thing, by the emotion that it decides in its owner.
EVENT_WORDS = {
    "joy": "repaired", "sadness": "buried", "neutral": "moved", "anger": "sold", "excited": "found",
    "frustrated": "misplaced", "surprise": "painted", "fear": "threatened", "disgust": "licked",
}

THINGS = ("sandwich", "bicycle", "umbrella", "notebook", "guitar", "ticket", "cake", "camera", "jacket", "plant")

# One word in braces is salient: {word} tells the emotion, {silent} and {mine} do not.
PLAIN = ("I am {word} about the {thing}.", "Honestly, I feel {word} today.", "The {thing} makes me {word}.",
         "You know me, I am {word}.", "So I was {word} when I saw the {thing}.")
AMBIGUOUS = ("{silent}.", "{silent}, you know.", "Well, {silent}.")
SILENT_WORDS = ("Yeah", "Okay", "Right", "Sure", "Hm")
REFERENTIAL = ("{mine} {thing}.", "{mine} {thing}!", "{mine} poor {thing}.")
MINE = "My"
EVENT = "By the way, I {event} your {thing}."


def lexicon_label(label: str) -> str:
    """The lexicon's name of a corpus's label."""
    return ALIASES.get(label, label)
