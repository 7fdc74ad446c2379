"""The ledger from rules to verdicts: training, resuming, storing, and what the command line and the face print."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ledgers import book_of, row, shelf_with, sides
from ledgers import kept as kept_evidence

import erclab as erc
from erclab import cli, corpora, runs
from erclab.analysis.tallies import scored
from erclab.claims import book as books
from erclab.claims import costs, judge, multiverse, training
from erclab.claims.evidence import GUESS, Shelf, read
from erclab.claims.verdicts import NOT_HERE, TO_TRAIN, UNDECIDED, Effect, Verdict
from erclab.core.errors import RunError, UsageError
from erclab.published import claims

ROOT = Path(__file__).resolve().parents[2]
TINY = {"epochs": 1, "hidden": 8}
ARMS = {"bc": {"model": "bc-lstm", **TINY}, "sdt": {"model": "sdt", "heads": 2, **TINY}, "probe": {"model": "linear"},
        "text": {"model": "bc-lstm", "modalities": ["text"], **TINY}, "oracle": {"model": "oracle"},
        "smell": {"model": "bc-lstm", "modalities": ["smell"], **TINY}}
PROTOCOL = {**claims.book().protocol, "fresh": {"dialogues": 8, "seed": 100}, "seeds": [100, 101]}


def tiny_book(*rows, **changes):
    return book_of(*rows, **{"arms": ARMS, "protocol": PROTOCOL, **changes})


def tiny_row(id, a, b, **more):
    contrasts = [{"name": f"{a} - {b}", "matters": 0.01, "terms": sides(a, b, score="weighted_f1")}]
    return row(id, contrasts=contrasts, corpora=["simulated-tiny"], **more)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two claims on the smallest corpus, trained and judged."""
    where = tmp_path_factory.mktemp("ledger")
    book = tiny_book(tiny_row("S-c1", "sdt", "bc"), tiny_row("S-c2", "sdt", "probe"), tiny_row("S-c3", "oracle", "sdt"),
                     tiny_row("S-c4", "smell", "bc"), row("S-c5", corpora=["simulated-tiny"], contrasts=[
                         {"name": f"{a} - bc", "matters": 0.01, "terms": sides(a, "bc", score="weighted_f1")}
                         for a in ("smell", "sdt")]))
    plan = training.planned(book, "simulated-tiny")
    said: list[str] = []
    shelf = books.shelf_of("simulated-tiny", where / "evidence")
    failed = training.train_arms(plan, shelf, where / "runs", jobs=1, progress=False, said=said.append)
    return book, plan, where, said, failed


def test_every_claim_of_the_study_is_there_with_a_rule_and_reads_as_in_the_specification():
    book = claims.book()
    assert len(book.claims) == 82 and [sum(c.tier == t for c in book.claims) for t in (1, 2, 3)] == [60, 16, 6]
    assert all(c.rule != "-" and (c.contrasts or c.rule in ("EXACT", "POWER")) for c in book.claims if c.tier == 1)
    assert all(c.limits for c in book.claims if c.rule == "-")
    assert set(book.protocol["seeds"]) == set(range(100, 110))


def test_every_arm_of_the_study_can_be_planned_on_a_simulated_corpus():
    book = claims.book()
    loaded = {text_as: corpora.load("simulated-tiny", text_as=text_as) for text_as in ("vectors", "tokens")}
    plan = training.Plan("simulated-tiny", book, book.claims, (100,), {**book.protocol})
    ids = {}
    for arm in plan.arms:
        if book.arms[arm]["model"] != "oracle":
            spec = training.specs(plan, arm, loaded[erc.models.info(book.arms[arm]["model"]).text_as], 100)
            ids.setdefault((spec.id, str(book.arms[arm].get("world"))), []).append(arm)
    twice = [same for same in ids.values() if len(same) > 1]
    assert len(plan.arms) > 60 and twice == [["DialogueTRM", "DialogueTRM, K=2"]]  # the recipe here has K = 2


