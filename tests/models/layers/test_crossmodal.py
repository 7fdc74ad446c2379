"""The crossmodal transformer against its naive reference; its masks, its fused kernel, its dropouts."""

import math
from itertools import product

import numpy as np
import pytest
import torch
from reference_mult import ReferenceCrossmodal, position_vector
from torch import nn

from erclab.contracts.batches import shake
from erclab.models.layers import crossmodal
from erclab.models.layers.crossmodal import Attention, CrossmodalTransformer, Dropouts, positions
from erclab.ops import attention
from erclab.ops.masks import last_step

NONE = Dropouts(0.0, 0.0, 0.0, 0.0)
WIDTH, HEADS, LAYERS = 6, 2, 2
TARGET, SOURCE = (5, 3, 1, 4), (3, 7, 2, 0)  # longer, shorter; one step; a source without any step


@pytest.fixture(autouse=True, params=["blocks", "whole"])
def _in_blocks_or_whole(request, monkeypatch):
    """Sequences as short as these are never cut into blocks unless one insists."""
    monkeypatch.setattr(attention, "LEAST", 0 if request.param == "blocks" else math.inf)


def made(dropouts=NONE, seed=0, width=WIDTH, heads=HEADS, **switches):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return shake(CrossmodalTransformer(width, heads, LAYERS, dropouts, **switches), seed=1).double().eval()


def sequences(lengths, seed=0, width=WIDTH):
    """Random steps with large numbers where there are none, and the mask."""
    rng = torch.Generator().manual_seed(seed)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    x = torch.randn(*mask.shape, width, generator=rng, dtype=torch.float64)
    return torch.where(mask[..., None], x, 1e4 * x), mask


def by_hand(model, **switches):
    return ReferenceCrossmodal({n: p.numpy() for n, p in model.state_dict().items()}, "", width=model.width,
                               heads=HEADS, layers=LAYERS, **switches)


@pytest.mark.parametrize(("future_mask", "self_attention"), [*product((False, True), (False, True))])
def test_equals_the_reference_one_sample_at_a_time(future_mask, self_attention):
    model = made(future_mask=future_mask)
    reference = by_hand(model, future_mask=future_mask)
    (target, target_mask), (source, source_mask) = sequences(TARGET), sequences(SOURCE, seed=1)
    with torch.no_grad():
        x, weights = model(target, None, target_mask) if self_attention else model(target, source, target_mask,
                                                                                  source_mask)
    assert weights.shape == (4, LAYERS, HEADS, 5, 5 if self_attention else 7)
    for i, (n, m) in enumerate(zip(TARGET, TARGET if self_attention else SOURCE, strict=True)):
        other = None if self_attention else source[i, :m].numpy()
        want, want_weights = reference(target[i, :n].numpy(), other)
        # The model's table of positions is float32.
        np.testing.assert_allclose(x[i, :n].numpy(), want, rtol=0, atol=2e-6)
        np.testing.assert_allclose(weights[i, :, :, :n, :m].numpy(), want_weights, rtol=0, atol=2e-6)
        assert not weights[i, :, :, :, m:].any()


def test_the_future_mask_reaches_as_far_as_the_lengths_differ():
    model = made(future_mask=True)
    (target, target_mask), (source, source_mask) = sequences((5, 3)), sequences((3, 7), seed=1)
    with torch.no_grad():
        _, weights = model(target, source, target_mask, source_mask)
    seen = weights[:, 0, 0] > 0
    for b, (n, m) in enumerate(((5, 3), (3, 7))):
        for i, j in product(range(n), range(m)):
            assert seen[b, i, j] == (j <= i + abs(n - m)), (b, i, j)


@pytest.mark.parametrize("width", [1, 2, 3, 6, 7, 10])
def test_positions(width):
    table = positions(9, width)
    assert table.shape == (9, width)
    want = np.array([position_vector(place, width) for place in range(1, 10)])
    np.testing.assert_allclose(table.numpy(), want, rtol=0, atol=1e-6)


def test_a_device_gets_the_cpus_positions_once():
    """A table that evaluation was first to use serves training, too."""
    with torch.inference_mode():
        kept = crossmodal._kept(5, 6, crossmodal.CPU)
    assert kept is crossmodal._kept(5, 6, crossmodal.CPU) and not kept.is_inference()
    assert kept.equal(positions(5, 6))
    meta = torch.device("meta")
    assert positions(5, 6, meta) is positions(5, 6, meta)
    torch.func.grad(lambda x: (x * positions(5, 6, meta)).sum())(torch.ones(5, 6, device=meta))
    assert positions(4, 6, meta).shape == (4, 6)  # none of a transform is kept


