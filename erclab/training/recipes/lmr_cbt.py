"""LMR-CBT: Fu et al. 2021, Table 1, and their code, skeletonNN/LMR-CBT."""

from erclab.training.recipes import tuning
from erclab.training.recipes.recipe import Entry, Recipe, Rows

ROWS: Rows = {
    ("*", "smoke"): Entry(
        Recipe(epochs=9, batch_size=32, learning_rate=3e-3, clip=1.0, schedule="linear", warmup_steps=60),
        {"hidden": 96, "heads": 4, "layers": 1, "kernel_audio": 5, "kernel_visual": 5, "lstm_dropout": 0.2,
         "attention_dropout": 0.0, "relu_dropout": 0.0, "residual_dropout": 0.1, "embedding_dropout": 0.1,
         "output_dropout": 0.3}, f"{tuning.OLDER}, 5 configurations"),
    ("simulated-lesson", "smoke"): Entry(
        Recipe(epochs=9, batch_size=32, learning_rate=4e-3, clip=1.0, schedule="linear", warmup_steps=10),
        {"hidden": 64, "heads": 2, "layers": 1, "kernel_audio": 5, "kernel_visual": 5, "lstm_dropout": 0.1,
         "attention_dropout": 0.0, "relu_dropout": 0.0, "residual_dropout": 0.1, "embedding_dropout": 0.2,
         "output_dropout": 0.5}, f"{tuning.LESSONS}, the best of 3 configurations"),
    ("*", "full"): Entry(
        Recipe(epochs=120, batch_size=32, learning_rate=1e-3, clip=1.0, standardise=False),
        source="Table 1 (MOSEI); clipping of skeletonNN/LMR-CBT"),
    ("mosi-mult", "full"): Entry(
        Recipe(epochs=100, batch_size=8, learning_rate=2e-3, clip=1.0, standardise=False), source="Table 1 (MOSI)"),
    ("iemocap-mult", "full"): Entry(
        Recipe(epochs=60, batch_size=32, learning_rate=1e-3, clip=1.0, standardise=False), source="Table 1 (IEMOCAP)"),
}
