"""What the audit finds in the printed cells: each finding has its known answer."""

import re

import numpy as np
import pytest

from erclab import published
from erclab.analysis import audit
from erclab.analysis.audit import control, degenerate, lmr_cbt, report
from erclab.core import metrics
from erclab.core.errors import UsageError


@pytest.fixture(scope="module")
def found():
    return {f.id: f for f in audit.findings()}


def test_findings_have_all_their_parts(found):
    makers = {make for some in report.MODULES.values() for module in some for make in module.FINDINGS}
    assert len(found) == len(makers) == 33
    assert [f.id for f in audit.findings("m2fnet")] == [i for i in found if i.startswith("M-")]
    for f in found.values():
        assert re.fullmatch(r"[DHLMSB]-[a-z0-9-]+", f.id) and set(f.papers) <= set(published.papers()) and f.result
        for text in (f.where, f.computed, f.reading):
            assert text.strip() and "  " not in text
        assert f.computed.endswith(".") and f.reading.endswith(".") and not f.contradicts.endswith(".")
    table = audit.table("sdt")
    assert list(table.columns) == ["where", "computed", "reading", "contradicts"] and list(table.index) == ["S-runs"]
    with pytest.raises(UsageError, match="Did you mean 'hct-mg'"):
        audit.findings("hct_mg")


# DialogueTRM

def test_one_average_of_table_2_is_unweighted(found):
    rows = found["D-averages"].result
    gcn = rows["DialogueGCN", "f1"]
    assert (gcn["weighted"], gcn["unweighted"], gcn["printed"], gcn["is"]) == (65.66, 64.18, "64.18", ("unweighted",))
    assert rows["DialogueGCN", "recall"]["weighted"] == 65.91
    for name in ("scLSTM", "DialogueRNN", "AGHMN", "DialogueTRM"):
        assert rows[name, "f1"]["is"] == rows[name, "recall"]["is"] == ("weighted",)
    assert (rows["DialogueTRM", "recall"]["weighted"], rows["DialogueTRM", "f1"]["weighted"]) == (68.93, 69.22)


def test_the_best_earlier_row_and_the_gain(found):
    assert found["D-gain"].result == {"best": "DialogueGCN", "points": 3.57, "percent": 5.4}
    assert "not 4.58 points or 7.1 %" in found["D-gain"].computed


def test_the_columns_of_bieru_are_of_two_files(found):
    result = found["D-bieru"].result
    assert (result["precision"], result["average"], result["utterances"]) == (0.22, 65.5, 1623)
    assert result["rows"]["BiERU"] == {"predictions": 1796, "one file": False}
    assert {n: r["predictions"] for n, r in result["rows"].items() if r["one file"]} == {
        "scLSTM": 1624, "DialogueRNN": 1623, "DialogueTRM": 1623}


def test_recalls_are_not_means_of_five(found):
    result = found["D-recalls"].result
    assert [*result["odd"].values()] == ["54.19", "71.04", "77.1", "64.74", "63.91"]
    assert result["cut"] == result["odd"] and [*result["as printed"]] == ["happy", "sad", "angry", "excited"]
    assert len(result["single run"]) == 6


def test_gains_of_the_text_follow(found):
    result = found["D-gains"].result
    assert [g["printed"] for g in result["gains"].values()] == ["4.3", "7.1", "10.4", "4.5", "16.3", "5.3", "8.1"]
    assert all(g["follows"] for g in result["gains"].values()) and result["uplifts"] == [True] * 6
    assert result["ratios"] == {"seven times": 7.8, "nearly tripled": 2.7, "nearly doubled": 1.8}


def test_the_case_study_has_one_small_solution(found):
    result = found["D-case"].result
    assert (result["solution"], result["next"], result["rounded"]) == ((158, 48, 41, 44, 31), 316, [])
    assert (result["net"], result["broken"], result["p"]) == (25, 133, 0.159)
    assert found["D-yeah"].result == {"counts": [[10], [15], [17]], "p": 0.5}
    assert found["D-avec"].result == {"valence": 1, "arousal": 3, "expectancy": 1, "power": 1}


# HCT-MG

def test_34_of_938_positives(found):
    result = found["H-positives"].result
    assert result["true positives"]["HCT-MG"] == {"happy": [0], "sad": [0], "angry": [0], "neutral": [34]}
    assert result["true positives"]["T"] == {"happy": [2], "sad": [1], "angry": [0], "neutral": [94, 95]}
    assert [*result["true positives"]["A"].values()] == [[3], [2], [2], [59]]
    assert [*result["true positives"]["V"].values()] == [[1], [0], [1], [60]]
    assert result["unique"] and result["constant"] == ["happy", "sad", "angry"]
    assert (result["recognised"], result["n"]) == (34, 938)


