"""MulT against the numbers of the authors' own class, its sizes, and its switches."""

import itertools
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from golden import Golden
from reference_mult import ReferenceMulT

from erclab import models
from erclab.contracts.batches import random_sequences, shake, with_garbage
from erclab.core.batches import SequenceBatch
from erclab.core.errors import UsageError
from erclab.corpora import Corpus, Frames
from erclab.corpora.views import SequenceView
from erclab.models.mult import MulT
from erclab.ops import attention

GOLDEN = Golden("mult_out1")
LETTER = {"l": "text", "a": "audio", "v": "visual"}
MODALITIES = ("text", "audio", "visual")
INNER = {"self_attn.in_proj_": "attention.project.", "self_attn.out_proj.": "attention.out.", "fc1.": "w1.",
         "fc2.": "w2.", "layer_norms.0.": "norm.", "layer_norms.1.": "feed_forward_norm."}
SWITCHES = ("mask_on", "mask_off")
copies = pytest.mark.parametrize("copies", [1, 700])  # with 700, attention runs in blocks


def our_name(theirs):
    """The name of a parameter in `MulT`; None for a buffer that only remembers a type."""
    if re.search(r"version|_float_tensor", theirs):
        return None
    if found := re.fullmatch(r"proj_([lav])\.weight", theirs):
        return f"project.{LETTER[found[1]]}.weight"
    if found := re.fullmatch(r"trans_([lav])_(?:with_([lav])|mem)\.(.+)", theirs):
        target, source, rest = found.groups()
        for old, new in INNER.items():
            rest = rest.replace(old, new)
        rest = rest.replace("layer_norm.", "norm.") if rest.startswith("layer_norm.") else rest
        place = f"crossmodal.{LETTER[target]}_from_{LETTER[source]}" if source else f"memory.{LETTER[target]}"
        return f"{place}.{rest}"
    return theirs.replace("out_layer", "out")


def batch(prefix="in", dtype=torch.float32, copies=1):
    given = GOLDEN.part(prefix)
    features = {m: given[m].to(dtype).repeat(copies, 1, 1) for m in MODALITIES}
    label = GOLDEN.part("in")["label"].to(dtype)[:, None].repeat(copies, 1)
    return SequenceBatch(features, {m: torch.ones(x.shape[:2], dtype=torch.bool) for m, x in features.items()}, label,
                         torch.arange(len(label)))


def model(switch="mask_on", dtype=torch.float32, **changes):
    dims = tuple((m, GOLDEN.part("in")[m].shape[-1]) for m in MODALITIES)
    rates = {name: 0.0 for name in ("attention_dropout", "relu_dropout", "residual_dropout", "embedding_dropout")}
    made = MulT(MulT.official("other", dims=dims, outputs=1, task="sentiment", hidden=10, layers=2,
                              future_mask=switch == "mask_on", **rates, **changes))
    state = {our_name(name): x for name, x in GOLDEN.part("state").items() if our_name(name)}
    made.load_state_dict(state, strict=True)
    return made.to(dtype).eval()


@pytest.fixture
def in_blocks(monkeypatch):
    """Of each attention, whether it runs in blocks."""
    found, plain = [], attention.attend

    def attend(*inputs, blocks=None, **options):
        found.append(blocks is not None)
        return plain(*inputs, blocks=blocks, **options)
    monkeypatch.setattr(attention, "attend", attend)
    return found


@copies
@pytest.mark.parametrize("switch", SWITCHES)
@pytest.mark.parametrize(("given", "where"), [("in", ""), ("in_leftpad", "leftpad."), ("in_aligned", "aligned.")])
def test_outputs_are_the_authors(switch, given, where, copies, in_blocks):
    with torch.no_grad():
        output = model(switch)(batch(given, copies=copies))
    assert any(in_blocks) == (copies > 1)
    logits = GOLDEN.tensors[f"{switch}.{where}out.logit"].repeat(copies, 1)
    torch.testing.assert_close(output.logits, logits, rtol=0, atol=1e-5)
    hidden = GOLDEN.tensors[f"{switch}.{where}out.last_hidden"].repeat(copies, 1)
    torch.testing.assert_close(output.aux["last_hidden"], hidden, rtol=0, atol=1e-5)


