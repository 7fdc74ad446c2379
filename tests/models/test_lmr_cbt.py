"""LMR-CBT has the published sizes, and each switch does what it says and leaves the rest."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from lmr_cbt_cases import DIMS, NO_DROPOUT, SWITCHES, frames, made, reference, same, sequences
from random_batches import alone, random_sequences, widen, with_features, with_garbage, without

from erclab.core.errors import UsageError
from erclab.models import parameter_count
from erclab.models.lmr_cbt import LMRCBT, CrossModal
from erclab.ops.masks import rotate


@pytest.fixture
def batch():
    return sequences()


def moved(model, other, batch):
    """How far two models with the same weights are apart."""
    other.load_state_dict(model.state_dict(), strict=False)
    return (model(batch).logits - other(batch).logits).abs().max().item()


# Published sizes


def count(config):
    with torch.device("meta"):
        return parameter_count(LMRCBT(config))


@pytest.mark.parametrize(("corpus", "changes", "number"), [
    ("mosei", {}, 406_523),  # the number in the authors' log
    ("iemocap", {"layers": 5}, 407_370), ("iemocap", {}, 348_210),  # the second was published, as MOSI's
    ("mosi", {"hidden": 30, "heads": 10}, 200_763), ("mosi", {}, 337_283)])
def test_parameter_count_of_the_authors(corpus, changes, number):
    assert count(LMRCBT.official(corpus, **changes)) == number


def test_paper_lacks_the_dead_parameters_only():
    assert count(LMRCBT.paper("mosei")) == 406_523 - 2 * 41
    assert count(LMRCBT.paper("mosei", dead_affine=True)) == 406_523


def test_table_2_sizes():
    """0.38 M with a convolution for the text, 0.41 M whatever the target is: the BiLSTM stays with the text."""
    assert count(LMRCBT.official("mosei", text_front="conv1d")) == 381_083
    assert {count(LMRCBT.official("mosei", target=t)) for t in DIMS} == {406_523}


def test_sizes_of_table_1():
    found = {corpus: LMRCBT.paper(corpus) for corpus in ("mosei", "mosi", "iemocap")}
    assert {name: (c.hidden, c.heads, c.kernel_visual, c.kernel_audio, c.layers) for name, c in found.items()} == {
        "mosei": (40, 8, 3, 3, 5), "mosi": (30, 10, 3, 1, 4), "iemocap": (40, 5, 3, 5, 5)}
    assert {name: (c.outputs, c.task) for name, c in found.items()} == {
        "mosei": (1, "sentiment"), "mosi": (1, "sentiment"), "iemocap": (8, "emotion4")}


def test_variants_differ_in_their_switches_only():
    switches = (*SWITCHES, "dead_affine")
    paper, official = LMRCBT.paper("mosei"), LMRCBT.official("mosei")
    assert [getattr(paper, s) for s in switches] == [True, False, False, False, False]
    assert [getattr(official, s) for s in switches] == [False, True, True, True, True]
    assert replace(paper, **{s: getattr(official, s) for s in switches}) == official


# Switches


@pytest.mark.parametrize("change", [{"same_length": False}, {"future_mask": True}, {"attend_padding": True},
                                    {"batch_recurrence": True}, {"target": "audio"}])
def test_every_switch_matters(batch, change):
    """Or the cases above would prove less than they say."""
    assert moved(made(), made(**change), batch) > 0.001


def test_dead_affine_is_reached_by_nothing(batch):
    model = made(dead_affine=True)
    assert moved(model, made(), batch) == 0
    model(batch).logits.sum().backward()
    dead = {name for name, p in model.named_parameters() if p.grad is None}
    assert dead == {f"fuse.{m}.affine.{p}" for m in ("visual", "audio") for p in ("weight", "bias")}


def test_batch_recurrence_lets_the_neighbours_in(batch):
    """The text of one utterance moves the others; without the switch it does not."""
    other = torch.arange(4) == 1
    changed = with_features(batch, lambda x: torch.where(other[:, None, None] & (x != 0), 1 - x, x))
    changed = replace(changed, features=batch.features | {"text": changed.features["text"]})
    for on in (False, True):
        model = made(batch_recurrence=on)
        gap = (model(changed).logits - model(batch).logits).abs().amax(1)
        assert gap[1] > 0.001
        assert (gap[~other].min() > 1e-5) if on else (gap[~other].max() == 0)


def test_without_quirks_an_utterance_stands_alone(batch):
    model = made()
    base = model(batch).logits
    for i in range(len(batch)):
        torch.testing.assert_close(model(alone(batch, i)).logits[0], base[i], rtol=0, atol=1e-12)


@pytest.mark.parametrize("front", ["bilstm", "conv1d"])
@pytest.mark.parametrize("same_length", [True, False])
def test_padding_changes_neither_result_nor_statistics(batch, same_length, front):
    """In training too: the statistics of a batch count valid steps."""
    results = []
    for b in (batch, with_garbage(batch), with_garbage(widen(batch, 3))):
        model = made(same_length=same_length, text_front=front)
        seen = [model(b).logits, model.train()(b).logits]
        seen[1].square().sum().backward()
        seen += [x for name, x in model.state_dict().items() if "running" in name]
        results.append(seen + [p.grad for p in model.parameters()])
    for other in results[1:]:
        for x, y in zip(results[0], other, strict=True):
            torch.testing.assert_close(y, x, rtol=1e-9, atol=1e-10)


def test_attended_padding_comes_first(batch):
    """The authors' sequences begin with their padding: theirs and ours are one batch, whatever is said of the mask."""
    model = made("official")
    theirs = replace(batch, features={m: rotate(x, batch.masks[m].sum(1)) for m, x in batch.features.items()},
                     masks={m: torch.ones_like(mask) for m, mask in batch.masks.items()})
    assert theirs.features["text"][1, 0].abs().max() == 0 < theirs.features["text"][1, -1].abs().max()
    assert torch.equal(model(batch).logits, model(theirs).logits)


