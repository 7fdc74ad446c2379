"""Wrong answers to the exercises, written as students write them: (exercise, words that the finding must have, answer).

They are written without a look at the known mistakes of the exercises.
"""

import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

WRONG = []


def wrong(name, says):
    def add(function):
        WRONG.append((name, says, function))
        return function
    return add


# Attention.


@wrong("mult.attention", "forgets the scale")
def a1(q, k, v, keep):
    scores = torch.einsum("nqd,nkd->nqk", q, k)
    scores[~keep] = -1e9
    w = torch.softmax(scores, -1)
    return torch.einsum("nqk,nkd->nqd", w, v), w


@wrong("mult.attention", "not by the root of d")
def a2(q, k, v, keep):
    w = torch.softmax((torch.bmm(q, k.mT) / k.size(2)).masked_fill(keep == 0, float("-inf")), 2)
    return torch.bmm(w, v), w


@wrong("mult.attention", "over the queries")
def a3(q, k, v, keep):
    scores = (q @ k.mT * k.shape[-1] ** -0.5).masked_fill(~keep, -1e9)
    w = F.softmax(scores, dim=1)
    return w * keep @ v, w * keep


@wrong("mult.attention", "reads padding")
def a4(q, k, v, keep):
    w = (q @ k.mT / math.sqrt(q.shape[2])).softmax(-1)
    return w @ v, w


@wrong("mult.attention", "after the softmax")
def a5(q, k, v, keep):
    w = (q @ k.mT / math.sqrt(q.shape[2])).softmax(-1)
    w = torch.where(keep, w, torch.zeros_like(w))
    return w @ v, w


@wrong("mult.attention", "set to 0")
def a6(q, k, v, keep):
    scores = q @ k.mT / math.sqrt(q.shape[2]) * keep
    w = scores.softmax(-1)
    return w @ v, w


@wrong("mult.attention", "turned round")
def a7(q, k, v, keep):
    scores = (q @ k.mT / math.sqrt(q.shape[2])).masked_fill(keep, -1e9)
    w = scores.softmax(-1).where(~keep, 0.0)
    return w @ v, w


@wrong("mult.attention", r"raises RuntimeError: .*\(line \d+: w = q @ k")
def a8(q, k, v, keep):
    w = q @ k
    return w @ v, w


@wrong("m2fnet.attention", "sums the keys")
def a9(q, k, v, keep):
    w = (q / q.shape[-1] ** 0.5 @ k.mT).masked_fill(~keep, -torch.inf).softmax(-1)
    return w @ k, w


@wrong("m2fnet.attention", "1 result, not 2")
def a10(q, k, v, keep):
    return F.scaled_dot_product_attention(q, k, v, keep)


# SDT's gates.


@wrong("sdt.unimodal_gate", "not transposed")
def u1(h, W):
    z = 1 / (1 + torch.exp(-h @ W))
    return h * z, z


@wrong("sdt.unimodal_gate", "features compete")
def u2(h, W):
    z = F.softmax(F.linear(h, W), -1)
    return h * z, z


@wrong("sdt.unimodal_gate", "instead of the stream")
def u3(h, W):
    z = F.sigmoid(F.linear(h, W))
    return z, z


@wrong("sdt.unimodal_gate", "W is not used")
def u4(h, W):
    return h * h.sigmoid(), h.sigmoid()


@wrong("sdt.unimodal_gate", r"gated has the shape \(5, 5\)")
def u5(h, W):
    z = F.linear(h, W).sigmoid()
    return h @ z.T, z


@wrong("sdt.unimodal_gate", "changes its input h")
def u6(h, W):
    z = F.linear(h, W).sigmoid()
    h *= z
    return h, z


@wrong("sdt.multimodal_gate", r"over the features \(dim=-1\)")
def m1(parts, W):
    g = F.softmax(F.linear(parts, W), dim=2)
    return torch.einsum("nmh,nmh->nh", g, parts), g


@wrong("sdt.multimodal_gate", "depends on the batch")
def m2(parts, W):
    g = F.softmax(F.linear(parts, W), dim=0)
    return (g * parts).sum(1), g


