"""The words of the simulated conversations: a small grammar of our own, one list per thing an utterance can be.

`{thing}` is filled with one of `THINGS`; `{very}` with an intensifier that grows with the emotion's intensity.
"""

THINGS = ("sandwich", "bicycle", "umbrella", "notebook", "guitar", "ticket", "cake", "camera", "jacket", "plant")

VERY = ("a little", "rather", "really", "incredibly")

# The emotion is in the words.
PLAIN = {
    "happy": ("I am {very} glad about the {thing}.", "That makes me {very} happy.", "What a lovely {thing}, thank you.",
              "I feel {very} good today."),
    "sad": ("I am {very} sad about the {thing}.", "I miss it {very} much.", "Nothing has felt right since the {thing}.",
            "I could cry about it."),
    "neutral": ("The {thing} is on the table.", "It opens at nine tomorrow.", "I brought the {thing} along.",
                "We have two of them left."),
    "angry": ("I am {very} angry about the {thing}.", "Stop lying to me.", "How dare you touch the {thing}.",
              "I have had enough of this."),
    "excited": ("I can hardly wait for the {thing}!", "This is {very} thrilling!", "We won, we really won the {thing}!",
                "Tell me everything, now!"),
    "frustrated": ("I keep asking and nobody answers.", "The {thing} is {very} annoying.", "Not the {thing} again.",
                   "I have tried this ten times."),
}

# The emotion is not in the words at all.
AMBIGUOUS = ("Yeah.", "Okay.", "Right.", "I see.", "Sure.", "Well.")

# A clause that ends a turn and decides how the other will feel; the reply (REFERENTIAL) only points back to it.
EVENTS = {
    "happy": "By the way, I repaired your {thing}.",
    "sad": "By the way, your old {thing} is gone for good.",
    "neutral": "By the way, I moved your {thing} to the shelf.",
    "angry": "By the way, I sold your {thing} without asking.",
    "excited": "By the way, you have won a new {thing}.",
    "frustrated": "By the way, they lost your {thing} again.",
}
REFERENTIAL = ("My {thing}.", "The {thing}.", "That {thing} of mine.")
