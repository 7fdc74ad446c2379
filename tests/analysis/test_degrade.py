"""Missing and noisy modalities: as many and as much as asked, where asked, the same for an utterance wherever it is."""

from dataclasses import fields, replace

import pytest
import torch
from torch import Tensor

from erclab.analysis.degrade import KINDS, degrade, deviation
from erclab.contracts.batches import random_dialogues, random_sequences, take, widen
from erclab.core.batches import DialogueBatch, SequenceBatch
from erclab.core.errors import UsageError
from erclab.models.sdt.model import SDT

DIMS = {"text": 6, "audio": 4, "visual": 3}
SCALE = torch.tensor([0.5, 1.0, 2.0, 0.0], dtype=torch.float64)
MANY = 40  # dialogues of 50 turns


@pytest.fixture
def dialogues():
    return random_dialogues(DIMS, 5, 2, (5, 3, 1))


@pytest.fixture(scope="module")
def sequences():
    return random_sequences(DIMS, 5)


@pytest.fixture(scope="module")
def many():
    return random_dialogues(DIMS, 5, 2, (50,) * MANY)


def worse(batch, rate, kind, modality="audio", **more):
    return degrade(batch, modality, rate, kind, deviation=SCALE if kind == "noise" else None, **more)


def lost(batch, rate, modality="audio", seed=0):
    """bool per utterance: whether its vector is gone."""
    x = degrade(batch, modality, rate, seed=seed).features[modality]
    return (x == 0).all(-1)[batch.mask]


def parts(batch):
    """name -> tensor, of everything in a batch."""
    found = {}
    for f in fields(batch):
        value = getattr(batch, f.name)
        found |= {f"{f.name}.{m}": x for m, x in value.items()} if isinstance(value, dict) else {f.name: value}
    return {name: x for name, x in found.items() if isinstance(x, Tensor)}


def same(left, right, but=()):
    left, right = parts(left), parts(right)
    assert left.keys() == right.keys()
    different = {name for name in left if not torch.equal(left[name], right[name])}
    assert different == set(but)


# What changes, and what does not


@pytest.mark.parametrize("kind", KINDS)
def test_rate_zero_is_the_batch_itself(kind, dialogues, sequences):
    same(worse(dialogues, 0.0, kind), dialogues)
    same(worse(sequences, 0.0, kind), sequences)


def test_everything_missing(dialogues, sequences):
    found = worse(dialogues, 1.0, "missing")
    same(found, dialogues, ["features.audio"])
    assert not found.features["audio"].any()
    found = worse(sequences, 1.0, "missing")
    same(found, sequences, ["features.audio", "masks.audio"])
    assert not found.features["audio"].any() and not found.masks["audio"].any()


@pytest.mark.parametrize("kind", KINDS)
def test_the_batch_that_was_given_stays(kind, dialogues, sequences):
    for batch in (dialogues, sequences):
        before = {name: x.clone() for name, x in parts(batch).items()}
        assert not torch.equal(worse(batch, 1.0, kind).features["audio"], before["features.audio"])
        assert all(torch.equal(x, before[name]) for name, x in parts(batch).items())


def test_an_utterance_is_missing_as_a_whole_or_not_at_all(many, sequences):
    x, y = many.features["audio"], worse(many, 0.4, "missing").features["audio"]
    gone = lost(many, 0.4)
    assert torch.equal(y[many.mask][~gone], x[many.mask][~gone]) and not y[many.mask][gone].any()
    for seed in range(20):
        found = worse(sequences, 0.5, "missing", seed=seed)
        for before, after in zip(sequences.masks["audio"], found.masks["audio"], strict=True):
            assert torch.equal(after, before) or not after.any()
        assert not found.features["audio"][~found.masks["audio"]].any()


def test_noise_is_where_there_is_something(dialogues, sequences):
    found = worse(dialogues, 1.0, "noise")
    same(found, dialogues, ["features.audio"])
    moved = (found.features["audio"] - dialogues.features["audio"]) != 0
    assert torch.equal(moved, dialogues.mask[..., None] & (SCALE > 0))
    found = worse(sequences, 1.0, "noise")
    same(found, sequences, ["features.audio"])
    moved = (found.features["audio"] - sequences.features["audio"]) != 0
    assert torch.equal(moved, sequences.masks["audio"][..., None] & (SCALE > 0))


def test_lost_text_takes_its_words_along(many):
    words = torch.arange(MANY * 50 * 4).view(MANY, 50, 4) % 7
    batch = replace(many, tokens=words)
    found, gone = degrade(batch, "text", 0.5), lost(batch, 0.5, "text")
    assert (found.tokens[batch.mask][gone] == -1).all() and torch.equal(found.tokens[batch.mask][~gone],
                                                                        words[batch.mask][~gone])
    same(worse(batch, 0.5, "missing"), batch, ["features.audio"])
    assert degrade(many, "text", 1.0).tokens is None


# How much


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_rate_is_the_share_that_is_missing(rate, many):
    assert abs(lost(many, rate).double().mean() - rate) < 0.04  # 2,000 utterances: 3.6 deviations at 0.5


@pytest.mark.parametrize("rate", [0.25, 2.0])
def test_rate_is_the_deviation_of_the_noise(rate, many):
    noise = (worse(many, rate, "noise").features["audio"] - many.features["audio"])[many.mask]
    torch.testing.assert_close(noise.std(0), rate * SCALE, rtol=0.06, atol=1e-12)
    assert (noise.mean(0).abs() <= 0.1 * rate * SCALE).all()
    assert torch.corrcoef(noise[:, :3].T).triu(1).abs().max() < 0.1  # features apart
    assert torch.corrcoef(noise[:, 0].view(2, -1)).triu(1).abs().max() < 0.1  # utterances apart


