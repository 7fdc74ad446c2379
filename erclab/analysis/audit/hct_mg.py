"""Findings in Wang et al. 2023 (HCT-MG)."""

from __future__ import annotations

from typing import Any

from erclab.analysis import sizes
from erclab.analysis.audit.comparison import Outcomes, outcomes
from erclab.analysis.audit.contingency import Counts, always_absent, matching
from erclab.analysis.audit.finding import Finding
from erclab.analysis.audit.printed import Row, cells_by_row, of_classes
from erclab.analysis.audit.rounding import exactly
from erclab.analysis.audit.steps import adam_reach, batches_of_epoch, largest_weight
from erclab.published.corpora import class_counts

PAPER = "hct-mg"
CORPORA = ("mosi", "mosei", "iemocap")
EMOTIONS = ("happy", "sad", "angry", "neutral")
LOWER = ("mae",)  # less is better
FIGURE_6, FIGURE_7 = 60, 40  # after this batch of the first epoch text dominates; around this epoch weights settle
SIZE = "million_parameters"


def emotion_tables(row: Row) -> dict[str, list[Counts]]:
    """Emotion -> the 2×2 tables of IEMOCAP's 938 test samples that give the printed accuracy and F1 of a row."""
    counts = class_counts("iemocap-4")
    n, accuracy, f1 = sum(counts.values()), of_classes(row, "accuracy"), of_classes(row, "weighted_f1")
    return {e: matching(n, counts[e], accuracy[e], f1[e]) for e in EMOTIONS}


def _settings(corpus: str) -> Row:
    return cells_by_row(PAPER, "Table 8", corpus)[""]


def _samples(corpus: str) -> int:
    """Of the training split."""
    if corpus == "iemocap":
        return int(cells_by_row(PAPER, "Table 6", corpus)[""]["train utterances"])
    return int(exactly(cells_by_row(PAPER, "Table 5", corpus)[""]["train utterances"]))


def gate_batches() -> Finding:
    """Whether Figure 6, the first epoch on MOSI, can have the settings of Table 8."""
    size, samples = int(_settings("mosi")["batch_size"]), _samples("mosi")
    there = batches_of_epoch(samples, size)
    return Finding(
        "H-figure-6", (PAPER,), "Figure 6, Sec. 5.3.2",
        f"{samples:,} training samples in batches of {size} (Table 8) are {there} batches an epoch. Figure 6 shows "
        f"text take over after batch {FIGURE_6} of the first epoch.",
        f"The figure is of other settings, for example batches of {samples // (FIGURE_6 + 1)} or fewer samples.",
        "text dominates after batch 60 of the first epoch, with the settings of Table 8",
        {"batches": there, "needed": FIGURE_6 + 1})


def gate_epochs() -> Finding:
    """Whether Figure 7 can have the settings of Table 8."""
    epochs = int(_settings("mosi")["epochs"])
    return Finding(
        "H-figure-7", (PAPER,), "Figure 7, Sec. 5.3.2",
        f"Table 8 trains {epochs} epochs on MOSI. Figure 7 shows the weights settle at around epoch {FIGURE_7}.",
        "The figure is of a longer training.", "the weights converge at around 40 epochs, with the settings of Table 8",
        {"epochs": epochs, "needed": FIGURE_7})


