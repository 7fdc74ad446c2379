"""SDT's own promises: its sizes, what each switch changes and what it leaves, and what it refuses."""

from dataclasses import replace
from itertools import product

import pytest
import torch
import torch.nn.functional as F
from random_batches import random_batch, shake
from torch import nn

from erclab.core.errors import UsageError
from erclab.models import parameter_count
from erclab.models.sdt.model import SDT

DIMS = {"text": 6, "audio": 4, "visual": 2}
PAIRS = [f"{m}_from_{n}" for m in DIMS for n in DIMS]
# Everything a switch could touch is off its special value.
BASE = SDT.tiny(hidden=8, dropout=0.0, temperature=2.0, loss_weights=(0.7, 1.3, 2.1))


def made(seed=0, **changes):
    """Two calls with the same seed differ by `changes` alone: no switch changes the set of parameters."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return shake(SDT(replace(BASE, **changes)), seed).double()


@pytest.fixture
def batch():
    return random_batch(DIMS, classes=5, speakers=2)


def losses(model, batch):
    return model.loss(model(batch), batch)


def gradients(model, batch, term="total"):
    model.zero_grad(set_to_none=True)
    getattr(losses(model, batch), term).backward()
    return {name: p.grad for name, p in model.named_parameters()}


def reached(model, batch):
    return {name for name, g in gradients(model, batch).items() if g is not None}


# Sizes of the authors' models


@pytest.mark.parametrize(("corpus", "count", "trainable"),
                         [("iemocap", 79_687_704, 79_687_704), ("meld", 78_386_204, 68_949_020)])
def test_parameter_count_of_the_authors(corpus, count, trainable):
    with torch.device("meta"):
        model = SDT(SDT.official(corpus))
    assert parameter_count(model) == count
    assert parameter_count(model, trainable=True) == trainable


def test_paper_learns_its_gates_on_meld():
    with torch.device("meta"):
        model = SDT(SDT.paper("meld"))
    assert parameter_count(model) == parameter_count(model, trainable=True) == 78_386_204


def test_variants_differ_in_their_switches_only():
    """`paper` is as the paper, `official` as the code; widths and temperatures of the corpora are shared."""
    switches = ("attention_norm", "frozen_identity_gates", "detach_teacher", "tau_squared")
    for corpus, frozen in (("iemocap", False), ("meld", True)):
        paper, official = SDT.paper(corpus), SDT.official(corpus)
        assert [getattr(paper, s) for s in switches] == ["pre", False, True, True]
        assert [getattr(official, s) for s in switches] == ["dead", frozen, False, False]
        assert replace(paper, **{s: getattr(official, s) for s in switches}) == official
    assert (SDT.paper("iemocap").temperature, SDT.paper("meld").temperature) == (1.0, 8.0)


# Switches


def test_detach_teacher_keeps_the_distillation_out_of_the_teacher(batch):
    model = made(detach_teacher=True)
    total, task = gradients(model, batch), gradients(model, batch, "task")
    for name in ("teacher.weight", "teacher.bias", "multimodal_gate.weight"):
        torch.testing.assert_close(total[name], BASE.loss_weights[0] * task[name], rtol=0, atol=1e-12)
    assert gradients(model, batch, "distillation")["teacher.weight"] is None


def test_joint_lets_the_distillation_teach_the_teacher_and_changes_nothing_else(batch):
    detached, joint = made(detach_teacher=True), made(detach_teacher=False)
    assert losses(detached, batch) == losses(joint, batch)
    assert gradients(joint, batch, "distillation")["teacher.weight"].abs().max() > 1e-4
    before, after = gradients(detached, batch), gradients(joint, batch)
    for name in before:  # the students' own heads see the same soft labels
        if name.startswith("student."):
            assert torch.equal(before[name], after[name]), name


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_tau_squared_scales_the_distillation(batch, temperature):
    with_factor = losses(made(temperature=temperature, tau_squared=True), batch)
    without = losses(made(temperature=temperature, tau_squared=False), batch)
    assert with_factor.distillation.item() == pytest.approx(temperature**2 * without.distillation.item(), rel=1e-12)
    assert (with_factor.task, with_factor.student) == (without.task, without.student)


def test_temperature_changes_the_distillation_only(batch):
    cold, warm = (losses(made(temperature=t), batch) for t in (1.0, 4.0))
    assert cold.distillation != warm.distillation
    assert (cold.task, cold.student) == (warm.task, warm.student)


def test_loss_weights(batch):
    found = losses(made(loss_weights=(2.0, 3.0, 5.0)), batch)
    assert found.total.item() == pytest.approx(
        (2 * found.task + 3 * found.student + 5 * found.distillation).item(), rel=1e-12)
    assert found[1:] == losses(made(), batch)[1:]


def test_class_weight_leaves_the_distillation(batch):
    model, weight = made(), torch.tensor([0.1, 1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    output = model(batch)
    plain, weighted = model.loss(output, batch), model.loss(output, batch, weight)
    assert plain.distillation == weighted.distillation
    assert plain.task != weighted.task and plain.student != weighted.student
    # Normalised by the weights of the labels: a common factor cancels.
    doubled = model.loss(output, batch, 2 * weight)
    assert doubled.total.item() == pytest.approx(weighted.total.item(), rel=1e-12)


def test_frozen_gates_are_silu(batch):
    model, seen = made(frozen_identity_gates=True), {}
    for pair in PAIRS:
        model.encoder[pair].register_forward_hook(lambda _, __, out, pair=pair: seen.update({pair: out[0]}))
    for m in DIMS:
        model.reduce[m].register_forward_pre_hook(lambda _, inputs, m=m: seen.update({m: inputs[0]}))
    gates = model.eval()(batch).aux
    for m in DIMS:
        own_first = [f"{m}_from_{n}" for n in (m, *(n for n in DIMS if n != m))]
        torch.testing.assert_close(seen[m], F.silu(torch.cat([seen[p] for p in own_first], -1)), rtol=0, atol=1e-12)
    for pair in PAIRS:
        torch.testing.assert_close(batch.pack(gates[f"unimodal_gate.{pair}"]), seen[pair].sigmoid(), rtol=0, atol=1e-12)


def test_frozen_gates_do_not_learn(batch):
    model = made(frozen_identity_gates=True)
    gates = {f"unimodal_gate.{pair}.weight" for pair in PAIRS}
    assert {name for name, p in model.named_parameters() if not p.requires_grad} == gates
    optimiser = torch.optim.Adam(model.parameters(), lr=0.1, weight_decay=0.1)
    before = model.teacher.weight.clone()
    losses(model, batch).total.backward()
    optimiser.step()
    assert not torch.equal(model.teacher.weight, before)
    for name, p in model.named_parameters():
        if name in gates:
            assert p.grad is None and torch.equal(p, torch.eye(8, dtype=p.dtype)), name


def test_learned_gates_learn(batch):
    gates = {f"unimodal_gate.{pair}.weight" for pair in PAIRS}
    assert gates <= reached(made(frozen_identity_gates=False), batch)


def test_dead_attention_norm_is_reached_by_nothing(batch):
    norms = {f"encoder.{pair}.norm.{p}" for pair in PAIRS for p in ("weight", "bias")}
    every = {name for name, _ in made().named_parameters()}
    assert reached(made(attention_norm="pre"), batch) == every
    assert reached(made(attention_norm="dead"), batch) == every - norms


@pytest.mark.parametrize(("kind", "matters"), [("pre", True), ("dead", False)])
def test_attention_norm_matters_only_when_it_is_used(batch, kind, matters):
    model = made(attention_norm=kind)
    before = model(batch).logits
    with torch.no_grad():
        for encoder in model.encoder.values():
            encoder.norm.weight += torch.arange(8)
    assert torch.equal(before, model(batch).logits) != matters


def test_longer_position_table_changes_nothing(batch):
    assert torch.equal(made(max_turns=5)(batch).logits, made(max_turns=64)(batch).logits)


# Dropout, of which the golden numbers say nothing


def test_dropout_is_one_rate_and_only_in_training(batch):
    model, plain = made(dropout=0.4), made(dropout=0.0)
    assert {d.p for d in model.modules() if isinstance(d, nn.Dropout)} == {0.4}
    assert torch.equal(model.eval()(batch).logits, plain.train()(batch).logits)
    assert not torch.equal(model.train()(batch).logits, model(batch).logits)


def test_dropout_stands_where_the_authors_have_it(batch):
    """On both streams, the attention weights, the attended stream, and twice in the feed-forward layer."""
    model, shapes = made(dropout=0.4), {}
    for name, module in model.named_modules():
        if isinstance(module, nn.Dropout):
            module.register_forward_hook(
                lambda _, __, out, name=name: shapes.setdefault(name, []).append(tuple(out.shape)))
    model(batch, attention=True)
    B, T = batch.shape
    stream, weights = (int(batch.mask.sum()), 8), (B, 2, T, T)
    for m, n in product(DIMS, DIMS):
        found = shapes[f"encoder.{m}_from_{n}.dropout"]
        assert found.count(weights) == 1 and len(found) == found.count(stream) + 1
        assert found.count(stream) in ((4,) if m == n else (5,))  # one stream is dropped out once
    for m in DIMS:
        assert shapes[f"student.{m}.1"] == [stream]


def test_attention_is_reported_before_its_dropout(batch):
    model = made(dropout=0.9).train()
    for weights in model(batch, attention=True).attention.values():
        torch.testing.assert_close(weights.sum(-1), torch.ones_like(weights[..., 0]))


def test_intra_modal_encoder_drops_its_stream_once(batch):
    model, seen = made(dropout=0.5, attention_norm="dead").train(), {}
    encoder = model.encoder["text_from_text"]
    encoder.q.register_forward_pre_hook(lambda _, inputs: seen.update(q=inputs[0]))
    encoder.k.register_forward_pre_hook(lambda _, inputs: seen.update(k=inputs[0]))
    model(batch)
    assert torch.equal(seen["q"], seen["k"])


# What comes back


def test_output(batch):
    output = made()(batch, attention=True)
    B, T = batch.shape
    assert output.logits.shape == (B, T, 5)
    assert {k: tuple(x.shape) for k, x in output.aux.items()} == {
        **{f"student.{m}": (B, T, 5) for m in DIMS},
        **{f"unimodal_gate.{pair}": (B, T, 8) for pair in PAIRS},
        "multimodal_gate": (B, T, 3, 8),
    }
    assert {k: tuple(x.shape) for k, x in output.attention.items()} == {pair: (B, 2, T, T) for pair in PAIRS}
    gate = output.aux["multimodal_gate"][batch.mask].unsqueeze(0)
    torch.testing.assert_close(gate.sum(2), torch.ones_like(gate[:, :, 0]))
    assert made()(batch).attention is None


def test_speakers_and_order_of_turns_matter(batch):
    model = made()
    base = model(batch).logits
    assert (model(replace(batch, speakers=(1 - batch.speakers) * batch.mask)).logits - base).abs().max() > 0.01
    mirrored = replace(batch, features={m: x[:1].flip(1) for m, x in batch.features.items()}, mask=batch.mask[:1],
                       speakers=batch.speakers[:1].flip(1), labels=batch.labels[:1].flip(1), rows=batch.rows[:1])
    assert (model(mirrored).logits.flip(1) - base[:1]).abs().max() > 0.01


# What is refused


def refused(call):
    with pytest.raises(UsageError) as caught:
        call()
    message = str(caught.value)
    assert message and "\n" not in message
    return message


def test_refuses_no_modality():
    assert "modalities" in refused(lambda: SDT.tiny(dims=()))


def test_refuses_a_modality_twice():
    assert "text" in refused(lambda: SDT.tiny(dims=(("text", 3), ("text", 4))))


@pytest.mark.parametrize(("hidden", "heads"), [(15, 3), (16, 3), (7, 1)])
def test_refuses_odd_or_indivisible_widths(hidden, heads):
    message = refused(lambda: SDT.tiny(hidden=hidden, heads=heads))
    assert str(hidden) in message and str(heads) in message


def test_refuses_unknown_attention_norm():
    assert "'post'" in refused(lambda: SDT.tiny(attention_norm="post"))


def test_refuses_a_batch_without_its_modality(batch):
    lacking = replace(batch, features={"text": batch.features["text"]})
    assert "audio, visual" in refused(lambda: made()(lacking))


def test_ignores_a_modality_that_it_was_not_built_for(batch):
    model = made(dims=(("text", 6),))
    alone = replace(batch, features={"text": batch.features["text"]})
    assert torch.equal(model(batch).logits, model(alone).logits)


def test_refuses_a_dialogue_longer_than_its_table(batch):
    model = made(max_turns=4)
    assert "5 turns" in refused(lambda: model(batch))
    model(random_batch(DIMS, 5, 2, lengths=(4, 1)))  # the longest that fits


@pytest.mark.parametrize("changes", [{"heads": 0}, {"hidden": 0}, {"heads": -2}, {"outputs": 0}, {"speakers": 0},
                                     {"max_turns": 0}, {"dropout": 1.5}, {"dropout": -0.1}, {"temperature": 0.0},
                                     {"dims": (("text", 0),)}], ids=str)
def test_refuses_sizes_and_rates_that_make_no_model(changes):
    with pytest.raises(UsageError, match="SDT's") as caught:
        SDT.tiny(**changes)
    assert "\n" not in str(caught.value)
