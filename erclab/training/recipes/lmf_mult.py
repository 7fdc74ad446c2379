"""LMF-MulT: Sahay et al. 2020. There is no code of the authors; at full scale it is trained like MulT."""

from erclab.training.recipes import mult, tuning
from erclab.training.recipes.recipe import Entry, Recipe, Rows

# One fused step, a query for all of an utterance, was better than 4 and 50 steps in an older simulated world. (Measured
# while tuning on validation; no record kept.)
ROWS: Rows = {
    ("*", "smoke"): Entry(
        Recipe(epochs=8, batch_size=32, learning_rate=2e-3, weight_decay=3e-4, clip=0.8, schedule="linear",
               warmup_steps=60),
        {"hidden": 64, "heads": 4, "layers": 2, "memory_layers": 1, "fused_steps": 1, "attention_dropout": 0.0,
         "relu_dropout": 0.0, "embedding_dropout": 0.2, "output_dropout": 0.5},
        f"{tuning.OLDER}, 5 configurations"),
    ("simulated", "smoke"): Entry(
        Recipe(epochs=9, batch_size=32, learning_rate=2e-3, weight_decay=3e-4, clip=0.8, schedule="linear",
               warmup_steps=60),
        {"hidden": 64, "heads": 4, "layers": 2, "memory_layers": 1, "fused_steps": 1, "attention_dropout": 0.0,
         "relu_dropout": 0.0, "embedding_dropout": 0.2, "output_dropout": 0.5},
        f"{tuning.SCALED}, 5 configurations"),
    ("simulated-lesson", "smoke"): Entry(
        Recipe(epochs=3, batch_size=32, learning_rate=4e-3, weight_decay=3e-4, clip=0.8, schedule="linear",
               warmup_steps=10),
        {"hidden": 64, "heads": 4, "layers": 1, "memory_layers": 1, "fused_steps": 1, "attention_dropout": 0.0,
         "relu_dropout": 0.0, "embedding_dropout": 0.2, "output_dropout": 0.5},
        f"{tuning.LESSONS}, the better of 2 configurations"),
    ("*", "full"): mult.FULL,
}
