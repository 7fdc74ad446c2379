"""DialogueTRM: what a turn sees, what its switches do, its sizes, what learns, what it refuses."""

from dataclasses import replace
from itertools import combinations

import pytest
import torch
from dialoguetrm_cases import DIMS, EVERY, LENGTHS, NONE, SUBSETS, made, ragged, switches
from random_batches import random_batch, shake, take, widen, with_garbage
from torch import nn

from erclab import models
from erclab.contracts.batches import with_turns_changed
from erclab.core import tasks
from erclab.core.batches import DialogueBatch
from erclab.core.errors import UsageError
from erclab.models import parameter_count
from erclab.models.dialoguetrm.fusion import ContextTransformer
from erclab.models.dialoguetrm.model import DialogueTRM
from erclab.models.dialoguetrm.windows import Windows

# One of each mechanism
few = pytest.mark.parametrize("changes", [
    {}, {"text_from": "tokens"}, {"text_from": "tokens", "bert.max_length": 8}, {"context": EVERY},
    {"window": "banded", "context": EVERY}, {"positions": "sinusoidal"}, {"summary": "dialoguernn"},
    {"summary": "bert", "fusion": "concat"}, {"fusion": "mult", "context": EVERY}],
    ids=["paper", "tokens", "cut", "all dependent", "banded", "positions", "dialoguernn", "bert", "mult"])


@pytest.fixture
def batch():
    return ragged()


def gradients(model, batch):
    model.zero_grad(set_to_none=True)
    model.loss(model(batch), batch).total.backward()
    return {name: p.grad for name, p in model.named_parameters()}


# What a turn sees


def seen_from(model, speakers, turn):
    """The turns whose features move the logits of one, by the gradient."""
    rng = torch.Generator().manual_seed(1)
    T, C = len(speakers), model.config.outputs
    x = {m: torch.randn(1, T, d, generator=rng, dtype=torch.float64, requires_grad=True) for m, d in DIMS.items()}
    batch = DialogueBatch(x, torch.ones(1, T, dtype=torch.bool), torch.tensor([speakers]), torch.zeros(1, T).long(),
                          torch.arange(T).view(1, T))
    weight = torch.randn(C, generator=rng, dtype=torch.float64)
    (model(batch).logits[0, turn] @ weight).backward()
    return {m: [t for t in range(T) if x[m].grad[0, t].any()] for m, _ in model.config.dims}


@pytest.mark.parametrize(("changes", "first"), [
    ({}, 4), ({"window": "banded"}, 2), ({"window": "banded", "layers": 1}, 4), ({"summary": "bert"}, 6),
    ({"summary": "dialoguernn"}, 0), ({"fusion": "mult"}, 2), ({"context_turns": 0}, 8),
    ({"context_turns": 0, "fusion": "mult"}, 8), ({"context_turns": 0, "window": "banded"}, 8)])
def test_how_far_back_a_turn_sees(changes, first):
    """K = 2 turns of the Transformer, each with 2 turns of BERT: 2 K. A band adds K a layer, MulT's window K."""
    model = made(**{"context": EVERY, "context_turns": 2, **changes})
    assert seen_from(model, [1] * 11, 8) == {m: list(range(first, 9)) for m in DIMS}


def test_who_speaks_decides_what_bert_reads_and_nothing_else():
    model = made(context=EVERY, context_turns=3)
    branch = made(context=EVERY, context_turns=3, summary="bert", fusion="concat")
    speakers = [0, 1, 0, 1, 2, 0, 1, 0]
    assert seen_from(branch, speakers, 7)["text"] == [5, 7]
    assert seen_from(model, speakers, 7)["text"] == [2, 3, 4, 5, 6, 7]  # turn 5 has seen 2, turn 6 has seen 3
    for names in ([2, 0, 2, 0, 1, 2, 0, 2], [9, 4, 9, 4, 3, 9, 4, 9]):  # the same people under other names
        assert torch.equal(features_of(model, speakers), features_of(model, names))
    assert not torch.equal(features_of(model, speakers), features_of(model, [0, 1, 0, 1, 0, 0, 1, 0]))


