"""The figures of models show the numbers of their runs."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from erclab import corpora, runs, sweep
from erclab.analysis import ceilings, gates, inside
from erclab.core.errors import UsageError
from erclab.corpora import simulated
from erclab.corpora.simulated import oracle
from erclab.exhibits import drawn

WORDS = ("Words (tf-idf)", "Words and the turn before (tf-idf)")


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    import os

    before = os.environ.get("ERCLAB_RUNS")
    os.environ["ERCLAB_RUNS"] = str(tmp_path_factory.mktemp("runs"))
    yield
    os.environ.pop("ERCLAB_RUNS") if before is None else os.environ.update(ERCLAB_RUNS=before)


@pytest.fixture(scope="module")
def groups(tiny):
    settings = {"two": {"hidden": 8}, "wide": {"hidden": 16}}
    return sweep.variants(tiny, "m2fnet", {name: {**s, "epochs": 2, "heads": 2} for name, s in settings.items()},
                          seeds=2, progress=False)


def test_a_comparison_has_the_model_and_the_probes_of_its_view(tiny):
    quick = {"seeds": 1, "progress": False, "epochs": 1, "hidden": 8}
    table = sweep.comparison(tiny, "bc-lstm", **quick)
    assert list(table) == [
        "bc-LSTM, all modalities", "bc-LSTM, text alone", "bc-LSTM, audio alone", "bc-LSTM, visual alone",
        "Linear probe", "Linear probe, class-balanced", *WORDS, "Constant predictor"]
    table = sweep.comparison(tiny, "ef-lstm", alone=False, task="sentiment", **quick)
    assert list(table) == ["EF-LSTM, all modalities", "Linear probe on pooled frames", *WORDS, "Constant predictor"]
    assert {r.task for records in table.values() for r in records} == {"sentiment"}
    assert "Linear probe, class-balanced" not in sweep.probes(tiny, task="sentiment")


def test_learning_shows_the_loss_and_the_score_that_chooses(groups):
    left, right = drawn.learning_curves(groups).axes
    assert [axis.get_title(loc="left") for axis in (left, right)] == [
        "Loss, training split", "Validation: the epoch is chosen here"]
    assert (left.get_ylabel(), right.get_ylabel()) == ("loss per utterance", "weighted F1, validation split")
    for line, records in zip(left.lines, groups.values(), strict=True):
        np.testing.assert_allclose(line.get_ydata(), np.mean([r.curve["train.total"] for r in records], axis=0))
    for line, records in zip(right.lines, groups.values(), strict=True):
        np.testing.assert_allclose(line.get_ydata(), np.mean([r.curve["valid.weighted_f1"] for r in records], axis=0))


def test_per_class_difference_is_zero_against_itself_and_turns_its_sign(groups):
    heights = [[p.get_height() for p in drawn.class_differences(groups[a], groups[b], a, b).axes[0].patches]
               for a, b in (("two", "two"), ("two", "wide"), ("wide", "two"))]
    assert drawn.class_differences(groups["two"], groups["wide"], "a", "b").axes[0].get_title(loc="left") == (
        "By class: a minus b")
    same, forth, back = (np.nan_to_num(h) for h in heights)
    assert not same.any() and forth.any()
    np.testing.assert_allclose(forth, -back)


def test_limits_are_the_oracles_scores():
    corpus = simulated.generate("tiny")
    truth = corpus.targets("test")
    for view in ("words", "vectors"):
        found = ceilings.limits(corpus, "accuracy", view)
        for context, seen in (("utterance", "utterance alone"), ("dialogue", "whole dialogue")):
            best = oracle.posterior(corpus, simulated.world_of("tiny"), context=context, split="test", view=view).label
            known = pytest.approx(100 * (best.argmax(1) == truth).mean(), abs=0.051)
            assert found[f"oracle of the {view}, {seen}"] == known
    assert ceilings.limits(SimpleNamespace(name="meld", source="")) == {}


def test_the_gates_path_has_every_batch_and_names_the_primary(tiny):
    records = runs.run("hct-mg", tiny, seeds=2, progress=False, epochs=2, hidden=8, heads=2, layers=1, batch_size=16)
    axis = drawn.gate_path(records).axes[0]
    assert len(axis.lines) == 6 and len({len(line.get_ydata()) for line in axis.lines}) == 1
    sums = sum(np.array(line.get_ydata()) for line in axis.lines[:3])
    np.testing.assert_allclose(sums, 1, atol=1e-5)
    last = Counter(r.data["curve"][-1]["model"]["primary"] for r in records)
    counted = ", ".join(f"{name} {count} of 2" for name, count in last.most_common())
    assert axis.get_title(loc="left") == f"Largest weight in the end, by training:\n{counted}"
    fixed = runs.run("hct-mg", tiny, progress=False, epochs=1, hidden=8, heads=2, layers=1, primary="text")
    with pytest.raises(UsageError, match="no modality gate"):
        drawn.gate_path(fixed)


def test_focus_and_pair_gates_are_drawn_for_what_there_is(tiny):
    mult = runs.run("mult", tiny, progress=False, epochs=1, hidden=8, heads=2, layers=1, memory_layers=1)
    axis = drawn.focus(mult, tiny).axes[0]
    labels = [t.get_text() for t in axis.get_yticklabels()]
    assert axis.get_title(loc="left") == "Where the attention goes (colour: its source)"
    assert "text from audio" in labels and "audio from audio" in labels
    trm = runs.run("dialoguetrm", tiny, progress=False, epochs=1)
    axis, medians = drawn.pair_gates(trm, tiny).axes[0], inside.mean_pair_gates(trm, tiny).median()
    assert axis.get_title(loc="left") == f"Gates of the pairs: medians {medians.min():.2f} to {medians.max():.2f}"
    labels = [t.get_text() for t in axis.get_xticklabels()]
    assert labels == ["text over visual", "text over audio", "audio over visual"]


def test_groups_against_truth_are_means_over_the_right_rows(tiny):
    rows = tiny.rows("test")
    weights = (tiny.table.loc[rows, ["intensity"]]).astype(float)
    table = gates.groups_against_truth(weights, tiny)
    masked = tiny.table.loc[rows, "audio_shown"] == "masked"
    assert table.loc["voice masked", "intensity"] == pytest.approx(weights.loc[masked, "intensity"].mean())
    assert table.loc["all", "intensity"] == pytest.approx(weights["intensity"].mean())
    other = corpora.Corpus("other", tiny.table.drop(columns="text_kind"), tiny.labels, tiny.vectors)
    with pytest.raises(UsageError, match="silent"):
        gates.groups_against_truth(weights, other)
