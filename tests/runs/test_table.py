"""The list of runs: every record is in it, whatever is none is named, and curves are passed over."""

import json
from functools import partial

import pytest

from erclab import runs
from erclab.core.errors import RunError, UsageError
from erclab.runs.table import COLUMNS, catalogue


@pytest.fixture(scope="module")
def made(tiny, tmp_path_factory):
    """A folder with four runs, and their records."""
    folder = tmp_path_factory.mktemp("runs")
    quick = {"folder": folder, "progress": False, "heads": 2, "epochs": 2}
    records = [*runs.run("sdt", tiny, seeds=2, hidden=16, **quick),
               *runs.run("sdt", tiny, modalities=["text"], task="sentiment", hidden=8, **quick),
               *runs.run("constant", tiny, folder=folder)]
    return folder, records


@pytest.fixture
def copy(made, tmp_path):
    """A folder of one's own with the first record in it, and that record's text."""
    (tmp_path / made[1][0].path.name).write_text(made[1][0].path.read_text())
    return tmp_path, made[1][0].path.read_text()


def test_every_record_is_a_row_with_its_scores(made):
    folder, records = made
    table = catalogue(folder).set_index("id")
    assert sorted(table.index) == sorted(r.id for r in records)
    for r in records:
        row = table.loc[r.id]
        metric = {"emotion": "weighted_f1", "sentiment": "mae"}[r.task]
        assert row["metric"] == metric and row["sound"] == r.scores()[metric]
        assert (row["model"], row["corpus"], row["seed"], row["task"]) == (
            r.spec["model"], "simulated-tiny", r.spec["seed"], r.task)
        assert row["modalities"] == "+".join(r.spec["modalities"]) and row["epoch"] == r.epoch()
        assert row["wall_time_s"] == r.data["wall_time_s"] and row["parameters"] == r.data["parameters"]["all"]
        if r.spec["model"] == "sdt":
            assert row["published"] == r.scores(protocol="published")[metric]
            assert row["hidden"] == r.spec["settings"]["hidden"] and row["epochs"] == 2
        else:
            assert row[["published", "hidden"]].isna().all()


def test_rows_are_in_the_order_of_what_they_are(made):
    table = catalogue(made[0])
    assert list(zip(table["model"], table["modalities"], table["seed"], strict=True)) == [
        ("constant", "text+audio+visual", 0), ("sdt", "text", 0), ("sdt", "text+audio+visual", 0),
        ("sdt", "text+audio+visual", 1)]


@pytest.mark.parametrize(("where", "count"), [
    ({"model": "sdt"}, 3), ({"hidden": 16}, 2), ({"hidden": "16"}, 2), ({"hidden": 16, "seed": 1}, 1),
    ({"task": "sentiment"}, 1), ({"modalities": "text"}, 1), ({"warmup_steps": 1}, 0), ({"corpus": "meld"}, 0),
    ({"dims": [["text", 64]]}, 0), ({"model": "constant", "hidden": 16}, 0),
])
def test_rows_are_filtered_by_column_setting_and_recipe(made, where, count):
    assert len(catalogue(made[0], where=where)) == count


def test_a_tuple_finds_what_json_calls_a_list(made, tiny):
    assert len(catalogue(made[0], where={"dims": (("text", tiny.dims["text"]),)})) == 1


def test_an_unknown_column_is_refused_with_the_nearest(made):
    with pytest.raises(UsageError, match="Did you mean 'hidden'"):
        catalogue(made[0], where={"hiden": 1})


def test_an_empty_folder_has_no_rows_and_one_that_is_not_there_is_an_error(tmp_path):
    table = catalogue(tmp_path, where={"hidden": 1})
    assert table.empty and list(table) == list(COLUMNS)
    with pytest.raises(RunError, match="no runs can be listed"):
        catalogue(tmp_path / "nothing")


