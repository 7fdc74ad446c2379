"""Tables of faces, made here in OpenFace's layout: what is read, dropped and refused."""

import numpy as np
import pytest
from one_line import one_line

from erclab.core.errors import FeatureError, UsageError
from erclab.features import visual

RNG = np.random.default_rng(0)
BEFORE = ["frame", "face_id", "timestamp", "confidence", "success", "gaze_0_x", "pose_Tx"]


def lines(count=5, fps=25.0, unsure=(), order=visual.ACTION_UNITS):
    """A header and `count` rows of fields; in `unsure` frames the tracker lost the face."""
    rows = [[*BEFORE, *order]]
    for i in range(count):
        lost = i in unsure
        rows.append([str(i + 1), "0", f"{i / fps:.3f}", "0.1" if lost else "0.98", "0" if lost else "1", "0.1", "2.5",
                     *(f"{RNG.uniform(0, 5):.2f}" if name.endswith("_r") else str(RNG.integers(2)) for name in order)])
    return rows


def write(path, rows, join=", "):
    path.write_text("".join(join.join(row) + "\n" for row in rows), encoding="utf-8")
    return path


def numbers(rows):
    return np.array([[float(x) for x in row[len(BEFORE):]] for row in rows[1:]], np.float32)


# What is read

def test_the_35_action_units():
    assert (len(visual.INTENSITIES), len(visual.PRESENCES), len(set(visual.ACTION_UNITS))) == (17, 18, 35)
    assert {"AU28_c"} == {f"{n[:4]}_c" for n in visual.PRESENCES} - {f"{n[:4]}_c" for n in visual.INTENSITIES}


@pytest.mark.parametrize("join", [",", ", "], ids=["OpenFace 2.2", "OpenFace 2.0"])
def test_frames_are_packed(tmp_path, join):
    rows = [lines(5), lines(0), lines(3)]
    faces = visual.read_openface([write(tmp_path / f"{i}.csv", r, join) for i, r in enumerate(rows)], progress=False)
    assert faces.values.dtype == np.float32 and faces.starts.dtype == np.int64
    assert faces.starts.tolist() == [0, 5, 5, 8] and faces.rate == pytest.approx(25)
    assert faces.kept.tolist() == [1, 0, 1]
    assert np.array_equal(faces.values, np.concatenate([numbers(rows[0]), numbers(rows[2])]))


def test_columns_are_found_by_name(tmp_path):
    rows = lines(4, order=visual.ACTION_UNITS[::-1])
    path = write(tmp_path / "a.csv", rows)
    assert np.array_equal(visual.read_openface([path], progress=False).values, numbers(rows)[:, ::-1])
    some = visual.read_openface([path], columns=["pose_Tx", "AU12_r"], progress=False).values
    assert some.shape == (4, 2) and (some[:, 0] == 2.5).all()


def test_unsure_frames_are_dropped_or_zero(tmp_path):
    rows = lines(6, unsure=(1, 5))
    for row in (rows[2], rows[6]):
        row[len(BEFORE):] = ["-nan(ind)"] * 35  # never looked at
    path = write(tmp_path / "a.csv", rows)
    dropped = visual.read_openface([path], progress=False)
    assert dropped.starts.tolist() == [0, 4] and dropped.rate == 0 and dropped.kept[0] == pytest.approx(4 / 6)
    zeroed = visual.read_openface([path], unsure="zero", progress=False)
    assert zeroed.starts.tolist() == [0, 6] and zeroed.rate == pytest.approx(25)
    assert (zeroed.values[[1, 5]] == 0).all() and np.array_equal(zeroed.values[[0, 2, 3, 4]], dropped.values)
    # confidence alone does not do: the face must have been found
    rows = lines(3)
    rows[1][4] = "0"
    assert visual.read_openface([write(path, rows)], progress=False).starts.tolist() == [0, 2]


def test_threshold(tmp_path):
    rows = lines(3)
    for row, confidence in zip(rows[1:], ("0.79", "0.8", "0.3"), strict=True):
        row[3] = confidence
    path = write(tmp_path / "a.csv", rows)
    for threshold, count in ((0.8, 1), (0.5, 2), (0, 3), (1, 0)):
        assert visual.read_openface([path], confidence=threshold, progress=False).starts[-1] == count


def test_rate(tmp_path):
    ntsc = [write(tmp_path / f"{i}.csv", lines(60, 29.97)) for i in range(2)]
    assert visual.read_openface(ntsc, progress=False).rate == pytest.approx(29.97, rel=1e-3)
    other = write(tmp_path / "other.csv", lines(60, 25))
    assert visual.read_openface([*ntsc, other], progress=False).rate == 0
    assert visual.read_openface([write(tmp_path / "one.csv", lines(1))], progress=False).rate == 0


def test_no_files():
    faces = visual.read_openface([], progress=False)
    assert faces.values.shape == (0, 35) and faces.starts.tolist() == [0] and faces.rate == 0
    assert visual.functionals(faces.values, faces.starts).shape == (0, 70)


