"""What follows from the evidence is read where its digest is the same, and computed where it is not."""

import json
from dataclasses import dataclass

import pytest

from erclab.claims.derived import Derived
from erclab.core.errors import RunError


@dataclass(frozen=True)
class Length:
    digest: str
    value: int


LENGTHS = Derived("lengths.json", "lengths", lambda text: {n: Length(**row) for n, row in json.loads(text).items()})


def test_what_is_kept_is_read_and_only_the_rest_is_computed(tmp_path):
    computed = []

    def compute(name):
        computed.append(name)
        return Length("new", len(name))

    assert LENGTHS.stored(tmp_path) == {} and LENGTHS.outdated({"meld": "a"}, tmp_path) == ["meld"]
    (tmp_path / "lengths.json").write_text('{"meld": {"digest": "a", "value": 7}, "gone": {"digest": "a", "value": 1}}')
    now = {"meld": "a", "mosi": "new"}
    assert LENGTHS.current(now, compute, tmp_path) == {"meld": Length("a", 7), "mosi": Length("new", 4)}
    assert computed == ["mosi"] and LENGTHS.outdated(now, tmp_path) == ["mosi", "gone"]
    assert LENGTHS.outdated({"meld": "b", "gone": "a"}, tmp_path) == ["meld"]
    LENGTHS.current(now, compute, tmp_path, again=True)
    assert computed == ["mosi", "meld", "mosi"]


@pytest.mark.parametrize("content", ["", "[]", '{"meld": 3}', '{"meld": {"digest": "a"}}'])
def test_a_damaged_file_is_refused_in_one_line(tmp_path, content):
    (tmp_path / "lengths.json").write_text(content)
    with pytest.raises(RunError, match=r"not a file of lengths.*erclab report") as refused:
        LENGTHS.stored(tmp_path)
    assert "\n" not in str(refused.value)