def features_of(model, speakers):
    batch = random_batch(DIMS, classes=5, speakers=3, lengths=(len(speakers),))
    return model(replace(batch, speakers=torch.tensor([speakers]))).logits


@few
def test_strictly_causal(changes, batch):
    """Neither what follows nor how much of it: the words, the features, who speaks."""
    model = made(**changes)
    base = model(batch).logits
    for turn in (1, 3):
        changed, cut = (model(other).logits[0] for other in (with_turns_changed(batch, turn, 3),
                                                             take(batch, [0], turn)))
        for found in (changed, cut):
            torch.testing.assert_close(found[:turn], base[0, :turn], rtol=0, atol=1e-12)
        assert (changed[turn:] - base[0, turn:]).abs().amax(-1).min() > 1e-6  # it does read them


def test_context_free_is_every_turn_alone(batch):
    model = made(context=NONE, text_from="tokens")
    for t in range(LENGTHS[0]):
        cut = take(batch, [0], t + 1)
        turn = DialogueBatch({m: x[:, t:] for m, x in cut.features.items()}, cut.mask[:, t:], cut.speakers[:, t:],
                             cut.labels[:, t:], cut.rows[:, t:], cut.tokens[:, t:])
        torch.testing.assert_close(model(turn).logits[0, 0], model(batch).logits[0, t], rtol=0, atol=1e-12)
    for m in DIMS:
        own = model(batch, attention=True).attention[f"{m}.context"][0]
        torch.testing.assert_close(own, torch.eye(6, dtype=torch.float64).expand_as(own), rtol=0, atol=1e-12)


@pytest.mark.parametrize("window", ["exact", "banded"])
@pytest.mark.parametrize("text_from", ["tokens", "vectors"])
def test_context_is_a_matter_of_masks_alone(window, text_from, batch):
    """The same parameters with each of the eight preferences, and a function of its own."""
    base, found = made(text_from=text_from, window=window), []
    for free in [(), *SUBSETS]:
        model = made(text_from=text_from, window=window,
                     context=tuple((m, "free" if m in free else "dependent") for m in DIMS))
        model.load_state_dict(base.state_dict())  # strict
        found.append(model(batch).logits)
    for a, b in combinations(found, 2):
        assert (a - b)[0].abs().max() > 1e-6
        torch.testing.assert_close(a[:, 0], b[:, 0], rtol=0, atol=1e-12)  # a first turn has no context


def test_windows_of_one_layer_are_a_band(batch):
    """Of more they are not: a band lets the turns of a window see further back, and not ahead."""
    for changes, equal in (({"layers": 1}, True), ({"layers": 2}, False), ({"layers": 2, "context_turns": 0}, True)):
        exact, banded = (made(context=EVERY, window=w, **changes) for w in ("exact", "banded"))
        banded.load_state_dict(exact.state_dict())
        gap = (exact(batch).logits - banded(batch).logits).abs().amax(-1)[0]
        assert bool(gap.max() < 1e-12) == equal and gap[0] < 1e-12


@pytest.mark.parametrize(("positions", "matters"), [("none", False), ("sinusoidal", True), ("learned", True)])
def test_order_of_the_context_matters_with_positions(positions, matters):
    config = DialogueTRM.tiny(positions=positions)
    torch.manual_seed(0)
    read = shake(ContextTransformer(config)).double().eval()
    f = torch.randn(4, 16, dtype=torch.float64)
    turns, longer = (Windows.of(random_batch({}, 5, 1, lengths=(T,)), 3) for T in (4, 6))
    r, other = (read(x, turns, True, False)[0] for x in (f, f[[1, 0, 2, 3]]))
    assert bool((r[3] - other[3]).abs().max() > 1e-6) == matters
    assert torch.allclose(read(torch.cat([f[:2], f]), longer, True, False)[0][5], r[3], rtol=0, atol=1e-12)


