"""SDT's layers side by side are its layers one after the other: results, gradients and dropout masks."""

import pytest
import torch
from random_batches import random_batch, shake

from erclab.models.interface import Output
from erclab.models.sdt.model import SDT
from erclab.ops import side_by_side
from erclab.ops.dropout import keyed
from erclab.ops.recompute import recomputing

DIMS = {"text": 6, "audio": 4, "visual": 3}
LENGTHS = (5, 1, 3, 2)
CASES = {
    "paper": {}, "official": {"attention_norm": "dead", "detach_teacher": False, "tau_squared": False},
    "frozen gates": {"frozen_identity_gates": True}, "without dropout": {"dropout": 0.0},
    "intra alone": {"inter": False}, "inter alone": {"intra": False}, "sums": {"unimodal_fusion": "add"},
    "two modalities": {"dims": (("text", 6), ("visual", 3))},
}


def made(dtype=torch.float64, **changes):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        sizes = {"dims": tuple(DIMS.items()), "hidden": 8, "dropout": 0.3}
        return shake(SDT(SDT.tiny(**{**sizes, **changes})), 0).to(dtype)


@pytest.fixture
def batch():
    return random_batch(DIMS, classes=5, speakers=2, lengths=LENGTHS)


@pytest.fixture
def calls(monkeypatch):
    """How many layers were at each time side by side."""
    found, encode = [], side_by_side._encode
    monkeypatch.setattr(side_by_side, "_encode", lambda layers, *rest: (found.append(len(layers)),
                                                                        encode(layers, *rest))[1])
    return found


def results(model, batch, side, monkeypatch, low=False):
    """Logits, aux and gradients by name, with so many layers at a time."""
    monkeypatch.setattr(side_by_side, "groups", lambda *_: side)
    model.zero_grad(set_to_none=True)
    with keyed(7), torch.autocast("cpu", torch.bfloat16, enabled=low):
        found = model.train()(batch)
    found = Output(found.logits.to(model.teacher.weight.dtype), aux={k: x.to(model.teacher.weight.dtype)
                                                                     for k, x in found.aux.items()})
    model.loss(found, batch).total.backward()
    return {"logits": found.logits.detach(), **{k: x.detach() for k, x in found.aux.items()}}, {
        name: p.grad for name, p in model.named_parameters()}


@pytest.mark.parametrize("side", [2, 4, 9])
@pytest.mark.parametrize("case", CASES)
def test_equals_one_layer_after_the_other(case, side, batch, calls, monkeypatch):
    model = made(**CASES[case])
    (want, slopes), one = results(model, batch, 1, monkeypatch), len(calls)
    found, others = results(model, batch, side, monkeypatch)
    assert one == 0 and sum(calls) == len(model.encoder) and max(calls) <= side
    torch.testing.assert_close(found, want, rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(others, slopes, rtol=1e-9, atol=1e-11)


def test_equals_it_in_bfloat16_within_rounding(monkeypatch):
    batch = random_batch(DIMS, classes=5, speakers=2, lengths=(30, 11, 1), dtype=torch.float32)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = SDT(SDT.tiny(dims=tuple(DIMS.items()), hidden=64, dropout=0.3))
    exact, one, nine = (results(model, batch, side, monkeypatch, low)
                        for side, low in ((1, False), (1, True), (9, True)))
    for which in (0, 1):
        want, far, near = (torch.cat([x.flatten() for x in found[which].values()]) for found in (exact, nine, one))
        assert 0 < (far - want).norm() < 1.3 * (near - want).norm() < 0.05 * want.norm()
        assert (far - near).norm() > 0
    assert all(g.dtype == torch.float32 for g in nine[1].values())


def test_groups():
    def groups(n, width=1024, layers=9, **autocast):
        with torch.autocast("cpu", torch.bfloat16, **autocast):
            return side_by_side.groups(layers, torch.empty(n, width))

    assert groups(80) == 9 and groups(1) == 9 and groups(80, layers=4) == 4
    assert groups(839) == 5 and groups(1500) == 3 and groups(20_000) == 1  # in parts of about the same size
    assert groups(80, enabled=False) == 1
    with torch.no_grad():
        assert groups(80) == 1
    with recomputing(True):
        assert groups(80) == 1
    with keyed(torch.tensor(3, dtype=torch.int32)):  # a pass over several seeds
        assert groups(80) == 1


def test_is_used_where_it_pays(batch, calls):
    def runs(low=True, train=True, attention=False):
        calls.clear()
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            model.train(train)(batch, attention=attention)
        return list(calls)

    model = made(torch.float32)
    batch = random_batch(DIMS, classes=5, speakers=2, lengths=LENGTHS, dtype=torch.float32)
    assert runs() == [9]
    assert runs(low=False) == runs(train=False) == runs(attention=True) == []
