"""SDT equals its naive reference, in both configurations and over every set of modalities."""

from dataclasses import replace
from itertools import combinations

import golden_sdt
import numpy as np
import pytest
import torch
from random_batches import random_batch, shake
from reference_sdt import ReferenceSDT, position_vector, reference_losses

from erclab.models.sdt.model import SDT, sinusoids

DIMS = {"text": 6, "audio": 4, "visual": 3}
SUBSETS = [c for n in (1, 2, 3) for c in combinations(DIMS, n)]
LENGTHS = (4, 2, 1)
SIZES = {"outputs": 5, "speakers": 3, "hidden": 8, "heads": 2}
CASES = {f"{variant}-{'+'.join(subset)}": (variant, "iemocap", subset)
         for variant in ("paper", "official") for subset in SUBSETS}
CASES["official-frozen-gates"] = ("official", "meld", tuple(DIMS))
CASES["paper-other-order"] = ("paper", "iemocap", ("visual", "text", "audio"))


def weights_of(model):
    return {name: x.numpy() for name, x in model.state_dict().items()}


def built(name, **changes):
    variant, corpus, subset = CASES[name]
    config = getattr(SDT, variant)(corpus, dims=tuple((m, DIMS[m]) for m in subset), **SIZES, **changes)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = shake(SDT(config), seed=2).double().eval()
    # In float64 on both sides: the model's own table is float32, and has a test below.
    model.position = torch.from_numpy(np.stack([position_vector(t, 8) for t in range(max(LENGTHS))]))
    return model


def by_hand(model, batch, *, normalise_streams):
    reference = ReferenceSDT(weights_of(model), model.config.modalities, model.config.heads,
                             normalise_streams=normalise_streams)
    return [reference.dialogue({m: batch.features[m][i, :n].numpy() for m in model.config.modalities},
                               batch.speakers[i, :n].tolist())
            for i, n in enumerate(batch.mask.sum(1).tolist())]


def same(ours, theirs):
    np.testing.assert_allclose(ours.detach().numpy(), np.array(theirs), rtol=0, atol=1e-9)


@pytest.fixture(scope="module", params=CASES)
def pair(request):
    """(model, batch, its output, the reference's dialogues)."""
    model = built(request.param)
    batch = random_batch({m: DIMS[m] for m in model.config.modalities}, 5, 3, LENGTHS, seed=3)
    dialogues = by_hand(model, batch, normalise_streams=CASES[request.param][0] == "paper")
    with torch.no_grad():
        return model, batch, model(batch, attention=True), dialogues


def test_logits(pair):
    model, _, output, dialogues = pair
    for i, (n, d) in enumerate(zip(LENGTHS, dialogues, strict=True)):
        same(output.logits[i, :n], d["logits"])
        assert list(d["students"]) == list(model.config.modalities)
        for m, logits in d["students"].items():
            same(output.aux[f"student.{m}"][i, :n], logits)


def test_attention(pair):
    _, _, output, dialogues = pair
    for i, (n, d) in enumerate(zip(LENGTHS, dialogues, strict=True)):
        assert set(output.attention) == set(d["attention"])
        for name, weights in d["attention"].items():
            same(output.attention[name][i, :, :n, :n], weights)


def test_gates(pair):
    model, _, output, dialogues = pair
    assert ("multimodal_gate" in output.aux) == (len(model.config.modalities) > 1)
    for i, (n, d) in enumerate(zip(LENGTHS, dialogues, strict=True)):
        for name, gate in d["unimodal"].items():
            same(output.aux[f"unimodal_gate.{name}"][i, :n], gate)
        if "multimodal_gate" in output.aux:
            same(output.aux["multimodal_gate"][i, :n], d["multimodal"])


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "class-weighted"])
@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_loss(pair, temperature, weighted):
    model, batch, output, dialogues = pair
    config = replace(model.config, temperature=temperature, loss_weights=(0.7, 1.3, 2.1))
    weight = torch.tensor([0.2, 3.0, 1.0, 0.5, 2.0], dtype=torch.float64) if weighted else None
    with torch.device("meta"):
        losses = SDT(config).loss(output, batch, weight)
    labels = [batch.labels[i, :n].tolist() for i, n in enumerate(LENGTHS)]
    # `paper` scales the distillation by tau^2, `official` does not.
    expected = reference_losses(dialogues, labels, temperature=temperature,
                                tau_squared=config.attention_norm == "pre", loss_weights=(0.7, 1.3, 2.1),
                                class_weight=None if weight is None else weight.tolist())
    assert losses._asdict() == pytest.approx(expected, rel=0, abs=1e-9)


def test_variants_differ():
    """Or the cases above would prove half of what they say."""
    paper, official = built("paper-text+audio"), built("official-text+audio")
    official.load_state_dict(paper.state_dict())
    batch = random_batch({"text": 6, "audio": 4}, 5, 3, LENGTHS, seed=3)
    assert (paper(batch).logits - official(batch).logits)[batch.mask].abs().max() > 0.01


def test_position_table():
    """float32 rounds the rates; at turn 511 that is worth some 1e-5."""
    table = np.stack([position_vector(t, 16) for t in range(512)])
    np.testing.assert_allclose(sinusoids(512, 16).numpy(), table, rtol=0, atol=1e-4)
    np.testing.assert_allclose(sinusoids(8, 16).numpy(), table[:8], rtol=0, atol=1e-6)


def test_reference_meets_the_authors_numbers():
    """The two references agree: ours by hand and the authors' classes."""
    model, batch = golden_sdt.model().double(), golden_sdt.batch(torch.float64)
    reference = ReferenceSDT(weights_of(model), golden_sdt.MODALITIES, 4, normalise_streams=False,
                             positions=golden_sdt.part("state")["t_t.pos_emb.pe"][0].double().numpy())
    wanted = golden_sdt.part("out64.logit")
    for i, n in enumerate(batch.mask.sum(1).tolist()):
        found = reference.dialogue({m: batch.features[m][i, :n].numpy() for m in golden_sdt.MODALITIES},
                                   batch.speakers[i, :n].tolist())
        same(wanted["fused"][i, :n], found["logits"])
        for m in golden_sdt.MODALITIES:
            same(wanted[m][i, :n], found["students"][m])
