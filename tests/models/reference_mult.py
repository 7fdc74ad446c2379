"""MulT, its crossmodal transformer and low-rank fusion once more: numpy, float64, one sample and one step at a time.

Written from the papers' equations and the facts about the authors' code, to be read beside them. A sample has no
padding here, so there are no masks: what does not exist is not in the arrays.
"""

import itertools
import math

import numpy as np


def softmax(scores):
    top = max(scores)
    powers = [math.exp(s - top) for s in scores]
    return [p / sum(powers) for p in powers]


def position_vector(place, width):
    """Of the place-th step, counted from 1: sines, then cosines, then a 0 if the width is odd."""
    half = width // 2
    out = np.zeros(width)
    for i in range(half):
        rate = 1.0 if half == 1 else 10000 ** (-i / (half - 1))
        out[i], out[half + i] = math.sin(place * rate), math.cos(place * rate)
    return out


class Weights:
    """name in the model -> array, and the layers that read them."""

    def __init__(self, weights):
        self.weights = {name: np.asarray(w, dtype=np.float64) for name, w in weights.items()}

    def linear(self, name, x, rows=slice(None)):
        return self.weights[f"{name}.weight"][rows] @ x + self.weights[f"{name}.bias"][rows]

    def norm(self, name, x):
        x = x - x.mean()
        x = x / math.sqrt((x * x).mean() + 1e-5)
        return x * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def convolve(self, name, frames):
        """A convolution over time that keeps the length, zeros around it."""
        kernel = self.weights[f"{name}.weight"]  # (out, in, k)
        k = kernel.shape[2]
        out = []
        for t in range(len(frames)):
            y = np.zeros(kernel.shape[0])
            for j in range(k):
                at = t + j - k // 2
                if 0 <= at < len(frames):
                    y += kernel[:, :, j] @ frames[at]
            out.append(y)
        return out


class ReferenceCrossmodal(Weights):
    """The transformer whose parameters begin with `prefix`."""

    def __init__(self, weights, prefix, *, width, heads, layers, future_mask=False, zeros_have_no_position=False):
        super().__init__({n.removeprefix(prefix): w for n, w in weights.items() if n.startswith(prefix)})
        self.width, self.heads, self.layers = width, heads, layers
        self.future_mask, self.zeros_have_no_position = future_mask, zeros_have_no_position

    def embed(self, steps):
        out = []
        for place, x in enumerate(steps, start=1):
            silent = self.zeros_have_no_position and x[0] == 0
            out.append(math.sqrt(self.width) * x + (0 if silent else position_vector(place, self.width)))
        return out

    def attend(self, name, query, memory, ahead):
        """query and memory: lists of normalised steps. Returns the context of each query and (heads, Lt, Ls)."""
        d = self.width
        size = d // self.heads
        q = [self.linear(f"{name}.project", x, slice(0, d)) for x in query]
        k = [self.linear(f"{name}.project", x, slice(d, 2 * d)) for x in memory]
        v = [self.linear(f"{name}.project", x, slice(2 * d, 3 * d)) for x in memory]
        weights = np.zeros((self.heads, len(query), len(memory)))
        out = []
        for i in range(len(query)):
            context = np.zeros(d)
            seen = [j for j in range(len(memory)) if not self.future_mask or j <= i + ahead]
            for h in range(self.heads):
                part = slice(h * size, (h + 1) * size)
                scores = [float(q[i][part] @ k[j][part]) / math.sqrt(size) for j in seen]
                for j, w in zip(seen, softmax(scores) if seen else [], strict=True):
                    weights[h, i, j] = w
                    context[part] += w * v[j][part]
            out.append(self.linear(f"{name}.out", context))
        return out, weights

    def __call__(self, target, source=None):
        """(Lt, d), (Ls, d) or None for the target itself -> (Lt, d) and the weights (layers, heads, Lt, Ls)."""
        x = self.embed(target)
        memory = None if source is None else self.embed(source)
        ahead = 0 if source is None else abs(len(target) - len(source))
        seen = []
        for n in range(self.layers):
            layer = f"layers.{n}"
            query = [self.norm(f"{layer}.norm", s) for s in x]
            keys = query if memory is None else [self.norm(f"{layer}.norm", s) for s in memory]
            attended, weights = self.attend(f"{layer}.attention", query, keys, ahead)
            x = [s + a for s, a in zip(x, attended, strict=True)]
            inner = [self.linear(f"{layer}.w1", self.norm(f"{layer}.feed_forward_norm", s)) for s in x]
            x = [s + self.linear(f"{layer}.w2", np.maximum(u, 0)) for s, u in zip(x, inner, strict=True)]
            seen.append(weights)
        return np.array([self.norm("norm", s) for s in x]).reshape(len(target), self.width), np.array(seen)


