"""Batches: the same numbers as a naive loop, every dialogue once, and little padding."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from erclab.core.errors import CorpusError
from erclab.corpora import Corpus
from erclab.corpora.views import DialogueView, Standardiser

ROLES = ("person 2", "person 0", "person 1")


def corpus(lengths, *, seed=0, split=None, roles=()):
    """A corpus with dialogues of these lengths in turn for train, valid, test, train, ..., or all in one split."""
    rng = np.random.default_rng(seed)
    rows = [(split or ("train", "valid", "test")[d % 3], f"d{d}", t, f"person {rng.integers(3)}", "Hm.",
             int(rng.integers(4))) for d, n in enumerate(lengths) for t in range(n)]
    frame = pd.DataFrame(rows, columns=["split", "dialogue", "turn", "speaker", "text", "label"])
    x = {m: rng.normal(3, 2, size=(len(rows), d)).astype(np.float32) for m, d in (("text", 5), ("visual", 2))}
    return Corpus("made", frame, ("w", "x", "y", "z"), x, roles=roles)


LENGTHS = (4, 2, 3, 1, 6, 2, 7, 1, 1, 3, 5, 9)


def test_standardiser_learns_from_the_training_split_alone():
    made = corpus(LENGTHS)
    fitted = Standardiser.fit(made, ["text", "visual"])
    train = made.rows("train")
    for m in ("text", "visual"):
        z = fitted(m, made.vectors[m])
        assert z.dtype == np.float32
        np.testing.assert_allclose(z[train].mean(0), 0, atol=1e-5)
        np.testing.assert_allclose(z[train].std(0), 1, atol=1e-5)
    shifted = {m: x.copy() for m, x in made.vectors.items()}
    for x in shifted.values():
        x[np.concatenate([made.rows("valid"), made.rows("test")])] += 100
    other = Standardiser.fit(Corpus("made", made.table, made.labels, shifted), ["text"])
    np.testing.assert_array_equal(other.mean["text"], fitted.mean["text"])
    np.testing.assert_array_equal(other.deviation["text"], fitted.deviation["text"])


def test_a_constant_feature_becomes_zero_and_not_nan():
    made = corpus(LENGTHS)
    made.vectors["text"][:, 2] = 41.5
    z = Standardiser.fit(made, ["text"])("text", made.vectors["text"])
    assert (z[:, 2] == 0).all() and np.isfinite(z).all()


def naive(made, split, dialogues, modalities):
    """What a batch must hold, one turn at a time."""
    starts = [i for i in range(len(made)) if i == 0 or made.table["dialogue"][i] != made.table["dialogue"][i - 1]]
    starts = [i for i in starts if made.table["split"][i] == split]
    runs = []
    for d in dialogues:
        i = starts[d]
        runs.append([j for j in range(i, len(made)) if made.table["dialogue"][j] == made.table["dialogue"][i]])
    B, T = len(runs), max(map(len, runs))
    out = {"mask": np.zeros((B, T), bool), "speakers": np.zeros((B, T), int), "labels": np.zeros((B, T), int),
           "rows": np.full((B, T), -1)} | {m: np.zeros((B, T, made.dims[m]), np.float32) for m in modalities}
    for b, rows in enumerate(runs):
        met = []
        for t, row in enumerate(rows):
            who = made.table["speaker"][row]
            met += [] if who in met else [who]
            out["mask"][b, t], out["rows"][b, t] = True, row
            out["speakers"][b, t] = (made.roles or met).index(who)
            out["labels"][b, t] = made.table["label"][row]
            for m in modalities:
                out[m][b, t] = made.vectors[m][row]
    return out


@pytest.mark.parametrize("dialogues", [[0], [3, 0, 2], [1, 2, 3, 0]])
@pytest.mark.parametrize("roles", [(), ROLES], ids=["numbered", "roles"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_a_batch_equals_a_naive_loop(split, dialogues, roles):
    made = corpus(LENGTHS, roles=roles)
    batch = DialogueView(made, split, ["visual", "text"]).batch(dialogues)
    expected = naive(made, split, dialogues, ["text", "visual"])
    for name in ("mask", "speakers", "labels", "rows"):
        np.testing.assert_array_equal(getattr(batch, name).numpy(), expected[name], err_msg=name)
    assert set(batch.features) == {"text", "visual"}
    for m, x in batch.features.items():
        np.testing.assert_array_equal(x.numpy(), expected[m], err_msg=m)
    assert batch.mask.dtype == torch.bool and batch.rows.dtype == batch.labels.dtype == torch.int64
    assert len(batch) == len(dialogues) and batch.shape == expected["mask"].shape


def test_standardised_features_are_still_zero_at_padding():
    made = corpus(LENGTHS)
    fitted = Standardiser.fit(made, ["text"])
    batch = DialogueView(made, "train", ["text"], standardiser=fitted).batch([0, 1, 2, 3])
    x = batch.features["text"]
    assert not batch.mask.all() and (x[~batch.mask] == 0).all()
    np.testing.assert_array_equal(x[batch.mask].numpy(), fitted("text", made.vectors["text"])[batch.rows[batch.mask]])


def ids(batches):
    """Per batch, the first corpus row of each dialogue in it."""
    return [b.rows[:, 0].tolist() for b in batches]


@pytest.mark.parametrize("rng", [None, 0], ids=["in order", "shuffled"])
@pytest.mark.parametrize("size", [1, 3, 4, 100])
def test_batches_hold_every_dialogue_once(size, rng):
    made = corpus([1 + i % 11 for i in range(70)], split="train")
    view = DialogueView(made, "train", ["text"])
    batches = list(view.batches(size, None if rng is None else np.random.default_rng(rng)))
    rows = torch.cat([b.rows[b.mask] for b in batches])
    assert sorted(rows.tolist()) == list(range(len(made)))
    assert sorted(i for group in ids(batches) for i in group) == made.starts[:-1].tolist()
    assert len(view) == 70 and max(map(len, batches)) == min(size, 70)


def test_without_a_generator_the_longest_come_first_and_always_alike():
    view = DialogueView(corpus([3, 9, 1, 9, 4, 2, 7], split="valid"), "valid", ["text"])
    lengths = [n for b in view.batches(2) for n in b.mask.sum(1).tolist()]
    assert lengths == [9, 9, 7, 4, 3, 2, 1]
    assert ids(view.batches(2)) == ids(view.batches(2))


def test_the_generator_decides_the_order_and_each_epoch_has_another_mix():
    view = DialogueView(corpus(range(1, 81), split="train"), "train", ["text"])
    one, same, other = np.random.default_rng(5), np.random.default_rng(5), np.random.default_rng(6)
    first = ids(view.batches(4, one))
    assert first == ids(view.batches(4, same)) and first != ids(view.batches(4, other))
    second = ids(view.batches(4, one))
    assert {frozenset(g) for g in first} != {frozenset(g) for g in second}  # other neighbours, not only another order
    assert second == ids(view.batches(4, same))


def test_long_and_short_batches_come_in_any_order():
    """A model that always saw the long ones first would learn another thing than with shuffled data."""
    view = DialogueView(corpus(range(1, 201), split="train"), "train", ["text"])
    longest = [b.shape[1] for b in view.batches(4, np.random.default_rng(1))]
    assert 0.3 < np.mean(np.diff(longest) < 0) < 0.7
    assert abs(np.corrcoef(longest, range(len(longest)))[0, 1]) < 0.5


@pytest.mark.parametrize("part", ["iemocap_train", "meld_train"])
def test_batches_of_similar_length_have_far_less_padding_than_random_ones(part):
    """With the lengths of the field's corpora: 108 long dialogues of two, and 1,000 short scenes."""
    golden = Path(__file__).resolve().parents[1] / "golden" / "dialogue_lengths.json"
    lengths = json.loads(golden.read_text())[part]
    view = DialogueView(corpus(lengths, split="train"), "train", ["text"])
    random = np.random.default_rng(4).permutation(len(lengths))

    def padded(batches):
        return sum(int((~b.mask).sum()) for b in batches)

    by_chance = padded(view.batch(random[i : i + 8]) for i in range(0, len(lengths), 8))
    assert by_chance > 0.3 * sum(lengths)
    assert padded(view.batches(8, np.random.default_rng(4))) < by_chance / 2
    assert padded(view.batches(8)) < by_chance / 3


