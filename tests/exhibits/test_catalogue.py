"""The list of exhibits: what each needs, whether it is there, and the command that lists and builds them."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from sequence_corpora import without_text_in_training

from erclab import cli, corpora, models, published, runs, sweep
from erclab.core.errors import ErclabError, RunError, UsageError
from erclab.exhibits import catalogue, dialoguetrm, hct_mg, lacks, lmr_cbt, m2fnet, ours
from erclab.exhibits.catalogue import Exhibit
from erclab.exhibits.store import Store
from erclab.runs import Question

PAPERS = [*(f"D{i}" for i in range(1, 8)), *(f"H{i}" for i in range(1, 10)), *(f"M{i}" for i in range(1, 6)),
          *(f"S{i}" for i in range(1, 11)), *(f"L{i}" for i in range(1, 7)), "O1", "O2", "O4", "O7", "O10", "O11",
          "O8", "O12", "O3", "O5", "O6", "O9", "O13", "O14", "O16", "O15", "O17"]
MEASURED = ("O10", "O11")  # only where the study has measured readers
CHANGED = ("O14", "O16")  # only where the study has trained on changed copies of the corpus
JUDGED = ("O8", "O12")  # only on a corpus that claims name
TUNED = "O13"  # only where models were tuned
QUICK = {"epochs": 1, "hidden": 8, "heads": 2}
TWO = {"whole": Question("sdt", QUICK), "text": Question("sdt", {**QUICK, "modalities": ["text"]})}


def shown(corpus, found):
    return pd.DataFrame({name: [len(records)] for name, records in found.items()})


EXAMPLE = Exhibit("S99", "an example", "vectors of two modalities", shown, lambda corpus: TWO, lacks.vectors(2))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ERCLAB_RUNS", str(tmp_path / "runs"))
    return tmp_path


def test_all_exhibits_of_the_papers_and_ours_are_there():
    found = catalogue.find()
    assert [e.id for e in found] == PAPERS
    for e in found:
        assert e.title and e.needs and e.view in ("dialogue", "sequence") and e.paper
    assert [e.id for e in catalogue.find(["s2", "D4", "S2"])] == ["S2", "D4"]
    with pytest.raises(UsageError, match="unknown exhibit 'S22'"):
        catalogue.find(["S22"])


@pytest.mark.parametrize("name", ["simulated-tiny", "simulated-lesson"])
def test_every_exhibit_can_be_planned_on_a_simulated_corpus(name):
    corpus = corpora.load(name)
    for e in catalogue.find():  # the state of an exhibit follows the plans of its runs
        if e.id in MEASURED:
            assert e.lacks(corpus) == "no readers were measured in its world"
            continue
        if e.id == TUNED:
            assert e.lacks(corpus) == "no models were tuned on it"
            continue
        if e.id in JUDGED + CHANGED:
            assert bool(e.lacks(corpus)) == (name == "simulated-tiny")
            continue
        assert e.state(corpus, seeds=1).name in ("ready", "to train")


def test_four_emotions_that_the_labels_would_give_are_hinted_at(tiny):
    """IEMOCAP's labels and those of simulated-tiny give them; MELD's have joy in the place of happy."""
    without = replace(tiny, annotations={})
    assert lacks.task("emotion4")(without) == "its tasks are emotion, not emotion4 (--emotion4 makes it of the labels)"
    other = replace(without, labels=("joy", *without.labels[1:]))
    assert lacks.task("emotion4")(other) == "its tasks are emotion, not emotion4" and lacks.task("emotion4")(tiny) == ""


def test_states_follow_the_runs(tiny, folder):
    state = EXAMPLE.state(tiny, seeds=2)
    assert (state.name, state.detail, state.missing) == ("to train", "4 of 4 runs", 4)
    with pytest.raises(RunError, match=r"S99 needs 4 more run.*SDT on simulated-tiny.*erclab exhibits S99 --corpus "
                                       r"simulated-tiny --train"):
        EXAMPLE.records(tiny, seeds=2)
    trained = sweep.answers(TWO, tiny, seeds=2, progress=False)
    loaded = EXAMPLE.records(tiny, seeds=2)
    assert {n: [r.id for r in x] for n, x in loaded.items()} == {n: [r.id for r in x] for n, x in trained.items()}
    state = EXAMPLE.state(tiny, seeds=2)
    assert (state.name, state.detail, len(state.ids)) == ("ready", "4 runs", 4)
    store = Store(folder / "exhibits")
    path = store.write("S99", EXAMPLE.build(tiny, loaded), state.ids)
    assert pd.read_csv(path, index_col=0).iloc[0].to_dict() == {"whole": 2, "text": 2}
    assert EXAMPLE.state(tiny, seeds=2, built=[["other"], store.runs("S99")]).name == "built"
    elsewhere = EXAMPLE.state(tiny, seeds=2, built=[store.runs("S99")], folder=folder / "elsewhere")
    assert (elsewhere.name, elsewhere.missing) == ("built", 0)  # from runs that are not here
    assert EXAMPLE.state(tiny, seeds=1, built=[store.runs("S99")]).name == "ready"  # of other runs


def test_a_corpus_that_lacks_something_says_what(tiny, folder):
    needs = Exhibit("S99", "x", "real faces", shown, check=lambda corpus: "its faces are drawn")
    assert needs.state(tiny).detail == "its faces are drawn"
    for refused in (needs.specs, needs.records):
        with pytest.raises(UsageError, match=r"S99 cannot be built on simulated-tiny: its faces are drawn.*real faces"):
            refused(tiny)
    with pytest.raises(UsageError, match="its faces are drawn"):
        needs.build(tiny, {})


def test_lacks_are_sentences(tiny):
    assert lacks.vectors(3)(tiny) == lacks.sequences(3, "text")(tiny) == lacks.planted(tiny) == ""
    assert "no sequences" in lacks.sequences(1)(bare := _bare(tiny)) and "no utterance vectors" in lacks.vectors()(bare)
    assert "not dimensional" in lacks.task("dimensional")(bare) and "not known" in lacks.planted(bare)
    assert lacks.all_of(lacks.planted, lacks.vectors())(bare).startswith("the truth")


def test_sequences_count_where_they_can_be_learnt_from(tiny):
    mute = without_text_in_training(tiny)
    assert lacks.sequences(2)(mute) == ""
    assert lacks.sequences(3)(mute) == lacks.sequences(1, "text")(mute) == (
        "it has sequences of audio, visual only (of text none in the training split)")
    assert lacks.task()(mute) == lacks.task("sentiment")(mute) == "" and "annotation" in lacks.task()(
        replace(mute, annotations={}))


def trained(view):
    return {info.name for info in models.MODELS.values() if info.kind == "trained" and info.view == view}


def test_lists_of_models_follow_the_registry_and_the_papers():
    """The lists have the order of the tables' rows; a new model of the registry must be added to them."""
    assert set(hct_mg.COMPARED) == trained("sequence")
    assert set(lmr_cbt.COMPARED) == trained("sequence") - {"hct-mg"}  # a later paper
    printed = {paper: set(published.scores(paper)["model"]) for paper in ("hct-mg", "lmr-cbt", "dialoguetrm", "m2fnet")}
    assert printed["hct-mg"] <= set(hct_mg.COMPARED) and printed["lmr-cbt"] == set(lmr_cbt.COMPARED)
    assert printed["dialoguetrm"] == set(dialoguetrm.COMPARED)
    assert printed["m2fnet"] & trained("dialogue") <= set(m2fnet.COMPARED)


