"""SDT's ablations (exhibits S2 to S5): each does what its name says, over every set of modalities."""

import re
from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest
import torch
from random_batches import random_batch, shake, with_garbage
from reference_sdt import position_vector
from reference_sdt_switches import ReferenceAblation, distillation

from erclab.core.errors import UsageError
from erclab.models import parameter_count
from erclab.models.sdt import ABLATIONS, SDT

DIMS = {"text": 6, "audio": 4, "visual": 3}
ALL = tuple(DIMS)
SUBSETS = [c for n in (1, 2, 3) for c in combinations(DIMS, n)]
LENGTHS = (3, 1)
FUSIONS = ("gated", "concat", "add", "none")
NAMED = {f"{exhibit}-{row}": changes for exhibit, rows in ABLATIONS.items() for row, changes in rows.items()}
# Of these every one is compared with the naive reference: name -> modalities, changes.
CASES = {f"{name}-{'+'.join(subset)}": (subset, changes) for name, changes in NAMED.items() for subset in SUBSETS
         if name[:2] in ("S3", "S4") and not (changes == {"intra": False} and len(subset) == 1)}
CASES |= {f"{u}-{m}": (ALL, {"unimodal_fusion": u, "multimodal_fusion": m}) for u, m in product(FUSIONS, FUSIONS)}
CASES |= {f"{only}-{u}": (ALL, {only: False, "unimodal_fusion": u})
          for only, u in product(("intra", "inter"), FUSIONS)}


def made(subset=ALL, seed=0, **changes):
    config = SDT.tiny(dims=tuple((m, DIMS[m]) for m in subset), hidden=8, dropout=0.0, temperature=2.0)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return shake(SDT(replace(config, **changes)), seed).double()


@pytest.fixture
def batch():
    return random_batch(DIMS, classes=5, speakers=2, lengths=LENGTHS)


def soft_labels(model, batch):
    """The logits of a frozen teacher, if the model needs them."""
    if not model.needs_teacher:
        return None
    with torch.no_grad():
        return made(model.config.modalities, seed=7).to(model.teacher.weight.dtype).eval()(batch).logits


def losses_of(model, batch, output=None):
    return model.loss(model(batch) if output is None else output, batch, teacher=soft_labels(model, batch))


def gradients(model, batch, term="total"):
    model.zero_grad(set_to_none=True)
    getattr(losses_of(model, batch), term).backward()
    return {name: p.grad for name, p in model.named_parameters()}


def same(ours, theirs):
    np.testing.assert_allclose(ours.detach().numpy(), np.array(theirs), rtol=0, atol=1e-9)


# S3 and S4 against the reference


@pytest.mark.parametrize(("subset", "changes"), CASES.values(), ids=CASES)
def test_equals_the_reference(subset, changes, batch):
    model = made(subset, **changes)
    model.position = torch.from_numpy(np.stack([position_vector(t, 8) for t in range(3)]))
    c = model.config
    reference = ReferenceAblation({name: x.numpy() for name, x in model.state_dict().items()}, subset, c.heads,
                                  normalise_streams=True, intra=c.intra, inter=c.inter, unimodal=c.unimodal_fusion,
                                  multimodal=c.multimodal_fusion)
    output = model(batch, attention=True)
    weighed = c.multimodal_fusion == "gated" and len(subset) > 1
    assert ("multimodal_gate" in output.aux) == weighed
    for i, n in enumerate(LENGTHS):
        d = reference.dialogue({m: batch.features[m][i, :n].numpy() for m in subset}, batch.speakers[i, :n].tolist())
        same(output.logits[i, :n], d["logits"])
        for m in subset:
            same(output.aux[f"student.{m}"][i, :n], d["students"][m])
        if weighed:
            same(output.aux["multimodal_gate"][i, :n], d["multimodal"])
    streams = {f"{m}_from_{n}" for m in subset for n in subset if (c.intra and m == n) or (c.inter and m != n)}
    assert set(output.attention) == streams
    gates = streams if c.unimodal_fusion == "gated" else set()
    assert {k.split(".")[1] for k in output.aux if k.startswith("unimodal_gate.")} == gates


def test_cases_differ(batch):
    """Or the reference above would have compared one model with itself."""
    found = {name: made(subset, **changes)(batch).logits[batch.mask]
             for name, (subset, changes) in CASES.items() if subset == ALL}
    # Named ablations are among the products. With one stream per modality, its sum is its mean; and a sum of all
    # streams is that of the modalities' sums.
    assert len({round(x.sum().item(), 9) for x in found.values()}) == 16 + 2 * 4 - 2


def test_defaults_are_the_gated_model_with_all_streams():
    assert replace(SDT.paper(), unimodal_fusion="gated", multimodal_fusion="gated", intra=True, inter=True,
                   distillation="self") == SDT.paper()
    assert replace(SDT.official("meld"), unimodal_fusion="concat").frozen_identity_gates  # nothing left to freeze