def test_best_cells(found):
    result = found["H-best"].result
    assert [len(result[c]["best or tied"]) for c in ("mosi", "mosei", "iemocap")] == [5, 3, 4]
    assert result["constant"] == result["iemocap"]["best or tied"]
    assert found["H-primary"].result["iemocap"] == {"alone": 3, "or tied": 5, "of": 8}


def test_fixed_text_is_not_below_the_gate(found):
    assert found["H-fixed-text"].result["all"] == (5, 6, 7)


def test_figures_and_hyper_parameters_of_the_gate(found):
    assert found["H-figure-6"].result == {"batches": 36, "needed": 61}
    assert found["H-figure-7"].result == {"epochs": 30, "needed": 40}
    assert found["H-gate"].result["iemocap"] == {
        "batches": 170, "steps": 10_200, "reach": 0.102, "largest weight": 0.38}


def test_sizes_of_corpora_and_models(found):
    assert found["H-mosei"].result["text"] == {"mosi": 2199, "mosei": 23_454, "iemocap": 4453}
    assert found["H-mosei"].result["splits"] == {"mosi": 2199, "mosei": 22_856, "iemocap": 4453}
    assert found["H-sizes"].result["agrees"] == {"mosi": True, "mosei": True, "iemocap": True}


# Rows that two papers share

def test_rows_are_repeated(found):
    result = found["B-identical"].result
    assert (result["shared"], result["identical"]) == (105, 105)
    assert (result["reproduced"], result["reproduced and identical"], result["constant"]) == (14, 14, 6)
    assert result["models"] == "MulT" and result["chance"] == pytest.approx(7e-12, rel=0.02)


def test_two_orders_of_arguments_in_one_column(found):
    result = found["B-orders"].result
    assert result["swapped"] == result["mixed"] == ["CTC+EF-LSTM", "CTC+RAVEN", "CTC+MCTN"]
    assert (result["as it should be"], result["neither"]) == (["RAVEN", "RMFN", "LMF"], ["CIA"])


def test_pairs_of_no_single_table(found):
    result = found["B-impossible"].result
    aligned = {(m, e) for s, m, e in [*result["none"], *result["swapped only"]] if s == "aligned"}
    assert aligned == {("MFM", "happy"), ("MFM", "sad"), ("PMR", "happy"), ("LMR-CBT", "happy"), ("LF-LSTM", "sad"),
                       ("LF-LSTM", "angry"), ("LF-LSTM", "neutral")}
    assert result["own"] == [("aligned", "LMR-CBT", "happy"), ("unaligned", "LMR-CBT", "happy"),
                             ("unaligned", "LMR-CBT", "angry")]
    assert set(result["own"]) <= set(result["none"]) and len(result["pairs"]) == 68


# LMR-CBT

def test_pmr_is_better(found):
    assert found["L-pmr"].result == {"aligned": (0, 0, 14), "unaligned": (2, 1, 11)}
    assert found["L-figure-1"].result == {"best": "PMR", "f1": "82.8", "own": "81.5", "mosi": ("82.1", "81.0")}
    assert set(found["L-smallest"].result["smallest"].values()) == {"LMR-CBT"}
    assert found["L-aligned"].result["behind"] == {"LMF-MulT": ["IEMOCAP Neutral F1(%) 70.8 against 70.6"],
                                                   "MulT": ["MOSEI F1(%) 81.1 against 80.9"]}


def test_ratios_and_sizes(found):
    assert found["L-times"].result["mosei, PMR"] == 5.2 and found["L-times"].result["mosi, PMR"] == 6.1
    assert {c: (round(f["counted"] / 1e6, 2), f["follows"]) for c, f in found["L-sizes"].result.items()} == {
        "iemocap": (0.41, False), "mosi": (0.2, False), "mosei": (0.41, True)}
    assert found["L-table-2"].result == {"points": pytest.approx(1.4), "worst": ["[V, L]->A"] * 3}


# M2FNet and SDT

def test_macro_f1_cannot_be_what_is_printed(found):
    result = found["M-macro"].result
    assert [round(float(x), 1) for x in result["macro"]] == [41.4, 41.8]
    assert [round(float(x), 1) for x in result["weighted"]] == [57.6, 58.1]
    assert [round(float(x), 2) for x in result["jointly"]] == [41.44, 41.69]
    assert result["fits"] == {"macro": False, "weighted": True}


def test_supports_are_of_no_split(found):
    result = found["M-supports"].result
    assert (result["total"], result["splits"]) == (1044, {"train": 9989, "valid": 1109, "test": 2610})
    assert result["p"]["test"] == pytest.approx(0.008, abs=5e-4) and result["p"]["train"] < 1e-7
    assert "disgust" in result["more than valid"]
    assert found["M-validation"].result["identical"]
    assert found["M-dominant"].result == {"above": ["anger", "joy"], "classes": 7}
    assert found["M-quoted"].result == {"cosmic": ("58.5", "65.21"), "behind": 7.21, "DialogueGCN": ("55.8", "58.1"),
                                        "BC-LSTM": ("54.2", "55.9")}


