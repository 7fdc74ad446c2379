"""bc-LSTM against one dialogue at a time, step by step, and what padding does to the authors' batches."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from reference_bclstm import ReferenceBCLSTM

from erclab import models
from erclab.contracts.batches import random_dialogues, shake, take, widen, with_garbage
from erclab.core.errors import UsageError
from erclab.models.bclstm import BCLSTM

DIMS = {"text": 6, "audio": 4, "visual": 2}
LENGTHS = (4, 7, 1)


def made(seed=0, **changes):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        config = BCLSTM.tiny(**{"layers": 2, "attention": True, "dropout": 0.0, **changes})  # of the later code
        return shake(BCLSTM(config), seed).double().eval()


def logits(model, batch):
    with torch.no_grad():
        return model(batch).logits


@pytest.mark.parametrize("dims", [tuple(DIMS.items()), (("visual", 2), ("text", 6))], ids=["three", "two"])
@pytest.mark.parametrize("read_padding", [False, True], ids=["alone", "padded"])
@pytest.mark.parametrize("changes", [
    {}, {"attention": False}, {"bidirectional": False}, {"bidirectional": False, "attention": False},
    {"bidirectional": False, "causal": True}, {"layers": 1}, {"layers": 3, "speakers": 9}], ids=str)
def test_equals_the_loop_by_hand(changes, read_padding, dims):
    model, batch = made(dims=dims, read_padding=read_padding, **changes), random_dialogues(DIMS, 5, 2, LENGTHS)
    reference = ReferenceBCLSTM({name: p.numpy() for name, p in model.state_dict().items()},
                                causal=model.config.causal)
    with torch.no_grad():
        output = model(batch, attention=True)
    assert set(output.attention) == ({"dialogue"} if model.config.attention else set())
    for b, n in enumerate(LENGTHS):
        turns = np.hstack([batch.features[m][b, :None if read_padding else n].numpy() for m, _ in dims])
        expected, weights = reference.dialogue(list(turns), n)
        np.testing.assert_allclose(output.logits[b, :n], expected, rtol=0, atol=1e-12)
        if model.config.attention:
            found = output.attention["dialogue"]
            assert found.shape == (3, 1, 7, 7)
            np.testing.assert_allclose(found[b, 0, :n, :n], weights, rtol=0, atol=1e-12)
            assert not found[b, :, :, n:].any()


# What depends on padding


def test_a_dialogue_is_read_by_itself():
    model, batch = made(), random_dialogues(DIMS, 5, 2, LENGTHS)
    for other in (with_garbage(batch, 5, 2), widen(batch, 3), with_garbage(widen(batch, 3), 5, 2)):
        torch.testing.assert_close(logits(model, other)[:, :7][batch.mask], logits(model, batch)[batch.mask], rtol=0,
                                   atol=1e-12)


def test_the_authors_batches_are_read_with_their_padding():
    """Forward and backward: the longest dialogue keeps its result, all turns of the others change."""
    packed, padded = (made(read_padding=p) for p in (False, True))
    batch = random_dialogues(DIMS, 5, 2, LENGTHS)
    gap = (logits(padded, batch) - logits(packed, batch)).abs().amax(-1)
    assert gap[1].max() < 1e-12
    assert gap[0, :4].min() > 1e-6 and gap[2, 0] > 1e-6
    alone = logits(padded, take(batch, [0], 4))
    torch.testing.assert_close(alone[0], logits(packed, batch)[0, :4], rtol=0, atol=1e-12)
    # How much padding there is matters, not what stands in it.
    assert torch.equal(logits(padded, with_garbage(batch, 5, 2))[batch.mask], logits(padded, batch)[batch.mask])


def test_padding_does_not_matter_where_nothing_is_read_backwards():
    packed, padded = (made(read_padding=p, bidirectional=False) for p in (False, True))
    batch = random_dialogues(DIMS, 5, 2, LENGTHS)
    torch.testing.assert_close(logits(packed, batch)[batch.mask], logits(padded, batch)[batch.mask], rtol=0, atol=1e-12)


@pytest.mark.parametrize("read_padding", [False, True])
def test_not_even_nan_in_padding_matters(read_padding):
    model, batch = made(read_padding=read_padding), random_dialogues(DIMS, 5, 2, LENGTHS)
    fouled = replace(batch, features={m: x.masked_fill(~batch.mask[..., None], torch.nan)
                                      for m, x in batch.features.items()})
    assert torch.equal(logits(model, fouled)[batch.mask], logits(model, batch)[batch.mask])
    model.loss(model(fouled), fouled).total.backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


# Switches


@pytest.mark.parametrize(("changes", "sees_later"), [
    ({}, True), ({"attention": False}, True), ({"bidirectional": False}, True),
    ({"bidirectional": False, "attention": False}, False), ({"bidirectional": False, "causal": True}, False)])
def test_who_sees_what_comes_later(changes, sees_later):
    model, batch = made(**changes), random_dialogues(DIMS, 5, 2, (6, 6))
    later = {m: x + (torch.arange(6) >= 4)[:, None] for m, x in batch.features.items()}
    gap = (logits(model, replace(batch, features=later)) - logits(model, batch))[:, :4].abs().max().item()
    assert gap > 1e-6 if sees_later else gap == 0


def test_it_does_not_know_who_speaks():
    model, batch = made(), random_dialogues(DIMS, 5, 2, LENGTHS)
    assert torch.equal(logits(model, replace(batch, speakers=1 - batch.speakers)), logits(model, batch))


def test_paper_has_one_layer_and_official_is_the_later_code():
    for corpus in ("iemocap", "meld"):
        paper = BCLSTM.paper(corpus)
        assert BCLSTM.official(corpus) == replace(paper, layers=2, attention=True, read_padding=True)
        assert (paper.layers, paper.attention, paper.read_padding, paper.bidirectional) == (1, False, False, True)


@pytest.mark.parametrize(("attention", "count"), [(True, 464_106), (False, 464_106 - 200 * 200 - 200)])
def test_parameters_of_the_authors_configuration(attention, count):
    with torch.device("meta"):
        assert models.parameter_count(BCLSTM(BCLSTM.official("iemocap", attention=attention))) == count


def test_parameters_of_the_papers_model():
    lstm = 2 * 4 * (100 * 100 + 100 * 100 + 2 * 100)  # directions, gates, weights of inputs and states, biases
    head = 200 * 100 + 100 + 100 * 6 + 6
    with torch.device("meta"):
        assert models.parameter_count(BCLSTM(BCLSTM.paper("iemocap"))) == lstm + head


@pytest.mark.parametrize(("changes", "says"), [
    ({"hidden": 0}, "hidden is 0"), ({"layers": 0}, "layers is 0"), ({"dropout": -0.1}, "dropout is -0.1"),
    ({"dims": ()}, "modalities"), ({"task": "mood"}, "mood"), ({"causal": True}, "cannot be causal")])
def test_refuses_what_makes_no_model(changes, says):
    with pytest.raises(UsageError, match=f"bc-LSTM.*{says}"):
        BCLSTM.tiny(**changes)