@pytest.mark.parametrize("switch", SWITCHES)
def test_outputs_are_the_authors_sample_by_sample_through_the_view(switch):
    """The authors' sequences begin with padding. Here they are a corpus of frames alone, and each utterance is read by
    itself: `lengths` fills it to the authors' length."""
    given = GOLDEN.part("in_leftpad")
    frames, padding = {}, {}
    for m in MODALITIES:
        first = [int((x != 0).any(1).float().argmax()) for x in given[m]]
        frames[m], padding[m] = Frames.pack([x[n:].numpy() for x, n in zip(given[m], first, strict=True)]), max(first)
    assert min(padding.values()) > 0
    table = pd.DataFrame([{"split": "test", "dialogue": f"{i}", "turn": 0, "speaker": "A", "text": "", "label": -1}
                          for i in range(3)])
    labels = GOLDEN.part("in")["label"][:, None].numpy().clip(-3, 3)
    view = SequenceView(Corpus("golden", table, (), frames=frames, annotations={"sentiment": labels}), "test",
                        MODALITIES, task="sentiment")
    filled = model(switch, lengths=tuple((m, given[m].shape[1]) for m in MODALITIES))
    want = GOLDEN.tensors[f"{switch}.leftpad.out.logit"]
    with torch.no_grad():
        for i in range(3):
            torch.testing.assert_close(filled(view.batch([i])).logits, want[[i]], rtol=0, atol=1e-5)
        torch.testing.assert_close(filled(view.batch([2, 0])).logits, want[[2, 0]], rtol=0, atol=1e-5)
        assert (model(switch)(view.batch([1])).logits - want[[1]]).abs().max() > 1e-3  # without `lengths`


@pytest.mark.parametrize("switch", SWITCHES)
def test_outputs_in_float64(switch):
    made = model(switch, torch.float64)
    for given, where in (("in", ""), ("in_leftpad", "leftpad."), ("in_aligned", "aligned.")):
        output = made(batch(given, dtype=torch.float64))
        want = GOLDEN.tensors[f"{switch}.{where}out64.logit"]
        torch.testing.assert_close(output.logits, want, rtol=0, atol=1e-7)
        if given == "in":
            loss = made.loss(output, batch(dtype=torch.float64)).total.detach()
            torch.testing.assert_close(loss, GOLDEN.tensors[f"{switch}.loss64"], rtol=0, atol=1e-7)


@copies
@pytest.mark.parametrize("switch", SWITCHES)
def test_streams_are_the_authors(switch, copies):
    made, given, seen = model(switch), {}, {}
    for group in ("crossmodal", "memory"):
        for name, module in getattr(made, group).items():
            key = name if group == "crossmodal" else f"{name}_mem"
            module.register_forward_pre_hook(
                lambda module, inputs, key=key: given.update({key: (module, inputs)}))
    with torch.no_grad():
        made(batch(copies=copies))
        for key, (module, inputs) in dict(given).items():  # all steps; the model reads the last of a memory alone
            seen[key] = module(*inputs)[0]
    wanted = {n.removeprefix("mid."): x for n, x in GOLDEN.part(switch).items() if n.startswith("mid.")}
    assert set(wanted) == set(seen)
    for name, x in wanted.items():
        torch.testing.assert_close(seen[name], x.repeat(copies, 1, 1), rtol=0, atol=1e-5, msg=name)


