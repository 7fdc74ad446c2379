"""The names of splits, modalities and annotations, the same for every corpus."""

MODALITIES = ("text", "audio", "visual")
SPLITS = ("train", "valid", "test")
COLUMNS = ("split", "dialogue", "turn", "speaker", "text", "label")

# Task -> names of its columns in `Corpus.annotations`; the task "emotion" is the table's `label`.
ANNOTATIONS = {
    "emotion4": ("neutral", "happy", "sad", "angry"),  # IEMOCAP's four one-versus-rest labels, 0 or 1
    "sentiment": ("sentiment",),  # in [-3, 3]
    "dimensional": ("valence", "arousal", "expectancy", "power"),
}
UNLABELLED = -1
