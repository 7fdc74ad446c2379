"""DialogueRNN against the numbers of the authors' own class and a loop by hand, and what its switches do."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from golden import Golden
from reference_dialoguernn import ReferenceDialogueRNN

from erclab import models
from erclab.contracts.batches import random_dialogues, shake, take, widen
from erclab.core.batches import DialogueBatch
from erclab.core.errors import UsageError
from erclab.models.dialoguernn import DialogueRNN
from erclab.ops import conversation_rnn
from erclab.ops.dropout import keep, keyed, next_key

GOLDEN = Golden("dialoguernn_p2")
PLAIN = {"matchatt.transform": "match", "linear": "linear", "smax_fc": "classifier"}
CELLS = {"g_cell": "global_cell", "p_cell": "party_cell", "e_cell": "emotion_cell", "attention.transform": "attend"}
DIMS = {"text": 6, "audio": 4, "visual": 3}


def our_name(theirs):
    module, _, parameter = theirs.rpartition(".")
    if module.startswith("dialog_rnn_"):
        direction = "ahead" if module[11] == "f" else "back"
        return f"directions.{direction}.{CELLS[module.split('dialogue_cell.')[1]]}.{parameter}"
    return f"{PLAIN[module]}.{parameter}"


def batch(dtype=torch.float32, copies=1):
    given = {name: x.repeat(copies, *[1] * (x.dim() - 1)) for name, x in GOLDEN.part("in").items()}
    rows = (given["mask"].flatten().cumsum(0).view(given["mask"].shape) - 1).masked_fill(~given["mask"], -1)
    return DialogueBatch({"text": given["text"].to(dtype)}, given["mask"], given["speaker"], given["label"], rows)


def golden(mode, copies=1):
    """Outputs of the golden batch, once for each copy; losses and gradients are means, which copies do not change."""
    return {name: x.repeat(copies, *[1] * (x.dim() - 1)) if "out" in name or name.startswith("mid.") else x
            for name, x in GOLDEN.part(mode).items()}


def model(dtype=torch.float32, **changes):
    state = {our_name(name): x for name, x in GOLDEN.part("state").items()}
    made = DialogueRNN(DialogueRNN.official("other", **{
        "dims": (("text", 20),), "outputs": 6, "speakers": 2, "global_width": 12, "party_width": 14,
        "emotion_width": 8, "head_width": 12, "dropout": 0.0, "output_dropout": 0.0, **changes}))
    made.load_state_dict({k: x for k, x in state.items() if made.config.dialogue_attention or "match" not in k})
    return made.to(dtype).eval()


def made(seed=0, **changes):
    """A small model in float64, off its initial values; widths differ so that no two can be confused."""
    sizes = {"dims": tuple(DIMS.items()), "dropout": 0.0, "output_dropout": 0.0, **changes}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return shake(DialogueRNN(DialogueRNN.tiny(**sizes)), seed).double().eval()


def close(ours, theirs, bar=1e-5):
    torch.testing.assert_close(ours, theirs.to(ours.dtype), rtol=0, atol=bar)


# The authors' numbers, also in a batch of thousands of dialogues

many = pytest.mark.parametrize("copies", [1, 700])


@many
@pytest.mark.parametrize("mode", ["padded", "alone"])
def test_outputs_are_the_authors_padded_or_alone(mode, copies):
    given, theirs = batch(copies=copies), golden(mode, copies)
    with torch.no_grad():
        output = model()(given, attention=True)
        plain = model(dialogue_attention=False)(given)
    at = given.mask
    close(output.logits[at], theirs["out.logit"][at])
    close(output.logits.log_softmax(-1)[at], theirs["out.logprob"][at])
    close(output.attention["dialogue"][:, 0][at], theirs["out.attention"][at])
    close(output.aux["emotion"][..., :8][at], theirs["mid.forward"][at])
    close(plain.logits[at], theirs["noatt2.out.logit"][at])
    close(plain.logits.log_softmax(-1)[at], theirs["noatt2.out.logprob"][at])


@many
@pytest.mark.parametrize("mode", ["padded", "alone"])
def test_outputs_and_losses_in_float64(mode, copies):
    given, theirs, net = batch(torch.float64, copies), golden(mode, copies), model(torch.float64)
    with torch.no_grad():
        output = net(given)
        plain = model(torch.float64, dialogue_attention=False)(given)
    close(output.logits[given.mask], theirs["out64.logit"][given.mask], 1e-9)
    close(plain.logits[given.mask], theirs["noatt2.out64.logit"][given.mask], 1e-9)
    weight = GOLDEN.part("in")["class_weight"].double()
    close(net.loss(output, given).total, theirs["loss64.unweighted"], 1e-9)
    close(net.loss(output, given, weight).total, theirs["loss64.weighted"], 1e-9)


@many
@pytest.mark.parametrize("mode", ["padded", "alone"])
def test_losses_and_gradients_are_the_authors(mode, copies):
    net, given, theirs = model().train(), batch(copies=copies), golden(mode)
    output = net(given)
    close(net.loss(output, given, GOLDEN.part("in")["class_weight"]).total, theirs["loss.weighted"])
    loss = net.loss(output, given).total
    close(loss, theirs["loss.unweighted"])
    loss.backward()
    found = {name: p.grad for name, p in net.named_parameters()}
    order = [our_name(name) for name in GOLDEN.meta["param_order"]]
    assert sorted(order) == sorted(found)
    norms = torch.stack([found[name].norm() for name in order]).double()
    torch.testing.assert_close(norms, theirs["gradnorm"], rtol=1e-4, atol=1e-6)
    stored = {name.removeprefix("grad."): x for name, x in theirs.items() if name.startswith("grad.")}
    assert len(stored) == 7
    for name, want in stored.items():
        torch.testing.assert_close(found[our_name(name)], want, rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize(("corpus", "count"), [("iemocap", 8_880_406), ("meld", 2_666_607)])
def test_parameters_of_the_authors_configurations(corpus, count):
    with torch.device("meta"):
        assert models.parameter_count(DialogueRNN(DialogueRNN.official(corpus))) == count


# One loop over packed turns, against a dialogue at a time


def by_hand(net, given, **dropouts):
    reference = ReferenceDialogueRNN({name: p.numpy() for name, p in net.state_dict().items()}, net.config.speakers,
                                     causal=net.config.causal, **dropouts)
    return [reference.dialogue(np.hstack([given.features[m][b, :n].numpy() for m, _ in net.config.dims]),
                               given.speakers[b, :n].tolist()) for b, n in enumerate(given.mask.sum(1).tolist())]


CASES = {
    "plain": {},
    "one modality": {"dims": (("audio", 4),)},
    "other order": {"dims": (("visual", 3), ("text", 6))},
    "one speaker": {"speakers": 1},
    "nine speakers": {"speakers": 9},
    "listener": {"listener": True, "speakers": 3},
    "one listener": {"listener": True, "speakers": 1},
    "simple": {"context": "simple"},
    "no last attention": {"dialogue_attention": False},
    "one direction": {"bidirectional": False},
    "causal": {"bidirectional": False, "causal": True, "listener": True, "speakers": 4},
}


@pytest.mark.parametrize("lengths", [(3, 6, 1, 6, 2), (1, 1), (4,)], ids=str)
@pytest.mark.parametrize("case", CASES)
def test_equals_the_loop_by_hand(case, lengths):
    net = made(**CASES[case])
    given = random_dialogues(DIMS, 5, net.config.speakers, lengths, seed=1)
    with torch.no_grad():
        output = net(given, attention=True)
    for b, (n, want) in enumerate(zip(lengths, by_hand(net, given), strict=True)):
        np.testing.assert_allclose(output.logits[b, :n], want["logits"], rtol=0, atol=1e-12)
        np.testing.assert_allclose(output.aux["emotion"][b, :n], want["emotion"], rtol=0, atol=1e-12)
        assert set(output.attention) == set(want["attention"])
        for name, weights in want["attention"].items():
            found = output.attention[name]
            assert found.shape == (len(lengths), 1, max(lengths), max(lengths))
            np.testing.assert_allclose(found[b, 0, :n, :n], weights, rtol=0, atol=1e-12)
            assert not found[b, :, :, n:].any()


def test_the_loop_by_hand_gives_the_authors_numbers():
    given, net = batch(torch.float64), model(torch.float64)
    for b, found in enumerate(by_hand(net, given)):
        n = len(found["logits"])
        np.testing.assert_allclose(found["logits"], GOLDEN.tensors["padded.out64.logit"][b, :n], rtol=0, atol=1e-12)


def test_gradients_are_those_of_each_dialogue_alone():
    """Packing must not let a dialogue's gradient reach another, nor lose one."""
    net, lengths = made(listener=True, speakers=3), (3, 6, 1, 6, 2)
    given = random_dialogues(DIMS, 5, 3, lengths, seed=2)
    def summed(part):
        net.zero_grad(set_to_none=True)
        (net(part).logits[part.mask] ** 2).sum().backward()
        return {name: 0 * p if p.grad is None else p.grad for name, p in net.named_parameters()}
    together, apart = summed(given), {}
    for b, n in enumerate(lengths):
        alone = DialogueBatch({m: x[b:b + 1, :n] for m, x in given.features.items()},
                              *(x[b:b + 1, :n] for x in (given.mask, given.speakers, given.labels, given.rows)))
        apart = {name: g + apart.get(name, 0) for name, g in summed(alone).items()}
    for name, want in apart.items():
        torch.testing.assert_close(together[name], want, rtol=1e-9, atol=1e-12, msg=name)