def test_the_ceilings_have_every_trained_classifier_by_what_it_sees(tiny):
    names = {q.model for q in ours.ceiling_questions(tiny).values()}
    words = {"tfidf", "tfidf-context"}
    assert names == {"constant", "linear", "linear-pooled"} | words | trained("dialogue") | trained("sequence")
    mute = replace(tiny, table=tiny.table.assign(text=""))
    assert names - words == {q.model for q in ours.ceiling_questions(mute).values()}
    seen = {what: {n for n in names if ours.context_of(n) == what} for what in ("utterance", "causal", "dialogue")}
    assert seen["causal"] == {"dialoguetrm", "m2fnet", "tfidf-context"}
    assert seen["dialogue"] == {"bc-lstm", "dialoguernn", "sdt"}


def test_a_model_that_fuses_into_one_modality_takes_the_first_where_there_is_no_text(tiny):
    def targets(corpus):
        found = catalogue.compare_on_sequences(corpus, ["lmr-cbt", "mult"])
        return {q.model: q.settings.get("target") for q in found.values()}
    assert targets(tiny) == dict.fromkeys(("lmr-cbt", "mult", "linear-pooled", "tfidf", "tfidf-context", "constant"))
    assert targets(without_text_in_training(tiny)) == {
        "lmr-cbt": "audio", "mult": None, "linear-pooled": None, "constant": None}