@wrong("sdt.multimodal_gate", "one weight")
def m3(parts, W):
    g = F.linear(parts, W).mean(2, True).softmax(1).repeat(1, 1, parts.shape[2])
    return (g * parts).sum(1), g


@wrong("sdt.multimodal_gate", "do not compete")
def m4(parts, W):
    g = F.linear(parts, W).sigmoid()
    return (g * parts).sum(1), g


@wrong("sdt.multimodal_gate", "takes the mean over the modalities")
def m5(parts, W):
    g = F.linear(parts, W).softmax(1)
    return torch.mean(g * parts, 1), g


@wrong("sdt.multimodal_gate", r"fused has the shape \(5, 3, 4\)")
def m6(parts, W):
    g = F.linear(parts, W).softmax(1)
    return g * parts, g


@wrong("sdt.multimodal_gate", "not transposed")
def m7(parts, W):
    g = torch.matmul(parts, W).softmax(1)
    return (g * parts).sum(1), g


# SDT's distillation.


@wrong("sdt.distillation", "turned round")
def d1(teacher, student, tau, there):
    kl = F.kl_div(F.log_softmax(teacher.detach() / tau, -1), F.softmax(student / tau, -1), reduction="none").sum(-1)
    return kl[there].mean() * tau * tau


@wrong("sdt.distillation", "temperature is missing")
def d2(teacher, student, tau, there):
    kl = F.kl_div(F.log_softmax(student, -1), F.softmax(teacher.detach(), -1), reduction="none").sum(-1)
    return kl[there].mean()


@wrong("sdt.distillation", "tau squared is missing")
def d3(teacher, student, tau, there):
    kl = F.kl_div(F.log_softmax(student / tau, -1), F.softmax(teacher.detach() / tau, -1), reduction="none").sum(-1)
    return kl[there].mean()


@wrong("sdt.distillation", "reads padding")
def d4(teacher, student, tau, there):
    kl = F.kl_div(F.log_softmax(student / tau, -1), F.softmax(teacher.detach() / tau, -1), reduction="none").sum(-1)
    return kl.mean() * tau**2


@wrong("sdt.distillation", "over the classes")
def d5(teacher, student, tau, there):
    p, q = F.softmax(teacher.detach()[there] / tau, -1), F.log_softmax(student[there] / tau, -1)
    return F.kl_div(q, p, reduction="mean") * tau**2


@wrong("sdt.distillation", "gradient reaches the teacher")
def d6(teacher, student, tau, there):
    p, q = F.softmax(teacher[there] / tau, -1), F.log_softmax(student[there] / tau, -1)
    return F.kl_div(q, p, reduction="batchmean") * tau**2


@wrong("sdt.distillation", "cross-entropy")
def d7(teacher, student, tau, there):
    p = F.softmax(teacher.detach()[there] / tau, -1)
    return F.cross_entropy(student[there] / tau, p) * tau**2


@wrong("sdt.distillation", "padded ones too")
def d8(teacher, student, tau, there):
    kl = F.kl_div(F.log_softmax(student / tau, -1), F.softmax(teacher.detach() / tau, -1), reduction="none").sum(-1)
    return (kl * there).mean() * tau**2


@wrong("sdt.distillation", "float, not a tensor")
def d9(teacher, student, tau, there):
    p, q = F.softmax(teacher.detach()[there] / tau, -1), F.log_softmax(student[there] / tau, -1)
    return F.kl_div(q, p, reduction="batchmean").item() * tau**2


# DialogueTRM's gate.


@wrong("dialoguetrm.gate", "shares are turned round")
def g1(a, b, Wa, Wb, Wz):
    z = F.linear(torch.cat([a, b, a * b], 1), Wz).sigmoid()
    return (1 - z) * F.linear(a, Wa).tanh() + z * F.linear(b, Wb).tanh(), z


@wrong("dialoguetrm.gate", "tanh is missing")
def g2(a, b, Wa, Wb, Wz):
    z = F.linear(torch.cat([a, b, a * b], 1), Wz).sigmoid()
    return torch.lerp(F.linear(b, Wb), F.linear(a, Wa), z), z


@wrong("dialoguetrm.gate", "order of the joined vectors")
def g3(a, b, Wa, Wb, Wz):
    z = F.linear(torch.hstack([b, a, b * a]), Wz).sigmoid()
    return z * F.linear(a, Wa).tanh() + (1 - z) * F.linear(b, Wb).tanh(), z


