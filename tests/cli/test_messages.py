"""Every mistake on the command line is one line with what to do, and status 2: never a traceback."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from erclab import cli, corpora
from erclab.core.errors import UsageError
from erclab.core.paths import expanded

load = corpora.load
ROOT = Path(__file__).resolve().parents[2]
TINY = ("--corpus", "simulated-tiny")
# (arguments, part of the line); FILE, FOLDER, ABSENT and GRID stand for paths.
MISTAKES = [
    (("run", ""), "unknown model ''"),
    (("run", "sdt", "--corpus", ""), "unknown corpus ''"),
    (("run", "sdt", "--corpus", "table", "--data", "ABSENT"), "ABSENT"),
    (("run", "sdt", "--corpus", "table", "--data", "FILE"), "FILE"),
    (("run", "sdt", "--corpus", "table", "--data", "FOLDER"), "FOLDER"),
    (("run", "sdt", "--corpus", "mosi-mmsa", "--data", "FILE"), "FILE"),
    (("run", "sdt", "--corpus", "imported", "--data", "FOLDER"), "FOLDER"),
    (("run", "sdt", *TINY, "--modalities", ","), "modalit"),
    (("run", "sdt", *TINY, "--modalities", "text,smell"), "unknown modality"),
    (("run", "sdt", *TINY, "--seeds", "0"), "seeds"),
    (("run", "sdt", *TINY, "--seeds", "-1"), "seeds"),
    (("run", "sdt", *TINY, "--task", ""), "unknown task"),
    (("run", "sdt", *TINY, "--variant", "x"), "unknown variant"),
    (("run", "sdt", *TINY, "--profile", ""), "unknown profile"),
    (("run", "sdt", *TINY, "--folds", "1"), "too few"),
    (("run", "sdt", *TINY, "--folds", "-3"), "too few"),
    (("run", "sdt", *TINY, "--folds", "0"), "too few"),
    (("run", "sdt", *TINY, "--folds", "1000"), "1000 folds"),
    (("run", "sdt", *TINY, "--folds", "²"), "unknown column"),
    (("run", "sdt", *TINY, "--folds", "mood"), "unknown column"),
    (("run", "sdt", *TINY, "--words", "minilm"), "reads vectors"),
    (("run", "dialoguetrm", *TINY, "--words", "ABSENT", "--modalities", "text"), "ABSENT"),
    (("run", "sdt", *TINY, "--teacher", "x"), "nothing learns from it"),
    (("run", "sdt", *TINY, "--teacher", "x", "--set", "distillation=offline", "--set", "epochs=1"), "x.json"),
    (("run", "sdt", *TINY, "--device", "nonsense"), "no device of that name"),
    (("run", "sdt", *TINY, "--device", "cuda:99"), "cannot be used here"),
    (("run", "sdt", *TINY, "--device", "meta"), "holds no numbers"),
    (("run", "constant", *TINY, "--device", "nonsense"), "no device of that name"),
    (("run", "sdt", *TINY, "--out", "FILE"), "FILE"),
    (("run", "sdt", *TINY, "--set", "=3"), "not NAME=VALUE"),
    (("run", "sdt", *TINY, "--set", ""), "not NAME=VALUE"),
    (("run", "sdt", *TINY, "--set", "epochs=0"), "must be positive"),
    (("run", "sdt", *TINY, "--set", "epochs=many"), "not a whole number"),
    (("run", "sdt", *TINY, "--set", "hidden=0"), "hidden"),
    (("run", "sdt", *TINY, "--set", "hidden=-8"), "hidden"),
    (("run", "sdt", *TINY, "--set", "dropout=2.0"), "dropout"),
    (("run", "sdt", *TINY, "--set", "heads=0"), "heads"),
    (("run", "bc-lstm", *TINY, "--set", "hidden=-1"), "hidden"),
    (("run", "sdt", *TINY, "--set", "learning_rate=nan"), "learning_rate"),
    (("run", "sdt", *TINY, "--set", "seeds=3"), "no setting of a model"),
    (("run", "sdt", *TINY, "--set", "seed=3"), "no setting of a model"),
    (("run", "sdt", *TINY, "--seed", "-3"), "seeds"),
    (("run", "sdt", *TINY, "--set", "model=3"), "no setting of a model"),
    (("run", "sdt", *TINY, "--set", "folder=3"), "no setting of a model"),
    (("run", "sdt", *TINY, "--set", "task=emotion"), "no setting of a model"),
    (("run", "tfidf", *TINY, "--set", "characters=(3, 1)"), "no range"),
    (("run", "tfidf", *TINY, "--modalities", "audio"), "unknown modality"),
    (("sweep", "ABSENT"), "cannot be read"),
    (("sweep", "FOLDER"), "cannot be read"),
    (("sweep", "FILE"), "not a grid"),
    (("sweep", "GRID", "--jobs", "0"), "jobs = 0"),
    (("sweep", "GRID", "--jobs", "-1"), "jobs = -1"),
    (("sweep", "GRID", "--retries", "-1"), "retries = -1"),
    (("sweep", "GRID", "--backend", "x"), "unknown backend"),
    (("sweep", "GRID", "--address", "x"), "are Ray's"),
    (("sweep", "GRID", "--device", "nonsense"), "cannot be used here"),
    (("sweep", "GRID", "--out", "FILE"), "FILE"),
    (("exhibits", "S22"), "unknown exhibit"),
    (("exhibits", "S1", "all"), "unknown exhibit"),
    (("exhibits", "S1", *TINY, "--seeds", "0"), "seeds"),
    (("exhibits", "S1", *TINY, "--set", "epoch=1"), "Did you mean 'epochs'"),
    (("exhibits", "S9", *TINY, "--other", "nope"), "unknown corpus"),
    (("exhibits", "D1", *TINY, "--out", "FILE"), "FILE"),
    (("exhibits", "--corpus", "table"), "needs a folder"),
    (("runs", "--out", "ABSENT"), "ABSENT"),
    (("runs", "--out", "FILE"), "FILE"),
    (("runs", "--out", "RUNS", "--where", "hidden"), "not NAME=VALUE"),
    (("runs", "--out", "RUNS", "--where", "smell=1"), "unknown column"),
    (("runs", "--out", "RUNS", "--sort", "smell"), "unknown column"),
    (("runs", "confirm", "ABSENT"), "ABSENT"),
    (("runs", "confirm", "FOLDER", "--jobs", "0"), "jobs 0"),
    (("runs", "confirm", "FOLDER", "--tolerance", "nan"), "tolerance"),
    (("models", "stt"), "unknown model"),
    (("models", ""), "unknown model"),
    (("contracts", "stt"), "unknown model"),
    (("contracts", "sdt", "--contract", ""), "unknown contract"),
    (("corpora", "show", "simulate"), "unknown corpus"),
    (("corpora", "show", "meld", "--data", "ABSENT"), "ABSENT"),
    (("corpora", "show", "meld", "--data", "FOLDER"), "FOLDER"),
    (("corpora", "show", "meld", "--data", ""), "needs a folder"),
    (("corpora", "show", "simulated-tiny", "--data", "FOLDER"), "reads no folder"),
    (("corpora", "show", "table", "--data", "LONG"), "too long"),
    (("corpora", "import", "simulated-tiny", "--out", "FULL"), "not empty"),
    (("corpora", "import", "simulated-tiny", "--out", "FILE"), "FILE"),
    (("bench", "stt"), "stt"),
    (("bench", "sdt", "--precision", "float64"), "unknown precision"),
    (("bench", "sdt", "--rounds", "0"), "rounds 0"),
    (("bench", "sdt", "--steps", "-1"), "steps -1"),
    (("bench", "sdt", "--threads", "-1"), "threads -1"),
    (("bench", "sdt", "--device", "nonsense"), "cannot be used here"),
    (("bench", "sdt", "--out", "FOLDER"), "Is a directory"),
    (("bench", "sdt", "--out", "FILE/x"), "FILE"),
    (("predict", "x", "ABSENT"), "x"),
    (("predict", "constant", "ABSENT", "--runs", "RUNS"), "ABSENT"),
    (("export", "x", "FOLDER", "--runs", "RUNS"), "x"),
    (("runs", "confusion", "x"), "x"),
    (("features", "text", "ABSENT"), "ABSENT"),
    (("features", "pack", "ABSENT", "--modality", "audio", "--table", "FOLDER"), "FOLDER"),
    (("study", "xx"), "no notebook 'xx'"),
    (("study", "01", *TINY, "--jobs", "0"), "0 notebooks at a time"),
    (("study", "01", *TINY, "--set", "corpuss=x"), "unknown parameter 'corpuss'"),
    (("study", "12", *TINY, "--set", "seeds=two"), "seeds = 'two'"),
    (("study", "12", *TINY, "--set", "seeds=1.5"), "seeds = 1.5"),
    (("study", "12", *TINY, "--set", "seeds=0"), "seeds = 0"),
    (("study", "01", *TINY, "--out", "FILE"), "FILE"),
    (("study", "01", "--corpus", "meld", "--data", "FILE"), "FILE"),
]


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Name in the table -> path."""
    folder = tmp_path_factory.mktemp("places {a} é")
    made = {"FILE": folder / "a file", "FOLDER": folder / "empty", "ABSENT": folder / "nowhere",
            "RUNS": folder / "runs", "FULL": folder / "full", "GRID": folder / "grid.yaml", "LONG": Path("x" * 300)}
    made["FILE"].write_text("words\n", encoding="utf-8")
    made["GRID"].write_text("models: [constant]\ncorpora: [simulated-tiny]\n", encoding="utf-8")
    made["FOLDER"].mkdir()
    made["FULL"].mkdir()
    (made["FULL"] / "a file").write_text("", encoding="utf-8")
    assert cli.main(["run", "constant", *TINY, "--out", str(made["RUNS"])]) == 0
    return {name: str(path) for name, path in made.items()}


