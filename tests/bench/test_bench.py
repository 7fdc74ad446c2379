"""`erclab bench`: the same work for every path, honest counts, processes that fail loudly."""

import dataclasses
import json
import math
import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from erclab import bench, cli, models
from erclab.analysis import speed
from erclab.bench import cases, corpora, measure, worker
from erclab.core.errors import RunError, UsageError
from erclab.figures import speed as speed_figures

DIMS = (("text", 5), ("audio", 4), ("visual", 3))
TINY = cases.BenchCase("sdt-tiny", "SDT, tiny", "sdt", "iemocap", 2, turns=(3, 1, 6, 2, 4), faster=1e-6, memory=1e-6,
                       changes={"hidden": 8, "heads": 2, "dims": DIMS}, recipe={"learning_rate": 1e-3})
FRAMES = cases.BenchCase("mult-tiny", "MulT, tiny", "mult", "mosi", 2, frames={"text": 3, "audio": 4, "visual": 5},
                         steps=2, changes={"hidden": 10, "heads": 5, "layers": 2, "dims": DIMS}, recipe={"clip": 0.8})


def made(case, path="erclab"):
    return worker.Bench(worker.WorkerJob(dataclasses.asdict(case), path, device="cpu"))


# What is measured


def test_lengths_are_the_corpora_s():
    golden = json.loads((Path(__file__).parents[1] / "golden" / "dialogue_lengths.json").read_text())
    assert {c: [*cases.lengths(c)] for c in ("iemocap", "meld")} == {
        c: golden[f"{c}_train"] for c in ("iemocap", "meld")}


def test_cases_are_the_authors_settings():
    sizes = {c.name: (c.batch_size, c.faster, c.memory) for c in bench.CASES.values()}
    assert sizes == {"sdt-iemocap": (16, 4, 0.5), "sdt-meld": (8, 2.5, 0.5), "mult-mosi": (8, 2.5, 0.5),
                     "mult-mosi-24": (24, 2.5, 0.5), "lmr-cbt-mosi": (8, 2.5, 0.5),
                     "dialoguernn-iemocap": (30, 4, None), "bc-lstm-iemocap": (32, 1.3, None)}


def test_cases_are_chosen_by_model_or_by_name():
    assert [c.name for c in bench.choose(["sdt"])] == ["sdt-iemocap", "sdt-meld"]
    assert [c.name for c in bench.choose(["mult-mosi-24", "sdt-meld"])] == ["sdt-meld", "mult-mosi-24"]
    assert bench.choose() == [*bench.CASES.values()]
    with pytest.raises(UsageError, match=r"'sdt-mild'.*sdt-meld"):
        bench.choose(["sdt-mild"])


def test_some_dialogues_of_a_case_always_have_its_longest():
    case = bench.CASES["sdt-meld"]
    parts = [corpora.reduced(case, 40, seed).turns for seed in range(5)]
    assert all(len(p) == 40 and max(p) == max(case.turns) for p in parts)
    assert len(set(parts)) == 5
    assert corpora.reduced(case, 2000, 0).turns == case.turns


@pytest.mark.parametrize("case", [TINY, FRAMES], ids=["dialogues", "sequences"])
def test_two_paths_get_the_same_utterances(case):
    config = models.info(case.model).cls.official(case.corpus, **case.changes)
    count = corpora.items(case, case.steps)
    a, b, other = (corpora.view(case, config, count, seed) for seed in (1, 1, 2))
    assert len(a) == count == (5 if case is TINY else 4)
    for m, width in DIMS:
        assert torch.equal(a.features[m], b.features[m])
        assert a.features[m].shape[1] == width
        assert not torch.equal(a.features[m], other.features[m])
    assert torch.equal(a.labels, b.labels)
    assert sorted(a.lengths) == (sorted(case.turns) if case is TINY else [12] * 4)


def test_rounds_of_steps_and_epochs():
    assert corpora.items(bench.CASES["sdt-iemocap"], 0) == 108
    assert corpora.items(bench.CASES["sdt-iemocap"], 2) == 32
    assert corpora.items(bench.CASES["sdt-iemocap"], 50) == 108
    assert corpora.items(bench.CASES["mult-mosi"], 3) == 24


# A path