def _bare(corpus):
    from types import SimpleNamespace

    return SimpleNamespace(name="bare", modalities=(), frame_dims={}, tasks=("emotion",),
                           table=corpus.table[["dialogue", "speaker"]], starts=corpus.starts)


def test_a_rehearsal_changes_every_recipe_but_not_what_the_exhibit_is_about(tiny):
    own = Exhibit("S99", "x", "vectors", shown, lambda corpus: {
        "one": Question("sdt"), "two": Question("sdt", {"dropout": 0.0, "epochs": 3}), "probe": Question("linear")})
    quick = own.with_recipe({"epochs": 1})
    specs = {name: some[0] for name, some in quick.specs(tiny, seeds=1).items()}
    assert (specs["one"].recipe.epochs, specs["two"].recipe.epochs) == (1, 3)
    assert specs["probe"].id == own.specs(tiny, seeds=1)["probe"][0].id
    with pytest.raises(UsageError, match=r"epoch'.*epochs"):
        own.with_recipe({"epoch": 1})


def test_a_stored_exhibit_is_none_without_its_file_and_a_full_disk_is_one_line(tmp_path):
    store = Store(tmp_path / "x")
    assert store.runs("S1") is None
    path = store.write("S1", pd.DataFrame({"a": [1]}), ["one", "one", "two"])
    assert store.runs("S1") == ["one", "two"] and store.table("S1").loc[0, "a"] == 1
    with pytest.raises(ErclabError, match=r"S2 is not stored.*erclab exhibits S2 --train"):
        store.table("S2")
    path.unlink()
    assert store.runs("S1") is None
    (tmp_path / "file").write_text("")
    with pytest.raises(ErclabError, match="cannot be stored"):
        Store(tmp_path / "file").write("S1", pd.DataFrame(), [])


def test_questions_with_teachers_and_second_corpora(tiny, folder):
    offline = Question("sdt", {**QUICK, "distillation": "offline"}, teacher="whole")
    specs = runs.plan_all({**TWO, "offline": offline}, tiny, seeds=2)
    assert {s.teacher for s in specs["offline"]} == {specs["whole"][0].id}
    with pytest.raises(UsageError, match="'whole' is no earlier question"):
        runs.plan_all({"offline": offline}, tiny)
    other = Question("constant", on_other=True)
    with pytest.raises(UsageError, match="second corpus"):
        runs.plan_all({"other": other}, tiny)
    lesson = corpora.load("simulated-lesson")
    assert runs.plan_all({"other": other}, tiny, lesson)["other"][0].corpus == "simulated-lesson"
    trained = sweep.answers({"whole": TWO["whole"], "offline": offline, "other": other}, tiny, lesson, progress=False)
    assert trained["offline"][0].spec["teacher"] == trained["whole"][0].id
    assert trained["other"][0].spec["corpus"] == "simulated-lesson"


def test_the_command_lists_trains_and_builds(folder, capsys, monkeypatch):
    def call(*arguments):
        status = cli.main(["exhibits", *arguments, "--corpus", "simulated-tiny"])
        return status, *capsys.readouterr()

    out_folder = str(folder / "out")
    status, out, _ = call("--seeds", "1", "--json", "--out", out_folder)
    rows = {row["id"]: row for row in json.loads(out)}
    assert status == 0 and list(rows) == PAPERS and rows["O7"]["state"] == "ready"
    status, _, err = call("S8", "--seeds", "1", "--out", out_folder)
    assert status == 2 and "--train" in err and err.count("\n") == 1
    status, out, _ = call("D1", "--out", out_folder)
    assert status == 0 and "D1" in out and list((folder / "out").glob("D1.*"))
    status, out, _ = call("--out", out_folder)
    assert status == 0 and f"1 of {len(PAPERS)} built on simulated-tiny, 3 seeds" in out
    assert f"Built ones: {out_folder}" in out
    some = catalogue.find(["D1", "S8"])
    with monkeypatch.context() as patched:
        patched.setattr(catalogue, "find", lambda ids: some)
        status, out, err = call("all", "--seeds", "1", "--out", out_folder)
    assert status == 1 and "D1" in out and "S8: failed" in out and "--train" in err  # one fails, the other is built
    status, _, err = call("D99")
    assert status == 2 and "unknown exhibit 'D99'" in err
