"""HCT-MG: Wang et al. 2023, Table 8."""

from erclab.training.recipes import tuning
from erclab.training.recipes.recipe import Entry, Recipe, Rows

ROWS: Rows = {
    ("*", "smoke"): Entry(
        Recipe(epochs=7, batch_size=32, learning_rate=3e-3, clip=1.0, schedule="linear", warmup_steps=60),
        {"hidden": 64, "heads": 4, "layers": 1, "self_layers": 1, "kernel": 5, "attention_dropout": 0.0,
         "relu_dropout": 0.0, "embedding_dropout": 0.15, "output_dropout": 0.3},
        f"{tuning.OLDER}, 2 configurations"),
    ("simulated-lesson", "smoke"): Entry(
        Recipe(epochs=3, batch_size=32, learning_rate=6e-3, clip=1.0, schedule="linear", warmup_steps=10),
        {"hidden": 64, "heads": 2, "layers": 1, "self_layers": 1, "kernel": 5, "attention_dropout": 0.0,
         "relu_dropout": 0.0, "embedding_dropout": 0.25, "output_dropout": 0.3},
        f"{tuning.LESSONS}, the first that was tried"),
    ("*", "full"): Entry(
        Recipe(epochs=30, batch_size=64, learning_rate=1e-3, clip=0.8, schedule="plateau", plateau_patience=20,
               standardise=False), {"layers": 4}, "Table 8 (MOSEI); clipping is MulT's"),
    ("mosi-mult", "full"): Entry(
        Recipe(epochs=30, batch_size=36, learning_rate=1e-3, clip=0.8, schedule="plateau", plateau_patience=20,
               standardise=False), {"layers": 2}, "Table 8 (MOSI); clipping is MulT's"),
    ("iemocap-mult", "full"): Entry(
        Recipe(epochs=60, batch_size=16, learning_rate=1e-5, clip=0.8, schedule="plateau", plateau_patience=20,
               standardise=False), {"layers": 2}, "Table 8 (IEMOCAP); clipping is MulT's"),
}
