"""Findings in Fu et al. 2021 (LMR-CBT)."""

from __future__ import annotations

from collections.abc import Mapping

from erclab.analysis import sizes
from erclab.analysis.audit.comparison import Outcomes, outcomes, ratio
from erclab.analysis.audit.finding import Finding
from erclab.analysis.audit.hct_mg import SIZE
from erclab.analysis.audit.printed import Row, cells_by_row
from erclab.analysis.audit.rounding import exactly

PAPER = "lmr-cbt"
TABLES = {"iemocap": "Table 3", "mosi": "Table 4", "mosei": "Table 5"}
SETTINGS = ("aligned", "unaligned")
OWN, SIZES = "LMR-CBT", "(M)"  # its row, and the header of the sizes behind names
DIRECTIONS = ("[V, L]->A", "[L, A]->V", "[V, A]->L")


def _table(corpus: str, setting: str) -> dict[str, Row]:
    """Without sizes."""
    table = cells_by_row(PAPER, TABLES[corpus], corpus, setting, by="printed")
    return {name: {c: text for c, text in row.items() if c != SIZES} for name, row in table.items()}


def _against(other: str, setting: str) -> dict[str, Outcomes]:
    """Corpus -> LMR-CBT's cells against those of another row."""
    tables = {c: _table(c, setting) for c in TABLES}
    return {c: outcomes(table[OWN], table[other]) for c, table in tables.items() if other in table}


def _sum(each: Mapping[str, Outcomes]) -> Outcomes:
    return Outcomes(*(sum(column) for column in zip(*each.values(), strict=True)))


def reinforcement() -> Finding:
    """LMR-CBT against PMR, cell by cell."""
    found = {s: _sum(_against("PMR", s)) for s in SETTINGS}
    return Finding(
        "L-pmr", (PAPER,), "Sec. 4.3, Tables 3 to 5",
        "LMR-CBT against PMR: " + "; ".join(f"{s} {found[s]}" for s in SETTINGS) + ".",
        "LMR-CBT has a fifth to a sixth of PMR's parameters; how near is 'comparable' is not said.",
        "performance that is comparable to PMR's, or better", found)


def figure_1() -> Finding:
    """Whether the point of LMR-CBT in Figure 1 is the best one."""
    table = _table("mosei", "unaligned")
    f1 = {name: row["F1(%)"] for name, row in table.items()}
    best = max(f1, key=lambda name: exactly(f1[name]))
    mosi = {name: row["F1(%)"] for name, row in _table("mosi", "unaligned").items()}
    return Finding(
        "L-figure-1", (PAPER,), "Abstract, Figure 1, Table 5",
        f"F1 on MOSEI, unaligned: {best} {f1[best]}, LMR-CBT {f1[OWN]}. On MOSI {mosi[best]} and {mosi[OWN]}.",
        "Among models of its size it is the best.", "the best performance, with the smallest model",
        {"best": best, "f1": f1[best], "own": f1[OWN], "mosi": (mosi[best], mosi[OWN])})


def fewest_parameters() -> Finding:
    """Whether LMR-CBT is the smallest of the models whose sizes are printed."""
    found = {}
    for corpus, table in TABLES.items():
        sized = cells_by_row(PAPER, table, corpus, "unaligned")
        found[corpus] = {name: float(row[SIZE]) for name, row in sized.items() if SIZE in row}
    smallest = {c: min(some, key=some.__getitem__) for c, some in found.items()}
    return Finding(
        "L-smallest", (PAPER,), "Abstract, Tables 3 to 5",
        "; ".join(f"{c.upper()}: " + ", ".join(f"{name} {m} M" for name, m in some.items())
                  for c, some in found.items()) + ".",
        "It is the smallest of the models with a printed size.", "", {"sizes": found, "smallest": smallest})