@pytest.mark.parametrize("attend", [False, True])
def test_a_first_channel_of_zero_has_no_position_where_padding_is_attended(batch, attend):
    """The authors' encoder tells padding by it; ours has the mask."""
    model = made(attend_padding=attend)
    with torch.no_grad():
        model.front["audio"].norm.weight[0] = model.front["audio"].norm.bias[0] = 0
    model.front["audio"].register_forward_hook(lambda _, __, out: seen.append(out[0][..., 0].abs().max()))
    seen = []
    logits = model(batch).logits
    assert seen == [0]
    same(logits, [u["logits"] for u in reference(model).batch(frames(batch))[0]])
    model.encoder["audio"].zeros_have_no_position = not attend
    assert (model(batch).logits - logits).abs().max() > 1e-4


@pytest.mark.parametrize("target", DIMS)
def test_sources_are_fused_in_the_papers_order(batch, target):
    model, order = made(target=target), []
    for m, block in model.fuse.items():
        block.register_forward_hook(lambda _, inputs, out, m=m: order.append((m, inputs[0].shape, out.shape)))
    model(batch)
    shape = (*batch.masks[target].shape, 8)
    want = {"text": ["visual", "audio"], "audio": ["visual", "text"], "visual": ["text", "audio"]}[target]
    assert order == [(m, shape, shape) for m in want]


def test_cross_modal_block_weighs_features():
    block = CrossModal(6, dead_affine=False).double()
    x, source = torch.randn(2, 4, 6, dtype=torch.float64), torch.randn(2, 6, dtype=torch.float64)
    out = block(x, source)
    torch.testing.assert_close(out.sum(-1), torch.ones(2, 4, dtype=torch.float64))
    torch.testing.assert_close(block(x[:, [2]], source)[:, 0], out[:, 2])  # each step by itself


@pytest.mark.parametrize("same_length", [True, False])
def test_windows_that_exist(same_length):
    """n - k + 1 of them, but one of any step at all; with padding as many as steps."""
    front = made(same_length=same_length, kernel_audio=4).front["audio"]
    n = torch.tensor([7, 4, 3, 1, 0])
    mask = torch.arange(7) < n[:, None]
    y, there = front(torch.randn(5, 7, 4, dtype=torch.float64) * mask[..., None], mask)
    assert there.sum(1).tolist() == ([7, 4, 3, 1, 0] if same_length else [4, 1, 1, 1, 0])
    assert y.shape == (5, 7 if same_length else 4, 8) and there.shape == y.shape[:2]


# Dropout, and what comes back


def test_dropout_only_in_training(batch):
    model = made(**{name: 0.4 for name in NO_DROPOUT})
    assert torch.equal(model(batch).logits, model(batch).logits)
    assert moved(model, made(), batch) == 0
    model.train()
    assert not torch.equal(model(batch).logits, model(batch).logits)


@pytest.mark.parametrize("name", NO_DROPOUT)
def test_every_dropout_reaches_something(batch, name):
    model = made(**{name: 0.5}).train()
    assert not torch.equal(model(batch).logits, model(batch).logits)


def test_text_is_dropped_out_before_its_front(batch):
    model, seen = made(embedding_dropout=0.5).train(), {}
    for m, front in model.front.items():
        front.register_forward_pre_hook(lambda _, inputs, m=m: seen.update({m: inputs[0]}))
    model(batch)
    assert not torch.equal(seen["text"], batch.features["text"])
    assert torch.equal(seen["audio"], batch.features["audio"])