def test_a_higher_rate_loses_the_same_and_more(many):
    few, more = lost(many, 0.2), lost(many, 0.6)
    assert (more | ~few).all() and more.sum() > few.sum()
    x = many.features["audio"]
    low, high = (worse(many, rate, "noise").features["audio"] - x for rate in (0.5, 1.5))
    torch.testing.assert_close(high, 3 * low, rtol=1e-9, atol=1e-12)


def test_modalities_seeds_and_kinds_are_independent(many):
    audio, visual, other = lost(many, 0.5), lost(many, 0.5, "visual"), lost(many, 0.5, seed=1)
    for b in (visual, other):
        assert abs((audio & b).double().mean() - 0.25) < 0.04
    both = degrade(degrade(many, "audio", 0.5), "visual", 0.5)
    other_way = degrade(degrade(many, "visual", 0.5), "audio", 0.5)
    same(both, other_way)
    # Those that a rate keeps have no other noise than those that it loses.
    noise = (worse(many, 1.0, "noise").features["audio"] - many.features["audio"])[many.mask]
    assert (noise[audio].mean(0) - noise[~audio].mean(0)).abs().max() < 0.2


# The same for an utterance wherever it is


def test_the_draws_are_these(dialogues):
    """Pinned: a curve over rates must be the same next year."""
    assert lost(dialogues, 0.5).int().tolist() == [0, 1, 1, 0, 0, 0, 0, 1, 1]
    noise = worse(dialogues, 1.0, "noise", seed=3).features["audio"] - dialogues.features["audio"]
    assert noise[0, 0, :3].tolist() == pytest.approx([0.3563543963, -1.4189351040, -1.4350938150], abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_neither_batch_nor_order_nor_padding_matters(kind, dialogues, sequences):
    for batch in (dialogues, sequences):
        whole = worse(batch, 0.5, kind)
        same(worse(take(batch, [2, 0]), 0.5, kind), take(whole, [2, 0]))
        same(worse(widen(batch, 3), 0.5, kind), widen(whole, 3))


@pytest.mark.parametrize("kind", KINDS)
def test_other_modalities_do_not_matter(kind, many):
    alone = replace(many, features={"audio": many.features["audio"]})
    assert torch.equal(worse(alone, 0.5, kind).features["audio"], worse(many, 0.5, kind).features["audio"])


def test_float32_gets_the_same_noise(dialogues):
    single = replace(dialogues, features={m: x.float() for m, x in dialogues.features.items()})
    found, want = (worse(b, 0.5, "noise").features["audio"] for b in (single, dialogues))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, want.float(), rtol=0, atol=1e-6)


# The features' own deviation


def test_deviation_is_over_everything_in_all_batches(sequences):
    batches = [random_dialogues(DIMS, 5, 2, lengths, seed) for seed, lengths in enumerate([(5, 3, 1), (1,), (4, 4)])]
    batches = [replace(b, features=b.features | {"audio": 1e4 * b.mask[..., None] + b.features["audio"] * 2})
               for b in batches]
    every = torch.cat([b.features["audio"][b.mask] for b in batches])
    torch.testing.assert_close(deviation(batches, "audio"), every.std(0, correction=0), rtol=1e-9, atol=0)
    frames = sequences.features["visual"][sequences.masks["visual"]]
    torch.testing.assert_close(deviation([sequences], "visual"), frames.std(0, correction=0), rtol=1e-9, atol=0)


def test_deviation_of_nothing(sequences):
    empty = worse(sequences, 1.0, "missing")
    torch.testing.assert_close(deviation([empty, sequences, empty], "audio"), deviation([sequences], "audio"))
    with pytest.raises(UsageError, match="no audio"):
        deviation([empty], "audio")
    with pytest.raises(UsageError, match="no audio"):
        deviation([], "audio")


def test_a_model_bears_it(dialogues):
    model = SDT(SDT.tiny(dims=tuple(DIMS.items()))).double().eval()
    base = model(dialogues).logits
    for kind in KINDS:
        found = model(worse(dialogues, 0.7, kind)).logits
        assert found.isfinite().all() and not torch.equal(found, base)


# What is refused


@pytest.mark.parametrize(("arguments", "says"), [
    (("smell", 0.5), "smell"), (("audio", 0.5, "drunk"), "drunk"), (("audio", -0.1), "-0.1"), (("audio", 1.1), "1.1"),
    (("audio", float("nan")), "nan"), (("audio", -1.0, "noise"), "-1.0"), (("audio", 0.5, "noise"), "4 features")],
    ids=str)
def test_refuses(arguments, says, dialogues):
    with pytest.raises(UsageError) as caught:
        degrade(dialogues, *arguments)
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_refuses_a_deviation_of_other_features_and_noise_in_words(dialogues):
    with pytest.raises(UsageError, match="4 features"):
        degrade(dialogues, "audio", 0.5, "noise", deviation=SCALE[:3])
    spoken = replace(dialogues, tokens=torch.zeros(*dialogues.shape, 2, dtype=torch.int64))
    with pytest.raises(UsageError, match="words"):
        degrade(spoken, "text", 0.5, "noise", deviation=torch.ones(6))


def test_the_two_views_are_told_apart(dialogues, sequences):
    assert type(worse(dialogues, 0.5, "missing")) is DialogueBatch
    assert type(worse(sequences, 0.5, "missing")) is SequenceBatch
