"""The hand-written recurrences against the plain loop with autograd's backward pass, and against differences."""

import copy
import gc
import weakref

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize, prune

from erclab.contracts.batches import random_dialogues, shake
from erclab.models.dialoguernn import DialogueRNN
from erclab.ops import conversation_rnn, private
from erclab.ops.dropout import keyed
from erclab.ops.gru import CellWeights, Steps

DIMS = {"text": 6, "audio": 4, "visual": 3}
LENGTHS = (3, 7, 1, 7, 2)


def made(dtype=torch.float64, **changes):
    sizes = {"dims": tuple(DIMS.items()), "dropout": 0.0, "output_dropout": 0.0, "global_width": 9, **changes}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return shake(DialogueRNN(DialogueRNN.tiny(**sizes)), 0).to(dtype)


def results(net, given, fused, monkeypatch):
    """Outputs and gradients by name, of the fused or the plain path."""
    monkeypatch.setattr(conversation_rnn, "applies", lambda direction: fused)
    net.zero_grad(set_to_none=True)
    features = {m: x.clone().requires_grad_() for m, x in given.features.items()}
    with keyed(12):
        output = net(type(given)(features, given.mask, given.speakers, given.labels, given.rows), attention=True)
    (output.logits[given.mask].sin().sum() + output.aux["emotion"][given.mask].square().sum()).backward()
    return {"logits": output.logits[given.mask], **output.attention} | {
        name: torch.zeros_like(p) if p.grad is None else p.grad  # nothing reaches GRU_G in dialogues of one turn
        for name, p in (*net.named_parameters(), *features.items())}


CASES = {
    "plain": {},
    "dropout": {"dropout": 0.3, "output_dropout": 0.2},
    "nine speakers": {"speakers": 9},
    "one speaker": {"speakers": 1},
    "simple": {"context": "simple", "dropout": 0.3},
    "listener": {"listener": True, "speakers": 3},
    "listener, dropout": {"listener": True, "speakers": 3, "dropout": 0.3},
    "simple, listener, alone": {"context": "simple", "listener": True, "speakers": 1},
    "one direction": {"bidirectional": False, "dropout": 0.3},
    "widths of one": {"global_width": 1, "party_width": 1, "emotion_width": 1},
}


@pytest.mark.parametrize("lengths", [LENGTHS, (1, 1), (4,)], ids=str)
@pytest.mark.parametrize("case", CASES)
def test_equals_the_plain_loop_in_results_and_in_every_gradient(case, lengths, monkeypatch):
    net = made(**CASES[case]).train()
    given = random_dialogues(DIMS, 5, net.config.speakers, lengths, seed=1)
    want = results(net, given, False, monkeypatch)
    for name, found in results(net, given, True, monkeypatch).items():
        torch.testing.assert_close(found, want[name], rtol=1e-10, atol=1e-11, msg=lambda m, name=name: f"{name}: {m}")


@pytest.mark.parametrize("listener", [False, True])
def test_is_as_exact_in_float32_with_packed_weights_as_the_plain_loop(listener, monkeypatch):
    """Both are compared with float64. The order of sums differs between processors, so that the two may be further
    apart than the error of either: 1.6e-5 of the largest value with AVX2, where each errs by 1e-5."""
    net = made(torch.float32, listener=listener, speakers=3, global_width=40, party_width=33, emotion_width=20,
               dropout=0.1).train()
    given, exact = (random_dialogues(DIMS, 5, 3, (9, 30, 17, 17), seed=1, dtype=torch.float32) for _ in range(2))
    exact.features.update({m: x.double() for m, x in exact.features.items()})
    want = results(copy.deepcopy(net).double(), exact, False, monkeypatch)

    def errors(fused):
        return {name: ((x - want[name]).abs().max() / want[name].abs().max().clamp(min=1)).item()
                for name, x in results(net, given, fused, monkeypatch).items()}

    plain, kernel = errors(False), errors(True)
    assert max(plain.values()) < 1.5e-5
    assert max(kernel.values()) < 1.5e-5
    assert max(kernel.values()) < 2 * max(plain.values())


