"""EF-LSTM and LF-LSTM equal a naive reference, one utterance and one step at a time, and keep padding out."""

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from random_batches import alone, random_sequences, shake, take, widen, with_features, with_garbage, without

from erclab.core.errors import UsageError
from erclab.models import parameter_count
from erclab.models.fusion_lstm import EFLSTM, LFLSTM
from erclab.ops.resample import resample

DIMS = {"text": 5, "audio": 4, "visual": 3}
# Each modality is longest and shortest once; utterance 3 has no audio, utterance 4 no text.
LENGTHS = {"text": (4, 1, 2, 3, 0), "audio": (2, 6, 1, 0, 3), "visual": (3, 2, 5, 1, 2)}
SUBSETS = [c for n in (1, 2, 3) for c in combinations(DIMS, n)]
both = pytest.mark.parametrize("cls", [EFLSTM, LFLSTM])


def made(cls, modalities=tuple(DIMS), seed=0, **changes):
    dims = tuple((m, DIMS[m]) for m in modalities)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        config = cls.paper("simulated", **{"dims": dims, "outputs": 3, "hidden": 4, "head_hidden": 6, "dropout": 0.0,
                                           **changes})
        return shake(cls(config), seed).double().eval()


def sequences(modalities=tuple(DIMS), lengths=LENGTHS, seed=3):
    return random_sequences({m: DIMS[m] for m in modalities}, 3, {m: lengths[m] for m in modalities}, seed)


@pytest.fixture
def batch():
    return sequences()


