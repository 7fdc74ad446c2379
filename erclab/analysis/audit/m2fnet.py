"""Findings in Gao 2026 (M2FNet)."""

from __future__ import annotations

from erclab.analysis.audit.comparison import subset_test
from erclab.analysis.audit.finding import Finding
from erclab.analysis.audit.predictions import Hits, f1_bounds, jointly, matching_hits
from erclab.analysis.audit.printed import Row, cells_by_row, of_classes
from erclab.analysis.audit.rounding import exactly, percent, stands_for
from erclab.published.corpora import class_counts

PAPER = "m2fnet"
SPLITS = ("train", "valid", "test")
AVERAGES = ("macro", "weighted")
COSMIC = "65.21"  # weighted F1 on MELD from text alone, as Ghosal et al. 2020 print it
# Rows of Table 4, and of DialogueTRM's Table 2.
QUOTED = {"DialogueGCN (Ghosal et al., 2019)": "DialogueGCN", "BC-LSTM (Poria et al., 2019)": "scLSTM"}


def _table3() -> Row:
    return cells_by_row(PAPER, "Table 3")["M2FNet"]


def _supports() -> dict[str, int]:
    return {e: int(n) for e, n in of_classes(_table3(), "support").items() if e in class_counts("meld")}


def fitting_counts() -> dict[str, list[Hits]]:
    """Emotion -> the counts that give its printed precision, recall and F1 in Table 3."""
    row, supports = _table3(), _supports()
    said = {e: [percent(row[f"{e}.{score}"]) for score in ("precision", "recall", "f1")] for e in supports}
    most = sum(supports.values())
    return {e: matching_hits(precision, recall, f1, supports[e], most) for e, (precision, recall, f1) in said.items()}


def macro_f1() -> Finding:
    """Which averages the integers behind Table 3 allow, beside those of Tables 4 and 5."""
    fitting, row = fitting_counts(), _table3()
    bounds, together = f1_bounds(fitting), jointly(fitting, percent(row["accuracy"]))
    said = cells_by_row(PAPER, "Table 4")["M2FNet"]
    fits = {kind: bounds[kind].meets(stands_for(percent(said[f"{kind}_f1"]))) for kind in AVERAGES}
    shown = {k: f"{float(i.low) / 100:.3f} to {float(i.high) / 100:.3f}" for k, i in bounds.items()}
    return Finding(
        "M-macro", (PAPER,), "Tables 3, 4 and 5",
        f"The integers that give precision, recall and F1 of Table 3 allow a macro F1 of {shown['macro']} "
        f"({float(together.low) / 100:.3f} to {float(together.high) / 100:.3f} with as many predictions as "
        f"utterances) and a weighted F1 of {shown['weighted']}. Printed are {said['macro_f1']} and "
        f"{said['weighted_f1']}.",
        "A 0 may have been added to 0.42 of Table 3, where two decimals are right.",
        "a macro F1 of 0.420, with three decimals",
        {"macro": bounds["macro"], "weighted": bounds["weighted"], "jointly": together, "fits": fits})


def supports_of_splits() -> Finding:
    """Whether the supports of Table 3 can be MELD's."""
    supports = _supports()
    total = sum(supports.values())
    whole = {split: class_counts("meld", split) for split in SPLITS}
    p = {split: subset_test(supports, counts) for split, counts in whole.items()}
    more = [e for e, n in supports.items() if n > whole["valid"][e]]
    return Finding(
        "M-supports", (PAPER,), "Table 3",
        f"The supports sum to {total:,}; MELD has "
        + ", ".join(f"{sum(c.values()):,} ({s})" for s, c in whole.items())
        + f". A random part of the test split differs as much with p = {p['test']:.3f}, of the training split with p = "
        f"{p['train']:.0e}; of the validation split it is none ({', '.join(more)}: {supports[more[0]]} against "
        f"{whole['valid'][more[0]]}). Utterances are taken as independent.",
        "Utterances without all three modalities may have been left out, which is not a random part.",
        "Tables 3 and 4 are of the test split of MELD",
        {"total": total, "splits": {s: sum(c.values()) for s, c in whole.items()}, "p": p, "more than valid": more})


def validation_rows() -> Finding:
    """Whether the full model of the validation ablation (Table 5) has scores of its own."""
    test, valid = cells_by_row(PAPER, "Table 4")["M2FNet"], cells_by_row(PAPER, "Table 5")["Full M2FNet"]
    same = {kind: (test[f"{kind}_f1"], valid[f"{kind}_f1"]) for kind in AVERAGES}
    return Finding(
        "M-validation", (PAPER,), "Tables 4 and 5",
        "The full model has " + ", ".join(
            f"{kind} F1 {b} on validation and {a} on test" for kind, (a, b) in same.items()) + ".",
        "One of the two captions may name the wrong split.",
        "Table 4 is of the test split and Table 5 of the validation split",
        {"identical": all(a == b for a, b in same.values()), "scores": same})


def dominant_emotions() -> Finding:
    """Whether frequent emotions have the best F1."""
    row, supports = _table3(), _supports()
    f1 = {e: exactly(row[f"{e}.f1"]) for e in supports}
    above = [e for e in supports if supports[e] > supports["surprise"] and f1[e] < f1["surprise"]]
    return Finding(
        "M-dominant", (PAPER,), "Sec. 5.3, Table 3",
        f"Surprise ({supports['surprise']} utterances) has F1 {row['surprise.f1']}, more than "
        + " and ".join(f"{e} ({supports[e]}) with {row[f'{e}.f1']}" for e in above) + ".",
        "For neutral, by far the most frequent emotion, the statement holds.",
        "neutral and joy are recognised well because they are frequent", {"above": above, "classes": len(supports)})


def quoted_rows() -> Finding:
    """How the rows of earlier models compare with other prints of their scores on MELD."""
    here = {name: percent(row["weighted_f1"]) for name, row in cells_by_row(PAPER, "Table 4").items()}
    elsewhere = cells_by_row("dialoguetrm", "Table 2", "meld")
    found = {name.partition(" (")[0]: (here[name], elsewhere[theirs]["weighted_f1"]) for name, theirs in QUOTED.items()}
    cosmic = next(text for name, text in here.items() if name.startswith("COSMIC"))
    behind = float(exactly(COSMIC) - exactly(here["M2FNet"]))
    return Finding(
        "M-quoted", (PAPER,), "Table 4",
        f"COSMIC is printed with {cosmic}; its own paper has {COSMIC}, from text alone, {behind:.1f} points above "
        "M2FNet's "
        f"{here['M2FNet']}. In DialogueTRM's Table 2 " + " and ".join(
            f"{name} has {b}, here {a}" for name, (a, b) in found.items()) + ".",
        "The rows may have been trained anew on the same 1,044 utterances; the table does not say so.",
        "M2FNet trails COSMIC slightly", {"cosmic": (cosmic, COSMIC), "behind": round(behind, 2), **found})


FINDINGS = (macro_f1, supports_of_splits, validation_rows, dominant_emotions, quoted_rows)