def gate_reach() -> Finding:
    """How far the gate's weights can move with the learning rates of Table 8."""
    found = {}
    for corpus in CORPORA:
        said = _settings(corpus)
        per_epoch = batches_of_epoch(_samples(corpus), int(said["batch_size"]))
        steps = int(said["epochs"]) * per_epoch
        reach = adam_reach(float(said["learning_rate"]), steps)
        found[corpus] = {"batches": per_epoch, "steps": steps, "reach": round(reach, 3),
                         "largest weight": round(largest_weight(reach), 2)}
    own, mosi, said = found["iemocap"], found["mosi"], _settings("iemocap")
    return Finding(
        "H-gate", (PAPER,), "Sec. 5.3.2, Table 8",
        f"IEMOCAP: {said['epochs']} epochs of {own['batches']} batches at a rate of {said['learning_rate']}. If Adam "
        "trains a logit per modality, as in the code that the paper builds on, it moves by at most about "
        f"{own['steps']:,} x {said['learning_rate']} = {own['reach']:.2f}: the largest weight is "
        f"{own['largest weight']:.2f} beside 0.33 at the start. On MOSI the reach is {mosi['reach']:.2f} and a weight "
        f"of {mosi['largest weight']:.2f} possible.",
        "The optimiser and the form of the gate are not printed. A gate that hardly can move explains equal weights "
        "without a property of IEMOCAP.",
        "", found)


def fixed_text() -> Finding:
    """The model with its gate against the model with text as the fixed primary, cell by cell."""
    each = {c: outcomes(cells_by_row(PAPER, "Table 2", c)["HCT-MG"], cells_by_row(PAPER, "Table 4", c)["T"], LOWER)
            for c in CORPORA}
    total = Outcomes(*(sum(column) for column in zip(*each.values(), strict=True)))
    return Finding(
        "H-fixed-text", (PAPER,), "Sec. 5.3.3, Tables 2 and 4",
        f"HCT-MG against fixed text: {total}.",
        "Presumably single runs; the paper prints no deviation to judge the differences by.",
        "the scores with text as the fixed primary are lower than those of HCT-MG", {"all": total, **each})


def best_primary() -> Finding:
    """In how many cells of Table 4 text is the best fixed primary."""
    found = {}
    for corpus in CORPORA:
        table = cells_by_row(PAPER, "Table 4", corpus)
        cells = [[exactly(table[m][c]) * (-1 if c in LOWER else 1) for m in ("T", "A", "V")] for c in table["T"]]
        found[corpus] = {"alone": sum(t > max(rest) for t, *rest in cells),
                         "or tied": sum(t >= max(rest) for t, *rest in cells), "of": len(cells)}
    own = found["iemocap"]
    return Finding(
        "H-primary", (PAPER,), "Sec. 5.3.3, Table 4",
        f"Text is the best primary in {found['mosi']['alone']} of {found['mosi']['of']} cells on MOSI, "
        f"{found['mosei']['alone']} of {found['mosei']['of']} on MOSEI, and on IEMOCAP alone in {own['alone']}, with "
        "ties "
        f"in {own['or tied']} of {own['of']}.", "The statement holds as far as ties count.", "", found)


def true_positives() -> Finding:
    """The 2×2 tables behind the IEMOCAP rows: how many utterances of each emotion were recognised."""
    own = {"HCT-MG": cells_by_row(PAPER, "Table 2", "iemocap")["HCT-MG"], **cells_by_row(PAPER, "Table 4", "iemocap")}
    fitting = {name: emotion_tables(row) for name, row in own.items()}
    found = {name: {e: sorted({t.tp for t in some}) for e, some in each.items()} for name, each in fitting.items()}
    counts, main = class_counts("iemocap-4"), fitting["HCT-MG"]
    n = sum(counts.values())
    never_found = [e for e in EMOTIONS if main[e] == [always_absent(n, counts[e])]]
    unique = all(len(some) == 1 for some in main.values())
    hits = sum(some[0].tp for some in main.values())
    said = {e: ", ".join("-".join(map(str, dict.fromkeys((found[m][e][0], found[m][e][-1])))) for m in ("T", "A", "V"))
            for e in EMOTIONS}
    return Finding(
        "H-positives", (PAPER,), "Tables 2 and 4, IEMOCAP",
        f"Of all 2x2 tables of {n} samples, the printed accuracy and F1 of HCT-MG fit "
        f"{'one each' if unique else 'several'}: "
        + ", ".join(f"{main[e][0].tp} of {counts[e]} {e}" for e in EMOTIONS)
        + f" are recognised, {hits} of {n} in all. The pairs of {', '.join(never_found)} are those of a predictor "
        "that always says 'absent'. Recognised in Table 4 (text, audio, visual primary): "
        + "; ".join(f"{e} {text}" for e, text in said.items()) + ".",
        "Weighted F1 of one emotion against the rest rewards 'absent'; at a rate of 1e-5 the training may not have got "
        "far. The paper calls it a bottleneck of the crossmodal Transformer.",
        "the architecture distinguishes all emotions well",
        {"tables": main, "true positives": found, "constant": never_found, "unique": unique, "recognised": hits,
         "n": n})


