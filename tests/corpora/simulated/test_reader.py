"""Corpus seeds and settings of the world as options of a reader."""

import numpy as np
import pytest

import erclab as erc
from erclab import corpora, runs
from erclab.core.errors import UsageError
from erclab.corpora import cache, simulated

SMALL = {"dialogues": (3, 2, 2), "turns": (2, 3, 4)}


def test_a_corpus_seed_gives_other_dialogues_of_the_same_world(tiny):
    other = erc.load("simulated-tiny", seed=7)
    assert other.name == tiny.name and other.fingerprint != tiny.fingerprint
    assert erc.load("simulated-tiny", seed=0).fingerprint == tiny.fingerprint
    assert list(other.table["text"]) != list(tiny.table["text"])
    ours, theirs = (simulated.world_behind(c) for c in (tiny, other))
    assert (ours.settings.seed, theirs.settings.seed) == (0, 7)
    for m in tiny.modalities:
        np.testing.assert_array_equal(ours.prototypes(m), theirs.prototypes(m))


def test_the_world_behind_is_the_one_that_was_asked_for_also_after_an_import(tmp_path):
    asked = {**SMALL, "persistence": 0.4, "dims": [20, 18, 22]}
    made = erc.load("simulated", seed=7, world=asked)
    assert made.dims == {"text": 20, "audio": 18, "visual": 22} and set(made.frames) == set(made.dims)
    kept = cache.open(cache.save(made, tmp_path / "kept"))
    for corpus in (made, kept, made.select(made.rows("test"))):
        found = simulated.world_behind(corpus).settings
        assert (found.seed, found.persistence, found.dims) == (7, 0.4, (20, 18, 22))


def test_ids_of_runs_differ_between_corpus_seeds_and_worlds(tiny):
    others = [erc.load("simulated-tiny", seed=7), erc.load("simulated-tiny", world={"persistence": 0.4})]
    assert len({runs.plan("linear", c)[0].id for c in (tiny, *others)}) == 3


@pytest.mark.parametrize(("options", "said"), [
    ({"world": {"persistance": 0.4}}, "unknown setting of a simulated world 'persistance'. Did you mean 'persistence'"),
    ({"world": {"seed": 4}}, "the seed is no setting of the world"),
    ({"world": {"persistence": "much"}}, "persistence = 'much' is not a number"),
    ({"world": {"persistence": 1.5}}, "persistence = 1.5 is not in"),
    ({"world": {"offset": float("inf")}}, "must be finite numbers"),
    ({"world": {"strength": (1.0, float("nan"), 1.0)}}, "must be finite numbers"),
    ({"world": [0.4]}, "not names and values"),
    ({"world": {1: 2}}, "unknown setting of a simulated world '1'"),
    ({"seed": -1}, "the corpus seed -1 is not a whole number from 0"),
    ({"seed": 2**32}, "the corpus seed 4294967296 is not a whole number"),
    ({"seed": True}, "the corpus seed True"),
    ({"seed": "7"}, "the corpus seed '7'"),
])
def test_mistakes_are_one_line_that_names_the_option(options, said):
    with pytest.raises(UsageError) as caught:
        corpora.load("simulated-tiny", **options)
    assert said in str(caught.value) and "\n" not in str(caught.value)
    assert str(caught.value).startswith(("--world: ", "--corpus-seed: "))


def test_other_corpora_take_neither(tmp_path):
    with pytest.raises(UsageError, match=r"the corpus 'table' takes no world\. It is for simulated, "):
        corpora.load("table", tmp_path, world={"persistence": 0.4})
