"""EF-LSTM and LF-LSTM: the baselines of the tables of Tsai et al. 2019, whose training no paper describes."""

from erclab.training.recipes import tuning
from erclab.training.recipes.recipe import Entry, Recipe, Rows

FULL = Entry(Recipe(epochs=40, batch_size=24, learning_rate=1e-3, clip=0.8, standardise=False),
             source="our choice: MulT's; no paper gives the numbers")

EF_LSTM: Rows = {
    ("*", "smoke"): Entry(
        Recipe(epochs=20, batch_size=32, learning_rate=3e-3, weight_decay=1e-3, clip=1.0, schedule="linear",
               warmup_steps=50),
        {"hidden": 96, "head_hidden": 64, "dropout": 0.5, "input_dropout": 0.3},
        f"{tuning.OLDER}, 13 configurations"),
    ("simulated", "smoke"): Entry(
        Recipe(epochs=14, batch_size=32, learning_rate=3e-3, weight_decay=1e-3, clip=1.0, schedule="linear",
               warmup_steps=50),
        {"hidden": 96, "head_hidden": 64, "dropout": 0.5, "input_dropout": 0.3},
        f"{tuning.SCALED}, 13 configurations"),
    ("simulated-lesson", "smoke"): Entry(
        Recipe(epochs=8, batch_size=32, learning_rate=5e-3, weight_decay=1e-3, clip=1.0, schedule="linear",
               warmup_steps=20),
        {"hidden": 64, "head_hidden": 64, "dropout": 0.5, "input_dropout": 0.3},
        f"{tuning.LESSONS}, 2 configurations"),
    ("*", "full"): FULL,
}

LF_LSTM: Rows = {
    ("*", "smoke"): Entry(
        Recipe(epochs=10, batch_size=32, learning_rate=4e-3, weight_decay=2e-4, clip=1.0, schedule="linear",
               warmup_steps=50),
        {"hidden": 96, "head_hidden": 64, "dropout": 0.5, "input_dropout": 0.1},
        f"{tuning.OLDER}, 7 configurations"),
    ("simulated", "smoke"): Entry(
        Recipe(epochs=4, batch_size=32, learning_rate=6e-3, weight_decay=2e-4, clip=1.0, schedule="linear",
               warmup_steps=50),
        {"hidden": 96, "head_hidden": 64, "dropout": 0.5, "input_dropout": 0.1},
        f"{tuning.SCALED}, 7 configurations"),
    ("simulated-lesson", "smoke"): Entry(
        Recipe(epochs=5, batch_size=32, learning_rate=8e-3, weight_decay=2e-4, clip=1.0, schedule="linear",
               warmup_steps=20),
        {"hidden": 48, "head_hidden": 64, "dropout": 0.5, "input_dropout": 0.1},
        f"{tuning.LESSONS}, the first that was tried"),
    ("*", "full"): FULL,
}
