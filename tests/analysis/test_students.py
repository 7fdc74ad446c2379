"""Students of SDT: scored as what they are, and only where they have learned."""

import pytest
import torch

from erclab import runs
from erclab.analysis import students
from erclab.core import metrics
from erclab.core.errors import UsageError
from erclab.corpora import simulated
from erclab.corpora.views import DialogueView, Standardiser


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def records(tiny, folder):
    return runs.run("sdt", tiny, seeds=2, epochs=2, hidden=16, folder=folder, progress=False)


def test_a_score_is_that_of_the_students_own_logits(records, tiny):
    table = students.student_scores(records, tiny)
    assert list(table) == ["text", "audio", "visual"] and len(table) == 2
    view = DialogueView(tiny, "test", tiny.modalities, standardiser=Standardiser.fit(tiny, tiny.modalities))
    batch = view.batch(range(len(view)))
    for i, record in enumerate(records):
        with torch.no_grad():
            aux = record.model()(batch).aux
        for m in table:
            guess = aux[f"student.{m}"][batch.mask].argmax(-1).numpy()
            truth = batch.labels[batch.mask].numpy()
            expected = metrics.classification_scores(truth, guess, 6)["weighted_f1"]
            assert table.loc[i, m] == pytest.approx(expected)


def test_a_student_whose_modality_says_nothing_is_worst(folder):
    """Without inter-modal transformers a student knows nothing of the other modalities."""
    corpus = simulated.generate("tiny", dialogues=(40, 10, 30), turns=(5, 9, 14), strength=(5.0, 5.0, 0.0),
                                ambiguous=0.0, referential=0.0, denied=0.0, contrast=0.0, slip=0.0, masked=0.0,
                                incongruent=0.0)
    made = runs.run("sdt", corpus, epochs=10, hidden=32, learning_rate=5e-3, dropout=0.2, inter=False, folder=folder,
                    progress=False)
    row = students.student_scores(made, corpus).iloc[0]
    assert row["visual"] < 0.3 < 0.5 < min(row["text"], row["audio"]), row


def test_who_has_no_students_is_refused(tiny, records, folder):
    other = runs.run("bc-lstm", tiny, epochs=1, folder=folder, progress=False)
    with pytest.raises(UsageError, match="has no students"):
        students.student_scores(other, tiny)
    with pytest.raises(UsageError, match="another corpus"):
        students.student_scores(records, simulated.generate("tiny", seed=3))


@pytest.mark.parametrize(("weights", "expected"), [((1, 0, 0), False), ((1, 1, 0), True), ((1, 0, 1), True)])
def test_students_learn_from_labels_or_from_a_teacher(weights, expected):
    assert students.students_learn({"loss_weights": weights}) is expected
