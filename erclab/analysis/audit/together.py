"""Findings in rows that HCT-MG (Wang et al. 2023) and LMR-CBT (Fu et al. 2021) share, and in their conventions."""

from __future__ import annotations

import pandas as pd

from erclab import published
from erclab.analysis.audit.comparison import chance_of_agreement
from erclab.analysis.audit.contingency import ORDERS, ZEROS, always_absent, kind_of_pair, matching, mixed_zeros, signs
from erclab.analysis.audit.finding import Finding
from erclab.analysis.audit.hct_mg import EMOTIONS, SIZE, emotion_tables
from erclab.analysis.audit.printed import cells_by_row, of_classes
from erclab.published.corpora import class_counts

PAPERS = ("hct-mg", "lmr-cbt")
TABLES = {"hct-mg": ("Table 2",), "lmr-cbt": ("Table 3", "Table 4", "Table 5")}
SEED_DEVIATION = 0.7  # points, of MulT over seeds: a usual value, see `chance_of_agreement`
ALIASES = {"Graph-MFN": "G-MFN"}  # a model's name in one paper, and in the other


def _scores(paper: str) -> pd.DataFrame:
    cells = published.cells(paper)
    cells = cells[cells["table"].isin(TABLES[paper]) & cells["value"].notna() & (cells["metric"] != SIZE)]
    model = cells["model"].str.removeprefix("CTC+").replace(ALIASES)
    return cells.assign(model=model)[["corpus", "model", "setting", "metric", "text", "marks"]]


def shared_cells() -> pd.DataFrame:
    """The cells that both papers print: corpus, model, metric, setting, and of each paper (_x, _y) text and marks.

    A setting that HCT-MG's paper does not print agrees with any.
    """
    hct, lmr = _scores(PAPERS[0]), _scores(PAPERS[1])
    both = hct.merge(lmr, on=["corpus", "model", "metric"])
    both = both[(both["setting_x"] == both["setting_y"]) | (both["setting_x"] == "")]
    return both.rename(columns={"setting_y": "setting"}).drop(columns="setting_x").reset_index(drop=True)


def repeated_rows() -> Finding:
    """Whether rows that both papers print, and those that both call reproduced, are identical."""
    both = shared_cells()
    same = both["text_x"] == both["text_y"]
    reproduced = both["marks_x"].str.contains("*", regex=False) & both["marks_y"].str.contains("*", regex=False)
    mult = both[reproduced]
    fitting = emotion_tables(dict(zip(mult["metric"], mult["text_x"], strict=True)))
    counts = class_counts("iemocap-4")
    constants = [e for e in EMOTIONS if fitting[e] == [always_absent(sum(counts.values()), counts[e])]]
    free = int((~mult["metric"].str.partition(".")[0].isin(constants)).sum())
    chance = chance_of_agreement(SEED_DEVIATION, 0.1, free)
    names = ", ".join(dict.fromkeys(mult["model"]))
    return Finding(
        "B-identical", PAPERS, "HCT-MG Table 2, LMR-CBT Tables 3 to 5",
        f"{same.sum()} of {len(both)} cells that both papers print are identical. {len(mult)} of them are {names}, "
        f"which both mark as reproduced from open code; {len(mult) - free} of these are the constant predictor, "
        f"{free} are not. Two trainings whose scores deviate by {SEED_DEVIATION} points agree to the printed digit in "
        f"{free} cells with a probability of about {chance:.0e}.",
        "The rows were presumably taken over from an earlier paper with the same code (Sahay et al. 2020; not "
        "checked).",
        "MulT was reproduced, by each of the two papers",
        {"shared": len(both), "identical": int(same.sum()), "reproduced": len(mult), "models": names,
         "reproduced and identical": int(same[reproduced].sum()), "constant": len(mult) - free, "chance": chance})


def f1_orders() -> Finding:
    """In which order of F1's arguments the MOSI rows of HCT-MG's Table 2 can be."""
    labels, found = class_counts("mosi"), {}
    for name, row in cells_by_row(PAPERS[0], "Table 2", "mosi").items():
        pair = (row["acc2_non0"], row["f1_non0"])
        found[name] = [any(matching(*signs(labels, zeros), *pair, swapped) for zeros in ZEROS) for swapped in ORDERS]
    plain, swapped, none = ([name for name, fits in found.items() if fits == want]
                            for want in ([True, False], [False, True], [False, False]))
    table = cells_by_row(PAPERS[0], "Table 2", "mosi")
    mixed = [n for n in swapped if mixed_zeros(labels, table[n]["acc2_non0"], table[n]["f1_non0"])]
    return Finding(
        "B-orders", PAPERS, "HCT-MG Table 2, LMR-CBT Table 4, MOSI",
        "If accuracy and F1 treat labels of 0 alike (left out, with the positive, or with the negative ones), the "
        f"pairs of {', '.join(swapped)} come only from F1 with swapped arguments, and those of {', '.join(plain)} "
        f"only from F1 as it should be; {', '.join(none)} fits neither. If the two scores treat labels of 0 "
        f"differently, {len(mixed)} of the {len(swapped)} fit F1 as it should be, too.",
        "Rows of one column are quoted from papers with different code, and MulT's code swaps the arguments. A row "
        "that fits neither may be a mean over runs or of another test set.",
        "",
        {"swapped": swapped, "as it should be": plain, "neither": none, "mixed": mixed})


def impossible_pairs() -> Finding:
    """Which pairs of accuracy and F1 on IEMOCAP are of no single prediction file."""
    counts = class_counts("iemocap-4")
    n, found = sum(counts.values()), {}
    for setting in ("aligned", "unaligned"):
        for name, row in cells_by_row(PAPERS[1], "Table 3", "iemocap", setting).items():
            accuracy, f1 = of_classes(row, "accuracy"), of_classes(row, "weighted_f1")
            for e in EMOTIONS:
                kind = kind_of_pair(n, counts[e], accuracy[e], f1[e])
                found[setting, name, e] = {"accuracy": accuracy[e], "f1": f1[e], "kind": kind}
    broken = [key for key, f in found.items() if f["kind"] in ("no single table", "swapped only")]
    own = [key for key in broken if key[1] == "LMR-CBT"]
    said = ", ".join(f"{s} {e} {found[s, m, e]['accuracy']}/{found[s, m, e]['f1']}" for s, m, e in own)
    others = dict.fromkeys(m for _, m, _ in broken if m != "LMR-CBT")
    return Finding(
        "B-impossible", PAPERS, "LMR-CBT Table 3, IEMOCAP",
        f"No 2x2 table of {n} samples has accuracy and F1 of LMR-CBT's {said}. Of all {len(found)} pairs of the table "
        f"{len(broken)} fit none with F1 as it should be ({', '.join(others)} have such pairs, too); "
        f"{sum(found[key]['kind'] == 'swapped only' for key in broken)} of these fit with F1's arguments swapped.",
        "Accuracy and F1 that are each the best over epochs would explain LMR-CBT's; means over runs or another test "
        "set "
        "those of quoted rows.", "",
        {"pairs": found, "none": [key for key in broken if found[key]["kind"] == "no single table"],
         "swapped only": [key for key in broken if found[key]["kind"] == "swapped only"], "own": own})


FINDINGS = (repeated_rows, f1_orders, impossible_pairs)
