"""No reader beats the ceiling of what it reads: a quick version here, the whole with `pytest -m long` (minutes)."""

import json

import numpy as np
import pandas as pd
import pytest

from erclab.analysis import readers
from erclab.core.errors import UsageError
from erclab.corpora import simulated
from erclab.exhibits import lacks, ours
from erclab.figures import readers as reader_figures


def dialogues(train, test, seed=3):
    corpus = simulated.generate("small", dialogues=(train, 0, 0), seed=seed)
    return corpus, simulated.fresh(corpus, test, seed=seed)


@pytest.fixture(scope="module")
def table():
    some = readers.readers_with(input=["words", "all vectors"], by=["logistic regression"],
                          sees=["one turn", "whole dialogue"])
    return readers.measure(*dialogues(250, 80), some)


def test_no_quick_reader_beats_its_ceiling_and_each_learns(table):
    assert readers.beyond(table).empty
    assert (table["accuracy"] > 35).all() and table["se"].between(0.3, 3).all()
    assert list(table["view"]) == ["words", "words", "vectors", "vectors"]
    assert table["gap"].to_numpy() == pytest.approx((table["accuracy"] - table["ceiling"]).to_numpy())


def test_no_stored_reader_is_above_its_ceiling():
    """The numbers of the study, made by `python tools/readers.py`."""
    kept = readers.stored("simulated")
    assert readers.beyond(kept).empty and (kept["dialogues"] == 2000).all()
    assert {readers.Reader(*row) for row in kept[["input", "by", "sees"]].to_numpy()} <= set(readers.READERS)


@pytest.mark.long
def test_no_reader_trained_on_2000_dialogues_beats_its_ceiling_on_2000_others():
    encode = pytest.importorskip("erclab.features.text").encode
    found = readers.measure(*dialogues(2000, 2000), encode=encode, told=print)
    assert len(found) == len(readers.READERS) and readers.beyond(found).empty, readers.beyond(found).to_string()


def test_a_reader_that_sees_more_than_its_oracle_is_found_out(monkeypatch):
    """The tests above can fail: a reader of all vectors beside the oracle of the voice alone."""
    monkeypatch.setitem(readers.INPUTS, "all vectors", ("vectors", ("audio",)))
    monkeypatch.setattr(readers, "_features", lambda train, test, *rest: (
        np.hstack(list(corpus.vectors.values())) for corpus in (train, test)))
    found = readers.measure(*dialogues(80, 50), readers.readers_with(input=["all vectors"], sees=["one turn"],
                                                               by=["logistic regression"]))
    assert len(readers.beyond(found)) == 1 and readers.gap_title(found).startswith("1 of 1 readers above")


def test_boosting_and_grus_run_and_sentences_need_an_encoder():
    train, test = dialogues(12, 5)
    few = readers.readers_with(input=["words, voice and face"], by=["boosting"], sees=["one turn"])
    found = readers.measure(train, test, [*few, *readers.readers_with(by=["GRU"])], told=lambda line: None)
    assert list(found["by"]) == ["boosting", *["GRU"] * 3] and found["accuracy"].between(0, 100).all()
    sentences = readers.readers_with(input=["MiniLM sentences"], by=["logistic regression"], sees=["previous turn"])
    read = readers.measure(train, test, sentences, encode=lambda texts: np.array([[len(t), 1.0] for t in texts]))
    assert len(read) == 1
    with pytest.raises(UsageError, match="nothing encodes them"):
        readers.measure(train, test, sentences)


def test_the_error_of_a_gap_is_that_of_resampled_dialogues():
    rng = np.random.default_rng(0)
    lengths = rng.integers(2, 30, 200)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    mood = np.repeat(rng.random(200), lengths)  # utterances of a dialogue depend on each other
    hit, best = (rng.random(len(mood)) < p * mood for p in (0.8, 0.9))
    gap, se = readers.gap_of(hit, best, starts)
    assert gap == pytest.approx(hit.mean() - best.mean())
    sums = np.add.reduceat(hit * 1.0 - best, starts[:-1])
    chosen = rng.integers(200, size=(4000, 200))
    assert se == pytest.approx((sums[chosen].sum(1) / lengths[chosen].sum(1)).std(), rel=0.06)


def test_what_a_reader_sees_of_other_turns():
    corpus = simulated.generate("tiny", dialogues=(0, 0, 2), seed=1)
    n, speaker, dialogue = len(corpus), corpus.table["speaker"].to_numpy(), corpus.table["dialogue"].to_numpy()
    x = np.eye(n)  # a turn's features say which turn it is
    before, everything = (readers.around(corpus, x, sees).reshape(n, -1, n)
                          for sees in ("previous turn", "whole dialogue"))
    assert readers.around(corpus, x, "one turn") is x
    for t in range(n):
        inside = [j for j in range(n) if dialogue[j] == dialogue[t]]
        last = [t - 1] if t - 1 in inside else []
        seen = {i: np.flatnonzero(before[t, i]).tolist() for i in range(3)}
        assert seen == {0: [t], 1: [j for j in last if speaker[j] == speaker[t]],
                        2: [j for j in last if speaker[j] != speaker[t]]}
        assert np.flatnonzero(everything[t, 1]).tolist() == last
        assert np.flatnonzero(everything[t, 2]).tolist() == ([t + 1] if t + 1 in inside else [])
        for block, (after, own) in enumerate([(False, True), (False, False), (True, True), (True, False)], start=3):
            there = [j for j in inside if j != t and (j > t) == after and (speaker[j] == speaker[t]) == own]
            nearest_first = there if after else there[::-1]
            assert everything[t, block][nearest_first].tolist() == [0.5**k for k in range(len(there))]
            assert everything[t, block].sum() == pytest.approx(sum(0.5**k for k in range(len(there))))


def test_the_figure_and_the_exhibits_show_the_stored_numbers(table, tmp_path, monkeypatch):
    monkeypatch.setenv("ERCLAB_RESULTS", str(tmp_path))
    corpus = simulated.generate("small", dialogues=(1, 1, 1), seed=9)
    assert lacks.readers(corpus) == "no readers were measured in its world"
    with pytest.raises(UsageError, match=r"no readers were measured on simulated .*tools/readers.py"):
        readers.stored("simulated")
    (tmp_path / "readers").mkdir()
    (tmp_path / "readers" / "simulated.json").write_text(json.dumps(
        {"train": "simulated, seed 17", "rows": table.to_dict("records")}), encoding="utf-8")
    pd.testing.assert_frame_equal(readers.stored("simulated"), table)
    other = simulated.generate("small", dialogues=(1, 1, 1), slip=0.3)
    assert lacks.readers(corpus) == "" and lacks.readers(other) and lacks.readers(simulated.generate("tiny"))
    axis = ours.reader_gaps(corpus).axes[0]
    assert axis.get_title(loc="left").startswith("None of 4 readers above the ceiling by 2 standard errors")
    assert sorted(x for c in axis.containers for x in c.lines[0].get_xdata()) == pytest.approx(sorted(table["gap"]))
    assert len(reader_figures.gaps(table, title="").axes[0].get_yticks()) == 2
    row = readers.printed_gaps(table).loc["words, one turn: logistic regression"]
    assert row["ceiling of"] == "words, utterance" and row["gap"].startswith(f"{table['gap'][0]:+.2f} ±")