# What the switches are


@pytest.mark.parametrize(("switch", "parts"), [("bert.shared", "branch.bert"), ("shared_transformer", "context"),
                                               ("shared_transformer", "recurrent")])
def test_one_for_all_modalities_or_one_each(switch, parts, batch):
    """Three copies of what is shared compute the same; one that differs does not."""
    changes = {"context": EVERY, "summary": "dialoguernn" if parts == "recurrent" else "transformer"}
    shared, own = made(**changes), made(**changes, **{switch: False})
    inside = f"{parts}.shared."
    state = {n: x for n, x in shared.state_dict().items() if not n.startswith(inside)}
    state |= {n.replace("shared", m, 1): x.clone() for n, x in shared.state_dict().items() if n.startswith(inside)
              for m in DIMS}
    own.load_state_dict(state)
    torch.testing.assert_close(own(batch).logits, shared(batch).logits, rtol=0, atol=1e-12)
    once = sum(x.numel() for n, x in shared.named_parameters() if n.startswith(inside))
    assert once > 0 and parameter_count(own) == parameter_count(shared) + 2 * once
    with torch.no_grad():
        next(p for n, p in own.named_parameters() if n.startswith(f"{parts}.audio.")).mul_(1.5)
    assert not torch.allclose(own(batch).logits, shared(batch).logits)


def test_dialoguernn_inside_takes_a_batch_of_any_task(batch):
    model = made(context=EVERY, summary="dialoguernn", task="dimensional", outputs=4)
    labelled = replace(batch, labels=torch.zeros(*batch.mask.shape, 4, dtype=torch.float64))
    assert model(labelled).logits.shape == labelled.labels.shape


def test_order_of_modalities_is_fixed(batch):
    model, other = made(), made(("visual", "audio", "text"))
    other.load_state_dict(model.state_dict())
    assert torch.equal(model(batch).logits, other(batch).logits)


def test_what_is_there_with_each_summary_and_fusion(batch):
    """Nothing idle is built: no Transformer where nothing reads, no gate or [CLS] where nothing is fused."""
    def has(**changes):
        names = [n for n, _ in made(**changes).named_parameters()]
        return {part for part in ("context", "recurrent", "fusion.gate", "fusion.encoder", "fusion.cls",
                                  "fusion.place", "fusion.cross") if any(n.startswith(part) for n in names)}
    trm = {"context", "fusion.encoder", "fusion.cls"}
    assert has() == has(context=NONE, summary="bert") == trm | {"fusion.gate"}
    assert has(summary="dialoguernn") == trm | {"fusion.gate", "recurrent"}  # for the context-free ones
    assert has(fusion="trm") == trm and has(fusion="trm", fusion_positions=True) == trm | {"fusion.place"}
    assert has(fusion="gate_concat") == {"context", "fusion.gate"} and has(fusion="concat") == {"context"}
    assert has(context=EVERY, fusion="mult") == {"context", "fusion.cross"}
    for fusion in ("mgif", "gate_concat", "trm", "concat", "mult"):
        changes = {"subset": ("text",), "fusion": fusion}
        assert has(**changes) == {"context"} and has(**changes, summary="bert") == set()
        assert has(**changes, summary="dialoguernn") == {"recurrent"}
        assert made(**changes)(batch).aux.keys() == {"representation.text"}


def test_gate_gives_each_place_to_one_of_two(batch):
    """z is the share of the first; where it is 1 the second is not there, whatever the other gates do."""
    model = made(("text", "audio"), fusion="gate_concat", bias=True)
    gate = model.fusion.gate["text_audio"]
    with torch.no_grad():
        gate.share.weight.zero_()
        gate.share.bias.copy_(torch.where(torch.arange(16) < 6, 50.0, -50.0))
    z = model(batch).aux["gate.text_audio"][batch.mask]
    torch.testing.assert_close(z, (torch.arange(16) < 6).double().expand_as(z), rtol=0, atol=1e-15)
    a, b = torch.randn(2, 4, 16, dtype=torch.float64)
    h, z = gate(a, b)
    expected = torch.cat([gate.first(a).tanh()[:, :6], gate.second(b).tanh()[:, 6:]], dim=1)
    torch.testing.assert_close(h, expected, rtol=0, atol=1e-12)


