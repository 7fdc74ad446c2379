"""DialogueRNN once more: in numpy, float64, one dialogue, one direction and one turn at a time.

Written from the paper's section "Methodology" and the facts about the authors' code. No batch, no mask, no padding; the
direction that reads backwards is given the dialogue backwards.
"""

import numpy as np


def softmax(scores):
    powers = np.exp(np.array(scores) - max(scores))
    return powers / powers.sum()


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class ReferenceDialogueRNN:
    """The model for one set of weights.

    Args:
        weights: name in `erclab.models.dialoguernn.DialogueRNN` -> array.
        speakers: S.
        causal: whether the last attention looks back only.
        drop: stands for dropout on a new state: of the cell ("listener 2" for the third speaker's), the direction, the
            turn and the vector.
        output_dropout, head_dropout: stand for the other dropouts, functions of a vector.
    """

    def __init__(self, weights, speakers, *, causal=False, drop=lambda cell, direction, turn, x: x,
                 output_dropout=lambda x: x, head_dropout=lambda x: x):
        self.weights = {name: np.asarray(w, dtype=np.float64) for name, w in weights.items()}
        self.speakers, self.causal = speakers, causal
        self.drop, self.output_dropout, self.head_dropout = drop, output_dropout, head_dropout

    def linear(self, name, x):
        out = self.weights[f"{name}.weight"] @ x
        return out + self.weights[f"{name}.bias"] if f"{name}.bias" in self.weights else out

    def cell(self, name, x, state):
        """A GRU cell; the gates stand in the order reset, update, new."""
        a = self.weights[f"{name}.weight_ih"] @ x + self.weights[f"{name}.bias_ih"]
        b = self.weights[f"{name}.weight_hh"] @ state + self.weights[f"{name}.bias_hh"]
        H = len(state)
        reset, update = sigmoid(a[:H] + b[:H]), sigmoid(a[H:2 * H] + b[H:2 * H])
        new = np.tanh(a[2 * H:] + reset * b[2 * H:])
        return (1 - update) * new + update * state

    def direction(self, name, utterances, speakers):
        """The emotions of one direction, and for each turn its attention over the turns before."""
        at = f"directions.{name}"
        sizes = {c: self.weights[f"{at}.{c}_cell.weight_hh"].shape[1] for c in ("global", "party", "emotion")}
        party = [np.zeros(sizes["party"]) for _ in range(self.speakers)]
        g, e, past = np.zeros(sizes["global"]), np.zeros(sizes["emotion"]), []
        emotions, weights = [], []
        for step, (u, who) in enumerate(zip(utterances, speakers, strict=True)):
            turn = len(utterances) - 1 - step if name == "back" else step
            g = self.cell(f"{at}.global_cell", np.concatenate([u, party[who]]), g)
            g = self.drop("global", name, turn, g)
            context, alpha = np.zeros_like(g), np.zeros(0)
            if past:
                matrix = self.weights[f"{at}.attend.weight"]
                simple = matrix.shape[0] == 1 and len(g) > 1
                wanted = matrix[0] if simple else matrix @ u
                alpha = softmax([wanted @ before for before in past])
                for weight, before in zip(alpha, past, strict=True):
                    context = context + weight * before
            spoken = self.cell(f"{at}.party_cell", np.concatenate([u, context]), party[who])
            spoken = self.drop("party", name, turn, spoken)
            for other in range(self.speakers):
                if other != who and f"{at}.listener_cell.weight_ih" in self.weights:
                    heard = self.cell(f"{at}.listener_cell", np.concatenate([u, spoken]), party[other])
                    party[other] = self.drop(f"listener {other}", name, turn, heard)
            party[who] = spoken
            e = self.drop("emotion", name, turn, self.cell(f"{at}.emotion_cell", spoken, e))
            past.append(g)
            emotions.append(e)
            weights.append(alpha)
        return emotions, weights

    def dialogue(self, utterances, speakers):
        """Everything about one dialogue: logits, emotion, attention by name (turn, turn)."""
        turns = len(utterances)
        forward, alphas = self.direction("ahead", utterances, speakers)
        emotion, attention = [[e] for e in forward], {"context_forward": np.zeros((turns, turns))}
        for t, alpha in enumerate(alphas):
            attention["context_forward"][t, :t] = alpha
        if "directions.back.attend.weight" in self.weights:
            backward, alphas = self.direction("back", utterances[::-1], speakers[::-1])
            attention["context_backward"] = np.zeros((turns, turns))
            for step, (e, alpha) in enumerate(zip(backward, alphas, strict=True)):
                turn = turns - 1 - step
                emotion[turn].append(e)
                for earlier, weight in enumerate(alpha):
                    attention["context_backward"][turn, turns - 1 - earlier] = weight
        emotion = [self.output_dropout(np.concatenate(e)) for e in emotion]

        attended = emotion
        if "match.weight" in self.weights:
            attention["dialogue"], attended = np.zeros((turns, turns)), []
            for t, query in enumerate(emotion):
                seen = emotion[:t + 1] if self.causal else emotion
                beta = softmax([self.linear("match", query) @ key for key in seen])
                attention["dialogue"][t, :len(seen)] = beta
                attended.append(sum(weight * key for weight, key in zip(beta, seen, strict=True)))
        hidden = [self.head_dropout(np.maximum(self.linear("linear", x), 0)) for x in attended]
        return {"logits": np.array([self.linear("classifier", x) for x in hidden]), "emotion": np.array(emotion),
                "attention": attention}