class ReferenceMulT(Weights):
    """The model for one set of weights and a `MulT.Config`, read by name."""

    def __init__(self, weights, config):
        super().__init__(weights)
        self.config = config

    def transformer(self, prefix, width, layers):
        return ReferenceCrossmodal(self.weights, prefix, width=width, heads=self.config.heads, layers=layers,
                                   future_mask=self.config.future_mask,
                                   zeros_have_no_position=self.config.attend_padding)

    def sample(self, features):
        """modality -> (L, D), as long as it is (in the authors' form, from its padding on): logits and attention."""
        config, weights, last = self.config, {}, []
        names = [m for m, _ in config.dims]
        x = {m: self.convolve(f"project.{m}", features[m]) for m in names}
        for m in names:
            streams = []
            for n in names:
                if n != m:
                    cross = self.transformer(f"crossmodal.{m}_from_{n}.", config.hidden, config.layers)
                    stream, weights[f"{m}_from_{n}"] = cross(x[m], x[n])
                    streams.append(stream)
            h = np.concatenate(streams, axis=1) if streams else np.array(x[m])
            width = config.hidden * max(len(names) - 1, 1)
            h, weights[f"{m}_from_{m}"] = self.transformer(f"memory.{m}.", width, config.memory_layers)(h)
            last.append(h[-1] if len(h) else np.zeros(width))
        hidden = np.concatenate(last)
        hidden = hidden + self.linear("proj2", np.maximum(self.linear("proj1", hidden), 0))
        return self.linear("out", hidden), weights


def tensor_fusion(vectors, factors):
    """Low-rank fusion the long way: the outer product of all vectors, each with a 1 behind it, against a full tensor.

    Args:
        vectors: one (d_m,) per modality.
        factors: one (rank, d_m + 1, h) per modality, the last row for the 1.

    Returns:
        (h,): sum over every combination of features, of its product times the tensor's entry for it. The tensor is
        the sum over ranks of the outer products of the factors.
    """
    vectors = [[*map(float, z), 1.0] for z in vectors]
    rank, _, width = factors[0].shape
    out = np.zeros(width)
    for places in itertools.product(*(range(len(z)) for z in vectors)):
        entry = np.zeros(width)
        for r in range(rank):
            term = np.ones(width)
            for factor, place in zip(factors, places, strict=True):
                term = term * factor[r, place]
            entry += term
        out += entry * math.prod(z[place] for z, place in zip(vectors, places, strict=True))
    return out


def pooled(frames, steps):
    """(L, d) -> (steps, d): step i is the mean of frames floor(i L / steps) up to, without, ceil((i + 1) L / steps)."""
    count = len(frames)
    out = []
    for i in range(steps):
        first, last = (i * count) // steps, -((-(i + 1) * count) // steps)
        out.append(sum(frames[j] for j in range(first, last)) / (last - first))
    return np.array(out)


class ReferenceLMFMulT(Weights):
    """The model for one set of weights and an `LMFMulT.Config`, read by name."""

    def __init__(self, weights, config):
        super().__init__(weights)
        self.config = config

    def transformer(self, prefix, width, layers):
        return ReferenceCrossmodal(self.weights, prefix, width=width, heads=self.config.heads, layers=layers,
                                   future_mask=self.config.future_mask)

    def fused(self, x):
        """modality -> steps, to the fused steps: as many as the shortest modality that there is."""
        steps = min([len(s) for s in x.values() if len(s)] + [self.config.fused_steps])
        if not any(len(s) for s in x.values()):
            return []
        parts = {m: pooled(s, steps) if len(s) else np.zeros((steps, self.config.hidden)) for m, s in x.items()}
        factors = [self.weights[f"fuse.factors.{m}"] for m in x]
        return [tensor_fusion([parts[m][i] for m in x], factors) for i in range(steps)]

    def sample(self, features):
        """modality -> (L, D), as long as it is: logits, attention and the number of fused steps."""
        config, weights, last = self.config, {}, []
        names = [m for m, _ in config.dims]
        x = {m: self.convolve(f"project.{m}", features[m]) for m in names}
        x["fused"] = self.fused(x)
        pairs = [("fused", m) if config.fused == "target" else (m, "fused") for m in names]
        streams = {}
        for target, source in pairs:
            cross = self.transformer(f"crossmodal.{target}_from_{source}.", config.hidden, config.layers)
            stream, weights[f"{target}_from_{source}"] = cross(x[target], x[source])
            streams.setdefault(target, []).append(stream)
        for target, received in streams.items():
            h, width = np.concatenate(received, axis=1), config.hidden * len(received)
            memory = self.transformer(f"memory.{target}.", width, config.memory_layers)
            h, weights[f"{target}_from_{target}"] = memory(h)
            last.append(h[-1] if len(h) else np.zeros(width))
        hidden = np.concatenate(last)
        hidden = hidden + self.linear("proj2", np.maximum(self.linear("proj1", hidden), 0))
        return self.linear("out", hidden), weights, len(x["fused"])
