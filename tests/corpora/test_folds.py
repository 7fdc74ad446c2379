"""Folds: every dialogue is tested once, whole, and never seen before."""

import numpy as np
import pytest

from erclab import corpora
from erclab.core.errors import UsageError
from erclab.corpora.folds import folds


def split_of(corpus):
    return corpus.table.groupby("dialogue")["split"].unique()


def test_every_dialogue_is_tested_once_as_a_whole(tiny):
    parts = folds(tiny, 5)
    tested = [d for part in parts for d, splits in split_of(part).items() if list(splits) == ["test"]]
    assert sorted(tested) == sorted(tiny.table["dialogue"].unique())
    for part in parts:
        assert all(len(splits) == 1 for splits in split_of(part))
        sizes = split_of(part).map(lambda s: s[0]).value_counts()
        assert set(sizes.index) == {"train", "valid", "test"} and sizes["train"] > sizes["valid"] + sizes["test"]


def test_only_the_splits_differ_and_each_fold_is_a_corpus_of_its_own(tiny):
    parts = folds(tiny, 4)
    assert len({part.fingerprint for part in parts}) == 4
    for part in parts:
        assert part.table.drop(columns="split").equals(tiny.table.drop(columns="split"))
        assert part.vectors["text"] is tiny.vectors["text"]


def test_the_seed_deals_the_dialogues(tiny):
    def dealt(seed):
        return [tuple(part.table["split"]) for part in folds(tiny, 4, seed)]

    assert dealt(0) == dealt(0) != dealt(1)


def test_a_column_gives_the_folds(tiny):
    number = tiny.table["dialogue"].factorize()[0]
    grouped = corpora.Corpus("grouped", tiny.table.assign(session=number % 3), tiny.labels, tiny.vectors)
    parts = folds(grouped, "session")
    assert [set(part.table.loc[part.table["split"] == "test", "session"]) for part in parts] == [{0}, {1}, {2}]
    assert [set(part.table.loc[part.table["split"] == "valid", "session"]) for part in parts] == [{1}, {2}, {0}]


@pytest.mark.parametrize(("by", "says"), [(2, "too few"), (0, "too few"), (-1, "too few"), (10_000, "cannot be dealt"),
                                          ("sesion", "sesion"), ("speaker", "several folds")])
def test_what_gives_no_folds_is_refused(tiny, by, says):
    with pytest.raises(UsageError, match=says):
        folds(tiny, by)


def test_complete_keeps_what_has_every_modality(tiny):
    text = tiny.vectors["text"].copy()
    text[::2] = 0
    lacking = corpora.Corpus("lacking", tiny.table, tiny.labels, {**tiny.vectors, "text": text})
    assert len(corpora.complete(lacking)) == len(tiny) // 2
    assert len(corpora.complete(lacking, ["audio"])) == len(tiny)
    assert corpora.complete(lacking, ["audio"]).notices == ()
    note, = corpora.complete(lacking, ["text", "audio"]).notices
    assert note.startswith(f"{(len(tiny) + 1) // 2} of {len(tiny)} utterances do not have text, audio at once")
    assert all(part.notices == ("seen",) for part in folds(lacking.noting("seen"), 3))
    np.testing.assert_array_equal(corpora.complete(lacking, ["text"]).vectors["text"], text[1::2])
    with pytest.raises(UsageError, match="touch"):
        corpora.complete(lacking, ["touch"])
    text[:] = 0
    with pytest.raises(UsageError, match="at once"):
        corpora.complete(corpora.Corpus("empty", tiny.table, tiny.labels, {**tiny.vectors, "text": text}))


@pytest.mark.parametrize("options", [{"by": 2.5}, {"by": None}, {"by": True}, {"by": [3]}, {"seed": "0"}, {"seed": -1},
                                     {"seed": 1.0}])
def test_arguments_of_another_type_are_one_line(options):
    with pytest.raises(UsageError, match=r"For example by=10|Take 0 or more") as caught:
        folds(corpora.load("simulated-tiny"), **options)
    assert "\n" not in str(caught.value)
