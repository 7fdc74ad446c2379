"""The words of every drawing in `drawings`: the title of the figure; of each axis its title, x label and y label; then
the alternative text, which has what is drawn."""

WORDS = {
    "ablation.differences": ("", [
        ("One of 2 is lower", "points in weighted F1, less full", ""),
    ],
        "One of 2 is lower. points in weighted F1, less full: without transformer fusion: mean -4 [-6, -2], each "
        "seed -5 and -3; without GRU context: mean 0.5 [-1, 2], each seed 0.4 and 0.6. Key: too small to matter: ± "
        "1; 95 % interval over seeds and dialogues."),
    "ablation.student_dots": ("", [
        ("Of 6 students, 3 are shown to gain and 1 to lose",
         "points above: students, labels alone (95 % over seeds and dialogues)",
         ""),
    ],
        "Of 6 students, 3 are shown to gain and 1 to lose. points above: students, labels alone (95 % over seeds "
        "and dialogues): self-distillation: text: 0 [-1.5, 1.5]; self-distillation: audio: 1 [-0.5, 2.5]; "
        "self-distillation: visual: 2 [0.5, 3.5]; offline: text: 3 [1.5, 4.5]; offline: audio: 4 [2.5, 5.5]; "
        "offline: visual: 5 [3.5, 6.5]."),
    "ablation.temperatures": ("", [
        ("Fused: +1.0 points", "temperature", "weighted F1, test split (%)"),
        ("Students: +0.0 points", "temperature", "weighted F1, test split (%)"),
    ],
        "Fused: +1.0 points; Students: +0.0 points. weighted F1, test split (%) over temperature: times tau squared "
        "(Hinton et al.) 70.5 at 0.5 to 69.5 at 8; as in the authors' code 68.5 at 0.5 to 67.5 at 8; without soft "
        "labels. weighted F1, test split (%) over temperature: as in the authors' code 68.5 at 0.5 to 67.5 at 8; "
        "without soft labels."),
    "architecture.draw": ("", [
        ("bc-LSTM, 37,376 parameters", "", ""),
    ],
        "bc-LSTM, 37,376 parameters. text (2, 7, 48) audio (2, 7, 32) bidirectional LSTM (2, 7, 64) 37,376 "
        "parameters."),
    "audit.printed_averages": ("", [
        ("The printed average of SDT is unweighted", "average F1 (%)", ""),
    ],
        "The printed average of SDT is unweighted. average F1 (%): MulT: weighted 60 [58, 60], unweighted 58 [58, "
        "60], printed 60 [58, 60]; SDT: weighted 70 [66, 70], unweighted 66 [66, 70], printed 66 [66, 70]."),
    "audit.positives_found": ("9 of 90 were recognised", [
        ("happy", "", ""),
        ("sad", "", ""),
    ],
        "9 of 90 were recognised; happy; sad. MulT: found 20 [10, 30]. MulT: found 20 [10, 30]; SDT: found 0."),
    "cases.case_study": ("", [
        ("test-019, from turn 9: mistakes of the text 2, of all 1", "", ""),
        ("All modalities mend 17 and break 3", "true emotion", "share of the mended (%)"),
        ("Right on 87 ambiguous utterances", "right (%)", ""),
    ],
        "test-019, from turn 9: mistakes of the text 2, of all 1; All modalities mend 17 and break 3; Right on 87 "
        "ambiguous utterances. A: My radio. sad happy happy B: How could anyone be grief-stricken about the scarf? "
        "How could anyone be grief-stricken about the ... happy happy frustrated A: (no words) sad sad  text (TP) "
        "all (MP) truth (GT). share of the mended (%) over true emotion: happy: which the text took for a negative "
        "emotion 15, for another 15; sad: which the text took for a negative emotion 6, for another 6; neutral: "
        "which the text took for a negative emotion 9, for another 9; angry: which the text took for a negative "
        "emotion 12, for another 12; excited: which the text took for a negative emotion 5.5, for another 5.5; "
        "frustrated: which the text took for a negative emotion 2.5, for another 2.5. right (%): text alone, no "
        "context: 22; text in context: 33; all modalities: 62."),
    "ceilings.ceiling_bars": ("", [
        ("Earlier turns are worth 2 points to text alone", "", "accuracy of the oracle of the words (%)"),
    ],
        "Earlier turns are worth 2 points to text alone. accuracy of the oracle of the words (%): text: utterance "
        "alone 50, what was said before 52, whole dialogue 54; audio: utterance alone 56, what was said before 58, "
        "whole dialogue 60; visual: utterance alone 62, what was said before 64, whole dialogue 66; text + audio: "
        "utterance alone 68, what was said before 70, whole dialogue 72; text + visual: utterance alone 74, what "
        "was said before 76, whole dialogue 78; audio + visual: utterance alone 80, what was said before 82, whole "
        "dialogue 84; text + audio + visual: utterance alone 86, what was said before 88, whole dialogue 90."),
    "ceilings.calibration": ("", [
        ("Weighted by their number, probabilities\nare at most 0.2 points off",
         "probability that the oracle of the words gives",
         "how often it is true (± 2 errors)"),
    ],
        "Weighted by their number, probabilities are at most 0.2 points off. how often it is true (± 2 errors) over "
        "probability that the oracle of the words gives: utterance alone 0.1 at 0.1 to 0.9 at 0.9; whole dialogue "
        "0.1 at 0.1 to 0.9 at 0.9."),
    "claims.tiles": ("", [
        ("3 core claims on meld", "", ""),
    ],
        "3 core claims on meld. 2 by 2 cells: c1 S R; c2 ?. Key: S supported; R contradicted: reversed; ? "
        "undecided."),
    "claims.forest": ("1 of 2 intervals is wider than what matters", [
        ("", "difference / smallest effect that matters (grey: smaller)", ""),
    ],
        "1 of 2 intervals is wider than what matters. difference / smallest effect that matters (grey: smaller): "
        "D-c9: DialogueTRM - DialogueTRM, all in context: 4 [2, 6]; S-c3: SDT - SDT, loss 1,0,0: -3 [-200, 100]. "
        "Key: S supported; ? undecided."),
    "claims.flips": ("", [
        ("5 of 9 verdicts change", "verdicts that change", ""),
    ],
        "5 of 9 verdicts change. verdicts that change: larger mean wins: to supported 3, to contradicted 2, to "
        "undecided 0; epoch chosen on validation, own test split: to supported 0, to contradicted 1, to undecided "
        "4."),
    "claims.marks": ("The ledger", [
        ("SDT", "", "claim of the paper"),
        ("M2FNet (Gao 2026)", "", ""),
    ],
        "The ledger; SDT; M2FNet (Gao 2026). claim of the paper: meld: 1 and 3; mosi: 2. iemocap: 1. Key: supported "
        "(1); contradicted: smaller than matters (1); undecided (1); to train (1); hollow: interim, of too few "
        "seeds (1)."),
    "context.preference": ("", [
        ("Free of context, and in it", "text*: the text is in context", "weighted F1 (%)"),
        ("1 of 1 modalities alone gain", "", "gained from context (points)"),
    ],
        "Free of context, and in it; 1 of 1 modalities alone gain. weighted F1 (%) over text*: the text is in "
        "context: text: free of context 50.5, in context 61; text* + audio: free of context 50.5, in context 50.5. "
        "gained from context (points): text: each seed 10 and 11 [5, 15], oracle of the vectors 14; text* + audio: "
        "each seed 1 and -1 [-4, 4]. Key: 95 % interval over seeds and dialogues."),
    "context.oracle_gains": ("", [
        ("Oracle of the words: +61 points from context for text, referential words;\nall others at most +18",
         "",
         "accuracy gained (points)"),
    ],
        "Oracle of the words: +61 points from context for text, referential words; all others at most +18. accuracy "
        "gained (points): text: plain words 2, ambiguous words 18, referential words 61; audio: plain words 5, "
        "ambiguous words 5, referential words 10; visual: plain words 6, ambiguous words 7, referential words 6."),
    "context.gains_by_words": ("", [
        ("From context, text on referential words: the oracle gains +61 points,\nthe model +6",
         "",
         "accuracy gained (points)"),
    ],
        "From context, text on referential words: the oracle gains +61 points, the model +6. accuracy gained "
        "(points): text: plain words 6, ambiguous words 7, referential words 6, oracle of the vectors 2 and 18 and "
        "61; audio: plain words 10, ambiguous words 5, referential words 5, oracle of the vectors 5 and 5 and 10; "
        "visual: plain words 61, ambiguous words 18, referential words 2, oracle of the vectors 6 and 7 and 6."),
    "context.worth": ("Adds 0.9 to 3.9", [
        ("", "weighted F1 over single utterances (points), 95 % over seeds and dialogues", ""),
    ],
        "Adds 0.9 to 3.9. weighted F1 over single utterances (points), 95 % over seeds and dialogues: whole "
        "dialogue: bc-LSTM 3.9 [3, 4.8], M2FNet 0.9 [-0.8, 2.6], oracle of the vectors 6.5; own turns only: bc-LSTM "
        "2.4 [1.5, 3.4], M2FNet 2.4 [1.7, 3]; the turn before: oracle of the vectors 5.1."),
    "conversations.label_balance": ("", [
        ("Labels are skewed: 26 % of the training utterances are frustrated", "", "share of utterances (%)"),
    ],
        "Labels are skewed: 26 % of the training utterances are frustrated. share of utterances (%): happy: train "
        "8, valid 8, test 8; sad: train 16, valid 16, test 16; neutral: train 20, valid 20, test 20; angry: train "
        "15, valid 15, test 15; excited: train 15, valid 15, test 15; frustrated: train 26, valid 26, test 26."),
    "conversations.padding": ("", [
        ("One batch: 39 % of it is padding, and masked", "turn", "dialogue"),
    ],
        "One batch: 39 % of it is padding, and masked. dialogue over turn: 3 by 6 cells. Key: padding; speaker 0; "
        "speaker 1."),
    "conversations.separability": ("", [
        ("text (8 features)", "1st discriminant", "2nd discriminant"),
        ("audio (8 features)", "1st discriminant", "2nd discriminant"),
    ],
        "text (8 features); audio (8 features). 2nd discriminant over 1st discriminant: happy 10 points; sad 10 "
        "points; neutral 10 points; angry 10 points; excited 10 points; frustrated 10 points."),
    "efficiency.size_against_score": ("Fewest parameters: bc-LSTM", [
        ("Ours, models of dialogues", "parameters (millions)", "weighted F1 (%)"),
        ("LMR-CBT's Figure 1", "parameters (millions)", "F1 (%)"),
    ],
        "Fewest parameters: bc-LSTM; Ours, models of dialogues; LMR-CBT's Figure 1. weighted F1 (%) over parameters "
        "(millions): bc-LSTM 70 at 0.3; SDT 72 at 1.2. F1 (%) over parameters (millions): bc-LSTM 70 at 0.3; SDT 72 "
        "at 1.2."),
    "efficiency.overhead_dots": ("", [
        ("smoke size", "operations per utterance and step (millions)\nbeside a dot: parameters (millions)", ""),
        ("official size", "operations per utterance and step (millions)\nbeside a dot: parameters (millions)", ""),
    ],
        "smoke size; official size. operations per utterance and step (millions) beside a dot: parameters "
        "(millions): bc-LSTM: 1; SDT: 4. operations per utterance and step (millions) beside a dot: parameters "
        "(millions): bc-LSTM: 2; SDT: 800."),
    "explanations.explanation_bars": ("", [
        ("2 of 2 explanations: 0.05 or more above random weights",
         "probability that what was planted scores above what was not",
         ""),
    ],
        "2 of 2 explanations: 0.05 or more above random weights. probability that what was planted scores above "
        "what was not: MulT: attention text from audio: attention 0.7 [0.6, 0.8], random weights 0.5 [0.6, 0.8]; "
        "MulT: integrated gradients, text: integrated gradients 0.8, random weights 0.52; SDT: gate, text: gate "
        "0.6. Key: 95 % over utterances; Shapley."),
    "explanations.step_attributions": ("Why MulT says sad (true: sad)", [
        ("text", "", "share"),
        ("visual", "frame", "share"),
    ],
        "Why MulT says sad (true: sad); text; visual. share: I: 0.25; grieve: -0.75. share over frame: 12 bars from "
        "-0.153 to 0.153, largest at 0. Key: attribution (of the sum of sizes); attention; planted."),
    "features.strips": ("", [
        ("text: 2 steps", "", "evidence"),
        ("audio: 8 steps", "seconds", "evidence"),
    ],
        "text: 2 steps; audio: 8 steps. evidence: I: 0.1; grieve: 8. evidence over seconds: 8 bars from 0 to 7, "
        "largest at 0.75."),
    "heat.confusion_matrix": ("", [
        ("Mixed up", "predicted", "true"),
    ],
        "Mixed up. true over predicted: 3 by 3 cells, highest per row: happy happy 85% 1.1; sad sad 85% 1.1; "
        "neutral neutral 85% 1.1."),
    "heat.confusion_matrices": ("", [
        ("SDT\nweighted F1 76.5 ± 0.3", "predicted", "true"),
        ("M2FNet\nweighted F1 76.5 ± 0.3", "predicted", ""),
    ],
        "SDT weighted F1 76.5 ± 0.3; M2FNet weighted F1 76.5 ± 0.3. true over predicted: 6 by 6 cells, highest per "
        "row: happy happy 77% 42; sad sad 77% 42; neutral neutral 77% 42; angry angry 77% 42; excited excited 77% "
        "42; frustrated frustrated 77% 42. predicted: 6 by 6 cells, highest per row: happy happy 77% 42; sad sad "
        "77% 42; neutral neutral 77% 42; angry angry 77% 42; excited excited 77% 42; frustrated frustrated 77% 42."),
    "heat.similarity": ("", [
        ("Cosines of sentence vectors", "number of the sentence", ""),
    ],
        "Cosines of sentence vectors. number of the sentence: 3 by 3 cells, highest per row: I am furious about the "
        "guitar. 1 1 1.0; Yeah. 2 2 1.0; My guitar. 3 3 1.0."),
    "heat.percentages": ("", [
        ("25 of 100 words are strong", "word, strength", "emotion, intensity"),
    ],
        "25 of 100 words are strong. emotion, intensity over word, strength: 4 by 4 cells, highest per row: glad "
        "0.5 glad weak 25; glad 1.0 glad weak 25; cross 0.5 glad weak 25; cross 1.0 glad weak 25."),
    "heat.transitions": ("", [
        ("After the speaker's own last emotion", "emotion now", "own last emotion"),
        ("After the other's last emotion", "emotion now", "other's last emotion"),
        ("", "", "times as often as by chance"),
    ],
        "After the speaker's own last emotion; After the other's last emotion. own last emotion over emotion now: 6 "
        "by 6 cells, highest per row: happy happy 6.5; sad sad 6.5; neutral neutral 6.5; angry angry 6.5; excited "
        "excited 6.5; frustrated frustrated 6.5. other's last emotion over emotion now: 6 by 6 cells, highest per "
        "row: happy happy 1.0; sad happy 1.0; neutral happy 1.0; angry happy 1.0; excited happy 1.0; frustrated "
        "happy 1.0."),
    "inside.shares": ("", [
        ("Medians: text 0.33", "", "weight in the multimodal gate"),
    ],
        "Medians: text 0.33. weight in the multimodal gate: text: from 0.205 to 0.494; audio: from 0.21 to 0.486; "
        "visual: from 0.201 to 0.499. Key: equal shares."),
    "inside.focus_bars": ("", [
        ("Where the attention goes (colour: its source)", "attention on the planted steps, times an even share", ""),
    ],
        "Where the attention goes (colour: its source). attention on the planted steps, times an even share: text "
        "from audio: 1.55; visual from text: 1.05."),
    "inside.gate_path": ("", [
        ("Largest weight: text 1 of 1", "training batch", "weight of the modality"),
    ],
        "Largest weight: text 1 of 1. weight of the modality over training batch: text 0.333 at 0 to 0.439 at 3; "
        "audio 0.4 at 0 to 0.337 at 3; visual 0.267 at 0 to 0.224 at 3."),
    "inside.gate_paths": ("", [
        ("only text carries it:\ntext 72 %, next 17 %", "training batch", "weight of the modality"),
        ("only audio carries it:\ntext 72 %, next 17 %", "training batch", ""),
    ],
        "only text carries it: text 72 %, next 17 %; only audio carries it: text 72 %, next 17 %. weight of the "
        "modality over training batch: text 0.333 at 0 to 0.72 at 11; audio 0.4 at 0 to 0.168 at 11; visual 0.267 "
        "at 0 to 0.112 at 11. training batch: text 0.333 at 0 to 0.72 at 11; audio 0.4 at 0 to 0.168 at 11; visual "
        "0.267 at 0 to 0.112 at 11."),
    "inside.gate_pace": ("", [
        ("Ahead: text 2 of 2", "batch of the first epoch", "weight of the modality"),
        ("Primary: text 2 of 2", "epoch", "mean weight in the epoch"),
    ],
        "Ahead: text 2 of 2; Primary: text 2 of 2. weight of the modality over batch of the first epoch: text 0.333 "
        "at 1 to 0.439 at 4; audio 0.4 at 1 to 0.337 at 4; visual 0.267 at 1 to 0.224 at 4. mean weight in the "
        "epoch over epoch: text 0.386 at 1 to 0.667 at 3; audio 0.368 at 1 to 0.2 at 3; visual 0.246 at 1 to 0.133 "
        "at 3."),
    "inside.chords": ("", [
        ("SDT: 33 % from each", "", ""),
        ("DialogueTRM: 27 to 40 % from each", "", ""),
    ],
        "SDT: 33 % from each; DialogueTRM: 27 to 40 % from each. text 33.3 % audio 33.3 % visual 33.3 % 11.1 11.1 "
        "11.1 11.1 11.1 11.1 11.1 11.1 11.1. text 40.0 % audio 33.3 % visual 26.7 % 13.3 13.3 11.1 13.3 8.9 11.1 "
        "11.1 8.9 8.9."),
    "inside.chord": ("", [
        ("Flows", "", ""),
    ],
        "Flows. text 60.0 % audio 40.0 % 20.0 40.0 10.0 30.0."),
    "protocol.inflation_curves": ("", [
        ("Adds +2.4 [1.4, 3.4]", "epochs tried", "weighted F1 (points)"),
        ("Filled: test chooses, open: validation", "runs of which the best is reported", "weighted F1 (points)"),
    ],
        "Adds +2.4 [1.4, 3.4]; Filled: test chooses, open: validation. weighted F1 (points) over epochs tried: "
        "bc-LSTM 1 at 1 to 2.4 at 3; bc-LSTM, shuffled labels 0.5 at 1 to 1.9 at 3."),
    "protocol.law_panels": ("", [
        ("meld", "epochs tried", "inflation (points)"),
        ("simulated-lesson", "epochs tried", ""),
    ],
        "meld; simulated-lesson. inflation (points) over epochs tried: bc-LSTM, one run 0 at 1 to 2 at 100; "
        "bc-LSTM, best of 5 runs 1 at 1 to 3 at 100. epochs tried: bc-LSTM, one run 0 at 1 to 2 at 100; bc-LSTM, "
        "best of 5 runs 1 at 1 to 3 at 100; M2FNet, one run 0 at 1 to 2 at 100; M2FNet, best of 5 runs 1 at 1 to 3 "
        "at 100."),
    "protocol.intervals": ("1 of 2 choices is lower", [
        ("", "difference in weighted F1 (points)", ""),
    ],
        "1 of 2 choices is lower. difference in weighted F1 (points): SDT: no tau squared, tau 4: lower -2 [-3, "
        "-1]; M2FNet: no dropout: undecided 3 [2, 4]."),
    "readers.gaps": ("", [
        ("None of 3 readers above the ceiling", "accuracy above the own ceiling (points, ± 2 standard errors)", ""),
    ],
        "None of 3 readers above the ceiling. accuracy above the own ceiling (points, ± 2 standard errors): words, "
        "GRU: one turn -1 [-1.4, -0.6], whole dialogue -4 [-4.4, -3.6]; all vectors, boosting: one turn -14 [-14.4, "
        "-13.6]."),
    "robustness.falls": ("", [
        ("Absent: -9 to -8", "share of utterances without the modality", "change in weighted F1 (points)"),
        ("Noise: -9", "noise (deviations of each feature)", ""),
    ],
        "Absent: -9 to -8; Noise: -9. change in weighted F1 (points) over share of utterances without the modality: "
        "text, test split only 0 at 0 to -8.5 at 1; audio, test split only 0 at 0 to -8.5 at 1; retrained without "
        "it; the oracle of the vectors loses. noise (deviations of each feature): audio, test split only 0 at 0 to "
        "-8.5 at 1."),
    "scores.seed_bars": ("", [
        ("SDT beside two others", "weighted F1 on the test split (%)", ""),
    ],
        "SDT beside two others. weighted F1 on the test split (%): SDT: 76; Linear probe on pooled frames, "
        "class-balanced: 74; constant: 100. Key: trained network; fitted; oracle of the vectors, utterance alone: "
        "77.4; whole dialogue: 91.6."),
    "scores.split_bars": ("", [
        ("Points lost from training to validation\nMulT: 19", "score of each split (%)", ""),
    ],
        "Points lost from training to validation MulT: 19. score of each split (%): MulT, train: 80; MulT, valid: "
        "61; MulT, test: 57."),
    "scores.seed_curves": ("", [
        ("Down", "epoch", "nats"),
    ],
        "Down. nats over epoch: loss 1.51 at 1 to 1.01 at 2."),
    "scores.learning_curves": ("", [
        ("Loss, training split", "epoch", "loss per utterance"),
        ("Validation: the epoch is chosen here", "epoch", "weighted F1, validation split"),
    ],
        "Loss, training split; Validation: the epoch is chosen here. loss per utterance over epoch: SDT 1.61 at 1 "
        "to 1.01 at 2. weighted F1, validation split over epoch: SDT 0.51 at 1 to 0.71 at 2."),
    "scores.learning_and_training_scores": ("", [
        ("Loss", "epoch", "loss"),
        ("Accuracy", "epoch", "accuracy"),
        ("F1: 10 points less than in training", "epoch", "weighted F1"),
    ],
        "Loss; Accuracy; F1: 10 points less than in training. loss over epoch: training 1.61 at 1 to 1.01 at 2. "
        "accuracy over epoch: validation 0.51 at 1 to 0.71 at 2; training, chosen epoch 0.8 at 2 to 0.8 at 2. "
        "weighted F1 over epoch: validation 0.51 at 1 to 0.71 at 2; training, chosen epoch 0.8 at 2 to 0.8 at 2."),
    "scores.class_differences": ("", [
        ("By class: weights minus none", "", "difference (points)"),
    ],
        "By class: weights minus none. difference (points): happy (49): recall 6, precision -13, F1 -5; neutral "
        "(138): recall -4, precision 5, F1 0.5."),
    "scores.class_bars": ("", [
        ("On a class the means differ by 2 to 6 points", "", "mean F1 on the test split (%)"),
    ],
        "On a class the means differ by 2 to 6 points. mean F1 on the test split (%): happy: SDT 70, bc-LSTM 64; "
        "neutral: SDT 80, bc-LSTM 78."),
    "speed.growth": ("bc-lstm-iemocap: time and memory of a step", [
        ("", "turns, or frames of the longest modality", "seconds per step"),
        ("", "turns, or frames of the longest modality", "peak memory, GB"),
        ("", "dialogues or utterances per batch", "seconds per step"),
        ("", "dialogues or utterances per batch", "peak memory, GB"),
    ],
        "bc-lstm-iemocap: time and memory of a step. seconds per step over turns, or frames of the longest "
        "modality: reference 0.06 at 2 to 0.24 at 8; float32 0.02 at 2 to 0.08 at 8. peak memory, GB over turns, or "
        "frames of the longest modality: reference 0.2 at 2 to 0.8 at 8; float32 0.2 at 2 to 0.8 at 8. seconds per "
        "step over dialogues or utterances per batch: reference 0.06 at 2 to 0.24 at 8; float32 0.02 at 2 to 0.08 "
        "at 8. peak memory, GB over dialogues or utterances per batch: reference 0.2 at 2 to 0.8 at 8; float32 0.2 "
        "at 2 to 0.8 at 8."),
    "tuning.tuned_models": ("0 of 1 beat it", [
        ("Validation: expected best of the draws", "draws of settings", "weighted F1 (%)"),
        ("Test: the best setting anew (line: bc-LSTM)", "weighted F1 (%)", ""),
    ],
        "0 of 1 beat it; Validation: expected best of the draws; Test: the best setting anew (line: bc-LSTM). "
        "weighted F1 (%) over draws of settings: SDT 60 at 1 to 65 at 2; bc-LSTM 60 at 1 to 62 at 2. weighted F1 "
        "(%): SDT: 64 [60, 68]; bc-LSTM: 63 [61, 65]."),
    "variance.components_and_gaps": ("", [
        ("2 of 3 printed ablation gaps are smaller", "", ""),
        ("",
         "points of F1; ticks: printed gaps (diamond: median), bars: deviation of a difference, circles: of "
         "one score",
         ""),
    ],
        "2 of 3 printed ablation gaps are smaller. ablation, MELD (3): 0.9; best model, MELD (1): 1.1. points of "
        "F1; ticks: printed gaps (diamond: median), bars: deviation of a difference, circles: of one score: meld: "
        "seed: 1 and 0.7 [0.7, 1.5]; meld: test dialogues: 1.6 [1.2, 2]."),
    "variance.ceilings_under_noise": ("", [
        ("20 % mistakes: from 90 to 70", "an annotator's mistakes (%)", "accuracy (%)"),
        ("2,000 utterances of 300 repeated lines", "", "share (%)"),
    ],
        "20 % mistakes: from 90 to 70; 2,000 utterances of 300 repeated lines. accuracy (%) over an annotator's "
        "mistakes (%): oracle, against the label 90 at 0 to 70 at 20; SDT, against the label 90 at 0 to 70 at 20; "
        "SDT, against the emotion 90 at 0 to 70 at 20; oracle, 3 annotators vote 90 at 0 to 70 at 20. share (%): "
        "two lines drawn at random agree: 20; two performances of a line agree: 60 [55, 65]; words alone reach at "
        "most: 75 [75, 79]; majority of the same lines (flatters): 80."),
    "words.sentences": ("", [
        ("How often the text is read at the planted word, and there or beside it,\nof 5 utterances:\nMulT 2 "
         "and 4; at random 1.1 and 2.5",
         "",
         ""),
    ],
        "How often the text is read at the planted word, and there or beside it, of 5 utterances: MulT 2 and 4; at "
        "random 1.1 and 2.5. sad, voice excited MulT How 0 could 2 anyone 4 be 7 grief-stricken 9 about 11 the 13 "
        "red 16 scarf 18 ? 20. Key: no weight; even share; three times that or more; planted word."),
    "words.attention_map": ("", [
        ("sad: 85 % of the entropy of even attention", "seconds of the face", ""),
        ("", "", "attention, times that to\nall frames alike"),
    ],
        "sad: 85 % of the entropy of even attention. seconds of the face: 2 by 20 cells, highest per row: never "
        "0.95; fan 1.95."),
}
