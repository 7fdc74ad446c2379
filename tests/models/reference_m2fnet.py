"""M2FNet once more: in numpy, float64, one dialogue, one turn and one head at a time.

Written from the paper's words and the Config's, to be read beside them. A dialogue has no padding here.
"""

import math

import numpy as np
from reference_mult import softmax


def sigmoid(x):
    return np.array([1 / (1 + math.exp(-v)) for v in x])


class ReferenceM2FNet:
    """The model for one set of weights.

    Args:
        weights: name in `erclab.models.m2fnet.M2FNet` -> array.
        modalities: in the order of the tokens.
        The rest as the fields of its Config.
    """

    def __init__(self, weights, modalities, *, heads, layers, norm, fusion, readout, context, speaker, bidirectional):
        self.weights = {name: np.asarray(w, dtype=np.float64) for name, w in weights.items()}
        self.modalities, self.heads, self.layers, self.norm_where = tuple(modalities), heads, layers, norm
        self.fusion, self.readout, self.context, self.speaker = fusion, readout, context, speaker
        self.bidirectional = bidirectional

    def linear(self, name, x):
        return np.array([sum(row * x) for row in self.weights[f"{name}.weight"]]) + self.weights[f"{name}.bias"]

    def norm(self, name, x):
        mean = sum(x) / len(x)
        variance = sum((v - mean) ** 2 for v in x) / len(x)
        gain, shift = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return np.array([g * (v - mean) / math.sqrt(variance + 1e-5) + s
                         for v, g, s in zip(x, gain, shift, strict=True)])

    # One utterance: a list of tokens

    def attend(self, name, tokens):
        """Self-attention. Returns a vector per token, and weights[head][query][key]."""
        width = len(tokens[0])
        size = width // self.heads
        stacked, bias = self.weights[f"{name}.project.weight"], self.weights[f"{name}.project.bias"]
        q, k, v = ([np.array([sum(stacked[part * width + c] * x) + bias[part * width + c] for c in range(width)])
                    for x in tokens] for part in range(3))
        out, weights = [np.zeros(width) for _ in tokens], []
        for h in range(self.heads):
            mine = range(h * size, (h + 1) * size)
            rows = []
            for i in range(len(tokens)):
                row = softmax([sum(q[i][c] * k[j][c] for c in mine) / math.sqrt(size) for j in range(len(tokens))])
                for c in mine:
                    out[i][c] = sum(row[j] * v[j][c] for j in range(len(tokens)))
                rows.append(row)
            weights.append(rows)
        return [self.linear(f"{name}.out", x) for x in out], weights

    def feed_forward(self, name, x):
        return self.linear(f"{name}.w2", np.array([max(u, 0.0) for u in self.linear(f"{name}.w1", x)]))

    def layer(self, name, tokens):
        if self.norm_where == "pre":
            added, weights = self.attend(f"{name}.attention", [self.norm(f"{name}.norm", x) for x in tokens])
            tokens = [x + a for x, a in zip(tokens, added, strict=True)]
            return [x + self.feed_forward(name, self.norm(f"{name}.feed_forward_norm", x)) for x in tokens], weights
        added, weights = self.attend(f"{name}.attention", tokens)
        tokens = [self.norm(f"{name}.norm", x + a) for x, a in zip(tokens, added, strict=True)]
        return [self.norm(f"{name}.feed_forward_norm", x + self.feed_forward(name, x)) for x in tokens], weights

    def fuse(self, tokens):
        """One vector from the tokens of an utterance, and weights[layer][head][query][key]."""
        if self.fusion == "concat":
            return np.array([max(u, 0.0) for u in self.linear("fusion.1", np.concatenate(tokens))]), None
        if self.readout == "cls":
            tokens = [self.weights["fusion.cls"], *tokens]
        weights = []
        for i in range(self.layers):
            tokens, seen = self.layer(f"fusion.layers.{i}", tokens)
            weights.append(seen)
        if self.norm_where == "pre":
            tokens = [self.norm("fusion.norm", x) for x in tokens]
        if self.readout == "concat":
            return self.linear("fusion.join", np.concatenate(tokens)), weights
        return tokens[0] if self.readout == "cls" else sum(tokens) / len(tokens), weights

    # One dialogue: a list of turns

    def cell(self, name, x, h):
        """One step of a GRU; its gates stand in the order reset, update, new."""
        width = len(h)
        def part(side, which, value):
            rows = slice(which * width, (which + 1) * width)
            matrix, bias = self.weights[f"{name}.weight_{side}_l0"][rows], self.weights[f"{name}.bias_{side}_l0"][rows]
            return np.array([sum(row * value) for row in matrix]) + bias
        reset = sigmoid(part("ih", 0, x) + part("hh", 0, h))
        update = sigmoid(part("ih", 1, x) + part("hh", 1, h))
        new = np.tanh(part("ih", 2, x) + reset * part("hh", 2, h))
        return (1 - update) * new + update * h

    def recur(self, name, xs):
        """The state after each step; with both directions the one from the end is joined to it."""
        width = self.weights[f"{name}.forwards.weight_hh_l0"].shape[1]
        h, states = np.zeros(width), []
        for x in xs:
            h = self.cell(f"{name}.forwards", x, h)
            states.append(h)
        if self.bidirectional:
            h = np.zeros(width)
            for t in reversed(range(len(xs))):
                h = self.cell(f"{name}.backwards", xs[t], h)
                states[t] = np.concatenate([states[t], h])
        return states

    def dialogue(self, features, speakers):
        """(T, C) logits, and per turn the weights of the fusion (None without)."""
        vectors, weights = [], []
        for t in range(len(speakers)):
            fused, seen = self.fuse([self.linear(f"project.{m}", features[m][t]) for m in self.modalities])
            if self.context == "gru" and self.speaker in ("embedding", "both"):
                fused = np.concatenate([fused, self.weights["speaker.weight"][speakers[t]]])
            vectors.append(fused)
            weights.append(seen)
        if self.context == "gru":
            states = self.recur("dialogue", vectors)
            if self.speaker in ("state", "both"):
                for who in set(speakers):
                    turns = [t for t in range(len(speakers)) if speakers[t] == who]
                    for t, own in zip(turns, self.recur("own", [vectors[t] for t in turns]), strict=True):
                        states[t] = np.concatenate([states[t], own])
            vectors = states
        return np.array([self.linear("classifier", x) for x in vectors]), weights
