"""bc-LSTM once more: in numpy, float64, one dialogue and one turn at a time, from the facts about the authors' code."""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class ReferenceBCLSTM:
    """The model for one set of weights.

    Args:
        weights: name in `erclab.models.bclstm.BCLSTM` -> array.
        causal: whether the attention looks back only.
    """

    def __init__(self, weights, *, causal=False):
        self.weights = {name: np.asarray(w, dtype=np.float64) for name, w in weights.items()}
        self.causal = causal

    def linear(self, name, x):
        return self.weights[f"{name}.weight"] @ x + self.weights[f"{name}.bias"]

    def lstm(self, turns, layer, suffix):
        """One direction of one layer, in the order of `turns`; the gates stand in the order i, f, g, o."""
        w, u, b, c = (self.weights[f"lstm.{name}_l{layer}{suffix}"]
                      for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        h, cell, out = np.zeros(u.shape[1]), np.zeros(u.shape[1]), []
        for x in turns:
            i, f, g, o = np.split(w @ x + b + u @ h + c, 4)
            cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(cell)
            out.append(h)
        return out

    def dialogue(self, turns, length):
        """Logits (length, C) and attention (length, length) of a dialogue; the LSTM reads all `turns`, padding too."""
        layer = 0
        while f"lstm.weight_ih_l{layer}" in self.weights:
            states = self.lstm(turns, layer, "")
            if f"lstm.weight_ih_l{layer}_reverse" in self.weights:
                backward = self.lstm(turns[::-1], layer, "_reverse")[::-1]
                states = [np.concatenate(pair) for pair in zip(states, backward, strict=True)]
            turns, layer = states, layer + 1
        states, weights = turns[:length], np.zeros((length, length))
        if "match.weight" in self.weights:
            attended = []
            for t, query in enumerate(states):
                seen = states[:t + 1] if self.causal else states
                powers = np.exp([np.tanh(self.linear("match", query) @ key) for key in seen])
                weights[t, :len(seen)] = powers / powers.sum()
                attended.append(sum(w * key for w, key in zip(weights[t], seen, strict=False)))
            states = attended
        hidden = [np.maximum(self.linear("head.0", h), 0) for h in states]
        return np.array([self.linear("head.3", h) for h in hidden]), weights