def test_a_plan_of_all_claims_has_the_arms_beside_them():
    book = claims.book()
    whole, some = training.planned(book, "mosi", data="x"), training.planned(book, "mosi", ["S-c3"], data="x")
    assert {"constant", "linear probe", "bc-LSTM", "DialogueTRM"} <= set(whole.arms)
    assert set(some.arms) == {"SDT", "SDT, loss 1,0,0"}
    for name in book.beside:  # a table of scores without them would be of the five alone
        assert {"constant", "constant, affect"} & set(training.planned(book, name, data="x").arms)
    damaged = json.dumps({**json.loads(ROOT.joinpath("erclab/published/claims.json").read_text(encoding="utf-8")),
                          "beside": {"mosi": ["sdtt"]}})
    with pytest.raises(UsageError, match="arm beside the claims on mosi 'sdtt'"):
        claims.read(damaged.encode())


def test_four_emotions_of_a_real_corpus_are_made_of_its_labels():
    """No file of IEMOCAP with words and audio has this task; a simulated corpus has it."""
    book = claims.book()
    real = training.planned(book, "iemocap-text-audio", ["L-c1"], data="x")
    made = training.planned(book, "simulated", ["L-c1"])
    assert {real.source(arm, 100).get("emotion4") for arm in real.arms} == {True}
    assert real.grid("MulT, four emotions", 100)["corpora"][0]["emotion4"] is True
    assert "emotion4" not in real.source("MulT", 100) and "emotion4" not in made.source("MulT, four emotions", 100)


def test_the_digest_covers_what_decides_and_not_the_words():
    plain = tiny_book(tiny_row("S-c1", "sdt", "bc"))
    digest = plain.digest(plain.claims[0])
    for other in (tiny_book(tiny_row("S-c1", "sdt", "probe")), tiny_book(tiny_row("S-c1", "sdt", "bc", version=2)),
                  tiny_book(tiny_row("S-c1", "sdt", "bc"), protocol={**PROTOCOL, "confidence": 0.9}),
                  tiny_book(tiny_row("S-c1", "sdt", "bc"), arms={**ARMS, "bc": {"model": "bc-lstm", "epochs": 2}})):
        assert other.digest(replace(other.claims[0])) != digest
    words = tiny_book(tiny_row("S-c1", "sdt", "bc", claim="other words", limits="none"))
    assert words.digest(words.claims[0]) == digest and words.sha256 != plain.sha256


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"claims": [{"id": "x"}]}'])
def test_a_malformed_file_of_claims_is_one_clear_error(content):
    with pytest.raises(UsageError, match="not a file of claims"):
        claims.read(content)


def test_a_claim_with_an_unknown_arm_or_rule_or_twice_the_same_id_is_refused():
    with pytest.raises(UsageError, match="unknown arm"):
        book_of(row(), arms={})
    with pytest.raises(UsageError, match="unknown rule"):
        book_of(row(rule="VOTE"))
    with pytest.raises(UsageError, match="two claims"):
        book_of(row(), row())


def test_an_arm_that_a_corpus_cannot_have_leaves_its_contrasts_out(trained):
    """A claim of such contrasts alone cannot be tested there; another one is judged by the rest, and says so."""
    book, _, where, *_ = trained
    evidence = where / "evidence"
    assert set(books.shelf_of("simulated-tiny", evidence).not_here()) == {"smell"}
    found = {v.claim: v for v in books.judge_corpus(book, "simulated-tiny", evidence)}
    assert found["S-c4"].verdict == NOT_HERE and "without smell (" in found["S-c4"].detail
    assert found["S-c5"].verdict == UNDECIDED and "without smell (" in found["S-c5"].detail
    assert [f.name for f in found["S-c5"].effects] == ["sdt - bc"]
    (evidence / "simulated-tiny" / "not_here.json").write_text("[")
    with pytest.raises(RunError, match="not a list of arms"):
        books.shelf_of("simulated-tiny", evidence).not_here()
    (evidence / "simulated-tiny" / "not_here.json").write_text('{"smell": "no such modality"}')


