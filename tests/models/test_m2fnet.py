"""M2FNet: equal to its naive reference and to torch's own Transformer and GRU; what its switches do."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from random_batches import random_batch, shake, take, widen, with_features, with_garbage
from reference_m2fnet import ReferenceM2FNet
from torch import nn

from erclab import models
from erclab.core import tasks
from erclab.core.errors import UsageError
from erclab.models import parameter_count
from erclab.models.m2fnet import ABLATIONS, M2FNet, Recurrence, own_turns

DIMS = {"text": 6, "audio": 4, "visual": 3}
SUBSETS = [c for n in (1, 2, 3) for c in combinations(DIMS, n)]
LENGTHS = (5, 3, 1)
SWITCHES = [{}, {"fusion": "concat"}, {"context": "none"}, {"readout": "cls"}, {"readout": "concat"}, {"norm": "pre"},
            {"speaker": "state"}, {"speaker": "both"}, {"speaker": "none"}, {"bidirectional": True},
            {"fusion": "concat", "context": "none"}, {"layers": 1, "heads": 4},
            {"norm": "pre", "readout": "cls", "speaker": "both", "bidirectional": True}]
switches = pytest.mark.parametrize("changes", SWITCHES, ids=lambda c: ",".join(map(str, c.values())) or "paper")
subsets = pytest.mark.parametrize("subset", SUBSETS, ids="+".join)


def made(subset=tuple(DIMS), seed=0, **changes):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        config = M2FNet.tiny(dims=tuple((m, DIMS[m]) for m in subset), speakers=3, hidden=8, dropout=0.0)
        return shake(M2FNet(replace(config, **changes)), seed).double().eval()


@pytest.fixture
def batch():
    return random_batch(DIMS, classes=5, speakers=3, lengths=LENGTHS)


def by_hand(model, batch):
    c = model.config
    modalities = [m for m, _ in c.dims]
    reference = ReferenceM2FNet({name: x.numpy() for name, x in model.state_dict().items()}, modalities, heads=c.heads,
                                layers=c.layers, norm=c.norm, fusion=c.fusion, readout=c.readout, context=c.context,
                                speaker=c.speaker, bidirectional=c.bidirectional)
    return [reference.dialogue({m: batch.features[m][i, :n].numpy() for m in modalities},
                               batch.speakers[i, :n].tolist()) for i, n in enumerate(batch.mask.sum(1).tolist())]


def same(ours, theirs, bar=1e-9):
    np.testing.assert_allclose(ours.detach().numpy(), np.asarray(theirs), rtol=0, atol=bar)


def gradients(model, batch):
    model.zero_grad(set_to_none=True)
    model.loss(model(batch), batch).total.backward()
    return {name: p.grad for name, p in model.named_parameters()}


# The naive reference, and what torch has


@switches
@subsets
def test_equals_the_reference(subset, changes, batch):
    model = made(subset, **changes)
    output = model(batch, attention=True)
    assert output.attention == {}
    assert ("fusion_attention" in output.aux) == (model.config.fusion == "transformer")
    for i, (logits, weights) in enumerate(by_hand(model, batch)):
        same(output.logits[i, :LENGTHS[i]], logits)
        if weights[0] is not None:
            same(output.aux["fusion_attention"][i, :LENGTHS[i]], weights)


def test_reference_tells_the_switches_apart(batch):
    """Or the cases above would prove less than they say: same weights, another function."""
    base = made(speaker="both", bidirectional=True)
    for changes in ({"norm": "pre"}, {"readout": "cls"}):
        other = made(speaker="both", bidirectional=True, **changes)
        other.load_state_dict(base.state_dict(), strict=False)
        assert (other(batch).logits - base(batch).logits)[batch.mask].abs().max() > 1e-3


@pytest.mark.parametrize("norm", ["post", "pre"])
def test_fusion_is_torchs_transformer_encoder(norm, batch):
    ours = made(norm=norm).fusion
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True, norm_first=norm == "pre")
    theirs = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(8) if norm == "pre" else None,
                                   enable_nested_tensor=False).double().eval()
    names = {"self_attn.in_proj_": "attention.project.", "self_attn.out_proj": "attention.out", "norm1": "norm",
             "norm2": "feed_forward_norm", "linear1": "w1", "linear2": "w2"}
    def our_name(name):
        for theirs_part, our_part in names.items():
            name = name.replace(theirs_part, our_part)
        return name
    state = ours.state_dict()
    theirs.load_state_dict({name: state[our_name(name)] for name in theirs.state_dict()})
    assert len(theirs.state_dict()) == len(state)
    tokens = torch.randn(2, 3, 3, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected = theirs(tokens.flatten(0, 1)).mean(1).view(2, 3, 8)
    torch.testing.assert_close(ours(tokens)[0], expected, rtol=0, atol=1e-12)


def test_both_directions_are_a_packed_gru():
    torch.manual_seed(0)
    ours, theirs = Recurrence(4, 3, True).double(), nn.GRU(4, 3, batch_first=True, bidirectional=True).double()
    state = {name: x for name, x in ours.forwards.state_dict().items()}
    state |= {f"{name}_reverse": x for name, x in ours.backwards.state_dict().items()}
    theirs.load_state_dict(state)
    x, lengths = torch.randn(3, 5, 4, dtype=torch.float64), torch.tensor(LENGTHS)
    mask = torch.arange(5) < lengths[:, None]
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
    expected = nn.utils.rnn.pad_packed_sequence(theirs(packed)[0], batch_first=True)[0]
    torch.testing.assert_close(ours(x, mask)[mask], expected[mask], rtol=0, atol=1e-12)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_own_turns_are_a_gru_over_the_turns_of_one_speaker(bidirectional):
    torch.manual_seed(0)
    gru = Recurrence(4, 3, bidirectional).double()
    x, who = torch.randn(2, 6, 4, dtype=torch.float64), torch.tensor([[0, 2, 0, 0, 2, 1], [1, 1, 0, 2, 2, 2]])
    mask = torch.arange(6) < torch.tensor([6, 3])[:, None]  # at the padded turns of the second stands speaker 2
    found = own_turns(gru, x, who, mask, 3)
    for b, length in enumerate((6, 3)):
        for s in range(3):
            turns = [t for t in range(length) if who[b, t] == s]
            if turns:
                alone = gru(x[b : b + 1, turns], torch.ones(1, len(turns), dtype=torch.bool))
                torch.testing.assert_close(found[b, turns], alone[0], rtol=0, atol=1e-12)


# Sizes


def test_parameter_count():
    """In the order of the class: projections, two layers, speakers, GRU, classifier."""
    with torch.device("meta"):
        count = {name: parameter_count(M2FNet(M2FNet.paper("meld", **changes))) for name, changes in
                 {"paper": {}, **ABLATIONS, "state": {"speaker": "state"}}.items()}
    H, project = 256, (768 + 300 + 342 + 3) * 256
    layers = 2 * (4 * (H * H + H) + 2 * 2 * H + 4 * H * H + 4 * H + 4 * H * H + H)
    assert count["paper"] == project + layers + 9 * 16 + 3 * H * (H + 16 + H + 2) + 7 * H + 7 == 2_350_231
    assert count["without transformer fusion"] == count["paper"] - layers + 3 * H * H + H
    assert count["without GRU context"] == project + layers + 7 * H + 7
    assert count["state"] == project + layers + 2 * 3 * H * (2 * H + 2) + 7 * 2 * H + 7


def test_paper_and_official_are_one():
    assert M2FNet.paper("meld") == M2FNet.official("meld") == M2FNet.paper()
    assert M2FNet.official("elsewhere", dims=(("text", 3),), outputs=2, speakers=4).dims == (("text", 3),)
    assert models.MODELS["m2fnet"].cls is M2FNet and models.MODELS["m2fnet"].tasks == tasks.TASKS


# What a turn depends on


def reads(model, batch, turn):
    """(T,) bool: which turns of the first dialogue move the logits of one."""
    base, found = model(batch).logits[0, turn], []
    for t in range(batch.shape[1]):
        changed = with_features(batch, lambda x, t=t: torch.where(
            (torch.arange(x.shape[1]) == t)[:, None], x + 1, x))
        found.append(not torch.equal(model(changed).logits[0, turn], base))
    return found


@pytest.mark.parametrize(("changes", "expected"), [
    ({}, [True, True, True, False, False]), ({"speaker": "both"}, [True, True, True, False, False]),
    ({"bidirectional": True}, [True] * 5), ({"context": "none"}, [False, False, True, False, False]),
], ids=["causal", "causal-state", "bidirectional", "alone"])
def test_which_turns_a_turn_depends_on(changes, expected, batch):
    assert reads(made(**changes), batch, 2) == expected


def test_causal_exactly(batch):
    """What follows changes nothing at all, nor does it if it is cut off."""
    model = made(speaker="both")
    short = take(batch, [0], 2)
    torch.testing.assert_close(model(short).logits[0], model(batch).logits[0, :2], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("speaker", "matters"), [("embedding", True), ("state", True), ("both", True),
                                                  ("none", False)])
def test_who_speaks(speaker, matters, batch):
    model = made(speaker=speaker)
    batch = replace(batch, speakers=torch.tensor([[0, 1, 0, 0, 1], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0]]))
    other = replace(batch, speakers=torch.tensor([[0, 1, 1, 0, 1], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0]]))
    gap = (model(other).logits - model(batch).logits)[0].abs().amax(-1)
    assert bool(gap[2] > 1e-6) == matters
    assert not gap[:2].any()


def test_state_knows_who_is_the_same_but_no_names(batch):
    """Renamed speakers are the same dialogue for a state per speaker, another one for an embedding."""
    renamed = replace(batch, speakers=(batch.speakers + 1) % 3 * batch.mask)
    for speaker, moves in (("state", False), ("embedding", True)):
        model = made(speaker=speaker)
        gap = (model(renamed).logits - model(batch).logits)[batch.mask].abs().max()
        assert bool(gap > 1e-6) == moves, speaker


def test_context_none_has_neither_gru_nor_speakers(batch):
    model = made(context="none")
    assert not [name for name, _ in model.named_parameters() if name.startswith(("speaker", "dialogue", "own"))]
    assert torch.equal(model(batch).logits, model(replace(batch, speakers=(batch.speakers + 1) % 3)).logits)


@switches
def test_padding_changes_nothing(changes, batch):
    model = made(**changes)
    base, want = model(batch).logits[batch.mask], gradients(model, batch)
    nobody = replace(batch, speakers=torch.where(batch.mask, batch.speakers, 99))
    for other in (nobody, with_garbage(batch, 5, 3), with_garbage(widen(batch, 3), 5, 3)):
        torch.testing.assert_close(model(other).logits[:, :5][batch.mask], base, rtol=0, atol=1e-9)
        for name, grad in gradients(model, other).items():
            torch.testing.assert_close(grad, want[name], rtol=1e-7, atol=1e-9, msg=name)
    for i, length in enumerate(LENGTHS):
        alone = model(take(batch, [i], length)).logits[0]
        torch.testing.assert_close(alone, model(batch).logits[i, :length], rtol=0, atol=1e-9)


@switches
@pytest.mark.parametrize("how", ["float32", "bfloat16"])
def test_finite_on_dialogues_of_one_turn(changes, how):
    model = made(dropout=0.5, **changes).float().train()
    for lengths in ((1,), (1, 1), LENGTHS):
        batch = random_batch(DIMS, 5, 3, lengths, dtype=torch.float32)
        with torch.autocast("cpu", torch.bfloat16, enabled=how == "bfloat16"):
            grads = gradients(model, batch)
        assert all(g is not None and g.isfinite().all() for g in grads.values())


# What learns


@switches
@subsets
def test_everything_learns(subset, changes, batch):
    model = made(subset, **changes)
    dead = {name for name, g in gradients(model, batch).items() if g is None or g.abs().max() < 1e-12}
    assert dead == set()


@pytest.mark.parametrize(("readout", "learns"), [("mean", False), ("concat", False), ("cls", True)])
def test_one_token_has_nothing_to_compare(readout, learns, batch):
    """With one modality the weight is 1 whatever query and key say; beside a class token it is not."""
    model = made(("text",), readout=readout)
    grad = gradients(model, batch)["fusion.layers.0.attention.project.weight"]
    assert bool(grad[:16].abs().max() > 1e-12) == learns
    assert grad[16:].abs().max() > 1e-6


def test_loss_of_every_task(batch):
    for task, columns, C in (("emotion", 0, 5), ("emotion4", 4, 8), ("sentiment", 1, 1), ("dimensional", 3, 3)):
        labels = batch.labels
        if columns:
            labels = torch.rand(*batch.shape, columns, dtype=torch.float64).round()
            labels[0, 0] = float("nan")
        model, given = made(task=task, outputs=C), replace(batch, labels=labels)
        losses = model.loss(model(given), given)
        at = given.annotated
        assert losses.total == losses.task
        torch.testing.assert_close(losses.task, tasks.loss(task, model(given).logits[at], labels[at]))


def test_weighted_cross_entropy(batch):
    model, weight = made(), torch.tensor([0.2, 3.0, 1.0, 0.5, 2.0], dtype=torch.float64)
    output, above, below = model(batch), 0.0, 0.0
    for row, y in zip(output.logits[batch.mask].log_softmax(-1), batch.labels[batch.mask], strict=True):
        above, below = above - weight[y] * row[y], below + weight[y]
    torch.testing.assert_close(model.loss(output, batch, weight).total, above / below)


# Dropout and attention


def test_dropout_is_one_rate_and_only_in_training(batch):
    model, plain = made(dropout=0.4), made()
    assert {d.p for d in model.modules() if isinstance(d, nn.Dropout)} == {0.4}
    assert torch.equal(model.eval()(batch).logits, plain.train()(batch).logits)
    assert not torch.equal(model.train()(batch).logits, model(batch).logits)


def test_dropout_stands_where_torch_has_it_and_before_the_classifier(batch):
    model, shapes = made(dropout=0.1, layers=1).train(), []
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.register_forward_hook(lambda _, __, out: shapes.append(tuple(out.shape)))
    model(batch)
    B, T = batch.shape
    assert shapes == [(B * T, 2, 3, 3), (B * T, 3, 8), (B * T, 3, 16), (B * T, 3, 8), (B, T, 8)]


def test_attention_is_only_looked_at(batch):
    for changes, tokens in (({}, 3), ({"readout": "cls"}, 4)):
        model = made(**changes)
        plain, asked = model(batch), model(batch, attention=True)
        assert torch.equal(plain.logits, asked.logits)
        assert plain.attention is None and plain.aux == {} and asked.attention == {}
        weights = asked.aux["fusion_attention"]
        assert weights.shape == (*batch.shape, 2, 2, tokens, tokens)
        torch.testing.assert_close(weights.sum(-1), torch.ones_like(weights[..., 0]))
        assert weights.std(-1).max() > 0.01  # not uniform, or the test says nothing


# What is refused


@pytest.mark.parametrize(("changes", "says"), [
    ({"dims": ()}, "modalities"), ({"hidden": 10, "heads": 4}, "10"), ({"layers": 0}, "layers"),
    ({"expansion": 0}, "expansion"), ({"speakers": 0}, "speakers"), ({"dropout": 1.0}, "dropout"),
    ({"fusion": "gated"}, "'gated'"), ({"readout": "max"}, "'max'"), ({"context": "lstm"}, "'lstm'"),
    ({"speaker": "yes"}, "'yes'"), ({"norm": "none"}, "'none'"), ({"task": "mood"}, "'mood'"),
    ({"speaker_width": 0}, "speaker_width")], ids=str)
def test_refuses_what_makes_no_model(changes, says):
    with pytest.raises(UsageError, match=r"M2FNet('s| needs)") as caught:
        M2FNet.tiny(**changes)
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_refuses_a_batch_without_its_modality(batch):
    with pytest.raises(UsageError, match="audio, visual"):
        made()(replace(batch, features={"text": batch.features["text"]}))
