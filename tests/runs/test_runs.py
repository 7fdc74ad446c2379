"""Runs: what decides their id, that they are stored whole or not at all, and that they are loaded, not repeated."""

import dataclasses
import json
import time

import numpy as np
import pytest
import torch
from forked import Forked

from erclab import models, runs
from erclab.core import metrics
from erclab.core.errors import RunError, UsageError
from erclab.corpora import simulated
from erclab.training import device

QUICK = {"epochs": 2, "hidden": 16, "heads": 2}


@pytest.fixture
def ask(tiny, tmp_path):
    def ask(model="sdt", corpus=tiny, **question):
        settings = QUICK if model == "sdt" else {}
        return runs.run(model, corpus, folder=tmp_path / "runs", progress=False, **{**settings, **question})
    return ask


def test_a_record_holds_what_one_needs_to_believe_it(ask, tiny):
    record, = ask()
    data = json.loads(record.path.read_text())
    assert data["schema"] == runs.SCHEMA and data["id"] == record.path.stem
    assert data["spec"]["fingerprint"] == tiny.fingerprint and data["spec"]["recipe"]["epochs"] == 2
    assert data["corpus"]["utterances"] == {s: len(tiny.rows(s)) for s in ("train", "valid", "test")}
    assert {"python", "torch", "device", "threads"} <= set(data["environment"])
    assert data["wall_time_s"] > 0 and data["parameters"]["all"] > 0
    assert list(record.curve["epoch"]) == [1, 2]
    assert record.confusion().sum() == len(tiny.rows("test"))


def test_scores_follow_from_the_stored_predictions(ask, tiny):
    record, = ask()
    prediction = record.predictions("test").argmax(1)
    assert (prediction == tiny.targets("test")).mean() == pytest.approx(record.scores()["accuracy"])
    np.testing.assert_allclose(np.exp(record.predictions()).sum(1), 1, rtol=1e-5)


def test_the_stored_model_makes_the_stored_predictions(ask, tiny):
    from erclab.training.loop import predictions

    record, = ask()
    view = runs.views(record.spec, tiny)["test"]
    np.testing.assert_allclose(predictions(record.model(), view), record.predictions(), atol=1e-6)
    with pytest.raises(UsageError, match="cannot be used here"):
        record.model("cuda:99")


def test_a_run_that_exists_is_loaded_and_force_trains_it_again(ask):
    first, = ask()
    written = first.path.stat().st_mtime_ns
    again, = ask()
    assert again.path.stat().st_mtime_ns == written and again.data == first.data
    forced, = ask(force=True)
    assert forced.path.stat().st_mtime_ns > written
    assert forced.data["protocols"] == first.data["protocols"] and forced.data["curve"] == first.data["curve"]


@pytest.mark.parametrize("change", [{"seeds": [1]}, {"epochs": 3}, {"hidden": 32}, {"modalities": ["text"]},
                                    {"variant": "official"}, {"precision": "bfloat16"}])
def test_whatever_changes_the_result_changes_the_id(tiny, change):
    base, = runs.plan("sdt", tiny, **QUICK)
    other, = runs.plan("sdt", tiny, **{**QUICK, **change})
    assert base.id != other.id


def test_the_id_depends_on_the_corpus_content_and_the_code_not_on_the_version(tiny):
    base, = runs.plan("sdt", tiny, **QUICK)
    assert base.code == runs.spec.code_digest(models.info("sdt"))
    assert base.id != dataclasses.replace(base, code="0").id
    other, = runs.plan("sdt", simulated.generate("tiny", frames=True, seed=1), **QUICK)
    assert base.id != other.id and base.id == dataclasses.replace(base, version="0").id
    assert base.id == runs.plan("sdt", simulated.generate("tiny", frames=True), **QUICK)[0].id


def test_seeds_are_a_number_or_a_list_and_a_fit_has_one(tiny):
    assert [s.seed for s in runs.plan("sdt", tiny, seeds=3)] == [0, 1, 2]
    assert [s.seed for s in runs.plan("sdt", tiny, seeds=[5, 7])] == [5, 7]
    assert len(runs.plan("linear", tiny, seeds=5)) == 1


