"""MulT: Tsai et al. 2019 and their code, yaohungt/Multimodal-Transformer."""

from erclab.training.recipes import tuning
from erclab.training.recipes.recipe import Entry, Recipe, Rows

FULL = Entry(
    Recipe(epochs=40, batch_size=24, learning_rate=1e-3, clip=0.8, schedule="plateau", plateau_patience=20,
           standardise=False), source="yaohungt/Multimodal-Transformer, its defaults")

ROWS: Rows = {
    ("*", "smoke"): Entry(
        Recipe(epochs=5, batch_size=32, learning_rate=2e-3, clip=0.8, schedule="linear", warmup_steps=60),
        {"hidden": 64, "heads": 4, "layers": 1, "memory_layers": 1, "kernel_text": 3, "kernel_audio": 5,
         "kernel_visual": 5, "attention_dropout": 0.0, "attention_dropout_audio": 0.0, "attention_dropout_visual": 0.0,
         "relu_dropout": 0.0, "embedding_dropout": 0.1, "output_dropout": 0.3},
        f"{tuning.OLDER}, 5 configurations"),
    ("simulated", "smoke"): Entry(
        Recipe(epochs=4, batch_size=32, learning_rate=2e-3, clip=0.8, schedule="linear", warmup_steps=60),
        {"hidden": 64, "heads": 4, "layers": 1, "memory_layers": 1, "kernel_text": 3, "kernel_audio": 5,
         "kernel_visual": 5, "attention_dropout": 0.0, "attention_dropout_audio": 0.0, "attention_dropout_visual": 0.0,
         "relu_dropout": 0.0, "embedding_dropout": 0.1, "output_dropout": 0.3},
        f"{tuning.SCALED}, 5 configurations"),
    ("simulated-lesson", "smoke"): Entry(
        Recipe(epochs=4, batch_size=32, learning_rate=6e-3, clip=0.8, schedule="linear", warmup_steps=10),
        {"hidden": 40, "heads": 2, "layers": 1, "memory_layers": 1, "kernel_text": 3, "kernel_audio": 5,
         "kernel_visual": 5, "attention_dropout": 0.0, "attention_dropout_audio": 0.0, "attention_dropout_visual": 0.0,
         "relu_dropout": 0.0, "embedding_dropout": 0.25, "output_dropout": 0.3},
        f"{tuning.LESSONS}, 2 configurations"),
    ("*", "full"): FULL,
}
