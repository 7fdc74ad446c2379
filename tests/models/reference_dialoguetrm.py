"""DialogueTRM once more: in numpy, float64, one dialogue, one turn and one head at a time, BERT included.

Written from the paper's equations, Devlin et al. (2019) for BERT, Vaswani et al. (2017) for the Transformer, and what
the Config says of the rest. A dialogue has no padding here and its contexts are lists, so there are no masks.
"""

import math

import numpy as np
from reference_dialoguernn import ReferenceDialogueRNN
from reference_mult import ReferenceCrossmodal

ACTIVATIONS = {"gelu": lambda x: x * 0.5 * (1 + math.erf(x / math.sqrt(2))), "relu": lambda x: max(x, 0.0)}
PAIRS = (("text", "visual"), ("text", "audio"), ("audio", "visual"))  # (tv), (ta), (av)


def softmax(scores):
    powers = [math.exp(s - max(scores)) for s in scores]
    return [p / sum(powers) for p in powers]


def window(target, K):
    """The turns of the conversational context, phi of section "Task Formulation"."""
    return [t for t in range(target - K, target) if t >= 0]


def pack(utterances, speakers, target, K, longest, dependent=True):
    """Eq. 2: (units, segments) of `[CLS] target [SEP] individual context`.

    Args:
        utterances: of each turn a list of its units, whatever they are.
        longest: what has no room is left out: units of the context from its oldest on, then the target's last.
    """
    own = utterances[target][: longest - 2]
    context = []
    for t in window(target, K):
        if speakers[t] == speakers[target] and dependent:
            context += utterances[t]
    while len(own) + len(context) + 2 > longest:
        context = context[1:]
    return ["[CLS]", *own, "[SEP]", *context], [0] * (len(own) + 2) + [1] * len(context)


class Placed(ReferenceCrossmodal):
    """A crossmodal transformer whose first step has another position than 1."""

    first = 1

    def embed(self, steps):
        before = [np.zeros(self.width)] * (self.first - 1)
        return super().embed([*before, *steps])[self.first - 1:]


