"""The post-norm encoder: PyTorch's, from its numbers and dropouts to its initial weights."""

import pytest
import torch
from random_batches import shake
from torch import nn

from erclab.models.layers.postnorm import PostNormEncoder

NAMES = {"self_attn.in_proj_": "attention.project.", "self_attn.out_proj": "attention.out", "norm1": "norm",
         "norm2": "feed_forward_norm", "linear1": "w1", "linear2": "w2"}


def our_name(name):
    for theirs, ours in NAMES.items():
        name = name.replace(theirs, ours)
    return name


def theirs(width, heads, layers, inner, dropout=0.0):
    layer = nn.TransformerEncoderLayer(width, heads, inner, dropout, batch_first=True)
    return nn.TransformerEncoder(layer, layers, enable_nested_tensor=False).double()


@pytest.fixture
def pair():
    """Ours and torch's with the same weights, three layers."""
    torch.manual_seed(0)
    ours, torchs = shake(PostNormEncoder(8, 2, 3, 12, 0.0)).double(), theirs(8, 2, 3, 12)
    state = ours.state_dict()
    assert {our_name(n) for n in torchs.state_dict()} == state.keys()
    torchs.load_state_dict({n: state[our_name(n)] for n in torchs.state_dict()})
    return ours, torchs


def test_equals_torchs(pair):
    ours, torchs = pair
    x = torch.randn(4, 5, 8, dtype=torch.float64)
    keep = torch.rand(4, 5, 5) > 0.4
    keep |= torch.eye(5, dtype=torch.bool)
    want = torchs(x, mask=~keep.repeat_interleave(2, dim=0))
    found, weights = ours(x, keep)
    torch.testing.assert_close(found, want, rtol=0, atol=1e-12)
    assert weights.shape == (4, 3, 2, 5, 5) and not weights.masked_select(~keep[:, None, None]).any()
    torch.testing.assert_close(weights.sum(-1), torch.ones(4, 3, 2, 5, dtype=torch.float64))


@pytest.mark.parametrize("position", [0, 2, 4])
def test_one_position_is_one_of_all(pair, position):
    ours, torchs = pair
    x, keep = torch.randn(4, 5, 8, dtype=torch.float64), torch.rand(4, 1, 5) > 0.4
    keep[..., 0] = True
    every, weights = ours(x, keep)
    one, its_weights = ours(x, keep, position=position)
    torch.testing.assert_close(one, every[:, position], rtol=0, atol=1e-12)
    torch.testing.assert_close(its_weights, weights[:, :, :, position], rtol=0, atol=1e-12)
    torch.testing.assert_close(one, torchs(x, src_key_padding_mask=~keep[:, 0])[:, position], rtol=0, atol=1e-12)


def test_query_without_keys_is_finite(pair):
    x = torch.randn(2, 3, 8, dtype=torch.float64, requires_grad=True)
    found, weights = pair[0](x, torch.zeros(2, 3, 3, dtype=torch.bool))
    found.sum().backward()
    assert found.isfinite().all() and x.grad.isfinite().all() and not weights.any()


def test_dropouts_are_torchs():
    """Four of one rate: on the weights, after the attention, inside the feed-forward and after it."""
    def shapes(module):
        found = []
        for part in module.modules():
            if isinstance(part, nn.Dropout):
                assert part.p == 0.2
                part.register_forward_hook(lambda _, __, out: found.append(tuple(out.shape)))
        return found
    x = torch.randn(4, 5, 8, dtype=torch.float64)
    ours, torchs = PostNormEncoder(8, 2, 1, 12, 0.2).double().train(), theirs(8, 2, 1, 12, 0.2).train()
    found, want = shapes(ours), shapes(torchs)
    ours(x, torch.ones(4, 1, 5, dtype=torch.bool))
    torchs(x)
    assert found == [(4, 2, 5, 5), *want] and want == [(4, 5, 8), (4, 5, 12), (4, 5, 8)]  # theirs is inside a function
    assert torchs.layers[0].self_attn.dropout == 0.2


def test_initial_weights_are_torchs():
    """In spread, as the order of drawing is another."""
    torch.manual_seed(0)
    ours, torchs = PostNormEncoder(64, 4, 1, 128, 0.0).state_dict(), theirs(64, 4, 1, 128).state_dict()
    for name, want in torchs.items():
        found = ours[our_name(name)].double()
        assert found.shape == want.shape
        assert found.std() == pytest.approx(float(want.std()), rel=0.15), name
        assert found.abs().max() == pytest.approx(float(want.abs().max()), rel=0.15), name
        assert found.mean() == pytest.approx(float(want.mean()), abs=0.02), name