# Sizes


def bert_size(H=768, layers=12, inner=3072, words=30522, places=512):
    """Tables of words, places and 2 segments and their norm; per layer four maps, two norms, feed-forward."""
    return (words + places + 2) * H + 2 * H + layers * transformer_size(H, inner)


def transformer_size(H, inner):
    """Queries, keys, values and output; two norms; in and out of the feed-forward."""
    return 4 * (H * H + H) + 2 * 2 * H + (H * inner + inner) + (inner * H + H)


def test_parameter_counts_of_the_paper():
    """BERT-base without pooler; a projection for each modality of vectors; one Transformer of 6 layers for all;
    3 gates (2 for the projections H to H, 3 for z from 3 H); [CLS] and 4 layers; the discriminator without biases."""
    H, layer = 768, transformer_size(768, 2048)
    assert bert_size() == 108_891_648  # published as 110M with the pooler, which would be 590,592 more
    assert layer == 5_513_984
    upper = 6 * layer + H + 4 * layer + H * H
    with torch.device("meta"):
        found = {name: parameter_count(DialogueTRM(config)) for name, config in {
            "iemocap": DialogueTRM.paper("iemocap"), "meld": DialogueTRM.paper("meld"),
            "avec": DialogueTRM.paper("avec"), "vectors": DialogueTRM.paper("iemocap", text_from="vectors"),
            "bias": DialogueTRM.paper("iemocap", bias=True)}.items()}
    assert found["iemocap"] == (bert_size() + (100 * H + H) + (512 * H + H) + upper + 3 * (2 + 3) * H * H + 6 * H
                                ) == 173_945_600
    assert found["meld"] == bert_size() + (100 * H + H) + upper + (2 + 3) * H * H + 7 * H == 167_654_144
    assert found["avec"] == found["iemocap"] - 2 * H
    assert found["vectors"] == found["iemocap"] + 768 * H + H
    assert found["bias"] == found["iemocap"] + 3 * 3 * H + H + 6


def test_parameter_counts_of_the_fusions():
    """In `tiny`: H = 16, two layers of 32 each, MulT of width 8, three modalities."""
    H, d = 16, 8
    common = bert_size(16, 2, 32, 30, 64) + sum((w + 1) * H for w in (6, 4, 2)) + 2 * transformer_size(H, 32) + 5 * H
    cls = H + 2 * transformer_size(H, 32)
    mult = 3 * H * d + 6 * (2 * transformer_size(d, 4 * d) + 2 * d) + 3 * (2 * transformer_size(2 * d, 8 * d) + 4 * d)
    for changes, want in (({}, 15 * H * H + cls + H * H), ({"fusion": "gate_concat"}, 15 * H * H + 3 * H * H),
                          ({"fusion": "trm"}, cls + H * H), ({"fusion": "concat"}, 3 * H * H),
                          ({"fusion": "mult", "context": EVERY}, mult + 6 * d * H),
                          ({"fusion_positions": True}, 15 * H * H + cls + H * H + 4 * H),
                          ({"positions": "learned"}, 15 * H * H + cls + H * H + 4 * H)):
        assert parameter_count(DialogueTRM(DialogueTRM.tiny(**changes))) == common + want, changes


