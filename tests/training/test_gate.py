"""The gate of HCT-MG freezes once it has converged, stays frozen, and goes on from a file."""

import json

import pytest
import safetensors.torch
import torch
from hct_mg_cases import MODALITIES, batch_of, gated, made, set_gate

from erclab import models, runs
from erclab.contracts.batches import take
from erclab.training.device import seeded
from erclab.training.gate import GateFreezing, gate_freezing
from erclab.training.loop import Trainer


def epoch(freezing, logits, batches=2):
    """An epoch in which the gate's parameter is `logits` at every batch."""
    set_gate(freezing.model, logits)
    for _ in range(batches):
        freezing.model.train()(take(batch_of(), [0, 1]))
    return freezing.after_epoch()


def test_what_joins_the_curve():
    model, batch = gated("audio", lead=0.1), batch_of()
    freezing = GateFreezing(model)
    weights = [model.train()(batch).aux["gate"][0].tolist()]
    set_gate(model, {"visual": 0.2})
    weights.append(model(batch).aux["gate"][0].tolist())
    model.eval()(batch)
    said = json.loads(json.dumps(freezing.after_epoch()))
    assert said == {"gate": dict(zip(MODALITIES, weights[1], strict=True)), "primary": "visual", "frozen": False,
                    "gate_per_batch": {m: [w[i] for w in weights] for i, m in enumerate(MODALITIES)}}
    assert freezing.after_epoch()["gate_per_batch"] == {m: [] for m in MODALITIES}


def test_the_gate_freezes_after_calm_epochs_in_a_row():
    freezing = GateFreezing(made(freeze_patience=2, freeze_tolerance=0.05))
    said = [epoch(freezing, {"audio": logit})["frozen"] for logit in (0.1, 0.1, 0.15, 0.15, 0.151, 0.151)]
    assert said == [False, False, False, False, True, True]  # calm: 2nd, 4th, 5th; a step in between begins again


def test_a_primary_that_changes_within_an_epoch_is_not_calm():
    freezing = GateFreezing(made(freeze_patience=1))
    epoch(freezing, {"audio": 0.1})
    set_gate(freezing.model, {"text": 0.1})
    freezing.model.train()(batch_of())
    assert not epoch(freezing, {"audio": 0.1})["frozen"]
    assert epoch(freezing, {"audio": 0.1})["frozen"]


def test_a_slow_gate_is_not_a_converged_one():
    """The bar is a share of the lead: with a tiny learning rate no weight moves much, and none leads yet."""
    freezing, still = (GateFreezing(made(freeze_patience=1)) for _ in range(2))
    assert not any(epoch(freezing, {"audio": 1e-6 * n}, 1)["frozen"] for n in range(1, 10))
    assert not any(epoch(still, {}, 1)["frozen"] for _ in range(3))


def test_a_frozen_gate_stays_whatever_the_optimiser_does():
    model, batch = made(freeze_patience=1), batch_of()
    freezing = GateFreezing(model)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.1, weight_decay=0.1)
    model.loss(model.train()(batch), batch).total.backward()
    optimiser.step()  # momentum
    for _ in range(2):
        said = epoch(freezing, {"visual": 0.1})
    assert said["frozen"]
    logits = model.gate_logits.detach().clone()
    for _ in range(3):
        optimiser.zero_grad()
        model.loss(model(batch), batch).total.backward()
        assert model.gate_logits.grad is None
        optimiser.step()
    assert torch.equal(model.gate_logits, logits)
    again = freezing.after_epoch()
    assert (again["gate"], again["primary"], again["frozen"]) == (said["gate"], "visual", True)
    assert again["gate_per_batch"]["visual"] == [said["gate"]["visual"]] * 3


@pytest.mark.parametrize("calm", [1, 2], ids=["half-way", "frozen"])
def test_the_state_of_freezing_survives_a_file(calm, tmp_path):
    freezing = GateFreezing(made(freeze_patience=2))
    for _ in range(1 + calm):
        said = epoch(freezing, {"audio": 0.1})
    assert said["frozen"] == (calm == 2)
    torch.save({"model": freezing.model.state_dict(), "gate": freezing.state_dict()}, tmp_path / "state")
    state = torch.load(tmp_path / "state", weights_only=True)
    again = GateFreezing(made(freeze_patience=2, seed=5))
    again.model.load_state_dict(state["model"])
    again.load_state_dict(state["gate"])
    assert again.model.gate_logits.requires_grad == (calm == 1)
    after, before = (epoch(f, {"audio": 0.1}) for f in (again, freezing))
    assert after == before
    assert after["frozen"]
    assert after["primary"] == "audio"


@pytest.mark.parametrize("frozen", [False, True])
def test_weights_of_before_have_the_freezing_inside(frozen):
    """The parameter of a frozen gate went on moving then; what counted was the copy."""
    model, again = gated("audio"), made(seed=5)
    state = model.state_dict() | {
        "gate_frozen": torch.tensor(frozen), "gate_kept": torch.tensor([0.0, 0.0, 1.0]),
        "gate_before": torch.full((3,), 1 / 3), "gate_calm": torch.tensor(2)}
    again.load_state_dict(safetensors.torch.load(safetensors.torch.save(state)))
    set_gate(model, {"visual": 1.0} if frozen else {"audio": 0.2})
    assert torch.equal(again.gate(), model.gate())
    assert torch.equal(again(batch_of()).logits, model(batch_of()).logits)


def test_only_a_gate_that_learns_is_frozen():
    assert isinstance(gate_freezing(made()), GateFreezing)
    assert gate_freezing(made(primary="text")) is None and gate_freezing(torch.nn.Linear(1, 1)) is None


def test_evaluation_is_not_noted():
    freezing = GateFreezing(gated("audio").eval())
    freezing.model(batch_of())
    assert freezing.seen == []


def trainer(corpus):
    spec, = runs.plan("hct-mg", corpus, seeds=1, epochs=4, hidden=8, heads=2, freeze_patience=1, freeze_tolerance=5.0)
    with seeded(spec.seed, torch.device("cpu")):
        return Trainer(models.build(spec.model, spec.settings), runs.views(spec, corpus), spec.recipe, spec.seed)


def test_a_training_goes_on_with_a_frozen_gate(tiny, tmp_path):
    """Stopped after the epoch that froze the gate and gone on from a file, it gives the curve that it gives at once."""
    whole, first, second = (trainer(tiny) for _ in range(3))
    for _ in range(4):
        whole.judge(whole.train())
    frozen = [row["model"]["frozen"] for row in whole.curve]
    assert not frozen[0] and frozen[-1]
    for _ in range(1 + frozen.index(True)):
        first.judge(first.train())
    torch.save(first.state_dict(), tmp_path / "state")
    second.load_state_dict(torch.load(tmp_path / "state", weights_only=True))
    while len(second.curve) < 4:
        second.judge(second.train())
    assert second.curve == whole.curve
    assert len({tuple(row["model"]["gate"].values()) for row in whole.curve[frozen.index(True):]}) == 1
    assert whole.curve[-1]["model"]["gate_per_batch"].keys() == {"text", "audio", "visual"}
