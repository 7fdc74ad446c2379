"""What is read of runs is noted, and results that are kept beside a record need no weights."""

import shutil

import numpy as np
import pandas as pd
import pytest

from erclab import runs
from erclab.analysis import students
from erclab.core.errors import RunError
from erclab.runs import looks

SMALL = {"epochs": 1, "hidden": 8, "heads": 2}


@pytest.fixture(scope="module")
def record(tiny, tmp_path_factory):
    one, = runs.run("sdt", tiny, folder=tmp_path_factory.mktemp("runs"), progress=False, **SMALL)
    return one


def test_values_come_back_as_they_were(tmp_path):
    table = pd.DataFrame({"a": [0.1, np.nan], "b": [1e-17, 2.0]}, index=pd.Index([0.5, 1.0], name="rate"))
    values = {"none": None, "text": "déjà", "number": 0.1 + 0.2, "nan": float("nan"), "row": [1, "two", [3.5]],
              "by row": {7: np.array([0.1, 0.2], np.float32), 9: np.zeros((0, 3), np.float32)},
              "counts": {"x": np.arange(6).reshape(2, 3)}, "scalar": np.float64(1) / 3, "table": table}
    path = tmp_path / "x.looks.safetensors"
    path.write_bytes(looks.packed({name: looks.Look(x, "abc") for name, x in values.items()}))
    found = looks.load(path)
    assert list(found) == sorted(values) and {one.code for one in found.values()} == {"abc"}
    back = {name: one.value for name, one in found.items()}
    for name in ("none", "text", "number", "row"):
        assert back[name] == values[name]
    assert np.isnan(back["nan"]) and back["scalar"] == values["scalar"] and back["scalar"].dtype == np.float64
    assert list(back["by row"]) == [7, 9] and back["by row"][9].shape == (0, 3)
    assert back["by row"][7].dtype == np.float32 and back["by row"][7].tolist() == values["by row"][7].tolist()
    assert back["counts"]["x"].tolist() == [[0, 1, 2], [3, 4, 5]]
    pd.testing.assert_frame_equal(back["table"], table, check_exact=True)
    with pytest.raises(TypeError, match="cannot keep a set"):
        looks.packed({"x": looks.Look({1}, "")})


def test_a_damaged_file_of_looks_is_one_line(tmp_path):
    path = tmp_path / "x.looks.safetensors"
    assert looks.load(path) == {}
    for content in (b"", b"nonsense", looks.packed({"a": looks.Look(np.ones(3), "")})[:-5]):
        path.write_bytes(content)
        with pytest.raises(RunError, match=r"x\.looks\.safetensors: cannot be read") as raised:
            looks.load(path)
        assert "\n" not in str(raised.value)


def test_a_look_is_taken_from_beside_the_record_and_belongs_to_its_arguments(tiny, record, tmp_path):
    with looks.noting() as reads:
        found = students.student_guesses(record, tiny)
    name, = reads.looks[record.id]
    assert name.startswith("analysis.students.student_guesses ") and name.endswith('"test"')
    assert record.id not in reads.parts  # the weights are read inside
    kept = reads.looks[record.id][name]
    assert not looks.older_code(name, kept) and looks.older_code(name, looks.Look(kept.value, "another"))
    assert looks.older_code("analysis.students.gone 1", kept)
    for path in record.path.parent.glob(f"{record.id}.*"):
        if ".weights." not in path.name:
            shutil.copy2(path, tmp_path / path.name)
    alone = runs.load(tmp_path / record.path.name)
    with pytest.raises(RunError, match=r"weights\.safetensors: cannot be read"):
        students.student_guesses(alone, tiny)
    alone.path.with_suffix(looks.SUFFIX).write_bytes(looks.packed(reads.looks[record.id]))
    for how in ({}, {"split": "test"}):
        again = students.student_guesses(alone, tiny, **how)
        assert {m: x.tolist() for m, x in again.items()} == {m: x.tolist() for m, x in found.items()}
    with pytest.raises(RunError, match="weights"):  # of other arguments nothing is kept
        students.student_guesses(alone, tiny, "valid")



def test_what_is_read_outside_of_a_look_is_noted(tiny, record):
    with looks.noting() as reads:
        guesses, p = record.guesses(), record.predictions("valid", "published")
        record.model()
        assert record.fitted is not None
    assert reads.parts == {record.id: {"guesses sound.test", "predictions published.valid", "weights", "fitted"}}
    assert guesses.tolist() == record.predictions().argmax(1).tolist() and p.ndim == 2
    record.predictions()
    assert "predictions sound.test" not in reads.parts[record.id]  # the block has ended