@pytest.mark.parametrize("path", ["reference", "erclab"])
@pytest.mark.parametrize("case", [TINY, FRAMES], ids=["dialogues", "sequences"])
def test_a_round_trains(case, path):
    found = made(case, path)
    before = {n: p.detach().clone() for n, p in found.model.named_parameters()}
    count = corpora.items(case, case.steps)
    answer = found.round(seed=1, count=count)
    assert (answer["utterances"], answer["steps"]) == ((16, 3) if case is TINY else (4, 2))
    assert answer["seconds"] > 0
    assert 0 < answer["cpu_seconds"] < 4 * torch.get_num_threads() * answer["seconds"]
    still = [n for n, p in found.model.named_parameters() if torch.equal(p, before[n])]
    assert all(n.split(".")[-2] == "norm" and "encoder" in n for n in still)  # SDT's dead normalisation
    assert found.memory() > 1e8


def test_paths_start_and_end_alike_without_dropout():
    """One batch, one step: the reference's loop and erclab's do the same to the same weights."""
    off = {"dropout": 0.0}
    case = dataclasses.replace(TINY, batch_size=5, changes={**TINY.changes, **off})
    ours, theirs = made(case), made(case, "reference")
    theirs.model.load_state_dict(ours.model.state_dict())
    for found in (ours, theirs):
        found.optimiser = torch.optim.SGD(found.model.parameters(), lr=0.5)
        found.round(seed=3, count=5)
    for name, x in ours.model.state_dict().items():
        torch.testing.assert_close(x, theirs.model.state_dict()[name], rtol=1e-4, atol=1e-5, msg=name)


def test_the_reference_has_random_batches():
    config = models.info("sdt").cls.official("iemocap", **TINY.changes)
    view = corpora.view(dataclasses.replace(TINY, turns=tuple(range(1, 33))), config, 32, 0)
    shapes = [b.shape for b in worker.random_batches(view, 8, np.random.default_rng(0))]
    assert [n for n, _ in shapes] == [8] * 4
    assert sum(n * t for n, t in shapes) > 1.2 * sum(range(1, 33))  # buckets would give 1.14
    first, second = ([b.rows for b in worker.random_batches(view, 8, np.random.default_rng(s))] for s in (0, 1))
    assert not torch.equal(first[0], second[0])


# Counts


RECURRENT = {"dialoguernn": {"global_width": 7, "party_width": 8, "emotion_width": 6, "head_width": 9},
             "bc-lstm": {"hidden": 6, "head_hidden": 7}}


@pytest.mark.parametrize("case", [TINY, *(cases.BenchCase(m, m, m, "iemocap", 1, turns=(1,), changes=changes)
                                          for m, changes in RECURRENT.items())], ids=["sdt", *RECURRENT])
def test_operations_are_those_of_every_length(case):
    found = made(case, "reference")
    a, b, c = found.work()
    for turns in (5, 31):
        view = corpora.view(dataclasses.replace(case, turns=(turns,)), found.config, 1, 0)
        assert a + turns * b + turns**2 * c == pytest.approx(found._count(view), rel=1e-3)
    assert c > 0


def test_operations_per_utterance_are_those_of_the_corpus():
    a, b, c = 7.0, 5.0, 3.0
    one = dataclasses.replace(TINY, turns=(2, 3))
    assert measure._operations(one, (a, b, c)) == pytest.approx((2 * a + 5 * b + 13 * c) / 5)


def test_operations_of_an_lstm_are_counted():
    """Two layers, two directions, forward and twice that backward, less the gradient of the input."""
    case = cases.BenchCase("bc", "bc", "bc-lstm", "iemocap", 1, turns=(1,), changes={"hidden": 6, "head_hidden": 7})
    a, b, _ = made(case, "reference").work()
    gates = [(100 + 6) * 4 * 6, (12 + 6) * 4 * 6]
    lstm = 2 * 2 * (3 * sum(gates) - 100 * 4 * 6)  # multiply and add, directions
    rest = 2 * 3 * (12 * 12 + 12 * 7 + 7 * 6)
    assert b == pytest.approx(lstm + rest, rel=0.1)
    assert abs(a) < 2 * b


