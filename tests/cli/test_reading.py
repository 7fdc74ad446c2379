"""The options that say how a table is read: from the command line to `erclab.corpora.load`."""

import json

import numpy as np
import pytest

from erclab import corpora, sweep
from erclab.cli.common import joined
from erclab.core.errors import UsageError

CSV = "Dialog_ID,turn,Emotion,open,kind,happy,score\n" + "".join(
    f"d{d},{t},{('glad', 'sad')[(d + t) % 2]},{40 + d},{t},{t % 2},{(d - 4) / 5}\n" for d in range(9) for t in range(2))
SAID = ["--columns", "dialogue=Dialog_ID,label=Emotion,sentiment=score", "--labels", "sad,glad", "--scale", "-1,1",
        "--target", "traits=open,kind", "--target", "feels:present=happy", "--fill", "zero"]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "utterances.csv").write_text(CSV, "utf-8")
    x = np.random.default_rng(0).normal(size=(18, 3)).astype(np.float32)
    x[3, 1] = np.nan
    np.savez(tmp_path / "audio.npz", X=x)
    return tmp_path


def test_a_minus_after_scale_is_no_option():
    assert joined(["--scale", "-1,1", "--scale", "a=-1,1", "-x"]) == ["--scale=-1,1", "--scale", "a=-1,1", "-x"]


def test_show_import_and_run_read_alike(folder, call, tmp_path):
    status, out, _ = call("corpora", "show", "table", "--data", folder, *SAID, "--folds", 3, "--json")
    shown = json.loads(out)
    assert status == 0 and shown["tasks"] == ["emotion", "sentiment", "traits", "feels"]
    assert shown["labels"] == ["sad", "glad"]
    assert call("corpora", "import", "table", "--data", folder, *SAID, "--folds", 3, "--out", tmp_path / "c"
                )[0] == 0
    for corpus in (["table", "--data", folder, *SAID], ["imported", "--data", tmp_path / "c"]):
        status, out, _ = call("run", "linear", "--corpus", *corpus, "--folds", 3, "--task", "traits",
                              "--out", tmp_path / "runs")
        assert status == 0 and "correlation" in out and "\nopen " in out and "\nkind " in out
    assert len(list((tmp_path / "runs").glob("*.json"))) == 3  # the second command loaded the runs of the first


@pytest.mark.parametrize(("more", "said"), [
    (["--columns", "dialogue"], "--columns: 'dialogue' is not NAME=VALUE. For example --columns dialogue=Dialog_ID"),
    (["--target", "traits"], "--target: 'traits' is not NAME=VALUE. For example --target traits=open,kind"),
    (["--target", "a=open", "--target", "a=kind"], "--target: 'a' is given twice"),
    (["--scale", "-1"], "--scale: '-1' is not LOW,HIGH. For example --scale -1,1."),
    (["--scale", "-1,1", "--scale", "a=0,1"], "Name the task of each"),
    (["--fill", "mean"], "unknown fill 'mean'"),
    (["--columns", "dialogue=Dialog_ID"], "Without splits: --folds N"),
])
def test_mistakes_are_one_line_with_the_option(folder, call, more, said):
    status, _, error = call("run", "linear", "--corpus", "table", "--data", folder, *more)
    assert status == 2 and said in error and error.count("\n") == 1


def test_sweep_files_have_the_same_options(folder, tmp_path):
    (tmp_path / "s.yaml").write_text(f"""
models: linear
corpora: [{{name: table, data: {folder}, columns: {{dialogue: Dialog_ID, split: null}}, fill: zero,
            targets: {{traits: [open, kind]}}, scale: {{traits: [0, 100]}}}}]
""", "utf-8")
    grid, = sweep.read(tmp_path / "s.yaml")
    part = sweep.jobs.Part(grid.corpora[0], "vectors")
    assert hash(part) and part.load().task("traits").width == (50, 50)


def test_a_corpus_seed_and_a_world_reach_every_command(call, tmp_path, monkeypatch):
    monkeypatch.setenv("ERCLAB_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "erclab").mkdir()  # the root of the project, for exhibits
    asked = ["--corpus-seed", 7, "--world", "persistence=0.4,dims=(20,18,20)", "--world", "turns=3,4,6"]
    status, out, _ = call("corpora", "show", "simulated-tiny", *asked, "--json")
    shown = json.loads(out)
    assert status == 0 and '"persistence": 0.4' in shown["source"] and shown["source"].startswith("simulated, seed 7")
    made = corpora.load("simulated-tiny", seed=7, world={"persistence": 0.4, "dims": (20, 18, 20), "turns": (3, 4, 6)})
    assert shown["fingerprint"] == made.fingerprint
    status, out, _ = call("run", "linear", "--corpus", "simulated-tiny", *asked, "--json")
    record, = json.loads(out)
    assert status == 0 and record["spec"]["fingerprint"] == made.fingerprint
    status, out, _ = call("exhibits", "D1", "--corpus", "simulated-tiny", *asked, "--json")
    assert status == 0 and "simulated-tiny-seed-7-persistence-0.4-dims-20-18-20-turns-3-4-6-smoke" in out


@pytest.mark.parametrize(("arguments", "said"), [
    (("run", "linear", "--corpus", "simulated-tiny", "--world", "masked"), "--world: 'masked' is not NAME=VALUE"),
    (("run", "linear", "--corpus", "simulated-tiny", "--world", "masked=0.1,masked=0.2"), "'masked' is given twice"),
    (("corpora", "show", "simulated-tiny", "--corpus-seed", "-1"), "--corpus-seed: the corpus seed -1"),
    (("predict", "run", "file.csv", "--corpus-seed", "7"), "Name the corpus of training (--corpus)"),
    (("runs", "confirm", "--corpus-seed", "7"), "Name it (--corpus)"),
    (("study", "01", "--world", "maskd=0.1"), "Did you mean 'masked'?"),
])
def test_mistakes_in_options_of_a_simulated_corpus_are_one_line(call, arguments, said):
    status, _, error = call(*arguments)
    assert status == 2 and said in error and error.count("\n") == 1


def test_a_sweep_tells_corpus_seeds_apart():
    grid, = sweep.grids({"models": "linear", "corpora": [
        "simulated-tiny", {"name": "simulated-tiny", "seed": 7, "world": {"dialogues": [3, 2, 2], "masked": 0.1}}]})
    first, second = sweep.plan(grid)
    assert first.id != second.id and second.part.load().source.startswith("simulated, seed 7")
    assert [job.cells[0].corpus for job in (first, second)] == [
        "simulated-tiny", "simulated-tiny (corpus seed 7, dialogues [3, 2, 2], masked 0.1)"]
    assert second.title.endswith("seed 0, corpus seed 7, dialogues [3, 2, 2], masked 0.1")
    for world, said in (({"maskd": 0.1}, "Did you mean 'masked'"), ("masked", "not names and values"),
                        ({1: 2, "masked": 0.1}, "is no text")):
        with pytest.raises(UsageError, match=said):
            sweep.plan(sweep.grids({"models": "linear", "corpora": {"name": "simulated-tiny", "world": world}}))