@pytest.mark.parametrize("variant", ["paper", "official"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_finite_without_a_modality_and_on_single_steps(batch, variant, dtype):
    lacking = [without(batch, 1, m) for m in DIMS]
    none = without(without(lacking[0], 1, "audio"), 1, "visual")
    single = random_sequences(DIMS, 3, dict.fromkeys(DIMS, (1,)))
    for b in (*lacking, none, single):
        b = with_features(b, lambda x: x.to(dtype))
        for training in (False, True):
            model = made(variant).to(dtype).train(training)
            losses = model.loss(model(b), b)
            losses.total.backward()
            assert losses.total.isfinite() and losses.total.dtype == dtype
            assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_half_precision(batch):
    batch = with_features(batch, lambda x: x.float())
    for training in (False, True):
        model = made().float().train(training)
        exact = model(batch).logits
        with torch.autocast("cpu", torch.bfloat16):
            coarse = model(batch).logits.float()
        assert coarse.isfinite().all() and (coarse - exact).abs().max() < 0.05 * (1 + exact.abs().max())


def test_attention_is_over_valid_steps(batch):
    model = made()
    plain, asked = model(batch), model(batch, attention=True)
    assert plain.attention is None and torch.equal(plain.logits, asked.logits)
    for m in DIMS:
        mask, w = batch.masks[m], asked.attention[f"{m}_from_{m}"]
        assert w.shape == (4, 2, 2, mask.shape[1], mask.shape[1])
        rows = w.movedim(3, 1)[mask]
        torch.testing.assert_close(rows.sum(-1), torch.ones_like(rows[..., 0]))
        assert not w.masked_fill(mask[:, None, None, None, :], 0).any()


def test_no_encoder_keeps_weights_that_nobody_asked_for(batch):
    model, kept = made(), []
    for encoder in model.encoder.values():
        encoder.register_forward_hook(lambda _, __, out: kept.append(out[1] is not None))
    model(batch)
    model(batch, attention=True)
    assert kept == 3 * [False] + 3 * [True]


def test_rotate():
    x = torch.arange(8).view(2, 4)
    assert rotate(x, torch.tensor([1, 4])).tolist() == [[1, 2, 3, 0], [4, 5, 6, 7]]


def test_global_self_attention_reads_the_fused_sequence(batch):
    """Eq. 5: the residual is with the target's own sequence, so every step sums to that plus 1."""
    model, seen = made(), {}
    model.front["text"].register_forward_hook(lambda _, __, out: seen.update(own=out[0]))
    model.encoder["text"].register_forward_pre_hook(lambda _, inputs: seen.update(fused=inputs[0]))
    model(batch)
    torch.testing.assert_close(seen["fused"].sum(-1), seen["own"].sum(-1) + 1)
    assert not F.softmax(seen["own"], -1).equal(seen["fused"] - seen["own"])


# What is refused


@pytest.mark.parametrize(("changes", "words"), [
    ({"dims": (("text", 3),)}, ("text", "at least one more")),
    ({"dims": (("audio", 3), ("visual", 2))}, ("text", "audio, visual")),
    ({"target": "video"}, ("video",)),
    ({"target": "audio", "dims": (("text", 3), ("visual", 2))}, ("audio",)),
    ({"text_front": "gru"}, ("gru", "bilstm")),
    ({"hidden": 9}, ("9", "2")), ({"hidden": 9, "heads": 3}, ("9", "even")),
    ({"kernel_audio": 0}, ("kernel_audio",)), ({"layers": 0}, ("layers",)), ({"lstm_dropout": 1.0}, ("lstm_dropout",)),
    ({"text_front": "conv1d", "batch_recurrence": True}, ("batch_recurrence",)),
], ids=str)
def test_refuses(changes, words):
    with pytest.raises(UsageError) as caught:
        LMRCBT.tiny(**changes)
    message = str(caught.value)
    assert all(word in message for word in words) and "\n" not in message


def test_refuses_a_batch_without_its_modality(batch):
    with pytest.raises(UsageError, match="audio"):
        made()(replace(batch, features={m: x for m, x in batch.features.items() if m != "audio"}))


def test_odd_width_where_no_bilstm_halves_it(batch):
    """Nine features in three heads: for a convolution, or without text."""
    sizes = {"hidden": 9, "heads": 3}
    assert made(text_front="conv1d", **sizes)(batch).logits.isfinite().all()
    assert made(modalities=("audio", "visual"), target="audio", **sizes)(batch).logits.isfinite().all()