# By hand


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def lstm_by_hand(weights, name, layers, directions, vectors):
    """The last layer's states at the end of each direction, side by side; 0 for a sequence without steps."""
    size = weights[f"{name}.weight_hh_l0"].shape[1]
    ends = [np.zeros(size)] * directions
    for layer in range(layers):
        ends, states = [], []
        for direction in range(directions):
            suffix = f"l{layer}" + "_reverse" * direction
            w_in, w_state, b_in, b_state = (weights[f"{name}.{part}_{suffix}"]
                                            for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
            h, c, seen = np.zeros(size), np.zeros(size), []
            for x in vectors[::-1] if direction else vectors:
                gates = w_in @ x + b_in + w_state @ h + b_state
                i, f, g, o = (gates[part * size:(part + 1) * size] for part in range(4))
                c = np.array([sigmoid(f[u]) * c[u] + sigmoid(i[u]) * math.tanh(g[u]) for u in range(size)])
                h = np.array([sigmoid(o[u]) * math.tanh(c[u]) for u in range(size)])
                seen.append(h)
            ends.append(h)
            states.append(seen[::-1] if direction else seen)
        vectors = [np.concatenate(pair) for pair in zip(*states, strict=True)]
    return np.concatenate(ends)


def pooled_by_hand(frames, steps, width):
    """Each frame lies in [j, j + 1) of a line; step i is the mean of the frames that its share of the line touches."""
    out = []
    for i in range(steps):
        start, end = i * len(frames) / steps, (i + 1) * len(frames) / steps
        touched = [x for j, x in enumerate(frames) if j + 1 > start + 1e-9 and j < end - 1e-9]
        out.append(sum(touched) / len(touched) if touched else np.zeros(width))
    return out


def by_hand(model, utterance):
    """Logits of {modality: list of frames}."""
    c = model.config
    weights = {name: x.numpy() for name, x in model.state_dict().items()}
    directions = 2 if c.bidirectional else 1
    if isinstance(model, EFLSTM):
        steps = next((len(utterance[m]) for m in c.modalities if utterance[m]), 0)
        streams = [pooled_by_hand(utterance[m], steps, DIMS[m]) for m in c.modalities]
        joined = [np.concatenate(row) for row in zip(*streams, strict=True)]
        last = lstm_by_hand(weights, "encoder", c.layers, directions, joined)
        last = last if steps else 0 * last
    else:
        last = np.concatenate([lstm_by_hand(weights, f"encoder.{m}", c.layers, directions, utterance[m])
                               for m in c.modalities])
    hidden = np.maximum(weights["classify.0.weight"] @ last + weights["classify.0.bias"], 0)
    return weights["classify.3.weight"] @ hidden + weights["classify.3.bias"]


def frames(batch):
    return [{m: [*x[b, :batch.masks[m][b].sum()].numpy()] for m, x in batch.features.items()}
            for b in range(len(batch))]


@both
@pytest.mark.parametrize("subset", SUBSETS, ids="+".join)
@pytest.mark.parametrize("changes", [{}, {"layers": 2, "bidirectional": False}, {"layers": 2}], ids=str)
def test_equals_the_reference(cls, subset, changes):
    model, batch = made(cls, subset, **changes), sequences(subset)
    want = [by_hand(model, utterance) for utterance in frames(batch)]
    np.testing.assert_allclose(model(batch).logits.detach().numpy(), want, rtol=0, atol=1e-12)


@both
def test_equals_the_reference_in_another_order(cls):
    model, batch = made(cls, ("audio", "visual", "text")), sequences()
    want = [by_hand(model, utterance) for utterance in frames(batch)]
    np.testing.assert_allclose(model(batch).logits.detach().numpy(), want, rtol=0, atol=1e-12)


# Resampling


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 5, 7, 12])
def test_resample(steps):
    """Fewer, as many, and more steps than frames."""
    frames = torch.tensor([7, 3, 1, 0])
    mask = torch.arange(7) < frames[:, None]
    x = torch.randn(4, 7, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = resample(x, mask, torch.full((4,), steps), 12)
    for row, own, n in zip(found, x, frames.tolist(), strict=True):
        want = np.reshape(pooled_by_hand([*own[:n].numpy()], steps, 2), (steps, 2))
        np.testing.assert_allclose(row[:steps], want, rtol=0, atol=1e-12)
        assert not row[steps:].any()


def test_aligned_sequences_stay_exactly_as_they_are():
    batch = sequences(lengths=dict.fromkeys(DIMS, (4, 1, 3)))
    model, seen = made(EFLSTM), []
    for m in DIMS:
        mask = batch.masks[m]
        assert torch.equal(resample(batch.features[m], mask, mask.sum(1), 4), batch.features[m])
    model.input_dropout.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model(batch)
    assert torch.equal(seen[0], torch.cat([batch.features[m] for m in DIMS], -1))


# Padding and absence


@both
def test_padding_and_neighbours_change_nothing(cls, batch):
    model = made(cls)
    base = model(batch).logits
    for other in (with_garbage(batch), with_garbage(widen(batch, 3)), with_garbage(widen(batch, 2, ["audio"]))):
        torch.testing.assert_close(model(other).logits, base, rtol=0, atol=1e-12)
    torch.testing.assert_close(model(take(batch, [3, 1, 0])).logits, base[[3, 1, 0]], rtol=0, atol=1e-12)
    for i in range(len(batch)):
        torch.testing.assert_close(model(alone(batch, i)).logits[0], base[i], rtol=0, atol=1e-12)


@both
def test_not_even_nan_comes_through_the_padding(cls, batch):
    model, results = made(cls), []
    fouled = replace(batch, features={m: x.masked_fill(~batch.masks[m][..., None], torch.nan)
                                      for m, x in batch.features.items()})
    for b in (batch, fouled):
        model.zero_grad()
        logits = model(b).logits
        logits.square().sum().backward()
        results.append([logits, *(p.grad.clone() for p in model.parameters())])
    for clean, found in zip(*results, strict=True):
        torch.testing.assert_close(found, clean, rtol=0, atol=1e-12)


@both
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_finite_without_modalities_and_on_single_steps(cls, batch, dtype):
    nothing = without(without(without(batch, 1, "text"), 1, "audio"), 1, "visual")
    single = random_sequences(DIMS, 3, dict.fromkeys(DIMS, (1,)))
    for b in (nothing, take(nothing, [1]), single):
        b = with_features(b, lambda x: x.to(dtype))
        model = made(cls, dropout=0.5, layers=2).to(dtype).train()
        losses = model.loss(model(b), b)
        losses.total.backward()
        assert losses.total.isfinite() and losses.total.dtype == dtype
        assert all(p.grad.isfinite().all() for p in model.parameters())


@both
def test_an_utterance_without_anything_is_the_head_of_zeros(cls, batch):
    nothing = with_garbage(without(without(without(batch, 1, "text"), 1, "audio"), 1, "visual"))
    model = made(cls)
    zeros = torch.zeros(model.classify[0].in_features, dtype=torch.float64)
    torch.testing.assert_close(model(nothing).logits[1], model.classify(zeros))


@both
def test_input_dropout_takes_features_away_in_training_alone(cls, batch):
    seen = []
    model = made(cls, input_dropout=0.5)
    assert torch.equal(model(batch).logits, made(cls)(batch).logits)
    model.train().input_dropout.register_forward_hook(lambda _, inputs, out: seen.append((inputs[0], out)))
    model(batch)
    assert len(seen) == (1 if cls is EFLSTM else 3)
    for before, after in seen:
        assert ((after == 0) | torch.isclose(after, 2 * before)).all() and not torch.equal(after, 2 * before)


@both
def test_half_precision(cls, batch):
    batch, model = with_features(batch, lambda x: x.float()), made(cls).float()
    exact = model(batch).logits
    with torch.autocast("cpu", torch.bfloat16):
        coarse = model(batch).logits.float()
    assert coarse.isfinite().all() and (coarse - exact).abs().max() < 0.05 * (1 + exact.abs().max())


# Sizes, dropout, refusals


@pytest.mark.parametrize(("cls", "number"), [(LFLSTM, 1_241_801), (EFLSTM, 763_081)])
def test_parameter_count(cls, number):
    """1.24 M are published for LF-LSTM, nothing for EF-LSTM."""
    with torch.device("meta"):
        assert parameter_count(cls(cls.paper("mosei"))) == number
    assert cls.official("mosei") == cls.paper("mosei")


@both
@pytest.mark.parametrize("layers", [1, 2])
def test_dropout_only_in_training(cls, layers, batch):
    model = made(cls, dropout=0.5, layers=layers)
    assert torch.equal(model(batch).logits, model(batch).logits)
    model.train()
    assert not torch.equal(model(batch).logits, model(batch).logits)


@both
def test_dropout_between_the_layers_of_an_lstm(cls, batch):
    model = made(cls, dropout=0.5, layers=2).train()
    model.classify[2].p = 0.0
    assert not torch.equal(model(batch).logits, model(batch).logits)


@both
def test_no_attention(cls, batch):
    model = made(cls)
    assert model(batch).attention is None and model(batch, attention=True).attention == {}


@both
@pytest.mark.parametrize("changes", [{"hidden": 0}, {"layers": 0}, {"head_hidden": 0}, {"dropout": 1.0}, {"dims": ()},
                                     {"task": "mood"}], ids=str)
def test_refuses(cls, changes):
    with pytest.raises(UsageError) as caught:
        cls.tiny(**changes)
    assert "\n" not in str(caught.value)


@both
def test_refuses_a_batch_without_its_modality(cls, batch):
    with pytest.raises(UsageError, match="audio"):
        made(cls)(replace(batch, features={"text": batch.features["text"]}))
