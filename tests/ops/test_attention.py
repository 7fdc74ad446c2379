"""Attention in blocks against attention with its weights in memory: outputs, gradients, masks, and what stays."""

import math
from contextlib import contextmanager
from itertools import product

import pytest
import torch
import torch.nn.utils.parametrize
from torch.autograd.graph import saved_tensors_hooks

from erclab.ops import attention, attention_blocks, private
from erclab.ops.attention import Attention, Projections, cut
from erclab.ops.attention_blocks import Blockwise, blocks_of
from erclab.ops.dropout import keep as kept
from erclab.ops.dropout import keyed

B, HEADS, QUERIES, KEYS, WIDTH = 4, 2, 37, 23, 8
SEEN = {
    "all": torch.ones(B, 1, KEYS, dtype=torch.bool),
    "the past": torch.ones(B, QUERIES, KEYS, dtype=torch.bool).tril(3),
    "ragged": (torch.arange(KEYS) < torch.tensor([23, 10, 0, 1])[:, None])[:, None],  # one has no key
    "any": torch.rand(B, QUERIES, KEYS, generator=torch.Generator().manual_seed(0)) > 0.5,
    "one query": torch.ones(B, 1, KEYS, dtype=torch.bool).tril(9),
    "one for all samples": torch.ones(1, QUERIES, KEYS, dtype=torch.bool).tril(),
    "one for all": torch.ones(1, 1, 1, dtype=torch.bool),
    "nothing": torch.zeros(B, QUERIES, KEYS, dtype=torch.bool),
}
SEEN["any"][1, 3] = False  # a query without keys


@pytest.fixture(autouse=True)
def _however_few(monkeypatch):
    monkeypatch.setattr(attention, "LEAST", 0)


@pytest.fixture(params=[200, attention_blocks.SCORES], ids=["blocks", "one block"])
def scores(request, monkeypatch):
    monkeypatch.setattr(attention_blocks, "SCORES", request.param)