def test_runs_are_trained_on_corpora_of_their_own_seed_and_compared_on_the_same_fresh_dialogues(trained):
    book, plan, where, said, failed = trained
    assert not failed and len(said) == 1 and said[0].startswith("smell: not on simulated-tiny")
    evidence = {arm: read(where / "evidence" / "simulated-tiny" / f"{arm}.zip") for arm in ("bc", "sdt", "probe")}
    for arm, found in evidence.items():
        assert [e.seed for e in found] == [100, 101] and not any(e.fixed for e in found), arm
        records = [runs.find(e.id, where / "runs") for e in found]
        assert [r.data["corpus"]["source"] for r in records] == [f"simulated, seed {s}" for s in (100, 101)]
        fresh = training.Corpora(plan).fresh(arm)
        for e, record in zip(found, records, strict=True):
            scores = erc.analysis.evaluation.evaluate(record, fresh).scores
            shelf_tally = books.shelf_of("simulated-tiny", where / "evidence").arm(arm)[found.index(e)].tally
            assert float(scored(shelf_tally, "weighted_f1", np.ones(8))) == pytest.approx(scores["weighted_f1"])
            assert e.about["registered"]["S-c1"] == book.digest(book.find("S-c1"))
            assert e.about["protocols"]["sound"]["test"] == record.scores() and "confusion" not in e.about["protocols"][
                "sound"]
    assert {f"students.{m}" for m in ("text", "audio", "visual")} <= set(evidence["sdt"][0].arrays)
    assert evidence["bc"][0].about["curve"][0]["test"]["weighted_f1"] >= 0


def test_students_are_kept_of_all_dialogues_and_mechanisms_of_some(trained, monkeypatch):
    _, plan, where, *_ = trained
    monkeypatch.setattr(training, "MEASURED", 3)
    record = runs.find(read(where / "evidence" / "simulated-tiny" / "sdt.zip")[0].id, where / "runs")
    corpora_of_plan = training.Corpora(plan)
    kept = training.kept_of(plan, "sdt", record, corpora_of_plan, 100)
    fresh = corpora_of_plan.fresh("sdt")
    assert len(kept.arrays["students.text"]) == len(kept.arrays[GUESS]) == len(fresh)
    assert len(kept.arrays["gate.trained"]) == 3
    corpus = corpora_of_plan.of("sdt", 100)  # as of a real corpus: sums of dialogues
    sums = training._students(record, corpus, {})
    guess = training.mechanisms.measure(record, corpus, ["students.audio"])["students.audio"]
    right = (guess == corpus.targets("test", "emotion")).sum()
    assert np.trace(sums["students.audio|all"].sum(0)) == right and set(sums) == {
        f"students.{m}|all" for m in corpus.modalities}


def test_a_second_call_trains_nothing(trained, monkeypatch):
    _, plan, where, *_ = trained
    monkeypatch.setattr(training.sweep, "run", lambda *a, **k: pytest.fail("a run was trained again"))
    shelf = books.shelf_of("simulated-tiny", where / "evidence")
    assert training.train_arms(plan, shelf, where / "runs", progress=False) == []
    other = replace(plan, protocol={**plan.protocol, "fresh": {"dialogues": 9, "seed": 100}})
    with pytest.raises(RunError, match="8 fresh dialogues, the protocol about 9"):
        training.train_arms(other, shelf, where / "runs", progress=False)


def test_verdicts_are_stored_read_and_kept_when_a_rule_gets_a_new_version(trained, tmp_path):
    book, _, where, *_ = trained
    place = where / "evidence"
    books.judge_again(book, place, ["simulated-tiny"])
    first = {v.claim: v for v in books.stored_verdicts(place)}
    again = books.judge_corpus(book, "simulated-tiny", place)
    assert {v.claim: v.verdict for v in again} == {name: v.verdict for name, v in first.items()} | {"S-c4": NOT_HERE}
    stored, now = first["S-c1"].effects[0], next(v for v in again if v.claim == "S-c1").effects[0]
    assert (stored.value, stored.low) == pytest.approx((now.value, now.low), rel=1e-5)
    shown = {v.claim: v for v in books.entries(book, corpus="simulated-tiny", where=place)}
    assert "older code" not in shown["S-c1"].detail and shown["S-c1"].codes
    rows = json.loads((place / books.FILE).read_text())
    for one in rows:
        one["codes"] = ["sdt 0123456789abcdef" if x.startswith("sdt ") else x for x in one["codes"]]
    (tmp_path / books.FILE).write_text(json.dumps(rows))
    marked = {v.claim: v for v in books.entries(book, corpus="simulated-tiny", where=tmp_path)}
    assert marked["S-c1"].detail == "by older code of sdt"
    changed = tiny_book(tiny_row("S-c1", "sdt", "bc", version=2, matters=0.5), tiny_row("S-c2", "sdt", "probe"))
    later = books.judge_again(changed, place, ["simulated-tiny"])
    both = {v.version: v for v in later if v.claim == "S-c1"}
    assert both[1].verdict == first["S-c1"].verdict and both[2].verdict.startswith("refused")
    (tmp_path / books.FILE).write_text("{]")
    with pytest.raises(RunError, match="not a file of verdicts"):
        books.stored_verdicts(tmp_path)


