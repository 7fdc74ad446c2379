"""Plays left out of training: on a corpus whose plays tell the label, and on one without plays."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from erclab.analysis import plays
from erclab.core.errors import RunError, UsageError
from erclab.corpora import Corpus


def scripted(session=2):
    """Two plays with lines of their own, whose labels follow from nothing but the line, and one improvised scenario."""
    rows, rng = [], np.random.default_rng(0)
    label = {(play, turn): int(rng.random() < .5) for play in (1, 2) for turn in range(12)}
    for split, sessions in (("train", 4), ("valid", 2), ("test", session)):
        for i in range(sessions):
            rows += [(split, f"Ses{split}{i}_script0{play}", turn, "FM"[turn % 2], f"play {play} has its line {turn}",
                      label[play, turn]) for play in (1, 2) for turn in range(12)]
            rows += [(split, f"Ses{split}{i}_impro01", turn, "FM"[turn % 2], f"some words {split} {i} {turn}", turn % 2)
                     for turn in range(12)]
    table = pd.DataFrame(rows, columns=["split", "dialogue", "turn", "speaker", "text", "label"])
    return Corpus("made", table, ("calm", "cross"))


def memory(corpus):
    """A reader that knows the lines of its training split by heart and calls all others calm."""
    train, test = (corpus.table.iloc[corpus.rows(split)] for split in ("train", "test"))
    return test["text"].map(dict(zip(train["text"], train["label"], strict=True))).fillna(0).to_numpy(int)


@pytest.fixture(scope="module")
def measured():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plays, "fits", lambda corpus: {"memory": memory})
        return plays.without_plays(scripted())


def test_plays_are_read_from_the_names_of_dialogues():
    corpus = scripted()
    assert sorted({*plays.plays_of(corpus)}) == ["impro 1", "script 1", "script 2"]
    names = corpus.table["dialogue"].str.replace("script", "a").str.replace("impro", "b")
    assert plays.plays_of(replace(corpus, table=corpus.table.assign(dialogue=names))) is None


def test_a_play_that_is_left_out_cannot_be_recited(measured):
    some = measured.loc["memory"]
    assert some.loc["scripted", "seen"] == some.loc["scripted", "as many others left out"] == 100
    assert some.loc["scripted", "unseen"] < 50 and some.loc["scripted", "high"] < -30
    assert some.loc[["scripted", "improvised"], "verdict"].tolist() == ["lower", "equivalent"]
    assert some.loc[["verbatim repeats", "script 1", "script 2"], "utterances"].tolist() == [48, 24, 24]
    assert some.loc["all", "utterances"] == 72


def test_readers_are_fitted_on_words_and_on_vectors(tiny):
    assert list(plays.fits(tiny)) == ["words (tf-idf)", "text vectors (linear)", "audio vectors (linear)",
                                         "visual vectors (linear)", "all vectors (linear)"]
    guess = plays.fits(tiny)["audio vectors (linear)"](tiny)
    assert (guess == tiny.targets("test")).mean() > 1.5 / len(tiny.labels)


def test_left_out_are_about_as_many_utterances_of_other_plays():
    corpus = scripted()
    groups = plays.plays_of(corpus)
    left = plays._as_many(corpus, groups, "script 1")
    assert not (left & (groups == "script 1")).any()
    assert [(left & (corpus.table["split"] == s)).sum() for s in ("train", "valid", "test")] == [48, 24, 0]


def test_a_corpus_without_plays_has_random_groups_of_whole_dialogues(tiny):
    groups = plays.random_groups(tiny)
    assert all(len({*part}) == 1 for part in np.split(groups, tiny.starts[1:-1]))
    assert {*groups[tiny.rows("test")]} == {"group 1", "group 2", "group 3"}
    assert (groups == plays.random_groups(tiny)).all()


def test_trained_models_without_a_play(monkeypatch, tmp_path):
    """A run that recites lines, as a reader that is trained with two seeds."""
    monkeypatch.setattr(plays.paths, "results_dir", lambda: tmp_path)
    corpus, groups = scripted(), {}
    ways = list(plays.without_each(corpus, plays.plays_of(corpus), plays.SCRIPTED))
    assert [way for way, *_ in ways] == [plays.UNSEEN, plays.CONTROL] * 2  # of the two scripted plays
    guesses = {way: memory(corpus) for way in (plays.SEEN, plays.UNSEEN, plays.CONTROL)}
    for way, part, at in ways:
        guesses[way][at] = memory(part)[at]
    for seed in (1, 2):
        run = plays.KeptRun("r", seed, corpus.task("emotion"), False, ("weighted_f1", 1), {}, np.zeros(3), np.zeros(3))
        for name, one in plays.kept_guesses(corpus, "M", run, guesses).items():
            groups.setdefault(name, []).append(one)
    plays.kept.write_kept(plays.kept.place("made", "plays"), groups, [corpus.fingerprint])
    made = plays.trained_of("made").loc["M"]
    assert list(made.index) == ["scripted", "script 1", "script 2"] and made["utterances"].tolist() == [48, 24, 24]
    assert (made["seen"] == 100).all() and (made["as many others left out"] == 100).all()
    assert made.loc["scripted", "high"] < -30 and made["seeds"].tolist() == [2, 2, 2]
    with pytest.raises(UsageError, match="have no plays"):
        plays.kept_guesses(replace(corpus, table=corpus.table.assign(dialogue=corpus.table["dialogue"].str.replace(
            "script", "a").str.replace("impro", "b"))), "M", run, guesses)


def test_a_stored_table_belongs_to_one_corpus(measured, monkeypatch, tmp_path):
    monkeypatch.setattr(plays.paths, "results_dir", lambda: tmp_path)
    corpus = scripted()
    assert not plays.measured(corpus)
    plays.write_table(corpus, measured)
    assert plays.measured(corpus) and not plays.measured(scripted(3))
    pd.testing.assert_frame_equal(plays.stored_table(corpus), measured, check_dtype=False)
    plays.table_place("made").write_text("")
    with pytest.raises(RunError, match=r"cannot be read.*tools/protocol.py leakage --corpus made"):
        plays.stored_table(corpus)
