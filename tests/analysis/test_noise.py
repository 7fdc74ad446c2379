"""Ceilings under planted mistakes, and what words alone can reach on lines that are said again."""

import numpy as np
import pandas as pd
import pytest

from erclab.analysis import kept, noise
from erclab.analysis.kept import KeptRun
from erclab.core.errors import RunError, UsageError
from erclab.core.targets import Task
from erclab.corpora import Corpus, simulated


def test_the_ceiling_falls_with_the_labels_and_not_with_the_emotions():
    runs = {}
    for rate in (0.0, 0.3):
        fresh = simulated.fresh(simulated.world_of("tiny", mistakes=rate), 60, 1)
        for against, run in noise.oracle_runs(fresh, simulated.world_behind(fresh)).items():
            runs[noise.curve_key(noise.ORACLE, rate, 1, against)] = [run]
        assert (noise.truth_of(fresh, "label") != noise.truth_of(fresh, "emotion")).mean() == pytest.approx(
            rate, abs=.05)
    table = noise.ceiling_curve(runs).set_index(["mistakes", "against"])["accuracy"]
    assert table[0.0, "label"] == table[0.0, "emotion"] == pytest.approx(table[0.3, "emotion"], abs=1)
    assert table[0.3, "label"] == pytest.approx(.7 * table[0.0, "label"], abs=4)
    with pytest.raises(UsageError, match="against 'votes'"):
        noise.truth_of(fresh, "votes")


def test_a_reader_is_compared_with_the_oracle_of_its_own_rate():
    target = Task.from_dict({"name": "emotion", "kind": "classes", "names": ["a", "b"]})

    def run(right, seed=0, fixed=False):
        counts = np.zeros((4, 2, 2))
        counts[:, 0, 0], counts[:, 0, 1] = right, 10 - right
        return KeptRun("r", seed, target, fixed, ("accuracy", 1), {}, [], [], sums={"sound": counts})
    made = noise.ceiling_curve({noise.curve_key("oracle", 0.1, 1, "label"): [run(9, fixed=True)],
                                noise.curve_key("M", 0.1, 1, "label"): [run(6), run(8, 1)]}).set_index("reader")
    assert made.loc["M", ["accuracy", "gap", "seeds"]].tolist() == [70, 20, 2] and made.loc["oracle", "gap"] == 0


def performed(labels, improvised=False):
    """A play of two scenes performed once per row of labels: a column is a line of four words, "yes" stands between."""
    rows = []
    for i, row in enumerate(labels):
        for scene, half in enumerate(np.array_split(np.arange(len(row)), 2), 1):
            name = f"Ses0{i + 1}F_{'impro' if improvised else 'script'}0{scene}_{scene}{'b' * (i % 2)}"
            for turn, j in enumerate(half):
                rows += [("train", name, 2 * turn, "F", f"This is my line {j}!", row[j]),
                         ("train", name, 2 * turn + 1, "M", "Yes.", 0)]
    table = pd.DataFrame(rows, columns=["split", "dialogue", "turn", "speaker", "text", "label"])
    other = pd.DataFrame([("train", "Ses01F_impro01", 0, "F", "nobody says this again", 1)], columns=table.columns)
    return Corpus("made", pd.concat([table, other], ignore_index=True), ("calm", "cross", "sad"))


def test_agreement_and_bounds_of_repeated_lines():
    """Lines 0 and 1 always have one label; lines 2 and 3 have two labels among four performances, two and two."""
    made = noise.repeated_lines(performed([[0, 1, 0, 1], [0, 1, 0, 1], [0, 1, 1, 2], [0, 1, 1, 2]]))
    row = made.loc["scripted, 4 words or more"]
    assert row[["lines", "utterances", "scenes"]].tolist() == [4, 16, 2]
    assert row["agreement"] == pytest.approx(100 * (1 + 1 / 3) / 2, abs=.1)  # of two and two, 2 of 6 pairs agree
    assert row["at most"] == pytest.approx(100 * (2 / 3)**.5, abs=.1) and row["majority"] == 75
    assert row["chance"] == pytest.approx(100 * (6 * 5 + 8 * 7 + 2 * 1) / (16 * 15), abs=.1)
    assert row["low"] <= row["agreement"] <= row["high"] and "improvised, 4 words or more" not in made.index
    assert made.loc["scripted", "utterances"] == 32


def test_the_bound_holds_for_the_best_reader():
    """With shares .8 and .2 the best reader is right in 80 %: between agreement (68) and its root (82)."""
    rng = np.random.default_rng(0)
    made = noise.repeated_lines(performed((rng.random((10, 60)) < .2).astype(int)))
    row = made.loc["scripted, 4 words or more"]
    assert row["agreement"] == pytest.approx(68, abs=3) and row["agreement"] < 80 < row["at most"] + 1


def test_a_corpus_without_repeated_lines_is_refused(tiny):
    with pytest.raises(UsageError, match="not said to be scripted"):
        noise.repeated_lines(tiny)
    with pytest.raises(UsageError, match="no line is said in two dialogues"):
        noise.repeated_lines(performed([[0, 1, 0, 1]]))


def test_the_table_is_kept(monkeypatch, tmp_path):
    monkeypatch.setattr(kept.paths, "results_dir", lambda: tmp_path)
    with pytest.raises(RunError, match=r"tools/crossed.py repeats --corpus made"):
        noise.stored_repeats("made")
    corpus = performed([[0, 1], [0, 0]])
    noise.write_repeats(corpus)
    pd.testing.assert_frame_equal(noise.stored_repeats("made"), noise.repeated_lines(corpus))
    with pytest.raises(RunError, match="cannot be read"):
        noise.stored_noise("made")