def test_the_file_of_verdicts_is_the_same_whichever_corpus_is_judged_last(tmp_path):
    """q is over all corpora; judging one corpus again must not move the others by a digit."""
    some, files = ["simulated", "simulated-meld", "simulated-iemocap"], []
    book = book_of(*(row(f"S-c{i}", corpora=some, contrasts=[
        {"name": "x", "matters": 0.01, "terms": sides(f"a{i}", "base")}]) for i in range(1, 4)))
    for n, name in enumerate(some):
        shelf_with(tmp_path / name, book, {"base": 0.6, "a1": 0.62 + n / 50, "a2": 0.66, "a3": 0.7 + n / 40})
    for order in ([some], [[name] for name in some], [[name] for name in reversed(some)]):
        (tmp_path / books.FILE).unlink(missing_ok=True)
        for names in order:
            books.judge_again(book, tmp_path, names)
        files.append((tmp_path / books.FILE).read_bytes())
    assert len({v.q for v in books.stored_verdicts(tmp_path)}) > 3
    assert files.count(files[0]) == len(files)


def test_a_corpus_in_folds_tests_every_dialogue_once_and_keeps_no_label_of_an_utterance(tmp_path):
    book = tiny_book(tiny_row("S-c1", "bc", "probe") | {"corpora": ["in-folds"]},
                     protocol={**PROTOCOL, "folds": {"in-folds": {"corpus": "simulated-tiny", "by": 3}}})
    plan = training.planned(book, "in-folds", seeds=[100])
    shelf = books.shelf_of("in-folds", tmp_path)
    assert training.train_arms(plan, shelf, tmp_path / "runs", jobs=1, progress=False) == []
    corpus = corpora.load("simulated-tiny")
    for arm in ("bc", "probe"):
        kept, = shelf.arm(arm)
        assert kept.split is None and kept.tally.dialogues == len(corpus.starts) - 1
        assert kept.tally.sums["all"].sum() == len(corpus) and len(kept.about["folds"]) == 3
        assert not {"protocols", "curve"} & set(kept.about), "these are of the first fold alone"
        assert kept.has_epochs == (arm == "bc")
        assert float(scored(kept.tally, "weighted_f1", np.ones(kept.tally.dialogues))) == pytest.approx(
            kept.about["scores"]["weighted_f1"])
        assert kept.fixed == (arm == "probe")
        assert all(name.startswith(("sum|", "published|")) and x.ndim > 1 for name, x in kept.arrays.items())
    assert training.train_arms(plan, shelf, tmp_path / "nowhere", jobs=1, progress=False) == []
    verdict, = books.judge_corpus(book, "in-folds", tmp_path)
    assert verdict.verdict == "undecided" and verdict.dialogues == 22  # one seed


