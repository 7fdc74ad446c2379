"""bc-LSTM against one dialogue at a time, step by step, and what padding does to the authors' batches."""

import numpy as np
import pytest
import torch

from erclab import models
from erclab.batches import DialogueBatch
from erclab.contracts.batches import random_dialogues
from erclab.models.bclstm import BCLSTM

LENGTHS = (7, 4, 1)


def made(seed=0, **changes):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return BCLSTM(BCLSTM.tiny(dims=(("text", 6),), **changes)).double().eval()


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_by_hand(x, state, layer, suffix):
    """One direction of one layer over (T, D), step by step; gates in the order i, f, g, o."""
    w, u, b, c = (state[f"lstm.{name}_l{layer}{suffix}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    H = u.shape[1]
    h, cell, out = np.zeros(H), np.zeros(H), []
    for step in x:
        i, f, g, o = np.split(w @ step + b + u @ h + c, 4)
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(cell)
        out.append(h)
    return np.array(out)


def by_hand(model, x, length):
    """Logits of one dialogue (T, D), of which `length` turns are real; the LSTM reads all T of them."""
    state = {name: p.detach().numpy() for name, p in model.state_dict().items()}
    for layer in range(model.config.layers):
        parts = [lstm_by_hand(x, state, layer, "")]
        if model.config.bidirectional:
            parts.append(lstm_by_hand(x[::-1], state, layer, "_reverse")[::-1])
        x = np.hstack(parts)
    x = x[:length]
    if model.config.attention:
        attended = []
        for query in x:
            scores = np.tanh([(state["match.weight"] @ query + state["match.bias"]) @ key for key in x])
            weights = np.exp(scores) / np.exp(scores).sum()
            attended.append(sum(w * key for w, key in zip(weights, x, strict=True)))
        x = np.array(attended)
    hidden = np.maximum(x @ state["head.0.weight"].T + state["head.0.bias"], 0)
    return hidden @ state["head.3.weight"].T + state["head.3.bias"]


@pytest.mark.parametrize("read_padding", [False, True])
@pytest.mark.parametrize("attention", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_equals_the_loop_by_hand(bidirectional, attention, read_padding):
    model = made(bidirectional=bidirectional, attention=attention, read_padding=read_padding)
    batch = random_dialogues({"text": 6}, 5, 2, LENGTHS)
    with torch.no_grad():
        logits = model(batch).logits.numpy()
    for b, length in enumerate(LENGTHS):
        x = batch.features["text"][b].numpy()
        expected = by_hand(model, x if read_padding else x[:length], length)
        np.testing.assert_allclose(logits[b, :length], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("changes", "depends"), [({}, False), ({"read_padding": True}, True)])
def test_the_longest_dialogue_of_a_batch_matters_in_the_authors_code_only(changes, depends):
    model, batch = made(**changes), random_dialogues({"text": 6}, 5, 2, LENGTHS)
    one = DialogueBatch({"text": batch.features["text"][1:2, :4]}, *(x[1:2, :4] for x in (
        batch.mask, batch.speakers, batch.labels, batch.rows)))
    with torch.no_grad():
        gap = (model(batch).logits[1, :4] - model(one).logits[0]).abs().max().item()
    assert gap > 1e-4 if depends else gap < 1e-12


def test_sc_lstm_is_causal():
    model, batch = made(bidirectional=False, attention=False), random_dialogues({"text": 6}, 5, 2, (6, 6))
    later = batch.features["text"].clone()
    later[:, 4:] += 1
    with torch.no_grad():
        after = model(DialogueBatch({"text": later}, batch.mask, batch.speakers, batch.labels, batch.rows)).logits
        assert torch.equal(model(batch).logits[:, :4], after[:, :4])


def test_parameters_of_the_authors_configuration():
    with torch.device("meta"):
        assert models.parameter_count(BCLSTM(BCLSTM.official("iemocap"))) == 464_106
