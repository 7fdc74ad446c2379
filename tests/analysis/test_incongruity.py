"""Incongruent utterances are chosen by rule: planted flags, and disagreement that finds them without the flags."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from erclab import runs
from erclab.analysis import incongruity
from erclab.core.errors import UsageError
from erclab.corpora import simulated


def log(*rows):
    return np.log(np.array(rows, dtype=float))


def test_lies_are_what_is_shown_and_wrong(tiny):
    found = incongruity.lies(tiny)
    assert list(found.index) == list(tiny.rows("test")) and found.any().any()
    for m in ("audio", "visual"):
        for row, lie in found[m].items():
            at = tiny.table.iloc[row]
            assert lie == (at[f"{m}_shown"] not in ("masked", tiny.labels[at["label"]]))


def test_agreement_is_zero_and_contradiction_one_bit():
    sure, other = log([0.999999, 1e-6]), log([1e-6, 0.999999])
    assert incongruity.disagreement([sure, sure], "emotion") == pytest.approx(0, abs=1e-9)
    assert incongruity.disagreement([sure, other], "emotion") == pytest.approx(1, abs=1e-3)
    unsure = log([0.5, 0.5])
    assert 0 < incongruity.disagreement([sure, unsure], "emotion")[0] < 1
    four = np.hstack([sure, sure, sure, other]), np.hstack([sure] * 4)  # one of four differs
    assert incongruity.disagreement(four, "emotion4") == pytest.approx(0.25, abs=1e-3)


def test_disagreement_of_values_is_their_distance_and_different_signs_come_first():
    one, other = np.array([[1.0], [2.0], [-1.0]]), np.array([[-0.5], [1.0], [-3.0]])
    np.testing.assert_allclose(incongruity.disagreement([one, other], "sentiment"), [7.5, 1, 2])
    np.testing.assert_allclose(incongruity.disagreement([one, other], "dimensional"), [1.5, 1, 2])
    with pytest.raises(UsageError, match="cannot contradict"):
        incongruity.disagreement([one], "sentiment")


def test_planted_ones_are_ranked_by_how_many_lie_and_how_strongly(tiny):
    found = incongruity.incongruent_utterances(tiny)
    chosen = found[found["incongruent"]]
    assert (found["incongruent"] == incongruity.lies(tiny).any(axis=1)).all()
    assert (chosen["score"] > 1).all() and not found["score"][~found["incongruent"]].any()
    rows = incongruity.examples(found, tiny, 3)
    assert list(found.loc[rows, "score"]) == sorted(chosen["score"], reverse=True)[:3]
    assert all(word in chosen["why"].iloc[0] for word in (" shows ",))
    longest = int(tiny.frames["text"].lengths.max())
    assert incongruity.examples(found, tiny, 3, (longest + 1, longest + 2)) == []


def without_flags(corpus):
    return replace(corpus, table=corpus.table.drop(columns=["audio_shown", "visual_shown"]))


@pytest.fixture(scope="module")
def lying(tmp_path_factory):
    """A corpus with strong and clear channels, many of which lie, and probes of one modality each."""
    corpus = simulated.generate("lesson", frames=True, masked=0.0, incongruent=0.25, ambiguous=0.0, referential=0.0,
                                denied=0.0, contrast=0.0, slip=0.0, strength=(9.0, 9.0, 9.0), dialogues=(48, 6, 12))
    folder = tmp_path_factory.mktemp("runs")
    bare = without_flags(corpus)
    alone = {m: runs.run("linear-pooled", bare, modalities=[m], folder=folder, progress=False)[0]
             for m in bare.frame_dims}
    return corpus, bare, alone


def test_disagreement_finds_what_was_planted_without_seeing_the_flags(lying):
    corpus, bare, alone = lying
    truth, found = incongruity.lies(corpus).any(axis=1), incongruity.incongruent_utterances(bare, alone)
    assert roc_auc_score(truth, found["score"]) > 0.75
    assert truth[found["incongruent"]].mean() > truth.mean() + 0.15
    assert found["incongruent"].sum() == round(incongruity.SHARE * len(found))
    assert "text alone: " in found.loc[found["incongruent"], "why"].iloc[0]


def test_refused(lying):
    _, bare, alone = lying
    with pytest.raises(UsageError, match="does not say what voice"):
        incongruity.lies(bare)
    with pytest.raises(UsageError, match="cannot contradict"):
        incongruity.incongruent_utterances(bare, {"text": alone["text"]})
    same = incongruity.incongruent_utterances(bare, {"text": alone["text"], "audio": alone["text"]})
    assert not same["incongruent"].any()


def test_predictions_in_words(tiny, tmp_path):
    record = runs.run("constant", tiny, folder=tmp_path, progress=False)[0]
    assert set(incongruity.in_words(record, record.predictions())) == {
        tiny.labels[np.bincount(tiny.targets("train")).argmax()]}
    four = runs.run("constant", tiny, task="emotion4", folder=tmp_path, progress=False)[0]
    assert set(incongruity.in_words(four, four.predictions())) == {"none"}
    value = runs.run("constant", tiny, task="sentiment", folder=tmp_path, progress=False)[0]
    assert incongruity.in_words(value, np.array([[1.5], [-0.25]])) == ["+1.50", "-0.25"]