@pytest.mark.parametrize("silent", [False, True])
def test_zero_frames_have_no_position_if_so_said(silent):
    model = made(zeros_have_no_position=silent)
    x = torch.ones(1, 3, WIDTH, dtype=torch.float64)
    x[0, 1] = 0
    with torch.no_grad():
        embedded = model.embed(x, torch.ones(1, 3, dtype=torch.bool))
    assert (embedded[0, 1] == 0).all() == silent
    assert (embedded[0, 0] != 0).any() and not torch.equal(embedded[0, 0], embedded[0, 2])
    np.testing.assert_allclose(embedded[0].numpy(), by_hand(model, zeros_have_no_position=silent).embed(x[0].numpy()),
                               rtol=0, atol=1e-6)


def test_steps_that_do_not_exist_have_no_position():
    x, mask = sequences((3, 1))
    found = made().embed(x, mask)
    torch.testing.assert_close(found[1, 1:], WIDTH**0.5 * x[1, 1:], rtol=0, atol=0)


# The fused kernel and the explicit weights


@pytest.mark.parametrize("training", [False, True])
def test_asking_for_the_weights_changes_nothing(training):
    model = made(Dropouts(0.3, 0.3, 0.3, 0.3) if training else NONE).train(training)
    (target, target_mask), (source, source_mask) = sequences(TARGET), sequences(SOURCE, seed=1)
    found = []
    for ask in (False, True):
        torch.manual_seed(3)
        x, weights = model(target, source, target_mask, source_mask, attention=ask)
        assert (weights is not None) == ask
        found.append(x)
    if training:  # with dropout the weights take another path
        torch.testing.assert_close(*found, rtol=0, atol=1e-12)
    else:
        assert torch.equal(*found)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_fused_kernel_gives_what_the_weights_give(dtype):
    """Outputs and gradients, also where a query keeps nothing: an attention dropout of next to nothing leaves the
    fused kernel, and drops nothing out."""
    (query, _), (memory, mask) = sequences(TARGET), sequences(SOURCE, seed=1)
    query, memory = query.to(dtype).requires_grad_(), memory.to(dtype).requires_grad_()
    keep = mask[:, None, :].expand(-1, 5, -1).clone()
    keep[0, 2] = False
    found = []
    for rate in (0.0, 1e-12):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            attention = shake(Attention(WIDTH, HEADS, rate)).to(dtype).train()
        out, weights = attention(query, memory, keep)
        out.square().sum().backward()
        by_weights = attention.out((weights @ values(attention, memory)).transpose(1, 2).flatten(2))
        torch.testing.assert_close(out, by_weights)
        assert not weights[0, :, 2].any() and not weights[3].any()
        found.append([out.detach(), weights.detach(), query.grad.clone(), memory.grad.clone(),
                      *(p.grad for p in attention.parameters())])
        query.grad = memory.grad = None
    for fused, explicit in zip(*found, strict=True):
        assert fused.isfinite().all()
        # Garbage of size 1e4 where nothing is: gradients of masked steps are exactly 0 on both paths.
        torch.testing.assert_close(fused, explicit, rtol=1e-4 if dtype == torch.float32 else 1e-9, atol=1e-6)


def values(attention, memory):
    d = memory.shape[-1]
    v = nn.functional.linear(memory, attention.project.weight[2 * d:], attention.project.bias[2 * d:])
    return v.unflatten(-1, (attention.heads, -1)).transpose(1, 2)


def test_a_query_that_keeps_nothing_gets_nothing():
    attention = shake(Attention(WIDTH, HEADS, 0.0)).double()
    (query, _), (memory, mask) = sequences((2, 2)), sequences((3, 0), seed=1)
    out, weights = attention(query, memory, mask[:, None])
    assert weights.shape == (2, HEADS, 2, 3) and not weights[1].any()
    torch.testing.assert_close(out[1], attention.out.bias.expand(2, -1))


def test_separate_values():
    attention = shake(Attention(WIDTH, HEADS, 0.0)).double()
    (query, _), (keys, mask), (other, _) = sequences((2,)), sequences((3,), seed=1), sequences((3,), seed=2)
    out, weights = attention(query, keys, mask[:, None], other)
    want = attention.out((weights @ values(attention, other)).transpose(1, 2).flatten(2))
    torch.testing.assert_close(out, want)
    torch.testing.assert_close(weights, attention(query, keys, mask[:, None])[1])