def test_parameter_counts():
    """Of IEMOCAP's 79,687,704: nine streams of H = 1024 features, one Linear per reduction."""
    H = 1024
    encoder, gate, reduce, head = 6 * (H * H + H) + 4 * H, H * H, 3 * (3 * H * H + H), H * 6 + 6
    join = 3 * H * H + H
    expected = {
        "S3-concatenation": -9 * gate - gate + join,
        "S3-addition": -9 * gate - reduce - gate,
        "S3-without unimodal level": -9 * gate - reduce,
        "S3-without multimodal level": -gate - head,
        "S4-without intra-modal transformers": -3 * (encoder + gate) - 3 * H * H,
        "S4-without inter-modal transformers": -6 * (encoder + gate) - 6 * H * H,
        "S2-without KL": 0, "S5-online": 0, "S5-offline": 0,
    }
    with torch.device("meta"):
        for name, change in expected.items():
            assert parameter_count(SDT(SDT.paper("iemocap", **NAMED[name]))) == 79_687_704 + change, name


# Every switch, every set of modalities


@pytest.mark.parametrize("subset", SUBSETS, ids="+".join)
@pytest.mark.parametrize("name", NAMED)
def test_runs_and_learns(name, subset):
    changes, dead = NAMED[name], {r"encoder\.\w+\.k\.bias"}  # the softmax does not see a shift
    if changes == {"intra": False} and len(subset) == 1:
        with pytest.raises(UsageError, match="two modalities"):
            made(subset, **changes)
        return
    if changes.get("loss_weights") == (1.0, 0.0, 0.0):
        dead |= {r"student\..+"}
    model = made(subset, **changes)
    grads = gradients(model, random_batch(DIMS, 5, 2, (4, 3, 1)))
    assert all(g.isfinite().all() for g in grads.values() if g is not None)
    found = {n for n, g in grads.items() if g is None or g.abs().max() < 1e-12}
    assert found == {n for n in grads if any(re.fullmatch(pattern, n) for pattern in dead)}


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("how", ["float32", "bfloat16"])
def test_finite_with_dropout_on_dialogues_of_one_turn(name, how):
    model = made(dropout=0.5, **NAMED[name]).float().train()
    for lengths in ((1,), (4, 1)):
        batch = random_batch(DIMS, 5, 2, lengths, dtype=torch.float32)
        with torch.autocast("cpu", torch.bfloat16, enabled=how == "bfloat16"):
            grads = gradients(model, batch)
        assert all(g.isfinite().all() for g in grads.values() if g is not None)


@pytest.mark.parametrize("name", NAMED)
def test_padding_changes_nothing(name, batch):
    model, fouled = made(**NAMED[name]), with_garbage(batch, 5, 2)
    base, found = model(batch), model(fouled)
    torch.testing.assert_close(found.logits[batch.mask], base.logits[batch.mask], rtol=0, atol=1e-9)
    torch.testing.assert_close(losses_of(model, fouled, found).total, losses_of(model, batch, base).total, rtol=0,
                               atol=1e-9)


# S2: what is left out of the loss


@pytest.mark.parametrize(("weights", "kept"), [
    ((1.0, 0.0, 0.0), ["task"]), ((1.0, 0.0, 1.0), ["task", "distillation"]), ((1.0, 1.0, 0.0), ["task", "student"]),
    ((0.0, 2.0, 0.0), ["student"])])
def test_zero_weight_removes_the_term_and_its_gradient(weights, kept, batch):
    model = made(loss_weights=weights)
    losses = model.loss(model(batch), batch)
    want = sum(g * t for g, t in zip(weights, losses[1:], strict=True))
    torch.testing.assert_close(losses.total, want, rtol=0, atol=1e-12)
    assert all(term > 0 for term in losses)  # still reported
    found = gradients(model, batch)
    parts = [(g, gradients(model, batch, term)) for term, g in zip(losses._fields[1:], weights, strict=True)
             if term in kept]
    for name, grad in found.items():
        added = [g * part[name] for g, part in parts if part[name] is not None]
        assert (grad is None) == (not added), name
        if added:
            torch.testing.assert_close(grad, sum(added), rtol=1e-9, atol=1e-12, msg=name)


def test_without_self_distillation_students_stand_still(batch):
    model = made(**NAMED["S2-without self-distillation"])
    students = {n: p.clone() for n, p in model.named_parameters() if n.startswith("student.")}
    optimiser = torch.optim.Adam(model.parameters(), lr=0.1, weight_decay=0.1)
    before = model.teacher.weight.clone()
    model.loss(model(batch), batch).total.backward()
    optimiser.step()
    assert not torch.equal(model.teacher.weight, before)
    for name, p in model.named_parameters():
        if name in students:
            assert p.grad is None and torch.equal(p, students[name]), name


def test_a_term_that_is_left_out_may_be_infinite(batch):
    model = made(loss_weights=(1.0, 0.0, 0.0))
    output = model(batch)
    output.aux["student.text"] = output.aux["student.text"] * float("inf")
    assert model.loss(output, batch).total.isfinite()


