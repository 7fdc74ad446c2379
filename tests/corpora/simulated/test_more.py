"""Fresh dialogues of a simulated world: the same world, other random numbers, a test split alone."""

import numpy as np
import pytest

import erclab as erc
from erclab.core.errors import UsageError
from erclab.corpora import simulated
from erclab.corpora.simulated import more
from erclab.corpora.views import DialogueView, SequenceView, flat

CHANGES = {"persistence": 0.4, "dialogues": (2, 1, 1)}


@pytest.fixture(scope="module")
def fresh(tiny):
    return simulated.fresh(tiny, 60, frames=True)


def test_it_has_a_test_split_alone_and_the_world_of_the_corpus(tiny, fresh):
    assert list(fresh.table["split"].unique()) == ["test"] and len(fresh.starts) == 61
    assert (fresh.name, fresh.labels, fresh.dims, fresh.frame_dims) == (
        tiny.name, tiny.labels, tiny.dims, tiny.frame_dims)
    assert simulated.world_behind(fresh) == simulated.world_behind(tiny)
    assert fresh.source == "simulated, seed 0, 60 fresh dialogues of seed 0"
    assert "missing:    the train split, the valid split" in repr(fresh)
    assert fresh.table["dialogue"].nunique() == 60 and fresh.counts().loc[["train", "valid"]].sum().sum() == 0


def test_changed_worlds_stay_changed_whatever_names_them():
    corpus = simulated.generate("lesson", seed=5, **CHANGES)
    world = simulated.world_of("lesson", seed=5, **CHANGES)
    for given in (corpus, world):
        found = simulated.fresh(given, 2)
        assert found.name == "simulated-lesson" and not found.frames
        settings = simulated.world_behind(found).settings
        assert (settings.persistence, settings.seed, settings.strength) == (0.4, 5, world.settings.strength)


def test_fewer_dialogues_are_the_first_of_more_and_do_not_depend_on_the_corpus_seed(tiny, fresh):
    few = simulated.fresh(simulated.world_of("tiny", seed=9), 52, frames=True)
    first = fresh.select(np.arange(len(few)))
    assert few.fingerprint == first.fingerprint
    np.testing.assert_array_equal(simulated.fresh(tiny, 52).vectors["audio"], few.vectors["audio"])
    other = simulated.fresh(tiny, 52, seed=1)
    assert other.fingerprint != few.fingerprint and list(other.table["text"]) != list(few.table["text"])


def test_no_corpus_seed_has_the_random_numbers_of_fresh_dialogues():
    """The state of a stream follows from the numbers that it begins with, so different states are different streams."""
    def states(seed):
        streams = [[seed, i] for i in range(8)] + [[seed, i, j] for i in range(8) for j in range(3)]
        return {tuple(np.random.SeedSequence(s).generate_state(4)) for s in streams}

    users = set().union(*(states(seed) for seed in (*range(40), 2**31, 2**32 - 1)))
    ours = set().union(*(states(seed + (more.FIRST + piece) * more.SEEDS) for seed in (0, 1, 7, 2**32 - 1)
                         for piece in range(20)))
    assert not users & ours


def test_views_and_baselines_read_it_without_the_other_splits(tiny, fresh):
    words = DialogueView(fresh, "test", tiny.modalities)
    steps = SequenceView(fresh, "test", tiny.modalities)
    assert len(words) == 60 and len(steps) == len(fresh)
    assert len(flat(fresh, tiny.modalities, splits=["test"])["test"].labels) == len(fresh)
    assert fresh.speaker_count == 2 and fresh.longest == 8 and fresh.task("emotion").names == tiny.labels


@pytest.mark.parametrize("dialogues", [(0, 0, 3), (3, 0, 0), (2, 0, 1)])
def test_a_corpus_may_lack_splits_and_is_not_trained_on_then(dialogues, tmp_path):
    corpus = simulated.generate("tiny", dialogues=dialogues)
    assert [len(set(corpus.table["dialogue"][corpus.rows(s)])) for s in ("train", "valid", "test")] == list(dialogues)
    with pytest.raises(erc.ErclabError, match="split has no dialogue"):
        erc.run("linear", corpus, folder=tmp_path)


@pytest.mark.parametrize(("arguments", "said"), [
    ((0,), "0 fresh dialogues"), ((2.5,), "2.5 fresh dialogues"), ((True,), "True fresh dialogues"),
    ((5, -1), "the corpus seed -1"), ((5, "x"), "the corpus seed 'x'"),
])
def test_mistakes_are_one_line(tiny, arguments, said):
    with pytest.raises(UsageError, match=said):
        simulated.fresh(tiny, *arguments)


def test_only_a_simulated_corpus_has_more_dialogues(tiny):
    from dataclasses import replace

    for other in (replace(tiny, name="meld"), replace(tiny, source="elsewhere"), "simulated"):
        with pytest.raises(UsageError, match="is not simulated"):
            simulated.fresh(other)
    for dialogues in ((0, 0, 0), (1, -1, 1)):
        with pytest.raises(UsageError, match="dialogues"):
            simulated.generate("tiny", dialogues=dialogues)
