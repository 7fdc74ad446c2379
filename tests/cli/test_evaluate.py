"""`erclab runs evaluate`: a saved run on fresh dialogues, on another corpus seed, and on a table."""

import json
import re

import numpy as np
import pytest

import erclab as erc
from erclab import runs
from erclab.corpora import simulated

ROWS = "split,dialogue,turn,speaker,text,label\n" + "".join(
    f"{('train', 'train', 'valid', 'test')[d % 4]},d{d},{t},{'AB'[t % 2]},{('so good', 'so bad')[(d + t) % 2]},"
    f"{('glad', 'sad')[(d + t) % 2]}\n" for d in range(8) for t in range(3))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def linear(folder):
    """A run on another corpus seed and in a changed world."""
    made = erc.load("simulated-tiny", seed=3, world={"masked": 0.1})
    return made, runs.run("linear", made, folder=folder)[0]


def test_fresh_dialogues_are_those_of_the_world_of_the_run(call, linear, folder):
    corpus, record = linear
    status, out, _ = call("runs", "evaluate", record.id[:24], "--fresh", 8, "--no-oracle", "--runs", folder)
    assert status == 0 and '(simulated, seed 3, 8 fresh dialogues of seed 0, changed: {"masked": 0.1})' in out
    status, out, _ = call("runs", "evaluate", record.id, "--fresh", 8, "--corpus-seed", 5, "--runs", folder, "--json")
    rows, found = json.loads(out), erc.evaluate(record, simulated.fresh(corpus, 8, seed=5))
    assert [row["who"] for row in rows] == list(found.to_frame().index)
    assert rows[0]["accuracy"] == pytest.approx(found.scores["accuracy"])
    assert rows[0]["accuracy_error"] == pytest.approx(found.errors["accuracy"])


def test_without_fresh_ones_it_is_the_corpus_of_training_or_another_seed_of_it(call, linear, folder):
    corpus, record = linear
    status, out, _ = call("runs", "evaluate", record.id, "--no-oracle", "--runs", folder)
    assert status == 0 and f"{corpus.source}): {len(corpus.rows('test'))} utterances" in out and "oracle" not in out
    assert re.search(rf"\nLinear probe +{100 * record.scores()['accuracy']:.1f} ± ", out)
    status, out, _ = call("runs", "evaluate", record.id, "--no-oracle", "--corpus-seed", 8, "--split", "valid",
                          "--world", "persistence=0.5", "--runs", folder)
    assert status == 0 and 'seed 8, changed: {"persistence": 0.5, "masked": 0.1}' in out and "valid split" in out


def test_a_labelled_table_without_splits_is_another_corpus(call, folder, tmp_path):
    for name, rows in (("home", ROWS), ("away", ROWS.replace("train,", "").replace("valid,", "").replace("test,", "")
                                        .replace("split,", ""))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "utterances.csv").write_text(rows, "utf-8")
        np.save(tmp_path / name / "text.npy", np.ones((24, 2), np.float32))  # so that no encoder is needed
    record = runs.run("tfidf", erc.load("table", tmp_path / "home"), folder=folder)[0]
    away = ["--corpus", "table", "--data", tmp_path / "away", "--runs", folder]
    status, out, _ = call("runs", "evaluate", record.id, *away)
    assert status == 0 and "train split of table" in out and "24 utterances of 8 dialogues" in out
    assert "100.0 ± 0.0" in out and "oracle" not in out
    status, _, error = call("runs", "evaluate", record.id, "--fresh", 5, *away)
    assert status == 2 and "table is not simulated" in error and error.splitlines()[-1].startswith("erclab: error")
    status, _, error = call("runs", "evaluate", record.id, *away, "--labels", "sad,glad")
    assert status == 2 and "the labels of table are sad, glad; those of the run are glad, sad" in error
    for more in (["--fresh", 5], []):
        status, _, error = call("runs", "evaluate", record.id, *more, "--runs", folder)
        assert status == 2 and error.count("\n") == 1 and "--corpus" in error


@pytest.mark.parametrize(("more", "said"), [
    (["--fresh", "0"], "0 fresh dialogues"),
    (["--fresh", "5", "--world", "maskd=0.2"], "Did you mean 'masked'"),
    (["--fresh", "5", "--world", "masked=2"], "--world: masked = 2 is not in [0, 1]"),
    (["--fresh", "5", "--world", "dims=(30,30,30)"], "text is 30 wide in simulated-tiny, and the run reads 24"),
    (["--fresh", "5", "--corpus-seed", "-2"], "--corpus-seed: the corpus seed -2"),
    (["--split", "tset"], "unknown split 'tset'"),
    (["--corpus", "simulated-meld", "--fresh", "2"], "those of the run are happy"),
    (["--corpus", "nope"], "unknown corpus 'nope'"),
    (["--corpus", "meld"], "needs a folder"),
])
def test_mistakes_are_one_line(call, linear, folder, more, said):
    status, _, error = call("runs", "evaluate", linear[1].id, *more, "--runs", folder)
    assert status == 2 and said in error and error.count("\n") == 1


def test_a_run_of_sequences_gets_fresh_sequences(call, tiny, folder):
    record = runs.run("linear-pooled", tiny, folder=folder)[0]
    status, out, _ = call("runs", "evaluate", record.id, "--fresh", 10, "--no-oracle", "--runs", folder)
    assert status == 0 and "10 fresh dialogues" in out