def test_accuracies_are_of_one_and_of_several_runs(found):
    assert found["S-runs"].result["numerators"] == {"iemocap": {1: [], 5: [6001], 10: [12_002]},
                                                    "meld": {1: [1763], 5: [8815], 10: [17_630, 17_631]}}


# Exact claims

def test_exact_claims_are_decided_by_arithmetic(found):
    for claim, ids in {"H-c9": ("H-positives", "H-best"), "M-c12": ("M-supports", "M-validation", "M-macro"),
                       "L-c3": ("L-pmr", "L-figure-1", "L-smallest"), "L-c12": ("L-sizes",)}.items():
        holds, by, text = audit.exact(claim)
        assert not holds and by == ids and text == " ".join(found[i].computed for i in ids)
    with pytest.raises(UsageError, match="L-c10 is decided by a contract"):
        audit.exact("L-c10")
    with pytest.raises(UsageError, match="claim that arithmetic decides"):
        audit.exact("D-c1")


def test_an_exact_claim_can_hold(found, monkeypatch):
    """With other numbers the same rules say yes."""
    cell = {"follows": True}
    monkeypatch.setitem(report.EXACT, "L-c12", (
        (lambda: audit.Finding("L-sizes", ("lmr-cbt",), "x", "y", "z", result={"mosi": cell}),),
        report.EXACT["L-c12"][1]))
    assert audit.exact("L-c12")[0]
    best = audit.Finding("L-figure-1", ("lmr-cbt",), "x", "y", "z", result={"best": lmr_cbt.OWN})
    assert report.EXACT["L-c3"][1](found["L-pmr"], best, found["L-smallest"])


# O4

def test_the_constant_predictor_stands_beside_every_pair():
    table = degenerate.beside_constants()
    assert set(table.index.get_level_values("paper")) == {"DialogueTRM", "HCT-MG", "M2FNet", "SDT", "LMR-CBT"}
    assert table.index.is_unique and len(table) == 181
    table = table.sort_index()
    hct = table.xs(("HCT-MG", "Table 2", "iemocap", "unaligned", "HCT-MG"))
    assert (hct.drop("neutral")[["comes from", "balanced accuracy", "F1 of the positive"]] == [
        "constant", "50.0", "0.0"]).all(axis=None)
    assert hct.loc["neutral"].to_dict() == {
        "accuracy": "61.0", "constant's accuracy": "59.2", "F1": "50.5", "constant's F1": "44.0",
        "comes from": "one table", "positives found": "34 of 383", "balanced accuracy": "52.9",
        "F1 of the positive": "15.7"}
    mosi = table.xs("mosi", level="corpus")
    assert mosi.xs("MISA", level="row")["comes from"].tolist() == ["several tables, zeros with the positive"]
    meld = table.xs(("M2FNet", "Table 4", "meld", "", "M2FNet", "all"))
    assert (meld["F1"], meld["constant's F1"], meld["accuracy"]) == ("58.0", "31.3", "")


def test_runs_of_ours_pass_the_same_test():
    rng = np.random.default_rng(0)
    truth = (rng.random((400, 4)) < 0.2).astype(int)
    guess = truth ^ (rng.random((400, 4)) < 0.15)
    guess[:, 3] = 0
    names = ["happy", "sad", "angry", "neutral"]
    table = degenerate.pairs_of_classes(metrics.emotion4_scores(truth, guess, names), truth, names)
    assert not table["comes from"].isin(["no single table", "swapped only"]).any()
    assert table.loc["neutral", "comes from"] == "constant"


def test_shares_that_were_found_follow_the_pairs():
    pairs = degenerate.beside_constants().xs("HCT-MG", level="paper").xs("iemocap", level="corpus")
    found = degenerate.shares_found(pairs)
    assert list(found) == ["happy", "sad", "angry", "neutral"]
    assert found["neutral"].loc["HCT-MG"].tolist() == [100 * 34 / 383] * 2
    assert found["neutral"].loc["T"].tolist() == [100 * 94 / 383, 100 * 95 / 383]
    assert found["happy"].loc["LF-LSTM"].isna().all()  # only with swapped arguments


def test_a_pair_of_one_file_always_has_a_table_and_others_often_have():
    """The test has no false alarms; near the constant predictor it sees means and mixed epochs, elsewhere rarely."""
    shares = control.impossible_shares(draws=60)
    weak, good = (shares[name] for name in control.PREDICTORS)
    assert (shares.loc["one prediction file"] == 0).all()
    assert weak["mean of 5 runs"] > 25 > good["mean of 5 runs"]
    assert weak["best epoch of each score"] > 10 > good["best epoch of each score"]