def test_bfloat16_is_near():
    model = made(future_mask=True).float()
    (target, target_mask), (source, source_mask) = sequences(TARGET), sequences(SOURCE, seed=1)
    target, source = target.float(), source.float()
    for module in (model.eval(), model.train()):
        exact, weights = module(target, source, target_mask, source_mask)
        with torch.autocast("cpu", torch.bfloat16):
            coarse, rough = module(target, source, target_mask, source_mask)
        gap = (coarse.float() - exact)[target_mask].abs().max()
        assert 0 < gap < 0.02 * exact[target_mask].abs().max()
        assert (rough.float() - weights).isfinite().all()


# The last step alone


@pytest.mark.parametrize(("future_mask", "self_attention", "attention"), [*product(*3 * [(False, True)])])
def test_the_last_step_alone_is_that_of_all_steps(future_mask, self_attention, attention):
    """Also its gradients, and the attention of all steps; a target without steps gives 0."""
    model, results = made(future_mask=future_mask), []
    (target, mask), (source, source_mask) = sequences((5, 3, 1, 0)), sequences((3, 7, 2, 4), seed=1)
    inputs = (target, None, mask) if self_attention else (target, source, mask, source_mask)
    for last in (False, True):
        model.zero_grad()
        x, weights = model(*inputs, attention=attention, last=last)
        x = x if last else last_step(x, mask)
        x.square().sum().backward()
        results.append([x, *(p.grad.clone() for p in model.parameters()), *([weights] if attention else [])])
    for every, one in zip(*results, strict=True):
        torch.testing.assert_close(one, every, rtol=0, atol=1e-12)
    assert x.shape == (4, WIDTH) and not x[3].any() and (weights is not None) == attention


def test_the_last_layer_computes_the_last_step_alone():
    model, shapes = made().train(), []
    for layer in model.layers:
        layer.w1.register_forward_hook(lambda _, __, out: shapes.append(tuple(out.shape)))
    target, mask = sequences((5, 3))
    model(target, None, mask, last=True)
    assert shapes == (LAYERS - 1) * [(2, 5, 4 * WIDTH)] + [(2, 1, 4 * WIDTH)]


# Dropouts


def test_dropouts_stand_where_the_authors_have_them():
    model, shapes = made(Dropouts(0.1, 0.2, 0.3, 0.4)).train(), {}
    for name, module in model.named_modules():
        if isinstance(module, nn.Dropout):
            module.register_forward_hook(
                lambda _, __, out, name=name, rate=module.p: shapes.setdefault((name, rate), []).append(
                    tuple(out.shape)))
    (target, target_mask), (source, source_mask) = sequences((5, 3)), sequences((3, 7), seed=1)
    model(target, source, target_mask, source_mask)
    stream = (2, 5, WIDTH)
    want = {("dropout", 0.4): [stream, (2, 7, WIDTH), (2, 7, WIDTH)]}  # target, keys, values
    for n in range(LAYERS):
        want |= {(f"layers.{n}.attention.dropout", 0.1): [(2, HEADS, 5, 7)],
                 (f"layers.{n}.relu_dropout", 0.2): [(2, 5, 4 * WIDTH)],
                 (f"layers.{n}.residual_dropout", 0.3): [stream, stream]}
    assert shapes == want


def test_keys_and_values_are_dropped_out_separately():
    model, seen = made(Dropouts(0.0, 0.0, 0.0, 0.5)).train(), {}
    model.layers[0].attention.register_forward_pre_hook(lambda _, inputs: seen.update(keys=inputs[1], values=inputs[3]))
    (target, target_mask), (source, source_mask) = sequences((5,)), sequences((3,), seed=1)
    model(target, source, target_mask, source_mask)
    assert not torch.equal(seen["keys"], seen["values"])
    model.eval()(target, source, target_mask, source_mask)
    assert torch.equal(seen["keys"], seen["values"])


def test_a_sequence_that_attends_to_itself_is_dropped_out_once():
    model, seen = made(Dropouts(0.0, 0.0, 0.0, 0.5)).train(), {}
    model.layers[0].attention.register_forward_pre_hook(
        lambda _, inputs: seen.update(query=inputs[0], keys=inputs[1], values=inputs[3]))
    target, mask = sequences((5,))
    model(target, None, mask)
    assert torch.equal(seen["query"], seen["keys"]) and torch.equal(seen["query"], seen["values"])


def test_initial_values():
    """Xavier over the three projections as one matrix, biases 0, gains 1."""
    torch.manual_seed(0)
    layer = CrossmodalTransformer(40, 8, 1, NONE).layers[0]
    bounds = {"attention.project": 160, "attention.out": 80, "w1": 200, "w2": 200}
    for name, fans in bounds.items():
        linear, bound = layer.get_submodule(name), (6 / fans) ** 0.5
        assert not linear.bias.any()
        assert 0.97 * bound < linear.weight.abs().max() <= bound, name