@wrong("dialoguetrm.gate", r"raises RuntimeError: .*\(line \d+: z = F.linear")
def g4(a, b, Wa, Wb, Wz):
    z = F.linear(torch.cat([a, b], 1), Wz).sigmoid()
    return z * F.linear(a, Wa).tanh() + (1 - z) * F.linear(b, Wb).tanh(), z


@wrong("dialoguetrm.gate", r"reads tanh\(W a\)")
def g5(a, b, Wa, Wb, Wz):
    x, y = F.linear(a, Wa).tanh(), F.linear(b, Wb).tanh()
    z = F.linear(torch.cat([x, y, x * y], 1), Wz).sigmoid()
    return z * x + (1 - z) * y, z


@wrong("dialoguetrm.gate", "b is added whole")
def g6(a, b, Wa, Wb, Wz):
    z = F.linear(torch.cat([a, b, a * b], 1), Wz).sigmoid()
    return F.linear(b, Wb).tanh() + z * F.linear(a, Wa).tanh(), z


# M2FNet's GRU.


def _cell(Wi, Wh, bi, bh):
    cell = nn.GRUCell(Wi.shape[1], Wh.shape[1]).double()
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return lambda u, h: torch.func.functional_call(cell, dict(zip(names, (Wi, Wh, bi, bh), strict=True)), (u, h))


@wrong("m2fnet.speaker_gru", "later ones")
def r1(x, e, Wi, Wh, bi, bh):
    cell, u, h, out = _cell(Wi, Wh, bi, bh), torch.cat([x, e], 2).flip(1), x.new_zeros(len(x), Wh.shape[1]), []
    for t in range(x.shape[1]):
        h = cell(u[:, t], h)
        out.append(h)
    return torch.stack(out, 1).flip(1)


@wrong("m2fnet.speaker_gru", "starts anew")
def r2(x, e, Wi, Wh, bi, bh):
    cell, u = _cell(Wi, Wh, bi, bh), torch.cat([x, e], 2)
    return torch.stack([cell(u[:, t], x.new_zeros(len(x), Wh.shape[1])) for t in range(x.shape[1])], 1)


@wrong("m2fnet.speaker_gru", "depends on the batch")
def r3(x, e, Wi, Wh, bi, bh):
    cell, u, h, out = _cell(Wi, Wh, bi, bh), torch.cat([x, e], 2), x.new_zeros(x.shape[1], Wh.shape[1]), []
    for i in range(len(x)):
        h = cell(u[i], h)
        out.append(h)
    return torch.stack(out)


@wrong("m2fnet.speaker_gru", "before Wh")
def r4(x, e, Wi, Wh, bi, bh):
    H, h, out = Wh.shape[1], x.new_zeros(len(x), Wh.shape[1]), []
    for t in range(x.shape[1]):
        gi, gh = torch.cat([x[:, t], e[:, t]], 1) @ Wi.T + bi, h @ Wh.T + bh
        r, z = (gi[:, :2 * H] + gh[:, :2 * H]).sigmoid().chunk(2, 1)
        n = (gi[:, 2 * H:] + F.linear(r * h, Wh[2 * H:], bh[2 * H:])).tanh()
        h = n + z * (h - n)
        out.append(h)
    return torch.stack(out, 1)


@wrong("m2fnet.speaker_gru", "z is turned round")
def r5(x, e, Wi, Wh, bi, bh):
    H, h, out = Wh.shape[1], x.new_zeros(len(x), Wh.shape[1]), []
    for t in range(x.shape[1]):
        gi, gh = torch.cat([x[:, t], e[:, t]], 1) @ Wi.T + bi, h @ Wh.T + bh
        r, z = (gi[:, :2 * H] + gh[:, :2 * H]).sigmoid().chunk(2, 1)
        n = (gi[:, 2 * H:] + r * gh[:, 2 * H:]).tanh()
        h = (1 - z) * h + z * n
        out.append(h)
    return torch.stack(out, 1)


# HCT-MG's gate.


@wrong("hct_mg.straight_through", "forward pass scales")
def h1(logits, scale):
    w = torch.softmax(logits * scale, 0)
    return w, w * 3


