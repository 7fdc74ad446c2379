"""Equal tuning budgets, end to end on the smallest corpus; draws, choices, evidence and verdicts."""

import dataclasses
import json
import subprocess
from pathlib import Path

import pytest

from erclab.claims import draws, tuned, tuning
from erclab.claims.draws import Draw, Log
from erclab.claims.evidence import read
from erclab.core.errors import RunError
from erclab.published import tuning as published

ROOT = Path(__file__).resolve().parents[2]
declared = published.declared()
CORPUS = declared.rehearsal["corpus"]


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory):
    """Two models, two draws, two seeds, an epoch each: the folder of draws and evidence, and that of the runs."""
    place = tmp_path_factory.mktemp("tuning")
    how = {"where": place / "kept", "draws": 2, "jobs": 1, "progress": False}
    names = ["bc-lstm", "linear"]
    assert tuning.train_draws(declared, names, CORPUS, place / "runs", **how) == []
    assert tuning.confirm_best(declared, names, CORPUS, place / "runs", **how) == []
    return place


def test_draws_keep_validation_scores_and_no_test_score(rehearsed):
    for model in ("bc-lstm", "linear"):
        path = draws.draws_file(model, CORPUS, rehearsed / "kept")
        log = draws.read_draws(declared, model, CORPUS, rehearsed / "kept")
        assert [d.number for d in log.draws] == [0, 1, 2] and log.recipe.settings == {}
        assert [d.seed for d in log.draws] == [200, 201, 202] and "test" not in path.read_text(encoding="utf-8")
        for draw in log.draws:
            record = json.loads((rehearsed / "runs" / f"{draw.id}.json").read_text(encoding="utf-8"))
            assert draw.score == pytest.approx(record["protocols"]["sound"]["valid"]["weighted_f1"], abs=1e-6)
            assert draw.settings == declared.drawn(model, draw.number)
            for name, value in draw.settings.items():
                assert {**record["spec"]["recipe"], **record["spec"]["settings"]}[name] == value


def test_the_best_draw_is_confirmed_with_fresh_seeds_and_judged(rehearsed):
    where = rehearsed / "kept"
    for model in ("bc-lstm", "linear"):
        log = draws.read_draws(declared, model, CORPUS, where)
        found = tuning.tuned_shelf(CORPUS, where).arm(tuning.tuned_arm(model))
        assert [e.seed for e in found] == [100, 101] and log.best.score == max(d.score for d in log.tried)
        for e in found:
            assert e.about["tuning"]["chosen"] == log.best.number and e.about["rules"] == declared.sha256
            has = {**e.about["spec"]["recipe"], **e.about["spec"]["settings"]}
            assert all(has[name] == value for name, value in log.best.settings.items())
    by_claim = {v.claim: v for v in tuned.tuned_verdicts(declared, CORPUS, where)}
    assert set(by_claim) == {f"T-{m}-{b}" for m, b in tuning.compared_pairs(declared, CORPUS)} and len(by_claim) == 14
    assert by_claim["T-bc-lstm-linear"].seeds == 2 and by_claim["T-sdt-linear"].verdict == "to train"


def test_the_table_agrees_with_the_evidence(rehearsed):
    where = rehearsed / "kept"
    table = tuned.table(declared, CORPUS, where)
    assert list(table.index) == ["bc-LSTM", "Linear probe"]
    scores = [e.about["protocols"]["sound"]["test"] for e in
              tuning.tuned_shelf(CORPUS, where).arm(tuning.tuned_arm("bc-lstm"))]
    assert len(scores) == table.loc["bc-LSTM", "seeds"] == 2
    shown = tuned.tested(declared, CORPUS, where)
    difference = shown.loc["bc-LSTM", "value"] - shown.loc["Linear probe", "value"]
    assert table.loc["bc-LSTM", "minus Linear probe"].startswith(f"{100 * difference:+.1f} [")
    assert table.loc["Linear probe", "best settings"].startswith("penalty 0.0")


def test_a_second_call_trains_nothing_and_an_unfinished_budget_is_not_confirmed(rehearsed, monkeypatch):
    monkeypatch.setattr(tuning.sweep, "run", lambda *a, **k: pytest.fail("trained again"))
    how = {"where": rehearsed / "kept", "jobs": 1, "progress": False}
    assert tuning.train_draws(declared, ["bc-lstm"], CORPUS, rehearsed / "runs", draws=2, **how) == []
    assert tuning.confirm_best(declared, ["bc-lstm"], CORPUS, rehearsed / "runs", draws=2, **how) == []
    told = []
    tuning.confirm_best(declared, ["bc-lstm"], CORPUS, rehearsed / "runs", said=told.append, **how)
    assert len(told) == 1 and "not all of its draws" in told[0]


