"""A small figure of every drawing function, with what its words must be."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from erclab.figures import (
    ablation,
    architecture,
    audit,
    cases,
    ceilings,
    claims,
    context,
    conversations,
    efficiency,
    explanations,
    features,
    heat,
    inside,
    protocol,
    readers,
    robustness,
    scores,
    speed,
    tuning,
    variance,
    words,
)

MODALITIES = ("text", "audio", "visual")
LABELS = ("happy", "sad", "neutral", "angry", "excited", "frustrated")


def seeds(*values, columns=3):
    """A table with an epoch (or a rate) per row and a seed per column, around the values."""
    return pd.DataFrame({k: np.asarray(values, float) + 0.01 * k for k in range(columns)}, range(1, len(values) + 1))


def with_interval(names, **more):
    made = pd.DataFrame({"value": np.linspace(-2, 3, len(names)), "name": names})
    return made.assign(low=made["value"] - 1, high=made["value"] + 1, **more)


def differences():
    found = pd.DataFrame({"difference": [-4.0, 0.5], "low": [-6.0, -1.0], "high": [-2.0, 2.0],
                          "over": "seeds and dialogues", "seed 0": [-5.0, 0.4], "seed 1": [-3.0, 0.6]},
                         index=["without transformer fusion", "without GRU context"])
    return ablation.differences(found, 1.0, title="One of 2 is lower", reference="full", xlabel="points in weighted F1")


def student_dots():
    index = pd.MultiIndex.from_product([["self-distillation", "offline"], MODALITIES])
    found = pd.DataFrame({"difference": np.arange(6.0), "low": np.arange(6.0) - 1.5, "high": np.arange(6.0) + 1.5,
                          "verdict": ["undecided"] * 2 + ["higher"] * 3 + ["lower"]}, index)
    return ablation.student_dots(found, "students, labels alone")


def temperatures():
    table = pd.DataFrame({0: [70.0, 71, 69], 1: [71.0, 72, 70]}, [0.5, 1.0, 8.0])
    lines = {"times tau squared (Hinton et al.)": table, "as in the authors' code": table - 2}
    one = {name: line for name, line in lines.items() if "code" in name}
    return ablation.temperatures({"Fused: +1.0 points": (lines, 70.5), "Students: +0.0 points": (one, 71.0)},
                                 ylabel="weighted F1, test split (%)")


def model():
    boxes = [SimpleNamespace(name=name, row=row, label=label, shape=shape, parameters=count, reads=reads)
             for name, row, label, shape, count, reads in (
                 ("text", 1, "text", (2, 7, 48), 0, ()), ("audio", 0, "audio", (2, 7, 32), 0, ()),
                 ("lstm", 0.5, "bidirectional LSTM", (2, 7, 64), 37_376, ("text", "audio")))]
    return architecture.draw("bc-LSTM, 37,376 parameters", boxes, {"text": 0, "audio": 0, "lstm": 1})


def printed_averages():
    table = pd.DataFrame({"weighted": [60.0, 70], "unweighted": [58.0, 66], "printed": [60.0, 66]}, ["MulT", "SDT"])
    return audit.printed_averages(table, title="The printed average of SDT is unweighted", xlabel="average F1 (%)")


def positives_found():
    one = pd.DataFrame({"low": [10.0, np.nan], "high": [30.0, np.nan]}, index=["MulT", "SDT"])
    return audit.positives_found({"happy": one, "sad": one.fillna(0.0)}, title="9 of 90 were recognised")


def case_study():
    talk = pd.DataFrame({"dialogue": "test-019", "turn": [9, 10, 11], "speaker": list("ABA"), "text": [
        "My radio.", "How could anyone be grief-stricken about the scarf? " * 4, ""], "TP": ["sad", "happy", "sad"],
        "MP": ["happy", "happy", "sad"], "GT": ["happy", "frustrated", ""]})
    mended = pd.DataFrame({"mended": [5, 2, 3, 4, 2, 1], "broken": [1, 1, 0, 0, 1, 0],
                           "share": [30.0, 12, 18, 24, 11, 5], "from negative": [50.0] * 6}, LABELS)
    right = pd.DataFrame({"utterances": 87, "seed 0": [20.0, 30, 60], "seed 1": [24.0, 36, 64]},
                         ["text alone, no context", "text in context", "all modalities"])
    return cases.case_study(talk, mended, right)


def ceiling_bars():
    subsets = ["text", "audio", "visual", "text+audio", "text+visual", "audio+visual", "text+audio+visual"]
    index = pd.MultiIndex.from_product([subsets, ["utterance alone", "what was said before", "whole dialogue"]],
                                       names=["modalities", "context"])
    return ceilings.ceiling_bars(pd.DataFrame({"accuracy": np.linspace(50, 90, 21)}, index), view="words")


def calibration():
    index = pd.MultiIndex.from_product([["utterance alone", "whole dialogue"], range(3)])
    return ceilings.calibration(pd.DataFrame({"probability": [0.1, 0.5, 0.9] * 2, "happens": [0.1, 0.48, 0.9] * 2,
                                              "error": 0.02}, index), 0.0023, "words")


def tiles():
    rows = pd.DataFrame({"id": ["D-c1", "D-c2", "S-c1"], "corpus": "meld",
                         "verdict": ["supported", "undecided", "contradicted: reversed"]})
    return claims.tiles(rows, title="3 core claims on meld")


def forest():
    rows = pd.DataFrame({"value": [4.0, -3.0], "low": [2.0, -200.0], "high": [6.0, 100.0],
                         "verdict": ["supported", "undecided"]},
                        index=["D-c9: DialogueTRM - DialogueTRM, all in context", "S-c3: SDT - SDT, loss 1,0,0"])
    return claims.forest(rows, title="1 of 2 intervals is wider than what matters")


def flips():
    rows = pd.DataFrame({"to supported": [3, 0], "to contradicted": [2, 1], "to undecided": [0, 4], "flipped": [5, 5],
                         "verdicts": 9}, index=["larger mean wins", "epoch chosen on validation, own test split"])
    return claims.flips(rows, title="5 of 9 verdicts change")


def marks():
    rows = pd.DataFrame({"paper": ["SDT"] * 3 + ["M2FNet (Gao 2026)"], "claim": [1, 2, 3, 1],
                         "core": [True, False, True, True],
                         "corpus": ["meld", "mosi", "meld", "iemocap"], "interim": [False, True, False, False],
                         "verdict": ["supported", "to train", "contradicted: smaller", "undecided"]})
    return claims.marks(rows, title="The ledger")


def preference():
    found = {"text": ([50.0, 51], [60.0, 62]), "text*+audio": ([50.0, 51], [51.0, 50])}
    gains = pd.DataFrame({"low": [5.0, -4.0], "high": [15.0, 4.0], "over": "seeds and dialogues"}, list(found))
    return context.preference(found, gains, {"text": 14.0}, score="weighted F1 (%)", unit=" (points)",
                              title="1 of 1 modalities alone gain")


def gain_table(view):
    index = pd.MultiIndex.from_product([view, ["plain", "ambiguous", "referential"]], names=["modality", "words"])
    return pd.DataFrame({"gain": [2.0, 18, 61, 5, 5, 10, 6, 7, 6][:len(index)], "deviation": 0.0}, index)


def gains_by_words():
    ours = gain_table(MODALITIES)
    return context.gains_by_words(ours.assign(gain=ours["gain"].to_numpy()[::-1]), ours)


def worth():
    index = pd.MultiIndex.from_product([["bc-LSTM", "M2FNet"], ["whole dialogue", "own turns only"]],
                                       names=["model", "given"])
    table = pd.DataFrame({"gain": [3.9, 2.4, 0.9, 2.4], "low": [3.0, 1.5, -0.8, 1.7], "high": [4.8, 3.4, 2.6, 3.0]})
    oracle = {"whole dialogue": 6.5, "the turn before": 5.1}
    return context.worth(table.set_index(index), oracle, title="Adds 0.9 to 3.9", matters=1.0)


def label_balance():
    shares = pd.DataFrame(np.tile([8.0, 16, 20, 15, 15, 26], (3, 1)), ["train", "valid", "test"], list(LABELS))
    return conversations.label_balance(shares)


def padding():
    mask = np.arange(6) < np.array([[6], [3], [2]])
    return conversations.padding(mask, np.tile([0, 1], (3, 3)))


def separability():
    points = np.random.default_rng(0).normal(size=(60, 2))
    return conversations.separability({f"{m} (8 features)": points for m in MODALITIES[:2]}, np.arange(60) % 6, LABELS)


def size_against_score():
    table = pd.DataFrame({"parameters": [3e5, 1.2e6], "score": [0.7, 0.72], "deviation": [0.01, 0.02],
                          "metric": "weighted_f1"}, ["bc-LSTM", "SDT"])
    return efficiency.size_against_score({"Ours, models of dialogues": table, "LMR-CBT's Figure 1": table.drop(
        columns=["deviation", "metric"])}, ylabel="F1 (%)", title="Fewest parameters: bc-LSTM")


def overhead_dots():
    index = pd.MultiIndex.from_product([["smoke", "official"], ["bc-LSTM", "SDT"]], names=["size", "model"])
    return efficiency.overhead_dots(pd.DataFrame({"operations": [1e6, 4e6, 2e6, 8e8],
                                                  "parameters": [3e5, 4e5, 5e5, 7.7e7]}, index))


def explanation_bars():
    index = pd.MultiIndex.from_tuples([("MulT", "attention text from audio"), ("MulT", "integrated gradients, text"),
                                       ("SDT", "gate, text")], names=["model", "explained by"])
    table = pd.DataFrame({"auroc": [0.7, 0.8, 0.6], "random": [0.5, 0.52, np.nan], "low": [0.1, np.nan, np.nan],
                          "high": [0.3, np.nan, np.nan]}, index)
    return explanations.explanation_bars(table)


def step_attributions():
    text = pd.DataFrame({"attribution": [0.5, -1.5], "planted": [False, True], "attention": [0.2, 0.8]},
                        pd.Index(["I", "grieve"], name="words"))
    face = pd.DataFrame({"attribution": np.linspace(-1, 1, 12), "planted": np.arange(12) > 8})
    return explanations.step_attributions({"text": text, "visual": face}, title="Why MulT says sad (true: sad)")


def strips():
    middles = pd.Index(np.arange(8) / 10 + 0.05, name="seconds")
    strengths = {"text": pd.Series([0.1, 8.0], pd.Index(["I", "grieve"], name="words"), name="evidence"),
                 "audio": pd.Series(np.arange(8.0), middles, name="evidence")}
    return features.strips(strengths, {"text": "text: 2 steps", "audio": "audio: 8 steps"}, {"audio": (0.3, 0.5)})


def confusion_matrices():
    counts = np.full((6, 6), 2.5) + 40 * np.eye(6)
    return heat.confusion_matrices({f"{name}\nweighted F1 76.5 ± 0.3": counts for name in ("SDT", "M2FNet")}, LABELS)


def similarity():
    return heat.similarity(["I am furious about the guitar.", "Yeah.", "My guitar."], np.eye(3) + 0.5)


def percentages():
    index = pd.MultiIndex.from_product([["glad", "cross"], [0.5, 1.0]], names=["emotion", "intensity"])
    columns = pd.MultiIndex.from_product([["glad", "cross"], ["weak", "strong"]], names=["word", "strength"])
    return heat.percentages(pd.DataFrame(25.0, index, columns), "25 of 100 words are strong")


def transitions():
    return heat.transitions({"own last": np.full((6, 6), 0.5) + 6 * np.eye(6), "other's last": np.ones((6, 6))}, LABELS,
                            ["After the speaker's own last emotion", "After the other's last emotion"])


def gate(last=0.72):
    up = np.linspace(1 / 3, last, 12).reshape(3, 4)
    return {"text": up, "audio": 0.6 * (1 - up), "visual": 0.4 * (1 - up)}


def shares():
    table = pd.DataFrame(np.random.default_rng(0).uniform(0.2, 0.5, (30, 3)), columns=MODALITIES)
    return inside.shares(table, title="Medians: text 0.33", ylabel="weight in the multimodal gate", equal=1 / 3,
                         colours=list(inside.style.MODALITY.values()))


def focus_bars():
    return inside.focus_bars(pd.DataFrame({0: [1.5, 1.0], 1: [1.6, 1.1]}, ["text_from_audio", "visual_from_text"]))


def chords():
    flows = pd.DataFrame(np.full((3, 3), 1 / 9), MODALITIES, MODALITIES)
    return inside.chords({"SDT": flows, "DialogueTRM": flows.mul([1.2, 1.0, 0.8], axis=0)})


def curves():
    return {"bc-LSTM": pd.DataFrame({"value": [1.0, 2, 2.4], "low": [0.5, 1, 1.4], "high": [1.5, 3, 3.4]}, [1, 2, 3])}


def inflation_curves():
    runs = {"bc-LSTM": {"test": curves()["bc-LSTM"], "validation": curves()["bc-LSTM"] - 2}}
    shuffled = curves()["bc-LSTM"] - 0.5
    return protocol.inflation_curves(curves() | {"bc-LSTM, shuffled labels": shuffled}, runs,
                                     title="Adds +2.4 [1.4, 3.4]", unit="weighted F1 (points)",
                                     dashed=["bc-LSTM, shuffled labels"])


def law_panels():
    table = pd.DataFrame({"epochs": [1, 10, 100] * 2, "runs": [1] * 3 + [5] * 3,
                          "inflation": [0, 0.01, 0.02, 0.01, 0.02, 0.03], "law": [0, 0.01, 0.02, 0.01, 0.02, 0.03]})
    return protocol.law_panels({"meld": {"bc-LSTM": table}, "simulated-lesson": {"bc-LSTM": table, "M2FNet": table}},
                               scale=100, ylabel="inflation (points)")


def intervals():
    return protocol.intervals(with_interval(["SDT: no tau squared, tau 4", "M2FNet: no dropout"],
                                            verdict=["lower", "undecided"]), title="1 of 2 choices is lower",
                              xlabel="difference in weighted F1 (points)", matters=0.5)


def gaps():
    rows = pd.DataFrame({"input": ["words", "words", "all vectors"], "by": ["GRU", "GRU", "boosting"], "view": "words",
                         "sees": ["one turn", "whole dialogue", "one turn"], "gap": [-1.0, -4, -14], "se": 0.2})
    return readers.gaps(rows, title="None of 3 readers above the ceiling")


def falls():
    fall = pd.DataFrame({0: [0.0, -3, -8], 1: [0.0, -4, -9]}, [0.0, 0.5, 1.0])
    each = dict.fromkeys(MODALITIES[:2], fall)
    retrained = pd.DataFrame({"change": [-5.0, -6], "low": [-9.0, -9], "high": [-1.0, -1]}, MODALITIES[:2])
    return robustness.falls(each, {"audio": fall}, retrained, retrained["change"], limits=(-12, 2),
                            titles=("Absent: -9 to -8", "Noise: -9"), ylabel="change in weighted F1 (points)")


def seed_bars():
    groups = {"SDT": [0.75, 0.77], "Linear probe on pooled frames, class-balanced": [0.74], "constant": [1.0]}
    return scores.seed_bars(groups, title="SDT beside two others", xlabel="weighted F1 on the test split (%)",
                            colours={"SDT": "#CC79A7"}, key={"trained network": "#CC79A7", "fitted": "#7F7F7F"},
                            reference={"oracle of the vectors, utterance alone": 77.4, "whole dialogue": 91.6})


def split_bars():
    return scores.split_bars(pd.DataFrame({"train": [0.8], "valid": [0.61], "test": [0.57]}, ["MulT"]),
                             xlabel="score of each split (%)")


def learning_curves():
    return scores.learning_curves({"SDT": seeds(1.6, 1.0)}, {"SDT": seeds(0.5, 0.7)}, ylabel="weighted F1")


def learning_and_training_scores():
    stars = pd.DataFrame({"epoch": [2, 2], "accuracy": [0.8, 0.8], "weighted F1": [0.8, 0.8]})
    return scores.learning_and_training_scores(
        seeds(1.6, 1.0), {"accuracy": seeds(0.5, 0.7), "weighted F1": seeds(0.5, 0.7)}, stars, loss_label="loss",
        titles={"accuracy": "Accuracy", "weighted F1": "F1: 10 points less than in training"})


def class_differences():
    table = pd.DataFrame({"recall": [6.0, -4], "precision": [-13.0, 5], "F1": [-5.0, 0.5]}, ["happy", "neutral"])
    return scores.class_differences(table, pd.Series([49, 138], table.index), title="By class: weights minus none")


def class_bars():
    return scores.class_bars(pd.DataFrame({"SDT": [70.0, 80], "bc-LSTM": [64.0, 78]}, ["happy", "neutral"]))


def growth():
    rows = [{"case": "bc-lstm-iemocap", "path": path, "axis": axis, "value": x, "seconds_per_step": 0.01 * x * y,
             "bytes": 1e8 * x} for path, y in (("reference", 3), ("float32", 1)) for axis in ("length", "batch")
            for x in (2, 4, 8)]
    return speed.growth(rows)


def tuned_models():
    draws = pd.DataFrame({"model": ["SDT"] * 2 + ["bc-LSTM"] * 2, "draws": [1, 2] * 2, "value": [0.6, 0.65, 0.6, 0.62]})
    draws = draws.assign(low=draws["value"] - 0.02, high=draws["value"] + 0.02)
    tested = pd.DataFrame({"value": [0.64, 0.63], "low": [0.6, 0.61], "high": [0.68, 0.65]}, ["SDT", "bc-LSTM"])
    return tuning.tuned_models({"vectors": (draws, tested, "bc-LSTM")}, scale=100, unit="weighted F1 (%)",
                               title="0 of 1 beat it")


def components_and_gaps():
    table = pd.DataFrame({"corpus": ["meld"] * 3, "of": ["difference"] * 2 + ["score"], "deviation": [1.0, 1.6, 0.7],
                          "component": ["seed", "test dialogues", "seed"], "low": [0.7, 1.2, 0.5], "high": [1.5, 2, 1]})
    gap = pd.DataFrame({"kind": ["ablation, MELD"] * 3 + ["best model, MELD"], "gap": [0.3, 0.9, 2.0, 1.1]})
    return variance.components_and_gaps(table, gap, title="2 of 3 printed ablation gaps are smaller")


def ceilings_under_noise():
    rows = [{"reader": reader, "against": against, "mistakes": rate, "annotators": 1, "accuracy": 90 - 100 * rate,
             "low": 88 - 100 * rate, "high": 92 - 100 * rate} for reader in ("oracle", "SDT")
            for against in ("label", "emotion") for rate in (0.0, 0.2)]
    rows += [{**row, "annotators": 3} for row in rows if row["reader"] == "oracle"]
    bound = pd.Series({"chance": 20.0, "agreement": 60, "at most": 75, "majority": 80, "low": 55, "high": 65,
                       "at most high": 79, "utterances": 2000, "lines": 300})
    return variance.ceilings_under_noise(pd.DataFrame(rows), title="20 % mistakes: from 90 to 70", bound=bound)


def sentences():
    line = ["How", "could", "anyone", "be", "grief-stricken", "about", "the", "red", "scarf", "?"]
    return words.sentences([("sad, voice excited", (), (), -1), ("MulT", line, np.arange(10.0), 4)],
                           title="How often the text is read at the planted word, and there or beside it, of 5 "
                                 "utterances:\nMulT 2 and 4; at random 1.1 and 2.5")


def attention_map():
    return words.attention_map(np.arange(40.0).reshape(2, 20) / 20, ["never", "fan"], rate=10.0, planted=(0.1, 0.5, 1),
                               title="sad: 85 % of the entropy of even attention")


FLOWS = pd.DataFrame([[0.2, 0.4], [0.1, 0.3]], ["text", "audio"], ["text", "audio"])

# Drawing function -> a figure of it, and its words: title of the figure; per axis title, x label, y label.
DRAWINGS = {
    ablation.differences: differences, ablation.student_dots: student_dots, ablation.temperatures: temperatures,
    architecture.draw: model, audit.printed_averages: printed_averages, audit.positives_found: positives_found,
    cases.case_study: case_study,
    ceilings.ceiling_bars: ceiling_bars, ceilings.calibration: calibration, claims.tiles: tiles, claims.forest: forest,
    claims.flips: flips, claims.marks: marks, context.preference: preference,
    context.oracle_gains: lambda: context.oracle_gains(gain_table(MODALITIES), view="words"),
    context.gains_by_words: gains_by_words, context.worth: worth, conversations.label_balance: label_balance,
    conversations.padding: padding, conversations.separability: separability,
    efficiency.size_against_score: size_against_score, efficiency.overhead_dots: overhead_dots,
    explanations.explanation_bars: explanation_bars, explanations.step_attributions: step_attributions,
    features.strips: strips,
    heat.confusion_matrix: lambda: heat.confusion_matrix(np.eye(3) + 0.1, LABELS[:3], title="Mixed up"),
    heat.confusion_matrices: confusion_matrices, heat.similarity: similarity, heat.percentages: percentages,
    heat.transitions: transitions, inside.shares: shares, inside.focus_bars: focus_bars,
    inside.gate_path: lambda: inside.gate_path([{m: x[:1] for m, x in gate().items()}],
                                                title="Largest weight: text 1 of 1"),
    inside.gate_paths: lambda: inside.gate_paths({f"only {m} carries it": gate() for m in MODALITIES[:2]}),
    inside.gate_pace: lambda: inside.gate_pace([gate(), gate(0.5)], ("Ahead: text 2 of 2", "Primary: text 2 of 2")),
    inside.chords: chords,
    inside.chord: lambda: inside.chord(FLOWS, {"text": "#0072B2", "audio": "#E69F00"}, title="Flows"),
    protocol.inflation_curves: inflation_curves, protocol.law_panels: law_panels, protocol.intervals: intervals,
    readers.gaps: gaps, robustness.falls: falls, scores.seed_bars: seed_bars, scores.split_bars: split_bars,
    scores.seed_curves: lambda: scores.seed_curves({"loss": seeds(1.5, 1.0)}, title="Down", ylabel="nats"),
    scores.learning_curves: learning_curves, scores.learning_and_training_scores: learning_and_training_scores,
    scores.class_differences: class_differences, scores.class_bars: class_bars, speed.growth: growth,
    tuning.tuned_models: tuned_models, variance.components_and_gaps: components_and_gaps,
    variance.ceilings_under_noise: ceilings_under_noise, words.sentences: sentences, words.attention_map: attention_map,
}