def test_one_training_gives_both_protocols(ask):
    sound, = ask(epochs=4)
    published, = ask(epochs=4, protocol="published")
    assert published.data == sound.data and published.path == sound.path
    assert sound.scores() == published.scores(protocol="sound")
    assert sound.scores(protocol="published") == published.scores()
    curve = sound.curve.set_index("epoch")
    assert published.scores()["weighted_f1"] == pytest.approx(curve["test.weighted_f1"].max())
    assert published.epoch() == curve["test.weighted_f1"].idxmax()
    assert sound.epoch() == curve["valid.weighted_f1"].idxmax()
    assert not np.array_equal(sound.predictions(), published.predictions()) or sound.epoch() == published.epoch()
    with pytest.raises(UsageError, match="unknown protocol"):
        sound.scores(protocol="best")


def test_a_fit_has_one_result_by_any_protocol(ask):
    record, = ask("linear", protocol="published")
    assert record.scores() == record.scores(protocol="sound") and record.epoch() == 0


def test_a_record_of_the_first_schema_is_read(ask):
    record, = ask()
    old = {**record.data, "schema": 1, "spec": {**record.spec, "protocol": "published"}}
    record.path.write_text(json.dumps(old))
    assert runs.load(record.path).protocol == "published"


@pytest.mark.parametrize("question, message", [
    ({"model": "sdtt"}, "unknown model 'sdtt'. Did you mean 'sdt'"), ({"protocol": "best"}, "unknown protocol 'best'"),
    ({"variant": "fast"}, "unknown variant"), ({"profile": "huge"}, "unknown profile"),
    ({"modalities": ["smell"]}, "unknown modality"), ({"seeds": 0}, "gives no run"),
    ({"epoch": 3}, "Did you mean 'epochs'"), ({"epochs": "many"}, "not a whole number"), ({"epochs": 0}, "positive"),
    ({"hidden": 15}, "even and a multiple"), ({"dims": 3}, "dims = 3"), ({"device": "gpu7"}, "cannot be used here")])
def test_a_wrong_question_is_one_clear_line(ask, question, message):
    with pytest.raises(UsageError, match=message) as caught:
        ask(**question)
    assert "\n" not in str(caught.value)


def test_a_record_is_written_last_and_nothing_else_counts(ask, tmp_path, monkeypatch):
    real = runs.engine.write_atomically

    def full_disk(path, data):
        if path.suffix == ".json":
            raise OSError(28, "No space left on device")
        real(path, data)

    monkeypatch.setattr(runs.engine, "write_atomically", full_disk)
    with pytest.raises(RunError, match=r"No space left on device.*Free some space"):
        ask()
    assert not list((tmp_path / "runs").glob("*.json"))
    monkeypatch.setattr(runs.engine, "write_atomically", real)
    assert ask()[0].path.exists()