class ReferenceDialogueTRM:
    """The model for one set of weights and a `DialogueTRM.Config`, read by name."""

    def __init__(self, weights, config):
        self.weights = {name: np.asarray(w, dtype=np.float64) for name, w in weights.items()}
        self.config = config
        self.modalities = [m for m in ("text", "visual", "audio") if m in dict(config.dims)]

    def linear(self, name, x, rows=slice(None)):
        out = self.weights[f"{name}.weight"][rows] @ x
        return out + self.weights[f"{name}.bias"][rows] if f"{name}.bias" in self.weights else out

    def norm(self, name, x, eps):
        x = x - x.mean()
        return x / math.sqrt((x * x).mean() + eps) * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def below(self, prefix):
        return {n.removeprefix(prefix): w for n, w in self.weights.items() if n.startswith(prefix)}

    @staticmethod
    def heads(query, keys, values, heads):
        """One query's context vector, and its weights[head][key]."""
        size = len(query) // heads
        context, weights = np.zeros(len(query)), []
        for h in range(heads):
            part = slice(h * size, (h + 1) * size)
            weights.append(softmax([float(query[part] @ k[part]) / math.sqrt(size) for k in keys]))
            context[part] = sum(w * v[part] for w, v in zip(weights[-1], values, strict=True))
        return context, weights

    # BERT

    def bert(self, name, units, segments):
        """The last hidden state at [CLS] of a sequence of embeddings."""
        c, table = self.config, self.below(f"{name}.embeddings.")
        x = []
        for place, (unit, segment) in enumerate(zip(units, segments, strict=True)):
            whole = unit + table["position_embeddings.weight"][place] + table["token_type_embeddings.weight"][segment]
            x.append(self.norm(f"{name}.embeddings.LayerNorm", whole, c.bert.norm_eps))
        act = ACTIVATIONS[c.bert.activation]
        for n in range(c.bert.layers):
            layer = f"{name}.encoder.layer.{n}"
            q, k, v = ([self.linear(f"{layer}.attention.self.{part}", s) for s in x]
                       for part in ("query", "key", "value"))
            attended = [self.linear(f"{layer}.attention.output.dense", self.heads(query, k, v, c.bert.heads)[0])
                        for query in q]
            x = [self.norm(f"{layer}.attention.output.LayerNorm", s + a, c.bert.norm_eps)
                 for s, a in zip(x, attended, strict=True)]
            inner = [np.array([act(u) for u in self.linear(f"{layer}.intermediate.dense", s)]) for s in x]
            x = [self.norm(f"{layer}.output.LayerNorm", s + self.linear(f"{layer}.output.dense", i), c.bert.norm_eps)
                 for s, i in zip(x, inner, strict=True)]
        return x[0]

    def feature(self, modality, target, features, tokens, speakers):
        """f_i of a modality."""
        c = self.config
        name = f"branch.bert.{'shared' if c.bert.shared else modality}"
        table = self.weights[f"{name}.embeddings.word_embeddings.weight"]
        if modality == "text" and c.text_from == "tokens":
            utterances = [[table[word] for word in words] for words in tokens]
        else:
            utterances = [[self.linear(f"branch.project.{modality}", x)] for x in features[modality]]
        special = {"[CLS]": table[c.bert.cls_token], "[SEP]": table[c.bert.sep_token]}
        units, segments = pack(utterances, speakers, target, c.context_turns, c.bert.max_length,
                               dict(c.context)[modality] == "dependent")
        return self.bert(name, [special[u] if isinstance(u, str) else u for u in units], segments)

    # The Transformer

    def transformer(self, name, x, layers, sees):
        """Post-norm layers. sees[i]: which positions i attends to. All positions, and weights[layer][i][head][key]."""
        H, seen = self.config.hidden, []
        for n in range(layers):
            layer = f"{name}.layers.{n}"
            q, k, v = ([self.linear(f"{layer}.attention.project", s, slice(part * H, (part + 1) * H)) for s in x]
                       for part in range(3))
            out, weights = [], []
            for i, s in enumerate(x):
                context, w = self.heads(q[i], [k[j] for j in sees[i]], [v[j] for j in sees[i]], self.config.heads)
                s = self.norm(f"{layer}.norm", s + self.linear(f"{layer}.attention.out", context), 1e-5)
                inner = np.maximum(self.linear(f"{layer}.w1", s), 0)
                out.append(self.norm(f"{layer}.feed_forward_norm", s + self.linear(f"{layer}.w2", inner), 1e-5))
                weights.append(w)
            x = out
            seen.append(weights)
        return x, seen

    def place(self, name, back):
        """What is added to the turn that lies so many turns back."""
        c = self.config
        if c.positions == "none":
            return 0.0
        if c.positions == "learned":
            return self.weights[f"{name}.place"][back]
        return np.array([(math.cos if d % 2 else math.sin)(back / 10000 ** ((d - d % 2) / c.hidden))
                         for d in range(c.hidden)])

    def representations(self, modality, f):
        """r_i of a modality for all turns of a dialogue, and attention (layers, heads, T, T)."""
        c, T = self.config, len(f)
        name = f"context.{'shared' if c.shared_transformer else modality}"
        K = c.context_turns if dict(c.context)[modality] == "dependent" else 0
        attention = np.zeros((c.layers, c.heads, T, T))
        contexts = [[*window(i, K), i] for i in range(T)]
        if c.window == "banded":
            r, seen = self.transformer(f"{name}.encoder", f, c.layers, contexts)
        else:
            r = []
        for i, turns in enumerate(contexts):
            if c.window == "exact":
                x, seen = self.transformer(f"{name}.encoder", [f[t] + self.place(name, i - t) for t in turns],
                                           c.layers, [range(len(turns))] * len(turns))
                r.append(x[-1])
            for layer, weights in enumerate(seen):
                attention[layer, :, i, turns] = np.array(weights[i if c.window == "banded" else -1]).T
        return r, attention

    # The fusion

    def gate(self, name, a, b):
        """Eqs. 4 to 7: the fused vector, and z."""
        h_a, h_b = np.tanh(self.linear(f"{name}.first", a)), np.tanh(self.linear(f"{name}.second", b))
        z = np.array([1 / (1 + math.exp(-s)) for s in self.linear(f"{name}.share", np.concatenate([a, b, a * b]))])
        return z * h_a + (1 - z) * h_b, z

    def fuse(self, r):
        """Modality -> r_i of one turn, to u_i, and what the model shows in `aux`."""
        c, aux = self.config, {}
        if len(r) == 1:
            return next(iter(r.values())), aux
        parts = [r[m] for m in self.modalities]
        if c.fusion in ("mgif", "gate_concat"):
            parts = []
            for a, b in PAIRS:
                if a in r and b in r:
                    h, aux[f"gate.{a}_{b}"] = self.gate(f"fusion.gate.{a}_{b}", r[a], r[b])
                    parts.append(h)
        if c.fusion in ("concat", "gate_concat"):
            return np.concatenate(parts), aux
        x = [self.weights["fusion.cls"], *parts]
        if c.fusion_positions:
            x = [s + p for s, p in zip(x, self.weights["fusion.place"], strict=True)]
        x, seen = self.transformer("fusion.encoder", x, c.fusion_layers, [range(len(x))] * len(x))
        aux["fusion_attention"] = np.array([layer[0] for layer in seen])
        return x[0], aux

    def mult(self, r, target, attention):
        """MulT over the window of representations, read out at the target."""
        c, turns = self.config, [*window(target, self.config.context_turns), target]
        x = {m: [self.linear(f"fusion.project.{m}", r[m][t]) for t in turns] for m in self.modalities}
        last = []
        for m in self.modalities:
            streams = []
            for n in self.modalities:
                if n != m:
                    stream, weights = self.crossmodal(f"fusion.cross.{m}_from_{n}.", c.mult_width, turns)(x[m], x[n])
                    streams.append(stream)
                    attention[f"fusion.{m}_from_{n}"][:, :, target, turns] = weights[:, :, -1]
            memory = self.crossmodal(f"fusion.memory.{m}.", c.mult_width * len(streams), turns)
            last.append(memory(np.concatenate(streams, axis=1))[0][-1])
        return np.concatenate(last)

    def crossmodal(self, prefix, width, turns):
        c = self.config
        found = Placed(self.weights, prefix, width=width, heads=c.mult_heads, layers=c.fusion_layers)
        found.first = c.context_turns + 2 - len(turns)  # the target has the position K + 1
        return found

    # All of it

    def dialogue(self, features, tokens, speakers):
        """Everything about one dialogue: logits (T, C), aux and attention by the names of the model.

        Args:
            features: modality -> (T, D).
            tokens: of each turn a list of ids.
            speakers: of each turn an int.
        """
        c, T = self.config, len(speakers)
        r, aux, attention = {}, {}, {}
        for m in self.modalities:
            f = [self.feature(m, i, features, tokens, speakers) for i in range(T)]
            reader = c.summary if dict(c.context)[m] == "dependent" else "transformer"
            if reader == "transformer":
                r[m], attention[f"{m}.context"] = self.representations(m, f)
            elif reader == "dialoguernn":
                weights = self.below(f"recurrent.{'shared' if c.shared_transformer else m}.rnn.")
                found = ReferenceDialogueRNN(weights, c.speakers, causal=True).dialogue(f, speakers)
                r[m] = found["logits"]
                attention |= {f"{m}.{name}": w[None] for name, w in found["attention"].items()}
            else:
                r[m] = f
            aux[f"representation.{m}"] = np.array(r[m])
        if c.fusion == "mult" and len(r) > 1:
            attention |= {f"fusion.{m}_from_{n}": np.zeros((c.fusion_layers, c.mult_heads, T, T))
                          for m in r for n in r if m != n}
            u = [self.mult(r, i, attention) for i in range(T)]
        else:
            u, seen = zip(*(self.fuse({m: r[m][i] for m in r}) for i in range(T)), strict=True)
            aux |= {name: np.array([s[name] for s in seen]) for name in seen[0]}
        o = [np.tanh(self.linear("hidden", x)) for x in u]  # Eq. 12
        return np.array([self.linear("out", x) for x in o]), aux, attention  # Eq. 13, before its softmax
