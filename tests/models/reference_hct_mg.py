"""HCT-MG once more: numpy, float64, one sample, one step and one equation at a time, for a given primary.

Written from the paper's equations. Its crossmodal transformer is MulT's and so is that of the reference.
"""

import numpy as np
from reference_mult import ReferenceCrossmodal, Weights

CANONICAL = ("text", "audio", "visual")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class ReferenceHCTMG(Weights):
    """The model for one set of weights.

    Args:
        heads, layers, self_layers, hidden: as in the configuration.
        by_role: whether a transformer belongs to a role in the hierarchy, not to a pair of modalities.
    """

    def __init__(self, weights, *, heads, layers, self_layers, hidden, by_role):
        super().__init__(weights)
        self.heads, self.layers, self.self_layers = heads, layers, self_layers
        self.hidden, self.by_role = hidden, by_role

    def gru(self, name, steps):
        w_in, w_state, b_in, b_state = (self.weights[f"{name}.{kind}_l0"]
                                        for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        d = self.hidden
        reset, update, new = slice(0, d), slice(d, 2 * d), slice(2 * d, 3 * d)
        h, out = np.zeros(d), []
        for x in steps:
            given, past = w_in @ x + b_in, w_state @ h + b_state
            r, z = sigmoid(given[reset] + past[reset]), sigmoid(given[update] + past[update])
            candidate = np.tanh(given[new] + r * past[new])
            h = (1 - z) * candidate + z * h
            out.append(h)
        return np.array(out).reshape(len(steps), d)

    def attend(self, role, target, source, x, y):
        """CMT(source -> target)."""
        name = role if self.by_role else f"{target}_from_{source}"
        return ReferenceCrossmodal(self.weights, f"crossmodal.{name}.", width=self.hidden, heads=self.heads,
                                   layers=self.layers)(x, y)

    def sample(self, features, primary, factors=None):
        """modality -> (L, D) without padding, the primary, and factors of the projected sequences (for derivatives).

        Returns the outputs (C,) and name -> (layers, heads, L target, L source).
        """
        names = [m for m in CANONICAL if m in features]
        x = {m: self.gru(f"gru.{m}", self.convolve(f"project.{m}", features[m])) for m in names}
        x = {m: x[m] * (factors or {}).get(m, 1.0) for m in names}
        auxiliaries = [m for m in names if m != primary]
        seen, a_hat = {}, dict(x)
        if len(names) == 3:
            a1, a2 = auxiliaries
            a_hat[a1], seen[f"{a1}_from_{a2}"] = self.attend("a1_from_a2", a1, a2, x[a1], x[a2])  # Eq. 1
            a_hat[a2], seen[f"{a2}_from_{a1}"] = self.attend("a2_from_a1", a2, a1, x[a2], x[a1])  # Eq. 2
        p_hat = []
        for i, a in enumerate(auxiliaries):  # Eqs. 3 and 4
            stream, seen[f"{primary}_from_{a}"] = self.attend(f"p_from_a{i + 1}", primary, a, x[primary], a_hat[a])
            p_hat.append(stream)
        both = np.concatenate(p_hat, axis=1)  # Eq. 5
        last, seen[f"{primary}_from_{primary}"] = ReferenceCrossmodal(
            self.weights, "self_attention.", width=both.shape[1], heads=self.heads, layers=self.self_layers)(both)

        def end(steps):
            return steps[-1] if len(steps) else np.zeros(steps.shape[1])
        z = [self.weights[f"w.{i}.weight"] @ end(a_hat[a]) for i, a in enumerate(auxiliaries)]  # Eq. 6
        z = np.concatenate([*z, end(last)])
        return self.linear("head.3", np.maximum(self.linear("head.0", z), 0)), seen