@pytest.mark.parametrize(("spoil", "said"), [
    (lambda text: text[: len(text) // 2], "not a run record"),
    (lambda text: "", "not a run record"),
    (lambda text: "[1, 2]", "not a run record"),
    (lambda text: '{"name": "somebody else\'s"}', "not a run record"),
    (lambda text: text.replace('"sound"', '"loud"'), "lacks 'sound'"),
    (lambda text: text.replace(f'"schema": {runs.SCHEMA}', '"schema": 99'), "a record of schema 99"),
    (lambda text: text.replace('"task": "emotion"', '"task": "smell"'), "lacks 'smell'"),
    (lambda text: text.encode() + b"\xff", "not a run record"),
])
def test_what_is_no_record_is_named_and_left_out(copy, spoil, said):
    folder, text = copy
    damaged, spoilt = folder / "damaged.json", spoil(text)
    damaged.write_bytes(spoilt if isinstance(spoilt, bytes) else spoilt.encode())
    (folder / "folder.json").mkdir()
    warned = []
    assert len(catalogue(folder, warn=warned.append)) == 1
    assert len(warned) == 2 and str(damaged) in warned[0] and said in warned[0] and "folder.json" in warned[1]


def test_the_curve_is_passed_over_and_nothing_else(copy):
    """A record in another layout is read as well, and what looks like the end of a curve in a text is none."""
    folder, text = copy
    def read():
        return catalogue(folder).drop(columns="finished").sort_index(axis=1)
    expected = read()
    data = json.loads(text)
    for layout in ({"indent": None}, {"indent": 4}, {"indent": 1, "sort_keys": True}):
        (folder / f"{data['id']}.json").write_text(json.dumps(data, **layout))
        assert read().equals(expected)
    for curve in ([], [{"epoch": 1, "model": {"said": '\n ]\n "curve": [\n'}}]):
        (folder / f"{data['id']}.json").write_text(json.dumps(data | {"curve": curve}, indent=1))
        assert read().equals(expected)


def test_no_curve_is_parsed(copy):
    """A long curve is most of a record, and a folder can have a thousand records."""
    folder, text = copy
    curve = json.dumps({"curve": json.loads(text)["curve"]}, indent=1).removeprefix("{").removesuffix("\n}")
    assert curve in text
    spoilt = text.replace(curve, '\n "curve": [\n  no JSON\n ]')
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(spoilt)
    expected = catalogue(folder)
    (folder / f"{json.loads(text)['id']}.json").write_text(spoilt)
    assert catalogue(folder).drop(columns="finished").equals(expected.drop(columns="finished"))


# The command

@pytest.fixture
def call(call):
    return partial(call, "runs")


def test_the_command_prints_a_table(made, call):
    folder, records = made
    status, out, err = call("--out", folder)
    assert status == 0 and err == "" and all(r.id in out for r in records) and f"4 runs in {folder}" in out
    assert "hidden" not in out
    status, out, _ = call("--out", folder, "--model", "sdt", "--seed", "0", "--where", "hidden=16")
    assert status == 0 and records[0].id in out and "hidden" in out and f"1 runs in {folder}" in out


def test_the_command_sorts(made, call):
    folder, _ = made
    for direction in ((), ("--descending",)):
        rows = json.loads(call("--out", folder, "--sort", "sound", *direction, "--json")[1])
        values = [row["sound"] for row in rows]
        assert values == sorted(values, reverse=bool(direction)) and len(values) == 4
    assert call("--out", folder, "--sort", "dims")[0] == 0  # lists, and none for the constant


def test_the_command_names_what_it_leaves_out(copy, call):
    folder, text = copy
    (folder / "other.json").write_text(text[:100])
    status, out, err = call("--out", folder, "--json")
    assert status == 0 and len(json.loads(out)) == 1
    assert err.count("\n") == 1 and err.startswith("erclab: warning: ") and "other.json" in err


def test_the_command_refuses_what_does_not_exist(made, call, tmp_path):
    for arguments, said in ((("--sort", "sond"), "Did you mean 'sound'"), (("--where", "x"), "--where: 'x' is not"),
                            (("--where", "hiden=1"), "Did you mean 'hidden'")):
        status, out, err = call("--out", made[0], *arguments)
        assert status == 2 and out == "" and said in err
    status, _, err = call("--out", tmp_path / "nothing")
    assert status == 2 and "no runs can be listed" in err


def test_a_record_of_the_schema_before_is_listed(copy):
    folder, text = copy
    data = json.loads(text)
    del data["protocols"]["published"]
    (folder / "old.json").write_text(json.dumps(data | {"schema": 1, "id": "old"}, indent=1))
    table = catalogue(folder).set_index("id")
    assert len(table) == 2 and table.loc["old", "sound"] == data["protocols"]["sound"]["test"]["weighted_f1"]
