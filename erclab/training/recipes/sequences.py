"""Recipes of the models of sequences. Their authors' numbers where there are any."""

from erclab.training.recipes.recipe import Entry, Recipe

# Widths above those of the features (48 for text) and little dropout before the transformers made the difference on
# the simulated corpus: its 2,400 utterances are soon learnt by heart, but narrow models do not find the evidence.
# Configurations were compared at one seed by the validation score and by time: where two differed by less than seeds
# do, the quicker one stands here (LMR-CBT of width 128: 46.0, of 96: 45.8; MulT after 6 epochs: 49.1, after 5: 47.9).
OURS = "our choice: the validation split of the simulated corpus"

# A class waits: a run of a few seconds on one thread. Compared at seed 0 by time and by the validation score (weighted
# F1), which stands in each row; the linear probe on pooled frames has 77.2, the constant 6.7. The LSTMs, LMF-MulT and
# MulT are above that probe; HCT-MG is next to it and LMR-CBT below, also in every slower configuration that was tried.
LESSON = "our choice: the validation split of simulated-lesson at seed 0, {}"

FULL_MULT = Entry(
    Recipe(epochs=40, batch_size=24, learning_rate=1e-3, clip=0.8, schedule="plateau", plateau_patience=20,
           standardise=False), source="yaohungt/Multimodal-Transformer, its defaults")

MULT = {
    ("*", "smoke"): Entry(
        Recipe(epochs=5, batch_size=32, learning_rate=2e-3, clip=0.8, schedule="linear", warmup_steps=60),
        {"hidden": 64, "heads": 4, "layers": 1, "memory_layers": 1, "kernel_text": 3, "kernel_audio": 5,
         "kernel_visual": 5, "attention_dropout": 0.0, "attention_dropout_audio": 0.0, "attention_dropout_visual": 0.0,
         "relu_dropout": 0.0, "embedding_dropout": 0.1, "output_dropout": 0.3}, f"{OURS}, 5 configurations"),
    ("simulated-lesson", "smoke"): Entry(
        Recipe(epochs=4, batch_size=32, learning_rate=8e-3, clip=0.8, schedule="linear", warmup_steps=10),
        {"hidden": 40, "heads": 2, "layers": 1, "memory_layers": 1, "kernel_text": 3, "kernel_audio": 5,
         "kernel_visual": 5, "attention_dropout": 0.0, "attention_dropout_audio": 0.0, "attention_dropout_visual": 0.0,
         "relu_dropout": 0.0, "embedding_dropout": 0.1, "output_dropout": 0.3},
        LESSON.format("6 configurations; 77.7")),
    ("*", "full"): FULL_MULT,
}

# One fused step, a query for all of an utterance: validation score 48. Up to 50 steps: 47 with rank 1 and more weight
# decay, 37 with rank 4 and none. Up to 4 steps, rank 2: 45.
LMF_MULT = {
    ("*", "smoke"): Entry(
        Recipe(epochs=8, batch_size=32, learning_rate=2e-3, weight_decay=3e-4, clip=0.8, schedule="linear",
               warmup_steps=60),
        {"hidden": 64, "heads": 4, "layers": 2, "memory_layers": 1, "fused_steps": 1, "attention_dropout": 0.0,
         "relu_dropout": 0.0, "embedding_dropout": 0.2, "output_dropout": 0.5}, f"{OURS}, 5 configurations"),
    ("simulated-lesson", "smoke"): Entry(
        Recipe(epochs=5, batch_size=32, learning_rate=4e-3, weight_decay=3e-4, clip=0.8, schedule="linear",
               warmup_steps=10),
        {"hidden": 64, "heads": 4, "layers": 1, "memory_layers": 1, "fused_steps": 1, "attention_dropout": 0.0,
         "relu_dropout": 0.0, "embedding_dropout": 0.2, "output_dropout": 0.5},
        LESSON.format("4 configurations; 82.7")),
    ("*", "full"): FULL_MULT,
}