def test_functionals():
    values = np.array([[1, 2], [3, 6], [5, 5]], np.float32)
    x = visual.functionals(values, np.array([0, 2, 2, 3]))
    assert x.tolist() == [[2, 4, 1, 2], [0, 0, 0, 0], [5, 5, 0, 0]] and x.dtype == np.float32


def test_table(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"\xef\xbb\xbfa, b ,c\r\n1,2, 3\r\n\r\n4,5e0,-6\r\n")  # byte-order mark, Windows line ends
    assert visual.read_table(path).tolist() == [[1, 2, 3], [4, 5, -6]]
    assert visual.read_table(path, ["c", "a"]).tolist() == [[3, 1], [-6, 4]]
    path.write_text("a,b\n")
    assert visual.read_table(path).shape == (0, 2)


# What is refused

def changed(line, column, value):
    def damage(rows):
        rows[line - 1][rows[0].index(column)] = value
        return rows
    return damage


@pytest.mark.parametrize(("damage", "parts"), [
    (changed(3, "AU12_r", "happy"), ("line 3, column 'AU12_r'", "'happy' is not a number")),
    (changed(3, "AU12_r", ""), ("line 3, column 'AU12_r'", "'' is not a number")),
    (changed(2, "AU04_c", "nan"), ("line 2, column 'AU04_c'", "'nan'")),
    (changed(6, "AU45_r", "-inf"), ("line 6, column 'AU45_r'", "'-inf'")),
    (changed(6, "AU45_r", "1e39"), ("line 6, column 'AU45_r'", "'1e39'")),
    (changed(4, "timestamp", "?"), ("line 4, column 'timestamp'", "'?'")),
    (changed(4, "confidence", "98"), ("line 4", "the confidence is 98")),
    (changed(4, "face_id", "1"), ("line 4", "several faces (face_id 0, 1)")),
    (changed(4, "frame", "1"), ("line 4", "frame 1 (0.08 s) follows frame 2 (0.04 s)")),
    (changed(4, "timestamp", "0.01"), ("line 4", "frame 3 (0.01 s) follows frame 2 (0.04 s)")),
    (lambda rows: [*rows, rows[1]], ("line 7", "frame 1", "follows frame 5")),
    (lambda rows: [*rows[:-1], rows[-1][:3]], ("line 6", "3 fields, but the header has 42", "cut off")),
    (lambda rows: [rows[0], [*rows[1], "0"]], ("line 2", "43 fields")),
    (changed(1, "confidence", "certainty"), ("line 1", "no column 'confidence'")),
    (changed(1, "success", "succes"), ("line 1", "no column 'success'", "Did you mean 'succes'?")),
    (changed(1, "AU12_r", "AU12_c"), ("line 1", "'AU12_c' is there twice")),
    (lambda rows: [], ("the file is empty",)),
    (lambda rows: [[";".join(row)] for row in rows], ("line 1", "commas, not semicolons")),
    (lambda rows: [*rows, ["\0"]], ("a.csv",)),
    (lambda rows: [rows[0], ["x" * 200_000]], ("a.csv, line 2", "not csv")),
])
def test_bad_table(tmp_path, damage, parts):
    path = write(tmp_path / "a.csv", damage(lines()), ",")
    with pytest.raises(FeatureError) as caught:
        visual.read_openface([path], progress=False)
    one_line(caught, "a.csv", *parts)


def test_bad_file(tmp_path):
    (tmp_path / "latin.csv").write_bytes("frame,größe\n".encode("latin-1"))
    for name, problem in (("none.csv", "there is no such file"), ("", "Is a directory"),
                          ("latin.csv", "byte 8 (0xf6) is not UTF-8")):
        for read in (visual.read_table, lambda path: visual.read_openface([path], progress=False)):
            with pytest.raises(FeatureError) as caught:
                read(tmp_path / name)
            one_line(caught, str(tmp_path / name), problem)


def test_bad_column_of_a_table(tmp_path):
    path = write(tmp_path / "t.csv", [["smile", "frown"], ["1", "2"], ["3", "x"]])
    for columns, parts in ((["smiel"], ("line 1", "Did you mean 'smile'?")), (["frown"], ("line 3", "'x'"))):
        with pytest.raises(FeatureError) as caught:
            visual.read_table(path, columns)
        one_line(caught, "t.csv", *parts)
    assert visual.read_table(path, ["smile"]).tolist() == [[1], [3]]  # what is not wanted need not be numbers


def test_misuse(tmp_path):
    path = write(tmp_path / "a.csv", lines())
    for paths, options, problem in (
            (path, {}, "list of paths"), ([path], {"confidence": 80}, "the confidence is 80"),
            ([path], {"confidence": float("nan")}, "the confidence is nan"),
            ([path], {"unsure": "dorp"}, "Did you mean 'drop'?"), ([path], {"columns": []}, "no list of columns"),
            ([path], {"columns": "AU12_r"}, "no list of columns")):
        with pytest.raises(UsageError) as caught:
            visual.read_openface(paths, progress=False, **options)
        one_line(caught, problem)