def in_precision(net, given, low):
    """Emotions (B, T, width) and gradients by name; in bfloat16 if `low`. Each emotion weighs the same in the sum, so
    that an error of the gradients is one of the recurrences."""
    net.zero_grad(set_to_none=True)
    with keyed(3), torch.autocast("cpu", torch.bfloat16, enabled=low):
        emotion = net(given).aux["emotion"]
    assert emotion.dtype == torch.float32
    emotion.sum().backward()
    return emotion.detach(), {n: p.grad.clone() for n, p in net.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("listener", [False, True])
def test_bfloat16_rounds_products_but_a_long_dialogue_adds_nothing_up(listener):
    given = random_dialogues(DIMS, 5, 2, (90, 60, 11), seed=1, dtype=torch.float32)
    torch.manual_seed(0)  # weights as a training begins with; `made` has such large ones that the states are chaotic
    net = DialogueRNN(DialogueRNN.tiny(dims=tuple(DIMS.items()), listener=listener, global_width=64, party_width=48,
                                       emotion_width=32, dropout=0.1, output_dropout=0.0)).train()
    (want, slopes), (found, low_slopes) = (in_precision(net, given, low) for low in (False, True))
    error = (found - want).abs()[0].amax(-1)  # of a dialogue's 90 turns
    assert 0 < error.max() < 2**-7 * want.abs().max()
    assert error[45:].mean() < 2 * error[:45].mean()
    for name, slope in slopes.items():
        error = (low_slopes[name] - slope).norm()
        assert 0 < error < 0.02 * slope.norm() or not name.endswith(("hh", "ih")), name


@pytest.mark.parametrize("general", [True, False])
@pytest.mark.parametrize("listener", [False, True])
def test_gradients_are_those_of_differences(listener, general):
    torch.manual_seed(0)
    sizes, inputs, G, P, S = [3, 2, 2], 3, 4, 2, 2
    cells = [nn.GRUCell(inputs + P, G), nn.GRUCell(inputs + G, P)] + [nn.GRUCell(inputs + P, P)] * listener
    row, step = torch.tensor([0, 1, 2, 0, 1, 0, 1]), torch.tensor([0, 0, 0, 1, 1, 2, 2])
    turns = conversation_rnn.link(sizes, row, step, torch.tensor([0, 1, 0, 0, 0, 1, 1]), S)
    factors = [torch.randint(0, 2, shape).double() * 2 for shape in ((7, G), (7, P), (7, S, P))]
    setup = conversation_rnn.Setup(turns, general, *factors, torch.float64)
    weights = [w for cell in cells for w in CellWeights.of(cell.double())]
    attend = torch.randn((G, inputs) if general else (1, G), dtype=torch.float64)
    u = torch.randn(7, inputs, dtype=torch.float64)
    given = [x.detach().requires_grad_() for x in (u, attend, *weights)]
    assert torch.autograd.gradcheck(
        lambda u, attend, *w: conversation_rnn._Converse.apply(setup, u, attend, *w)[0], given)


def test_who_spoke_before_and_after():
    # Dialogue 0: speakers 0 1 0 0; dialogue 1: 1 1; in packed order 0/0 1/0 0/1 1/1 0/2 0/3.
    row, step = torch.tensor([0, 1, 0, 1, 0, 0]), torch.tensor([0, 0, 1, 1, 2, 3])
    found = conversation_rnn.link([2, 2, 1, 1], row, step, torch.tensor([0, 1, 1, 1, 0, 0]), 2)
    assert found.before.tolist() == [0, 0, 0, 2, 1, 5]
    assert found.after.tolist() == [5, 4, 0, 0, 6, 0]


def test_inside_torch_func_the_plain_loop_runs():
    net, given = made(speakers=2), random_dialogues(DIMS, 5, 2, LENGTHS, seed=1)
    weights = {name: p.detach() for name, p in net.named_parameters()}
    seen = []

    def loss(weights):
        seen.append(conversation_rnn.applies(net.directions["ahead"]))
        return torch.func.functional_call(net, weights, (given,)).logits[given.mask].square().sum()

    found = torch.func.grad(loss)(weights)
    loss(weights)
    assert seen == [False, True]
    net(given).logits[given.mask].square().sum().backward()
    for name, p in net.named_parameters():
        torch.testing.assert_close(found[name], p.grad, rtol=1e-9, atol=1e-11, msg=name)


def parts(kept):
    """Tensors, and objects that hold them."""
    if isinstance(kept, torch.Tensor | Steps):
        yield kept
    if isinstance(kept, Steps):
        yield from (kept.gates, kept.h_n, kept.states)
    elif isinstance(kept, tuple):
        for part in kept:
            yield from parts(part)


def test_a_step_leaves_nothing_behind():
    """What the backward pass keeps goes with the graph, without waiting for Python's collector."""
    net, given = made(), random_dialogues(DIMS, 5, 2, LENGTHS)
    gc.disable()
    try:
        output = net(given)
        kept, node, seen = [], [output.logits.grad_fn], set()
        while node:
            it = node.pop()
            if it is None or it in seen:
                continue
            seen.add(it)
            node += [n for n, _ in it.next_functions]
            kept += [weakref.ref(x) for x in parts(getattr(it, "kept", None))]
        assert len(kept) > 20
        output.logits.sum().backward()
        del output, node, it, seen
        assert not any(ref() is not None for ref in kept)
    finally:
        gc.enable()


# When the plain loop runs


@pytest.mark.parametrize("case", ["plain", "simple, listener, alone", "listener, dropout"])
def test_without_private_operations_the_results_are_the_same(case, monkeypatch):
    net = made(**CASES[case]).train()
    given = random_dialogues(DIMS, 5, net.config.speakers, LENGTHS, seed=1)
    want = results(net, given, False, monkeypatch)
    for name in ("_pack_weight", "_packed_linear", "_softmax_backward", "_sigmoid_backward", "_tanh_backward"):
        monkeypatch.setattr(private, name, None)
    for name, found in results(net, given, True, monkeypatch).items():
        torch.testing.assert_close(found, want[name], rtol=1e-10, atol=1e-11, msg=name)


def test_where_pytorch_does_not_tell_about_transforms_the_plain_loop_runs(monkeypatch):
    direction = made().directions["ahead"]
    assert conversation_rnn.applies(direction)
    monkeypatch.setattr(private, "_transforms_active", None)
    assert not conversation_rnn.applies(direction)


PARTS = ("global_cell", "party_cell", "emotion_cell", "listener_cell", "attend")


@pytest.mark.parametrize("context", ["general", "simple"])
@pytest.mark.parametrize("part", PARTS)
def test_a_hook_on_any_part_is_called_and_its_result_counts(part, context):
    net, given = made(listener=True, context=context).eval(), random_dialogues(DIMS, 5, 2, (3, 5), seed=1)
    want, calls = net(given).logits, []
    handle = getattr(net.directions["ahead"], part).register_forward_hook(
        lambda module, inputs, output: calls.append(len(output)))
    torch.testing.assert_close(net(given).logits, want, rtol=0, atol=1e-12)
    assert calls if context == "simple" and part == "attend" else calls == [
        n * (2 if part == "listener_cell" else 1) for n in (2, 2, 2, 1, 1)]
    handle.remove()
    getattr(net.directions["ahead"], part).register_forward_hook(
        lambda module, inputs, output: output + 0.5 * inputs[0][..., :1])
    assert not torch.allclose(net(given).logits, want)


class Halved(nn.Module):
    """A parametrisation."""

    def forward(self, weight):
        """Half the weight."""
        return weight / 2


@pytest.mark.parametrize("part", PARTS)
def test_a_parametrisation_counts_and_learns(part):
    net, given = made(listener=True), random_dialogues(DIMS, 5, 2, (3, 5), seed=1)
    weight = "weight" if part == "attend" else "weight_ih"
    halved = copy.deepcopy(net)
    for direction in halved.directions.values():
        with torch.no_grad():
            getattr(getattr(direction, part), weight).div_(2)
    for direction in net.directions.values():
        parametrize.register_parametrization(getattr(direction, part), weight, Halved())
    found = net(given).logits
    torch.testing.assert_close(found, halved(given).logits, rtol=0, atol=1e-12)
    found.sum().backward()
    assert getattr(net.directions["ahead"], part).parametrizations[weight].original.grad.any()


@pytest.mark.parametrize("part", PARTS)
def test_a_pruned_weight_counts(part):
    net, given = made(listener=True), random_dialogues(DIMS, 5, 2, (3, 5), seed=1)
    want = net(given).logits
    weight = "weight" if part == "attend" else "weight_ih"
    prune.random_unstructured(getattr(net.directions["ahead"], part), weight, 0.5)
    assert not torch.allclose(net(given).logits, want)


def test_cells_of_another_class_are_called():
    class Adapted(nn.GRUCell):
        """A cell with something more, as LoRA makes one."""

        def forward(self, x, state):
            """The state and a half."""
            return super().forward(x, state) + 0.5

    net, given = made(), random_dialogues(DIMS, 5, 2, (3, 5), seed=1)
    want, cell = net(given).logits, net.directions["back"].emotion_cell
    net.directions["back"].emotion_cell = Adapted(cell.input_size, cell.hidden_size).double()
    net.directions["back"].emotion_cell.load_state_dict(cell.state_dict())
    assert not torch.allclose(net(given).logits, want)


def test_parts_without_or_with_a_bias_that_the_kernel_does_not_expect():
    for part, changed in (("attend", nn.Linear(13, 9)), ("party_cell", nn.GRUCell(22, 8, bias=False))):
        net, given = made(), random_dialogues(DIMS, 5, 2, (3, 5), seed=1)
        setattr(net.directions["ahead"], part, changed.double())
        assert not conversation_rnn.applies(net.directions["ahead"])
        assert net(given).logits.isfinite().all()
