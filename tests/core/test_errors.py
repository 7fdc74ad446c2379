"""Errors for people: one line that says where, what and what to do."""

import pickle

import pytest

from erclab.core import errors
from erclab.core.errors import CorpusError, ErclabError, UsageError, some, unknown

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type)]


@pytest.mark.parametrize(("where", "remedy", "line"), [
    ("a.csv, line 3", "Fill it in.", "a.csv, line 3: the speaker is empty. Fill it in."),
    ("", "Fill it in.", "the speaker is empty. Fill it in."),
    ("a.csv", "", "a.csv: the speaker is empty"),
    ("", "", "the speaker is empty")])
def test_where_what_and_remedy_make_one_sentence_each(where, remedy, line):
    assert str(ErclabError("the speaker is empty", where=where, remedy=remedy)) == line


def test_it_stays_one_line_whatever_is_in_it(tmp_path):
    error = CorpusError("bad\nvalue\r\n  'x\ty'", where=tmp_path / "two\nlines", remedy="Mend\n it.")
    assert str(error) == f"{tmp_path}/two lines: bad value 'x y'. Mend it."


def test_the_parts_can_be_read_again():
    error = CorpusError("it is empty", where="a.csv", remedy="Fetch it.")
    assert (error.problem, error.where, error.remedy) == ("it is empty", "a.csv", "Fetch it.")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_caught_as_ours_and_survives_the_way_back_from_a_worker(kind):
    error = pickle.loads(pickle.dumps(kind("it is empty", where="a.csv", remedy="Fetch it.")))
    assert isinstance(error, ErclabError) and type(error) is kind
    assert str(error) == "a.csv: it is empty. Fetch it." and error.problem == "it is empty"


def test_the_kinds_are_told_apart():
    assert len(KINDS) >= 6
    for kind in KINDS:
        assert [other for other in KINDS if issubclass(kind, other) and other is not ErclabError] == (
            [] if kind is ErclabError else [kind])


def test_unknown_suggests_what_is_near_and_lists_what_there_is():
    error = unknown("model", "sdtt", ["constant", "sdt"])
    assert type(error) is UsageError
    assert str(error) == "unknown model 'sdtt'. Did you mean 'sdt'? There is: constant, sdt."


def test_unknown_does_not_guess_what_is_far():
    assert str(unknown("model", "xyz", iter(["constant", "sdt"]))) == "unknown model 'xyz'. There is: constant, sdt."


def test_unknown_takes_names_that_are_not_text():
    assert str(unknown("seed", 12, [1, 2])) == "unknown seed '12'. Did you mean '2'? There is: 1, 2."


def test_unknown_takes_initials_for_the_name():
    names = ["batch_size", "learning_rate", "lstm"]
    assert "Did you mean 'learning_rate'?" in str(unknown("setting", "lr", names))
    assert "Did you mean 'batch_size'?" in str(unknown("setting", "bs", names))
    assert "Did you mean" not in str(unknown("setting", "l", names))


def test_an_error_is_recast_as_another_kind_in_another_place():
    error = CorpusError("it is empty", where="a.csv", remedy="Fetch it.")
    assert type(error.recast(UsageError)) is UsageError and str(error.recast(UsageError)) == str(error)
    assert str(error.recast(UsageError, where="line 3")) == "line 3: it is empty. Fetch it."
    assert str(error.recast(UsageError, where="", remedy="")) == "it is empty"


def test_some_names_the_first_and_counts_the_rest():
    assert some(["a", "b"], 2) == "a, b" and some(["a", "b", "c", "d"], 2) == "a, b and 2 more" and some([], 2) == ""
