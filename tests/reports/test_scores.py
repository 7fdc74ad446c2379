"""Scores and differences from evidence with known answers, and how they are kept."""

import numpy as np
import pytest
from ledgers import NAMES, D, book_of, guesses, kept, row, sides, split

from erclab.claims.evidence import GUESS, Shelf
from erclab.core.errors import RunError
from erclab.reports import scores

ARMS = {"SDT": {"model": "sdt"}, "SDT, text": {"model": "sdt", "modalities": ["text"]}, "bc-LSTM": {"model": "bc-lstm"},
        "SDT, no intra": {"model": "sdt", "intra": False}}
RIGHT = {"SDT": 0.8, "SDT, text": 0.3, "bc-LSTM": 0.7, "SDT, no intra": 0.9}


@pytest.fixture(scope="module")
def evidence(tmp_path_factory):
    """Evidence of four arms on a corpus that a claim names: three seeds, and two of bc-LSTM."""
    where = tmp_path_factory.mktemp("evidence")
    terms = {"name": "x", "matters": 0.01, "terms": sides("SDT", "SDT, text")}
    book = book_of(row(contrasts=[terms], corpora=["meld"]), arms=ARMS)
    made = split()
    made.save(where / "meld")
    shelf = Shelf(where / "meld", made)
    for i, (arm, right) in enumerate(RIGHT.items()):
        seen = ["text"] if "text" in arm else ["text", "audio"]
        spec = {"model": ARMS[arm]["model"], "modalities": seen, "words": "", "code": "0"}
        shelf.add(arm, *(kept(book, s, {GUESS: guesses(made, right, 1000 * i + s)}, id=f"{arm}-{s}", spec=spec,
                              seconds=2.0, environment={"hardware": "abacus", "threads": 1})
                         for s in ((100, 101, 102) if arm != "bc-LSTM" else (101, 102))))
    return book, where, made, shelf


def test_scores_are_means_over_seeds_of_the_plain_setting_with_all_modalities(evidence):
    book, where, made, shelf = evidence
    found, = scores.of_corpora(book, where)
    own = {s.model: s for s in found.scores}
    assert set(own) == {"sdt", "bc-lstm", "constant"} and own["sdt"].seeds == 3 and own["bc-lstm"].seeds == 2
    truth = made.truth["emotion"]
    right = [np.mean(e.arrays[GUESS] == truth) for e in shelf.arm("SDT")]
    value, low, high = own["sdt"].values["accuracy"]
    assert value == pytest.approx(np.mean(right), abs=1e-5) and low < value < high < 0.9
    assert own["sdt"].metric == "weighted_f1" and own["sdt"].dialogues == D and own["sdt"].parameters == 1000


def test_the_constant_is_the_best_single_answer(evidence):
    book, where, made, _ = evidence
    constant = next(s for s in scores.of_corpora(book, where)[0].scores if s.model == "constant")
    share = np.bincount(made.truth["emotion"]).max() / len(made.truth["emotion"])
    assert constant.values["accuracy"][0] == pytest.approx(share, abs=1e-5)
    assert constant.values["weighted_f1"][0] == pytest.approx(share * 2 * share / (1 + share), abs=1e-5)
    assert constant.values["balanced_accuracy"][0] == pytest.approx(1 / len(NAMES), abs=1e-5)


def test_differences_are_paired_by_the_seeds_that_both_have(evidence):
    book, where, _, shelf = evidence
    gap, = scores.of_corpora(book, where)[0].gaps
    assert (gap.model, gap.base, gap.seeds, gap.first) == ("sdt", "bc-lstm", 2, True)
    f1 = {arm: np.mean([float(scores.sampled([e.tally], "weighted_f1").seeds[0]) for e in shelf.arm(arm)
                        if e.seed > 100]) for arm in ("SDT", "bc-LSTM")}
    assert gap.value == pytest.approx(f1["SDT"] - f1["bc-LSTM"], abs=1e-5) and gap.low < gap.value < gap.high


def test_costs_are_those_of_all_runs_of_a_model(evidence):
    book, where, *_ = evidence
    spent = {c.model: c for c in scores.of_corpora(book, where)[0].costs}
    assert (spent["sdt"].runs, spent["sdt"].seconds) == (9, 18.0)
    assert spent["bc-lstm"].machines == ("abacus, 1 thread",)


def test_scores_are_kept_until_the_evidence_changes(evidence, monkeypatch):
    book, where, made, shelf = evidence
    found = scores.of_corpora(book, where)
    (where / scores.FILE).write_text(scores.as_text(found), encoding="utf-8")
    assert scores.stored_scores(where) == found and scores.outdated(book, where) == []
    monkeypatch.setattr(scores, "computed", lambda *_: pytest.fail("computed again"))
    assert scores.of_corpora(book, where) == found
    monkeypatch.undo()
    shelf.add("bc-LSTM", kept(book, 103, {GUESS: guesses(made, 0.7, 7)}, spec={
        "model": "bc-lstm", "modalities": ["text", "audio"], "words": "", "code": "0"}))
    assert scores.outdated(book, where) == ["meld"]
    assert next(s.seeds for s in scores.of_corpora(book, where)[0].scores if s.model == "bc-lstm") == 3
    (where / scores.FILE).write_text('[{"corpus": "mosi", "digest": "0", "scores": [], "gaps": [], "costs": []}]')
    assert scores.outdated(book, where) == ["meld", "mosi"]
    (where / scores.FILE).write_text("[{]")
    with pytest.raises(RunError, match=r"not a file of scores .* Delete it"):
        scores.stored_scores(where)


def test_on_a_simulated_corpus_the_oracle_that_hears_more_is_better():
    book = book_of(row(), protocol={"fresh": {"dialogues": 12, "seed": 100}})
    fresh = scores.splits.fresh_dialogues("simulated-tiny", book.protocol["fresh"], frames=False)
    made = scores.splits.Split("simulated-tiny", "", np.zeros(len(fresh), int),
                               {"emotion": fresh.targets("test", "emotion")}, {}, np.zeros(len(fresh), int))
    before, whole = scores._oracles(book, "simulated-tiny", made)
    assert whole.values["accuracy"][0] > before.values["accuracy"][0] > 0.6 and whole.metric == "weighted_f1"
    made.truth["emotion"][0] += 1
    with pytest.raises(RunError, match="are not those of the evidence"):
        scores._oracles(book, "simulated-tiny", made)
