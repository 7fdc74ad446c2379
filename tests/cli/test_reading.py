"""The options that say how a table is read: from the command line to `erclab.corpora.load`."""

import json

import numpy as np
import pytest

from erclab import sweep
from erclab.cli.common import joined

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
