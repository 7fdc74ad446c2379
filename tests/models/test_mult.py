"""MulT against the numbers of the authors' own class, its sizes, and its switches."""

import re

import pytest
import torch
from golden import Golden

from erclab import models
from erclab.batches import SequenceBatch
from erclab.contracts.batches import random_sequences
from erclab.errors import UsageError
from erclab.models.mult import MulT

GOLDEN = Golden("mult_out1")
LETTER = {"l": "text", "a": "audio", "v": "visual"}
MODALITIES = ("text", "audio", "visual")
INNER = {"self_attn.in_proj_": "attention.project.", "self_attn.out_proj.": "attention.out.", "fc1.": "w1.",
         "fc2.": "w2.", "layer_norms.0.": "norm.", "layer_norms.1.": "feed_forward_norm."}
SWITCHES = ("mask_on", "mask_off")


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


def batch(prefix="in", dtype=torch.float32):
    given = GOLDEN.part(prefix)
    features = {m: given[m].to(dtype) for m in MODALITIES}
    label = GOLDEN.part("in")["label"].to(dtype)[:, None]
    return SequenceBatch(features, {m: torch.ones(x.shape[:2], dtype=torch.bool) for m, x in features.items()}, label,
                         torch.arange(len(label)))


def model(switch="mask_on", dtype=torch.float32):
    dims = tuple((m, GOLDEN.part("in")[m].shape[-1]) for m in MODALITIES)
    rates = {name: 0.0 for name in ("attention_dropout", "relu_dropout", "residual_dropout", "embedding_dropout")}
    made = MulT(MulT.official("other", dims=dims, outputs=1, task="sentiment", hidden=10, layers=2,
                              future_mask=switch == "mask_on", **rates))
    state = {our_name(name): x for name, x in GOLDEN.part("state").items() if our_name(name)}
    made.load_state_dict(state, strict=True)
    return made.to(dtype).eval()


@pytest.mark.parametrize("switch", SWITCHES)
@pytest.mark.parametrize(("given", "where"), [("in", ""), ("in_leftpad", "leftpad."), ("in_aligned", "aligned.")])
def test_outputs_are_the_authors(switch, given, where):
    with torch.no_grad():
        output = model(switch)(batch(given))
    torch.testing.assert_close(output.logits, GOLDEN.tensors[f"{switch}.{where}out.logit"], rtol=0, atol=1e-5)
    hidden = GOLDEN.tensors[f"{switch}.{where}out.last_hidden"]
    torch.testing.assert_close(output.aux["last_hidden"], hidden, rtol=0, atol=1e-5)


@pytest.mark.parametrize("switch", SWITCHES)
def test_outputs_in_float64(switch):
    exact = {name: x for name, x in GOLDEN.part(switch).items() if name.startswith("out64.")}
    with torch.no_grad():
        output = model(switch, torch.float64)(batch(dtype=torch.float64))
    torch.testing.assert_close(output.logits, exact["out64.logit"], rtol=0, atol=1e-7)


@pytest.mark.parametrize("switch", SWITCHES)
def test_streams_are_the_authors(switch):
    made, seen = model(switch), {}
    for group in ("crossmodal", "memory"):
        for name, module in getattr(made, group).items():
            key = name if group == "crossmodal" else f"{name}_mem"
            module.register_forward_hook(lambda _m, _i, out, key=key: seen.__setitem__(key, out[0]))
    with torch.no_grad():
        made(batch())
    wanted = {n.removeprefix("mid."): x for n, x in GOLDEN.part(switch).items() if n.startswith("mid.")}
    assert set(wanted) == set(seen)
    for name, x in wanted.items():
        torch.testing.assert_close(seen[name], x, rtol=0, atol=1e-5, msg=name)


@pytest.mark.parametrize("switch", SWITCHES)
def test_loss_and_gradients_are_the_authors(switch):
    made, given = model(switch).train(), batch()
    loss = made.loss(made(given), given).total
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
        assert models.parameter_count(MulT(MulT.paper(corpus))) == four
        assert models.parameter_count(MulT(MulT.paper(corpus, layers=2, memory_layers=3, heads=5))) == two


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


@pytest.mark.parametrize("changes", [{"heads": 3}, {"kernel": 2}, {"layers": 0}, {"dims": ()}, {"task": "mood"},
                                     {"relu_dropout": 1.0}])
def test_refuses_what_makes_no_model(changes):
    with pytest.raises(UsageError, match="MulT"):
        MulT.tiny(**changes)
