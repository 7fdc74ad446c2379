"""Size, score and cost: which runs count, what the paper's points are, and what the figures show."""

import numpy as np
import pandas as pd
import pytest

from erclab import corpora
from erclab.analysis import efficiency
from erclab.core.errors import UsageError
from erclab.figures import efficiency as efficiency_figures

COLUMNS = ["model", "corpus", "modalities", "parameters", "seed", "sound", "finished", "metric"]


def catalogue(*rows):
    return pd.DataFrame(rows, columns=COLUMNS)


def row(model, seed, score, *, corpus="made", modalities="text+audio", parameters=1000, finished="2026-01-01"):
    return (model, corpus, modalities, parameters, seed, score, finished, "weighted_f1")


def test_ours_is_a_row_per_model_over_its_seeds():
    rows = row("sdt", 0, 0.5), row("sdt", 1, 0.7), row("mult", 0, 0.4, parameters=50)
    table = efficiency.ours(catalogue(*rows), "made")
    assert list(table.index) == ["MulT", "SDT"]
    assert table.loc["SDT", "score"] == pytest.approx(0.6) and table.loc["SDT", "seeds"] == 2
    assert table.loc["SDT", "deviation"] == pytest.approx(np.std([0.5, 0.7], ddof=1))
    assert table.loc["MulT", "view"] == "sequence" and np.isnan(table.loc["MulT", "deviation"])


def test_ours_takes_the_configuration_with_most_seeds_all_modalities_and_the_last_of_a_seed():
    table = efficiency.ours(catalogue(
        row("sdt", 0, 0.9, parameters=7), row("sdt", 0, 0.5), row("sdt", 1, 0.5), row("sdt", 2, 0.1, modalities="text"),
        row("sdt", 1, 0.7, finished="2026-02-01"), row("sdt", 3, 0.0, corpus="other"),
        row("linear", 0, 0.6, parameters=0)), "made")
    assert list(table.index) == ["SDT"] and table.loc["SDT", "score"] == pytest.approx(0.6)
    assert table.loc["SDT", "parameters"] == 1000


def test_a_corpus_without_runs_is_said():
    with pytest.raises(UsageError, match="no run of a trained model on meld"):
        efficiency.ours(catalogue(row("sdt", 0, 0.5)), "meld")


def test_theirs_are_the_papers_numbers():
    table = efficiency.theirs()
    assert table.loc["LMR-CBT", "parameters"] == 410_000 and table.loc["LMR-CBT", "score"] == pytest.approx(0.815)
    assert table.loc["MulT", "parameters"] == 1_070_000 and table.loc["MulT", "score"] == pytest.approx(0.806)


def test_precisions_compares_seed_by_seed_what_differs_in_nothing_else():
    rows = [("sdt", "made", "text", 10, seed, score, "2026-01-01", "weighted_f1", precision, width)
            for seed, low, high in ((0, 0.5, 0.6), (1, 0.7, 0.7), (2, 0.6, 0.5))
            for score, precision, width in ((low, "bfloat16", 8), (high, "float32", 8), (0.1, "float32", 9))]
    table = efficiency.precisions(pd.DataFrame(rows, columns=[*COLUMNS, "precision", "hidden"]), "made")
    assert list(table.index) == ["SDT"] and table.loc["SDT", "seeds"] == 3
    assert table.loc["SDT", "difference"] == pytest.approx(0.0) and table.loc["SDT", "deviation"] == pytest.approx(0.1)
    assert table.loc["SDT", "bfloat16"] == pytest.approx(0.6)
    with pytest.raises(UsageError, match="precision alone"):
        efficiency.precisions(pd.DataFrame(rows[1::3], columns=[*COLUMNS, "precision", "hidden"]), "made")


def test_rank_correlation():
    table = pd.DataFrame({"parameters": [1, 2, 3], "score": [0.3, 0.2, 0.1]})
    assert efficiency.rank_correlation(table) == pytest.approx(-1)
    assert np.isnan(efficiency.rank_correlation(table[:2]))


def test_every_model_is_drawn_where_it_belongs():
    sdt = {"parameters": 2_000_000}
    table = efficiency.ours(catalogue(row("sdt", 0, 0.5, **sdt), row("sdt", 1, 0.7, **sdt),
                                      row("mult", 0, 0.4, parameters=50_000)), "made")
    left, right = efficiency_figures.size_against_score({"Ours": table, "Theirs": efficiency.theirs()}).axes
    points = {c.get_label(): c.lines[0].get_xydata()[0] for c in left.containers}
    np.testing.assert_allclose(points["SDT"], [2.0, 60.0])
    np.testing.assert_allclose(points["MulT"], [0.05, 40.0])
    assert left.get_xscale() == "log" and "weighted F1" in left.get_ylabel() and len(right.containers) == 3


def test_overhead_counts_both_sizes_and_is_drawn():
    corpus = corpora.load("simulated-tiny")
    table = efficiency.overhead(corpus, ["bc-lstm", "m2fnet"], items=1)
    assert list(dict.fromkeys(table.index.get_level_values("size"))) == ["smoke", "official"]
    assert (table["times"] >= 1).all() and (table["times"] == 1).sum() == 2
    made = efficiency_figures.overhead_dots(table)
    assert [a.get_title(loc="left") for a in made.axes] == ["smoke size", "official size"]
    widths = sorted(made.axes[0].lines[0].get_xdata())
    np.testing.assert_allclose(widths, sorted(table.loc["smoke", "operations"] / 1e6))