@contextmanager
def whole():
    """All scores at once: the plain path, which attention takes where PyTorch does not tell of `torch.func`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(private, "_transforms_active", None)
        yield


def run(rate, keep, dtype, size, key=7, in_blocks=True, values=True):
    """The output of an attention layer and the gradients of all inputs and parameters."""
    torch.manual_seed(0)
    layer = Attention(WIDTH, HEADS, rate).to(dtype).train()
    torch.nn.init.normal_(layer.project.bias)
    queries = 1 if keep is SEEN["one query"] else QUERIES
    inputs = [(size * torch.randn(B, n, WIDTH, dtype=torch.float64)).to(dtype).requires_grad_()
              for n in (queries, KEYS, KEYS)]
    query, keys, other = inputs
    with keyed(key):
        if in_blocks:
            out, weights = layer(query, keys, keep, other if values else None, attention=False)
        else:
            with whole():
                out, weights = layer(query, keys, keep, other if values else None, attention=False)
    assert weights is None
    (out * torch.linspace(-1, 1, out.numel(), dtype=dtype).cos().view_as(out)).sum().backward()
    grads = [x.grad for x in (*inputs, *layer.parameters()) if x.grad is not None]
    assert len(grads) == (7 if values else 6)
    return [out.detach(), *grads]


@pytest.mark.parametrize(("rate", "case", "size"), [*product((0.0, 0.3), SEEN, (1.0, 30.0))])
def test_blocks_give_what_the_weights_give(rate, case, size, scores):
    """Also with scores beyond the range of exponents."""
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-5 * size)):
        for values in (True, False):
            found = run(rate, SEEN[case], dtype, size, values=values)
            want = run(rate, SEEN[case], dtype, size, values=values, in_blocks=False)
            for x, y in zip(found, want, strict=True):
                torch.testing.assert_close(x, y, rtol=0, atol=tolerance * float(y.abs().max().clamp(min=1)))


def test_large_scores_take_the_other_way(monkeypatch):
    """Where the maximum is taken off first, and where it is not, the results agree."""
    q, k, v = (torch.randn(2, 2, 9, 4, dtype=torch.float64) for _ in range(3))
    keep = torch.ones(2, 9, 9, dtype=torch.bool).tril()
    found = []
    for exponent in (attention_blocks.EXPONENT, 0):
        monkeypatch.setattr(attention_blocks, "EXPONENT", exponent)
        found.append(Blockwise.apply(q, k, v, blocks_of(keep, 9, 2), 0.0, 0))
    torch.testing.assert_close(*found, rtol=1e-13, atol=1e-13)
    # Far from 0, the sum of powers of two would be infinite or 0 without it.
    far = Blockwise.apply(100 * q, 100 * k, v, blocks_of(keep, 9, 2), 0.0, 0)
    assert far.isfinite().all() and not torch.allclose(far, found[0])


def test_the_mask_is_that_of_keep(scores):
    """All weights equal and one value per key: the output says which keys were kept."""
    v = torch.eye(KEYS).expand(B, HEADS, -1, -1)
    zero = torch.zeros(B, HEADS, QUERIES, KEYS)
    out = Blockwise.apply(zero, torch.zeros_like(v), v, blocks_of(SEEN["all"], QUERIES, HEADS), 0.3, 11)
    mask = kept((B, HEADS, QUERIES, KEYS), 0.3, 11)
    torch.testing.assert_close(out, mask / KEYS / 0.7)
    assert 0.25 < 1 - mask.float().mean() < 0.35


@pytest.mark.parametrize("rate", [0.0, 0.4])
def test_gradients_are_numerically_right(rate, scores):
    q, k, v = (torch.randn(2, 2, n, 3, dtype=torch.float64, requires_grad=True) for n in (5, 4, 4))
    keep = torch.ones(2, 5, 4, dtype=torch.bool).tril(1)
    keep[1, 2] = False
    blocks = blocks_of(keep, 5, 2)
    assert torch.autograd.gradcheck(lambda *x: Blockwise.apply(*x, blocks, rate, 3), (q, k, v))


def test_garbage_that_nobody_sees_changes_nothing():
    q, k, v = (torch.randn(2, 2, 6, 3, dtype=torch.float64, requires_grad=True) for _ in range(3))
    keep, results = torch.ones(2, 6, 6, dtype=torch.bool).tril(), []
    keep[..., 4:] = False
    for garbage in (0.0, 1e4):
        there = torch.arange(6)[:, None] < 4
        out = Blockwise.apply(q, torch.where(there, k, garbage), torch.where(there, v, garbage),
                              blocks_of(keep, 6, 2), 0.0, 0)
        results.append([out, *torch.autograd.grad(out.square().sum(), (q, k, v))])
    for x, y in zip(*results, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_a_sequence_that_attends_to_itself(rate, scores):
    """Its three projections are one product."""
    layer, found = Attention(WIDTH, HEADS, rate).double().train(), []
    x = torch.randn(B, KEYS, WIDTH, dtype=torch.float64, requires_grad=True)
    for keys in (x, x.view_as(x)):
        with keyed(2):
            out = layer(x, keys, SEEN["ragged"], attention=False)[0]
        found.append([out, *torch.autograd.grad(out.square().sum(), [x, *layer.parameters()])])
    with keyed(2), whole():
        out = layer(x, x, SEEN["ragged"], attention=False)[0]
    found.append([out, *torch.autograd.grad(out.square().sum(), [x, *layer.parameters()])])
    for parts in zip(*found, strict=True):
        for part in parts[1:]:
            torch.testing.assert_close(part, parts[0], rtol=0, atol=1e-11)


def test_whoever_changes_the_projection_changes_the_attention():
    """Hooks and parametrisations of `project` and `out` work: both run."""
    layer, calls = Attention(WIDTH, HEADS, 0.0).double(), []
    for linear in (layer.project, layer.out):
        torch.nn.init.normal_(linear.bias)
        linear.register_forward_hook(lambda module, inputs, _: calls.append((module, len(inputs))))
    query, keys, values = torch.randn(3, B, KEYS, WIDTH, dtype=torch.float64)
    for given in ((query, query, SEEN["ragged"]), (query, keys, SEEN["ragged"], values)):
        calls.clear()
        before = layer(*given)[0]
        assert calls == [(layer.project, 3), (layer.out, 1)]
        torch.nn.utils.parametrize.register_parametrization(layer.project, "weight", _Negative())
        after = layer(*given)[0]
        torch.nn.utils.parametrize.remove_parametrizations(layer.project, "weight", leave_parametrized=False)
        assert not torch.allclose(before, after)


@pytest.mark.parametrize("rate", [0.0, 0.3])
@pytest.mark.parametrize("training", [False, True])
def test_whoever_watches_the_dropout_sees_the_weights(training, rate):
    """A hook, or another module in its place, works in blocks as well: attention then computes the weights."""
    layer, seen = Attention(WIDTH, HEADS, rate).double().train(training), []
    query, keys = torch.randn(B, QUERIES, WIDTH, dtype=torch.float64), torch.randn(B, KEYS, WIDTH, dtype=torch.float64)

    def run():
        with keyed(3):
            return layer(query, keys, SEEN["ragged"], attention=False)[0]

    plain = run()
    hook = layer.dropout.register_forward_hook(lambda _, inputs, out: seen.append(inputs[0]))
    torch.testing.assert_close(run(), plain, rtol=0, atol=1e-12)
    hook.remove()
    weights, = seen
    torch.testing.assert_close(weights.sum(-1), torch.ones(B, HEADS, QUERIES, dtype=torch.float64))
    layer.dropout = torch.nn.Dropout(1.0).train(training)
    torch.testing.assert_close(run(), layer.out.bias.expand_as(plain) if training else plain)


class _Negative(torch.nn.Module):
    def forward(self, x):
        return -x


def test_the_projections_are_three_linear_maps():
    project = Projections(WIDTH).double()
    assert set(project.state_dict()) == {"weight", "bias"}
    inputs = torch.randn(3, B, KEYS, WIDTH, dtype=torch.float64)
    parts = zip(inputs, project.weight.chunk(3), project.bias.chunk(3), strict=True)
    for found, (x, w, b) in zip(project(*inputs), parts, strict=True):
        torch.testing.assert_close(found, x @ w.T + b)
    for found, w, b in zip(project(*3 * [inputs[0]]), project.weight.chunk(3), project.bias.chunk(3), strict=True):
        torch.testing.assert_close(found, inputs[0] @ w.T + b)


# What is computed, and what is kept


def test_keys_that_no_query_of_a_block_sees_are_left_out():
    keep = torch.ones(8, 500, 500, dtype=torch.bool).tril()
    blocks = blocks_of(keep, 500, 5)
    computed = sum(math.prod(b.shape(5)) for b in blocks)
    assert computed < 0.6 * 8 * 5 * 500 * 500
    there = torch.zeros(8, 500, 500, dtype=torch.bool)
    for b in blocks:
        part = torch.ones(b.shape(1), dtype=torch.bool)
        part[..., b.free:] &= b.bias[:, 0] == 0
        assert not there[b.samples, b.queries, :b.seen].any()
        there[b.samples, b.queries, :b.seen] = part
        assert math.prod(b.shape(5)) <= attention_blocks.SCORES
    assert torch.equal(there, keep)


def test_nothing_as_large_as_the_weights_is_kept():
    n, sizes = 300, []
    layer = Attention(WIDTH, HEADS, 0.1).train()
    x, keep = torch.randn(2, n, WIDTH), torch.ones(2, 1, n, dtype=torch.bool)

    def size(t):
        sizes.append(t.numel())
        return t

    with saved_tensors_hooks(size, lambda t: t):
        for wholly in (False, True):
            sizes.clear()
            if wholly:
                with whole():
                    layer(x, x, keep, attention=False)
            else:
                layer(x, x, keep, attention=False)
            assert (max(sizes) >= 2 * HEADS * n * n) == wholly
            assert wholly or sum(sizes) < 20 * x.numel()


# Who does without blocks


def test_few_scores_are_computed_together(monkeypatch):
    monkeypatch.undo()
    keep, n = torch.ones(1, 1, 1, dtype=torch.bool), math.isqrt(attention.LEAST // HEADS)

    def blocks(keys, device="cpu"):
        return cut(*(torch.zeros(1, HEADS, steps, 4, device=device) for steps in (n, keys)), keep)

    assert blocks(n - 1) is None
    assert sum(math.prod(b.shape(HEADS)) for b in blocks(n + 1)) == HEADS * n * (n + 1)
    with whole():
        assert blocks(n + 1) is None
    assert blocks(n + 1, "meta") is None
    transformed = []
    torch.func.grad(lambda x: transformed.append(blocks(n + 1)) or x.sum())(torch.ones(1))
    assert transformed == [None]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_several_seeds_in_one_pass(rate):
    """Outputs and gradients of each seed, whose key is a tensor, are those that it has alone."""
    layer = Attention(WIDTH, HEADS, rate).double().train()
    keys = torch.tensor([3, -4, 5], dtype=torch.int32)
    xs = torch.randn(3, B, KEYS, WIDTH, dtype=torch.float64, requires_grad=True)
    keep = SEEN["ragged"].expand(3, -1, -1, -1)

    def call(x, keep, key):
        with keyed(key):
            return layer(x, x, keep, attention=False)[0].square().sum()

    together = torch.vmap(call)(xs, keep, keys)
    grads, = torch.autograd.grad(together.sum(), xs)
    for s, key in enumerate(keys.tolist()):
        alone = call(xs[s], keep[s], key)
        torch.testing.assert_close(together[s], alone, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(grads[s], torch.autograd.grad(alone, xs)[0][s], rtol=0, atol=1e-12)


@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_bfloat16_is_float32_inside(rate, scores):
    """Blocks of what comes in bfloat16: nearer to float32 than the weights in bfloat16 are, and kept in bfloat16."""
    torch.manual_seed(0)
    exact = [torch.randn(B, HEADS, n, 16).bfloat16().float().requires_grad_() for n in (QUERIES, KEYS, KEYS)]
    slope = torch.randn(B, HEADS, QUERIES, 16).bfloat16()
    blocks, sizes = blocks_of(SEEN["any"], QUERIES, HEADS), []

    def run(inputs):
        out = Blockwise.apply(*inputs, blocks, rate, 3)
        return [out, *torch.autograd.grad(out, inputs, slope.to(out.dtype))]

    want, low = run(exact), [x.detach().bfloat16().requires_grad_() for x in exact]
    kept_sizes = saved_tensors_hooks(lambda t: sizes.append((t.dtype, t.numel())) or t, lambda t: t)
    with kept_sizes, torch.autocast("cpu", torch.bfloat16):
        found = run(low)
    assert max(n for dtype, n in sizes if dtype == torch.float32) == B * HEADS * QUERIES  # the sums of the rows
    for x, y in zip(found, want, strict=True):
        assert x.dtype == torch.bfloat16
        torch.testing.assert_close(x.float(), y, rtol=0.02, atol=0.02)


def test_the_fused_kernel_gets_a_mask_of_every_key(monkeypatch):
    """GPUs refuse a mask that is the same number for all keys (`torch.expand`)."""
    monkeypatch.setattr(attention, "LEAST", math.inf)
    layer, fused, masks = Attention(WIDTH, HEADS, 0.0), attention.F.scaled_dot_product_attention, []

    def seen(*given, attn_mask):
        masks.append(attn_mask)
        return fused(*given, attn_mask=attn_mask)

    monkeypatch.setattr(attention.F, "scaled_dot_product_attention", seen)
    query, keys = torch.randn(B, QUERIES, WIDTH), torch.randn(B, KEYS, WIDTH)
    for keep in SEEN.values():
        layer(query, keys, keep, attention=False)
    assert len(masks) == len(SEEN) and all(m.shape[-1] == KEYS and m.stride(-1) == 1 for m in masks)