def test_nothing_at_padded_turns_matters_not_even_nan():
    net, given = made(), random_dialogues(DIMS, 5, 2, (2, 5, 1))
    fouled = replace(given, features={m: x.masked_fill(~given.mask[..., None], torch.nan)
                                      for m, x in given.features.items()})
    assert torch.equal(net(fouled).logits[given.mask], net(given).logits[given.mask])
    net.loss(net(fouled), fouled).total.backward()
    assert all(p.grad.isfinite().all() for p in net.parameters())


# Switches


@pytest.mark.parametrize(("changes", "sees_later"), [
    ({}, True), ({"dialogue_attention": False}, True), ({"bidirectional": False}, True),
    ({"bidirectional": False, "dialogue_attention": False}, False), ({"bidirectional": False, "causal": True}, False)])
def test_who_sees_what_comes_later(changes, sees_later):
    net, given = made(**changes), random_dialogues(DIMS, 5, 2, (6, 6))
    here = torch.arange(6) >= 4
    other = replace(given, features={m: x + here[:, None] for m, x in given.features.items()},
                    speakers=torch.where(here, 1 - given.speakers, given.speakers))
    with torch.no_grad():
        gap = (net(given).logits - net(other).logits)[:, :4].abs().max().item()
    assert gap > 1e-6 if sees_later else gap == 0