def test_the_multiverse_counts_verdicts_that_change(tmp_path, monkeypatch):
    few = (multiverse.REGISTERED, "larger mean wins", "no Holm correction", "the first 31 test dialogues")
    monkeypatch.setattr(multiverse, "UNIVERSES", {name: multiverse.UNIVERSES[name] for name in few})
    book = book_of(*(row(f"S-c{i}", contrasts=[{"name": "x", "matters": 0.001, "terms": sides(f"a{i}", "base")}],
                         corpora=["simulated"]) for i in range(3)))
    shelf_with(tmp_path / "simulated", book, {"a0": 0.7, "base": 0.7, "a1": 0.7, "a2": 0.9})
    made = multiverse.table(book, ["simulated"], tmp_path)
    counts = multiverse.changed(made)
    assert list(made[multiverse.REGISTERED]) == ["undecided", "undecided", "supported"]
    assert counts.loc["larger mean wins", "flipped"] == 2 and counts.loc["larger mean wins", "to undecided"] == 0
    assert counts.loc["no Holm correction", "verdicts"] == 3
    for name in few:  # what was computed for one choice changes nothing in another
        alone = judge.judge(book, book.claims, "simulated", books.shelf_of("simulated", tmp_path),
                            multiverse.UNIVERSES[name])
        assert made[name].tolist() == [multiverse.group(v.verdict) for v in alone]


def test_other_choices_are_judged_once_per_evidence_and_rules(tmp_path, monkeypatch):
    few = (multiverse.REGISTERED, "larger mean wins")
    monkeypatch.setattr(multiverse, "UNIVERSES", {name: multiverse.UNIVERSES[name] for name in few})
    contrast = {"name": "x", "matters": 0.001, "terms": sides("a", "base")}
    book = book_of(row("S-c1", contrasts=[contrast], corpora=["simulated"]))
    shelf_with(tmp_path / "simulated", book, {"a": 0.9, "base": 0.7})
    assert multiverse.outdated(book, ["simulated"], tmp_path) == ["simulated"]
    made = multiverse.of_corpora(book, ["simulated"], tmp_path)
    assert made["simulated"].groups == {"S-c1": ("supported", "supported")}
    (tmp_path / multiverse.FILE).write_text(multiverse.as_text(made), encoding="utf-8")
    assert multiverse.stored_choices(tmp_path) == made and multiverse.outdated(book, ["simulated"], tmp_path) == []
    with monkeypatch.context() as patched:
        patched.setattr(judge, "judge", None)  # nothing is judged again
        assert multiverse.table(book, ["simulated"], tmp_path).loc[("S-c1", "simulated")].tolist() == ["supported"] * 2
    stricter = book_of(row("S-c1", contrasts=[contrast | {"matters": 0.5}], corpora=["simulated"]))
    assert multiverse.outdated(stricter, ["simulated"], tmp_path) == ["simulated"]
    assert multiverse.outdated(book, [], tmp_path) == ["simulated"]  # kept without a verdict
    shelf_with(tmp_path / "simulated", book, {"a": 0.7, "base": 0.7})
    assert multiverse.outdated(book, ["simulated"], tmp_path) == ["simulated"]
    assert multiverse.of_corpora(book, ["simulated"], tmp_path)["simulated"].groups == {
        "S-c1": ("undecided", "contradicted")}
    (tmp_path / multiverse.FILE).write_text("[]", encoding="utf-8")
    with pytest.raises(RunError, match=r"not a file of verdicts under other choices.*erclab report"):
        multiverse.stored_choices(tmp_path)


def found_on(corpus, seeds, *, deviation=0.02, verdict="supported", effects=1):
    effect = Effect("SDT - SDT, loss 1,0,0", 0.02, 0.01, 0.03, 0.03, deviation, 0.004, 0.005, "weighted_f1", 0.95,
                    0.01, verdict)
    book = claims.book()
    return Verdict("S-c3", 1, corpus, verdict, (effect,) * effects, seeds, 1000, digest=book.digest(book.find("S-c3")))


@pytest.mark.parametrize(("verdict", "words"), [
    (found_on("simulated", 5), "interim: 5 of 10 seeds"), (found_on("meld", 1), "interim: 1 of 10 seeds"),
    (found_on("simulated", 10), ""), (found_on("simulated", 20), ""),  # complete, and once looked at again
    (found_on("simulated-lesson", 2), ""),  # the rehearsal
    (found_on("mosi", 1, deviation=0.0), ""),  # fixed predictions: one is all
    (found_on("printed", 0, effects=0, verdict="contradicted"), ""), (found_on("meld", 0, verdict=TO_TRAIN), "")])
