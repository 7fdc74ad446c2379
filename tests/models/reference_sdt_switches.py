"""SDT's ablations once more, on top of the naive SDT: streams left out, other fusions, other teachers."""

import math

import numpy as np
from reference_sdt import ReferenceSDT, log_softmax, sigmoid, softmax


class ReferenceAblation(ReferenceSDT):
    """One dialogue, one turn, one number at a time.

    Args:
        intra, inter, unimodal, multimodal: as the fields of `SDT.Config` (the last two end with `_fusion` there).
    """

    def __init__(self, *args, intra, inter, unimodal, multimodal, **more):
        super().__init__(*args, **more)
        self.intra, self.inter, self.unimodal, self.multimodal = intra, inter, unimodal, multimodal

    def streams(self, m, embedded):
        """[(n, a vector per turn)]: what modality m takes from itself and from the others."""
        found = []
        if self.intra:
            found.append((m, self.encode(f"{m}_from_{m}", embedded[m], embedded[m])[0]))
        for n in self.modalities:
            if self.inter and n != m:
                found.append((n, self.encode(f"{m}_from_{n}", embedded[m], embedded[n])[0]))
        return found

    def one_vector(self, m, streams):
        """H'_m at one turn, from [(n, vector)]."""
        if self.unimodal in ("add", "none"):
            total = np.zeros(self.width)
            for _, h in streams:
                total = total + h
            return total / len(streams) if self.unimodal == "none" else total
        joined = []
        for n, h in streams:
            if self.unimodal == "gated":
                z = self.linear(f"unimodal_gate.{m}_from_{n}", h, bias=False)
                h = [sigmoid(z[c]) * h[c] for c in range(self.width)]
            joined += list(h)
        return self.linear(f"reduce.{m}", np.array(joined))

    def dialogue(self, features, speakers):
        """logits and students' logits, and per turn and modality the weight of the multimodal gate (M, H)."""
        embedded = {m: self.embed(m, features[m], speakers) for m in self.modalities}
        streams = {m: self.streams(m, embedded) for m in self.modalities}
        result = {"logits": [], "students": {m: [] for m in self.modalities}, "multimodal": []}
        for turn in range(len(speakers)):
            here = {m: [(n, h[turn]) for n, h in streams[m]] for m in self.modalities}
            own = {m: self.one_vector(m, here[m]) for m in self.modalities}
            for m in self.modalities:
                positive = np.array([max(u, 0.0) for u in own[m]])
                result["students"][m].append(self.linear(f"student.{m}.2", positive))
            if self.multimodal == "none":
                result["logits"].append(sum(result["students"][m][-1] for m in self.modalities) / len(self.modalities))
                continue
            # What is to be fused, and of which modality it is.
            parts = [(m, own[m]) for m in self.modalities]
            if self.unimodal == "none":
                parts = [(m, h) for m in self.modalities for _, h in here[m]]
            result["logits"].append(self.linear("teacher", self.fuse(parts, result)))
        return result

    def fuse(self, parts, result):
        if len(parts) == 1:
            return parts[0][1]
        if self.multimodal == "concat":
            return self.linear("join", np.concatenate([h for _, h in parts]))
        weights = np.ones((len(parts), self.width))
        if self.multimodal == "gated":
            scores = [self.linear("multimodal_gate", h, bias=False) for _, h in parts]
            for c in range(self.width):
                weights[:, c] = softmax([s[c] for s in scores])
            result["multimodal"].append([sum(w for w, (n, _) in zip(weights, parts, strict=True) if n == m)
                                         for m in self.modalities])
        return sum(w * h for w, (_, h) in zip(weights, parts, strict=True))


def divergence(target, learner, temperature):
    """Mean over rows of KL(target || learner), from logits."""
    total = 0.0
    for t, s in zip(target, learner, strict=True):
        log_t = log_softmax([v / temperature for v in t])
        log_s = log_softmax([v / temperature for v in s])
        total += sum(math.exp(a) * (a - b) for a, b in zip(log_t, log_s, strict=True))
    return total / len(target)


def distillation(kind, fused, students, frozen, temperature):
    """The term for logits as lists of rows, without tau^2."""
    if kind == "self":
        return sum(divergence(fused, s, temperature) for s in students)
    if kind == "offline":
        return sum(divergence(frozen, s, temperature) for s in students)
    peers, total = [fused, *students], 0.0
    for k in range(len(peers)):
        lessons = [divergence(peers[i], peers[k], temperature) for i in range(len(peers)) if i != k]
        total += sum(lessons) / (len(peers) - 1)
    return total