LMR_CBT = {
    ("*", "smoke"): Entry(
        Recipe(epochs=9, batch_size=32, learning_rate=3e-3, clip=1.0, schedule="linear", warmup_steps=60),
        {"hidden": 96, "heads": 4, "layers": 1, "kernel_audio": 5, "kernel_visual": 5, "lstm_dropout": 0.2,
         "attention_dropout": 0.0, "relu_dropout": 0.0, "residual_dropout": 0.1, "embedding_dropout": 0.1,
         "output_dropout": 0.3}, f"{OURS}, 5 configurations"),
    ("simulated-lesson", "smoke"): Entry(
        Recipe(epochs=7, batch_size=32, learning_rate=8e-3, clip=1.0, schedule="linear", warmup_steps=10),
        {"hidden": 64, "heads": 2, "layers": 1, "kernel_audio": 5, "kernel_visual": 5, "lstm_dropout": 0.0,
         "attention_dropout": 0.0, "relu_dropout": 0.0, "residual_dropout": 0.0, "embedding_dropout": 0.1,
         "output_dropout": 0.3}, LESSON.format("4 configurations; 68.8")),
    ("*", "full"): Entry(
        Recipe(epochs=120, batch_size=32, learning_rate=1e-3, clip=1.0, standardise=False),
        source="Table 1 (MOSEI); clipping of skeletonNN/LMR-CBT"),
    ("mosi-mult", "full"): Entry(
        Recipe(epochs=100, batch_size=8, learning_rate=2e-3, clip=1.0, standardise=False), source="Table 1 (MOSI)"),
    ("iemocap-mult", "full"): Entry(
        Recipe(epochs=60, batch_size=32, learning_rate=1e-3, clip=1.0, standardise=False), source="Table 1 (IEMOCAP)"),
}

FULL_LSTM = Entry(Recipe(epochs=40, batch_size=24, learning_rate=1e-3, clip=0.8, standardise=False),
                  source="our choice: MulT's; no paper gives the numbers")

EF_LSTM = {
    ("*", "smoke"): Entry(
        Recipe(epochs=20, batch_size=32, learning_rate=3e-3, weight_decay=1e-3, clip=1.0, schedule="linear",
               warmup_steps=50),
        {"hidden": 96, "head_hidden": 64, "dropout": 0.5, "input_dropout": 0.3}, f"{OURS}, 13 configurations"),
    ("simulated-lesson", "smoke"): Entry(
        Recipe(epochs=8, batch_size=32, learning_rate=6e-3, weight_decay=1e-3, clip=1.0, schedule="linear",
               warmup_steps=20),
        {"hidden": 64, "head_hidden": 64, "dropout": 0.5, "input_dropout": 0.3},
        LESSON.format("3 configurations; 84.1")),
    ("*", "full"): FULL_LSTM,
}

LF_LSTM = {
    ("*", "smoke"): Entry(
        Recipe(epochs=10, batch_size=32, learning_rate=4e-3, weight_decay=2e-4, clip=1.0, schedule="linear",
               warmup_steps=50),
        {"hidden": 96, "head_hidden": 64, "dropout": 0.5, "input_dropout": 0.1}, f"{OURS}, 7 configurations"),
    ("simulated-lesson", "smoke"): Entry(
        Recipe(epochs=6, batch_size=32, learning_rate=8e-3, weight_decay=2e-4, clip=1.0, schedule="linear",
               warmup_steps=20),
        {"hidden": 48, "head_hidden": 64, "dropout": 0.5, "input_dropout": 0.1},
        LESSON.format("3 configurations; 80.9")),
    ("*", "full"): FULL_LSTM,
}

HCT_MG = {
    ("*", "smoke"): Entry(
        Recipe(epochs=7, batch_size=32, learning_rate=3e-3, clip=1.0, schedule="linear", warmup_steps=60),
        {"hidden": 64, "heads": 4, "layers": 1, "self_layers": 1, "kernel": 5, "attention_dropout": 0.0,
         "relu_dropout": 0.0, "embedding_dropout": 0.15, "output_dropout": 0.3}, f"{OURS}, 2 configurations"),
    ("simulated-lesson", "smoke"): Entry(
        Recipe(epochs=3, batch_size=32, learning_rate=6e-3, clip=1.0, schedule="linear", warmup_steps=10),
        {"hidden": 64, "heads": 2, "layers": 1, "self_layers": 1, "kernel": 5, "attention_dropout": 0.0,
         "relu_dropout": 0.0, "embedding_dropout": 0.25, "output_dropout": 0.3},
        LESSON.format("5 configurations; 76.3")),
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
