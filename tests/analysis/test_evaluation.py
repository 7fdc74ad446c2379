"""A saved run on other dialogues: the scores of the record, the standardiser of training, and standard errors."""

from dataclasses import replace

import numpy as np
import pytest

import erclab as erc
from erclab import runs
from erclab.analysis.evaluation import GROUPS, Evaluation, by_split, corpus_of, evaluate
from erclab.core.errors import RunError, UsageError
from erclab.core.targets import BUILT_IN, Task
from erclab.corpora import simulated
from erclab.corpora.simulated.oracle import posterior
from erclab.corpora.views import DialogueView, Standardiser
from erclab.figures import scores
from erclab.training import loop

QUICK = {"epochs": 1, "hidden": 8, "heads": 2}
MODELS = {"sdt": QUICK, "lf-lstm": {"epochs": 1, "hidden": 8}, "linear": {}, "tfidf-context": {}, "persistence": {}}
TASK = replace(BUILT_IN["emotion"], names=("calm", "glad"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def trained(tiny, folder):
    return {name: runs.run(name, tiny, folder=folder, progress=False, **how)[0] for name, how in MODELS.items()}


@pytest.fixture(scope="module")
def fresh(tiny):
    return simulated.fresh(tiny, 12, frames=True)


def made(right, dialogue, title="it"):
    """An evaluation of two classes; `right` says which utterances are predicted as they are."""
    truth = np.arange(len(right)) % 2
    guess = np.where(right, truth, 1 - truth)
    return Evaluation(title, TASK, truth, np.log(np.eye(2)[guess] + 0.1), np.asarray(dialogue))


@pytest.mark.parametrize("name", MODELS)
def test_on_the_corpus_of_training_it_is_the_record(trained, tiny, name):
    record = trained[name]
    for split in ("valid", "test"):
        found = evaluate(record, tiny, split)
        np.testing.assert_allclose(found.predictions, record.predictions(split), atol=1e-6)
        assert found.scores == pytest.approx(record.scores(split))
    np.testing.assert_array_equal(found.confusions.sum(0), record.confusion())
    assert len(found.confusions) == 6


def test_the_score_of_the_split_of_training_is_beside_those_of_the_record(trained, tiny):
    groups = {name: [trained[name]] for name in ("lf-lstm", "linear")}
    table = by_split(groups, tiny)
    assert list(table) == ["train", "valid", "test"]
    for name, (record,) in groups.items():
        assert table.loc[name, "train"] == evaluate(record, tiny, "train").scores["weighted_f1"]
        assert [table.loc[name, x] for x in ("valid", "test")] == [record.scores(x)["weighted_f1"] for x in
                                                                   ("valid", "test")]
    axis = scores.split_bars(table, xlabel="weighted F1 (%)").axes[0]
    assert [t.get_text() for t in axis.get_yticklabels()][-3:] == ["linear, train", "linear, valid", "linear, test"]
    assert f"linear: {100 * (table['train'] - table['valid'])['linear']:.0f}" in axis.get_title(loc="left")


@pytest.mark.parametrize("name", MODELS)
def test_on_other_dialogues_every_kind_of_model_is_evaluated(trained, fresh, name):
    found = evaluate(trained[name], fresh)
    assert found.predictions.shape == (len(fresh), 6) and len(found.confusions) == 12
    np.testing.assert_array_equal(found.truth, fresh.table["label"])
    assert 0 < found.scores["accuracy"] < 1 and 0 < found.errors["accuracy"] < 0.3


def test_the_standardiser_is_that_of_training(trained, tiny, fresh):
    record = trained["sdt"]
    view = DialogueView(fresh, "test", tiny.modalities, standardiser=Standardiser.fit(tiny, tiny.modalities))
    np.testing.assert_allclose(evaluate(record, fresh).predictions, loop.predictions(record.model(), view), atol=1e-6)


def test_the_error_of_a_mean_is_the_one_of_textbooks():
    """One utterance per dialogue: the deviation over the root of their number; of two sides that of the difference."""
    rng = np.random.default_rng(0)
    ours, theirs = (rng.random(40) < p for p in (0.8, 0.6))
    first, second = (made(x, np.arange(40)) for x in (ours, theirs))
    assert first.errors["accuracy"] == pytest.approx(np.std(ours, ddof=1) / np.sqrt(40))
    gap = first.gap(second).loc["accuracy"]
    assert gap["difference"] == pytest.approx(ours.mean() - theirs.mean())
    assert gap["error"] == pytest.approx(np.std(ours.astype(float) - theirs, ddof=1) / np.sqrt(40))


def test_the_utterances_of_a_dialogue_count_once():
    """Ten copies of each utterance in its dialogue do not make the score surer; more groups than dialogues do not,
    either."""
    right = np.random.default_rng(1).random(2 * GROUPS) < 0.7
    ten = made(np.repeat(right, 10), np.repeat(np.arange(2 * GROUPS), 10))
    pairs = (right[:GROUPS].astype(float) + right[GROUPS:]) / 2
    assert ten.errors["accuracy"] == pytest.approx(np.std(pairs, ddof=1) / np.sqrt(GROUPS))


def test_of_one_dialogue_there_is_no_error_and_a_number_has_one():
    assert np.isnan(made([True, False, True, True], [0, 0, 0, 0]).errors["accuracy"])
    rng = np.random.default_rng(2)
    truth = rng.normal(size=(60, 1)).astype(np.float32)
    truth[7] = np.nan
    numbers = Evaluation("it", BUILT_IN["sentiment"], np.clip(truth, -3, 3), np.zeros((60, 1), np.float32),
                         np.repeat(np.arange(20), 3))
    off = np.abs(np.clip(truth, -3, 3))[:, 0].reshape(20, 3)
    assert numbers.scores["mae"] == pytest.approx(np.nanmean(off)) and numbers.scores["correlation"] is None
    without = [np.nanmean(np.delete(off, i, 0)) for i in range(20)]
    assert numbers.errors["mae"] == pytest.approx(np.sqrt(19 / 20 * ((without - np.mean(without)) ** 2).sum()))
    assert "–" in repr(numbers) and np.isnan(numbers.errors["correlation"])
    with pytest.raises(UsageError, match="sentiment has no confusion matrix"):
        numbers.confusions  # noqa: B018


def test_only_the_same_utterances_are_compared():
    first = made([True, False, True, True], [0, 0, 1, 1])
    for other in (made([True] * 6, [0, 0, 1, 1, 2, 2]), made([True] * 4, [0, 1, 1, 1]),
                  replace(first, truth=1 - first.truth)):
        with pytest.raises(UsageError, match="not evaluated on the same utterances"):
            first.gap(other)


def test_the_face_puts_the_oracle_beside_the_run(trained, tiny, fresh):
    found = erc.evaluate(trained["sdt"].path, fresh)
    best = posterior(fresh, simulated.world_behind(fresh), context="dialogue").emotion.argmax(1)
    whole = found.oracles["whole dialogue"]
    assert whole.scores["accuracy"] == pytest.approx(np.mean(best == fresh.table["label"]))
    table = found.to_frame()
    oracles = [f"oracle of the vectors, {context}" for context in found.oracles]
    assert list(table.index) == ["SDT", *oracles, *(f"less the {name}" for name in oracles)]
    assert table.loc["less the oracle of the vectors, whole dialogue", "accuracy"] == pytest.approx(
        found.scores["accuracy"] - whole.scores["accuracy"])
    assert table.loc["SDT", "accuracy_error"] == found.errors["accuracy"]
    lines = repr(found).splitlines()
    assert "test split of simulated-tiny (simulated, seed 0, 12 fresh dialogues of seed 0)" in lines[0]
    assert f"{100 * found.scores['accuracy']:.1f} ± {100 * found.errors['accuracy']:.1f}" in lines[2]
    assert "<table" in found._repr_html_()
    assert not erc.evaluate(trained["sdt"], fresh, oracle=False).oracles
    of_tones = erc.run("linear", tiny, task="sentiment", folder=trained["sdt"].path.parent)[0]
    assert not erc.evaluate(of_tones).oracles and of_tones.scores()["mae"] == erc.evaluate(of_tones).scores["mae"]


def test_the_oracle_sees_what_the_run_sees_and_predicts_what_annotators_write(trained, folder):
    """A run of words has the ceiling of the words; mistakes of annotators lower the ceiling."""
    corpus = erc.load("simulated-tiny", world={"mistakes": 0.4, "annotators": 3, "dialogues": (4, 2, 2)})
    fresh = simulated.fresh(corpus, 6)
    for name, view in (("tfidf", "words"), ("linear", "vectors")):
        run = runs.run(name, corpus, folder=folder, modalities=None if view == "words" else ["text", "audio"])[0]
        for context, found in erc.evaluate(run, fresh).oracles.items():
            assert found.title == f"oracle of the {view}, {context}"
        best = posterior(fresh, simulated.world_behind(fresh), run.spec["modalities"], view=view)
        np.testing.assert_allclose(np.exp(found.predictions), best.label, atol=1e-12)
        assert not np.allclose(best.label, best.emotion)


def test_the_corpus_of_training_is_generated_again(trained, folder):
    record = trained["linear"]
    assert corpus_of(record).fingerprint == record.spec["fingerprint"]
    assert erc.evaluate(record.id, folder=folder).scores == pytest.approx(record.scores())
    made = erc.load("simulated-tiny", seed=4, world={"masked": 0.1, "dialogues": (4, 2, 2)})
    other = erc.run("constant", made, folder=folder)[0]
    assert other.data["corpus"]["source"] == made.source and corpus_of(other).fingerprint == made.fingerprint
    older = replace(record, data={**record.data, "corpus": {k: v for k, v in record.data["corpus"].items()
                                                            if k != "source"}})
    assert corpus_of(older).fingerprint == record.spec["fingerprint"]  # the preset's seed and settings
    changed = erc.run("constant", made.select(np.arange(len(made) - 1)), folder=folder)[0]
    with pytest.raises(UsageError, match=r"cannot be generated again.*--corpus"):
        corpus_of(changed)


def test_what_does_not_fit_is_one_line(trained, tiny, fresh, tmp_path):
    with pytest.raises(UsageError, match=r"reads sequences.*frames=True"):
        erc.evaluate(trained["lf-lstm"], replace(fresh, frames={}))
    with pytest.raises(UsageError, match="text is 32 wide in simulated-lesson"):
        erc.evaluate(trained["sdt"], simulated.fresh(simulated.world_of("lesson"), 2))
    with pytest.raises(UsageError, match="the labels of simulated-meld are neutral"):
        erc.evaluate(trained["linear"], simulated.fresh(simulated.world_of("meld"), 2))
    with pytest.raises(UsageError, match="cannot be generated"):
        erc.evaluate(replace(trained["linear"], data={**trained["linear"].data, "spec": {
            **trained["linear"].spec, "corpus": "meld"}}))
    with pytest.raises(UsageError, match="evaluate needs one run, not dict"):
        erc.evaluate({}, fresh)
    with pytest.raises(UsageError, match="evaluate needs a corpus, not str"):
        erc.evaluate(trained["sdt"], "simulated")
    with pytest.raises(UsageError, match="unknown split 'tset'"):
        erc.evaluate(trained["sdt"], fresh, split="tset")
    with pytest.raises(erc.ErclabError, match="valid split has no dialogue"):
        erc.evaluate(trained["sdt"], fresh, split="valid")
    alone = tmp_path / trained["sdt"].path.name
    alone.write_bytes(trained["sdt"].path.read_bytes())
    with pytest.raises(RunError, match="did not keep what was fitted"):
        erc.evaluate(alone, fresh)


def test_an_own_task_keeps_its_centre_and_width(tiny, folder):
    """A corpus that lacks the training split has no mean of its own: the record's is used."""
    own = Task("warmth", "numbers", ("warm",))
    values = 50 + 10 * tiny.annotations["sentiment"]
    corpus = replace(tiny, own_tasks=(own,), annotations={"warmth": values})
    record = runs.run("linear", corpus, task="warmth", folder=folder)[0]
    found = evaluate(record, corpus.select(corpus.rows("test")))
    assert found.scores["mae"] == pytest.approx(record.scores()["mae"]) and 40 < found.predictions.mean() < 60