# S5: who teaches whom


@pytest.mark.parametrize("subset", SUBSETS, ids="+".join)
@pytest.mark.parametrize("kind", ["self", "online", "offline"])
def test_distillation_equals_the_reference(kind, subset, batch):
    model = made(subset, distillation=kind)
    output, at = model(batch), batch.mask
    soft = soft_labels(model, batch)
    rows = {name: x[at].tolist() for name, x in {"fused": output.logits, **output.aux}.items()
            if name.startswith(("fused", "student"))}
    students = [rows[f"student.{m}"] for m in subset]
    frozen = None if soft is None else soft[at].tolist()
    want = 4 * distillation(kind, rows["fused"], students, frozen, 2.0)  # tau^2 = 4
    assert losses_of(model, batch, output).distillation.item() == pytest.approx(want, rel=0, abs=1e-9)


def test_only_the_distillation_differs(batch):
    found = {kind: made(distillation=kind) for kind in ("self", "online", "offline")}
    losses = {kind: losses_of(model, batch) for kind, model in found.items()}
    assert len({x.distillation.item() for x in losses.values()}) == 3
    assert len({(x.task.item(), x.student.item()) for x in losses.values()}) == 1


@pytest.mark.parametrize(("kind", "detach", "learns"), [
    ("self", True, False), ("self", False, True), ("online", True, True), ("offline", True, False),
    ("offline", False, False)])
def test_whether_the_fused_prediction_is_taught(kind, detach, learns, batch):
    grads = gradients(made(distillation=kind, detach_teacher=detach), batch, "distillation")
    assert (grads["teacher.weight"] is not None) == learns
    assert all(grads[f"student.{m}.2.weight"].abs().max() > 1e-6 for m in DIMS)


def test_peers_are_targets_for_each_other(batch):
    """Detached, a peer's gradient is that of its own lessons; joint, it is also pulled by what it teaches."""
    detached, joint = (made(distillation="online", detach_teacher=d) for d in (True, False))
    output = detached(batch)
    learner = output.aux["student.text"]
    others = [output.logits, output.aux["student.audio"], output.aux["student.visual"]]
    lessons = sum(4 * torch.nn.functional.kl_div((learner[batch.mask] / 2).log_softmax(-1),
                                                 (x[batch.mask].detach() / 2).softmax(-1), reduction="batchmean")
                  for x in others) / 3
    (want,) = torch.autograd.grad(lessons, detached.student["text"][2].weight)
    name = "student.text.2.weight"
    torch.testing.assert_close(gradients(detached, batch, "distillation")[name], want, rtol=1e-9, atol=1e-12)
    assert (gradients(joint, batch, "distillation")[name] - want).abs().max() > 1e-4


# S5, offline: the teacher belongs to the training (tests/training/test_teacher.py)


def test_without_a_teacher_it_predicts_and_has_no_loss(batch):
    model = made(distillation="offline")
    output = model(batch)
    assert torch.equal(output.logits, made()(batch).logits)
    with pytest.raises(UsageError, match="teacher"):
        model.loss(output, batch)


def test_the_kind_of_distillation_changes_no_parameter():
    states = [made(distillation=kind).state_dict() for kind in ("self", "online", "offline")]
    assert list(states[0]) == list(states[1]) == list(states[2])


@pytest.mark.parametrize(("task", "columns", "C"), [("emotion4", 4, 8), ("sentiment", 1, 1), ("dimensional", 3, 3)])
@pytest.mark.parametrize("kind", ["self", "online", "offline"])
def test_other_tasks_are_distilled_too(kind, task, columns, C, batch):
    labels = torch.rand(*batch.shape, columns, dtype=torch.float64).round()
    model = SDT(SDT.tiny(dims=tuple(DIMS.items()), task=task, outputs=C, distillation=kind)).double()
    given = replace(batch, labels=labels)
    soft = SDT(replace(model.config, distillation="self")).double()(given).logits.detach()
    losses = model.loss(model(given), given, teacher=soft if kind == "offline" else None)
    assert losses.distillation.isfinite() and losses.distillation > 0


# What is refused


@pytest.mark.parametrize(("changes", "says"), [
    ({"intra": False, "inter": False}, "intra-modal"), ({"intra": False, "dims": (("text", 6),)}, "two modalities"),
    ({"unimodal_fusion": "mean"}, "'mean'"), ({"multimodal_fusion": "late"}, "'late'"),
    ({"distillation": "mutual"}, "'mutual'"), ({"loss_weights": (0.0, 0.0, 0.0)}, "loss_weights"),
    ({"loss_weights": (1.0, -1.0, 0.0)}, "loss_weights")], ids=str)
def test_refuses_what_makes_no_model(changes, says):
    with pytest.raises(UsageError, match="SDT") as caught:
        SDT.tiny(**changes)
    assert says in str(caught.value) and "\n" not in str(caught.value)
