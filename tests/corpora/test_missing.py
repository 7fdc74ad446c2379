"""What "missing" means in cells, pickles, words and vectors; the order and spelling of labels."""

import numpy as np
import pandas as pd
import pytest

from erclab.core.errors import CorpusError
from erclab.corpora import UNLABELLED, missing


def read(cells, names=()):
    indices, known, notices = missing.labels(pd.Series(cells), names, lambda row: f"row {row}")
    return indices.tolist(), known, notices


@pytest.mark.parametrize("cell", ["", " ", "nan", "NaN", "None", "N/A", "na", "null", "<NA>", "#N/A", "-", "NaT"])
def test_an_empty_cell_is_empty_in_labels_and_in_numbers_alike(cell):
    assert missing.empty(pd.Series([cell, "0", "calm"])).tolist() == [True, False, False]
    indices, known, notices = read(["calm", cell, "glad"])
    assert indices == [0, UNLABELLED, 1] and known == ("calm", "glad")
    assert len(notices) == (cell.strip() != "") and all("'calm'" not in n and "context" in n for n in notices)


def test_what_counts_as_none_is_counted_and_can_be_a_class():
    cells = ["calm", "none", "None", "xxx", "glad", "none", "-1"]
    indices, known, (notice,) = read(cells)
    assert known == ("calm", "glad") and indices == [0, -1, -1, -1, 1, -1, -1]
    assert "of 7 labels" in notice and "'none' (2)" in notice and "'xxx' (1)" in notice and "--labels" in notice
    indices, known, (notice,) = read(cells, ["none", "calm", "glad"])
    assert indices == [1, 0, -1, -1, 2, 0, -1] and "'None' (1)" in notice and "'none'" not in notice


def test_whole_numbers_keep_their_own_order():
    cells = [str(i) for i in (10, 2, 0, 11, 1, 9)]
    assert read(cells) == ([4, 2, 0, 5, 1, 3], ("0", "1", "2", "9", "10", "11"), [])
    assert read(["0.5", "10.5", "2"])[1] == ("0.5", "2", "10.5")
    assert read(["b10", "b2"])[1] == ("b10", "b2")


def test_whole_floats_are_the_numbers_and_two_spellings_of_one_are_told():
    assert read(["5.0", "0.0"]) == ([1, 0], ("0", "5"), [])
    indices, known, (notice,) = read(["1", "1.0", "2.0", "2"])
    assert indices == [0, 0, 1, 1] and known == ("1", "2") and "1.0, 2.0" in notice
    assert read(["2.0", "1"], ["1", "2"])[0] == [1, 0]


@pytest.mark.parametrize(("cells", "expected"), [
    (["0", "1", "2", "-1"], [0, 1, 2, -1]), (["0", "1", "2", "-1.0"], [0, 1, 2, -1]),
    (["1", "3", "unknown"], [0, 1, -1]), (["1", "3", "?"], [0, 1, -1]),
])
def test_minus_one_and_unknown_beside_numbers_are_none_and_are_told(cells, expected):
    indices, _, notices = read(cells)
    assert indices == expected and repr(cells[-1]) in notices[0]


def test_minus_one_may_be_a_class():
    assert read(["-2", "-1", "0", "1"])[:2] == ([0, 1, 2, 3], ("-2", "-1", "0", "1"))
    with pytest.raises(CorpusError, match=r"row None: the labels are -1, 0, 1: -1 can be a class or .*--labels=-1,0,1"):
        read(["-1", "0", "1"])
    assert read(["-1", "0", "1"], ["-1", "0", "1"]) == ([0, 1, 2], ("-1", "0", "1"), [])
    assert read(["-1", "0", "1"], ["0", "1"])[0] == [-1, 0, 1]


def test_unknown_beside_words_is_a_class():
    assert read(["calm", "unknown"])[1] == ("calm", "unknown")


@pytest.mark.parametrize(("names", "told"), [(("Happy", "happy", "sad"), "'Happy' and 'happy'"),
                                             (("very  sad", "very sad"), "'very  sad' and 'very sad'"),
                                             (("1", "1.0", "calm"), "'1' and '1.0'")])
def test_labels_that_differ_in_case_space_or_point_zero_are_told(names, told):
    notice, = missing.alike(names)
    assert told in notice and "sad'" not in notice.replace(told, "") and missing.alike(("calm", "glad")) == []


def test_a_label_outside_those_given_is_refused_with_its_row():
    with pytest.raises(CorpusError, match=r"row 2: unknown label 'glad'\. The labels are calm, cross; empty means"):
        read(["calm", "", "glad"], ["calm", "cross"])


def test_none_and_nan_of_pickles():
    assert all(map(missing.value, (None, float("nan"), np.float32("nan"))))
    assert not any(map(missing.value, (0, -1, "", "nan", np.zeros(2))))
    np.testing.assert_equal(missing.numbers(np.array([[1, None], [2.5, 3]], object)), [[1, np.nan], [2.5, 3]])
    for other in (np.array([1, "a"], object), np.array([], object), np.arange(3)):
        assert missing.numbers(other) is other


def test_words_and_vectors():
    assert missing.wordless(pd.Series(["", " \n", "a"])).tolist() == [True, True, False]
    assert missing.zeros(np.float32([[0, 0], [0, np.nan], [-0.0, 0]])).tolist() == [True, False, True]
