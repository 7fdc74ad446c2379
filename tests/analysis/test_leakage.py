"""Leakage and completeness, on tables small enough to count by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from erclab.analysis import leakage
from erclab.corpora import Corpus, Frames


def made(rows, **parts):
    table = pd.DataFrame(rows, columns=["split", "dialogue", "turn", "speaker", "text"]).assign(label=0)
    return Corpus("made", table, ("calm", "cross"), **parts)


ROWS = [("train", "a", 0, "Ann", "Where did you leave the boat?"), ("train", "a", 1, "Ben", "Yes."),
        ("valid", "b", 0, "Cy", "It is raining again, Sir"),
        ("test", "c_script", 0, "Ann", "where did YOU leave the boat"),
        ("test", "c_script", 1, "Dee", "Yes!"), ("test", "d", 0, "Dee", "It is raining again, sir!"),
        ("test", "d", 1, "Eve", ""), ("test", "d", 2, "Ann", "Quite another thing.")]


def test_verbatim_text_is_found_whatever_its_case_and_marks():
    found = leakage.leakage(made(ROWS))
    assert found.loc["all"].to_dict() == {"test utterances": 5, "verbatim in training (%)": 60.0}
    assert found.loc["4 words or more", "test utterances"] == 2
    assert found.loc["4 words or more", "verbatim in training (%)"] == 100.0


def test_scripted_dialogues_are_counted_apart():
    found = leakage.leakage(made(ROWS))
    assert found.loc["scripted", "test utterances"] == 2 and found.loc["improvised", "test utterances"] == 3
    assert found.loc["improvised", "verbatim in training (%)"] == pytest.approx(33.3)
    assert leakage.scripts(made([r for r in ROWS if r[1] != "c_script"])) is None
    corpus = made([r for r in ROWS if r[1] != "c_script"])
    own = replace(corpus, table=corpus.table.assign(kind="4.5"))  # a column of that name with a meaning of its own
    assert leakage.scripts(own) is None


def test_speakers_count_where_they_have_names():
    many = [("train", "m", i, f"Person {i}", "Hm") for i in range(30)]
    found = leakage.leakage(made(ROWS + many))
    assert found.loc["all", "speaker in training (%)"] == 40.0
    assert "speaker in training (%)" not in leakage.leakage(made(ROWS))


def test_without_a_test_split_there_is_nothing_to_leak():
    assert leakage.leakage(made(ROWS[:3])).empty


def test_completeness_counts_zero_vectors_and_empty_sequences_as_missing():
    vectors = np.ones((8, 2), np.float32)
    vectors[[0, 3]] = 0
    frames = Frames.pack([np.ones((1 if i % 2 else 0, 3), np.float32) for i in range(8)])
    found = leakage.completeness(made(ROWS, vectors={"audio": vectors}, frames={"visual": frames}))
    assert found.loc["audio"].to_dict() == {"features": "2", "train (%)": 50.0, "valid (%)": 100.0, "test (%)": 80.0}
    assert found.loc["visual", "features"] == "frames of 3" and found.loc["visual", "train (%)"] == 50.0