def test_a_verdict_from_fewer_seeds_than_planned_is_interim(verdict, words):
    assert books.interim(claims.book(), verdict) == words


def test_interim_verdicts_are_marked_where_they_are_shown_and_not_where_they_are_stored(tmp_path, capsys):
    (tmp_path / books.FILE).write_text(json.dumps([found_on("simulated", 5).as_dict()]), encoding="utf-8")
    table = erc.ledger("S-c3", corpus="simulated", evidence=tmp_path)
    assert table.loc["S-c3", "interim"] == "interim: 5 of 10 seeds" and "interim" not in table.loc["S-c3", "verdict"]
    assert cli.main(["claims", "S-c3", "--corpus", "simulated", "--evidence", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "supported  +2.0 [1.0, 3.0]  (interim: 5 of 10 seeds" in shown and "; interim of these: 1." in shown
    assert "interim" not in (tmp_path / books.FILE).read_text(encoding="utf-8")
    notebook = (ROOT / "notebooks" / "31_claims.ipynb").read_text(encoding="utf-8")
    assert '\\"interim\\"' in notebook  # among the columns of its table


def test_a_cross_validated_run_costs_its_folds():
    book = claims.book()
    plans = {name: training.Plan(name, book, (), (100,), book.protocol) for name in ("mmmo", "iemocap-text-audio",
                                                                                      "iemocap-sessions")}
    one, sessions = (costs.of_plan(plans[name], [("SDT", 100)]) for name in list(plans)[1:])
    assert sessions == pytest.approx(5 * one)
    assert costs.of_plan(plans["mmmo"], [("MulT", 100)]) == pytest.approx(5 * costs.of_run("mult", "mmmo"))  # two cores


def test_contrasts_of_one_name_are_told_apart_and_what_has_no_interval_says_why():
    book, nan = claims.book(), float("nan")
    valence = Effect("A - B", 0.1, nan, nan, nan, 0.02, nan, 0.03, "valence.correlation", 0.95, nan, UNDECIDED)
    power = replace(valence, score="power.correlation", deviation=nan)
    one = Verdict("D-c3", 1, "avec2012", UNDECIDED, (valence, power), 5, 1)
    names = [books.contrast_text(one, e) for e in one.effects]
    assert names == ["A - B, valence correlation", "A - B, power correlation"]
    assert books.contrast_text(replace(one, effects=(power,)), power) == "A - B"
    assert books.effect_text(book.find("D-c3"), valence) == "+0.100 (one dialogue has no interval)"
    assert books.effect_text(book.find("D-c3"), power) == "+0.100 (too few seeds for an interval)"
    inside = [replace(e, low=0.05, high=0.15) for e in (valence, power)]
    assert len(books.in_units(book, [replace(one, effects=tuple(inside))])) == 2  # none stands for another


def test_a_missing_run_costs_what_kept_runs_of_its_arm_or_of_its_model_took(tmp_path):
    book, shelf = claims.book(), Shelf(tmp_path)
    plan = training.Plan("mosi", book, [book.find("S-c9")], (100, 101), book.protocol)
    sdt, without = plan.arms
    assert (sdt, book.arms[without]["model"]) == ("SDT", "sdt")
    for seed, seconds in ((100, 8.0), (101, 12.0)):
        shelf.add("SDT", kept_evidence(book, seed, {"sum|all": np.zeros((3, 2))}, seconds=seconds))
    assert costs.of_plan(plan, [("SDT", 102)] * 4, shelf, cores=2) == pytest.approx(20)
    assert costs.of_plan(plan, [(without, 102)] * 4, shelf, cores=2) == pytest.approx(20)
    assert costs.of_plan(plan, [(without, 102)], Shelf(tmp_path / "none"), cores=1) == costs.of_run("sdt", "mosi")


def test_what_is_missing_has_a_price(tmp_path):
    book = claims.book()
    found, = books.entries(book, ["S-c9"], "simulated", tmp_path)
    assert found.verdict == TO_TRAIN and found.detail.startswith("20 runs, about ")
    assert costs.of_run("sdt", "simulated") > 1
    small, large = (costs.of_run("sdt", name) for name in ("simulated-tiny", "simulated-meld"))
    assert small < costs.of_run("sdt", "simulated") < large
    assert [costs.duration(x) for x in (12, 600, 7200)] == ["12 s", "10 min", "2.0 h"]


def test_names_that_do_not_exist_are_refused(tmp_path):
    book = claims.book()
    with pytest.raises(UsageError, match="unknown claim 'Z-c1'"):
        books.entries(book, ["Z-c1"])
    with pytest.raises(UsageError, match="no claim can be tested on 'nowhere'"):
        books.entries(book, corpus="nowhere")
    with pytest.raises(UsageError, match="M-c3 cannot be tested on mosi"):
        training.applicable(book, "mosi", ["M-c3"])
    with pytest.raises(UsageError, match="needs a folder"):
        training.planned(book, "meld")
    with pytest.raises(UsageError, match="unknown corpus"):
        training.planned(book, "mled")


def test_the_command_line_and_the_face_show_all_sixty_core_claims(capsys, tmp_path, monkeypatch):
    assert cli.main(["claims", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    book = claims.book()
    core = {c.id for c in book.claims if c.tier == claims.CORE}
    assert len(core) == 60 and core <= {r["claim"] for r in rows}
    assert all(r["verdict"] for r in rows)
    assert cli.main(["claims", "S-c3", "--rule", "--evidence", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "to train" in shown and "SUP: At least 5 paired seeds" in shown and "core" in shown.casefold()
    assert cli.main(["claims", "--train"]) == 2 and "--corpus" in capsys.readouterr().err
    assert cli.main(["claims", "S-c99"]) == 2 and "unknown claim" in capsys.readouterr().err
    monkeypatch.setattr(training, "train_arms", lambda *a, **k: pytest.fail("trained what nobody asked for"))
    assert cli.main(["claims", "S-c99", "--corpus", "simulated-lesson", "--train", "--evidence", str(tmp_path)]) == 2
    assert "unknown claim" in capsys.readouterr().err
    table = erc.ledger("sdt", corpus="simulated")
    assert set(table["paper"]) == {"sdt"} and {"verdict", "effect", "matters", "needed"} <= set(table.columns)


def _git(*arguments):
    return subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False).stdout


def test_rules_are_older_than_the_evidence_that_they_judge():
    """In the history: the commit that has the claims file of the evidence is an ancestor of the commit that brought the
    evidence, and the digests that the evidence registered are those of that file."""
    files = sorted((ROOT / "data" / "results" / "claims").glob("*/*.zip"))
    assert files, "no evidence is committed"
    if not _git("rev-parse", "--git-dir") or _git("rev-parse", "--is-shallow-repository").strip() == "true":
        pytest.skip("no history here: a copy without git, or a shallow clone")
    versions = {}
    for commit in _git("log", "--format=%H", "--", "erclab/published/claims.json").split():
        content = subprocess.run(["git", "-C", str(ROOT), "show", f"{commit}:erclab/published/claims.json"],
                                 capture_output=True, check=False).stdout
        if content:
            book = claims.read(content)
            versions.setdefault(book.sha256, (book, []))[1].append(commit)
    brought: dict[str, str] = {}  # file -> the first commit that has it
    commit = ""
    for line in _git("log", "--diff-filter=A", "--format=commit %H", "--name-only", "--",
                     "data/results/claims").split("\n"):
        if line.startswith("commit "):
            commit = line.removeprefix("commit ")
        elif line:
            brought[line] = commit
    before: dict[str, set[str]] = {}  # commit -> all that are older
    digests = {sha: {c.id: book.digest(c) for c in book.claims} for sha, (book, _) in versions.items()}
    for path in files:
        oldest = brought.get(path.relative_to(ROOT).as_posix())
        if oldest is None:  # not committed yet
            continue
        if oldest not in before:
            before[oldest] = set(_git("rev-list", f"{oldest}^").split())
        for kept in read(path):
            rules = kept.about["rules"]
            assert kept.about["registered"] == digests[rules], path
            assert before[oldest] & set(versions[rules][1]), path