def test_presets():
    """The paper's numbers, where it has them."""
    c = DialogueTRM.paper("iemocap")
    assert (c.context_turns, c.layers, c.heads, c.fusion_layers, c.hidden, c.outputs) == (14, 6, 12, 4, 768, 6)
    assert dict(c.context) == {"text": "dependent", "audio": "free", "visual": "free"} and c.text_from == "tokens"
    assert DialogueTRM.paper("meld").modalities == ("text", "audio") and DialogueTRM.paper("avec").outputs == 4
    assert DialogueTRM.paper() == DialogueTRM.official() == DialogueTRM.official("iemocap")
    assert DialogueTRM.official("elsewhere", dims=(("text", 3),), outputs=2, speakers=4).dims == (("text", 3),)
    assert models.MODELS["dialoguetrm"].cls is DialogueTRM and models.MODELS["dialoguetrm"].tasks == tasks.TASKS


# What learns, and what does not matter


@switches
def test_everything_learns(changes, batch):
    """But BERT's key biases: they add the same to every score of a query, which the softmax does not see."""
    model, batch = made(size=0.1, **changes), take(batch, [1], 3)
    dead = {name for name, g in gradients(model, batch).items() if g is None or g.abs().max() < 1e-12}
    assert dead == {n for n, _ in model.named_parameters() if n.endswith("attention.self.key.bias")}


def test_free_modality_has_nothing_to_compare(batch):
    """Its own Transformer sees one turn: what queries and keys are does not matter to it."""
    grad = gradients(made(shared_transformer=False), batch)
    for m in DIMS:
        g = grad[f"context.{m}.encoder.layers.0.attention.project.weight"].abs()
        assert bool(g[:32].max() > 1e-9) == (m == "text") and g[32:].max() > 1e-9


@few
def test_padding_does_not_matter(changes, batch):
    """Not a NaN in it, no word that does not exist, no speaker; neither to results nor to gradients."""
    model = made(size=0.1, **changes)
    base, want = model(batch), gradients(model, batch)
    foul = with_garbage(widen(batch, 3), 5, 3)
    mask = foul.mask[..., None]
    foul = replace(foul, features={m: x.masked_fill(~mask, float("nan")) for m, x in foul.features.items()},
                   tokens=torch.where(mask, foul.tokens, 10**6), speakers=torch.where(foul.mask, foul.speakers, 99))
    found = model(foul)
    torch.testing.assert_close(found.logits[:, :6], base.logits, rtol=0, atol=1e-9)
    for name, x in base.aux.items():
        torch.testing.assert_close(found.aux[name][:, :6], x, rtol=0, atol=1e-9)
    for name, grad in gradients(model, foul).items():
        torch.testing.assert_close(grad, want[name], rtol=1e-7, atol=1e-9, msg=name)


@few
def test_alone_as_in_company(changes, batch):
    model = made(**changes)
    for i, n in enumerate(LENGTHS):
        torch.testing.assert_close(model(take(batch, [i], n)).logits[0], model(batch).logits[i, :n], rtol=0, atol=1e-9)


@few
def test_finite_in_training(changes):
    model = made(**{"dropout": 0.5, "bert.dropout": 0.5, **changes}).float().train()
    for lengths, low in (((1,), False), ((2, 1), True)):
        batch = random_batch(DIMS, 5, 3, lengths, dtype=torch.float32, words=30)
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            grads = gradients(model, batch)
        assert all(g is None or g.isfinite().all() for g in grads.values())


@few
def test_dropout_only_in_training_and_two_rates(changes, batch):
    plain, batch = made(**changes), take(batch, [1])
    for rates in ({"dropout": 0.4}, {"bert.dropout": 0.3}):
        model = made(**changes, **rates)
        bert = {id(part) for part in model.branch.modules()}
        found = [(id(d) in bert, d.p) for d in model.modules() if isinstance(d, nn.Dropout)]
        assert {p for below, p in found if not below} <= {rates.get("dropout", 0.0)}
        assert {p for below, p in found if below} == {rates.get("bert.dropout", 0.0)}
        assert torch.equal(model.eval()(batch).logits, plain.train()(batch).logits)
        assert not torch.equal(model.train()(batch).logits, model(batch).logits)


