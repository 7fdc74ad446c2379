"""Exhibits from the runs that the repository keeps of them: equal bytes without weights, and honest about the rest."""

import json
import shutil
from functools import cache
from pathlib import Path

import pytest

from erclab import corpora, runs, sweep
from erclab.analysis import ablation, scores, students
from erclab.core import paths
from erclab.core.errors import RunError
from erclab.core.storage import zipped
from erclab.exhibits import catalogue, packs, rebuild
from erclab.exhibits.catalogue import Exhibit
from erclab.exhibits.packs import Pack
from erclab.runs import Question, looks

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("simulated-lesson-smoke", "verdicts")
SMALL = {"epochs": 1, "hidden": 8, "heads": 2}
ASKED = {"whole": Question("sdt", SMALL), "text": Question("sdt", {**SMALL, "modalities": ["text"]})}


def made(corpus, groups):
    table = ablation.effects(groups, corpus)
    table["trained on"] = [scores.training_scores(records[0], corpus)["weighted_f1"] for records in groups.values()]
    return table.assign(student=[students.student_scores(records, corpus)["text"].mean()
                                 for records in groups.values()])


EXAMPLE = Exhibit("S98", "an example", "vectors", made, lambda corpus: ASKED)


@pytest.fixture(scope="module")
def built(tiny, tmp_path_factory):
    """The runs of the example, its table, and what it read."""
    folder = tmp_path_factory.mktemp("runs")
    groups = sweep.answers(ASKED, tiny, seeds=2, progress=False, folder=folder)
    with looks.noting() as reads:
        table = EXAMPLE.build(tiny, groups)
    return groups, table, reads


@pytest.fixture
def pack(built, tmp_path, monkeypatch):
    monkeypatch.setenv("ERCLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ERCLAB_RUNS", str(tmp_path / "no-runs"))
    monkeypatch.setenv("ERCLAB_RESULTS", str(tmp_path / "results"))
    found = Pack(tmp_path / "results" / "exhibits" / "simulated-tiny-smoke" / packs.FILE)
    groups, _, reads = built
    found.keep({"S98": (groups, reads)})
    return found


def test_an_exhibit_is_rebuilt_from_its_pack_alone_with_equal_bytes(tiny, built, pack):
    groups, table, _ = built
    kept = pack.records("S98")
    assert EXAMPLE.build(tiny, kept).to_csv() == table.to_csv()
    assert packs.stored_runs("S98", "simulated-tiny").keys() == kept.keys()
    assert packs.stored_runs("S99", "simulated-tiny") == {}
    # The exhibit finds them by the ids of its plans, as if they were runs; a folder that is named has only its own.
    assert EXAMPLE.state(tiny, seeds=2).name == "ready" and EXAMPLE.state(tiny, seeds=3).missing == 2
    found = EXAMPLE.records(tiny, seeds=2)
    assert found["text"][1].id == groups["text"][1].id
    with pytest.raises(RunError, match="needs 4 more run"):
        EXAMPLE.records(tiny, seeds=2, folder=paths.runs_dir())
    for name, records in groups.items():
        for before, after in zip(records, kept[name], strict=True):
            assert after.path.read_bytes() == before.path.read_bytes()
            assert after.guesses().tolist() == before.guesses().tolist()
            assert not after.path.with_suffix(".weights.safetensors").exists()
            for refused in (after.predictions, after.model, lambda r=after: r.guesses("valid")):
                with pytest.raises(RunError) as raised:
                    refused()
                assert "\n" not in str(raised.value) and "Train the run again" in str(raised.value)


def test_what_an_exhibit_reads_itself_is_kept_whole(built, pack):
    groups, _, _ = built
    with looks.noting() as reads:
        record = groups["whole"][0]
        weights, p, fitted = record.model().state_dict(), record.predictions(), record.fitted
    pack.keep({"S97": ({"it": [record]}, reads)})
    again, = pack.records("S97")["it"]
    assert all((x == weights[name]).all() for name, x in again.model().state_dict().items())
    assert (again.predictions() == p).all() and again.fitted.roles == fitted.roles
    with pytest.raises(RunError):
        pack.records("S98")["text"][0].model()


def test_kept_runs_depend_on_their_content_alone_and_lose_what_nothing_reads(built, pack):
    groups, _, reads = built
    first = pack.path.read_bytes()
    pack.keep({"S98": (groups, reads)})
    assert pack.path.read_bytes() == first
    with looks.noting() as fewer:
        groups["text"][0].guesses()
    pack.keep({"S98": ({"text": groups["text"][:1]}, fewer)})
    (one,), = pack.records("S98").values()
    files = {p.name for p in one.path.parent.iterdir()}
    assert files == {"pack.json", f"{one.id}.json", f"{one.id}.predictions.safetensors"}


def test_two_trainings_of_one_run_are_not_mixed(built, pack, tmp_path):
    record = built[0]["whole"][0]
    for path in record.path.parent.glob(f"{record.id}.*"):
        shutil.copy2(path, tmp_path / path.name)
    data = json.loads(record.path.read_text())
    path = tmp_path / record.path.name
    path.write_text(json.dumps(data | {"wall_time_s": 1e6}))
    pack.keep({"S97": ({"it": [runs.load(path)]}, looks.Reads())})  # the same numbers, made at another time
    data["protocols"]["sound"]["test"]["accuracy"] += 0.01
    path.write_text(json.dumps(data))
    with pytest.raises(RunError, match=r"S98.*other numbers of this run.*Name these exhibits as well"):
        pack.keep({"S97": ({"it": [runs.load(path)]}, looks.Reads())})
    assert list(pack.exhibits()) == ["S97", "S98"]