@wrong("hct_mg.straight_through", "no gradient")
def h2(logits, scale):
    w = torch.softmax(logits * scale, 0)
    return w, (3 * w - 3 * w).detach() + 1


@wrong("hct_mg.straight_through", "lacks the factor M")
def h3(logits, scale):
    w = torch.softmax(logits * scale, 0)
    return w, torch.ones(3).double() - w.detach() + w


@wrong("hct_mg.straight_through", "one-hot")
def h4(logits, scale):
    w = torch.softmax(logits * scale, 0)
    hard = torch.zeros_like(w)
    hard[w.argmax()] = 1
    return w, hard - w.detach() + w


@wrong("hct_mg.straight_through", "scale is missing")
def h5(logits, scale):
    w = logits.softmax(0)
    return w, 1 + 3 * (w - w.detach())


# LMR-CBT.


@wrong("lmr_cbt.cross_modal", "over time")
def c1(x, f, Wx, b, Wf):
    return F.softmax((F.linear(x, Wx, b) + F.linear(f, Wf)[:, None]).tanh(), dim=1)


@wrong("lmr_cbt.cross_modal", "tanh is missing")
def c2(x, f, Wx, b, Wf):
    return F.softmax(F.linear(x, Wx, b) + F.linear(f, Wf)[:, None], dim=2)


@wrong("lmr_cbt.cross_modal", "raises RuntimeError|depends on the batch")
def c3(x, f, Wx, b, Wf):
    return F.softmax((F.linear(x, Wx, b) + F.linear(f, Wf)).tanh(), dim=2)


@wrong("lmr_cbt.cross_modal", "added twice")
def c4(x, f, Wx, b, Wf):
    return F.softmax((F.linear(x, Wx, b) + F.linear(f, Wf, b)[:, None]).tanh(), dim=2)


@wrong("lmr_cbt.residual_fusion", "residual is missing")
def f1(x, f1, f2, block1, block2):
    for block, f in zip([block1, block2], [f1, f2], strict=True):
        x = block(x, f)
    return x


@wrong("lmr_cbt.residual_fusion", "after each block")
def f2(x, f1, f2, block1, block2):
    y = x
    for block, f in zip([block1, block2], [f1, f2], strict=True):
        y = block(y, f) + x
    return y


@wrong("lmr_cbt.residual_fusion", "side by side")
def f3(x, f1, f2, block1, block2):
    return sum([block1(x, f1), block2(x, f2)]) + x


# Integrated gradients.


def _grad(f, x):
    x = x.clone().detach().requires_grad_(True)
    f(x).sum().backward()
    return x.grad


@wrong("explanations.integrated_gradients", "saliency")
def i1(f, x, baseline, steps):
    return _grad(f, x)


@wrong("explanations.integrated_gradients", "at one point")
def i2(f, x, baseline, steps):
    return _grad(f, x) * (x - baseline)


@wrong("explanations.integrated_gradients", "factor x - x' is missing")
def i3(f, x, baseline, steps):
    total = torch.zeros_like(x)
    for a in (np.arange(steps) + 0.5) / steps:
        total += _grad(f, baseline + float(a) * (x - baseline)) / steps
    return total


@wrong("explanations.integrated_gradients", "sums the gradients")
def i4(f, x, baseline, steps):
    total = torch.zeros_like(x)
    for k in range(steps):
        total += _grad(f, baseline + (k + 0.5) / steps * (x - baseline))
    return total * (x - baseline)


@wrong("explanations.integrated_gradients", "both ends")
def i5(f, x, baseline, steps):
    at = torch.linspace(0, 1, steps, dtype=torch.float64)
    return (x - baseline) * sum(_grad(f, torch.lerp(baseline, x, a)) for a in at) / steps


@wrong("explanations.integrated_gradients", "right ends")
def i6(f, x, baseline, steps):
    return (x - baseline) * sum(_grad(f, baseline + k / steps * (x - baseline)) for k in range(1, steps + 1)) / steps


@wrong("explanations.integrated_gradients", "from 0|begins at 0")
def i7(f, x, baseline, steps):
    return x * sum(_grad(f, (k + 0.5) / steps * x) for k in range(steps)) / steps