def test_operations_of_official_sdt_are_six_per_parameter():
    """As a rule of thumb: 79.7 million parameters, each once forward and twice backward, multiplied and added."""
    case = dataclasses.replace(bench.CASES["sdt-iemocap"], turns=(48,), changes={"hidden": 256})
    parameters = sum(p.numel() for p in made(case).model.parameters())
    a, b, c = made(case, "reference").work()
    assert a / 48 + b + c * 48 == pytest.approx(6 * parameters, rel=0.08)


def test_a_clock_adds_up_what_passes_inside():
    clock = worker.Clock(torch.device("cpu"))
    for _ in range(2):
        with clock:
            time.sleep(0.02)
        time.sleep(0.1)
    assert 0.04 <= clock.seconds < 0.1
    assert clock.cpu_seconds < 0.03


def test_the_machine_is_measured():
    rates = worker.product_speed(torch.device("cpu"), seconds=0)
    assert rates.keys() == {"float32", "bfloat16"}
    assert all(1e8 < rate < 1e16 for rate in rates.values())


def test_a_gpu_multiplies_larger_matrices_and_the_report_says_so(record):
    assert worker.side_for(torch.device("cuda")) == 8192 > worker.side_for(torch.device("cpu"))
    assert record["environment"]["side"] == 2048
    for facts, side in (({"side": 8192}, 8192), ({}, 2048)):  # records of before have no side
        told = {name: x for name, x in record["environment"].items() if name != "side"} | facts
        assert f"A product of {side} × {side} matrices" in speed.report(record | {"environment": told})


# A whole bench


class Here:
    """A worker without its process, on a machine of a known speed."""

    def __init__(self, job):
        self.bench, self.ready = worker.Bench(job), {"threads": 1, "device": "cpu", "spin": "70", "side": 2048}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def ask(self, do, **request):
        return {"round": self.bench.round, "work": lambda: {"coefficients": self.bench.work()},
                "memory": lambda: {"bytes": self.bench.memory(), "floor": self.bench.floor()},
                "product": lambda: {"float32": 2e11, "bfloat16": 4e11}}[do](**request)