@pytest.mark.parametrize("damage", [
    lambda x: b"", lambda x: b"not a zip", lambda x: x[: len(x) // 2], lambda x: zipped({"../out.json": b"{}"}),
    lambda x: x[:300] + bytes([x[300] ^ 255]) + x[301:], lambda x: zipped({"pack.json": b"[]"}),
    lambda x: (at := x.index(b"PK\x01\x02") + 8) and x[:at] + b"\x01" + x[at + 1:],  # asks for a password
    lambda x: zipped({"pack.json": b'{"schema": 9, "exhibits": {}}'}), lambda x: zipped({"other": b""})])
def test_a_damaged_pack_is_one_line(pack, damage):
    pack.path.write_bytes(damage(pack.path.read_bytes()))
    with pytest.raises(RunError, match=r"runs\.zip: the kept runs cannot be read.*Restore the file") as raised:
        pack.records("S98")
    assert "\n" not in str(raised.value)


def test_without_a_pack_there_is_nothing(tmp_path):
    assert Pack(tmp_path / "none.zip").exhibits() == {} and Pack(tmp_path / "none.zip").records("S1") is None


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A copy of two stored exhibits of the lesson corpus with the kept runs: one is made from predictions, and one also
    from what was read inside models."""
    monkeypatch.setenv("ERCLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ERCLAB_RESULTS", str(tmp_path / "results"))
    monkeypatch.setattr(rebuild.corpora, "load", cache(corpora.load))
    source = ROOT / "data" / "results" / "exhibits" / "simulated-lesson-smoke"
    folder = tmp_path / "results" / "exhibits" / source.name
    folder.mkdir(parents=True)
    for name in ("M5.csv", "S5.csv", packs.FILE):
        shutil.copy2(source / name, folder)
    return folder


def test_committed_exhibits_are_rebuilt_byte_for_byte(study, call):
    status, out, _ = call("rebuild", *PARTS, "--check", "--jobs", 1)
    assert status == 0 and "simulated-lesson-smoke: 2 tables, 2 equal in bytes\n" in out and "older code" not in out
    assert "verdicts: nothing differs" in out and "What was made is as it is stored" in out
    before = (study / "M5.csv").read_bytes()
    (study / "S5.csv").unlink()
    (study / "S10.csv").write_text("x\n")
    (study / "M5.csv").write_bytes(before.replace(b"setting", b"settings", 1))
    status, out, _ = call("rebuild", "--jobs", 1, "--check", "simulated-lesson-smoke")
    assert status == 1 and "M5: differs" in out and "line 1: stored 'settings," in out
    assert "S10: failed" in out and "2 differ or cannot be made" in out and (study / "M5.csv").read_bytes() != before
    (study / "S10.csv").unlink()
    assert call("rebuild", "--jobs", 1, "simulated-lesson-smoke")[0] == 0 and (study / "M5.csv").read_bytes() == before
    status, _, err = call("rebuild", "meld-smoke")
    assert status == 2 and err.startswith("erclab: error: unknown part 'meld-smoke'") and len(err.splitlines()) == 1


def test_a_damaged_pack_fails_its_part_alone(study, call):
    (study / packs.FILE).write_bytes(b"x")
    status, out, err = call("rebuild", *PARTS, "--check", "--jobs", 1)
    assert status == 1 and err == "" and "runs.zip: the kept runs cannot be read" in out and "verdicts:" in out


def test_the_command_keeps_what_it_builds(built, tmp_path, monkeypatch, call):
    groups, table, _ = built
    runs_of = groups["whole"][0].path.parent
    for name, place in (("CACHE", "cache"), ("RUNS", runs_of), ("RESULTS", "results")):
        monkeypatch.setenv(f"ERCLAB_{name}", str(tmp_path / place))
    monkeypatch.setattr(catalogue, "find", lambda ids=(): [EXAMPLE])
    asked = ("exhibits", "S98", "--corpus", "simulated-tiny", "--seeds", 2)
    status, _, _ = call(*asked, "--keep")
    folder = tmp_path / "results" / "exhibits" / "simulated-tiny-smoke"
    assert status == 0 and sorted(p.name for p in folder.iterdir()) == ["S98.csv", "S98.runs.json", "runs.zip"]
    monkeypatch.setenv("ERCLAB_RUNS", str(tmp_path / "none"))
    status, out, _ = call("rebuild", "simulated-tiny-smoke", "--check", "--jobs", 1)
    assert status == 0 and "simulated-tiny-smoke: 1 tables, 1 equal in bytes" in out
    status, _, _ = call(*asked, "--train", "--out", tmp_path / "out")  # nothing is trained for what is kept
    assert status == 0 and not (tmp_path / "none").exists()
    assert (tmp_path / "out" / "S98.csv").read_text() == (folder / "S98.csv").read_text() == table.to_csv()
    for wrong in (("--set", "epochs=1"), ("--out", tmp_path), ("--corpus-seed", 7)):
        status, _, err = call(*asked, "--keep", *wrong)
        assert status == 2 and "none of the study's" in err and len(err.splitlines()) == 1
