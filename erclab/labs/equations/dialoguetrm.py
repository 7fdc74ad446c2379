"""DialogueTRM (Mao et al. 2020): the gate of a pair of modalities."""

from __future__ import annotations

import torch
from torch import Tensor

from erclab.labs.exercise import Exercise, Inputs, Mistake, randn


def _gate(a: Tensor, b: Tensor, Wa: Tensor, Wb: Tensor, Wz: Tensor) -> tuple[Tensor, Tensor]:
    """The right answer."""
    return _mixed(a, b, Wa, Wb, _share(a, b, Wz))


def _share(a, b, Wz):
    return torch.sigmoid(torch.cat([a, b, a * b], dim=-1) @ Wz.T)


def _mixed(a, b, Wa, Wb, z):
    return z * torch.tanh(a @ Wa.T) + (1 - z) * torch.tanh(b @ Wb.T), z


def _of_images(a, b, Wa, Wb, Wz):
    x, y = torch.tanh(a @ Wa.T), torch.tanh(b @ Wb.T)
    return _mixed(a, b, Wa, Wb, _share(x, y, Wz))


def _no_tanh(a, b, Wa, Wb, Wz):
    z = _share(a, b, Wz)
    return z * (a @ Wa.T) + (1 - z) * (b @ Wb.T), z


def _both_full(a, b, Wa, Wb, Wz):
    z = _share(a, b, Wz)
    return z * torch.tanh(a @ Wa.T) + torch.tanh(b @ Wb.T), z


def _no_maps(a, b, Wa, Wb, Wz):
    z = _share(a, b, Wz)
    return z * a + (1 - z) * b, z


def _example(generator: torch.Generator) -> Inputs:
    return {"a": randn(generator, 5, 4), "b": randn(generator, 5, 4), "Wa": randn(generator, 4, 4),
            "Wb": randn(generator, 4, 4), "Wz": randn(generator, 4, 12)}


def _sum_instead(a, b, Wz):
    return torch.sigmoid(torch.cat([a, b, a + b], dim=-1) @ Wz.T)


EXERCISES = (Exercise(
    "dialoguetrm.gate", "DialogueTRM's gate", "Mao et al. 2020, Eqs. 4 to 7 (Arevalo et al. 2020)",
    r"z = \sigma(W_z [a; b; a \odot b]), \qquad h = z \odot \tanh(W_a a) + (1 - z) \odot \tanh(W_b b)",
    {"a": "(N, H) one modality", "b": "(N, H) the other one", "Wa": "(H, H)", "Wb": "(H, H)", "Wz": "(H, 3 H)"},
    {"fused": "(N, H)", "z": "(N, H) the share of a, between 0 and 1"},
    _gate,
    {"turned": Mistake("The shares are turned round: z belongs to a, and 1 - z to b.",
                       lambda a, b, Wa, Wb, Wz: (_mixed(a, b, Wa, Wb, 1 - _share(a, b, Wz))[0], _share(a, b, Wz))),
     "no tanh": Mistake("The tanh is missing: both modalities are brought between -1 and 1 before they are mixed.",
                        _no_tanh),
     "other order": Mistake("The order of the joined vectors is another one: Wz reads [a; b; a * b].",
                            lambda a, b, Wa, Wb, Wz: _mixed(a, b, Wa, Wb, _share(b, a, Wz))),
     "sum instead": Mistake("The third part is a + b; the equation has the product a * b, by which the gate sees "
                            "whether both agree.",
                            lambda a, b, Wa, Wb, Wz: _mixed(a, b, Wa, Wb, _sum_instead(a, b, Wz))),
     "no product": Mistake("The product a * b is missing: Wz reads three parts.",
                           lambda a, b, Wa, Wb, Wz: _mixed(a, b, Wa, Wb, torch.sigmoid(
                               torch.cat([a, b], dim=-1) @ Wz[:, :2 * a.shape[-1]].T))),
     "of the images": Mistake("The gate reads tanh(W a) and tanh(W b); Eq. 6 reads a and b themselves.", _of_images),
     "softmax": Mistake("The share is a softmax over the features: they compete. A sigmoid decides for each feature by "
                        "itself.", lambda a, b, Wa, Wb, Wz: _mixed(a, b, Wa, Wb, (
                            torch.cat([a, b, a * b], dim=-1) @ Wz.T).softmax(dim=-1))),
     "tanh share": Mistake("The share is a tanh: it may be negative. A share is between 0 and 1.",
                           lambda a, b, Wa, Wb, Wz: _mixed(a, b, Wa, Wb, torch.tanh(
                               torch.cat([a, b, a * b], dim=-1) @ Wz.T))),
     "one map": Mistake("Both modalities go through Wa: b has a map of its own, Wb.",
                        lambda a, b, Wa, Wb, Wz: _mixed(a, b, Wa, Wa, _share(a, b, Wz))),
     "maps turned": Mistake("The maps are exchanged: Wa belongs to a, Wb to b.",
                            lambda a, b, Wa, Wb, Wz: _mixed(a, b, Wb, Wa, _share(a, b, Wz))),
     "no maps": Mistake("a and b are mixed as they are: the equation mixes tanh(Wa a) and tanh(Wb b).", _no_maps),
     "both full": Mistake("b is added whole: its share is 1 - z.", _both_full),
     "transposed": Mistake("The weights are not transposed: W a of a row a is a @ W.T, as nn.Linear has it.",
                           lambda a, b, Wa, Wb, Wz: _mixed(a, b, Wa.T, Wb.T, _share(a, b, Wz)))},
    _example, samples=("a", "b"),
    place=lambda model: next((f"fusion.gate.{k}", m) for k, m in model.fusion.gate.items()),
    taken=lambda module, a, b: {"a": a, "b": b, "Wa": module.first.weight, "Wb": module.second.weight,
                                "Wz": module.share.weight}),)