def aligned_rows() -> Finding:
    """LMR-CBT against LMF-MulT and MulT in the aligned setting."""
    found, behind = {}, {}
    for other in ("LMF-MulT", "MulT"):
        found[other] = _sum(_against(other, "aligned"))
        tables = {c: _table(c, "aligned") for c in TABLES}
        behind[other] = [f"{c.upper()} {column} {t[other][column]} against {t[OWN][column]}" for c, t in tables.items()
                         for column in t[OWN] if exactly(t[other][column]) > exactly(t[OWN][column])]
    return Finding(
        "L-aligned", (PAPER,), "Sec. 4.3, Tables 3 to 5, aligned",
        "; ".join(f"LMR-CBT against {other}: {found[other]}"
                  + (f" (better there: {', '.join(cells)})" if cells else "") for other, cells in behind.items()) + ".",
        "LMR-CBT is ahead in nearly all cells; the statement holds but for these.", "", {**found, "behind": behind})


def ratios_of_sizes() -> Finding:
    """How many times LMR-CBT's size PMR and MISA are."""
    found = {}
    for corpus, some in fewest_parameters().result["sizes"].items():
        for other in ("PMR", "MISA"):
            if other in some:
                found[corpus, other] = ratio(str(some[other]), str(some[OWN]))
    pmr, misa, mosi = found["mosei", "PMR"], found["mosei", "MISA"], found["mosi", "PMR"]
    return Finding(
        "L-times", (PAPER,), "Sec. 4.3, last point",
        f"On MOSEI PMR is {pmr.middle:.1f} times as large as LMR-CBT and MISA {misa.middle:.1f} times; on MOSI PMR is "
        f"{mosi.middle:.1f} times as large.",
        "The factor is that of the other corpora.", "PMR is as much as 6 times as large on MOSEI",
        {f"{corpus}, {other}": round(found[corpus, other].middle, 1) for corpus, other in found})


def sizes_of_lmr_cbt() -> Finding:
    """Whether the sizes follow from the hyper-parameters of Table 1."""
    counted = {(r["corpus"], v): r for r in sizes.of_presets(PAPER) for v in r["variants"]}
    found = {}
    for corpus in TABLES:
        said, = (p for p in counted[corpus, "paper"]["published"] if p["unit"] == "million")
        found[corpus] = {"printed": said["value"], "follows": said["agrees"],
                         "counted": counted[corpus, "paper"]["parameters"],
                         "authors' code": counted[corpus, "official"]["parameters"]}
    return Finding(
        "L-sizes", (PAPER,), "Table 1, Tables 3 to 5",
        "Counted from Table 1: " + ", ".join(
            f"{c.upper()} {f['counted']:,} (printed {f['printed']} M{'' if f['follows'] else ', differs'}; authors' "
            "code "
            f"{f['authors' + chr(39) + ' code']:,})" for c, f in found.items()) + ".",
        "The sizes of IEMOCAP and MOSI are those of four layers of width 40, with the two corpora exchanged.",
        "0.34 M on IEMOCAP and 0.35 M on MOSI with the settings of Table 1", found)


def ablation_rows() -> Finding:
    """Whether what the text says of Table 2 follows from it."""
    table = cells_by_row(PAPER, "Table 2", "mosei", by="printed")
    more = exactly(table["BiLSTM"]["F1(%)"]) - exactly(table["Conv1D"]["F1(%)"])
    scores = ("Acc7(%)", "Acc2(%)", "F1(%)")
    worst = [min(DIRECTIONS, key=lambda d, c=c: exactly(table[d][c])) for c in scores]
    return Finding(
        "L-table-2", (PAPER,), "Sec. 4.4, Table 2",
        f"BiLSTM - Conv1D = {table['BiLSTM']['F1(%)']} - {table['Conv1D']['F1(%)']} = {float(more):.1f} points of F1; "
        f"the direction {worst[0]} is the worst in {worst.count(worst[0])} of {len(scores)} scores.",
        "The arithmetic of the text is right.", "", {"points": float(more), "worst": worst})


FINDINGS = (reinforcement, figure_1, fewest_parameters, aligned_rows, ratios_of_sizes, sizes_of_lmr_cbt, ablation_rows)