def test_batches_need_not_be_alike_and_then_none_has_all_the_longest():
    view = DialogueView(corpus(range(1, 129), split="train"), "train", ["text"])
    alike, mixed = (list(view.batches(8, np.random.default_rng(0), alike=how)) for how in (True, False))
    assert sorted(i for g in ids(mixed) for i in g) == sorted(i for g in ids(alike) for i in g)
    most = [max(int(b.mask.sum()) for b in batches) for batches in (alike, mixed)]
    assert most[1] < 0.8 * most[0]


@pytest.mark.parametrize(("modalities", "problem"), [(["text", "audio"], "no features for audio"),
                                                     ([], "no features for any modality")])
def test_a_missing_modality_is_an_error_that_says_what_there_is(modalities, problem):
    with pytest.raises(CorpusError, match=f"made: {problem}. It has text, visual"):
        DialogueView(corpus(LENGTHS), "train", modalities)


def test_an_empty_split_is_an_error():
    with pytest.raises(CorpusError, match=r"made: the valid split has no dialogue\. Each of train, valid and test"):
        DialogueView(corpus(LENGTHS, split="train"), "valid", ["text"])


def test_dialogues_of_a_batch_may_be_a_tuple():
    view = DialogueView(corpus((4, 2, 3), split="train"), "train", ["text"])
    assert torch.equal(view.batch((2, 0)).rows, view.batch([2, 0]).rows)
