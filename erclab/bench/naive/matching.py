"""The last attention of declare-lab/conv-emotion's recurrent models, one turn at a time."""

import torch
from torch import nn
from torch.nn import functional as F


class Match(nn.Linear):
    """Every turn attends to its dialogue. bc-LSTM has a tanh on the scores, DialogueRNN has none."""

    def __init__(self, width, tanh):
        super().__init__(width, width)
        self.tanh = tanh

    def forward(self, states, mask):
        """(T, B, H), (B, T) float -> (T, B, H)."""
        out = []
        for x in states:
            scores = torch.bmm(super().forward(x).unsqueeze(1), states.permute(1, 2, 0)) * mask.unsqueeze(1)
            weights = F.softmax(torch.tanh(scores) if self.tanh else scores, dim=2) * mask.unsqueeze(1)
            weights = weights / torch.sum(weights, dim=2, keepdim=True)
            out.append(torch.bmm(weights, states.transpose(0, 1))[:, 0].unsqueeze(0))
        return torch.cat(out, dim=0)