@pytest.fixture(scope="module")
def processes():
    """A record, the groups of the processes, and the memory that this process, which is large, has had beside its
    ballast. The processes of the paths are measured; the machine's speed is given."""
    real, groups = measure.Worker, []

    def process(job):
        if job.case["name"] != TINY.name:
            return Here(job)
        made = real(job)
        groups.append(os.getpgid(made.process.pid))
        return made

    ballast = np.ones(int(4e8) // 8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "Worker", process)
        found = bench.bench([TINY], precisions=["float32"], rounds=2, threads=1, device="cpu", progress=False)
    return found, groups, worker.peak() - ballast.nbytes


@pytest.fixture(scope="module")
def record(processes):
    return processes[0]


def test_a_process_has_its_own_memory_and_group(processes):
    """The process that asks may be large; that of a path is what PyTorch itself needs. Ctrl-C at a terminal goes to the
    group of the process that asks, so it does not reach the workers."""
    found, groups, rest = processes
    assert len(groups) == 2 and os.getpgid(0) not in groups
    assert all(1e8 < row["bytes"] < rest + 2e8 for row in found["rows"])


def test_a_record_holds_every_path(record):
    assert [r["path"] for r in record["rows"]] == ["reference", "float32"]
    assert record["environment"]["threads"] == 1
    assert record["growth"] == []
    note, = record["notes"]  # a millionth is less than what Python takes
    assert note.startswith("SDT, tiny: Python, float32 weights and Adam's moments alone are ")
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    slow, ours = record["rows"]
    assert slow["ratio"] == slow["memory_ratio"] == 1
    each = [a["seconds"] / b["seconds"] for a, b in zip(slow["rounds"], ours["rounds"], strict=True)]
    assert ours["ratio"] == pytest.approx(np.median(each))
    assert [r["utterances"] for r in ours["rounds"]] == [16, 16]
    assert ours["ms_per_utterance"] == pytest.approx(np.median([r["seconds"] for r in ours["rounds"]]) / 16 * 1e3)
    assert ours["memory_ratio"] == ours["bytes"] / slow["bytes"]
    assert 1e8 < ours["floor"] <= ours["bytes"] and ours["floor_ratio"] == ours["floor"] / slow["bytes"]
    assert ours["gflops"] == pytest.approx(ours["operations"] / ours["ms_per_utterance"] / 1e6)
    assert ours["share"] == pytest.approx(ours["gflops"] * 1e9 / record["product"]["float32"])
    assert ours["fast_enough"] is True  # a millionth of the reference's speed
    assert ours["small_enough"] is False  # a millionth of its memory
    assert "fast_enough" not in slow
    assert ours["cpu_ratio"] == pytest.approx(np.median([
        a["cpu_seconds"] / b["cpu_seconds"] for a, b in zip(slow["rounds"], ours["rounds"], strict=True)]))
    assert slow["cpu_ratio"] == 1


def test_a_process_says_when_it_is_killed():
    process = measure.Worker(worker.WorkerJob(dataclasses.asdict(TINY), "erclab", device="cpu"))
    process.process.kill()
    with pytest.raises(RunError, match=r"SIGKILL\. Perhaps memory"), process:
        pass


def test_without_the_reference_there_are_no_ratios(monkeypatch):
    monkeypatch.setattr(measure, "Worker", Here)
    found = bench.bench([FRAMES], precisions=["float32"], reference=False, rounds=1, device="cpu", progress=False)
    (row,) = found["rows"]
    assert row["path"] == "float32"
    assert not {"ratio", "memory_ratio", "fast_enough"} & row.keys()
    assert row["share"] > 0  # the operations of the reference are counted all the same
    assert "times as fast" not in speed.speeds(found).columns


def mult_raises(error, monkeypatch):
    """In a round of MulT this error comes up."""
    class Failing(Here):
        def ask(self, do, **request):
            if do == "round" and self.bench.case.model == "mult":
                raise error
            return super().ask(do, **request)

    monkeypatch.setattr(measure, "Worker", Failing)


def test_a_setting_that_fails_does_not_cost_the_others(monkeypatch):
    mult_raises(RunError("the process ended: SIGKILL", where=FRAMES.title), monkeypatch)
    how = {"precisions": ["float32"], "rounds": 1, "device": "cpu", "progress": False}
    found = bench.bench([FRAMES, TINY], **how)
    assert {row["case"] for row in found["rows"]} == {"sdt-tiny"} and all("share" in row for row in found["rows"])
    assert "Not measured: MulT, tiny: the process ended: SIGKILL" in speed.report(found)
    with pytest.raises(RunError, match="SIGKILL"):
        bench.bench([FRAMES], **how)


def test_a_bench_that_is_stopped_keeps_what_it_has(monkeypatch):
    mult_raises(KeyboardInterrupt(), monkeypatch)
    how = {"precisions": ["float32"], "rounds": 1, "device": "cpu", "progress": False}
    found = bench.bench([TINY, FRAMES], **how)
    assert {row["case"] for row in found["rows"]} == {"sdt-tiny"} and all("share" in row for row in found["rows"])
    assert "Stopped by hand in MulT, tiny; nothing was measured from there on." in speed.report(found)
    with pytest.raises(KeyboardInterrupt):
        bench.bench([FRAMES, TINY], **how)


def test_sigterm_keeps_what_was_measured_as_ctrl_c_does(monkeypatch):
    class Killed(Here):
        def ask(self, do, **request):
            if do == "round" and self.bench.case.model == "mult":
                signal.raise_signal(signal.SIGTERM)
            return super().ask(do, **request)

    monkeypatch.setattr(measure, "Worker", Killed)
    before = signal.getsignal(signal.SIGTERM)
    found = bench.bench([TINY, FRAMES], precisions=["float32"], rounds=1, device="cpu", progress=False)
    assert {row["case"] for row in found["rows"]} == {"sdt-tiny"}
    assert found["notes"][0].startswith("Stopped by hand in MulT, tiny")
    assert signal.getsignal(signal.SIGTERM) is before


def test_an_interruption_between_cases_keeps_what_was_measured(monkeypatch):
    class Interrupted(Here):
        asked = 0

        def ask(self, do, **request):
            Interrupted.asked += do == "product"
            if do == "product" and Interrupted.asked == 2:
                raise KeyboardInterrupt
            return super().ask(do, **request)

    monkeypatch.setattr(measure, "Worker", Interrupted)
    found = bench.bench([TINY, FRAMES], precisions=["float32"], rounds=1, device="cpu", progress=False)
    assert {row["case"] for row in found["rows"]} == {"sdt-tiny"}


def test_in_another_thread_sigterm_is_left_alone():
    def inside():
        with measure.sigterm_interrupts():
            seen.append(signal.getsignal(signal.SIGTERM))

    seen = []
    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]


