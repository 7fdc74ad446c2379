"""Tables in files: one reader of csv and parquet for corpora, features and predictions, each with its own error.

The readers of corpora (`tests/corpora/readers`) test most of what is refused.
"""

import pandas as pd
import pytest

from erclab.core import tablefiles
from erclab.core.errors import CorpusError, FeatureError, UsageError


@pytest.fixture
def write(tmp_path):
    def write(content, name="t.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path
    return write


def test_csv_as_people_have_it(write):
    notices = []
    path = write("\ufeffid; text \r\nu;\"two\r\nlines\"\r\n\r\nv; it\x92s \r\n")
    table, lines = tablefiles.read(path, notices)
    assert table.to_dict("list") == {"id": ["u", "v"], "text": ["two\r\nlines", "it’s"]} and lines == [2, 5]
    assert len(notices) == 2 and "Windows-1252" in notices[0] and "a semicolon" in notices[1]
    assert list(tablefiles.rows(write("sep=|\na|b\n1|2\n"))) == [(2, ["a", "b"]), (3, ["1", "2"])]
    assert list(tablefiles.rows(write("a;b\n1;2\n"), separator=",")) == [(1, ["a;b"]), (2, ["1;2"])]


def test_parquet_is_the_text_of_a_csv_file(tmp_path):
    path = tmp_path / "t.parquet"
    pd.DataFrame({"turn": [0.0, None], "ok": [True, False], "text": [" a ", None]}).to_parquet(path)
    table, lines = tablefiles.read(path)
    assert table.to_dict("list") == {"turn": ["0", ""], "ok": ["1", "0"], "text": ["a", ""]} and lines is None


@pytest.mark.parametrize("error", [CorpusError, FeatureError, UsageError])
@pytest.mark.parametrize(("name", "content", "said"), [
    ("t.csv", "", "t.csv: the file is empty"), ("t.csv", "a,b\n", "no utterance"),
    ("t.csv", "a,b\n1\n", "line 2: 1 fields"),
    ("t.csv", "a,a\n1,2\n", "line 1: the column 'a' is there twice"), ("t.csv", 'a\n"b\n', "line 2: this is not csv"),
    ("t.csv", b"a\n\xff\n", "line 2: byte 2 (0xff) is not UTF-8"), ("t.csv", b"PK\3\4" + bytes(40), "zip archive"),
    ("t.csv", None, "there is no such file"), ("t.parquet", None, "there is no such file"),
    ("t.parquet", "a,b\n", "not a readable parquet file"), ("t.parquet", b"\x1f\x8b" + bytes(9), "a gzip archive"),
])
def test_a_mistake_is_the_error_of_the_caller(write, tmp_path, error, name, content, said):
    path = tmp_path / name if content is None else write(content, name)
    with pytest.raises(error) as caught:
        tablefiles.read(path, error=error)
    assert said in str(caught.value) and "\n" not in str(caught.value) and caught.value.remedy


def test_columns_that_a_reader_needs_are_there_once(write):
    path = write("a,b,b,\n1,2,3,4\n")
    assert list(tablefiles.records(path, ["a"])) == [(2, {"a": "1", "b": "3", "": "4"})]
    with pytest.raises(CorpusError, match="lacks, or repeats, the columns b, c"):
        list(tablefiles.records(path, ["a", "b", "c"]))


def test_turns_are_counted_in_each_dialogue():
    assert list(tablefiles.turns(pd.Series(["d", "e", "d", "d"]))) == [0, 0, 1, 2]