@pytest.mark.parametrize("changes", [{}, {"positions": "sinusoidal"}, {"fusion_positions": True}], ids=str)
def test_every_tensor_moves_with_the_model_and_none_is_stored_twice(changes):
    """To another device or type; tables that follow from the configuration are not stored."""
    model = made(**changes)
    loose = [n for n, part in model.named_modules() for x in vars(part).values() if isinstance(x, torch.Tensor)]
    assert loose == [] and model.state_dict().keys() == {n for n, _ in model.named_parameters()}


@few
def test_attention_is_only_looked_at(changes, batch):
    model = made(**changes)
    plain, asked = model(batch), model(batch, attention=True)
    torch.testing.assert_close(plain.logits, asked.logits, rtol=0, atol=1e-12)
    assert plain.attention is None and plain.aux.keys() == asked.aux.keys()
    for name, weights in asked.attention.items():
        rows = weights.sum(-1).movedim(-1, 1)[batch.mask]
        at_first = (torch.arange(6) == 0).expand(3, 6)[batch.mask] & ("context_forward" in name)
        torch.testing.assert_close(rows[~at_first], torch.ones_like(rows[~at_first]))


# What is refused


@pytest.mark.parametrize(("changes", "says"), [
    ({"dims": ()}, "modalities"), ({"dims": (("smell", 3),)}, "'smell'"), ({"speakers": 0}, "speakers"),
    ({"hidden": 15}, "hidden 15"), ({"heads": 3}, "heads, 3"), ({"bert.heads": 3}, "bert.heads, 3"),
    ({"mult_heads": 3}, "mult_width 8"), ({"layers": 0}, "layers"), ({"bert.chunk": 0}, "bert.chunk"),
    ({"dropout": 1.0}, "dropout"), ({"bert.dropout": -0.1}, "bert.dropout"), ({"task": "mood"}, "'mood'"),
    ({"context_turns": -1}, "-1"), ({"bert.max_length": 2}, "max_length"), ({"bert.max_length": 65}, "64"),
    ({"bert.cls_token": 30}, "30"), ({"bert.sep_token": -1}, "-1"), ({"fusion": "gated"}, "'gated'"),
    ({"window": "all"}, "'all'"), ({"summary": "lstm"}, "'lstm'"), ({"text_from": "words"}, "'words'"),
    ({"positions": "absolute"}, "'absolute'"), ({"positions": "learned", "window": "banded"}, "learned positions"),
    ({"context": (("text", "free"),)}, "audio, visual"), ({"context": (*EVERY, ("text", "free"))}, "twice"),
    ({"context": (*EVERY, ("smell", "free"))}, "'smell'"), ({"context": (*EVERY[:2], ("visual", "no"))}, "'no'"),
    ({"fusion": "mult"}, "audio, visual cannot be context-free")], ids=str)
def test_refuses_what_makes_no_model(changes, says):
    with pytest.raises(UsageError) as caught:
        DialogueTRM.tiny(**changes)
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_refuses_a_batch_without_what_it_reads(batch):
    with pytest.raises(UsageError, match="audio, visual"):
        made()(replace(batch, features={"text": batch.features["text"]}))
    words = replace(batch, features={m: batch.features[m] for m in ("audio", "visual")})
    assert made(text_from="tokens")(words).logits.isfinite().all()  # no vectors of the text, where it reads words
    with pytest.raises(UsageError, match="text"):
        made()(words)
    with pytest.raises(UsageError, match="reads words; the batch has none"):
        made(text_from="tokens")(replace(batch, tokens=None))
    assert made(("audio",), text_from="tokens")(replace(batch, tokens=None)).logits.isfinite().all()
    with pytest.raises(UsageError, match=r"word 30, this BERT's vocabulary ends at 29.*tokenizer"):
        made(text_from="tokens")(replace(batch, tokens=torch.where(batch.tokens == batch.tokens.max(), 30,
                                                                   batch.tokens)))