def best_cells() -> Finding:
    """In how many cells of Table 2 HCT-MG is best, and how many of these the constant predictor reaches."""
    found: dict[str, dict[str, Any]] = {}
    for corpus in CORPORA:
        table = cells_by_row(PAPER, "Table 2", corpus)
        own = {c: text for c, text in table["HCT-MG"].items() if c != SIZE}
        sign = {c: -1 if c in LOWER else 1 for c in own}
        best = [c for c in own if all(sign[c] * (exactly(own[c]) - exactly(row[c])) >= 0 for row in table.values())]
        found[corpus] = {"best or tied": best, "of": len(own)}
    constants = true_positives().result["constant"]
    tied = [c for c in found["iemocap"]["best or tied"] if c.partition(".")[0] in constants]
    return Finding(
        "H-best", (PAPER,), "Table 2",
        "HCT-MG is best or tied in "
        + ", ".join(f"{len(f['best or tied'])} of {f['of']} cells on {c.upper()}" for c, f in found.items())
        + f"; {len(tied)} of the last {len(found['iemocap']['best or tied'])} are what the constant predictor scores.",
        "The statement on MOSI and MOSEI (most metrics) holds.",
        "the overall best performance on IEMOCAP", {**found, "constant": tied})


def corpus_sizes() -> Finding:
    """Whether the sizes of the corpora in the text are those of the appendix."""
    text = {c: int(exactly(cells_by_row(PAPER, "Sec. 5.1", c)[""]["all utterances"])) for c in CORPORA}
    splits = {}
    for corpus in CORPORA:
        said = cells_by_row(PAPER, "Table 6" if corpus == "iemocap" else "Table 5", corpus)[""]
        splits[corpus] = sum(int(exactly(said[f"{part} utterances"])) for part in ("train", "valid", "test"))
    return Finding(
        "H-mosei", (PAPER,), "Sec. 5.1, Tables 5 and 6",
        "Sec. 5.1 and the sums of the splits: " + ", ".join(
            f"{c.upper()} {text[c]:,} and {splits[c]:,}" for c in CORPORA) + ".",
        "The larger number is about that of all annotated segments of CMU-MOSEI; MulT's data leave some out.",
        "MOSEI has 23,454 samples", {"text": text, "splits": splits})


def sizes_of_hct_mg() -> Finding:
    """Whether the sizes follow from the hyper-parameters of Tables 7 and 8."""
    counted = {r["corpus"]: r for r in sizes.of_presets(PAPER)}
    agrees = {c: all(p["agrees"] for p in counted[c]["published"]) for c in CORPORA}
    return Finding(
        "H-sizes", (PAPER,), "Table 2, Tables 7 and 8",
        "Counted from Tables 7 and 8 with three layers of self-attention: " + ", ".join(
            f"{c.upper()} {counted[c]['parameters']:,} (printed {counted[c]['published'][0]['value']} M)"
            for c in CORPORA) + ".",
        "The sizes add up.", "", {"counted": {c: counted[c]["parameters"] for c in CORPORA}, "agrees": agrees})


FINDINGS = (true_positives, best_cells, fixed_text, best_primary, gate_batches, gate_epochs, gate_reach, corpus_sizes,
            sizes_of_hct_mg)
