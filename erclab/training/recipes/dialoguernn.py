"""DialogueRNN: Majumder et al. 2019 and the authors' later code, declare-lab/conv-emotion."""

from erclab.training.recipes import tuning
from erclab.training.recipes.recipe import Entry, Recipe, Rows

# DialogueRNN_l in both directions. Without the listener's state, what the other speaker said reaches a speaker only
# through the global states; with it, at once: 4 points more. The last attention is off: it has no residual and starts
# as a mean over the dialogue, which cost 2 to 8 points in otherwise equal trainings. The best of 25
# configurations in an older simulated world. (Measured while tuning on validation; no record kept.)
SMOKE = {"global_width": 64, "party_width": 64, "emotion_width": 64, "head_width": 64, "dropout": 0.3,
         "output_dropout": 0.3, "listener": True, "dialogue_attention": False}

ROWS: Rows = {
    ("*", "smoke"): Entry(
        Recipe(epochs=20, batch_size=16, learning_rate=4e-3, weight_decay=3e-3), SMOKE, tuning.OLDER),
    ("simulated", "smoke"): Entry(
        Recipe(epochs=10, batch_size=16, learning_rate=4e-3, weight_decay=3e-3), SMOKE,
        f"{tuning.SMALL}, the first that was tried"),
    ("*", "full"): Entry(
        Recipe(epochs=60, batch_size=30, learning_rate=1e-4, weight_decay=1e-5, class_weights=True,
               standardise=False), source="declare-lab/conv-emotion, its IEMOCAP script"),
    ("meld", "full"): Entry(
        Recipe(epochs=100, batch_size=30, learning_rate=5e-4, weight_decay=1e-5, standardise=False),
        {"global_width": 150, "party_width": 150, "emotion_width": 100, "head_width": 200},
        "declare-lab/conv-emotion, its MELD script"),
    ("simulated-lesson", "smoke"): Entry(
        Recipe(epochs=8, batch_size=16, learning_rate=1e-2, weight_decay=3e-3),
        {**SMOKE, "dropout": 0.1, "output_dropout": 0.1}, f"{tuning.LESSONS}, the first that was tried"),
}