def test_a_folder_that_cannot_be_written_is_said_before_training(tiny, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(runs.engine, "_train", lambda *_: pytest.fail("trained for nothing"))
    with pytest.raises(RunError, match=r"cannot be stored here.*ERCLAB_RUNS"):
        runs.run("sdt", tiny, folder=tmp_path / "file" / "runs")


@pytest.mark.parametrize("content, message", [("", "not a run record"), ("{", "not a run record"),
                                              ("[]", "not a run record"), ('{"schema": 99}', "schema 99")])
def test_a_record_that_is_none_is_refused(tmp_path, content, message):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(RunError, match=message):
        runs.load(tmp_path / "x.json")


def test_lost_or_damaged_tensors_are_said(ask):
    record, = ask()
    weights = record.path.with_suffix(".weights.safetensors")
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(RunError, match="--force"):
        record.model()
    record.path.with_suffix(".predictions.safetensors").unlink()
    with pytest.raises(RunError, match="--force"):
        record.predictions()


def test_a_fitted_baseline_has_no_weights(ask):
    record, = ask("constant")
    with pytest.raises(RunError, match="keeps no weights"):
        record.model()


@pytest.mark.parametrize(("small", "short", "threads"), [(10**9, 10**9, 1), (1, 10**9, 2), (10**9, 1, 2)])
def test_small_models_of_short_batches_train_on_one_thread(ask, monkeypatch, small, short, threads):
    """And then there are as many as before."""
    seen, train = [], runs.engine.loop.train_seeds
    monkeypatch.setattr(device, "SMALL", small)
    monkeypatch.setattr(device, "SHORT", short)
    monkeypatch.setattr(runs.engine.loop, "train_seeds", lambda *a, **k: (seen.append(torch.get_num_threads()),
                                                                    train(*a, **k))[1])
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        ask()
        assert seen == [threads] and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


SAME = {"progress": False, "epochs": 3, "hidden": 16, "heads": 2}


def trains_slowly(corpus, folder):
    """A run whose training waits until another process waits for the run."""
    train = runs.engine.loop.train_seeds

    def slowly(*a, **k):
        (folder / "trains").touch()
        until = time.monotonic() + 60
        while not (folder / "waits").exists() and time.monotonic() < until:
            time.sleep(0.01)
        return train(*a, **k)
    runs.engine.loop.train_seeds = slowly
    runs.run("sdt", corpus, folder=folder / "runs", **SAME)


@pytest.mark.slow
def test_two_processes_that_want_the_same_run_train_it_once(ask, tiny, tmp_path, monkeypatch):
    """The other process trains; this one wants the run before that has ended."""
    lock = runs.engine.FileLock

    def waits(*args, **options):
        (tmp_path / "waits").touch()
        return lock(*args, **options)

    other = Forked(trains_slowly, tiny, tmp_path)
    until = time.monotonic() + 60
    while not (tmp_path / "trains").exists() and time.monotonic() < until:
        time.sleep(0.01)
    monkeypatch.setattr(runs.engine, "FileLock", waits)
    monkeypatch.setattr(runs.engine.loop, "train_seeds", None)  # is not called here
    record, = runs.run("sdt", tiny, folder=tmp_path / "runs", **SAME)
    assert other.wait(60) == 0 and record.scores()
    assert len(list((tmp_path / "runs").glob("*.json"))) == 1 and not list((tmp_path / "runs").glob(".*"))


def test_sdt_has_positions_for_the_longest_dialogue(tiny):
    long = simulated.generate("tiny", dialogues=(2, 1, 1), turns=(600, 600, 600))
    most = [runs.plan("sdt", c, **more)[0].settings["max_turns"]
            for c, more in ((tiny, {}), (long, {}), (long, {"max_turns": 700}))]
    assert most == [512, 600, 700]


def test_a_baseline_that_reads_nothing_takes_modalities_from_vectors_or_from_sequences(tmp_path):
    whole = simulated.generate("tiny", frames=True)
    heard = dataclasses.replace(whole, vectors={"audio": whole.vectors["audio"]})  # its text is words alone
    for modalities in (["audio"], ["text", "audio"], None):
        record, = runs.run("constant", heard, modalities=modalities, folder=tmp_path, progress=False)
        assert record.spec["modalities"] == (modalities or ["audio"])
    with pytest.raises(UsageError, match="unknown modality of simulated-tiny 'smell'"):
        runs.plan("constant", heard, modalities=["smell"])


@pytest.fixture(scope="module")
def few():
    """The smallest corpus with fewer dialogues."""
    return simulated.generate("tiny", frames=True, dialogues=(4, 2, 2))


@pytest.mark.parametrize(("name", "task"), [(name, task) for name, info in models.MODELS.items()
                                            for task in info.tasks])
def test_every_model_runs_every_task_of_its_own_with_its_smoke_recipe(few, tmp_path, name, task):
    quick = {"epochs": 1} if models.MODELS[name].kind == "trained" else {}
    record, = runs.run(name, few, task=task, folder=tmp_path, progress=False, **quick)
    assert record.task == task and len(record.predictions()) == len(few.rows("test"))
    assert set(metrics.HEADLINES[task]) <= set(record.scores())
