"""SDT once more: in numpy, float64, one dialogue and one number at a time.

Written from the paper's equations and the facts about the authors' code, to be read beside them. Slow, and on
purpose without a mask: a dialogue has no padding here.
"""

import math

import numpy as np


def softmax(scores):
    top = max(scores)
    powers = [math.exp(s - top) for s in scores]
    return [p / sum(powers) for p in powers]


def log_softmax(scores):
    top = max(scores)
    log_sum = top + math.log(sum(math.exp(s - top) for s in scores))
    return [s - log_sum for s in scores]


def sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def gelu(x):
    """The tanh form."""
    return x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))


def position_vector(turn, width):
    """Sine at even, cosine at odd features; the first turn is 0."""
    out = np.zeros(width)
    for i in range(width):
        angle = turn / 10000 ** (2 * (i // 2) / width)
        out[i] = math.sin(angle) if i % 2 == 0 else math.cos(angle)
    return out


class ReferenceSDT:
    """The model for one set of weights.

    Args:
        weights: name in `erclab.models.sdt.model.SDT` -> array.
        modalities: in the order of fusion.
        heads: attention heads.
        normalise_streams: whether a LayerNorm stands before the attention.
        positions: (turns, H) to use instead of `position_vector`.
    """

    def __init__(self, weights, modalities, heads, *, normalise_streams, positions=None):
        self.weights = {name: np.asarray(w, dtype=np.float64) for name, w in weights.items()}
        self.modalities, self.heads = tuple(modalities), heads
        self.normalise_streams, self.positions = normalise_streams, positions
        self.width = self.weights["speaker.weight"].shape[1]

    def linear(self, name, x, bias=True):
        matrix = self.weights[f"{name}.weight"]
        out = np.array([sum(row * x) for row in matrix])
        return out + self.weights[f"{name}.bias"] if bias else out

    def norm(self, name, x):
        mean = sum(x) / len(x)
        variance = sum((v - mean) ** 2 for v in x) / len(x)
        gain, shift = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return np.array([g * (v - mean) / math.sqrt(variance + 1e-6) + s
                         for v, g, s in zip(x, gain, shift, strict=True)])

    def embed(self, modality, features, speakers):
        """H_m: a vector per turn."""
        matrix = self.weights[f"project.{modality}.weight"][:, :, 0]  # a convolution over one turn
        out = []
        for turn, (x, who) in enumerate(zip(features, speakers, strict=True)):
            place = position_vector(turn, self.width) if self.positions is None else self.positions[turn]
            out.append(matrix @ x + place + self.weights["speaker.weight"][who])
        return out

    def encode(self, pair, queries, keys):
        """One transformer layer. Returns a vector per turn, and weights[head][query turn][key turn]."""
        name, size = f"encoder.{pair}", self.width // self.heads
        seen_q, seen_k = queries, keys
        if self.normalise_streams:
            seen_q, seen_k = ([self.norm(f"{name}.norm", x) for x in stream] for stream in (queries, keys))
        q = [self.linear(f"{name}.q", x) for x in seen_q]
        k = [self.linear(f"{name}.k", x) for x in seen_k]
        v = [self.linear(f"{name}.v", x) for x in seen_k]
        weights = [[softmax([sum(q[i][c] * k[j][c] for c in range(h * size, (h + 1) * size)) / math.sqrt(size)
                             for j in range(len(keys))])
                    for i in range(len(queries))]
                   for h in range(self.heads)]
        out = []
        for i, residual in enumerate(queries):
            context = np.zeros(self.width)
            for c in range(self.width):
                context[c] = sum(weights[c // size][i][j] * v[j][c] for j in range(len(keys)))
            x = residual + self.linear(f"{name}.out", context)
            inner = [gelu(u) for u in self.linear(f"{name}.w1", self.norm(f"{name}.feed_forward_norm", x))]
            out.append(x + self.linear(f"{name}.w2", np.array(inner)))
        return out, weights

    def dialogue(self, features, speakers):
        """Everything about one dialogue: logits, students, attention, unimodal and multimodal gates."""
        turns = len(speakers)
        embedded = {m: self.embed(m, features[m], speakers) for m in self.modalities}
        result = {"attention": {}, "unimodal": {}}
        enhanced = {}
        for m in self.modalities:
            gated = [[] for _ in range(turns)]
            for n in [m] + [other for other in self.modalities if other != m]:
                pair = f"{m}_from_{n}"
                h, result["attention"][pair] = self.encode(pair, embedded[m], embedded[n])
                gates = []
                for turn in range(turns):
                    pre = self.linear(f"unimodal_gate.{pair}", h[turn], bias=False)
                    z = [sigmoid(u) for u in pre]
                    gated[turn] += [z[c] * h[turn][c] for c in range(self.width)]
                    gates.append(z)
                result["unimodal"][pair] = gates
            enhanced[m] = [self.linear(f"reduce.{m}", np.array(x)) for x in gated]

        result["multimodal"], result["logits"] = [], []
        for turn in range(turns):
            fused, gate = np.zeros(self.width), np.ones((len(self.modalities), self.width))
            if len(self.modalities) > 1:
                scores = [self.linear("multimodal_gate", enhanced[m][turn], bias=False) for m in self.modalities]
                for c in range(self.width):
                    gate[:, c] = softmax([s[c] for s in scores])
            for row, m in zip(gate, self.modalities, strict=True):
                fused += row * enhanced[m][turn]
            result["multimodal"].append(gate)
            result["logits"].append(self.linear("teacher", fused))
        result["students"] = {m: [self.linear(f"student.{m}.2", np.array([max(u, 0.0) for u in x]))
                                  for x in enhanced[m]] for m in self.modalities}
        return result


def reference_losses(dialogues, labels, *, temperature, tau_squared, loss_weights, class_weight=None):
    """The three terms and their total, from `ReferenceSDT.dialogue` of each dialogue and its labels."""
    def cross_entropy(rows):
        above = below = 0.0
        for row, y in rows:
            weight = 1.0 if class_weight is None else class_weight[y]
            above -= weight * log_softmax(row)[y]
            below += weight
        return above / below

    teacher = [(row, y) for d, ys in zip(dialogues, labels, strict=True)
               for row, y in zip(d["logits"], ys, strict=True)]
    task, student, distillation = cross_entropy(teacher), 0.0, 0.0
    for m in dialogues[0]["students"]:
        rows = [(row, y) for d, ys in zip(dialogues, labels, strict=True)
                for row, y in zip(d["students"][m], ys, strict=True)]
        student += cross_entropy(rows)
        for (t, _), (s, _) in zip(teacher, rows, strict=True):
            log_t, log_s = log_softmax(t / temperature), log_softmax(s / temperature)
            distillation += sum(math.exp(a) * (a - b) for a, b in zip(log_t, log_s, strict=True)) / len(rows)
    if tau_squared:
        distillation *= temperature * temperature
    total = loss_weights[0] * task + loss_weights[1] * student + loss_weights[2] * distillation
    return {"total": total, "task": task, "student": student, "distillation": distillation}