def log_of(*scores, model="sdt"):
    tried = tuple(Draw(k, 200 + k, declared.drawn(model, k), x) for k, x in enumerate(scores, 1))
    return Log({"model": model, "corpus": CORPUS, "digest": declared.digest(model)}, tried)


def test_a_draw_without_a_score_counts_as_the_lowest_and_of_equal_ones_the_first_is_best():
    log = log_of(0.3, None, 0.5, 0.5)
    assert log.scores.tolist() == [0.3, 0.3, 0.5, 0.5] and log.best.number == 3
    with pytest.raises(RunError, match="no draw"):
        _ = log_of(None).scores


def test_a_training_that_diverges_counts_as_a_draw(rehearsed, tmp_path):
    spaces = {"bc-lstm": (published.Axis("learning rate", ("learning_rate",), "of", (1e30,)),)}
    group = published.TuningGroup("vectors", ("bc-lstm",), ("bc-lstm",), ())
    wild = dataclasses.replace(declared, spaces=spaces, groups=(group,))
    how = {"where": tmp_path, "draws": 1, "jobs": 1, "progress": False}
    assert tuning.train_draws(wild, ["bc-lstm"], CORPUS, rehearsed / "runs", **how) == []
    log = draws.read_draws(wild, "bc-lstm", CORPUS, tmp_path)
    assert [d.score is None for d in log.draws] == [False, True]


def test_logs_of_another_declaration_or_other_data_are_refused_in_one_line(rehearsed, tmp_path):
    log = log_of(0.3)
    path = draws.draws_file("sdt", CORPUS, tmp_path)
    dataclasses.replace(log, about={**log.about, "digest": "0"}).save(path)
    with pytest.raises(RunError, match="another declaration") as refused:
        draws.read_draws(declared, "sdt", CORPUS, tmp_path)
    assert "\n" not in str(refused.value)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(RunError, match="cannot be read"):
        draws.read_draws(declared, "sdt", CORPUS, tmp_path)
    shelf = tuning.tuned_shelf(CORPUS, rehearsed / "kept")
    with pytest.raises(RunError, match="of draw"):
        tuning.check_chosen(shelf, "bc-lstm", dataclasses.replace(log_of(0.1, 0.1, 0.9, model="bc-lstm")))


def test_the_digest_of_a_claim_is_fixed_before_the_first_draw():
    empty = tuning.tuned_book(declared, CORPUS, {})
    drawn = tuning.tuned_book(declared, CORPUS, {"sdt": log_of(0.3, 0.4)})
    assert drawn.arms["SDT, tuned"]["learning_rate"] == declared.drawn("sdt", 2)["learning_rate"]
    for claim in empty.claims:
        assert empty.digest(claim) == drawn.digest(claim)


def test_the_command_shows_the_state_and_refuses_in_one_line(call, rehearsed):
    status, out, err = call("tune", "bc-lstm", "sdt", "--corpus", CORPUS, "--evidence", rehearsed / "kept")
    assert status == 0 and "2 of 12 draws" in out and "0 of 12 draws" in out and "minus Linear probe" in out
    for arguments in (["--corpus", "avec2012"], ["mult", "--corpus", CORPUS], ["hct-mg", "--corpus", "mosi"],
                      ["--corpus", "mosi", "--train"],
                      ["--corpus", CORPUS, "--train", "--draws", "13"], ["--corpus", CORPUS, "--seeds", "-1"]):
        status, out, err = call("tune", *arguments)
        assert status == 2 and err.startswith("erclab: error: ") and err.count("\n") == 1, arguments


def _git(*arguments):
    return subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, check=False)


def test_the_declaration_is_older_than_the_draws_and_the_evidence():
    """In the history: the commit of the declaration with the digest of the draws is an ancestor of the commit that
    brought them."""
    shallow = _git("rev-parse", "--is-shallow-repository").stdout.strip()
    if _git("rev-parse", "--git-dir").returncode or shallow == b"true":
        pytest.skip("no history here: a copy without git, or a shallow clone")
    versions = []
    for commit in _git("log", "--format=%H", "--", "erclab/published/tuning.json").stdout.decode().split():
        versions.append((commit, published.read(_git("show", f"{commit}:erclab/published/tuning.json").stdout)))
    assert versions
    for path in sorted((ROOT / "data" / "results" / "tuning").glob("*/*")):
        brought = _git("log", "--format=%H", "--", str(path)).stdout.decode().split()
        if not brought or path.suffix not in (".json", ".zip"):
            continue
        if path.suffix == ".json":
            about = json.loads(path.read_text(encoding="utf-8"))["about"]
            fits = [c for c, v in versions if v.digest(about["model"]) == about["digest"]]
        else:
            fits = [c for c, v in versions if all(e.about["rules"] == v.sha256 for e in read(path))]
        assert any(c != brought[-1] and not _git("merge-base", "--is-ancestor", c, brought[-1]).returncode
                   for c in fits), path
