"""Records of older code: those that today's code reproduces get today's id, the others stay as they are."""

import dataclasses
import json
import os
import re

import pytest

from erclab import cli, runs
from erclab.core.errors import RunError
from erclab.corpora.folds import folds
from erclab.runs import confirm as module
from erclab.runs.confirm import confirm
from erclab.runs.records import Record

QUICK = {"epochs": 2, "hidden": 8, "heads": 2}


def age(record, change=lambda data: None, **spec):
    """Turn a record into one that older code made; gives its older id."""
    data = json.loads(record.path.read_text())
    data["spec"] |= {"code": "0123456789abcdef", **spec}
    data["id"] = f"{data['spec']['model']}-{data['spec']['corpus']}-" + record.id[-15:] + "f"
    change(data)
    for kind in ("weights", "predictions"):
        beside = record.path.with_suffix(f".{kind}.safetensors")
        if beside.exists():
            beside.rename(record.path.with_name(f"{data['id']}.{kind}.safetensors"))
    record.path.unlink()
    record.path.with_name(f"{data['id']}.json").write_text(json.dumps(data, indent=1))
    return data["id"]


@pytest.fixture(scope="module")
def trained(tiny, tmp_path_factory):
    """Records of today's code: three seeds of SDT, and a constant predictor."""
    folder = tmp_path_factory.mktemp("trained")
    return [*runs.run("sdt", tiny, seeds=3, folder=folder, progress=False, **QUICK),
            *runs.run("constant", tiny, folder=folder)]


@pytest.fixture
def place(trained, tmp_path):
    """A folder with copies of the records, and a way to confirm it."""
    folder = tmp_path / "records"
    folder.mkdir()
    copies = []
    for record in trained:
        for path in record.path.parent.glob(f"{record.id}.*"):
            (folder / path.name).write_bytes(path.read_bytes())
        copies.append(Record(json.loads(record.path.read_text()), folder / record.path.name))
    return folder, copies


@pytest.fixture
def check(place, tiny, tmp_path):
    def check(offered=(tiny,), **options):
        options = {"scratch": tmp_path / "scratch", "references": [], "progress": False, **options}
        return list(confirm(place[0], lambda record: offered, **options))
    return check


