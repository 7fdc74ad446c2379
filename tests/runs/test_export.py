"""Exported runs: the same numbers from a folder alone, and no code from it."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from forty_lines import Short

import erclab as erc
from erclab import models, runs
from erclab.core.errors import RunError, UsageError
from erclab.runs.program import save_program

SMALL = {"epochs": 1, "progress": False}
WORDY = {"feed_forward": 8, "heads": 2, "layers": 1, "fusion_layers": 1, "context_turns": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture
def forget(monkeypatch):
    """The classes that this session was given are not known within the test."""
    monkeypatch.setattr(models.registry, "GIVEN", given := {})
    monkeypatch.setattr(models, "GIVEN", given)
    return given


def asked(run, tiny, rows=8):
    at = tiny.rows("test")[:rows]
    vectors = {m: x[at] for m, x in tiny.vectors.items()}
    if run.fitted.sequences:
        vectors = {m: [f[i] for i in at] for m, f in tiny.frames.items()}
    read = [m for m in run.spec["modalities"] if not (m == "text" and run.spec["words"])]
    reads = {} if run.info.view == "text" else {m: vectors[m] for m in read}
    return erc.predict(run, tiny.table.loc[at, ["dialogue", "speaker", "text"]], vectors=reads,
                       explain=run.info.name != "linear-balanced")


@pytest.mark.parametrize("model, settings", [
    ("sdt", {"hidden": 8, "heads": 2}), ("lf-lstm", {"hidden": 4}), ("linear-balanced", {}), ("tfidf-context", {})])
def test_a_folder_predicts_what_the_run_predicts(model, settings, tiny, folder, tmp_path):
    settings = settings and {**SMALL, **settings}
    run = runs.run(model, tiny, folder=folder, **settings)[0]
    assert erc.export(run, tmp_path / "out") == tmp_path / "out"
    again = erc.load_model(tmp_path / "out")
    pd.testing.assert_frame_equal(asked(run, tiny), asked(again, tiny), check_exact=True)
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert run.id in card and "happy, sad" in card and "accuracy" in card and "simulated-tiny" in card
    erc.export(run, tmp_path / "out")  # an earlier export is replaced, what a user wrote is not
    (tmp_path / "README.md").write_text("mine", "utf-8")
    with pytest.raises(RunError, match=r"README\.md is there already, and no export"):
        erc.export(run, tmp_path)
    assert (tmp_path / "README.md").read_text("utf-8") == "mine" and not list(tmp_path.glob("run.*"))


def test_a_model_of_words_takes_its_tokenizer_along(tiny, tiny_source, folder, tmp_path):
    import shutil

    source = shutil.copytree(tiny_source, tmp_path / "bert")
    run = runs.run("dialoguetrm", tiny, words=source, modalities=["text"], folder=folder, **SMALL, **WORDY)[0]
    erc.export(run, tmp_path / "out")
    before = asked(run, tiny, 4)
    shutil.rmtree(source)
    again = erc.load_model(tmp_path / "out")
    pd.testing.assert_frame_equal(before, asked(again, tiny, 4), check_exact=True)
    assert before["why: words"].map(bool).all() and (before["why: text"] != 0).any()
    erc.export(again, tmp_path / "twice")  # an export can be exported
    pd.testing.assert_frame_equal(before, asked(erc.load_model(tmp_path / "twice"), tiny, 4), check_exact=True)


def test_a_class_of_ones_own_is_exported_with_its_source_and_never_run_from_there(tiny, folder, tmp_path, forget):
    run = runs.run(Short, tiny, folder=folder, **SMALL)[0]
    out = erc.export(run, tmp_path / "out")
    before = asked(run, tiny)
    assert "class Short(Model)" in (out / "source.py").read_text(encoding="utf-8")
    forget.clear()
    (out / "source.py").write_text("raise SystemExit('code of the folder was run')", encoding="utf-8")
    data = json.loads((out / "run.json").read_text(encoding="utf-8"))
    (out / "run.json").write_text(json.dumps(data | {"class": "source:Short"}), encoding="utf-8")
    with pytest.raises(RunError, match=r"a class of one's own, Short.*erclab.load_model\(FOLDER, model=") as caught:
        erc.load_model(out)
    assert "\n" not in str(caught.value)
    pd.testing.assert_frame_equal(before, asked(erc.load_model(out, model=Short), tiny), check_exact=True)
    with pytest.raises(UsageError, match="is not the one of the run"):
        erc.load_model(out, model=models.info("sdt").cls)


def test_what_cannot_be_exported_or_opened_is_one_line(tiny, folder, tmp_path):
    run = runs.run("sdt", tiny, folder=folder, hidden=8, heads=2, **SMALL)[0]
    (tmp_path / "file").write_text("x", encoding="utf-8")
    for call, said in ((lambda: erc.export(run, tmp_path / "file"), "cannot be exported"),
                       (lambda: erc.load_model(tmp_path), "there is no exported run"),
                       (lambda: erc.load_model(tmp_path / "file"), "not a run record"),
                       (lambda: save_program(runs.run("constant", tiny, folder=folder)[0], tmp_path), "is fitted")):
        with pytest.raises(RunError, match=said) as caught:
            call()
        assert "\n" not in str(caught.value)
    out = erc.export(run, tmp_path / "out")
    for text in ("", "[]", "{}", '{"schema": 2}', '{"schema": 2, "spec": {}}'):
        (out / "run.json").write_text(text, encoding="utf-8")
        with pytest.raises(RunError, match="not a run record"):
            erc.load_model(out)


def test_a_program_computes_the_model_without_erclab(tiny, folder, tmp_path):
    run = runs.run(Short, tiny, folder=folder, **SMALL)[0]
    program = torch.export.load(save_program(run, tmp_path)).module()
    rows = tiny.rows("test")
    n = int((tiny.table["dialogue"][rows] == tiny.table["dialogue"][rows[0]]).sum())
    given = [torch.from_numpy(tiny.vectors[m][rows[:n]])[None] for m in run.spec["modalities"]]
    found = program(*given, torch.zeros(1, n, dtype=torch.int64)).log_softmax(-1)[0]
    np.testing.assert_allclose(found.detach().numpy(), run.predictions("test")[:n], atol=1e-5)