def filled(text, places):
    return next((text.replace(name, path, 1) for name, path in places.items() if text.startswith(name)), text)


@pytest.mark.parametrize(("arguments", "said"), MISTAKES, ids=[" ".join(a) for a, _ in MISTAKES])
def test_a_mistake_is_one_line_that_names_it(arguments, said, places, tiny, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("ERCLAB_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("ERCLAB_FIGURES", str(tmp_path / "figures"))
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(corpora, "load", lambda name, *folder, **how: tiny if (name, *folder) == (
        "simulated-tiny", None) else load(name, *folder, **how))  # made once
    status = cli.main([filled(a, places) for a in arguments])
    out, err = capsys.readouterr()
    assert status == 2 and out == ""
    last = err.splitlines()[-1]
    assert last.startswith("erclab: error: ") and filled(said, places) in last and len(last) < 1500
    assert all(line.startswith("note: ") for line in err.splitlines()[:-1]), err
    assert last.endswith((".", ")")) or re.search("must be|must not be|is not a", last), "no remedy"


def test_a_home_that_is_not_known(monkeypatch, capsys):
    monkeypatch.setenv("ERCLAB_RUNS", "~nobody-of-this-name/runs")
    assert cli.main(["runs"]) == 2
    assert "~nobody-of-this-name/runs: the home folder is not known" in capsys.readouterr().err
    with pytest.raises(UsageError, match="Write the whole path"):
        expanded("~nobody-of-this-name")


def test_a_file_error_that_no_room_expects_is_one_line(monkeypatch, capsys):
    def full(*_):
        raise OSError(28, "No space left on device", "somewhere")
    monkeypatch.setattr("erclab.analysis.sizes.describe", full)
    assert cli.main(["models"]) == 2
    assert capsys.readouterr().err == (
        "erclab: error: somewhere: No space left on device. Check the path, the permissions and the free space.\n")


@pytest.fixture
def own(tmp_path):
    """A table with labels and a path that ASCII does not have."""
    folder = tmp_path / "中文"
    folder.mkdir()
    rows = "".join(f"{split},{split}{d},{t},Ann,Hallo {d},{('glücklich', '悲しい')[(t + d) % 2]}\n"
                   for split in ("train", "valid", "test") for d in range(2) for t in range(2))
    (folder / "utterances.csv").write_text("split,dialogue,turn,speaker,text,label\n" + rows, encoding="utf-8")
    np.savez(folder / "audio.npz", X=np.ones((12, 3), np.float32))
    np.savez(folder / "text.npz", X=np.ones((12, 3), np.float32))
    return folder


def every_command(own):
    corpus = ["--corpus", "table", "--data", str(own)]
    return [["models", "mult"], ["run", "constant", *corpus], ["runs"], ["corpora"], ["corpora", "show", "table",
            *corpus[2:]], ["contracts", "bc-lstm", "--contract", "no_dead_parameter"], ["exhibits", "D1", *TINY]]


def test_a_pipe_of_windows_gets_every_character_or_its_code(own, tmp_path, monkeypatch):
    monkeypatch.setenv("ERCLAB_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    for command in every_command(own):
        pipe = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
        monkeypatch.setattr(sys, "stdout", pipe)
        assert cli.main(command) == 0, command
        said = pipe.buffer.getvalue().decode("cp1252")
        assert said
        if command[0] == "models":
            assert "\\u2260" in said and "×" not in said
        if command[:2] == ["corpora", "show"]:
            assert "glücklich" in said and "\\u60b2" in said


def test_a_locale_of_ascii_reads_and_writes_utf_8(own, tmp_path):
    commands = [c for c in every_command("FOLDER") if c[:2] in (["models", "mult"], ["corpora", "show"])]
    script = ("import sys; from erclab import cli\n"
              f"for command in {commands!r}:\n"
              "    print(cli.main([sys.argv[1] if x == 'FOLDER' else x for x in command]), file=sys.stderr)")
    ascii_alone = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "ERCLAB_RUNS": str(tmp_path / "runs")}
    done = subprocess.run([sys.executable, "-c", script, str(own)], capture_output=True, cwd=tmp_path,
                          env={**os.environ, "PYTHONPATH": str(ROOT), **ascii_alone})
    said = done.stderr.decode(errors="replace")
    assert done.returncode == 0 and [x for x in said.splitlines() if x.isdigit()] == ["0"] * 2, said
    assert b"\\u60b2" in done.stdout and done.stdout.isascii()


def test_a_reader_that_stops_and_a_full_disk_end_without_a_traceback(monkeypatch, capsys):
    read, write = os.pipe()
    os.close(read)
    for target, status in ((write, 0), ("/dev/full", 2)):
        with open(target, "w", encoding="utf-8") as stream, monkeypatch.context() as patched:
            patched.setattr(sys, "stdout", stream)
            assert cli.main(["corpora"]) == status
    said = capsys.readouterr().err
    assert said.startswith("erclab: error: No space left on device. ") and said.count("\n") == 1
