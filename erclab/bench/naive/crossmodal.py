"""The transformer of yaohungt/Multimodal-Transformer, which skeletonNN/LMR-CBT forks. Steps first: (L, B, d)."""

import math

import torch
from torch import nn
from torch.nn import functional as F


def left_padded(batch):
    """modality -> (B, L, D) of a `SequenceBatch` with the padding before the frames, as their files have it."""
    out = {}
    for m, x in batch.features.items():
        out[m] = torch.zeros_like(x)
        for b, n in enumerate(batch.masks[m].sum(1).tolist()):
            out[m][b, x.shape[1] - n:] = x[b, :n]
    return out


class Transformer(nn.Module):
    """`layers` blocks. Without keys a sequence attends to itself."""

    def __init__(self, width, heads, layers, attention, relu, residual, embedding, future_mask):
        super().__init__()
        self.width, self.embedding = width, embedding
        self.layers = nn.ModuleList(Layer(width, heads, attention, relu, residual, future_mask)
                                    for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.table = torch.zeros(0, width)

    def forward(self, x, keys=None, values=None):
        """(Lt, B, d), (Ls, B, d), (Ls, B, d) -> (Lt, B, d)."""
        x = F.dropout(self.embed(x), p=self.embedding, training=self.training)
        if keys is not None:
            keys = F.dropout(self.embed(keys), p=self.embedding, training=self.training)
            values = F.dropout(self.embed(values), p=self.embedding, training=self.training)
        for layer in self.layers:
            x = layer(x, keys, values)
        return self.norm(x)

    def embed(self, x):
        """Add a table of positions. Position 0 is padding: a step whose first channel is 0."""
        L = len(x)
        if len(self.table) <= L:
            self.table = positions(L + 1, self.width)
        self.table = self.table.to(x)
        first = x[:, :, 0].transpose(0, 1)  # (B, L)
        places = torch.arange(1, L + 1, device=x.device).expand_as(first) * first.ne(0).long()
        found = self.table.index_select(0, places.reshape(-1)).view(*first.shape, -1).detach()
        return math.sqrt(self.width) * x + found.transpose(0, 1)


class Layer(nn.Module):
    """Attention and feed-forward, normalised first; one normalisation for queries, keys and values."""

    def __init__(self, width, heads, attention, relu, residual, future_mask):
        super().__init__()
        self.attention = Attention(width, heads, attention)
        self.norm, self.feed_forward_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.w1, self.w2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.relu, self.residual, self.future_mask = relu, residual, future_mask

    def forward(self, x, keys, values):
        residual, x = x, self.norm(x)
        mask = future(x, x if keys is None else keys) if self.future_mask else None
        if keys is None:
            x, _ = self.attention(x, x, x, mask)
        else:
            x, _ = self.attention(x, self.norm(keys), self.norm(values), mask)
        x = residual + F.dropout(x, p=self.residual, training=self.training)
        residual, x = x, self.feed_forward_norm(x)
        x = F.dropout(F.relu(self.w1(x)), p=self.relu, training=self.training)
        return residual + F.dropout(self.w2(x), p=self.residual, training=self.training)


class Attention(nn.Module):
    """All heads as one batch of matrices; the weights' mean over heads is computed every time and never used.

    The authors' softmax is always float32. This one has the type of its input, so that tests can use float64."""

    def __init__(self, width, heads, dropout):
        super().__init__()
        self.heads, self.size, self.dropout = heads, width // heads, dropout
        self.project, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, query, key, value, mask):
        """(Lt, B, d), (Ls, B, d), (Ls, B, d), (Lt, Ls) of 0 and -inf -> (Lt, B, d), (B, Lt, Ls)."""
        Lt, B, d = query.shape
        if query.data_ptr() == key.data_ptr() == value.data_ptr():
            q, k, v = self.project(query).chunk(3, dim=-1)
        else:
            (wq, wk, wv), (bq, bk, bv) = self.project.weight.chunk(3), self.project.bias.chunk(3)
            q, k, v = F.linear(query, wq, bq), F.linear(key, wk, bk), F.linear(value, wv, bv)
        q = q * self.size ** -0.5
        q, k, v = (y.contiguous().view(-1, B * self.heads, self.size).transpose(0, 1) for y in (q, k, v))
        weights = torch.bmm(q, k.transpose(1, 2))  # (B * heads, Lt, Ls)
        if mask is not None:
            weights = weights + mask.unsqueeze(0)
        weights = F.dropout(F.softmax(weights, dim=-1), p=self.dropout, training=self.training)
        out = torch.bmm(weights, v).transpose(0, 1).contiguous().view(Lt, B, d)
        return self.out(out), weights.view(B, self.heads, Lt, -1).sum(dim=1) / self.heads


def positions(rows, width):
    """(rows, width): a block of sines, a block of cosines; row 0 is that of padding."""
    half = width // 2
    rate = torch.exp(torch.arange(half, dtype=torch.float) * -(math.log(10000) / (half - 1)))
    angle = torch.arange(rows, dtype=torch.float).unsqueeze(1) * rate.unsqueeze(0)
    table = torch.cat([torch.sin(angle), torch.cos(angle), torch.zeros(rows, width % 2)], dim=1)
    table[0] = 0
    return table


def future(x, keys):
    """(Lt, Ls): -inf where j > i + |Lt - Ls|."""
    Lt, Ls = len(x), len(keys)
    return torch.triu(torch.full((Lt, Ls), -math.inf, dtype=x.dtype, device=x.device), 1 + abs(Ls - Lt))