def test_what_makes_the_reference_faster_is_not_held_against_its_memory(monkeypatch):
    class Counted(Here):
        def __init__(self, job):
            super().__init__(job)
            self.bench.memory = lambda: 3000 if job.case["environment"] and job.path == "reference" else 1000

    monkeypatch.setattr(measure, "Worker", Counted)
    case = dataclasses.replace(FRAMES, environment={"SOME": "1"}, memory=0.5)
    slow, ours = bench.bench([case], precisions=["float32"], rounds=1, device="cpu", progress=False)["rows"]
    assert (slow["bytes"], ours["bytes"], ours["memory_ratio"], ours["small_enough"]) == (1000, 1000, 1.0, False)


@pytest.mark.parametrize("wrong", [{"rounds": 0}, {"steps": 0}, {"threads": -1}, {"precisions": ["float8"]}])
def test_wrong_requests_are_refused(wrong):
    with pytest.raises(UsageError):
        bench.bench([TINY], **wrong)


def test_a_process_that_ends_says_why():
    job = worker.WorkerJob(dataclasses.asdict(dataclasses.replace(TINY, changes={"hidden": 7})), "erclab", device="cpu")
    with pytest.raises(RunError, match=r"SDT, tiny: .*hidden 7 must be even"), measure.Worker(job):
        pass


def test_a_process_gets_the_case_s_environment(monkeypatch):
    seen = []
    monkeypatch.setattr(measure.subprocess, "Popen", lambda *a, env, **k: seen.append(env))
    for path in ("reference", "erclab"):
        measure.Worker(worker.WorkerJob(dataclasses.asdict(bench.CASES["mult-mosi"]), path))
    assert seen[0]["MALLOC_MMAP_MAX_"] == "0"
    assert "MALLOC_MMAP_MAX_" not in seen[1]


# Growth


def test_growth_has_one_point_per_length_batch_and_number_of_seeds():
    points = {at: case for case, at in measure.grow(bench.CASES["sdt-iemocap"])}
    assert [at for at in points if at[0] == "length"] == [("length", n) for n in (12, 24, 47, 94)]
    assert set(points["length", 24].turns) == {24}
    assert len(points["length", 24].turns) == 16
    assert [len(points["batch", n].turns) for n in (2, 4, 8, 16, 32)] == [2, 4, 8, 16, 32]
    assert len({t for n in (2, 32) for t in points["batch", n].turns}) == 1
    assert [points["seeds", n].seeds for n in (1, 2, 4)] == [1, 2, 4] and len(points["seeds", 4].turns) == 16
    assert not [at for _, at in measure.grow(bench.CASES["dialoguernn-iemocap"]) if at[0] == "seeds"]
    short = {at: case for case, at in measure.grow(bench.CASES["mult-mosi"])}["length", 62]
    assert short.frames == {"text": 6, "audio": 47, "visual": 62}


def grown(record):
    rows = [{"case": case, "path": path, "axis": axis, "value": x, "seconds_per_step": x * y, "bytes": 1e8 * x * y}
            for case in ("a", "b") for path, y in (("reference", 3), ("float32", 1))
            for axis in ("length", "batch") for x in (2, 4, 8)]
    return {**record, "growth": rows}


def test_growth_is_measured(monkeypatch):
    monkeypatch.setattr(measure, "Worker", Here)
    monkeypatch.setattr(worker.Bench, "work", lambda self: [0.0, 1.0, 0.0])
    monkeypatch.setattr(measure, "SHARES", (0.5, 1.0))
    monkeypatch.setattr(measure, "BATCHES", (1, 3))
    monkeypatch.setattr(measure, "SEEDS", (1, 2))
    found = bench.bench([TINY], rounds=1, device="cpu", growth=True, progress=False)
    assert [(r["path"], r["axis"], r["value"]) for r in found["growth"]] == [
        (path, *at) for at in (("length", 3), ("length", 6), ("batch", 1), ("batch", 3))
        for path in ("reference", "float32", "bfloat16")] + [
        (path, "seeds", s) for s, paths in ((1, ("reference", "float32", "bfloat16")), (2, ("float32", "bfloat16")))
        for path in paths]
    turns = {(r["axis"], r["value"]): r["rounds"][0]["utterances"] for r in found["growth"]}
    assert turns == {("length", 3): 6, ("length", 6): 12, ("batch", 1): 3, ("batch", 3): 9,
                     ("seeds", 1): 6, ("seeds", 2): 12}
    assert len(found["rows"]) == 3