@copies
@pytest.mark.parametrize("switch", SWITCHES)
def test_loss_and_gradients_are_the_authors(switch, copies, in_blocks):
    """A loss is a mean, so that copies of the batch leave it and its gradients as they are."""
    made, given = model(switch).train(), batch(copies=copies)
    loss = made.loss(made(given), given).total
    assert any(in_blocks) == (copies > 1)
    torch.testing.assert_close(loss.detach(), GOLDEN.tensors[f"{switch}.loss"].float(), rtol=0, atol=1e-5)
    loss.backward()
    found = {name: p.grad for name, p in made.named_parameters()}
    grads = {our_name(n.removeprefix("grad.")): x for n, x in GOLDEN.part(switch).items() if n.startswith("grad.")}
    assert len(grads) == 6
    for name, x in grads.items():
        torch.testing.assert_close(found[name], x, rtol=1e-4, atol=1e-6, msg=name)
    order = GOLDEN.meta["param_order"]
    assert sorted(map(our_name, order)) == sorted(found)
    norms = torch.stack([found[our_name(name)].norm() for name in order])
    torch.testing.assert_close(norms.double(), GOLDEN.tensors[f"{switch}.gradnorm"].double(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("corpus", "count"), [("mosi", 1_071_211), ("mosei", 1_073_731), ("iemocap", 1_074_998)])
def test_parameters_of_the_code_with_its_defaults(corpus, count):
    with torch.device("meta"):
        assert models.parameter_count(MulT(MulT.official(corpus))) == count


@pytest.mark.parametrize(("corpus", "four", "two"), [("mosi", 1_537_241, 1_067_081), ("mosei", 1_540_601, 1_070_441),
                                                     ("iemocap", 1_542_288, 1_072_128)])
def test_parameters_of_the_papers_table_and_of_hct_mgs_settings(corpus, four, two):
    with torch.device("meta"):
        sizes = {"kernel_text": 1, "kernel_audio": 1, "kernel_visual": 1}
        assert models.parameter_count(MulT(MulT.paper(corpus, **sizes))) == four
        assert models.parameter_count(MulT(MulT.paper(corpus, layers=2, memory_layers=3, heads=5, **sizes))) == two


# Kernels of 1/3/3, and 3/5/3 on IEMOCAP (text, audio, visual), over the widths of the features.
@pytest.mark.parametrize(("corpus", "more"), [("mosi", 40 * 2 * (5 + 20)), ("mosei", 40 * 2 * (74 + 35)),
                                              ("iemocap", 40 * (2 * 300 + 4 * 74 + 2 * 35))])
def test_parameters_with_the_kernels_of_the_papers_table(corpus, more):
    four = {"mosi": 1_537_241, "mosei": 1_540_601, "iemocap": 1_542_288}[corpus]
    with torch.device("meta"):
        assert models.parameter_count(MulT(MulT.paper(corpus))) == four + more


def test_depth_of_the_self_attention_follows_in_the_code_only():
    assert [MulT.official("mosi", layers=n).memory_layers for n in (1, 3, 4, 7)] == [3, 3, 4, 7]
    assert MulT.official("mosi", layers=7, memory_layers=2).memory_layers == 2
    assert MulT.paper("mosi", layers=7).memory_layers == 4


def test_presets_have_the_dropouts_of_the_table_and_of_the_code():
    names = [name for name in vars(MulT.paper("mosi")) if "dropout" in name]
    found = {preset: [getattr(config, n) for n in names] for preset, config in
             {"mosi": MulT.paper("mosi"), "iemocap": MulT.paper("iemocap"), "code": MulT.official("mosi")}.items()}
    assert found == {"mosi": [0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.1], "iemocap": [0.25, 0.25, 0.25, 0.25, 0.25, 0.3, 0.1],
                     "code": [0.1, 0.0, 0.0, 0.1, 0.1, 0.25, 0.0]}


def test_every_dropout_is_where_its_name_says():
    made = MulT(MulT.tiny(attention_dropout=0.11, attention_dropout_audio=0.12, attention_dropout_visual=0.13,
                          relu_dropout=0.14, residual_dropout=0.15, embedding_dropout=0.16, output_dropout=0.17))
    by_source = {"text": 0.11, "audio": 0.12, "visual": 0.13}
    for name, module in made.named_modules():
        if isinstance(module, torch.nn.Dropout):
            if name.endswith("attention.dropout"):
                cross = re.match(r"crossmodal\.\w+_from_(\w+)\.", name)
                want = by_source[cross[1]] if cross else 0.11
            elif name.endswith(("relu_dropout", "residual_dropout")):
                want = 0.14 if "relu" in name else 0.15
            else:
                want = 0.17 if name == "output_dropout" else 0.16
            assert module.p == want, name


@pytest.mark.parametrize("rates", [{"embedding_dropout": 0.5}, {"output_dropout": 0.5}, {}], ids=str)
def test_dropout_only_in_training(rates):
    off = {name: 0.0 for name in vars(MulT.tiny()) if "dropout" in name}
    given = random_sequences(dict(MulT.tiny().dims), 5)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = MulT(MulT.tiny(**{**off, **rates})).double()
        assert torch.equal(made.train()(given).logits, made(given).logits) == (not rates)
        assert torch.equal(made.eval()(given).logits, made(given).logits)


def test_text_alone_is_dropped_out_on_its_way_in():
    made, seen = MulT(MulT.tiny(embedding_dropout=0.5)).double().train(), {}
    for m, module in made.project.items():
        module.register_forward_pre_hook(lambda _, inputs, m=m: seen.update({m: inputs[0]}))
    given = random_sequences(dict(MulT.tiny().dims), 5)
    made(given)
    for m, x in seen.items():
        assert torch.equal(x, given.features[m]) == (m != "text"), m


# Against the naive reference


SUBSETS = [c for n in (1, 2, 3) for c in itertools.combinations(MODALITIES, n)]
LENGTHS = {"text": (5, 2, 0), "audio": (4, 7, 1), "visual": (6, 1, 3)}


@pytest.mark.parametrize("official", [False, True])
@pytest.mark.parametrize("subset", SUBSETS, ids="+".join)
def test_equals_the_reference(subset, official):
    """Also a sample without text, and kernels of 3 and 5; the authors' form has its padding first."""
    preset = MulT.official if official else MulT.paper
    dims, sizes = dict(MulT.tiny().dims), {"hidden": 6, "heads": 2, "layers": 1, "memory_layers": 2}
    config = preset("simulated", dims=tuple((m, dims[m]) for m in subset), outputs=5, kernel_audio=3, kernel_visual=5,
                    **sizes)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = shake(MulT(config), seed=1).double().eval()
    given = random_sequences(dims, 5, LENGTHS)
    with torch.no_grad():
        found = made(with_garbage(given), attention=True)
    reference = ReferenceMulT({n: p.numpy() for n, p in made.state_dict().items()}, config)
    for i in range(3):
        steps = {m: LENGTHS[m][i] for m in subset}
        features = {m: given.features[m][i, :n].numpy() for m, n in steps.items()}
        empty = {m: given.features[m].shape[1] - n if official else 0 for m, n in steps.items()}
        features = {m: np.concatenate([np.zeros((empty[m], dims[m])), x]) for m, x in features.items()}
        logits, weights = reference.sample(features)
        np.testing.assert_allclose(found.logits[i].numpy(), logits, rtol=0, atol=1e-5)
        assert set(found.attention) == set(weights)
        for pair, w in weights.items():
            target, source = pair.split("_from_")
            w = w[..., empty[target]:, empty[source]:]  # at the frames; what padding gets is not compared
            ours = found.attention[pair][i, ..., :steps[target], :steps[source]].numpy()
            np.testing.assert_allclose(ours, w.reshape(ours.shape), rtol=0, atol=1e-5)


def test_a_modality_that_nobody_has_leaves_the_rest_to_decide():
    made = MulT(MulT.tiny()).double().eval()
    given = random_sequences(dict(MulT.tiny().dims), 5, {"text": (0, 3), "audio": (4, 2), "visual": (2, 5)})
    output = made(given, attention=True)
    assert not output.aux["last_hidden"][0, :16].any() and output.aux["last_hidden"][0, 16:].any()
    assert not output.attention["audio_from_text"][0].any()
    assert output.logits.isfinite().all()


@pytest.mark.parametrize("official", [False, True])
def test_padding_matters_in_the_authors_code_only(official):
    quirks = {"future_mask": True, "attend_padding": True} if official else {}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = MulT(MulT.tiny(dims=(("text", 6), ("audio", 4)), **quirks)).double().eval()
    given = random_sequences({"text": 6, "audio": 4}, 5, {"text": (5, 2), "audio": (4, 3)})
    with torch.no_grad():
        together = made(given).logits[1]
        short = SequenceBatch({m: x[1:, :n] for (m, x), n in zip(given.features.items(), (2, 3), strict=True)},
                              {m: x[1:, :n] for (m, x), n in zip(given.masks.items(), (2, 3), strict=True)},
                              given.labels[1:], given.rows[1:])
        gap = (made(short).logits[0] - together).abs().max().item()
    assert gap > 1e-3 if official else gap < 1e-12


@pytest.mark.parametrize("official", [False, True])
def test_not_even_nan_in_the_padding_is_read(official):
    preset, sizes = MulT.official if official else MulT.paper, vars(MulT.tiny())
    made = MulT(preset("simulated", **{n: sizes[n] for n in ("dims", "outputs", "hidden", "heads", "layers")},
                       kernel_audio=3)).double().eval()
    given = random_sequences(dict(sizes["dims"]), 5)
    fouled = replace(given, features={m: x.masked_fill(~given.masks[m][..., None], float("nan"))
                                      for m, x in given.features.items()})
    assert torch.equal(made(fouled).logits, made(given).logits)


@pytest.mark.parametrize("changes", [{"heads": 3}, {"kernel_audio": 2}, {"layers": 0}, {"dims": ()}, {"task": "mood"},
                                     {"relu_dropout": 1.0}])
def test_refuses_what_makes_no_model(changes):
    with pytest.raises(UsageError, match="MulT"):
        MulT.tiny(**changes)


def test_lengths_are_for_each_modality_and_for_attended_padding():
    sizes = {**MulT.small, "heads": 2, "dims": (("text", 4), ("audio", 3)), "outputs": 2}
    for change, message in (({"lengths": (("text", 5), ("audio", 5))}, "about attend_padding, which is off"),
                            ({"attend_padding": True, "lengths": (("text", 5),)}, "each of text, audio"),
                            ({"attend_padding": True, "lengths": (("text", 5), ("audio", 0))}, "positive"),
                            ({"attend_padding": True, "lengths": (("text", 5), ("text", 5))}, "each of text, audio")):
        with pytest.raises(UsageError, match=message):
            MulT.Config(**sizes, **change)
    assert MulT.Config(**sizes, attend_padding=True).depends_on_batch and not MulT.Config(**sizes).depends_on_batch
