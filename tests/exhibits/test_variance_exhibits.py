"""O15 and O17 from what the study keeps."""

import shutil

import numpy as np
import pytest
from figure_checks import assert_readable

from erclab.analysis import kept, noise
from erclab.claims import book as books
from erclab.claims import exact
from erclab.claims.draws import Draw, Log, draws_file
from erclab.claims.evidence import Kept
from erclab.core import paths
from erclab.exhibits import catalogue, variance
from erclab.published.tuning import declared


def test_printed_gaps_are_those_of_the_tables():
    gaps = exact.all_printed_gaps()
    own = {corpus: sorted(round(100 * gap, 2) for _, _, gap in exact.ablation_gaps(corpus)) for corpus in
           ("iemocap", "meld")}
    for corpus, found in own.items():
        at = (gaps["corpus"] == corpus) & (gaps["kind"] == "ablation")
        assert sorted(gaps[at]["gap"]) == found and found
    better = gaps[gaps["kind"] == "better than"].set_index("corpus")["gap"]
    assert better.to_dict() == {"iemocap": 4.58, "meld": 2.71}  # DialogueTRM's 69.23 and 63.55 above BiERU
    assert list(dict.fromkeys(gaps["kind"])) == list(exact.KINDS) and (gaps["gap"] > 0).all()


def counts(right, dialogues=4):
    """(D, 6, 6) of two classes with 10 utterances each, of which so many are recognised."""
    made = np.zeros((dialogues, 6, 6))
    made[:, 0, 0], made[:, 0, 1], made[:, 1, 1], made[:, 1, 0] = right, 10 - right, right, 10 - right
    return made


def run(target, right, seed=0, fixed=False):
    return kept.KeptRun("r", seed, target, fixed, ("weighted_f1", 1), {}, [], [], sums={"sound": counts(right)})


def test_o15_has_a_row_per_corpus_and_component_and_draws_every_gap(monkeypatch, tmp_path, tiny):
    monkeypatch.setattr(paths, "results_dir", lambda: tmp_path)
    target = tiny.task("emotion")
    models = {name: {level: [run(target, right + seed, seed) for seed in (0, 1)] for level, right in
                     (("1", low), ("2", low + 2))} for name, low in (("A", 4), ("B", 6))}
    kept.write_kept(kept.place("simulated", "variance"), variance.variance.design_groups(models), [],
                    factor="training data", shared=True)
    found, gaps = variance.all_components(), exact.all_printed_gaps()
    table = catalogue.find(["O15"])[0].build(tiny, {})
    assert list(table.index) == [("simulated", name) for name in ("training data", "seed", "test dialogues")]
    assert table["deviation"].tolist() == [0, 0, 0]  # B - A is 20 points with every seed at every level
    pooled = variance.variance.pooled_components(found).set_index(["of", "component"])
    assert pooled.loc[("score", "training data"), "deviation"] == pytest.approx(20 / 2**.5, abs=.01)
    assert pooled.loc[("score", "seed"), "deviation"] == pytest.approx(10 / 2**.5, abs=.01)
    assert all(cell.split(", ")[0].endswith(f" of {(gaps['kind'] == kind).sum()}") for kind in exact.KINDS
               for cell in table[kind])
    above, below = variance.variance_figure(found).axes
    assert sum(len(c.get_segments()) for c in above.collections) == len(gaps)
    said = variance.variance_words(found)
    assert "1 pairs of models, 2 seeds) " in said and "training data 0.0 [0.0, 0.0], seed 0.0" in said
    assert "means of 5 runs" in said
    some = gaps[gaps["kind"].str.startswith("ablation")]
    assert len(below.patches) == 3 and above.get_title(loc="left") == (
        f"0 of {len(some)} printed ablation gaps are smaller than one deviation of a\ndifference by seed and test "
        "dialogues on simulated (0.0 points)")


