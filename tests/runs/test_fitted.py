"""What was fitted on a corpus is kept with the run, and used for other corpora."""

import dataclasses
import json

import numpy as np
import pytest

from erclab import runs
from erclab.analysis import transfer
from erclab.core.errors import RunError, UsageError
from erclab.corpora.views import Standardiser
from erclab.runs.fitted import Fitted

QUICK = {"epochs": 1, "hidden": 8, "heads": 2, "progress": False}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def sdt(tiny, folder):
    return runs.run("sdt", tiny, folder=folder, **QUICK)[0]


@pytest.fixture(scope="module")
def part(tiny):
    """Another corpus: the test split alone, so that it has no training split to fit on."""
    return tiny.select(tiny.rows("test"))


def test_the_standardiser_roles_and_labels_are_kept_and_the_record_stays_as_it_was(sdt, tiny):
    kept, fit = sdt.fitted, Standardiser.fit(tiny, tiny.modalities)
    assert kept.roles == tiny.roles and not kept.sequences and not kept.numbers
    for m in tiny.modalities:
        np.testing.assert_array_equal(kept.standardiser.mean[m], fit.mean[m])
        np.testing.assert_array_equal(kept.standardiser.deviation[m], fit.deviation[m])
    assert set(sdt.data) == {"schema", "id", "spec", "corpus", "curve", "protocols", "parameters", "environment",
                             "wall_time_s", "seeds_in_one_pass"}


def test_another_corpus_is_read_with_the_standardiser_of_training(sdt, tiny, part):
    home = runs.views(sdt.spec, tiny, splits=["test"])["test"]
    for run in (sdt, runs.load(sdt.path)):
        abroad = runs.views(run, part, splits=["test"])["test"]
        for m in tiny.modalities:
            np.testing.assert_array_equal(abroad.features[m], home.features[m])


def test_a_specification_alone_has_no_standardiser_for_another_corpus(sdt, part):
    with pytest.raises(UsageError, match=r"is not the corpus that the run was trained on. Give the record itself"):
        runs.views(sdt.spec, part, splits=["test"])


def wider(corpus):
    return corpus.with_vectors("audio", np.zeros((len(corpus), 3), np.float32))


def mixed(corpus):
    return dataclasses.replace(corpus, labels=corpus.labels[::-1])


def other_encoder(corpus):
    return corpus.with_vectors("text", corpus.vectors["text"], "minilm@2")


def with_roles(corpus):
    return dataclasses.replace(corpus, roles=tuple(sorted(set(corpus.table["speaker"]))))


@pytest.mark.parametrize("change, said", [
    (wider, "audio is 3 wide in simulated-tiny, and the run reads 18"), (mixed, "the labels of simulated-tiny are"),
    (with_roles, "roles of simulated-tiny are A, B.*; those of the run are not named")])
def test_a_corpus_that_does_not_fit_is_refused(change, said, sdt, part):
    with pytest.raises(UsageError, match=said) as caught:
        runs.views(sdt, change(part), splits=["test"])
    assert "\n" not in str(caught.value)


def test_vectors_of_another_encoder_are_refused(sdt, part):
    data = json.loads(json.dumps(sdt.data))
    data["corpus"]["encoders"] = {"text": "minilm@1"}
    with pytest.raises(UsageError, match="was made by minilm@2, that of the run by minilm@1"):
        runs.views(dataclasses.replace(sdt, data=data), other_encoder(part), splits=["test"])


@pytest.mark.parametrize("model, task", [("linear", "emotion"), ("linear", "emotion4"), ("linear", "dimensional"),
                                         ("linear-pooled", "sentiment"), ("constant", "sentiment"),
                                         ("persistence", "emotion")])
def test_a_baseline_predicts_from_its_numbers_to_the_last_digit(model, task, tiny, folder):
    run = runs.run(model, tiny, task=task, folder=folder)[0]
    from erclab.runs.data import flat_splits

    found = runs.load(run.path).baseline().predict(flat_splits(run.spec, tiny)["test"])
    np.testing.assert_array_equal(found.astype(np.float32), run.predictions("test"))


def test_flat_features_of_another_corpus_are_those_of_home(tiny, part, folder):
    from erclab.runs.data import flat_splits

    run = runs.run("linear", tiny, folder=folder)[0]
    np.testing.assert_array_equal(flat_splits(run, part, ["test"])["test"].features,
                                  flat_splits(run.spec, tiny)["test"].features)


def test_transfer_uses_what_is_kept(sdt, tiny, part, monkeypatch):
    before = transfer.truth_and_predictions(sdt, tiny, tiny, tiny.labels)
    monkeypatch.setattr(Standardiser, "fit", None)
    for old, new in zip(before, transfer.truth_and_predictions(sdt, tiny, tiny, tiny.labels), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_damaged_file_is_one_line_and_an_absent_one_is_none(sdt, tmp_path):
    assert Fitted.load(tmp_path / "gone.safetensors") is None
    for text in (b"", b"x" * 40, sdt.path.with_suffix(".weights.safetensors").read_bytes()):
        (tmp_path / "x.safetensors").write_bytes(text)
        with pytest.raises(RunError, match=r"cannot be read .*--force") as caught:
            Fitted.load(tmp_path / "x.safetensors")
        assert "\n" not in str(caught.value)


def test_a_trained_run_is_no_baseline(sdt):
    with pytest.raises(RunError, match="is trained, not fitted"):
        sdt.baseline()


def test_scores_of_each_label(sdt):
    table, counts = sdt.per_class(), sdt.confusion()
    assert list(table.index) == sdt.labels and list(table["support"]) == list(counts.sum(1))
    i = int(counts.diagonal().argmax())
    assert table["recall"].iloc[i] == counts[i, i] / counts[i].sum()
    assert table["precision"].iloc[i] == counts[i, i] / counts[:, i].sum()