def test_the_listener_changes_those_who_listen():
    given, logits = random_dialogues(DIMS, 5, 3, (7, 5)), []
    for listener in (False, True):
        net = made(speakers=3, listener=listener)
        cells = {name: p for name, p in net.named_parameters() if "listener" in name}
        assert len(cells) == (8 if listener else 0)
        net.loss(net(given), given).total.backward()
        assert all(p.grad.abs().max() > 0 for p in cells.values())
        logits.append(net(given).logits)
    assert not torch.allclose(*logits)


class Scaled(torch.nn.Module):
    """In place of dropout: its input is multiplied with a number."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return self.factor * x


@pytest.mark.parametrize("plain", [False, True])
def test_every_new_state_is_dropped_out_by_its_coordinates_and_the_emotions_once_more(plain, monkeypatch):
    monkeypatch.setattr(conversation_rnn, "applies", lambda direction: not plain)
    net, lengths, key = made(listener=True, speakers=3, dropout=0.4).train(), (5, 2, 4), 17
    net.dropout, net.output_dropout = Scaled(0.6), Scaled(0.7)
    given = random_dialogues(DIMS, 5, 3, lengths, seed=3)
    with keyed(key):
        found = net(given).logits.detach()
    with keyed(key):  # direction, dialogue, turn, feature
        masks = {cell: keep((2, 3, 5, *width), 0.4, next_key()).numpy() / 0.6 for cell, width in
                 {"global": (7,), "party": (8,), "emotion": (6,), "listener": (3, 8)}.items()}

    def drop(dialogue):
        def dropped(cell, direction, turn, x):
            cell, *who = cell.split()
            return x * masks[cell][("ahead", "back").index(direction), dialogue, turn][tuple(map(int, who))]
        return dropped

    for b, n in enumerate(lengths):
        want = by_hand(net, take(given, [b], n), drop=drop(b), head_dropout=net.dropout,
                       output_dropout=net.output_dropout)[0]
        np.testing.assert_allclose(found[b, :n], want["logits"], rtol=0, atol=1e-12)


def test_masks_do_not_depend_on_padding():
    net, given = made(dropout=0.5, output_dropout=0.5, listener=True).train(), random_dialogues(DIMS, 5, 2, (3, 5))
    results = []
    for batch in (given, widen(given, 4), take(given, [0], 3)):
        with keyed(4):
            results.append(net(batch).logits[0, :3])
    torch.testing.assert_close(results[1], results[0], rtol=0, atol=1e-12)
    torch.testing.assert_close(results[2], results[0], rtol=0, atol=1e-12)


def test_dropout_rates():
    config = DialogueRNN.tiny(dropout=0.2, output_dropout=0.4)
    net = DialogueRNN(config)
    assert (net.dropout.p, net.state_dropout.p, net.output_dropout.p) == (0.2, 0.2, 0.4)
    assert (DialogueRNN.official().dropout, DialogueRNN.official().output_dropout) == (0.1, 0.25)


@pytest.mark.parametrize(("changes", "says"), [
    ({"party_width": 0}, "party_width is 0"), ({"speakers": 0}, "speakers is 0"), ({"dropout": 1.0}, "dropout is 1"),
    ({"dims": ()}, "modalities"), ({"context": "concat"}, "'general' or 'simple', not 'concat'"),
    ({"causal": True}, "cannot be causal")])
def test_refuses_what_makes_no_model(changes, says):
    with pytest.raises(UsageError, match=f"DialogueRNN.*{says}"):
        DialogueRNN.tiny(**changes)


def test_refuses_a_batch_without_its_modality():
    with pytest.raises(UsageError, match="lacks visual"):
        made()(random_dialogues({"text": 6, "audio": 4}, 5, 2))