def test_growth_is_drawn(record):
    figure = speed_figures.growth(grown(record)["growth"])
    assert len(figure.axes) == 8
    first = figure.axes[0]
    assert [line.get_label() for line in first.lines] == ["reference", "float32"]
    assert [*first.lines[0].get_ydata()] == [6, 12, 24]
    assert [*figure.axes[2].lines[1].get_ydata()] == pytest.approx([0.2, 0.4, 0.8])  # GB
    assert len({line.get_color() for line in first.lines}) == len({line.get_marker() for line in first.lines}) == 2


# Tables, files, the command


def test_the_table_says_what_was_met(record):
    shown = speed.speeds(record)
    row = shown.loc[("SDT, tiny", "float32")]
    assert row["aim"].endswith("× met")
    assert row["aim of memory"].endswith("× not met")
    assert float(row["ms per utterance"]) == pytest.approx(record["rows"][1]["ms_per_utterance"], rel=1e-2)
    assert shown.loc[("SDT, tiny", "reference"), "aim"] == ""


@pytest.fixture
def measured(record, monkeypatch, tmp_path):
    """The command with the record in place of a bench; returns how it was asked."""
    asked = []

    def fake(chosen, **options):
        asked.append(([c.name for c in chosen], options))
        return grown(record) if options["growth"] else record

    monkeypatch.setattr(bench, "bench", fake)
    monkeypatch.setenv("ERCLAB_FIGURES", str(tmp_path / "figures"))
    return asked


def test_the_command_prints_and_stores(measured, record, tmp_path, capsys):
    out = tmp_path / "new" / "bench.json"
    assert cli.main(["bench", "sdt-meld", "--precision", "float32", "--no-reference", "--rounds", "1", "--growth",
                     "--threads", "2", "--out", str(out)]) == 0
    (names, options), = measured
    assert names == ["sdt-meld"]
    assert options == {"precisions": ["float32"], "reference": False, "rounds": 1, "steps": None, "threads": 2,
                       "device": "auto", "growth": True}
    printed = capsys.readouterr().out
    assert "SDT, tiny" in printed
    assert "GFLOP/s in bfloat16" in printed
    assert json.loads(out.read_text())["rows"] == record["rows"]
    assert (tmp_path / "figures" / "bench_growth_cpu.png").is_file()


def test_the_command_prints_json(measured, record, capsys):
    assert cli.main(["bench", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == record


def test_mistakes_end_with_one_line(measured, tmp_path, capsys):
    assert cli.main(["bench", "sdd"]) == 2
    assert "unknown model to measure 'sdd'" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert cli.main(["bench", "--out", str(tmp_path / "file" / "x.json")]) == 2
    assert "the measurements cannot be stored" in capsys.readouterr().err


def test_a_worker_answers_on_its_own_line(monkeypatch, capsys):
    """What a library prints does not become an answer."""
    lines = [json.dumps(dataclasses.asdict(worker.WorkerJob(dataclasses.asdict(TINY), "erclab", device="cpu"))),
             json.dumps({"do": "round", "seed": 1, "count": 5}), json.dumps({"do": "product"})]
    monkeypatch.setattr(sys, "stdin", iter_lines(lines))
    monkeypatch.setattr(worker.Bench, "round", lambda *_, **__: sys.stdout.write("noise\n") and {"seconds": math.pi})
    monkeypatch.setattr(worker, "product_speed", lambda device: {"float32": 2e11})
    kept = sys.stdout
    try:
        assert worker.main() == 0
    finally:
        sys.stdout = kept
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert answers[0]["ready"] is True and answers[0]["side"] == 2048
    assert answers[1:] == [{"seconds": math.pi}, {"float32": 2e11}]


class iter_lines:
    """A standard input of these lines."""

    def __init__(self, lines):
        self.lines = iter(lines)

    def readline(self):
        return next(self.lines)

    def __iter__(self):
        return self.lines
