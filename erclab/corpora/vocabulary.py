"""The names of splits, modalities and annotations, the same for every corpus."""

from erclab.core.targets import BUILT_IN

MODALITIES = ("text", "audio", "visual")
SPLITS = ("train", "valid", "test")
COLUMNS = ("split", "dialogue", "turn", "speaker", "text", "label")

# Built-in task -> names of its columns in `Corpus.annotations`; the task "emotion" is the table's `label`.
ANNOTATIONS = {name: task.names for name, task in BUILT_IN.items() if name != "emotion"}
UNLABELLED = -1
