"""M2FNet's exhibits: each says what its runs say, and the paper's numbers stand beside them on the paper's corpus."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from erclab import models, runs
from erclab.analysis import scores
from erclab.analysis.statistics import values
from erclab.core import metrics
from erclab.core.errors import UsageError
from erclab.exhibits import catalogue, drawn, m2fnet

QUICK = {"epochs": 3, "hidden": 8, "heads": 2}
WIDTHS = ("global_width", "party_width", "emotion_width", "head_width")
SIZES = {"m2fnet": QUICK, "sdt": {**QUICK, "epochs": 1}, "bc-lstm": {"epochs": 1, "hidden": 8},
         "dialoguernn": {"epochs": 1, **dict.fromkeys(WIDTHS, 8)}}


def made_up(matrix, labels=("calm", "glad", "cross")):
    """A record of this confusion matrix."""
    matrix = np.asarray(matrix)
    truth, guess = (np.repeat(index.ravel(), matrix.ravel()) for index in np.indices(matrix.shape))
    scores = metrics.classification_scores(truth, guess, len(labels))
    return runs.Record({"spec": {"protocol": "sound", "task": "emotion", "seed": 0}, "corpus": {"labels": list(labels)},
                        "protocols": {"sound": {"confusion": matrix.tolist(), "test": scores}}}, None)


def test_curves_are_the_records_and_stars_the_training_split(tiny, answered):
    exhibit, table = answered("M1")
    records = table["M2FNet"]
    loss, accuracy, f1 = exhibit.build(tiny, table).axes
    np.testing.assert_allclose(loss.lines[0].get_ydata(), np.mean([r.curve["train.total"] for r in records], axis=0))
    np.testing.assert_allclose(accuracy.lines[0].get_ydata(),
                               np.mean([r.curve["valid.accuracy"] for r in records], axis=0))
    assert "weighted loss" in loss.get_ylabel()
    stars, = (line for line in f1.lines if line.get_marker() == "*")
    assert stars.get_xdata().tolist() == [r.epoch() for r in records]
    seen = [scores.training_scores(r, tiny) for r in records]
    assert stars.get_ydata().tolist() == [s["weighted_f1"] for s in seen]
    gap = np.mean([s["weighted_f1"] - r.scores("valid")["weighted_f1"] for s, r in zip(seen, records, strict=True)])
    assert [axis.get_title(loc="left") for axis in (loss, accuracy, f1)] == [
        "Loss", "Accuracy", f"F1: {100 * gap:.0f} points less than in training"]


def test_scores_of_the_training_split_are_the_models_own(tiny, answered):
    record = answered("M1")[1]["M2FNet"][0]
    view = runs.views(record.spec, tiny, splits=["train"])["train"]
    model, right, count = record.model(), 0, 0
    for batch in view.batches(4):
        guess = model(batch).logits.argmax(-1)
        right += int((guess == batch.labels)[batch.mask].sum())
        count += int(batch.mask.sum())
    assert scores.training_scores(record, tiny)["accuracy"] == pytest.approx(right / count)
    other = tiny.with_vectors("text", tiny.vectors["text"] + 1)
    with pytest.raises(UsageError, match="another corpus"):
        scores.training_scores(record, other)


def test_a_report_has_each_class_and_three_averages():
    table = scores.class_report([made_up([[8, 2, 0], [1, 3, 0], [3, 0, 3]]),
                                 made_up([[10, 0, 0], [1, 3, 0], [0, 0, 6]])])
    assert table.index.tolist() == ["calm", "glad", "cross", "accuracy", "macro", "weighted"]
    assert table["support"].tolist() == [10, 4, 6, 20, 20, 20]
    assert table.loc["calm", "recall"] == pytest.approx(90) and table.loc["glad", "recall"] == pytest.approx(75)
    assert table.loc["cross", "recall"] == pytest.approx(75)
    assert table.loc["calm", "precision"] == pytest.approx(100 * (8 / 12 + 10 / 11) / 2, abs=0.05)
    assert table.loc["accuracy", "f1"] == pytest.approx(100 * (14 / 20 + 19 / 20) / 2)
    assert table.loc["macro", "recall"] == pytest.approx(80)
    assert table.loc["weighted", "recall"] == table.loc["accuracy", "f1"]  # they are the same thing


def test_what_was_never_predicted_has_no_precision_and_spoils_no_average():
    table = scores.class_report([made_up([[5, 0, 0], [2, 0, 0], [0, 0, 3]])])
    assert pd.isna(table.loc["glad", "precision"]) and table.loc["glad", "f1"] == 0
    assert table.loc["macro", "precision"] == pytest.approx(100 * (5 / 7 + 1) / 2, abs=0.05)


def test_published_classes_stand_beside_ours_on_meld(tiny, answered):
    exhibit, table = answered("M2")
    made = exhibit.build(tiny, table)
    assert not [c for c in made if "published" in c] and made.index.tolist()[:6] == list(tiny.labels)
    renamed = [made_up(np.eye(7, dtype=int) + 1, ("neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger"))]
    paper = m2fnet.class_table(SimpleNamespace(name="meld-sdt"), {"M2FNet": renamed})
    assert paper.loc["fear", ["published precision", "published recall", "published f1", "published support"]].tolist(
        ) == [13, 38, 20, 13]
    assert paper["published f1"].tolist() == [72, 55, 20, 33, 53, 14, 44, 56, 42, 58]


def test_the_largest_mistake_is_the_largest_share_of_a_row():
    found = scores.mistaken([made_up([[90, 9, 1], [2, 7, 1], [0, 1, 1]]), made_up([[90, 9, 1], [2, 7, 1], [1, 0, 1]])])
    assert found.name == ("cross", "calm") or found.name == ("cross", "glad")
    assert found["share"] == pytest.approx(25) and found["count"] == pytest.approx(0.5)
    every = scores.mistakes([made_up([[90, 9, 1], [2, 7, 1], [0, 0, 2]])])
    assert every["share"].to_dict() == {("glad", "calm"): 20, ("glad", "cross"): 10, ("calm", "glad"): 9,
                                        ("calm", "cross"): 1, ("cross", "calm"): 0, ("cross", "glad"): 0}
    assert every["share"].is_monotonic_decreasing


def test_the_matrix_is_titled_with_it(tiny, answered):
    exhibit, table = answered("M3")
    axis, = exhibit.build(tiny, table).axes
    (one, most), (other, second) = scores.mistakes(table["M2FNet"])["share"].head(2).items()
    assert axis.get_title(loc="left") == (f"M2FNet: {one[0]} taken for {one[1]} in {most:.0f} %,\n{other[0]} for "
                                          f"{other[1]} in {second:.0f} % of its utterances")
    assert len(axis.texts) == 36


def test_the_comparison_is_ordered_and_has_published_rows_on_meld(tiny, answered):
    exhibit, table = answered("M4")
    made = exhibit.build(tiny, table)
    names = (*m2fnet.COMPARED, "tfidf", "tfidf-context")
    assert set(made.index) == {models.info(n).title for n in names} and len(made.columns) == 3
    order = [values(table[name]).mean() for name in made.index]
    assert order == sorted(order, reverse=True)
    meld = m2fnet.models_compared(SimpleNamespace(name="meld"), table)
    assert meld.loc["M2FNet", "published weighted F1"] == 58.0 and meld.index[-1] == "MulT"
    assert meld.loc["MulT", "published macro F1"] == 42.7 and pd.isna(meld.loc["MulT", "weighted F1"])
    assert meld.index.tolist()[:-1] == made.index.tolist()


def test_ablations_by_weighted_and_by_macro_f1(tiny, answered):
    exhibit, table = answered("M5")
    made = exhibit.build(tiny, table)
    assert made.index.tolist() == ["full", "without transformer fusion", "without GRU context", "without weighted loss"]
    for column, metric in (("difference", "weighted_f1"), ("macro difference", "macro_f1")):
        gap = (values(table["without GRU context"], metric) - values(table["full"], metric)).mean()
        assert made.loc["without GRU context", column] == pytest.approx(100 * gap, abs=0.051)
    specs = {name: records[0].spec for name, records in table.items()}
    assert [specs[n]["recipe"]["class_weights"] for n in made.index] == [True, True, True, False]
    assert specs["without GRU context"]["settings"]["context"] == "none"
    meld = m2fnet.ablated(replace(tiny, name="meld"), table)
    columns = [c for c in meld if "published" in c]
    assert meld[columns].to_numpy().tolist() == [[58.0, 42.0], [54.1, 38.5], [55.2, 39.2], [56.3, 37.6]]


def test_classes_compared_names_where_they_differ():
    good, bad = made_up([[9, 0, 1], [0, 4, 0], [1, 0, 5]]), made_up([[9, 0, 1], [4, 0, 0], [1, 0, 5]])
    axis, = drawn.classes_compared({"good": [good], "bad": [bad]}).axes
    assert axis.get_title(loc="left") == "On a class the means differ by 0 to 100 points" and len(axis.patches) == 6


def test_a_corpus_without_emotions_or_vectors_is_refused(tiny):
    for name in ("M1", "M2", "M3", "M4", "M5"):
        exhibit, = catalogue.find([name])
        assert exhibit.lacks(tiny) == ""
        assert "not emotion" in exhibit.lacks(replace(tiny, labels=(), table=tiny.table.assign(label=-1)))
        assert "no utterance vectors" in exhibit.lacks(replace(tiny, vectors={}))