def test_a_corpus_without_a_design_has_the_ledgers_seeds(monkeypatch, tmp_path, tiny):
    monkeypatch.setattr(paths, "results_dir", lambda: tmp_path)
    shelf, target = books.shelf_of("meld"), tiny.task("emotion").as_dict()
    for arm, low in (("bc-LSTM", 4), ("SDT", 6)):
        for seed in (100, 101, 102) if arm == "SDT" else (101, 102, 103, 100):
            about = {"id": arm, "seed": seed, "fixed": False, "target": target}
            shelf.add(arm, Kept(about, {"sum|all": counts(low + seed - 100)}))
    design, = variance.designs()
    assert (design.corpus, design.factor) == ("meld", "")
    assert [len(x[0].seeds) for x in design.models.values()] == [3, 3]
    table = variance.all_components().set_index(["quantity", "component"])["deviation"]
    assert table["SDT", "seed"] == pytest.approx(10) and table["bc-LSTM - SDT", "seed"] == 0


def test_draws_of_tuning_are_a_component(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "results_dir", lambda: tmp_path)
    for model, scores in (("sdt", (.5, .6, .7)), ("bc-lstm", (.5, .5, None))):
        about = {"model": model, "corpus": "meld", "score": "weighted_f1", "digest": declared().digest(model)}
        Log(about, tuple(Draw(i, i, {}, x) for i, x in enumerate(scores, 1))).save(draws_file(model, "meld"))
    row = next(variance.tuning_draws()).set_index("quantity")["deviation"]
    assert row["SDT"] == 10 and row["bc-LSTM"] == 0 and len(row) == 3 and row.filter(like=" - ").tolist() == [10]


def test_fine_tuning_is_told_from_its_records(monkeypatch, tmp_path):
    """56.3 and 61.4 are those of the README."""
    assert variance.fine_tuned()["value"].round(1).to_dict() == {"frozen": 56.3, "fine-tuned": 61.4}
    assert "from 56.3 to 61.4" in variance.fine_tuned_words()
    monkeypatch.setattr(paths, "results_dir", lambda: tmp_path)
    assert variance.fine_tuned().empty and variance.fine_tuned_words() == ""


def test_o17_needs_its_files(monkeypatch, tmp_path, tiny):
    there = noise.repeats_place("iemocap-text-audio")
    monkeypatch.setattr(paths, "results_dir", lambda: tmp_path)
    exhibit = catalogue.find(["O17"])[0]
    assert exhibit.lacks(tiny) == "no runs with mistaken labels are kept"
    assert catalogue.find(["O15"])[0].lacks(tiny) == "no runs of several seeds are kept"
    shutil.copytree(there.parent, noise.repeats_place("iemocap-text-audio").parent)
    target = tiny.task("emotion")
    runs = {noise.curve_key(who, rate, 1, "label"): [run(target, right, fixed=who == "oracle")]
            for rate in (0.0, 0.2) for who, right in (("oracle", 9), ("M", 7))}
    runs[noise.curve_key("M", 0.2, 1, "emotion")] = [run(target, 8)]
    runs[noise.curve_key("oracle", 0.2, 1, "emotion")] = [run(target, 9, fixed=True)]
    kept.write_kept(kept.place(variance.NOISY, noise.FILE), runs, [])
    assert exhibit.build(tiny, {}).loc[("M", 0.2, 1, "label"), "gap"] == pytest.approx(20)
    said, bound = variance.noise_words(), variance.noise_bounds().loc[variance.BOUND]
    assert "M falls from 70.0 to 70.0 % and stays 20.0" in said and "still recognises 80.0 %" in said
    assert f"more than {bound['at most']:.0f} % of them" in said
    figure = variance.noise_figure()
    left, right = figure.axes
    assert_readable(figure)
    assert len(right.patches) == 4 and left.get_title(loc="left") == "20 % mistakes: the ceiling falls from 90 to 90"
    size = f"{bound['utterances']:,.0f} utterances of {bound['lines']:.0f} repeated lines"
    assert right.get_title(loc="left") == size
