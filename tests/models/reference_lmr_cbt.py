"""LMR-CBT once more: in numpy, float64, one utterance, one step and one number at a time.

Written from the paper's equations and the facts about the authors' code, to be read beside them. Slow, and without a
mask: an utterance is a list of frames. What looks across utterances does so in the open: the statistics of a batch, and
the authors' recurrence.
"""

import math

import numpy as np
from reference_mult import position_vector, softmax

FUSION = {"text": ("visual", "audio"), "audio": ("visual", "text"), "visual": ("text", "audio")}


def sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


class ReferenceLMRCBT:
    """The model for one set of weights.

    Args:
        weights: name in `erclab.models.lmr_cbt.LMRCBT` -> array, the running statistics included.
        modalities: in the order of the splice.
        kernels: modality -> k of its convolution.
        heads, layers: of the encoders.
        target, text_front: as in the configuration.
        same_length, future_mask, attend_padding, batch_recurrence: one quirk each, see there.
    """

    def __init__(self, weights, modalities, *, kernels, heads, layers, target="text", text_front="bilstm",
                 same_length=True, future_mask=False, attend_padding=False, batch_recurrence=False):
        self.weights = {name: np.array(w, dtype=np.float64) for name, w in weights.items()}  # copies
        self.modalities, self.kernels, self.heads, self.layers = tuple(modalities), kernels, heads, layers
        self.target, self.text_front = target, text_front
        self.same_length, self.future_mask = same_length, future_mask
        self.attend_padding, self.batch_recurrence = attend_padding, batch_recurrence
        self.width = self.weights["out.weight"].shape[1] // len(self.modalities)

    # Small parts

    def linear(self, name, x):
        out = np.array([sum(row * x) for row in self.weights[f"{name}.weight"]])
        return out + self.weights[f"{name}.bias"] if f"{name}.bias" in self.weights else out

    def layer_norm(self, name, x):
        mean = sum(x) / len(x)
        variance = sum((v - mean) ** 2 for v in x) / len(x)
        return (x - mean) / math.sqrt(variance + 1e-5) * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def lstm_direction(self, suffix, vectors):
        """The states of one direction of one layer, in the order of the vectors; gates are input, forget, cell, out."""
        w_in, w_state, b_in, b_state = (self.weights[f"front.text.lstm.{part}_{suffix}"]
                                        for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        size = w_state.shape[1]
        h, c, states = np.zeros(size), np.zeros(size), []
        for x in vectors:
            gates = [sum(w_in[r] * x) + b_in[r] + sum(w_state[r] * h) + b_state[r] for r in range(4 * size)]
            new_h, new_c = np.zeros(size), np.zeros(size)
            for u in range(size):
                i, f, o = (sigmoid(gates[u + block * size]) for block in (0, 1, 3))
                new_c[u] = f * c[u] + i * math.tanh(gates[u + 2 * size])
                new_h[u] = o * math.tanh(new_c[u])
            h, c = new_h, new_c
            states.append(h)
        return states

    def bilstm(self, vectors):
        for layer in (0, 1):
            there = self.lstm_direction(f"l{layer}", vectors)
            back = self.lstm_direction(f"l{layer}_reverse", vectors[::-1])[::-1]
            vectors = [np.concatenate(pair) for pair in zip(there, back, strict=True)]
        return vectors

    # Feature preprocessing

    def convolve(self, modality, frames):
        """Eq. 1 without its normalisation."""
        matrix, k = self.weights[f"front.{modality}.convolve.weight"], self.kernels[modality]
        if not frames:
            return []
        nothing = np.zeros(matrix.shape[1])
        if self.same_length:
            frames = [nothing] * ((k - 1) // 2) + frames + [nothing] * (k // 2)
        frames = frames + [nothing] * (k - len(frames))
        out = []
        for start in range(len(frames) - k + 1):
            total = np.zeros(matrix.shape[0])
            for offset in range(k):
                total += matrix[:, :, offset] @ frames[start + offset]
            out.append(total)
        return out

    def batch_norm(self, modality, utterances, training, after):
        """Over all steps of all utterances; what the running statistics become goes into `after`."""
        name = f"front.{modality}.norm"
        mean, variance = self.weights[f"{name}.running_mean"], self.weights[f"{name}.running_var"]
        if training:
            every = [x for steps in utterances for x in steps]
            running_mean, running_variance = mean, variance
            mean = sum(every) / len(every)
            variance = sum((x - mean) ** 2 for x in every) / len(every)
            unbiased = sum((x - mean) ** 2 for x in every) / (len(every) - 1)
            after[f"{name}.running_mean"] = 0.9 * running_mean + 0.1 * mean
            after[f"{name}.running_var"] = 0.9 * running_variance + 0.1 * unbiased
        gain, shift = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return [[(x - mean) / np.sqrt(variance + 1e-5) * gain + shift for x in steps] for steps in utterances]

    def front(self, modality, utterances, training, after):
        """Lists of frames -> lists of vectors of the common width, one list per utterance."""
        if modality == "text" and self.text_front == "bilstm":
            if self.batch_recurrence:
                out = [[None] * len(frames) for frames in utterances]
                for step in range(len(utterances[0])):  # all have the same length: they are padded
                    for b, state in enumerate(self.bilstm([frames[step] for frames in utterances])):
                        out[b][step] = state
            else:
                out = [self.bilstm(frames) if frames else [] for frames in utterances]
            return [[self.layer_norm("front.text.norm", x) for x in steps] for steps in out]
        return self.batch_norm(modality, [self.convolve(modality, frames) for frames in utterances], training, after)

    # Transformer encoder and cross-modal block

    def encode(self, modality, vectors):
        """The encoder's last step (0 if there is none) and weights[layer][head][query][key]."""
        name, size = f"encoder.{modality}", self.width // self.heads
        x = []
        for i, v in enumerate(vectors):
            placed = not (self.attend_padding and v[0] == 0)
            x.append(math.sqrt(self.width) * v + (position_vector(i + 1, self.width) if placed else 0))
        every = []
        for layer in range(self.layers):
            at = f"{name}.layers.{layer}"
            normed = [self.layer_norm(f"{at}.norm", v) for v in x]
            qkv = [self.linear(f"{at}.attention.project", v) for v in normed]
            q, k, v = ([row[part * self.width:(part + 1) * self.width] for row in qkv] for part in range(3))
            weights = [[[0.0] * len(x) for _ in x] for _ in range(self.heads)]
            out = []
            for i in range(len(x)):
                seen = i + 1 if self.future_mask else len(x)
                context = np.zeros(self.width)
                for head in range(self.heads):
                    own = range(head * size, (head + 1) * size)
                    scores = [sum(q[i][c] * k[j][c] for c in own) / math.sqrt(size) for j in range(seen)]
                    for j, weight in enumerate(softmax(scores)):
                        weights[head][i][j] = weight
                        for c in own:
                            context[c] += weight * v[j][c]
                h = x[i] + self.linear(f"{at}.attention.out", context)
                inner = self.linear(f"{at}.w1", self.layer_norm(f"{at}.feed_forward_norm", h))
                out.append(h + self.linear(f"{at}.w2", np.maximum(inner, 0)))
            x = out
            every.append(weights)
        return (self.layer_norm(f"{name}.norm", x[-1]) if x else np.zeros(self.width)), every

    def cross(self, source, vectors, summary):
        """Eq. 11: per step a softmax over features."""
        return [np.array(softmax(np.tanh(self.linear(f"fuse.{source}.map_target", x)
                                         + self.linear(f"fuse.{source}.map_source", summary)))) for x in vectors]

    # The model

    def batch(self, utterances, *, training=False):
        """A batch.

        Args:
            utterances: dictionaries modality -> list of frames, without padding.

        Returns:
            One dictionary per utterance, with "logits" and "attention" (with `attend_padding` the padding comes first);
            and the running statistics afterwards.
        """
        after, x = {}, {}
        for m in self.modalities:
            frames = [list(u[m]) for u in utterances]
            if self.attend_padding:
                length = max(1, max(map(len, frames)))
                size = max(len(f[0]) for f in frames if f)
                frames = [[np.zeros(size)] * (length - len(f)) + f for f in frames]
            x[m] = self.front(m, frames, training, after)
        return [self.utterance({m: x[m][b] for m in self.modalities}) for b in range(len(utterances))], after

    def utterance(self, x):
        summary, attention = {}, {}
        fused = x[self.target]
        for m in FUSION[self.target]:
            if m in self.modalities:
                summary[m], attention[m] = self.encode(m, x[m])
                fused = self.cross(m, fused, summary[m])
        fused = [f + own for f, own in zip(fused, x[self.target], strict=True)]
        summary[self.target], attention[self.target] = self.encode(self.target, fused)
        spliced = np.concatenate([summary[m] for m in self.modalities])
        hidden = self.linear("head.3", np.maximum(self.linear("head.0", spliced), 0))
        return {"logits": self.linear("out", hidden), "attention": attention}