def names(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_records_that_are_reproduced_get_todays_id_and_say_so(place, check, tmp_path):
    folder, records = place
    before = names(folder)
    os.utime(records[1].path, (10**9, 10**9))
    older = [age(record) for record in records]
    os.utime(folder / f"{older[1]}.json", (10**9, 10**9))
    verdicts = check()
    assert [v.state for v in verdicts] == ["confirmed"] * 2
    assert {old: new for v in verdicts for old, new in v.renamed.items()} == dict(
        zip(older, (r.id for r in records), strict=True))
    assert names(folder) == before
    assert len(list((tmp_path / "scratch").glob("*.json"))) == 2  # one seed of each configuration was trained
    for record in records:
        now = runs.load(record.path)
        note = now.data.pop("confirmed")
        assert now.data == record.data and not now.older
        assert note["older_code"] == "0123456789abcdef" and note["seed"] == 0 and note["tolerance"] == 0
        assert note["by"].rpartition("-")[0] == record.id.rpartition("-")[0]
    assert records[1].path.stat().st_mtime == 10**9
    assert runs.load(records[0].path).model() and check() == []


def test_todays_runs_are_loaded_from_confirmed_records(place, check, tiny, monkeypatch):
    folder, records = place
    for record in records:
        age(record)
    check()
    monkeypatch.setattr(runs.engine, "_make", lambda *_: pytest.fail("trained again"))
    found = runs.run("sdt", tiny, seeds=3, folder=folder, progress=False, **QUICK)
    assert [r.data["protocols"] for r in found] == [r.data["protocols"] for r in records[:3]]


@pytest.mark.parametrize(("change", "said"), [
    (lambda d: d["protocols"]["sound"]["test"].update(accuracy=d["protocols"]["sound"]["test"]["accuracy"] + 1e-9),
     "protocols.sound.test.accuracy"),
    (lambda d: d["protocols"]["published"].update(epoch=7), "protocols.published.epoch: 7 before"),
    (lambda d: d["curve"][1]["train"].update(total=1.0), r"curve\[1\].train.total: 1.0 before"),
    (lambda d: d["curve"].append({}), "curve: 3 entries before, 2 entries now"),
    (lambda d: d["protocols"]["sound"]["confusion"][0].__setitem__(0, 99), r"protocols.sound.confusion\[0\]\[0\]: 99"),
    (lambda d: d["parameters"].update(all=1), "parameters.all: 1 before"),
])
def test_records_with_other_numbers_stay_and_the_difference_is_named(place, check, change, said):
    folder, records = place
    older = [age(record, change if record.spec["seed"] == 0 else lambda data: None) for record in records[:3]]
    texts = [(folder / f"{name}.json").read_text() for name in older]
    verdict, = check(model="sdt")
    assert verdict.state == "differs" and verdict.older == tuple(older) and not verdict.renamed
    assert re.search(said, verdict.reason), verdict.reason
    assert [(folder / f"{name}.json").read_text() for name in older] == texts


def test_predictions_are_compared_where_they_are(place, check):
    folder, records = place
    older = age(records[0])
    path = folder / f"{older}.predictions.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1  # the sign or the exponent of the last number
    path.write_bytes(data)
    assert "predictions of" in check(model="sdt")[0].reason
    path.unlink()
    assert check(model="sdt")[0].state == "confirmed"


def test_a_tolerance_is_for_scores_and_losses(place, check):
    age(place[1][0], lambda d: d["curve"][0]["train"].update(total=d["curve"][0]["train"]["total"] + 1e-6))
    assert check(model="sdt")[0].state == "differs"
    verdict, = check(model="sdt", tolerance=1e-5)
    assert verdict.state == "confirmed"
    assert runs.load(place[0] / f"{verdict.renamed[verdict.older[0]]}.json").data["confirmed"]["tolerance"] == 1e-5


def test_files_that_name_the_ids_follow(place, check, tmp_path):
    folder, records = place
    older = [age(record) for record in records]
    notes = tmp_path / "results" / "exhibits" / "x"
    notes.mkdir(parents=True)
    (notes / "S1.runs.json").write_text(json.dumps({"runs": [*older, "other-0123456789abcdef"]}))
    (notes / "S1.png").write_bytes(older[0].encode())
    (folder / "readme.md").write_text(f"See {older[3]}.")
    check(references=[tmp_path / "results"])
    ids = [record.id for record in records]
    assert json.loads((notes / "S1.runs.json").read_text()) == {"runs": [*ids, "other-0123456789abcdef"]}
    assert (folder / "readme.md").read_text() == f"See {ids[3]}."
    assert (notes / "S1.png").read_bytes() == older[0].encode()


def test_a_dry_run_changes_nothing(place, check, tmp_path):
    folder, records = place
    for record in records:
        age(record)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert [(v.state, v.reason) for v in check(dry_run=True)] == [("to train", "seed 0")] * 2
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert not (tmp_path / "scratch").exists()


def test_a_record_of_today_beside_an_older_one_is_the_comparison(place, check, monkeypatch):
    folder, records = place
    text = records[1].path.read_text()
    older = [age(record) for record in records[:2]]
    records[1].path.write_text(text)
    monkeypatch.setattr(module, "execute", lambda *_, **__: pytest.fail("trained for nothing"))
    (folder / f"{older[1]}.predictions.safetensors").unlink()
    verdict, = check(model="sdt")
    assert verdict.state == "confirmed" and verdict.reason == "seed 1" and verdict.older == tuple(older)
    assert records[1].path.read_text() == text and not (folder / f"{older[1]}.json").exists()
    assert runs.load(records[0].path).data["confirmed"]["by"] == records[1].id


def test_what_cannot_be_compared_is_left_with_the_reason(place, check, tiny):
    _, records = place
    age(records[0])
    age(records[3], settings={**records[3].spec["settings"], "gone": 1})
    found = {v.title.split()[0]: v for v in check(offered=())}
    assert found["SDT"].reason == "simulated-tiny is not at hand" and {v.state for v in found.values()} == {"left"}
    assert "unknown Constant setting 'gone'" in found["Constant"].reason
    other = dataclasses.replace(tiny, table=tiny.table.assign(text=""))
    assert check(offered=[other], model="sdt")[0].reason == "the simulated-tiny at hand has another content"
    assert check(offered=[other, tiny], model="sdt")[0].state == "confirmed"
    assert check(corpus="meld") == []


def test_one_of_several_corpora_is_found_by_its_content(tiny, tmp_path):
    parts = folds(tiny, 3)
    for part in parts:
        for record in runs.run("constant", part, folder=tmp_path / "records", progress=False):
            age(record)
    found = list(confirm(tmp_path / "records", lambda record: [tiny, *parts], references=[], scratch=tmp_path / "s"))
    assert [v.state for v in found] == ["confirmed"] * 3


def test_a_record_of_the_first_schema_is_replaced_by_the_run_of_today(place, check):
    """It has one protocol; every such record is trained again."""
    _, records = place

    def first(data):
        data["schema"] = 1
        data["spec"]["protocol"] = "sound"
        del data["protocols"]["published"], data["spec"]["teacher"]
        data["curve"] = [{k: v for k, v in row.items() if k != "test"} for row in data["curve"]]
        for name in ("recompute", "precision"):
            del data["spec"]["recipe"][name]
    older = [age(record, first) for record in records[:2]]
    verdicts = check(model="sdt")
    assert [v.state for v in verdicts] == ["confirmed"] * 2 and {v.older[0] for v in verdicts} == {*older}
    for record in records[:2]:
        now = runs.load(record.path).data
        assert now["schema"] == runs.SCHEMA and now["protocols"] == record.data["protocols"]
        assert now["confirmed"]["older_code"] == "0123456789abcdef"


def test_a_student_follows_its_teacher(tiny, tmp_path):
    folder = tmp_path / "records"
    teacher, = runs.run("sdt", tiny, folder=folder, progress=False, **QUICK)
    student, = runs.run("sdt", tiny, folder=folder, progress=False, teacher=teacher, distillation="offline", **QUICK)
    before = {r.id: r.data["protocols"] for r in (teacher, student)}
    old = age(teacher)
    age(student, teacher=old)
    (folder / f"{old}.weights.safetensors").unlink()  # as of committed records
    def check(**options):
        return list(confirm(folder, lambda r: [tiny], references=[], scratch=tmp_path / "s", progress=False, **options))
    assert [v.state for v in check(dry_run=True)] == ["to train"] * 2
    assert [v.state for v in check()] == ["confirmed"] * 2
    assert {r.id: r.data["protocols"] for r in map(runs.load, folder.glob("*.json"))} == before


def test_a_student_whose_teacher_differs_is_left(tiny, tmp_path):
    folder = tmp_path / "records"
    teacher, = runs.run("sdt", tiny, folder=folder, progress=False, **QUICK)
    student, = runs.run("sdt", tiny, folder=folder, progress=False, teacher=teacher, distillation="offline", **QUICK)
    old = age(teacher, lambda d: d["parameters"].update(all=1))
    age(student, teacher=old)
    found = list(confirm(folder, lambda r: [tiny], references=[], scratch=tmp_path / "s", progress=False))
    assert [v.state for v in found] == ["differs", "left"] and "teacher" in found[1].reason


def test_a_confirmation_that_is_killed_is_finished_by_the_next(place, check, monkeypatch, tmp_path):
    folder, records = place
    older = [age(record) for record in records[:3]]
    note = tmp_path / "note.json"
    note.write_text(older[2])
    for where in ("_write", "_follow"):
        with monkeypatch.context() as patch:
            real, calls = getattr(module, where), []

            def killed(*arguments, real=real, calls=calls):
                calls.append(1)
                if len(calls) == (2 if real.__name__ == "_write" else 1):
                    raise KeyboardInterrupt
                return real(*arguments)
            patch.setattr(module, where, killed)
            with pytest.raises(KeyboardInterrupt):
                check(model="sdt", references=[tmp_path])
        assert all((folder / f"{name}.json").exists() for name in older) and note.read_text() == older[2]
    assert check(model="sdt", references=[tmp_path])[0].state == "confirmed"
    assert note.read_text() == records[2].id and not any((folder / f"{name}.json").exists() for name in older)
    assert all(not runs.load(record.path).older for record in records[:3])


def test_a_second_confirmation_remembers_the_code_that_trained(place, check):
    _, records = place
    age(records[0])
    check(model="sdt")
    age(records[0], code="fedcba9876543210")
    check(model="sdt")
    assert runs.load(records[0].path).data["confirmed"]["older_code"] == "0123456789abcdef"


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(RunError, match="no such folder"):
        list(confirm(tmp_path / "none", lambda record: []))


def test_the_command_confirms_with_two_jobs(place, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("ERCLAB_RESULTS", str(tmp_path / "results"))
    folder, records = place
    for record in records:
        age(record)
    arguments = ["runs", "confirm", str(folder), "--scratch", str(tmp_path / "scratch")]
    assert cli.main([*arguments, "--dry-run", "--json"]) == 0
    assert [v["state"] for v in json.loads(capsys.readouterr().out)] == ["to train"] * 2
    assert cli.main(["runs", "--out", str(folder)]) == 0
    assert "4 of them made by older code (erclab runs confirm --help)" in capsys.readouterr().out
    assert cli.main([*arguments, "--jobs", "2"]) == 0
    out = capsys.readouterr().out
    assert "confirmed  SDT on simulated-tiny, text+audio+visual, seeds 0, 1, 2: seed 0" in out
    assert f"4 records of older code in {folder}, 4 confirmed" in out
    assert cli.main(["runs", "--out", str(folder)]) == 0 and "older" not in capsys.readouterr().out


def test_the_command_leaves_records_of_a_corpus_without_its_data(place, capsys):
    age(place[1][0], corpus="meld")
    assert cli.main(["runs", "confirm", str(place[0])]) == 0
    assert "left       SDT on meld" in (out := capsys.readouterr().out) and "meld is not at hand" in out
