"""Altered corpora: the same utterances with the same labels, one thing changed, and predictions put back in order."""

from itertools import pairwise

import numpy as np
import pytest

from erclab.core.errors import UsageError
from erclab.corpora import UNLABELLED, interventions

EACH = {"shuffled": interventions.turns_shuffled, "own": interventions.split_by_speaker,
        "single": interventions.single_utterances, "merged": interventions.speakers_merged,
        "permuted": interventions.speakers_permuted,
        **{f"last {whose}": lambda c, whose=whose: interventions.windows(c, whose, 2) for whose in interventions.WHOSE}}


@pytest.fixture(scope="module", params=EACH)
def made(request, tiny):
    return EACH[request.param](tiny)


def test_each_utterance_is_predicted_once_with_its_labels_and_features(made, tiny):
    at = np.flatnonzero(made.scored)
    assert sorted(made.origin[at]) == list(range(len(tiny)))
    origin, table = made.origin, made.corpus.table
    for column in ("label", "text", "split"):
        assert (table[column].to_numpy()[at] == tiny.table[column].to_numpy()[origin[at]]).all()
    for task, values in tiny.annotations.items():
        assert np.array_equal(made.corpus.annotations[task][at], values[origin[at]], equal_nan=True)
        assert np.isnan(made.corpus.annotations[task][~made.scored]).all()
    for m, x in tiny.vectors.items():
        assert (made.corpus.vectors[m] == x[origin]).all()
    assert (table["label"][~made.scored] == UNLABELLED).all()
    assert made.corpus.name.startswith("simulated-tiny-") and made.corpus.fingerprint != tiny.fingerprint


def test_what_was_predicted_is_put_back_in_order(made, tiny):
    for split in ("train", "valid", "test"):
        rows = made.corpus.rows(split)
        assert (made.restored(made.origin[rows], split) == tiny.rows(split)).all()
    with pytest.raises(UsageError, match="3 values do not fit"):
        made.restored(np.zeros(3))


def test_shuffled_dialogues_keep_their_turns_in_another_order(tiny):
    made = interventions.turns_shuffled(tiny)
    for a, b in pairwise(tiny.starts):
        assert sorted(made.origin[a:b]) == list(range(a, b))
    assert (made.origin != np.arange(len(tiny))).mean() > .5
    assert (made.corpus.table["speaker"].to_numpy() == tiny.table["speaker"].to_numpy()[made.origin]).all()
    assert (made.origin == interventions.turns_shuffled(tiny).origin).all()
    assert (made.origin != interventions.turns_shuffled(tiny, seed=1).origin).any()


def test_own_turns_are_of_one_dialogue_and_speaker_in_their_order(tiny):
    made = interventions.split_by_speaker(tiny)
    for a, b in pairwise(made.corpus.starts):
        rows = made.origin[a:b]
        assert len(set(tiny.table["speaker"].iloc[rows])) == len(set(tiny.table["dialogue"].iloc[rows])) == 1
        assert (np.diff(rows) > 0).all()
    pairs = tiny.table[["dialogue", "speaker"]].drop_duplicates()
    assert len(made.corpus.starts) - 1 == len(pairs)


def test_single_utterances_have_no_context(tiny):
    assert interventions.single_utterances(tiny).corpus.longest == 1


def test_windows_by_hand(tiny):
    i = int(tiny.starts[1]) - 1  # the last turn of the first dialogue
    who = tiny.table["speaker"].to_numpy()
    before = np.arange(i)
    for whose, heard in (("anybody", before), ("own", before[who[:i] == who[i]]),
                         ("others", before[who[:i] != who[i]])):
        made = interventions.windows(tiny, whose, 2)
        a, b = made.corpus.starts[i], made.corpus.starts[i + 1]
        assert made.origin[a:b].tolist() == [*heard[-2:], i]
        assert made.scored[a:b].tolist() == [False] * (b - a - 1) + [True]
    assert len(interventions.windows(tiny, "own", 2).corpus.starts) == len(tiny) + 1
    with pytest.raises(UsageError, match=r"unknown context 'mine'.*own"):
        interventions.windows(tiny, "mine")
    with pytest.raises(UsageError, match="a window of 0 turns"):
        interventions.windows(tiny, "own", 0)


def test_speakers_are_one_or_at_random(tiny):
    assert interventions.speakers_merged(tiny).corpus.speaker_count == 1
    before, after = tiny.table, interventions.speakers_permuted(tiny).corpus.table
    counts = [t.groupby("dialogue")["speaker"].value_counts().sort_index() for t in (before, after)]
    assert counts[0].equals(counts[1])
    assert .3 < (before["speaker"] != after["speaker"]).mean() < .7
    assert interventions.speakers_permuted(tiny).corpus.roles == tiny.roles
