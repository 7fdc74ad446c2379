"""Chunks of similar lengths give what each sequence alone gives, in the order of the sequences."""

import pytest
import torch

from erclab.ops.chunks import in_chunks

LENGTHS = [3, 1, 5, 3, 2, 5, 1]


@pytest.fixture
def sequences():
    rng = torch.Generator().manual_seed(0)
    return torch.randn(7, 6, 4, generator=rng, dtype=torch.float64), torch.randint(9, (7, 6), generator=rng)


def read(mask, x, ids):
    """A mean over the steps that exist, with weights that depend on the ids."""
    weights = torch.where(mask, ids.to(x) + 1, 0)
    return (x * weights.unsqueeze(2)).sum(1) / mask.sum(1, keepdim=True)


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 100])
def test_chunks_are_the_sequences_one_by_one(sequences, chunk):
    x, ids = sequences
    x.requires_grad_()
    found = in_chunks(read, torch.tensor(LENGTHS), chunk, x, ids)
    alone = torch.stack([(x[i, :n] * (ids[i, :n, None] + 1)).sum(0) / n for i, n in enumerate(LENGTHS)])
    torch.testing.assert_close(found, alone, rtol=0, atol=1e-12)
    ours, theirs = (torch.autograd.grad(y.square().sum(), x, retain_graph=True)[0] for y in (found, alone))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_a_chunk_is_as_long_as_its_longest_sequence(sequences):
    seen = []
    in_chunks(lambda mask, x, ids: seen.append((mask.sum(1).tolist(), x.shape[1], ids.shape[1])) or x[:, 0],
              torch.tensor(LENGTHS), 3, *sequences)
    assert seen == [([5, 5, 3], 5, 5), ([3, 2, 1], 3, 3), ([1], 1, 1)]
